-- 0014 Search over all records. Nobody who writes pays for it: store/search.cpp fills the table from
-- the change feed, a moment later and a bounded number of records at a time.
CREATE TABLE crm.search_document (
    record_id bigint   PRIMARY KEY REFERENCES crm.record ON DELETE CASCADE,
    kind      text     NOT NULL,
    number    bigint,
    title     text     NOT NULL,  -- names, numbers and the like: compared by trigrams, for typing errors
    words     tsvector NOT NULL   -- title (A) and texts (C), stemmed
);
CREATE INDEX search_document_words_idx ON crm.search_document USING gin (words);
CREATE INDEX search_document_title_idx ON crm.search_document USING gin (title public.gin_trgm_ops);

-- How far the feed has been read; one row. FOR UPDATE SKIP LOCKED makes one daemon the reader.
CREATE TABLE ops.search_progress (
    only_one    boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    transaction xid8    NOT NULL DEFAULT '0',
    event       bigint  NOT NULL DEFAULT 0
);
INSERT INTO ops.search_progress DEFAULT VALUES;
