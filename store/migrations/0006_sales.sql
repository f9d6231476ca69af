-- 0006 Leads and deals with their statuses (domain.md 6, 7).
-- Fields, guards and codes: store/model/opportunity.cpp, lead.cpp, deal.cpp.

CREATE TABLE crm.lead_status (
    code       text    PRIMARY KEY,
    name_ru    text    NOT NULL,
    name_en    text    NOT NULL,
    position   integer NOT NULL UNIQUE,
    stage_code text,             -- label in crm.enum_label, domain "lead.stage"
    percent    integer CHECK (percent BETWEEN 0 AND 100),
    on_board   boolean NOT NULL,
    is_final   boolean NOT NULL
);
INSERT INTO crm.lead_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'new', 'Не обработан', 'Not Processed', 'unprocessed', NULL, true, false),
    (2, 'nurturing', 'Взращивание', 'Nurturing', 'qualification', NULL, true, false),
    (3, 'interest', 'Есть интерес', 'Interest Expressed', 'qualification', NULL, true, false),
    (4, 'paused', 'Пауза', 'Paused', 'pause', NULL, true, false),
    (5, 'disqualified', 'Дисквалифицирован', 'Disqualified', 'disqualification', NULL, true, true),
    (6, 'deal_creation', 'Сделка', 'Deal', 'completed', NULL, true, true);

CREATE TABLE crm.deal_status (LIKE crm.lead_status INCLUDING ALL);
INSERT INTO crm.deal_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'new', 'Не обработана', 'Not Processed', 'processing', 0, true, false),
    (2, 'first_contact', 'Первичный контакт', 'Initial Contact', 'qualification', 20, true, false),
    (3, 'needs_assessment', 'Сбор потребностей', 'Needs Assessment', 'qualification', 20, true,
     false),
    (4, 'presentation', 'Презентация', 'Presentation', 'development', 40, true, false),
    (5, 'proposal', 'Подготовка КП', 'Proposal Preparation', 'development', 40, true, false),
    (6, 'prototype', 'Прототип', 'Prototype', 'development', 40, true, false),
    (7, 'decision', 'Принятие решения', 'Decision Making', 'confirmation', 60, true, false),
    (8, 'completed', 'Завершена', 'Completed', 'win', 100, true, true),
    (9, 'paused', 'Пауза', 'Paused', 'rejection_pause', NULL, true, false),
    (10, 'rejected', 'Отказ', 'Rejected', 'rejection_pause', NULL, true, true),
    (11, 'dropped_out', 'Отсев', 'Dropped Out', NULL, NULL, false, true),
    (12, 'historical', 'Исторические заявки', 'Historical Applications', NULL, NULL, false, true),
    (13, 'community', 'Community версия (устарел)', 'Community version (deprecated)', NULL, NULL,
     false, true);

CREATE SEQUENCE crm.lead_number;
CREATE TABLE crm.lead (
    id                          bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    number                      bigint  NOT NULL UNIQUE DEFAULT nextval('crm.lead_number'),
    name                        text    NOT NULL CHECK (name <> '' AND length(name) <= 500),
    status                      text    NOT NULL DEFAULT 'new' REFERENCES crm.lead_status,
    status_changed_at           timestamptz NOT NULL DEFAULT now(),
    amount                      numeric(18,2) CHECK (amount >= 0),
    currency                    text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    description                 text,
    counterparty_id             bigint  REFERENCES crm.counterparty,
    company_text                text,
    responsible_id              bigint  REFERENCES crm.user,
    date_received               timestamptz NOT NULL DEFAULT now(),
    request_source_code         text    REFERENCES crm.request_source,
    request_category_code       text    REFERENCES crm.request_category,
    site_email                  citext,
    site_page                   text,
    site_referrer               text,
    email_message               text    COMPRESSION lz4,
    mail_message_id             bigint  REFERENCES ops.mail_message ON DELETE SET NULL,
    ga_client_id                text,
    ym_client_id                text,
    source_sync_attempts        integer NOT NULL DEFAULT 0 CHECK (source_sync_attempts >= 0),
    number_of_users             text,
    number_of_users_min         integer CHECK (number_of_users_min >= 0),
    number_of_users_max         integer CHECK (number_of_users_max >= number_of_users_min),
    created_automatically       boolean NOT NULL DEFAULT false,
    match_candidates            jsonb   NOT NULL DEFAULT '[]'
                                        CHECK (jsonb_typeof(match_candidates) = 'array'),
    merged_into_id              bigint  REFERENCES crm.lead CHECK (merged_into_id <> id),
    request_type                text    CHECK (request_type IN ('partnership', 'education', 'deal')),
    disqualification_reason_code text   REFERENCES crm.disqualification_reason,
    created_deal_id             bigint,  -- the foreign key follows crm.deal
    start_processing_at         timestamptz,
    CONSTRAINT lead_disqualification_reason CHECK (status <> 'disqualified'
                                                   OR disqualification_reason_code IS NOT NULL),
    CONSTRAINT lead_deal_needs_counterparty CHECK (status <> 'deal_creation'
                                                   OR counterparty_id IS NOT NULL),
    CONSTRAINT lead_merged_is_deleted CHECK (merged_into_id IS NULL OR deleted_at IS NOT NULL),
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
-- The default list (newest first), a person's own, a status column of the board, the card of a
-- counterparty; the mail an effect came from; `q=` searches the expression.
CREATE INDEX lead_received_idx ON crm.lead (date_received DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX lead_responsible_idx ON crm.lead (responsible_id, date_received DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX lead_status_idx ON crm.lead (status, date_received DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX lead_counterparty_idx ON crm.lead (counterparty_id)
    WHERE counterparty_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX lead_mail_key ON crm.lead (mail_message_id) WHERE mail_message_id IS NOT NULL;
CREATE INDEX lead_metrica_idx ON crm.lead (date_received)
    WHERE ym_client_id IS NOT NULL AND request_source_code IS NULL AND deleted_at IS NULL;
CREATE INDEX lead_search_idx ON crm.lead USING gin
    ((coalesce(name::text, '') || ' ' || coalesce(company_text::text, '') || ' ' ||
      coalesce(site_email::text, '')) gin_trgm_ops);

CREATE SEQUENCE crm.deal_number;
CREATE TABLE crm.deal (
    id                          bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    number                      bigint  NOT NULL UNIQUE DEFAULT nextval('crm.deal_number'),
    name                        text    NOT NULL CHECK (name <> '' AND length(name) <= 500),
    status                      text    NOT NULL DEFAULT 'new' REFERENCES crm.deal_status,
    status_changed_at           timestamptz NOT NULL DEFAULT now(),
    amount                      numeric(18,2) CHECK (amount >= 0),
    currency                    text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    description                 text,
    counterparty_id             bigint  REFERENCES crm.counterparty,
    company_text                text,
    responsible_id              bigint  REFERENCES crm.user,
    date_received               timestamptz NOT NULL DEFAULT now(),
    request_source_code         text    REFERENCES crm.request_source,
    request_category_code       text    REFERENCES crm.request_category,
    site_email                  citext,
    site_page                   text,
    site_referrer               text,
    email_message               text    COMPRESSION lz4,
    mail_message_id             bigint  REFERENCES ops.mail_message ON DELETE SET NULL,
    ga_client_id                text,
    ym_client_id                text,
    source_sync_attempts        integer NOT NULL DEFAULT 0 CHECK (source_sync_attempts >= 0),
    number_of_users             text,
    number_of_users_min         integer CHECK (number_of_users_min >= 0),
    number_of_users_max         integer CHECK (number_of_users_max >= number_of_users_min),
    created_automatically       boolean NOT NULL DEFAULT false,
    match_candidates            jsonb   NOT NULL DEFAULT '[]'
                                        CHECK (jsonb_typeof(match_candidates) = 'array'),
    merged_into_id              bigint  REFERENCES crm.deal CHECK (merged_into_id <> id),
    created_from_lead_id        bigint  REFERENCES crm.lead,
    contract_id                 bigint,  -- the foreign key comes with crm.contract
    offer_text                  text,
    closed_at                   timestamptz,
    refusal_reason              text    CHECK (length(refusal_reason) <= 1000),
    total_amount                numeric(18,2) NOT NULL DEFAULT 0 CHECK (total_amount >= 0),
    total_vat                   numeric(18,2) NOT NULL DEFAULT 0 CHECK (total_vat >= 0),
    total_amount_with_vat       numeric(18,2) NOT NULL DEFAULT 0
                                CHECK (total_amount_with_vat = total_amount + total_vat),
    CONSTRAINT deal_closed_at CHECK ((closed_at IS NOT NULL)
                                     = (status IN ('completed', 'rejected', 'dropped_out'))),
    CONSTRAINT deal_merged_is_deleted CHECK (merged_into_id IS NULL OR deleted_at IS NOT NULL),
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
-- The default list (newest first), a person's own, a status column of the board, the card of a
-- counterparty; the mail an effect came from; `q=` searches the expression.
CREATE INDEX deal_received_idx ON crm.deal (date_received DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX deal_responsible_idx ON crm.deal (responsible_id, date_received DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX deal_status_idx ON crm.deal (status, date_received DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX deal_counterparty_idx ON crm.deal (counterparty_id)
    WHERE counterparty_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX deal_mail_key ON crm.deal (mail_message_id) WHERE mail_message_id IS NOT NULL;
CREATE INDEX deal_metrica_idx ON crm.deal (date_received)
    WHERE ym_client_id IS NOT NULL AND request_source_code IS NULL AND deleted_at IS NULL;
CREATE INDEX deal_search_idx ON crm.deal USING gin
    ((coalesce(name::text, '') || ' ' || coalesce(company_text::text, '') || ' ' ||
      coalesce(site_email::text, '')) gin_trgm_ops);
-- One lead makes at most one deal; a deleted deal does not count.
CREATE UNIQUE INDEX deal_lead_key ON crm.deal (created_from_lead_id)
    WHERE created_from_lead_id IS NOT NULL AND deleted_at IS NULL;
ALTER TABLE crm.lead ADD FOREIGN KEY (created_deal_id) REFERENCES crm.deal;
CREATE UNIQUE INDEX lead_deal_key ON crm.lead (created_deal_id)
    WHERE created_deal_id IS NOT NULL AND deleted_at IS NULL;

INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('lead.stage', 'unprocessed', 'Не обработан', 'Unprocessed', 1),
    ('lead.stage', 'qualification', 'Квалификация', 'Qualification', 2),
    ('lead.stage', 'pause', 'Пауза', 'Pause', 3),
    ('lead.stage', 'disqualification', 'Дисквалификация', 'Disqualification', 4),
    ('lead.stage', 'completed', 'Завершен', 'Completed', 5),
    ('lead.request_type', 'partnership', 'Партнёрство', 'Partnership', 1),
    ('lead.request_type', 'education', 'Обучение', 'Education', 2),
    ('lead.request_type', 'deal', 'Сделка', 'Deal', 3),
    ('deal.stage', 'processing', '0% - Обработка', '0% - Processing', 1),
    ('deal.stage', 'qualification', '20% - Квалификация', '20% - Qualification', 2),
    ('deal.stage', 'development', '40% - Развитие', '40% - Development', 3),
    ('deal.stage', 'confirmation', '60% - Подтверждение', '60% - Confirmation', 4),
    ('deal.stage', 'win', '100% - Победа', '100% - Win', 5),
    ('deal.stage', 'rejection_pause', 'Отказ/Пауза', 'Rejection/Pause', 6);
