"""The register as the authority gets it: whole, in every form, and one changed byte is found and named."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import count, pairwise

import openpyxl
import psycopg
import pytest
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from store_samples import MASTER, case_named, noting, opening
from story import BREACH, Story

from breachflow.core.account import DECISIONS, account
from breachflow.core.case import Stage
from breachflow.core.decision import Close, Confirm, Dismiss, Exempt, Filed, Informed, Note, SetFacts
from breachflow.core.exported import CLOSING, verified
from breachflow.core.facts import Facts
from breachflow.rendering import Renderer
from breachflow.rendering.language import register
from breachflow.rendering.workbook import workbook
from breachflow.settings.home import example
from breachflow.store import Store, open_store

HOSTILE = '=HYPERLINK("http://evil.example") </title><script>alert(1)</script> | # \u202e {{ 7*7 }}'
MUTATIONS = 100
numbers = count()


@pytest.fixture
def story(tmp_path) -> Iterator[Story]:
    """Three breaches: one notified late with a changed count, one that nobody notified, one that was none."""
    story = Story(tmp_path)
    story.event(title=HOSTILE)
    first = story.case.id
    story.event(BREACH | {"people_count": 12}, title="Letters in the wrong envelopes", id="second")
    story.event(title="A drill", id="third")
    by_title = {case.title: case.id for case in story.cases}
    second, third = by_title["Letters in the wrong envelopes"], by_title["A drill"]
    # Three events on no common asset and without a key are three cases.
    assert len({first, second, third}) == 3
    aware = story.watch()
    story.decide(Confirm(by="Claire", aware_at=aware, evidence="the logs of the night"), first)
    story.decide(SetFacts(by="Claire", values={"people_count": 450, "text_nature": "The claims of M. Durand."}), first)
    story.decide(SetFacts(by="Claire", values={"text_nature": "The claims of many."}), first)
    story.decide(Filed(by="Claire", at=aware, controller="insurance", reference="FR-33-1"), first)
    story.decide(
        Informed(by="Claire", at=aware, controller="insurance", means="letter", count=450, reason="by post"), first
    )
    story.decide(Confirm(by="Claire", aware_at=aware), second)
    story.decide(
        Exempt(by="The board", reason="All letters came back unopened.", advised_by="Claire", advice="Not to notify.",
               controller="insurance"), second)  # fmt: skip
    story.decide(Dismiss(by="Claire", reason="It was announced."), third)
    story.first, story.second, story.third = first, second, third
    return story


def accounts(story: Story) -> list:
    return [account(case, story.store.entries(case.id)) for case in story.store.every_case()]


def page(story: Story, lang: str) -> str:
    house = story.charter.organisation
    return Renderer().register(accounts(story), house, story.watch(), lang=lang).content.decode()


def cells(book: bytes) -> list[list[list[str]]]:
    return [[[cell.value or "" for cell in row] for row in sheet] for sheet in openpyxl.load_workbook(io.BytesIO(book))]


# --- What it holds


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_breach_is_there_notified_or_not_with_the_reason_of_each_decision(story, lang):
    """Art. 33(5): facts, effects, remedies; why it was not notified; every value that a changed fact ever had."""
    made = page(story, lang)
    text = re.sub(r"<[^>]+>", " ", made.partition("<body>")[2])

    for case in (story.first, story.second, story.third):
        assert case in text
    for reason in ("All letters came back unopened", "Not to notify", "It was announced", "the logs of the night",
                   "FR-33-1", "by post"):  # fmt: skip
        assert reason in text
    # The count was 300, then 450; the text was another one before.
    case = text[text.rindex(f"{story.first}\u00a0:" if lang == "fr" else f"{story.first}:") :]
    people = case[case.index(register(lang)["name"]["people_count"]) :][:200]
    assert "450" in people
    assert "300" in people
    assert "The claims of M. Durand" in text
    assert "The claims of many" in text
    assert all(str(entry.seq) in text for case in story.cases for entry in story.store.entries(case.id))


def test_the_workbook_has_a_row_for_each_breach_and_one_for_each_entry(story):
    """The first sheet tells the case in one row; the second has the whole chain."""
    cases, entries = cells(workbook(accounts(story), "en", "Europe/Paris"))

    assert [row[0] for row in cases[1:]] == [case.id for case in story.store.every_case()]
    assert len(entries) - 1 == sum(len(story.store.entries(case.id)) for case in story.cases)
    assert {row[-1] for row in entries[1:]} == {e.hash for case in story.cases for e in story.store.entries(case.id)}
    row = dict(zip(cases[0], next(row for row in cases if row[0] == story.second), strict=True))
    assert "All letters came back unopened." in row["Decisions and their reasons"]
    assert "12" in row["Facts"]
    assert "fact" not in "".join(row)


def test_a_hostile_title_runs_nowhere(story):
    """No formula in a cell, no markup in the page, nothing of the template language, no turned-round text."""
    book = workbook(accounts(story), "fr", "Europe/Paris")
    for sheet in openpyxl.load_workbook(io.BytesIO(book)):
        for row in sheet:
            for cell in row:
                assert cell.data_type in ("s", "n"), cell.value
                assert cell.data_type == "s" or cell.value is None
                assert cell.quotePrefix
    assert any(HOSTILE[:30] in str(value) for row in cells(book)[0] for value in row)
    made = page(story, "fr")
    assert "<script" not in made
    assert "{{ 7*7 }}" in made
    assert "\u202e" not in made
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", made), "nothing is fetched from outside"


def test_the_page_can_be_read_without_seeing_it(story):
    """A language, a title, one main heading, headings in order, links that lead somewhere, rows with headers."""
    for lang in ("fr", "en"):
        made = page(story, lang)
        assert f'<html lang="{lang}">' in made
        assert made.count("<h1>") == 1
        levels = [int(level) for level in re.findall(r"<h(\d)", made)]
        assert all(after - before <= 1 for before, after in pairwise(levels))
        targets = re.findall(r'href="#([^"]+)"', made)
        assert len(targets) == 3
        assert all(f'id="{target}"' in made for target in targets)
        assert made.count("<tr>") == made.count('<th scope="row">')
        assert "@media print" in made


def test_the_words_are_there_in_both_languages():
    """Every fact, every kind of decision; the same keys, none empty."""
    fr, en = register("fr"), register("en")
    assert {group: list(keys) for group, keys in fr.items()} == {group: list(keys) for group, keys in en.items()}
    assert all(words.strip() for table in (fr, en) for keys in table.values() for words in keys.values())
    assert list(fr["name"]) == list(Facts.__struct_fields__)
    assert set(fr["entry"]) >= DECISIONS | {"opened", "attached", "escalated", "told", "not-told"}


def test_the_same_register_makes_the_same_workbook(story, tmp_path):
    """Byte for byte, in another process and at another time: two exports can be compared by their digest."""
    first = workbook(accounts(story), "en", "Europe/Paris")
    code = (
        "import sys; from breachflow.store import open_store; from breachflow.core.account import account\n"
        "from breachflow.rendering.workbook import workbook\n"
        f"store = open_store('sqlite:///{tmp_path}/breachflow.db', bytes(32))\n"
        "made = workbook([account(case, store.entries(case.id)) for case in store.every_case()], 'en', 'Europe/Paris')\n"
        "sys.stdout.buffer.write(made)"
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert again == first


# --- One changed byte


@pytest.fixture
def home(story, tmp_path, monkeypatch):
    """The story's database as the command line finds it."""
    import base64

    folder = tmp_path
    (folder / "master.key").write_bytes(base64.b64encode(bytes(32)) + b"\n")
    (folder / "master.key").chmod(0o600)
    (folder / "organisation.toml").write_bytes(example())
    monkeypatch.setenv("BREACHFLOW_HOME", str(folder))
    monkeypatch.setenv("BREACHFLOW_NOW", "2026-11-25T11:00:00+01:00")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(capfdbinary):
    from breachflow.cli import main

    def call(*args):
        with pytest.raises(SystemExit) as end:
            main([str(arg) for arg in args])
        out, err = capfdbinary.readouterr()
        assert b"Traceback" not in err
        return end.value.code, out, err.decode()

    return call


def test_an_exported_file_verifies_without_database_and_key(home, run, tmp_path):
    """Whoever gets the file checks it; the digest is the one that was said when it was written."""
    code, said, _ = run("register", "export", "-o", tmp_path / "register.json")
    digest = said.split()[-1].decode()
    assert code == 0
    for path in tmp_path.glob("breachflow.db*"):
        path.unlink()
    (tmp_path / "master.key").unlink()

    code, out, _ = run("register", "verify", tmp_path / "register.json")
    assert code == 0
    assert b"the chain holds" in out
    assert digest in out.decode()
    assert json.loads(run("register", "verify", tmp_path / "register.json", "--json")[1])["broken"] == []


def test_a_hundred_changed_bytes_of_an_export_are_found_and_named(home, run):
    """Any byte of the file, replaced by any other: the line that it stands in is named. 100 of 100."""
    whole = run("register", "export")[1]
    lines = whole.split(b"\n")
    assert verified(whole).broken == ()
    chance = random.Random(5)
    for place in chance.sample(range(len(whole)), MUTATIONS):
        other = chance.choice([byte for byte in range(256) if byte != whole[place]])
        broken = verified(whole[:place] + bytes([other]) + whole[place + 1 :]).broken
        number = whole[:place].count(b"\n")
        if number == len(lines) - 2:
            assert [fault.case for fault in broken] == [CLOSING]
            continue
        entry = json.loads(lines[number])
        assert (broken[0].case, broken[0].seq) == (entry["case"], entry["seq"]), place


def test_what_is_taken_out_of_an_export_or_put_in_is_missed(story, home, run):
    """An entry removed, doubled, or the end cut off: by the entry where it shows; a forged text of what was sealed too."""
    whole = run("register", "export", "--case", story.first)[1]
    lines = whole.split(b"\n")[:-1]

    def broken(*kept: bytes) -> tuple[str, int]:
        fault = verified(b"\n".join(kept) + b"\n").broken[0]
        return fault.case, fault.seq

    case = json.loads(lines[0])["case"]
    assert broken(*lines[1:]) == (case, 1)
    assert broken(*lines[:2], *lines[3:]) == (case, 3)
    assert broken(*lines[:-2], lines[-1]) == (case, len(lines) - 1)
    assert broken(*lines[:-1]) == (CLOSING, 0)
    assert broken(lines[0], *lines) == (case, 2)
    forged = lines[0].replace(b"HYPERLINK", b"hyperlink", 1)
    assert forged != lines[0]
    assert broken(forged, *lines[1:]) == (case, 1)
    assert verified(b"").broken[0].case == CLOSING
    assert verified(b"\xff\n{}\n").broken[0].case == CLOSING


def test_without_what_is_sealed_no_free_text_leaves(home, run):
    """`--no-sealed`: no title, no text, and the chain verifies all the same."""
    for form in ("json", "csv", "html"):
        out = run("register", "export", "--format", form, "--no-sealed")[1]
        assert b"Durand" not in out, form
        assert b"HYPERLINK" not in out, form
        assert b"All letters came back unopened." in out, form
        assert b"Durand" in run("register", "export", "--format", form)[1], form
        if form == "json":
            assert verified(out).broken == ()


def test_the_csv_is_safe_for_spreadsheets(home, run):
    """No cell begins like a formula."""
    out = run("register", "export", "--format", "csv")[1].decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(out)))
    assert {len(row) for row in rows} == {9}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def test_a_missing_package_is_one_sentence_with_the_line_that_installs_it(home, run, monkeypatch):
    """As for the other formats."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    code, _, err = run("register", "export", "--format", "xlsx")
    assert (code, err) == (2, "breachflow: XLSX needs the package openpyxl: pip install 'breachflow[xlsx]'.\n")


class Table:
    """The register's table, for somebody who writes past the store."""

    COLUMNS = ("at", "kind", "author", "body", "sealed", "hash")

    def __init__(self, url: str) -> None:
        self.url = url
        self.lite = url.startswith("sqlite")

    def run(self, statement: str, values: tuple = ()) -> list[tuple]:
        if self.lite:
            connection = sqlite3.connect(self.url.removeprefix("sqlite:///"))
            try:
                for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                    connection.execute(f"DROP TRIGGER {name}")
                rows = connection.execute(statement, values).fetchall()
                connection.commit()
                return rows
            finally:
                connection.close()
        with psycopg.connect(self.url) as server:
            server.execute("SET session_replication_role = replica")
            cursor = server.execute(statement.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(params=["sqlite", "postgres"])
def table(request, tmp_path) -> Table:
    if request.param == "sqlite":
        return Table(f"sqlite:///{tmp_path}/mutated.db")
    return Table(request.getfixturevalue("postgres_server").fresh(f"mutated_{next(numbers)}"))


def filled(url: str) -> Store:
    store = open_store(url, MASTER, create=True)
    for number in range(1, 5):
        store.commit([opening(number)])
        store.commit([noting(store.get(case_named(number).id), "Called M. Durand back.", stage=Stage.SUSPECTED)])
    return store


def test_a_hundred_changed_bytes_of_the_register_table_are_found_and_named(table):
    """One byte of one column of one entry, past the triggers: exactly that entry is named. 100 of 100, both engines.

    Columns: at, kind, author, body, hash (another printable character) and sealed (one bit of the encrypted bytes).
    """
    chance = random.Random(7)
    with filled(table.url) as store:
        assert store.verify_register() == []
        rows = table.run("SELECT case_id, seq FROM entries")
        for _ in range(MUTATIONS):
            case, seq = chance.choice(rows)
            column = chance.choice(Table.COLUMNS)
            ((value,),) = table.run(f"SELECT {column} FROM entries WHERE case_id = ? AND seq = ?", (case, seq))
            if value is None:
                column = "body"
                ((value,),) = table.run("SELECT body FROM entries WHERE case_id = ? AND seq = ?", (case, seq))
            place = chance.randrange(len(value))
            if isinstance(value, str):
                other = chance.choice([chr(code) for code in range(33, 127) if chr(code) != value[place]])
                changed = value[:place] + other + value[place + 1 :]
            else:
                changed = value[:place] + bytes([value[place] ^ 1 << chance.randrange(8)]) + value[place + 1 :]
            set_to = f"UPDATE entries SET {column} = ? WHERE case_id = ? AND seq = ?"
            table.run(set_to, (changed, case, seq))
            assert [(broken.case, broken.seq) for broken in store.verify_register()] == [(case, seq)], column
            table.run(set_to, (value, case, seq))
        assert store.verify_register() == []


def test_a_closed_case_stays_in_the_register(tmp_path):
    """Closing ends the work on a case, not its documentation."""
    story = Story(tmp_path)
    story.event()
    case = story.case.id
    story.decide(Confirm(by="Claire", aware_at=story.watch()))
    story.decide(Filed(by="Claire", at=story.watch(), reference="1"))
    story.decide(Informed(by="Claire", at=story.watch(), means="letter"))
    story.decide(Note(by="Claire", reason="The backup was restored."))
    for clock in story.case.clocks:
        assert clock.stop is not None or clock.regime == "cnil-complement", clock
    if story.case.stage is Stage.CONFIRMED:
        story.decide(Filed(by="Claire", at=story.watch(), kind="complement", reference="2"))
    story.decide(Close(by="Claire", reason="All done."))

    assert "The backup was restored." in page(story, "en")
    assert case in page(story, "fr")
