-- 0046 The key that seals secrets in the database can be replaced: each says under which one it is
-- sealed (Seal::id of daemon/base/seal.h), so that what is left under the former one can be counted
-- without any key, and a daemon leaves alone what it cannot read. The keys this installation made
-- for itself are sealed too: whoever has a dump signs neither links by which customers withdraw a
-- consent nor Message-IDs that lead a mail to a record.
--
-- As with 0040 this file has no key. What is there stays as it is and goes on working; a daemon
-- that has a key seals it and names the key (store::reseal_secrets). A backup of before shows the
-- keys still.
ALTER TABLE ops.webhook
    ADD COLUMN secret_key_id bytea CHECK (octet_length(secret_key_id) = 32),
    ADD COLUMN former_key_id bytea CHECK (octet_length(former_key_id) = 32);

ALTER TABLE ops.installation_key
    ALTER COLUMN value DROP NOT NULL,
    ADD COLUMN sealed bytea,
    ADD COLUMN key_id bytea CHECK (octet_length(key_id) = 32),
    ADD CONSTRAINT installation_key_one CHECK ((value IS NULL) <> (sealed IS NULL));

-- All of them in one list; `place` says by which of the two kinds of keys, and where it stands.
CREATE VIEW ops.sealed_secret AS
SELECT 'webhook_secret' AS place, id::text AS name, secret AS plain, secret_sealed AS sealed,
       secret_key_id AS key_id
  FROM ops.webhook
 UNION ALL
SELECT 'webhook_former', id::text, former_secret, former_sealed, former_key_id
  FROM ops.webhook WHERE former_until > now()
 UNION ALL
SELECT 'installation_key', name, value, sealed, key_id FROM ops.installation_key;

-- An SMS that may have arrived is asked about where the gateway knows it by a name of ours
-- (adapters.md 5.3): for how long already.
ALTER TABLE crm.outbound_message ADD COLUMN unclear_at timestamptz;
DROP INDEX crm.outbound_message_queue_idx;
CREATE INDEX outbound_message_queue_idx
    ON crm.outbound_message (channel, status, next_attempt_at, id)
    WHERE status IN ('queued', 'sent', 'unknown') AND next_attempt_at IS NOT NULL;
-- Of a night with much advertising that waits for the morning.
CREATE INDEX outbound_message_urgent_idx ON crm.outbound_message (channel, next_attempt_at, id)
    WHERE status = 'queued' AND next_attempt_at IS NOT NULL
      AND purpose NOT IN ('promo', 'reminder');

-- Chats that Telegram refuses for the recipient's sake (adapters.md 5.1: he blocked the bot, or is
-- gone): as mail addresses that do not exist (0028).
ALTER TABLE crm.contact ADD COLUMN telegram_fault text;
ALTER TABLE crm.user ADD COLUMN telegram_fault text;

-- Marks whoever has the chat, with what was said; once.
CREATE FUNCTION crm.note_dead_chat(address text, fault text, told_by text)
RETURNS void LANGUAGE sql AS $$
    WITH contacts AS (
        UPDATE crm.contact AS c
           SET telegram_fault = fault, updated_at = now(), row_version = c.row_version + 1
         WHERE c.telegram IS NOT NULL AND c.deleted_at IS NULL AND c.telegram_fault IS NULL
           AND crm.telegram_key(c.telegram) = crm.telegram_key(address)
        RETURNING c.id, 'contact' AS kind, c.row_version),
    users AS (
        UPDATE crm.user AS u
           SET telegram_fault = fault, updated_at = now(), row_version = u.row_version + 1
         WHERE u.telegram_chat_id::text = address AND u.telegram_fault IS NULL
        RETURNING u.id::text AS key, 'user' AS kind, u.row_version)
    INSERT INTO crm.history_event (record_id, record_key, record_kind, event, changes, version,
                                   origin)
    SELECT m.id, m.key, m.kind, 'updated',
           jsonb_build_array(jsonb_build_object('field', 'telegram_fault', 'old', NULL,
                                                'new', fault)),
           m.row_version, told_by
      FROM (SELECT id, NULL AS key, kind, row_version FROM contacts
             UNION ALL
            SELECT NULL, key, kind, row_version FROM users) AS m
$$;

-- As in 0028, and nobody is written to who blocked the bot.
CREATE OR REPLACE FUNCTION crm.message_refusal(channel text, purpose text, address text,
                                               to_user bigint, to_contact bigint,
                                               to_counterparty bigint)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN NOT coalesce((SELECT u.is_active FROM crm.user AS u WHERE u.id = to_user), true)
            THEN 'user_inactive'
        WHEN channel = 'telegram'
         AND EXISTS (SELECT FROM crm.user AS u
                      WHERE u.id = to_user AND u.telegram_chat_id::text = address
                        AND u.telegram_fault IS NOT NULL)
            THEN 'recipient_blocked'
        WHEN to_user IS NOT NULL AND purpose <> 'promo' THEN NULL
        WHEN EXISTS (SELECT FROM crm.contact AS c
                      WHERE c.id = to_contact AND c.deleted_at IS NOT NULL)
          OR EXISTS (SELECT FROM crm.counterparty AS k
                      WHERE k.id = to_counterparty AND k.deleted_at IS NOT NULL)
            THEN 'recipient_deleted'
        WHEN EXISTS (SELECT FROM crm.contact AS c WHERE c.id = to_contact AND c.no_contact)
          OR EXISTS (SELECT FROM crm.owners_of_address(channel, address) AS o
                       JOIN crm.contact AS c ON c.id = o.contact_id WHERE c.no_contact)
            THEN 'no_contact'
        WHEN EXISTS (SELECT FROM crm.counterparty AS k
                      WHERE k.status_code = 'blacklisted'
                        AND k.id IN (SELECT to_counterparty
                                      UNION ALL
                                     SELECT c.counterparty_id FROM crm.contact AS c
                                      WHERE c.id = to_contact
                                      UNION ALL
                                     SELECT o.counterparty_id
                                       FROM crm.owners_of_address(channel, address) AS o))
            THEN 'blacklisted'
        WHEN channel = 'email'
         AND (EXISTS (SELECT FROM crm.contact AS c
                       WHERE c.email = address::citext AND c.deleted_at IS NULL
                         AND c.email_fault IS NOT NULL)
              OR EXISTS (SELECT FROM crm.counterparty AS k
                          WHERE k.email = address::citext AND k.deleted_at IS NULL
                            AND k.email_fault IS NOT NULL))
            THEN 'no_such_address'
        WHEN channel = 'telegram'
         AND EXISTS (SELECT FROM crm.contact AS c
                      WHERE c.telegram IS NOT NULL AND c.deleted_at IS NULL
                        AND crm.telegram_key(c.telegram) = crm.telegram_key(address)
                        AND c.telegram_fault IS NOT NULL)
            THEN 'recipient_blocked'
        WHEN purpose = 'promo'
         AND (NOT coalesce((SELECT k.promo_emails_allowed FROM crm.counterparty AS k
                             WHERE k.id = to_counterparty), false)
              -- Whoever else the address belongs to has to agree too.
              OR EXISTS (SELECT FROM crm.counterparty AS k
                          WHERE NOT k.promo_emails_allowed
                            AND k.id IN (SELECT c.counterparty_id FROM crm.contact AS c
                                          WHERE c.id = to_contact
                                          UNION ALL
                                         SELECT o.counterparty_id
                                           FROM crm.owners_of_address(channel, address) AS o)))
            THEN 'no_consent'
        END
$$;
