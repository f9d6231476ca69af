-- 0007 Documents, their versions and folders (domain.md 12). Contents are blobs (ops.blob).
-- Fields and codes: store/model/document.cpp, folder.cpp.

CREATE TABLE crm.folder (
    id               bigint PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    parent_folder_id bigint REFERENCES crm.folder,  -- null: in the root
    name             text   NOT NULL CHECK (name <> '' AND length(name) <= 255
                                            AND name !~ '[/\\\x01-\x1f]'),
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
CREATE UNIQUE INDEX folder_name_key ON crm.folder (coalesce(parent_folder_id, 0), lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX folder_parent_idx ON crm.folder (parent_folder_id) WHERE deleted_at IS NULL;

-- The folder and every one below it; nothing of what is deleted.
CREATE FUNCTION crm.folders_under(top bigint) RETURNS SETOF bigint LANGUAGE sql STABLE ROWS 50 AS $$
    WITH RECURSIVE tree(id) AS (
        SELECT f.id FROM crm.folder f WHERE f.id = top AND f.deleted_at IS NULL
        UNION
        SELECT f.id FROM crm.folder f JOIN tree t ON f.parent_folder_id = t.id
        WHERE f.deleted_at IS NULL)
    SELECT id FROM tree
$$;

-- "/Contracts/2026" of the folder or document of that name inside `above` (null: the root).
CREATE FUNCTION crm.folder_path(above bigint, own_name text) RETURNS text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE way(parent, path, steps) AS (
        SELECT above, '/' || own_name, 1
        UNION ALL
        SELECT f.parent_folder_id, '/' || f.name || w.path, w.steps + 1
        FROM way w JOIN crm.folder f ON f.id = w.parent WHERE w.steps <= 33)
    SELECT path FROM way ORDER BY steps DESC LIMIT 1
$$;

-- No folder inside itself, none deeper than 32 with all that hangs below it, none inside a deleted
-- one. Two changes of the tree at once, each of them fine alone, wait for each other.
CREATE FUNCTION crm.refuse_folder_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above bigint := NEW.parent_folder_id;
    depth integer := 1;
    below integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('crm.folder'));
    IF EXISTS (SELECT FROM crm.folder f WHERE f.id = above AND f.deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'folder % is deleted', above
            USING ERRCODE = 'C3409', CONSTRAINT = 'folder_parent_deleted';
    END IF;
    WHILE above IS NOT NULL LOOP
        IF above = NEW.id THEN
            RAISE EXCEPTION 'folder % would be inside itself', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'folder_cycle';
        END IF;
        depth := depth + 1;
        SELECT f.parent_folder_id INTO above FROM crm.folder f WHERE f.id = above;
    END LOOP;
    WITH RECURSIVE tree(id, level) AS (
        SELECT NEW.id, 0
        UNION ALL
        SELECT f.id, t.level + 1 FROM crm.folder f JOIN tree t ON f.parent_folder_id = t.id
        WHERE f.deleted_at IS NULL AND t.level <= 32)
    SELECT max(level) INTO below FROM tree;
    IF depth + below > 32 THEN
        RAISE EXCEPTION 'folders are at most 32 deep'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'folder_depth';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER folder_cycle BEFORE INSERT OR UPDATE OF parent_folder_id, deleted_at ON crm.folder
    FOR EACH ROW WHEN (NEW.parent_folder_id IS NOT NULL AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION crm.refuse_folder_cycle();

-- The first version of a document has the document's id, later ones take theirs from the same
-- sequence: so a document and its version are made without asking for an id in between.
CREATE TABLE crm.document_version (
    id             bigint  PRIMARY KEY DEFAULT nextval('crm.record_id_seq'),
    document_id    bigint  NOT NULL,  -- the foreign key follows crm.document
    version_no     integer NOT NULL CHECK (version_no > 0),
    content_sha256 bytea   NOT NULL REFERENCES ops.blob (sha256),
    size_bytes     bigint  NOT NULL CHECK (size_bytes >= 0),
    mime_type      text    NOT NULL CHECK (mime_type <> ''),
    file_name      text    NOT NULL CHECK (file_name <> ''),
    storage_key    text    NOT NULL,  -- the SHA-256 in hex: the key of the content store
    comment        text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    created_by     bigint  REFERENCES crm.user,
    UNIQUE (document_id, version_no)
);
CREATE INDEX document_version_content_idx ON crm.document_version (content_sha256);

CREATE TABLE crm.document (
    id                 bigint PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    parent_record_id   bigint REFERENCES crm.record ON DELETE CASCADE,
    folder_id          bigint REFERENCES crm.folder,
    type_code          text   NOT NULL REFERENCES crm.document_type,
    name               text   NOT NULL CHECK (name <> '' AND length(name) <= 255),
    status             text   NOT NULL DEFAULT 'active' CHECK (status IN ('draft', 'sent',
                              'accepted', 'rejected', 'issued', 'partially_paid', 'paid',
                              'canceled', 'signed', 'active', 'archived')),
    number             text,
    document_date      date,
    current_version_id bigint NOT NULL REFERENCES crm.document_version
                              DEFERRABLE INITIALLY DEFERRED,
    amount             numeric(18,2) CHECK (amount >= 0),
    vat_amount         numeric(18,2) CHECK (vat_amount >= 0),
    currency           text   REFERENCES crm.currency,
    generated_from     jsonb,
    CONSTRAINT document_status_of_type CHECK (CASE type_code
        WHEN 'proposal' THEN status IN ('draft', 'sent', 'accepted', 'rejected')
        WHEN 'invoice' THEN status IN ('draft', 'issued', 'sent', 'partially_paid', 'paid',
                                       'canceled')
        WHEN 'act' THEN status IN ('draft', 'issued', 'sent', 'signed', 'canceled')
        ELSE status IN ('active', 'archived') END),
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
ALTER TABLE crm.document_version ADD FOREIGN KEY (document_id) REFERENCES crm.document
    ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
CREATE UNIQUE INDEX document_folder_name_key ON crm.document (folder_id, lower(name))
    WHERE folder_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX document_parent_idx ON crm.document (parent_record_id, id) WHERE deleted_at IS NULL;
CREATE INDEX document_search_idx ON crm.document USING gin
    ((coalesce(name::text, '') || ' ' || coalesce(number::text, '')) gin_trgm_ops);

-- A deleted folder holds nothing. At the end of the statement, so that a whole tree goes in one.
CREATE FUNCTION crm.refuse_folder_in_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('crm.folder'));
    IF EXISTS (SELECT FROM crm.folder f WHERE f.parent_folder_id = NEW.id AND f.deleted_at IS NULL)
        OR EXISTS (SELECT FROM crm.document d WHERE d.folder_id = NEW.id AND d.deleted_at IS NULL)
    THEN
        RAISE EXCEPTION 'folder % is not empty', NEW.id
            USING ERRCODE = 'C3409', CONSTRAINT = 'folder_not_empty';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER folder_in_use AFTER UPDATE OF deleted_at ON crm.folder
    FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL)
    EXECUTE FUNCTION crm.refuse_folder_in_use();

-- The row of the folder is locked, so that it is not deleted in the meantime.
CREATE FUNCTION crm.refuse_deleted_folder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM crm.folder f WHERE f.id = NEW.folder_id AND f.deleted_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'folder % is deleted', NEW.folder_id
            USING ERRCODE = 'C3409', CONSTRAINT = 'document_folder_deleted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER document_folder BEFORE INSERT OR UPDATE OF folder_id, deleted_at ON crm.document
    FOR EACH ROW WHEN (NEW.folder_id IS NOT NULL AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION crm.refuse_deleted_folder();

ALTER TABLE crm.counterparty ADD FOREIGN KEY (express_report_document_id)
    REFERENCES crm.document ON DELETE SET NULL;
ALTER TABLE crm.own_organisation ADD FOREIGN KEY (logo_document_id)
    REFERENCES crm.document ON DELETE SET NULL;
ALTER TABLE ops.mail_attachment ADD FOREIGN KEY (document_id)
    REFERENCES crm.document ON DELETE SET NULL;
CREATE INDEX mail_attachment_document_idx ON ops.mail_attachment (document_id)
    WHERE document_id IS NOT NULL;

INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('document.status', 'draft', 'Черновик', 'Draft', 1),
    ('document.status', 'issued', 'Выставлен', 'Issued', 2),
    ('document.status', 'sent', 'Отправлен', 'Sent', 3),
    ('document.status', 'accepted', 'Принято', 'Accepted', 4),
    ('document.status', 'rejected', 'Отклонено', 'Rejected', 5),
    ('document.status', 'partially_paid', 'Частично оплачен', 'Partially paid', 6),
    ('document.status', 'paid', 'Оплачен', 'Paid', 7),
    ('document.status', 'signed', 'Подписан', 'Signed', 8),
    ('document.status', 'canceled', 'Аннулирован', 'Canceled', 9),
    ('document.status', 'active', 'Действует', 'Active', 10),
    ('document.status', 'archived', 'Архив', 'Archived', 11);
