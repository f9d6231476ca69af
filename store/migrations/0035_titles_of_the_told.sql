-- 0035 What a mail costs in words: titles are made for those who are told of something, in their
-- language, and of the kind a record is; before, each task paid for both and for all kinds.
CREATE OR REPLACE FUNCTION crm.record_title(about bigint, language text) RETURNS text LANGUAGE plpgsql STABLE
AS $$
DECLARE
    en CONSTANT boolean := language = 'en';
    of_kind CONSTANT text := (SELECT r.kind FROM crm.record r WHERE r.id = about);
BEGIN
    IF of_kind = 'lead' THEN
        RETURN (SELECT CASE WHEN en THEN 'Lead No. ' ELSE 'Лид №' END || e.number || ': ' || e.name
                FROM crm.lead e WHERE e.id = about);
    ELSIF of_kind = 'deal' THEN
        RETURN (SELECT CASE WHEN en THEN 'Deal No. ' ELSE 'Сделка №' END || e.number || ': ' || e.name
                FROM crm.deal e WHERE e.id = about);
    ELSIF of_kind = 'order' THEN
        RETURN (SELECT CASE WHEN en THEN 'Order No. ' ELSE 'Заказ №' END || e.number
                FROM crm.order e WHERE e.id = about);
    ELSIF of_kind = 'payment' THEN
        RETURN (SELECT CASE WHEN en THEN 'Payment No. ' ELSE 'Платеж №' END || e.number
                FROM crm.payment e WHERE e.id = about);
    ELSIF of_kind = 'contract' THEN
        RETURN (SELECT CASE WHEN en THEN 'Contract No. ' ELSE 'Договор №' END || e.number
                FROM crm.contract e WHERE e.id = about);
    ELSIF of_kind = 'agreement' THEN
        RETURN (SELECT CASE WHEN en THEN 'Agreement No. ' ELSE 'Доп. соглашение №' END || e.number
                FROM crm.agreement e WHERE e.id = about);
    ELSIF of_kind = 'assignment' THEN
        RETURN (SELECT CASE WHEN en THEN 'Assignment: ' ELSE 'Поручение: ' END || e.title
                FROM crm.assignment e WHERE e.id = about);
    ELSIF of_kind = 'support_request' THEN
        RETURN (SELECT CASE WHEN en THEN 'Request SD-' ELSE 'Заявка SD-' END || e.number || ': '
                       || e.subject FROM crm.support_request e WHERE e.id = about);
    ELSIF of_kind = 'counterparty' THEN
        RETURN (SELECT e.name FROM crm.counterparty e WHERE e.id = about);
    ELSIF of_kind = 'contact' THEN
        RETURN (SELECT e.full_name FROM crm.contact e WHERE e.id = about);
    ELSIF of_kind = 'activity' THEN
        RETURN (SELECT coalesce(nullif(e.topic, '') || ' — ', '')
                       || coalesce(crm.record_title(e.parent_record_id, language), '')
                FROM crm.activity e WHERE e.id = about);
    END IF;
    RETURN CASE WHEN en THEN 'record ' ELSE 'запись ' END || about;
END $$;

-- All tasks of a statement at once: the ways of a person are found once an event, a title is made
-- once a task and language, and only where somebody reads it.
CREATE OR REPLACE FUNCTION crm.tell_assignees() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH asked AS MATERIALIZED (
        SELECT n.id, n.record_id, n.assignee_user_id, n.assignee_group_id, m.created_by AS actor,
               CASE n.kind WHEN 'take_to_work' THEN 'take_to_work' ELSE 'task_assigned' END AS event,
               n.title_ru, n.title_en
        FROM made n
        LEFT JOIN LATERAL (SELECT l.created_by, l.origin FROM crm.lead l WHERE l.id = n.record_id
                           UNION ALL
                           SELECT d.created_by, d.origin FROM crm.deal d
                           WHERE d.id = n.record_id) AS m ON true
        WHERE n.status = 'active' AND m.origin IS DISTINCT FROM 'import'),
    members AS MATERIALIZED (
        SELECT g.the_group, u.id
        FROM (SELECT DISTINCT a.assignee_group_id AS the_group FROM asked a
              WHERE a.assignee_group_id IS NOT NULL OFFSET 0) AS g
        CROSS JOIN LATERAL unnest(crm.members_of(g.the_group)) AS u (id)),
    told AS MATERIALIZED (
        SELECT a.*, coalesce(u.id, a.assignee_user_id) AS user_id
        FROM asked a LEFT JOIN members u ON u.the_group = a.assignee_group_id
        WHERE coalesce(u.id, a.assignee_user_id) IS DISTINCT FROM a.actor),
    reached AS MATERIALIZED (
        SELECT d.event, p.id, CASE p.language WHEN 'en' THEN e.text_en ELSE e.text_ru END AS words,
               p.language = 'en' AS is_en, w.inbox, w.ways
        FROM (SELECT DISTINCT t.event, t.user_id FROM told t) AS d
        JOIN crm.notification_event e ON e.code = d.event AND e.is_active
        JOIN crm.user p ON p.id = d.user_id AND p.is_active AND p.kind = 'employee'
        CROSS JOIN LATERAL crm.ways_to(p, e, NULL) AS w
        WHERE w.inbox OR w.ways <> '{}'),
    named AS MATERIALIZED (
        SELECT n.id, n.is_en,
               CASE WHEN n.record_id IS NOT NULL
                    THEN crm.record_title(n.record_id, CASE WHEN n.is_en THEN 'en' ELSE 'ru' END)
                    WHEN n.is_en THEN n.title_en ELSE n.title_ru END AS title
        FROM (SELECT DISTINCT t.id, r.is_en, t.record_id, t.title_ru, t.title_en
              FROM told t JOIN reached r ON r.event = t.event AND r.id = t.user_id) AS n)
    INSERT INTO crm.notification (user_id, event, record_id, text, in_inbox, ways)
    SELECT r.id, t.event, t.record_id,
           left(replace(r.words, '%', n.title), 1000),
           r.inbox, r.ways
    FROM told t JOIN reached r ON r.event = t.event AND r.id = t.user_id
    JOIN named n ON n.id = t.id AND n.is_en = r.is_en
    ORDER BY t.id, r.id;
    RETURN NULL;
END $$;
