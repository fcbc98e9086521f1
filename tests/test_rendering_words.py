"""The words: every key in both languages, none of the other's, and dates and numbers as each language writes them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from drafted import (
    ENGLISH,
    FRENCH,
    RENDERER,
    START,
)

from breachflow.core import drafting_people
from breachflow.core.assessment import AnswerBasis, CnilSeverity, Risk
from breachflow.core.briefing import Doing
from breachflow.core.case import NoticeKind, Stage
from breachflow.core.drafting_lists import HARMS, MEASURES_BEFORE, MEASURES_PREVENT
from breachflow.core.drafting_material import Kind, Said
from breachflow.core.facts import (
    ASSESSED,
    DATA_KINDS,
    INCIDENT_TYPES,
    PEOPLE_KINDS,
    DiscoveredBy,
    Exfiltration,
    Protection,
    Recipient,
)
from breachflow.core.organisation import Rank
from breachflow.core.rules import RULES
from breachflow.law.citations import CITATIONS
from breachflow.law.regimes import REGIMES
from breachflow.rendering.language import a_day, cited, edpb, labels, lasting, listed, number, typeset, when
from breachflow.rendering.wording import Wording


def test_both_languages_have_every_key():
    """The same groups and keys, none empty; every key of the vocabulary, every rule, article and regime is there."""
    for table in (labels, edpb):
        fr, en = table("fr"), table("en")
        assert {group: list(keys) for group, keys in fr.items()} == {group: list(keys) for group, keys in en.items()}
        assert all(said.strip() for group in (fr, en) for keys in group.values() for said in keys.values())
    fr = labels("fr")
    assert set(fr["data"]) == set(DATA_KINDS)
    assert set(fr["your_data"]) == set(fr["sms_data"]) == set(DATA_KINDS) - {"unknown"} - drafting_people.NEVER_NAMED
    assert set(fr["people"]) == set(PEOPLE_KINDS)
    assert set(fr["incident_type"]) == set(fr["plainly"]) == set(INCIDENT_TYPES)
    assert set(fr["rule"]) == set(RULES)
    assert set(fr["regime"]) == set(REGIMES)
    assert set(fr["fact"]) == {*ASSESSED, "any"}
    for group, keys in {
        "risk": Risk, "basis": AnswerBasis, "kind": NoticeKind, "form_kind": Kind, "who": Rank, "does": Doing,
        "recipient": Recipient, "exfiltration": Exfiltration, "protection": Protection, "discovered": DiscoveredBy,
        "cnil_severity": CnilSeverity,
    }.items():  # fmt: skip
        assert set(fr[group]) == set(get_args(keys)), group
    assert set(fr["stage"]) == {stage.value for stage in Stage}
    assert set(fr["harm"]) == set(HARMS)
    assert set(fr["measure"]) == {*MEASURES_BEFORE, *MEASURES_PREVENT}
    concerns = set(drafting_people.CONCERNS)
    assert concerns <= set(fr["risk_to_you"])
    assert concerns <= set(fr["advice"])


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_no_label_has_a_word_of_the_other_language(lang):
    """Every label by itself."""
    wrong = {
        (group, key): said
        for table in (labels(lang), edpb(lang))
        for group, keys in table.items()
        for key, said in keys.items()
        if (ENGLISH if lang == "fr" else FRENCH).search(re.sub(r"cnil\.fr|FAQ violations", "", said))
    }
    assert not wrong


def test_every_rule_cites_its_source_in_either_language():
    """What has no words of its own is written as it is cited everywhere."""
    for rule in RULES.values():
        for citation in filter(None, (rule.law, rule.guidance)):
            french = labels("fr")["law"].get(CITATIONS[citation].label) or cited(CITATIONS[citation].label, "fr")
            assert not re.search(r"GDPR|EDPB|case|recital|Annex|the ", french), french


def test_a_rule_or_fact_without_words_stops_nothing():
    """A rule added tomorrow is cited, a fact is asked for in general terms."""
    words_ = Wording("fr", "Europe/Paris")
    new = Said(rule="of-tomorrow", open=False, law="GDPR Art. 33(1)", guidance="EDPB 01/2021 case 7")
    assert typeset(words_.reason(new), "fr").replace("\u00a0", " ") == (
        "RGPD, art. 33, § 1\u202f; CEPD, lignes directrices 01/2021, cas n° 7."
    )
    assert words_.label("regime-of-tomorrow", "regime") == "autre"
    assert words_.question("of_tomorrow") == "Un renseignement nécessaire à l'évaluation manque encore."


def test_dates_numbers_and_lists_as_each_language_writes_them():
    """Fixed spaces in French, names of days and months, the zone's city; over the night when clocks change."""
    assert when(START, "Europe/Paris", "fr") == "mardi 24 novembre 2026 à 10\u00a0h\u00a000 (heure de Paris)"
    assert when(START, "Europe/Paris", "en") == "Tuesday 24 November 2026 at 10:00 (Paris time)"
    assert when(START - timedelta(days=31), "Indian/Reunion", "fr").endswith("à 13\u00a0h\u00a000 (heure de Reunion)")
    assert a_day(START.replace(day=1).date(), "fr") == "1er novembre 2026"
    assert (number(18250, "fr"), number(18250, "en")) == ("18\u202f250", "18,250")
    assert (number(2.25, "fr"), number(2.25, "en"), number(5.0, "fr")) == ("2,25", "2.25", "5")
    assert (listed(["a", "b", "c"], "fr"), listed(["a"], "en"), listed([], "fr")) == ("a, b et c", "a", "")
    assert lasting(timedelta(hours=71, minutes=5), "fr") == "2\u00a0j 23\u00a0h"
    assert lasting(timedelta(hours=-5), "en") == "5\u00a0h"
    assert lasting(timedelta(seconds=20), "fr") == "0\u00a0min"
    assert (
        typeset("Quoi ? « Oui » : non ; l'art. 33 § 1, n° 2 !", "fr")
        == "Quoi\u202f? «\u00a0Oui\u00a0»\u00a0: non\u202f; l’art.\u00a033\u00a0§\u00a01, n°\u00a02\u202f!"
    )
    assert typeset("http://a.example/?x=1:2", "fr") == "http://a.example/?x=1:2"


def test_the_page_needs_nothing_from_the_machine():
    """The PDF is the same on a computer without any fonts."""
    code = "from drafted import *; import sys; sys.stdout.buffer.write(drawn(case_of(LEAK), 'board', 'fr', 'pdf')[:5])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, cwd=Path(__file__).parent,
        env=os.environ | {"HOME": "/nonexistent", "FONTCONFIG_FILE": "/nonexistent"},
    )  # fmt: skip
    assert run.stdout == b"%PDF-"
    assert RENDERER.templates.overrides is None
