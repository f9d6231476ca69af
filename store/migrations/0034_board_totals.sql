-- 0034 A board is read in the same time at any size: how many records stand in each of its columns,
-- and what they come to, is kept beside them.

-- Pieces, whose sum is the total: each change appends what it adds and takes away, so that no two
-- writers wait for one another; now and then they are folded into one row a column and currency.
CREATE TABLE ops.board_piece (
    kind     text    NOT NULL,
    status   text    NOT NULL,
    currency text,
    records  bigint  NOT NULL,
    amounts  bigint  NOT NULL,  -- records that have an amount
    amount   numeric NOT NULL
);
CREATE INDEX board_piece_kind_idx ON ops.board_piece (kind);

-- Arguments: the kind, and its column of money where it has one.
CREATE FUNCTION ops.note_added_to_board() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[1] = 'amount' THEN
        INSERT INTO ops.board_piece
        SELECT TG_ARGV[0], status, currency, count(*), count(amount), coalesce(sum(amount), 0)
          FROM added WHERE deleted_at IS NULL GROUP BY status, currency;
    ELSIF TG_ARGV[1] = 'total_amount_with_vat' THEN
        INSERT INTO ops.board_piece
        SELECT TG_ARGV[0], status, currency, count(*), count(total_amount_with_vat),
               coalesce(sum(total_amount_with_vat), 0)
          FROM added WHERE deleted_at IS NULL GROUP BY status, currency;
    ELSE
        INSERT INTO ops.board_piece
        SELECT TG_ARGV[0], status, NULL, count(*), 0, 0
          FROM added WHERE deleted_at IS NULL GROUP BY status;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ops.note_moved_on_board() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[1] = 'amount' THEN
        INSERT INTO ops.board_piece
        SELECT TG_ARGV[0], c.status, c.currency, c.sign, c.sign * num_nonnulls(c.amount),
               c.sign * coalesce(c.amount, 0)
          FROM (VALUES (-1, OLD.deleted_at, OLD.status, OLD.currency, OLD.amount),
                       (1, NEW.deleted_at, NEW.status, NEW.currency, NEW.amount))
               AS c(sign, deleted_at, status, currency, amount) WHERE c.deleted_at IS NULL;
    ELSIF TG_ARGV[1] = 'total_amount_with_vat' THEN
        INSERT INTO ops.board_piece
        SELECT TG_ARGV[0], c.status, c.currency, c.sign, c.sign * num_nonnulls(c.amount),
               c.sign * coalesce(c.amount, 0)
          FROM (VALUES (-1, OLD.deleted_at, OLD.status, OLD.currency, OLD.total_amount_with_vat),
                       (1, NEW.deleted_at, NEW.status, NEW.currency, NEW.total_amount_with_vat))
               AS c(sign, deleted_at, status, currency, amount) WHERE c.deleted_at IS NULL;
    ELSE
        INSERT INTO ops.board_piece
        SELECT TG_ARGV[0], c.status, NULL, c.sign, 0, 0
          FROM (VALUES (-1, OLD.deleted_at, OLD.status), (1, NEW.deleted_at, NEW.status))
               AS c(sign, deleted_at, status) WHERE c.deleted_at IS NULL;
    END IF;
    RETURN NULL;
END $$;

-- A purged one was deleted before: it is in no column.
CREATE FUNCTION ops.note_gone_from_board() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM ops.board_piece WHERE kind = TG_ARGV[0];
    ELSIF TG_ARGV[1] = 'amount' THEN
        INSERT INTO ops.board_piece VALUES (TG_ARGV[0], OLD.status, OLD.currency, -1,
            -num_nonnulls(OLD.amount), -coalesce(OLD.amount, 0));
    ELSIF TG_ARGV[1] = 'total_amount_with_vat' THEN
        INSERT INTO ops.board_piece VALUES (TG_ARGV[0], OLD.status, OLD.currency, -1,
            -num_nonnulls(OLD.total_amount_with_vat), -coalesce(OLD.total_amount_with_vat, 0));
    ELSE
        INSERT INTO ops.board_piece VALUES (TG_ARGV[0], OLD.status, NULL, -1, 0, 0);
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    kept record;
    changed text;
BEGIN
    FOR kept IN SELECT * FROM (VALUES ('lead', 'amount'), ('deal', 'amount'), ('payment', 'amount'),
                                      ('order', 'total_amount_with_vat'), ('assignment', ''))
                              AS k(kind, amount) LOOP
        changed := 'OLD.status <> NEW.status OR (OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)';
        IF kept.amount <> '' THEN
            changed := changed || format(' OR OLD.currency IS DISTINCT FROM NEW.currency'
                                         ' OR OLD.%1$I IS DISTINCT FROM NEW.%1$I', kept.amount);
        END IF;
        EXECUTE format('CREATE TRIGGER board_added AFTER INSERT ON crm.%I REFERENCING NEW TABLE AS added'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION ops.note_added_to_board(%L, %L)',
                       kept.kind, kept.kind, kept.amount);
        EXECUTE format('CREATE TRIGGER board_moved AFTER UPDATE ON crm.%I FOR EACH ROW WHEN (%s)'
                       ' EXECUTE FUNCTION ops.note_moved_on_board(%L, %L)',
                       kept.kind, changed, kept.kind, kept.amount);
        EXECUTE format('CREATE TRIGGER board_gone AFTER DELETE ON crm.%I FOR EACH ROW'
                       ' WHEN (OLD.deleted_at IS NULL)'
                       ' EXECUTE FUNCTION ops.note_gone_from_board(%L, %L)',
                       kept.kind, kept.kind, kept.amount);
        EXECUTE format('CREATE TRIGGER board_emptied AFTER TRUNCATE ON crm.%I FOR EACH STATEMENT'
                       ' EXECUTE FUNCTION ops.note_gone_from_board(%L, %L)',
                       kept.kind, kept.kind, kept.amount);
    END LOOP;
END $$;

-- What is in the columns, counted anew.
CREATE VIEW ops.board_counted AS
SELECT 'lead' AS kind, status, currency, count(*) AS records, count(amount) AS amounts,
       coalesce(sum(amount), 0) AS amount
  FROM crm.lead WHERE deleted_at IS NULL GROUP BY status, currency
UNION ALL SELECT 'deal', status, currency, count(*), count(amount), coalesce(sum(amount), 0)
  FROM crm.deal WHERE deleted_at IS NULL GROUP BY status, currency
UNION ALL SELECT 'payment', status, currency, count(*), count(amount), coalesce(sum(amount), 0)
  FROM crm.payment WHERE deleted_at IS NULL GROUP BY status, currency
UNION ALL SELECT 'order', status, currency, count(*), count(total_amount_with_vat),
       coalesce(sum(total_amount_with_vat), 0)
  FROM crm.order WHERE deleted_at IS NULL GROUP BY status, currency
UNION ALL SELECT 'assignment', status, NULL, count(*), 0, 0
  FROM crm.assignment WHERE deleted_at IS NULL GROUP BY status;
INSERT INTO ops.board_piece SELECT * FROM ops.board_counted;

-- The pieces of a total are one row again. What is appended meanwhile stays as it is.
CREATE FUNCTION ops.fold_board_pieces(fewest bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    folded bigint := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('ops.board_piece'))
       OR (SELECT count(*) FROM (SELECT FROM ops.board_piece LIMIT fewest) p) < fewest THEN
        RETURN 0;
    END IF;
    WITH pieces AS (DELETE FROM ops.board_piece RETURNING *),
         made AS (INSERT INTO ops.board_piece
                  SELECT kind, status, currency, sum(records), sum(amounts), sum(amount)
                    FROM pieces GROUP BY kind, status, currency
                  HAVING sum(records) <> 0 OR sum(amounts) <> 0 OR sum(amount) <> 0)
    SELECT count(*) INTO folded FROM pieces;
    RETURN folded;
END $$;

-- A total that is not what stands in the column.
CREATE VIEW ops.invariant_board_total_wrong AS
SELECT coalesce(c.kind, p.kind) AS kind, coalesce(c.status, p.status) AS status,
       coalesce(c.currency, p.currency) AS currency
  FROM ops.board_counted c
  FULL JOIN (SELECT kind, status, currency, sum(records) AS records, sum(amounts) AS amounts,
                    sum(amount) AS amount
               FROM ops.board_piece GROUP BY kind, status, currency) p
    ON p.kind = c.kind AND p.status = c.status AND coalesce(p.currency, '') = coalesce(c.currency, '')
 WHERE coalesce(c.records, 0) <> coalesce(p.records, 0)
    OR coalesce(c.amounts, 0) <> coalesce(p.amounts, 0)
    OR coalesce(c.amount, 0) <> coalesce(p.amount, 0);
CREATE OR REPLACE VIEW ops.invariant_scan AS
SELECT 'mail_conservation' AS invariant,
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_conservation LIMIT 1000) v) AS violations
UNION ALL SELECT 'mail_pending_forgotten',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_pending_forgotten LIMIT 1000) v)
UNION ALL SELECT 'mail_bytes_doubled',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_bytes_doubled LIMIT 1000) v)
UNION ALL SELECT 'mail_effect_uncounted',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_effect_uncounted LIMIT 1000) v)
UNION ALL SELECT 'mail_doubled',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_mail_doubled LIMIT 1000) v)
UNION ALL SELECT 'effect_of_unended_mail',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_effect_of_unended_mail LIMIT 1000) v)
UNION ALL SELECT 'raw_mail_incomplete',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_raw_mail_incomplete LIMIT 1000) v)
UNION ALL SELECT 'board_total_wrong',
       (SELECT count(*) FROM (SELECT FROM ops.invariant_board_total_wrong LIMIT 1000) v);

-- What somebody holds, longest without contact first: his workspace.
DROP INDEX crm.counterparty_responsible_idx;
CREATE INDEX counterparty_responsible_idx
    ON crm.counterparty (responsible_id, last_contact_at NULLS FIRST, id) WHERE deleted_at IS NULL;
