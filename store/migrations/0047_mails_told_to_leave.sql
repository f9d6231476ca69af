-- Of a mail whose end the server was told: it was asked to remove or to move it. One that it lists
-- nevertheless was forgotten, whatever flags it shows. Of mails of before nobody knows.
ALTER TABLE ops.mail_message ADD COLUMN told_to_leave boolean NOT NULL DEFAULT false;
