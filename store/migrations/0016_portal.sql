-- 0016 Portal users get in (domain.md 5.7): a login of a counterparty's employee acts as a user of
-- kind portal, made with its first token, who is in no group and sees only what is his.
ALTER TABLE crm.user DROP CONSTRAINT user_kind_check;
ALTER TABLE crm.user ADD CONSTRAINT user_kind_check
    CHECK (kind IN ('employee', 'service', 'system', 'portal'));
INSERT INTO crm.enum_label (domain, code, name_ru, name_en, position) VALUES
    ('user.kind', 'portal', 'Портал', 'Portal', 4);
-- Whom the login acts as.
ALTER TABLE crm.counterparty_user ADD COLUMN user_id bigint UNIQUE REFERENCES crm.user;
