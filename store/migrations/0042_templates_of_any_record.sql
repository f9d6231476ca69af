-- 0042 Documents of any record by a template (issue 5, R-099): which kinds hold documents is said by
-- the registry, where a template is checked before it is taken.
ALTER TABLE crm.document_template DROP CONSTRAINT document_template_kind_check;
ALTER TABLE crm.document_template
    ADD CONSTRAINT document_template_kind_check CHECK (kind ~ '^[a-z][a-z_]{0,49}$');
