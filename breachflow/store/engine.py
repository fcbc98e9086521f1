"""What the store asks of a database engine: run named statements, all or nothing, and say when it is away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from breachflow.store.errors import Unavailable

VERSION = 6
"""The version of the schema; `schema/ENGINE/N.sql` leads from version N - 1 to N."""

CHUNK = 500
"""Values in one list: a batch of the intake in one question, well under both engines' limits on parameters."""

Row = tuple[Any, ...]


class Duplicate(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """A row with this key is there already; the transaction is to be rolled back."""


class Outrun(Unavailable):
    """Somebody was faster; the transaction is to be rolled back, and what it rested on read again."""


class Engine(Protocol):
    """One connection to one database; usable from one thread at a time.

    Whatever means "not now" (away, locked, full) leaves as `Unavailable`.
    """

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a question."""

    def listed(self, statement: str, values: Iterable[Any], before: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a question with a list `(??)` of any length; `before` are the values ahead of it."""

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement once for every row; return how many rows it touched. Raises `Duplicate`."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing, with the right to write from the start; rolled back when an exception leaves it."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Several questions answered from one instant of the database."""

    def alone_with_keys(self) -> None:
        """Let no other process make or destroy a key until this transaction ends."""

    def scrub(self) -> None:
        """Remove what was overwritten or deleted from where the engine keeps old copies."""

    def close(self) -> None:
        """Let go of the database."""
