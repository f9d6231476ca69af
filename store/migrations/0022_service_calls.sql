-- 0022 Calls to outside services as they went (adapters/service_call.h). Nothing in it is a secret:
-- texts come redacted.

CREATE TABLE ops.service_call (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service         text        NOT NULL,
    operation       text        NOT NULL,
    subject         text        NOT NULL DEFAULT '',  -- whose call: "counterparty 17"
    key_fingerprint text        NOT NULL DEFAULT '',  -- of the key used
    started_at      timestamptz NOT NULL,
    duration_ms     bigint      NOT NULL,
    http_status     integer,                          -- null: no answer arrived
    outcome         text        NOT NULL CHECK (outcome IN ('found', 'not_found', 'retryable',
                                                            'quota', 'auth', 'permanent')),
    reason          text        NOT NULL DEFAULT '',
    error           text        NOT NULL DEFAULT '',
    bytes_in        bigint      NOT NULL DEFAULT 0,
    request_id      text        NOT NULL DEFAULT '',  -- the service's own
    retry_at        timestamptz
);
CREATE INDEX service_call_service_idx ON ops.service_call (service, started_at);
CREATE INDEX service_call_age_idx ON ops.service_call (started_at);
