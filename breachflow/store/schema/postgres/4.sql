-- Version 4: lists of people concerned (Art. 34), kept apart from their case and under a key of their own, people:LIST.
-- A chunk holds 500 people, sealed; beside them, by person: the state (one byte), the cut of the list (two bytes) and the
-- tries (one byte), which name nobody and stay when the key is destroyed.
CREATE TABLE people_lists (
    id words PRIMARY KEY,
    case_id words NOT NULL REFERENCES cases (id),
    version BIGINT NOT NULL,
    state words NOT NULL,
    doc words NOT NULL,
    progress words NOT NULL,
    texts BYTEA
);
CREATE INDEX people_lists_of_case ON people_lists (case_id);
CREATE INDEX people_lists_released ON people_lists (id) WHERE state = 'released';

CREATE TABLE people_chunks (
    list_id words NOT NULL REFERENCES people_lists (id),
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    states BYTEA NOT NULL,
    cuts BYTEA NOT NULL,
    tries BYTEA NOT NULL,
    sealed BYTEA,
    PRIMARY KEY (list_id, number)
);
CREATE INDEX people_chunks_queued ON people_chunks (list_id, number) WHERE queued > 0;
