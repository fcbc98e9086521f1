"""The EDPB common notification template v1.0, filled from a case: a hundred fields, nothing invented.

What is not known is the template's own "to be determined" where it has one, and open in any case. Where the template
asks for a text that nobody wrote, the draft's language makes a sentence of the facts: the field names which one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from breachflow.core import drafting_sequel
from breachflow.core.drafting_form import Field, Form
from breachflow.core.drafting_lists import (
    DATA,
    DISCOVERED,
    EXFILTRATION,
    INCIDENTS,
    LETTERS,
    MEASURES_BEFORE,
    PEOPLE,
    PROTECTION,
    SIZES,
    letter_of,
)
from breachflow.core.drafting_material import Material, local_day, not_affected
from breachflow.core.instants import iso_z
from breachflow.core.organisation import Rank

WHO: Mapping[int, Rank] = dict.fromkeys((*range(10, 26), 109, 110, 111), "legal") | dict.fromkeys(
    (*range(44, 48), 50, 51, 53, *range(55, 64), 75, 76, 92, 94, 95), "ciso"
)
"""Who is asked for which field; the DPO for all others."""

NEEDS_TEXT = (13, 21, 22, 49, 51, 62, 63, 66, 71, 76, 80, 82, 84, 86, 90, 92, 95, 101, 103, 105, 106)
"""Texts that the template insists on: an open one says so in the language of the notification."""


def fields(material: Material) -> dict[int, Field]:
    """Return every field of the template by its number."""
    ranked = {person.rank for person in material.organisation.people}
    who: dict[int, Rank] = {number: rank if rank in ranked else "dpo" for number, rank in WHO.items()}
    form = Form(who, material.answer_by)
    _type(material, form)
    _controller(material, form)
    _contact(material, form)
    _timeline(material, form)
    _nature(material, form)
    _people_and_data(material, form)
    drafting_sequel.consequences(material, form)
    drafting_sequel.assessment(material, form)
    drafting_sequel.information(material, form)
    drafting_sequel.elsewhere(material, form)
    _sub_type(material, form)
    return {number: form.fields[number] for number in sorted(form.fields)}


def _type(m: Material, form: Form) -> None:
    follow_up = m.kind in ("complement", "withdrawal")
    form.say(3, "b" if follow_up else "a")
    if m.kind == "withdrawal":
        form.write(5, None, "withdrawal", known=m.answer.risk == "unlikely")
    else:
        form.skip([5], "not_withdrawn")
    if follow_up:
        form.say(6, m.filed.reference if m.filed is not None else None)
    else:
        form.skip([6], "first_notification")
    form.say(7, m.case.id)


def _sub_type(m: Material, form: Form) -> None:
    # Last, because only then it is known whether anything is left open.
    open_ = any(field.open is not None for field in form.fields.values())
    form.say(4, "c" if m.kind == "withdrawal" else "b" if open_ else "a")


def _controller(m: Material, form: Form) -> None:
    c = m.controller
    if c.siren or not c.vat:
        form.say(10, "a" if c.siren else None)
        form.say(11, c.siren)
    else:
        form.say(10, "c")
        form.say(11, c.vat)
    form.say(12, c.name)
    town = " ".join(part for part in (c.postcode, c.city) if part)
    form.say(13, ", ".join(part for part in (c.address, town, c.country) if part), known=bool(c.address))
    form.say(14, None)
    form.say(15, SIZES.get(c.size, "d" if c.size else None))
    if form.value(15) == "d":
        form.say(16, c.size)
    else:
        form.skip([16], "no_other_size")
    form.say(17, c.sector)
    form.skip([18, 19], "in_the_eea")


def _contact(m: Material, form: Form) -> None:
    if m.dpo is not None:
        form.say(21, m.dpo.name)
        form.say(22, ", ".join(part for part in (m.dpo.email, m.dpo.phone) if part))
        form.say(23, "a")
        form.skip([24], "function_listed")
        form.skip([29, 30, 31], "dpo_reports")
        form.say(33, "a")
        form.skip([34, 35, 36], "dpo_answers")
    else:
        for number in (21, 22):
            form.say(number, None)
        form.say(23, "c", known=False)
        for number in (24, 29, 30, 31):
            form.say(number, None)
        form.say(33, "b")
        form.skip([34, 35, 36], "reporter_answers")
    form.skip([25, 26], "not_asked_here")
    parties = m.facts.parties
    # The template has no "to be determined" here: "no" stands until a party is known, and the field stays open.
    form.say(38, "a" if parties else "b", known=parties is not None)
    if parties:
        form.say(39, [party.role or "" for party in parties], known=all(party.role for party in parties))
        form.say(40, [party.name or "" for party in parties], known=all(party.name for party in parties))
        form.say(41, [party.contact or "" for party in parties], known=all(party.contact for party in parties))
    else:
        form.skip([39, 40, 41], "no_other_party")


def _timeline(m: Material, form: Form) -> None:
    facts, basis = m.facts, m.facts.occurred_basis
    began, ended = facts.occurred_from, facts.occurred_to
    if began is not None:
        ongoing = ended is None and (facts.ongoing is True or basis == "ongoing")
        one_day = basis == "exact" if ended is None else local_day(began, m) == local_day(ended, m)
        when = "c" if ongoing else "a" if one_day else "b" if ended is not None else "e"
        form.say(44, when, known=when != "e")
        form.say(46, iso_z(began))
        if ended is not None:
            form.say(47, iso_z(ended))
        elif ongoing:
            form.skip([47], "still_going_on")
        else:
            form.say(47, None)
    else:
        form.say(44, "d" if basis == "undeterminable" else "e", known=basis == "undeterminable")
        form.skip([46, 47], "dates_unknown")
    form.say(45, facts.estimated_dates)
    # What a form states as the instant of awareness is only ever the one that a person set.
    form.say(48, iso_z(m.aware_at) if m.aware_at is not None else None)
    if m.late and m.kind in ("initial", "complete"):
        form.write(49, facts.late_reason, "late", known=False)
    else:
        form.skip([49], "in_time")
    found = _discovered(m)
    form.say(50, found or "f", known=found is not None)
    form.write(51, facts.text_discovery, "discovery", known=found is not None)
    if found == "a":
        form.skip([52], "found_ourselves")
    else:
        told = facts.reported_at or min((c.at for c in m.case.candidates), default=m.case.opened_at)
        form.say(52, local_day(told, m), known=found is not None)
    form.say(53, facts.text_timeline)


def _discovered(m: Material) -> str | None:
    """How the breach was found: as stated, else as the first sign of it came in."""
    if m.facts.reported_by is not None:
        return DISCOVERED[m.facts.reported_by]
    first = min(m.case.candidates, key=lambda candidate: candidate.at, default=None)
    if first is None or first.kind == "report":
        return None
    return "b" if first.kind == "processor_notice" else "a"


def _nature(m: Material, form: Form) -> None:
    facts = m.facts
    # The template has no "to be determined" for the nature: what is not ruled out stands there until it is.
    sides = dict(zip("abc", (facts.confidentiality, facts.integrity, facts.availability), strict=True))
    shown = [letter for letter, affected in sides.items() if affected is True]
    possible = [letter for letter, affected in sides.items() if affected is None]
    form.say(55, shown or possible or ["a"], known=bool(shown) and not possible)
    if "a" in form.value(55):
        _choose(form, 56, facts.exfiltration, EXFILTRATION, "e")
        _choose(form, 57, facts.protection, PROTECTION, "e")
    else:
        form.skip([56, 57], not_affected("confidentiality", m))
    if "b" in form.value(55):
        # The template has no "to be determined" here; without evidence of wrong use the first value is the true one.
        _choose(form, 58, facts.alteration, {"no_wrong_use": "a", "reversible": "b", "irreversible": "c"}, "a")
    else:
        form.skip([58], not_affected("integrity", m))
    if "c" in form.value(55):
        lost = facts.permanent_loss
        form.say(59, "b" if lost is True else "a" if lost is False else "c", known=lost is not None)
    else:
        form.skip([59], not_affected("availability", m))
    form.say(60, [LETTERS[INCIDENTS.index(kind)] for kind in m.types] or ["x"], known=bool(m.types))
    origin, intent = facts.origin, facts.intent
    pairs = {("internal", "accidental"): "a", ("internal", "malicious"): "b",
             ("external", "accidental"): "c", ("external", "malicious"): "d"}  # fmt: skip
    cause = "f" if "undeterminable" in (origin, intent) else pairs.get((origin or "", intent or ""), "e")
    form.say(61, cause, known=cause != "e")
    # The kind of incident alone is no description: what happened is still to be told.
    form.write(62, facts.text_nature, "nature", known=False)
    form.write(63, facts.text_systems, "systems", known=bool(m.case.assets))


def _people_and_data(m: Material, form: Form) -> None:
    facts = m.facts
    form.say(65, sorted({PEOPLE[kind] for kind in facts.people or ()}) or ["k"], known=bool(facts.people))
    form.write(66, facts.text_people, "people", known=bool(facts.people))
    _count(form, 67, 68, facts.people_count, facts.people_count_basis)
    kinds = facts.data or ()
    form.say(70, sorted({DATA[kind] for kind in kinds}) or ["t"], known=bool(kinds) and "unknown" not in kinds)
    form.write(71, facts.text_data, "data", known=bool(kinds) and "unknown" not in kinds)
    _count(form, 72, 73, facts.records_count, facts.records_count_basis)
    before = facts.measures_before
    form.say(75, sorted({letter_of(name, MEASURES_BEFORE) for name in before or ("other",)}), known=before is not None)
    form.write(76, facts.text_measures_before, "before", known=before is not None)


def _choose(form: Form, number: int, value: str | None, letters: Mapping[str, str], otherwise: str) -> None:
    form.say(number, letters.get(value or "", otherwise), known=value is not None)


def _count(form: Form, basis: int, number: int, count: int | None, stated: str | None) -> None:
    """Say how a number is known, and the number: unknown is never zero."""
    if count is None:
        form.say(basis, "c" if stated == "undeterminable" else "d", known=stated == "undeterminable")
        form.skip([number], "no_number")
    else:
        form.say(basis, "a" if stated == "exact" else "b")
        form.say(number, count)


def as_json(form: Mapping[int, Field], words: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields as the template's JSON; `words` are the sentences in the notification's language.

    What is not known and not asked for is left out; the instant of awareness is null until a person has set it.
    """
    values: dict[int, Any] = {}
    for number, field in form.items():
        if field.value is not None:
            values[number] = field.value
        elif field.sentence is not None:
            values[number] = words[field.sentence]
        elif field.open is not None and number in NEEDS_TEXT:
            values[number] = words["unknown"]
        elif field.open is not None and number == 6:
            # A follow-up must name what it follows; until the receipt is recorded the internal number does.
            values[number] = form[7].value
    values.setdefault(48, None)
    return {f"field_{number}": values[number] for number in sorted(values)}
