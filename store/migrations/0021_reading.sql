-- 0021 What a person may read, found from the person (AccessRules::readable_keys): a list of a
-- million rows costs him what he may read of it. Partial: mail makes records without a creator.
CREATE INDEX counterparty_created_by_idx ON crm.counterparty (created_by)
    WHERE created_by IS NOT NULL;
CREATE INDEX counterparty_service_manager_idx ON crm.counterparty (service_manager_id)
    WHERE service_manager_id IS NOT NULL;
CREATE INDEX contact_created_by_idx ON crm.contact (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX lead_created_by_idx ON crm.lead (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX deal_created_by_idx ON crm.deal (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX order_created_by_idx ON crm.order (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX payment_created_by_idx ON crm.payment (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX document_created_by_idx ON crm.document (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX activity_created_by_idx ON crm.activity (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX activity_responsible_idx ON crm.activity (responsible_id, activity_date DESC, id DESC)
    WHERE responsible_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX comment_author_idx ON crm.comment (author_id) WHERE author_id IS NOT NULL;

-- The deleted ones: read through the children they keep, and purged in the end.
CREATE INDEX counterparty_deleted_idx ON crm.counterparty (deleted_at)
    WHERE deleted_at IS NOT NULL;
CREATE INDEX contact_deleted_idx ON crm.contact (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX lead_deleted_idx ON crm.lead (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX deal_deleted_idx ON crm.deal (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX order_deleted_idx ON crm.order (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX payment_deleted_idx ON crm.payment (deleted_at) WHERE deleted_at IS NOT NULL;

-- The sums of a board are read from the index of its columns alone.
DROP INDEX crm.deal_status_idx;
CREATE INDEX deal_status_idx ON crm.deal (status, date_received DESC, id DESC)
    INCLUDE (currency, amount) WHERE deleted_at IS NULL;
