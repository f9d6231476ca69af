-- Mails go along with what is merged (domain.md 6.5), customers are found by their number, by who
-- forgot them and by what they owe (domain.md 16), and a blacklisted one gets no new deal unasked
-- (domain.md 4.4).

-- What was merged has given its mail to the record that goes on.
CREATE OR REPLACE VIEW ops.invariant_effect_without_mail AS
SELECT id FROM crm.deal WHERE origin = 'mail' AND mail_message_id IS NULL AND merged_into_id IS NULL
UNION ALL
SELECT id FROM crm.lead WHERE origin = 'mail' AND mail_message_id IS NULL AND merged_into_id IS NULL
UNION ALL
SELECT id FROM crm.activity WHERE origin = 'mail' AND mail_message_id IS NULL
UNION ALL
SELECT id FROM crm.support_request WHERE origin = 'mail' AND mail_message_id IS NULL;

-- Merges of before left the mails with the record that is gone: they follow it, merge by merge, and
-- are written down, so that undoing one brings them back.
DO $$
DECLARE
    done  crm.merge;
    mails jsonb;
BEGIN
    FOR done IN SELECT * FROM crm.merge WHERE undone_at IS NULL ORDER BY id LOOP
        WITH gone AS (
            UPDATE ops.mail_message SET outcome_record_id = done.target_id
            WHERE outcome_record_id = done.source_id RETURNING id)
        SELECT jsonb_agg(id ORDER BY id) INTO mails FROM gone;
        UPDATE crm.merge SET moved = moved || jsonb_build_object('mails', mails)
        WHERE id = done.id AND mails IS NOT NULL;
    END LOOP;
END $$;

-- The first digits of an INN, whatever the collation of the database.
CREATE INDEX counterparty_inn_start_idx ON crm.counterparty (inn text_pattern_ops)
    WHERE deleted_at IS NULL;
-- Of whom nobody is to be reminded, those first whom nobody spoke to.
CREATE INDEX counterparty_no_reminder_idx ON crm.counterparty (last_contact_at NULLS FIRST, id)
    WHERE deleted_at IS NULL AND next_reminder_at IS NULL;

-- What portal users see since of their accounts and invoices (R-073), the tokens they have do too.
UPDATE crm.api_token t
SET scopes = t.scopes || '{personal_account:read,personal_account_product:read,counterparty_invoice_type:read}'
FROM crm.user u WHERE u.id = t.user_id AND u.kind = 'portal';

-- What people, and programs for them, make over the API; mail and imports say what there is.
ALTER TABLE crm.lead ADD COLUMN blacklist_confirmed boolean NOT NULL DEFAULT false;
ALTER TABLE crm.deal ADD COLUMN blacklist_confirmed boolean NOT NULL DEFAULT false;
CREATE FUNCTION crm.refuse_blacklisted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM crm.counterparty c
               WHERE c.id = NEW.counterparty_id AND c.status_code = 'blacklisted') THEN
        RAISE EXCEPTION 'counterparty % is on the black list', NEW.counterparty_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'deal_blacklist_confirmed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deal_blacklist_confirmed BEFORE INSERT ON crm.deal
    FOR EACH ROW WHEN (NEW.counterparty_id IS NOT NULL AND NOT NEW.blacklist_confirmed
                       AND NEW.origin = 'api')
    EXECUTE FUNCTION crm.refuse_blacklisted();
