-- 0018 What outside services do for a counterparty by themselves: the express report, and the card
-- filled by its INN (domain.md 5.1, 5.10, 19; adapters.md 2.3).

-- Which services the configuration has on. The daemons write it, and what happens inside the
-- database goes by it: a job for a service that is off is never made.
CREATE TABLE ops.service_switch (
    service     text    PRIMARY KEY,               -- dadata, kontur, metrika
    is_on       boolean NOT NULL DEFAULT false,
    on_import   boolean NOT NULL DEFAULT false,    -- for imported rows too
    report_days integer NOT NULL DEFAULT 30 CHECK (report_days > 0),  -- then a report is stale
    settings    text    NOT NULL DEFAULT ''        -- fingerprint of what a reload may change
);
INSERT INTO ops.service_switch (service) VALUES ('dadata'), ('kontur'), ('metrika');

-- The express report of a counterparty: the latest one, and where the next one stands.
CREATE TABLE crm.express_report (
    counterparty_id bigint      PRIMARY KEY REFERENCES crm.counterparty ON DELETE CASCADE,
    status          text        NOT NULL DEFAULT 'queued'
                    CHECK (status IN ('queued', 'running', 'ready', 'not_found', 'failed')),
    inn             text        NOT NULL,              -- asked about
    wants_fresh     boolean     NOT NULL DEFAULT false,  -- what was bought before the request does not do
    requested_at    timestamptz NOT NULL DEFAULT now(),
    requested_by    bigint,
    is_green        boolean     NOT NULL DEFAULT false,
    is_yellow       boolean     NOT NULL DEFAULT false,
    is_red          boolean     NOT NULL DEFAULT false,
    risk_level      text        CHECK (risk_level IN ('green', 'yellow', 'red', 'none')),
    level_at        timestamptz,                       -- when the service said so
    obtained_at     timestamptz,                       -- of the PDF
    document_id     bigint      REFERENCES crm.document ON DELETE SET NULL,
    sha256          bytea       REFERENCES ops.blob (sha256),
    size_bytes      bigint,
    reason          text,                              -- of failed
    detail          text
);
CREATE INDEX express_report_document_idx ON crm.express_report (document_id);
CREATE INDEX express_report_age_idx ON crm.express_report (obtained_at)
    WHERE status IN ('ready', 'failed');

-- Whether a counterparty just got an INN that the service may be asked about.
CREATE FUNCTION crm.asks_service(service text, row_now crm.counterparty) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT row_now.inn IS NOT NULL AND row_now.deleted_at IS NULL
       AND row_now.merged_into_id IS NULL AND NOT 'inn' = ANY (row_now.unverified_fields)
       AND EXISTS (SELECT FROM ops.service_switch AS s
                    WHERE s.service = asks_service.service AND s.is_on
                      AND (s.on_import OR row_now.origin <> 'import'))
$$;

CREATE FUNCTION crm.counterparty_inn_pending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.inn IS NOT DISTINCT FROM OLD.inn THEN RETURN NEW; END IF;
        -- What was found out of one company says nothing of another.
        IF OLD.inn IS NOT NULL THEN
            NEW.check_status := 'none';
            NEW.check_status_at := NULL;
            NEW.risk_level := NULL;
            NEW.express_report_document_id := NULL;
        END IF;
    END IF;
    IF NEW.inn IS NULL THEN RETURN NEW; END IF;
    IF NEW.check_status = 'none' AND crm.asks_service('kontur', NEW) THEN
        NEW.check_status := 'pending';
        NEW.check_status_at := now();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER counterparty_inn_pending BEFORE INSERT OR UPDATE OF inn ON crm.counterparty
    FOR EACH ROW EXECUTE FUNCTION crm.counterparty_inn_pending();

-- In the transaction that gives the INN: either both are there or neither.
CREATE FUNCTION crm.counterparty_inn_given() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.inn IS NOT DISTINCT FROM OLD.inn THEN RETURN NULL; END IF;
    IF crm.asks_service('dadata', NEW) THEN
        INSERT INTO ops.job (kind, dedupe_key, record_id, priority, created_by)
        VALUES ('counterparty_autofill', NEW.id || ':' || NEW.inn, NEW.id, 10, NEW.created_by)
        ON CONFLICT (kind, dedupe_key) WHERE status IN ('queued', 'running') DO NOTHING;
    END IF;
    IF crm.asks_service('kontur', NEW) THEN
        INSERT INTO crm.express_report (counterparty_id, inn, requested_by)
        VALUES (NEW.id, NEW.inn, NEW.created_by)
        ON CONFLICT (counterparty_id) DO UPDATE
           SET status = 'queued', inn = excluded.inn, wants_fresh = false, requested_at = now(),
               requested_by = excluded.requested_by, is_green = false, is_yellow = false,
               is_red = false, risk_level = NULL, level_at = NULL, obtained_at = NULL,
               reason = NULL, detail = NULL;
        INSERT INTO ops.job (kind, dedupe_key, record_id, priority, created_by)
        VALUES ('express_report', NEW.id || ':' || NEW.inn, NEW.id, 5, NEW.created_by)
        ON CONFLICT (kind, dedupe_key) WHERE status IN ('queued', 'running') DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER counterparty_inn_given AFTER INSERT OR UPDATE OF inn ON crm.counterparty
    FOR EACH ROW WHEN (NEW.inn IS NOT NULL) EXECUTE FUNCTION crm.counterparty_inn_given();

-- What a register says of the company itself is an event of its own.
ALTER TABLE crm.history_event DROP CONSTRAINT history_event_event_check;
ALTER TABLE crm.history_event ADD CONSTRAINT history_event_event_check CHECK (event IN (
    'created', 'updated', 'status_changed', 'responsible_changed', 'segment_changed',
    'channel_changed', 'customer_status_changed', 'consent_changed', 'comment_added',
    'document_added', 'version_added', 'mail_received', 'merged', 'task_completed',
    'autofilled', 'check_status_changed', 'registry_status_changed', 'observer_added',
    'observer_removed', 'contact_added', 'contact_removed', 'member_added', 'member_removed',
    'group_added', 'group_removed', 'deleted', 'restored', 'unmerged'));

INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('history.event', 'registry_status_changed', 'Статус по реестру изменён',
     'Registry status changed', 28);

INSERT INTO ops.schedule (name, kind, expression, next_run_at) VALUES
    ('counterparty_autofill',  'counterparty_autofill',  '30 2 * * *', now()),
    ('counterparty_refresh',   'counterparty_refresh',   '0 3 * * *', now()),
    ('express_report_recheck', 'express_report_recheck', '0 4 * * *', now()),
    ('metrica_source_sync',    'metrica_source_sync',    '0 0 */6 * * *', now());
