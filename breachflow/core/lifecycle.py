"""The life of a case: what an event, a decision, the passing of time or a delivery changes about it.

Every step returns one `Change`: the new case, its register entry and its mails, written together or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from breachflow.core import clock as clocks
from breachflow.core import ladder, telling
from breachflow.core.case import (
    UNDELIVERED,
    Candidate,
    Case,
    Change,
    Clock,
    Entry,
    Known,
    Notice,
    NoticeKind,
    Part,
    Received,
    Report,
    Settled,
    Stage,
)
from breachflow.core.charter import Charter
from breachflow.core.correlation import keys_of
from breachflow.core.deciding import applied
from breachflow.core.decision import Ack, Channel, Decision, Hold, Note, Release, Reopen
from breachflow.core.event import SecurityEvent
from breachflow.core.facts import incident_types
from breachflow.core.learning import learn, stated
from breachflow.core.moves import led_to, verb
from breachflow.core.organisation import Asset, Rank
from breachflow.core.parts import carried, judged, mapped_news, parts_of, speaking
from breachflow.core.record import builtins, changed_facts, consequences, event_lines
from breachflow.core.retention import refilled, reopened
from breachflow.law.profiles import profile_for

MOST_ASSETS = 200  # A case keeps the first assets it saw; the register has every event's, sealed.
MOST_CANDIDATES = 50  # The earliest ones govern; a storm of alerts on one case must not make it grow without end.


def opened(case_id: str, event: SecurityEvent, received: Received, charter: Charter, now: datetime) -> Change:
    """Open a case for this event: its facts, its controllers' parts, the engine's proposal, its clocks."""
    lines = charter.datamap.find(event.assets)
    facts, changes = learn({}, news(event, lines, charter, now))
    seen = min(event.detected_at, now)
    new = Case(
        id=case_id,
        version=1,
        stage=Stage.SUSPECTED,
        title=event.title,
        source=event.source,
        opened_at=now,
        parts=parts_of(facts, lines, event.controller, charter),
        profile=profile_for(seen),
        triage_from=seen,
        facts=facts,
        candidates=_candidates(event, now),
        assets=event.assets[:MOST_ASSETS],
        events=1,
        material=1,
        controller=event.controller,
    )
    case = settled(judged(new, charter), charter, now)
    return _step(None, case, "opened", event, received, changes, charter, now)


def opened_after_all(
    case_id: str, event: SecurityEvent, received: Received, charter: Charter, by: str, reason: str, now: datetime
) -> Change:
    """Open a case for an event that was screened out: as for any event, and the register says who did so and why."""
    change = opened(case_id, event, received, charter, now)
    (entry,) = change.entries
    body = entry.body | {"reason": reason, "screened_at": received.received_at}
    return replace(change, entries=(replace(entry, by=by, body=body),), received=(), adopted=change.received)


def attached(case: Case, event: SecurityEvent, received: Received, charter: Charter, now: datetime) -> Change:
    """Attach this event to the case: what it adds, and whether it reopens it or speaks for dismissing it.

    A false positive or a test never dismisses by itself: it is put before a person, and the clocks go on.
    """
    if event.verdict in ("false_positive", "test"):
        flagged = replace(refilled(case), version=case.version + 1, events=case.events + 1, flagged=event.verdict)
        return _step(case, flagged, "attached", event, received, (), charter, now)
    lines = speaking(case, event.assets, charter)
    origin = f"event:{event.source}/{event.id}#"
    facts, changes = learn(case.facts, news(event, lines, charter, now), revising=origin if received.revision else None)
    changed = replace(
        case,
        version=case.version + 1,
        facts=facts,
        candidates=with_candidates(case.candidates, _candidates(event, now)),
        events=case.events + 1,
        assets=tuple(dict.fromkeys((*case.assets, *event.assets)))[:MOST_ASSETS],
        material=case.version + 1 if changes else case.material,
        controller=event.controller or case.controller,
    )
    if case.stage is Stage.DISMISSED:
        changed = replace(
            reopened(changed), stage=Stage.SUSPECTED, reopened_at=now, triage_from=min(event.detected_at, now)
        )
    elif case.stage is Stage.CLOSED:
        stage = Stage.SUSPECTED if case.aware is None else Stage.CONFIRMED
        changed = replace(reopened(changed), stage=stage)
    if changes:
        stated_by = event.controller or case.parts[0].controller
        changed = replace(changed, parts=carried(parts_of(facts, lines, stated_by, charter), case.parts))
    after = settled(overturned(case, judged(changed, charter), now), charter, now)
    return _step(case, after, "attached", event, received, changes, charter, now)


def decided(case: Case, decision: Decision, charter: Charter, now: datetime) -> Change:
    """Record what a person decided, and all that follows from it. Raise `IllegalMove` where it does not fit."""
    stage = led_to(case, decision)
    step = applied(case, decision, charter, now)
    # Who says that mail is not to be trusted has not yet been told by it; nor has who makes a remark.
    alarm = case.alarm and isinstance(decision, Note | Channel | Hold | Release)
    changed = replace(step.case, stage=stage, version=case.version + 1, alarm=alarm)
    after = changed
    if not isinstance(decision, Ack | Note | Channel | Hold | Release):
        after = settled(overturned(case, judged(changed, charter), now), charter, now)
        alive = tuple(ladder.answered(clock, charter.climb, now) for clock in after.clocks)
        after = replace(after, clocks=alive)
    body = step.body | consequences(after, case, charter)
    if decision.reason:
        body["reason"] = decision.reason
    if step.warnings:
        body["warnings"] = step.warnings
    again = isinstance(decision, Reopen)
    notices = telling.opening(after, after.clocks if again else _new_clocks(case, after), charter, now)
    if isinstance(decision, Channel) and not decision.restored:
        notices += telling.anew(after, charter, now)
    return Change(
        case=after,
        was=case.version,
        entries=(Entry(at=now, kind=verb(type(decision)), by=decision.by, body=body, sealed=step.sealed or None),),
        notices=notices,
        warnings=step.warnings,
    )


def timed(case: Case, charter: Charter, now: datetime) -> Change | None:
    """Climb the ladders that are due: who must be told now. `None` when nothing was due after all."""
    rungs: list[tuple[str, str]] = []
    told: set[Rank] = set()
    after: list[Clock] = []
    climbs, overdue = True, False
    for clock in case.clocks:
        moved, call = ladder.call(clock, charter.climb, now)
        after.append(moved)
        if call is not None:
            rungs.append((clock.id, call.rung))
            told.update(call.tell)
            climbs = climbs and call.climb
            overdue = overdue or call.overdue
    if tuple(after) == case.clocks:
        return None
    moved_case = replace(case, clocks=tuple(after), version=case.version + 1)
    if not rungs:
        return Change(case=moved_case, was=case.version)
    kind: NoticeKind = "overdue" if overdue else "climb" if climbs else "rung"
    notices = telling.notices(moved_case, kind, told, tuple(rungs), charter, now)
    body = {"rungs": rungs, "told": [notice.to for notice in notices]}
    return Change(
        case=moved_case,
        was=case.version,
        entries=(Entry(at=now, kind="escalated", by="breachflow", body=body),),
        notices=notices,
    )


def delivered(case: Case | None, notice: Notice, outcome: Settled, charter: Charter, now: datetime) -> Change:
    """Record what became of a mail; one that cannot be delivered goes to the next person, and to nobody is an alarm."""
    body: dict[str, Any] = {"notice": notice.id, "kind": notice.kind, "to": notice.to, "rungs": notice.rungs}
    if outcome.state in ("retry", "dropped"):
        return Change(settled=(outcome,))
    if case is None:
        # What speaks of no case has no register; the duty to tell somebody is the same.
        other = telling.next_after(notice, charter, now) if outcome.state == "failed" else None
        return Change(settled=(outcome,), notices=(other,) if other is not None else ())
    after = replace(case, version=case.version + 1)
    notices: tuple[Notice, ...] = ()
    if outcome.state == "sent":
        kind = "told"
        body["reference"] = outcome.reference
    else:
        kind = "not-told"
        body["error"] = outcome.error
        instead = telling.next_after(notice, charter, now)
        if instead is None:
            after = replace(after, alarm=True)
            body["alarm"] = "nobody could be told"
        else:
            notices = (instead,)
            body["instead"] = instead.to
    return Change(
        case=after,
        was=case.version,
        entries=(Entry(at=now, kind=kind, by="breachflow", body=body),),
        notices=notices,
        settled=(outcome,),
    )


def reported(
    case: Case | None, notices: Sequence[Notice], told: Collection[str], report: Report, charter: Charter, now: datetime
) -> Change:
    """Record what a provider says afterwards about mails of one case; one that came back goes to the next person.

    `told` are those of the notices that counted as told until now: only these are told to somebody else, and a report
    that comes later never takes that back.
    """
    entries: list[Entry] = []
    others: list[Notice] = []
    settled: list[Settled] = []
    alarm = case is not None and case.alarm
    for notice in notices:
        body: dict[str, Any] = {"notice": notice.id, "kind": notice.kind, "to": notice.to, "rungs": notice.rungs}
        body |= {"event": report.event, "reported_at": report.at}
        if report.status:
            body["status"] = report.status
        if report.event in UNDELIVERED and notice.id in told:
            error = f"the provider reports {report.event} {report.status}".rstrip()
            settled.append(Settled(notice=notice.id, state="bounced", at=now, error=error))
            if telling.still_owed(notice, case):
                instead = telling.next_after(notice, charter, now)
                if instead is None:
                    alarm = True
                    body["alarm"] = "nobody could be told"
                else:
                    others.append(instead)
                    body["instead"] = instead.to
        entries.append(Entry(at=now, kind="delivery", by="sendgrid", body=body))
    if case is None:
        # What speaks of no case has no register; the duty to tell somebody is the same.
        return Change(notices=tuple(others), settled=tuple(settled), reports=(report,))
    return Change(
        case=replace(case, version=case.version + 1, alarm=alarm),
        was=case.version,
        entries=tuple(entries),
        notices=tuple(others),
        settled=tuple(settled),
        reports=(report,),
    )


def _step(
    case: Case | None,
    after: Case,
    kind: str,
    event: SecurityEvent,
    received: Received,
    changes: Sequence[Any],
    charter: Charter,
    now: datetime,
) -> Change:
    """Put together what an event did: one register entry, who is told, and how later events find the case."""
    body, sealed = event_lines(event, received)
    fact_body, fact_sealed = changed_facts(changes)
    body |= fact_body | consequences(after, case, charter)
    if event.controller is not None and charter.organisation.controller(event.controller) is None:
        body["controller_unknown"] = event.controller
    if case is None or case.stage in (Stage.DISMISSED, Stage.CLOSED):
        notices = telling.opening(after, after.clocks, charter, now)
    else:
        notices = telling.opening(after, _new_clocks(case, after), charter, now)
    if after.flagged is not None and (case is None or case.flagged != after.flagged) and _has_running(after):
        notices += telling.notices(after, "flag", ("dpo",), (), charter, now, verdict=after.flagged)
    return Change(
        case=after,
        was=case.version if case is not None else 0,
        entries=(Entry(at=now, kind=kind, by=event.source, body=body, sealed=sealed | fact_sealed),),
        notices=notices,
        received=(replace(received, case=after.id, disposition="opened" if case is None else "attached"),),
        keys=keys_of(after.id, event, charter.policy.correlation, now),
    )


def settled(case: Case, charter: Charter, now: datetime) -> Case:
    """Derive the clocks, and let the case stand as handled once no hard one is left running."""
    after = replace(case, clocks=clocks.derived(case, charter, now))
    hard = any(clock.stop is None and clock.regime not in clocks.SOFT for clock in after.clocks)
    if after.stage is Stage.CONFIRMED and not hard:
        return replace(after, stage=Stage.HANDLED)
    if after.stage is Stage.HANDLED and hard:
        return replace(after, stage=Stage.CONFIRMED)
    return after


def overturned(before: Case, after: Case, now: datetime) -> Case:
    """Undo a decision not to notify, or not to inform, whose facts have turned: the duty is back, from now.

    "If the key is compromised later, notification becomes due at that time" -- EDPB 9/2022 Annex B (i).
    """
    old = {part.key: part.proposal for part in before.parts}
    parts = tuple(_overturned_part(part, old.get(part.key), now) for part in after.parts)
    return after if parts == after.parts else replace(after, parts=parts)


def _overturned_part(part: Part, old: Any, now: datetime) -> Part:
    if old is None or part.proposal is None:
        return part
    if part.exempted is not None and part.proposal.notify_authority and not old.notify_authority:
        part = replace(part, exempted=None, reassessed_at=now)
    excused = part.informed is not None and part.informed.exemption is not None
    if excused and part.proposal is not None and part.proposal.inform_people and not old.inform_people:
        part = replace(part, informed=None, reassessed_at=now)
    return part


def news(event: SecurityEvent, lines: Sequence[Asset], charter: Charter, now: datetime) -> dict[str, Known]:
    """Return what this event and the data map say, each fact with its origin."""
    own = builtins(event.facts) if event.facts is not None else {}
    for name in ("occurred_from", "occurred_to", "reported_by"):
        if name not in own and (value := getattr(event, name)) is not None:
            own[name] = builtins(value)
    types = incident_types(event.facts) if event.facts is not None else ()
    news = mapped_news(lines, event.controller, types, charter, now)
    return news | stated(own, f"event:{event.source}/{event.id}#/facts/{{}}", now, "extracted")


def _candidates(event: SecurityEvent, now: datetime) -> tuple[Candidate, ...]:
    """Return the instants at which this event may have made the organisation aware; none lies in the future."""
    origin = f"event:{event.source}/{event.id}"
    at, basis = min(event.detected_at, now), event.detected_at_basis
    found = [Candidate(at=at, kind="detection", origin=origin, recorded_at=now, basis=basis)]
    facts = event.facts
    reported = facts.reported_at if facts is not None else None
    if (event.reported_by or (facts.reported_by if facts is not None else None)) == "processor":
        # A processor's notice counts when it arrives in any mailbox of the company, not when somebody reads it.
        found.append(Candidate(at=min(reported or now, now), kind="processor_notice", origin=origin, recorded_at=now))
    elif reported is not None:
        found.append(Candidate(at=min(reported, now), kind="report", origin=origin, recorded_at=now))
    if event.verdict == "confirmed":
        found.append(Candidate(at=now, kind="confirmed_verdict", origin=origin, recorded_at=now))
    return tuple(found)


def with_candidates(known: tuple[Candidate, ...], new: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Return the candidates with the new ones; the earliest is never dropped, whatever their number."""
    kept = {(candidate.at, candidate.kind, candidate.origin) for candidate in known}
    everything = (
        *known,
        *(candidate for candidate in new if (candidate.at, candidate.kind, candidate.origin) not in kept),
    )
    if len(everything) <= MOST_CANDIDATES:
        return everything
    earliest = min(everything, key=lambda candidate: candidate.at)
    return (earliest, *(candidate for candidate in everything[-MOST_CANDIDATES + 1 :] if candidate is not earliest))


def _new_clocks(before: Case, after: Case) -> list[Clock]:
    running = {clock.id for clock in before.clocks if clock.stop is None}
    return [clock for clock in after.clocks if clock.stop is None and clock.id not in running]


def _has_running(case: Case) -> bool:
    return any(clock.stop is None for clock in case.clocks)
