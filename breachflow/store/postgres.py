"""PostgreSQL, in production: any number of workers and clock processes on one database."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from breachflow.store import statements as sql
from breachflow.store.engine import VERSION, Duplicate, Outrun, Row
from breachflow.store.errors import NewerDatabase, NoDatabase, Unavailable

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 10
LOCK_MILLISECONDS = 10_000  # A commit takes milliseconds; who waits longer than this meets something stuck.
MIGRATION_LOCK = 0x62726561  # "brea": one process at a time creates or migrates.

# Class 08: connection; 53: out of resources; 57P0x: shut down or starting; 55P03: lock not available; 25006: read-only
# standby. All pass.
NOT_NOW = ("08", "53", "57P", "55P03", "25006", "58")
# Two workers in each other's way: the other one is written, this one reads again.
IN_EACH_OTHERS_WAY = ("40001", "40P01")


class Postgres:
    """One connection to one database, made anew where it was lost."""

    def __init__(self, url: str, *, create: bool = False) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise NoDatabase(
                "PostgreSQL needs its driver, which is not installed: pip install 'breachflow[postgres]'."
            ) from error
        self._psycopg = psycopg
        self._url = url
        from urllib.parse import urlsplit

        # The address for people, without the password.
        parts = urlsplit(url)
        self._where = f"{parts.hostname or 'local'}{parts.path}"
        self._inside = False
        self._live: psycopg.Connection[Row] | None = None
        try:
            self._migrate(create=create)
        except BaseException:
            self.close()
            raise

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a question."""
        with self._answering() as connection:
            return connection.execute(adapted(statement), values or None).fetchall()

    def listed(self, statement: str, values: Iterable[Any], before: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a question with a list, whatever the length."""
        return self.rows(statement, [*before, list(values)])

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement once for every row; return how many rows it touched."""
        with self._answering() as connection, connection.cursor() as cursor:
            cursor.executemany(adapted(statement), rows)
            return cursor.rowcount

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; other writers wait where they touch the same rows, and nowhere else."""
        with self._between("BEGIN"):
            yield

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """Several questions answered from one instant; writers go on."""
        with self._between("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    def alone_with_keys(self) -> None:
        """Wait for whoever is making a key, and let nobody make another one before this transaction ends."""
        self._run("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE")

    def scrub(self) -> None:
        """Remove the old copies of what was erased; only the owner may, and autovacuum does it otherwise."""
        owner = "SELECT bool_and(pg_has_role(tableowner, 'USAGE')) FROM pg_tables WHERE tablename = 'keys'"
        if self.rows(owner) == [(True,)]:
            with self._answering() as connection:
                connection.execute("VACUUM keys, cases, events, outbox, drafts, dead_letters")

    def close(self) -> None:
        """Let go of the connection."""
        if self._live is not None:
            self._live.close()
            self._live = None

    @contextmanager
    def _between(self, begin: str) -> Generator[None]:
        self._run(begin)
        self._inside = True
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._inside = False

    def _run(self, statement: str) -> None:
        """Run a statement that answers nothing."""
        with self._answering() as connection:
            connection.execute(statement.encode())

    def _roll_back(self) -> None:
        """Leave the transaction; a connection that cannot even do that is thrown away."""
        if self._live is None:
            return
        try:
            self._live.execute("ROLLBACK")
        except self._psycopg.Error:
            self.close()

    def _connection(self) -> psycopg.Connection[Row]:
        """The live connection; outside a transaction a lost one is made anew."""
        if self._live is not None and not self._live.closed:
            return self._live
        if self._inside:
            raise Unavailable(f"The connection to the database {self._where} was lost inside a transaction.")
        self._live = self._psycopg.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="breachflow"
        )
        self._live.execute(f"SET lock_timeout = {LOCK_MILLISECONDS}".encode())
        return self._live

    @contextmanager
    def _answering(self) -> Generator[psycopg.Connection[Row]]:
        """Tell what passes from what is a bug; the latter stays what it is."""
        error_class = self._psycopg.Error
        try:
            yield self._connection()
        except error_class as error:
            state = error.sqlstate or ""
            lost = isinstance(error, self._psycopg.OperationalError) and not state
            if self._live is not None and (lost or self._live.closed or state.startswith(("08", "57P"))):
                self.close()
            if lost or state.startswith(NOT_NOW):
                raise Unavailable(f"The database {self._where} cannot be used now ({_said(error)}).") from error
            if state in IN_EACH_OTHERS_WAY:
                raise Outrun from error
            if state == "23505":
                raise Duplicate from error
            if state.startswith(("28", "3D", "42501")):
                raise NoDatabase(f"The database {self._where} does not let us in ({_said(error)}).") from error
            raise

    def _migrate(self, *, create: bool) -> None:
        """Bring the schema to this version; refuse what is newer, and what is not ours."""
        version = self._version()
        if version > VERSION:
            raise NewerDatabase(
                f"The database {self._where} has version {version}, this breachflow knows {VERSION}: upgrade it."
            )
        if version == VERSION:
            return
        if version == 0 and not create:
            raise NoDatabase(f"{self._where} holds no breachflow database; `breachflow init` makes one.")
        with self.transaction():
            self.rows("SELECT pg_advisory_xact_lock(?)", (MIGRATION_LOCK,))
            # Another process may have migrated between the question and the lock.
            for step in range(self._version() + 1, VERSION + 1):
                self._run(_schema(step))
                self.many(sql.SET_META, [("version", str(step))])

    def _version(self) -> int:
        # Read from the catalogue's table: to_regclass answers from a cache that no advisory lock refreshes.
        tables = self.rows(
            "SELECT relname FROM pg_class WHERE relname IN ('meta', 'cases') AND pg_table_is_visible(oid)"
        )
        if not tables:
            return 0
        known = self.rows(sql.META, ("version",)) if len(tables) == 2 else []
        if not known:
            raise NoDatabase(f"{self._where} holds tables named like ours that are not; give breachflow a database.")
        return int(known[0][0])


@lru_cache(256)
def adapted(statement: str) -> bytes:
    """Put PostgreSQL's words where the statements leave room for an engine's own."""
    return (
        statement.replace("IN (??)", "= ANY(%s)")
        .replace("?", "%s")
        .replace("/* skip locked */", "FOR UPDATE SKIP LOCKED")
        .replace("/* hold */", "FOR SHARE")
    ).encode()


def _said(error: Exception) -> str:
    """What the server or the driver says, in its first line; it names no values there."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _schema(step: int) -> str:
    from importlib.resources import files

    return (files("breachflow.store") / "schema" / "postgres" / f"{step}.sql").read_text(encoding="utf-8")
