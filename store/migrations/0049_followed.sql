-- 0049 What follows from other rows without a writer's help: when a customer was spoken to last and
-- is to be reminded of (R-108, R-109), and events of tasks and of comments that the database makes
-- (domain.md 16).

-- Everything whose activities are those of the customer: the kinds of crm.counterparty_of.
CREATE FUNCTION crm.records_of_customer(customer bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE AS $$
    SELECT customer
    UNION ALL SELECT e.id FROM crm.deal e
               WHERE e.counterparty_id = customer AND e.deleted_at IS NULL
    UNION ALL SELECT e.id FROM crm.lead e
               WHERE e.counterparty_id = customer AND e.deleted_at IS NULL
    UNION ALL SELECT e.id FROM crm.contact e
               WHERE e.counterparty_id = customer AND e.deleted_at IS NULL
    UNION ALL SELECT e.id FROM crm.support_request e
               WHERE e.counterparty_id = customer AND e.deleted_at IS NULL
    UNION ALL SELECT e.id FROM crm.order e
               WHERE e.counterparty_id = customer AND e.deleted_at IS NULL
    UNION ALL SELECT e.id FROM crm.payment e
               WHERE e.counterparty_id = customer AND e.deleted_at IS NULL
    UNION ALL SELECT e.id FROM crm.contract e
               WHERE e.counterparty_id = customer AND e.deleted_at IS NULL
    UNION ALL SELECT e.id FROM crm.agreement e
               WHERE e.counterparty_id = customer AND e.deleted_at IS NULL
$$;

-- What is contact: a comment, or what has been done of the others, unless anybody may have written
-- it. Of comments those of people: see crm.is_told.
CREATE FUNCTION crm.is_contact(type text, status text, link_grade text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT link_grade IS DISTINCT FROM 'claimed'
           AND (type = 'comment' OR type IN ('call', 'meeting', 'email') AND status = 'completed')
$$;
CREATE FUNCTION crm.is_open_reminder(type text, status text, reminded_at timestamptz)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT type = 'reminder' AND status = 'planned' AND reminded_at IS NULL
$$;

CREATE INDEX activity_record_reminder_idx ON crm.activity (parent_record_id, remind_at)
    WHERE type = 'reminder' AND status = 'planned' AND reminded_at IS NULL AND deleted_at IS NULL;
CREATE INDEX outbound_message_contact_at_idx ON crm.outbound_message (counterparty_id, sent_at)
    WHERE sent_at IS NOT NULL AND purpose IN ('service', 'support_reply');

-- Both times of these customers, counted from what there is: of each record its newest contact and
-- its nearest reminder, by index. The customers are held first, so that the count sees what those
-- who held them before have written. Search keys, not content: row_version stays.
CREATE FUNCTION crm.recount_contacts(customers bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM crm.counterparty c WHERE c.id = ANY (customers) ORDER BY c.id
        FOR NO KEY UPDATE;
    UPDATE crm.counterparty c SET last_contact_at = x.contact, next_reminder_at = x.reminder
    FROM (SELECT k.id, greatest(max(spoken.at), max(sent.at)) AS contact, min(due.at) AS reminder
          FROM unnest(customers) AS k (id)
          CROSS JOIN LATERAL crm.records_of_customer(k.id) AS r (id)
          LEFT JOIN LATERAL (
              SELECT a.activity_date AS at FROM crm.activity a
              WHERE a.parent_record_id = r.id AND a.deleted_at IS NULL
                AND a.activity_date <= now() AND crm.is_contact(a.type, a.status, a.link_grade)
                AND NOT EXISTS (SELECT FROM crm.comment m
                                WHERE m.id = a.comment_id AND m.source IN ('merge', 'system'))
              ORDER BY a.activity_date DESC, a.id DESC LIMIT 1) AS spoken ON true
          LEFT JOIN LATERAL (
              SELECT a.remind_at AS at FROM crm.activity a
              WHERE a.parent_record_id = r.id AND a.type = 'reminder' AND a.status = 'planned'
                AND a.reminded_at IS NULL AND a.deleted_at IS NULL
              ORDER BY a.remind_at LIMIT 1) AS due ON true
          LEFT JOIN LATERAL (
              SELECT o.sent_at AS at FROM crm.outbound_message o
              WHERE r.id = k.id AND o.counterparty_id = k.id AND o.sent_at IS NOT NULL
                AND o.purpose IN ('service', 'support_reply')
              ORDER BY o.sent_at DESC LIMIT 1) AS sent ON true
          GROUP BY k.id) AS x
    WHERE c.id = x.id AND (c.last_contact_at IS DISTINCT FROM x.contact
                           OR c.next_reminder_at IS DISTINCT FROM x.reminder);
END $$;

-- What comes can only move the two forward: nothing is counted.
CREATE OR REPLACE FUNCTION crm.follow_activities() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.counterparty c SET last_contact_at = x.at
    FROM (SELECT crm.counterparty_of(n.parent_record_id) AS id, max(n.activity_date) AS at
          FROM touched n
          WHERE n.deleted_at IS NULL AND n.activity_date <= now()
            AND crm.is_contact(n.type, n.status, n.link_grade)
            AND (n.comment_id IS NULL
                 OR NOT EXISTS (SELECT FROM crm.comment m
                                WHERE m.id = n.comment_id AND m.source IN ('merge', 'system')))
          GROUP BY 1) x
    WHERE c.id = x.id AND (c.last_contact_at IS NULL OR c.last_contact_at < x.at);
    IF EXISTS (SELECT FROM touched n WHERE n.type = 'reminder') THEN
        UPDATE crm.counterparty c SET next_reminder_at = x.at
        FROM (SELECT crm.counterparty_of(n.parent_record_id) AS id, min(n.remind_at) AS at
              FROM touched n
              WHERE n.deleted_at IS NULL
                AND crm.is_open_reminder(n.type, n.status, n.reminded_at)
              GROUP BY 1) x
        WHERE c.id = x.id AND (c.next_reminder_at IS NULL OR c.next_reminder_at > x.at);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION crm.follow_changed_activities() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    customers bigint[];
BEGIN
    SELECT array_agg(DISTINCT v.id) INTO customers
    FROM (SELECT o.parent_record_id AS was_on, n.parent_record_id AS is_on,
                 CASE WHEN o.deleted_at IS NULL AND crm.is_contact(o.type, o.status, o.link_grade)
                      THEN o.activity_date END AS was_spoken,
                 CASE WHEN n.deleted_at IS NULL AND crm.is_contact(n.type, n.status, n.link_grade)
                      THEN n.activity_date END AS is_spoken,
                 CASE WHEN o.deleted_at IS NULL
                           AND crm.is_open_reminder(o.type, o.status, o.reminded_at)
                      THEN o.remind_at END AS was_due,
                 CASE WHEN n.deleted_at IS NULL
                           AND crm.is_open_reminder(n.type, n.status, n.reminded_at)
                      THEN n.remind_at END AS is_due
          FROM former o JOIN touched n ON n.id = o.id) AS e
    CROSS JOIN LATERAL (VALUES (crm.counterparty_of(e.was_on)),
                               (crm.counterparty_of(e.is_on))) AS v (id)
    WHERE v.id IS NOT NULL
      AND (e.was_spoken IS DISTINCT FROM e.is_spoken OR e.was_due IS DISTINCT FROM e.is_due
           OR e.was_on <> e.is_on AND num_nonnulls(e.is_spoken, e.is_due) > 0);
    IF customers IS NOT NULL THEN
        PERFORM crm.recount_contacts(customers);
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER activity_updated ON crm.activity;
CREATE TRIGGER activity_updated AFTER UPDATE ON crm.activity
    REFERENCING OLD TABLE AS former NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_changed_activities();

-- A record goes to another customer, is deleted or comes back: its activities with it. A new one
-- has none yet.
CREATE FUNCTION crm.follow_customer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    customers bigint[];
BEGIN
    SELECT array_agg(DISTINCT v.id) INTO customers
    FROM former o JOIN touched n ON n.id = o.id
    CROSS JOIN LATERAL (VALUES (o.counterparty_id), (n.counterparty_id)) AS v (id)
    WHERE v.id IS NOT NULL
      AND (o.counterparty_id IS DISTINCT FROM n.counterparty_id
           OR (o.deleted_at IS NULL) <> (n.deleted_at IS NULL));
    IF customers IS NOT NULL THEN
        PERFORM crm.recount_contacts(customers);
    END IF;
    RETURN NULL;
END $$;
DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['deal', 'lead', 'contact', 'support_request', 'order', 'payment',
                                'contract', 'agreement'] LOOP
        EXECUTE format('CREATE TRIGGER customer_followed AFTER UPDATE ON crm.%I'
                       ' REFERENCING OLD TABLE AS former NEW TABLE AS touched'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_customer()', kind);
    END LOOP;
END $$;

-- By a merge of customers. What is sent is noted row by row (0032).
CREATE FUNCTION crm.follow_moved_messages() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    customers bigint[];
BEGIN
    SELECT array_agg(DISTINCT v.id) INTO customers
    FROM former o JOIN touched n ON n.id = o.id
    CROSS JOIN LATERAL (VALUES (o.counterparty_id), (n.counterparty_id)) AS v (id)
    WHERE v.id IS NOT NULL AND n.sent_at IS NOT NULL
      AND o.counterparty_id IS DISTINCT FROM n.counterparty_id;
    IF customers IS NOT NULL THEN
        PERFORM crm.recount_contacts(customers);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbound_message_moved AFTER UPDATE ON crm.outbound_message
    REFERENCING OLD TABLE AS former NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_moved_messages();

-- Tasks that the service opens and closes are told as those that people make; Records writes the
-- history of kind custom itself, but for what is canceled with its record.
CREATE FUNCTION crm.tell_opened_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm.history_event (record_key, record_kind, event, actor_id, origin)
    SELECT n.id::text, 'task', 'created', n.created_by, 'system'
    FROM made n WHERE n.kind <> 'custom' ORDER BY n.id;
    RETURN NULL;
END $$;
CREATE TRIGGER task_opened AFTER INSERT ON crm.task REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION crm.tell_opened_tasks();

CREATE FUNCTION crm.tell_changed_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm.history_event (record_key, record_kind, event, changes, actor_id, task_id,
                                   outcome, origin)
    SELECT n.id::text, 'task',
           CASE WHEN n.status <> 'completed' OR o.status = n.status THEN 'updated'
                ELSE 'task_completed' END,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('field', f.field, 'old', f.old,
                                                         'new', f.new) ORDER BY f.field), '[]')
            FROM (VALUES ('status', to_jsonb(o.status), to_jsonb(n.status)),
                         ('title_ru', to_jsonb(o.title_ru), to_jsonb(n.title_ru)),
                         ('title_en', to_jsonb(o.title_en), to_jsonb(n.title_en)),
                         ('record_id', to_jsonb(o.record_id), to_jsonb(n.record_id)),
                         ('due_at', to_jsonb(o.due_at), to_jsonb(n.due_at))) AS f (field, old, new)
            WHERE f.old IS DISTINCT FROM f.new),
           n.completed_by, CASE WHEN n.status = 'completed' THEN n.id END, n.outcome, 'system'
    FROM former o JOIN made n ON n.id = o.id
    WHERE (o.status, o.title_ru, o.title_en, o.record_id, o.due_at)
              IS DISTINCT FROM (n.status, n.title_ru, n.title_en, n.record_id, n.due_at)
      AND NOT (n.kind = 'custom' AND n.status = 'completed' AND o.status <> 'completed')
    ORDER BY n.id;
    RETURN NULL;
END $$;
CREATE TRIGGER task_changed AFTER UPDATE ON crm.task
    REFERENCING OLD TABLE AS former NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION crm.tell_changed_tasks();

-- A call among the comments (0026) is told as any comment is: added to its record, changed and
-- deleted by itself.
CREATE OR REPLACE FUNCTION crm.show_call() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    former text;
    shown  crm.comment;
BEGIN
    IF NEW.deleted_at IS NOT NULL OR NEW.status <> 'completed' THEN
        UPDATE crm.comment SET deleted_at = now(), updated_at = now(),
               updated_by = NEW.updated_by, row_version = row_version + 1
        WHERE activity_id = NEW.id AND source = 'call' AND deleted_at IS NULL
        RETURNING * INTO shown;
        IF FOUND THEN
            INSERT INTO crm.history_event (record_key, record_kind, event, changes, actor_id,
                                           version, origin)
            VALUES (shown.id::text, 'comment', 'deleted',
                    jsonb_build_array(jsonb_build_object(
                        'field', 'deleted_at', 'old', null, 'new', shown.deleted_at)),
                    NEW.updated_by, shown.row_version, NEW.origin);
        END IF;
        RETURN NULL;
    END IF;
    SELECT c.text INTO former FROM crm.comment c
    WHERE c.activity_id = NEW.id AND c.source = 'call' AND c.deleted_at IS NULL;
    INSERT INTO crm.comment AS c (record_id, text, author_contact_id, is_internal, source,
                                  activity_id, created_at, created_by, updated_by)
    VALUES (NEW.parent_record_id,
            crm.call_text(NEW.topic, NEW.text, NEW.result, NEW.phone_number),
            CASE WHEN NEW.direction IS DISTINCT FROM 'out' THEN NEW.contact_id END, true, 'call',
            NEW.id, NEW.activity_date, NEW.created_by, NEW.updated_by)
    ON CONFLICT (activity_id) WHERE source = 'call' AND deleted_at IS NULL
    DO UPDATE SET text = excluded.text, author_contact_id = excluded.author_contact_id,
                  created_at = excluded.created_at, updated_at = now(),
                  updated_by = excluded.updated_by, row_version = c.row_version + 1
    RETURNING * INTO shown;
    IF shown.row_version = 1 THEN
        INSERT INTO crm.history_event (record_id, record_kind, event, changes, actor_id, origin)
        SELECT shown.record_id, r.kind, 'comment_added',
               jsonb_build_array(jsonb_build_object('field', 'comment', 'old', null,
                                                    'new', shown.id)),
               NEW.created_by, NEW.origin
        FROM crm.record r WHERE r.id = shown.record_id;
    ELSE
        INSERT INTO crm.history_event (record_key, record_kind, event, changes, actor_id, version,
                                       origin)
        VALUES (shown.id::text, 'comment', 'updated',
                CASE WHEN former IS DISTINCT FROM shown.text
                     THEN jsonb_build_array(jsonb_build_object('field', 'text', 'old', former,
                                                               'new', shown.text))
                     ELSE '[]' END,
                NEW.updated_by, shown.row_version, NEW.origin);
    END IF;
    RETURN NULL;
END $$;
