-- 0031 Who signs for us (402-FZ, article 9: a primary document names the position of whoever signs
-- it). Fields: store/model/requisites.cpp.
ALTER TABLE crm.own_organisation ADD COLUMN ceo_position text;
