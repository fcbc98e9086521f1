"""What to map next: the assets that events name and the data map does not know, and a wrong entry taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from story import START, Story, organisation

from breachflow.core.case import IllegalMove, Stage
from breachflow.core.charter import Charter
from breachflow.core.decision import Confirm, Retract, SetFacts
from breachflow.core.organisation import Asset
from breachflow.store import unmapped as store_unmapped

numbers = count()

CRM = Asset(
    id="crm", match=("crm-01",), controller="services", processing="Sales", data=("identity", "bank_account"),
    people=("customers",), people_count=900,
)  # fmt: skip
HR = Asset(id="hr", match=("crm-*", "hr-01"), data=("identity", "employment"), people=("employees",), people_count=50)
BREACH = {"confidentiality": True, "incident_type": "unauthorised_access", "recipient": "unidentified"}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/breachflow.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.fresh(f"unmapped_{next(numbers)}")


@pytest.fixture
def story(tmp_path, url) -> Iterator[Story]:
    story = Story(tmp_path, organisation(datamap=(CRM, HR)), url)
    yield story
    story.store.close()


def seen(story):
    return [(row.asset, row.seen) for row in story.store.unmapped()]


def test_assets_are_counted_whatever_became_of_their_events(story):
    """Opened, attached and screened alike; a mapped asset, a duplicate and a tag are not counted."""
    story.event(assets=["FILES-9", "crm-01"], severity="high")
    story.event({}, assets=["files-9"], severity="high")
    first = story.watch()
    story.advance(hours=1)
    story.event({}, assets=["files-9", "printer", "tag:site=lyon"], severity="low")
    raw = b'{"id": "twice", "source": "s", "detected_at": "2026-11-24T09:00:00Z", "title": "t", "severity": "low",'
    raw += b' "assets": ["printer"]}'
    assert story.raw(raw).screened == 1
    assert story.raw(raw).duplicates == 1

    assert seen(story) == [("files-9", 3), ("printer", 2)]
    files = story.store.unmapped()[0]
    assert (files.first_at, files.last_at) == (first, first + timedelta(hours=1))


def test_a_batch_costs_one_statement_however_many_events_name_the_asset(story):
    """A storm on one host is one row, counted in memory."""
    written = []
    many = story.store._engine.many
    story.store._engine.many = lambda statement, rows: (written.append((statement, len(rows))), many(statement, rows))[
        1
    ]
    line = '{"id": "%d", "source": "s", "detected_at": "2026-11-24T09:00:00Z", "title": "t", "severity": "low", %s}\n'
    story.raw("".join(line % (n, f'"assets": ["h-{n % 3}"]') for n in range(60)).encode())
    assert [rows for statement, rows in written if "unmapped" in statement and "INSERT" in statement] == [3]
    assert dict(seen(story)) == {"h-0": 20, "h-1": 20, "h-2": 20}


def test_nothing_is_counted_where_the_batch_was_not_written(story, tmp_path, url):
    """The count is part of the batch's transaction: overtaken and taken in again, it is there once."""
    story.event(assets=["host"])
    other = Story(tmp_path, organisation(), url)
    commit = story.store.commit

    def overtaken(changes, **rest):
        story.store.commit = commit
        other.decide(Confirm(by="dpo", aware_at=START))
        assert not commit(changes, **rest), "the case was moved meanwhile"
        assert seen(story) == [("host", 1)]
        return False

    story.store.commit = overtaken
    assert story.event(assets=["host"]).attached == 1
    assert seen(story) == [("host", 2)]
    other.store.close()


def test_the_list_is_bounded_and_keeps_what_is_seen_most(story, monkeypatch):
    """A flood of invented names neither fills the disk nor hides the host that is named again and again."""
    monkeypatch.setattr(store_unmapped, "MOST", 40)
    monkeypatch.setattr(store_unmapped, "KEPT", 10)
    for _ in range(3):
        story.event({}, severity="low", assets=["real"])
    for number in range(30):
        story.event({}, severity="low", assets=[f"invented-{number}-{name}" for name in range(5)])
    assert len(seen(story)) <= 40
    story.event({}, severity="low", assets=["real", "x" * 400])
    assert seen(story)[0] == ("real", 4), "what is known goes on being counted where there is no room"

    story.advance(hours=2)
    story.workflow.forget()
    assert len(seen(story)) == 10
    assert seen(story)[0] == ("real", 4)
    story.event({}, severity="low", assets=["x" * 400])
    assert ("x" * 255, 1) in seen(story), "there is room again, and a name has an end"


def test_what_has_been_mapped_since_disappears_and_what_is_not_seen_expires(story):
    """Names of machines may name people: they are kept no longer than the events that named them."""
    story.event({}, severity="low", assets=["files-9", "old-host"])
    story.workflow.charter = Charter(organisation(datamap=(Asset(id="files", match=("files-*",)),)))
    story.advance(hours=2)
    story.workflow.forget()
    assert seen(story) == [("old-host", 1)]
    story.advance(days=366)
    story.workflow.forget()
    assert seen(story) == []


def test_a_wrong_entry_is_visible_on_the_case_and_taken_back(story):
    """Its facts fall to what the other entry says, its controller to the default; the register says who and why."""
    story.event(BREACH, assets=["crm-01"])
    before = story.case
    assert before.facts["data"].origin == "datamap:crm,hr", "no entry hides behind another"
    assert before.facts["people_count"].value == 900

    story.decide(Retract(by="dpo", reason="crm-01 is the test machine.", entry="crm"))
    after = story.case
    assert after.facts["data"].value == ["identity", "employment"]
    assert after.facts["data"].origin == "datamap:hr"
    assert after.facts["people_count"].value == 50
    assert after.facts["confidentiality"] == before.facts["confidentiality"], "what the event states stays"
    assert {part.controller for part in before.parts} == {"services", "insurance"}
    assert {part.controller for part in after.parts} == {"insurance"}
    entry = story.store.entries(after.id)[-1]
    assert (entry.kind, entry.by, entry.body["entry_of_map"]) == ("retract", "dpo", "crm")
    assert {"fact": "people_count", "origin": "datamap:hr", "before": 900, "after": 50} in entry.body["facts"]

    story.decide(Retract(by="dpo", reason="Neither is this one.", entry="hr"))
    assert not {"data", "people", "people_count", "personal_data", "scopes"} & story.case.facts.keys()
    assert story.case.parts[0].proposal.notify_authority, "unknown counts as the worst"


def test_a_retracted_entry_stays_silent_for_the_case_and_speaks_for_the_next(story):
    """The storm goes on: the wrong facts do not come back with the next alert; another case is judged by the map."""
    story.event(BREACH, assets=["hr-01"])
    story.decide(Retract(by="dpo", reason="No longer in use.", entry="hr"))
    story.event(BREACH, assets=["hr-01"])
    assert story.case.events == 2
    assert "data" not in story.case.facts
    story.event(BREACH, assets=["hr-01"], case="another")
    assert [("data" in case.facts) for case in story.cases] == [False, True]


def test_what_a_person_or_an_event_stated_is_not_taken_back(story):
    """A retraction is about the entry alone, the event's controller included."""
    story.event(BREACH | {"people_count": 7}, assets=["crm-01"], controller="services")
    story.decide(SetFacts(by="dpo", values={"data": ["contact"]}))
    story.decide(Retract(by="dpo", reason="Wrong machine.", entry="crm"))
    assert story.case.facts["people_count"].value == 7
    assert story.case.facts["data"].value == ["contact"]
    assert [part.controller for part in story.case.parts] == ["services"]


def test_a_retraction_that_does_not_fit_is_refused_with_a_sentence(story):
    """An entry that said nothing, one taken back before, a case that is closed, and no reason."""
    story.event(BREACH, assets=["hr-01"])
    for entry, reason, message in (("crm", "x", "it has facts from: hr"), ("hr", " ", "reason is required")):
        with pytest.raises(IllegalMove, match=message):
            story.decide(Retract(by="dpo", reason=reason, entry=entry))
    story.decide(Retract(by="dpo", reason="Wrong.", entry="hr"))
    with pytest.raises(IllegalMove, match="taken back already"):
        story.decide(Retract(by="dpo", reason="Wrong.", entry="hr"))
    assert story.case.stage is Stage.SUSPECTED
