"""The canonical security event: `breachflow.security_event.v1`, what every format is read into."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from breachflow.core.facts import DiscoveredBy, Facts, Instant

Severity = Literal["informational", "low", "medium", "high", "critical", "fatal"]
Verdict = Literal["suspected", "confirmed", "false_positive", "test"]
DetectedBasis = Literal["stated", "zone_assumed", "receipt"]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Asset = Annotated[str, Meta(min_length=1, max_length=500)]

SEVERITIES: tuple[Severity, ...] = ("informational", "low", "medium", "high", "critical", "fatal")
"""OCSF's scale, mildest first."""


class SecurityEvent(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One event as its source told it. `source` and `id` together are its identity.

    `detected_at` is the source's instant of detection, always with an offset. The last block is added by the reader
    of a format: it is not part of what a producer of native events writes, save `original_severity`.
    """

    id: Name
    source: Name
    detected_at: Instant
    title: Annotated[str, Meta(min_length=1, max_length=500)]
    description: Annotated[str, Meta(max_length=20_000)] | None = None
    severity: Severity | None = None
    verdict: Verdict = "suspected"
    case: Annotated[str, Meta(max_length=200)] | None = None
    controller: Annotated[str, Meta(max_length=200)] | None = None
    assets: tuple[Asset, ...] = ()
    occurred_from: Instant | None = None
    occurred_to: Instant | None = None
    reported_by: DiscoveredBy | None = None
    facts: Facts | None = None

    original_severity: str | int | float | None = None
    format: str = "native"
    detected_at_basis: DetectedBasis = "stated"
    users: tuple[str, ...] = ()


class Unreadable(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """A payload that cannot be read as an event: the producer's to mend; it goes to the dead letters.

    The message says what is wrong and where, in one sentence without any of the payload's own content.
    """
