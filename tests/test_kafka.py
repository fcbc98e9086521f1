"""The Kafka door on a real broker: everything that is written to the topic is on record once, whatever happens to it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_house import House, event, house
from kafka_server import KafkaServer, kafka_server  # noqa: F401 - a fixture.

pytestmark = pytest.mark.filterwarnings("default")  # aiokafka's clients warn while their loop is being closed.


@pytest.fixture
def place(kafka_server: KafkaServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:  # noqa: F811
    """A household of this test's own."""
    name = request.node.name.removeprefix("test_")[:60].replace("[", ".").replace("]", "")
    with house(tmp_path, kafka_server, name) as made:
        yield made


@pytest.fixture
def topics(place: House) -> House:
    """The same, with its topics."""
    code, said = place.run("topics", "create", "--partitions", "2")
    assert code == 0, said
    return place


def test_every_event_is_taken_in_once_and_kafkas_offset_follows(topics):
    """A thousand events and their replays: each is on record once, and Kafka is told how far they were read."""
    events = [event(number) for number in range(1000)]
    topics.server.produce(topics.topic, events + events[:100])
    worker = topics.worker()

    topics.arrived(1000)
    topics.until(lambda: sum(topics.ledger().values()) == 1100, "the ledger has all records")
    topics.until(lambda: _committed(topics) == topics.ledger(), "Kafka knows")
    code, seconds = worker.end()
    assert (code, seconds < 5) == (0, True)


def test_message_by_message_works_as_well(topics):
    """Without the batch transport, which is private API of a pinned version, the same function does the same."""
    topics.server.produce(topics.topic, [event(number) for number in range(300)])
    topics.worker("--singly")

    topics.arrived(300)


def test_poison_among_good_ones_is_kept_and_holds_up_nothing(topics):
    """Two undecodable neighbours, a tombstone, and good ones between: the good are taken in, the others are kept."""
    poison = [event(1), b"\x00\xff not JSON", b"{", event(2), None, event(3), b"[]", event(4)]
    topics.server.produce(topics.topic, poison, partition=0)
    topics.worker()

    topics.arrived(4, 4)
    assert topics.ledger() == {0: 8}
    with topics.store() as store:
        origins = {letter.origin: letter.reason for letter in store.dead_letters()}
    assert set(origins) == {f"topic {topics.topic} partition 0 offset {offset}" for offset in (1, 2, 4, 6)}
    assert "tombstone" in origins[f"topic {topics.topic} partition 0 offset 4"]


def test_a_message_of_five_megabytes_is_read_and_a_larger_one_is_kept(topics):
    """What is as long as is read is taken in; what is longer is a dead letter with its beginning; both among others."""
    largest = 5_000_000
    padded = event(1, description="x" * 19_000)
    long = padded[:-1] + b" " * (largest - len(padded)) + b"}"
    longer = padded[:-1] + b" " * 500_000 + b" " * (largest - len(padded)) + b"}"
    assert len(long) == largest
    topics.server.produce(topics.topic, [event(0), long, event(2), longer, event(3)], partition=1)
    topics.worker()

    topics.arrived(4, 1)


def test_a_cloud_event_in_binary_mode_is_read_by_its_headers(topics):
    """The attributes stand in Kafka's headers, the event in the value."""
    headers = [
        ("ce_specversion", b"1.0"), ("ce_id", b"c1"), ("ce_source", b"/soc"), ("ce_type", b"breachflow.security_event.v1"),
        ("content-type", b"application/json"),
    ]  # fmt: skip
    topics.server.produce(topics.topic, [event(1)], headers=headers)
    topics.server.produce(topics.topic, [event(2)], headers=[*headers[:-1], ("content-type", b"text/xml")])
    topics.worker()

    topics.arrived(1, 1)


@pytest.mark.parametrize("to", ["earlier", "later"])
def test_an_offset_reset_by_hand_loses_nothing(topics, to):
    """Somebody resets the group's offset: the ledger says where to go on, and what came meanwhile is taken in."""
    topics.server.produce(topics.topic, [event(number) for number in range(200)], partition=0)
    worker = topics.worker()
    topics.arrived(200)
    worker.end()
    topics.server.produce(topics.topic, [event(number) for number in range(200, 400)], partition=0)
    topics.server.commit(topics.group, {(topics.topic, 0): 50 if to == "earlier" else 350})
    topics.worker()

    topics.arrived(400)
    assert topics.ledger()[0] == 400


def test_a_committed_offset_counts_nothing_against_an_empty_ledger(topics):
    """A group that read before breachflow kept an account: its offset does not hide what lies before it."""
    topics.server.produce(topics.topic, [event(number) for number in range(3010)], partition=0)
    topics.server.commit(topics.group, {(topics.topic, 0): 2000})
    topics.worker()

    topics.arrived(3010)


def test_a_topic_that_was_created_again_is_read_from_its_beginning(topics):
    """Deleted and made anew, it has grown past where the old one was read: the last record shows that it is another."""
    topics.server.produce(topics.topic, [event(number) for number in range(100)], partition=0)
    worker = topics.worker()
    topics.arrived(100)
    worker.end()
    topics.server.delete(topics.topic)
    topics.server.create(topics.topic, 2)
    topics.server.produce(topics.topic, [event(number) for number in range(1000, 1150)], partition=0)
    again = topics.worker()

    topics.arrived(250)
    assert topics.ledger()[0] == 150
    assert [line["read"] for line in again.lines("topic created again")] == [100]


def test_records_that_the_topics_retention_took_are_an_alarm_and_hold_up_nothing(topics):
    """What was removed before it was read is said aloud, with how much; the rest is taken in."""
    topics.server.produce(topics.topic, [event(number) for number in range(100)], partition=0)
    worker = topics.worker()
    topics.arrived(100)
    worker.end()
    topics.server.produce(topics.topic, [event(number) for number in range(100, 200)], partition=0)
    topics.server.forget(topics.topic, 0, 150)
    again = topics.worker()

    topics.arrived(150)
    (gap,) = again.lines("gap")
    assert (gap["expected"], gap["found"], gap["missing"]) == (100, 150, 50)


def test_the_markers_of_transactions_are_no_gap(topics):
    """A producer that writes in transactions leaves offsets without records; nobody is woken for that."""
    worker = topics.worker()
    for number in range(5):
        topics.server.in_a_transaction(topics.topic, [event(number)], partition=0)
        topics.arrived(number + 1)

    assert worker.lines("gap") == []


def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(topics):
    """Killed with -9, the first one's partition is read by the second within the session timeout of ten seconds."""
    first, second = topics.worker(), topics.worker()
    topics.until(lambda: all(len(_parts(worker)) == 1 for worker in (first, second)), "each has one partition")
    for part in (0, 1):
        topics.server.produce(topics.topic, [event(1000 * part + number) for number in range(100)], partition=part)
    topics.arrived(200)

    (orphan,) = _parts(first)
    first.end(signal.SIGKILL)
    began = time.monotonic()
    topics.server.produce(topics.topic, [event(5000 + number) for number in range(100)], partition=orphan)
    topics.arrived(300)
    assert time.monotonic() - began < 15  # Ten, and the time to notice and to rebalance.


def test_an_unknown_topic_is_waited_for(place):
    """A worker that is there before its topics says so once, and begins when they are made."""
    worker = place.worker(wait=False)
    place.until(lambda: worker.lines("waiting"), "it says what it waits for")
    place.run("topics", "create")
    place.server.produce(place.topic, [event(1)])

    place.arrived(1)
    assert "topics create" in worker.lines("waiting")[0]["problem"]


def test_topics_are_made_once_and_kept_for_ever(place):
    """Four partitions, no retention by age or size; what is there stays as it is."""
    code, said = place.run("topics", "create", "--json")
    assert (code, json.loads(said)) == (
        0,
        {"made": [place.topic, place.decisions, place.cases, place.dead], "there": []},
    )
    code, said = place.run("topics", "create", "--json")
    assert json.loads(said)["made"] == []
    assert place.server.partitions(place.topic) == 4
    settings = place.server.config(place.topic)
    assert (settings["retention.ms"], settings["retention.bytes"]) == ("-1", "-1")


def test_produce_puts_the_records_of_a_file_on_the_topic(topics):
    """JSON lines become one message each, as they are; a worker takes them in."""
    file = topics.folder / "events.jsonl"
    file.write_bytes(b"\n".join(event(number) for number in range(500)))
    code, said = topics.run("produce", str(file), "--json")
    assert (code, json.loads(said)["sent"]) == (0, 500)
    assert topics.server.read(topics.topic, 500)[0].value.startswith(b'{"id"')
    topics.worker()

    topics.arrived(500)


def test_produce_says_which_topic_is_not_there(place):
    """No topic is made by a slip of the pen."""
    file = place.folder / "events.jsonl"
    file.write_bytes(event(1))
    code, said = place.run("produce", str(file))
    assert code == 2
    assert f"no topic {place.topic}" in said


def test_a_decision_of_a_listed_principal_is_taken_and_any_other_is_kept(topics):
    """The ticket system confirms a case; somebody whom the organisation file does not list does not."""
    with (topics.folder / "organisation.toml").open("a") as file:
        file.write('\n[[principals]]\nsource = "tickets/prod"\nname = "alice"\nperson = "dpo"\n')
    worker = topics.worker()
    topics.server.produce(topics.topic, [event(1, severity="high", facts={"personal_data": True})])
    topics.arrived(1)
    with topics.store() as store:
        (case,) = store.open_cases()
    decision = {
        "id": "t1", "source": "tickets/prod", "principal": "alice", "case": case.id, "verb": "confirm",
        "aware_at": "2026-11-24T10:00:00Z", "reason": "the supplier confirmed it",
    }  # fmt: skip
    strange = decision | {"id": "t2", "principal": "mallory"}
    written = [json.dumps(one).encode() for one in (decision, strange, decision)]
    topics.server.produce(topics.decisions, written, partition=0)
    topics.until(lambda: topics.counts()[1] == 1, "the stranger's decision is kept")
    topics.until(lambda: not worker.alive() or _decided(topics) == 3, "all three are read")

    with topics.store() as store:
        kinds = [entry.kind for entry in store.entries(case.id)]
        assert store.get(case.id).aware is not None
        assert "no such principal" in store.dead_letters()[0].reason
    assert kinds.count("confirm") == 1


def _committed(place: House) -> dict[int, int]:
    return {part: at for (topic, part), at in place.server.committed(place.group).items() if topic == place.topic}


def _decided(place: House) -> int:
    with place.store() as store:
        return sum(row.next_offset for row in store.positions(place.group) if row.topic == place.decisions)


def _parts(worker) -> set[int]:
    """The partitions that a worker reads now, by what it said last."""
    parts: set[int] = set()
    for line in worker.lines():
        if line["event"] == "assigned":
            parts = set()
        elif line["event"] == "reading" and line["topic"].endswith(".events"):
            parts.add(line["partition"])
    return parts
