"""A format: its name, how a record of it is recognised, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from breachflow.core.event import SecurityEvent
from breachflow.formats.reading import Context

Document = dict[str, Any]


class Format(Struct, frozen=True, kw_only=True):
    """One format that a product speaks.

    `marks` are top-level keys, one of which every record of the format has: candidates are found by them, then
    `recognise` looks closer and says how much of the record it recognised: 0 is none, the highest number reads it.
    `read` raises `Unreadable` where the record lacks what an event needs. `records` splits a record that holds
    several events of its format (a STIX bundle); most hold one.
    """

    name: str
    marks: tuple[str, ...]
    recognise: Callable[[Document], int]
    read: Callable[[Document, bytes, Context], SecurityEvent]
    records: Callable[[Document], list[Document]] | None = None
