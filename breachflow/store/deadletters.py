"""Dead letters: what could not be read, kept until somebody has looked; nothing that arrives is dropped unseen."""

from __future__ import annotations

from datetime import datetime

import msgspec

from breachflow.store import statements as sql
from breachflow.store.chapter import ALL, Chapter, dead_on, dead_row
from breachflow.store.engine import Row
from breachflow.store.errors import UnknownDeadLetter
from breachflow.store.instants import plain, read, written
from breachflow.store.rows import DeadLetterRow, DeadState


class DeadLetters(Chapter):
    """Dead letters are put in by `commit`; here they are looked at and settled."""

    def dead_letters(self, state: DeadState = "held", limit: int | None = None) -> list[DeadLetterRow]:
        """Return the dead letters in that state, the oldest first, without their bytes."""
        rows = self._engine.rows(sql.DEAD_LETTERS, (state, ALL if limit is None else limit))
        return [_letter(row) for row in rows]

    def dead_letter(self, letter: str) -> DeadLetterRow:
        """Return one dead letter with its bytes. Raises `UnknownDeadLetter`."""
        for *row, raw in self._engine.rows(sql.DEAD_LETTER, (plain(letter),)):
            opened = None if raw is None else self._vault.open(dead_on(row[1]), raw, dead_row(row[0]))
            return msgspec.structs.replace(_letter(tuple(row)), raw=opened)
        raise UnknownDeadLetter(f"There is no dead letter {letter!a}.")

    def drop_dead(self, letter: str, by: str, reason: str, now: datetime) -> bool:
        """Record that a person dropped a dead letter, and why; `False` where it was settled already."""
        return self._settle_dead(letter, "dropped", by, reason, now)

    def mark_retried(self, letter: str, by: str, reason: str, now: datetime) -> bool:
        """Record that a dead letter was read after all; `False` where it was settled already."""
        return self._settle_dead(letter, "retried", by, reason, now)

    def _settle_dead(self, letter: str, state: DeadState, by: str, reason: str, now: datetime) -> bool:
        with self._engine.transaction():
            done = self._engine.many(
                sql.SETTLE_DEAD_LETTER, [(state, written(now), plain(by), plain(reason), plain(letter))]
            )
        if not done:
            self.dead_letter(letter)
        return done > 0


def _letter(row: Row) -> DeadLetterRow:
    ident, at, state, reason, origin, sha256, size, settled_at, settled_by, because = row
    return DeadLetterRow(
        id=ident, at=read(at), state=state, reason=reason, origin=origin, sha256=sha256, size=size,
        settled_at=None if settled_at is None else read(settled_at), settled_by=settled_by, settled_because=because,
    )  # fmt: skip
