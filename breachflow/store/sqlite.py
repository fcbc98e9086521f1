"""SQLite, the embedded default: one file, readable by its owner only, durable to the last commit."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from breachflow.store import statements as sql
from breachflow.store.engine import CHUNK, VERSION, Duplicate, Row
from breachflow.store.errors import Damaged, NewerDatabase, NoDatabase, Unavailable

PATIENCE_SECONDS = 10.0  # A commit takes milliseconds; who waits longer than this meets something stuck.
PAUSE_SECONDS = 0.01  # Switching to the log takes about this long.
CACHE_KIB = 32_768  # Holds the index of a million events' identities, which arrive in no order.
CHECKPOINT_PAGES = 4_000  # 16 MB of log: a batch of 500 new cases writes about a fifth of it.

PRAGMAS = (
    "PRAGMA synchronous = FULL",  # A commit that was answered for survives a power cut.
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",  # Otherwise REPLACE deletes without asking the triggers.
    "PRAGMA secure_delete = ON",  # What is overwritten or erased is overwritten in the file too.
    f"PRAGMA cache_size = -{CACHE_KIB}",
    f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
    f"PRAGMA journal_size_limit = {CHECKPOINT_PAGES * 4096}",
)
NOT_NOW = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT,
}  # fmt: skip
UNFIT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
KEY_TAKEN = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID,
}  # fmt: skip


class SQLite:
    """One connection to one file."""

    def __init__(self, path: str, *, create: bool = False) -> None:
        self._path = path
        exists = os.path.exists(path)  # noqa: PTH110 - pathlib's import would cost every start of `status` 4 ms.
        if create and not exists:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True, mode=0o700)  # noqa: PTH103, PTH120 - as above.
            # SQLite gives the log and the shared index beside the file the file's own mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        elif not exists:
            raise NoDatabase(f"There is no database at {path}; `breachflow init` makes one.")
        with self._answering():
            self._connection = sqlite3.connect(
                path, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            try:
                self._migrate(create=create)
                for pragma in PRAGMAS:
                    self._connection.execute(pragma)
            except BaseException:
                self._connection.close()
                raise

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a question."""
        with self._answering():
            return self._connection.execute(statement, values).fetchall()

    def listed(self, statement: str, values: Iterable[Any], before: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a question with a list, whatever the length."""
        found: list[Row] = []
        for chunk in _chunks(list(values)):
            found += self.rows(statement.replace("(??)", f"({', '.join('?' * len(chunk))})"), [*before, *chunk])
        return found

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement once for every row; return how many rows it touched."""
        with self._answering():
            return self._connection.executemany(statement, rows).rowcount

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; other writers wait until it ends."""
        with self._between("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """Several questions answered from one instant; writers go on."""
        with self._between("BEGIN DEFERRED"):
            yield

    def alone_with_keys(self) -> None:
        """Nothing to do: a transaction has the whole file to itself."""

    def scrub(self) -> None:
        """Move the log into the file and empty it: it holds pages as they were before."""
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def _between(self, begin: str) -> Generator[None]:
        with self._answering():
            self._connection.execute(begin)
        try:
            yield
            with self._answering():
                self._connection.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself where the disk was full.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _migrate(self, *, create: bool) -> None:
        """Bring the schema to this version; refuse what is newer, and what is not ours."""
        version = self._version()
        if version > VERSION:
            raise NewerDatabase(
                f"The database {self._path} has version {version}, this breachflow knows {VERSION}: upgrade breachflow."
            )
        if version == VERSION:
            return
        if version == 0 and not create:
            raise NoDatabase(f"{self._path} holds no breachflow database; `breachflow init` makes one.")
        self._write_ahead()
        with self.transaction():
            # Another process may have migrated between the question and the lock.
            for step in range(self._version() + 1, VERSION + 1):
                for statement in _statements(_schema(step)):
                    self._connection.execute(statement)
                self._connection.execute(sql.SET_META, ("version", str(step)))

    def _write_ahead(self) -> None:
        """Switch the file to a write-ahead log, once and for good.

        SQLite does not wait for the lock here as it does elsewhere, so that of several processes that make a database
        at the same instant all but one would fail.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(PAUSE_SECONDS)
            else:
                return

    def _version(self) -> int:
        tables = [name for (name,) in self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        if not tables:
            return 0
        row = None
        if "meta" in tables and "cases" in tables:
            row = self._connection.execute(sql.META, ("version",)).fetchone()
        if row is None:
            raise NoDatabase(f"{self._path} is a database, but not one of breachflow's.")
        return int(row[0])

    @contextmanager
    def _answering(self) -> Generator[None]:
        """Tell what passes from what is wrong with the file; the rest is a bug and stays what it is."""
        try:
            yield
        except sqlite3.Error as error:
            extended = getattr(error, "sqlite_errorcode", None)
            primary = None if extended is None else extended & 0xFF
            if primary in NOT_NOW:
                raise Unavailable(f"The database {self._path} cannot be used now: {error}.") from error
            if primary in UNFIT:
                raise Damaged(f"The file {self._path} is not a database, or is damaged: {error}.") from error
            if extended in KEY_TAKEN:
                raise Duplicate from error
            raise


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _schema(step: int) -> str:
    from importlib.resources import files

    return (files("breachflow.store") / "schema" / "sqlite" / f"{step}.sql").read_text(encoding="utf-8")


def _statements(script: str) -> Iterator[str]:
    """Split a script into statements; `executescript` would commit the transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
