-- OAuth 2.0 tokens of mailboxes, shared by all daemons. Providers replace refresh tokens as they are
-- used, so they cannot stay in a file. Both tokens are sealed under a key made from the secret in
-- the configuration's file: neither this table nor a backup of it is of use without that file.
CREATE TABLE ops.oauth_token (
    mailbox        text        NOT NULL,               -- ops.mailbox.code
    grant_id       bytea       NOT NULL CHECK (octet_length(grant_id) = 32),  -- which secret sealed it
    generation     bigint      NOT NULL DEFAULT 0,     -- grows with every renewal
    refresh_sealed bytea,                              -- null: the one of the file still holds
    access_sealed  bytea,
    renew_at       timestamptz,                        -- a while before the access token runs out
    claimed_by     text        NOT NULL DEFAULT '',    -- the daemon that is renewing it, until then
    claimed_until  timestamptz NOT NULL DEFAULT '-infinity',
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (mailbox, grant_id),
    CHECK ((access_sealed IS NULL) = (renew_at IS NULL))
);
