"""Art. 33(5) register: how its entries are chained, so that one changed byte is found.

"The controller shall document any personal data breaches [...]. That documentation shall enable the supervisory
authority to verify compliance with this Article." -- GDPR Art. 33(5)
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from msgspec import Struct


class Line(Struct, frozen=True, kw_only=True):
    """One entry of a case's register exactly as it is written down: texts, not values, so that a byte cannot hide.

    `sealed` is the SHA-256, in hex, of the entry's encrypted part, or empty where it has none: the chain holds after
    the key, and with it the personal data, is gone. `hash` is the link to the entry before.
    """

    case: str
    seq: int
    at: str
    kind: str
    by: str
    body: str
    sealed: str
    hash: str


class Broken(Struct, frozen=True, kw_only=True):
    """Where a case's register does not hold: the first entry concerned, and why."""

    case: str
    seq: int
    why: str


def digest(sealed: bytes | None) -> str:
    """Return what is chained of an entry's encrypted part: SHA-256 in hex, empty where there is none."""
    return "" if sealed is None else sha256(sealed).hexdigest()


def link(previous: str, case: str, seq: int, at: str, kind: str, by: str, body: str, sealed: str) -> str:
    """Return the hash of one entry: SHA-256, in hex, over the hash before it and every field.

    Each field is preceded by its length in characters and a colon, so that no two different entries are written the
    same way. `previous` is empty for the first entry of a case; `sealed` is `digest` of the encrypted part.
    """
    number = str(seq)
    return sha256(
        f"breachflow.register.v1:{len(previous)}:{previous}{len(case)}:{case}{len(number)}:{number}{len(at)}:{at}"
        f"{len(kind)}:{kind}{len(by)}:{by}{len(body)}:{body}{len(sealed)}:{sealed}".encode()
    ).hexdigest()


def verify(lines: Iterable[Line], *, case: str, seq: int, head: str) -> Broken | None:
    """Return the first entry that breaks the chain of one case, or `None` where every byte is as it was written.

    `lines` are all entries of the case, in order; `seq` and `head` are what the case says of its last entry, so that
    an end cut off is found too.
    """
    previous, expected = "", 1
    for line in lines:
        if line.case != case or line.seq != expected:
            return Broken(case=case, seq=expected, why="the entry is missing")
        if line.hash != link(previous, case, expected, line.at, line.kind, line.by, line.body, line.sealed):
            return Broken(case=case, seq=expected, why="the entry, or its link to the one before, was changed")
        previous, expected = line.hash, expected + 1
    if seq >= expected:
        return Broken(case=case, seq=expected, why="the register was cut off before this entry")
    if (expected - 1, previous) != (seq, head):
        return Broken(case=case, seq=expected - 1, why="the case names another last entry")
    return None
