"""Merge: two cases turn out to be one breach; and its undoing.

No clock is lost and the earliest deadline stands; what was joined, by whom and why is in both registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from breachflow.core import lifecycle, telling
from breachflow.core.case import (
    Awareness,
    Case,
    Change,
    Clock,
    Confidence,
    Entry,
    IllegalMove,
    Joined,
    Known,
    Moved,
    Part,
    Stage,
    facts_of,
    is_open,
)
from breachflow.core.charter import Charter
from breachflow.core.clock import aware_or_earliest, counted_candidates
from breachflow.core.learning import FactChange, learn
from breachflow.core.parts import SCOPED, carried, judged, parts_of, scope_of
from breachflow.core.record import changed_facts, consequences
from breachflow.core.regrouping import Regroup, check_regroup
from breachflow.core.worse import worse_value


def merged(case: Case, other: Case, decision: Regroup, charter: Charter, now: datetime) -> tuple[Change, Change]:
    """Return the case with everything of the other in it, and the other closed with a pointer to it.

    Where only one of them has an awareness set by a person, and the other shows an earlier sign, the earlier deadline
    governs provisionally and a person has to confirm again. Raises `IllegalMove`.
    """
    check_regroup(case, decision)
    if other.id == case.id:
        raise IllegalMove(f"{case.id}: a case cannot be merged into itself.")
    for one in (case, other):
        if not is_open(one):
            raise IllegalMove(f"{one.id} is {one.stage.value}: only open cases are merged; `reopen` it first.")
    facts, changes, replaced = _facts_together(case, other)
    aware, warnings = _awareness_together(case, other)
    joined = Joined(case=other.id, at=now, replaced=replaced)
    together = replace(
        case,
        version=case.version + 1,
        stage=Stage.SUSPECTED if aware is None else Stage.CONFIRMED,
        facts=facts,
        candidates=lifecycle.with_candidates(tuple(counted_candidates(case)), tuple(counted_candidates(other))),
        reopened_at=None,
        aware=aware,
        triage_from=min(case.triage_from, other.triage_from),
        assets=tuple(dict.fromkeys((*case.assets, *other.assets)))[: lifecycle.MOST_ASSETS],
        events=case.events + other.events,
        flagged=case.flagged or other.flagged,
        alarm=case.alarm or other.alarm,
        clocks=_clocks_together(case, other, now),
        joined=(*case.joined, joined),
        material=case.version + 1,
    )
    lines = charter.datamap.find(together.assets)
    parts = parts_of(facts, lines, case.parts[0].controller, charter)
    together = replace(together, parts=carried(parts, _parts_together(case.parts, other.parts)))
    after = lifecycle.settled(judged(together, charter), charter, now)
    body: dict[str, Any] = {"other": other.id, "reason": decision.reason}
    fact_body, sealed = changed_facts(changes)
    body |= fact_body | consequences(after, case, charter) | ({"warnings": warnings} if warnings else {})
    told = {clock.id for clock in (*case.clocks, *other.clocks) if clock.stop is None}
    fresh = [clock for clock in after.clocks if clock.stop is None and clock.id not in told]
    gone = replace(
        other,
        version=other.version + 1,
        stage=Stage.CLOSED,
        closed_at=now,
        flagged=None,
        alarm=False,
        merged_into=case.id,
        clocks=tuple(_lifted(clock, now) for clock in other.clocks),
    )
    return (
        Change(
            case=after,
            was=case.version,
            entries=(Entry(at=now, kind="merged", by=decision.by, body=body, sealed=sealed or None),),
            notices=telling.opening(after, fresh, charter, now),
            warnings=warnings,
        ),
        Change(
            case=gone,
            was=other.version,
            entries=(Entry(at=now, kind="merged", by=decision.by, body={"into": case.id, "reason": decision.reason}),),
        ),
    )


def unmerged(case: Case, other: Case, decision: Regroup, charter: Charter, now: datetime) -> tuple[Change, Change]:
    """Undo a merge: the other case stands again as it was, its clocks run on; this one gives back what it took over.

    What somebody changed since stays with this case, and so do the candidates for awareness: the earliest deadline
    holds for both until a person sets another one. Raises `IllegalMove`.
    """
    check_regroup(case, decision)
    joined = next((one for one in case.joined if one.case == other.id), None)
    if joined is None or other.merged_into != case.id:
        raise IllegalMove(f"{case.id}: {other.id} was not merged into it.")
    facts, changes = dict(case.facts), []
    for name, before in joined.replaced.items():
        now_known = facts.get(name)
        if now_known is None or now_known.at > joined.at:
            continue  # Somebody, or a later event, has changed it since.
        if before is None:
            del facts[name]
        else:
            facts[name] = before
        changes.append(FactChange(name, now_known.value, before.value if before is not None else None, "split"))
    kept = replace(
        case,
        version=case.version + 1,
        facts=facts,
        events=max(1, case.events - other.events),
        joined=tuple(one for one in case.joined if one.case != other.id),
        material=case.version + 1,
    )
    lines = charter.datamap.find(kept.assets)
    parts = carried(parts_of(facts, lines, case.parts[0].controller, charter), _without(case.parts, other.parts))
    after = lifecycle.settled(judged(replace(kept, parts=parts), charter), charter, now)
    body: dict[str, Any] = {"other": other.id, "reason": decision.reason}
    fact_body, sealed = changed_facts(changes)
    back = replace(
        other,
        version=other.version + 1,
        stage=Stage.SUSPECTED if other.aware is None else Stage.CONFIRMED,
        closed_at=None,
        merged_into=None,
        material=other.version + 1,
    )
    back = lifecycle.settled(judged(back, charter), charter, now)
    return (
        Change(
            case=after,
            was=case.version,
            entries=(
                Entry(
                    at=now, kind="split", by=decision.by, sealed=sealed or None,
                    body=body | fact_body | consequences(after, case, charter),
                ),
            ),
        ),
        Change(
            case=back,
            was=other.version,
            entries=(
                Entry(
                    at=now, kind="split", by=decision.by,
                    body={"out_of": case.id, "reason": decision.reason} | consequences(back, other, charter),
                ),
            ),
            notices=telling.opening(back, back.clocks, charter, now, again=back.version),
        ),
    )  # fmt: skip


def _facts_together(case: Case, other: Case) -> tuple[dict[str, Known], list[FactChange], dict[str, Known | None]]:
    """Return the facts of both, the worse where they differ; what changed in the first; and what it had before."""
    mine, theirs = dict(case.facts), dict(other.facts)
    scopes = _scopes_together(case, other)
    for facts in (mine, theirs):
        facts.pop("scopes", None)
    facts, changes = learn(mine, theirs)
    for name in mine.keys() & theirs.keys():
        # Two people have set different values: neither of them knew the other's.
        if mine[name].confidence == theirs[name].confidence == "verified" and mine[name].value != theirs[name].value:
            worse = worse_value(name, mine[name].value, theirs[name].value)
            facts[name] = mine[name] if worse == mine[name].value else replace(theirs[name], value=worse)
    changes = [change for change in changes if change.kept or facts[change.fact].value != change.before]
    before = case.facts.get("scopes")
    if scopes is not None:
        facts["scopes"] = scopes
        if before is None or before.value != scopes.value:
            changes.append(FactChange("scopes", before.value if before else None, scopes.value, scopes.origin))
    replaced = {name: case.facts.get(name) for name, known in facts.items() if case.facts.get(name) != known}
    return facts, changes, replaced


def _scopes_together(case: Case, other: Case) -> Known | None:
    """Return one scope for each controller, processing and role of both, or `None` where both have the same one."""
    scopes: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in (case, other):
        for part in one.parts:
            mine = scope_of(part, facts_of(one, part))
            found = scopes.setdefault((part.controller, part.processing, part.role), mine)
            if found is not mine:
                for name in SCOPED:
                    if name in mine:
                        found[name] = worse_value(name, found[name], mine[name]) if name in found else mine[name]
    if len(scopes) < 2:
        return None
    known = [one.facts["scopes"] for one in (case, other) if "scopes" in one.facts]
    latest = max((item.at for item in known), default=max(case.opened_at, other.opened_at))
    verified = any(item.confidence == "verified" for item in known)
    confidence: Confidence = "verified" if verified else "extracted"
    return Known(value=list(scopes.values()), origin=f"case:{other.id}", at=latest, confidence=confidence)


def _awareness_together(case: Case, other: Case) -> tuple[Awareness | None, tuple[str, ...]]:
    """Return the awareness that governs both: the earliest one set, unless an earlier sign has none."""
    set_ones = [one.aware for one in (case, other) if one.aware is not None]
    if not set_ones:
        return None, ()
    earliest = min(set_ones, key=lambda aware: aware.at)
    provisional = [start for start, open_ in map(aware_or_earliest, (case, other)) if open_]
    if any(start < earliest.at for start in provisional):
        said = "the merged case shows a sign earlier than the awareness that was set; it has to be confirmed again"
        return None, (said,)
    return earliest, ()


def _parts_together(mine: Sequence[Part], theirs: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts of both with what was decided about them; one not to act holds only where both made it."""
    result = list(mine)
    for part in theirs:
        place = next((n for n, one in enumerate(result) if _same(one, part)), None)
        if place is None:
            result.append(part)
            continue
        one = result[place]
        result[place] = replace(
            one,
            filings=tuple(sorted({*one.filings, *part.filings}, key=lambda filing: filing.at)),
            exempted=one.exempted if part.exempted is not None else None,
            informed=one.informed if part.informed is not None else None,
        )
    return tuple(result)


def _same(one: Part, other: Part) -> bool:
    return one.controller == other.controller and (
        one.processing == other.processing or None in (one.processing, other.processing)
    )


def _without(parts: Sequence[Part], theirs: Sequence[Part]) -> tuple[Part, ...]:
    filed = {filing for part in theirs for filing in part.filings}
    return tuple(replace(part, filings=tuple(f for f in part.filings if f not in filed)) for part in parts)


def _clocks_together(case: Case, other: Case, now: datetime) -> tuple[Clock, ...]:
    """Return every clock of both; of one that both have, the other's deadline stays visible beside it."""
    clocks = {clock.id: clock for clock in case.clocks}
    for theirs in other.clocks:
        mine = clocks.get(theirs.id)
        if mine is None:
            clocks[theirs.id] = theirs
            continue
        earlier = (*mine.earlier, *theirs.earlier)
        if theirs.act_by != mine.act_by:
            merged_from = f"the deadline of {other.id}, which was merged into this case"
            moved = Moved(act_by=theirs.act_by, started=theirs.started, moved_at=now, because=merged_from)
            earlier = (*earlier, moved)
        clocks[theirs.id] = replace(
            mine,
            earlier=earlier,
            done_at=mine.done_at or theirs.done_at,
            done_reference=mine.done_reference or theirs.done_reference,
        )
    return tuple(clocks.values())


def _lifted(clock: Clock, now: datetime) -> Clock:
    if clock.stop is not None:
        return clock
    return replace(clock, stop="lifted", stopped_at=now, next_rung_at=None, acked_by=None, acked_until=None)
