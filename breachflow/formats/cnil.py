"""The CNIL's open data of notified breaches: a row of the form as an event with the facts that it states.

Of the date of receipt the CNIL publishes the month alone: it stays one, in the event's identity, and the instant of
receipt here stands in for the detection. Numbers of people are bands: the largest number of the band is taken, as
approximate. Which sensitive data it was is not said, only that there was some.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from breachflow.core.drafting_cnil import DATA, ORIGINS
from breachflow.core.event import SecurityEvent, Unreadable
from breachflow.core.facts import Facts
from breachflow.formats import told
from breachflow.formats.document import encode
from breachflow.formats.format import Document, Format
from breachflow.formats.reading import Context
from breachflow.law import cnil_form

NAME = "cnil"
ROW = "ligne"
"""The key under which the number of the row stands: two rows may say the same."""

WIDTH = "colonnes"
"""The key under which the number of cells stands in a row that has more or fewer of them than the header."""

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_USUAL = {
    "hacking": "unauthorised_access", "wrong_recipient": "sent_to_wrong_recipient", "civil": "identity",
    "contact": "contact", "access": "credentials", "financial": "financial", "official": "official_document",
}  # fmt: skip
"""Where several of our words share a box of the form, the one that says no more than the box does."""


def recognise(record: Document) -> int:
    """A row of the open data: the headers of its columns."""
    return 20 * (_cells(record).keys() >= {"received", "nature"})


def read(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """A row as an event."""
    if WIDTH in record:
        raise Unreadable(f"row {record.get(ROW)} has not as many cells as the header: mend its quotes or separators")
    cells = _cells(record)
    month = cells.get("received", "")
    if not _MONTH.fullmatch(month):
        raise Unreadable("the date of receipt is no month like 2020-02")
    row = record.get(ROW)
    return told.event(
        told.Told(
            id=f"{month}/{row}" if row is not None else None,
            instance="open-data",
            title=(cells.get("sector"), "Notification"),
            detected_at=(),
            verdict="confirmed",
            facts=_facts(cells),
        ),
        NAME,
        raw,
        context,
    )


def rows(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield each row of an extract as a JSON object under its headers, with the number of the row from 1.

    The extracts come as UTF-8 or as Windows-1252, with commas or semicolons, and some with a line above the header.
    """
    text = map(_decoded, lines)
    header = next((line for line in text if is_header(line)), "")
    delimiter = ";" if header.count(";") > header.count(",") else ","
    names = [name.replace("\xa0", " ").strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    for number, cells in enumerate(csv.reader(text, delimiter=delimiter), start=1):
        if any(cell.strip() for cell in cells):
            wrong = {} if len(cells) == len(names) else {WIDTH: len(cells)}
            yield encode({ROW: number} | wrong | dict(zip(names, cells, strict=False)))


def begins(head: bytes) -> bool:
    """Whether a file that begins so is an extract: its header stands in the first or the second line."""
    if b"violation" not in head.lower() or head.lstrip()[:1] in (b"{", b"["):
        return False
    return any(is_header(_decoded(line)) for line in head.split(b"\n")[:3])


def is_header(line: str) -> bool:
    """Whether a line of text names the columns of the open data."""
    plain = cnil_form.plain(line)
    return all(cnil_form.plain(cnil_form.columns()[name])[:20] in plain for name in ("received", "nature", "cause"))


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _cells(record: Mapping[str, Any]) -> dict[str, str]:
    """The row's texts by our keys; a header may be in the singular or the plural, as the extracts have it."""
    known = _headers()
    found = {}
    for name, value in record.items():
        if isinstance(value, str) and len(name) < 100 and (key := known.get(_stem(name))) is not None:
            found[key] = value.replace("''", "'").strip()
    return found


def _headers() -> dict[str, str]:
    return {_stem(word): name for name, word in cnil_form.columns().items()}


def _stem(header: str) -> str:
    return "".join(word.rstrip("s") for word in re.split(r"[^a-z0-9]+", _unaccented(header)))


def _unaccented(text: str) -> str:
    return "".join(cnil_form.plain(letter) if not letter.isspace() else " " for letter in text.replace("'", " "))


def _facts(cells: Mapping[str, str]) -> Facts:
    stated: dict[str, Any] = {"personal_data": True}
    for side in _keys("nature", cells):
        stated[side] = True
    for most in _keys("people_count", cells):
        stated |= {"people_count": int(most), "people_count_basis": "approximate"}
    kinds = [_USUAL.get(box) or _ours(DATA, box) or box for box in _keys("data", cells)]
    if kinds:
        stated["data"] = kinds
    if _keys("sensitive", cells):
        # Which special category it was is not said; that there was one is a finding.
        stated |= {"sensitivity": "substantive", "revealing_context": True}
    if types := [_USUAL.get(box) or _ours(ORIGINS, box) or "other" for box in _keys("origin", cells)]:
        stated["incident_type"] = types if len(types) > 1 else types[0]
    stated |= _cause(_keys("cause", cells))
    informed = _keys("informed", cells)
    if informed == ["yes"]:
        stated["informed_all"] = True
    elif informed and informed != ["undecided"]:
        # No date is given: the form's own answer stands as the reason, and no instant is invented.
        stated["not_informed_reason"] = cells["informed"]
    return msgspec.convert(stated, Facts)


def _cause(boxes: list[str]) -> dict[str, str]:
    """One cause says who and whether it was meant; of several the worse intent stands, and who it was is open."""
    known = [box for box in boxes if box not in ("unknown", "other")]
    if "unknown" in boxes and not known:
        return {"origin": "undeterminable", "intent": "undeterminable"}
    if not known:
        return {}
    sides = {box.partition("_")[0] for box in known}
    intents = {box.partition("_")[2] for box in known}
    stated = {"intent": "malicious" if "malicious" in intents else "accidental"}
    return stated | ({"origin": sides.pop()} if len(sides) == 1 else {})


def _keys(column: str, cells: Mapping[str, str]) -> list[str]:
    """The boxes that a cell ticks. Raises `Unreadable` for a word that the form does not have."""
    cell = cells.get(column, "")
    found = []
    for word in cnil_form.values(cell):
        box = cnil_form.key(column, word)
        if box is None:
            raise Unreadable(f"the column {column} holds a word that the CNIL's form does not have")
        found.append(box)
    return found


def _ours(table: Mapping[str, str], box: str) -> str | None:
    return next((ours for ours, theirs in table.items() if theirs == box), None)


FORMAT = Format(
    name=NAME,
    marks=(cnil_form.columns()["received"],),
    recognise=recognise,
    read=read,
)
