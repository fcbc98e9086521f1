"""The case at a glance: its risk, its clocks, the next step, the next escalation (`breachflow status`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from breachflow.core.assessment import Risk
from breachflow.core.case import Case, Clock, Part, Stage, most_urgent_at, next_rung_at
from breachflow.core.clock import state

WORST: tuple[Risk, ...] = ("high", "risk", "unlikely")


def at_a_glance(case: Case, now: datetime) -> dict[str, Any]:
    """Return what `status --json` prints of one case."""
    return {
        "id": case.id,
        "title": case.title,
        "stage": case.stage.value,
        "risk": risk(case),
        "controller": case.parts[0].controller,
        "controllers": list(dict.fromkeys(part.controller for part in case.parts)),
        "clocks": [clock_line(clock, now) for clock in case.clocks],
        "next_step": next_step(case, now),
        "next_escalation_at": utc(next_rung_at(case)),
        "alarm": case.alarm,
    }


def clock_line(clock: Clock, now: datetime) -> dict[str, Any]:
    """Return one clock as the machine-readable answers print it; remaining seconds are negative once overdue."""
    line: dict[str, Any] = {
        "id": clock.id,
        "regime": clock.regime,
        "controller": clock.controller,
        "started": utc(clock.started),
        "act_by": utc(clock.act_by),
        "legal_latest": utc(clock.legal_latest),
        "remaining_seconds": int((clock.act_by - now).total_seconds()) if clock.stop is None else None,
        "state": state(clock, now),
        "because": clock.because,
    }
    if clock.stop is not None:
        line["stopped_at"] = utc(clock.stopped_at)
    if clock.acked_until is not None:
        line["acknowledged"] = {"by": clock.acked_by, "until": utc(clock.acked_until)}
    if clock.earlier:
        line["earlier"] = [{"act_by": utc(moved.act_by), "moved_at": utc(moved.moved_at)} for moved in clock.earlier]
    return line


def risk(case: Case) -> Risk | None:
    """Return the worst risk over the case's parts, or `None` before the first assessment."""
    found = {part.proposal.risk for part in case.parts if part.proposal is not None}
    return next((level for level in WORST if level in found), None)


def overdue(case: Case, now: datetime) -> bool:
    """Whether a clock is overdue: then a person must act."""
    return any(clock.stop is None and now > clock.act_by for clock in case.clocks)


def next_step(case: Case, now: datetime) -> str:
    """Return the one thing that a person should do next, with the command that records it."""
    if case.alarm:
        return f"nobody could be told: reach the DPO by telephone, then `breachflow ack {case.id}`"
    if case.flagged is not None and case.stage is Stage.SUSPECTED:
        word = case.flagged.replace("_", " ")
        return f"a later event says {word}: `breachflow dismiss {case.id}` if you agree, `breachflow confirm` if not"
    if case.stage is Stage.SUSPECTED:
        return f"decide whether personal data is compromised: `breachflow confirm {case.id}` or `breachflow dismiss`"
    for part in case.parts:
        step = _part_step(case, part, now)
        if step is not None:
            return step
    running = [clock for clock in case.clocks if clock.stop is None]
    if running:
        first = min(running, key=lambda clock: clock.act_by)
        if first.regime == "cnil-complement":
            return f"complete the notification: `breachflow filed {case.id} --kind complement`, or close the case"
        return f"discharge {first.id}: `breachflow done {case.id} {first.id}`"
    if case.stage is Stage.HANDLED:
        return f"review what was learned, then `breachflow close {case.id}`"
    return "nothing: the case is closed"


def urgency(case: Case) -> datetime:
    """Return the key by which cases are sorted, most urgent first; cases without a running clock come last."""
    return most_urgent_at(case) or datetime.max.replace(tzinfo=UTC)


def utc(instant: datetime | None) -> str | None:
    """Return an instant in UTC with `Z`, in whole seconds unless it has a fraction."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _part_step(case: Case, part: Part, now: datetime) -> str | None:
    running = {
        clock.regime: clock for clock in case.clocks if clock.stop is None and clock.controller == part.controller
    }
    if "gdpr-art33" in running:
        late = " (late: state why)" if now > running["gdpr-art33"].act_by else ""
        if part.proposal is not None and not part.proposal.notify_authority:
            return (
                f"decide for {part.controller}: `breachflow exempt {case.id}` (no notification is proposed) "
                f"or `breachflow filed`{late}"
            )
        return f"notify the authority for {part.controller}, then `breachflow filed {case.id}`{late}"
    if "gdpr-art33-2" in running:
        return f"tell the controllers, then `breachflow done {case.id} {running['gdpr-art33-2'].id}`"
    if "gdpr-art34" in running or "art34-order" in running:
        return f"inform the people concerned for {part.controller}, then `breachflow informed {case.id}`"
    return None
