-- 0040 What webhooks are signed with is sealed (daemon/base/seal.h) under the key of
-- webhooks.key_file, which every daemon has in a file and the database has not: nobody signs with
-- what a dump or a query shows.
--
-- This file cannot seal what is there, because it does not have the key. Secrets of before stay as
-- they are and go on signing; a daemon seals them when it starts with a key, or is given one by a
-- reload (store::seal_webhook_secrets), and none is made unsealed any more. A backup of before
-- shows them still: rotate what was in one.
ALTER TABLE ops.webhook
    ALTER COLUMN secret DROP NOT NULL,
    ADD COLUMN secret_sealed bytea,
    ADD COLUMN former_sealed bytea,
    DROP CONSTRAINT webhook_check,
    ADD CONSTRAINT webhook_secret_one CHECK ((secret IS NULL) <> (secret_sealed IS NULL)),
    ADD CONSTRAINT webhook_former_one CHECK (
        CASE WHEN former_until IS NULL THEN former_secret IS NULL AND former_sealed IS NULL
             ELSE (former_secret IS NULL) <> (former_sealed IS NULL) END);
