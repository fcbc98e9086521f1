"""What a record tells, in its own words, and the event that those words make."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from breachflow.core.event import DetectedBasis, SecurityEvent, Severity, Unreadable, Verdict
from breachflow.core.facts import DiscoveredBy, Facts
from breachflow.formats import instants
from breachflow.formats.document import encode
from breachflow.formats.limits import MAX_ASSET, MAX_IDENTITY, MAX_NAMES, MAX_TITLE
from breachflow.formats.reading import Context
from breachflow.formats.text import line, text

PLACEHOLDERS = frozenset(
    {"", "-", "--", "n/a", "na", "none", "null", "<nil>", "nil", "unknown", "undefined", "[none]", "<>"}
)
"""Words by which products say that they have no value; no host and no user is called so."""

LONGEST_PLACEHOLDER = max(map(len, PLACEHOLDERS))


class Told(Struct, kw_only=True, gc=False):
    """One record as it was found: loosely typed, nothing checked yet; `event` below makes sense of it.

    `detected_at` are candidates, the most telling first. `stable` are values that stay the same through updates of
    one alert; they make the identity where the record has no `id`. `zone` is where the vendor documents the zone of
    times without offset; what the organisation declares goes before it.
    """

    title: Iterable[Any]
    detected_at: Iterable[Any]
    id: Any = None
    stable: Iterable[Any] = ()
    instance: Any = None
    description: Any = None
    severity: Severity | None = None
    original_severity: Any = None
    verdict: Verdict = "suspected"
    case: Any = None
    assets: Iterable[Any] = ()
    users: Iterable[Any] = ()
    occurred_from: Any = None
    occurred_to: Any = None
    reported_by: DiscoveredBy | None = None
    facts: Facts | None = None
    zone: str | None = None


def event(told: Told, name: str, raw: bytes, context: Context) -> SecurityEvent:
    """The canonical event of what was told by a record of the format called `name`.

    Raises `Unreadable` where the only time has no offset and no zone is declared for the format.
    """
    detected_at, basis = _detected(told, name, context)
    occurred_from = occurred_to = None
    if told.occurred_from is not None:
        occurred_from = _occurred(told.occurred_from, told, name, context)
    if told.occurred_to is not None:
        occurred_to = _occurred(told.occurred_to, told, name, context)
    if occurred_from and occurred_to and occurred_to < occurred_from:
        occurred_to = None  # Two clocks disagree; the start is what the obligation looks at.
    instance = None if told.instance is None else said(told.instance, MAX_IDENTITY)
    title = name
    for candidate in told.title:
        if candidate is not None and (found := said(candidate, MAX_TITLE)):
            title = found
            break
    original = told.original_severity
    return SecurityEvent(
        id=identity(told.id, told.stable, raw),
        source=line(f"{name}/{instance}", MAX_IDENTITY) if instance else name,
        detected_at=detected_at,
        title=title,
        description=text(told.description) or None if isinstance(told.description, str) else None,
        severity=told.severity,
        verdict=told.verdict,
        case=None if told.case is None else said(told.case, MAX_IDENTITY),
        assets=names(told.assets),
        occurred_from=occurred_from,
        occurred_to=occurred_to,
        reported_by=told.reported_by,
        facts=told.facts,
        original_severity=line(original, 100) or None if isinstance(original, str) else number(original),
        format=name,
        detected_at_basis=basis,
        users=names(told.users),
    )


def said(value: Any, limit: int) -> str | None:
    """This scalar as one line, or `None` where it says nothing."""
    if isinstance(value, str):
        value = value.strip() if len(value) <= limit and value.isprintable() else line(value, limit)
        return value if len(value) > LONGEST_PLACEHOLDER or value.lower() not in PLACEHOLDERS else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return line(str(value), limit)
    return None


def number(value: Any) -> int | float | None:
    """This value if it is a number."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def names(values: Iterable[Any]) -> tuple[str, ...]:
    """The distinct names among these values, in order, at most `MAX_NAMES`; lists inside are opened once."""
    found: dict[str, None] = {}
    for value in values:
        if isinstance(value, str):
            # `said`, written out: most events name several hosts and users.
            name = value.strip() if len(value) <= MAX_ASSET and value.isprintable() else line(value, MAX_ASSET)
            if len(name) > LONGEST_PLACEHOLDER or name.lower() not in PLACEHOLDERS:
                found[name] = None
        elif value is not None:
            for one in value if isinstance(value, list) else (value,):
                if isinstance(one, (str, int)) and (other := said(one, MAX_ASSET)) is not None:
                    found[other] = None
        if len(found) >= MAX_NAMES:
            return tuple(found)[:MAX_NAMES]
    return tuple(found)


def identity(given: Any, stable: Iterable[Any], raw: bytes) -> str:
    """The source's own id; else a digest of what stays the same through updates; else of the whole record.

    An id longer than 200 characters keeps its beginning and gets a digest of the whole.
    """
    if isinstance(given, (str, int)) and not isinstance(given, bool):
        own = line(str(given), 5_000)
        if own and own.lower() not in PLACEHOLDERS:
            if len(own) <= MAX_IDENTITY:
                return own
            return f"{own[: MAX_IDENTITY - 33]}~{hashlib.sha256(own.encode()).hexdigest()[:32]}"
    parts = [part for part in stable if part is not None and part != ""]
    digest = hashlib.sha256(encode(parts) if parts else raw).hexdigest()
    return f"sha256:{digest[:40]}"


def _detected(told: Told, name: str, context: Context) -> tuple[datetime, DetectedBasis]:
    zone_name = context.zones.get(name, told.zone)
    zone = None if zone_name is None else _declared(zone_name, name)
    naive = False
    for value in told.detected_at:
        if value is None or value == "":
            continue
        try:
            stated = instants.parse(value, zone, context.received_at)
        except instants.NaiveTimeError:
            naive = True
            continue
        if stated is not None:
            return stated.at, "zone_assumed" if stated.naive else "stated"
    if naive:
        raise Unreadable(f"the {name} record's time has no offset: {zone_setting(name)}")
    return context.received_at, "receipt"


def zone_setting(name: str) -> str:
    """How the zone of a format's times is declared, as the end of a sentence."""
    table = name if re.fullmatch("[A-Za-z0-9_-]+", name) else f'"{name}"'
    return (
        f'declare the zone that it writes, as `zone = "Europe/Paris"` under [formats.{table}] in the organisation file'
    )


def _declared(zone_name: str, name: str) -> Any:
    try:
        return instants.zone_of(zone_name)
    except ValueError:
        raise Unreadable(f"the zone declared for {name} is no IANA zone such as Europe/Paris: mend it") from None


def _occurred(value: Any, told: Told, name: str, context: Context) -> datetime | None:
    if value == "":
        return None
    zone_name = context.zones.get(name, told.zone)
    try:
        stated = instants.parse(value, None if zone_name is None else _declared(zone_name, name), context.received_at)
    except instants.NaiveTimeError:
        return None  # Unknown is better than guessed; only the instant of detection is needed.
    return stated.at if stated else None
