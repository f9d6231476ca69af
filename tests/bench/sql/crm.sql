-- A CRM grown to :customers customers, each with three deals, a contact, ten activities and twenty
-- history rows; what is there already stays (run it again with a larger number to grow further).
-- Twenty managers hold them in turn. Triggers and foreign keys are not paid for: what they keep is
-- written here.
SET session_replication_role = replica;
SET synchronous_commit = off;
BEGIN;
INSERT INTO crm.user (login, last_name, kind)
SELECT 'manager' || i, 'Менеджер ' || i, 'employee' FROM generate_series(1, 20) AS i
    ON CONFLICT DO NOTHING;
INSERT INTO crm.group_member (group_id, user_id)
SELECT 'crm-manager', id FROM crm.user WHERE login LIKE 'manager%'
    ON CONFLICT DO NOTHING;
CREATE TEMP TABLE manager ON COMMIT DROP AS
SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM crm.user WHERE login LIKE 'manager%';

CREATE TEMP TABLE customer ON COMMIT DROP AS
SELECT i, nextval(pg_get_serial_sequence('crm.record', 'id')) AS id, m.id AS manager_id,
       format('ООО «%s %s %s»', (ARRAY['Альфа', 'Вега', 'Север', 'Ромашка', 'Каскад', 'Меридиан',
                                       'Орион', 'Прогресс', 'Лидер', 'Восток'])[1 + i % 10],
              (ARRAY['Строй', 'Торг', 'Сервис', 'Проект', 'Металл', 'Логистика', 'Инвест', 'Софт',
                     'Пром', 'Агро', 'Энерго'])[1 + i % 11], i) AS name
  FROM generate_series(1 + (SELECT count(*) FROM crm.counterparty)::integer, :customers) AS i
  JOIN manager m ON m.n = i % 20;
INSERT INTO crm.record (id, kind) SELECT id, 'counterparty' FROM customer;
INSERT INTO crm.counterparty (id, name, name_key, inn, phone, email, responsible_id, last_contact_at)
SELECT id, name, upper(name), lpad((7700000000 + i)::text, 10, '0'), '+7495' || lpad(i::text, 7, '0'),
       'info@customer' || i || '.example', manager_id, now() - i % 400 * interval '1 day'
  FROM customer;
INSERT INTO crm.record_phone (record_id, source_field, raw, e164)
SELECT id, 'phone', '8 (495) ' || lpad(i::text, 7, '0'), '+7495' || lpad(i::text, 7, '0')
  FROM customer;

CREATE TEMP TABLE person ON COMMIT DROP AS
SELECT c.i, c.id AS customer_id, nextval(pg_get_serial_sequence('crm.record', 'id')) AS id
  FROM customer c;
INSERT INTO crm.record (id, kind) SELECT id, 'contact' FROM person;
INSERT INTO crm.contact (id, counterparty_id, full_name, email, is_main)
SELECT id, customer_id, 'Иванова Анна ' || i, 'anna@customer' || i || '.example', true FROM person;

CREATE TEMP TABLE sale ON COMMIT DROP AS
SELECT c.i * 3 + n AS i, c.id AS customer_id, c.manager_id, c.name AS customer,
       nextval(pg_get_serial_sequence('crm.record', 'id')) AS id
  FROM customer c, generate_series(0, 2) AS n;
INSERT INTO crm.record (id, kind) SELECT id, 'deal' FROM sale;
INSERT INTO crm.deal (id, name, status, closed_at, amount, description, counterparty_id, company_text,
                      responsible_id, date_received, site_email)
SELECT s.id, 'Сделка ' || s.i, status, CASE WHEN status IN ('completed', 'rejected') THEN now() END,
       s.i * 37 % 1000000 / 100.0, repeat('Комментарий к сделке. ', 1 + s.i % 8), s.customer_id,
       s.customer, s.manager_id, timestamptz '2024-01-01' + s.i * interval '3 minutes',
       'user' || s.i || '@company.example'
  FROM sale s
 CROSS JOIN LATERAL (SELECT (ARRAY['new', 'first_contact', 'needs_assessment', 'presentation',
                                   'proposal', 'prototype', 'decision', 'completed', 'paused',
                                   'rejected'])[1 + s.i % 10] AS status) AS made;

CREATE TEMP TABLE talk ON COMMIT DROP AS
SELECT c.i * 10 + n AS i, CASE WHEN n < 4 THEN c.id ELSE s.id END AS parent_id, c.manager_id,
       nextval(pg_get_serial_sequence('crm.record', 'id')) AS id
  FROM customer c CROSS JOIN generate_series(0, 9) AS n
  JOIN sale s ON s.i = c.i * 3 + n % 3;
INSERT INTO crm.record (id, kind) SELECT id, 'activity' FROM talk;
INSERT INTO crm.activity (id, parent_record_id, type, status, topic, text, activity_date, responsible_id)
SELECT id, parent_id, (ARRAY['call', 'meeting', 'email'])[1 + i % 3],
       CASE WHEN i % 40 = 0 THEN 'planned' ELSE 'completed' END, 'Разговор ' || i,
       repeat('Обсудили условия поставки. ', 1 + i % 4),
       now() - i % 700 * interval '1 day' - i % 86400 * interval '1 second'
           + CASE WHEN i % 40 = 0 THEN interval '701 days' ELSE interval '0' END, manager_id
  FROM talk;

INSERT INTO crm.history_event (record_id, record_kind, event, happened_at, actor_id, changes)
SELECT parent.id, parent.kind, CASE n WHEN 0 THEN 'created' ELSE 'updated' END,
       now() - (20 - n) * interval '1 hour' - parent.i % 400 * interval '1 day', parent.manager_id,
       CASE n WHEN 0 THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
           'field', 'description', 'old', 'Было ' || n - 1, 'new', 'Было ' || n)) END
  FROM (SELECT id, 'counterparty' AS kind, i, manager_id FROM customer
        UNION ALL SELECT id, 'deal', i, manager_id FROM sale) AS parent
 CROSS JOIN generate_series(0, 4) AS n;

INSERT INTO crm.search_document (record_id, kind, number, title, words)
SELECT x.id, x.kind, x.number, x.title,
       setweight(to_tsvector('russian', x.title), 'A') || setweight(to_tsvector('russian', x.body), 'C')
  FROM (SELECT p.id, 'counterparty' AS kind, p.number,
               concat_ws(' ', p.number, translate(p.name, 'ёЁ', 'еЕ'), p.inn) AS title,
               concat_ws(' ', p.phone, p.email) AS body
          FROM crm.counterparty p JOIN customer USING (id)
        UNION ALL
        SELECT d.id, 'deal', d.number, concat_ws(' ', d.number, d.name, d.company_text, d.site_email),
               d.description FROM crm.deal d JOIN sale USING (id)
        UNION ALL
        SELECT a.id, 'activity', NULL, a.topic, a.text FROM crm.activity a JOIN talk USING (id)) AS x;
DELETE FROM ops.board_piece;
INSERT INTO ops.board_piece SELECT * FROM ops.board_counted;
UPDATE ops.search_progress
   SET transaction = pg_current_xact_id(), event = (SELECT last_value FROM crm.history_event_id);
COMMIT;
VACUUM ANALYZE;
