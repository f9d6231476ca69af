-- 0029 Express reports of many counterparties as one job that can rest, and outside services asked
-- by the clock whether they work (store/operations/report_batch.h, store/service_probes.h).

-- A job that rests is taken by nobody until somebody lets it go on.
ALTER TABLE ops.job
    ADD is_paused       boolean NOT NULL DEFAULT false,
    ADD progress_failed bigint  NOT NULL DEFAULT 0 CHECK (progress_failed >= 0);

-- What the settings say of batches; the daemons write it beside the switch.
ALTER TABLE ops.service_switch
    ADD batch_limit        integer NOT NULL DEFAULT 1000 CHECK (batch_limit > 0),
    ADD reports_per_second integer NOT NULL DEFAULT 1 CHECK (reports_per_second > 0);

-- Express reports asked for together. Where it stands is the job's; the rows go with it.
CREATE TABLE ops.report_batch (
    job_id      bigint      PRIMARY KEY REFERENCES ops.job ON DELETE CASCADE,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    wants_fresh boolean     NOT NULL DEFAULT false,  -- what was bought before asked_at does not do
    filter      text,                                -- as it was asked for; null: by ids
    plan        jsonb       NOT NULL,                -- what was said before it began
    worked_ms   bigint      NOT NULL DEFAULT 0,      -- on the items that have ended
    wait_reason text,                                -- why it waits; null: it does not
    wait_remedy text
);
CREATE TABLE ops.report_batch_item (
    job_id          bigint      NOT NULL REFERENCES ops.report_batch ON DELETE CASCADE,
    counterparty_id bigint      NOT NULL,   -- no FK: it may outlive the record
    state           text        NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'ready', 'kept', 'not_found', 'failed', 'gone')),
    attempts        integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    reason          text,
    detail          text,
    ended_at        timestamptz,
    PRIMARY KEY (job_id, counterparty_id),
    CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE INDEX report_batch_pending_idx ON ops.report_batch_item (job_id, attempts, counterparty_id)
    WHERE state = 'pending';

-- The latest cheap question to each service, by a person or by the clock.
CREATE TABLE ops.service_probe (
    service     text        PRIMARY KEY,
    due_since   timestamptz NOT NULL DEFAULT now(),  -- the interval counts from here
    asked_at    timestamptz,                         -- null: not yet
    works       boolean,
    outcome     text,
    reason      text,
    told        text,
    duration_ms bigint,
    CHECK ((asked_at IS NULL) = (works IS NULL))
);

INSERT INTO ops.schedule (name, kind, expression, next_run_at) VALUES
    ('adapter_probe', 'adapter_probe', '* * * * *', now());
