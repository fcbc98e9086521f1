"""Ask about cases: what an event belongs to, what is open, what is due, what has to be drafted anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from breachflow.core.case import Case
from breachflow.core.draft import Draft
from breachflow.store import statements as sql
from breachflow.store.chapter import ALL, Chapter, cases_in, draft_row
from breachflow.store.commit import correlation
from breachflow.store.errors import UnknownCase
from breachflow.store.instants import plain, read, written

PAGE = 500  # Cases held in memory at a time when all are read.
AFTER_ALL = "\U0010ffff"  # Sorts after every character of an id.


class Cases(Chapter):
    """Cases as they stand; every one is read afresh, nothing is remembered between questions."""

    def events_known(self, identities: Collection[bytes]) -> dict[bytes, dict[bytes, str | None]]:
        """Return what is on record under these identities: content hash to the case, `None` for a screened event."""
        known: dict[bytes, dict[bytes, str | None]] = {}
        for identity, content, case in self._engine.listed(sql.EVENTS_KNOWN, identities):
            known.setdefault(identity, {})[content] = case
        return known

    def cases_for(self, keys: Collection[str], now: datetime) -> dict[str, str]:
        """Return the case that each correlation key leads to now; a key that leads nowhere is not in the answer."""
        names = {correlation(key): key for key in keys}
        return {names[key]: case for key, case in self._engine.listed(sql.CASES_FOR, names, (written(now),))}

    def cases(self, ids: Collection[str]) -> dict[str, Case]:
        """Return these cases by id; an unknown id is not in the answer."""
        return {case.id: case for case in cases_in(self._engine.listed(sql.CASES, ids))}

    def get(self, case_id: str) -> Case:
        """Return the case. Raises `UnknownCase`."""
        for case in cases_in(self._engine.rows(sql.CASE, (plain(case_id),))):
            return case
        raise UnknownCase(f"There is no case {case_id!a}.")

    def find(self, prefix: str, limit: int = 10) -> list[str]:
        """Return the ids that begin so, at most `limit`, in order."""
        prefix = plain(prefix)
        return [ident for (ident,) in self._engine.rows(sql.IDS_LIKE, (prefix, prefix + AFTER_ALL, limit))]

    def open_cases(self, limit: int | None = None) -> list[Case]:
        """Return the open cases, the one with the nearest deadline first, those without a deadline last."""
        return cases_in(self._engine.rows(sql.OPEN_CASES, (ALL if limit is None else limit,)))

    def open_count(self) -> int:
        """Return how many cases are open."""
        return int(self._engine.rows(sql.OPEN_COUNT)[0][0])

    def every_case(self) -> Iterator[Case]:
        """Every case, open or not, in the order of their ids; cases opened meanwhile may or may not be among them."""
        after = ""
        while page := self._engine.rows(sql.CASES_AFTER, (after, PAGE)):
            yield from cases_in(page)
            after = page[-1][0]

    def due(self, now: datetime, limit: int) -> list[Case]:
        """Return the cases in which somebody must be told by now, the longest due first."""
        return cases_in(self._engine.rows(sql.DUE, (written(now), limit)))

    def next_due(self) -> datetime | None:
        """Return the next instant at which somebody must be told about any case."""
        ((instant,),) = self._engine.rows(sql.NEXT_DUE)
        return None if instant is None else read(instant)

    def undrafted(self, limit: int) -> list[Case]:
        """Return cases that state something newer than their drafts, the most urgent first."""
        return cases_in(self._engine.rows(sql.UNDRAFTED, (limit,)))

    def save_drafts(self, case_id: str, version: int, drafts: Sequence[Draft]) -> None:
        """Keep these drafts, and that the case is drafted as of `version`; never back to an older one.

        The case itself does not change. A draft that is on record with the same bytes stays as it is.
        """
        with self._engine.transaction():
            sealers = self._vault.sealers({case_id}, ()) if any(draft.body is not None for draft in drafts) else {}
            rows = []
            for draft in drafts:
                assert draft.case == case_id, "a draft of another case"
                body = draft.body
                if body is not None:
                    body = sealers[case_id].seal(body, draft_row(case_id, draft.sha256))
                rows.append(
                    (case_id, draft.version, draft.controller, draft.audience, draft.lang, draft.format, draft.sha256,
                     written(draft.at), plain(draft.path), body)
                )  # fmt: skip
            if rows:
                self._engine.many(sql.ADD_DRAFT, rows)
            self._engine.many(sql.SET_DRAFTED, [(version, case_id, version)])

    def drafts(self, case_id: str) -> list[Draft]:
        """Return all drafts that were kept of a case, oldest first."""
        rows = self._engine.rows(sql.DRAFTS_OF, (case_id,))
        bodies = iter(self._vault.open_all(
            [(case_id, row[-1], draft_row(case_id, row[5])) for row in rows if row[-1] is not None]
        ))  # fmt: skip
        return [
            Draft(
                case=case_id, controller=controller, audience=audience, lang=lang, format=form, version=version,
                sha256=sha256, at=read(at), path=path, body=None if body is None else next(bodies),
            )
            for controller, audience, lang, form, version, sha256, at, path, body in rows
        ]  # fmt: skip
