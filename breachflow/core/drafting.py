"""The worksheet of a notification: every field as it stands, how complete it is, and what to ask next.

No number is invented and nothing unknown is stated; awareness is stated only once a person has set it. The CNIL's
form, the EDPB's template and its JSON are all made from this one worksheet, and so are the letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import asdict, replace

from breachflow.core import drafting_edpb
from breachflow.core.assessment import Assessment
from breachflow.core.case import Case, Part
from breachflow.core.drafting_audiences import proposed
from breachflow.core.drafting_changes import Changed, as_filed, changes
from breachflow.core.drafting_form import Field
from breachflow.core.drafting_material import Kind, Material, Question, material
from breachflow.core.organisation import Organisation

OPTIONAL = frozenset({7, 10, 11, *range(14, 20), *range(24, 37), 45, 47, 53, 105, 109, 110, 111, 125, 126})
"""Fields of the EDPB template that a notification is complete without."""


class Worksheet(Material, frozen=True, kw_only=True):
    """One notification as far as it can be written today.

    `fields` are the EDPB template's, by number. `answered` of the `needed` fields that apply are stated. `changes`
    are what a complement must show: what became known or was corrected since the last filing. `before` is the worksheet
    of the facts as that filing stated them, where they are on record.
    """

    audience: str
    proposed: bool
    fields: Mapping[int, Field]
    answered: int
    needed: int
    changes: tuple[Changed, ...]
    before: Worksheet | None = None

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
    sheet = _filled(made, audience)
    if kind is None and made.kind == "initial" and sheet.answered == sheet.needed:
        sheet = replace(sheet, kind="complete")
    if made.latest is None:
        return sheet
    filed = as_filed(made)
    before = _filled(filed, audience) if filed is not None else None
    stated = before.fields if before is not None else {}
    return replace(sheet, changes=changes(made, sheet.fields, filed, stated), before=before)


def _filled(made: Material, audience: str) -> Worksheet:
    fields = drafting_edpb.fields(made)
    needed = [field for field in fields.values() if field.number not in OPTIONAL and field.idle is None]
    return Worksheet(
        **asdict(made),
        audience=audience,
        proposed=proposed(audience, made),
        fields=fields,
        answered=sum(field.stated for field in needed),
        needed=len(needed),
        changes=(),
    )


def addressed(sheet: Worksheet, audience: str) -> Worksheet:
    """Return the worksheet as the draft for another audience states it."""
    return replace(sheet, audience=audience, proposed=proposed(audience, sheet))
