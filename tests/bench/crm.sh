# shellcheck shell=bash
# A CRM that grows to CUSTOMERS customers, three deals, ten activities and twenty history rows each:
# what its requests cost at a tenth, a half and all of it. Sourced by tests/bench/run.

readonly CRM_READS=(get list filter customers activities board card history search workspace)
readonly CRM_SCANNED=3000  # rows; QueryLimits::rows_tried is 1,000
readonly CRM_LARGE='counterparty|contact|deal|activity|record|search_document|record_phone|history_event[a-z0-9_]*'

# crm_round WHO CONNECTIONS OP
crm_round() {
  local who=$1 clients=$2 op=$3 answer
  servers_wait 60 "requests of the round before" crm_is_quiet
  answer=$(OP=$op TOKEN=${CRM_TOKENS[$who]} IDS=$DIR/ids wrk -t "$((clients < 2 ? 1 : 2))" -c "$clients" \
    -d "${seconds}s" --timeout 30s -s "$HERE/crm.lua" "http://127.0.0.1:$API_PORT" | sed -n 's/^JSON //p')
  jq -c --arg op "$op" --arg who "$who" --argjson customers "$crm_size" --argjson clients "$clients" \
    '{what: "crm", customers: $customers, who: $who, connections: $clients, op: $op} + .' \
    <<<"$answer" >>"$out"
}

# What clients left behind that went away is answered still: the next round does not pay for it.
crm_is_quiet() {
  [[ $(sql -c "SELECT count(*) FROM pg_stat_activity
                WHERE state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'") == 0 ]]
}

# The plans of the daemon's statements that read more rows of a large table from end to end than any
# request needs; a scan that its limit ended, or that was never begun, is none.
crm_plans() {
  local log=$SERVERS_DIR/postgresql.log from who op
  from=$(wc -l <"$log")
  sql -c 'ALTER DATABASE client360 SET session_preload_libraries = auto_explain' \
    -c 'ALTER DATABASE client360 SET auto_explain.log_min_duration = 0' \
    -c 'ALTER DATABASE client360 SET auto_explain.log_analyze = on' \
    -c 'ALTER DATABASE client360 SET auto_explain.log_timing = off' \
    -c 'ALTER DATABASE client360 SET auto_explain.log_nested_statements = on'
  start_daemon
  servers_wait 30 "client360d is not ready" daemon_is_ready
  for who in "${!CRM_TOKENS[@]}"; do
    for op in "${CRM_READS[@]}" patch create; do
      OP=$op TOKEN=${CRM_TOKENS[$who]} IDS=$DIR/ids wrk -t 1 -c 1 -d 1s -s "$HERE/crm.lua" \
        "http://127.0.0.1:$API_PORT" >/dev/null
    done
  done
  stop_daemon
  sql -c 'ALTER DATABASE client360 RESET ALL'
  tail -n "+$((from + 1))" "$log" | awk -v large="^($CRM_LARGE)\$" -v most="$CRM_SCANNED" '
    function told() { if (rows > most) print "Seq Scan on " table; rows = 0 }
    /Seq Scan on / {
      told()
      match($0, /Seq Scan on [^ ]+/); table = substr($0, RSTART + 12, RLENGTH - 12)
      loops = 0
      if (table ~ large && match($0, /rows=[0-9]+ loops=[0-9]+\)$/)) {
        split(substr($0, RSTART, RLENGTH - 1), read, /[ =]/); rows = read[2]; loops = read[4]
      }
      next
    }
    /Rows Removed by Filter: / { if (loops) rows += $NF; next }
    /->|duration:/ { told(); loops = 0 }
    END { told() }' | sort | uniq -c |
    jq -Rnc --argjson customers "$crm_size" \
      '{what: "crm", customers: $customers, op: "plans", sequential_scans: [inputs | gsub("^ +| +$"; "")]}' >>"$out"
}

# What the director's request sends to PostgreSQL, by pgbench alone.
crm_pgbench() {
  local op=$1 clients from log=$SERVERS_DIR/postgresql.log tps
  sql -c "ALTER DATABASE client360 SET log_statement = 'all'"
  start_daemon
  servers_wait 30 "client360d is not ready" daemon_is_ready
  from=$(wc -l <"$log")
  OP=$op TOKEN=${CRM_TOKENS[director]} IDS=$DIR/ids wrk -t 1 -c 1 -d 1s -s "$HERE/crm.lua" \
    "http://127.0.0.1:$API_PORT" >/dev/null
  stop_daemon
  sql -c 'ALTER DATABASE client360 RESET ALL'
  tail -n "+$((from + 1))" "$log" | "$HERE/statements" >"$DIR/$op.pgbench"
  for clients in 1 16 64; do
    tps=$(cd "$DIR" && pgbench -n -M prepared -c "$clients" -j "$((clients < 2 ? 1 : 2))" -T "$seconds" \
      -f "$DIR/$op.pgbench" -h "$SERVERS_SOCKETS" -p "$PG_PORT" -U client360 client360 \
      2>"$DIR/pgbench.log" | sed -n 's/^tps = \([0-9.]*\).*/\1/p')
    [[ -n $tps ]] || servers_die "pgbench $op: $(tail -n 2 "$DIR/pgbench.log")"
    jq -nc --arg op "$op" --argjson customers "$crm_size" --argjson clients "$clients" \
      --argjson tps "$tps" '{what: "crm", customers: $customers, who: "pgbench", connections: $clients,
        op: $op, rps: $tps}' >>"$out"
  done
}

crm() {
  declare -gA CRM_TOKENS
  local part who op clients
  write_config
  new_database
  for who in director manager1 newcomer; do
    # shellcheck disable=SC2046
    "$BIN/client360" --config="$DIR/client360.toml" user add \
      $([[ $who != director ]] || echo --admin) --last-name="$who" "$who" >/dev/null
    CRM_TOKENS[$who]=$("$BIN/client360" --config="$DIR/client360.toml" --json token create \
      --user="$who" --name=bench --scopes=admin | jq -er .token)
  done
  for part in 10 50 100; do
    crm_size=$((customers * part / 100))
    sql -v customers="$crm_size" -f "$HERE/sql/crm.sql" >/dev/null
    sql -F ' ' >"$DIR/ids" -c "(SELECT 'deal', id FROM crm.deal ORDER BY hashint8(id) LIMIT 2000)
      UNION ALL (SELECT 'counterparty', id FROM crm.counterparty ORDER BY hashint8(id) LIMIT 2000)"
    crm_plans
    start_daemon
    servers_wait 30 "client360d is not ready" daemon_is_ready
    for who in director manager1 newcomer; do
      for op in "${CRM_READS[@]}"; do crm_round "$who" 1 "$op"; done
    done
    for clients in 1 16 64 256; do
      for op in "${CRM_READS[@]}" patch create; do crm_round director "$clients" "$op"; done
    done
    stop_daemon
  done
  for op in get list filter board card search; do crm_pgbench "$op"; done
}
