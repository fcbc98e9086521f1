"""Is it likely to result in a risk, or a high risk, to the rights and freedoms of people? The engine's proposal.

1. The facts are read at their worst (`reading`), and the rules decide (`verdict`).
2. The same is asked of the mildest reading: where the answer is the same, the known facts carry it (`basis`).
3. `enisa` scores, `questions` says what to find out, `flips` which single fact would change the answer.
4. A breach of several controllers or processings is assessed scope by scope; the whole has the worst answer.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.assessment import DEFAULT_RISK_POLICY, Assessment, Reason, RiskPolicy
from breachflow.core.enisa import severity
from breachflow.core.facts import FINDINGS, Facts, Scope
from breachflow.core.flips import flips as flips_of
from breachflow.core.questions import ASKED, unknown
from breachflow.core.reading import Reading
from breachflow.core.rules import NOT_RULED_OUT, open_reason
from breachflow.core.verdict import Answer, verdict
from breachflow.law.profiles import DEFAULT

RISKS = ("unlikely", "risk", "high")

OVERRIDDEN = ("role", "people_count", "records_count", "people", "data", "countries")
"""What a scope may state of its own."""


class ScopeAssessment(Struct, frozen=True, kw_only=True):
    """The assessment of one scope; `scope` is `None` where the facts name none."""

    assessment: Assessment
    scope: Scope | None = None


class Combined(Assessment, frozen=True, kw_only=True, omit_defaults=False):
    """The worst answer over all scopes, and each scope's own."""

    scopes: tuple[dict[str, Any], ...] = ()


def assess(
    facts: Facts, policy: RiskPolicy = DEFAULT_RISK_POLICY, profile: str = DEFAULT, *, flips: bool = True
) -> Assessment:
    """Assess one scope's facts under a law profile; with `flips`, also what would change the answer.

    A contradiction is no error: it is read the worse way and said. Raises `KeyError` for a profile that is not there.
    """
    worst = Reading(facts, worst=True)
    answer, reasons, breach = verdict(facts, worst, policy, profile)
    mildest = verdict(facts, Reading(facts, worst=False), policy, profile).answer
    asked = unknown(facts, worst, answer.risk)
    would_change = flips_of(facts, answer, lambda other: answer_of(other, policy, profile), policy) if flips else ()
    return Assessment(
        risk=answer.risk,
        register=breach,
        notify_authority=answer.notify_authority,
        notify_controllers=answer.notify_controllers,
        inform_people=answer.inform_people,
        inform_how=answer.inform_how,
        exemption=answer.exemption,
        basis="established" if mildest == answer else "precautionary",
        severity=severity(worst),
        reasons=_known_first(reasons, facts) if answer.risk != "unlikely" else tuple(reasons),
        unknown=_deciding_first(asked, [flip.fact for flip in would_change]),
        would_change=would_change,
    )


def assess_scopes(
    facts: Facts, policy: RiskPolicy = DEFAULT_RISK_POLICY, profile: str = DEFAULT, *, flips: bool = True
) -> tuple[ScopeAssessment, ...]:
    """Assess each scope: what it states overrides the flat facts for its controller."""
    if not facts.scopes:
        return (ScopeAssessment(assessment=assess(facts, policy, profile, flips=flips)),)
    return tuple(
        ScopeAssessment(scope=scope, assessment=assess(scoped(facts, scope), policy, profile, flips=flips))
        for scope in facts.scopes
    )


def combined(
    facts: Facts, policy: RiskPolicy = DEFAULT_RISK_POLICY, profile: str = DEFAULT, *, flips: bool = True
) -> Assessment:
    """Return the worst answer over the scopes, with each scope's own beside it; the plain one where there are none."""
    if not facts.scopes:
        return assess(facts, policy, profile, flips=flips)
    answers = assess_scopes(facts, policy, profile, flips=flips)
    assessments = [one.assessment for one in answers]
    gravest = max(assessments, key=lambda one: (one.inform_people, one.notify_authority, RISKS.index(one.risk)))
    whole = {name: getattr(gravest, name) for name in Assessment.__struct_fields__}
    answer = answer_of(facts, policy, profile)
    whole |= answer._asdict()
    whole["register"] = any(one.register for one in assessments)
    mildest = _worst_of([verdict(own, Reading(own, worst=False), policy, profile).answer for own in _each(facts)])
    whole["basis"] = "established" if mildest == answer else "precautionary"
    whole["reasons"] = tuple({one.rule: one for each in (gravest, *assessments) for one in each.reasons}.values())
    if flips:
        # A flip of a flat fact is asked of all scopes: what one of them states of its own stays as it is.
        found = flips_of(facts, answer, lambda other: answer_of(other, policy, profile), policy)
        whole["would_change"] = found
    asked = tuple(dict.fromkeys(name for one in assessments for name in one.unknown))
    whole["unknown"] = _deciding_first(asked, [flip.fact for flip in whole["would_change"]])
    lines = tuple(
        {"controller": one.scope.controller, "processing": one.scope.processing} | msgspec.to_builtins(one.assessment)
        for one in answers
        if one.scope is not None
    )
    return Combined(**whole, scopes=lines)


def answer_of(facts: Facts, policy: RiskPolicy = DEFAULT_RISK_POLICY, profile: str = DEFAULT) -> Answer:
    """Return only what is decided, over all scopes."""
    return _worst_of([verdict(own, Reading(own, worst=True), policy, profile).answer for own in _each(facts)])


def scoped(facts: Facts, scope: Scope) -> Facts:
    """Return the facts as one scope has them."""
    own = {name: value for name in OVERRIDDEN if (value := getattr(scope, name)) is not None}
    return replace(facts, scopes=None, **own)


# A finding that is absent is no open one: it speaks only where it was made.
_NAMED = tuple(name for name in ASKED if name not in FINDINGS)


def _each(facts: Facts) -> list[Facts]:
    return [scoped(facts, scope) for scope in facts.scopes] if facts.scopes else [facts]


def _worst_of(answers: list[Answer]) -> Answer:
    if len(answers) == 1:
        return answers[0]
    gravest = max(answers, key=lambda one: (one.inform_people, one.notify_authority, RISKS.index(one.risk)))
    return gravest._replace(
        risk=max((one.risk for one in answers), key=RISKS.index),
        notify_controllers=any(one.notify_controllers for one in answers),
    )


def _known_first(reasons: list[Reason], facts: Facts) -> tuple[Reason, ...]:
    """Put what the known facts carry first, and say of the rest that it is only not ruled out."""
    known: list[Reason] = []
    open_: list[Reason] = []
    missing = {name for name in _NAMED if getattr(facts, name) in (None, "undeterminable")}
    for one in reasons:
        if not missing.isdisjoint(one.facts):
            open_.append(open_reason(one.rule, *one.facts))
        else:
            (open_ if one.because.startswith(NOT_RULED_OUT) else known).append(one)
    return (*known, *open_)


def _deciding_first(asked: tuple[str, ...], deciding: list[str]) -> tuple[str, ...]:
    if not deciding:
        return asked
    return tuple(sorted(asked, key=lambda name: name not in deciding))


__all__ = ["Answer", "Combined", "ScopeAssessment", "answer_of", "assess", "assess_scopes", "combined", "scoped"]
