"""Mails nobody can misread: until when, what is proposed and why, what is missing, and the command to paste."""

from __future__ import annotations

import re

import pytest
from drafted import (
    LEAK,
    START,
    case_of,
    check,
    filing,
    flat,
    hours,
    mailed,
    words,
)
from msgspec.structs import replace

from breachflow.core.case import Exempted, Part, Stage


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("kind", ["opened", "rung", "climb", "overdue", "alarm", "flag", "channel", "quarantine"])
def test_every_mail_is_whole(kind, lang):
    """Each kind of notice, early, late and filed, in the reader's language."""
    to = "dpo" if lang == "fr" else "ciso"
    if kind == "quarantine":
        check(mailed(None, kind, to).text, lang)
        return
    for facts in (LEAK, {"personal_data": True}, LEAK | {"role": "processor"}, {"personal_data": False}):
        for case, now in (
            (case_of(facts), START + hours(1)),
            (case_of(facts, aware=START), START + hours(90)),
            (case_of(facts, aware=START, filed=filing(START + hours(2))), START + hours(10)),
        ):
            clock = next((clock.id for clock in case.clocks if clock.stop is None), None)
            rungs = ((clock, "T-24"),) if clock else ()
            mail = mailed(case, kind, to, now=now, rungs=rungs, detail={"verdict": "false_positive"}, tried=("legal",))
            check(mail.text, lang)
            check(re.sub(r"<style>.*?</style>|<[^>]+>", " ", mail.html, flags=re.DOTALL).replace("&#x27;", "’"), lang)
            assert mail.fallback_reason is None


def test_a_subject_carries_the_case_the_controller_the_risk_and_the_deadline_and_no_title():
    """A subject is read on a locked telephone."""
    mail = mailed(case_of(LEAK, title="Jean Dupont lost his medical file"), "opened")
    assert mail.subject == (
        "[BF-261124-TEST] Nouveau dossier\u00a0: Roulavie Assurances SA, risque élevé, échéance du vendredi 27 novembre"
        " 2026 à 10\u00a0h\u00a000 (heure de Paris)"
    )
    assert "Dupont" not in mail.text + mail.html
    assert (
        "risque élevé non exclu" in mailed(case_of({"personal_data": True, "confidentiality": True}), "opened").subject
    )


def test_the_first_lines_say_until_when_and_what_to_do():
    """Deadline in local time and how long that is, what is proposed and why, what is missing, the command to paste."""
    text = mailed(case_of(LEAK), "opened").text
    order = [
        "pour Roulavie Assurances SA", "Il reste 3\u00a0j", "vendredi 27 novembre 2026 à 10\u00a0h\u00a000 (heure de Paris)",
        "notifier l’autorité\u00a0: oui", "Un attaquant a pris", "Ce qui reste à établir",
        '      breachflow confirm BF-261124-TEST --aware 2026-11-24T10:00+01:00 --by dpo --reason "…"\n',
    ]  # fmt: skip
    joined = text.replace("\n| ", " ")
    assert [joined.find(sign) for sign in order] == sorted(joined.find(sign) for sign in order)
    assert all(sign in joined for sign in order)


def commands(mail) -> list[str]:
    return [line.strip() for line in mail.text.splitlines() if line.startswith("      breachflow ")]


@pytest.mark.parametrize(
    "facts", [LEAK, {"personal_data": True}, {"personal_data": False}, LEAK | {"role": "processor"}]
)
def test_every_command_in_a_mail_is_one_that_the_program_understands(facts):
    """Each parses as it stands, with something in place of the dots."""
    import shlex

    from breachflow.cli import group

    for case, now in (
        (case_of(facts), START),
        (case_of(facts, aware=START), START + hours(80)),
        (case_of(facts, aware=START, filed=filing(START)), START + hours(2)),
        (case_of(facts, aware=START, stage=Stage.HANDLED), START),
        (case_of(facts, aware=START, stage=Stage.CLOSED), START),
    ):
        lines = commands(mailed(case, "rung", now=now))
        assert len(lines) == len(set(lines)) >= 2
        for line in lines:
            _, *told = shlex.split(line.replace("…", "x"))
            command, name, parent = group, "breachflow", None
            while hasattr(command, "get_command"):
                parent = command.make_context(name, [told[0]], parent=parent, resilient_parsing=True)
                name = told.pop(0)
                command = command.get_command(parent, name)
                assert command is not None, line
            command.make_context(name, told, parent=parent)


def test_filing_late_asks_for_the_reasons():
    """Art. 33(1): the command of an overdue notification has a place for them."""
    case = case_of(LEAK, aware=START)
    early, late = (
        next(line for line in commands(mailed(case, "rung", now=START + hours(h))) if " filed " in line)
        for h in (10, 80)
    )
    assert "--reason" not in early
    assert late.endswith('--reason "…"')


def test_not_notifying_takes_two_people():
    """The DPO advises, somebody else decides: neither is filled in for both."""
    harmless = case_of({"personal_data": True, "confidentiality": False, "integrity": False, "availability": True,
                        "backup": "full", "service_impact": "none", "unavailable_hours": 1, "permanent_loss": False},
                       aware=START)  # fmt: skip
    told = [line for line in commands(mailed(harmless, "rung")) if " exempt " in line]
    assert told == ['breachflow exempt BF-261124-TEST --advised-by dpo --advice "…" --by … --reason "…"']


def test_a_false_positive_offers_to_dismiss_first():
    """The flag is put before a person, with the command that would follow it."""
    mail = mailed(case_of(LEAK, aware=START), "flag", detail={"verdict": "false_positive"})
    assert commands(mail)[0].startswith("breachflow dismiss")
    assert "faux positif" in flat(mail.text)


def test_where_mail_reached_nobody_the_telephone_numbers_stand_there():
    """All but the reader's own."""
    text = mailed(case_of(LEAK), "alarm").text
    assert "+33\u00a04\u00a000\u00a000\u00a000\u00a003" in text
    assert "+33\u00a04\u00a000\u00a000\u00a000\u00a001" not in text
    assert "Qui appeler" not in mailed(case_of(LEAK), "rung").text


def test_several_controllers_are_told_apart():
    """Each has its opinion, its reasons and its commands."""
    case = case_of(LEAK, aware=START, parts=(Part(controller="assurances"), Part(controller="services")))
    mail = mailed(case, "opened")
    assert "Roulavie Assurances SA et Roulavie Services SAS" in mail.subject
    assert "--controller services" in mail.text
    assert "Motifs, pour Roulavie Services SAS" in mail.text


def test_a_controller_with_two_processings_is_told_with_one_command_to_file():
    """One of the two proposes to notify: nobody is offered not to."""
    parts = (Part(controller="assurances", processing="paie"), Part(controller="assurances", processing="contrats"))
    case = case_of(LEAK, aware=START, parts=parts)
    harmless = replace(case.parts[0].proposal, notify_authority=False)
    case = replace(case, parts=(replace(case.parts[0], proposal=harmless), case.parts[1]))
    lines = commands(mailed(case, "rung"))
    assert sum(" filed " in line for line in lines) == 1
    assert not any(" exempt " in line for line in lines)


def test_a_decision_not_to_notify_is_told_to_the_board():
    """The note says what was decided, not what was proposed before."""
    decided = Exempted(at=START, by="boss", reason="x", advised_by="dpo", advice="y")
    case = case_of({"personal_data": False}, part=Part(controller="assurances", exempted=decided))
    assert "le responsable de traitement a décidé de ne pas notifier" in words(case, "board")
