"""The batch transport: what of Faust's private parts it rests on, and the rules of its account, without a broker."""

from __future__ import annotations

import inspect
import json
from importlib import resources
from importlib.metadata import version

import aiokafka
import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from hypothesis import given
from hypothesis import strategies as st

from breachflow.agents.course import Course, Place
from breachflow.agents.decisions import schema
from breachflow.agents.transport import _Unread
from breachflow.agents.watchdog import END_SECONDS, MEND_SECONDS, Watchdog

PLACE = Place("events", 0)
PINNED = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}


@pytest.mark.parametrize("name", PINNED)
def test_the_versions_are_those_that_were_measured(name):
    """Another version may work as well: read the parts named below in it, run the long chaos, then change this."""
    assert version(name) == PINNED[name]


PRIVATE = [
    (driver.AIOKafkaConsumerThread._fetch_records, ["self", "consumer", "active_partitions", "timeout", "max_records"]),
    (driver.AIOKafkaConsumerThread._seek_wait, ["self", "consumer", "partitions"]),
    (driver.AIOKafkaConsumerThread._ensure_consumer, ["self"]),
    (driver.AIOKafkaConsumerThread.__post_init__, ["self"]),
    (driver.AIOKafkaConsumerThread._create_worker_consumer, ["self", "transport"]),
    (driver.Consumer._new_consumer_thread, ["self"]),
    (driver.Consumer.seek_to_committed, ["self"]),
    (driver.Consumer.on_buffer_full, ["self", "tp"]),
    (driver.Consumer.verify_all_partitions_active, ["self"]),
]


@pytest.mark.parametrize(("part", "parameters"), PRIVATE, ids=lambda part: getattr(part, "__name__", ""))
def test_what_the_transport_replaces_is_still_called_so(part, parameters):
    """An upgrade that renames one of these makes the transport read messages singly, or nothing."""
    assert list(inspect.signature(part).parameters) == parameters


def test_faust_still_seeks_fetches_and_drops_where_the_transport_expects_it():
    """Seeks after an assignment through `seek_to_committed`, fetches through the thread, drops by `_read_offset`."""
    assert "self.seek_to_committed()" in inspect.getsource(faust_consumer.Consumer.perform_seek)
    assert "self._fetch_records" in inspect.getsource(driver.AIOKafkaConsumerThread.getmany)
    assert "self._seek_wait" in inspect.getsource(driver.AIOKafkaConsumerThread.seek_wait)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in inspect.getsource(aiokafka.AIOKafkaConsumer.start)
    drain = inspect.getsource(faust_consumer.Consumer._drain_messages)
    assert "self._read_offset.__getitem__" in drain
    # The seek comes before anything is waited for, and the draining is the last thing that the fetch does.
    seek = inspect.getsource(driver.AIOKafkaConsumerThread._seek_wait)
    assert seek.index("consumer.seek(") < seek.index("await")
    fetch = inspect.getsource(driver.AIOKafkaConsumerThread._fetch_records)
    assert "return await fetcher.fetched_records(" in fetch


def test_a_commit_without_consequences_still_finds_its_parts():
    """Where the coordinator keeps generation and member, how it is seen to be joining, and how it sends a commit."""
    commit = inspect.getsource(GroupCoordinator._do_commit_offsets)
    assert "self.group_id,\n            self.generation,\n            self.member_id,\n" in commit
    assert "OffsetCommitRequest.DEFAULT_RETENTION_TIME,\n            list(offset_data.items()),\n        )" in commit
    joins = inspect.getsource(GroupCoordinator.ensure_active_group)
    prepared, joined = joins.index("self._performed_join_prepare = True"), joins.index("self._do_rejoin_group(")
    assert prepared < joined < joins.index("self._performed_join_prepare = False")
    assert "group=ConnectionGroup.COORDINATION" in inspect.getsource(GroupCoordinator._send_req)
    assert "self._coordinator = GroupCoordinator(" in inspect.getsource(aiokafka.AIOKafkaConsumer.start)


def test_faust_is_told_of_nothing_that_was_read():
    """Otherwise it drops, silently, what is fetched again after a seek back."""
    unread = _Unread()
    unread[PLACE] = 10
    unread.update({PLACE: 11})
    assert unread[PLACE] is None


def test_a_partition_starts_where_the_ledger_says_and_goes_on_from_there():
    """Until the ledger was asked nothing is taken; then each batch must continue the one before."""
    course = Course()
    assert course.judge(PLACE, 0, None, 0) == "stale"
    course.assign({PLACE})
    assert course.judge(PLACE, 0, None, 0) == "settle"
    course.settle(PLACE, 100, 1)

    assert course.judge(PLACE, 0, 0, 0) == "stale"
    assert course.judge(PLACE, 100, 100, 1) == "take"
    course.took(PLACE, 200)
    assert course.judge(PLACE, 200, 200, 1) == "take"


def test_records_left_out_are_sought_again_and_given_up_only_where_there_are_none():
    """A hole after a lost fetch is sought back; what was fetched before that is dropped; a hole in the log is told."""
    course = Course()
    course.assign({PLACE})
    course.settle(PLACE, 100, 1)

    assert course.judge(PLACE, 150, 120, 1) == "seek"
    course.sought(PLACE, 2)
    assert course.judge(PLACE, 170, 160, 1) == "stale"
    assert course.judge(PLACE, 170, 160, 2) == "seek"
    assert course.judge(PLACE, 150, None, 2) == "seek"
    assert course.judge(PLACE, 150, 100, 2) == "gap"


def test_a_partition_that_was_taken_away_is_of_no_account():
    """What was in hand when it went is committed, and changes nothing about where it stands now."""
    course = Course()
    course.assign({PLACE})
    course.settle(PLACE, 100, 1)
    course.assign(set())
    course.took(PLACE, 200)

    assert course.following(PLACE) is None
    assert course.judge(PLACE, 200, 200, 1) == "stale"


@given(st.data())
def test_whatever_is_lost_late_or_repeated_no_record_is_left_out(data):
    """Fetches get lost, batches come late, seeks come between, offsets hold nothing: every record that is there is taken."""
    log = sorted(data.draw(st.sets(st.integers(0, 40), min_size=1)))
    course, taken = Course(), set()
    course.assign({PLACE})
    course.settle(PLACE, 0, 1)
    seeks, position, late = 1, 0, []

    def fetch():
        nonlocal position
        found = [offset for offset in log if offset >= position][: data.draw(st.integers(1, 4))]
        batch = (found, position, seeks) if found else None
        position = found[-1] + 1 if found else position
        return batch

    for _ in range(data.draw(st.integers(1, 40))):
        batch = fetch()
        if batch is None:  # At the end, the watchdog seeks back to where the account stands.
            seeks, position = seeks + 1, course.following(PLACE)
            course.sought(PLACE, seeks)
            continue
        what = data.draw(st.sampled_from(["arrives", "arrives", "is lost", "is late"]))
        if what != "arrives":
            late += [batch] if what == "is late" else []
            continue
        for found, after, stamp in [*data.draw(st.permutations(late)), batch]:
            verdict = course.judge(PLACE, found[0], after, stamp)
            if verdict in ("take", "gap"):
                assert not [offset for offset in log if offset < found[0] and offset not in taken]
                taken.update(found)
                course.took(PLACE, found[-1] + 1)
            elif verdict == "seek":
                seeks, position = seeks + 1, course.following(PLACE)
                course.sought(PLACE, seeks)
        late.clear()


def test_a_lag_that_does_not_fall_is_mended_and_then_ends_the_process():
    """First the partition is sought back; if nothing is fetched then, a fresh process will do better."""
    dog = Watchdog()
    assert dog.look({PLACE: 10}, {PLACE: (10, 50)}, 0.0) == {PLACE: "well"}
    assert dog.lag == {PLACE: 40}
    assert dog.look({PLACE: 10}, {PLACE: (10, 60)}, MEND_SECONDS) == {PLACE: "mend"}
    assert dog.look({PLACE: 10}, {PLACE: (10, 60)}, MEND_SECONDS + 1) == {PLACE: "well"}
    assert dog.look({PLACE: 10}, {PLACE: (10, 60)}, END_SECONDS) == {PLACE: "end"}


def test_a_lag_that_falls_markers_of_transactions_and_an_absent_database_are_excused():
    """None of them is a worker that stands still."""
    dog = Watchdog()
    dog.look({PLACE: 10}, {PLACE: (10, 50)}, 0.0)
    assert dog.look({PLACE: 11}, {PLACE: (11, 900)}, END_SECONDS) == {PLACE: "well"}
    assert dog.look({PLACE: 11}, {PLACE: (900, 900)}, 2 * END_SECONDS - 1) == {PLACE: "mend"}
    assert dog.look({PLACE: 11}, {PLACE: (900, 900)}, 2 * END_SECONDS) == {PLACE: "well"}
    dog.excuse(3 * END_SECONDS)
    assert dog.look({PLACE: 11}, {PLACE: (11, 900)}, 3 * END_SECONDS + 1) == {PLACE: "well"}


def test_the_shipped_schema_of_decisions_is_made_from_the_types_that_read_them():
    """Make it anew with `make docs`."""
    shipped = resources.files("breachflow.agents") / "decision.schema.json"
    assert json.loads(shipped.read_text()) == schema()


def test_a_group_that_only_sorts_itself_ends_the_process_too():
    """Taken away and given back every few seconds, and nothing read: what was seen before still counts."""
    dog = Watchdog()
    findings = set()
    for second in range(0, int(END_SECONDS) + 6, 3):
        mine = {PLACE: 10} if second % 2 else {}
        findings |= set(dog.look(mine, {PLACE: (10, 50)} if mine else {}, float(second)).values())
    assert "end" in findings


def test_a_partition_that_was_somebody_elses_for_a_while_starts_anew():
    dog = Watchdog()
    dog.look({PLACE: 10}, {PLACE: (10, 50)}, 0.0)
    dog.look({}, {}, 5.0)
    assert dog.look({PLACE: 10}, {PLACE: (10, 50)}, END_SECONDS + 1) == {PLACE: "well"}
