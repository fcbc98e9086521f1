"""Notices to people: in words that a reader at level B1 follows, in both languages, for every breach that is known."""

from __future__ import annotations

import json

import pytest
from drafted import GOLD, LEAK, START, case_of, drawn, flat, words

from breachflow.core.facts import DATA_KINDS, INCIDENT_TYPES
from breachflow.rendering.blocks import Block
from breachflow.rendering.readability import LONGEST, PLAIN, Readability, measured, readability

AUDIENCES = ("people", "public", "sms", "recipient")


def read(facts: dict, audience: str, lang: str) -> Readability:
    made = json.loads(drawn(case_of(facts, aware=START), audience, lang, "json"))
    return readability([Block(**block) for block in made["blocks"]], lang)


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("gold", GOLD)
def test_every_notice_of_every_published_case_is_in_plain_words(gold, lang):
    """Letter, public notice, short message, letter to a recipient: reading ease of 60 or more, no sentence over 30 words."""
    for audience in AUDIENCES:
        found = read(
            GOLD[gold] | {"measures_taken": LEAK["measures_taken"]} if lang == "fr" else GOLD[gold], audience, lang
        )
        assert found.plain, (audience, found)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_whatever_was_lost_and_however_the_notice_is_in_plain_words(lang):
    """Each kind of data and each incident by itself, with everything that can be said beside it."""
    beside = {"personal_data": True, "confidentiality": True, "integrity": True, "availability": True,
              "people": ["minors"], "people_count": 12}  # fmt: skip
    for audience in AUDIENCES:
        for facts in (
            *({"data": [kind]} for kind in DATA_KINDS),
            *({"incident_type": kind} for kind in INCIDENT_TYPES),
        ):
            found = read(beside | facts, audience, lang)
            assert found.plain, (audience, facts, found)


@pytest.mark.parametrize(("lang", "said", "hard"), [
    ("fr", "Lisibilité", "Texte trop difficile"), ("en", "Reading ease", "This text is too hard"),
])  # fmt: skip
def test_the_draft_says_how_hard_it_is_to_read(lang, said, hard):
    """With the score; a person's own hard words raise an alarm, and neither goes out with the text."""
    office = (
        "Conformément aux dispositions susmentionnées et nonobstant l'indisponibilité temporaire consécutive "
        "à l'interruption des infrastructures informatiques, les dispositifs organisationnels complémentaires "
        "préalablement formalisés ont été intégralement opérationnalisés"
    )
    plain, heavy = (
        LEAK | {"measures_taken": [{"what": what, "state": "done"}]} for what in ("Fini.", f"{office}. " * 9)
    )
    assert said in words(case_of(plain), "people", lang)
    assert hard not in words(case_of(plain), "people", lang)
    assert f"{hard}" in flat(drawn(case_of(heavy), "people", lang).decode())


def test_easy_words_score_better_than_hard_ones_and_names_do_not_count():
    """The scales as they were published: short words in short sentences are easy; addresses are looked up, not read."""
    easy, hard = (
        measured("Le chat dort. Il a bu son lait.", "fr"),
        measured("Nonobstant l'indisponibilité susmentionnée.", "fr"),
    )
    assert easy.ease > 100 > PLAIN > hard.ease
    assert measured("The cat sat on the mat.", "en").ease == pytest.approx(116, abs=1)
    assert measured("Call us: +33 4 00 00 00 01, dpo@assurance-exceptionnelle.example.", "en").longest == 2
    assert measured("", "fr").plain
    assert not measured(" ".join(["mot"] * (LONGEST + 1)), "fr").plain
