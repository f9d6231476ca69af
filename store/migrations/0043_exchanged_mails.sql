-- A server that answered for one mail with the bytes of another, which comes later, is found out when
-- that one comes: the row that has the bytes becomes the row of the mail they belong to, and the row
-- made for that one goes to the mail that nobody has read yet. Both rows and both UIDs stay.
CREATE OR REPLACE FUNCTION ops.refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('client360.exchanges_mails', true) = 'on'
       AND (NEW.mailbox_id, NEW.folder, NEW.uidvalidity)
           = (OLD.mailbox_id, OLD.folder, OLD.uidvalidity) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a row of the mail ledger is never removed and never becomes another message'
        USING ERRCODE = 'restrict_violation';
END $$;

-- `taken` has the bytes of the message that `unread` was made for; what became of them goes along,
-- and of that message the server was told nothing yet.
CREATE FUNCTION ops.exchange_mails(taken bigint, unread bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one   ops.mail_message;
    other ops.mail_message;
BEGIN
    PERFORM FROM ops.mail_message WHERE id IN (taken, unread) ORDER BY id FOR UPDATE;
    SELECT * INTO STRICT one FROM ops.mail_message WHERE id = taken;
    SELECT * INTO STRICT other FROM ops.mail_message WHERE id = unread;
    IF (one.mailbox_id, one.folder, one.uidvalidity)
       <> (other.mailbox_id, other.folder, other.uidvalidity)
       OR other.outcome IS NOT NULL OR other.raw_sha256 IS NOT NULL THEN
        RAISE EXCEPTION 'mails % and % are not of one folder, or the latter was read', taken, unread
            USING ERRCODE = 'restrict_violation';
    END IF;
    -- Not by SET of the function: only a superuser may name a setting of our own there.
    PERFORM set_config('client360.exchanges_mails', 'on', true);
    -- No server has a UID that large (RFC 9051, 2.3.1.1): the two are never the same on the way.
    UPDATE ops.mail_message SET uid = 4294967296 + id WHERE id = unread;
    UPDATE ops.mail_message SET uid = other.uid, flagged_at = NULL WHERE id = taken;
    UPDATE ops.mail_message SET uid = one.uid WHERE id = unread;
    PERFORM set_config('client360.exchanges_mails', 'off', true);
END $$;
