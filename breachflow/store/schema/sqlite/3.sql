-- Version 3: assets that events name and no entry of the data map matches, in small letters; at most some ten thousand.
CREATE TABLE unmapped (
    asset TEXT PRIMARY KEY,
    seen INTEGER NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
