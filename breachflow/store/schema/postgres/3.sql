-- Version 3: assets that events name and no entry of the data map matches, in small letters; at most some ten thousand.
CREATE TABLE unmapped (
    asset words PRIMARY KEY,
    seen BIGINT NOT NULL,
    first_at words NOT NULL,
    last_at words NOT NULL
);
