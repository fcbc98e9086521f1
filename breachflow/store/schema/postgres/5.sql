-- Version 5: what other systems are told, what providers report about mails, and which mails a digest gathers.

-- One row for each signal and each address (hook: a digest of it, since an
-- address may hold a token). state: queued, sent, failed, dropped. doc holds no personal data.
CREATE TABLE posts (
    id words NOT NULL,
    hook words NOT NULL,
    case_id words NOT NULL REFERENCES cases (id),
    created_at words NOT NULL,
    state words NOT NULL,
    next_at words NOT NULL,
    lease_until words,
    attempts BIGINT NOT NULL DEFAULT 0,
    settled_at words,
    answer words NOT NULL DEFAULT '',
    doc words NOT NULL,
    PRIMARY KEY (id, hook)
);
CREATE INDEX posts_waiting ON posts (hook, next_at) WHERE state = 'queued';
CREATE INDEX posts_of_case ON posts (case_id);

-- What a provider has reported about a mail, by the provider's own id of the report: each counts once.
CREATE TABLE reports (
    id words PRIMARY KEY,
    notice words NOT NULL,
    event words NOT NULL,
    at words NOT NULL,
    status words NOT NULL,
    recorded_at words NOT NULL
);
CREATE INDEX reports_of_notice ON reports (notice);

-- The digest that a mail is gathered into; the mail is proven by it once that has left.
ALTER TABLE outbox ADD COLUMN digest words NOT NULL DEFAULT '';
CREATE INDEX outbox_gathered ON outbox (digest) WHERE digest <> '';
CREATE INDEX outbox_sent ON outbox (person, settled_at) WHERE state = 'sent';
