"""The worksheet of a notification: every field as it stands, how complete it is, and what to ask next.

No number is invented and nothing unknown is stated; awareness is stated only once a person has set it. The CNIL's
form, the EDPB's template and its JSON are all made from this one worksheet, and so are the letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict, replace

from breachflow.core import drafting_edpb
from breachflow.core.assessment import Assessment
from breachflow.core.case import Case, Part
from breachflow.core.drafting_audiences import proposed
from breachflow.core.drafting_form import Field
from breachflow.core.drafting_material import Kind, Material, Question, material
from breachflow.core.facts import Instant
from breachflow.core.organisation import Organisation

OPTIONAL = frozenset({7, 10, 11, *range(14, 20), *range(24, 37), 45, 47, 53, 105, 109, 110, 111, 125, 126})
"""Fields of the EDPB template that a notification is complete without."""

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
}  # fmt: skip
"""The field in which each fact is stated; a fact without one weighs in the risk assessment, field 90."""


class Changed(Struct, frozen=True, kw_only=True):
    """A field that says something else than what was filed: since when, and who established it.

    `origin` is `person`, `event` or `datamap`; `who` the name a person gave.
    """

    number: int
    at: Instant
    origin: str
    who: str = ""


class Worksheet(Material, frozen=True, kw_only=True):
    """One notification as far as it can be written today.

    `fields` are the EDPB template's, by number. `answered` of the `needed` fields that apply are stated. `changes`
    are what a complement must show: what became known or was corrected since the last filing.
    """

    audience: str
    proposed: bool
    fields: Mapping[int, Field]
    answered: int
    needed: int
    changes: tuple[Changed, ...]

    @property
    def next_question(self) -> Question | None:
        """The fact whose answer would tell most, and who is asked."""
        return self.questions[0] if self.questions else None


def worksheet(
    case: Case,
    part: Part,
    organisation: Organisation,
    answer: Assessment,
    now: datetime,
    kind: Kind | None = None,
    *,
    audience: str = "cnil",
) -> Worksheet:
    """Fill the notification of one controller's part of a case.

    Without `kind` it is the one that is due next: the initial one, in one go where nothing is open; after a filing the
    complement, or the withdrawal where the case turned out to be no breach.
    """
    made = material(case, part, organisation, answer, now, kind)
    fields = drafting_edpb.fields(made)
    needed = [field for field in fields.values() if field.number not in OPTIONAL and field.idle is None]
    answered = sum(field.stated for field in needed)
    if kind is None and made.kind == "initial" and answered == len(needed):
        made = replace(made, kind="complete")
    return Worksheet(
        **asdict(made),
        audience=audience,
        proposed=proposed(audience, made),
        fields=fields,
        answered=answered,
        needed=len(needed),
        changes=_changes(made),
    )


def addressed(sheet: Worksheet, audience: str) -> Worksheet:
    """Return the worksheet as the draft for another audience states it."""
    return replace(sheet, audience=audience, proposed=proposed(audience, sheet))


def _changes(made: Material) -> tuple[Changed, ...]:
    """What became known or was corrected since the last filing, in the form's order, each field once."""
    if made.latest is None:
        return ()
    since = made.latest.at
    found: dict[int, Changed] = {}
    for name, known in sorted(made.case.facts.items(), key=lambda fact: fact[1].at):
        if known.at > since:
            number = FIELD_OF.get(name, 90)
            origin, _, who = known.origin.partition(":")
            found[number] = Changed(number=number, at=known.at, origin=origin, who=who if origin == "person" else "")
    aware, informed = made.case.aware, made.informed
    if aware is not None and aware.recorded_at > since:
        found[48] = Changed(number=48, at=aware.recorded_at, origin="person", who=aware.by)
    if informed is not None and informed.at > since:
        found[97] = Changed(number=97, at=informed.at, origin="person", who=informed.by)
    return tuple(found[number] for number in sorted(found))
