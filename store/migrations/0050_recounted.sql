-- 0050 The times of contacts and reminders of the customers there are, counted as 0049 has it: by itself,
-- since it may take minutes and 0049 holds tables that everybody reads.
SELECT crm.recount_contacts(array_agg(c.id)) FROM crm.counterparty c HAVING count(*) > 0;
