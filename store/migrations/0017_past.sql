-- The past of a customer's card: which rows a change took from which owner, and which links went.
-- Such changes are few, so the index is small; a record's other changes are found by its id.
CREATE INDEX history_event_owner_idx ON crm.history_event USING gin (changes jsonb_path_ops)
    WHERE changes @> '[{"field": "counterparty_id"}]' OR changes @> '[{"field": "parent_record_id"}]'
       OR changes @> '[{"field": "record_id"}]' OR changes @> '[{"field": "links"}]';
-- Merges undone are read too.
CREATE INDEX merge_source_past_idx ON crm.merge (source_id, merged_at) WHERE undone_at IS NOT NULL;
