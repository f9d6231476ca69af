-- 0041 The watch list of Kontur.Focus (store/operations/watch_list.h), batches of reports that end
-- before their time, and an index for the reports that are asked for again.

-- Companies of whose changes the service is to tell, as far as it was told of them.
CREATE TABLE ops.watched_party (
    inn           text        PRIMARY KEY,
    settings      text        NOT NULL,   -- of ops.service_switch: another key has another list
    is_recognised boolean     NOT NULL,   -- by the service
    told_at       timestamptz NOT NULL DEFAULT now()
);
-- Whose changes until when were asked for; null: nobody is watched yet.
ALTER TABLE ops.service_switch ADD watched_through date;

INSERT INTO ops.schedule (name, kind, expression, next_run_at) VALUES
    ('counterparty_watch', 'counterparty_watch', '30 6 * * *', now());

-- Nobody works on what a batch had begun and will not end: such a report is what it was before.
CREATE FUNCTION ops.report_batch_broken_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.express_report AS r
       SET status = CASE WHEN r.obtained_at IS NULL THEN 'failed' ELSE 'ready' END,
           reason = CASE WHEN r.obtained_at IS NULL THEN 'batch_' || NEW.status END,
           detail = NULL, wants_fresh = false
      FROM ops.report_batch_item AS i
     WHERE i.job_id = NEW.id AND i.state = 'pending' AND r.counterparty_id = i.counterparty_id
       AND r.status IN ('queued', 'running')
       AND NOT EXISTS (SELECT FROM ops.job AS j
                        WHERE j.record_id = r.counterparty_id AND j.kind = 'express_report'
                          AND j.status IN ('queued', 'running'))
       AND NOT EXISTS (SELECT FROM ops.report_batch_item AS n JOIN ops.job AS j ON j.id = n.job_id
                        WHERE n.counterparty_id = r.counterparty_id AND n.state = 'pending'
                          AND n.job_id <> NEW.id AND j.status IN ('queued', 'running'));
    RETURN NULL;
END
$$;
CREATE TRIGGER report_batch_broken_off AFTER UPDATE OF status ON ops.job
    FOR EACH ROW WHEN (NEW.kind = 'express_report_batch' AND NEW.status IN ('canceled', 'failed'))
    EXECUTE FUNCTION ops.report_batch_broken_off();
-- Batches canceled before this.
UPDATE crm.express_report AS r
   SET status = CASE WHEN r.obtained_at IS NULL THEN 'failed' ELSE 'ready' END,
       reason = CASE WHEN r.obtained_at IS NULL THEN 'batch_canceled' END,
       detail = NULL, wants_fresh = false
 WHERE r.status IN ('queued', 'running')
   AND EXISTS (SELECT FROM ops.report_batch_item AS i JOIN ops.job AS j ON j.id = i.job_id
                WHERE i.counterparty_id = r.counterparty_id AND i.state = 'pending'
                  AND j.status IN ('canceled', 'failed'))
   AND NOT EXISTS (SELECT FROM ops.report_batch_item AS i JOIN ops.job AS j ON j.id = i.job_id
                    WHERE i.counterparty_id = r.counterparty_id AND i.state = 'pending'
                      AND j.status IN ('queued', 'running'))
   AND NOT EXISTS (SELECT FROM ops.job AS j
                    WHERE j.record_id = r.counterparty_id AND j.kind = 'express_report'
                      AND j.status IN ('queued', 'running'));

-- Since when a report is as it is, in the words of store/operations/express_report.cpp.
DROP INDEX crm.express_report_age_idx;
CREATE INDEX express_report_due_idx ON crm.express_report
    ((CASE status WHEN 'not_found' THEN requested_at ELSE coalesce(obtained_at, requested_at) END))
    WHERE status IN ('ready', 'failed', 'not_found');
