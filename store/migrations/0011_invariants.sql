-- The promises of the ledger as queries (design.md 2): each view shows the rows that break one of
-- them, and is empty. Gauges, the doctor and alerts count them.
--
-- Views of ops.invariant read what is small however long the ledger is: an index over the very rows
-- that must not be, or what is held. Those of ops.invariant_scan read a whole index, or all that is
-- pending, and are counted every quarter of an hour by one daemon.

-- Who needs an end and has none, or the other way round.
CREATE INDEX invariant_mail_end_idx ON ops.mail_message (id)
    WHERE (outcome IS NOT NULL) <> (processed_at IS NOT NULL);
CREATE VIEW ops.invariant_mail_without_end AS
SELECT id FROM ops.mail_message
WHERE (outcome IS NOT NULL) <> (processed_at IS NOT NULL);

-- An end that says a record was made, and no record.
CREATE INDEX invariant_mail_record_idx ON ops.mail_message (id)
    WHERE outcome_record_id IS NULL AND outcome IN ('deal_created', 'lead_created', 'activity_added',
                                                    'support_created', 'comment_added');
CREATE VIEW ops.invariant_mail_end_without_record AS
SELECT id FROM ops.mail_message
WHERE outcome_record_id IS NULL AND outcome IN ('deal_created', 'lead_created', 'activity_added',
                                                'support_created', 'comment_added');

-- An end nobody can explain: the rule, and of a record the rule set too.
CREATE INDEX invariant_mail_rule_idx ON ops.mail_message (id)
    WHERE outcome IN ('deal_created', 'lead_created', 'activity_added', 'support_created',
                      'comment_added', 'ignored')
      AND (rule_id IS NULL OR (outcome <> 'ignored' AND rule_set_version IS NULL));
CREATE VIEW ops.invariant_mail_end_unexplained AS
SELECT id FROM ops.mail_message
WHERE outcome IN ('deal_created', 'lead_created', 'activity_added', 'support_created',
                  'comment_added', 'ignored')
  AND (rule_id IS NULL OR (outcome <> 'ignored' AND rule_set_version IS NULL));

-- The server told before the commit.
CREATE INDEX invariant_mail_flag_idx ON ops.mail_message (id)
    WHERE outcome IS NULL AND flagged_at IS NOT NULL;
CREATE VIEW ops.invariant_mail_flagged_before_end AS
SELECT id FROM ops.mail_message WHERE outcome IS NULL AND flagged_at IS NOT NULL;

-- Pending, and of a UIDVALIDITY the folder has no more: nobody will ever fetch it.
CREATE VIEW ops.invariant_mail_pending_forgotten AS
SELECT m.id FROM ops.mailbox_folder f
JOIN ops.mail_message m ON m.mailbox_id = f.mailbox_id AND m.folder = f.folder
WHERE m.flagged_at IS NULL AND m.outcome IS NULL AND m.raw_sha256 IS NULL
  AND m.uidvalidity <> f.uidvalidity;

-- Held, and no entry in the quarantine that somebody could decide about; or an entry of a mail that
-- is not held.
CREATE VIEW ops.invariant_mail_held_without_entry AS
SELECT m.id FROM ops.mail_message m
LEFT JOIN ops.quarantine q ON q.mail_message_id = m.id AND q.status = 'open'
WHERE m.outcome = 'quarantined' AND q.id IS NULL
UNION ALL
SELECT q.mail_message_id FROM ops.quarantine q
JOIN ops.mail_message m ON m.id = q.mail_message_id
WHERE q.status = 'open' AND m.outcome IS DISTINCT FROM 'quarantined';

-- An entry that waits for a person who was never told.
CREATE VIEW ops.invariant_quarantine_without_task AS
SELECT mail_message_id AS id FROM ops.quarantine WHERE status = 'open' AND task_id IS NULL;

-- What came of mail carries its mail: all that one mail caused is one unit.
CREATE INDEX invariant_deal_mail_idx ON crm.deal (id) WHERE origin = 'mail' AND mail_message_id IS NULL;
CREATE INDEX invariant_lead_mail_idx ON crm.lead (id) WHERE origin = 'mail' AND mail_message_id IS NULL;
CREATE INDEX invariant_activity_mail_idx ON crm.activity (id)
    WHERE origin = 'mail' AND mail_message_id IS NULL;
CREATE INDEX invariant_support_request_mail_idx ON crm.support_request (id)
    WHERE origin = 'mail' AND mail_message_id IS NULL;
CREATE VIEW ops.invariant_effect_without_mail AS
SELECT id FROM crm.deal WHERE origin = 'mail' AND mail_message_id IS NULL
UNION ALL
SELECT id FROM crm.lead WHERE origin = 'mail' AND mail_message_id IS NULL
UNION ALL
SELECT id FROM crm.activity WHERE origin = 'mail' AND mail_message_id IS NULL
UNION ALL
SELECT id FROM crm.support_request WHERE origin = 'mail' AND mail_message_id IS NULL;

-- The guards of all this stand: nobody switched a trigger off.
CREATE VIEW ops.invariant_guard_missing AS
SELECT 0::bigint AS id, g.name
FROM (VALUES ('ops.mail_message', 'mail_message_kept'), ('ops.mail_message', 'mail_message_identity'),
             ('ops.mail_message', 'mail_message_count_listed'),
             ('crm.history_event', 'history_event_append_only')) AS g (of, name)
LEFT JOIN pg_catalog.pg_trigger t
  ON t.tgrelid = pg_catalog.to_regclass(g.of) AND t.tgname = g.name AND t.tgenabled IN ('O', 'A')
WHERE t.oid IS NULL;

-- Listed = sum over the terms, and every listed message has its row.
CREATE VIEW ops.invariant_mail_conservation AS
SELECT mailbox_id AS id, folder, uidvalidity FROM ops.mail_conservation
WHERE listed <> rows
   OR rows <> created + attached + ignored + duplicate + quarantined + pending + vanished;

-- The same bytes processed twice, into two records of one mailbox.
CREATE VIEW ops.invariant_mail_bytes_doubled AS
SELECT mailbox_id AS id, raw_sha256 FROM ops.mail_content WHERE has_effect
GROUP BY mailbox_id, raw_sha256 HAVING count(*) > 1;

-- An end that made a record, and its bytes do not count as taken; or the other way round.
CREATE VIEW ops.invariant_mail_effect_uncounted AS
SELECT m.id FROM ops.mail_message m
LEFT JOIN ops.mail_content c ON c.mail_message_id = m.id
WHERE m.outcome IS NOT NULL
  AND (m.outcome IN ('deal_created', 'lead_created', 'activity_added', 'support_created',
                     'comment_added')
       AND m.raw_sha256 IS NOT DISTINCT FROM c.raw_sha256
       AND m.mailbox_id IS NOT DISTINCT FROM c.mailbox_id) <> coalesce(c.has_effect, false);

-- One mail, two deals, two leads or two requests.
CREATE VIEW ops.invariant_mail_doubled AS
SELECT mail_message_id AS id FROM crm.deal WHERE mail_message_id IS NOT NULL
GROUP BY mail_message_id HAVING count(*) > 1
UNION ALL
SELECT mail_message_id FROM crm.lead WHERE mail_message_id IS NOT NULL
GROUP BY mail_message_id HAVING count(*) > 1
UNION ALL
SELECT mail_message_id FROM crm.support_request WHERE mail_message_id IS NOT NULL
GROUP BY mail_message_id HAVING count(*) > 1;

-- A record made from a mail that is still to be processed, or held: it would be made once more.
CREATE VIEW ops.invariant_effect_of_unended_mail AS
SELECT e.id FROM (
    SELECT id FROM ops.mail_message WHERE flagged_at IS NULL AND outcome IS NULL
    UNION ALL SELECT id FROM ops.mail_message WHERE outcome = 'quarantined') AS m
JOIN (
    SELECT id, mail_message_id FROM crm.deal WHERE mail_message_id IS NOT NULL
    UNION ALL SELECT id, mail_message_id FROM crm.lead WHERE mail_message_id IS NOT NULL
    UNION ALL SELECT id, mail_message_id FROM crm.support_request WHERE mail_message_id IS NOT NULL
    UNION ALL SELECT id, mail_message_id FROM crm.activity
              WHERE mail_message_id IS NOT NULL AND deleted_at IS NULL) AS e
  ON e.mail_message_id = m.id;

-- The raw mail, or a part of it, is not in the store: nothing of it could be made again. Of the last
-- hour; older content is the affair of a backup that is checked.
CREATE VIEW ops.invariant_raw_mail_incomplete AS
SELECT m.id FROM ops.mail_message m
LEFT JOIN ops.blob b ON b.sha256 = m.raw_sha256
LEFT JOIN LATERAL (SELECT count(*) AS chunks FROM ops.blob_chunk c WHERE c.sha256 = m.raw_sha256) c
  ON true
WHERE m.processed_at > now() - interval '1 hour' AND m.raw_sha256 IS NOT NULL
  AND (m.size_bytes IS DISTINCT FROM b.size_bytes OR c.chunks <> (b.size_bytes + 1048575) / 1048576);

-- All of them, counted; a thousand are as bad as more.
CREATE VIEW ops.invariant AS
SELECT 'mail_without_end' AS invariant,
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_without_end LIMIT 1000) v) AS violations
UNION ALL SELECT 'mail_end_without_record',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_end_without_record LIMIT 1000) v)
UNION ALL SELECT 'mail_end_unexplained',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_end_unexplained LIMIT 1000) v)
UNION ALL SELECT 'mail_flagged_before_end',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_flagged_before_end LIMIT 1000) v)
UNION ALL SELECT 'mail_held_without_entry',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_held_without_entry LIMIT 1000) v)
UNION ALL SELECT 'quarantine_without_task',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_quarantine_without_task LIMIT 1000) v)
UNION ALL SELECT 'effect_without_mail',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_effect_without_mail LIMIT 1000) v)
UNION ALL SELECT 'guard_missing', (SELECT count(*) FROM ops.invariant_guard_missing);
CREATE VIEW ops.invariant_scan AS
SELECT 'mail_conservation' AS invariant,
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_conservation LIMIT 1000) v) AS violations
UNION ALL SELECT 'mail_pending_forgotten',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_pending_forgotten LIMIT 1000) v)
UNION ALL SELECT 'mail_bytes_doubled',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_bytes_doubled LIMIT 1000) v)
UNION ALL SELECT 'mail_effect_uncounted',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_effect_uncounted LIMIT 1000) v)
UNION ALL SELECT 'mail_doubled',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_doubled LIMIT 1000) v)
UNION ALL SELECT 'effect_of_unended_mail',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_effect_of_unended_mail LIMIT 1000) v)
UNION ALL SELECT 'raw_mail_incomplete',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_raw_mail_incomplete LIMIT 1000) v);

-- What the last scan counted: one daemon makes it, all show it.
CREATE TABLE ops.invariant_scanned (
    invariant  text        PRIMARY KEY,
    violations bigint      NOT NULL CHECK (violations >= 0),
    scanned_at timestamptz NOT NULL
);
