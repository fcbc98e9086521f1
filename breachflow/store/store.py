"""One database with cases, register, outbox and events; the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from breachflow.store import statements as sql
from breachflow.store.cases import Cases
from breachflow.store.chapter import PSEUDONYMS
from breachflow.store.commit import Commit
from breachflow.store.deadletters import DeadLetters
from breachflow.store.engine import Engine
from breachflow.store.erasure import Erasure
from breachflow.store.errors import NoDatabase, WrongKey
from breachflow.store.outbox import Outbox
from breachflow.store.posts import Posts
from breachflow.store.publishing import Publishing
from breachflow.store.record import Record
from breachflow.store.vault import Vault
from breachflow.store.watching import Watching

if TYPE_CHECKING:
    from types import TracebackType


class Store(Commit, Cases, Outbox, Posts, Record, DeadLetters, Erasure, Publishing, Watching):
    """The store, whatever the engine; one connection, usable from one thread at a time.

    Any number of processes may have one open on the same database: a step is written whole or not at all, and never
    over somebody else's.
    """

    _pseudonym_key: bytes | None = None

    def pseudonym_key(self) -> bytes:
        """Return the key under which user names become pseudonyms: one for the life of this database."""
        if self._pseudonym_key is None:
            self._pseudonym_key = self._vault.secret(PSEUDONYMS)
        return self._pseudonym_key

    def close(self) -> None:
        """Let go of the database."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_store(url: str, master: bytes, *, create: bool = False) -> Store:
    """Open the database at `sqlite:///PATH` or `postgresql://…` with the organisation's master key of 32 bytes.

    `create` makes it where it is missing. An older schema is migrated. Raises `NoDatabase`, `NewerDatabase`,
    `WrongKey`, `Damaged`, `Unavailable`, each with one sentence for a person.
    """
    engine = _engine(url, create=create)
    try:
        vault = Vault(engine, master)
        _know_master(engine, vault)
    except BaseException:
        engine.close()
        raise
    return Store(engine, vault)


def _engine(url: str, *, create: bool) -> Engine:
    if url.startswith("sqlite:///"):
        from breachflow.store.sqlite import SQLite

        path = url.removeprefix("sqlite:///")
        if "%" in path:
            from urllib.parse import unquote

            path = unquote(path)
        return SQLite(path, create=create)
    if url.startswith(("postgresql://", "postgres://")):
        from breachflow.store.postgres import Postgres

        return Postgres(url, create=create)
    raise NoDatabase(f"A database is named sqlite:///PATH or postgresql://…, not {url.partition(':')[0]}:….")


def _know_master(engine: Engine, vault: Vault) -> None:
    """Remember the fingerprint of the master key of a fresh database; refuse another one afterwards."""
    known = engine.rows(sql.META, ("master",))
    if not known:
        with engine.transaction():
            # Whoever comes second to a fresh database waits here, and then compares.
            known = engine.rows(sql.META, ("master",))
            if not known:
                engine.many(sql.SET_META, [("master", vault.fingerprint)])
                return
    if known != [(vault.fingerprint,)]:
        raise WrongKey("The master key is not the one of this database: look for the key file that was made with it.")
