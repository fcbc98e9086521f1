"""The promises as stories: an event comes in, time passes, who was told, and what is on the wall?"""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest
from postgres_server import postgres_server  # noqa: F401 - a fixture.
from story import BREACH, START, Story, organisation

from breachflow.core.case import IllegalMove
from breachflow.core.clock import state
from breachflow.core.decision import (
    Ack,
    Close,
    Confirm,
    Dismiss,
    Done,
    Exempt,
    Filed,
    Informed,
    Note,
    Reopen,
    SetFacts,
)
from breachflow.core.organisation import Asset, Controller

HARMLESS = {
    "personal_data": True,
    "role": "controller",
    "incident_type": "sent_to_wrong_recipient",
    "intent": "accidental",
    "origin": "internal",
    "confidentiality": True,
    "integrity": False,
    "availability": False,
    "protection": "none",
    "recipient": "trusted",
    "recipient_count": 1,
    "deletion_confirmed": True,
    "people_count": 24,
    "people_count_basis": "approximate",
    "people": ["customers"],
    "data": ["identity", "contact", "contract"],
}
"""The insurance agent who saw two dozen customers that were not his, and deleted the file (EDPB 01/2021 case 9)."""


numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """The address of an empty database, on each engine in turn: the promises are the same on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/breachflow.db"
    return request.getfixturevalue("postgres_server").fresh(f"stories_{next(numbers)}")


@pytest.fixture
def story(tmp_path, database):
    told = Story(tmp_path, url=database)
    yield told
    told.store.close()


def test_an_event_puts_a_72_hour_clock_on_the_wall(story):
    """From the first event a provisional Art. 33 clock runs, and the DPO is told."""
    story.event(detected_at=(START - timedelta(hours=1)).isoformat())

    clock = story.clock("gdpr-art33")
    assert clock.act_by == START + timedelta(hours=71)
    assert state(clock, START) == "provisional"
    assert story.told() == ["dpo"]


def test_silence_climbs_to_everybody_and_does_not_end_at_the_deadline(story):
    """Nobody answers: deputy, CISO and management are told before the deadline, and again while it is overdue."""
    story.event()
    story.advance(hours=71)
    assert {"dpo", "deputy", "ciso", "boss"} <= set(story.told())

    story.advance(hours=12)
    assert state(story.clock("gdpr-art33"), story.watch()) == "overdue"
    assert story.told().count("boss") >= 3


def test_an_acknowledgement_silences_and_lapses(story):
    """Four hours of quiet for whoever is on it; what fell due meanwhile is told when they are over."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=46)
    story.told()
    story.decide(Ack(by="dpo"))
    story.advance(hours=3, minutes=59)  # T-24 has passed.
    assert story.told() == []

    story.advance(minutes=2)
    assert {"dpo", "deputy"} <= set(story.told())


def test_near_the_deadline_an_acknowledgement_holds_fifteen_minutes(story):
    """Inside the last six hours "I am on it" must not be the last word before the deadline."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=69)
    story.decide(Ack(by="dpo"))

    assert story.clock("gdpr-art33").acked_until == story.watch() + timedelta(minutes=15)


def test_filing_stops_the_authority_ladder_and_not_the_others(story):
    """After the notification only the communication to people, and the CNIL's complement, still call."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=10)
    story.decide(Filed(by="dpo", at=story.watch(), reference="N-1"))

    assert state(story.clock("gdpr-art33"), story.watch()) == "met"
    assert state(story.clock("gdpr-art34"), story.watch()) != "met"
    assert story.clock("cnil-complement").act_by == story.watch() + timedelta(hours=72)
    story.told()
    story.advance(hours=60)
    assert story.told()


def test_filed_late_is_late_and_needs_reasons(story):
    """Art. 33(1): after 72 hours the notification is accompanied by reasons for the delay."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=80)
    with pytest.raises(IllegalMove, match="reasons for the delay"):
        story.decide(Filed(by="dpo", at=story.watch()))

    story.decide(Filed(by="dpo", at=story.watch(), reason="the forensic provider was unreachable"))
    assert state(story.clock("gdpr-art33"), story.watch()) == "late"


def test_a_case_is_handled_once_its_duties_are_discharged_and_can_be_closed(story):
    """Notified, informed: handled. Closing is a person's word."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    with pytest.raises(IllegalMove, match="open moves"):
        story.decide(Close(by="dpo", reason="early"))
    story.decide(Filed(by="dpo", at=START, reference="N-1"))
    story.decide(Informed(by="dpo", at=START, means="e-mail", count=300))
    assert story.case.stage == "handled"

    story.decide(Close(by="dpo", reason="keys changed, staff trained"))
    assert story.case.stage == "closed"
    story.told()
    story.advance(days=10)
    assert story.told() == []


def test_the_decision_not_to_notify_takes_two_people(story):
    """The DPO advises, the controller decides; both stay on record."""
    story.event(facts=HARMLESS)
    story.decide(Confirm(by="dpo", aware_at=START))
    with pytest.raises(IllegalMove, match="two people"):
        story.decide(Exempt(by="dpo", advised_by="DPO", advice="no risk", reason="trusted recipient"))

    story.decide(Exempt(by="director", advised_by="dpo", advice="no risk", reason="trusted recipient, deleted"))
    assert state(story.clock("gdpr-art33"), story.watch()) == "lifted"
    assert story.case.stage == "handled"


def test_no_notification_proposed_still_waits_for_a_person(story):
    """The engine proposes; the clock runs until somebody has decided."""
    story.event(facts=HARMLESS)
    story.told()
    story.advance(hours=73)

    assert state(story.clock("gdpr-art33"), story.watch()) == "overdue"
    assert "boss" in story.told()


def test_facts_that_turn_bring_the_duty_back(story):
    """The recipient did not delete after all: the decision not to notify falls, and a clock runs from now."""
    story.event(facts=HARMLESS)
    story.decide(Confirm(by="dpo", aware_at=START))
    story.decide(Exempt(by="director", advised_by="dpo", advice="no risk", reason="trusted recipient, deleted"))
    story.advance(days=20)
    story.told()
    turned = {"deletion_confirmed": False, "recipient": "public", "recipient_count": 500}
    story.decide(SetFacts(by="dpo", reason="seen on a forum", values=turned))

    assert story.case.stage == "confirmed"
    assert story.clock("gdpr-art33").act_by == story.watch() + timedelta(hours=72)
    assert story.told() == ["dpo"]


def test_false_positives_and_tests_never_start_a_clock(story):
    """They are kept, with the reason, and nobody is woken."""
    assert story.event(verdict="false_positive").screened == 1
    assert story.event(verdict="test").screened == 1
    assert story.cases == []
    assert story.told() == []


def test_a_later_false_positive_is_put_before_a_person(story):
    """Never silently dismissed: the clock goes on, and the DPO is asked."""
    story.event(case="C-1")
    story.told()
    story.event(case="C-1", verdict="false_positive")

    assert story.case.flagged == "false_positive"
    assert state(story.clock("gdpr-art33"), story.watch()) == "provisional"
    assert story.told() == ["dpo"]
    story.decide(Dismiss(by="dpo", reason="a scanner of our own"))
    assert {state(clock, story.watch()) for clock in story.case.clocks} == {"lifted"}


def test_a_dismissed_case_comes_back_with_new_evidence(story):
    """A later event of the same incident reopens it, and the clocks run again, from the new evidence."""
    story.event(case="C-1")
    story.decide(Dismiss(by="dpo", reason="nothing found"))
    story.advance(days=3)
    story.told()
    story.event(case="C-1")

    assert story.case.stage == "suspected"
    assert story.clock("gdpr-art33").act_by == story.watch() + timedelta(hours=72)
    assert story.told() == ["dpo"]


def test_a_person_reopens(story):
    """New information by telephone: the case is looked at again, from now."""
    story.event()
    story.decide(Dismiss(by="dpo", reason="nothing found"))
    story.advance(days=3)
    story.decide(Reopen(by="dpo", reason="a customer called"))

    assert story.case.stage == "suspected"
    assert story.clock("gdpr-art33").started == story.watch()


def test_the_same_event_again_changes_nothing_and_new_content_is_a_revision(story):
    """Source and id are the identity; the same content is a duplicate, other content is attached."""
    event = {"id": "x", "detected_at": START.isoformat()}
    assert story.event(**event).opened == 1
    assert story.event(**event).duplicates == 1
    assert story.event(**event, facts=BREACH | {"people_count": 200}).attached == 1
    assert story.case.facts["people_count"].value == 200


def test_another_order_of_keys_is_no_revision(story):
    """Whoever writes the same event with its keys turned round, or on several lines, says the same: also in one batch."""
    event = {"id": "x", "source": "soc/test", "detected_at": START.isoformat(), "title": "Lost", "facts": BREACH}
    turned = dict(reversed(event.items())) | {"facts": dict(reversed(BREACH.items()))}

    assert story.raw(json.dumps(event).encode()).opened == 1
    assert story.raw(json.dumps(turned).encode()).duplicates == 1
    assert story.raw(json.dumps([event | {"title": "Found"}, turned, event]).encode()).attached == 1
    assert story.raw(json.dumps(turned | {"title": "Found"}, indent=2).encode()).duplicates == 1
    assert story.case.events == 2


def test_an_old_copy_that_comes_late_does_not_undo_its_revision(story):
    """A, B, A: the second A cannot be told from a delivery that was repeated, so B stands; a real change has other bytes."""
    event = {"id": "x", "detected_at": START.isoformat()}
    story.event(**event, facts=BREACH | {"people_count": 200})
    story.event(**event, facts=BREACH | {"people_count": 9000})

    assert story.event(**event, facts=BREACH | {"people_count": 200}).duplicates == 1
    assert story.case.facts["people_count"].value == 9000
    assert story.event(**event, facts=BREACH | {"people_count": 200}, description="counted again").attached == 1
    assert story.case.facts["people_count"].value == 200


def test_worse_news_from_another_alert_is_kept_and_milder_news_is_not(story):
    """Two alerts of one incident see different parts of it: the worse value stands."""
    story.event(case="C-1")
    story.event(case="C-1", facts={"people_count": 9000})
    story.event(case="C-1", facts={"people_count": 12, "exfiltration": "likely"})

    assert story.case.facts["people_count"].value == 9000
    assert story.case.facts["exfiltration"].value == "confirmed"


def test_what_a_person_set_is_not_overwritten_by_a_machine(story):
    """The contradiction is in the register; the person's value stands."""
    story.event(case="C-1")
    story.decide(SetFacts(by="dpo", reason="counted", values={"people_count": 280}))
    story.event(case="C-1", facts={"people_count": 9000})

    assert story.case.facts["people_count"].value == 280
    lines = [line for entry in story.store.entries(story.case.id) for line in entry.body.get("facts", ())]
    assert any(line.get("kept") and line["after"] == 9000 for line in lines)


def test_changing_awareness_keeps_the_old_deadline_visible(story):
    """An edit of awareness never silently moves a deadline."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=5)
    story.decide(Confirm(by="dpo", aware_at=START - timedelta(hours=3), reason="the help desk knew since seven"))

    clock = story.clock("gdpr-art33")
    assert clock.act_by == START + timedelta(hours=69)
    assert [moved.act_by for moved in clock.earlier] == [START + timedelta(hours=72)]


def test_awareness_is_never_in_the_future_and_a_late_one_is_explained(story):
    """More than a day after the first sign asks for a reason; more than two are flagged."""
    story.event()
    with pytest.raises(IllegalMove, match="future"):
        story.decide(Confirm(by="dpo", aware_at=START + timedelta(hours=1)))
    story.advance(hours=60)
    with pytest.raises(IllegalMove, match="24 hours"):
        story.decide(Confirm(by="dpo", aware_at=story.watch()))

    change = story.decide(Confirm(by="dpo", aware_at=story.watch(), reason="logs had to be restored"))
    assert any("48 hours" in warning for warning in change.warnings)


def test_one_notification_for_each_controller(tmp_path):
    """Data of two controllers: two clocks, and each files for itself."""
    assets = (
        Asset(
            id="a", match=("crm",), controller="insurance", data=("identity",), people=("customers",), people_count=50
        ),
        Asset(id="b", match=("crm",), controller="services", data=("contact",), people=("prospects",), people_count=9),
    )
    story = Story(tmp_path, organisation(datamap=assets))
    story.event(facts={}, severity="high", assets=["crm"])
    story.decide(Confirm(by="dpo", aware_at=START))
    assert {c.controller for c in story.case.clocks if c.regime == "gdpr-art33"} == {"insurance", "services"}
    with pytest.raises(IllegalMove, match="--controller"):
        story.decide(Filed(by="dpo", at=START))

    story.decide(Filed(by="dpo", at=START, controller="services"))
    assert state(story.clock("gdpr-art33", "services"), story.watch()) == "met"
    assert state(story.clock("gdpr-art33", "insurance"), story.watch()) == "running"
    story.store.close()


def test_as_processor_the_controllers_are_told_and_no_authority(story):
    """Art. 33(2): no risk test, no form for the authority, the contract's hours."""
    story.event(facts=BREACH | {"role": "processor"})
    assert [c.regime for c in story.case.clocks if c.stop is None] == ["triage", "gdpr-art33-2"]
    assert story.clock("gdpr-art33-2").act_by == START + timedelta(hours=24)

    story.decide(Confirm(by="dpo", aware_at=START))
    story.decide(Done(by="dpo", clock="gdpr-art33-2", at=START, reference="mail to the client"))
    assert story.case.stage == "handled"


def test_a_complement_says_what_was_filed_what_is_true_now_and_why(story, tmp_path):
    """The number of people is corrected after the filing: old value, new value and the reason lie on the desk."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START, reason="the logs show it"))
    story.decide(SetFacts(by="ciso", values={"people_count": 900, "text_nature": "The base was copied."}))
    story.decide(Filed(by="dpo", at=story.watch(), reference="N-1"))
    story.advance(hours=2)
    story.decide(SetFacts(by="ciso", reason="duplicates were taken out", values={"people_count": 850}))

    (path,) = (tmp_path / "drafts" / story.case.id).glob("cnil-*.en.txt")
    told = " ".join(path.read_text().split())
    assert "Number of people Stated in that filing: 900 Now: 850 Reason for the change: established on" in told
    assert "by ciso: duplicates were taken out" in told
    assert told.count("Stated in that filing") == 1, "nothing else changed"


@pytest.mark.parametrize("turned", [False, True])
def test_a_client_that_is_no_controller_of_ours_keeps_its_own_clock(story, turned):
    """Controller for one processing and processor for a client's: both clocks run, in whatever order they are named."""
    scopes = [
        {"controller": "insurance", "role": "controller", "data": ["health"], "people_count": 90_000},
        {"controller": "carmaker", "role": "processor", "data": ["vehicle"]},
    ]
    story.event(facts=BREACH | {"scopes": scopes[::-1] if turned else scopes})
    regimes = {clock.regime for clock in story.case.clocks if clock.stop is None}
    assert {"gdpr-art33", "gdpr-art33-2", "gdpr-art34"} <= regimes
    assert {part.proposal.notify_controllers for part in story.case.parts} == {True, False}
    story.beat()
    drafts = story.store.drafts(story.case.id)
    assert len({draft.path for draft in drafts}) == len(drafts), "no draft of one part takes another one's place"


def test_what_a_scope_says_is_not_lost_with_a_misspelt_controller(story):
    """The case is as grave as the assessment of its facts."""
    mild = {"personal_data": True, "confidentiality": True, "people_count": 3, "data": ["vehicle"]}
    scope = {"controller": "typo", "role": "controller", "data": ["health", "credentials"], "people": ["patients"]}
    story.event(facts=mild | {"scopes": [scope]})
    assert story.case.parts[0].proposal.inform_people
    assert story.clock("gdpr-art34")


def test_the_next_step_is_a_command_that_works(story):
    """With two controllers it names the one it speaks of."""
    from breachflow.core.overview import next_step

    scopes = [{"controller": name, "role": "controller"} for name in ("insurance", "services")]
    story.event(facts=BREACH | {"scopes": scopes})
    story.decide(Confirm(by="dpo", aware_at=START))
    assert next_step(story.case, story.watch()).command.endswith("--controller insurance")


def test_a_decision_needs_somebody_who_decided(story):
    """A blank name is no name, for whoever decides and for the DPO who advises; and no filing before awareness."""
    story.event(facts=HARMLESS)
    with pytest.raises(IllegalMove, match="who decides"):
        story.decide(Dismiss(by="  ", reason="x"))
    story.decide(Confirm(by="dpo", aware_at=START))
    with pytest.raises(IllegalMove, match="which DPO"):
        story.decide(Exempt(by="director", advised_by=" ", advice="none", reason="x"))
    with pytest.raises(IllegalMove, match="before the organisation was aware"):
        story.decide(Filed(by="dpo", at=START - timedelta(days=4)))


def test_the_complaint_clock_runs_from_the_attack(tmp_path):
    """LOPMI: the insured victim of an attack lodges its complaint within 72 hours of knowing of it."""
    insured = (Controller(id="insurance", name="Insurance SA", cyber_insured=True),)
    story = Story(tmp_path, organisation(controllers=insured))
    known = START - timedelta(hours=4)
    story.event(facts=BREACH | {"attack_known_at": known.isoformat()})
    assert story.clock("lopmi-complaint").act_by == known + timedelta(hours=72)

    story.decide(Done(by="dpo", clock="lopmi-complaint", at=START, reference="PV 2026/1"))
    assert state(story.clock("lopmi-complaint"), story.watch()) == "met"
    story.store.close()


def test_dora_runs_from_classification_and_back(tmp_path):
    """Four hours from the classification as major; withdrawn, the 24 hours from awareness govern again."""
    insurer = (Controller(id="insurance", name="Insurance SA", dora=True),)
    story = Story(tmp_path, organisation(controllers=insurer))
    story.event(facts=BREACH | {"malicious_access": True})
    assert story.clock("dora-initial").act_by == START + timedelta(hours=24)

    at = (START + timedelta(hours=1)).isoformat()
    story.decide(SetFacts(by="ciso", reason="major", values={"dora_classified_at": at}))
    assert story.clock("dora-initial").act_by == START + timedelta(hours=5)
    story.decide(SetFacts(by="ciso", reason="not major after all", values={"dora_classified_at": None}))
    assert story.clock("dora-initial").act_by == START + timedelta(hours=24)
    story.store.close()


def test_a_mail_that_bounces_goes_to_the_next_person(story):
    """No escalation is silent: the deputy is told instead of the DPO, and it is on record."""
    story.outtray.broken = {"dpo@group.example"}
    story.event()

    assert story.told() == ["deputy"]
    kinds = [entry.kind for entry in story.store.entries(story.case.id)]
    assert kinds == ["opened", "not-told", "told"]


def test_nobody_could_be_told_is_itself_an_alarm(story):
    """When every mailbox fails, the case says so until a person answers."""
    story.outtray.broken = {f"{who}@group.example" for who in ("dpo", "deputy", "ciso", "boss")}
    story.event()
    assert story.case.alarm

    story.decide(Note(by="soc", reason="trying the telephone"))
    assert story.case.alarm
    story.decide(Ack(by="dpo"))
    assert not story.case.alarm


def test_what_cannot_be_read_is_said_once_an_hour(story):
    """A SIEM that sends what nobody reads is a clock that does not start: the mail says so, and does not flood."""
    for number in range(5):
        assert story.raw(b'{"id": %d' % number).quarantined == 1
    assert story.told() == ["dpo"]
    story.advance(hours=1)
    story.raw(b"again")
    assert story.told() == ["dpo"]


def test_what_cannot_be_read_is_told_to_somebody_else_where_the_mail_bounces(story):
    """The duty to tell somebody does not end with a full mailbox, even where there is no case."""
    story.outtray.broken = {"dpo@group.example"}
    story.raw(b"broken")
    assert story.told() == ["deputy"]


def test_after_downtime_one_mail_catches_up(story):
    """The process was down for two days: one mail a person for all that was missed, not one for each rung."""
    story.event()
    story.told()
    story.watch.instant += timedelta(hours=61)
    story.beat()

    told = story.told()
    assert sorted(told) == ["ciso", "deputy", "dpo"]
    assert state(story.clock("gdpr-art33"), story.watch()) == "provisional"


def test_the_register_says_who_knew_what_when_and_verifies(story):
    """Every step is an entry; the chain holds; free text is sealed away from the open part."""
    story.event(description="Jean Dupont exported the file")
    story.decide(Confirm(by="dpo", aware_at=START, reason="certain"))
    story.decide(SetFacts(by="dpo", reason="interview", values={"text_nature": "Jean Dupont clicked"}))

    entries = story.store.entries(story.case.id)
    assert [entry.kind for entry in entries] == ["opened", "told", "confirm", "facts"]
    assert story.store.verify_register() == []
    assert all("Dupont" not in entry.body_text for entry in entries)
    assert entries[3].sealed == {"facts": {"text_nature": [None, "Jean Dupont clicked"]}}


@pytest.mark.parametrize("night", ["2026-10-24T10:00:00+02:00", "2027-03-27T10:00:00+01:00"])
def test_the_nights_when_the_clocks_change_do_not_change_the_clock(tmp_path, night):
    """72 elapsed hours, whatever the wall says."""
    from datetime import datetime

    story = Story(tmp_path)
    story.watch.instant = datetime.fromisoformat(night)
    story.event()
    clock = story.clock("gdpr-art33")

    assert clock.act_by - clock.started == timedelta(hours=72)
    story.advance(hours=72, minutes=1)
    assert state(clock, story.watch()) == "overdue"
    story.store.close()
