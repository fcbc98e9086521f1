"""A file of people comes in: read as a stream, line by line, twice: first to judge it, then to seal it.

Nothing is taken in of a file with a bad row, unless somebody says so; then the rows left out are counted and named by
their line. The file itself is not kept.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from hashlib import blake2b, sha256
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core import people_file, releasing
from breachflow.core.concerned import HELD, Concerned, Cut, PeopleList, Progress, merged, start
from breachflow.core.facts import DataKind
from breachflow.core.people_file import Fault, Header
from breachflow.sending.lists import Lists, NotPossible
from breachflow.store.people import ListRow, Moves, key_of, whole_chunks

MOST_CUTS = 1_000  # Groups times languages times kinds of data: more of them is a column read for another.
TOGETHER = 10  # Chunks in one transaction: short enough that no clock waits for an import.
LEASE = timedelta(minutes=10)  # Longer than a million people take to be sealed.

Key = bytes


class Unusable(Exception):  # noqa: N818 - named for what happened.
    """The file cannot be taken in; `faults` are its bad rows, by line and column."""

    def __init__(self, sentence: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(sentence)
        self.faults = tuple(faults)


class Imported(Struct, frozen=True, kw_only=True):
    """A list that was taken in, what was left out, and what somebody should know."""

    of: PeopleList
    faults: tuple[Fault, ...]
    ignored: tuple[int, ...]
    shared: int
    held: int


class _Judged:
    """The first reading: which rows are bad, which are one person, how many get which text."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.left_out: set[int] = set()
        self.more: dict[int, list[Concerned]] = {}
        self.count = self.merged = self.known = self.shared = 0
        self.ignored: tuple[int, ...] = ()
        self.sha256 = ""
        self._references: dict[Key, int] = {}
        self._mailboxes: dict[Key, dict[Key, int]] = {}

    def know(self, person: Concerned) -> None:
        """Remember somebody who is on an earlier list."""
        self._remember(person, -1)

    def take(self, row: int, person: Concerned) -> None:
        number = self._known(person)
        if number is None:
            self._remember(person, self.count)
            self.count += 1
            return
        self.left_out.add(row)
        if number < 0:
            self.known += 1
        else:
            self.merged += 1
            self.more.setdefault(number, []).append(person)
            self._remember(person, number)

    def _known(self, person: Concerned) -> int | None:
        if person.reference and (number := self._references.get(_key(person.reference))) is not None:
            return number
        names = self._mailboxes.get(_key(person.email.casefold())) if person.email else None
        if not names:
            return None
        # Two names on one mailbox are two people, and each is owed a message of their own.
        name = _key(person.name.casefold())
        if name in names:
            return names[name]
        nameless = _key("")
        if nameless in names or name == nameless:
            return names.get(nameless, next(iter(names.values())))
        self.shared += 1
        return None

    def _remember(self, person: Concerned, number: int) -> None:
        if person.reference:
            self._references.setdefault(_key(person.reference), number)
        if person.email:
            self._mailboxes.setdefault(_key(person.email.casefold()), {}).setdefault(
                _key(person.name.casefold()), number
            )


class Intake(Lists):
    """Lists come in."""

    def take_in(self, case: str, path: Path, *, controller: str | None = None, by: str = releasing.BY_ITSELF,
                skip_bad: bool = False) -> Imported:  # fmt: skip
        """Take a file of people in as a list of the case's; nothing of it where a row is bad, unless `skip_bad`.

        Raises `Unusable` with the faults, `NotPossible` where the case or the file does not fit.
        """
        found = self.store.get(case)
        part = self.part(found, controller)
        lang = self.charter.organisation.languages[0]
        judged = self._judge(case, path, lang)
        if judged.faults and not skip_bad:
            raise Unusable(f"nothing was imported: {len(judged.faults)} bad rows; mend them, or leave them out with "
                           "--skip-bad.", judged.faults)  # fmt: skip
        now = self.now()
        list_id, holder = self._name(case, judged.sha256), uuid4().hex
        if not judged.count:
            raise Unusable("nothing was imported: nobody in the file is new to the lists of this case.", judged.faults)
        if not self.store.hold(key_of(list_id), holder, now, now + LEASE):
            raise NotPossible(f"{list_id} is being imported by another process.")
        of = PeopleList(
            id=list_id, case=case, controller=part.controller, at=now, sha256=judged.sha256, count=judged.count,
            cuts=(), merged=judged.merged, skipped=len(judged.faults), known=judged.known,
        )  # fmt: skip
        self.store.begin_people(of)
        try:
            cuts, held = self._seal(of, judged, path, lang)
        except BaseException:
            self.store.drop_people(list_id, by, "the import was broken off", self.now())
            raise
        of = replace(of, cuts=cuts)
        self.step(list_id, lambda case, row: (
            releasing.imported(case, of, by, now),
            Moves(row=ListRow(of=of, version=row.version, state="waiting", progress=Progress())),
        ))  # fmt: skip
        self.store.hold(key_of(list_id), holder, now, now)
        return Imported(of=of, faults=tuple(judged.faults), ignored=judged.ignored, shared=judged.shared, held=held)

    def _judge(self, case: str, path: Path, lang: str) -> _Judged:
        judged = _Judged()
        for row in self.store.people_lists(case):
            for chunk in self.store.chunks(row.of.id):
                for person in self.store.people_in(chunk) or ():
                    judged.know(person)
        reader = _Reader(path, lang)
        for number, found in enumerate(reader):
            if isinstance(found, Fault):
                judged.faults.append(found)
            else:
                judged.take(number, found)
        judged.sha256, judged.ignored = reader.sha256, reader.ignored
        return judged

    def _name(self, case: str, file: str) -> str:
        again = 0
        for row in self.store.people_lists(case):
            if row.of.sha256 == file:
                if row.state != "erased":
                    raise NotPossible(f"this very file is list {row.of.id} of {case} already.")
                again += 1
        return f"L-{blake2b(f'{case} {file} {again}'.encode(), digest_size=6).hexdigest().upper()}"

    def _seal(self, of: PeopleList, judged: _Judged, path: Path, lang: str) -> tuple[tuple[Cut, ...], int]:
        """Write the people down; return the cuts of the list, and how many of them are held."""
        places: dict[tuple[str, str, tuple[DataKind, ...]], int] = {}
        counts: list[int] = []
        held = 0

        def placed() -> Iterator[tuple[Concerned, int, int]]:
            nonlocal held
            for one in _people(judged, path, lang):
                place = places.setdefault((one.group, one.lang, one.data), len(places))
                if place == len(counts):
                    counts.append(0)
                    if place == MOST_CUTS:
                        raise Unusable(
                            f"nothing was imported: more than {MOST_CUTS} combinations of group, language and data; is "
                            "a column with something else called group or data?"
                        )
                counts[place] += 1
                state = start(one)
                held += state == HELD
                yield one, state, place

        first = 0
        waiting: list[tuple[Sequence[Concerned], bytes, Sequence[int]]] = []
        for chunk in whole_chunks(placed()):
            waiting.append(chunk)
            if len(waiting) == TOGETHER:
                self.store.add_people(of.id, first, waiting)
                first, waiting = first + len(waiting), []
        if waiting:
            self.store.add_people(of.id, first, waiting)
        cuts = (Cut(group=group, lang=spoken, data=data, count=counts[place])
                for (group, spoken, data), place in places.items())  # fmt: skip
        return tuple(cuts), held


class _Reader:
    """One reading of a file: a person or a fault for each row; afterwards the hash of all its bytes."""

    def __init__(self, path: Path, lang: str) -> None:
        self._path, self._lang = path, lang
        self.sha256 = ""
        self.ignored: tuple[int, ...] = ()

    def __iter__(self) -> Iterator[Concerned | Fault]:
        with self._path.open("rb") as file:
            hashed = _Hashed(file)
            with TextIOWrapper(hashed, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:  # type: ignore[type-var]  # It reads, which is all that is asked of it.
                first = text.readline()
                rows = csv.reader([first], delimiter=_delimiter(first))
                head = people_file.header(next(rows, []))
                if isinstance(head, Fault):
                    raise Unusable(f"nothing was imported: {head}", [head])
                self.ignored = head.ignored
                yield from self._rows(text, head, _delimiter(first))
                self.sha256 = hashed.digest.hexdigest()

    def _rows(self, text: Iterable[str], head: Header, delimiter: str) -> Iterator[Concerned | Fault]:
        rows = csv.reader(text, delimiter=delimiter)
        while True:
            line = rows.line_num + 2
            try:
                cells = next(rows, None)
            except csv.Error:
                yield Fault(line, "", "is not CSV: a cell is too long, or a quotation mark is never closed")
                continue
            if cells is None:
                return
            if any(cells):
                yield people_file.person(cells, line, head, self._lang)


class _Hashed:
    """A file whose bytes are hashed as they are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = sha256()
        self.closed = False

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def read1(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data

    read = read1

    def flush(self) -> None:
        """Nothing is written."""

    def close(self) -> None:
        self.closed = True


def _people(judged: _Judged, path: Path, lang: str) -> Iterator[Concerned]:
    """The people of a file that was judged, each once, with what other rows say of them."""
    reader, number = _Reader(path, lang), 0
    for row, found in enumerate(reader):
        if isinstance(found, Fault) or row in judged.left_out:
            continue
        person = found
        for other in judged.more.get(number, ()):
            person = merged(person, other)
        yield person
        number += 1
    if (reader.sha256, number) != (judged.sha256, judged.count):
        raise Unusable("nothing was imported: the file was changed while it was read.")


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _key(text: str) -> Key:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
