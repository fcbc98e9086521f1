"""Erasure by destroying keys, and the change of the master key.

"Personal data shall be [...] kept in a form which permits identification of data subjects for no longer than is
necessary" -- GDPR Art. 5(1)(e)
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from breachflow.core.case import Case
from breachflow.store import statements as sql
from breachflow.store.cases import AFTER_ALL
from breachflow.store.chapter import Chapter, cases_in
from breachflow.store.forgetting import forget_sealed
from breachflow.store.instants import written
from breachflow.store.rows import Sealed


class Erasure(Chapter):
    """What holds personal data expires, or is erased when somebody asks; the record that it was stays."""

    def due_for_erasure(self, raw: datetime, content: datetime, limit: int) -> list[Case]:
        """Return cases that were closed by these instants, and of which raw events or the content are still kept."""
        found = cases_in(self._engine.rows(sql.DUE_CONTENT, (written(content), limit)))
        seen = {case.id for case in found}
        return found + [
            case
            for case in cases_in(self._engine.rows(sql.DUE_RAW, (written(raw), limit)))
            if case.id not in seen
        ]  # fmt: skip

    def erased_since(self, since: datetime) -> list[str]:
        """Return the cases whose key was destroyed since then."""
        return [name for (name,) in self._engine.rows(sql.ERASED_SINCE, (written(since),))]

    def sealed(self, ids: Collection[str]) -> dict[str, Sealed]:
        """Return what can still be read of these cases' sealed content."""
        return {
            case: Sealed(raw_events=raw, readable=keys > 0)
            for case, raw, keys in self._engine.listed(sql.SEALED_OF, ids)
        }

    def days(self) -> list[str]:
        """Return the living keys of days (`screened:2026-05-04`), in order."""
        return [name for (name,) in self._engine.rows(sql.LIVE_DAYS)]

    def notice_ids(self, case_id: str) -> list[str]:
        """Return the ids of the mails about a case."""
        return [ident for (ident,) in self._engine.rows(sql.NOTICE_IDS, (case_id,))]

    def keys(self, kind: str, before: str) -> list[str]:
        """Return the living keys of a kind (`screened`, `dead`, `mail`), of the days before `YYYY-MM-DD`."""
        return [name for (name,) in self._engine.rows(sql.KEYS_BETWEEN, (f"{kind}:", f"{kind}:{before}"))]

    def destroy_key(self, name: str, by: str, reason: str, now: datetime) -> bool:
        """Erase for good what is sealed under a case's, a day's or a list's key; `False` where it was gone already.

        Raw events, mails and drafts are removed as well; of the register the encrypted parts stay, unreadable, and
        the chain still verifies. The erasure is on record beside the key: when, by whom, why. A case is erased by a
        change that says so in its register (`commit`); this alone leaves the case's own document as it is.
        """
        kind, _, day = name.partition(":")
        with self._engine.transaction():
            done = self._vault.destroy(name, by, reason, now)
            if kind == "people":
                self._engine.many(sql.FORGET_PEOPLE, [(day,)])
                self._engine.many(sql.FORGET_PEOPLE_TEXTS, [(day,)])
            elif day:
                statement = {"screened": sql.FORGET_SCREENED, "dead": sql.FORGET_DEAD, "mail": sql.FORGET_MAILS}[kind]
                self._engine.many(statement, [(day, day + AFTER_ALL)])
            else:
                forget_sealed(self._engine, name)
        self._engine.scrub()
        return done

    def rewrap(self, master: bytes) -> int:
        """Change the master key; return how many data keys were wrapped anew. Other processes must start again."""
        return self._vault.rewrap(master)
