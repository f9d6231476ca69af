-- The statements that took most time since the last reset: of one of :n pieces of work.
SELECT coalesce(json_agg(json_build_object('us', us, 'calls', calls, 'sql', sql)), '[]')
  FROM (SELECT round(total_exec_time * 1000 / :n) AS us, round(calls / :n::numeric, 2) AS calls,
               left(regexp_replace(query, '\s+', ' ', 'g'), 70) AS sql
          FROM pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND query NOT LIKE '%bench.%' AND query NOT LIKE 'EXECUTE%'
         ORDER BY total_exec_time DESC LIMIT 5) AS top;
