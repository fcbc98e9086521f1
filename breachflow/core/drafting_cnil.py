"""The CNIL's own lists: which of the téléservice's boxes a fact ticks.

The form knows eleven origins, six causes, ten kinds of data and eight sensitive ones, and not one for a vehicle or a
contract: what has no box of its own is "other", and is said in the description.
"""

from __future__ import annotations

from collections.abc import Iterable

from breachflow.core.drafting_material import Material
from breachflow.law.cnil_form import FORM, ticked_by

ORIGINS = ticked_by("origin")
DATA = ticked_by("data")
SENSITIVE = ticked_by("sensitive")
PEOPLE = ticked_by("people")
CAUSES = {(box.means[0], box.means[1]): key for key, box in FORM.lists["cause"].items() if len(box.means) == 2}


def origins(types: Iterable[str]) -> tuple[str, ...]:
    """Return the boxes "Origine(s) de l'incident"; empty where the incident is not known."""
    return tuple(dict.fromkeys(ORIGINS.get(kind, "other") for kind in types))


def cause(origin: str | None, intent: str | None) -> str | None:
    """Return the box "Cause(s) de l'incident"; `None` while it is still to be found out."""
    if "undeterminable" in (origin, intent):
        return "unknown"
    return CAUSES.get((origin or "", intent or ""))


def data(kinds: Iterable[str] | None) -> tuple[str, ...]:
    """Return the boxes "Catégories de données"; those that are sensitive have a list of their own."""
    return tuple(dict.fromkeys(DATA.get(kind, "other") for kind in kinds or () if kind not in SENSITIVE))


def sensitive(kinds: Iterable[str] | None) -> tuple[str, ...]:
    """Return the boxes "Données sensibles"."""
    return tuple(dict.fromkeys(SENSITIVE[kind] for kind in kinds or () if kind in SENSITIVE))


def people(groups: Iterable[str] | None) -> tuple[str, ...]:
    """Return the boxes "Catégories de personnes"."""
    return tuple(dict.fromkeys(PEOPLE.get(group, "other") for group in groups or ()))


def informed(material: Material) -> str:
    """Return the box "Les personnes ont-elles été informées ?"; a precautionary answer concedes nothing."""
    if material.informed is not None:
        return "yes"
    if material.part.informed is not None:
        return "no"
    if material.facts.inform_planned_at is not None:
        return "planned"
    if material.precaution:
        return "undecided"
    return "planned" if material.answer.inform_people else "no"


def why_not_informed(material: Material) -> str | None:
    """Return the box "Motif" where people are not informed: a point of Art. 34(3), or no high risk."""
    if informed(material) != "no":
        return None
    decided = material.part.informed.exemption if material.part.informed is not None else None
    return decided or material.answer.exemption or "no_high_risk"
