-- 0012 Correspondence, projects and releases, saved views, names of sections (domain.md 4.6, 15.2, 15.3,
-- 16). Fields and codes: store/model/correspondence.cpp, project.cpp, presentation.cpp.

CREATE TABLE crm.correspondence_type_in (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.correspondence_type_in (sort_order, code, name_ru, name_en) VALUES
    (1, 'regulator_letter', 'Письмо из надзорных органов', 'Letter of a regulator'),
    (2, 'letter', 'Письмо', 'Letter'),
    (3, 'misc', 'Разное', 'Miscellaneous'),
    (4, 'accounting', 'Бухгалтерский', 'Accounting');
CREATE TABLE crm.correspondence_type_out (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.correspondence_type_out (sort_order, code, name_ru, name_en) VALUES
    (1, 'report', 'Отчетный', 'Report'),
    (2, 'letter', 'Письмо', 'Letter'),
    (3, 'misc', 'Разное', 'Miscellaneous'),
    (4, 'accounting', 'Бухгалтерский', 'Accounting');
CREATE TABLE crm.delivery_kind (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.delivery_kind (sort_order, code, name_ru, name_en) VALUES
    (1, 'registered', 'Заказное письмо', 'Registered letter'),
    (2, 'post', 'Почта', 'Post'),
    (3, 'courier', 'Курьер', 'Courier'),
    (4, 'email', 'Эл. почта', 'E-mail'),
    (5, 'edi', 'ЭДО', 'EDI'),
    (6, 'in_person', 'Нарочно', 'In person');
-- The code is the index of the file.
CREATE TABLE crm.case_file (
    LIKE crm.request_category INCLUDING ALL,
    retention text
);

CREATE TABLE crm.correspondence_in_status (LIKE crm.lead_status INCLUDING ALL);
INSERT INTO crm.correspondence_in_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'draft', 'Черновик', 'Draft', NULL, NULL, true, false),
    (2, 'on_resolution', 'На резолюции', 'To be resolved', NULL, NULL, true, false),
    (3, 'on_execution', 'На исполнении', 'To be executed', NULL, NULL, true, false),
    (4, 'done', 'Исполнен', 'Done', NULL, NULL, true, true);
CREATE TABLE crm.correspondence_out_status (LIKE crm.lead_status INCLUDING ALL);
INSERT INTO crm.correspondence_out_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'draft', 'Черновик', 'Draft', NULL, NULL, true, false),
    (2, 'approval', 'Согласование', 'Approval', NULL, NULL, true, false),
    (3, 'signing', 'На подписании', 'Signing', NULL, NULL, true, false),
    (4, 'rework', 'Доработка', 'Rework', NULL, NULL, true, false),
    (5, 'registration', 'Сканирование/регистрация', 'Registration', NULL, NULL, true, false),
    (6, 'sending', 'Отправка', 'Sending', NULL, NULL, true, false),
    (7, 'active', 'Действует', 'Active', NULL, NULL, true, true),
    (8, 'annulled', 'Аннулирован', 'Annulled', NULL, NULL, false, true);

CREATE TABLE crm.correspondence_in (
    id                bigint   PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    registration_no   text     NOT NULL CHECK (registration_no <> ''),
    received_on       date     NOT NULL,
    status            text     NOT NULL DEFAULT 'draft' REFERENCES crm.correspondence_in_status,
    counterparty_id   bigint   NOT NULL REFERENCES crm.counterparty,
    type_code         text     NOT NULL REFERENCES crm.correspondence_type_in,
    case_file_code    text     REFERENCES crm.case_file,
    summary           text,
    delivery_code     text     REFERENCES crm.delivery_kind,
    sheets            integer  CHECK (sheets >= 0),
    attachment_sheets integer  CHECK (attachment_sheets >= 0),
    note              text,
    department        text,
    addressee_id      bigint   REFERENCES crm.user,
    letter_author     text,
    copies            integer  CHECK (copies >= 0),
    original_location text,
    external_number   text,
    external_date     date,
    needs_resolution  boolean  NOT NULL DEFAULT false,
    resolution        text,
    resolver_id       bigint   REFERENCES crm.user,
    performer_ids     bigint[] NOT NULL DEFAULT '{}',
    due_at            timestamptz,
    reply_to_out_id   bigint,  -- the foreign key follows crm.correspondence_out
    CONSTRAINT correspondence_in_resolver CHECK (status <> 'on_resolution'
                                                 OR resolver_id IS NOT NULL),
    CONSTRAINT correspondence_in_performers CHECK (status <> 'on_execution'
                                                   OR cardinality(performer_ids) > 0),
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
CREATE UNIQUE INDEX correspondence_in_registration_no_key ON crm.correspondence_in
    (extract(year FROM received_on), registration_no) WHERE deleted_at IS NULL;
CREATE INDEX correspondence_in_received_idx ON crm.correspondence_in (received_on DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX correspondence_in_counterparty_idx ON crm.correspondence_in (counterparty_id)
    WHERE deleted_at IS NULL;
CREATE INDEX correspondence_in_search_idx ON crm.correspondence_in USING gin
    ((coalesce(registration_no::text, '') || ' ' || coalesce(summary::text, '') || ' ' ||
      coalesce(letter_author::text, '') || ' ' || coalesce(external_number::text, ''))
     gin_trgm_ops);

CREATE TABLE crm.correspondence_out (
    id                  bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    registration_no     text    CHECK (registration_no <> ''),
    registered_on       date,
    status              text    NOT NULL DEFAULT 'draft' REFERENCES crm.correspondence_out_status,
    returns_to          text    REFERENCES crm.correspondence_out_status,
    own_organisation_id bigint  NOT NULL REFERENCES crm.own_organisation,
    counterparty_id     bigint  NOT NULL REFERENCES crm.counterparty,
    type_code           text    NOT NULL REFERENCES crm.correspondence_type_out,
    case_file_code      text    REFERENCES crm.case_file,
    summary             text,
    delivery_code       text    REFERENCES crm.delivery_kind,
    sheets              integer CHECK (sheets >= 0),
    attachment_sheets   integer CHECK (attachment_sheets >= 0),
    note                text,
    reply_to_in_id      bigint  REFERENCES crm.correspondence_in,
    approver_id         bigint  REFERENCES crm.user,
    signer_id           bigint  REFERENCES crm.user,
    performer_id        bigint  NOT NULL REFERENCES crm.user,
    sent_at             timestamptz,
    CONSTRAINT correspondence_out_returns_to CHECK ((returns_to IS NOT NULL) = (status = 'rework')),
    CONSTRAINT correspondence_out_registered CHECK (status NOT IN ('registration', 'sending', 'active')
        OR (registration_no IS NOT NULL AND registered_on IS NOT NULL)),
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
CREATE UNIQUE INDEX correspondence_out_registration_no_key ON crm.correspondence_out
    (own_organisation_id, extract(year FROM registered_on), registration_no)
    WHERE deleted_at IS NULL;
CREATE INDEX correspondence_out_counterparty_idx ON crm.correspondence_out (counterparty_id)
    WHERE deleted_at IS NULL;
CREATE INDEX correspondence_out_search_idx ON crm.correspondence_out USING gin
    ((coalesce(registration_no::text, '') || ' ' || coalesce(summary::text, '')) gin_trgm_ops);
ALTER TABLE crm.correspondence_in ADD FOREIGN KEY (reply_to_out_id)
    REFERENCES crm.correspondence_out;

-- The next number of a series (domain.md 1.5): its row stays locked until the transaction ends.
CREATE FUNCTION crm.next_of_series(of_series text, of_year integer, of_organisation bigint)
RETURNS text LANGUAGE sql AS $$
    INSERT INTO crm.number_counter (series, year, own_organisation_id, last_value)
    VALUES (of_series, of_year, of_organisation, 1)
    ON CONFLICT (series, year, own_organisation_id)
    DO UPDATE SET last_value = crm.number_counter.last_value + 1
    RETURNING last_value::text
$$;
CREATE FUNCTION crm.number_correspondence_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.registration_no := crm.next_of_series('incoming',
        extract(year FROM NEW.received_on)::integer, NULL);
    RETURN NEW;
END $$;
CREATE TRIGGER correspondence_in_numbered BEFORE INSERT ON crm.correspondence_in
    FOR EACH ROW WHEN (NEW.registration_no IS NULL)
    EXECUTE FUNCTION crm.number_correspondence_in();
CREATE FUNCTION crm.number_correspondence_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.registration_no := crm.next_of_series('outgoing',
        extract(year FROM NEW.registered_on)::integer, NEW.own_organisation_id);
    RETURN NEW;
END $$;
CREATE TRIGGER correspondence_out_numbered BEFORE INSERT OR UPDATE ON crm.correspondence_out
    FOR EACH ROW WHEN (NEW.registration_no IS NULL AND NEW.registered_on IS NOT NULL
                       AND NEW.status = 'registration')
    EXECUTE FUNCTION crm.number_correspondence_out();

CREATE TABLE crm.project (
    id          bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    code        text    NOT NULL CHECK (code <> ''),
    name        text    NOT NULL CHECK (name <> ''),
    manager_id  bigint  REFERENCES crm.user,
    status      text    NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    description text,
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
CREATE UNIQUE INDEX project_code_key ON crm.project (code) WHERE deleted_at IS NULL;
CREATE INDEX project_search_idx ON crm.project USING gin
    ((coalesce(code::text, '') || ' ' || coalesce(name::text, '')) gin_trgm_ops);
CREATE TABLE crm.project_counterparty (
    project_id      bigint NOT NULL REFERENCES crm.project ON DELETE CASCADE,
    counterparty_id bigint NOT NULL REFERENCES crm.counterparty ON DELETE CASCADE,
    PRIMARY KEY (project_id, counterparty_id)
);
CREATE INDEX project_counterparty_counterparty_idx ON crm.project_counterparty (counterparty_id);

CREATE TABLE crm.release_status (LIKE crm.lead_status INCLUDING ALL);
INSERT INTO crm.release_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'new', 'Новый', 'New', NULL, NULL, true, false),
    (2, 'in_development', 'В разработке', 'In development', NULL, NULL, true, false),
    (3, 'qa', 'Тестирование', 'QA', NULL, NULL, true, false),
    (4, 'uat', 'Приёмка', 'UAT', NULL, NULL, true, false),
    (5, 'ready_for_prod', 'Готов к выпуску', 'Ready for prod', NULL, NULL, true, false),
    (6, 'prod', 'Выпущен', 'Prod', NULL, NULL, true, true);
CREATE TABLE crm.release (
    id              bigint   PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    project_id      bigint   REFERENCES crm.project,
    name            text     NOT NULL CHECK (name <> ''),
    description     text,
    status          text     NOT NULL DEFAULT 'new' REFERENCES crm.release_status,
    performer_id    bigint   NOT NULL REFERENCES crm.user,
    responsible_ids bigint[] NOT NULL DEFAULT '{}',
    start_date      date     NOT NULL,
    planned_date    date     NOT NULL CHECK (planned_date > start_date),
    released_at     timestamptz,
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
CREATE INDEX release_project_idx ON crm.release (project_id) WHERE deleted_at IS NULL;
CREATE INDEX release_search_idx ON crm.release USING gin
    ((coalesce(name::text, '')) gin_trgm_ops);
CREATE TABLE crm.release_counterparty (
    release_id      bigint NOT NULL REFERENCES crm.release ON DELETE CASCADE,
    counterparty_id bigint NOT NULL REFERENCES crm.counterparty ON DELETE CASCADE,
    PRIMARY KEY (release_id, counterparty_id)
);
CREATE INDEX release_counterparty_counterparty_idx ON crm.release_counterparty (counterparty_id);

CREATE TABLE crm.saved_view (
    id              bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    owner_id        bigint  REFERENCES crm.user,  -- null: everybody's
    record_kind     text    NOT NULL CHECK (record_kind ~ '^[a-z_]{1,50}$'),
    name            text    NOT NULL CHECK (name <> ''),
    columns         jsonb   NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(columns) = 'array'),
    filters         jsonb   NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(filters) = 'object'),
    visible_filters jsonb   NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(visible_filters) = 'array'),
    sort            jsonb   NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(sort) = 'array'),
    is_default      boolean NOT NULL DEFAULT false,
    is_board        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    row_version     integer NOT NULL DEFAULT 1,
    CONSTRAINT saved_view_name_key UNIQUE NULLS NOT DISTINCT (owner_id, record_kind, name)
);

CREATE TABLE crm.section_label (
    record_kind     text    PRIMARY KEY CHECK (record_kind ~ '^[a-z_]{1,50}$'),
    name_ru         text    NOT NULL CHECK (name_ru <> ''),
    name_en         text    NOT NULL CHECK (name_en <> ''),
    plural_ru       text    NOT NULL CHECK (plural_ru <> ''),
    plural_en       text    NOT NULL CHECK (plural_en <> ''),
    is_hidden       boolean NOT NULL DEFAULT false,
    default_filters jsonb   NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(default_filters) = 'object'),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    row_version     integer NOT NULL DEFAULT 1
);

INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('project.status', 'active', 'Действует', 'Active', 1),
    ('project.status', 'archived', 'Архив', 'Archived', 2);

-- The new kinds too.
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
        ELSE true END
    FROM crm.record r WHERE r.id = record_id
$$;
