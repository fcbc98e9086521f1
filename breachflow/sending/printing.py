"""Letters for those whom no mail reached: PDF files of 200, laid out once for each text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from msgspec import Struct

from breachflow.core.concerned import BOUNCED, CAME_BACK, PRINTED, UNMAILED, Concerned
from breachflow.rendering.people import Printer
from breachflow.sending.answering import second_channel
from breachflow.sending.lists import Lists, NotPossible
from breachflow.sending.release import read_texts
from breachflow.store.people import PEOPLE, Chunk, ListRow, Moves

LETTERS = 200  # In one file: what a printer takes without choking, and what is lost where one is jammed.

Owed = tuple[int, int, Concerned]
"""A person's number and cut, and who they are."""


class Printed(Struct, frozen=True):
    """One file of letters."""

    path: Path
    letters: int


class Printing(Lists):
    """Letters are printed here and posted by people; only then does anybody count as reached."""

    def letters(self, case: str, folder: Path, *, again: bool = False, list_id: str | None = None) -> Iterator[Printed]:
        """Write the letters that are owed, one file after the other; each file is recorded once it is on the disk.

        `again` writes those that were printed and not yet posted as well. Raises `NotPossible` before a release.
        """
        rows = [row for row in self.of(case, list_id) if row.state == "released"]
        if not rows:
            raise NotPossible(f"{case} has no released list that somebody is still owed a letter of.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for row in rows:
            printer = self._printer(row)
            for some in _files(self._due(row, again=again), printer):
                yield self._print(row, printer, some, folder)

    def _print(self, row: ListRow, printer: Printer, some: list[Owed], folder: Path) -> Printed:
        first = some[0][0] + 1
        path = folder / f"{row.of.id}-{first:07}.pdf"
        content = printer.letters([(cut, person) for _, cut, person in some])
        part = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        self._mark(row.of.id, [number for number, _, _ in some])
        return Printed(path, len(some))

    def _mark(self, list_id: str, numbers: list[int]) -> None:
        def ask(_: object, row: ListRow) -> tuple[None, Moves]:
            chunks: dict[int, Chunk] = {}
            for number in numbers:
                chunk = chunks.get(number // PEOPLE) or self.store.chunk(list_id, number // PEOPLE)
                assert chunk is not None, "a list never grows shorter"
                chunks[chunk.number] = chunk
                state = chunk.states[number - chunk.first]
                if state & ~CAME_BACK in (BOUNCED, UNMAILED):
                    chunk.states[number - chunk.first] = PRINTED | state & CAME_BACK
            return None, Moves(row=row, chunks=list(chunks.values()))

        self.step(list_id, ask)

    def _due(self, row: ListRow, *, again: bool) -> Iterator[Owed]:
        states = (BOUNCED, UNMAILED, PRINTED) if again else (BOUNCED, UNMAILED)
        for chunk in self.store.chunks(row.of.id):
            for place, person in enumerate(self.store.people_in(chunk) or ()):
                if chunk.states[place] & ~CAME_BACK in states and second_channel(person) == "post":
                    yield chunk.first + place, chunk.cuts[place], person

    def _printer(self, row: ListRow) -> Printer:
        texts = self.store.people_texts(row.of.id)
        if texts is None or row.of.release is None:
            raise NotPossible(f"{row.of.id}: there are no released texts.")
        house = self.charter.organisation
        of = house.controller(row.of.controller) or house.default
        town = " ".join(filter(None, (of.postcode, of.city)))
        sender = [line for line in (of.name, of.address, town) if line]
        return Printer(read_texts(texts), sender, row.of.release.at)


def _files(owed: Iterator[Owed], printer: Printer) -> Iterator[list[Owed]]:
    """Gather letters into files, those with the same text together: a text that is in a file is laid out in it."""
    waiting: dict[str, list[Owed]] = {}
    for one in owed:
        some = waiting.setdefault(printer.text_of(one[1]), [])
        some.append(one)
        if len(some) == LETTERS:
            yield some[:]
            some.clear()
    rest = chain.from_iterable(waiting.values())
    while last := list(islice(rest, LETTERS)):
        yield last
