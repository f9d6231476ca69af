-- 0030 A card is filled from Kontur.Focus where DaData is off (store/operations/queue_autofill.h):
-- the job is made if either may be asked. While DaData is on its setting for imports decides.

CREATE OR REPLACE FUNCTION crm.counterparty_inn_given() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.inn IS NOT DISTINCT FROM OLD.inn THEN RETURN NULL; END IF;
    IF crm.asks_service(CASE WHEN EXISTS (SELECT FROM ops.service_switch AS s
                                           WHERE s.service = 'dadata' AND s.is_on)
                             THEN 'dadata' ELSE 'kontur' END, NEW) THEN
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

-- Answers of Kontur.Focus are kept under the INN alone, whatever OGRN the card had then: of several
-- the newest, so that none is bought again.
DELETE FROM ops.service_answer AS a
 WHERE a.service = 'kontur'
   AND EXISTS (SELECT FROM ops.service_answer AS newer
                WHERE newer.service = a.service AND newer.method = a.method
                  AND split_part(newer.subject, '/', 1) = split_part(a.subject, '/', 1)
                  AND (coalesce(newer.obtained_at, '-infinity'), newer.subject)
                      > (coalesce(a.obtained_at, '-infinity'), a.subject));
UPDATE ops.service_answer SET subject = split_part(subject, '/', 1)
 WHERE service = 'kontur' AND subject LIKE '%/%';
