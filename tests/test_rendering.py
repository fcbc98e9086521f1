"""Drafts a lawyer would send: whole in both languages, as they were read and approved, saying what the law asks for."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from drafted import (
    AUDIENCES,
    GOLD,
    HOUSE,
    LEAK,
    START,
    case_of,
    check,
    drawn,
    filing,
    hours,
    learnt,
    mailed,
    words,
)
from msgspec.structs import replace

from breachflow.core.drafting_sms import counted
from breachflow.core.facts import DATA_KINDS, INCIDENT_TYPES
from breachflow.core.organisation import Controller
from breachflow.rendering.language import labels, typeset

ASTRAY = {
    "personal_data": True, "incident_type": "sent_to_wrong_recipient", "intent": "accidental", "origin": "internal",
    "confidentiality": True, "integrity": False, "availability": False, "recipient": "identified",
    "recipient_count": 1, "people": ["customers"], "people_count": 1, "people_count_basis": "exact",
    "data": ["identity", "contact", "vehicle", "contract"], "occurred_from": "2026-11-23T16:40:00+01:00",
}  # fmt: skip
"""A letter of one policyholder went to another."""

HOSTED = {
    "personal_data": True, "reported_by": "processor", "confidentiality": True, "incident_type": "misconfiguration",
    "parties": [{"role": "processor", "name": "Hébergement Rhodanien SAS", "contact": "securite@hebergement.example"}],
    "data": ["contact", "contract"],
}  # fmt: skip
"""The host told that a folder stood open, and little else."""

MAJOR = {
    "personal_data": True, "incident_type": ["ransomware", "exfiltration"], "intent": "malicious", "origin": "external",
    "malicious_access": True, "confidentiality": True, "availability": True, "integrity": False,
    "exfiltration": "likely", "recipient": "hostile", "protection": "none", "backup": "partial",
    "service_impact": "major", "unavailable_hours": 31, "permanent_loss": False, "ongoing": True,
    "people": ["customers", "employees"], "people_count": 42000, "people_count_basis": "approximate",
    "data": ["identity", "bank_account", "contract", "fraud_aml"], "countries": ["FR", "BE"],
    "occurred_from": "2026-11-24T02:10:00+01:00", "estimated_dates": True, "reported_by": "controller",
    "attack_known_at": "2026-11-24T07:45:00+01:00", "ict_aware_at": "2026-11-24T07:45:00+01:00",
    "dora_classified_at": "2026-11-24T11:00:00+01:00",
    "measures_taken": [{"what": "Les accès distants ont été coupés.", "state": "done", "at": "2026-11-24T08:05:00+01:00"}],
    "measures_prevent": ["access_control", "backup"],
}  # fmt: skip
"""A ransomware that stops the insurer's service, classified as a major incident."""

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("gold", GOLD)
def test_every_draft_of_every_published_case_is_whole(gold, lang):
    """28 cases, every audience: suspected, late, and after a filing that was followed by news."""
    facts = GOLD[gold]
    filed = case_of(facts, aware=START, filed=filing(START + hours(2)))
    states = (
        (case_of(facts), START),
        (case_of(facts, aware=START), START + hours(80)),
        (learnt(filed, START + hours(5), people_count=12), START + hours(6)),
    )
    for case, now in states:
        for audience in AUDIENCES:
            check(drawn(case, audience, lang, now=now).decode(), lang)


def test_the_same_draft_is_the_same_bytes():
    """Twice the same case at the same instant: PDF and text do not differ."""
    for form in ("text", "html", "pdf", "json"):
        audience = "edpb" if form == "json" else "cnil"
        assert drawn(case_of(LEAK), audience, "fr", form) == drawn(case_of(LEAK), audience, "fr", form)


def golden() -> dict[str, str]:
    """Every text that was read and approved, by the name of its file."""
    leak = case_of(LEAK)
    filed = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    filed = learnt(filed, START + hours(8), people_count=17911, people_count_basis="exact", harms=["fraud"])
    more = learnt(case_of(LEAK, aware=START, filed=filing(START + hours(5))), START + hours(8),
                  reason="Les doublons du fichier ont été retirés.", people_count=17911, people_count_basis="exact")  # fmt: skip
    more = learnt(more, START + hours(8.5), harms=["fraud"], recipient="public", reported_by=None)
    more = learnt(more, START + hours(8.6), "event:wazuh/prod/77#/facts/data", data=[*LEAK["data"], "official_id"])
    little = case_of({"personal_data": True, "incident_type": "ransomware", "availability": True})
    client = case_of(LEAK | {"role": "processor"}, aware=START)
    late = case_of(LEAK, aware=START)
    astray = case_of(ASTRAY, aware=START)
    hosted = case_of(HOSTED, aware=START)
    nothing = case_of({"personal_data": False, "misuse": "none"}, aware=START, filed=filing(START + hours(5)))
    many = case_of(LEAK | {"individual_contact": "disproportionate"}, aware=START, filed=filing(START + hours(5)))
    insurer = replace(HOUSE, controllers=(replace(HOUSE.controllers[0], dora=True),))
    major = case_of(MAJOR, house=insurer, aware=START, filed=filing(START + hours(2)))
    made = {
        f"{audience}.{lang}": drawn(leak, audience, lang).decode() for audience in AUDIENCES for lang in ("fr", "en")
    }
    made["edpb.json"] = drawn(leak, "edpb", "fr", "json").decode()
    for lang in ("fr", "en"):
        made[f"controller.{lang}"] = drawn(client, "controller", lang, now=START + hours(2)).decode()
        made[f"cnil-complement.{lang}"] = drawn(more, "cnil", lang, now=START + hours(9)).decode()
        made[f"cnil-late.{lang}"] = drawn(late, "cnil", lang, now=START + hours(75)).decode()
        made[f"cnil-withdrawal.{lang}"] = drawn(nothing, "cnil", lang, now=START + hours(9)).decode()
        made[f"recipient.{lang}"] = drawn(astray, "recipient", lang, now=START + hours(2)).decode()
        made[f"processor.{lang}"] = drawn(hosted, "processor", lang, now=START + hours(2)).decode()
        made[f"public.{lang}"] = drawn(many, "public", lang, now=START + hours(6)).decode()
        for audience in ("acpr", "police"):
            made[f"{audience}.{lang}"] = drawn(major, audience, lang, now=START + hours(4), house=insurer).decode()
        made[f"register.{lang}"] = drawn(filed, "register", lang, now=START + hours(9)).decode()
        made[f"people-little.{lang}"] = drawn(little, "people", lang).decode()
    authority = (("gdpr-art33:assurances", "T-24"),)
    for name, mail in {
        "mail-opened": mailed(leak, "opened", rungs=(("gdpr-art33:assurances", "T-72"),)),
        "mail-rung": mailed(late, "rung", "ciso", now=START + hours(48), rungs=authority),
        "mail-overdue": mailed(late, "overdue", now=START + hours(76), rungs=authority),
        "mail-climb": mailed(late, "climb", "ciso", now=START + hours(60), rungs=authority),
        "mail-alarm": mailed(leak, "alarm", now=START + hours(5), tried=("dpo",)),
        "mail-flag": mailed(leak, "flag", now=START + hours(5), detail={"verdict": "false_positive"}),
        "mail-quarantine": mailed(None, "quarantine"),
    }.items():
        made[name] = f"{mail.subject}\n\n{mail.text}"
    return made


def test_the_texts_are_those_that_were_read_and_approved():
    """A changed sentence shows here; read it aloud, then write the files anew with BREACHFLOW_GOLDEN=write."""
    made = golden()
    if os.environ.get("BREACHFLOW_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        for name, text in made.items():
            (GOLDEN / f"{name}.txt").write_text(text, encoding="utf-8")
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(made)
    for name, text in made.items():
        assert text == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8"), name


# --- What they say


def test_a_precautionary_answer_concedes_no_high_risk():
    """The worksheet says that the assessment goes on, in so many words."""
    open_ = case_of({"personal_data": True, "confidentiality": True})
    assert "Ne pas écrire qu’un risque élevé est reconnu" in words(open_)
    assert "Do not write that a high risk is conceded" in words(open_, "edpb", "en")
    assert "Ne pas écrire" not in words(case_of(LEAK))


def test_every_draft_says_that_a_person_decides():
    """Nothing was filed or sent, and the first box says who has to."""
    for audience in ("cnil", "edpb", "people", "controller"):
        for lang, sign, who in (("fr", "| Projet", "ne personne"), ("en", "| Draft", "person")):
            head = drawn(case_of(LEAK), audience, lang).decode().split("\n\n")[1]
            assert head.startswith(sign)
            assert who in head


def test_a_draft_of_a_duty_that_is_not_proposed_says_so_on_top():
    """It renders all the same."""
    harmless = case_of({"personal_data": False})
    for audience in ("cnil", "edpb", "people", "public", "sms", "controller", "recipient", "processor", "acpr"):
        assert "pas proposée" in words(harmless, audience)[:700], audience
        assert "not proposed" in words(harmless, audience, "en")[:700], audience


def test_an_open_field_names_who_is_asked_and_by_when():
    """In the worksheet, but not in a letter that leaves the house."""
    assert "(à demander à la direction juridique d’ici au jeudi 26 novembre à 10\u00a0h\u00a000)" in drawn(
        case_of(LEAK)
    ).decode().replace("\n    ", " ")
    assert "demander" not in words(case_of(LEAK | {"role": "processor"}), "controller")


def test_the_reasons_for_a_delay_are_asked_for_once_it_is_late():
    """Mandatory from the deadline on, and said on top."""
    case = case_of(LEAK, aware=START)
    assert "Motifs du retard" not in words(case, now=START + hours(71))
    late = words(case, now=START + hours(73))
    assert "Le délai de notification est dépassé" in late[:600]
    assert "Motifs du retard\u00a0: à renseigner avant le dépôt\u00a0: obligatoire" in late


def test_the_complement_shows_what_changed_and_who_says_so():
    """Field by field: what was filed, what is true now, since when, who says so and why."""
    case = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    case = learnt(case, START + hours(8), reason="Les doublons ont été retirés.", people_count=17911)
    case = learnt(case, START + hours(8), exfiltration="excluded")
    for audience in ("cnil", "edpb"):
        made = words(case, audience, now=START + hours(9))
        assert (
            "Nombre de personnes Déclaré lors du dépôt\u00a0: 18\u202f250 Désormais\u00a0: 17\u202f911 Motif du changement"
            "\u00a0: établi le 24 novembre 2026 à 18\u00a0h\u00a000 par Claire Fontanel\u00a0: Les doublons ont été retirés."
        ) in made
        assert "par Claire Fontanel\u202f; motif à préciser avant le dépôt" in made
    assert "Numéro de la notification initiale\u00a0: N-2026-0042" in words(case, now=START + hours(9))
    english = words(case, "edpb", "en", now=START + hours(9))
    assert "Stated in that filing: 18,250 Now: 17,911 Reason for the change: established on" in english


def test_the_kind_can_be_chosen_and_one_that_does_not_fit_says_so():
    """By default what the filings imply; a complement of nothing, or a second initial one, says what is wrong."""
    fresh = case_of(LEAK, aware=START)
    filed = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    now = START + hours(6)
    for audience in ("cnil", "edpb"):
        plain = words(filed, audience, now=now)
        assert plain == words(filed, audience, now=now, kind="complement")
        assert "Ce qui a changé depuis la notification" in plain
        assert words(fresh, audience) == words(fresh, audience, kind="initial")
        assert "Aucun dépôt n’est consigné" in words(fresh, audience, kind="complement")
        assert "Une notification est déjà déposée" in words(filed, audience, kind="initial", now=now)
        withdrawn = words(filed, audience, kind="withdrawal", now=now)
        assert "Un retrait n’est pas proposé" in withdrawn
        assert "no breach" not in withdrawn
    nothing = case_of({"personal_data": False, "misuse": "none"}, aware=START, filed=filing(START + hours(5)))
    for lang, sign in (
        ("fr", "un retrait est une notification complémentaire"),
        ("en", "a complementary notification"),
    ):
        assert sign in words(nothing, "cnil", lang, now=now)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_no_letter_says_that_the_authority_was_told_before_it_was(lang):
    """In no draft for anybody; and a form that names the authority is no statement that it was notified."""
    told = re.compile(r"avons notifié|notification déposée|We notified|notification filed|déposée le|filed on")
    for audience in AUDIENCES:
        assert not told.search(words(case_of(LEAK, aware=START), audience, lang, now=START + hours(2))), audience
    filed = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    for audience in ("people", "public", "register"):
        assert told.search(words(filed, audience, lang, now=START + hours(6))), audience


@pytest.mark.parametrize("audience", ["people", "public", "sms", "recipient"])
def test_a_fraud_file_needs_a_legal_review_in_every_letter_to_outsiders(audience):
    """Never named, and the banner stands on top, in both languages."""
    case = case_of(ASTRAY | {"data": ["contact", "fraud_aml"]})
    for lang, sign in (("fr", "Avis juridique requis"), ("en", "Legal review is required")):
        made = words(case, audience, lang)
        assert sign in made
        assert typeset(labels(lang)["data"]["fraud_aml"], lang) not in made


@pytest.mark.parametrize("audience", ["people", "public", "sms"])
def test_people_whose_language_has_no_template_wait_for_a_translation(audience):
    """The draft says so, and for which countries."""
    abroad = case_of(LEAK | {"countries": ["FR", "DE", "IT"]})
    assert "n’a pas de modèle ici (DE, IT)" in words(abroad, audience)
    assert "has no template here (DE, IT)" in words(abroad, audience, "en")
    assert "modèle" not in words(case_of(LEAK), audience)


def test_a_wrong_recipient_learns_nothing_about_the_people():
    """Kinds of data that lay in the letter; no number, no group, no risk, no authority."""
    case = case_of(ASTRAY | {"people_count": 7123, "people": ["patients"], "text_nature": "Dossier de Mme Untel."},
                   aware=START, filed=filing(START + hours(1)))  # fmt: skip
    made = words(case, "recipient", now=START + hours(2))
    assert not re.search(r"7123|7\u202f123|patient|Untel|CNIL|risque", made)
    assert "au plus tard le" in made
    assert "Coupon-réponse" in made


def test_the_public_notice_has_all_that_article_34_asks_for():
    """The same as the letter, and who is concerned; never proposed where each person can be written to."""
    case = case_of(LEAK | {"individual_contact": "disproportionate"})
    made = words(case, "public")
    for sign in (
        "Qui est concerné", "Ce qui s’est passé", "Ce que vous risquez", "Ce que vous pouvez faire maintenant",
        "Le serveur a été isolé du réseau.", "donnees-personnelles@roulavie.example", "réclamation à la CNIL",
    ):  # fmt: skip
        assert sign in made, sign
    assert "pas proposée" not in made
    assert "Une communication publique n’est pas proposée" in words(case_of(LEAK), "public")


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_short_message_fits_three_segments_whatever_was_lost(lang):
    """Every kind of data and all at once: counted, without a link, with a telephone, and without a hint at fraud."""
    for kinds in (*([kind] for kind in DATA_KINDS), list(DATA_KINDS)):
        made = drawn(case_of(LEAK | {"data": kinds}), "sms", lang).decode()
        (text,) = re.findall(r"(?m)^ {6}(\S.*)$", made)
        counts = counted(text)
        assert (counts.alphabet, counts.segments <= 3) == ("GSM-7", True), text
        assert re.search(rf"{counts.units}\n.*{counts.segments}", made)
        assert "+33 4 00 00 00 01" in text
        assert not re.search(r"https?:|www\.|/", text)


@pytest.mark.parametrize("name", ["Château du Lançon", "保険会社", "X" * 200, "Name | with {data} # and\r\nmore €€€"])
def test_a_short_message_of_any_house_is_counted_as_it_is(name):
    """Accents, another script, a name without end: three segments, or a box that says it is too long."""
    house = replace(HOUSE, controllers=(replace(HOUSE.controllers[0], name=name),))
    made = drawn(case_of(LEAK, house=house), "sms", "fr", house=house).decode()
    (text,) = re.findall(r"(?m)^ {6}(\S.*)$", made)
    counts = counted(text)
    assert re.search(rf"{counts.alphabet}\n.*{counts.units}\n.*{counts.segments}", made)
    assert counts.segments <= 3 or "plus de trois segments" in made


def test_the_police_sheet_says_what_is_not_known():
    """Unknown is "to be determined", the complaint's own deadline stands on top, and an old complaint is named."""
    made = words(case_of({"personal_data": True, "malicious_access": True}), "police")
    assert "au plus tard le vendredi 27 novembre 2026" in made[:900]
    assert made.count("à déterminer") >= 8
    lodged = {"complaint": {"lodged_at": "2026-11-24T11:00:00+01:00", "reference": "PV 12/2026"}}
    assert "Une plainte est déjà déposée" in words(case_of(LEAK | lodged), "police")[:700]
    assert "n’est pas proposé" in words(case_of(ASTRAY), "police")[:700]


def test_the_dora_sheet_says_on_top_where_dora_does_not_apply():
    """Not in scope, in scope but not classified, and the report that is due."""
    insurer = replace(HOUSE, controllers=(replace(HOUSE.controllers[0], dora=True),))
    assert "DORA ne s’applique pas" in words(case_of(LEAK), "acpr")[:600]
    assert "n’est pas classé majeur" in words(case_of(LEAK, house=insurer), "acpr", house=insurer)[:600]
    assert (
        "Rapport à remettre\u00a0: rapport initial" in words(case_of(MAJOR, house=insurer), "acpr", house=insurer)[:600]
    )


def test_the_notice_says_the_authority_was_told_only_once_it_was():
    """Before the filing the sentence is absent; after it the date stands there."""
    assert "Nous avons notifié" not in words(case_of(LEAK), "people")
    filed = case_of(LEAK, aware=START, filed=filing(START + hours(5)))
    assert "notifié cet incident à la CNIL le 24 novembre 2026" in words(filed, "people", now=START + hours(6))


def test_the_notice_has_all_that_article_34_asks_for_in_itself():
    """Nature, contact, likely consequences, measures and what to do; the right to complain; no link to follow."""
    made = words(case_of(LEAK), "people")
    for sign in (
        "Ce qui s’est passé", "donnees-personnelles@roulavie.example", "+33\u00a04\u00a000\u00a000\u00a000\u00a001",
        "12 quai des Forges, 69100 Villeurbanne", "Ce que vous risquez", "Ce que vous pouvez faire maintenant",
        "Le serveur a été isolé du réseau.", "réclamation à la CNIL", "treize mois",
    ):  # fmt: skip
        assert sign in made, sign
    assert "http" not in drawn(case_of(LEAK), "people", "fr", "html").decode()
    assert not re.search(r"toutes les mesures nécessaires", made)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_notice_names_only_what_was_lost(lang):
    """Every kind of data by itself: named when stated, and none of the others."""
    names = labels(lang)["your_data"]
    for kind in set(names) - {"other"}:
        made = words(case_of({"personal_data": True, "confidentiality": True, "data": [kind]}), "people", lang)
        said = {other for other in names if typeset(names[other], lang) in made}
        assert kind in said
        assert all(names[other] in names[kind] for other in said), (kind, said)


def test_a_fraud_file_is_never_named_and_needs_a_legal_review():
    """A report to Tracfin must never be guessed from a letter."""
    made = words(case_of(LEAK | {"data": ["contact", "fraud_aml"]}), "people")
    assert "Avis juridique requis" in made
    assert not re.search(r"fraude|blanchiment|contrôle interne|Tracfin", made.replace("frauduleux", ""))


def test_a_notice_whose_data_is_unknown_cannot_be_sent_as_it_is():
    """Being established is what it says, in the box and in the text."""
    made = words(case_of({"personal_data": True, "confidentiality": True}), "people")
    assert "ce message ne peut pas partir en l’état" in made
    assert "Nous cherchons encore à savoir quelles données sont concernées" in made


def test_another_authority_gets_its_own_name():
    """A controller whose authority is not the CNIL sends nobody to the CNIL."""
    house = replace(HOUSE, controllers=(Controller(id="assurances", name="Belgian NV", authority="APD-GBA"),))
    made = words(case_of(LEAK, house=house), "people", "en", house=house)
    assert "APD-GBA" in made
    assert "CNIL" not in made


def test_the_board_has_one_page():
    """However much there is to say."""
    much = LEAK | {
        "data": list(DATA_KINDS),
        "incident_type": list(INCIDENT_TYPES),
        "measures_taken": [{"what": f"Mesure {n} : " + "mot " * 60, "state": "done"} for n in range(9)],
    }
    for case in (case_of(LEAK), case_of(much, aware=START)):
        for lang in ("fr", "en"):
            assert drawn(case, "board", lang, "pdf").count(b"/Type/Pages/Count 1/") == 1
