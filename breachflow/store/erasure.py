"""Erasure by destroying keys, and the change of the master key.

"Personal data shall be [...] kept in a form which permits identification of data subjects for no longer than is
necessary" -- GDPR Art. 5(1)(e)
"""

from __future__ import annotations

from datetime import datetime

from breachflow.store import statements as sql
from breachflow.store.cases import AFTER_ALL
from breachflow.store.chapter import Chapter


class Erasure(Chapter):
    """What holds personal data expires, or is erased when somebody asks; the record that it was stays."""

    def keys(self, kind: str, before: str) -> list[str]:
        """Return the living keys of a kind (`screened`, `dead`, `mail`), of the days before `YYYY-MM-DD`."""
        return [name for (name,) in self._engine.rows(sql.KEYS_BETWEEN, (f"{kind}:", f"{kind}:{before}"))]

    def destroy_key(self, name: str, by: str, reason: str, now: datetime) -> bool:
        """Erase for good what is sealed under a case's, a day's or a list's key; `False` where it was gone already.

        Raw events, mails and drafts are removed as well; of the register the encrypted parts stay, unreadable, and
        the chain still verifies. The erasure is on record beside the key: when, by whom, why.
        """
        kind, _, day = name.partition(":")
        with self._engine.transaction():
            done = self._vault.destroy(name, by, reason, now)
            if kind == "people":
                self._engine.many(sql.FORGET_PEOPLE, [(day,)])
                self._engine.many(sql.FORGET_PEOPLE_TEXTS, [(day,)])
            elif day:
                forget = {"screened": sql.FORGET_SCREENED, "dead": sql.FORGET_DEAD, "mail": sql.FORGET_MAILS}[kind]
                self._engine.many(forget, [(day, day + AFTER_ALL)])
            else:
                for forget in (sql.FORGET_CASE_EVENTS, sql.FORGET_CASE_MAILS, sql.FORGET_CASE_DRAFTS):
                    self._engine.many(forget, [(name,)])
        self._engine.scrub()
        return done

    def rewrap(self, master: bytes) -> int:
        """Change the master key; return how many data keys were wrapped anew. Other processes must start again."""
        return self._vault.rewrap(master)
