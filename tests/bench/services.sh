# shellcheck shell=bash
# The work that daemons do by themselves: jobs, cards filled from a register, webhooks, documents;
# each beside what the same machine does without the daemon around it. Sourced by tests/bench/run.

# services_config: $DIR/client360.toml, and $DIR/client360-2.toml for a second daemon on the same
# database, whose listeners are anywhere.
services_config() {
  write_config
  printf 'client360-bench' >"$DIR/dadata.key"
  printf 'client360-bench-key-of-the-webhooks' >"$DIR/webhook.key"
  cat >>"$DIR/client360.toml" <<TOML
[dadata]
api_key_file = '$DIR/dadata.key'
suggestions_url = '$PEER_URL'
ca_file = '$PEER_CA'
calls_per_second = 1000  # the service allows 30: counted, never reached
[webhooks]
key_file = '$DIR/webhook.key'
allowed_networks = ['127.0.0.0/8']
ca_file = '$PEER_CA'
[documents]
renderer = '$ROOT/adapters/pdf/client360-render'
TOML
  sed "s/^listen = .*/listen = '127.0.0.1:0'/" "$DIR/client360.toml" >"$DIR/client360-2.toml"
}

# services_start N: so many daemons on one database.
services_start() {
  start_daemon
  servers_wait 30 "client360d is not ready" daemon_is_ready
  (($1 > 1)) || return 0
  setsid setpriv --pdeathsig TERM "$BIN/client360d" --config="$DIR/client360-2.toml" \
    >>"$DIR/client360d-2.log" 2>&1 </dev/null &
  SECOND_PID=$!
}
services_stop() {
  [[ -z ${SECOND_PID:-} ]] || servers_stop_process "$SECOND_PID" TERM 12
  SECOND_PID=''
  stop_daemon
}
services_ticks() { echo $(($(cpu_ticks "$DAEMON_PID") + ${SECOND_PID:+$(cpu_ticks "$SECOND_PID")} + 0)); }

peer_is_up() {
  kill -0 "$PEER_PID" 2>/dev/null || servers_die "service_peer ended: $(tail -n 3 "$DIR/peer.log")"
  [[ -s $DIR/peer ]]
}
peer_start() {
  rm -f "$DIR/peer" "$DIR/received"
  setsid setpriv --pdeathsig TERM "$BIN/service_peer" serve "$DIR" >>"$DIR/peer.log" 2>&1 </dev/null &
  PEER_PID=$!
  servers_wait 30 "service_peer" peer_is_up
  read -r PEER_URL PEER_CA <"$DIR/peer"
}
# What it received is in $DIR/received then.
peer_stop() {
  [[ -z ${PEER_PID:-} ]] || servers_stop_process "$PEER_PID" TERM 12
  PEER_PID=''
}

# services_wait N QUERY [SECONDS]: one psql asks every second, or so many, until the query counts N.
services_wait() {
  sql -v n="$1" -v query="$2" -v pause="${3:-1}" -f - <<'SQL'
SET bench.wanted = :'n';
SET bench.pause = :'pause';
SET bench.query = :'query';
DO $$
DECLARE
  deadline timestamptz := clock_timestamp() + interval '30 minutes';
  reached bigint;
BEGIN
  LOOP
    EXECUTE current_setting('bench.query') INTO reached;
    EXIT WHEN reached >= current_setting('bench.wanted')::bigint;
    IF clock_timestamp() > deadline THEN RAISE 'only % were done', reached; END IF;
    COMMIT;
    PERFORM pg_sleep(current_setting('bench.pause')::float);
  END LOOP;
END $$;
SQL
}

services_database() {
  new_database
  sql -c 'CREATE EXTENSION pg_stat_statements'
  # What the clock starts would be measured too.
  sql -c 'UPDATE ops.schedule SET is_enabled = false'
}
services_token() {
  "$BIN/client360" --config="$DIR/client360.toml" user add --admin --last-name=Bench bench >/dev/null
  TOKEN=$("$BIN/client360" --config="$DIR/client360.toml" --json token create --user=bench \
    --name=bench --scopes=admin | jq -er .token)
}
# services_post PATH BODY: prints the answer.
services_post() {
  curl -sS --fail-with-body -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d "$2" "http://127.0.0.1:$API_PORT/api/v1$1" || servers_die "POST $1 failed"
}

# services_begin: what follows is measured. services_end N: it is over, N pieces were done.
services_begin() {
  sql -c 'SELECT pg_stat_statements_reset()' >/dev/null
  DAEMON_TICKS=$(services_ticks) POSTGRES_TICKS=$(postgres_ticks)
}
services_end() {
  DAEMON_TICKS=$(($(services_ticks) - DAEMON_TICKS)) POSTGRES_TICKS=$(($(postgres_ticks) - POSTGRES_TICKS))
  STATEMENTS=$(sql -v n="$1" -f "$HERE/sql/statements.sql")
}
# services_report WHAT N JSON: CPU of one piece beside the rest, and the statements that took most
# of the time of PostgreSQL, commits aside.
services_report() {
  jq -cn --arg what "$1" --argjson n "$2" --argjson daemon "$DAEMON_TICKS" \
    --argjson postgres "$POSTGRES_TICKS" --argjson hz "$TICKS" --argjson rest "$3" \
    --argjson statements "$STATEMENTS" \
    '{what: $what} + $rest + {daemon_cpu_us: ($daemon / $hz / $n * 1e6 | round),
      postgres_cpu_us: ($postgres / $hz / $n * 1e6 | round), statements: $statements}' >>"$out"
}

# -- Jobs -----------------------------------------------------------------------------------------

# Of a kind whose handler has nothing to do: taken, run, settled. Each must have run once.
jobs_round() {
  local daemons=$1 clients tps
  sql -c "TRUNCATE ops.job, ops.report_batch, ops.report_batch_item, ops.job_run" -c "INSERT INTO ops.job (kind, priority, run_at)
    SELECT 'metrica_source_sync', 0, now() + interval '4 seconds' FROM generate_series(1, $queued)" \
    -c 'ANALYZE ops.job'
  services_start "$daemons"
  services_begin
  services_wait "$queued" "SELECT count(*) FROM ops.job WHERE status = 'done'"
  services_end "$queued"
  services_stop
  clients=$((daemons * 2))
  sql -c "INSERT INTO ops.job (kind) SELECT 'bench' FROM generate_series(1, $queued)" \
    -c 'ANALYZE ops.job'
  tps=$(cd "$DIR" && pgbench -n -M prepared -c "$clients" -j 2 -t $((queued / clients)) \
    -f "$HERE/sql/job.pgbench" -h "$SERVERS_SOCKETS" -p "$PG_PORT" -U client360 client360 \
    2>"$DIR/pgbench.log" | sed -n 's/^tps = \([0-9.]*\).*/\1/p')
  [[ -n $tps ]] || servers_die "pgbench: $(tail -n 2 "$DIR/pgbench.log")"
  services_report jobs "$queued" "$(sql -v pgbench="$tps" -v daemons="$daemons" -f - <<'SQL'
SELECT json_build_object('daemons', :daemons, 'jobs', count(*), 'per_s', round(count(*) / took), 'pgbench', round(:pgbench),
         'ratio', round(count(*) / took / :pgbench, 2), 'not_run_once', count(*) FILTER (WHERE runs <> 1 OR NOT ok))
  FROM (SELECT j.id, count(r.id) AS runs, bool_and(r.result = 'ok' AND j.attempts = 1) AS ok
          FROM ops.job AS j LEFT JOIN ops.job_run AS r ON r.job_id = j.id
         WHERE j.kind = 'metrica_source_sync' GROUP BY j.id) AS each,
       (SELECT extract(epoch FROM max(finished_at) - min(started_at)) AS took FROM ops.job_run
         WHERE job = 'metrica_source_sync') AS time
 GROUP BY took
SQL
  )"
}
jobs() {
  services_database
  for ((round = 0; round < rounds; round++)); do
    for daemons in 1 2; do jobs_round "$daemons"; done
  done
}

# -- Cards filled from a register -----------------------------------------------------------------

# Each card has an INN of its own, so each answer is bought.
autofills_round() {
  local daemons=$1 bare
  sql -v cards="$cards" -f "$HERE/sql/cards.sql"
  services_start "$daemons"
  services_begin
  services_wait "$cards" "SELECT count(*) FROM ops.job WHERE status IN ('done', 'failed')"
  services_end "$cards"
  services_stop
  bare=$("$BIN/service_peer" ask "$PEER_URL" "$PEER_CA" "$cards" $((daemons * 2)))
  services_report autofills "$cards" "$(sql -v daemons="$daemons" -v bare="$(jq .per_s <<<"$bare")" -f - <<'SQL'
SELECT json_build_object('daemons', :daemons, 'cards', count(*), 'per_s', round(count(*) / took), 'bare_calls', :bare,
         'ratio', round(count(*) / took / :bare, 2), 'calls', (SELECT count(*) FROM ops.service_call),
         'not_filled', count(*) FILTER (WHERE ogrn IS NULL OR kpp IS NULL))
  FROM crm.counterparty,
       (SELECT extract(epoch FROM max(finished_at) - min(started_at)) AS took FROM ops.job_run
         WHERE job = 'counterparty_autofill') AS time
 GROUP BY took
SQL
  )"
}
autofills() {
  for ((round = 0; round < rounds; round++)); do
    for daemons in 1 2; do
      services_database
      autofills_round "$daemons"
    done
  done
}

# -- Webhooks -------------------------------------------------------------------------------------

# A backlog of EVENTS events of a thousand records, drained to one receiver, which checks the order.
webhooks_round() {
  local daemons=$1 bare
  peer_stop
  peer_start
  services_config
  services_database
  services_token
  services_start 1
  services_post /webhooks "{\"name\":\"bench\",\"url\":\"$PEER_URL/hook\",\"kinds\":[\"deal\"]}" >/dev/null
  services_stop
  sql -v events="$events" -f "$HERE/sql/events.sql"
  services_start "$daemons"
  services_begin
  services_wait "$events" "SELECT count(*) FROM ops.webhook_delivery WHERE status = 'delivered'"
  services_end "$events"
  services_stop
  bare=$("$BIN/service_peer" post "$PEER_URL" "$PEER_CA" $((events / 5)) 1)
  peer_stop
  services_report webhooks "$events" "$(sql -v daemons="$daemons" -v bare="$(jq .per_s <<<"$bare")" -v events="$events" -f - <<'SQL' |
SELECT json_build_object('daemons', :daemons, 'events', :events, 'per_s', round(count(*) / took), 'bare_posts', :bare,
         'ratio', round(count(*) / took / :bare, 2), 'tried_again', count(*) FILTER (WHERE attempts <> 1))
  FROM ops.webhook_delivery,
       (SELECT extract(epoch FROM max(delivered_at) - min(queued_at)) AS took
          FROM ops.webhook_delivery) AS time
 GROUP BY took
SQL
    jq -c --slurpfile received "$DIR/received" --argjson events "$events" '. + ($received[0] |
      {missing: ($events - .different), doubled, out_of_order, unreadable})'
  )"
}
webhooks() {
  for daemons in 1 2; do webhooks_round "$daemons"; done
}

# -- Documents ------------------------------------------------------------------------------------

# An order and a deal with all that an invoice, an act and a proposal need: four lines each.
documents_records() {
  local company ours contract parent line
  company=$(services_post /counterparties '{"name":"Ромашка","full_name":"ООО «Ромашка»",
    "inn":"7727563778","kpp":"772701001","juridical_address":"г. Москва, ул. Ленина, д. 1",
    "segment_code":"small","acquisition_channel_code":"site","status_code":"active"}' | jq -r .id)
  ours=$(services_post /own-organisations '{"full_name":"ООО «Наши»","inn":"7707083893",
    "kpp":"773601001","ceo_name":"Иванов И. И.","juridical_address":"г. Москва, ул. Наша, д. 2",
    "is_default":true}' | jq -r .id)
  services_post /bank-accounts "{\"owner_record_id\":$ours,\"account_number\":\"40702810938000000001\",
    \"bank_name\":\"ПАО Сбербанк\",\"bik\":\"044525225\",
    \"correspondent_account\":\"30101810400000000225\",\"is_default\":true}" >/dev/null
  contract=$(services_post /contracts \
    "{\"counterparty_id\":$company,\"own_organisation_id\":$ours}" | jq -r .id)
  ORDER=$(services_post /orders "{\"counterparty_id\":$company,\"contract_id\":$contract}" | jq -r .id)
  DEAL=$(services_post /deals "{\"name\":\"Поставка\",\"counterparty_id\":$company}" | jq -r .id)
  for parent in "$ORDER" "$DEAL"; do
    for line in 1 2 3 4; do
      services_post /line-items "{\"parent_id\":$parent,\"name\":\"Работа $line\",\"kind\":\"service\",
        \"unit_code\":\"356\",\"price\":\"100.00\",\"quantity\":\"2\",\"vat_rate_code\":\"vat22\"}" >/dev/null
    done
  done
}
# From the first request to the last PDF; each document is a DOCX and a PDF then.
documents_round() {
  local path=$1 began ended document daemon bare ms pdf="count(*) FROM crm.document_version WHERE mime_type = 'application/pdf'"
  local name=${path##*/} have n
  have=$(sql -c "SELECT $pdf")
  daemon=$(cpu_ticks "$DAEMON_PID") began=$(now_ms)
  for ((n = 0; n < documents; n++)); do
    document=$(services_post "$path" '{"as_new":true}' | jq -r .id)
  done
  services_wait $((have + documents)) "SELECT $pdf" 0.1
  ended=$(now_ms)
  curl -sS --fail -H "Authorization: Bearer $TOKEN" -o "$DIR/page.html" \
    "http://127.0.0.1:$API_PORT/api/v1/documents/$document/content?version=2"
  bare=$(now_ms)
  seq "$documents" | xargs -P 2 -I{} /usr/bin/python3 -m weasyprint -q "$DIR/page.html" "$DIR/page-{}.pdf" \
    2>"$DIR/weasyprint.log" || servers_die "weasyprint: $(tail -n 2 "$DIR/weasyprint.log")"
  ms=$(($(now_ms) - bare))
  jq -cn --arg type "$name" --argjson n "$documents" --argjson ms $((ended - began)) --argjson bare "$ms" \
    --argjson ticks $(($(cpu_ticks "$DAEMON_PID") - daemon)) --argjson hz "$TICKS" --argjson docx \
    "$(sql -c "SELECT count(*) FROM crm.document_version WHERE document_id = $document AND mime_type LIKE '%wordprocessingml%'")" \
    '{what: "documents", type: $type, documents: $n, per_minute: ($n * 60000 / $ms | round),
      bare_weasyprint: ($n * 60000 / $bare | round), ratio: ($bare / $ms * 100 | round / 100),
      docx_each: $docx, daemon_cpu_ms: ($ticks / $hz / $n * 1000 | round)}' >>"$out"
}
documents() {
  services_database
  services_token
  services_start 1
  documents_records
  for path in "/deals/$DEAL/proposal" "/orders/$ORDER/invoice" "/orders/$ORDER/act"; do
    for ((round = 0; round < rounds; round++)); do documents_round "$path"; done
  done
  services_stop
}

# services PART...
services() {
  local part
  for part; do
    peer_start
    services_config
    "$part"
    peer_stop
  done
}
