"""Two cases are one breach, or one case holds two: no clock is lost, and what was joined can be undone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from breachflow import regroup
from breachflow.core.case import IllegalMove, Stage
from breachflow.core.decision import Confirm, Filed, Reopen, SetFacts
from breachflow.core.ledger import ledger
from breachflow.core.regrouping import Regroup
from tests.story import BREACH, START, Story

WHY = Regroup(by="dpo", reason="the same intrusion, seen by two tools")


@pytest.fixture
def story(tmp_path):
    with_two = Story(tmp_path)
    yield with_two
    with_two.store.close()


def two(story, second: dict | None = None, apart: float = 5):
    """Two cases, the second one some hours after the first."""
    story.event(BREACH, id="a", assets=["crm-01"])
    story.advance(hours=apart)
    story.event(BREACH | {"incident_type": "phishing", "people_count": 900} | (second or {}), id="b", assets=["mail-7"])
    return [case.id for case in story.cases]


def act_by(case) -> dict:
    return {clock.id: clock.act_by for clock in case.clocks if clock.stop is None}


def test_a_merge_keeps_every_clock_and_the_earliest_deadline(story):
    first, second = two(story, {"role": "controller"}, apart=5)
    before = [story.store.get(one) for one in (first, second)]
    regroup.merge(story.workflow, second, first, WHY)
    after, gone = story.store.get(second), story.store.get(first)
    assert gone.stage is Stage.CLOSED
    assert gone.merged_into == second
    assert not act_by(gone)
    assert act_by(after).keys() >= act_by(before[0]).keys() | act_by(before[1]).keys()
    for clock, deadline in act_by(after).items():
        known = [act_by(case)[clock] for case in before if clock in act_by(case)]
        assert not known or deadline == min(known), clock
    assert any(moved.act_by == act_by(before[1])["gdpr-art33:insurance"] for moved in
               next(c for c in after.clocks if c.id == "gdpr-art33:insurance").earlier)  # fmt: skip
    assert after.facts["people_count"].value == 900
    assert set(after.facts["incident_type"].value) == {"exfiltration", "phishing"}
    assert not story.store.verify_register()


def test_each_controller_keeps_its_part_and_its_clock_in_a_merge(story):
    story.event(BREACH, id="a", controller="insurance", assets=["crm-01"])
    story.event(BREACH | {"people_count": 7}, id="b", controller="services", assets=["garage-2"])
    first, second = (case.id for case in story.cases)
    regroup.merge(story.workflow, first, second, WHY)
    after = story.store.get(first)
    assert {part.controller for part in after.parts} == {"insurance", "services"}
    assert {"gdpr-art33:insurance", "gdpr-art33:services"} <= act_by(after).keys()


def test_an_earlier_sign_reopens_the_awareness_rather_than_move_the_deadline_back(story):
    first, second = two(story, apart=5)
    story.decide(Confirm(by="dpo", aware_at=story.watch()), second)
    change = regroup.merge(story.workflow, second, first, WHY)
    after = story.store.get(second)
    assert after.aware is None
    assert after.stage is Stage.SUSPECTED
    assert act_by(after)["gdpr-art33:insurance"] == START + timedelta(hours=72)
    assert "earlier" in change.warnings[0]


def test_the_earliest_awareness_that_was_set_governs_both(story):
    first, second = two(story, apart=5)
    story.decide(Confirm(by="dpo", aware_at=START), first)
    story.decide(Confirm(by="dpo", aware_at=story.watch()), second)
    regroup.merge(story.workflow, second, first, WHY)
    assert story.store.get(second).aware.at == START


def test_what_was_filed_stays_filed_and_the_authority_is_told_of_the_rest_by_a_complement(story):
    first, second = two(story, apart=5)
    for case in (first, second):
        story.decide(Confirm(by="dpo", aware_at=START + timedelta(hours=0 if case == first else 5)), case)
    story.decide(Filed(by="dpo", at=story.watch(), reference="CNIL-1"), first)
    regroup.merge(story.workflow, second, first, WHY)
    after = story.store.get(second)
    assert [filing.reference for part in after.parts for filing in part.filings] == ["CNIL-1"]
    assert "cnil-complement:insurance" in act_by(after)


def test_later_events_of_a_merged_case_find_the_one_it_went_into(story):
    first, second = two(story)
    regroup.merge(story.workflow, second, first, WHY)
    tally = story.event(BREACH | {"people_count": 40_000}, id="a", assets=["crm-01"])
    assert tally.attached == 1
    assert story.store.get(second).facts["people_count"].value == 40_000
    with pytest.raises(IllegalMove, match="merged into"):
        story.decide(Reopen(by="dpo", reason="again"), first)


def test_undoing_a_merge_gives_back_what_was_taken_and_the_clocks_run_on(story):
    first, second = two(story)
    before = story.store.get(first), story.store.get(second)
    regroup.merge(story.workflow, second, first, WHY)
    story.told()
    regroup.unmerge(story.workflow, second, first, Regroup(by="dpo", reason="two attackers after all"))
    back, kept = story.store.get(first), story.store.get(second)
    assert act_by(back) == act_by(before[0])
    assert {n: k.value for n, k in kept.facts.items()} == {n: k.value for n, k in before[1].facts.items()}
    assert min(act_by(kept).values()) <= min(act_by(before[1]).values())
    story.beat()
    assert "dpo" in story.told(), "who was told of the merge is told that the clock runs again"
    with pytest.raises(IllegalMove, match="was not merged"):
        regroup.unmerge(story.workflow, second, first, WHY)
    assert not story.store.verify_register()


def test_what_a_person_set_after_a_merge_stays_when_it_is_undone(story):
    first, second = two(story)
    regroup.merge(story.workflow, second, first, WHY)
    story.advance(minutes=5)
    story.decide(SetFacts(by="dpo", values={"people_count": 1234}), second)
    regroup.unmerge(story.workflow, second, first, WHY)
    assert story.store.get(second).facts["people_count"].value == 1234


def test_an_event_that_was_joined_wrongly_gets_a_case_of_its_own(story):
    story.event(BREACH, id="a", assets=["crm-01"])
    story.advance(hours=2)
    story.event(BREACH | {"people_count": 5_000, "misuse": "observed"}, id="b", assets=["crm-01", "crm-02"])
    (joined,) = story.cases
    entry = story.store.entries(joined.id)[-1]
    assert joined.events == 2
    assert [e.body.get("joined") for e in story.store.entries(joined.id) if e.kind == "attached"] == [
        "the same asset and type within the correlation window"
    ], entry
    _, new = regroup.part(story.workflow, joined.id, "soc/test", "b", Regroup(by="dpo", reason="another customer"))
    kept, own = story.store.get(joined.id), story.store.get(new)
    assert kept.facts["people_count"].value == 300
    assert "misuse" not in kept.facts
    assert kept.assets == ("crm-01",)
    assert own.facts["people_count"].value == 5_000
    assert own.split_from == joined.id
    assert own.clocks[0].started == START + timedelta(hours=2)
    assert act_by(kept) == act_by(joined)
    assert not story.store.verify_register()
    # Its bytes moved with it, under the new case's key, and a revision of it finds the new case.
    assert [row.disposition for row in story.store.events(new)] == ["opened"]
    row = story.store.events(new)[0]
    assert b'"id": "b"' in story.store.raw(row.identity, row.content)
    story.event(BREACH | {"people_count": 6_000}, id="b", assets=["crm-01", "crm-02"])
    assert story.store.get(new).facts["people_count"].value == 6_000


def test_a_split_off_case_never_gets_a_later_deadline_than_it_had(story):
    story.event(BREACH, id="a", assets=["crm-01"])
    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=6)
    story.event(BREACH, id="b", assets=["crm-01"])
    (joined,) = story.cases
    _, new = regroup.part(story.workflow, joined.id, "soc/test", "b", WHY)
    own = story.store.get(new)
    assert own.aware.at == START
    assert act_by(own)["gdpr-art33:insurance"] == START + timedelta(hours=72)


def test_only_what_is_there_can_be_parted(story):
    story.event(BREACH, id="a", assets=["crm-01"])
    with pytest.raises(IllegalMove, match="its only event"):
        regroup.part(story.workflow, story.case.id, "soc/test", "a", WHY)
    with pytest.raises(IllegalMove, match="no event"):
        regroup.part(story.workflow, story.case.id, "soc/test", "zzz", WHY)
    with pytest.raises(IllegalMove, match="into itself"):
        regroup.merge(story.workflow, story.case.id, story.case.id, WHY)
    with pytest.raises(IllegalMove, match="--reason"):
        regroup.merge(story.workflow, story.case.id, story.case.id, Regroup(by="dpo", reason=" "))


def letters(story, hours: float = 30, **second):
    """Two wrong letters, confirmed."""
    facts = {"personal_data": True, "confidentiality": True, "incident_type": "sent_to_wrong_recipient",
             "data": ["identity", "contract"], "people_count": 1, "recipient": "identified"}  # fmt: skip
    story.event(facts, id="l1", source="person/dpo")
    story.decide(Confirm(by="dpo", aware_at=story.watch()), story.cases[-1].id)
    story.advance(hours=hours)
    story.event(facts | second, id="l2", source="person/dpo")
    story.decide(Confirm(by="dpo", aware_at=story.watch()), story.cases[-1].id)
    return [case.id for case in story.cases]


def test_similar_breaches_are_notified_together_from_the_earliest_awareness(story):
    first, second = letters(story)
    regroup.bundle(story.workflow, [second, first], Regroup(by="dpo", reason="the same mailing error"))
    for one in (first, second):
        assert act_by(story.store.get(one))["gdpr-art33:insurance"] == START + timedelta(hours=72)
    story.beat()
    sheet = [d for d in story.store.drafts(second) if (d.audience, d.lang) == ("cnil", "fr")][-1]
    text = Path(sheet.path).read_text(encoding="utf-8")
    assert "Notification groupée" in text
    assert first in text, "the sheet names the other breach that it covers"
    story.decide(Filed(by="dpo", at=story.watch(), reference="CNIL-9"), second)
    for one in (first, second):
        assert "gdpr-art33:insurance" not in act_by(story.store.get(one))
    assert not story.store.verify_register()


def test_correcting_the_awareness_of_one_moves_the_start_of_the_whole_bundle(story):
    first, second = letters(story)
    regroup.bundle(story.workflow, [first, second], WHY)
    story.decide(Confirm(by="dpo", aware_at=START - timedelta(hours=3), reason="the clerk knew"), first)
    assert act_by(story.store.get(second))["gdpr-art33:insurance"] == START + timedelta(hours=69)


def test_a_case_that_leaves_the_bundle_runs_from_its_own_awareness(story):
    first, second = letters(story)
    regroup.bundle(story.workflow, [first, second], WHY)
    regroup.unbundle(story.workflow, second, WHY)
    assert act_by(story.store.get(second))["gdpr-art33:insurance"] == START + timedelta(hours=102)
    assert story.store.get(first).bundle == ()
    with pytest.raises(IllegalMove, match="no bundle"):
        regroup.unbundle(story.workflow, second, WHY)


@pytest.mark.parametrize(
    ("second", "hours", "said"),
    [
        ({"data": ["identity", "bank_account"]}, 5, "kinds of data"),
        ({"incident_type": "mail_lost_or_opened"}, 5, "the cause"),
        ({"confidentiality": False}, 5, "confidentiality"),
        ({}, 24 * 9, "more than 7"),
    ],
)
def test_what_is_not_alike_is_notified_separately(story, second, hours, said):
    first, other = letters(story, hours=hours, **second)
    with pytest.raises(IllegalMove, match=said):
        regroup.bundle(story.workflow, [first, other], WHY)


def test_the_ledger_shows_every_candidate_and_choice_and_the_deadlines_they_set(story):
    story.event(BREACH, id="a", assets=["crm-01"])
    story.advance(hours=30)
    story.decide(Confirm(by="dpo", aware_at=story.watch(), reason="the logs were read only now"))
    found = story.case
    lines = ledger(found, [(row.at, row.kind, row.by, row.body) for row in story.store.entries(found.id)])
    assert [line["governs"] for line in lines["candidates"]] == [False]
    (choice,) = lines["choices"]
    assert choice["governs"]
    assert "24 hours" in choice["flags"][0]
    art33 = [line for line in lines["deadlines"] if line["clock"] == "gdpr-art33:insurance"]
    assert [line["moved_at"] is None for line in art33] == [False, True]
