-- 0013 Records found by the ids that other systems gave them (PUT /deals/external_ids.bitrix24:17).
-- Most records have none: a partial index, so that writing those costs nothing.
DO $$
DECLARE
    entity record;
BEGIN
    FOR entity IN
        SELECT c.table_name FROM information_schema.columns c
        JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'crm' AND c.column_name = 'external_ids' AND t.table_type = 'BASE TABLE'
        ORDER BY c.table_name
    LOOP
        EXECUTE format('CREATE INDEX %I ON crm.%I USING gin (external_ids jsonb_path_ops)
                            WHERE external_ids <> ''{}''',
                       entity.table_name || '_external_ids_idx', entity.table_name);
    END LOOP;
END $$;
