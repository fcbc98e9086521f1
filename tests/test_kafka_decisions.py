"""Decisions from other systems: who may, once each, and what becomes of the others. No broker is needed for that."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import resources

import jsonschema
import pytest
from aiokafka.structs import ConsumerRecord
from story import PEOPLE, Story, organisation

from breachflow.agents.course import Place
from breachflow.agents.decisions import Decisions
from breachflow.agents.figures import Figures
from breachflow.agents.transport import Batch
from breachflow.core.organisation import Principal

PRINCIPALS = (
    Principal(source="tickets/prod", name="alice", person="dpo"),
    Principal(source="tickets/prod", name="desk", verbs=("note", "ack")),
)


@pytest.fixture
def story(tmp_path):
    made = Story(tmp_path, organisation(principals=PRINCIPALS))
    made.event()
    made.advance(hours=1)
    yield made
    made.store.close()


class Topic:
    """A partition of the topic of decisions, read from its beginning."""

    def __init__(self, story: Story) -> None:
        self.story, self.offset, self.figures = story, 0, Figures()
        self.decisions = Decisions(self.figures)

    def batch(self, *messages: dict | bytes | None) -> Batch:
        values = [json.dumps(one).encode() if isinstance(one, dict) else one for one in messages]
        records = [
            ConsumerRecord("decisions", 0, self.offset + place, 1, 0, None, value, None, 0, 0, ())
            for place, value in enumerate(values)
        ]
        self.offset += len(records)
        return Batch(Place("decisions", 0), tuple(records), records[0].offset, 0)

    def read(self, *messages: dict | bytes | None) -> list[str]:
        """Read messages; return why some were not taken."""
        self.take(self.batch(*messages))
        return [letter.reason for letter in self.story.store.dead_letters()]

    def take(self, batch: Batch) -> None:
        self.decisions(self.story.workflow, batch, "breachflow")


@pytest.fixture
def topic(story):
    return Topic(story)


def decision(story: Story, **changes) -> dict:
    values = {
        "id": "t1", "source": "tickets/prod", "principal": "alice", "case": story.case.id, "verb": "confirm",
        "aware_at": (story.watch() - timedelta(minutes=30)).isoformat(), "reason": "confirmed by the supplier",
    }  # fmt: skip
    return {key: value for key, value in (values | changes).items() if value is not None}


def note(story: Story, **changes) -> dict:
    return decision(story, verb="note", aware_at=None, **changes)


def kinds(story: Story) -> list[str]:
    return [entry.kind for entry in story.store.entries(story.case.id)]


def test_a_decision_is_signed_by_the_person_that_the_organisation_file_names(story, topic):
    """Alice of the ticket system is the DPO: so the register says, and where it came from."""
    assert topic.read(decision(story)) == []
    entry = story.store.entries(story.case.id)[-1]
    assert (entry.kind, entry.by) == ("confirm", f"{PEOPLE[0].name} (tickets/prod)")
    assert story.case.aware is not None


def test_the_same_message_is_one_decision_however_often_it_is_read(story, topic):
    """Read again after a crash, or by two workers at once: the register has it once."""
    batch = topic.batch(note(story))
    for _ in range(3):
        topic.take(batch)
    assert kinds(story).count("note") == 1
    assert topic.figures.decisions == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"principal": "mallory"}, "no such principal"),
        ({"source": "tickets/test"}, "no such principal"),
        ({"principal": "desk"}, "does not let this principal decide `confirm`"),
        ({"by": "the boss"}, "states `by`"),
        ({"case": "BF-000000-00000000"}, "a case that there is not"),
        ({"aware_at": None}, "incomplete"),
        ({"aware_at": "2026-11-24T10:00:00"}, "incomplete"),
        ({"aware_at": "2031-01-01T00:00:00Z"}, "cannot lie in the future"),
        ({"verb": "file"}, "no decision"),
        ({"id": None}, "no decision"),
        ({"colour": "red"}, "incomplete"),
    ],
)
def test_what_may_not_be_decided_is_kept_with_the_reason(story, topic, changes, why):
    """Nothing about the case changes, and the message is there for a person to look at."""
    before = story.case
    (reason,) = topic.read(decision(story, **changes))
    assert why in reason
    assert "mallory" not in reason
    assert story.case == before


def test_what_is_no_message_holds_up_none_of_those_behind_it(story, topic):
    """A tombstone, no JSON, a list, nesting without end: each is kept; the decision behind them is taken."""
    reasons = topic.read(None, b"\xff", b"[]", b"[" * 100_000, decision(story))
    assert len(reasons) == 4
    assert story.case.aware is not None
    (row,) = story.store.positions("breachflow")
    assert row.next_offset == 5


def test_an_id_that_was_used_for_another_decision_is_not_taken_twice(story, topic):
    """An id is a promise: other content under the same one is a slip of the sender."""
    (reason,) = topic.read(note(story), note(story, reason="something else"))
    assert "used by its source for another decision" in reason
    assert kinds(story).count("note") == 1


def test_messages_that_are_taken_fit_the_schema_that_ships(story, topic):
    """What the schema allows is read; what it refuses is refused."""
    schema = json.loads((resources.files("breachflow.agents") / "decision.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for good in (decision(story), note(story)):
        validator.validate(good)
    for bad in (decision(story, by="x"), decision(story, aware_at=None), decision(story, verb="file")):
        assert not validator.is_valid(bad)
