-- 0039 Tasks that assignments, contracts and agreements open by themselves, and those that people
-- make (domain.md 11.1, 14.1, 14.3; R-133 to R-135, R-193). Steps: store/model/task_steps.cpp.
-- Fields: store/model/task.cpp.
ALTER TABLE crm.task ADD COLUMN created_by bigint REFERENCES crm.user;
ALTER TABLE crm.task ALTER COLUMN kind SET DEFAULT 'custom';
CREATE INDEX task_created_by_idx ON crm.task (created_by) WHERE created_by IS NOT NULL;
-- A record asks for one step at a time.
CREATE UNIQUE INDEX task_step_key ON crm.task (record_id)
    WHERE status = 'active'
      AND kind IN ('assignment_execute', 'assignment_clarify', 'assignment_verify',
                   'contract_approve', 'contract_sign');

-- What is open already asks too, and tells nobody: it is no news.
ALTER TABLE crm.task DISABLE TRIGGER task_told;
INSERT INTO crm.task (kind, record_id, title_ru, title_en, assignee_user_id, assignee_group_id,
                      outcomes, due_at)
SELECT s.kind, a.id, s.ru || a.title, s.en || a.title, w.user_id, w.group_id, s.outcomes, a.due_at
FROM crm.assignment a
JOIN (VALUES
    ('created', 'assignment_execute', 'Исполнить поручение: ', 'Carry out: ',
     '[{"id": "clarification", "ru": "На уточнение", "en": "Ask for clarification"},
       {"id": "to_work", "ru": "Взять в работу", "en": "Take to work"},
       {"id": "done", "ru": "Выполнено", "en": "Done"}]'::jsonb),
    ('in_progress', 'assignment_execute', 'Исполнить поручение: ', 'Carry out: ',
     '[{"id": "clarification", "ru": "На уточнение", "en": "Ask for clarification"},
       {"id": "done", "ru": "Выполнено", "en": "Done"}]'),
    ('clarification', 'assignment_clarify', 'Уточнить поручение: ', 'Clarify: ',
     '[{"id": "return_to_work", "ru": "Вернуть в работу", "en": "Return to work"},
       {"id": "close", "ru": "Закрыть", "en": "Close"}]'),
    ('verification', 'assignment_verify', 'Проверить поручение: ', 'Verify: ',
     '[{"id": "return_to_work", "ru": "Вернуть в работу", "en": "Return to work"},
       {"id": "done", "ru": "Выполнено", "en": "Done"}]')
) AS s (status, kind, ru, en, outcomes) ON s.status = a.status
CROSS JOIN LATERAL (SELECT
    CASE s.kind WHEN 'assignment_execute' THEN a.performer_user_id
                WHEN 'assignment_clarify' THEN a.initiator_id
                ELSE a.verifier_id END AS user_id,
    CASE WHEN s.kind = 'assignment_execute' AND a.performer_user_id IS NULL
         THEN a.performer_group_id END AS group_id) AS w
WHERE a.deleted_at IS NULL AND num_nonnulls(w.user_id, w.group_id) = 1;
INSERT INTO crm.task (kind, record_id, title_ru, title_en, assignee_group_id, outcomes)
SELECT s.kind, p.id, s.ru || p.ru || p.number, s.en || p.en || p.number, s.asked, s.outcomes
FROM (SELECT c.id, c.status, c.number, 'договор №' AS ru, 'contract No. ' AS en
      FROM crm.contract c WHERE c.deleted_at IS NULL
      UNION ALL
      SELECT g.id, g.status, g.number, 'доп. соглашение №', 'agreement No. '
      FROM crm.agreement g WHERE g.deleted_at IS NULL) AS p
JOIN (VALUES
    ('approval', 'contract_approve', 'Согласовать ', 'Approve ', 'contracts-accountants',
     '[{"id": "approve", "ru": "Согласовать", "en": "Approve"},
       {"id": "rework", "ru": "На доработку", "en": "Return for rework"}]'::jsonb),
    ('signing', 'contract_sign', 'Подписать ', 'Sign ', 'contracts-directors',
     '[{"id": "sign", "ru": "Подписать", "en": "Sign"},
       {"id": "rework", "ru": "На доработку", "en": "Return for rework"}]')
) AS s (status, kind, ru, en, asked, outcomes) ON s.status = p.status;
ALTER TABLE crm.task ENABLE TRIGGER task_told;

-- Who is asked to decide something, but for the one who asks. Of assignments he is told by
-- crm.tell_of_assignment, and an import tells nobody. All tasks of a statement at once: the ways of a
-- person are found once an event, a title is made once a task and language, and only where somebody
-- reads it.
CREATE OR REPLACE FUNCTION crm.tell_assignees() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH asked AS MATERIALIZED (
        SELECT n.id, n.record_id, n.assignee_user_id, n.assignee_group_id,
               coalesce(n.created_by, m.created_by) AS actor,
               CASE n.kind WHEN 'take_to_work' THEN 'take_to_work' ELSE 'task_assigned' END AS event,
               n.kind, n.title_ru, n.title_en
        FROM made n
        LEFT JOIN LATERAL (SELECT l.created_by, l.origin FROM crm.lead l WHERE l.id = n.record_id
                           UNION ALL
                           SELECT d.created_by, d.origin FROM crm.deal d WHERE d.id = n.record_id
                           UNION ALL
                           SELECT c.created_by, c.origin FROM crm.contract c
                           WHERE c.id = n.record_id AND c.row_version = 1
                             AND n.kind IN ('contract_approve', 'contract_sign')
                           UNION ALL
                           SELECT g.created_by, g.origin FROM crm.agreement g
                           WHERE g.id = n.record_id AND g.row_version = 1
                             AND n.kind IN ('contract_approve', 'contract_sign')) AS m ON true
        WHERE n.status = 'active' AND n.kind NOT LIKE 'assignment\_%'
          AND (n.kind = 'custom' OR m.origin IS DISTINCT FROM 'import')),
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
               CASE WHEN n.kind = 'take_to_work' AND n.record_id IS NOT NULL
                    THEN crm.record_title(n.record_id, CASE WHEN n.is_en THEN 'en' ELSE 'ru' END)
                    WHEN n.is_en THEN n.title_en ELSE n.title_ru END AS title
        FROM (SELECT DISTINCT t.id, r.is_en, t.record_id, t.kind, t.title_ru, t.title_en
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
