"""Joining and parting cases: who decides, and why."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from breachflow.core.case import Case, IllegalMove
from breachflow.core.decision import Person, Why

Reason = Annotated[Why, Meta(min_length=1)]


class Regroup(Struct, frozen=True, kw_only=True):
    """Who joins or parts cases, and why; the registers of both keep it."""

    by: Person
    reason: Reason


def check_regroup(case: Case, decision: Regroup) -> None:
    """Raise `IllegalMove` where nobody is named, no reason is given, or the case is another's by now."""
    if not decision.by.strip() or not decision.reason.strip():
        raise IllegalMove(f"{case.id}: say who decides (--by) and why (--reason); both registers keep it.")
    if case.merged_into is not None:
        raise IllegalMove(f"{case.id} was merged into {case.merged_into}; decide about that one.")
