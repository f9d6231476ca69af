-- 0027 Documents in Word (domain.md 12.4): a template is an HTML page, a DOCX file, or both; the files
-- a template made are told from those people upload. Invoices follow their payments (12.3).
-- Fields: store/model/document.cpp.

ALTER TABLE crm.document_template ALTER COLUMN page DROP NOT NULL;
ALTER TABLE crm.document_template ADD COLUMN docx_sha256 bytea REFERENCES ops.blob (sha256);
ALTER TABLE crm.document_template
    ADD CONSTRAINT document_template_form CHECK (page IS NOT NULL OR docx_sha256 IS NOT NULL);

-- Only a page of ours is printed, whatever anybody uploads as text/html.
ALTER TABLE crm.document_version ADD COLUMN is_generated boolean NOT NULL DEFAULT false;
UPDATE crm.document_version v SET is_generated = true
FROM crm.document d
WHERE d.id = v.document_id AND d.generated_from IS NOT NULL AND v.mime_type = 'text/html'
  AND v.file_name = d.name || '.html';

-- What is paid of an invoice by the payments that name it. Two at once wait for each other: the sum
-- is taken under the lock of the invoice. A status a person chose stays until a payment says more;
-- a payment taken back takes its status back. Canceled invoices are left alone.
CREATE FUNCTION crm.follow_invoice_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named    bigint;
    invoice  crm.document;
    paid     numeric;
    due      numeric;
    becomes  text;
    was_paid bigint;  -- the invoice the payment counted for
    by_user  bigint;
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.status IN ('paid', 'partial_paid') AND OLD.deleted_at IS NULL THEN
        was_paid := OLD.invoice_document_id;
    END IF;
    by_user := CASE TG_OP WHEN 'DELETE' THEN OLD.updated_by ELSE NEW.updated_by END;
    FOR named IN SELECT DISTINCT x
                 FROM unnest(ARRAY[OLD.invoice_document_id, NEW.invoice_document_id]) AS x
                 WHERE x IS NOT NULL ORDER BY x
    LOOP
        SELECT * INTO invoice FROM crm.document d
        WHERE d.id = named AND d.type_code = 'invoice' AND d.status <> 'canceled'
          AND d.deleted_at IS NULL FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        SELECT coalesce(sum(p.paid_amount) FILTER (WHERE p.status IN ('paid', 'partial_paid')), 0),
               coalesce(invoice.amount, sum(p.amount) FILTER (WHERE p.status <> 'canceled'))
        INTO paid, due
        FROM crm.payment p
        WHERE p.invoice_document_id = named AND p.deleted_at IS NULL
          AND p.currency = coalesce(invoice.currency, p.currency);
        becomes := CASE WHEN paid > 0 AND paid >= due THEN 'paid'
                        WHEN paid > 0 THEN 'partially_paid'
                        WHEN named = was_paid AND invoice.status IN ('paid', 'partially_paid')
                            THEN 'issued'
                        ELSE invoice.status END;
        CONTINUE WHEN becomes = invoice.status;
        UPDATE crm.document SET status = becomes, row_version = row_version + 1,
               updated_at = now(), updated_by = by_user
        WHERE id = named;
        INSERT INTO crm.history_event (record_id, record_kind, event, actor_id, version, changes,
                                       origin)
        VALUES (named, 'document', 'status_changed', by_user, invoice.row_version + 1,
                jsonb_build_array(jsonb_build_object('field', 'status', 'old', invoice.status,
                                                     'new', becomes)), 'system');
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_of_invoice
    AFTER INSERT OR DELETE OR UPDATE OF invoice_document_id, status, amount, paid_amount, deleted_at
    ON crm.payment FOR EACH ROW EXECUTE FUNCTION crm.follow_invoice_payment();
CREATE INDEX payment_invoice_idx ON crm.payment (invoice_document_id)
    WHERE invoice_document_id IS NOT NULL AND deleted_at IS NULL;
