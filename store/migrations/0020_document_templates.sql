-- 0020 Templates of documents that an installation brings (domain.md 12.4): each text put is a
-- version, the newest is in use. The shipped ones are in the program: store/documents/templates.
CREATE TABLE crm.document_template (
    code       text   NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,49}$'),
    version_no integer NOT NULL CHECK (version_no > 0),
    name       text   NOT NULL CHECK (name <> '' AND length(name) <= 200),
    kind       text   NOT NULL CHECK (kind IN ('counterparty', 'contract', 'deal', 'order')),
    type_code  text   NOT NULL REFERENCES crm.document_type,
    page       text   COMPRESSION lz4 NOT NULL CHECK (page <> ''),  -- HTML with fields
    comment    text,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by bigint REFERENCES crm.user,
    retired_at timestamptz,  -- not in use any more; documents made of it name it still
    PRIMARY KEY (code, version_no)
);
