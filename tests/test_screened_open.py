"""A screened-out event opened later: its clocks run from its detection, and the register says who opened it and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from story import START, Story, organisation

from breachflow.core.case import IllegalMove
from breachflow.core.decision import Note
from breachflow.core.organisation import Policy, Screening

numbers = count()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/breachflow.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.fresh(f"screened_{next(numbers)}")


@pytest.fixture
def story(tmp_path, url) -> Iterator[Story]:
    house = organisation(Policy(screening=Screening(keep_days=30)))
    story = Story(tmp_path, house, url)
    yield story
    story.store.close()


def low(story, **values):
    """An alert too mild to open a case; the id of its row."""
    tally = story.event({}, severity="low", assets=["laptop-7"], **values)
    assert tally.screened == 1
    return story.store.screened(START - timedelta(days=999), 1)[0].identity.hex()


def test_a_screened_event_becomes_a_case_whose_clocks_run_from_its_detection(story):
    """As any event: the DPO is told, the deadline is 72 hours after the detection, and the register names the person."""
    ident = low(story)
    story.advance(hours=10)
    assert story.told() == []
    story.workflow.open_screened(ident[:8], "Awa Diallo", "The laptop was unlocked after all.")
    story.beat()

    assert story.told() == ["dpo"]
    assert story.clock("gdpr-art33").act_by == START + timedelta(hours=72)
    entry, told = story.store.entries(story.case.id)
    assert told.kind == "told"
    assert (entry.kind, entry.by) == ("opened", "Awa Diallo")
    assert entry.body["reason"] == "The laptop was unlocked after all."
    assert entry.body["because"].startswith("low on assets")
    assert story.store.verify_register() == []


def test_the_screened_row_points_to_the_case_and_the_event_is_kept_under_the_cases_key(story):
    """It is no longer screened, its bytes can be read, a replay is a duplicate, and the case's erasure takes it along."""
    ident = low(story)
    change = story.workflow.open_screened(ident, "dpo", "It was one.")
    case = change.case.id
    assert story.store.screened(START - timedelta(days=1), 10) == []
    (row,) = story.store.events(case)
    assert (row.disposition, row.case) == ("opened", case)
    raw = story.store.raw(row.identity, row.content)
    assert raw is not None
    assert json.loads(raw)["assets"] == ["laptop-7"]
    assert story.raw(raw).duplicates == 1

    story.store.destroy_key(f"screened:{START:%Y-%m-%d}", "test", "expired", START)
    assert story.store.raw(row.identity, row.content) == raw, "it went from the day's key to the case's"
    story.store.destroy_key(case, "dpo", "Art. 17", START)
    assert story.store.raw(row.identity, row.content) is None


def test_it_is_opened_once(story):
    """The second one is refused with the case that it belongs to; nothing changes."""
    ident = low(story)
    case = story.workflow.open_screened(ident, "dpo", "It was one.").case
    with pytest.raises(IllegalMove, match=f"belongs to the case {case.id} already"):
        story.workflow.open_screened(ident, "deputy", "Me too.")
    assert [one.id for one in story.cases] == [case.id]


def test_of_two_people_at_once_one_opens_it(story, tmp_path, url):
    """Whoever comes second finds the case of the first, not a second one."""
    ident = low(story)
    other = Story(tmp_path, organisation(), url)
    commit = story.store.commit

    def overtaken(changes, **rest):
        story.store.commit = commit
        other.workflow.open_screened(ident, "deputy", "First.")
        return commit(changes, **rest)

    story.store.commit = overtaken
    with pytest.raises(IllegalMove, match="already"):
        story.workflow.open_screened(ident, "dpo", "Second.")
    assert len(story.cases) == 1
    other.store.close()


def test_a_screened_event_is_kept_as_long_as_the_policy_says_and_no_longer(story):
    """On the thirty-first day its bytes are gone, that it came stays on record, and it is opened no more."""
    ident = low(story)
    row = story.store.screened(START - timedelta(days=1), 1)[0]
    story.advance(days=30)
    story.workflow.forget()
    assert story.store.raw(row.identity, row.content) is not None
    story.advance(days=1)
    story.workflow.forget()
    assert story.store.raw(row.identity, row.content) is None
    assert len(story.store.screened(START - timedelta(days=1), 10)) == 1
    with pytest.raises(IllegalMove, match=r"erased.*kept for 30 days.*breachflow report"):
        story.workflow.open_screened(ident, "dpo", "Too late.")
    assert story.cases == []


def test_later_events_go_on_finding_the_case_that_they_found(story):
    """Opening an old event on the same asset does not draw the storm away from the case that is worked on."""
    facts = {"personal_data": True, "confidentiality": True, "incident_type": "malware"}
    ident = low(story)
    story.event(facts, assets=["laptop-7"])
    story.event({}, severity="high", assets=["laptop-7"])
    running = {case.id for case in story.cases}
    story.workflow.open_screened(ident, "dpo", "It was one.")
    before = {case.id: case.events for case in story.cases}
    assert story.event({}, severity="high", assets=["laptop-7"]).attached == 1
    grown = {case.id for case in story.cases if case.events > before[case.id]}
    assert grown <= running


def test_who_and_why_are_asked_for_and_an_unknown_id_is_said(story):
    """Nothing is opened in anybody's name, nor an event that is not there."""
    ident = low(story)
    for by, reason in ((" ", "why"), ("dpo", " ")):
        with pytest.raises(IllegalMove, match="--by"):
            story.workflow.open_screened(ident, by, reason)
    with pytest.raises(IllegalMove, match="no event's id begins with"):
        story.workflow.open_screened("00" + ("1" if ident[2] == "0" else "0") * 8, "dpo", "why")
    low(story)
    with pytest.raises(IllegalMove, match="several"):
        story.workflow.open_screened("", "dpo", "why")
    story.workflow.open_screened(ident, "dpo", "why")
    story.decide(Note(by="dpo", reason="the case is one like any other"))
