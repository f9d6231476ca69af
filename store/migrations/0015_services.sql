-- 0015 Outside services: who may call now, answers that were paid for, and where the requisites of a
-- counterparty come from (adapters/service_gate.h, adapters/answer_cache.h,
-- store/operations/autofill.h).

-- Rates, own limits, pauses and circuit breakers, shared by all daemons. The value is
-- adapters::GateState as JSON; its row is locked while it changes.
CREATE TABLE ops.service_gate (
    key        text        PRIMARY KEY,  -- "dadata:suggestions/lane/find"
    state      text        NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- One paid answer is bought once: by whom it is being bought, and what came of it.
CREATE TABLE ops.service_answer (
    service       text        NOT NULL,
    method        text        NOT NULL,
    subject       text        NOT NULL,  -- what was asked about, normalised
    exchange      text,                  -- adapters::RecordedExchange as JSON, without secrets
    is_negative   boolean     NOT NULL DEFAULT false,  -- the service knows nothing of it
    obtained_at   timestamptz,
    valid_until   timestamptz NOT NULL DEFAULT '-infinity',
    failure       text,                  -- why the latest call brought no answer; null: it did
    calls         bigint      NOT NULL DEFAULT 0,  -- ended ones, whatever came of them
    claimed_by    text        NOT NULL DEFAULT '',
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (service, method, subject),
    CHECK ((exchange IS NULL AND NOT is_negative) = (obtained_at IS NULL))
);
CREATE INDEX service_answer_age_idx ON ops.service_answer (valid_until);

-- What a register says of a counterparty: its latest answer as facts, whether written to the card or
-- not, so that another policy changes the card without another call.
CREATE TABLE crm.counterparty_fact (
    counterparty_id bigint      NOT NULL REFERENCES crm.counterparty ON DELETE CASCADE,
    source          text        NOT NULL CHECK (source IN ('dadata', 'kontur')),
    facts           jsonb       NOT NULL CHECK (jsonb_typeof(facts) = 'object'),
    obtained_at     timestamptz NOT NULL,
    PRIMARY KEY (counterparty_id, source)
);

-- Which values of a counterparty the program wrote, and from where. Beside the history row of the
-- same change, whose happened_at is written_at: all else in the history is its origin's.
CREATE TABLE crm.requisite_write (
    counterparty_id bigint      NOT NULL REFERENCES crm.counterparty ON DELETE CASCADE,
    field           text        NOT NULL,
    written_at      timestamptz NOT NULL DEFAULT now(),
    source          text        NOT NULL,
    obtained_at     timestamptz,
    is_decided      boolean     NOT NULL DEFAULT false,  -- a person said: overwrite
    PRIMARY KEY (counterparty_id, field, written_at)
);
