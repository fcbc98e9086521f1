"""How a case learns: new facts meet the ones it has; what a person set stands, and worse news is never lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from breachflow.core.case import Confidence, Known
from breachflow.core.worse import worse_value

RANK: dict[Confidence, int] = {"estimated": 0, "mapped": 1, "extracted": 2, "verified": 3}
"""How much a value weighs: what a person verified, what an event states, what the data map says, what was guessed."""


class FactChange(Struct, frozen=True):
    """One fact that changed, or that could not: `kept` when a person's value stands against what an event says."""

    fact: str
    before: Any
    after: Any
    origin: str
    kept: bool = False


def learn(
    facts: Mapping[str, Known], news: Mapping[str, Known], *, revising: str | None = None
) -> tuple[dict[str, Known], list[FactChange]]:
    """Return the facts with the news in them, and what changed.

    A surer source replaces a less sure one. Between equally sure ones a revision replaces what the same event said
    before (`revising` is the origin it shares); otherwise the worse value stands, since two alerts of one incident see
    different parts of it. A person's value is never replaced by a machine's: the contradiction is reported instead.
    """
    result = dict(facts)
    changes: list[FactChange] = []
    for name, new in news.items():
        old = result.get(name)
        if old is None:
            result[name] = new
            changes.append(FactChange(name, None, new.value, new.origin))
            continue
        if old.value == new.value:
            if RANK[new.confidence] > RANK[old.confidence]:
                result[name] = new
            continue
        if RANK[new.confidence] < RANK[old.confidence]:
            if old.confidence == "verified":
                changes.append(FactChange(name, old.value, new.value, new.origin, kept=True))
            continue
        same_source = revising is not None and old.origin.startswith(revising)
        if RANK[new.confidence] > RANK[old.confidence] or same_source or new.confidence == "verified":
            value = new.value
        else:
            value = worse_value(name, old.value, new.value)
        if value != old.value:
            origin = new.origin if value == new.value else joint(old.origin, new.origin)
            result[name] = Known(value=value, origin=origin, at=new.at, confidence=new.confidence)
            changes.append(FactChange(name, old.value, value, origin))
    return result, changes


def joint(one: str, other: str) -> str:
    """Return the origin of a value made of two: both entries of the data map are named, so that neither hides."""
    map_of_both = one.startswith("datamap:") and other.startswith("datamap:")
    if not map_of_both:
        return other
    entries = (*one.removeprefix("datamap:").split(","), *other.removeprefix("datamap:").split(","))
    return "datamap:" + ",".join(dict.fromkeys(entries))


def stated(values: Mapping[str, Any], origin: str, at: datetime, confidence: Confidence) -> dict[str, Known]:
    """Return these values as facts of one origin; `{}` in the origin stands for the fact's name."""
    return {
        name: Known(value=value, origin=origin.replace("{}", name), at=at, confidence=confidence)
        for name, value in values.items()
        if value is not None
    }
