-- 0009 Entities that others refer to: products, orders, payments, contracts, agreements, personal
-- accounts, support requests (domain.md 5.6, 5.8, 8-11, 15.1).

CREATE TABLE crm.product (
    id            bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    name          text    NOT NULL CHECK (name <> ''),
    kind          text    NOT NULL CHECK (kind IN ('product', 'service')),
    sku           text,
    unit_code     text    NOT NULL REFERENCES crm.unit,
    price         numeric(18,2) NOT NULL CHECK (price >= 0),  -- without VAT
    currency      text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    vat_rate_code text    NOT NULL REFERENCES crm.vat_rate,
    description   text,
    is_active     boolean NOT NULL DEFAULT true,
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
CREATE UNIQUE INDEX product_sku_key ON crm.product (sku) WHERE deleted_at IS NULL;
CREATE INDEX product_name_idx ON crm.product (name COLLATE "ru-RU-x-icu", id)
    WHERE deleted_at IS NULL;
CREATE INDEX product_search_idx ON crm.product USING gin
    ((coalesce(name::text, '') || ' ' || coalesce(sku::text, '')) gin_trgm_ops);
INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('product.kind', 'product', 'Продукт', 'Product', 1),
    ('product.kind', 'service', 'Услуга', 'Service', 2);

CREATE TABLE crm.contract_status (LIKE crm.lead_status INCLUDING ALL);
INSERT INTO crm.contract_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'draft', 'Черновик', 'Draft', NULL, NULL, true, false),
    (2, 'approval', 'Согласование', 'Approval', NULL, NULL, true, false),
    (3, 'rework', 'Доработка', 'Rework', NULL, NULL, true, false),
    (4, 'signing', 'Подписание', 'Signing', NULL, NULL, true, false),
    (5, 'counterparty_signing', 'Подписание контрагентом', 'Signing by the counterparty', NULL,
     NULL, true, false),
    (6, 'scanning', 'Сканирование', 'Scanning', NULL, NULL, true, false),
    (7, 'active', 'Действует', 'Active', NULL, NULL, true, false),
    (8, 'annulment_request', 'Запрос на аннулирование', 'Annulment request', NULL, NULL, true,
     false),
    (9, 'annulled', 'Аннулирован', 'Annulled', NULL, NULL, false, true),
    (10, 'archive', 'Архив', 'Archive', NULL, NULL, false, true),
    (11, 'deleted', 'Удален', 'Deleted', NULL, NULL, false, true);

CREATE SEQUENCE crm.contract_number;
-- Numbers typed by hand may be ahead of the sequence: it steps over them.
CREATE FUNCTION crm.free_contract_number() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    candidate text;
BEGIN
    LOOP
        candidate := nextval('crm.contract_number')::text;
        EXIT WHEN NOT EXISTS (SELECT FROM crm.contract c WHERE c.number = candidate);
    END LOOP;
    RETURN candidate;
END $$;
CREATE TABLE crm.contract (
    id                  bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    number              text    NOT NULL DEFAULT crm.free_contract_number()
                                CHECK (number <> ''),
    number_is_manual    boolean NOT NULL DEFAULT false,
    status              text    NOT NULL DEFAULT 'draft' REFERENCES crm.contract_status,
    returns_to          text    REFERENCES crm.contract_status,  -- of rework: where it came from
    own_organisation_id bigint  REFERENCES crm.own_organisation,
    counterparty_id     bigint  REFERENCES crm.counterparty,
    legal_entity_id     bigint  REFERENCES crm.legal_entity,
    party_code          text    REFERENCES crm.contract_party,
    kind_code           text    REFERENCES crm.contract_kind,
    subject_code        text    REFERENCES crm.contract_subject,
    summary             text,
    note                text,
    amount              numeric(18,2) CHECK (amount >= 0),
    vat_amount          numeric(18,2) CHECK (vat_amount >= 0),
    currency            text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    contract_date       date    NOT NULL,
    valid_until         date    CHECK (valid_until >= contract_date),
    signer_id           bigint  REFERENCES crm.user,
    counterparty_signer text,
    initiator_id        bigint  NOT NULL REFERENCES crm.user,
    content_document_id bigint  REFERENCES crm.document ON DELETE SET NULL,
    CONSTRAINT contract_entity_of_counterparty FOREIGN KEY (legal_entity_id, counterparty_id)
        REFERENCES crm.legal_entity (id, counterparty_id) DEFERRABLE,
    CONSTRAINT contract_returns_to CHECK ((returns_to IS NOT NULL) = (status = 'rework')),
    -- A draft may lack what a contract must have.
    CONSTRAINT contract_complete CHECK (status IN ('draft', 'deleted')
        OR num_nulls(own_organisation_id, counterparty_id, party_code, kind_code, signer_id) = 0),
    UNIQUE (id, counterparty_id),  -- so that a deal can pin the counterparty
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
-- A number typed by hand is unique per organisation and year of the contract.
CREATE UNIQUE INDEX contract_number_key ON crm.contract
    (coalesce(own_organisation_id, 0), extract(year FROM contract_date), number)
    WHERE deleted_at IS NULL;
CREATE INDEX contract_number_idx ON crm.contract (number);
CREATE INDEX contract_date_idx ON crm.contract (contract_date DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX contract_initiator_idx ON crm.contract (initiator_id) WHERE deleted_at IS NULL;
CREATE INDEX contract_search_idx ON crm.contract USING gin
    ((coalesce(number::text, '') || ' ' || coalesce(summary::text, '')) gin_trgm_ops);
CREATE INDEX contract_counterparty_idx ON crm.contract (counterparty_id) WHERE deleted_at IS NULL;
-- A deal's contract belongs to the deal's counterparty when both are set.
ALTER TABLE crm.deal
    ADD FOREIGN KEY (contract_id) REFERENCES crm.contract,
    ADD CONSTRAINT deal_contract_of_counterparty FOREIGN KEY (contract_id, counterparty_id)
        REFERENCES crm.contract (id, counterparty_id) DEFERRABLE;
CREATE INDEX deal_contract_idx ON crm.deal (contract_id) WHERE contract_id IS NOT NULL;

CREATE TABLE crm.agreement_status (LIKE crm.contract_status INCLUDING ALL);
INSERT INTO crm.agreement_status SELECT * FROM crm.contract_status;
CREATE SEQUENCE crm.agreement_number;
CREATE FUNCTION crm.free_agreement_number() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    candidate text;
BEGIN
    LOOP
        candidate := nextval('crm.agreement_number')::text;
        EXIT WHEN NOT EXISTS (SELECT FROM crm.agreement a WHERE a.number = candidate);
    END LOOP;
    RETURN candidate;
END $$;
CREATE TABLE crm.agreement (
    id                  bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    contract_id         bigint  NOT NULL REFERENCES crm.contract,
    number              text    NOT NULL DEFAULT crm.free_agreement_number()
                                CHECK (number <> ''),
    number_is_manual    boolean NOT NULL DEFAULT false,
    status              text    NOT NULL DEFAULT 'draft' REFERENCES crm.agreement_status,
    returns_to          text    REFERENCES crm.agreement_status,  -- of rework: where it came from
    own_organisation_id bigint  REFERENCES crm.own_organisation,
    counterparty_id     bigint  REFERENCES crm.counterparty,
    legal_entity_id     bigint  REFERENCES crm.legal_entity,
    kind_code           text    REFERENCES crm.contract_kind,
    subject_code        text    REFERENCES crm.contract_subject,
    summary             text,
    note                text,
    amount              numeric(18,2) CHECK (amount >= 0),
    vat_amount          numeric(18,2) CHECK (vat_amount >= 0),
    currency            text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    contract_date       date    NOT NULL,
    valid_until         date    CHECK (valid_until >= contract_date),
    signer_id           bigint  REFERENCES crm.user,
    counterparty_signer text,
    initiator_id        bigint  NOT NULL REFERENCES crm.user,
    content_document_id bigint  REFERENCES crm.document ON DELETE SET NULL,
    effective_from      date,
    changes             text,
    CONSTRAINT agreement_entity_of_counterparty FOREIGN KEY (legal_entity_id, counterparty_id)
        REFERENCES crm.legal_entity (id, counterparty_id) DEFERRABLE,
    CONSTRAINT agreement_returns_to CHECK ((returns_to IS NOT NULL) = (status = 'rework')),
    CONSTRAINT agreement_complete CHECK (status IN ('draft', 'deleted')
        OR num_nulls(own_organisation_id, counterparty_id, kind_code, signer_id) = 0),
    CONSTRAINT agreement_of_counterparty FOREIGN KEY (contract_id, counterparty_id)
        REFERENCES crm.contract (id, counterparty_id) DEFERRABLE,
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
CREATE UNIQUE INDEX agreement_number_key ON crm.agreement
    (coalesce(own_organisation_id, 0), extract(year FROM contract_date), number)
    WHERE deleted_at IS NULL;
CREATE INDEX agreement_number_idx ON crm.agreement (number);
CREATE INDEX agreement_date_idx ON crm.agreement (contract_date DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX agreement_contract_idx ON crm.agreement (contract_id) WHERE deleted_at IS NULL;
CREATE INDEX agreement_counterparty_idx ON crm.agreement (counterparty_id)
    WHERE deleted_at IS NULL;
CREATE INDEX agreement_search_idx ON crm.agreement USING gin
    ((coalesce(number::text, '') || ' ' || coalesce(summary::text, '')) gin_trgm_ops);

CREATE TABLE crm.personal_account (
    id              bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    counterparty_id bigint  NOT NULL REFERENCES crm.counterparty,
    account_no      text    NOT NULL CHECK (account_no <> ''),
    name            text,
    legal_entity_id bigint  REFERENCES crm.legal_entity,
    contract_id     bigint  REFERENCES crm.contract,
    currency        text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    balance         numeric(18,2) NOT NULL DEFAULT 0,  -- set by billing, may be negative
    credit_limit    numeric(18,2) NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
    status          text    NOT NULL DEFAULT 'active'
                            CHECK (status IN ('active', 'blocked', 'closed')),
    opened_on       date    NOT NULL,
    closed_on       date    CHECK (closed_on >= opened_on),
    CONSTRAINT personal_account_contract_of_counterparty FOREIGN KEY (contract_id, counterparty_id)
        REFERENCES crm.contract (id, counterparty_id) DEFERRABLE,
    CONSTRAINT personal_account_entity_of_counterparty
        FOREIGN KEY (legal_entity_id, counterparty_id)
        REFERENCES crm.legal_entity (id, counterparty_id) DEFERRABLE,
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
CREATE UNIQUE INDEX personal_account_account_no_key ON crm.personal_account (account_no)
    WHERE deleted_at IS NULL;
CREATE INDEX personal_account_search_idx ON crm.personal_account USING gin
    ((coalesce(account_no::text, '') || ' ' || coalesce(name::text, '')) gin_trgm_ops);
-- Number of the counterparty, a dash, a number that it never had; those who come at once wait.
CREATE FUNCTION crm.number_personal_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner_number bigint;
    candidate    text;
    n            bigint;
BEGIN
    SELECT c.number INTO owner_number FROM crm.counterparty c
    WHERE c.id = NEW.counterparty_id FOR NO KEY UPDATE;
    SELECT count(*) INTO n FROM crm.personal_account a
    WHERE a.counterparty_id = NEW.counterparty_id;
    LOOP
        n := n + 1;
        candidate := owner_number || '-' || n;
        EXIT WHEN NOT EXISTS (SELECT FROM crm.personal_account a WHERE a.account_no = candidate);
    END LOOP;
    NEW.account_no := candidate;
    RETURN NEW;
END $$;
CREATE TRIGGER personal_account_numbered BEFORE INSERT ON crm.personal_account
    FOR EACH ROW WHEN (NEW.account_no IS NULL) EXECUTE FUNCTION crm.number_personal_account();
INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('personal_account.status', 'active', 'Действует', 'Active', 1),
    ('personal_account.status', 'blocked', 'Заблокирован', 'Blocked', 2),
    ('personal_account.status', 'closed', 'Закрыт', 'Closed', 3);
CREATE INDEX personal_account_counterparty_idx ON crm.personal_account (counterparty_id)
    WHERE deleted_at IS NULL;

CREATE TABLE crm.personal_account_product (
    id                  bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    personal_account_id bigint  NOT NULL REFERENCES crm.personal_account ON DELETE CASCADE,
    product_id          bigint  NOT NULL REFERENCES crm.product,
    is_enabled          boolean NOT NULL DEFAULT true,
    price               numeric(18,2) CHECK (price >= 0),  -- null: the catalogue's
    discount_percent    numeric(5,2) NOT NULL DEFAULT 0
                                     CHECK (discount_percent BETWEEN 0 AND 100),
    vat_rate_code       text    REFERENCES crm.vat_rate,
    quantity            numeric(18,4) NOT NULL DEFAULT 1 CHECK (quantity > 0),
    valid_from          date    NOT NULL,
    valid_to            date    CHECK (valid_to >= valid_from),
    settings            jsonb   NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    row_version         integer NOT NULL DEFAULT 1,
    -- Periods of one product do not overlap.
    CONSTRAINT personal_account_product_period EXCLUDE USING gist
        (personal_account_id WITH =, product_id WITH =,
         daterange(valid_from, valid_to, '[]') WITH &&)
);

CREATE TABLE crm.counterparty_invoice_type (
    id                bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    counterparty_id   bigint  NOT NULL REFERENCES crm.counterparty ON DELETE CASCADE,
    invoice_type_code text    NOT NULL REFERENCES crm.invoice_type,
    invoice_name      text    NOT NULL CHECK (invoice_name <> ''),
    product_id        bigint  REFERENCES crm.product,
    self_service      boolean NOT NULL DEFAULT true,
    is_active         boolean NOT NULL DEFAULT true,
    created_at        timestamptz NOT NULL DEFAULT now(),
    created_by        bigint  REFERENCES crm.user,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    row_version       integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX counterparty_invoice_type_key ON crm.counterparty_invoice_type
    (counterparty_id, invoice_type_code, coalesce(product_id, 0));

CREATE TABLE crm.order_status (LIKE crm.lead_status INCLUDING ALL);
INSERT INTO crm.order_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'placement', 'Оформление', 'Placement', NULL, NULL, true, false),
    (2, 'approving', 'Согласование', 'Approving', NULL, NULL, true, false),
    (3, 'execution', 'Исполнение', 'Execution', NULL, NULL, true, false),
    (4, 'completed', 'Завершен', 'Completed', NULL, NULL, true, true),
    (5, 'canceled', 'Отменен', 'Canceled', NULL, NULL, true, true);

CREATE SEQUENCE crm.order_number;
CREATE TABLE crm.order (
    id                    bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    number                bigint  NOT NULL UNIQUE DEFAULT nextval('crm.order_number'),
    order_date            timestamptz NOT NULL DEFAULT now(),
    status                text    NOT NULL DEFAULT 'placement' REFERENCES crm.order_status,
    deal_id               bigint  REFERENCES crm.deal,
    counterparty_id       bigint  NOT NULL REFERENCES crm.counterparty,
    contract_id           bigint  REFERENCES crm.contract,
    responsible_id        bigint  REFERENCES crm.user,
    currency              text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    total_amount          numeric(18,2) NOT NULL DEFAULT 0 CHECK (total_amount >= 0),
    total_vat             numeric(18,2) NOT NULL DEFAULT 0 CHECK (total_vat >= 0),
    total_amount_with_vat numeric(18,2) NOT NULL DEFAULT 0
                          CHECK (total_amount_with_vat = total_amount + total_vat),
    paid_amount           numeric(18,2) NOT NULL DEFAULT 0 CHECK (paid_amount >= 0),
    balance_due           numeric(18,2) NOT NULL DEFAULT 0
                          CHECK (balance_due = total_amount_with_vat - paid_amount),
    comment               text,
    -- so that a payment can pin deal and currency
    UNIQUE (id, deal_id),
    UNIQUE (id, currency),
    CONSTRAINT order_contract_of_counterparty FOREIGN KEY (contract_id, counterparty_id)
        REFERENCES crm.contract (id, counterparty_id) DEFERRABLE,
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
CREATE INDEX order_date_idx ON crm.order (order_date DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX order_responsible_idx ON crm.order (responsible_id, order_date DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX order_status_idx ON crm.order (status, order_date DESC, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX order_deal_idx ON crm.order (deal_id) WHERE deleted_at IS NULL;
CREATE INDEX order_counterparty_idx ON crm.order (counterparty_id) WHERE deleted_at IS NULL;

-- Copied from the catalogue when the line is made; the computed columns by domain.md 1.4.
CREATE TABLE crm.line_item (
    id                  bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    parent_id           bigint  NOT NULL,
    parent_kind         text    NOT NULL CHECK (parent_kind IN ('deal', 'order')),
    position            integer NOT NULL CHECK (position > 0),
    product_id          bigint  REFERENCES crm.product,
    name                text    NOT NULL CHECK (name <> ''),
    kind                text    NOT NULL CHECK (kind IN ('product', 'service')),
    unit_code           text    NOT NULL REFERENCES crm.unit,
    vat_rate_code       text    NOT NULL REFERENCES crm.vat_rate,
    vat_percent         numeric(5,2) CHECK (vat_percent BETWEEN 0 AND 100),
    price               numeric(18,2) NOT NULL CHECK (price >= 0),
    discount_percent    numeric(5,2) NOT NULL DEFAULT 0
                                     CHECK (discount_percent BETWEEN 0 AND 100),
    quantity            numeric(18,4) NOT NULL CHECK (quantity > 0),
    price_with_discount numeric(18,2) NOT NULL,
    amount              numeric(18,2) NOT NULL,
    discount_amount     numeric(18,2) NOT NULL,
    vat_amount          numeric(18,2) NOT NULL,
    amount_with_vat     numeric(18,2) NOT NULL,
    description         text,
    updated_at          timestamptz NOT NULL DEFAULT now(),
    row_version         integer NOT NULL DEFAULT 1,
    FOREIGN KEY (parent_id, parent_kind) REFERENCES crm.record (id, kind) ON DELETE CASCADE,
    UNIQUE (parent_id, position) DEFERRABLE INITIALLY DEFERRED,
    -- round(numeric, 2) rounds half away from zero.
    CHECK (price_with_discount = round(price * (1 - discount_percent / 100), 2)),
    CHECK (amount = round(price_with_discount * quantity, 2)),
    CHECK (discount_amount = round(price * quantity, 2) - amount),
    CHECK (vat_amount = coalesce(round(amount * vat_percent / 100, 2), 0)),
    CHECK (amount_with_vat = amount + vat_amount)
);
CREATE INDEX line_item_product_idx ON crm.line_item (product_id) WHERE product_id IS NOT NULL;

-- Writers of one deal or order wait for each other, so that positions and totals are right. The
-- lines of a final order stay as they are, until it is purged.
CREATE FUNCTION crm.guard_line_item() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent    bigint;
    is_locked boolean;
BEGIN
    FOR parent IN SELECT DISTINCT x FROM unnest(ARRAY[OLD.parent_id, NEW.parent_id]) AS x
                  WHERE x IS NOT NULL ORDER BY x
    LOOP
        PERFORM FROM crm.deal d WHERE d.id = parent FOR NO KEY UPDATE;
        SELECT o.status IN ('completed', 'canceled') AND o.deleted_at IS NULL INTO is_locked
        FROM crm.order o WHERE o.id = parent FOR NO KEY UPDATE;
        IF is_locked THEN
            RAISE EXCEPTION 'the lines of order % are locked', parent
                USING ERRCODE = 'check_violation', CONSTRAINT = 'line_item_order_locked';
        END IF;
    END LOOP;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.position IS NULL THEN
        NEW.position := 1 + coalesce((SELECT max(l.position) FROM crm.line_item l
                                      WHERE l.parent_id = NEW.parent_id), 0);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER line_item_guard BEFORE INSERT OR UPDATE OR DELETE ON crm.line_item
    FOR EACH ROW EXECUTE FUNCTION crm.guard_line_item();

-- The totals of a deal or order are the sums of its rounded lines. They are content: the version of
-- the deal or order moves with them.
CREATE FUNCTION crm.follow_line_items() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parents bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        parents := ARRAY(SELECT DISTINCT n.parent_id FROM touched n);
    ELSIF TG_OP = 'DELETE' THEN
        parents := ARRAY(SELECT DISTINCT o.parent_id FROM gone o);
    ELSE
        parents := ARRAY(SELECT n.parent_id FROM touched n UNION SELECT o.parent_id FROM gone o);
    END IF;
    WITH sums AS (
        SELECT p.id, coalesce(sum(l.amount), 0) AS amount, coalesce(sum(l.vat_amount), 0) AS vat
        FROM unnest(parents) AS p(id) LEFT JOIN crm.line_item l ON l.parent_id = p.id
        GROUP BY p.id),
    deals AS (
        UPDATE crm.deal d SET total_amount = s.amount, total_vat = s.vat,
               total_amount_with_vat = s.amount + s.vat,
               row_version = d.row_version + 1, updated_at = now()
        FROM sums s
        WHERE d.id = s.id AND (d.total_amount, d.total_vat) IS DISTINCT FROM (s.amount, s.vat))
    UPDATE crm.order o SET total_amount = s.amount, total_vat = s.vat,
           total_amount_with_vat = s.amount + s.vat,
           balance_due = s.amount + s.vat - o.paid_amount,
           row_version = o.row_version + 1, updated_at = now()
    FROM sums s
    WHERE o.id = s.id AND (o.total_amount, o.total_vat) IS DISTINCT FROM (s.amount, s.vat);
    RETURN NULL;
END $$;
CREATE TRIGGER line_item_inserted AFTER INSERT ON crm.line_item
    REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_line_items();
CREATE TRIGGER line_item_updated AFTER UPDATE ON crm.line_item
    REFERENCING OLD TABLE AS gone NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_line_items();
CREATE TRIGGER line_item_deleted AFTER DELETE ON crm.line_item
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_line_items();
INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('line_item.kind', 'product', 'Продукт', 'Product', 1),
    ('line_item.kind', 'service', 'Услуга', 'Service', 2);

CREATE TABLE crm.payment_status (LIKE crm.lead_status INCLUDING ALL);
INSERT INTO crm.payment_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'draft', 'Черновик', 'Draft', NULL, NULL, true, false),
    (2, 'planned', 'Запланирован', 'Planned', NULL, NULL, true, false),
    (3, 'confirmed', 'Подтвержден', 'Confirmed', NULL, NULL, false, false),
    (4, 'expired', 'Просрочен', 'Overdue', NULL, NULL, false, false),
    (5, 'partial_paid', 'Частично оплачен', 'Partially paid', NULL, NULL, true, false),
    (6, 'paid', 'Оплачен', 'Paid', NULL, NULL, true, true),
    (7, 'canceled', 'Отменен', 'Canceled', NULL, NULL, true, true);

CREATE SEQUENCE crm.payment_number;
CREATE TABLE crm.payment (
    id                   bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    number               bigint  NOT NULL UNIQUE DEFAULT nextval('crm.payment_number'),
    status               text    NOT NULL DEFAULT 'draft' REFERENCES crm.payment_status,
    amount               numeric(18,2) NOT NULL CHECK (amount > 0),
    currency             text    NOT NULL DEFAULT 'RUB' REFERENCES crm.currency,
    counterparty_id      bigint  NOT NULL REFERENCES crm.counterparty,
    deal_id              bigint  REFERENCES crm.deal,
    order_id             bigint  REFERENCES crm.order,
    responsible_id       bigint  NOT NULL REFERENCES crm.user,
    planned_payment_date date,
    fact_payment_date    date,
    paid_amount          numeric(18,2) NOT NULL DEFAULT 0
                                       CHECK (paid_amount >= 0 AND paid_amount <= amount),
    invoice_document_id  bigint  REFERENCES crm.document ON DELETE SET NULL,
    personal_account_id  bigint  REFERENCES crm.personal_account,
    comment              text,
    -- Deal and currency are those of the order; where the order goes, its payments follow.
    CONSTRAINT payment_of_order_deal FOREIGN KEY (order_id, deal_id)
        REFERENCES crm.order (id, deal_id) ON UPDATE CASCADE,
    CONSTRAINT payment_currency_of_order FOREIGN KEY (order_id, currency)
        REFERENCES crm.order (id, currency),
    CONSTRAINT payment_planned_date CHECK (status NOT IN ('planned', 'confirmed', 'expired')
                                           OR planned_payment_date IS NOT NULL),
    CONSTRAINT payment_fact_date CHECK (status <> 'paid' OR fact_payment_date IS NOT NULL),
    CONSTRAINT payment_paid_amount CHECK (status <> 'paid' OR paid_amount = amount),
    CONSTRAINT payment_partial_amount CHECK (status <> 'partial_paid'
                                             OR (paid_amount > 0 AND paid_amount < amount)),
    CONSTRAINT payment_canceled_comment CHECK (status <> 'canceled'
                                                OR coalesce(comment, '') <> ''),
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
CREATE INDEX payment_deal_idx ON crm.payment (deal_id) WHERE deleted_at IS NULL;
CREATE INDEX payment_order_idx ON crm.payment (order_id) WHERE deleted_at IS NULL;
CREATE INDEX payment_counterparty_idx ON crm.payment (counterparty_id) WHERE deleted_at IS NULL;
CREATE INDEX payment_due_idx ON crm.payment (planned_payment_date)
    WHERE status IN ('planned', 'confirmed') AND deleted_at IS NULL;
CREATE INDEX payment_status_idx ON crm.payment (status, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX payment_responsible_idx ON crm.payment (responsible_id, id DESC)
    WHERE deleted_at IS NULL;

-- Payments of one order wait for each other and for a change of its status: what is paid adds up,
-- and nothing is paid for a canceled order.
CREATE FUNCTION crm.guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named       bigint;
    is_canceled boolean;
BEGIN
    FOR named IN SELECT DISTINCT x FROM unnest(ARRAY[OLD.order_id, NEW.order_id]) AS x
                 WHERE x IS NOT NULL ORDER BY x
    LOOP
        SELECT o.status = 'canceled' AND o.deleted_at IS NULL INTO is_canceled
        FROM crm.order o WHERE o.id = named FOR NO KEY UPDATE;
        IF is_canceled AND named = NEW.order_id AND NEW.status = 'paid' AND NEW.deleted_at IS NULL
        THEN
            RAISE EXCEPTION 'order % is canceled', named
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_of_canceled_order';
        END IF;
    END LOOP;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_guard
    BEFORE INSERT OR DELETE OR UPDATE OF order_id, status, paid_amount, deleted_at ON crm.payment
    FOR EACH ROW EXECUTE FUNCTION crm.guard_payment();

CREATE FUNCTION crm.follow_payments() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    orders bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        orders := ARRAY(SELECT DISTINCT n.order_id FROM touched n);
    ELSIF TG_OP = 'DELETE' THEN
        orders := ARRAY(SELECT DISTINCT o.order_id FROM gone o);
    ELSE
        orders := ARRAY(SELECT n.order_id FROM touched n UNION SELECT o.order_id FROM gone o);
    END IF;
    UPDATE crm.order o SET paid_amount = s.paid,
           balance_due = o.total_amount_with_vat - s.paid,
           row_version = o.row_version + 1, updated_at = now()
    FROM (SELECT x.id, coalesce(sum(p.paid_amount), 0) AS paid
          FROM unnest(orders) AS x(id)
          LEFT JOIN crm.payment p ON p.order_id = x.id AND p.deleted_at IS NULL
                                     AND p.status IN ('paid', 'partial_paid')
          GROUP BY x.id) s
    WHERE o.id = s.id AND o.paid_amount <> s.paid;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_inserted AFTER INSERT ON crm.payment
    REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_payments();
CREATE TRIGGER payment_updated AFTER UPDATE ON crm.payment
    REFERENCING OLD TABLE AS gone NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_payments();
CREATE TRIGGER payment_deleted AFTER DELETE ON crm.payment
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION crm.follow_payments();

CREATE FUNCTION crm.guard_order_cancel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM crm.payment p
               WHERE p.order_id = NEW.id AND p.status = 'paid' AND p.deleted_at IS NULL)
    THEN
        RAISE EXCEPTION 'order % has a paid payment', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_has_paid_payments';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_cancel_guard BEFORE UPDATE OF status ON crm.order
    FOR EACH ROW WHEN (NEW.status = 'canceled' AND OLD.status <> 'canceled')
    EXECUTE FUNCTION crm.guard_order_cancel();

CREATE TABLE crm.support_request_status (LIKE crm.lead_status INCLUDING ALL);
INSERT INTO crm.support_request_status
    (position, code, name_ru, name_en, stage_code, percent, on_board, is_final) VALUES
    (1, 'first_line', 'Передано 1-й линии ТП', 'Handed to line 1', NULL, NULL, true, false),
    (2, 'first_line_work', 'В работе на 1-й линии ТП', 'Line 1 works', NULL, NULL, true, false),
    (3, 'second_line', 'Передано 2-й линии ТП', 'Handed to line 2', NULL, NULL, true, false),
    (4, 'second_line_work', 'В работе на 2-й линии ТП', 'Line 2 works', NULL, NULL, true, false),
    (5, 'third_line', 'Передано 3-й линии ТП', 'Handed to line 3', NULL, NULL, true, false),
    (6, 'third_line_work', 'В работе на 3-й линии ТП', 'Line 3 works', NULL, NULL, true, false),
    (7, 'clarification', 'На уточнении', 'Clarification', NULL, NULL, true, false),
    (8, 'hold', 'На удержании', 'On hold', NULL, NULL, true, false),
    (9, 'approve', 'Подтверждение выполнения заявки', 'Confirmation', NULL, NULL, true, false),
    (10, 'closed', 'Закрыта', 'Closed', NULL, NULL, true, true);

CREATE SEQUENCE crm.support_request_number;
CREATE TABLE crm.support_request (
    id                    bigint  PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    number                bigint  NOT NULL UNIQUE DEFAULT nextval('crm.support_request_number'),
    counterparty_id       bigint  NOT NULL REFERENCES crm.counterparty,
    initiator_user_id     bigint  REFERENCES crm.user,
    initiator_contact_id  bigint  REFERENCES crm.contact,
    initiator_account_id  bigint  REFERENCES crm.counterparty_user,
    author                text,
    channel               text    NOT NULL DEFAULT 'external'
                                  CHECK (channel IN ('internal', 'external')),
    petition_type         text    REFERENCES crm.support_petition_type,
    service_type          text    REFERENCES crm.support_service_type,
    module                text    REFERENCES crm.support_module,
    mark                  text    REFERENCES crm.support_mark,
    priority              text    NOT NULL DEFAULT 'medium' REFERENCES crm.support_priority,
    subject               text    NOT NULL,
    content               text    NOT NULL,
    content_text          text,
    status                text    NOT NULL DEFAULT 'first_line'
                                  REFERENCES crm.support_request_status,
    assignee_user_id      bigint  REFERENCES crm.user,
    assignee_group_id     text    REFERENCES crm.group,
    resolution            text,
    first_reaction_at     timestamptz,
    closed_at             timestamptz,
    stopped_at            timestamptz,
    sla1_due_at           timestamptz,
    sla1_state            text    NOT NULL DEFAULT 'off' CHECK (sla1_state IN ('running', 'paused',
                                  'met', 'overdue', 'off')),
    sla2_due_at           timestamptz,
    sla2_state            text    NOT NULL DEFAULT 'off' CHECK (sla2_state IN ('running', 'paused',
                                  'met', 'overdue', 'off')),
    sla2_paused_total     interval NOT NULL DEFAULT interval '0',
    created_automatically boolean NOT NULL DEFAULT false,
    date_received         timestamptz NOT NULL DEFAULT now(),
    mail_message_id       bigint  REFERENCES ops.mail_message ON DELETE SET NULL,
    -- of clarification, hold and approve: the status it came from
    returns_to            text    REFERENCES crm.support_request_status,
    -- the closed request that this one answers
    continues_id          bigint  REFERENCES crm.support_request ON DELETE SET NULL,
    CONSTRAINT support_request_returns_to CHECK ((returns_to IS NOT NULL)
                                                 = (status IN ('clarification', 'hold', 'approve'))),
    CONSTRAINT support_request_one_initiator CHECK (num_nonnulls(initiator_user_id,
                                               initiator_contact_id, initiator_account_id) = 1),
    CONSTRAINT support_request_closed_at CHECK ((closed_at IS NOT NULL) = (status = 'closed')),
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
CREATE INDEX support_request_counterparty_idx ON crm.support_request (counterparty_id)
    WHERE deleted_at IS NULL;
CREATE INDEX support_request_status_idx ON crm.support_request (status, date_received DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX support_request_mail_idx ON crm.support_request (mail_message_id)
    WHERE mail_message_id IS NOT NULL;
CREATE INDEX support_request_continues_idx ON crm.support_request (continues_id)
    WHERE continues_id IS NOT NULL;
CREATE INDEX support_request_assignee_idx ON crm.support_request (assignee_group_id, status)
    WHERE deleted_at IS NULL;
CREATE INDEX support_request_search_idx ON crm.support_request USING gin
    ((coalesce(author::text, '') || ' ' || coalesce(subject::text, '')) gin_trgm_ops);

-- Who reads a request besides the service desk.
CREATE TABLE crm.support_participant (
    request_id bigint NOT NULL REFERENCES crm.support_request ON DELETE CASCADE,
    user_id    bigint NOT NULL REFERENCES crm.user,
    added_by   bigint REFERENCES crm.user,
    added_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (request_id, user_id)
);
CREATE INDEX support_participant_user_idx ON crm.support_participant (user_id);

-- Who serves a customer; the row without one is the default.
CREATE TABLE crm.support_client_settings (
    id                      bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    counterparty_id         bigint  REFERENCES crm.counterparty ON DELETE CASCADE,
    line1_group             text    NOT NULL DEFAULT 'support-line-1' REFERENCES crm.group,
    line2_group             text    NOT NULL DEFAULT 'support-line-2' REFERENCES crm.group,
    line3_group             text    NOT NULL DEFAULT 'support-line-3' REFERENCES crm.group,
    technologist_group      text    NOT NULL DEFAULT 'support-technologists' REFERENCES crm.group,
    working_schedule        jsonb   NOT NULL DEFAULT '{}'
                                    CHECK (jsonb_typeof(working_schedule) = 'object'),
    line1_minutes_per_month integer CHECK (line1_minutes_per_month >= 0),  -- null: no limit
    line2_minutes_per_month integer CHECK (line2_minutes_per_month >= 0),
    line3_minutes_per_month integer CHECK (line3_minutes_per_month >= 0),
    line1_minutes_left      integer,
    line2_minutes_left      integer,
    line3_minutes_left      integer,
    UNIQUE NULLS NOT DISTINCT (counterparty_id)
);
INSERT INTO crm.support_client_settings DEFAULT VALUES;

INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('support_request.channel', 'internal', 'Внутренний', 'Internal', 1),
    ('support_request.channel', 'external', 'Внешний', 'External', 2),
    ('support_request.sla1_state', 'running', 'Идёт', 'Running', 1),
    ('support_request.sla1_state', 'paused', 'Приостановлен', 'Paused', 2),
    ('support_request.sla1_state', 'met', 'Соблюдён', 'Met', 3),
    ('support_request.sla1_state', 'overdue', 'Просрочен', 'Overdue', 4),
    ('support_request.sla1_state', 'off', 'Выключен', 'Off', 5),
    ('support_request.sla2_state', 'running', 'Идёт', 'Running', 1),
    ('support_request.sla2_state', 'paused', 'Приостановлен', 'Paused', 2),
    ('support_request.sla2_state', 'met', 'Соблюдён', 'Met', 3),
    ('support_request.sla2_state', 'overdue', 'Просрочен', 'Overdue', 4),
    ('support_request.sla2_state', 'off', 'Выключен', 'Off', 5);

-- Now that there are support requests, orders and contracts: theirs too (0008).
CREATE OR REPLACE FUNCTION crm.counterparty_of(record_id bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT c.id FROM crm.counterparty c WHERE c.id = record_id),
                    (SELECT d.counterparty_id FROM crm.deal d WHERE d.id = record_id),
                    (SELECT l.counterparty_id FROM crm.lead l WHERE l.id = record_id),
                    (SELECT p.counterparty_id FROM crm.contact p WHERE p.id = record_id),
                    (SELECT s.counterparty_id FROM crm.support_request s WHERE s.id = record_id),
                    (SELECT o.counterparty_id FROM crm.order o WHERE o.id = record_id),
                    (SELECT m.counterparty_id FROM crm.payment m WHERE m.id = record_id),
                    (SELECT k.counterparty_id FROM crm.contract k WHERE k.id = record_id),
                    (SELECT a.counterparty_id FROM crm.agreement a WHERE a.id = record_id))
$$;

-- Is there such a record, and is it not deleted? Null when there is none. For what attaches to a
-- record of any kind.
CREATE FUNCTION crm.record_is_live(record_id bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
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
        ELSE true END
    FROM crm.record r WHERE r.id = record_id
$$;
