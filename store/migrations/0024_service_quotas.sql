-- 0024 What is left of what was paid for at outside services, as they said it last
-- (store/service_quotas.h), and the two ways out to people that are asked over HTTP.

CREATE TABLE ops.service_quota (
    service   text        NOT NULL,
    name      text        NOT NULL,                -- "suggestions", "balance", methods of a contract
    remaining numeric,                             -- null: without limit
    total     numeric,                             -- null: not told
    renews_at timestamptz,                         -- a new day or month begins
    ends_at   timestamptz,                         -- the contract is over
    told_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, name)
);

-- A service without a key is told from one that is switched off.
ALTER TABLE ops.service_switch ADD is_configured boolean NOT NULL DEFAULT false;
UPDATE ops.service_switch SET is_configured = is_on;
INSERT INTO ops.service_switch (service) VALUES ('telegram'), ('sms') ON CONFLICT DO NOTHING;
