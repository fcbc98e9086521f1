"""The engine against cases whose outcome is known: where it agrees, where not and why."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct

from breachflow.core.assess import assess
from breachflow.core.assessment import Reason
from breachflow.core.facts import Facts

ASKED = ("notify_authority", "inform_people", "notify_controllers", "register")


class Known(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case with its outcome; `None` in `expect` where the outcome depends on what the case leaves open."""

    id: str
    facts: Facts
    expect: dict[str, bool | None]
    title: str = ""
    source: str = ""
    story: str = ""
    note: str = ""
    narrative: str = ""
    provenance: str = ""


class Disagreement(Struct, frozen=True, kw_only=True):
    """A question on which the engine and the case differ, with the engine's reasons."""

    id: str
    title: str
    asked: str
    expected: bool
    answered: bool
    reasons: tuple[Reason, ...]


class Result(Struct, frozen=True, kw_only=True):
    """How often each question was answered right and wrong; `missed` counts the unforgivable "no" where "yes" is true.

    `matrix` is keyed by question, then by `yes/yes`, `yes/no`, `no/yes`, `no/no`: what is true, then what was answered.
    """

    cases: int
    right: int
    wrong: int
    missed: int
    matrix: dict[str, dict[str, int]]
    disagreements: tuple[Disagreement, ...]


def shipped() -> tuple[Known, ...]:
    """Return the cases of EDPB 01/2021 and WP250 Annex B, in our own words."""
    raw = files("breachflow.law").joinpath("gold_cases.json").read_bytes()
    return msgspec.json.decode(raw, type=tuple[Known, ...])


def backtest(cases: Iterable[Known]) -> Result:
    """Ask the engine about each case and hold the answers against the outcomes."""
    counted = right = missed = 0
    matrix: dict[str, dict[str, int]] = {}
    differ: list[Disagreement] = []
    for case in cases:
        counted += 1
        answer = assess(case.facts, flips=False)
        for asked in ASKED:
            expected = case.expect.get(asked)
            if expected is None:
                continue
            answered: bool = getattr(answer, asked)
            cell = f"{_word(expected)}/{_word(answered)}"
            matrix.setdefault(asked, {})[cell] = matrix.get(asked, {}).get(cell, 0) + 1
            if answered == expected:
                right += 1
                continue
            missed += expected and asked != "register"
            differ.append(
                Disagreement(
                    id=case.id,
                    title=case.title,
                    asked=asked,
                    expected=expected,
                    answered=answered,
                    reasons=answer.reasons,
                )
            )
    return Result(
        cases=counted, right=right, wrong=len(differ), missed=missed, matrix=matrix, disagreements=tuple(differ)
    )


def _word(value: Any) -> str:
    return "yes" if value else "no"
