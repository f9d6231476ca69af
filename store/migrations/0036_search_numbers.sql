-- 0036 Who searches for a number finds the record of that number, however many texts hold its digits.
CREATE INDEX search_document_number_idx ON crm.search_document (number) WHERE number IS NOT NULL;
