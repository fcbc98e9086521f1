"""Bytes from outside into batches: split, read, received 500 at a time, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import BinaryIO

from breachflow.core.intake import Tally
from breachflow.formats import MAX_PAYLOAD, Piece, Readers, Reading, split
from breachflow.workflow import Record, Workflow

BATCH = 500  # One commit costs about as much for one record as for twenty; beyond 500 nothing more is gained.


def ingest(
    workflow: Workflow,
    source: BinaryIO | bytes,
    origin: str,
    *,
    format: str | None = None,  # noqa: A002 - the name of the option everywhere else.
    progress: Callable[[int], None] | None = None,
) -> Tally:
    """Take in everything in `source`; return what became of it.

    `origin` says where it comes from (`file alerts.json`), for the dead letters. `progress` is called after each
    commit with the number of records so far. What was committed before an error stays; handing the same source in
    again meets duplicates.
    """
    total = Tally()
    for tally in batches(workflow, source, origin, format=format):
        total += tally
        if progress is not None:
            progress(total.received)
    return total


def batches(
    workflow: Workflow,
    source: BinaryIO | bytes,
    origin: str,
    *,
    format: str | None = None,  # noqa: A002 - as above.
) -> Iterator[Tally]:
    """Take in `source` batch by batch; each tally comes after its commit, so a reader may stop between two."""
    found = records(source, origin, workflow.now(), workflow.readers, format=format)
    while batch := list(islice(found, BATCH)):
        yield workflow.receive(batch)


def records(
    source: BinaryIO | bytes,
    origin: str,
    received_at: datetime,
    readers: Readers,
    *,
    format: str | None = None,  # noqa: A002 - as above.
) -> Iterator[Record]:
    """Every record of `source`, read or with the reason why not, each with the place it was found at."""
    number = 0
    for piece in split(source):
        whole = piece.whole
        found = readers.read(piece.raw, format=format, received_at=received_at) if whole else (_too_long(piece),)
        for reading in found:
            number += 1
            yield Record(reading, f"{origin} record {number}")


def _too_long(piece: Piece) -> Reading:
    error = f"the record is longer than {MAX_PAYLOAD} bytes and only its beginning is kept: send its events singly"
    return Reading(raw=piece.raw[:MAX_PAYLOAD], error=error)
