"""What holds for every payload whatever: an event that keeps its own contract or one sentence, soon, in bounded memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from breachflow import formats
from breachflow.core.event import SecurityEvent
from breachflow.core.identity import same_said
from breachflow.core.intake import arrival
from breachflow.formats import cnil
from breachflow.formats.registry import shipped

RECEIVED = datetime(2026, 11, 24, 12, tzinfo=UTC)
SLOWEST = 0.05
"""Seconds of processor time for one payload."""

ONE_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]{5,500}")
_PLAIN = frozenset(SecurityEvent.__struct_fields__)


class Broken(AssertionError):  # noqa: N818 - named for what happened.
    """A promise that this payload broke."""


def kept(payload: bytes, name: str) -> None:
    """Read the payload as this format, as whatever it is, and as a file. Raises `Broken`, or what the reader raised."""
    for form in (name, None):
        for reading in formats.read(payload, format=form, received_at=RECEIVED):
            _reading(reading, form)
    for pieces, _ in enumerate(formats.split(payload), start=1):
        if pieces > len(payload):
            raise Broken("the file has more pieces than bytes")
    same_said(payload, payload)


def slow(payload: bytes, name: str, least: float = SLOWEST) -> float | None:
    """The seconds that reading takes where that is too long, twice in a row; `None` where it is not."""
    took = min(_seconds(lambda: formats.read(payload, format=name, received_at=RECEIVED)) for _ in range(2))
    return took if took > least else None


def _seconds(call: Callable[[], Any]) -> float:
    started = time.thread_time()
    call()
    return time.thread_time() - started


def _reading(reading: formats.Reading, form: str | None) -> None:
    if (reading.event is None) == (reading.error is None):
        raise Broken("there is not exactly one of event and error")
    if reading.error is not None:
        if "fault of breachflow" in reading.error:
            _again(reading.raw, form)
            raise Broken(reading.error)
        if not ONE_LINE.fullmatch(reading.error):
            raise Broken("the error is not one plain line")
        return
    event = reading.event
    assert event is not None
    try:
        told = msgspec.json.encode(event)
        if msgspec.json.decode(told, type=SecurityEvent) != event:
            raise Broken("the event is another one after writing and reading")
    except msgspec.ValidationError as error:
        raise Broken(f"the event breaks its own contract: {error}") from error
    arrival(event, reading.raw)
    if event.format == cnil.NAME:
        cnil.row(event)


def _again(raw: bytes, form: str | None) -> None:
    """Raise the reader's own exception, for its traceback."""
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # It broke before there was a document.
    known = shipped().get(form or formats.recognise(document) or "")
    if known is not None:
        known.read(document, raw, formats.reading.Context(received_at=RECEIVED))
