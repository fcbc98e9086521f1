"""The case at a glance: its risk, its clocks, the next step, the next escalation (`breachflow status`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from breachflow.core.assessment import Risk
from breachflow.core.case import Case, Clock, Part, Stage, is_open, next_rung_at
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
        "next_step": str(next_step(case, now)),
        "next_escalation_at": utc(next_rung_at(case)),
        "alarm": case.alarm,
    } | ({"compromised": list(case.compromised)} if case.compromised else {})


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


class Step(Struct, frozen=True):
    """The one thing that a person should do next, and the command that records it, where there is one."""

    what: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.what}: `{self.command}`" if self.command else self.what


def next_step(case: Case, now: datetime) -> Step:
    """Return the one thing that a person should do next."""
    if case.alarm:
        return Step("nobody could be told: reach the DPO by telephone", f"breachflow ack {case.id}")
    if case.flagged is not None and case.stage is Stage.SUSPECTED:
        said = case.flagged.replace("_", " ")
        return Step(f"a later event says {said}: agree or not", f"breachflow dismiss {case.id}")
    if case.stage is Stage.SUSPECTED:
        return Step("decide whether it is a breach, confirm or dismiss", f"breachflow confirm {case.id}")
    for part in case.parts:
        step = _part_step(case, part, now)
        if step is not None:
            return step
    running = [clock for clock in case.clocks if clock.stop is None]
    if running:
        first = min(running, key=lambda clock: clock.act_by)
        if first.regime == "cnil-complement":
            return Step("complete the notification, or close the case", f"breachflow filed {case.id} --complement")
        return Step(f"discharge {first.id}", f"breachflow done {case.id} {first.id}")
    if case.stage is Stage.HANDLED:
        return Step("review what was learned and close", f"breachflow close {case.id}")
    if case.merged_into is not None:
        return Step(f"nothing: merged into {case.merged_into}")
    return Step("nothing: the case is closed")


def stranded(case: Case, now: datetime) -> bool:
    """Whether an open case leads nobody on: no next step, or a clock that runs and will never tell anybody again."""
    unheard = any(clock.stop is None and clock.next_rung_at is None for clock in case.clocks)
    return is_open(case) and (unheard or not next_step(case, now).command)


def utc(instant: datetime | None) -> str | None:
    """Return an instant in UTC with `Z`, in whole seconds unless it has a fraction."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _part_step(case: Case, part: Part, now: datetime) -> Step | None:
    running = {c.regime: c for c in case.clocks if c.stop is None and c.controller == part.controller}
    others = {"gdpr-art33", "gdpr-art34", "art34-order"} if _processes(part) else {"gdpr-art33-2"}
    running = {regime: clock for regime, clock in running.items() if regime not in others}
    several = f" --controller {part.controller}" if len({other.controller for other in case.parts}) > 1 else ""
    if "gdpr-art33" in running:
        late = ", late: state why" if now > running["gdpr-art33"].act_by else ""
        if part.proposal is not None and not part.proposal.notify_authority:
            return Step(
                f"decide for {part.controller} (no notification is proposed){late}",
                f"breachflow exempt {case.id}{several}",
            )
        return Step(f"notify the authority for {part.controller}{late}", f"breachflow filed {case.id}{several}")
    if "gdpr-art33-2" in running:
        return Step("tell the controllers", f"breachflow done {case.id} {running['gdpr-art33-2'].id}")
    if "gdpr-art34" in running or "art34-order" in running:
        return Step(f"inform the people concerned for {part.controller}", f"breachflow informed {case.id}{several}")
    return None


def _processes(part: Part) -> bool:
    """Whether the organisation is processor for this part, as the engine answered or as the part says."""
    return part.proposal.notify_controllers if part.proposal is not None else part.role == "processor"
