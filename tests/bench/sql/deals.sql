-- 100,000 deals (:deals of them) with everything a list shows, 5,000 customers, twenty managers.
BEGIN;
INSERT INTO crm.user (login, last_name, kind)
SELECT 'manager' || i, 'Manager ' || i, 'employee' FROM generate_series(1, 20) AS i;
CREATE TEMP TABLE customer ON COMMIT DROP AS
SELECT i, nextval(pg_get_serial_sequence('crm.record', 'id')) AS id FROM generate_series(1, 5000) AS i;
INSERT INTO crm.record (id, kind) SELECT id, 'counterparty' FROM customer;
INSERT INTO crm.counterparty (id, name, name_key)
SELECT id, 'ООО «Компания ' || i || '»', 'КОМПАНИЯ ' || i FROM customer;
CREATE TEMP TABLE sale ON COMMIT DROP AS
SELECT i, nextval(pg_get_serial_sequence('crm.record', 'id')) AS id FROM generate_series(1, :deals) AS i;
INSERT INTO crm.record (id, kind) SELECT id, 'deal' FROM sale;
INSERT INTO crm.deal (id, name, status, closed_at, amount, description, counterparty_id, company_text,
                      responsible_id, date_received, site_email)
SELECT s.id, 'Сделка ' || s.i, status, CASE WHEN status IN ('completed', 'rejected') THEN now() END,
       s.i * 37 % 1000000 / 100.0, repeat('Комментарий к сделке. ', 1 + s.i % 8), c.id, c_text,
       u.id, timestamptz '2024-01-01' + s.i * interval '5 minutes', 'user' || s.i || '@company.example'
  FROM sale s
 CROSS JOIN LATERAL (SELECT (ARRAY['new', 'first_contact', 'needs_assessment', 'presentation',
                                   'proposal', 'prototype', 'decision', 'completed', 'paused',
                                   'rejected'])[1 + s.i % 10] AS status,
                            'ООО «Компания ' || s.i % 5000 || '»' AS c_text) AS made
  JOIN customer c ON c.i = 1 + s.i % 5000
  JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM crm.user WHERE login LIKE 'manager%') u
    ON u.n = 1 + s.i % 20;
COMMIT;
VACUUM ANALYZE;
