-- 0032 How far a message that goes as several has come (adapters.md 5.0, 5.1; R-110), and when a
-- customer was written to, whatever is told of it first.

-- Of sending: the part begun last, and how many the service has taken, counted from 1. Where they
-- are equal nothing is under way, and only the parts after it are still to go.
ALTER TABLE crm.outbound_message
    ADD COLUMN parts_begun integer NOT NULL DEFAULT 0,
    ADD COLUMN parts_taken integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT outbound_message_parts CHECK (parts_taken >= 0 AND parts_begun >= parts_taken);
-- Of what is being sent just now nobody noted it.
UPDATE crm.outbound_message SET parts_begun = 1 WHERE status = 'sending';

-- Advertising and reminders are no contact with a customer. A search key, not content: row_version
-- of the customer stays.
CREATE FUNCTION crm.follow_sent_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.counterparty SET last_contact_at = NEW.sent_at
     WHERE id = NEW.counterparty_id
       AND (last_contact_at IS NULL OR last_contact_at < NEW.sent_at);
    RETURN NULL;
END $$;
CREATE TRIGGER outbound_message_sent AFTER UPDATE ON crm.outbound_message
    FOR EACH ROW WHEN (NEW.sent_at IS NOT NULL AND OLD.sent_at IS DISTINCT FROM NEW.sent_at
                       AND NEW.purpose IN ('service', 'support_reply'))
    EXECUTE FUNCTION crm.follow_sent_message();
