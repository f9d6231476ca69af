-- Before every run of ../shared/bench: an empty client360 database, migrated by the daemon itself.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS crm CASCADE;
DROP SCHEMA IF EXISTS ops CASCADE;
\! "$C360_BIN/client360d" --config="$C360_MIGRATE_CONFIG" --migrate >/dev/null
