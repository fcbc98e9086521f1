"""Drafts and mails a lawyer would send: both languages, all formats, nothing left open that shows, nothing executed."""

from __future__ import annotations

import itertools
import json
import re
from datetime import timedelta

import msgspec
import pytest
from story import BREACH, START, Story

from breachflow.core.backtest import shipped
from breachflow.core.decision import Confirm, Filed
from breachflow.core.facts import DATA_KINDS, INCIDENT_TYPES, PEOPLE_KINDS
from breachflow.core.parts import assessed
from breachflow.core.rules import RULES
from breachflow.law.regimes import REGIMES
from breachflow.rendering import Renderer
from breachflow.rendering.inert import inert
from breachflow.rendering.language import labels, lasting, listed, number, typeset, when

AUDIENCES = ("cnil", "people", "controller", "board", "dpo")
RENDERER = Renderer()
CASES = {case.id: msgspec.to_builtins(case.facts) for case in shipped()}

HOSTILE = "Subject: x\r\nBcc: a@b.example\n# <script>alert(1)</script> {{ 7*7 }} {% raise %} \u202egnp.exe =1+1 | row | #let x"


@pytest.fixture
def story(tmp_path):
    told = Story(tmp_path)
    yield told
    told.store.close()


def drawn(story, audience, lang, form="text", case=None):
    """A draft of the story's case, as bytes."""
    case = case or story.case
    part = case.parts[0]
    answer = assessed(case, part, story.charter, flips=True)
    return RENDERER.draft(
        audience, case, part, story.charter.organisation, answer, story.watch(), lang=lang, format=form
    ).content


FRENCH = re.compile(r"\b(the|and|of|with|was|were|data|people|breach|deadline|unknown|to be)\b", re.IGNORECASE)
ENGLISH = re.compile(r"\b(le|la|les|des|une|données|personnes|violation|délai|inconnu|à déterminer)\b", re.IGNORECASE)
ALLOWED = {"fr": {"of"}, "en": {"la"}}


def check(text, lang):
    """Nothing unfilled, no raw key, no line of the other language."""
    assert text.strip()
    for sign in ("{{", "{%", "None", "Undefined", "[]", "()"):
        assert sign not in text, sign
    for keys in ("_count", *(k for k in (*DATA_KINDS, *INCIDENT_TYPES, *RULES) if "_" in k or "-" in k)):
        assert keys not in text, keys
    foreign = {word.lower() for word in (FRENCH if lang == "fr" else ENGLISH).findall(text)} - ALLOWED[lang]
    assert not foreign, foreign
    if lang == "fr":
        assert not re.search(r"[^\s\u00a0\u202f][;!?»]|«[^\u00a0]| [;:!?»]", text.replace("://", "")), "French spacing"


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("gold", CASES)
def test_every_draft_of_every_published_case_is_whole(story, gold, lang):
    """28 cases, five audiences, before and after awareness and filing."""
    story.event(facts=CASES[gold])
    for audience in AUDIENCES:
        check(drawn(story, audience, lang).decode(), lang)
    story.decide(Confirm(by="Claire", aware_at=START))
    if not any(part.role == "processor" for part in story.case.parts) and CASES[gold].get("role") != "processor":
        story.decide(Filed(by="Claire", at=START, reference="N-1"))
    for audience in AUDIENCES:
        check(drawn(story, audience, lang).decode(), lang)


@pytest.mark.parametrize("gold", CASES)
def test_the_edpb_form_is_valid_and_invents_nothing(story, shared, gold):
    """JSON valid against the corrected schema; an unknown number is no number; awareness only once a person set it."""
    import jsonschema

    schema = json.loads((shared / "edpb-template" / "breach-notification.corrected.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    story.event(facts=CASES[gold])
    form = json.loads(drawn(story, "edpb", "fr", "json"))
    assert [fault.message for fault in validator.iter_errors(form)] == []
    assert form["field_48"] is None
    assert ("field_68" in form) == ("people_count" in CASES[gold])
    story.decide(Confirm(by="Claire", aware_at=START))
    story.advance(hours=80)
    form = json.loads(drawn(story, "edpb", "en", "json"))
    assert [fault.message for fault in validator.iter_errors(form)] == []
    assert form["field_48"] == "2026-11-24T09:00:00Z"
    assert ("field_49" in form) == (CASES[gold].get("role") != "processor")


def test_a_precautionary_answer_concedes_no_high_risk(story):
    """The draft to the authority says that the assessment goes on (fields 89 d, 97 c)."""
    story.event(facts={"personal_data": True, "confidentiality": True})
    form = json.loads(drawn(story, "edpb", "fr", "json"))
    assert (form["field_89"], form["field_97"], form["field_87"]) == ("d", "c", "d")
    assert "Ne pas écrire qu’un risque élevé est reconnu" in " ".join(
        drawn(story, "cnil", "fr").decode().replace("| ", "").split()
    )


@pytest.mark.parametrize(
    ("audience", "lang", "form"), list(itertools.product(("cnil", "people"), ("fr", "en"), ("pdf", "docx", "html")))
)
def test_every_format_opens(story, audience, lang, form):
    """PDF, DOCX and HTML are what they claim to be, and hold the same words."""
    story.event()
    content = drawn(story, audience, lang, form)
    start = {"pdf": b"%PDF-", "docx": b"PK", "html": b"<!doctype html>"}[form]
    assert content.startswith(start)
    if form == "html":
        assert b"http" not in content, "nothing is loaded from outside"
    if form == "docx":
        from io import BytesIO

        from docx import Document

        assert len(Document(BytesIO(content)).paragraphs) > 10


@pytest.mark.parametrize("form", ["text", "html", "pdf", "docx"])
def test_hostile_texts_come_out_inert(story, form):
    """Header injection, HTML, template syntax, overrides and formulas in free texts do nothing."""
    story.event(title=HOSTILE[:400].replace("\r\n", " "), facts=BREACH | {
        "text_nature": HOSTILE, "measures_taken": [{"what": HOSTILE}], "parties": [{"name": HOSTILE, "role": "processor"}],
    })  # fmt: skip
    content = drawn(story, "cnil", "fr", form)
    if form in ("text", "html"):
        text = content.decode()
        assert "49" not in re.sub(r"\d{3,}", "", text)
        assert form == "text" or "<script>" not in text
        assert "\u202e" not in text
        assert "\nBcc" not in text
    for subject in (story.mail()["subject"],):
        assert "script" not in subject
        assert story.mail()["bcc"] is None


def test_subjects_carry_no_title(story):
    """A subject names case, controller and deadline, never what happened to whom."""
    story.event(title="Jean Dupont lost his medical file")
    subject = story.mail()["subject"]
    assert "Dupont" not in subject
    assert story.case.id in subject


def test_the_first_lines_say_until_when_and_what_to_do(story):
    """Deadline in local time and how long that is, what is proposed, the command to type."""
    story.event()
    body = story.mail().get_body(("plain",)).get_content()
    assert "vendredi 27 novembre 2026 à 10\u00a0h\u00a000 (heure de Paris)" in body
    assert "3\u00a0j" in body
    assert f"breachflow confirm {story.case.id} --aware" in body
    assert body.index("reste") < body.index("propose")


def test_the_notice_says_the_cnil_was_told_only_once_it_was(story):
    """Before the filing the sentence is absent; after it the date stands there."""
    story.event()
    assert "notifié cet incident à la CNIL" not in drawn(story, "people", "fr").decode().replace("\n", " ")
    story.decide(Confirm(by="Claire", aware_at=START))
    story.decide(Filed(by="Claire", at=START, reference="N-1"))
    assert "notifié cet incident à la CNIL le 24 novembre" in drawn(story, "people", "fr").decode().replace("\n", " ")


def test_the_notice_names_only_what_was_lost_and_never_a_fraud_file(story):
    """Only the kinds stated; a report to Tracfin must never be guessed from a letter."""
    story.event(facts=BREACH | {"data": ["contact", "fraud_aml"]})
    notice = drawn(story, "people", "fr").decode()
    assert "coordonnées" in notice
    assert "IBAN" not in notice
    assert "contrôle interne" not in notice
    assert "Avis juridique requis" in notice


def test_a_broken_override_delays_nothing(story, tmp_path):
    """The shipped template is used, and the mail says so; a good override is used."""
    folder = tmp_path / "own" / "fr"
    folder.mkdir(parents=True)
    renderer = Renderer(overrides=tmp_path / "own")
    story.event()
    case, part = story.case, story.case.parts[0]
    answer = assessed(case, part, story.charter, flips=True)
    args = ("dpo", case, part, story.charter.organisation, answer, START)
    for broken in ("{{ nothing.at.all }}", "{% if %}", "{{ ''.__class__.__mro__ }}", "{{ 1/0 }}"):
        (folder / "dpo.md.j2").write_text(broken)
        rendered = renderer.draft(*args, lang="fr", format="text")
        assert rendered.fallback_reason
        assert case.id in rendered.content.decode()
    (folder / "dpo.md.j2").write_text("# Notre fiche {{ sheet.case.id }}\n")
    assert renderer.draft(*args, lang="fr", format="text").content.decode().startswith("Notre fiche BF-")


def test_both_languages_have_every_key():
    """The same groups and keys, none empty; every key of the vocabulary, every rule and regime is there."""
    fr, en = labels("fr"), labels("en")
    assert {group: set(keys) for group, keys in fr.items()} == {group: set(keys) for group, keys in en.items()}
    assert all(words for group in (fr, en) for keys in group.values() for words in keys.values())
    assert set(fr["data"]) == set(DATA_KINDS)
    assert set(fr["people"]) == set(PEOPLE_KINDS)
    assert set(fr["incident_type"]) == set(fr["plainly"]) == set(INCIDENT_TYPES)
    assert set(fr["rule"]) == set(RULES)
    assert set(fr["regime"]) == set(REGIMES)


def test_dates_numbers_and_lists_as_each_language_writes_them():
    """Fixed spaces in French, names of days and months, the zone's city."""
    assert when(START, "Europe/Paris", "fr") == "mardi 24 novembre 2026 à 10\u00a0h\u00a000 (heure de Paris)"
    assert when(START, "Europe/Paris", "en") == "Tuesday 24 November 2026 at 10:00 (Paris time)"
    assert (number(18250, "fr"), number(18250, "en")) == ("18\u202f250", "18,250")
    assert (listed(["a", "b", "c"], "fr"), listed(["a"], "en")) == ("a, b et c", "a")
    assert lasting(timedelta(hours=71, minutes=5), "fr") == "2\u00a0j 23\u00a0h"
    assert (
        typeset("Quoi ? « Oui » : non ; bien !", "fr") == "Quoi\u202f? «\u00a0Oui\u00a0»\u00a0: non\u202f; bien\u202f!"
    )


def test_values_can_begin_nothing_of_their_own():
    """One line, no control or direction-changing character, no cell separator, a bounded length."""
    made = inert(HOSTILE)
    assert not re.search(r"[\r\n\u202e|]", made)
    assert len(inert("x" * 30_000)) == 20_000
    assert inert(7) == 7
