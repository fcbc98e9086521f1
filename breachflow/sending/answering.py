"""What people of the house decide about people of a list: came back, reached another way, exempt; and erasure."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Literal, TextIO

from msgspec.structs import replace

from breachflow.core import releasing
from breachflow.core.case import Case, Change
from breachflow.core.concerned import (
    BOUNCED,
    HELD,
    PRINTED,
    UNMAILED,
    Concerned,
    came_back,
    exempted,
    outcome,
    reached,
    tag,
)
from breachflow.sending.lists import Lists, NotPossible
from breachflow.store.people import Chunk, ListRow, Moves

REMAINING = (BOUNCED, UNMAILED, PRINTED, HELD)
COLUMNS = ("list", "person", "reference", "name", "email", "phone", "address", "language", "group", "channel",
           "outcome")  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")

_MESSAGE_ID = re.compile(r"<?([0-9a-f]{20})(?:\.breachflow)?(?:@[^>]*)?>?")


class Answering(Lists):
    """Each verb names who decides; the register has the people's tags and never their names."""

    def bounce(self, case: str, idents: Collection[str], *, by: str = releasing.BY_ITSELF,
               reason: str = "") -> list[Change]:  # fmt: skip
        """Record that mails or letters came back: those people are owed a second channel.

        `idents` are references, e-mail addresses, or Message-IDs as a bounce quotes them.
        """
        return self._move(case, idents, came_back, "people_bounced", by, reason, "nothing of theirs was under way")

    def reached(self, case: str, idents: Collection[str], how: Literal["post", "phone"], *, by: str,
                reason: str = "") -> list[Change]:  # fmt: skip
        """Record that people were reached by the second channel."""
        return self._move(case, idents, lambda state: reached(state, how), "people_reached", by, reason,
                          "no second channel is open for them", how=how)  # fmt: skip

    def posted(self, case: str, *, by: str, reason: str = "") -> list[Change]:
        """Record that every letter that was printed has been posted."""
        posted: Callable[[int], int | None] = lambda state: (  # noqa: E731 - handed on, with its type.
            reached(state, "post") if outcome(state) == "printed" else None
        )
        return self._move(
            case, None, posted, "people_reached", by, reason, "no letter of theirs was printed", how="post"
        )

    def exempt(self, case: str, idents: Collection[str], *, by: str, reason: str) -> list[Change]:
        """Record that these people are not written to, and why."""
        if not reason.strip():
            raise NotPossible("an exemption needs its reason.")
        return self._move(case, idents, exempted, "people_exempted", by, reason, "they were reached already")

    def erase(self, case: str, *, by: str, reason: str, list_id: str | None = None) -> list[Change]:
        """Destroy the key of a case's lists, or of the one named; counts and hashes stay. What was queued is lost."""
        changes = []
        for row in self.of(case, list_id):
            if row.state == "erased":
                continue

            def ask(case: Case, row: ListRow) -> tuple[Change | None, Moves]:
                now = self.now()
                after = replace(row, state="erased")
                change = releasing.erased(case, row.of, by, reason, self.tally(row.of), now)
                return change, Moves(row=after, forget=(by, reason, now))

            change = self.step(row.of.id, ask)
            assert change is not None, "an erasure is an entry of the register"
            changes.append(change)
            self.workflow.forget_mails(row.of)
        if not changes:
            raise NotPossible(f"{case}: the names were erased already.")
        return changes

    def outcomes(self, case: str, list_id: str | None = None) -> list[dict[str, Any]]:
        """Return how everybody stands, by list, group and outcome; the counts sum to the list."""
        return [
            {
                "list": row.of.id, "controller": row.of.controller, "state": row.state, "count": row.of.count,
                "file": row.of.sha256, "groups": self.tally(row.of), "problem": row.progress.problem,
                "next_at": row.progress.next_at if row.state == "released" else None,
                "first_at": row.progress.first_at, "last_at": row.progress.last_at,
            }
            for row in self.of(case, list_id)
        ]  # fmt: skip

    def export(self, case: str, into: TextIO, channel: str | None = None, list_id: str | None = None) -> int:
        """Write those whom a second channel or a decision is owed to as CSV; return how many they are."""
        writer = csv.writer(into)
        writer.writerow(COLUMNS)
        count = 0
        for row in self.of(case, list_id):
            for number, person, state in self._people(row):
                way = second_channel(person)
                if state & 0x3F not in REMAINING or channel not in (None, way):
                    continue
                cells = (row.of.id, tag(row.of.id, number), person.reference, person.name, person.email, person.phone,
                         ", ".join(person.address), person.lang, person.group, way, outcome(state))  # fmt: skip
                # A spreadsheet runs a cell that begins so as a formula.
                writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells])
                count += 1
        return count

    def _people(self, row: ListRow) -> Iterator[tuple[int, Concerned, int]]:
        for chunk in self.store.chunks(row.of.id):
            for place, person in enumerate(self.store.people_in(chunk) or ()):
                yield chunk.first + place, person, chunk.states[place]

    def _move(self, case: str, idents: Collection[str] | None, move: Callable[[int], int | None], kind: str, by: str,
              reason: str, otherwise: str, **more: Any) -> list[Change]:  # fmt: skip
        """Move the people named; all of them or none, so that a slip of the pen is seen at once."""
        rows = [row for row in self.of(case) if row.state in ("waiting", "released", "done")]
        found = self._found(rows, idents, move)
        missing = len(set(idents)) - len({ident for _, _, ident in found}) if idents is not None else 0
        if missing or not found:
            raise NotPossible(f"{case}: {missing or 'nobody'} of those named cannot be moved: they are on no list of "
                              f"this case, or {otherwise}; nothing was recorded.")  # fmt: skip
        changes = []
        for row in rows:
            mine = sorted({number for list_id, number, _ in found if list_id == row.of.id})
            if mine:
                changes.append(self._moved(row.of.id, mine, move, kind, by, reason, more))
                if (proof := self.prove(row.of.id)) is not None:
                    changes.append(proof)
        return changes

    def _found(
        self, rows: Sequence[ListRow], idents: Collection[str] | None, move: Callable[[int], int | None]
    ) -> list[tuple[str, int, str]]:
        """Return list, number and name-as-given of everybody meant whom the move is open to."""
        found = []
        tags = {match[1]: ident for ident in idents or () if (match := _MESSAGE_ID.fullmatch(ident.strip()))}
        names = {ident.strip().casefold(): ident for ident in idents or ()}
        for row in rows:
            for chunk in self.store.chunks(row.of.id):
                people = self.store.people_in(chunk) if idents is not None else None
                for place, state in enumerate(chunk.states):
                    number = chunk.first + place
                    if idents is None:
                        ident: str | None = ""
                    else:
                        person = people[place] if people is not None else Concerned()
                        ident = names.get(person.reference.casefold()) or names.get(person.email.casefold())
                        ident = ident or (tags.get(tag(row.of.id, number)) if tags else None)
                    if ident is not None and move(state) is not None:
                        found.append((row.of.id, number, ident))
        return found

    def _moved(
        self, list_id: str, numbers: Sequence[int], move: Callable[[int], int | None], kind: str, by: str, reason: str,
        more: dict[str, Any],
    ) -> Change:  # fmt: skip
        def ask(case: Case, row: ListRow) -> tuple[Change | None, Moves]:
            chunks: dict[int, Chunk] = {}
            people = []
            for number in numbers:
                chunk = chunks.get(number // self._size)
                if chunk is None:
                    read = self.store.chunk(list_id, number // self._size)
                    assert read is not None, "a list never grows shorter"
                    chunk = chunks[number // self._size] = read
                state = move(chunk.states[number - chunk.first])
                if state is not None:
                    chunk.states[number - chunk.first] = state
                    people.append(tag(list_id, number))
            change = releasing.moved(case, row.of, kind, by, reason, people, self.now(), **more)
            # Somebody is owed something again: the proof is written anew once that is done.
            state_of = "released" if row.state == "done" else row.state
            return change, Moves(row=replace(row, state=state_of), chunks=list(chunks.values()))

        change = self.step(list_id, ask)
        assert change is not None, "a decision is an entry of the register"
        return change

    @property
    def _size(self) -> int:
        from breachflow.store.people import PEOPLE

        return PEOPLE


def second_channel(person: Concerned) -> str:
    """Return the channel by which this person is reached where a mail did not: as stated, else what there is."""
    if person.channel == "phone" and person.phone:
        return "phone"
    if person.address:
        return "post"
    return "phone" if person.phone else ""
