-- Version 1 of the PostgreSQL schema; sqlite/1.sql is the same in the other engine's types.
-- Instants are UTC text of a fixed width (2026-05-04T12:00:00.000000Z): they sort, and people can read them.

-- Sorts by code point, as SQLite does, whatever the collation of the database.
CREATE DOMAIN words AS TEXT COLLATE "C";

CREATE TABLE meta (
    name words PRIMARY KEY,
    value words NOT NULL
);

-- Data keys, wrapped with the master key. name: a case, or screened:DAY, dead:DAY, mail:DAY. Destroying one sets
-- wrapped to NULL; what is sealed under the name later gets the next generation.
CREATE TABLE keys (
    name words NOT NULL,
    generation BIGINT NOT NULL,
    wrapped BYTEA,
    destroyed_at words,
    destroyed_by words,
    destroyed_because words,
    PRIMARY KEY (name, generation)
);

-- doc is the case; the columns beside it are what questions are asked by. drafted is the version that the newest
-- drafts state, and is no part of the case's version.
CREATE TABLE cases (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id words NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    stage words NOT NULL,
    open BIGINT NOT NULL,
    opened_at words NOT NULL,
    urgent_at words,
    next_at words,
    material BIGINT NOT NULL,
    drafted BIGINT NOT NULL DEFAULT 0,
    seq BIGINT NOT NULL,
    head words NOT NULL,
    doc words NOT NULL
);
CREATE INDEX cases_due ON cases (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX cases_open ON cases (urgent_at, id) WHERE open = 1;
CREATE INDEX cases_undrafted ON cases (urgent_at, id) WHERE drafted < material;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER cases_stay BEFORE DELETE ON cases
FOR EACH ROW EXECUTE FUNCTION refuse('a case stays on record');
CREATE TRIGGER cases_stay_all BEFORE TRUNCATE ON cases
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a case stays on record');

CREATE TABLE entries (
    case_id words NOT NULL REFERENCES cases (id),
    seq BIGINT NOT NULL,
    at words NOT NULL,
    kind words NOT NULL,
    author words NOT NULL,
    body words NOT NULL,
    sealed BYTEA,
    hash words NOT NULL,
    PRIMARY KEY (case_id, seq)
);
CREATE TRIGGER entries_unchanged BEFORE UPDATE OR DELETE ON entries
FOR EACH ROW EXECUTE FUNCTION refuse('the register is append-only: a correction is a new entry');
CREATE TRIGGER entries_stay BEFORE TRUNCATE ON entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse('the register is append-only: a correction is a new entry');

CREATE TABLE events (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity BYTEA NOT NULL,
    content BYTEA NOT NULL,
    case_id words REFERENCES cases (id),
    disposition words NOT NULL,
    revision BIGINT NOT NULL,
    received_at words NOT NULL,
    detected_at words NOT NULL,
    source words NOT NULL,
    format words NOT NULL,
    because words NOT NULL,
    raw BYTEA
);
CREATE UNIQUE INDEX events_known ON events (identity, content);
CREATE INDEX events_of_case ON events (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX events_screened ON events (received_at) WHERE case_id IS NULL;

-- key is a digest: a correlation key may name a mailbox or a machine.
CREATE TABLE correlations (
    key BYTEA PRIMARY KEY,
    case_id words NOT NULL REFERENCES cases (id),
    until words
);

-- state: queued, sent, failed, dropped. A queued row is somebody's to deliver until lease_until.
CREATE TABLE outbox (
    id words PRIMARY KEY,
    case_id words REFERENCES cases (id),
    kind words NOT NULL,
    person words NOT NULL,
    created_at words NOT NULL,
    state words NOT NULL,
    next_at words NOT NULL,
    lease_until words,
    attempts BIGINT NOT NULL DEFAULT 0,
    settled_at words,
    reference words NOT NULL DEFAULT '',
    error words NOT NULL DEFAULT '',
    doc words NOT NULL,
    message BYTEA
);
CREATE INDEX outbox_waiting ON outbox (state, next_at);
CREATE INDEX outbox_of_case ON outbox (case_id) WHERE case_id IS NOT NULL;

CREATE TABLE drafts (
    case_id words NOT NULL REFERENCES cases (id),
    version BIGINT NOT NULL,
    controller words NOT NULL,
    audience words NOT NULL,
    lang words NOT NULL,
    format words NOT NULL,
    sha256 words NOT NULL,
    at words NOT NULL,
    path words NOT NULL,
    body BYTEA,
    PRIMARY KEY (case_id, version, controller, audience, lang, format, sha256)
);

-- state: held, retried, dropped.
CREATE TABLE dead_letters (
    id words PRIMARY KEY,
    at words NOT NULL,
    state words NOT NULL,
    reason words NOT NULL,
    origin words NOT NULL,
    sha256 words NOT NULL,
    bytes BIGINT NOT NULL,
    raw BYTEA,
    settled_at words,
    settled_by words,
    settled_because words
);
CREATE INDEX dead_letters_in ON dead_letters (state, at, id);

CREATE TABLE positions (
    consumer words NOT NULL,
    topic words NOT NULL,
    shard BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    last_timestamp BIGINT NOT NULL,
    last_hash BYTEA NOT NULL,
    PRIMARY KEY (consumer, topic, shard)
);
