-- 0003 Directories and their first rows (domain.md 1.7, 4). Declarations: store/model/directories.cpp.

CREATE TABLE crm.request_category (
    code        text    PRIMARY KEY CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9_.-]*$'),
    name_ru     text    NOT NULL CHECK (name_ru <> ''),
    name_en     text    NOT NULL CHECK (name_en <> ''),
    sort_order  integer NOT NULL DEFAULT 0,
    is_active   boolean NOT NULL DEFAULT true,
    is_system   boolean NOT NULL DEFAULT false,  -- the code cannot be deleted
    updated_at  timestamptz NOT NULL DEFAULT now(),
    row_version integer NOT NULL DEFAULT 1
);
INSERT INTO crm.request_category (sort_order, is_system, code, name_ru, name_en) VALUES
    (1, true, 'other', 'Другое', 'Other'),
    (2, true, 'wom', 'Сарафанное радио', 'Word of mouth'),
    (3, true, 'phone', 'Телефон', 'Phone'),
    (4, true, 'email', 'Почта', 'E-mail'),
    (5, true, 'community', 'Сайт - скачивание com', 'Site: Community download'),
    (6, true, 'cloud', 'Сайт - демо-доступ в облаке', 'Site: cloud demo access'),
    (7, true, 'price', 'Сайт - запрос стоимости', 'Site: price request'),
    (8, true, 'consult', 'Сайт - консультация', 'Site: consulting'),
    (9, true, 'demonstration', 'Сайт - запрос демонстрации', 'Site: demonstration request'),
    (10, true, 'demo-access', 'Сайт - демо-доступ', 'Site: demo access'),
    (11, true, 'community-subscription', 'Сайт - подписка com', 'Site: Community subscription'),
    (12, true, 'partnership-request', 'Сайт - заявка на партнерство', 'Site: partnership request'),
    (13, true, 'special-offer', 'Сайт - акция', 'Site: special offer');

CREATE TABLE crm.request_source (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.request_source (sort_order, is_system, code, name_ru, name_en) VALUES
    (1, true, 'google_search', 'Google поиск', 'Google search'),
    (2, true, 'yandex_search', 'Яндекс поиск', 'Yandex search'),
    (3, true, 'referral', 'Переход со стороннего сайта', 'Referral site'),
    (4, true, 'ad', 'Реклама в Яндекс.Директ', 'Yandex.Direct advertising'),
    (5, true, 'direct', 'Прямая ссылка', 'Direct link'),
    (6, true, 'mail', 'Письмо с почты', 'E-mail'),
    (7, true, 'relations', 'По знакомству', 'Acquaintance'),
    (8, true, 'articles_and_ratings', 'Статьи и рейтинги', 'Articles and ratings'),
    (9, true, 'other', 'Другое', 'Other'),
    (10, true, 'unknown', 'Неизвестный', 'Unknown');

CREATE TABLE crm.disqualification_reason (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.disqualification_reason (sort_order, is_system, code, name_ru, name_en) VALUES
    (1, true, 'no_contact', 'Не смогли связаться (вообще ни разу)', 'No contact at all'),
    (2, true, 'not_interested', 'Не интересно (отказ от общения)', 'Not interested'),
    (3, true, 'blacklist_suspicion', 'Подозрение на черный список', 'Blacklist suspicion'),
    (4, true, 'not_target', 'Нецелевой клиент', 'Not a target client'),
    (5, true, 'education_interest', 'Интересует обучение', 'Interested in education'),
    (6, true, 'duplicate', 'Дубликат', 'Duplicate'),
    (7, true, 'incorrect_data', 'Некорректные данные', 'Incorrect data'),
    (8, true, 'partnership_interest', 'Интересует партнерство', 'Interested in partnership'),
    (9, true, 'service_unavailable', 'Невозможно предоставить услугу',
     'Unable to provide the service'),
    (10, true, 'competitor_choice', 'Выбрал конкурента', 'Chose a competitor'),
    (11, true, 'substitute_choice', 'Выбрал заменитель продукта', 'Chose a substitute product'),
    (12, true, 'expensive', 'Дорого', 'Too expensive'),
    (13, true, 'spam', 'Спам', 'Spam'),
    (14, true, 'webinar_participant', 'Участник вебинара из департамента компании',
     'Webinar participant of the company'),
    (15, true, 'existing_client', 'Существующий клиент', 'Existing client');

CREATE TABLE crm.segment (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.segment (sort_order, code, name_ru, name_en) VALUES
    (1, 'enterprise', 'Крупный бизнес', 'Enterprise'),
    (2, 'medium', 'Средний бизнес', 'Mid-market'),
    (3, 'small', 'Малый бизнес', 'Small'),
    (4, 'micro', 'Микробизнес и ИП', 'Micro'),
    (5, 'government', 'Государственный сектор', 'Government'),
    (6, 'nonprofit', 'НКО', 'Non-profit'),
    (7, 'undefined', 'Не определён', 'Not defined');

CREATE TABLE crm.acquisition_channel (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.acquisition_channel (sort_order, code, name_ru, name_en) VALUES
    (1, 'site', 'Сайт', 'Web site'),
    (2, 'email', 'Почта', 'E-mail'),
    (3, 'phone', 'Входящий звонок', 'Inbound call'),
    (4, 'cold_call', 'Холодный звонок', 'Cold call'),
    (5, 'advertising', 'Реклама', 'Advertising'),
    (6, 'event', 'Мероприятие', 'Event'),
    (7, 'referral', 'Рекомендация', 'Referral'),
    (8, 'partner', 'Партнёр', 'Partner'),
    (9, 'tender', 'Тендер', 'Tender'),
    (10, 'other', 'Другое', 'Other'),
    (11, 'unknown', 'Неизвестен', 'Unknown');

CREATE TABLE crm.customer_status (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.customer_status (sort_order, is_system, code, name_ru, name_en) VALUES
    (1, true, 'potential', 'Потенциальный', 'Potential'),
    (2, false, 'active', 'Действующий', 'Active'),
    (3, false, 'suspended', 'Приостановлен', 'Suspended'),
    (4, false, 'lost', 'Утерян', 'Lost'),
    (5, true, 'blacklisted', 'Чёрный список', 'Blacklisted'),
    (6, false, 'archived', 'Архив', 'Archived');

CREATE TABLE crm.invoice_type (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.invoice_type (sort_order, code, name_ru, name_en) VALUES
    (1, 'prepayment', 'Предоплата', 'Prepayment'),
    (2, 'postpayment', 'Постоплата', 'Post-payment'),
    (3, 'advance_topup', 'Пополнение лицевого счёта', 'Account top-up'),
    (4, 'subscription', 'Абонентская плата', 'Subscription'),
    (5, 'usage', 'По факту потребления', 'Usage'),
    (6, 'one_off', 'Разовая услуга', 'One-off'),
    (7, 'penalty', 'Неустойка', 'Penalty');

-- name_ru is the short form as written before a name; okopf_code is empty for foreign forms.
CREATE TABLE crm.legal_form (
    LIKE crm.request_category INCLUDING ALL,
    okopf_code   text CHECK (okopf_code ~ '^[0-9]{5}$'),
    full_name_ru text NOT NULL,
    full_name_en text NOT NULL
);
INSERT INTO crm.legal_form
    (sort_order, code, okopf_code, name_ru, name_en, full_name_ru, full_name_en) VALUES
    (1, 'ooo', '12300', 'ООО', 'OOO', 'Общество с ограниченной ответственностью',
     'Limited liability company'),
    (2, 'ao', '12200', 'АО', 'AO', 'Акционерное общество', 'Joint-stock company'),
    (3, 'pao', '12247', 'ПАО', 'PAO', 'Публичное акционерное общество',
     'Public joint-stock company'),
    (4, 'nao', '12267', 'НАО', 'NAO', 'Непубличное акционерное общество',
     'Non-public joint-stock company'),
    (5, 'zao', NULL, 'ЗАО', 'ZAO', 'Закрытое акционерное общество',
     'Closed joint-stock company'),
    (6, 'oao', NULL, 'ОАО', 'OAO', 'Открытое акционерное общество', 'Open joint-stock company'),
    (7, 'ip', '50102', 'ИП', 'IP', 'Индивидуальный предприниматель', 'Individual entrepreneur'),
    (8, 'ano', '71400', 'АНО', 'ANO', 'Автономная некоммерческая организация',
     'Autonomous non-profit organisation'),
    (9, 'nko', NULL, 'НКО', 'NKO', 'Некоммерческая организация', 'Non-profit organisation'),
    (10, 'fgup', '65241', 'ФГУП', 'FGUP',
     'Федеральное государственное унитарное предприятие', 'Federal state unitary enterprise'),
    (11, 'gup', '65242', 'ГУП', 'GUP', 'Государственное унитарное предприятие',
     'State unitary enterprise'),
    (12, 'mup', '65243', 'МУП', 'MUP', 'Муниципальное унитарное предприятие',
     'Municipal unitary enterprise'),
    (13, 'fgbu', '75103', 'ФГБУ', 'FGBU', 'Федеральное государственное бюджетное учреждение',
     'Federal state budgetary institution'),
    (14, 'gbu', '75203', 'ГБУ', 'GBU', 'Государственное бюджетное учреждение',
     'State budgetary institution'),
    (15, 'mbu', '75403', 'МБУ', 'MBU', 'Муниципальное бюджетное учреждение',
     'Municipal budgetary institution'),
    (16, 'too', NULL, 'ТОО', 'TOO', 'Товарищество с ограниченной ответственностью',
     'Limited liability partnership'),
    (17, 'llc', NULL, 'LLC', 'LLC', 'Limited liability company', 'Limited liability company'),
    (18, 'jsc', NULL, 'JSC', 'JSC', 'Joint-stock company', 'Joint-stock company'),
    (19, 'ltd', NULL, 'Ltd', 'Ltd', 'Limited', 'Limited'),
    (20, 'gmbh', NULL, 'GmbH', 'GmbH', 'Gesellschaft mit beschränkter Haftung',
     'Gesellschaft mit beschränkter Haftung'),
    (21, 'inc', NULL, 'Inc', 'Inc', 'Incorporated', 'Incorporated');

CREATE TABLE crm.currency (
    code         text    PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),  -- ISO 4217
    name_ru      text    NOT NULL,
    name_en      text    NOT NULL,
    num_code     text    NOT NULL UNIQUE CHECK (num_code ~ '^[0-9]{3}$'),
    symbol       text    NOT NULL,
    minor_digits integer NOT NULL DEFAULT 2 CHECK (minor_digits BETWEEN 0 AND 4),
    sort_order   integer NOT NULL DEFAULT 0,
    is_active    boolean NOT NULL DEFAULT true,
    is_system    boolean NOT NULL DEFAULT false,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    row_version  integer NOT NULL DEFAULT 1
);
INSERT INTO crm.currency (sort_order, is_system, code, num_code, name_ru, name_en, symbol) VALUES
    (1, true, 'RUB', '643', 'Рубль', 'Russian rouble', '₽'),
    (2, false, 'USD', '840', 'Доллар США', 'US dollar', '$'),
    (3, false, 'EUR', '978', 'Евро', 'Euro', '€'),
    (4, false, 'CNY', '156', 'Юань', 'Yuan', '¥'),
    (5, false, 'KZT', '398', 'Тенге', 'Tenge', '₸'),
    (6, false, 'BYN', '933', 'Белорусский рубль', 'Belarusian rouble', 'Br');

-- The default on a date is the row with is_default valid on it: their periods never overlap.
CREATE TABLE crm.vat_rate (
    LIKE crm.request_category INCLUDING ALL,
    percent    numeric(5,2) CHECK (percent BETWEEN 0 AND 100),  -- null: no VAT
    valid_from date,
    valid_to   date,
    is_default boolean NOT NULL DEFAULT false,
    CHECK (valid_from <= valid_to),
    CONSTRAINT vat_rate_one_default EXCLUDE USING gist
        (daterange(valid_from, valid_to, '[]') WITH &&) WHERE (is_default)
);
INSERT INTO crm.vat_rate
    (sort_order, is_system, code, name_ru, name_en, percent, valid_from, valid_to, is_default)
VALUES
    (1, true, 'none', 'Без НДС', 'No VAT', NULL, NULL, NULL, false),
    (2, true, 'vat0', '0%', '0%', 0, NULL, NULL, false),
    (3, true, 'vat5', '5% (УСН)', '5% (simplified)', 5, '2025-01-01', NULL, false),
    (4, true, 'vat7', '7% (УСН)', '7% (simplified)', 7, '2025-01-01', NULL, false),
    (5, true, 'vat10', 'Льготная, 10%', 'Reduced, 10%', 10, NULL, NULL, false),
    (6, true, 'vat18', 'Основная, 18%', 'Standard, 18%', 18, NULL, '2018-12-31', false),
    (7, true, 'vat20', 'Основная, 20%', 'Standard, 20%', 20, '2019-01-01', '2025-12-31', true),
    (8, true, 'vat22', 'Основная, 22%', 'Standard, 22%', 22, '2026-01-01', NULL, true);

-- The code is OKEI.
CREATE TABLE crm.unit (
    LIKE crm.request_category INCLUDING ALL,
    short_ru text NOT NULL,
    short_en text NOT NULL
);
INSERT INTO crm.unit (sort_order, code, name_ru, name_en, short_ru, short_en) VALUES
    (1, '796', 'Штука', 'Piece', 'шт', 'pc'),
    (2, '166', 'Килограмм', 'Kilogram', 'кг', 'kg'),
    (3, '168', 'Тонна', 'Tonne', 'т', 't'),
    (4, '006', 'Метр', 'Metre', 'м', 'm'),
    (5, '112', 'Литр', 'Litre', 'л', 'l'),
    (6, '356', 'Час', 'Hour', 'ч', 'h'),
    (7, '539', 'Человеко-час', 'Person-hour', 'чел.ч', 'person-h'),
    (8, '359', 'Сутки', 'Day', 'сут', 'day'),
    (9, '362', 'Месяц', 'Month', 'мес', 'mo'),
    (10, '366', 'Год', 'Year', 'год', 'yr'),
    (11, '642', 'Единица', 'Unit', 'ед', 'unit'),
    (12, '876', 'Условная единица', 'Conventional unit', 'усл. ед', 'conv. unit');

CREATE TABLE crm.contract_party (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.contract_party (sort_order, code, name_ru, name_en) VALUES
    (1, 'customer', 'Заказчиком', 'Customer'),
    (2, 'supplier', 'Поставщиком', 'Supplier'),
    (3, 'contractor', 'Исполнителем', 'Contractor'),
    (4, 'partner', 'Партнёром', 'Partner'),
    (5, 'other', 'Прочее', 'Other');

CREATE TABLE crm.contract_kind (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.contract_kind (sort_order, code, name_ru, name_en) VALUES
    (1, 'purchase', 'Закупка товаров', 'Purchase of goods'),
    (2, 'supply', 'Поставка товаров', 'Supply of goods'),
    (3, 'services', 'Оказание услуг', 'Services'),
    (4, 'works', 'Подряд', 'Works'),
    (5, 'licence', 'Лицензионный', 'Licence'),
    (6, 'lease', 'Аренда', 'Lease'),
    (7, 'agency', 'Агентский', 'Agency'),
    (8, 'framework', 'Рамочный', 'Framework'),
    (9, 'nda', 'Соглашение о конфиденциальности', 'Non-disclosure agreement'),
    (10, 'other', 'Прочее', 'Other');

CREATE TABLE crm.contract_subject (LIKE crm.request_category INCLUDING ALL);
CREATE TABLE crm.support_petition_type (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.support_petition_type (sort_order, code, name_ru, name_en) VALUES
    (1, 'incident', 'Инцидент', 'Incident'),
    (2, 'service_request', 'Запрос на обслуживание', 'Service request'),
    (3, 'consultation', 'Консультация', 'Consultation'),
    (4, 'change', 'Доработка', 'Change'),
    (5, 'other', 'Другое', 'Other');
CREATE TABLE crm.support_service_type (LIKE crm.request_category INCLUDING ALL);
CREATE TABLE crm.support_module (LIKE crm.request_category INCLUDING ALL);
CREATE TABLE crm.support_mark (LIKE crm.request_category INCLUDING ALL);
CREATE TABLE crm.support_priority (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.support_priority (sort_order, is_system, code, name_ru, name_en) VALUES
    (1, true, 'low', 'Низкий', 'Low'),
    (2, true, 'medium', 'Средний', 'Medium'),
    (3, true, 'high', 'Высокий', 'High'),
    (4, true, 'urgent', 'Срочный', 'Urgent');

CREATE TABLE crm.document_type (LIKE crm.request_category INCLUDING ALL);
INSERT INTO crm.document_type (sort_order, is_system, code, name_ru, name_en) VALUES
    (1, true, 'scan', 'Отсканированные документы', 'Scanned documents'),
    (2, true, 'counterparty', 'Документы контрагента', 'Counterparty documents'),
    (3, true, 'attachment', 'Вложение', 'Attachment'),
    (4, true, 'express_report', 'Экспресс-отчет', 'Express report'),
    (5, true, 'proposal', 'Коммерческое предложение', 'Commercial proposal'),
    (6, true, 'invoice', 'Счет', 'Invoice'),
    (7, true, 'act', 'Акт', 'Act'),
    (8, true, 'contract', 'Договор', 'Contract'),
    (9, true, 'agreement', 'Доп. соглашение', 'Additional agreement'),
    (10, true, 'mail', 'Письмо (.eml)', 'Mail (.eml)'),
    (11, true, 'library', 'Файл библиотеки', 'Library file'),
    (12, true, 'other', 'Прочее', 'Other');

-- Where a mail with the subject suffix "(alias: value)" goes (domain.md 18.5).
CREATE TABLE crm.activity_target (
    alias        citext  PRIMARY KEY CHECK (alias <> ''),
    record_kind  text    NOT NULL CHECK (record_kind IN ('deal', 'lead', 'order', 'payment',
                         'contract', 'agreement', 'counterparty', 'support_request')),
    search_field text    NOT NULL CHECK (search_field IN ('number', 'inn')),
    enabled      boolean NOT NULL DEFAULT true,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    row_version  integer NOT NULL DEFAULT 1
);
INSERT INTO crm.activity_target (alias, record_kind, search_field) VALUES
    ('deal', 'deal', 'number'), ('сделка', 'deal', 'number'),
    ('lead', 'lead', 'number'), ('лид', 'lead', 'number'),
    ('order', 'order', 'number'), ('заказ', 'order', 'number'),
    ('payment', 'payment', 'number'), ('платеж', 'payment', 'number'),
    ('contract', 'contract', 'number'), ('договор', 'contract', 'number'),
    ('agreement', 'agreement', 'number'), ('дс', 'agreement', 'number'),
    ('client', 'counterparty', 'number'), ('клиент', 'counterparty', 'number'),
    ('inn', 'counterparty', 'inn'), ('инн', 'counterparty', 'inn'),
    ('sd', 'support_request', 'number'), ('заявка', 'support_request', 'number');

-- Domains that never link a sender to a company.
CREATE TABLE crm.public_mail_domain (
    domain      text PRIMARY KEY CHECK (domain = lower(domain) AND domain <> ''),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    row_version integer NOT NULL DEFAULT 1
);
INSERT INTO crm.public_mail_domain (domain) VALUES
    ('mail.ru'), ('bk.ru'), ('list.ru'), ('inbox.ru'), ('internet.ru'), ('yandex.ru'), ('ya.ru'),
    ('yandex.com'), ('gmail.com'), ('rambler.ru'), ('outlook.com'), ('hotmail.com'),
    ('icloud.com'), ('yahoo.com'), ('proton.me'), ('narod.ru'), ('vk.com'), ('lenta.ru'),
    ('googlemail.com'), ('live.com'), ('msn.com'), ('me.com'), ('protonmail.com'), ('aol.com'),
    ('gmx.de'), ('gmx.net'), ('mail.com'), ('ukr.net'), ('tut.by'), ('yandex.by'), ('yandex.kz');

-- Fields an installation adds to its records: members of their `custom` (domain.md 16). The code
-- stands in the SQL of filters, so its letters are guarded here too. Never deleted, only switched
-- off: the values would lose their meaning.
CREATE TABLE crm.custom_field_def (
    id            bigint  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    record_kind   text    NOT NULL CHECK (record_kind IN (
        'counterparty', 'contact', 'lead', 'deal', 'product', 'order', 'payment', 'contract',
        'agreement', 'document', 'folder', 'activity', 'assignment', 'support_request',
        'correspondence_in', 'correspondence_out', 'project', 'release', 'personal_account',
        'legal_entity', 'own_organisation', 'custom')),
    code          text    NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,49}$'),
    name_ru       text    NOT NULL CHECK (length(name_ru) <= 300),
    name_en       text    NOT NULL CHECK (length(name_en) <= 300),
    type          text    NOT NULL CHECK (type IN ('text', 'number', 'money', 'bool', 'date',
                                                   'datetime', 'enum', 'user', 'record')),
    enum_values   text[]  NOT NULL DEFAULT '{}',
    is_required   boolean NOT NULL DEFAULT false,
    default_value jsonb,
    is_searchable boolean NOT NULL DEFAULT false,
    sort_order    integer NOT NULL DEFAULT 0,
    is_active     boolean NOT NULL DEFAULT true,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    row_version   integer NOT NULL DEFAULT 1,
    CONSTRAINT custom_field_def_code_key UNIQUE (record_kind, code),
    CONSTRAINT custom_field_def_enum_values_check
        CHECK ((type = 'enum') = (cardinality(enum_values) > 0))
);

INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('custom_field_def.record_kind', 'counterparty', 'Контрагент', 'Counterparty', 1),
    ('custom_field_def.record_kind', 'contact', 'Контактное лицо', 'Contact', 2),
    ('custom_field_def.record_kind', 'lead', 'Лид', 'Lead', 3),
    ('custom_field_def.record_kind', 'deal', 'Сделка', 'Deal', 4),
    ('custom_field_def.record_kind', 'product', 'Продукт', 'Product', 5),
    ('custom_field_def.record_kind', 'order', 'Заказ', 'Order', 6),
    ('custom_field_def.record_kind', 'payment', 'Платеж', 'Payment', 7),
    ('custom_field_def.record_kind', 'contract', 'Договор', 'Contract', 8),
    ('custom_field_def.record_kind', 'agreement', 'Доп. соглашение', 'Agreement', 9),
    ('custom_field_def.record_kind', 'document', 'Документ', 'Document', 10),
    ('custom_field_def.record_kind', 'folder', 'Папка', 'Folder', 11),
    ('custom_field_def.record_kind', 'activity', 'Активность', 'Activity', 12),
    ('custom_field_def.record_kind', 'assignment', 'Поручение', 'Assignment', 13),
    ('custom_field_def.record_kind', 'support_request', 'Заявка', 'Support request', 14),
    ('custom_field_def.record_kind', 'correspondence_in', 'Входящая корреспонденция', 'Incoming correspondence', 15),
    ('custom_field_def.record_kind', 'correspondence_out', 'Исходящая корреспонденция', 'Outgoing correspondence', 16),
    ('custom_field_def.record_kind', 'project', 'Проект', 'Project', 17),
    ('custom_field_def.record_kind', 'release', 'Релиз', 'Release', 18),
    ('custom_field_def.record_kind', 'personal_account', 'Лицевой счёт', 'Personal account', 19),
    ('custom_field_def.record_kind', 'legal_entity', 'Юридическое лицо', 'Legal entity', 20),
    ('custom_field_def.record_kind', 'own_organisation', 'Наша организация', 'Own organisation', 21),
    ('custom_field_def.record_kind', 'custom', 'Раздел', 'Section', 22),
    ('custom_field_def.type', 'text', 'Текст', 'Text', 1),
    ('custom_field_def.type', 'number', 'Число', 'Number', 2),
    ('custom_field_def.type', 'money', 'Деньги', 'Money', 3),
    ('custom_field_def.type', 'bool', 'Да или нет', 'Yes or no', 4),
    ('custom_field_def.type', 'date', 'Дата', 'Date', 5),
    ('custom_field_def.type', 'datetime', 'Дата и время', 'Date and time', 6),
    ('custom_field_def.type', 'enum', 'Список', 'List', 7),
    ('custom_field_def.type', 'user', 'Пользователь', 'User', 8),
    ('custom_field_def.type', 'record', 'Запись', 'Record', 9);
