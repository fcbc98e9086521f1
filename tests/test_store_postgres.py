"""What is PostgreSQL's own: a server that goes away and comes back, and a role that can only add."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from itertools import count

import psycopg
import pytest
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from store_samples import MASTER, NOON, case_named, noting, opening, screening

from breachflow.store import DeadLetter, NoDatabase, Position, Store, Unavailable, open_store, statements
from breachflow.store.postgres import adapted

numbers = count()


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:  # noqa: F811 - the fixture.
    return postgres_server.fresh(f"own_{next(numbers)}")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url, MASTER, create=True) as store:
        yield store


def test_a_server_that_restarts_is_unavailable_and_then_there_again(postgres_server, store):  # noqa: F811 - the fixture.
    """While the server is down every question says so; once it is up the same store goes on, and nothing is lost."""
    store.commit([opening(1)])
    postgres_server.stop("immediate")
    try:
        for _ in range(2):
            with pytest.raises(Unavailable):
                store.commit([opening(2)])
            with pytest.raises(Unavailable):
                store.open_cases()
    finally:
        postgres_server.start()

    assert store.commit([opening(2)])
    assert store.counts().cases == 2
    assert store.verify_register() == []


def test_a_connection_cut_inside_a_transaction_writes_nothing(url, store):
    """The server cuts the connection between two statements: Unavailable, rolled back, and the next try is whole."""

    def cut_in_two() -> None:
        with store._engine.transaction():
            store._engine.many("INSERT INTO meta (name, value) VALUES (?, ?)", [("half", "done")])
            with psycopg.connect(url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'breachflow' AND datname = current_database()"
                )
            store._engine.many("INSERT INTO meta (name, value) VALUES (?, ?)", [("other half", "done")])

    with pytest.raises(Unavailable):
        cut_in_two()

    assert store._engine.rows("SELECT count(*) FROM meta WHERE name LIKE '%half'") == [(0,)]
    assert store.commit([opening(1)])


def test_a_lost_transaction_is_not_continued_on_another_connection(url, store):
    """Whoever goes on after the connection was lost meets the loss again, and writes nothing half."""
    refused = 0

    def stubborn() -> None:
        nonlocal refused
        with store._engine.transaction():
            with psycopg.connect(url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'breachflow' AND datname = current_database()"
                )
            for _ in range(2):
                try:
                    store._engine.many("INSERT INTO meta (name, value) VALUES (?, ?)", [("half", "done")])
                except Unavailable:
                    refused += 1

    with pytest.raises(Unavailable):
        stubborn()

    assert refused == 2
    assert store._engine.rows("SELECT count(*) FROM meta WHERE name = 'half'") == [(0,)]


def test_a_server_that_is_not_there_names_no_password():
    """Nobody listens: one sentence with the place, without user and password."""
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1/breachflow cannot be used now") as error:
        open_store("postgresql://me:secret@127.0.0.1:1/breachflow", MASTER)
    assert "secret" not in str(error.value)


def test_a_database_that_is_not_there_is_one_sentence(postgres_server):  # noqa: F811 - the fixture.
    """The server is there and the database is not."""
    with pytest.raises((NoDatabase, Unavailable), match="does not exist"):
        open_store(postgres_server.url("nowhere"), MASTER, create=True)


def test_the_least_privileged_role_does_all_the_work_and_bends_nothing(postgres_server, url, store):  # noqa: F811
    """The documented role runs every verb; it can neither change nor delete an entry, nor switch a trigger off."""
    role = f"worker_{next(numbers)}"
    script = files("breachflow.store").joinpath("roles.sql").read_text(encoding="utf-8")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN".encode())
        owner.execute(script.replace(':"role"', role).encode())
    address = url.replace("owner@", f"{role}@")

    with open_store(address, MASTER) as worker:
        position = Position(group="g", topic="t", partition=0, next_offset=1, last_timestamp=1, last_hash=b"h")
        letter = DeadLetter(at=NOON, reason="not JSON", origin="a", raw=b"x")
        assert worker.commit([opening(1), screening(2)], dead=[letter], positions=[position])
        assert worker.commit([noting(worker.get(case_named(1).id), "On it.")], positions=[position])
        assert worker.lease(NOON, 1, NOON + timedelta(minutes=2))
        assert worker.save_message(opening(1).notices[0].id, b"mail") == b"mail"
        worker.save_drafts(case_named(1).id, 1, [])
        assert worker.drop_dead(worker.dead_letters()[0].id, "dpo", "a test", NOON)
        assert worker.destroy_key("screened:2026-05-04", "dpo", "expired", NOON)
        assert worker.destroy_key(case_named(1).id, "dpo", "retention", NOON)
        assert worker.verify_register() == []

    for statement in (
        "UPDATE entries SET author = 'me'", "DELETE FROM entries", "TRUNCATE entries", "DELETE FROM cases",
        "DELETE FROM events", "ALTER TABLE entries DISABLE TRIGGER ALL", "SET session_replication_role = replica",
        "UPDATE meta SET value = '0'", "DELETE FROM outbox", "UPDATE events SET source = 'me'",
    ):  # fmt: skip
        with psycopg.connect(address) as worker, pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute(statement.encode())


def test_two_workers_lease_different_mails_at_once(url, store):
    """A row that another process is just claiming is passed over, not waited for."""
    store.commit([opening(number) for number in range(20)])
    until = NOON + timedelta(minutes=2)
    with open_store(url, MASTER) as other, store._engine.transaction():
        mine = {leased.notice.id for leased in store.lease(NOON, 5, until)}
        theirs = {leased.notice.id for leased in other.lease(NOON, 5, until)}

    assert (len(mine), len(theirs)) == (5, 5)
    assert not mine & theirs


def test_statements_are_put_in_postgresqls_words_in_one_place():
    """Values, lists and locks; nothing of the neutral notation is left over."""
    from breachflow.store import statements

    for name, statement in vars(statements).items():
        if name.isupper():
            words = adapted(statement).decode()
            assert "?" not in words
            assert "/*" not in words
    assert adapted("a IN (??) AND b = ? /* skip locked */") == b"a = ANY(%s) AND b = %s FOR UPDATE SKIP LOCKED"


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        ("DUE", ("2026", 100), "cases_due"),
        ("NEXT_DUE", (), "cases_due"),
        ("MOVE_CASE", (2, "", 1, "", "", 1, None, None, 1, "", "", "BF", 1, 1), "cases_id_key"),
        ("UNDRAFTED", (100,), "cases_undrafted"),
        ("LEASE", ("2026", "2026", "2026", 10), "outbox_waiting"),
        ("LEFT_SINCE", ("dpo", "2026"), "outbox_sent"),
        ("GATHERED", ("digest", 1000), "outbox_gathered"),
        ("DUE_CONTENT", ("2026", 100), "cases_kept"),
        ("DUE_RAW", ("2026", 100), "cases_raw_kept"),
        ("ERASED_SINCE", ("2026",), "keys_destroyed"),
        ("KEYS_BETWEEN", ("dead:", "dead:2026"), "keys_pkey"),
        ("EVENTS_KNOWN", ([b"1"],), "events_known"),
        ("CASES_FOR", ("2026", [b"1"]), "correlations_pkey"),
    ],
)
def test_what_the_clock_and_the_intake_ask_follows_an_index(store, statement, values, index):
    """However many cases are open: no question of a tick, of a batch or of the retention reads a table through."""
    store._engine._run("SET enable_seqscan = off")  # Small tables are read through otherwise, and rightly.
    plan = " ".join(line for (line,) in store._engine.rows(f"EXPLAIN {getattr(statements, statement)}", values))

    assert index in plan
    assert "Seq Scan" not in plan
