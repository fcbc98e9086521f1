"""Whose breach it is: one part per controller and processing, each with its own role, proposal and notification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from breachflow.core.assess import assess
from breachflow.core.assessment import Assessment, RiskPolicy
from breachflow.core.case import Case, Known, Part, Proposal, facts_of, scope_name
from breachflow.core.charter import Charter
from breachflow.core.datamap import has_personal_data, mapped_facts
from breachflow.core.facts import Facts
from breachflow.core.organisation import Asset

REMEMBERED = 4096  # Alerts of one kind state the same facts; judging them once keeps a storm from costing the clocks.

_encode = msgspec.json.Encoder(order="sorted").encode
SCOPED = ("people_count", "records_count", "people", "data", "countries")


def mapped_scopes(lines: Sequence[Asset], types: Sequence[str], charter: Charter) -> list[dict[str, Any]]:
    """Return one scope per controller, processing and role that the data map names; empty where there is only one."""
    groups: dict[tuple[str, str | None, str | None], list[Asset]] = {}
    for line in lines:
        if has_personal_data(line):
            controller = line.controller or charter.organisation.default.id
            groups.setdefault((controller, line.processing, line.role), []).append(line)
    if len({(controller, role) for controller, _, role in groups}) < 2:
        return []
    scopes = []
    for (controller, processing, role), of_group in groups.items():
        facts = mapped_facts(of_group, types)
        scope = {"controller": controller, "processing": processing, "role": role}
        scope |= {name: facts[name][0] for name in SCOPED if name in facts}
        scopes.append({name: value for name, value in scope.items() if value is not None})
    return scopes


def speaking(case: Case, assets: Sequence[str], charter: Charter) -> tuple[Asset, ...]:
    """Return the lines of the data map that these assets match, but for those a person took back for this case."""
    lines = charter.datamap.find(assets)
    return tuple(line for line in lines if line.id not in case.retracted) if case.retracted else lines


def mapped_news(
    lines: Sequence[Asset], controller: str | None, types: Sequence[str], charter: Charter, now: datetime
) -> dict[str, Known]:
    """Return what these lines say, each fact with its entry; of the `controller` that an event stated, where it did."""
    news: dict[str, Known] = {}
    if lines:
        of_controller = [line for line in lines if controller in (None, line.controller)] or lines
        for name, (value, entries) in mapped_facts(of_controller, types).items():
            news[name] = Known(value=value, origin=f"datamap:{entries}", at=now, confidence="mapped")
        scopes = mapped_scopes(of_controller, types, charter) if controller is None else []
        if scopes:
            news["scopes"] = Known(value=scopes, origin="datamap", at=now, confidence="mapped")
    return news


def parts_of(
    facts: Mapping[str, Known], lines: Sequence[Asset], stated: str | None, charter: Charter
) -> tuple[Part, ...]:
    """Return the parts of a case: from its scopes, else the controller stated, else the data map's, else the default.

    A controller that the organisation file does not know falls to the default one: a clock must run for somebody.
    Joint controllers notify as their arrangement says.
    """
    parts = _separate(facts, lines, stated, charter)
    return _jointly(parts, facts, charter) if charter.organisation.processings else parts


def _separate(
    facts: Mapping[str, Known], lines: Sequence[Asset], stated: str | None, charter: Charter
) -> tuple[Part, ...]:
    scopes = facts["scopes"].value if "scopes" in facts else ()
    role = facts["role"].value if "role" in facts else None
    if scopes:
        parts = [
            Part(
                controller=_existing(scope.get("controller"), charter),
                processing=scope.get("processing"),
                role=scope.get("role", role),
                scope=scope_name(scope),
            )
            for scope in scopes
        ]
        return tuple({part.key: part for part in parts}.values())
    if stated is not None and charter.organisation.controller(stated) is not None:
        of_controller = [line for line in lines if line.controller == stated]
        first = of_controller[0] if of_controller else None
        return (
            Part(
                controller=stated,
                role=role or (first.role if first is not None else None),
                processing=_joint_processing(of_controller, charter),
            ),
        )
    for line in lines:
        if has_personal_data(line):
            return (
                Part(
                    controller=_existing(line.controller, charter), processing=line.processing, role=role or line.role
                ),
            )
    return (Part(controller=charter.organisation.default.id, role=role),)


def _joint_processing(lines: Sequence[Asset], charter: Charter) -> str | None:
    """Name the processing of these lines where its joint controllers are known: it decides who notifies."""
    return next((line.processing for line in lines if charter.organisation.processing(line.processing)), None)


def _jointly(parts: Sequence[Part], facts: Mapping[str, Known], charter: Charter) -> tuple[Part, ...]:
    """Give each part of a processing with joint controllers to the one that notifies, or to each of them.

    "Controllers shall in a transparent manner determine their respective responsibilities [...] by means of an
    arrangement between them" -- GDPR Art. 26(1). Where it says nothing of breaches, each of them notifies.
    """
    scopes = facts["scopes"].value if "scopes" in facts else ()
    stated = {scope_name(scope): {**scope, "controller": None} for scope in scopes}
    result: dict[tuple[Any, ...], Part] = {}
    for part in parts:
        joint = charter.organisation.processing(part.processing)
        if joint is None or part.role == "processor" or part.controller not in joint.joint_controllers:
            result.setdefault(part.key, part)
            continue
        notifying = (joint.notifying_controller,) if joint.notifying_controller else joint.joint_controllers
        for controller in notifying:
            own = replace(part, controller=controller, role="joint_controller")
            # Two of them who state the same of it make one notification; where they differ, neither is lost.
            said = repr(sorted(stated[part.scope].items(), key=str)) if part.scope in stated else part.scope
            result.setdefault((controller, part.processing, said), own)
    return tuple(result.values())


def carried(parts: Sequence[Part], before: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts with what was decided about them before; a part with decisions is never dropped."""
    known = {part.key: part for part in before}
    result = []
    for part in parts:
        old = known.pop(part.key, None) or _same_controller(known, part)
        now = {"role": part.role, "processing": part.processing, "scope": part.scope}
        result.append(part if old is None else replace(old, **now | {"role": part.role or old.role}))
    decided = (part for part in known.values() if part.filings or part.exempted or part.informed)
    return (*result, *decided)


def scope_of(part: Part, facts: Facts) -> dict[str, Any]:
    """Return the scope that would make this part again: whose data, which processing and role, how much of what."""
    stated = {"controller": part.controller, "processing": part.processing, "role": part.role}
    values: dict[str, Any] = msgspec.to_builtins(facts)
    stated |= {name: values[name] for name in SCOPED if name in values}
    return {name: value for name, value in stated.items() if value is not None}


def judged(case: Case, charter: Charter) -> Case:
    """Return the case with the engine's proposal for each of its parts."""
    parts = tuple(replace(part, proposal=proposal(assessed(case, part, charter))) for part in case.parts)
    return case if parts == case.parts else replace(case, parts=parts)


def assessed(case: Case, part: Part, charter: Charter, *, flips: bool = False) -> Assessment:
    """Return the whole assessment of one part under the case's law profile."""
    facts = facts_of(case, part)
    if flips:
        return assess(facts, charter.policy.risk, case.profile, flips=True)
    return _remembered(_encode(facts), charter.policy.risk, case.profile)


def proposal(assessment: Assessment) -> Proposal:
    """Return the answer in short."""
    return Proposal(
        risk=assessment.risk,
        notify_authority=assessment.notify_authority,
        notify_controllers=assessment.notify_controllers,
        inform_people=assessment.inform_people,
        inform_how=assessment.inform_how,
        basis=assessment.basis,
        exemption=assessment.exemption,
    )


@lru_cache(maxsize=REMEMBERED)
def _remembered(facts: bytes, policy: RiskPolicy, profile: str) -> Assessment:
    return assess(msgspec.json.decode(facts, type=Facts), policy, profile, flips=False)


def _existing(controller: str | None, charter: Charter) -> str:
    known = controller is not None and charter.organisation.controller(controller) is not None
    return controller if known and controller is not None else charter.organisation.default.id


def _same_controller(known: dict[tuple[str, str | None, str | None], Part], part: Part) -> Part | None:
    """A part whose processing or scope became known is the same part; its decisions stay with it."""
    for key, old in known.items():
        if key[0] == part.controller and None in (old.scope, part.scope) and None in (old.processing, part.processing):
            return known.pop(key)
    return None
