-- Version 1 of the SQLite schema; postgres/1.sql is the same in the other engine's types.
-- Instants are UTC text of a fixed width (2026-05-04T12:00:00.000000Z): they sort, and people can read them.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Data keys, wrapped with the master key. name: a case, or screened:DAY, dead:DAY, mail:DAY. Destroying one sets
-- wrapped to NULL; what is sealed under the name later gets the next generation.
CREATE TABLE keys (
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    wrapped BLOB,
    destroyed_at TEXT,
    destroyed_by TEXT,
    destroyed_because TEXT,
    PRIMARY KEY (name, generation)
) STRICT, WITHOUT ROWID;

-- doc is the case; the columns beside it are what questions are asked by. drafted is the version that the newest
-- drafts state, and is no part of the case's version.
CREATE TABLE cases (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    stage TEXT NOT NULL,
    open INTEGER NOT NULL,
    opened_at TEXT NOT NULL,
    urgent_at TEXT,
    next_at TEXT,
    material INTEGER NOT NULL,
    drafted INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL,
    head TEXT NOT NULL,
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX cases_due ON cases (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX cases_open ON cases (urgent_at, id) WHERE open = 1;
CREATE INDEX cases_undrafted ON cases (urgent_at, id) WHERE drafted < material;
CREATE TRIGGER cases_stay BEFORE DELETE ON cases
BEGIN SELECT RAISE(ABORT, 'a case stays on record'); END;

CREATE TABLE entries (
    case_id TEXT NOT NULL REFERENCES cases (id),
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    sealed BLOB,
    hash TEXT NOT NULL,
    PRIMARY KEY (case_id, seq)
) STRICT;
CREATE TRIGGER entries_unchanged BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the register is append-only: a correction is a new entry'); END;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the register is append-only: a correction is a new entry'); END;
-- INSERT OR REPLACE deletes without asking the trigger above, unless recursive triggers are on.
CREATE TRIGGER entries_unreplaced BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM entries WHERE case_id = NEW.case_id AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the register is append-only: a correction is a new entry'); END;

CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    identity BLOB NOT NULL,
    content BLOB NOT NULL,
    case_id TEXT REFERENCES cases (id),
    disposition TEXT NOT NULL,
    revision INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    detected_at TEXT NOT NULL,
    source TEXT NOT NULL,
    format TEXT NOT NULL,
    because TEXT NOT NULL,
    raw BLOB
) STRICT;
CREATE UNIQUE INDEX events_known ON events (identity, content);
CREATE INDEX events_of_case ON events (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX events_screened ON events (received_at) WHERE case_id IS NULL;

-- key is a digest: a correlation key may name a mailbox or a machine.
CREATE TABLE correlations (
    key BLOB PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id),
    until TEXT
) STRICT, WITHOUT ROWID;

-- state: queued, sent, failed, dropped. A queued row is somebody's to deliver until lease_until.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    case_id TEXT REFERENCES cases (id),
    kind TEXT NOT NULL,
    person TEXT NOT NULL,
    created_at TEXT NOT NULL,
    state TEXT NOT NULL,
    next_at TEXT NOT NULL,
    lease_until TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    settled_at TEXT,
    reference TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    doc TEXT NOT NULL,
    message BLOB
) STRICT;
CREATE INDEX outbox_waiting ON outbox (state, next_at);
CREATE INDEX outbox_of_case ON outbox (case_id) WHERE case_id IS NOT NULL;

CREATE TABLE drafts (
    case_id TEXT NOT NULL REFERENCES cases (id),
    version INTEGER NOT NULL,
    controller TEXT NOT NULL,
    audience TEXT NOT NULL,
    lang TEXT NOT NULL,
    format TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    at TEXT NOT NULL,
    path TEXT NOT NULL,
    body BLOB,
    PRIMARY KEY (case_id, version, controller, audience, lang, format, sha256)
) STRICT;

-- state: held, retried, dropped.
CREATE TABLE dead_letters (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    origin TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    raw BLOB,
    settled_at TEXT,
    settled_by TEXT,
    settled_because TEXT
) STRICT;
CREATE INDEX dead_letters_in ON dead_letters (state, at, id);

CREATE TABLE positions (
    consumer TEXT NOT NULL,
    topic TEXT NOT NULL,
    shard INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    last_timestamp INTEGER NOT NULL,
    last_hash BLOB NOT NULL,
    PRIMARY KEY (consumer, topic, shard)
) STRICT, WITHOUT ROWID;
