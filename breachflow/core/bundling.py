"""Bundles: several similar breaches of a short time, notified together.

EDPB 9/2022 lets a controller bundle "similar" confidentiality breaches, of the same type of data and in the same way,
"over a relatively short space of time"; it is no licence to wait: the earliest awareness governs them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from breachflow.core import lifecycle
from breachflow.core.case import Case, Change, Entry, IllegalMove, Stage, facts_of
from breachflow.core.charter import Charter
from breachflow.core.decision import Confirm, Decision, Filed
from breachflow.core.facts import incident_types
from breachflow.core.record import consequences
from breachflow.core.regrouping import Regroup, check_regroup
from breachflow.core.telling import opening


def bundled(cases: Sequence[Case], decision: Regroup, charter: Charter, now: datetime) -> tuple[Change, ...]:
    """Return these cases as one bundle. Raises `IllegalMove`, saying what keeps them apart."""
    first, *others = cases
    for case in cases:
        check_regroup(case, decision)
        if case.stage is not Stage.CONFIRMED or case.aware is None:
            raise IllegalMove(f"{case.id} is {case.stage.value}: only confirmed breaches are bundled.")
        if any(part.filings for part in case.parts):
            raise IllegalMove(f"{case.id}: a notification was filed already; a further one is its complement.")
        if case.bundle and case.bundle != first.bundle:
            raise IllegalMove(f"{case.id} is bundled already, with {', '.join(set(case.bundle) - {case.id})}.")
    if not others or len({case.id for case in cases}) < len(cases):
        raise IllegalMove(f"{first.id}: name the other cases that are notified together with it, each once.")
    for case in others:
        for what, of in _LIKENESS.items():
            if of(case) != of(first):
                raise IllegalMove(
                    f"{first.id} and {case.id} differ in {what}; breaches of different kinds are notified separately."
                )
    if not all(facts_of(case).confidentiality is True for case in cases):
        raise IllegalMove(f"{first.id}: only breaches of confidentiality are notified in a bundle (EDPB 9/2022).")
    instants = sorted(case.aware.at for case in cases if case.aware is not None)
    if instants[-1] - instants[0] > timedelta(days=charter.policy.bundling_days):
        raise IllegalMove(
            f"{first.id}: between the first and the last awareness lie more than {charter.policy.bundling_days} days "
            "(policy.bundling_days); the later ones are notified separately."
        )
    ids = tuple(sorted(case.id for case in cases))
    return tuple(_bundled(case, ids, instants[0], decision, charter, now) for case in cases)


def unbundled(
    case: Case, others: Sequence[Case], decision: Regroup, charter: Charter, now: datetime
) -> tuple[Change, ...]:
    """Return the bundle without this case: it is notified on its own, from its own awareness."""
    check_regroup(case, decision)
    if not case.bundle:
        raise IllegalMove(f"{case.id} is in no bundle.")
    left = tuple(ident for ident in case.bundle if ident != case.id)
    first = min((one.aware.at for one in others if one.aware is not None), default=None)
    changes = [_bundled(case, (), None, decision, charter, now)]
    if len(left) < 2:
        return (*changes, *(_bundled(one, (), None, decision, charter, now) for one in others))
    return (*changes, *(_bundled(one, left, first, decision, charter, now) for one in others))


def followed(
    change: Change, others: Sequence[Case], decision: Decision, charter: Charter, now: datetime
) -> tuple[Change, ...]:
    """Return what a decision about one case of a bundle changes about the others.

    One notification is filed for all of them; an awareness that is corrected moves the start of all. Raises
    `IllegalMove` where another case of the bundle does not allow it.
    """
    case = change.case
    if case is None or not case.bundle:
        return ()
    if isinstance(decision, Filed):
        return tuple(lifecycle.decided(one, decision, charter, now) for one in others)
    if isinstance(decision, Confirm):
        first = min(one.aware.at for one in (case, *others) if one.aware is not None)
        why = Regroup(by=decision.by, reason=f"the awareness of {case.id} was corrected")
        return tuple(_bundled(one, one.bundle, first, why, charter, now) for one in others if one.bundled_from != first)
    return ()


def _bundled(
    case: Case, ids: tuple[str, ...], first: datetime | None, decision: Regroup, charter: Charter, now: datetime
) -> Change:
    there = replace(case, version=case.version + 1, bundle=ids, bundled_from=first, material=case.version + 1)
    after = lifecycle.settled(there, charter, now)
    running = {clock.id for clock in case.clocks if clock.stop is None}
    fresh = [clock for clock in after.clocks if clock.stop is None and clock.id not in running]
    body: dict[str, Any] = {"bundle": ids, "reason": decision.reason} | consequences(after, case, charter)
    return Change(
        case=after,
        was=case.version,
        entries=(Entry(at=now, kind="bundled" if ids else "unbundled", by=decision.by, body=body),),
        notices=opening(after, fresh, charter, now),
    )


_LIKENESS: dict[str, Callable[[Case], object]] = {
    "whose breach it is": lambda case: {part.controller for part in case.parts},
    "the kinds of data": lambda case: set(facts_of(case).data or ()),
    "the cause": lambda case: set(incident_types(facts_of(case))),
}
"""What must be the same: "the same type of personal data breached in the same way"."""
