-- The ground: schemas, extensions, and what every other part stands on: applied migrations, the
-- content store, leases, idempotency keys, jobs. Business tables are in crm, the service's own in
-- ops.
CREATE SCHEMA crm;
CREATE SCHEMA ops;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public;

-- Applied files of store/migrations; store/migrator.cpp is the only writer.
CREATE TABLE ops.schema_migration (
    version    integer     PRIMARY KEY CHECK (version > 0),
    name       text        NOT NULL,
    sha256     text        NOT NULL,  -- hex, of the file's text
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text        NOT NULL DEFAULT session_user
);

-- Content by its digest: raw mails, attachments, documents (design.md 4).
CREATE TABLE ops.blob (
    sha256     bytea       PRIMARY KEY CHECK (octet_length(sha256) = 32),
    size_bytes bigint      NOT NULL CHECK (size_bytes >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Chunks of 1 MiB; only the last one is shorter. An empty blob has none.
CREATE TABLE ops.blob_chunk (
    sha256 bytea   NOT NULL REFERENCES ops.blob ON DELETE CASCADE,
    seq    integer NOT NULL CHECK (seq >= 0),
    data   bytea   COMPRESSION lz4 NOT NULL CHECK (octet_length(data) BETWEEN 1 AND 1048576),
    PRIMARY KEY (sha256, seq)
);

-- Who works on a mailbox folder. The fence grows with every new holder and never goes back, so the
-- row stays after a release.
CREATE TABLE ops.mailbox_lease (
    mailbox    text        NOT NULL,
    folder     text        NOT NULL,
    holder     text        NOT NULL,
    fence      bigint      NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox, folder),
    -- Makes the fence part of a key: taking the lease over then waits for transactions that hold
    -- the row FOR KEY SHARE (check_fence), while renewing, which changes no key, does not.
    CONSTRAINT mailbox_lease_fence_key UNIQUE (mailbox, folder, fence)
);

-- Fails the transaction unless the lease is held as said; keeps it from being taken over until the
-- transaction ends.
CREATE FUNCTION ops.check_fence(mailbox text, folder text, holder text, fence bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ops.mailbox_lease AS l
      WHERE l.mailbox = check_fence.mailbox AND l.folder = check_fence.folder
        AND l.holder = check_fence.holder AND l.fence = check_fence.fence
        AND l.expires_at > clock_timestamp()
        FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the lease on mailbox %, folder %, is not held by this process any more',
            check_fence.mailbox, check_fence.folder
            USING ERRCODE = 'C3409', CONSTRAINT = 'lease_lost';
    END IF;
END
$$;

-- Answers by Idempotency-Key, kept for 72 hours. The row is claimed before the effect and gets its
-- answer in the same transaction, so a committed row always has one.
CREATE TABLE ops.idempotency_key (
    user_id        bigint      NOT NULL,
    key            text        NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),
    request_sha256 bytea       NOT NULL CHECK (octet_length(request_sha256) = 32),
    status         integer,
    headers        text,
    body           text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_key_expires_idx ON ops.idempotency_key (expires_at);

-- Fails the transaction where the key is in use; waits for the transaction that is just using it.
CREATE FUNCTION ops.claim_idempotency_key(user_id bigint, key text, request_sha256 bytea, kept interval)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ops.idempotency_key AS k (user_id, key, request_sha256, expires_at)
    VALUES (claim_idempotency_key.user_id, claim_idempotency_key.key,
            claim_idempotency_key.request_sha256, now() + kept)
    ON CONFLICT ON CONSTRAINT idempotency_key_pkey DO UPDATE
       SET request_sha256 = EXCLUDED.request_sha256, status = NULL, headers = NULL, body = NULL,
           created_at = now(), expires_at = EXCLUDED.expires_at
     WHERE k.expires_at <= now();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the idempotency key was used before'
            USING ERRCODE = 'C3409', CONSTRAINT = 'idempotency_key_exists';
    END IF;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'the first request with the idempotency key is under way'
        USING ERRCODE = 'C3409', CONSTRAINT = 'idempotency_in_progress';
END
$$;

-- Due work, taken with FOR UPDATE SKIP LOCKED (design.md 7). `failed` are the dead letters.
CREATE TABLE ops.job (
    id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind             text        NOT NULL,
    dedupe_key       text,                          -- at most one unfinished job of a kind and key
    record_id        bigint,                        -- what it is about; no FK: it may outlive the record
    payload          jsonb       NOT NULL DEFAULT '{}',
    status           text        NOT NULL DEFAULT 'queued'
                     CHECK (status IN ('queued', 'running', 'done', 'failed', 'canceled')),
    priority         integer     NOT NULL DEFAULT 0,
    run_at           timestamptz NOT NULL DEFAULT now(),
    attempts         integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts     integer     NOT NULL DEFAULT 10 CHECK (max_attempts > 0),
    holder           text,                          -- the lease: who runs it and until when
    fence            bigint      NOT NULL DEFAULT 0,
    locked_until     timestamptz,
    trigger          text        NOT NULL DEFAULT 'event'
                     CHECK (trigger IN ('schedule', 'api', 'event')),
    schedule         text,                          -- the schedule that made it
    planned_at       timestamptz,                   -- its slot; none when run by hand
    progress_done    bigint      NOT NULL DEFAULT 0 CHECK (progress_done >= 0),
    progress_total   bigint      CHECK (progress_total >= 0),  -- null: not known
    cancel_requested boolean     NOT NULL DEFAULT false,
    last_error       text,
    error_code       text,                          -- of last_error
    created_at       timestamptz NOT NULL DEFAULT now(),
    created_by       bigint,
    finished_at      timestamptz,
    CHECK ((status = 'running') = (locked_until IS NOT NULL)),
    CHECK ((status IN ('done', 'failed', 'canceled')) = (finished_at IS NOT NULL))
);
CREATE INDEX job_due_idx ON ops.job (priority DESC, run_at, id) WHERE status = 'queued';
CREATE INDEX job_next_idx ON ops.job (run_at) WHERE status = 'queued';
CREATE INDEX job_running_idx ON ops.job (locked_until) WHERE status = 'running';
CREATE INDEX job_failed_idx ON ops.job (id) WHERE status = 'failed';
-- The gauges: what is not done yet, by kind.
CREATE INDEX job_depth_idx ON ops.job (kind, status, run_at)
    WHERE status IN ('queued', 'running', 'failed');
CREATE INDEX job_finished_idx ON ops.job (finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX job_dedupe_key ON ops.job (kind, dedupe_key) WHERE status IN ('queued', 'running');
-- Two daemons cannot both start one slot.
CREATE UNIQUE INDEX job_slot_key ON ops.job (schedule, planned_at) WHERE planned_at IS NOT NULL;
CREATE INDEX job_record_idx ON ops.job (record_id) WHERE record_id IS NOT NULL;

-- What runs by the clock. After downtime it runs once, not once per missed slot.
CREATE TABLE ops.schedule (
    name            text        PRIMARY KEY,
    kind            text        NOT NULL,       -- of the jobs it makes
    payload         jsonb       NOT NULL DEFAULT '{}',
    priority        integer     NOT NULL DEFAULT 0,
    expression      text        NOT NULL,       -- cron, five or six fields, or @daily and the like
    -- next_run_at was counted in it; where the business has moved since, it is counted anew.
    timezone        text        NOT NULL DEFAULT 'UTC',
    is_enabled      boolean     NOT NULL DEFAULT true,
    next_run_at     timestamptz NOT NULL,
    last_planned_at timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX schedule_next_run_idx ON ops.schedule (next_run_at) WHERE is_enabled;

-- Every run of a job leaves a row (domain.md 17.1).
CREATE TABLE ops.job_run (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job         text        NOT NULL,           -- name of the schedule or kind of the job
    job_id      bigint      REFERENCES ops.job ON DELETE SET NULL,
    trigger     text        NOT NULL CHECK (trigger IN ('schedule', 'api', 'event')),
    planned_at  timestamptz,                    -- the slot of a scheduled run
    record_id   bigint,
    holder      text        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    result      text        CHECK (result IN ('ok', 'failed', 'skipped', 'partial')),
    processed   integer     NOT NULL DEFAULT 0 CHECK (processed >= 0),
    failed      integer     NOT NULL DEFAULT 0 CHECK (failed >= 0),
    attempt     integer     NOT NULL DEFAULT 1 CHECK (attempt > 0),
    error       text,
    next_run_at timestamptz,
    payload     jsonb       NOT NULL DEFAULT '{}',
    CHECK ((result IS NULL) = (finished_at IS NULL))
);
CREATE INDEX job_run_started_idx ON ops.job_run (started_at DESC);
CREATE INDEX job_run_job_idx ON ops.job_run (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX job_run_name_idx ON ops.job_run (job, id);

-- Whoever waits for work hears of it when it is committed.
CREATE FUNCTION ops.ring_job_bell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('c360_job', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER job_bell AFTER INSERT ON ops.job
    FOR EACH STATEMENT EXECUTE FUNCTION ops.ring_job_bell();
CREATE TRIGGER schedule_bell AFTER UPDATE OF expression, is_enabled ON ops.schedule
    FOR EACH STATEMENT EXECUTE FUNCTION ops.ring_job_bell();

-- Fails the transaction of a holder that has lost the job, and keeps others from taking it over
-- until the transaction ends. Renewing does not wait for that.
CREATE FUNCTION ops.check_job(id bigint, holder text, fence bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ops.job AS j
      WHERE j.id = check_job.id AND j.holder = check_job.holder AND j.fence = check_job.fence
        AND j.status = 'running'
        FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % is not held by this process any more', check_job.id
            USING ERRCODE = 'C3409', CONSTRAINT = 'lease_lost';
    END IF;
END
$$;

-- What runs by the clock. The first run comes at once; operators change and pause these rows.
INSERT INTO ops.schedule (name, kind, expression, next_run_at) VALUES
    ('history_partitions',     'history_partitions',     '@daily',       now()),
    ('purge_idempotency_keys', 'purge_idempotency_keys', '@hourly',      now()),
    ('purge_jobs',             'purge_jobs',             '@daily',       now()),
    ('invariant_scan',         'invariant_scan',         '*/15 * * * *', now()),
    ('payments_overdue',       'payments_overdue',       '@hourly',      now()),
    ('activities_overdue',     'activities_overdue',     '@hourly',      now()),
    ('contracts_archive',      'contracts_archive',      '0 1 * * *',    now()),
    ('assignments_archive',    'assignments_archive',    '0 1 * * *',    now());
