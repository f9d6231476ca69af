-- 0045 An express report whose job ended before it, as one of a batch since 0041: canceled by somebody,
-- or given up after daemons that died with it. And which attempt a call was.

ALTER TABLE ops.service_call ADD attempt integer NOT NULL DEFAULT 1;

-- Nobody works on it: it is what it was before, and its card waits no more, which its history tells.
CREATE FUNCTION ops.end_broken_report(customer bigint, why text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- The card before its report, as whoever makes one locks them.
    PERFORM FROM crm.counterparty WHERE id = customer FOR NO KEY UPDATE;
    UPDATE crm.express_report AS r
       SET status = CASE WHEN r.obtained_at IS NULL THEN 'failed' ELSE 'ready' END,
           reason = CASE WHEN r.obtained_at IS NULL THEN why END,
           detail = NULL, wants_fresh = false
     WHERE r.counterparty_id = customer AND r.status IN ('queued', 'running')
       AND NOT EXISTS (SELECT FROM ops.job AS j
                        WHERE j.record_id = r.counterparty_id AND j.kind = 'express_report'
                          AND j.status IN ('queued', 'running'))
       AND NOT EXISTS (SELECT FROM ops.report_batch_item AS n JOIN ops.job AS j ON j.id = n.job_id
                        WHERE n.counterparty_id = r.counterparty_id AND n.state = 'pending'
                          AND j.status IN ('queued', 'running'));
    IF NOT FOUND THEN RETURN; END IF;
    WITH waiting AS (
        UPDATE crm.counterparty
           SET check_status = 'failed', check_status_at = now(), updated_at = now(),
               row_version = row_version + 1
         WHERE id = customer AND check_status = 'pending' AND deleted_at IS NULL
        RETURNING id, row_version)
    INSERT INTO crm.history_event (record_id, record_kind, event, changes, version, origin)
    SELECT id, 'counterparty', 'check_status_changed',
           jsonb_build_array(jsonb_build_object('field', 'check_status', 'old', 'pending',
                                                'new', 'failed')),
           row_version, 'job'
      FROM waiting;
END
$$;

CREATE FUNCTION ops.express_report_broken_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IN ('canceled', 'failed') THEN
        PERFORM ops.end_broken_report(NEW.record_id, 'job_' || NEW.status);
    ELSIF OLD.status IN ('canceled', 'failed') THEN
        -- Put back: it is asked for after all, unless another one got it meanwhile.
        UPDATE crm.express_report
           SET status = 'queued', requested_at = now(), wants_fresh = true
         WHERE counterparty_id = NEW.record_id AND status = 'ready'
           AND obtained_at < OLD.finished_at;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER express_report_broken_off AFTER UPDATE OF status ON ops.job
    FOR EACH ROW WHEN (NEW.kind = 'express_report' AND NEW.record_id IS NOT NULL
                       AND NEW.status IN ('canceled', 'failed', 'queued'))
    EXECUTE FUNCTION ops.express_report_broken_off();

-- Those of before.
SELECT ops.end_broken_report(r.counterparty_id, 'job_canceled')
  FROM crm.express_report AS r WHERE r.status IN ('queued', 'running');

-- The nightly statements of store/operations/queue_autofill.cpp read what is due, not whole tables.
CREATE INDEX counterparty_fact_age_idx ON crm.counterparty_fact (obtained_at);
CREATE INDEX counterparty_missing_idx ON crm.counterparty (id)
    WHERE inn IS NOT NULL AND deleted_at IS NULL
      AND (full_name IS NULL OR ogrn IS NULL OR juridical_address IS NULL
           OR registry_status IS NULL);
