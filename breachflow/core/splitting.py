"""Split: an event that was joined wrongly is taken out of its case into a case of its own.

No clock is lost: the old case keeps its deadlines, the new one never gets a later one than it had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core import lifecycle, telling
from breachflow.core.case import Candidate, Case, Change, Entry, IllegalMove, Known, Received, Stage
from breachflow.core.charter import Charter
from breachflow.core.clock import aware_or_earliest
from breachflow.core.event import SecurityEvent
from breachflow.core.learning import FactChange, learn
from breachflow.core.parts import carried, judged, parts_of
from breachflow.core.record import changed_facts, consequences
from breachflow.core.regrouping import Regroup, check_regroup


class Told(Struct, frozen=True):
    """An event of a case as it is on record, read again, in the order of receipt."""

    event: SecurityEvent
    received: Received


def split(
    case: Case,
    leaving: Sequence[Told],
    staying: Sequence[Told],
    new_id: str,
    decision: Regroup,
    charter: Charter,
    now: datetime,
) -> tuple[Change, Change]:
    """Take an event, with its revisions, out of the case into a case of its own.

    The new case runs from the event's own first sign, or from the awareness of the old one where that is earlier. The
    old case unlearns what only this event said. Raises `IllegalMove` where nothing would be left of it.
    """
    check_regroup(case, decision)
    if not staying:
        raise IllegalMove(f"{case.id}: this is its only event; there is nothing to part it from.")
    opened = _opened(case, leaving, new_id, decision, charter, now)
    facts, changes = _unlearned(case, leaving, staying, charter)
    lines = charter.datamap.find(_assets(staying))
    kept = replace(
        case,
        version=case.version + 1,
        facts=facts,
        assets=_assets(staying)[: lifecycle.MOST_ASSETS],
        events=max(1, case.events - len(leaving)),
        material=case.version + 1,
    )
    kept = replace(kept, parts=carried(parts_of(facts, lines, case.parts[0].controller, charter), case.parts))
    after = lifecycle.settled(lifecycle.overturned(case, judged(kept, charter), now), charter, now)
    first = leaving[0].event
    fact_body, sealed = changed_facts(changes)
    body = {"event": first.id, "source": first.source, "into": new_id, "reason": decision.reason}
    entry = Entry(
        at=now, kind="split", by=decision.by, sealed=sealed or None,
        body=body | fact_body | consequences(after, case, charter),
    )  # fmt: skip
    return Change(case=after, was=case.version, entries=(entry,)), opened


def _opened(
    case: Case, leaving: Sequence[Told], new_id: str, decision: Regroup, charter: Charter, now: datetime
) -> Change:
    first, *later = leaving
    change = lifecycle.opened(new_id, first.event, first.received, charter, now)
    for told in later:
        if change.case is None:
            raise AssertionError("an opened case is a case")
        change = lifecycle.attached(change.case, told.event, told.received, charter, now)
    fresh = change.case
    if fresh is None:
        raise AssertionError("an opened case is a case")
    own, _ = aware_or_earliest(fresh)
    inherits = case.aware is not None and case.aware.at < own
    fresh = replace(
        fresh,
        version=1,
        aware=case.aware if inherits else None,
        stage=Stage.CONFIRMED if inherits else Stage.SUSPECTED,
        split_from=case.id,
    )
    if inherits and case.aware is not None:
        fresh = replace(fresh, candidates=(Candidate(at=case.aware.at, kind="report", origin=f"case:{case.id}",
                                                     recorded_at=now), *fresh.candidates))  # fmt: skip
    fresh = lifecycle.settled(fresh, charter, now)
    body = {
        "out_of": case.id, "event": first.event.id, "source": first.event.source, "reason": decision.reason,
        "detected_at": first.event.detected_at,
    } | consequences(fresh, None, charter)  # fmt: skip
    return Change(
        case=fresh,
        was=0,
        entries=(Entry(at=now, kind="split", by=decision.by, body=body, sealed={"title": fresh.title}),),
        notices=telling.opening(fresh, fresh.clocks, charter, now),
        taken=tuple(replace(told.received, case=new_id, disposition="opened") for told in leaving),
        taken_from=case.id,
    )


def _unlearned(
    case: Case, leaving: Sequence[Told], staying: Sequence[Told], charter: Charter
) -> tuple[dict[str, Known], list[FactChange]]:
    """Return the facts without what only the leaving event said, and what changed."""
    first = leaving[0].event
    origin = f"event:{first.source}/{first.id}#"
    kept = {
        name: known
        for name, known in case.facts.items()
        if not known.origin.startswith((origin, "datamap")) or known.confidence == "verified"
    }
    replayed: dict[str, Known] = {}
    for told in staying:
        if told.event.verdict in ("false_positive", "test"):
            continue
        lines = charter.datamap.find(told.event.assets)
        revising = f"event:{told.event.source}/{told.event.id}#" if told.received.revision else None
        replayed, _ = learn(
            replayed, lifecycle.news(told.event, lines, charter, told.received.received_at), revising=revising
        )
    facts, _ = learn(replayed, kept)
    changes = [
        FactChange(name, _value(case.facts, name), _value(facts, name), "split")
        for name in sorted(case.facts.keys() | facts.keys())
        if _value(case.facts, name) != _value(facts, name)
    ]
    return facts, changes


def _value(facts: Mapping[str, Known], name: str) -> Any:
    return facts[name].value if name in facts else None


def _assets(told: Sequence[Told]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(asset for one in told for asset in one.event.assets))
