"""One file as canonical events, one line a record: what `normalise` prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from breachflow.cli.answers import Refused
from breachflow.core.overview import utc
from breachflow.formats import MAX_PAYLOAD, Format, read, split
from breachflow.formats.reading import Reading


def lines(source: BinaryIO, name: str, *, form: str, mapping: str | None) -> Iterator[dict[str, Any]]:
    """Yield the canonical event of each record of `source`, or the reason why there is none, with file and record."""
    extra: tuple[Format, ...] = ()
    if mapping is not None:
        from breachflow.formats import load_mapping
        from breachflow.formats.mapping import MappingError

        try:
            extra = (load_mapping(Path(mapping).read_bytes()),)
        except (MappingError, UnicodeDecodeError) as fault:
            raise Refused(f"{mapping}: {fault}.") from fault
    now, number = datetime.now(UTC), 0
    for piece in split(source):
        if not piece.whole:
            number += 1
            yield {"error": f"the record is longer than {MAX_PAYLOAD} bytes", "file": name, "record": number}
            continue
        for reading in read(piece.raw, format=form, received_at=now, extra=extra):
            number += 1
            yield line(reading, name, number)


def line(reading: Reading, name: str, number: int) -> dict[str, Any]:
    """Return what `normalise` says of one reading: its event with every default, or the reason why there is none."""
    if reading.event is None:
        return {"error": reading.error, "file": name, "record": number}
    event = reading.event
    line: dict[str, Any] = msgspec.to_builtins(event)
    for key in ("detected_at", "occurred_from", "occurred_to"):
        if (instant := getattr(event, key)) is not None:
            line[key] = utc(instant)
    # What `omit_defaults` leaves out is said here: a reader of the answer need not know the defaults.
    return line | {
        "verdict": event.verdict,
        "format": event.format,
        "original_severity": event.original_severity,
        "detected_at_basis": event.detected_at_basis,
        "file": name,
    }
