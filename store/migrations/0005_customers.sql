-- 0005 Counterparties, contacts, who observes a record, phones as searched, legal entities, our own
-- organisations, bank accounts, portal accounts (domain.md 5.1-5.5, 5.7, 5.9).
-- Fields and codes: store/model/counterparty.cpp, contact.cpp.

CREATE SEQUENCE crm.counterparty_number;
CREATE TABLE crm.counterparty (
    id                         bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    number                     bigint  NOT NULL UNIQUE DEFAULT nextval('crm.counterparty_number'),
    name                       text    NOT NULL CHECK (name = btrim(name)
                                                       AND length(name) BETWEEN 1 AND 500),
    name_is_auto               boolean NOT NULL DEFAULT false,
    types                      text[]  NOT NULL DEFAULT '{buyer}'
                                       CHECK (types <@ '{buyer,supplier,partner,other}'
                                              AND cardinality(types) > 0),
    kind                       text    NOT NULL DEFAULT 'legal_entity'
                                       CHECK (kind IN ('legal_entity', 'individual_entrepreneur',
                                              'individual', 'branch', 'foreign')),
    full_name                  text,
    short_name                 text,
    unverified_fields          text[]  NOT NULL DEFAULT '{}',  -- of a lenient import
    legal_form_code            text    REFERENCES crm.legal_form,
    name_key                   text    NOT NULL,  -- daemon/base/company_name.h
    inn                        text    CHECK (inn ~ '^[0-9]{10}([0-9]{2})?$'),
    kpp                        text    CHECK (kpp ~ '^[0-9]{4}[0-9A-Z]{2}[0-9]{3}$'),
    ogrn                       text    CHECK (ogrn ~ '^[0-9]{13}([0-9]{2})?$'),
    okpo                       text    CHECK (okpo ~ '^[0-9]{8}([0-9]{2})?$'),
    okved                      text    CHECK (okved ~ '^[0-9]{2}(\.[0-9]{1,2}(\.[0-9]{1,2})?)?$'),
    gln                        text    CHECK (gln ~ '^[0-9]{13}$'),
    foreign_tax_id             text,
    country_code               text    NOT NULL DEFAULT 'RU' CHECK (country_code ~ '^[A-Z]{2}$'),
    ogrn_on                    date,
    registered_on              date,
    liquidated_on              date    CHECK (liquidated_on >= registered_on),
    unreliable                 boolean NOT NULL DEFAULT false,
    registry_status            text    CHECK (registry_status IN ('active', 'liquidating',
                                              'liquidated', 'bankrupt', 'reorganizing')),
    juridical_address          text,
    post_address               text,
    actual_address             text,
    phone                      text,
    mobile_phone               text,
    email                      citext,
    email_domains              text[]  NOT NULL DEFAULT '{}',
    website                    text    CHECK (website ~* '^https?://'),
    ceo_name                   text,
    ceo_position               text,
    ceo_since                  date,
    ceo_name_genitive          text,
    segment_code               text    REFERENCES crm.segment,
    acquisition_channel_code   text    REFERENCES crm.acquisition_channel,
    status_code                text    REFERENCES crm.customer_status,
    responsible_id             bigint  REFERENCES crm.user,
    service_manager_id         bigint  REFERENCES crm.user,
    initiator_id               bigint  REFERENCES crm.user,
    responsible_person_ids     bigint[] NOT NULL DEFAULT '{}',
    promo_emails_allowed       boolean NOT NULL DEFAULT false,
    promo_emails_changed_at    timestamptz,
    promo_emails_basis         text,
    no_edi_contracts           boolean NOT NULL DEFAULT false,
    edi_settings               jsonb   NOT NULL DEFAULT '{}'
                                       CHECK (jsonb_typeof(edi_settings) = 'object'),
    comment                    text,
    check_status               text    NOT NULL DEFAULT 'none'
                                       CHECK (check_status IN ('none', 'pending', 'reliable',
                                              'needs_check', 'risky', 'no_facts', 'not_found',
                                              'failed')),
    risk_level                 text    CHECK (risk_level IN ('green', 'yellow', 'red', 'none')),
    check_status_at            timestamptz,
    express_report_document_id bigint,  -- the foreign key comes with crm.document
    autofilled_at              timestamptz,
    autofill_source            text,
    last_contact_at            timestamptz,
    next_reminder_at           timestamptz,
    portal_default             boolean NOT NULL DEFAULT false,
    merged_into_id             bigint  REFERENCES crm.counterparty CHECK (merged_into_id <> id),
    CONSTRAINT counterparty_kpp_kind CHECK (kpp IS NULL OR kind NOT IN ('individual_entrepreneur',
                                                                      'individual')),
    CONSTRAINT counterparty_merged_is_deleted CHECK (merged_into_id IS NULL
                                                     OR deleted_at IS NOT NULL),
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
CREATE UNIQUE INDEX counterparty_inn_key ON crm.counterparty (inn, coalesce(kpp, ''))
    WHERE deleted_at IS NULL AND inn IS NOT NULL;
CREATE UNIQUE INDEX counterparty_portal_default_key ON crm.counterparty (portal_default)
    WHERE portal_default AND deleted_at IS NULL;
-- Matching of mail (domain.md 18.6): by key, by likeness of the key, by the sender's domain.
CREATE INDEX counterparty_name_key_idx ON crm.counterparty (name_key) WHERE deleted_at IS NULL;
CREATE INDEX counterparty_name_key_trgm_idx ON crm.counterparty USING gin (name_key gin_trgm_ops);
CREATE INDEX counterparty_email_domains_idx ON crm.counterparty USING gin (email_domains);
CREATE INDEX counterparty_email_idx ON crm.counterparty (email) WHERE email IS NOT NULL;
-- Lists: by name (the default), by type, by the responsible person; `q=` searches the expression.
CREATE INDEX counterparty_name_idx ON crm.counterparty (name COLLATE "ru-RU-x-icu", id)
    WHERE deleted_at IS NULL;
CREATE INDEX counterparty_types_idx ON crm.counterparty USING gin (types);
CREATE INDEX counterparty_responsible_idx ON crm.counterparty (responsible_id, id)
    WHERE deleted_at IS NULL;
CREATE INDEX counterparty_last_contact_idx ON crm.counterparty (last_contact_at NULLS FIRST, id)
    WHERE deleted_at IS NULL;
CREATE INDEX counterparty_search_idx ON crm.counterparty USING gin
    ((coalesce(name::text, '') || ' ' || coalesce(full_name::text, '') || ' ' ||
      coalesce(short_name::text, '') || ' ' || coalesce(inn::text, '') || ' ' ||
      coalesce(email::text, '')) gin_trgm_ops);

-- A public domain says nothing about a company: it would link strangers to it.
CREATE FUNCTION crm.refuse_public_mail_domain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM crm.public_mail_domain p WHERE p.domain = ANY (NEW.email_domains)) THEN
        RAISE EXCEPTION 'a public mail domain cannot belong to counterparty %', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'counterparty_email_domains_public';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counterparty_email_domains_public
    BEFORE INSERT OR UPDATE OF email_domains ON crm.counterparty
    FOR EACH ROW WHEN (cardinality(NEW.email_domains) > 0)
    EXECUTE FUNCTION crm.refuse_public_mail_domain();

-- Portal logins; authentication is the portal's affair (domain.md 5.7).
CREATE TABLE crm.counterparty_user (
    id                   bigint   GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    counterparty_id      bigint   NOT NULL REFERENCES crm.counterparty ON DELETE CASCADE,
    contact_id           bigint,
    login                citext   NOT NULL UNIQUE CHECK (login <> ''),
    email                citext   NOT NULL,
    full_name            text     NOT NULL,
    role                 text     NOT NULL DEFAULT 'member'
                                  CHECK (role IN ('admin', 'member', 'accountant', 'viewer')),
    status               text     NOT NULL DEFAULT 'invited'
                                  CHECK (status IN ('invited', 'active', 'blocked')),
    personal_account_ids bigint[] NOT NULL DEFAULT '{}',  -- empty: all
    permissions          jsonb    NOT NULL DEFAULT '{}',
    last_login_at        timestamptz,
    external_subject     text,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    row_version          integer  NOT NULL DEFAULT 1
);
CREATE INDEX counterparty_user_counterparty_idx ON crm.counterparty_user (counterparty_id);
CREATE INDEX counterparty_user_email_idx ON crm.counterparty_user (email);

CREATE TABLE crm.contact (
    id              bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    counterparty_id bigint  REFERENCES crm.counterparty ON DELETE CASCADE,
    full_name       text,
    last_name       text,
    first_name      text,
    middle_name     text,
    position        text,
    department      text,
    phone           text,
    email           citext,
    telegram        text,
    comment         text,
    is_main         boolean NOT NULL DEFAULT false,
    roles           text[]  NOT NULL DEFAULT '{}'
                            CHECK (roles <@ '{manager,technical,accounting,executive,other}'),
    no_contact      boolean NOT NULL DEFAULT false,
    user_account_id bigint  REFERENCES crm.counterparty_user ON DELETE SET NULL,
    CONSTRAINT contact_has_identity CHECK (full_name IS NOT NULL OR email IS NOT NULL
                                           OR phone IS NOT NULL),
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
ALTER TABLE crm.counterparty_user ADD FOREIGN KEY (contact_id) REFERENCES crm.contact
    ON DELETE SET NULL;
-- Nobody logs in for a contact that is gone.
CREATE FUNCTION crm.block_login_of_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.counterparty_user u
    SET status = 'blocked', updated_at = now(), row_version = u.row_version + 1
    WHERE u.contact_id = NEW.id AND u.status <> 'blocked';
    RETURN NULL;
END $$;
CREATE TRIGGER contact_deleted AFTER UPDATE OF deleted_at ON crm.contact
    FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL)
    EXECUTE FUNCTION crm.block_login_of_contact();
CREATE INDEX counterparty_user_contact_idx ON crm.counterparty_user (contact_id)
    WHERE contact_id IS NOT NULL;
CREATE UNIQUE INDEX contact_main_key ON crm.contact (counterparty_id)
    WHERE is_main AND deleted_at IS NULL;
CREATE INDEX contact_counterparty_idx ON crm.contact (counterparty_id, id)
    WHERE counterparty_id IS NOT NULL AND deleted_at IS NULL;
-- Matching of mail (domain.md 18.7): ё = е, case.
CREATE INDEX contact_email_idx ON crm.contact (email) WHERE deleted_at IS NULL;
CREATE INDEX contact_full_name_key_idx ON crm.contact (translate(lower(full_name), 'ё', 'е'))
    WHERE deleted_at IS NULL;
CREATE INDEX contact_name_idx ON crm.contact (full_name COLLATE "ru-RU-x-icu", id)
    WHERE deleted_at IS NULL;
CREATE INDEX contact_search_idx ON crm.contact USING gin
    ((coalesce(full_name::text, '') || ' ' || coalesce(phone::text, '') || ' ' ||
      coalesce(email::text, '')) gin_trgm_ops);

-- The contacts of a lead, deal or support request.
CREATE TABLE crm.record_contact (
    record_id  bigint  NOT NULL REFERENCES crm.record ON DELETE CASCADE,
    contact_id bigint  NOT NULL REFERENCES crm.contact ON DELETE CASCADE,
    is_main    boolean NOT NULL DEFAULT false,
    position   integer NOT NULL DEFAULT 0,
    PRIMARY KEY (record_id, contact_id)
);
CREATE UNIQUE INDEX record_contact_main_key ON crm.record_contact (record_id) WHERE is_main;
CREATE INDEX record_contact_contact_idx ON crm.record_contact (contact_id);

CREATE TABLE crm.record_observer (
    record_id bigint NOT NULL REFERENCES crm.record ON DELETE CASCADE,
    user_id   bigint NOT NULL REFERENCES crm.user,
    added_by  bigint REFERENCES crm.user,
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (record_id, user_id)
);
CREATE INDEX record_observer_user_idx ON crm.record_observer (user_id, record_id);

-- Phones as they are searched; the raw form stays on the record.
CREATE TABLE crm.record_phone (
    record_id    bigint NOT NULL REFERENCES crm.record ON DELETE CASCADE,
    source_field text   NOT NULL,
    raw          text   NOT NULL,
    e164         text   NOT NULL CHECK (e164 ~ '^\+[0-9]{5,15}$'),
    extension    text   NOT NULL DEFAULT '',
    PRIMARY KEY (record_id, source_field, raw)
);
CREATE INDEX record_phone_e164_idx ON crm.record_phone (e164);
CREATE INDEX record_phone_tail_idx ON crm.record_phone (reverse(e164) text_pattern_ops);

-- Users are no records: their phones have a table of their own shape.
CREATE TABLE crm.user_phone (
    user_id      bigint NOT NULL REFERENCES crm.user ON DELETE CASCADE,
    source_field text   NOT NULL,
    raw          text   NOT NULL,
    e164         text   NOT NULL CHECK (e164 ~ '^\+[0-9]{5,15}$'),
    extension    text   NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, source_field, raw)
);
CREATE INDEX user_phone_e164_idx ON crm.user_phone (e164);

-- Links between records, and to web pages.
CREATE TABLE crm.record_link (
    id         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    from_id    bigint NOT NULL REFERENCES crm.record ON DELETE CASCADE,
    to_id      bigint REFERENCES crm.record ON DELETE CASCADE,
    kind       text   NOT NULL CHECK (kind IN ('related', 'merged_from', 'based_on', 'reply_to',
                                              'web')),
    url        text   CHECK (url ~* '^https?://'),
    title      text,
    created_by bigint REFERENCES crm.user,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (from_id <> to_id),
    CHECK ((kind = 'web') = (url IS NOT NULL) AND (kind = 'web') = (to_id IS NULL))
);
CREATE INDEX record_link_from_idx ON crm.record_link (from_id);
CREATE INDEX record_link_to_idx ON crm.record_link (to_id);

CREATE TABLE crm.own_organisation (
    id                    bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    full_name             text    NOT NULL CHECK (full_name <> ''),
    short_name            text,
    legal_form_code       text    REFERENCES crm.legal_form,
    inn                   text    CHECK (inn ~ '^[0-9]{10}([0-9]{2})?$'),
    kpp                   text    CHECK (kpp ~ '^[0-9]{4}[0-9A-Z]{2}[0-9]{3}$'),
    ogrn                  text    CHECK (ogrn ~ '^[0-9]{13}([0-9]{2})?$'),
    okpo                  text    CHECK (okpo ~ '^[0-9]{8}([0-9]{2})?$'),
    juridical_address     text,
    post_address          text,
    ceo_name              text,
    ceo_name_genitive     text,
    chief_accountant_name text,
    invoice_name          text,
    is_active             boolean NOT NULL DEFAULT true,
    unverified_fields     text[]  NOT NULL DEFAULT '{}',  -- of a lenient import
    ceo_user_id           bigint  REFERENCES crm.user,
    accountant_user_id    bigint  REFERENCES crm.user,
    vat_default_code      text    REFERENCES crm.vat_rate,
    invoice_prefix        text,
    logo_document_id      bigint,  -- the foreign key comes with crm.document
    email_from            citext,
    is_default            boolean NOT NULL DEFAULT false,
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
CREATE UNIQUE INDEX own_organisation_is_default_key ON crm.own_organisation (is_default)
    WHERE is_default AND deleted_at IS NULL;
CREATE INDEX own_organisation_search_idx ON crm.own_organisation USING gin
    ((coalesce(full_name::text, '') || ' ' || coalesce(short_name::text, '') || ' ' ||
      coalesce(inn::text, '')) gin_trgm_ops);
ALTER TABLE crm.number_counter ADD FOREIGN KEY (own_organisation_id)
    REFERENCES crm.own_organisation;

CREATE TABLE crm.legal_entity (
    id                        bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    counterparty_id           bigint  NOT NULL REFERENCES crm.counterparty ON DELETE CASCADE,
    is_primary                boolean NOT NULL DEFAULT false,
    full_name                 text    NOT NULL CHECK (full_name <> ''),
    short_name                text,
    legal_form_code           text    REFERENCES crm.legal_form,
    inn                       text    CHECK (inn ~ '^[0-9]{10}([0-9]{2})?$'),
    kpp                       text    CHECK (kpp ~ '^[0-9]{4}[0-9A-Z]{2}[0-9]{3}$'),
    ogrn                      text    CHECK (ogrn ~ '^[0-9]{13}([0-9]{2})?$'),
    okpo                      text    CHECK (okpo ~ '^[0-9]{8}([0-9]{2})?$'),
    juridical_address         text,
    post_address              text,
    ceo_name                  text,
    ceo_name_genitive         text,
    chief_accountant_name     text,
    billed_by_organisation_id bigint  REFERENCES crm.own_organisation,
    -- so that contracts and accounts can pin the counterparty
    CONSTRAINT legal_entity_pinned_key UNIQUE (id, counterparty_id),
    invoice_name              text,
    is_active                 boolean NOT NULL DEFAULT true,
    unverified_fields         text[]  NOT NULL DEFAULT '{}',  -- of a lenient import
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
CREATE UNIQUE INDEX legal_entity_is_primary_key ON crm.legal_entity (counterparty_id)
    WHERE is_primary AND deleted_at IS NULL;
CREATE INDEX legal_entity_counterparty_idx ON crm.legal_entity (counterparty_id);
CREATE INDEX legal_entity_search_idx ON crm.legal_entity USING gin
    ((coalesce(full_name::text, '') || ' ' || coalesce(short_name::text, '') || ' ' ||
      coalesce(inn::text, '')) gin_trgm_ops);

CREATE TABLE crm.bank_account (
    id                    bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    owner_record_id       bigint  NOT NULL,
    owner_kind            text    NOT NULL CHECK (owner_kind IN ('legal_entity',
                                                                 'own_organisation')),
    account_number        text    NOT NULL CHECK (account_number <> ''),
    bank_name             text    NOT NULL CHECK (bank_name <> ''),
    bik                   text    NOT NULL CHECK (bik ~ '^[0-9]{9}$'),
    correspondent_account text    CHECK (correspondent_account ~ '^[0-9]{20}$'),
    currency              text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    is_default            boolean NOT NULL DEFAULT false,
    swift                 text    CHECK (swift ~ '^[A-Z0-9]{8}([A-Z0-9]{3})?$'),
    iban                  text    CHECK (iban ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$'),
    comment               text,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    row_version           integer NOT NULL DEFAULT 1,
    FOREIGN KEY (owner_record_id, owner_kind) REFERENCES crm.record (id, kind) ON DELETE CASCADE,
    CONSTRAINT bank_account_account_number_key UNIQUE (owner_record_id, account_number),
    CHECK (swift IS NOT NULL OR iban IS NOT NULL OR account_number ~ '^[0-9]{20}$')
);
CREATE UNIQUE INDEX bank_account_is_default_key ON crm.bank_account (owner_record_id, currency)
    WHERE is_default;

INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('counterparty.types', 'buyer', 'Покупатель', 'Buyer', 1),
    ('counterparty.types', 'supplier', 'Поставщик', 'Supplier', 2),
    ('counterparty.types', 'partner', 'Партнёр', 'Partner', 3),
    ('counterparty.types', 'other', 'Прочее', 'Other', 4),
    ('counterparty.kind', 'legal_entity', 'Юридическое лицо', 'Legal entity', 1),
    ('counterparty.kind', 'individual_entrepreneur', 'ИП', 'Individual entrepreneur', 2),
    ('counterparty.kind', 'individual', 'Физическое лицо', 'Individual', 3),
    ('counterparty.kind', 'branch', 'Обособленное подразделение', 'Branch', 4),
    ('counterparty.kind', 'foreign', 'Иностранная организация', 'Foreign organisation', 5),
    ('counterparty.registry_status', 'active', 'Действует', 'Active', 1),
    ('counterparty.registry_status', 'liquidating', 'Ликвидируется', 'In liquidation', 2),
    ('counterparty.registry_status', 'liquidated', 'Ликвидирована', 'Liquidated', 3),
    ('counterparty.registry_status', 'bankrupt', 'Банкротство', 'Bankrupt', 4),
    ('counterparty.registry_status', 'reorganizing', 'Реорганизация', 'Reorganising', 5),
    ('counterparty.check_status', 'none', 'Нет', 'None', 1),
    ('counterparty.check_status', 'pending', 'Запрошен', 'Pending', 2),
    ('counterparty.check_status', 'reliable', 'Надёжен', 'Reliable', 3),
    ('counterparty.check_status', 'needs_check', 'Требует проверки', 'Needs a check', 4),
    ('counterparty.check_status', 'risky', 'Высокий риск', 'High risk', 5),
    ('counterparty.check_status', 'no_facts', 'Нет фактов', 'No facts', 6),
    ('counterparty.check_status', 'not_found', 'Не найден', 'Not found', 7),
    ('counterparty.check_status', 'failed', 'Ошибка', 'Failed', 8),
    ('counterparty.risk_level', 'green', 'Низкий', 'Low', 1),
    ('counterparty.risk_level', 'yellow', 'Средний', 'Medium', 2),
    ('counterparty.risk_level', 'red', 'Высокий', 'High', 3),
    ('counterparty.risk_level', 'none', 'Нет фактов', 'No facts', 4),
    ('contact.roles', 'manager', 'Для менеджеров', 'Manager', 1),
    ('contact.roles', 'technical', 'Технический специалист', 'Technical specialist', 2),
    ('contact.roles', 'accounting', 'Бухгалтерия', 'Accounting', 3),
    ('contact.roles', 'executive', 'Руководитель', 'Executive', 4),
    ('contact.roles', 'other', 'Другое', 'Other', 5),
    ('counterparty_user.role', 'admin', 'Администратор', 'Administrator', 1),
    ('counterparty_user.role', 'member', 'Сотрудник', 'Member', 2),
    ('counterparty_user.role', 'accountant', 'Бухгалтер', 'Accountant', 3),
    ('counterparty_user.role', 'viewer', 'Наблюдатель', 'Viewer', 4),
    ('counterparty_user.status', 'invited', 'Приглашён', 'Invited', 1),
    ('counterparty_user.status', 'active', 'Активен', 'Active', 2),
    ('counterparty_user.status', 'blocked', 'Заблокирован', 'Blocked', 3);
