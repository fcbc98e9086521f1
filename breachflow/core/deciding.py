"""What each decision of a person changes about a case, and what it must bring with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from breachflow.core import ladder
from breachflow.core.case import (
    Awareness,
    Candidate,
    Case,
    Exempted,
    Filing,
    Held,
    IllegalMove,
    InformedPeople,
    Part,
    facts_of,
)
from breachflow.core.charter import Charter
from breachflow.core.clock import earliest_candidate
from breachflow.core.decision import (
    Ack,
    Channel,
    Close,
    Confirm,
    Decision,
    Dismiss,
    Done,
    Exempt,
    Filed,
    Hold,
    Informed,
    Note,
    Release,
    Reopen,
    Retract,
    SetFacts,
)
from breachflow.core.facts import FACT_NAMES, Facts, incident_types
from breachflow.core.learning import FactChange, stated
from breachflow.core.parts import carried, mapped_news, parts_of, speaking
from breachflow.core.record import changed_facts
from breachflow.core.retention import reopened

EXPLAIN_AFTER = timedelta(hours=24)
LONG_BEFORE = timedelta(days=30)
FLAG_AFTER = timedelta(hours=48)
"""Awareness set later than this after the first candidate asks for a reason, and is flagged (EDPB 9/2022 II.A.2)."""


class Step(Struct, frozen=True):
    """The case after a decision, what the register says of it in the open and sealed, and warnings to the person."""

    case: Case
    body: dict[str, Any]
    sealed: dict[str, Any] = {}
    warnings: tuple[str, ...] = ()


def applied(case: Case, decision: Decision, charter: Charter, now: datetime) -> Step:
    """Return what the decision changes; raise `IllegalMove`, saying what is missing, where it is incomplete."""
    if not decision.by.strip():
        raise IllegalMove(f"{case.id}: say who decides (--by); the register keeps it.")
    return _HANDLERS[type(decision)](case, decision, charter, now)


def _confirm(case: Case, decision: Confirm, _: Charter, now: datetime) -> Step:
    if decision.aware_at > now:
        raise IllegalMove(f"{case.id}: awareness cannot lie in the future; give an instant up to now.")
    gap = decision.aware_at - earliest_candidate(case)
    warnings: tuple[str, ...] = ()
    if gap > EXPLAIN_AFTER and not decision.reason:
        raise IllegalMove(
            f"{case.id}: awareness is set more than 24 hours after the first sign of the breach; "
            "say why it was not certain earlier (--reason)."
        )
    if gap > FLAG_AFTER:
        warnings = (
            "awareness is set more than 48 hours after the first sign of the breach; an authority will ask why",
        )
    if earliest_candidate(case) - decision.aware_at > LONG_BEFORE:
        warnings = ("awareness is set more than 30 days before the first sign on record; check the date",)
    aware = Awareness(
        at=decision.aware_at, by=decision.by, reason=decision.reason, recorded_at=now, evidence=decision.evidence
    )
    body: dict[str, Any] = {"aware_at": decision.aware_at}
    if case.aware is not None:
        body["aware_before"] = case.aware.at
    if decision.evidence:
        body["evidence"] = decision.evidence
    return Step(replace(case, aware=aware, flagged=None, material=case.version + 1), body, {}, warnings)


def _dismiss(case: Case, decision: Dismiss, _: Charter, now: datetime) -> Step:
    _require_reason(case, decision, "why this is no personal-data breach")
    if any(part.filings for part in case.parts):
        raise IllegalMove(
            f"{case.id}: a notification was filed; withdraw it with `filed --kind withdrawal`, then close the case."
        )
    return Step(replace(case, flagged=None, closed_at=now), {})


def _facts(case: Case, decision: SetFacts, charter: Charter, now: datetime) -> Step:
    if not decision.values:
        raise IllegalMove(f"{case.id}: no fact given; write fact=value.")
    unknown = sorted(set(decision.values) - FACT_NAMES)
    if unknown:
        raise IllegalMove(f"{case.id}: no fact is called {', '.join(unknown)}; see the vocabulary of facts.")
    given = {name: value for name, value in decision.values.items() if value is not None}
    try:
        valid = msgspec.to_builtins(msgspec.convert(given, Facts))
    except msgspec.ValidationError as error:
        raise IllegalMove(f"{case.id}: {_without_dollar(error)}") from error
    facts = dict(case.facts)
    changes = []
    for name in decision.values:
        before = facts[name].value if name in facts else None
        after = valid.get(name)
        if before != after:
            changes.append(FactChange(name, before, after, f"person:{decision.by}"))
        if after is None:
            facts.pop(name, None)
    said = stated(valid, f"person:{decision.by}", now, "verified")
    facts |= {name: replace(known, reason=decision.reason) for name, known in said.items()}
    body, sealed = changed_facts(changes)
    parts = case.parts
    if "scopes" in decision.values or "role" in decision.values:
        own = speaking(case, case.assets, charter)
        parts = carried(parts_of(facts, own, case.parts[0].controller, charter), case.parts)
    return Step(replace(case, facts=facts, parts=parts, material=case.version + 1), body, sealed)


def _retract(case: Case, decision: Retract, charter: Charter, now: datetime) -> Step:
    _require_reason(case, decision, "what is wrong with the entry")
    entry = decision.entry
    if entry in case.retracted:
        raise IllegalMove(f"{case.id}: the entry `{entry}` was taken back already; it says nothing of this case.")
    own = speaking(case, case.assets, charter)
    mapped = {name: known for name, known in case.facts.items() if known.confidence == "mapped"}
    wrong = {name for name, known in mapped.items() if entry in known.origin.removeprefix("datamap:").split(",")}
    matching = [line.id for line in own]
    if not wrong and entry not in matching:
        from_map = {one for known in mapped.values() for one in known.origin.removeprefix("datamap:").split(",")}
        entries = ", ".join(sorted({*from_map, *matching} - {"datamap"})) or "none"
        raise IllegalMove(
            f"{case.id}: nothing in it comes from the entry `{entry[:64]}`; it has facts from: {entries}."
        )
    after = replace(case, retracted=(*case.retracted, entry))
    left = speaking(after, case.assets, charter)
    facts = {name: known for name, known in case.facts.items() if name not in wrong}
    if "scopes" in mapped:  # Made of all entries together, so made anew.
        wrong.add("scopes")
        facts.pop("scopes")
    types = incident_types(facts_of(replace(case, facts=facts)))
    rest = mapped_news(left, case.controller, types, charter, now)
    facts |= {name: known for name, known in rest.items() if name not in facts}
    changes = [
        FactChange(
            name,
            case.facts[name].value if name in case.facts else None,
            facts[name].value if name in facts else None,
            facts[name].origin if name in facts else f"person:{decision.by}",
        )
        for name in sorted(wrong | (facts.keys() - case.facts.keys()))
    ]
    body, sealed = changed_facts([change for change in changes if change.before != change.after])
    parts = carried(parts_of(facts, left, case.controller, charter), case.parts)
    after = replace(after, facts=facts, parts=parts, material=case.version + 1)
    return Step(after, {"entry_of_map": entry} | body, sealed)


def _ack(case: Case, decision: Ack, charter: Charter, now: datetime) -> Step:
    running = [clock for clock in case.clocks if clock.stop is None]
    if decision.clock is not None and decision.clock not in {clock.id for clock in running}:
        raise IllegalMove(f"{case.id}: no clock {decision.clock} is running; running: {_names(running)}.")
    chosen = {clock.id for clock in running if decision.clock in (None, clock.id)}
    clocks = tuple(
        ladder.acknowledge(clock, charter.climb, decision.by, now) if clock.id in chosen else clock
        for clock in case.clocks
    )
    until = {clock.id: clock.acked_until for clock in clocks if clock.id in chosen}
    return Step(replace(case, clocks=clocks), {"acknowledged_until": until})


def _filed(case: Case, decision: Filed, charter: Charter, now: datetime) -> Step:
    _not_future(case, decision.at, now)
    if case.aware is not None and decision.at < case.aware.at:
        raise IllegalMove(
            f"{case.id}: filed before the organisation was aware? Check the date (--at), or the awareness."
        )
    controllers = {part.controller for part in case.parts if not _is_processor(case, part)}
    controller = _one_controller(case, decision.controller, controllers)
    mine = [part for part in case.parts if part.controller == controller]
    filings = mine[0].filings
    if decision.kind == "initial" and any(filing.kind == "initial" for filing in filings):
        raise IllegalMove(
            f"{case.id}: {controller} has filed already; a further filing is a complement (--kind complement)."
        )
    if decision.kind != "initial" and not filings:
        raise IllegalMove(f"{case.id}: {controller} has filed nothing yet; the first filing is the initial one.")
    clock = next((clock for clock in case.clocks if clock.id == f"gdpr-art33:{controller}"), None)
    # "Where the notification to the supervisory authority is not made within 72 hours, it shall be accompanied by
    # reasons for the delay." -- GDPR Art. 33(1)
    late = decision.kind == "initial" and clock is not None and decision.at > clock.act_by
    if late and not decision.reason and "late_reason" not in case.facts:
        raise IllegalMove(
            f"{case.id}: filed after the deadline; Art. 33(1) asks for the reasons for the delay (--reason)."
        )
    known = charter.organisation.controller(controller)
    filing = Filing(
        at=decision.at,
        kind=decision.kind,
        reference=decision.reference,
        authority=decision.authority or (known.authority if known is not None else "CNIL"),
        by=decision.by,
        stated={name: known.value for name, known in case.facts.items()},
        later=tuple(name for name, known in case.facts.items() if known.at > decision.at),
        aware_at=case.aware.at if case.aware is not None else None,
        assets=case.assets,
    )
    parts = tuple(
        replace(part, filings=(*part.filings, filing), exempted=None)
        if part.controller == controller and not _is_processor(case, part)
        else part
        for part in case.parts
    )
    body = {"controller": controller, "kind": filing.kind, "filed_at": filing.at, "authority": filing.authority}
    if filing.reference:
        body["reference"] = filing.reference
    warnings = (
        () if filing.reference else ("no reference of the authority was given; the receipt is the proof of filing",)
    )
    return Step(replace(case, parts=parts, material=case.version + 1), body, {}, warnings)


def _exempt(case: Case, decision: Exempt, charter: Charter, now: datetime) -> Step:
    _require_reason(case, decision, "why the breach is unlikely to result in a risk (Art. 33(5) documents it)")
    if not decision.advice.strip():
        raise IllegalMove(
            f"{case.id}: the DPO's advice is missing (--advice); it is kept even where it is not followed."
        )
    if not decision.advised_by.strip():
        raise IllegalMove(f"{case.id}: say which DPO advised (--advised-by).")
    # The DPO advises (Art. 39), the controller decides: "insofar as ... does not result in a conflict of interests".
    if decision.by.strip().casefold() == decision.advised_by.strip().casefold():
        raise IllegalMove(f"{case.id}: the DPO advises and the controller decides; these are two people.")
    open_parts = [part for part in case.parts if not _is_processor(case, part)]
    controller = _one_controller(case, decision.controller, {part.controller for part in open_parts})
    mine = [part for part in open_parts if part.controller == controller]
    if any(part.filings for part in mine):
        raise IllegalMove(
            f"{case.id}: {controller} has notified; what was filed can be withdrawn (`filed --kind withdrawal`)."
        )
    warnings = []
    if any(part.proposal is not None and part.proposal.notify_authority for part in mine):
        warnings.append(
            "the engine proposes to notify; the decision not to must stand before the authority on its reasons"
        )
    if charter.policy.public_commitment:
        warnings.append("the organisation has promised publicly to notify breaches, with no exception")
    exempted = Exempted(
        at=now, by=decision.by, reason=decision.reason, advised_by=decision.advised_by, advice=decision.advice
    )
    parts = tuple(replace(part, exempted=exempted, reassessed_at=None) if part in mine else part for part in case.parts)
    body = {"controller": controller, "advised_by": decision.advised_by, "advice": decision.advice}
    return Step(replace(case, parts=parts, material=case.version + 1), body, {}, tuple(warnings))


def _informed(case: Case, decision: Informed, _: Charter, now: datetime) -> Step:
    _not_future(case, decision.at, now)
    open_parts = [part for part in case.parts if not _is_processor(case, part)]
    controller = _one_controller(case, decision.controller, {part.controller for part in open_parts})
    warnings: tuple[str, ...] = ()
    if decision.exemption is not None:
        _require_reason(
            case, decision, "the evidence for not informing people (Art. 34(3) is for the controller to show)"
        )
        facts = facts_of(case, next(part for part in open_parts if part.controller == controller))
        shown = {
            "a": facts.protection == "intact",
            "b": facts.neutralised is True,
            "c": facts.individual_contact == "disproportionate",
            "no_high_risk": not any(
                p.proposal and p.proposal.inform_people for p in open_parts if p.controller == controller
            ),
        }
        if not shown[decision.exemption]:
            warnings = ("the facts of the case do not show what this exemption rests on",)
    informed = InformedPeople(
        at=decision.at,
        by=decision.by,
        means=decision.means,
        count=decision.count,
        exemption=decision.exemption,
        reason=decision.reason,
    )
    parts = tuple(
        replace(part, informed=informed) if part.controller == controller and part in open_parts else part
        for part in case.parts
    )
    body: dict[str, Any] = {"controller": controller, "at": decision.at}
    body |= {name: value for name in ("means", "count", "exemption") if (value := getattr(decision, name))}
    return Step(replace(case, parts=parts, material=case.version + 1), body, {}, warnings)


def _done(case: Case, decision: Done, _: Charter, now: datetime) -> Step:
    _not_future(case, decision.at, now)
    own = {"gdpr-art33": "filed", "gdpr-art34": "informed", "triage": "confirm or dismiss", "cnil-complement": "filed"}
    clock = next((c for c in case.clocks if decision.clock in (c.id, c.regime) and c.stop is None), None)
    if clock is None:
        running = [c for c in case.clocks if c.stop is None and c.regime not in own]
        raise IllegalMove(
            f"{case.id}: no clock {decision.clock} is running that `done` ends; running: {_names(running)}."
        )
    if clock.regime in own:
        raise IllegalMove(f"{case.id}: {clock.id} ends with `{own[clock.regime]}`, which records more than an instant.")
    clocks = tuple(
        replace(c, done_at=decision.at, done_reference=decision.reference) if c.id == clock.id else c
        for c in case.clocks
    )
    body = {"clock": clock.id, "done_at": decision.at} | (
        {"reference": decision.reference} if decision.reference else {}
    )
    return Step(replace(case, clocks=clocks, material=case.version + 1), body)


def _note(case: Case, decision: Note, _: Charter, __: datetime) -> Step:
    _require_reason(case, decision, "the note itself")
    return Step(case, {})


def _channel(case: Case, decision: Channel, _: Charter, __: datetime) -> Step:
    what = "how it is known to be safe again" if decision.restored else "what shows that it is not to be trusted"
    _require_reason(case, decision, what)
    marked = decision.channel in case.compromised
    if marked != decision.restored:
        raise IllegalMove(
            f"{case.id}: {decision.channel} is {'already' if marked else 'not'} marked as compromised; marked: "
            f"{', '.join(case.compromised) or 'none'}."
        )
    if decision.restored:
        left = tuple(channel for channel in case.compromised if channel != decision.channel)
    else:
        left = (*case.compromised, decision.channel)
    body = {"channel": decision.channel, "restored": decision.restored, "compromised": left}
    return Step(replace(case, compromised=left), body)


def _close(case: Case, decision: Close, _: Charter, now: datetime) -> Step:
    _require_reason(case, decision, "what was concluded")
    return Step(replace(case, closed_at=now, flagged=None), {})


def _reopen(case: Case, decision: Reopen, _: Charter, now: datetime) -> Step:
    if case.merged_into is not None:
        raise IllegalMove(
            f"{case.id} was merged into {case.merged_into}; "
            f"`breachflow split {case.merged_into} --case {case.id}` undoes that."
        )
    _require_reason(case, decision, "what is new")
    seen = Candidate(at=now, kind="report", origin=f"person:{decision.by}", recorded_at=now)
    after = replace(reopened(case), candidates=(*case.candidates, seen), reopened_at=now, triage_from=now, flagged=None)
    return Step(after, {})


def _hold(case: Case, decision: Hold, _: Charter, now: datetime) -> Step:
    _require_reason(case, decision, "which proceedings or inquiry need it")
    if case.hold is not None:
        raise IllegalMove(f"{case.id} is on hold already, by {case.hold.by}.")
    warnings = ("its content was erased before; what is left is held",) if case.erased is not None else ()
    return Step(replace(case, hold=Held(by=decision.by, reason=decision.reason, at=now)), {}, {}, warnings)


def _release(case: Case, decision: Release, _: Charter, __: datetime) -> Step:
    _require_reason(case, decision, "why nothing needs it any more")
    if case.hold is None:
        raise IllegalMove(f"{case.id} is not on hold; there is nothing to release.")
    return Step(replace(case, hold=None), {"held_since": case.hold.at, "held_by": case.hold.by})


_HANDLERS: dict[type[Decision], Callable[[Case, Any, Charter, datetime], Step]] = {
    Confirm: _confirm,
    Dismiss: _dismiss,
    SetFacts: _facts,
    Retract: _retract,
    Ack: _ack,
    Filed: _filed,
    Exempt: _exempt,
    Informed: _informed,
    Done: _done,
    Note: _note,
    Channel: _channel,
    Close: _close,
    Reopen: _reopen,
    Hold: _hold,
    Release: _release,
}


def _is_processor(case: Case, part: Part) -> bool:
    return (facts_of(case, part).role or part.role) == "processor"


def _one_controller(case: Case, stated: str | None, controllers: set[str]) -> str:
    """One notification per controller: with several, the decision must name its own."""
    names = ", ".join(sorted(controllers)) or "none"
    if stated is None:
        if len(controllers) == 1:
            return next(iter(controllers))
        raise IllegalMove(f"{case.id}: say for which controller (--controller); those of the case: {names}.")
    if stated not in controllers:
        raise IllegalMove(f"{case.id}: {stated} is no controller of this case; its controllers: {names}.")
    return stated


def _require_reason(case: Case, decision: Decision, what: str) -> None:
    if not decision.reason.strip():
        raise IllegalMove(f"{case.id}: a reason is required (--reason): {what}.")


def _not_future(case: Case, at: datetime, now: datetime) -> None:
    if at > now:
        raise IllegalMove(f"{case.id}: this cannot have happened in the future; give an instant up to now.")


def _names(clocks: list[Any]) -> str:
    return ", ".join(clock.id for clock in clocks) or "none"


def _without_dollar(error: msgspec.ValidationError) -> str:
    return str(error).replace("`$.", "`").replace(" - at", ", at") + "."
