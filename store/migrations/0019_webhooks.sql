-- 0019 Webhooks: who is told of what happens, how far he has read the change feed, and what is still
-- to be delivered to him (store/webhooks.h, store/webhook_queue.h).
CREATE TABLE ops.webhook (
    id                bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name              text        NOT NULL DEFAULT '',
    url               text        NOT NULL,
    kinds             text[]      NOT NULL DEFAULT '{}',  -- of records; none: all
    events            text[]      NOT NULL DEFAULT '{}',  -- "created", …; none: all
    state             text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    owner_id          bigint      NOT NULL REFERENCES crm.user,  -- what he may read is delivered
    secret            bytea       NOT NULL CHECK (octet_length(secret) = 32),
    former_secret     bytea,                              -- signs too, until then
    former_until      timestamptz,
    -- Everything up to and including it is delivered or in ops.webhook_delivery.
    position_xid      xid8        NOT NULL,
    position_event    bigint      NOT NULL DEFAULT 0,
    failures          integer     NOT NULL DEFAULT 0,     -- of the receiver, in a row
    last_error        text,                               -- of the last attempt; null: it went well
    last_attempt_at   timestamptz,
    last_delivered_at timestamptz,
    next_look_at      timestamptz NOT NULL DEFAULT now(),
    holder            text,                               -- the lease: who delivers, until when
    fence             bigint      NOT NULL DEFAULT 0,
    claimed_until     timestamptz,
    row_version       integer     NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CHECK ((former_secret IS NULL) = (former_until IS NULL)),
    CHECK ((holder IS NULL) = (claimed_until IS NULL))
) WITH (fillfactor = 70);  -- its row changes with every delivery

-- One event for one receiver: the queue, and the log of what was delivered.
CREATE TABLE ops.webhook_delivery (
    webhook_id      bigint      NOT NULL REFERENCES ops.webhook ON DELETE CASCADE,
    event_id        bigint      NOT NULL,           -- crm.history_event.id
    xid             xid8        NOT NULL,           -- of that event: the order is (xid, event_id)
    subject         text        NOT NULL,           -- events of one subject go one after the other
    event           text        NOT NULL,
    body            text        NOT NULL,           -- as it is sent
    status          text        NOT NULL DEFAULT 'queued'
                    CHECK (status IN ('queued', 'delivered', 'parked')),
    attempts        integer     NOT NULL DEFAULT 0,
    queued_at       timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz,
    http_status     integer,                        -- of the last attempt; null: no answer arrived
    took_ms         integer,
    last_error      text,
    delivered_at    timestamptz,
    PRIMARY KEY (webhook_id, event_id),
    CHECK ((status = 'delivered') = (delivered_at IS NOT NULL))
);
CREATE INDEX webhook_delivery_queue_idx ON ops.webhook_delivery (webhook_id, xid, event_id)
    WHERE status = 'queued';
CREATE INDEX webhook_delivery_subject_idx ON ops.webhook_delivery (webhook_id, subject)
    WHERE status = 'queued';
CREATE INDEX webhook_delivery_parked_idx ON ops.webhook_delivery (webhook_id, event_id)
    WHERE status = 'parked';
CREATE INDEX webhook_delivery_age_idx ON ops.webhook_delivery (delivered_at)
    WHERE delivered_at IS NOT NULL;
