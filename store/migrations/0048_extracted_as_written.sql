-- What was extracted of a mail is written with every mail and read of few: it is kept as it was
-- written. Taking it apart into jsonb was the dearest part of storing a mail. Whoever reads ops.mail
-- finds jsonb as before. The table is written anew once.
DROP VIEW ops.mail;
ALTER TABLE ops.mail_content
    ALTER COLUMN extracted DROP DEFAULT,
    ALTER COLUMN extracted TYPE json USING extracted::json,
    ALTER COLUMN extracted SET COMPRESSION lz4,
    ALTER COLUMN extracted SET DEFAULT '{}',
    -- A NUL, which no text of PostgreSQL can hold: refused when it is written, as jsonb did.
    ADD CONSTRAINT mail_content_extracted_check
        CHECK (strpos(extracted::text, '\u0000') = 0 OR extracted::jsonb IS NOT NULL);

-- A mail whole: the row of the ledger and what was read of it.
CREATE VIEW ops.mail AS
SELECT m.id, m.mailbox_id, m.folder, m.uidvalidity, m.uid,
       CASE WHEN m.outcome IS NOT NULL THEN 'done'
            WHEN m.raw_sha256 IS NOT NULL THEN 'stored' ELSE 'listed' END AS state,
       m.listed_at, m.fetched_at, m.internal_date, m.raw_sha256, m.size_bytes, m.attempts,
       m.next_attempt_at, m.error, c.message_id, coalesce(c.in_reply_to, '{}') AS in_reply_to,
       coalesce(c.references_ids, '{}') AS references_ids, c.from_name, c.from_address,
       c.from_domain, c.reply_to, coalesce(c.to_addresses, '[]') AS to_addresses,
       coalesce(c.cc_addresses, '[]') AS cc_addresses, c.subject, c.sent_at, c.date_source,
       c.body_text, c.body_html, c.charset, c.language,
       coalesce(c.is_auto_generated, false) AS is_auto_generated,
       coalesce(c.is_bounce, false) AS is_bounce,
       coalesce(c.special_formats, '{}') AS special_formats, c.bounced_message_id,
       coalesce(c.auth_results, '{}') AS auth_results, c.link_grade, m.outcome,
       m.outcome_record_id, m.duplicate_of_id, m.rule_id, m.rule_set_version,
       coalesce(c.extracted::jsonb, '{}') AS extracted, m.processed_at, m.flagged_at
FROM ops.mail_message m LEFT JOIN ops.mail_content c ON c.mail_message_id = m.id;
