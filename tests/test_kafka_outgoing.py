"""What goes out: every entry of every register in its order, once marked never again, and nothing personal in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from kafka_house import House, event, house
from kafka_server import KafkaServer, kafka_server  # noqa: F401 - a fixture.
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from story import START, Story

from breachflow.agents.outgoing import announced, announced_dead
from breachflow.core.decision import Confirm, Note

numbers = count()


@pytest.fixture(params=["sqlite", "postgres"])
def story(request, tmp_path):
    """A case with a life, on either engine."""
    url = None
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.fresh(f"outgoing_{next(numbers)}")
    made = Story(tmp_path, url=url)
    made.event(description="Jane Roe, jane@roe.example", title="Mailbox of Jane Roe")
    made.advance(hours=1)
    made.decide(Confirm(by="Jane Roe", aware_at=made.watch(), reason="because Jane Roe said so"))
    yield made
    made.store.close()


def test_the_register_goes_out_in_its_order_and_once(story):
    """What was marked does not come again; what is written later does, from where it left off."""
    first = story.store.unpublished(2)
    assert [entry.seq for entry in first] == [1, 2]
    story.store.mark_published(first)
    rest = story.store.unpublished(100)
    assert [entry.seq for entry in rest] == list(range(3, story.case.seq + 1))
    story.store.mark_published(rest)
    story.store.mark_published(first)  # A slow process must not turn it back.
    assert story.store.unpublished(100) == []

    story.decide(Note(by="dpo", reason="a remark"))
    assert [(entry.kind, entry.seq) for entry in story.store.unpublished(100)] == [("note", story.case.seq)]


def test_nothing_personal_leaves(story):
    """Titles, descriptions, authors and reasons stay; kind, clocks and assessment leave, as CloudEvents 1.0."""
    story.raw(b'{"name": "Jane Roe"')
    entries, dead = story.store.unpublished(100), story.store.unpublished_dead(100)
    messages = [announced(entry, "cases") for entry in entries] + [announced_dead(letter, "dead") for letter in dead]
    assert len(dead) == 1
    for topic, key, value in messages:
        assert b"Jane" not in value
        said = json.loads(value)
        assert (said["specversion"], said["source"], bool(said["id"])) == ("1.0", "/breachflow", True)
        assert key.decode() == said["subject"]
        assert said["type"].startswith("breachflow.dead_letter" if topic == "dead" else "breachflow.case.")
    confirmed = next(json.loads(value) for _, _, value in messages if b"breachflow.case.confirm" in value)
    assert confirmed["data"]["clocks"]


def test_one_process_at_a_time_sends(story):
    """The lease is held, renewed by its holder, and taken over when it has lapsed."""
    store, later = story.store, START + timedelta(seconds=30)
    assert store.hold("outgoing", "a", START, later)
    assert not store.hold("outgoing", "b", START, later)
    assert store.hold("outgoing", "a", START, later)
    assert store.hold("outgoing", "b", later, later + timedelta(seconds=30))
    assert not store.hold("outgoing", "a", later, later + timedelta(seconds=30))


@pytest.fixture
def place(kafka_server: KafkaServer, tmp_path: Path) -> Iterator[House]:  # noqa: F811 - the fixture.
    with house(tmp_path, kafka_server, f"outgoing-{next(numbers)}") as made:
        yield made


@pytest.mark.filterwarnings("default")  # aiokafka's clients warn while their loop is being closed.
def test_facts_and_dead_letters_reach_their_topics(place):
    """Two workers, one event, one piece of nonsense: each message is on its topic, every entry once and in order."""
    place.run("topics", "create")
    for _ in range(2):
        place.worker()
    place.server.produce(place.topic, [event(1, severity="critical", facts={"personal_data": True}), b"nonsense"])
    place.arrived(1, 1)
    with place.store() as store:
        (case,) = store.open_cases()
        place.until(lambda: not store.unpublished(1) and not store.unpublished_dead(1), "all has gone out")

    messages = place.server.read(place.cases, case.seq)
    said = [json.loads(message.value) for message in messages]
    assert [one["id"] for one in said] == [f"{case.id}/{seq}" for seq in range(1, case.seq + 1)]
    assert {message.key.decode() for message in messages} == {case.id}
    (dead,) = place.server.read(place.dead, 1)
    assert json.loads(dead.value)["data"]["bytes"] == len(b"nonsense")
    assert b"nonsense" not in dead.value
