"""One file as canonical events, one line a record: what `normalise` prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec
from msgspec.structs import replace

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, one_line
from breachflow.core.overview import utc
from breachflow.formats import MAX_PAYLOAD, MappingError, Readers, load_mapping, split
from breachflow.formats.instants import zone_of
from breachflow.formats.reading import Reading
from breachflow.settings import SettingsError, mappings


def readers(ctx: click.Context, mapping: str | None, zones: tuple[str, ...]) -> Readers:
    """How this installation reads, where there is one; `mapping` is tried first, `zones` (`FORMAT=ZONE`) go before."""
    found = _installed(ctx)
    if mapping is not None:
        try:
            tried = load_mapping(Path(mapping).read_bytes())
        except MappingError as fault:
            raise Refused(f"{mapping}: {fault}.") from fault
        found = replace(found, own=(tried, *found.own))
    stated = dict(found.zones)
    for one in zones:
        form, equals, zone = one.partition("=")
        try:
            zone_of(zone)
        except ValueError as fault:
            raise Refused(f"--zone {one_line(one, 80)}: {fault}.") from fault
        if not equals or form not in found.names():
            raise Refused(f"--zone {one_line(one, 80)} names no format; write FORMAT=ZONE.")
        stated[form] = zone
    return replace(found, zones=stated)


def _installed(ctx: click.Context) -> Readers:
    try:
        settings = assembly.settings(ctx)
        if not settings.organisation.exists():
            return Readers()
        found, faults = mappings.readers(assembly.charter(settings).organisation, settings.organisation)
    except SettingsError as fault:
        click.echo(f"breachflow: warning: read without the organisation's settings: {fault}", err=True)
        return Readers()
    for one in faults:
        click.echo(f"breachflow: warning: left out: {one}", err=True)
    return found


def lines(source: BinaryIO, name: str, *, form: str, reading: Readers) -> Iterator[dict[str, Any]]:
    """Yield the canonical event of each record of `source`, or the reason why there is none, with file and record."""
    now, number = datetime.now(UTC), 0
    for piece in split(source):
        if not piece.whole:
            number += 1
            yield {"error": f"the record is longer than {MAX_PAYLOAD} bytes", "file": name, "record": number}
            continue
        for one in reading.read(piece.raw, format=form, received_at=now):
            number += 1
            yield line(one, name, number)


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
