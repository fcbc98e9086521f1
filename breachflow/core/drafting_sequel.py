"""The EDPB template's later sections: consequences, assessment, measures, information of people, other authorities."""

from __future__ import annotations

from breachflow.core.drafting_form import Form
from breachflow.core.drafting_lists import (
    HARMS,
    MEASURES_PREVENT,
    OUTCOME,
    SEVERITY,
    letter_of,
)
from breachflow.core.drafting_material import Material, local_day, not_affected


def consequences(m: Material, form: Form) -> None:
    """What the breach may mean for people, fields 79 to 86."""
    facts = m.facts
    for letter, number, side, names, open_ in (
        ("a", 79, "confidentiality", ("beyond_need", "linked", "other_purposes", "other"), "e"),
        ("b", 81, "integrity", ("outdated", "other_data", "other"), "d"),
        ("c", 83, "availability", ("no_access", "disruption", "other"), "d"),
    ):
        if letter not in form.value(55):
            form.skip([number, number + 1], not_affected(side, m))
            continue
        named: tuple[str, ...] = getattr(facts, f"consequences_{side}") or ()
        form.say(number, sorted({letter_of(name, names) for name in named}) or [open_], known=bool(named))
        own = [name for name in named if name not in names]
        if letter_of("other", names) in form.value(number):
            form.write(number + 1, facts.text_consequences or "; ".join(own), "unknown", known=False)
        else:
            form.skip([number + 1], "no_other_consequence")
    harms = facts.harms or ()
    form.say(85, sorted({letter_of(name, HARMS) for name in harms}) or ["o"], known=bool(harms))
    if "n" in form.value(85):
        own = [name for name in harms if name not in HARMS]
        form.write(86, facts.text_harms or "; ".join(own), "unknown", known=False)
    else:
        form.skip([86], "no_other_harm")


def assessment(m: Material, form: Form) -> None:
    """The risk as it is assessed, and the measures, fields 87 to 95."""
    # A precautionary answer concedes nothing: the assessment goes on (fields 87 d and 89 d).
    form.say(87, "d" if m.precaution else SEVERITY[m.answer.severity.band], known=not m.precaution)
    form.say(89, "d" if m.precaution else OUTCOME[m.answer.risk], known=not m.precaution)
    form.write(90, m.facts.text_assessment, "assessment", known=not m.precaution)
    form.write(92, None, "measures", known=bool(m.facts.measures_taken))
    prevent = m.facts.measures_prevent
    form.say(
        94, sorted({letter_of(name, MEASURES_PREVENT) for name in prevent or ("other",)}), known=prevent is not None
    )
    form.write(95, m.facts.text_measures_prevent, "prevent", known=prevent is not None)


def information(m: Material, form: Form) -> None:
    """Whether people were informed, when and how, or why not, fields 97 to 106."""
    facts, answer, decided = m.facts, m.answer, m.part.informed
    if m.informed is not None:
        form.say(97, "a")
        form.say(98, local_day(m.informed.at, m))
        form.skip([99], "already_informed")
        form.skip([100, 101], "informed")
        # That everybody was told is only ever said where somebody has counted.
        counted = m.informed.count is not None and m.informed.count == facts.people_count
        everybody = facts.informed_all if facts.informed_all is not None else True if counted else None
        form.say(102, "a" if everybody else "b", known=everybody is not None)
        if everybody:
            form.skip([103], "all_informed")
        else:
            form.write(103, facts.not_informed_reason, "unknown", known=False)
        stated = facts.informed_means
        named = (stated,) if isinstance(stated, str) else stated or ()
        means = {"individual": "a", "public": "b"}
        form.say(104, sorted({means.get(name, "c") for name in named}) or [means.get(answer.inform_how, "a")],
                 known=bool(named) or bool(m.informed.means))  # fmt: skip
        if "c" in form.value(104):
            form.say(105, "; ".join(name for name in named if name not in means) or m.informed.means)
        else:
            form.skip([105], "means_listed")
        form.write(106, None, "content", known=True)
        return
    form.skip([98, 102, 103, 104, 105, 106], "not_informed_yet")
    point = decided.exemption if decided is not None else answer.exemption if not m.precaution else None
    if point in ("a", "b", "c") and (decided is not None or point != "c"):
        form.say(97, "e")
        form.say(100, point)
        form.write(101, decided.reason if decided is not None else None, "assessment", known=True)
        form.skip([99], "not_to_be_informed")
        return
    form.skip([100, 101], "no_exemption")
    if decided is None and facts.inform_planned_at is not None:
        form.say(97, "b")
        form.say(99, local_day(facts.inform_planned_at, m))
    elif decided is None and m.precaution:
        form.say(97, "c", known=False)
        form.skip([99], "not_decided_yet")
    elif decided is None and answer.inform_people:
        form.say(97, "b1")
        form.say(99, None)
    else:
        form.say(97, "d")
        form.skip([99], "not_to_be_informed")


def elsewhere(m: Material, form: Form) -> None:
    """Who else was told, and which countries are concerned, fields 109 to 126."""
    facts, home = m.facts, m.controller.country
    lodged = facts.complaint is not None and facts.complaint.lodged_at is not None
    form.say(109, "a" if lodged else "c", known=lodged)
    others = facts.other_authorities
    form.say(110, "c" if others is None else "a" if others else "b", known=others is not None)
    if others:
        form.say(111, "; ".join(" ".join(part for part in (other.name, other.reference) if part) for other in others))
    elif lodged and facts.complaint is not None:
        form.say(111, facts.complaint.reference)
    else:
        form.skip([111], "no_other_authority")
    countries = facts.countries
    abroad = [country for country in countries or () if country != home]
    form.say(113, "c" if countries is None else "a" if abroad else "b", known=countries is not None)
    if abroad:
        form.say(114, m.controller.authority)
        form.say(115, [home])
        form.say(116, list(countries or ()))
        form.say(117, dict(facts.people_by_country or {}))
        form.say(118, [m.controller.authority])
    else:
        form.skip([114, 115, 116, 117, 118], "not_cross_border")
    form.skip([120, 121, 122, 123], "in_the_eea")
    form.skip([125, 126], "person_attaches")
