"""What the register says of a step: changed facts, the assessment with its reasons, clocks; free text kept sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from breachflow.core.case import Case, Clock, Part, Received
from breachflow.core.charter import Charter
from breachflow.core.event import SecurityEvent
from breachflow.core.learning import FactChange
from breachflow.core.parts import assessed

SEALED_FACTS = frozenset({"parties", "measures_taken", "not_informed_reason", "late_reason", "complaint"})
"""Facts in free words, which may name people; `text_…` are too. Their values are sealed, their change is not."""


def is_sealed(fact: str) -> bool:
    """Whether this fact's value may hold personal data and is kept out of the open part of the register."""
    return fact in SEALED_FACTS or fact.startswith("text_")


def changed_facts(changes: Sequence[FactChange]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the open and the sealed part of what the register says about changed facts."""
    if not changes:
        return {}, {}
    lines, sealed = [], {}
    for change in changes:
        line: dict[str, Any] = {"fact": change.fact, "origin": change.origin}
        if is_sealed(change.fact):
            sealed[change.fact] = [change.before, change.after]
        else:
            line |= {"before": change.before, "after": change.after}
        if change.kept:
            line["kept"] = "a person set the value before; it stands until a person changes it"
        lines.append(line)
    return {"facts": lines}, ({"facts": sealed} if sealed else {})


def event_lines(event: SecurityEvent, received: Received) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the open and the sealed part of what the register says about an event."""
    body: dict[str, Any] = {
        "event": event.id,
        "source": event.source,
        "format": event.format,
        "detected_at": event.detected_at,
        "detected_at_basis": event.detected_at_basis,
        "verdict": event.verdict,
        "severity": event.severity,
        "content": received.content.hex(),
        "because": received.because,
    }
    if received.revision:
        body["revision"] = True
    if received.joined:
        body["joined"] = received.joined
    sealed: dict[str, Any] = {"title": event.title}
    for name in ("description", "assets", "users"):
        if value := getattr(event, name):
            sealed[name] = value
    return body, sealed


def consequences(case: Case, before: Case | None, charter: Charter) -> dict[str, Any]:
    """Return what followed: the stage, each part's assessment where it changed, and every clock that changed."""
    body: dict[str, Any] = {}
    if before is None or before.stage is not case.stage:
        body["stage"] = case.stage.value
    old_parts = {part.key: part.proposal for part in before.parts} if before is not None else {}
    assessments = [_assessment(case, part, charter) for part in case.parts if part.proposal != old_parts.get(part.key)]
    if assessments:
        body["assessed"] = assessments
        body["profile"] = case.profile
    old_clocks = {clock.id: clock for clock in before.clocks} if before is not None else {}
    moved = [_clock(clock) for clock in case.clocks if _differs(clock, old_clocks.get(clock.id))]
    if moved:
        body["clocks"] = moved
    return body


def _assessment(case: Case, part: Part, charter: Charter) -> dict[str, Any]:
    answer = assessed(case, part, charter)
    return {
        "controller": part.controller,
        "risk": answer.risk,
        "notify_authority": answer.notify_authority,
        "notify_controllers": answer.notify_controllers,
        "inform_people": answer.inform_people,
        "inform_how": answer.inform_how,
        "exemption": answer.exemption,
        "basis": answer.basis,
        "severity": {"se": answer.severity.se, "band": answer.severity.band},
        "reasons": [{"rule": r.rule, "facts": r.facts, "law": r.law} for r in answer.reasons],
        "unknown": answer.unknown,
    }


def _clock(clock: Clock) -> dict[str, Any]:
    line: dict[str, Any] = {
        "clock": clock.id,
        "started": clock.started,
        "act_by": clock.act_by,
        "because": clock.because,
    }
    if clock.provisional:
        line["provisional"] = True
    if clock.earlier:
        line["earlier"] = [moved.act_by for moved in clock.earlier]
    if clock.stop is not None:
        line |= {"stop": clock.stop, "stopped_at": clock.stopped_at}
    return line


def _differs(clock: Clock, old: Clock | None) -> bool:
    return old is None or (clock.started, clock.act_by, clock.stop, clock.provisional) != (
        old.started,
        old.act_by,
        old.stop,
        old.provisional,
    )


def builtins(value: Any) -> Any:
    """Return a value of the vocabulary in JSON types, as facts of a case are kept."""
    return msgspec.to_builtins(value)
