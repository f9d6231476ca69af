-- 0035 A title costs what its kind does: before, each call set up those of eleven kinds. Whose tasks
-- need one is decided by 0039.
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
