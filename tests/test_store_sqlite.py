"""What is SQLite's own: the file, its lock, its log, and how fast an existing one opens."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from store_samples import MASTER, NOON, case_named, noting, opening, screening

from breachflow.store import Damaged, NoDatabase, Unavailable, open_store, sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "breachflow.db"


def test_only_its_owner_reads_the_database(path):
    """The file, its log and its index are 0600 and the folder 0700, whatever the umask says."""
    before = os.umask(0)
    try:
        with open_store(f"sqlite:///{path}", MASTER, create=True) as store:
            store.commit([opening(1)])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert modes == {"breachflow.db": 0o600, "breachflow.db-wal": 0o600, "breachflow.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_commit_survives_a_power_cut(path):
    """The log is written ahead and synced at every commit; what is erased is overwritten."""
    with open_store(f"sqlite:///{path}", MASTER, create=True) as store:
        pragmas = [store._engine.rows(f"PRAGMA {name}")[0][0] for name in
                   ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "recursive_triggers")]  # fmt: skip

    assert pragmas == ["wal", 2, 1, 1, 1]


def test_a_locked_database_is_unavailable_for_now(path, monkeypatch):
    """Somebody holds the lock longer than our patience: nothing is written, and the next try goes through."""
    monkeypatch.setattr(sqlite, "PATIENCE_SECONDS", 0.05)
    with open_store(f"sqlite:///{path}", MASTER, create=True) as store:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            store.commit([opening(1)])
        assert store.counts().cases == 0  # Readers are not held up.
        holder.execute("ROLLBACK")
        holder.close()

        assert store.commit([opening(1)])


def test_a_full_disk_is_unavailable_for_now(path):
    """No space left in the middle of a batch: nothing of it is written, and the next try goes through."""
    with open_store(f"sqlite:///{path}", MASTER, create=True) as store:
        store.commit([opening(1)])
        ((pages,),) = store._engine.rows("PRAGMA page_count")
        store._engine.rows(f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(Unavailable, match="full"):
            store.commit([opening(number) for number in range(2, 400)])
        assert store.counts().cases == 1
        store._engine.rows("PRAGMA max_page_count = 1000000")

        assert store.commit([opening(number) for number in range(2, 400)])
        assert store.verify_register() == []


def test_a_file_that_is_no_database_is_one_sentence(path):
    """A text file, an empty file and a folder: each says what it is, and none is overwritten."""
    path.parent.mkdir()
    path.write_text("my diary " * 1000)
    with pytest.raises(Damaged, match="is not a database"):
        open_store(f"sqlite:///{path}", MASTER, create=True)
    assert path.read_text().startswith("my diary")

    path.write_bytes(b"")
    with pytest.raises(NoDatabase, match="holds no breachflow database"):
        open_store(f"sqlite:///{path}", MASTER)

    with pytest.raises(Unavailable):
        open_store(f"sqlite:///{path.parent}", MASTER)


def test_an_erased_case_leaves_no_key_in_the_files(path):
    """After a key is destroyed its wrapped form is in no file of the database, and neither is an overwritten title."""
    with open_store(f"sqlite:///{path}", MASTER, create=True) as store:
        store.commit([opening(1), screening(2)])
        case = store.get(case_named(1).id)
        ((wrapped,),) = store._engine.rows("SELECT wrapped FROM keys WHERE name = ?", (case.id,))
        assert any(wrapped in file.read_bytes() for file in path.parent.iterdir())

        store.commit([noting(case, "Erase.", title="[erased]", assets=(), facts={})])
        store.destroy_key(case.id, "dpo", "Art. 17", NOON)

        for file in path.parent.iterdir():
            assert wrapped not in file.read_bytes()
            assert b"srv-claims-1" not in file.read_bytes()


def test_opening_what_exists_imports_little(path):
    """`status` starts fast: neither the cipher nor the other engine is imported until something is sealed or opened."""
    with open_store(f"sqlite:///{path}", MASTER, create=True) as store:
        store.commit([opening(1)])
    script = (
        "import sys; from breachflow.store import open_store; store = open_store(sys.argv[1], bytes(range(32)));"
        "assert len(store.open_cases(50)) == 1 and store.open_count() == 1;"
        "print([m for m in ('cryptography', 'psycopg', 'importlib.resources', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{path}"], check=True, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        ("DUE", ("2026", 10), "cases_due"),
        ("NEXT_DUE", (), "cases_due"),
        ("OPEN_CASES", (50,), "cases_open"),
        ("OPEN_COUNT", (), "cases_open"),
        ("UNDRAFTED", (50,), "cases_undrafted"),
        ("SCREENED", ("2026", 10), "events_screened"),
        ("EVENTS_OF", ("BF",), "events_of_case"),
        ("NOTICES_OF", ("BF",), "outbox_of_case"),
        ("LEASE", ("2026", "2026", "2026", 10), "outbox_waiting"),
        ("OUTBOX_SUMMARY", (), "outbox_waiting"),
        ("DEAD_LETTERS", ("held", 10), "dead_letters_in"),
    ],
)
def test_every_frequent_question_has_its_index(path, statement, values, index):
    """What is asked at every tick reads an index, however many cases there are."""
    from breachflow.store import statements

    with open_store(f"sqlite:///{path}", MASTER, create=True) as store:
        plan = " ".join(
            row[-1] for row in store._engine.rows(f"EXPLAIN QUERY PLAN {getattr(statements, statement)}", values)
        )

    assert index in plan
    assert "TEMP B-TREE" not in plan or statement == "EVENTS_OF" or statement == "NOTICES_OF"
