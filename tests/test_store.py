"""What the store promises, on both engines: all or nothing, nobody overwritten, a register that cannot be bent."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from store_samples import MASTER, NOON, case_named, notice, noting, opening, received, screening

from breachflow.core.case import Change, Entry, Key, Settled, Stage
from breachflow.core.draft import Draft
from breachflow.store import (
    Collision,
    Damaged,
    DeadLetter,
    NewerDatabase,
    NoDatabase,
    Position,
    Store,
    StoreError,
    UnknownCase,
    UnknownDeadLetter,
    WrongKey,
    open_store,
)
from breachflow.store.engine import VERSION

OTHER_MASTER = bytes(reversed(range(32)))
numbers = count()


class Home:
    """One database, its stores, and a way round the store for somebody who means no good."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.stores: list[Store] = []

    def open(self, master: bytes = MASTER, *, create: bool = False) -> Store:
        self.stores.append(open_store(self.url, master, create=create))
        return self.stores[-1]

    def tamper(self, statement: str, values: Sequence[Any] = (), *, guarded: bool = False) -> list[Any]:
        """Run SQL past the store; with every trigger out of the way unless `guarded`."""
        if self.url.startswith("sqlite"):
            connection = sqlite3.connect(self.url.removeprefix("sqlite:///"))
            try:
                if not guarded:
                    for (name,) in connection.execute(
                        "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
                    ).fetchall():
                        connection.execute(f"DROP TRIGGER {name}")
                rows = connection.execute(statement, values).fetchall()
                connection.commit()
                return rows
            finally:
                connection.close()
        with psycopg.connect(self.url) as server:
            if not guarded:
                server.execute("SET session_replication_role = replica")
            cursor = server.execute(statement.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    if request.param == "sqlite":
        home = Home(f"sqlite:///{tmp_path}/breachflow.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        home = Home(server.fresh(f"store_{next(numbers)}"))
    yield home
    for store in home.stores:
        store.close()


@pytest.fixture
def store(home: Home) -> Store:
    return home.open(create=True)


# --- A step is written whole


def test_what_is_written_is_read_back(store):
    """A case comes back as it was handed in, with its register, mails, events and keys beside it."""
    change = opening(7)

    assert store.commit([change, screening(8)])

    case = store.get(change.case.id)
    assert msgspec.structs.replace(case, seq=0, head="") == change.case
    assert case.seq == 3
    entries = store.entries(case.id)
    assert [(e.seq, e.kind, e.by, e.body) for e in entries] == [
        (n + 1, e.kind, e.by, e.body) for n, e in enumerate(change.entries)
    ]
    assert [e.sealed for e in entries] == [e.sealed for e in change.entries]
    assert entries[-1].hash == case.head
    event = change.received[0]
    assert store.raw(event.identity, event.content) == event.raw
    (row,) = store.events(case.id)
    assert (row.identity, row.received_at, row.detected_at, row.source) == (
        event.identity, event.received_at, event.detected_at, event.source,
    )  # fmt: skip
    (mail,) = store.notices(case.id)
    assert (mail.notice, mail.state, mail.attempts) == (change.notices[0], "queued", 0)
    (screened,) = store.screened(NOON - timedelta(days=1), 10)
    assert screened.identity == received(8, None).identity
    assert store.raw(screened.identity, screened.content) == received(8, None).raw
    assert store.verify_register() == []


def test_intake_finds_what_is_known(store):
    """Identities, correlation keys and cases are answered a batch at a time; what is not known is not there."""
    changes = [opening(number) for number in range(700)]
    assert store.commit(changes)
    first = changes[0].received[0]
    identities = [change.received[0].identity for change in changes] + [b"\0" * 16]
    keys = [key.key for change in changes for key in change.keys] + ["case:nobody"]

    known = store.events_known(identities)
    assert len(known) == 700
    assert known[first.identity] == {first.content: changes[0].case.id}
    assert len(store.cases_for(keys, NOON)) == 1400
    later = store.cases_for(keys, NOON + timedelta(hours=24))
    assert sorted(later) == sorted(key.key for change in changes for key in change.keys if key.until is None)
    assert set(store.cases([change.case.id for change in changes])) == {change.case.id for change in changes}
    assert store.events_known([]) == {}
    assert store.cases_for([], NOON) == {}


def test_a_key_leads_to_the_latest_case(store):
    """A correlation key that is given again leads to the new case."""
    one, two = opening(1), opening(2)
    moved = msgspec.structs.replace(two, keys=(Key(key=one.keys[0].key, case=two.case.id),))
    store.commit([one])
    store.commit([moved])

    assert store.cases_for([one.keys[0].key], NOON) == {one.keys[0].key: two.case.id}


def test_somebody_faster_wins_and_nothing_of_ours_is_written(store):
    """The second of two changes made from the same reading is refused, with everything that came with it."""
    store.commit([opening(1), opening(2)])
    first, second = store.get(case_named(1).id), store.get(case_named(2).id)
    assert store.commit([noting(first, "Called the processor.")])
    before = store.counts()

    late = [noting(second, "Not to be seen."), noting(first, "Too late."), opening(3), screening(4)]
    assert not store.commit(
        late,
        dead=[DeadLetter(at=NOON, reason="not JSON", origin="file:a", raw=b"{")],
        positions=[Position(group="g", topic="t", partition=0, next_offset=9, last_timestamp=1, last_hash=b"h")],
    )

    assert store.counts() == before
    assert store.positions("g") == []
    assert store.get(second.id) == second
    assert [entry.kind for entry in store.entries(first.id)] == ["opened", "assessed", "clock", "note"]
    assert store.verify_register() == []


def test_a_change_made_from_a_stale_register_is_refused(store):
    """A case that was handed in once does not know its register's head; it must be read again."""
    change = opening(1)
    store.commit([change])

    assert not store.commit([noting(change.case, "From memory.")])
    assert store.commit([noting(store.get(change.case.id), "Read again.")])
    assert store.verify_register() == []


def test_an_event_opens_one_case_whoever_is_faster(store):
    """Two workers meet the same event and derive two cases: only the first is written."""
    event = received(1, None)
    one = msgspec.structs.replace(opening(1), received=(msgspec.structs.replace(event, disposition="opened"),))
    two = msgspec.structs.replace(opening(2), received=(msgspec.structs.replace(event, disposition="opened"),))
    assert store.commit([one])

    assert not store.commit([two])

    assert store.events_known([event.identity]) == {event.identity: {event.content: one.case.id}}
    with pytest.raises(UnknownCase):
        store.get(two.case.id)


def test_a_screened_event_is_kept_once(store):
    """The same content under the same identity changes nothing; new content is a second row."""
    store.commit([screening(1)])
    assert store.commit([screening(1), Change(received=(received(1, None, content="revised"),))])

    assert len(store.events_known([received(1, None).identity])[received(1, None).identity]) == 2
    assert store.counts().events == 2


def test_two_cases_never_share_an_id(store):
    """A new case with the id of another is a collision; nothing of the batch is written, the other case stays."""
    store.commit([opening(1)])
    case = store.get(case_named(1).id)
    clash = msgspec.structs.replace(opening(2), case=msgspec.structs.replace(case_named(2), id=case.id), received=())
    clash = msgspec.structs.replace(clash, notices=(), keys=())

    with pytest.raises(Collision) as error:
        store.commit([opening(3), clash])

    assert "srv-claims" not in str(error.value)
    assert store.counts().cases == 1
    assert store.get(case.id) == case


def test_a_case_is_changed_once_in_a_commit(store):
    """The caller folds: two changes of one case would each chain onto the same entry."""
    with pytest.raises(AssertionError, match="two changes"):
        store.commit([opening(1), opening(1)])

    assert store.counts().cases == 0


def test_unusual_words_are_kept_on_both_engines(store):
    """NUL, surrogates from odd file names, emoji and right-to-left marks neither break a commit nor the chain."""
    change = opening(1)
    odd = msgspec.structs.replace(
        change.case, title="nul \0 and \u202e rtl \N{PILE OF POO} {{7*7}} <b>", source="a\0b",
    )  # fmt: skip
    entries = (Entry(at=NOON, kind="note", by="d\0po", body={"a": "\0"}, sealed={"b": "\0\u202e"}),)
    event = msgspec.structs.replace(change.received[0], source="s\0", because="n\ud800o")
    letter = DeadLetter(at=NOON, reason="no\0", origin="file:\udcff.json", raw=b"\xff\0")

    assert store.commit([msgspec.structs.replace(change, case=odd, entries=entries, received=(event,))], dead=[letter])
    assert store.get(odd.id).title == odd.title
    assert store.entries(odd.id)[0].sealed == {"b": "\0\u202e"}
    assert store.dead_letter(store.dead_letters()[0].id).raw == b"\xff\0"
    assert store.verify_register() == []
    with pytest.raises(UnknownCase):
        store.get("BF\0\ud800")


# --- Time


def test_what_is_due_is_found_in_the_order_it_fell_due(store):
    """Cases whose next rung is reached, the longest due first; others not; a case without a next rung never."""
    silent = opening(4)
    clocks = tuple(msgspec.structs.replace(clock, next_rung_at=None) for clock in silent.case.clocks)
    silent = msgspec.structs.replace(silent, case=msgspec.structs.replace(silent.case, clocks=clocks))
    store.commit([opening(1, hours=74), opening(2, hours=72), opening(3, hours=90), silent])

    assert store.due(NOON + timedelta(hours=23), 10) == []
    assert [case.id for case in store.due(NOON + timedelta(hours=26), 10)] == [case_named(2).id, case_named(1).id]
    assert [case.id for case in store.due(NOON + timedelta(hours=99), 1)] == [case_named(2).id]
    assert store.next_due() == NOON + timedelta(hours=24)


def test_open_cases_come_most_urgent_first(store):
    """The nearest deadline first, no deadline last, closed cases not at all."""
    idle = opening(4)
    idle = msgspec.structs.replace(idle, case=msgspec.structs.replace(idle.case, clocks=()))
    store.commit([opening(1, hours=74), opening(2, hours=72), opening(3, hours=90), idle])
    closed = store.get(case_named(3).id)
    store.commit([noting(closed, "Done.", stage=Stage.CLOSED, closed_at=NOON)])

    assert [case.id[-1] for case in store.open_cases()] == ["2", "1", "4"]
    assert [case.id[-1] for case in store.open_cases(1)] == ["2"]
    assert store.open_count() == 3
    assert [case.id[-1] for case in store.every_case()] == ["1", "2", "3", "4"]


def test_a_case_is_found_by_the_beginning_of_its_id(store):
    """A prefix gives the ids that begin so; wildcards are no wildcards."""
    store.commit([opening(number) for number in (1, 2, 12)])

    assert store.find("BF-260504-0000000") == [case_named(1).id, case_named(2).id]
    assert store.find("BF-260504-0000001") == [case_named(12).id]
    assert store.find("BF%") == []


def test_every_case_is_read_across_pages(store):
    """More cases than a page holds: each once."""
    for start in range(0, 1200, 400):
        store.commit([opening(number) for number in range(start, start + 400)])

    assert [case.id for case in store.every_case()] == [case_named(number).id for number in range(1200)]
    assert store.verify_register() == []


# --- Drafts


def draft(version: int, text: bytes = b"Madame, Monsieur", **changes: Any) -> Draft:
    values: dict[str, Any] = {
        "case": case_named(1).id, "controller": "insurer", "audience": "cnil", "lang": "fr", "format": "text",
        "version": version, "sha256": f"{len(text):064x}", "at": NOON, "body": text,
    }  # fmt: skip
    return Draft(**(values | changes))


def test_a_case_is_drafted_until_something_material_changes(store):
    """Drafts that are older than what the case states are asked for again, and only those."""
    store.commit([opening(1)])
    case = store.get(case_named(1).id)
    assert [found.id for found in store.undrafted(10)] == [case.id]

    store.save_drafts(case.id, 1, [draft(1), draft(1, path="drafts/a.pdf", format="pdf", body=None)])
    assert store.undrafted(10) == []
    assert store.get(case.id) == case

    store.commit([noting(case, "Only a note.")])
    assert store.undrafted(10) == []

    store.commit([noting(store.get(case.id), "People counted.", material=3)])
    assert [found.id for found in store.undrafted(10)] == [case.id]
    store.save_drafts(case.id, 3, [draft(3, b"Madame, Monsieur, et")])
    store.save_drafts(case.id, 1, [draft(1)])
    assert store.undrafted(10) == []
    assert [(kept.version, kept.format, kept.path, kept.body) for kept in store.drafts(case.id)] == [
        (1, "pdf", "drafts/a.pdf", None),
        (1, "text", "", b"Madame, Monsieur"),
        (3, "text", "", b"Madame, Monsieur, et"),
    ]


# --- The outbox


def test_a_mail_is_leased_to_one_and_lapses(home, store):
    """Who leases a mail has it alone until the lease ends; then it is somebody else's, and the attempt counts."""
    store.commit([opening(1)])
    other = home.open()
    until = NOON + timedelta(minutes=2)

    assert store.lease(NOON - timedelta(seconds=1), 10, until) == []
    (mine,) = store.lease(NOON, 10, until)
    assert (mine.notice, mine.message, mine.attempts) == (opening(1).notices[0], None, 1)
    assert other.lease(NOON + timedelta(minutes=1), 10, until) == []
    (again,) = other.lease(until, 10, until + timedelta(minutes=2))
    assert (again.notice.id, again.attempts) == (mine.notice.id, 2)


def test_a_resent_mail_is_the_same_mail(home, store):
    """The first rendering is frozen: whoever renders again gets the first, and so does whoever leases again."""
    store.commit([opening(1)])
    ident = opening(1).notices[0].id

    assert store.save_message(ident, b"Message-ID: <1>") == b"Message-ID: <1>"
    assert home.open().save_message(ident, b"Message-ID: <2>") == b"Message-ID: <1>"
    (leased,) = store.lease(NOON, 1, NOON + timedelta(minutes=2))
    assert leased.message == b"Message-ID: <1>"
    stored = home.tamper("SELECT message FROM outbox")[0][0]
    assert b"Message-ID" not in bytes(stored)


def test_a_mail_ends_as_it_was_settled(store):
    """Sent, to be tried again, given up, no longer owed: each as the core said, in the transaction of the change."""
    store.commit([opening(number) for number in range(4)])
    sent, again, failed, dropped = (opening(number).notices[0].id for number in range(4))
    store.lease(NOON, 10, NOON + timedelta(minutes=2))
    later = NOON + timedelta(minutes=5)

    assert store.commit([Change(settled=(
        Settled(notice=sent, state="sent", at=NOON, reference="sg-1"),
        Settled(notice=again, state="retry", at=NOON, next_at=later, error="421 later"),
        Settled(notice=failed, state="failed", at=NOON, error="550 no such mailbox"),
        Settled(notice=dropped, state="dropped", at=NOON),
    ))])  # fmt: skip

    states = [store.notices(case_named(number).id)[0] for number in range(4)]
    assert [row.state for row in states] == ["sent", "queued", "failed", "dropped"]
    assert (states[0].reference, states[1].error, states[1].next_at) == ("sg-1", "421 later", later)
    assert store.lease(later - timedelta(seconds=1), 10, later) == []
    assert [leased.notice.id for leased in store.lease(later, 10, later)] == [again]
    summary = store.outbox_summary()
    assert (summary.queued, summary.sent, summary.failed, summary.dropped, summary.oldest) == (1, 1, 1, 1, later)


def test_a_mail_that_left_has_left(store):
    """A mail dropped while the provider was taking it is on record as sent; one that was sent stays sent."""
    store.commit([opening(1)])
    ident = opening(1).notices[0].id

    for state, then in (("dropped", "dropped"), ("sent", "sent"), ("failed", "sent"), ("dropped", "sent")):
        store.commit([Change(settled=(Settled(notice=ident, state=state, at=NOON),))])
        assert store.notices(case_named(1).id)[0].state == then


def test_the_same_duty_never_makes_a_second_mail(store):
    """A notice with an id that is there already changes nothing, whatever its state."""
    store.commit([opening(1)])
    store.commit([Change(settled=(Settled(notice=opening(1).notices[0].id, state="sent", at=NOON),))])
    repeat = msgspec.structs.replace(opening(1).notices[0], to="deputy")

    assert store.commit([msgspec.structs.replace(noting(store.get(case_named(1).id), "Again."), notices=(repeat,))])

    (row,) = store.notices(case_named(1).id)
    assert (row.notice.to, row.state) == ("dpo", "sent")


def test_a_mail_about_no_case_is_sealed_under_its_day(store):
    """A quarantine notice belongs to no case; it is kept, frozen and erasable all the same."""
    about_nothing = msgspec.structs.replace(notice(1, ""), case=None, kind="quarantine")
    store.commit([Change(notices=(about_nothing,))])
    store.save_message(about_nothing.id, b"Three events could not be read.")

    assert store.keys("mail", "2026-05-05") == ["mail:2026-05-04"]
    assert store.lease(NOON, 1, NOON)[0].message == b"Three events could not be read."
    assert store.destroy_key("mail:2026-05-04", "dpo", "expired", NOON)
    assert store.lease(NOON, 1, NOON)[0].message is None


# --- Dead letters and positions


def test_a_dead_letter_is_held_until_somebody_settles_it(store):
    """The same bytes from the same place are one letter; from another place another; settling is on record."""
    letter = DeadLetter(at=NOON, reason="not JSON", origin="topic/0/17", raw=b"{broken")
    store.commit([], dead=[letter, letter, msgspec.structs.replace(letter, origin="topic/0/18")])
    store.commit([], dead=[msgspec.structs.replace(letter, at=NOON + timedelta(hours=1))])

    held = store.dead_letters()
    assert [(row.origin, row.reason, row.size, row.at) for row in sorted(held, key=lambda row: row.origin)] == [
        ("topic/0/17", "not JSON", 7, NOON),
        ("topic/0/18", "not JSON", 7, NOON),
    ]
    one, two = held
    assert store.dead_letter(one.id).raw == b"{broken"
    assert store.drop_dead(one.id, "dpo", "a test of the producer", NOON)
    assert not store.drop_dead(one.id, "dpo", "again", NOON)
    assert store.mark_retried(two.id, "ops", "mapping mended", NOON)
    assert store.dead_letters() == []
    (dropped,) = store.dead_letters("dropped")
    assert (dropped.settled_by, dropped.settled_because) == ("dpo", "a test of the producer")
    with pytest.raises(UnknownDeadLetter):
        store.dead_letter("DL-0")
    with pytest.raises(UnknownDeadLetter):
        store.drop_dead("DL-0", "dpo", "", NOON)


def test_the_ledger_moves_with_the_batch(store):
    """One row for each partition of each group, moved in the transaction that records its events."""
    position = Position(group="g", topic="t", partition=1, next_offset=10, last_timestamp=5, last_hash=b"a")
    further = msgspec.structs.replace(position, next_offset=2**40, last_hash=b"b")
    elsewhere = msgspec.structs.replace(position, group="h")

    store.commit([screening(1)], positions=[position, elsewhere])
    store.commit([], positions=[further])

    assert store.positions("g") == [further]
    assert store.positions("h") == [elsewhere]


# --- The register


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}' WHERE seq = 1",
        "DELETE FROM entries WHERE seq = 3",
        "DELETE FROM cases",
    ],
)
def test_the_database_itself_refuses_to_bend_the_register(home, store, statement):
    """Neither the entries nor the cases they belong to can be changed or deleted by a plain statement."""
    store.commit([opening(1)])

    with pytest.raises(
        (sqlite3.IntegrityError, psycopg.errors.RestrictViolation), match=r"append-only|stays on record"
    ):
        home.tamper(statement, guarded=True)

    assert store.verify_register() == []


def test_the_register_cannot_be_replaced_or_emptied(home, store):
    """The ways round a trigger are closed too: REPLACE on SQLite, TRUNCATE on PostgreSQL."""
    store.commit([opening(1)])
    if home.url.startswith("sqlite"):
        statements = [
            "INSERT OR REPLACE INTO entries SELECT case_id, seq, at, kind, 'me', body, sealed, hash FROM entries"
        ]
    else:
        statements = ["TRUNCATE entries", "TRUNCATE cases CASCADE"]

    for statement in statements:
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RestrictViolation)):
            home.tamper(statement, guarded=True)

    assert store.verify_register() == []


def test_a_hundred_one_byte_mutations_are_a_hundred_findings(home, store):
    """Whoever gets past the triggers and changes one byte of one entry is found, and the entry is named."""
    store.commit([opening(number) for number in range(5)])
    columns = ("at", "kind", "author", "body", "sealed", "hash")
    found = 0
    for number in range(100):
        case, seq, column = case_named(number % 5).id, number % 3 + 1, columns[number % 6]
        if column == "sealed":
            seq = 1
        ((before,),) = home.tamper(f"SELECT {column} FROM entries WHERE case_id = ? AND seq = ?", (case, seq))
        data = bytearray(before.encode() if isinstance(before, str) else before)
        data[number * 7 % len(data)] ^= 1
        after = data.decode() if isinstance(before, str) else bytes(data)
        update = f"UPDATE entries SET {column} = ? WHERE case_id = ? AND seq = ?"
        home.tamper(update, (after, case, seq))
        assert [(broken.case, broken.seq) for broken in store.verify_register()] == [(case, seq)]
        assert len(store.verify_register(case)) == 1
        home.tamper(update, (before, case, seq))
        found += 1
    assert found == 100
    assert store.verify_register() == []


def test_what_is_cut_off_or_orphaned_is_found(home, store):
    """The end of a register cut off, an entry taken out, the case's own head bent, a case removed under its entries."""
    store.commit([opening(number) for number in range(4)])
    ids = [case_named(number).id for number in range(4)]
    home.tamper("DELETE FROM entries WHERE case_id = ? AND seq = 3", (ids[0],))
    home.tamper("DELETE FROM entries WHERE case_id = ? AND seq = 2", (ids[1],))
    home.tamper("UPDATE cases SET seq = 2 WHERE id = ?", (ids[2],))
    home.tamper("DELETE FROM cases WHERE id = ?", (ids[3],))

    assert [(broken.case, broken.seq) for broken in store.verify_register()] == [
        (ids[0], 3), (ids[1], 2), (ids[2], 3), (ids[3], 1),
    ]  # fmt: skip
    with pytest.raises(UnknownCase):
        store.verify_register(ids[3])


def test_a_case_document_that_names_another_head_is_found(home, store):
    """The case's own document is what the next entry is chained onto: bent, it is a finding too."""
    store.commit([opening(1)])
    case = store.get(case_named(1).id)
    home.tamper("UPDATE cases SET doc = replace(doc, ?, ?)", (case.head, "0" * 64))

    assert [(broken.case, broken.seq) for broken in store.verify_register()] == [(case.id, 3)]


# --- Keys


def test_a_destroyed_key_erases_and_the_chain_still_holds(home, store):
    """Raw event, sealed entries, mail and draft are gone for good; the register verifies; the case can go on."""
    store.commit([opening(1), opening(2)])
    case, event = store.get(case_named(1).id), opening(1).received[0]
    store.save_message(opening(1).notices[0].id, b"the mail")
    store.save_drafts(case.id, 1, [draft(1)])
    other = home.open()
    assert other.raw(event.identity, event.content) == event.raw

    assert store.destroy_key(case.id, "dpo", "retention", NOON)
    assert not store.destroy_key(case.id, "dpo", "retention", NOON)

    for reader in (store, other, home.open()):
        assert reader.raw(event.identity, event.content) is None
        assert [entry.sealed for entry in reader.entries(case.id)] == [None, None, None]
        assert [bool(entry.sealed_digest) for entry in reader.entries(case.id)] == [True, False, False]
        assert reader.drafts(case.id)[0].body is None
    assert store.verify_register() == []
    assert store.raw(opening(2).received[0].identity, opening(2).received[0].content) is not None
    assert home.tamper("SELECT destroyed_by, destroyed_because FROM keys WHERE name = ?", (case.id,)) == [
        ("dpo", "retention")
    ]
    for table, column in (("events", "raw"), ("outbox", "message"), ("drafts", "body")):
        left = home.tamper(f"SELECT count(*) FROM {table} WHERE case_id = ? AND {column} IS NOT NULL", (case.id,))
        assert left == [(0,)]
    # Somebody reopens it: what is sealed from now on has a new key.
    assert other.commit([noting(other.get(case.id), "Reopened.")])
    assert store.entries(case.id)[-1].sealed == {"text": "Reopened."}
    assert store.save_message(opening(1).notices[0].id, b"the mail again") == b"the mail again"
    assert store.verify_register() == []


def test_screened_events_and_dead_letters_expire_by_day(home, store):
    """Retention destroys the keys of days that are over; later days stay readable."""
    tomorrow = NOON + timedelta(days=1)
    store.commit(
        [screening(1), screening(2, at=tomorrow)],
        dead=[DeadLetter(at=NOON, reason="not JSON", origin="a", raw=b"x")],
    )
    assert store.keys("screened", "2026-05-05") == ["screened:2026-05-04"]
    assert store.keys("dead", "2026-05-05") == ["dead:2026-05-04"]

    for name in ("screened:2026-05-04", "dead:2026-05-04"):
        assert store.destroy_key(name, "retention", "one year", tomorrow)

    old, new = received(1, None), received(2, None)
    assert store.raw(old.identity, old.content) is None
    assert store.raw(new.identity, new.content) == new.raw
    assert store.dead_letter(store.dead_letters()[0].id).raw is None
    assert store.keys("screened", "2026-05-05") == []
    assert home.tamper("SELECT count(*) FROM events WHERE raw IS NOT NULL") == [(1,)]
    assert home.tamper("SELECT count(*) FROM dead_letters WHERE raw IS NOT NULL") == [(0,)]
    assert len(store.screened(NOON - timedelta(days=1), 10)) == 2


def test_nothing_personal_lies_open_beside_the_case(home, store):
    """Raw events, sealed entries and dead letters are nowhere in the clear outside the case's own document."""
    store.commit([opening(1)], dead=[DeadLetter(at=NOON, reason="not JSON", origin="a", raw=b"Durand, Marie")])

    for table in ("entries", "events", "dead_letters", "correlations", "outbox", "keys"):
        rows = repr([tuple(bytes(v) if isinstance(v, memoryview) else v for v in row)
                     for row in home.tamper(f"SELECT * FROM {table}")])  # fmt: skip
        assert rows != "[]"
        for word in ("Durand", "srv-claims", "night shift", "Files encrypted"):
            assert word not in rows


def test_another_master_key_is_refused_at_once(home, store):
    """The wrong key file is one clear sentence at opening, not a failure in the middle of a night."""
    with pytest.raises(WrongKey, match="not the one of this database"):
        home.open(OTHER_MASTER)
    with pytest.raises(WrongKey, match="7 bytes where 32 are needed"):
        home.open(b"seven b")


def test_the_master_key_can_be_changed(home, store):
    """After a change the new key opens everything, the old one nothing, and who still holds it cannot write."""
    store.commit([opening(1), screening(2)])
    stale = home.open()
    event = opening(1).received[0]

    assert store.rewrap(OTHER_MASTER) == 2

    assert store.raw(event.identity, event.content) == event.raw
    assert home.open(OTHER_MASTER).entries(case_named(1).id)[0].sealed is not None
    with pytest.raises(WrongKey):
        home.open(MASTER)
    with pytest.raises(WrongKey, match="was changed"):
        stale.commit([opening(3)])
    with pytest.raises(WrongKey, match="was changed"):
        stale.raw(event.identity, event.content)
    assert store.commit([opening(3)])


def test_a_changed_sealed_value_is_noticed(home, store):
    """A sealed value that was bent, or moved to another row, is not passed off as what was written."""
    store.commit([opening(1), screening(2), screening(3)])
    event, other = received(2, None), received(3, None)
    ((raw,),) = home.tamper("SELECT raw FROM events WHERE identity = ?", (event.identity,))
    home.tamper("UPDATE events SET raw = ? WHERE identity = ?", (bytes(raw), other.identity))

    assert store.raw(event.identity, event.content) == event.raw
    with pytest.raises(Damaged, match="screened:2026-05-04"):
        store.raw(other.identity, other.content)


# --- The database itself


def test_a_newer_database_is_refused(home, store):
    """Somebody upgraded and went back: one sentence, and nothing is touched."""
    home.tamper("UPDATE meta SET value = '99' WHERE name = 'version'")

    with pytest.raises(NewerDatabase, match=rf"version 99, this breachflow knows {VERSION}"):
        home.open()


def test_a_missing_database_is_one_sentence(home):
    """Nothing is made by accident; `init` makes it."""
    with pytest.raises(NoDatabase, match="breachflow init"):
        home.open()
    assert home.open(create=True).counts().cases == 0
    assert home.open(create=True).counts().cases == 0
    assert home.open().counts().cases == 0


def test_several_processes_may_make_the_database_at_once(home):
    """Four at the same instant: one makes it, all of them have it, and with the same master key."""
    barrier, failures = threading.Barrier(4), []

    def maker() -> None:
        barrier.wait()
        try:
            home.open(create=True)
        except StoreError as error:
            failures.append(error)

    makers = [threading.Thread(target=maker) for _ in range(4)]
    for thread in makers:
        thread.start()
    for thread in makers:
        thread.join()

    assert failures == []
    assert home.tamper("SELECT name FROM meta ORDER BY name") == [("master",), ("version",)]


def test_somebody_elses_database_is_left_alone(home):
    """A database with other tables is not migrated over."""
    home.tamper("CREATE TABLE cases (id INTEGER)")

    with pytest.raises(NoDatabase, match=r"not one of breachflow's|not;"):
        home.open(create=True)


def test_an_unknown_address_is_one_sentence():
    """A scheme that is none of ours names the two that are, and no password."""
    with pytest.raises(NoDatabase, match="sqlite:///PATH or postgresql://") as error:
        open_store("mysql://root:secret@db/x", MASTER)
    assert "secret" not in str(error.value)


def test_two_writers_at_once_lose_nothing(home, store):
    """Two stores move the same case forty times each, reading again when somebody was faster: eighty entries."""
    store.commit([opening(1)])
    ident = case_named(1).id

    def writer(own: Store) -> None:
        for number in range(40):
            while not own.commit([noting(own.get(ident), f"note {number}")]):
                pass

    writers = [threading.Thread(target=writer, args=(home.open(),)) for _ in range(2)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()

    assert store.get(ident).version == 81
    assert [entry.seq for entry in store.entries(ident)] == list(range(1, 84))
    assert store.verify_register() == []


def test_two_batches_with_the_same_events_are_written_once(home, store):
    """Two workers commit overlapping batches in opposite orders at the same instant: every event once, no stand-off."""
    batch = [opening(number) for number in range(60)]
    outcomes: list[str] = []
    barrier = threading.Barrier(2)

    def worker(own: Store, changes: list[Change]) -> None:
        barrier.wait()
        while True:
            known = own.events_known([change.received[0].identity for change in changes])
            todo = [change for change in changes if change.received[0].identity not in known]
            try:
                if own.commit(todo):
                    outcomes.append(f"{len(todo)} written")
                    return
            except Collision:
                outcomes.append("collided")

    workers = [
        threading.Thread(target=worker, args=(home.open(), changes)) for changes in (batch, list(reversed(batch)))
    ]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()

    counts = store.counts()
    assert (counts.cases, counts.events, counts.notices, counts.entries) == (60, 60, 60, 180)
    assert sum(outcome.endswith("written") for outcome in outcomes) == 2
    assert store.verify_register() == []


def test_both_engines_have_the_same_tables(tmp_path, postgres_server):  # noqa: F811 - the fixture.
    """The same tables, columns, optional columns and indexes on both engines."""
    open_store(f"sqlite:///{tmp_path}/a.db", MASTER, create=True).close()
    url = postgres_server.fresh("shape")
    open_store(url, MASTER, create=True).close()
    with sqlite3.connect(tmp_path / "a.db") as lite:
        ours = {
            (table, column): bool(notnull or key)
            for (table,) in lite.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for _, column, _, notnull, _, key in lite.execute(f"PRAGMA table_info({table})").fetchall()
        }
        indexes = {
            n for (n,) in lite.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        }
    lite.close()
    with psycopg.connect(url) as server:
        theirs = {
            (table, column): nullable == "NO"
            for table, column, nullable in server.execute(
                "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'"
            )
        }
        names = {n for (n,) in server.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}

    assert ours == theirs
    assert indexes <= names
