-- Version 5: what other systems are told, what providers report about mails, and which mails a digest gathers.

-- One row for each signal and each address (hook: a digest of it, since an
-- address may hold a token). state: queued, sent, failed, dropped. doc holds no personal data.
CREATE TABLE posts (
    id TEXT NOT NULL,
    hook TEXT NOT NULL,
    case_id TEXT NOT NULL REFERENCES cases (id),
    created_at TEXT NOT NULL,
    state TEXT NOT NULL,
    next_at TEXT NOT NULL,
    lease_until TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    settled_at TEXT,
    answer TEXT NOT NULL DEFAULT '',
    doc TEXT NOT NULL,
    PRIMARY KEY (id, hook)
) STRICT, WITHOUT ROWID;
CREATE INDEX posts_waiting ON posts (hook, next_at) WHERE state = 'queued';
CREATE INDEX posts_of_case ON posts (case_id);

-- What a provider has reported about a mail, by the provider's own id of the report: each counts once.
CREATE TABLE reports (
    id TEXT PRIMARY KEY,
    notice TEXT NOT NULL,
    event TEXT NOT NULL,
    at TEXT NOT NULL,
    status TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_of_notice ON reports (notice);

-- The digest that a mail is gathered into; the mail is proven by it once that has left.
ALTER TABLE outbox ADD COLUMN digest TEXT NOT NULL DEFAULT '';
CREATE INDEX outbox_gathered ON outbox (digest) WHERE digest <> '';
CREATE INDEX outbox_sent ON outbox (person, settled_at) WHERE state = 'sent';
