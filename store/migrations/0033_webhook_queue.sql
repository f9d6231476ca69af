-- 0033 What of a webhook's queue is tried later, read by itself (store/webhook_queue.cpp): the index
-- over subjects was used by the webhook alone, so that each event due cost a look at all that wait
-- and at what had been delivered since the last vacuum.
CREATE INDEX webhook_delivery_later_idx ON ops.webhook_delivery (webhook_id, next_attempt_at)
    WHERE status = 'queued';
DROP INDEX ops.webhook_delivery_subject_idx;
