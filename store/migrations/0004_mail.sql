-- Mail: mailboxes, the ledger of every message a server ever listed, what was made of it, and what
-- waits for a person. Codes: domain of ingestion; the ledger's end states are a closed list.

-- Mirrors the configuration; the password is never here.
CREATE TABLE ops.mailbox (
    id                   bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    code                 text        NOT NULL UNIQUE CHECK (code ~ '^[a-z][a-z0-9_-]{0,62}$'),
    kind                 text        NOT NULL CHECK (kind IN ('crm', 'activity', 'support')),
    uri_masked           text        NOT NULL DEFAULT '',
    host                 text        NOT NULL DEFAULT '',
    port                 integer     NOT NULL DEFAULT 993 CHECK (port BETWEEN 0 AND 65535),
    tls                  text        NOT NULL DEFAULT 'imaps' CHECK (tls IN ('imaps', 'starttls', 'none')),
    username             text        NOT NULL DEFAULT '',
    secret_ref           text        NOT NULL DEFAULT '',
    folder               text        NOT NULL DEFAULT 'INBOX',
    delete_after         boolean     NOT NULL DEFAULT false,
    unseen_only          boolean     NOT NULL DEFAULT true,
    poll_ms              integer     NOT NULL DEFAULT 60000 CHECK (poll_ms >= 1000),
    enabled              boolean     NOT NULL DEFAULT true,
    target               text        NOT NULL DEFAULT 'deal' CHECK (target IN ('deal', 'lead')),
    rules                text        NOT NULL DEFAULT '',  -- empty: those of its kind
    responsible          text        NOT NULL DEFAULT '',  -- login, e-mail or id, as configured
    last_uidvalidity     bigint,
    last_uid             bigint,
    last_poll_at         timestamptz,
    last_ok_at           timestamptz,
    last_error           text,
    consecutive_failures integer     NOT NULL DEFAULT 0,
    -- How far the first sync is: the mails a folder held when it was listed first.
    sync_total           bigint      NOT NULL DEFAULT 0,
    sync_done            bigint      NOT NULL DEFAULT 0 CHECK (sync_done BETWEEN 0 AND sync_total),
    sync_per_minute      bigint      NOT NULL DEFAULT 0,
    sync_left_seconds    bigint,               -- null: not known, or nothing is left
    compare_requested_at timestamptz,      -- somebody wants a full comparison with the server now
    updated_at           timestamptz NOT NULL DEFAULT now()
);

-- A file of mails that was sent to be taken in: how far it is, or what it came to.
CREATE TABLE ops.mail_import (
    id               bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    mailbox_id       bigint      NOT NULL REFERENCES ops.mailbox,
    status           text        NOT NULL DEFAULT 'running'
                                 CHECK (status IN ('running', 'done', 'failed', 'broken_off')),
    started_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    file_bytes       bigint      CHECK (file_bytes >= 0),  -- null: the sender did not say
    read_bytes       bigint      NOT NULL DEFAULT 0 CHECK (read_bytes >= 0),
    mails            bigint      NOT NULL DEFAULT 0 CHECK (mails >= 0),
    pending          bigint      NOT NULL DEFAULT 0 CHECK (pending BETWEEN 0 AND mails),
    outcomes         jsonb       NOT NULL DEFAULT '{}',
    mails_per_minute bigint      NOT NULL DEFAULT 0,
    left_seconds     bigint,                -- null: not known, or nothing is left
    error            text,
    CONSTRAINT mail_import_end_check CHECK ((status = 'running') = (finished_at IS NULL)),
    CONSTRAINT mail_import_error_check CHECK ((status = 'failed') = (error IS NOT NULL))
);
CREATE INDEX mail_import_mailbox_idx ON ops.mail_import (mailbox_id, id);

-- Where a folder of a mailbox stands: UIDs mean something only together with their UIDVALIDITY
-- (RFC 9051, 2.3.1.1).
CREATE TABLE ops.mailbox_folder (
    mailbox_id  bigint      NOT NULL REFERENCES ops.mailbox,
    folder      text        NOT NULL,
    uidvalidity bigint      NOT NULL CHECK (uidvalidity > 0),
    last_uid    bigint      NOT NULL DEFAULT 0,
    -- The last full comparison with the server: when it was begun, how many messages the server
    -- had, what it healed (missed: the server had them and a listing had passed them by; gone: they
    -- were to be fetched and the server has them no more) and what still differs after it.
    compared_at         timestamptz,
    compared_server     bigint  CHECK (compared_server >= 0),
    compared_missed     bigint  CHECK (compared_missed >= 0),
    compared_gone       bigint  CHECK (compared_gone >= 0),
    compared_difference bigint  CHECK (compared_difference >= 0),
    sync_uid    bigint,                    -- the newest of the first listing; null: before it
    sync_total  bigint      NOT NULL DEFAULT 0,     -- how many mails of it were to be taken
    renumbered  boolean     NOT NULL DEFAULT false, -- the UIDVALIDITY is not the first one
    PRIMARY KEY (mailbox_id, folder)
);

-- Every rule set that ever decided a mail, with its files: any decision can be made again.
CREATE TABLE ops.rule_set (
    version      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    source       text        NOT NULL DEFAULT 'file' CHECK (source IN ('file', 'database')),
    sha256       bytea       NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
    files        jsonb       NOT NULL,     -- of each: name, rules, mailbox_kind, version, sha256, text
    loaded_at    timestamptz NOT NULL DEFAULT now(),
    loaded_by    text        NOT NULL DEFAULT '',
    error        text
);

-- What a rule looks for stands in the files of its set.
CREATE TABLE ops.parse_rule (
    rule_set_version bigint  NOT NULL REFERENCES ops.rule_set,
    mailbox_kind     text    NOT NULL CHECK (mailbox_kind IN ('crm', 'activity', 'support')),
    rules            text    NOT NULL,     -- name of the file's rules: mailboxes choose by it
    priority         integer NOT NULL,     -- position in the file, from 1; the first match wins
    name             text    NOT NULL,
    enabled          boolean NOT NULL DEFAULT true,
    action           text    NOT NULL,
    PRIMARY KEY (rule_set_version, rules, name)
);

-- The ledger. A row is made when the server first lists the UID, before anything else happens, and
-- is never deleted: listed = sum over the end states + pending, at any moment. The row is narrow,
-- for it is written four times (listed, stored, ended, flagged); what was read of the mail is
-- written once, into ops.mail_content.
CREATE TABLE ops.mail_message (
    id                bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    mailbox_id        bigint      NOT NULL REFERENCES ops.mailbox,
    uidvalidity       bigint      NOT NULL CHECK (uidvalidity > 0),
    uid               bigint      NOT NULL CHECK (uid > 0),
    listed_at         timestamptz NOT NULL DEFAULT now(),
    -- set when the raw mail is stored
    fetched_at        timestamptz,
    internal_date     timestamptz,
    size_bytes        bigint      CHECK (size_bytes >= 0),
    -- temporary failures
    next_attempt_at   timestamptz,
    attempts          integer     NOT NULL DEFAULT 0,
    folder            text        NOT NULL DEFAULT 'INBOX',
    raw_sha256        bytea       REFERENCES ops.blob (sha256),
    error             text,
    -- the end; while there is none the mail is pending: listed, or stored once raw_sha256 is set
    outcome           text        CHECK (outcome IN ('deal_created', 'lead_created', 'activity_added',
                                      'support_created', 'comment_added', 'duplicate', 'ignored',
                                      'quarantined', 'vanished')),
    outcome_record_id bigint      REFERENCES crm.record ON DELETE SET NULL,
    duplicate_of_id   bigint      REFERENCES ops.mail_message,
    rule_id           text,
    rule_set_version  bigint      REFERENCES ops.rule_set,
    processed_at      timestamptz,
    flagged_at        timestamptz,         -- null while the server still has to be told
    -- The outcome rides along, so that the equation is counted in the index alone.
    UNIQUE (mailbox_id, folder, uidvalidity, uid) INCLUDE (outcome),
    -- Every row is in exactly one term of the equation. A column that is NULL must not make a check
    -- unknown, which would be as good as true.
    CONSTRAINT mail_message_end_check CHECK ((outcome IS NOT NULL) = (processed_at IS NOT NULL)),
    CONSTRAINT mail_message_raw_check CHECK (outcome IS NULL OR raw_sha256 IS NOT NULL
        OR outcome IN ('vanished', 'ignored', 'quarantined')),
    CONSTRAINT mail_message_rule_check CHECK (coalesce(outcome, '') <> 'ignored' OR rule_id IS NOT NULL),
    CONSTRAINT mail_message_record_check CHECK (outcome_record_id IS NOT NULL
        OR coalesce(outcome, '') NOT IN ('deal_created', 'lead_created', 'activity_added',
                                         'support_created', 'comment_added')),
    CONSTRAINT mail_message_duplicate_check CHECK (duplicate_of_id <> id
        AND (coalesce(outcome, '') = 'duplicate') = (duplicate_of_id IS NOT NULL)),
    -- The server is told after the commit, never before (design.md 4.7).
    CONSTRAINT mail_message_flag_check CHECK (outcome IS NOT NULL OR flagged_at IS NULL)
) WITH (fillfactor = 60);
-- No index holds a column that changes when the raw mail is stored or an attempt fails: those
-- updates touch the row alone (HOT).
-- What intake still has to do, and what the server still has to be told: both small.
CREATE INDEX mail_message_due_idx ON ops.mail_message (mailbox_id, folder, uid)
    WHERE flagged_at IS NULL;
CREATE INDEX mail_message_record_idx ON ops.mail_message (outcome_record_id)
    WHERE outcome_record_id IS NOT NULL;
-- Which rule ignored how many, and what is held: few, beside what became a record.
CREATE INDEX mail_message_ignored_idx ON ops.mail_message (mailbox_id, rule_id)
    WHERE outcome = 'ignored';
CREATE INDEX mail_message_quarantined_idx ON ops.mail_message (mailbox_id, id)
    WHERE outcome = 'quarantined';
CREATE INDEX mail_message_processed_idx ON ops.mail_message (processed_at DESC, id DESC)
    WHERE processed_at IS NOT NULL;

-- What was read of a mail, written together with its end.
CREATE TABLE ops.mail_content (
    mail_message_id   bigint      PRIMARY KEY REFERENCES ops.mail_message,
    mailbox_id        bigint      NOT NULL,  -- of the row of the ledger, as raw_sha256
    sent_at           timestamptz,
    is_auto_generated boolean     NOT NULL DEFAULT false,
    is_bounce         boolean     NOT NULL DEFAULT false,
    has_effect        boolean     NOT NULL DEFAULT false,  -- it became a record, or part of one
    read_at           timestamptz NOT NULL DEFAULT now(),
    raw_sha256        bytea       NOT NULL,
    message_id        text,
    in_reply_to       text[]      NOT NULL DEFAULT '{}',
    references_ids    text[]      NOT NULL DEFAULT '{}',
    from_name         text,
    from_address      citext,
    from_domain       text,
    reply_to          text,
    to_addresses      jsonb       NOT NULL DEFAULT '[]',
    cc_addresses      jsonb       NOT NULL DEFAULT '[]',
    subject           text,
    date_source       text        CHECK (date_source IN ('header', 'internal', 'fetched')),
    body_text         text        COMPRESSION lz4,
    body_html         text        COMPRESSION lz4,
    charset           text,
    language          text,
    special_formats   text[]      NOT NULL DEFAULT '{}'
                                  CHECK (special_formats <@ '{tnef,smime,pgp}'),
    bounced_message_id text,               -- of a bounce: the message that came back
    auth_results      jsonb       NOT NULL DEFAULT '{}',  -- what our own server found out (RFC 8601)
    -- of a mail that belongs to a record there was: how sure it is who wrote it
    link_grade        text        CHECK (link_grade IN ('authenticated', 'known_sender', 'claimed')),
    extracted         jsonb       COMPRESSION lz4 NOT NULL DEFAULT '{}'
);
CREATE INDEX mail_content_message_id_idx ON ops.mail_content (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX mail_content_raw_idx ON ops.mail_content (raw_sha256);
-- The same bytes become one record at most, in one mailbox.
CREATE UNIQUE INDEX mail_content_effect_key ON ops.mail_content (mailbox_id, raw_sha256)
    WHERE has_effect;
-- Loops: how many answers a sender sent lately.
CREATE INDEX mail_content_answers_idx ON ops.mail_content (from_address, read_at)
    WHERE cardinality(in_reply_to) > 0 OR cardinality(references_ids) > 0;
CREATE INDEX mail_content_grade_idx ON ops.mail_content (link_grade, mail_message_id)
    WHERE link_grade IS NOT NULL;

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
       coalesce(c.extracted, '{}') AS extracted, m.processed_at, m.flagged_at
FROM ops.mail_message m LEFT JOIN ops.mail_content c ON c.mail_message_id = m.id;

-- Keys of this installation that nobody has to know or to set; made here, kept by the backup.
CREATE TABLE ops.installation_key (
    name  text  PRIMARY KEY,
    value bytea NOT NULL CHECK (octet_length(value) >= 32)
);
INSERT INTO ops.installation_key (name, value) VALUES
    ('mail-thread', sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea));

-- What this installation says about senders; counts from the next mail on. "unknown" is whoever is
-- neither a user nor a contact nor a portal account.
CREATE TABLE ops.mail_sender_rule (
    id          bigint      PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY,
    sender      citext      NOT NULL CHECK (sender = 'unknown' OR sender ~ '^[^@[:space:]]*@[^@[:space:]]+$'),
    mailbox_id  bigint      REFERENCES ops.mailbox,  -- null: every mailbox
    action      text        NOT NULL CHECK (action IN ('allow', 'quarantine', 'block')),
    comment     text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  bigint      REFERENCES crm.user,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    row_version integer     NOT NULL DEFAULT 1,
    UNIQUE NULLS NOT DISTINCT (sender, mailbox_id)
);

-- The left side of the equation, counted when rows are made and apart from them: a row that is gone
-- would be missed here.
CREATE TABLE ops.mail_listed (
    mailbox_id  bigint NOT NULL REFERENCES ops.mailbox,
    folder      text   NOT NULL,
    uidvalidity bigint NOT NULL,
    listed      bigint NOT NULL CHECK (listed > 0),
    PRIMARY KEY (mailbox_id, folder, uidvalidity)
) WITH (fillfactor = 50);
CREATE FUNCTION ops.count_listed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ops.mail_listed AS l (mailbox_id, folder, uidvalidity, listed)
    SELECT mailbox_id, folder, uidvalidity, count(*) FROM fresh GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (mailbox_id, folder, uidvalidity) DO UPDATE SET listed = l.listed + excluded.listed;
    RETURN NULL;
END $$;
CREATE TRIGGER mail_message_count_listed AFTER INSERT ON ops.mail_message
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ops.count_listed();

-- A row stays, and stays the row of the message it was made for.
CREATE FUNCTION ops.refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of the mail ledger is never removed and never becomes another message'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER mail_message_kept BEFORE DELETE ON ops.mail_message
    FOR EACH ROW EXECUTE FUNCTION ops.refuse_ledger_change();
CREATE TRIGGER mail_message_identity BEFORE UPDATE OF mailbox_id, folder, uidvalidity, uid
    ON ops.mail_message FOR EACH ROW EXECUTE FUNCTION ops.refuse_ledger_change();

-- The equation: listed = created + attached + ignored + duplicate + quarantined + pending +
-- vanished, for each folder and each UIDVALIDITY it had. `rows` are all rows there are: one that is
-- in no term is in `rows` alone.
CREATE VIEW ops.mail_conservation AS
SELECT mailbox_id, folder, uidvalidity,
       coalesce(l.listed, 0) AS listed, coalesce(t.rows, 0) AS rows,
       coalesce(t.created, 0) AS created, coalesce(t.attached, 0) AS attached,
       coalesce(t.ignored, 0) AS ignored, coalesce(t.duplicate, 0) AS duplicate,
       coalesce(t.quarantined, 0) AS quarantined, coalesce(t.pending, 0) AS pending,
       coalesce(t.vanished, 0) AS vanished
FROM ops.mail_listed l
FULL JOIN (
    SELECT mailbox_id, folder, uidvalidity, sum(n)::bigint AS rows,
           coalesce(sum(n) FILTER (WHERE outcome IN ('deal_created', 'lead_created', 'support_created')), 0)::bigint AS created,
           coalesce(sum(n) FILTER (WHERE outcome IN ('activity_added', 'comment_added')), 0)::bigint AS attached,
           coalesce(sum(n) FILTER (WHERE outcome = 'ignored'), 0)::bigint AS ignored,
           coalesce(sum(n) FILTER (WHERE outcome = 'duplicate'), 0)::bigint AS duplicate,
           coalesce(sum(n) FILTER (WHERE outcome = 'quarantined'), 0)::bigint AS quarantined,
           coalesce(sum(n) FILTER (WHERE outcome IS NULL), 0)::bigint AS pending,
           coalesce(sum(n) FILTER (WHERE outcome = 'vanished'), 0)::bigint AS vanished
    FROM (SELECT mailbox_id, folder, uidvalidity, outcome, count(*) AS n
          FROM ops.mail_message GROUP BY 1, 2, 3, 4) AS g
    GROUP BY 1, 2, 3) AS t
USING (mailbox_id, folder, uidvalidity);

CREATE TABLE ops.mail_attachment (
    id              bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    mail_message_id bigint  NOT NULL REFERENCES ops.mail_message ON DELETE CASCADE,
    part            text    NOT NULL,      -- section number in the mail
    file_name       text    NOT NULL,
    mime_type       text    NOT NULL,      -- as the mail says
    detected_type   text,                  -- as the bytes say
    size_bytes      bigint  NOT NULL CHECK (size_bytes >= 0),
    sha256          bytea   NOT NULL REFERENCES ops.blob (sha256),
    content_id      text,
    is_inline       boolean NOT NULL DEFAULT false,
    document_id     bigint,                -- the foreign key comes with crm.document
    blocked_reason  text,
    UNIQUE (mail_message_id, part)
);
CREATE INDEX mail_attachment_sha256_idx ON ops.mail_attachment (sha256);

CREATE TABLE ops.quarantine (
    id              bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    mail_message_id bigint      NOT NULL UNIQUE REFERENCES ops.mail_message,
    reason          text        NOT NULL CHECK (reason IN ('empty_body', 'no_rule', 'unknown_alias',
                                    'target_not_found', 'target_deleted', 'unknown_sender',
                                    'ambiguous_target', 'oversize', 'parse_error', 'charset_error',
                                    'loop_suspected', 'too_many_retries', 'attachment_blocked')),
    details         text        NOT NULL DEFAULT '',
    status          text        NOT NULL DEFAULT 'open'
                                CHECK (status IN ('open', 'released', 'rejected', 'retried')),
    assigned_to     bigint      REFERENCES crm.user,
    target_record_id bigint     REFERENCES crm.record ON DELETE SET NULL,  -- where a person sends it
    resolution      text,
    resolved_by     bigint      REFERENCES crm.user,
    resolved_at     timestamptz,
    task_id         bigint,                -- of kind quarantine_review; its table comes later
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((status = 'open') = (resolved_at IS NULL))
);
CREATE INDEX quarantine_open_idx ON ops.quarantine (reason, created_at) WHERE status = 'open';

-- What people did with a held mail, each time; never changed.
CREATE TABLE ops.quarantine_attempt (
    id               bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    quarantine_id    bigint      NOT NULL REFERENCES ops.quarantine,
    action           text        NOT NULL CHECK (action IN ('retry', 'release', 'discard', 'set_target')),
    user_id          bigint      REFERENCES crm.user,
    comment          text,
    target_record_id bigint      REFERENCES crm.record ON DELETE SET NULL,
    rule_set_version bigint      REFERENCES ops.rule_set,
    rule_id          text,
    outcome          text        NOT NULL,  -- as of mail_message, or pending
    reason           text,                  -- of a mail that stayed
    details          text,
    record_id        bigint      REFERENCES crm.record ON DELETE SET NULL,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX quarantine_attempt_idx ON ops.quarantine_attempt (quarantine_id, id);
