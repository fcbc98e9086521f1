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
    `recognise` looks closer. `rank` orders candidates that both recognise a record; the higher, the more specific.
    `read` raises `Unreadable` where the record lacks what an event needs. `records` splits a record that holds
    several events of its format (a STIX bundle); most hold one.
    """

    name: str
    marks: tuple[str, ...]
    recognise: Callable[[Document], bool]
    read: Callable[[Document, bytes, Context], SecurityEvent]
    rank: int = 0
    records: Callable[[Document], list[Document]] | None = None
