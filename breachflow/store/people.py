"""Lists of people concerned: apart from their case, sealed under a key of their own, counted without a name.

A list is written in chunks, so that 100,000 people are neither 100,000 rows nor one. What a sender, a bounce and a
person's decision change about the same chunk meets in a compare-and-set: nothing is lost, whoever comes second reads
again.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from breachflow.core.concerned import QUEUED, Concerned, ListState, PeopleList, Progress
from breachflow.store import statements as sql
from breachflow.store.chapter import Chapter
from breachflow.store.engine import Outrun, Row
from breachflow.store.errors import UnknownCase
from breachflow.store.forgetting import forget_people
from breachflow.store.instants import plain
from breachflow.store.vault import Sealer

PEOPLE = 500  # In one chunk: some 20 kB sealed, read and opened in a millisecond.
LEVEL = 1  # Of compression: rows of people are alike, and more of it costs more than it saves.

_write_people, _read_people = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(list[Concerned]).decode
_encode = msgspec.json.Encoder().encode
_read_list, _read_progress = msgspec.json.Decoder(PeopleList).decode, msgspec.json.Decoder(Progress).decode


class ListRow(Struct, frozen=True, kw_only=True):
    """A list as it stands, with the version that a change of it must name."""

    of: PeopleList
    version: int
    state: ListState
    progress: Progress


class Chunk(Struct, kw_only=True):
    """People of one list and what each is at; `states` and `tries` are changed in place and written back."""

    list: str
    number: int
    version: int
    states: bytearray
    cuts: Sequence[int]
    tries: bytearray
    sealed: bytes | None

    @property
    def first(self) -> int:
        """The number of the first person in the list."""
        return self.number * PEOPLE


class Moves(Struct, frozen=True, kw_only=True):
    """What one step changes about a list: the list as it was read and as it is, and the chunks that were changed.

    `texts` are the released texts, to be kept; `forget` (who, why, when) destroys the key and all that names somebody.
    """

    row: ListRow
    chunks: Sequence[Chunk] = ()
    texts: bytes | None = None
    forget: tuple[str, str, datetime] | None = None


def key_of(list_id: str) -> str:
    """Name the key of a list, for the vault."""
    return f"people:{list_id}"


class PeopleLists(Chapter):
    """Lists are put in here and moved by `commit` or `move_people`; each is read afresh."""

    def people_lists(self, case_id: str) -> list[ListRow]:
        """Return the lists of a case; what is still being imported is not among them."""
        return [row for row in map(_list, self._engine.rows(sql.PEOPLE_LISTS_OF, (plain(case_id),)))
                if row.state != "loading"]  # fmt: skip

    def people_list(self, list_id: str) -> ListRow:
        """Return a list. Raises `UnknownCase`."""
        for row in self._engine.rows(sql.PEOPLE_LIST, (plain(list_id),)):
            return _list(row)
        raise UnknownCase(f"There is no list {list_id!a}.")

    def people_leaving(self) -> list[ListRow]:
        """Return the released lists of which somebody is still to be written to."""
        return [_list(row) for row in self._engine.rows(sql.PEOPLE_LEAVING)]

    def begin_people(self, of: PeopleList) -> None:
        """Begin an import; what an earlier one of the same list left behind, broken off, is removed first."""
        with self._engine.transaction():
            if self._engine.rows(sql.PEOPLE_LIST, (of.id,)):
                self._engine.many(sql.DROP_PEOPLE_CHUNKS, [(of.id,)])
                self._engine.many(sql.DROP_PEOPLE_LIST, [(of.id,)])
            self._engine.many(sql.ADD_PEOPLE_LIST, [(of.id, of.case, 1, "loading", _text(of), _text(Progress()))])

    def add_people(
        self, list_id: str, first: int, chunks: Sequence[tuple[Sequence[Concerned], bytes, Sequence[int]]]
    ) -> None:
        """Add chunks (people, states, cuts) to an import, the first one numbered `first`."""
        with self._engine.transaction():
            sealer = self._vault.sealers({key_of(list_id)}, ())[key_of(list_id)]
            self._engine.many(sql.ADD_PEOPLE_CHUNK, [
                (list_id, number, states.count(QUEUED), states, array("H", cuts).tobytes(), bytes(len(states)),
                 _seal(sealer, list_id, number, _write_people(people)))
                for number, (people, states, cuts) in enumerate(chunks, first)
            ])  # fmt: skip

    def drop_people(self, list_id: str, by: str, reason: str, now: datetime) -> None:
        """Give up an import, and its key."""
        with self._engine.transaction():
            self._vault.destroy(key_of(list_id), by, reason, now)
            self._engine.many(sql.DROP_PEOPLE_CHUNKS, [(list_id,)])
            self._engine.many(sql.DROP_PEOPLE_LIST, [(list_id,)])
        self._engine.scrub()

    def move_people(self, moves: Moves) -> bool:
        """Write what one step changes about a list; `False`, and nothing written, where somebody was faster."""
        try:
            with self._engine.transaction():
                self._write_moves(moves)
        except Outrun:
            return False
        return True

    def next_chunk(self, list_id: str, number: int) -> Chunk | None:
        """Return the first chunk from this one on in which somebody is queued."""
        rows = self._engine.rows(sql.NEXT_PEOPLE_CHUNK, (list_id, number))
        return _chunk(list_id, rows[0]) if rows else None

    def chunk(self, list_id: str, number: int) -> Chunk | None:
        """Return one chunk, `None` where the list ends before it."""
        rows = self._engine.rows(sql.PEOPLE_CHUNK, (list_id, number))
        return _chunk(list_id, rows[0]) if rows else None

    def chunks(self, list_id: str) -> Iterator[Chunk]:
        """Every chunk of a list, one at a time."""
        number = 0
        while (found := self.chunk(list_id, number)) is not None:
            yield found
            number += 1

    def people_in(self, chunk: Chunk) -> list[Concerned] | None:
        """Return the people of a chunk, `None` where the key of their list is destroyed."""
        if chunk.sealed is None:
            return None
        opened = self._vault.open(key_of(chunk.list), chunk.sealed, _row(chunk.list, chunk.number))
        return None if opened is None else _read_people(zlib.decompress(opened))

    def people_states(self, list_id: str) -> tuple[bytes, Sequence[int]]:
        """Return the state and the cut of everybody on a list, in order; no key is needed for it."""
        states, cuts = bytearray(), array("H")
        for _, some, of in self._engine.rows(sql.PEOPLE_STATES, (list_id,)):
            states += some
            cuts.frombytes(of)
        return bytes(states), cuts

    def people_texts(self, list_id: str) -> bytes | None:
        """Return the texts that were released with a list."""
        ((texts,),) = self._engine.rows(sql.PEOPLE_TEXTS, (list_id,))
        if texts is None:
            return None
        opened = self._vault.open(key_of(list_id), texts, _row(list_id, -1))
        return None if opened is None else zlib.decompress(opened)

    def _write_moves(self, moves: Moves) -> None:
        """Write a step's moves inside a transaction. Raises `Outrun`."""
        row, list_id, many = moves.row, moves.row.of.id, self._engine.many
        of = (row.version + 1, row.state, _text(row.of), _text(row.progress), list_id, row.version)
        if many(sql.MOVE_PEOPLE_LIST, [of]) != 1:
            raise Outrun
        chunks = [
            (chunk.version + 1, chunk.states.count(QUEUED), bytes(chunk.states), bytes(chunk.tries), list_id,
             chunk.number, chunk.version)
            for chunk in moves.chunks
        ]  # fmt: skip
        if chunks and many(sql.MOVE_PEOPLE_CHUNK, chunks) != len(chunks):
            raise Outrun
        if moves.texts is not None:
            sealer = self._vault.sealers({key_of(list_id)}, ())[key_of(list_id)]
            many(sql.SET_PEOPLE_TEXTS, [(_seal(sealer, list_id, -1, moves.texts), list_id)])
        if moves.forget is not None:
            forget_people(self._engine, self._vault, list_id, *moves.forget)


def _list(row: Row) -> ListRow:
    _, version, state, doc, progress = row
    return ListRow(of=_read_list(doc), version=version, state=state, progress=_read_progress(progress))


def _chunk(list_id: str, row: Row) -> Chunk:
    number, version, states, cuts, tries, sealed = row
    places = array("H")
    places.frombytes(cuts)
    return Chunk(
        list=list_id, number=number, version=version, states=bytearray(states), cuts=places, tries=bytearray(tries),
        sealed=sealed,
    )  # fmt: skip


def _text(value: PeopleList | Progress) -> str:
    return _encode(value).decode()


def _seal(sealer: Sealer, list_id: str, number: int, value: bytes) -> bytes:
    return sealer.seal(zlib.compress(value, LEVEL), _row(list_id, number))


def _row(list_id: str, number: int) -> bytes:
    return f"people:{number}:{list_id}".encode()


def whole_chunks(people: Iterable[tuple[Concerned, int, int]]) -> Iterator[tuple[list[Concerned], bytes, list[int]]]:
    """Gather people with their state and cut into chunks as they are kept."""
    some: list[Concerned] = []
    states, cuts = bytearray(), []
    for person, state, cut in people:
        some.append(person)
        states.append(state)
        cuts.append(cut)
        if len(some) == PEOPLE:
            yield some, bytes(states), cuts
            some, states, cuts = [], bytearray(), []
    if some:
        yield some, bytes(states), cuts
