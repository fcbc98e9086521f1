"""People whose data is concerned, Art. 34: one on a list, what they are owed, and how it ends for each of them.

Everybody on a list ends with exactly one outcome. The states are single bytes, so that a list of 100,000 is counted,
moved and kept without reading a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.drafting_people import NEVER_NAMED
from breachflow.core.facts import DATA_KINDS, DataKind, Instant
from breachflow.core.organisation import Lang

Channel = Literal["", "post", "phone"]
ListState = Literal["loading", "waiting", "released", "done", "erased"]
"""`loading`: being imported. `waiting`: for a person's release. `released`: leaving. `done`: an outcome for everybody.
`erased`: the names are gone, counts and hashes stay."""

Answer = Literal["accepted", "refused", "deferred", "objected", "unheard"]
"""What became of one message: taken over; this address does not exist; this mailbox not now; something about us and
not about this person; not handed over at all."""

LANGUAGES: tuple[str, ...] = get_args(Lang)
"""Languages in which there is a notice; whoever needs another one is held until a person answers for it."""

OUTCOMES = ("queued", "sent", "bounced", "unmailed", "printed", "posted", "phoned", "exempt", "held")
"""The names of the states by their byte. `bounced` and `unmailed` are owed a second channel, `printed` letters wait to
be posted, `held` people wait for somebody's decision."""

QUEUED, SENT, BOUNCED, UNMAILED, PRINTED, POSTED, PHONED, EXEMPT, HELD = range(len(OUTCOMES))
CAME_BACK = 0x40
"""Added to a state where a mail or letter came back before: sent once, and then reached another way."""

FINAL = frozenset({SENT, POSTED, PHONED, EXEMPT})
MOST_TRIES = 8  # As many as any other mail gets; then the mailbox counts as one that does not take it.


class Concerned(Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """One person on a list. `data` are the kinds that this person lost, empty for those that the case states."""

    reference: str = ""
    name: str = ""
    salutation: str = ""
    email: str = ""
    address: tuple[str, ...] = ()
    phone: str = ""
    lang: str = ""
    group: str = ""
    data: tuple[DataKind, ...] = ()
    channel: Channel = ""


class Cut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """People of one list who get the same text: of one group and language, with the same kinds of data."""

    group: str
    lang: str
    data: tuple[DataKind, ...] = ()
    count: int = 0


class Release(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named person's decision to let a list go out; `texts` are the SHA-256 of the texts, by cut."""

    by: str
    reason: str
    at: Instant
    rate: int
    texts: tuple[str, ...]
    legal_review: str = ""


class PeopleList(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One imported list: whose people, how many, and the hash of the file that it came from. It holds no names."""

    id: str
    case: str
    controller: str
    at: Instant
    sha256: str
    count: int
    cuts: tuple[Cut, ...]
    merged: int = 0
    skipped: int = 0
    known: int = 0
    release: Release | None = None


class Progress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the sending of a list has come: the next person's number, and when it goes on.

    `passes` counts the times that the end was reached with somebody still queued; `problem` is why it waits.
    """

    cursor: int = 0
    passes: int = 0
    next_at: Instant | None = None
    problem: str = ""
    first_at: Instant | None = None
    last_at: Instant | None = None


def start(person: Concerned) -> int:
    """Return the state in which this person enters a list."""
    nothing_to_name = bool(person.data) and not nameable(person.data)
    if person.lang not in LANGUAGES or nothing_to_name:
        return HELD
    if person.email:
        return QUEUED
    return UNMAILED if person.address or person.phone else HELD


def nameable(data: Iterable[DataKind]) -> tuple[DataKind, ...]:
    """Return the kinds that a notice may name, in the vocabulary's order."""
    stated = set(data) - NEVER_NAMED - {"unknown"}
    return tuple(kind for kind in DATA_KINDS if kind in stated)


def merged(one: Concerned, other: Concerned) -> Concerned:
    """Return two rows about one person as one: the second fills what the first leaves open; data is that of both."""
    filled = {
        name: getattr(other, name) for name in Concerned.__struct_fields__ if name != "data" and not getattr(one, name)
    }
    both = set(one.data) | set(other.data) if one.data and other.data else set()
    return replace(one, **filled, data=tuple(kind for kind in DATA_KINDS if kind in both))


def tag(list_id: str, number: int) -> str:
    """Return the name by which records know a person without naming them: of list and number, always the same."""
    return blake2b(f"{list_id}\0{number}".encode(), digest_size=10).hexdigest()


def outcome(state: int) -> str:
    """Return the name of a state."""
    return OUTCOMES[state & ~CAME_BACK]


def is_final(state: int) -> bool:
    """Whether nothing more is owed to this person."""
    return state & ~CAME_BACK in FINAL


def answered(state: int, tries: int, answer: Answer) -> tuple[int, int]:
    """Return state and tries after one attempt. A message that was taken over counts, whatever was decided by then."""
    bare = state & ~CAME_BACK
    if answer == "accepted":
        return (SENT | state & CAME_BACK, tries) if bare not in (POSTED, PHONED) else (state, tries)
    if bare != QUEUED or answer in ("objected", "unheard"):
        return state, tries
    if answer == "refused" or tries + 1 >= MOST_TRIES:
        return BOUNCED | CAME_BACK, tries
    return state, tries + 1


def came_back(state: int) -> int | None:
    """Return the state once a mail or a letter has come back, `None` where nothing of this person's was under way."""
    return BOUNCED | CAME_BACK if state & ~CAME_BACK in (QUEUED, SENT, PRINTED, POSTED) else None


def reached(state: int, how: Literal["post", "phone"]) -> int | None:
    """Return the state once a person was reached by the second channel, `None` where that is not open."""
    if state & ~CAME_BACK not in (BOUNCED, UNMAILED, PRINTED, HELD):
        return None
    return (POSTED if how == "post" else PHONED) | state & CAME_BACK


def exempted(state: int) -> int | None:
    """Return the state once somebody decided, with reasons, not to write to a person; `None` where it is too late."""
    return None if state & ~CAME_BACK in (SENT, POSTED, PHONED, EXEMPT) else EXEMPT | state & CAME_BACK


def tallied(states: Iterable[int], cuts: Iterable[int], of: PeopleList) -> dict[str, dict[str, int]]:
    """Return how many people of each group are in which state; the counts sum to the list."""
    counts: dict[tuple[int, int], int] = {}
    for pair in zip(cuts, states, strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    found: dict[str, dict[str, int]] = {}
    for (cut, state), count in counts.items():
        group = found.setdefault(of.cuts[cut].group, dict.fromkeys(OUTCOMES, 0) | {"came_back": 0})
        group[outcome(state)] += count
        group["came_back"] += count if state & CAME_BACK else 0
    return dict(sorted(found.items()))


def totals(groups: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return the counts of all groups together."""
    return {name: sum(group[name] for group in groups.values()) for name in (*OUTCOMES, "came_back")}


def groups_of(of: PeopleList) -> dict[str, Any]:
    """Return how many people each group of a list has."""
    counts: dict[str, int] = {}
    for cut in of.cuts:
        counts[cut.group] = counts.get(cut.group, 0) + cut.count
    return dict(sorted(counts.items()))
