"""What a complement must show: each field that says something else than what was filed, and why.

The form is filled once more from the facts as the last filing stated them; the two are compared field by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.assess import assess
from breachflow.core.case import Awareness, Filing, Known, facts_of
from breachflow.core.drafting_form import Field
from breachflow.core.drafting_material import Material, material
from breachflow.core.facts import Facts, Instant

FIELD_OF: Mapping[str, int] = {
    "incident_type": 60, "origin": 61, "intent": 61, "confidentiality": 55, "integrity": 55, "availability": 55,
    "exfiltration": 56, "protection": 57, "alteration": 58, "permanent_loss": 59, "people": 65, "people_count": 68,
    "people_count_basis": 67, "data": 70, "records_count": 73, "records_count_basis": 72, "occurred_from": 46,
    "occurred_to": 47, "ongoing": 44, "occurred_basis": 44, "estimated_dates": 45, "reported_at": 52,
    "reported_by": 50, "parties": 40, "measures_before": 75, "measures_prevent": 94, "measures_taken": 92,
    "consequences_confidentiality": 79, "consequences_integrity": 81, "consequences_availability": 83, "harms": 85,
    "informed_at": 98, "inform_planned_at": 99, "informed_all": 102, "not_informed_reason": 103,
    "informed_means": 104, "complaint": 109, "other_authorities": 111, "countries": 116, "people_by_country": 117,
    "text_discovery": 51, "text_timeline": 53, "text_nature": 62, "text_systems": 63, "text_people": 66,
    "text_data": 71, "text_measures_before": 76, "text_harms": 86, "text_measures_prevent": 95, "late_reason": 49,
    "text_assessment": 90,
}  # fmt: skip
"""The field in which each fact is stated; a fact without one weighs in the risk assessment, field 90."""

AWARE, SYSTEMS, ASSESSMENT = 48, 63, 90

OF_THE_FORM = frozenset({3, 4, 5, 6, 7})
"""Fields about the notification itself, which differ in every complement."""

ABOUT_INFORMING = range(97, 107)


class Changed(Struct, frozen=True, kw_only=True):
    """A field that says something else than what was filed: since when, who established it, and the reason given.

    `fact` names a fact of which the form has no field, or one that says the same of both values. `origin` is `person`,
    `event` or `datamap`, `assessment` where the field follows from other facts, `gone` where nobody states the fact any
    more; `who` is the person, the event or the entries. `kept` is false where it is not on record what was filed.
    """

    number: int
    at: Instant | None
    origin: str
    who: str = ""
    reason: str = ""
    fact: str | None = None
    kept: bool = True


def as_filed(made: Material) -> Material | None:
    """Return what the last filing stated, as material of the same draft; `None` where that is not on record."""
    filed = made.latest
    if filed is None or filed.stated is None:
        return None
    facts = {
        name: Known(value=value, origin="filing", at=filed.at, confidence="verified")
        for name, value in filed.stated.items()
    }
    aware = None
    if filed.aware_at is not None:
        aware = Awareness(at=filed.aware_at, by=filed.by, reason="", recorded_at=filed.at)
    case = replace(made.case, facts=facts, aware=aware, assets=filed.assets)
    informed = made.part.informed
    part = replace(made.part, informed=None) if informed is not None and informed.at > filed.at else made.part
    # Today's policy is asked about the facts of that day: what differs then differs by the facts.
    answer = assess(facts_of(case, part), made.organisation.policy.risk, case.profile, flips=False)
    return material(case, part, made.organisation, answer, made.now, made.kind)


def changes(
    made: Material, fields: Mapping[int, Field], before: Material | None, filed: Mapping[int, Field]
) -> tuple[Changed, ...]:
    """Return what changed since the last filing, in the form's order; `before` and `filed` are what it stated."""
    if made.latest is None:
        return ()
    if before is None:
        return tuple(_since(made, made.latest))
    names = [name for name in Facts.__struct_fields__ if getattr(made.facts, name) != getattr(before.facts, name)]
    differing = {number for number, field in fields.items() if _says(field) != _says(filed[number])}
    by_field: dict[int, list[str]] = {}
    alone = []
    for name in names:
        number = FIELD_OF.get(name, 0)
        if number in differing or (number and fields[number].sentence is not None):
            by_field.setdefault(number, []).append(name)
        else:
            alone.append(name)
    # Sentences that the draft makes: the field says "a sentence" before and after.
    if (made.answer.severity, made.reasons) != (before.answer.severity, before.reasons):
        differing.add(ASSESSMENT)
    if made.case.assets != before.case.assets and fields[SYSTEMS].sentence is not None:
        differing.add(SYSTEMS)
    later = set(made.latest.later)
    found = [
        _why(made, number, own, kept=later.isdisjoint(own))
        for number in (differing | by_field.keys()) - OF_THE_FORM
        for own in [by_field.get(number, [])]
    ]
    found += [_why(made, FIELD_OF.get(name, ASSESSMENT), [name], fact=name, kept=name not in later) for name in alone]
    # What the assessment follows from comes before it.
    return tuple(sorted(found, key=lambda one: (one.number, one.fact is None, one.fact or "")))


def _says(field: Field) -> tuple[object, ...]:
    """What a reader sees of a field; who is asked for an open one is no news to the authority."""
    return field.value, field.sentence, field.open is None, field.idle


def _why(made: Material, number: int, names: list[str], *, fact: str | None = None, kept: bool) -> Changed:
    """Who established what a field says now: the newest of the facts in it, a person's decision, or the assessment."""
    facts, aware, informed = made.case.facts, made.case.aware, made.informed
    known = [one for name in names if (one := facts.get(name) or facts.get("scopes")) is not None]
    at, origin, reason = None, "gone" if names else "assessment", ""
    if known:
        newest = max(known, key=lambda one: one.at)
        at, origin, reason = newest.at, newest.origin, newest.reason
    elif number == AWARE and aware is not None:
        at, origin, reason = aware.recorded_at, f"person:{aware.by}", aware.reason
    elif number in ABOUT_INFORMING and informed is not None and not names:
        at, origin = informed.at, f"person:{informed.by}"
    origin, _, who = origin.partition(":")
    who = who.partition("#")[0] if origin == "event" else who
    return Changed(number=number, at=at, origin=origin, who=who, reason=reason, fact=fact, kept=kept)


def _since(made: Material, filed: Filing) -> Iterator[Changed]:
    """Yield what became known since the filing, each field once, where it is not on record what was filed."""
    fields: dict[int, list[str]] = {}
    for name, known in made.case.facts.items():
        if known.at > filed.at:
            fields.setdefault(FIELD_OF.get(name, ASSESSMENT), []).append(name)
    if made.case.aware is not None and made.case.aware.recorded_at > filed.at:
        fields[AWARE] = []
    if made.informed is not None and made.informed.at > filed.at:
        fields[97] = []
    yield from (_why(made, number, names, kept=False) for number, names in sorted(fields.items()))
