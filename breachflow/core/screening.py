"""Screening: which events open a case, which are set aside, and why."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from breachflow.core.datamap import has_personal_data
from breachflow.core.event import SEVERITIES, SecurityEvent
from breachflow.core.facts import ASSESSED
from breachflow.core.organisation import Asset, Screening

RANK = {severity: rank for rank, severity in enumerate(SEVERITIES)}

# These two say whether the law applies and in which role; alone they do not tell of a breach.
_SETTING = frozenset({"personal_data", "role"})
_BREACH_FACTS = tuple(name for name in ASSESSED if name not in _SETTING)


class Screened(Struct, frozen=True):
    """The outcome: whether the event opens a case, the rule that spoke (a stable key), and a sentence."""

    opens: bool
    rule: str
    because: str


FALSE_POSITIVE = Screened(False, "false-positive", "its source calls it a false positive")
TEST = Screened(False, "test", "its source calls it a test")
NO_PERSONAL_DATA = Screened(False, "no-personal-data", "it states that no personal data is concerned")
MAPPED_WITHOUT = Screened(False, "mapped-without-personal-data", "the data map has no personal data on its assets")
STATES_FACTS = Screened(True, "states-facts", "it states facts of a breach of personal data")
CONFIRMED = Screened(True, "confirmed", "its source calls it confirmed, and personal data is not ruled out")
UNRATED = Screened(True, "unrated", "it states no severity, and unknown is not low")
UNRATED_RECORD = Screened(False, "unrated-record", "a record without severity or facts: an activity line, not an alert")


def screen(event: SecurityEvent, lines: Sequence[Asset], policy: Screening) -> Screened:
    """Decide whether this event, on assets with these lines of the data map, opens a case."""
    if event.verdict == "false_positive":
        return FALSE_POSITIVE
    if event.verdict == "test":
        return TEST
    facts = event.facts
    if facts is not None:
        if any(getattr(facts, name) is not None for name in _BREACH_FACTS) and not (
            facts.personal_data is False and not facts.data and not facts.people
        ):
            return STATES_FACTS
        if facts.personal_data is False:
            return NO_PERSONAL_DATA
    personal = (facts is not None and facts.personal_data is True) or any(has_personal_data(line) for line in lines)
    if not personal and lines and all(line.personal_data is False for line in lines):
        return MAPPED_WITHOUT
    if event.verdict == "confirmed":
        return CONFIRMED
    threshold = policy.mapped_from if personal else policy.unmapped_from
    place = "on assets with personal data" if personal else "on assets of which the data map knows nothing"
    if event.severity is None:
        return UNRATED if personal or event.format == "native" else UNRATED_RECORD
    if RANK[event.severity] >= RANK[threshold]:
        return Screened(True, "severity", f"{event.severity} {place}")
    return Screened(False, "below-threshold", f"{event.severity} {place}; cases open from {threshold}")
