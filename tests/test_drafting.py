"""The worksheet of a notification: what is known stands there, what is not is open, and nothing is invented."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import get_args

import pytest
from drafted import AUDIENCES, GOLD, HOUSE, LEAK, START, answer_of, case_of, drawn, filing, hours, learnt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from breachflow.core import (
    drafting_chronology,
    drafting_cnil,
    drafting_letters,
    drafting_people,
    drafting_sms,
    facts,
)
from breachflow.core.case import Candidate, Clock, InformedPeople, Part
from breachflow.core.drafting import worksheet
from breachflow.core.drafting_audiences import wanted
from breachflow.core.drafting_changes import FIELD_OF
from breachflow.core.drafting_material import answer_by, material
from breachflow.core.facts import DATA_KINDS, FACT_NAMES, INCIDENT_TYPES, PEOPLE_KINDS
from breachflow.core.organisation import Person
from breachflow.rendering.language import edpb, labels
from breachflow.rendering.wording import SECTIONS


def sheet(case, now=START, kind=None, house=HOUSE, audience="cnil"):
    return worksheet(case, case.parts[0], house, answer_of(case, house), now, kind, audience=audience)


@pytest.fixture(scope="module")
def schema(shared):
    import jsonschema

    path = shared / "edpb-template" / "breach-notification.corrected.schema.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text()))


# --- Every field is a value, or open, or not applicable


@pytest.mark.parametrize("gold", GOLD)
def test_every_field_has_exactly_one_standing(gold):
    """A hundred fields; an open one says whom to ask, an idle one why."""
    made = sheet(case_of(GOLD[gold]))
    assert len(made.fields) == 100
    assert sorted(made.fields) == sorted(number for numbers in SECTIONS.values() for number in numbers)
    for field in made.fields.values():
        assert not (field.open and field.idle)
        assert field.open is None or field.open.who in {person.rank for person in HOUSE.people}
        if field.stated:
            assert field.value is not None or field.sentence is not None
        if field.idle:
            assert field.value is None


def test_an_unknown_number_is_no_number():
    """Never zero: "to be determined", the DPO is asked, and the number itself does not apply."""
    fields = sheet(case_of({"personal_data": True})).fields
    assert (fields[67].value, fields[67].open.who) == ("d", "dpo")
    assert fields[68].value is None
    assert fields[68].idle == "no_number"


def test_a_known_zero_is_a_zero():
    """Nought people is a number like any other."""
    fields = sheet(case_of({"personal_data": True, "people_count": 0, "people_count_basis": "exact"})).fields
    assert (fields[67].value, fields[68].value, fields[68].stated) == ("a", 0, True)


def test_what_can_never_be_known_is_not_asked_for():
    """ "Cannot be determined" is an answer."""
    case = case_of({"personal_data": True, "people_count_basis": "undeterminable", "exfiltration": "undeterminable",
                    "confidentiality": True})  # fmt: skip
    fields = sheet(case).fields
    assert (fields[67].value, fields[67].open) == ("c", None)
    assert (fields[56].value, fields[56].open) == ("d", None)


def test_awareness_is_stated_only_once_a_person_has_set_it():
    """The clock runs provisionally from detection; the form does not say so."""
    assert sheet(case_of(LEAK)).fields[48].open is not None
    assert sheet(case_of(LEAK)).fields[48].value is None
    assert sheet(case_of(LEAK, aware=START)).fields[48].value == "2026-11-24T09:00:00Z"


def test_unknown_is_not_called_unaffected():
    """Nobody knows about integrity: "none shown so far", never "not affected"."""
    assert sheet(case_of(LEAK)).fields[58].idle == "integrity_not_shown"
    assert sheet(case_of(LEAK | {"integrity": False})).fields[58].idle == "not_integrity"
    assert sheet(case_of(LEAK)).fields[55].open is not None
    assert sheet(case_of(LEAK | {"integrity": False, "availability": False})).fields[55].open is None


def test_the_instant_of_a_breach_that_may_go_on_is_not_called_one_day():
    """A beginning alone does not tell how long it lasted."""
    began = {"personal_data": True, "occurred_from": "2026-11-23T21:05:00+01:00"}
    assert sheet(case_of(began)).fields[44].value == "e"
    assert sheet(case_of(began | {"ongoing": True})).fields[44].value == "c"
    assert sheet(case_of(began | {"occurred_to": "2026-11-24T02:00:00+01:00"})).fields[44].value == "b"
    assert sheet(case_of(began | {"occurred_to": "2026-11-23T23:30:00+01:00"})).fields[44].value == "a"


def test_a_day_is_the_day_that_people_had():
    """Half past midnight in Paris is the new day, whatever UTC says."""
    told = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    case = case_of(LEAK | {"reported_by": "external", "reported_at": told.isoformat()})
    assert sheet(case).fields[52].value == "2026-11-24"


def test_that_everybody_was_informed_is_said_only_where_somebody_counted():
    """Recorded as informed, without a count: the form keeps the question open."""
    told = InformedPeople(at=START, by="dpo", means="e-mail")
    for count, value, stated in ((None, "b", False), (300, "b", False), (18250, "a", True)):
        part = Part(controller="assurances", informed=replace(told, count=count))
        field = sheet(case_of(LEAK, part=part)).fields[102]
        assert (field.value, field.stated) == (value, stated)


# --- Late, and by when


def test_reasons_for_the_delay_are_due_exactly_once_the_deadline_has_passed():
    """At act_by not yet, one second later; never as processor, never after the filing."""
    case = case_of(LEAK, aware=START)
    assert sheet(case, START + hours(72)).fields[49].idle == "in_time"
    late = sheet(case, START + hours(72.001))
    assert late.late
    assert late.fields[49].open is not None
    assert not sheet(case_of(LEAK | {"role": "processor"}, aware=START), START + hours(200)).late
    filed = case_of(LEAK, aware=START, filed=filing(START + hours(60)))
    assert sheet(filed, START + hours(200)).fields[49].idle == "in_time"


def test_reasons_that_were_given_are_stated_but_stay_the_persons_own():
    """The text goes into the field as it is."""
    case = case_of(LEAK | {"late_reason": "Le prestataire nous a prévenus tard."}, aware=START)
    assert sheet(case, START + hours(80)).fields[49].value == "Le prestataire nous a prévenus tard."


def test_an_open_question_has_a_date_that_leaves_room():
    """A day before the deadline; inside it four hours before; then at once."""
    case = case_of(LEAK, aware=START)
    clock = next(clock for clock in case.clocks if clock.regime == "gdpr-art33")
    assert answer_by(clock, START) == START + hours(48)
    assert answer_by(clock, START + hours(50)) == START + hours(68)
    assert answer_by(clock, START + hours(70)) is None
    assert answer_by(None, START) is None
    assert sheet(case).fields[63].open is None, "the systems are known from the event"
    assert sheet(case).fields[75].open.by == START + hours(48)


def test_those_are_asked_who_can_know():
    """Technical facts of whoever runs the systems, complaints of the lawyers; of the DPO where there is nobody else."""
    fields = sheet(case_of({"personal_data": True})).fields
    assert (fields[60].open.who, fields[109].open.who, fields[70].open.who) == ("ciso", "legal", "dpo")
    alone = replace(HOUSE, people=(Person(id="dpo", rank="dpo", name="DPO", email="d@x.example"),))
    made = sheet(case_of({"personal_data": True}, house=alone), house=alone)
    assert {field.open.who for field in made.fields.values() if field.open} == {"dpo"}


# --- Which notification it is


def test_the_kind_follows_the_filings():
    """Initial, then complementary; what turned out to be no breach is withdrawn."""
    assert sheet(case_of(LEAK)).kind == "initial"
    filed = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    made = sheet(filed, START + hours(10))
    assert (made.kind, made.fields[3].value, made.fields[6].value) == ("complement", "b", "N-2026-0042")
    nothing = case_of({"personal_data": False, "misuse": "none"}, aware=START, filed=filing(START + hours(5)))
    made = sheet(nothing, START + hours(10))
    assert (made.kind, made.fields[4].value, made.fields[5].sentence) == ("withdrawal", "c", "withdrawal")


def test_a_complement_shows_what_changed_since_the_filing_and_who_says_so():
    """Only what was learnt after it, each field once, in the form's order; what follows from it comes after it."""
    case = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    case = learnt(case, START + hours(8), reason="counted", people_count=17911, people_count_basis="exact")
    case = learnt(case, START + hours(8), recipient="public", individual_contact="possible", ongoing=False)
    case = learnt(case, START + hours(9), origin="event:soc/test/2#/facts/harms", harms=["fraud"])
    made = sheet(case, START + hours(10))
    person = ("person", "Claire Fontanel")
    assert [(one.number, one.fact, one.origin, one.who, one.reason) for one in made.changes] == [
        (67, None, *person, "counted"), (68, None, *person, "counted"), (85, None, "event", "soc/test/2", ""),
        (90, "individual_contact", *person, ""), (90, "recipient", *person, ""), (90, None, "assessment", "", ""),
    ]  # fmt: skip
    assert (made.before.fields[68].value, made.fields[68].value) == (18250, 17911)
    assert made.before.fields[85].open
    assert sheet(case_of(LEAK)).changes == ()


def test_what_nobody_states_any_more_is_a_change_too():
    """A number that was filed and turned out to be wrong is unknown again: the authority learns that."""
    case = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    case = learnt(case, START + hours(8), people_count=None, people_count_basis=None)
    made = sheet(case, START + hours(10))
    assert {(one.number, one.origin, one.at) for one in made.changes if one.number in (67, 68)} == {
        (67, "gone", None), (68, "gone", None)
    }  # fmt: skip
    assert (made.before.fields[68].value, made.fields[68].idle) == (18250, "no_number")


def test_a_change_inside_a_box_of_the_form_is_shown_by_its_fact():
    """Contract and vehicle data share the form's box "additional data types"; one more of them is news all the same."""
    known = LEAK | {"data": ["contact", "vehicle"]}
    case = case_of(known, aware=START, filed=filing(START + hours(5)))
    case = learnt(case, START + hours(8), data=["contact", "vehicle", "contract"])
    first = sheet(case, START + hours(10)).changes[0]
    assert (first.number, first.fact) == (70, "data") or (first.number, first.fact) == (71, None)


def test_what_changed_between_the_filing_and_its_recording_is_not_made_up():
    """Filed at two, recorded at four; the number was corrected at three: nobody here knows which one was filed."""
    case = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    case = learnt(case, START + hours(6), people_count=17911)
    late = replace(filing(START + hours(5)), stated=LEAK | {"people_count": 17911}, later=("people_count",))
    case = replace(case, parts=tuple(replace(part, filings=(late,)) for part in case.parts))
    case = learnt(case, START + hours(8), people_count=17000)
    (change,) = [one for one in sheet(case, START + hours(10)).changes if one.number == 68]
    assert not change.kept
    unknown = replace(late, stated=None)
    case = replace(case, parts=tuple(replace(part, filings=(unknown,)) for part in case.parts))
    made = sheet(case, START + hours(10))
    assert (made.before, [(one.number, one.kept) for one in made.changes]) == (None, [(68, False)])


def test_completeness_counts_what_the_form_needs_and_grows_with_what_is_known():
    """More facts, more answered; the next question is the one that tells most."""
    little, much = sheet(case_of({"personal_data": True})), sheet(case_of(LEAK, aware=START))
    assert little.answered / little.needed < much.answered / much.needed < 1
    assert little.next_question.fact == answer_of(case_of({"personal_data": True})).unknown[0]


def test_a_form_with_nothing_open_is_complete():
    """All facts and texts there: one notification does."""
    told = InformedPeople(at=START + hours(3), by="dpo", means="courriel", count=18250)
    everything = LEAK | {
        "role": "controller", "integrity": False, "availability": False, "records_count": 20000,
        "records_count_basis": "exact", "parties": [], "measures_before": ["backup", "encryption"],
        "measures_prevent": ["access_control"], "text_measures_prevent": "Accès restreint.", "harms": ["fraud"],
        "consequences_confidentiality": ["linked"], "text_systems": "Base des contrats, Lyon.",
        "text_nature": "Copie de la base des contrats.", "occurred_to": "2026-11-23T23:00:00+01:00",
        "deletion_confirmed": False, "accessed": "confirmed", "misuse": "none", "backup": "full",
        "service_impact": "none", "already_public": False, "neutralised": False, "individual_contact": "possible",
        "revealing_context": False, "recipient_count": 1, "informed_means": "individual",
    }  # fmt: skip
    case = case_of(everything, aware=START, part=Part(controller="assurances", informed=told))
    made = sheet(case, START + hours(4))
    still_open = {number for number, field in made.fields.items() if field.open and number not in (14, 45, 109, 110)}
    assert (made.kind, made.answered == made.needed) == ("complete", True), still_open


def test_a_precaution_concedes_nothing():
    """The assessment goes on: severity, outcome and information of people stay open."""
    fields = sheet(case_of({"personal_data": True, "confidentiality": True})).fields
    assert [fields[number].value for number in (87, 89, 97)] == ["d", "d", "c"]
    assert all(fields[number].open for number in (87, 89, 97))


@pytest.mark.parametrize("audience", AUDIENCES)
def test_whether_a_draft_is_proposed_is_the_engines_answer(audience):
    """A processor's breach proposes the letter to controllers and none to the authority or to people."""
    occasional = ("public", "recipient", "processor", "acpr")
    assert sheet(case_of(LEAK), audience=audience).proposed is (audience not in ("controller", *occasional))
    processor = case_of(LEAK | {"role": "processor"})
    always = ("controller", "board", "dpo", "register", "police")
    assert sheet(processor, audience=audience).proposed is (audience in always)


# --- Letters and sheets that only some cases need

POST = {"personal_data": True, "incident_type": "sent_to_wrong_recipient", "confidentiality": True,
        "integrity": False, "availability": False, "data": ["identity", "contract"], "recipient": "identified",
        "recipient_count": 1, "intent": "accidental", "origin": "internal", "people": ["customers"],
        "people_count": 1, "people_count_basis": "exact"}  # fmt: skip


def offered(facts, house=HOUSE, **options):
    """The audiences that are laid down by themselves."""
    case = case_of(facts, house=house, **options)
    made = material(case, case.parts[0], house, answer_of(case, house), START)
    return [audience for audience in AUDIENCES if audience in {one for one, _, _ in wanted(made, house.languages)}]


def test_what_is_laid_down_has_its_occasion_in_the_case():
    """A letter to a wrong recipient where there is one, the police sheet after an attack; few drafts in every case."""
    assert offered(LEAK) == ["cnil", "edpb", "people", "sms", "police"]
    assert offered(POST) == ["cnil", "edpb", "recipient"]
    assert "public" in offered(LEAK | {"individual_contact": "disproportionate"})
    assert offered(LEAK | {"role": "processor"}) == ["controller", "police"]
    assert "processor" in offered(LEAK | {"reported_by": "processor"})
    assert "processor" in offered(LEAK | {"parties": [{"role": "processor", "name": "Hébergeur SA"}]})
    notice = Candidate(at=START, kind="processor_notice", origin="event:soc/test/1", recorded_at=START)
    assert "processor" in offered(LEAK, candidates=(notice,))
    assert "acpr" not in offered(LEAK | {"malicious_access": True})
    insurer = replace(HOUSE, controllers=(replace(HOUSE.controllers[0], dora=True),))
    assert "acpr" in offered(LEAK | {"malicious_access": True}, insurer)
    assert "acpr" not in offered(LEAK, insurer), "nobody has classified it"


@pytest.mark.parametrize(
    "known",
    [{"deletion_confirmed": True}, {"recipient": "public"}, {"recipient": "unidentified"}, {"recipient": "hostile"},
     {"confidentiality": False}, {"incident_type": "device_lost_or_stolen"}],
)  # fmt: skip
def test_nobody_is_asked_to_delete_what_is_deleted_or_nobody_has(known):
    """Confirmed in writing, read by everybody, or not sent to anybody."""
    assert "recipient" not in offered(POST | known)


def test_a_complaint_that_is_lodged_is_not_proposed_again():
    """Nor one after an accident."""
    assert "police" not in offered(LEAK | {"complaint": {"lodged_at": "2026-11-24T10:00:00+01:00"}})
    assert "police" not in offered(LEAK | {"intent": "accidental"})
    assert "police" not in offered(LEAK | {"origin": "internal"})


def test_the_processor_is_asked_what_tells_most_first_and_nothing_that_is_known():
    """The engine's order; then what the notification states besides."""
    case = case_of({"personal_data": True, "reported_by": "processor", "confidentiality": True, "records_count": 7})
    asked = drafting_letters.asked_of_processor(sheet(case))
    unknown = [fact for fact in answer_of(case).unknown if fact in drafting_letters.OF_THE_INCIDENT]
    assert asked[: len(unknown)] == tuple(unknown)
    assert asked[0] == "protection"
    assert {"personal_data", "confidentiality", "records_count", "role"}.isdisjoint(asked)
    assert "occurred_from" in asked
    for lang in ("fr", "en"):
        for group in ("ask_processor", "evidence_asked"):
            every = drafting_letters.OF_THE_INCIDENT | set(drafting_letters.ALSO_ASKED)
            assert set(labels(lang)[group]) == every


def test_no_confirmation_is_asked_of_a_thief():
    """Whom nobody knows, nobody can ask whether it was deleted."""
    assert "deletion_confirmed" not in drafting_letters.asked_of_processor(sheet(case_of(LEAK)))
    assert "deletion_confirmed" in drafting_letters.asked_of_processor(sheet(case_of(POST)))


def test_the_recipient_has_until_our_own_deadline_allows():
    """In time for the authority; two days where no deadline runs."""
    case = case_of(POST)
    assert drafting_letters.confirm_by(sheet(case)) == START + hours(48)
    assert drafting_letters.confirm_by(sheet(case, START + hours(60))) == START + hours(68)
    assert drafting_letters.confirm_by(sheet(case, START + hours(90))) == START + hours(138)


def test_the_chronology_is_in_order_and_declares_only_where_it_is_asked_to():
    """The police need what happened; the register also what was declared, to whom."""
    case = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    made = sheet(case, START + hours(6))
    assert [step.step for step in drafting_chronology.chronology(made)] == ["began", "measure", "detection", "aware"]
    assert drafting_chronology.chronology(made, after=True)[-1].step == "filed_initial"
    every = {step.step for step in drafting_chronology.chronology(made, after=True)}
    for lang in ("fr", "en"):
        assert every <= set(labels(lang)["step"])
        kept = {key for keys in drafting_chronology.KEPT.values() for key in keys}
        assert kept | set(drafting_chronology.evidence(made)) == set(labels(lang)["keep"])


def test_the_dora_report_that_is_due_is_the_first_that_is_not_submitted():
    """Initial, intermediate, final; then none."""
    insurer = replace(HOUSE, controllers=(replace(HOUSE.controllers[0], dora=True),))
    case = case_of(LEAK | {"malicious_access": True}, house=insurer)
    due = []
    for report in ("initial", "intermediate", "final", None):
        due.append(drafting_chronology.dora_report(sheet(case, house=insurer)))
        clock = Clock(id=f"dora-{report}:assurances", regime=f"dora-{report}", started=START, act_by=START,
                      because="", controller="assurances", done_at=START)  # fmt: skip
        others = tuple(one for one in case.clocks if one.regime != clock.regime)
        case = replace(case, clocks=(*others, clock))
    assert due == ["initial", "intermediate", "final", None]


def test_countries_without_a_template_are_named():
    """A notice in a language that people do not read informs nobody, Art. 34(2)."""
    assert drafting_people.untranslated(facts.Facts(countries=("FR", "IE", "DE", "BE"))) == ("DE", "BE")
    assert drafting_people.untranslated(facts.Facts()) == ()


# --- Short messages


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "segments"),
    [("a" * 160, "GSM-7", 160, 1), ("a" * 161, "GSM-7", 161, 2), ("a" * 459, "GSM-7", 459, 3),
     ("a" * 460, "GSM-7", 460, 4), ("€" * 80, "GSM-7", 160, 1), ("€" * 81, "GSM-7", 162, 2), ("é" * 160, "GSM-7", 160, 1),
     ("ç" * 70, "UCS-2", 70, 1), ("ç" * 71, "UCS-2", 71, 2), ("漢" * 201, "UCS-2", 201, 3), ("🙂" * 36, "UCS-2", 72, 2)],
)  # fmt: skip
def test_segments_are_counted_as_networks_count_them(text, alphabet, units, segments):
    """160 and 153 of the basic alphabet, 70 and 67 of the other; a sign of the extension and an emoji count twice."""
    made = drafting_sms.counted(text)
    assert (made.alphabet, made.units, made.segments) == (alphabet, units, segments)


def test_accents_that_would_halve_a_message_are_written_plainly():
    """ "ç" and "ê" are in no alphabet of 160; "é" is."""
    assert drafting_sms.plain("Reçu, «prêt» : l’été, 5 €… cœur") == 'Recu, "pret" : l\'été, 5 €... coeur'
    assert drafting_sms.plain("漢字") == "漢字"


@given(
    first=st.lists(st.text(max_size=500), min_size=1, max_size=4),
    last=st.text(max_size=80),
    between=st.lists(st.text(max_size=100), max_size=4),
)
def test_a_message_fits_or_says_that_it_does_not(first, last, between):
    """The end, where to ask, is never dropped; the count is that of the text."""
    made = drafting_sms.fitted(first, last, between)
    assert made == drafting_sms.counted(made.text)
    assert made.text.endswith(drafting_sms.plain(last))
    shortest = drafting_sms.counted(drafting_sms.plain(f"{first[-1]} {last}"))
    assert made.segments <= drafting_sms.MOST_SEGMENTS or made == shortest


# --- The boxes


def test_every_word_of_the_vocabulary_has_its_box():
    """Each incident, kind of data and group of people falls into a box that both languages can name."""
    for lang in ("fr", "en"):
        words = labels(lang)
        assert set(drafting_cnil.origins(INCIDENT_TYPES)) <= set(words["cnil_origin"])
        boxes = set(drafting_cnil.data(DATA_KINDS)) | set(drafting_cnil.sensitive(DATA_KINDS))
        assert boxes <= set(words["cnil_data"]) | set(words["cnil_sensitive"])
        assert set(drafting_cnil.people(PEOPLE_KINDS)) <= set(words["cnil_people"])
        assert set(drafting_cnil.CAUSES.values()) <= set(words["cnil_cause"])


def test_a_field_for_every_fact_that_has_one():
    """What a complement shows as changed is a field of the form, under a name in both languages."""
    assert set(FIELD_OF) <= FACT_NAMES
    for lang in ("fr", "en"):
        assert {str(number) for number in FIELD_OF.values()} <= set(edpb(lang)["title"])
        assert {str(number) for numbers in SECTIONS.values() for number in numbers} == set(edpb(lang)["title"])


# --- Art. 34: what people risk and can do


def test_every_kind_of_data_that_is_named_brings_its_own_risk_and_advice():
    """Art. 34(2): nobody reads "your data was taken" without what to do about it."""
    silent = {"other", "unknown", *drafting_people.NEVER_NAMED}
    for kind in set(DATA_KINDS) - silent:
        told = facts.Facts(confidentiality=True, data=(kind,))
        assert set(drafting_people.risks(told)) - {"control"}, kind
        assert set(drafting_people.advice(told)) - {"caution", "help"}, kind


def test_nothing_is_said_of_misuse_where_nobody_else_had_the_data():
    """Files were locked, nothing left: no word of fraud, but of the documents to keep."""
    told = facts.Facts(confidentiality=False, availability=True, data=("bank_account",))
    assert drafting_people.risks(told) == ("availability",)
    assert drafting_people.advice(told) == ("availability", "help")
    assert drafting_people.likely_harms(told) == ()


def test_a_fraud_file_is_never_hinted_at():
    """Neither named, nor in a risk, nor in an advice."""
    told = facts.Facts(confidentiality=True, data=("fraud_aml",))
    assert drafting_people.named(told) == ()
    assert drafting_people.risks(told) == ("control",)


# --- The template's JSON, against the schema


def some(name):
    """Values of a fact, as the vocabulary has them."""
    kind = {"data": DATA_KINDS, "people": PEOPLE_KINDS, "incident_type": INCIDENT_TYPES}.get(name)
    if kind is not None:
        return st.lists(st.sampled_from(kind), max_size=4, unique=True)
    annotation = facts.Facts.__annotations__[name].removesuffix(" | None")
    if annotation == "bool":
        return st.booleans()
    if annotation in ("Count", "Hours"):
        return st.integers(0, 10**9)
    if annotation == "tuple[Line, ...]":
        return st.lists(st.sampled_from(("fraud", "other", "backup", "linked", "no_access", "autre chose")), max_size=3)
    if annotation in ("Text", "Line"):
        return st.text(max_size=40)
    return st.sampled_from(get_args(getattr(facts, annotation)))


VARIED = (
    "personal_data", "role", "incident_type", "origin", "intent", "confidentiality", "integrity", "availability",
    "exfiltration", "protection", "recipient", "alteration", "people_count", "people_count_basis", "records_count",
    "people", "data", "ongoing", "reported_by", "occurred_basis", "estimated_dates", "measures_before",
    "measures_prevent", "consequences_confidentiality", "consequences_integrity", "consequences_availability", "harms",
    "informed_all", "text_nature", "text_harms", "late_reason",
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stated=st.fixed_dictionaries({}, optional={name: some(name) for name in VARIED}),
    later=st.sampled_from((0, 30, 100)),
    told=st.sampled_from(
        (None, InformedPeople(at=START, by="dpo", means="courriel"),
         InformedPeople(at=START, by="dpo", exemption="b", reason="Accès coupés."),
         InformedPeople(at=START, by="dpo", exemption="no_high_risk"))
    ),
    filed=st.booleans(),
    lang=st.sampled_from(("fr", "en")),
)  # fmt: skip
def test_whatever_is_known_the_json_is_valid(schema, stated, later, told, filed, lang):
    """Any facts, any language, early or late, filed or not: the schema accepts it, and no number is made up."""
    part = Part(controller="assurances", role=stated.get("role"), informed=told,
                filings=(filing(START),) if filed else ())  # fmt: skip
    case = case_of(stated, part=part, aware=START if later else None, now=START + hours(later))
    form = json.loads(drawn(case, "edpb", lang, "json", now=START + hours(later)))
    assert [fault.message for fault in schema.iter_errors(form)] == []
    assert form.get("field_68") == stated.get("people_count")
    assert form.get("field_73") == stated.get("records_count")
    assert form["field_48"] == ("2026-11-24T09:00:00Z" if later else None)


@pytest.mark.parametrize("gold", GOLD)
def test_the_published_cases_give_valid_json(schema, gold):
    """All 28, before and after awareness, and after a filing."""
    for case, now in (
        (case_of(GOLD[gold]), START),
        (case_of(GOLD[gold], aware=START), START + hours(80)),
        (case_of(GOLD[gold], aware=START, filed=filing(START + hours(2))), START + hours(10)),
    ):
        form = json.loads(drawn(case, "edpb", "fr", "json", now=now))
        assert [fault.message for fault in schema.iter_errors(form)] == []
