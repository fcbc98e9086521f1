"""The awareness ledger: every instant at which the organisation may have become aware, and what people chose."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from breachflow.core.case import Case
from breachflow.core.clock import aware_or_earliest, earliest_candidate
from breachflow.core.instants import parse_instant
from breachflow.core.overview import utc

LONG_GAPS = (
    (timedelta(hours=48), "more than 48 hours after the first sign: an authority will ask why"),
    (timedelta(hours=24), "more than 24 hours after the first sign: the reason is on record"),
)
"""Awareness set so long after the first candidate is said aloud (EDPB 9/2022 II.A.2), the longest first."""


def ledger(case: Case, entries: Iterable[tuple[datetime, str, str, dict[str, Any]]]) -> dict[str, Any]:
    """Return candidates, choices and deadlines of a case in JSON types; `entries` is its register, in order.

    `governs` marks the one that the clocks run from now: the last choice, or the earliest candidate that counts.
    """
    started, provisional = aware_or_earliest(case)
    candidates = [
        {
            "at": utc(one.at), "kind": one.kind, "origin": one.origin, "recorded_at": utc(one.recorded_at),
            "basis": one.basis, "governs": provisional and one.at == started,
        }
        for one in sorted(case.candidates, key=lambda one: one.at)
    ]  # fmt: skip
    first = earliest_candidate(case)
    choices = []
    for at, kind, by, body in entries:
        if kind != "confirm":
            continue
        aware = parse_instant(str(body["aware_at"]))
        gap = aware - first
        choices.append({
            "at": utc(aware), "by": by, "reason": body.get("reason", ""), "evidence": body.get("evidence", ""),
            "recorded_at": utc(at), "governs": False,
            "flags": [next(said for length, said in LONG_GAPS if gap > length)] if gap > LONG_GAPS[-1][0] else [],
        })  # fmt: skip
    if case.aware is not None and choices:
        choices[-1]["governs"] = True
    deadlines: list[dict[str, Any]] = []
    for clock in case.clocks:
        deadlines += [
            {"clock": clock.id, "started": utc(moved.started), "act_by": utc(moved.act_by),
             "moved_at": utc(moved.moved_at)}
            for moved in clock.earlier
        ]  # fmt: skip
        line = {"clock": clock.id, "started": utc(clock.started), "act_by": utc(clock.act_by), "moved_at": None}
        deadlines.append(line)
    return {"case": case.id, "candidates": candidates, "choices": choices, "deadlines": deadlines}
