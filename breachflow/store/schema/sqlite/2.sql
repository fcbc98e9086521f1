-- Version 2: what has gone out to other systems. A case's register is published up to an entry; a dead letter is or is
-- not. One process at a time publishes: the one that holds the lease.
ALTER TABLE cases ADD COLUMN published INTEGER NOT NULL DEFAULT 0;
CREATE INDEX cases_unpublished ON cases (id) WHERE published < seq;
ALTER TABLE dead_letters ADD COLUMN published INTEGER NOT NULL DEFAULT 0;
CREATE INDEX dead_letters_unpublished ON dead_letters (at, id) WHERE published = 0;
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until TEXT NOT NULL
) STRICT, WITHOUT ROWID;
