-- Sections that an installation adds, and their records. Fields: store/model/section.cpp.
CREATE TABLE crm.section (
    code        text    PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]{0,49}$'),
    name_ru     text    NOT NULL CHECK (name_ru <> ''),
    name_en     text    NOT NULL CHECK (name_en <> ''),
    plural_ru   text    NOT NULL CHECK (plural_ru <> ''),
    plural_en   text    NOT NULL CHECK (plural_en <> ''),
    readers     text    NOT NULL DEFAULT 'everyone'
                CHECK (readers IN ('everyone', 'managers', 'responsible')),
    writers     text    NOT NULL DEFAULT 'responsible' CHECK (writers IN ('everyone', 'responsible')),
    sort_order  integer NOT NULL DEFAULT 0,
    is_active   boolean NOT NULL DEFAULT true,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    row_version integer NOT NULL DEFAULT 1,
    CONSTRAINT section_writers_read_check CHECK (writers <> 'everyone' OR readers = 'everyone')
);
CREATE INDEX section_search_idx ON crm.section USING gin
    ((coalesce(name_ru::text, '') || ' ' || coalesce(name_en::text, '')) gin_trgm_ops);

CREATE TABLE crm.custom (
    id             bigint PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    section_code   text   NOT NULL REFERENCES crm.section,
    name           text   NOT NULL CHECK (name <> ''),
    description    text,
    responsible_id bigint REFERENCES crm.user,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   bigint      REFERENCES crm.user,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    updated_by   bigint      REFERENCES crm.user,
    row_version  integer     NOT NULL DEFAULT 1,  -- ETag; every update adds one
    deleted_at   timestamptz,
    origin       text        NOT NULL DEFAULT 'api'
                 CHECK (origin IN ('api', 'mail', 'job', 'import', 'portal', 'system')),
    external_ids jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(external_ids) = 'object'),
    custom       jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(custom) = 'object')
);
CREATE INDEX custom_section_idx ON crm.custom (section_code, name, id) WHERE deleted_at IS NULL;
CREATE INDEX custom_external_ids_idx ON crm.custom USING gin (external_ids jsonb_path_ops)
    WHERE external_ids <> '{}';
CREATE INDEX custom_responsible_idx ON crm.custom (responsible_id) WHERE responsible_id IS NOT NULL;
CREATE INDEX custom_created_by_idx ON crm.custom (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX custom_search_idx ON crm.custom USING gin ((coalesce(name::text, '')) gin_trgm_ops);

-- A custom field of one section; NULL: of all records of the kind.
ALTER TABLE crm.custom_field_def
    ADD COLUMN section_code text REFERENCES crm.section,
    ADD CONSTRAINT custom_field_def_section_check
        CHECK (section_code IS NULL OR record_kind = 'custom');

INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('section.readers', 'everyone', 'Все сотрудники', 'Every employee', 1),
    ('section.readers', 'managers', 'Менеджеры и ответственный',
     'Managers and the responsible person', 2),
    ('section.readers', 'responsible', 'Ответственный', 'The responsible person', 3),
    ('section.writers', 'everyone', 'Все сотрудники', 'Every employee', 1),
    ('section.writers', 'responsible', 'Ответственный', 'The responsible person', 2);

-- The new kind too.
CREATE OR REPLACE FUNCTION crm.record_is_live(record_id bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE r.kind
        WHEN 'deal' THEN EXISTS (SELECT FROM crm.deal e
                                 WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'lead' THEN EXISTS (SELECT FROM crm.lead e
                                 WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'counterparty' THEN EXISTS (SELECT FROM crm.counterparty e
                                         WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'contact' THEN EXISTS (SELECT FROM crm.contact e
                                    WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'order' THEN EXISTS (SELECT FROM crm.order e
                                  WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'payment' THEN EXISTS (SELECT FROM crm.payment e
                                    WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'contract' THEN EXISTS (SELECT FROM crm.contract e
                                     WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'agreement' THEN EXISTS (SELECT FROM crm.agreement e
                                      WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'support_request' THEN EXISTS (SELECT FROM crm.support_request e
                                            WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'assignment' THEN EXISTS (SELECT FROM crm.assignment e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'legal_entity' THEN EXISTS (SELECT FROM crm.legal_entity e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'own_organisation' THEN EXISTS (SELECT FROM crm.own_organisation e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'personal_account' THEN EXISTS (SELECT FROM crm.personal_account e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'product' THEN EXISTS (SELECT FROM crm.product e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'document' THEN EXISTS (SELECT FROM crm.document e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'folder' THEN EXISTS (SELECT FROM crm.folder e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'correspondence_in' THEN EXISTS (SELECT FROM crm.correspondence_in e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'correspondence_out' THEN EXISTS (SELECT FROM crm.correspondence_out e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'project' THEN EXISTS (SELECT FROM crm.project e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'release' THEN EXISTS (SELECT FROM crm.release e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        WHEN 'custom' THEN EXISTS (SELECT FROM crm.custom e
                        WHERE e.id = r.id AND e.deleted_at IS NULL)
        ELSE true END
    FROM crm.record r WHERE r.id = record_id
$$;

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
    ELSIF of_kind = 'custom' THEN
        RETURN (SELECT CASE WHEN en THEN s.name_en ELSE s.name_ru END || ': ' || e.name
                FROM crm.custom e JOIN crm.section s ON s.code = e.section_code WHERE e.id = about);
    END IF;
    RETURN CASE WHEN en THEN 'record ' ELSE 'запись ' END || about;
END $$;
