"""The CNIL's open data of notified breaches: a row as an event with the facts that its boxes state, and back.

A row says by month when the CNIL was notified, so the instant of receipt stands in for the detection and the month
stays what it is: the beginning of the identity, and a sentence. The sector of the organisation, which nobody names, is
the instance of the source. A box that is not ticked is unknown, never "no".

Facts hold one origin and one intent. A row that ticks several causes, or "Autre", keeps what they have in common as
facts and all of them as a sentence, and the way back reads that sentence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from breachflow.core import drafting_cnil
from breachflow.core.event import SecurityEvent, Unreadable
from breachflow.core.facts import Facts, Measure, incident_types
from breachflow.formats import told
from breachflow.formats.document import encode
from breachflow.formats.format import Document, Format
from breachflow.formats.reading import Context
from breachflow.law.cnil_form import FORM, band_of, band_with, boxes_of, cell_of, column_of, sector_of

NAME = "cnil"
LINE = "cnil_line"
"""Key under which a row of a table says on which line it stood."""
FAULT, COPY = "cnil_fault", "cnil_copy"
"""Keys for what is wrong with the line itself, and for the how-manieth of equal rows it is."""

KNOWN_COLUMNS = 5
"""So many columns of the open data make an object one of its rows; extracts leave some out."""

INFORMING = "Information des personnes concernées"
NOT_INFORMED = "Les personnes ne seront pas informées ; le motif n'est pas publié."
CAUSES = "Causes notifiées : "
YES = "Oui"

_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
_RECEIVED = FORM.columns["received"]


def recognise(record: Document) -> int:
    """A row of the open data: it has its columns, or was made from a line of the table."""
    if LINE in record:
        return 20
    return 20 * (sum(column_of(key) is not None for key in record if len(key) < 100) >= KNOWN_COLUMNS)


def read(record: Document, raw: bytes, context: Context) -> SecurityEvent:
    """A row as an event.

    Raises `Unreadable`, naming line and column, for a broken line and for a word that the form does not have: what a
    new box means is a matter of law, and not guessed.
    """
    row, sector, facts = _understood(record)
    natures = cell_of("nature", boxes_of("nature", row["nature"])).replace(",", ", ")
    copy, month = record.get(COPY), row["received"]
    return told.event(
        told.Told(
            id=f"{month}/{_digest(row)}" + (f"~{copy}" if isinstance(copy, int) else ""),
            instance=None if sector == FORM.unknown_sector else sector,
            title=(f"{natures or 'Violation de données'} ({sector})",),
            detected_at=(),
            verdict="confirmed",
            facts=Facts(**facts),
        ),
        NAME,
        raw,
        context,
    )


def check(record: Document) -> None:
    """Refuse a row that cannot be read, as `read` does."""
    _understood(record)


def _understood(record: Document) -> tuple[dict[str, str], str, dict[str, Any]]:
    """The cells, the sector and the facts of a row."""
    at = f"line {record[LINE]}: " if isinstance(record.get(LINE), int) else ""
    if isinstance(fault := record.get(FAULT), str):
        raise Unreadable(f"{at}{fault}")
    row = _row(record, at)
    month = row["received"]
    if _MONTH.fullmatch(month) is None:
        raise Unreadable(f"{at}`{_RECEIVED}` is not a month such as 2026-01")
    column = "sector"  # The column that is being read, for the sentence.
    try:
        sector = sector_of(row["sector"]) if row["sector"] else FORM.unknown_sector
        facts: dict[str, Any] = {"personal_data": True}
        for column, understand in _READERS.items():
            if row[column]:
                facts |= understand(row[column])
    except KeyError:
        raise Unreadable(
            f"{at}`{FORM.columns[column]}` holds a word that the CNIL's form, as known on {FORM.last_verified}, has not"
        ) from None
    facts["text_timeline"] = f"Notification reçue par la CNIL en {month} (jour non publié)."
    return row, sector, facts


def row(event: SecurityEvent) -> dict[str, str]:
    """The row of the open data that this event makes, by column; an empty cell where the facts do not say.

    Read from the facts, so what a person has corrected since is in it.
    """
    facts = event.facts or Facts()
    natures = (name for name in FORM.lists["nature"] if getattr(facts, name) is True)
    kinds = drafting_cnil.data(facts.data)
    sensitive = bool(drafting_cnil.sensitive(facts.data)) or facts.revealing_context is True
    month = event.id[:7] if event.format == NAME else event.detected_at.strftime("%Y-%m")
    cells = {
        "received": month,
        "sector": event.source.partition("/")[2] or FORM.unknown_sector,
        "nature": cell_of("nature", natures),
        "people": "" if facts.people_count is None else band_with(facts.people_count).label,
        "data": cell_of("data", kinds),
        "sensitive": YES if sensitive else "",
        "origin": cell_of("origin", drafting_cnil.origins(incident_types(facts))),
        "cause": cell_of("cause", _caused(facts)),
        "informed": cell_of("informed", (_informed(facts),)),
    }
    return {FORM.columns[name]: cell for name, cell in cells.items()}


def _row(record: Document, at: str) -> dict[str, str]:
    """The cells by our names of the columns; one that is not there is empty."""
    found = dict.fromkeys(FORM.columns, "")
    for key, value in record.items():
        name = column_of(key) if len(key) < 100 else None
        if name is None or value is None:
            continue
        if not isinstance(value, str):
            raise Unreadable(f"{at}`{FORM.columns[name]}` is no text")
        found[name] = value.strip()
    return found


def _digest(row: Mapping[str, str]) -> str:
    return hashlib.sha256(encode(row)).hexdigest()[:32]


def _natures(cell: str) -> dict[str, Any]:
    return dict.fromkeys(boxes_of("nature", cell), True)


def _people(cell: str) -> dict[str, Any]:
    band = band_of(cell)
    # The prudent end of the band; of the last one only its beginning is known.
    count = band.least if band.most is None else band.most
    return {
        "people_count": count,
        "people_count_basis": "approximate",
        "text_people": f"Tranche publiée : {band.label[0].lower()}{band.label[1:]}.",
    }


def _data(cell: str) -> dict[str, Any]:
    return {"data": tuple(dict.fromkeys(_meant("data", boxes_of("data", cell))))}


def _sensitive(cell: str) -> dict[str, Any]:
    if cell != YES:
        raise KeyError(cell)
    # Which kind is not published. That it is there weighs as a set that says something sensitive about everybody in it.
    return {"revealing_context": True, "text_data": "Données sensibles : oui (catégorie non publiée)."}


def _origins(cell: str) -> dict[str, Any]:
    types = tuple(_meant("origin", boxes_of("origin", cell)))
    return {"incident_type": types[0] if len(types) == 1 else types}


def _causes(cell: str) -> dict[str, Any]:
    boxes = boxes_of("cause", cell)
    meant = [FORM.lists["cause"][key].means for key in boxes]
    stated: dict[str, Any] = {}
    if all(meant) and "unknown" not in boxes[1:] and (len(boxes) == 1 or "unknown" not in boxes):
        for place, name in enumerate(("origin", "intent")):
            words = {means[place] for means in meant}
            if len(words) == 1:  # What all the causes have in common is known, the other side is not.
                stated[name] = words.pop()
    if len(stated) < 2:
        stated["text_nature"] = f"{CAUSES}{' ; '.join(FORM.lists['cause'][key].label for key in boxes)}."
    return stated


def _caused(facts: Facts) -> tuple[str, ...]:
    """The boxes of the causes: of the facts where both sides are known, else those that the sentence names."""
    if (cause := drafting_cnil.cause(facts.origin, facts.intent)) is not None:
        return (cause,)
    text = facts.text_nature or ""
    if not text.startswith(CAUSES):
        return ()
    try:
        return boxes_of("cause", text.removeprefix(CAUSES).removesuffix(".").replace(" ; ", ","))
    except KeyError:
        return ()  # Somebody has written on: what they mean is for a person to read.


def _informing(cell: str) -> dict[str, Any]:
    (box,) = boxes_of("informed", cell) or ("undecided",)
    if box in ("yes", "planned"):
        return {"measures_taken": (Measure(what=INFORMING, state="done" if box == "yes" else "planned"),)}
    return {"not_informed_reason": NOT_INFORMED} if box == "no" else {}


def _informed(facts: Facts) -> str:
    """The box of the facts: what was done goes before what is planned, and that before a reason not to."""
    states = {measure.state for measure in facts.measures_taken or () if measure.what == INFORMING}
    if facts.informed_at is not None or "done" in states:
        return "yes"
    if facts.inform_planned_at is not None or "planned" in states:
        return "planned"
    return "no" if facts.not_informed_reason else "undecided"


def _meant(name: str, boxes: Iterable[str]) -> Iterable[str]:
    return (FORM.lists[name][key].means[0] for key in boxes)


_READERS = {
    "nature": _natures, "people": _people, "data": _data, "sensitive": _sensitive, "origin": _origins,
    "cause": _causes, "informed": _informing,
}  # fmt: skip

FORMAT = Format(name=NAME, marks=(_RECEIVED, f"{_RECEIVED}\N{NO-BREAK SPACE}", LINE), recognise=recognise, read=read)
