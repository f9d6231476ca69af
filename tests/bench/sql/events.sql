-- :events changes of a thousand deals, ten in each transaction, as people and mails make them.
SET synchronous_commit = off;
SET bench.events = :'events';
DO $$
DECLARE
  written integer := 0;
BEGIN
  WHILE written < current_setting('bench.events')::integer LOOP
    INSERT INTO crm.history_event (record_id, record_kind, event, changes, version, origin)
    SELECT 900000 + (written + i) % 1000, 'deal', 'updated',
           '[{"field": "name", "old": "Поставка", "new": "Поставка оборудования"}]',
           1 + (written + i) / 1000, 'api'
      FROM generate_series(0, 9) AS i;
    written := written + 10;
    COMMIT;
  END LOOP;
END $$;
ANALYZE crm.history_event;
