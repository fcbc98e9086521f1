"""Read what `assess` is given: a native event, or an object of facts."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

from breachflow.core.event import Unreadable
from breachflow.core.facts import FACT_NAMES, Facts
from breachflow.formats.document import refuse_duplicate_keys

EVENT_KEYS = frozenset({"id", "source", "detected_at", "title", "facts", "verdict", "severity"})
"""Keys that an event has and facts have not."""


def facts_in(record: bytes, replaced: dict[str, Any]) -> Facts:
    """Return the facts of one record, with some replaced; raise `Unreadable`, naming key and fault."""
    try:
        value = msgspec.json.decode(record)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable(f"it is not valid JSON: {_short(error)}.") from error
    try:
        refuse_duplicate_keys(record, value)
    except Unreadable as error:
        raise Unreadable(f"{error}.") from None
    if not isinstance(value, dict):
        raise Unreadable("it is neither an event nor an object of facts.")
    if EVENT_KEYS & value.keys():
        facts = _event_facts(record)
        if not replaced:
            return facts
        value = msgspec.to_builtins(facts)
    unknown = sorted(value.keys() - FACT_NAMES)
    if unknown:
        near = get_close_matches(unknown[0], FACT_NAMES, n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise Unreadable(f"no fact is called `{unknown[0][:60]}`.{hint}")
    try:
        return msgspec.convert(value | replaced, Facts)
    except msgspec.ValidationError as error:
        raise Unreadable(f"{_short(error)}.") from error


def _event_facts(record: bytes) -> Facts:
    from datetime import UTC, datetime

    from breachflow.formats import read

    # A native event states its own instants; the time of receipt is not asked for.
    readings = read(record, format="native", received_at=datetime(2000, 1, 1, tzinfo=UTC))
    event = readings[0].event if readings else None
    if event is None:
        raise Unreadable(readings[0].error if readings else "it holds no event.")
    facts = event.facts or Facts()
    if event.reported_by is not None and facts.reported_by is None:
        facts = msgspec.structs.replace(facts, reported_by=event.reported_by)
    return facts


def _short(error: Exception) -> str:
    return str(error).replace("`$.", "`").replace(" - at", ", at")[:200]
