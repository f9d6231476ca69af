-- 0028 Mail addresses that do not exist, as a mail server or a bounce told us (domain.md 16; R-111):
-- nothing more is sent there until somebody corrects the address, or empties email_fault.

ALTER TABLE crm.contact ADD COLUMN email_fault text;
ALTER TABLE crm.counterparty ADD COLUMN email_fault text;

-- Marks whoever has the address, with what the server said; once. `bounce`: the mail that told it.
CREATE FUNCTION crm.note_dead_mail_address(address text, fault text, bounce bigint, told_by text)
RETURNS void LANGUAGE sql AS $$
    WITH contacts AS (
        UPDATE crm.contact AS c
           SET email_fault = fault, updated_at = now(), row_version = c.row_version + 1
         WHERE c.email = address::citext AND c.deleted_at IS NULL AND c.email_fault IS NULL
        RETURNING c.id, 'contact' AS kind, c.row_version),
    customers AS (
        UPDATE crm.counterparty AS k
           SET email_fault = fault, updated_at = now(), row_version = k.row_version + 1
         WHERE k.email = address::citext AND k.deleted_at IS NULL AND k.email_fault IS NULL
        RETURNING k.id, 'counterparty' AS kind, k.row_version)
    INSERT INTO crm.history_event (record_id, record_kind, event, changes, version, origin,
                                   mail_message_id)
    SELECT m.id, m.kind, 'updated',
           jsonb_build_array(jsonb_build_object('field', 'email_fault', 'old', NULL, 'new', fault)),
           m.row_version, told_by, bounce
      FROM (SELECT * FROM contacts UNION ALL SELECT * FROM customers) AS m
$$;

-- As in 0023, and nothing goes where there is nobody.
CREATE OR REPLACE FUNCTION crm.message_refusal(channel text, purpose text, address text,
                                               to_user bigint, to_contact bigint,
                                               to_counterparty bigint)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN NOT coalesce((SELECT u.is_active FROM crm.user AS u WHERE u.id = to_user), true)
            THEN 'user_inactive'
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
