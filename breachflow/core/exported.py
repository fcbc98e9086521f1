"""The register as a file: a JSON line for each entry and a closing line; one changed byte is found without a database.

An entry's line has what its chain covers (`hash`), and in `check` a digest of the rest. The closing line names the last
entry of every case, so that an end cut off is found, and its `digest` covers the whole file: whoever has noted it knows
the file again, whatever somebody who can compute has done to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from breachflow.core.overview import utc
from breachflow.core.register import Broken, Line, link

CLOSING = "the closing line"


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """How many entries a case has in the file, and the hash of the last one."""

    case: str
    entries: int
    head: str


class Verified(Struct, frozen=True, kw_only=True):
    """What a file turned out to hold, and where it was changed."""

    entries: int
    cases: int
    digest: str
    broken: tuple[Broken, ...]


class _Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    case: str
    seq: int
    at: str
    kind: str
    by: str
    body: msgspec.Raw
    sealed: msgspec.Raw
    sealed_digest: str
    hash: str
    check: str


class _Closing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: str
    at: str
    cases: tuple[Head, ...]
    check: str
    digest: str


_encode = msgspec.json.Encoder().encode
_read_entry = msgspec.json.Decoder(_Entry).decode
_read_closing = msgspec.json.Decoder(_Closing).decode


def entry_line(line: Line, at: datetime, sealed: Any) -> bytes:
    """Return one entry as a line of the file; `sealed` is its sealed part in the clear, or what stands in its place."""
    said = msgspec.Raw(_encode(sealed))
    entry = _Entry(
        case=line.case, seq=line.seq, at=utc(at) or "", kind=line.kind, by=line.by,
        body=msgspec.Raw(line.body.encode()), sealed=said, sealed_digest=line.sealed, hash=line.hash,
        check=_check(line.hash, said),
    )  # fmt: skip
    return _encode(entry) + b"\n"


def closing_line(lines: Iterable[bytes], heads: Sequence[Head], now: datetime) -> bytes:
    """Return the line that ends the file."""
    said = _checked(_Closing(kind="export", at=utc(now) or "", cases=tuple(heads), check="", digest=""))
    return _encode(msgspec.structs.replace(said, digest=_digest(lines, said))) + b"\n"


def verified(content: bytes) -> Verified:
    """Return what an exported file holds, and the first entry of each case that was changed, removed or added."""
    *lines, last = content.removesuffix(b"\n").split(b"\n")
    try:
        closing = _read_closing(last)
    except (msgspec.DecodeError, ValueError):
        closing = None
    if closing is None or _checked(closing).check != closing.check or _encode(closing) != last:
        # What it says of the cases counts for nothing: the entries speak for themselves.
        heads = _counted(lines)
        broken = [*_broken(lines, heads), Broken(case=CLOSING, seq=0, why="it is missing, or was changed")]
        return Verified(entries=len(lines), cases=len(heads), digest="", broken=tuple(broken))
    broken = _broken(lines, closing.cases)
    whole = [line + b"\n" for line in lines]
    if not broken and (_digest(whole, closing) != closing.digest or not content.endswith(b"\n")):
        broken = [Broken(case=CLOSING, seq=0, why="its digest is not the one of this file")]
    return Verified(entries=len(lines), cases=len(closing.cases), digest=closing.digest, broken=tuple(broken))


def _checked(closing: _Closing) -> _Closing:
    """Return the closing line with the digest of what it says itself."""
    bare = msgspec.structs.replace(closing, check="", digest="")
    return msgspec.structs.replace(bare, check=sha256(_encode(bare)).hexdigest())


def _digest(lines: Iterable[bytes], closing: _Closing) -> str:
    """Return the digest of the whole file."""
    return sha256(b"".join(lines) + _encode(msgspec.structs.replace(closing, digest=""))).hexdigest()


def _broken(lines: Sequence[bytes], heads: Sequence[Head]) -> list[Broken]:
    """Return the first entry of each case that does not hold, by the place where it should stand."""
    broken, place = [], 0
    for head in heads:
        if (found := _first_broken(lines[place : place + head.entries], head)) is not None:
            broken.append(found)
        place += head.entries
    if place < len(lines):
        broken.append(Broken(case=CLOSING, seq=0, why=f"it names {place} entries, and the file has {len(lines)}"))
    return broken


def _first_broken(lines: Sequence[bytes], head: Head) -> Broken | None:
    previous = ""
    for seq in range(1, head.entries + 1):
        if seq > len(lines):
            return Broken(case=head.case, seq=seq, why="the file was cut off before this entry")
        try:
            entry = _read_entry(lines[seq - 1])
            body = bytes(entry.body).decode()
        except (msgspec.DecodeError, ValueError):
            return Broken(case=head.case, seq=seq, why="its line cannot be read as an entry")
        if (entry.case, entry.seq) != (head.case, seq):
            return Broken(case=head.case, seq=seq, why="the entry is missing, or stands elsewhere")
        linked = link(
            previous, entry.case, seq, _chained(entry.at), entry.kind, entry.by, body, entry.sealed_digest
        )  # fmt: skip
        if entry.hash != linked:
            return Broken(case=head.case, seq=seq, why="the entry, or its link to the one before, was changed")
        if entry.check != _check(entry.hash, entry.sealed) or _encode(entry) != lines[seq - 1]:
            return Broken(case=head.case, seq=seq, why="its sealed part, or how it is written, was changed")
        previous = entry.hash
    if previous != head.head:
        return Broken(case=head.case, seq=head.entries, why=f"{CLOSING} names another last entry")
    return None


def _counted(lines: Sequence[bytes]) -> list[Head]:
    """Return the cases as the lines themselves name them, where the closing line does not say."""
    heads: dict[str, Head] = {}
    for line in lines:
        try:
            entry = _read_entry(line)
        except (msgspec.DecodeError, ValueError):
            continue
        before = heads.get(entry.case)
        heads[entry.case] = Head(entry.case, (before.entries if before else 0) + 1, entry.hash)
    return list(heads.values())


def _check(link_hash: str, sealed: msgspec.Raw) -> str:
    return sha256(link_hash.encode() + b":" + bytes(sealed)).hexdigest()


def _chained(at: str) -> str:
    """Return the instant as the chain has it, with a fraction always."""
    return f"{at[:-1]}.000000Z" if len(at) == len("2026-05-04T12:00:00Z") else at
