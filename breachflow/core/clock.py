"""Clocks: which duties run for a case, since when, until when, and what ended them.

All clocks are derived from the case each time it changes: one set of facts, and each clock only where its condition
holds. What a clock has been through (its ladder, its earlier deadlines) is carried over.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core import ladder
from breachflow.core.case import Candidate, Case, Clock, ClockState, Moved, Part, Stage, Stop, facts_of
from breachflow.core.charter import Charter
from breachflow.core.facts import Facts, incident_types
from breachflow.core.instants import deadline
from breachflow.core.organisation import Controller
from breachflow.law.regimes import REGIMES

SOFT = frozenset(regime.id for regime in REGIMES.values() if regime.kind == "soft")
"""Targets set by guidance, not duties: they do not keep a case from being handled."""

ATTACKS = frozenset(
    {
        "ransomware",
        "malware",
        "phishing",
        "vulnerability",
        "unauthorised_access",
        "exfiltration",
        "unauthorised_modification",
    }
)
"""Incident types that are attacks on a data system in the sense of Code penal 323-1 to 323-3-1."""


class Duty(Struct, frozen=True):
    """A clock as the facts ask for it now."""

    regime: str
    controller: str | None
    started: datetime
    because: str
    provisional: bool = False
    hours: float | None = None
    act_by: datetime | None = None
    classified_at: datetime | None = None
    noon_excluded: bool = False
    ended_at: datetime | None = None
    lifted: bool = False
    idle: bool = False

    @property
    def id(self) -> str:
        """The regime, and the controller where there is one."""
        return self.regime if self.controller is None else f"{self.regime}:{self.controller}"


def derived(case: Case, charter: Charter, now: datetime) -> tuple[Clock, ...]:
    """Return the case's clocks as its facts ask for them now."""
    before = {clock.id: clock for clock in case.clocks}
    duties: dict[str, Duty] = {}
    for duty in _duties(case, charter):
        # Two processings of one controller share its clock: it runs as long as one of them asks for it.
        first = duties.get(duty.id)
        if first is None or first.lifted or (first.idle and not duty.lifted):
            duties[duty.id] = duty
    kept = [_carried(duty, before.pop(duty.id, None), charter, now) for duty in duties.values()]
    # A duty that the facts no longer ask for is lifted, never forgotten.
    gone = [clock if clock.stop is not None else _stopped(clock, "lifted", now) for clock in before.values()]
    return (*kept, *gone)


def state(clock: Clock, now: datetime) -> ClockState:
    """Return the clock's state at this instant."""
    if clock.stop is not None:
        return clock.stop
    if now > clock.act_by:
        return "overdue"
    return "provisional" if clock.provisional else "running"


def earliest_candidate(case: Case) -> datetime:
    """Return the earliest instant at which the organisation may have become aware; it governs provisionally."""
    return min((candidate.at for candidate in counted_candidates(case)), default=case.triage_from)


def counted_candidates(case: Case) -> list[Candidate]:
    """Return the candidates that count: since the case was reopened, only those recorded from then on."""
    since = case.reopened_at
    return [one for one in case.candidates if since is None or one.recorded_at >= since]


def aware_or_earliest(case: Case) -> tuple[datetime, bool]:
    """Return the instant that the clocks run from, and whether it is provisional."""
    return (case.aware.at, False) if case.aware is not None else (earliest_candidate(case), True)


def _duties(case: Case, charter: Charter) -> Iterator[Duty]:
    started, provisional = aware_or_earliest(case)
    dismissed = case.stage is Stage.DISMISSED
    yield from _triage(case)
    for part in case.parts:
        facts = facts_of(case, part)
        controller = charter.organisation.controller(part.controller)
        if (facts.role or part.role) == "processor":
            yield Duty(
                "gdpr-art33-2",
                part.controller,
                started,
                "the organisation is processor: the controllers are told without undue delay, Art. 33(2)",
                provisional,
                hours=charter.policy.processor_notice_hours,
                ended_at=_done(case, f"gdpr-art33-2:{part.controller}"),
                lifted=dismissed,
            )
        else:
            yield _authority(part, started, provisional, dismissed, case.bundled_from)
            yield from _people(part, facts, charter, started, provisional, dismissed)
            yield from _complement(case, part)
        if controller is not None:
            yield from _neighbours(case, facts, controller, started, provisional, dismissed)


def _triage(case: Case) -> Iterator[Duty]:
    # "short investigation (i.e. completed within 24 hours)" -- WP250 rev.01 Annex B (v)
    ended = None
    if case.stage is not Stage.SUSPECTED:
        ended = next((c.stopped_at or c.done_at for c in case.clocks if c.id == "triage" and c.stop), None)
        ended = ended or (case.aware.recorded_at if case.aware is not None else None)
    yield Duty(
        "triage",
        None,
        case.triage_from,
        "a short investigation decides whether personal data is compromised, EDPB 9/2022",
        ended_at=ended,
        lifted=case.stage is not Stage.SUSPECTED and ended is None,
    )


def _authority(
    part: Part, started: datetime, provisional: bool, dismissed: bool, bundled_from: datetime | None
) -> Duty:
    # "the controller shall without undue delay and, where feasible, not later than 72 hours after having become
    # aware of it, notify the personal data breach to the supervisory authority" -- GDPR Art. 33(1)
    filed = min((filing.at for filing in part.filings), default=None)
    notify = part.proposal is None or part.proposal.notify_authority
    because = (
        "notification to the authority is proposed, Art. 33(1)"
        if notify
        else "no notification is proposed; the clock runs until the controller has decided so, Art. 33(1)"
    )
    if filed is None and part.reassessed_at is not None:
        started, because = part.reassessed_at, "the facts on which the decision not to notify rested have changed"
    elif bundled_from is not None and bundled_from < started:
        started, because = bundled_from, "notified together with similar breaches: the earliest awareness governs"
    return Duty(
        "gdpr-art33",
        part.controller,
        started,
        because,
        provisional,
        ended_at=filed,
        lifted=filed is None and (dismissed or part.exempted is not None),
        idle=not notify,
    )


def _people(
    part: Part, facts: Facts, charter: Charter, started: datetime, provisional: bool, dismissed: bool
) -> Iterator[Duty]:
    order = facts.authority_order
    if order is not None and order.due_at is not None:
        yield Duty(
            "art34-order",
            part.controller,
            order.received_at or started,
            "the authority ordered that people be informed, Art. 34(4)",
            act_by=order.due_at,
            ended_at=part.informed.at if part.informed is not None and part.informed.exemption is None else None,
        )
    # "When the personal data breach is likely to result in a high risk [...] the controller shall communicate the
    # personal data breach to the data subject without undue delay." -- GDPR Art. 34(1)
    if (part.proposal is not None and part.proposal.inform_people) or part.informed is not None:
        precautionary = part.proposal is not None and part.proposal.basis == "precautionary"
        informed = part.informed
        yield Duty(
            "gdpr-art34",
            part.controller,
            part.reassessed_at or started,
            "high unless shown otherwise: informing people is proposed, Art. 34(1)"
            if precautionary
            else "high risk: informing people is proposed, Art. 34(1)",
            provisional or precautionary,
            hours=charter.policy.inform_target_hours,
            ended_at=informed.at if informed is not None and informed.exemption is None else None,
            lifted=dismissed or (informed is not None and informed.exemption is not None),
        )


def _complement(case: Case, part: Part) -> Iterator[Duty]:
    initial = [filing.at for filing in part.filings if filing.kind == "initial"]
    if not initial:
        return
    later = [filing.at for filing in part.filings if filing.kind != "initial"]
    yield Duty(
        "cnil-complement",
        part.controller,
        min(initial),
        "the CNIL asks for the complementary notification within 72 hours of the initial one if possible",
        ended_at=min(later, default=None),
        lifted=not later and case.stage in (Stage.CLOSED, Stage.DISMISSED),
    )


def attacked(facts: Facts) -> bool:
    """Whether this is an attack on a data system, C. pén. 323-1 to 323-3-1: somebody's malice from outside."""
    return facts.malicious_access is True or (
        facts.intent == "malicious" and facts.origin != "internal" and not ATTACKS.isdisjoint(incident_types(facts))
    )


def _neighbours(
    case: Case, facts: Facts, controller: Controller, started: datetime, provisional: bool, dismissed: bool
) -> Iterator[Duty]:
    if controller.cyber_insured and (attacked(facts) or facts.attack_known_at is not None):
        yield Duty(
            "lopmi-complaint",
            controller.id,
            facts.attack_known_at or started,
            "an attack on a data system: the complaint keeps the insurance cover, C. assur. L12-10-1",
            provisional and facts.attack_known_at is None,
            ended_at=_done(case, f"lopmi-complaint:{controller.id}")
            or (facts.complaint.lodged_at if facts.complaint is not None else None),
            lifted=dismissed and facts.attack_known_at is None,
        )
    if controller.dora and (facts.dora_classified_at is not None or facts.malicious_access is True):
        yield from _dora(case, facts, controller, started)
    if controller.nis2 and facts.nis2_significant is True:
        yield from _chain(
            case, controller, ("nis2-early", "nis2-notification"), "nis2-final", facts.ict_aware_at or started
        )


def _dora(case: Case, facts: Facts, controller: Controller, started: datetime) -> Iterator[Duty]:
    yield Duty(
        "dora-initial",
        controller.id,
        facts.ict_aware_at or started,
        "an ICT incident classified as major, or malicious access that may cause data loss, DORA Art. 19",
        classified_at=facts.dora_classified_at,
        # "essential or important entities" of NIS2 are without the noon rule for their first two reports, RTS Art. 5.
        noon_excluded=controller.nis2,
        ended_at=_done(case, f"dora-initial:{controller.id}"),
    )
    for regime, after in (("dora-intermediate", "dora-initial"), ("dora-final", "dora-intermediate")):
        submitted = _done(case, f"{after}:{controller.id}")
        if submitted is not None:
            yield Duty(
                regime,
                controller.id,
                submitted,
                f"runs from the submission of the {after.removeprefix('dora-')} report, DORA Art. 19(4)",
                noon_excluded=controller.nis2,
                ended_at=_done(case, f"{regime}:{controller.id}"),
            )


def _chain(case: Case, controller: Controller, first: tuple[str, ...], last: str, started: datetime) -> Iterator[Duty]:
    for regime in first:
        yield Duty(
            regime,
            controller.id,
            started,
            "a significant incident of an entity in scope, NIS2 Art. 23",
            ended_at=_done(case, f"{regime}:{controller.id}"),
        )
    notified = _done(case, f"{first[-1]}:{controller.id}")
    if notified is not None:
        yield Duty(
            last,
            controller.id,
            notified,
            "the final report follows the notification, NIS2 Art. 23(4)(d)",
            ended_at=_done(case, f"{last}:{controller.id}"),
        )


def _done(case: Case, clock_id: str) -> datetime | None:
    return next((clock.done_at for clock in case.clocks if clock.id == clock_id), None)


def _carried(duty: Duty, old: Clock | None, charter: Charter, now: datetime) -> Clock:
    """Return the clock of this duty: new, unchanged, moved to another deadline, back, or stopped."""
    if old is None:
        clock = ladder.begin(_new(duty, charter.organisation.zone), charter.climb, now)
    else:
        settled = REGIMES[duty.regime].second is None
        same = settled and old.started == duty.started and duty.act_by in (None, old.act_by)
        new = old if same else _new(duty, charter.organisation.zone)
        clock = replace(old, because=duty.because, provisional=duty.provisional)
        if (new.started, new.act_by) != (old.started, old.act_by):
            moved = Moved(act_by=old.act_by, started=old.started, moved_at=now, because=duty.because)
            limits = {"started": new.started, "act_by": new.act_by, "legal_latest": new.legal_latest}
            clock = replace(clock, **limits, earlier=(*old.earlier, moved))
            if old.stop is None:
                clock = ladder.moved(clock, charter.climb, now)
    if duty.ended_at is not None:
        return _stopped(clock, "met" if duty.ended_at <= clock.act_by else "late", duty.ended_at)
    if duty.lifted:
        return clock if clock.stop == "lifted" else _stopped(clock, "lifted", now)
    if clock.stop is None:
        return clock
    # The duty is back (reopened, or the decision not to notify fell): its ladder begins again.
    return ladder.begin(replace(clock, stop=None, stopped_at=None), charter.climb, now)


def _new(duty: Duty, zone: str) -> Clock:
    act_by, legal_latest = (duty.act_by, None) if duty.act_by is not None else _limits(duty, zone)
    return Clock(
        id=duty.id,
        regime=duty.regime,
        controller=duty.controller,
        started=duty.started,
        act_by=act_by,
        legal_latest=legal_latest,
        because=duty.because,
        provisional=duty.provisional,
    )


def _limits(duty: Duty, zone: str) -> tuple[datetime, datetime | None]:
    limit = deadline(
        duty.regime,
        duty.started,
        zone=zone,
        hours=duty.hours,
        classified_at=duty.classified_at,
        noon_excluded=duty.noon_excluded,
    )
    return limit.act_by, limit.legal_latest


def _stopped(clock: Clock, stop: Stop, at: datetime) -> Clock:
    if clock.stop == stop and clock.stopped_at == at:
        return clock
    return replace(clock, stop=stop, stopped_at=at, next_rung_at=None, acked_by=None, acked_until=None)
