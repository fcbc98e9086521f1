"""SIEM formats: whatever a product sends, as canonical events; what cannot be read, with the reason.

    for piece in split(file):
        for reading in read(piece.raw, received_at=now):
            reading.event or reading.error

Pure: bytes and the instant of receipt in, values out. Two things to know downstream:

- `SecurityEvent.users` holds user names, host names stand in `assets`, and `Reading.raw` is the record as it came.
  User names and raw records are personal data: `core.pseudonym` comes before anything is stored or shown, and `raw`
  goes into the encrypted store only.
- `Reading.error` never quotes the payload, so it may be logged and shown.
"""

from __future__ import annotations

from typing import Any

from breachflow.formats import cloudevents, native
from breachflow.formats.format import Format
from breachflow.formats.limits import MAX_PAYLOAD, MAX_RECORDS
from breachflow.formats.mapped import load_mapping
from breachflow.formats.mapping import MappingError
from breachflow.formats.payload import read
from breachflow.formats.readers import Readers, names
from breachflow.formats.reading import Reading
from breachflow.formats.skeleton import skeleton
from breachflow.formats.split import Piece, split

__all__ = [
    "MAX_PAYLOAD",
    "MAX_RECORDS",
    "Format",
    "MappingError",
    "Piece",
    "Readers",
    "Reading",
    "load_mapping",
    "names",
    "read",
    "recognise",
    "skeleton",
    "split",
]


def recognise(document: Any) -> str | None:
    """The name of the format in which this decoded JSON is one record; `None` where no reader knows it."""
    from breachflow.formats.registry import recognise as known_as

    if not isinstance(document, dict):
        return None
    if cloudevents.recognise(document):
        return cloudevents.NAME
    if known := known_as(document):
        return known.name
    return native.NAME if native.recognise(document) else None
