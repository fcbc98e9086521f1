-- Version 4: lists of people concerned (Art. 34), kept apart from their case and under a key of their own, people:LIST.
-- A chunk holds 500 people, sealed; beside them, by person: the state (one byte), the cut of the list (two bytes) and the
-- tries (one byte), which name nobody and stay when the key is destroyed.
CREATE TABLE people_lists (
    id TEXT PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id),
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    doc TEXT NOT NULL,
    progress TEXT NOT NULL,
    texts BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX people_lists_of_case ON people_lists (case_id);
CREATE INDEX people_lists_released ON people_lists (id) WHERE state = 'released';

CREATE TABLE people_chunks (
    list_id TEXT NOT NULL REFERENCES people_lists (id),
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    states BLOB NOT NULL,
    cuts BLOB NOT NULL,
    tries BLOB NOT NULL,
    sealed BLOB,
    PRIMARY KEY (list_id, number)
) STRICT;
CREATE INDEX people_chunks_queued ON people_chunks (list_id, number) WHERE queued > 0;
