"""The organisation's own mappings: from a record that nobody can read to a case, and a broken one holds up nothing."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from story import BREACH, Story

from breachflow.agents.course import Place
from breachflow.agents.figures import Figures
from breachflow.agents.intake import Events
from breachflow.agents.transport import Batch
from breachflow.cli import main
from breachflow.core.organisation import FormatSettings
from breachflow.formats import load_mapping, skeleton
from breachflow.inbox import Inbox
from breachflow.intake_http import Door
from breachflow.settings import SettingsError, mappings
from breachflow.settings.environment import Address

ALARM = {
    "alarmNumber": 5, "vendor": "Acme", "ruleName": "Archive copied to a private drive", "risk": "critical",
    "detected": "2026-11-24T08:15:30Z", "machine": {"hostName": "srv-1"}, "userName": "jeanne.moulin",
}  # fmt: skip
NATIVE = {"id": "n1", "source": "soc", "detected_at": "2026-11-24T09:00:00+01:00", "title": "t", "facts": BREACH}
MAPPING = """\
name = "acme-alarm"

[[recognise]]
keys = ["alarmNumber", "ruleName"]
equals = { vendor = ["Acme"] }

[event]
id = ["alarmNumber"]
title = ["ruleName"]
detected_at = ["detected"]
assets = ["machine.hostName"]
users = ["userName"]

[[severity]]
from = "risk"
"""
BROKEN = MAPPING.replace("title =", "titel =")


@pytest.fixture
def home(tmp_path, monkeypatch, run):
    """A home as `init` makes it; the watch stands at noon."""
    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BREACHFLOW_NOW", "2026-11-24T12:00:00Z")
    monkeypatch.chdir(tmp_path)
    run("init")
    return tmp_path / "home"


@pytest.fixture
def run(capsys):
    """Run a command; return exit code, standard output and standard error."""

    def call(*args):
        with pytest.raises(SystemExit) as end:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return end.value.code, out, err

    return call


@pytest.fixture
def story(tmp_path):
    """One organisation on a database of its own."""
    found = Story(tmp_path)
    yield found
    found.store.close()


def put(home, name: str, text: str | bytes) -> None:
    (home / "mappings").mkdir(exist_ok=True)
    (home / "mappings" / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def taken(run, tmp_path, *records, **options) -> dict:
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return json.loads(run("ingest", path, "--json", *arguments)[1])


def test_from_the_quarantine_through_a_guessed_mapping_to_a_case(home, run, tmp_path):
    """Two commands and an editor: the guess is saved, the letter is read again, the next record comes in by itself."""
    assert taken(run, tmp_path, ALARM)["quarantined"] == 1
    (letter,) = json.loads(run("deadletters", "list", "--json")[1])
    assert "a mapping would make it readable" in letter["reason"]
    ident = letter["id"]
    assert run("deadletters", "retry", ident)[0] == 2

    code, guessed, _ = run("deadletters", "mapping", ident)
    assert (code, "userName" in guessed, "jeanne" in guessed) == (0, True, False)
    code, said, _ = run("deadletters", "mapping", ident, "--save", "acme-alarm")
    path = home / "mappings" / "acme-alarm.toml"
    assert (code, str(path) in said, f"deadletters retry {ident}" in said) == (0, True, True)
    assert path.read_text() == skeleton(ALARM, "acme-alarm")
    assert run("check")[0] == 0

    code, said, _ = run("deadletters", "retry", ident)
    assert (code, "1 opened" in said) == (0, True)
    (case,) = json.loads(run("status", "--json")[1])
    assert case["title"] == ALARM["ruleName"]
    assert json.loads(run("show", case["id"], "--json")[1])["register"][0]["body"]["format"] == "acme-alarm"

    assert taken(run, tmp_path, ALARM)["duplicates"] == 1
    assert taken(run, tmp_path, ALARM | {"state": "new"}, format="acme-alarm")["attached"] == 1
    assert json.loads(run("deadletters", "list", "--json")[1]) == []


def test_a_saved_mapping_goes_over_no_other_and_out_of_no_folder(home, run, tmp_path):
    """What a person wrote is theirs; a name is no path."""
    taken(run, tmp_path, ALARM)
    ident = json.loads(run("deadletters", "list", "--json")[1])[0]["id"]
    put(home, "acme-alarm.toml", MAPPING)

    for name, sentence in (("acme-alarm", "exists already"), ("../acme", "no name of a format"), ("A", "no name")):
        code, _, err = run("deadletters", "mapping", ident, "--save", name)
        assert (code, sentence in err) == (2, True)
    assert (home / "mappings" / "acme-alarm.toml").read_text() == MAPPING
    with pytest.raises(SettingsError, match="cannot be written"):
        mappings.saved(tmp_path / "nowhere" / "organisation.toml", "x", "")


def test_a_broken_mapping_is_named_and_holds_up_nothing(home, run, tmp_path):
    """The shipped formats and the other mappings go on; what it would read is kept, and read once it is mended."""
    put(home, "acme-alarm.toml", BROKEN)
    put(home, "other.toml", MAPPING.replace("acme-alarm", "other").replace('"Acme"', '"Other"'))
    counts = taken(run, tmp_path, NATIVE, ALARM, ALARM | {"vendor": "Other", "alarmNumber": 6, "machine": {}})
    assert (counts["opened"], counts["quarantined"]) == (2, 1)

    code, out, _ = run("check")
    line = BROKEN.splitlines().index('titel = ["ruleName"]') + 1
    assert code == 2
    assert f"{home / 'mappings' / 'acme-alarm.toml'}:{line}: error: event.titel: there is no such key here" in out
    answers = [json.loads(one) for one in run("check", "--json")[1].splitlines()]
    wrong = [one for one in answers if one["level"] == "error"]
    assert next((one["file"], one["line"], one["key"]) for one in wrong) == (
        str(home / "mappings" / "acme-alarm.toml"), line, "event.titel",
    )  # fmt: skip
    code, out, _ = run("doctor")
    assert code == 1
    assert f"problem  mappings: acme-alarm.toml, line {line}: there is no such key here" in out
    assert "left out" in run("normalise", tmp_path / "records.jsonl")[2]
    assert "`breachflow check`" in run("ingest", tmp_path / "records.jsonl", "--format", "acme-alarm")[2]

    put(home, "acme-alarm.toml", MAPPING)
    assert run("check")[0] == 0
    assert "ok       mappings: " in run("doctor")[1]
    ident = json.loads(run("deadletters", "list", "--json")[1])[0]["id"]
    assert run("deadletters", "retry", ident)[0] == 0


def test_the_settings_of_a_format_may_name_a_mapping_of_ones_own(home, run):
    """A zone for it, say; where the mapping is broken the setting is not called wrong as well."""
    organisation = home / "organisation.toml"
    organisation.write_text(organisation.read_text() + '\n[formats.acme-alarm]\nzone = "Europe/Paris"\n')
    assert run("check")[0] == 2
    put(home, "acme-alarm.toml", MAPPING)
    assert run("check")[0] == 0
    put(home, "acme-alarm.toml", BROKEN)
    assert run("check")[1].count(": error: ") == 1


def test_a_topic_whose_format_is_none_is_an_error(home, run, monkeypatch):
    """Everything on it would be quarantined."""
    monkeypatch.setenv("BREACHFLOW_EVENT_TOPICS", "alarms=acme-alarm,findings=ocsf-event")
    code, out, _ = run("check")
    assert (code, "'acme-alarm' is the format of a topic, and no format is called so" in out) == (2, True)
    put(home, "acme-alarm.toml", MAPPING)
    assert run("check")[0] == 0


FAULTS = {
    "no TOML": (b'name = "x"\nkeys = [', 2, "", "not TOML"),
    "no UTF-8": (b"\xff\xfe", None, "", "not UTF-8"),
    "a path that is none": (MAPPING.replace('["detected"]', '["a..b"]').encode(), 10, "", "is no path"),
    "two keys that are none": (BROKEN.replace("users", "user").encode(), 9, "event.titel", "no such key"),
    "a severity that is none": (
        (MAPPING + 'words = { p1 = "terrible" }\n').encode(), 16, "severity[0].words.p1", "no such choice"),
    "a fact that is none": ((MAPPING + "[facts]\norgin = 'external'\n").encode(), 17, "facts.orgin", "mean `origin`"),
    "bands": ((MAPPING + 'bands = [["high", 5]]\n').encode(), 16, "severity[0].bands[0]", "a number; this is a text"),
    "the name of native events": (MAPPING.replace("acme-alarm", "native").encode(), None, "name", "own events"),
    "too large": (b"#" * 1_000_001, None, "", "larger than 1000000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "line", "key", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_by_file_line_and_key(story, tmp_path, content, line, key, sentence):
    """The first of them, in the file's order where there are several."""
    put(tmp_path, "acme-alarm.toml", content)
    found, faults = mappings.readers(story.charter.organisation, tmp_path / "organisation.toml")

    assert found.own == ()
    assert faults[0].file == tmp_path / "mappings" / "acme-alarm.toml"
    said = [(fault.line, fault.key) for fault in faults]
    assert (line, key) in said
    assert any(sentence in fault.sentence for fault in faults)


def test_two_mappings_of_one_name_are_not_both_used(story, tmp_path):
    """The first by its file's name stands; the second is named. Hidden files and other files are no mappings."""
    put(tmp_path, "a.toml", MAPPING)
    put(tmp_path, "b.toml", MAPPING)
    put(tmp_path, ".c.toml", "nonsense")
    put(tmp_path, "d.toml~", "nonsense")
    found, faults = mappings.readers(story.charter.organisation, tmp_path / "organisation.toml")

    assert [one.name for one in found.own] == ["acme-alarm"]
    assert [(fault.file.name, fault.sentence) for fault in faults] == [
        ("b.toml", "`acme-alarm` is the name of another mapping here; take another.")
    ]
    assert "acme-alarm" not in found.broken


def reading(story, tmp_path, text=MAPPING, **formats):
    """The readers of a home with this mapping and these settings of formats."""
    from msgspec.structs import replace

    put(tmp_path, "acme-alarm.toml", text)
    organisation = replace(story.charter.organisation, formats=formats)
    return mappings.readers(organisation, tmp_path / "organisation.toml")[0]


def test_the_drop_folder_and_kafka_read_through_the_mappings(story, tmp_path):
    """A topic may name the mapping; its zone is that of the organisation file."""
    naive = json.dumps(ALARM | {"detected": "2026-11-24 09:15:30", "alarmNumber": 8})
    zone = {"acme-alarm": FormatSettings(zone="Europe/Paris")}
    story.workflow.readers = reading(story, tmp_path, **zone)
    inbox = Inbox(tmp_path)
    (inbox.folder / "alarm.json").write_text(json.dumps(ALARM))
    assert inbox.drain(story.workflow, wait=True).opened == 1

    message = SimpleNamespace(
        topic="acme", partition=0, offset=0, timestamp=0, key=None, value=naive.encode(), headers=()
    )
    batch = Batch(Place("acme", 0), (message,), None, 0)
    assert Events({"acme": "acme-alarm"}, Figures())(story.workflow, batch, "g") == 1
    assert story.case.events == 2
    assert [(one.at, one.basis) for one in story.case.candidates] == [
        (datetime(2026, 11, 24, 8, 15, 30, tzinfo=UTC), "stated"),
        (datetime(2026, 11, 24, 8, 15, 30, tzinfo=UTC), "zone_assumed"),
    ]


@pytest.mark.parametrize(("text", "opened"), [(MAPPING, 1), (BROKEN, 0)], ids=["sound", "broken"])
def test_a_request_may_name_a_mapping_and_is_not_turned_away_where_it_is_broken(story, tmp_path, text, opened):
    """Its sender cannot mend it, and would not send it again: it is kept. A name that is nobody's is refused."""
    story.workflow.readers = readers = reading(story, tmp_path, text)
    door = Door(Address("127.0.0.1", 0), "t" * 20, lambda: True, lambda: True, formats=readers.names)
    door.open()

    def ask(form: str):
        connection = http.client.HTTPConnection("127.0.0.1", door.address.port, timeout=20)
        connection.request("POST", f"/events?format={form}", json.dumps(ALARM), {"Authorization": f"Bearer {'t' * 20}"})
        with contextlib.closing(connection):
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    answers = []
    asking = threading.Thread(target=lambda: answers.extend([ask("acme-alarm"), ask("acme")]))
    asking.start()
    while asking.is_alive():
        door.take(story.workflow, 0.05)
    asking.join()
    door.close()

    (status, told), (refused, _) = answers
    assert refused == 400
    assert (status // 100, told["opened"], told["quarantined"]) == (2, opened, 1 - opened)
    if not opened:
        (letter,) = story.store.dead_letters("held")
        assert "the mapping acme-alarm cannot be used" in letter.reason


def test_the_mapping_of_the_manual_is_one():
    """Whoever copies it has something to start from."""
    text = (Path(__file__).parents[1] / "docs" / "mappings.md").read_text()

    assert load_mapping(text.partition("```toml\n")[2].partition("```")[0].encode()).name == "acme-alert"
