"""The command line as its users meet it: answers with the vocabulary's keys, one sentence for every error."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

import pytest

from breachflow.cli import COMMANDS, main
from breachflow.core.drafting_audiences import AUDIENCES

EVENT = {
    "id": "e1",
    "source": "soc/test",
    "detected_at": "2026-11-24T10:00:00+01:00",
    "title": "Customer file sent to the wrong garage",
    "facts": {
        "personal_data": True,
        "incident_type": "sent_to_wrong_recipient",
        "confidentiality": True,
        "recipient": "identified",
        "people_count": 120,
        "people": ["customers"],
        "data": ["identity", "contact", "bank_account"],
    },
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A fresh home, with the watch standing at eleven in the morning."""
    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BREACHFLOW_NOW", "2026-11-24T11:00:00+01:00")
    monkeypatch.chdir(tmp_path)
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
def case(home, run, tmp_path):
    """A home with one case; its id."""
    assert run("init")[0] == 0
    (tmp_path / "event.json").write_text(json.dumps(EVENT))
    assert run("ingest", tmp_path / "event.json")[0] == 0
    return json.loads(run("status", "--json")[1])[0]["id"]


def test_init_makes_a_home_for_its_owner_only_and_keeps_what_exists(home, run):
    """Organisation file, key and database; a second call changes nothing."""
    assert run("init")[0] == 0
    made = {path.name: path.read_bytes() for path in home.iterdir() if path.suffix in (".toml", ".key")}
    assert {"organisation.toml", "master.key"} <= set(made)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in home.iterdir())

    assert run("init")[0] == 0
    assert {name: (home / name).read_bytes() for name in made} == made
    assert run("check")[0] == 0


def test_the_module_is_the_command(tmp_path):
    """`python -m breachflow` answers, refuses and exits as the console script does, and calls itself by its name."""
    module = [sys.executable, "-m", "breachflow"]
    version = subprocess.run([*module, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (version.returncode, version.stdout.split(",")[0]) == (0, "breachflow")

    wrong = subprocess.run([*module, "statos"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "Did you mean `status`?" in wrong.stderr


def test_ingest_counts_and_a_second_time_opens_nothing(home, run, tmp_path):
    """`received` is the sum of the others; what cannot be read is kept and counted."""
    run("init")
    (tmp_path / "events.jsonl").write_text(json.dumps(EVENT) + '\n{"id": "broken\n')
    counts = json.loads(run("ingest", tmp_path / "events.jsonl", "--json")[1])
    assert counts == {"received": 2, "opened": 1, "attached": 0, "screened": 0, "duplicates": 0, "quarantined": 1}

    counts = json.loads(run("ingest", tmp_path / "events.jsonl", "--json")[1])
    assert (counts["opened"], counts["duplicates"]) == (0, 1)
    letters = json.loads(run("deadletters", "list", "--json")[1])
    assert len(letters) == 1, "the same bytes from the same place stay one entry"
    assert set(letters[0]) >= {"id", "at", "reason", "sha256", "bytes", "origin"}
    assert run("deadletters", "show", letters[0]["id"])[1] == '{"id": "broken'


def test_status_answers_with_the_keys_of_the_vocabulary(case, run, monkeypatch):
    """Open cases, clocks with remaining seconds; exit 1 once a clock is overdue."""
    code, out, _ = run("status", "--json")
    (line,) = json.loads(out)
    assert code == 0
    assert set(line) >= {"id", "title", "stage", "risk", "controller", "clocks", "next_step", "next_escalation_at"}
    clock = next(clock for clock in line["clocks"] if clock["regime"] == "gdpr-art33")
    assert clock["act_by"] == "2026-11-27T09:00:00Z"
    assert clock["remaining_seconds"] == 71 * 3600
    assert clock["state"] == "provisional"
    assert case in run("status")[1]

    monkeypatch.setenv("BREACHFLOW_NOW", "2026-11-27T10:00:01+01:00")
    assert run("status", "--json")[0] == 1


def test_show_says_where_each_fact_comes_from(case, run):
    """Facts with origin and confidence, the assessment, drafts, messages, register."""
    shown = json.loads(run("show", case[:12], "--json")[1])
    assert set(shown) >= {"facts", "assessment", "drafts", "messages", "register"}
    assert shown["facts"]["people_count"] == {
        "value": 120,
        "origin": "event:soc/test/e1#/facts/people_count",
        "at": "2026-11-24T10:00:00Z",
        "confidence": "extracted",
    }
    assert shown["assessment"]["reasons"]
    assert "Clocks" in run("show", case)[1]


def test_a_whole_case_from_the_command_line(case, run):
    """Confirm, correct, notify, inform, close: each with who and why."""
    who = ("--by", "Claire", "--reason", "checked")
    assert run("confirm", case, "--aware", "2026-11-24T10:05+01:00", *who)[0] == 0
    assert run("facts", "set", case, "people_count=121", "data=identity,contact,bank_account", *who)[0] == 0
    assert run("ack", case, "--by", "Claire")[0] == 0
    assert run("filed", case, "--at", "2026-11-24T10:30+01:00", "--reference", "N1", *who)[0] == 0
    assert run("informed", case, "--at", "2026-11-24T10:40+01:00", "--means", "e-mail", *who)[0] == 0
    after = json.loads(run("note", case, *who, "--json")[1])
    assert after["stage"] == "handled"
    assert run("close", case, *who)[0] == 0
    assert json.loads(run("status", "--json")[1]) == []
    shown = json.loads(run("show", case, "--json")[1])
    assert [entry["kind"] for entry in shown["register"]][-1] == "close"
    assert run("register", "verify")[0] == 0


def test_an_illegal_move_says_which_are_open(case, run):
    """One sentence on standard error, exit 2."""
    code, out, err = run("close", case, "--by", "x", "--reason", "y")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "open moves: confirm, dismiss" in err


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (("confirm", "CASE", "--aware", "2026-11-24T10:05", "--by", "x"), "offset"),
        (("facts", "set", "CASE", "peple_count=3", "--by", "x", "--reason", "y"), "people_count"),
        (("facts", "set", "CASE", "people_count=many", "--by", "x", "--reason", "y"), "people_count"),
        (("show", "BF-000000-NOPE"), "no case"),
        (("draft", "CASE", "--controller", "nobody"), "no controller"),
        (("ingest", "missing.json"), "missing.json"),
        (("deadline", "--aware", "yesterday"), "instant"),
        (("assess", "missing.json"), "missing.json"),
        (("statsu",), "status"),
        (("show", ""), "empty"),
        (("ingest", "event.json", "--format", "natve"), "native"),
        (("facts", "set", "CASE", "people_count=3", "--by", "x"), "--reason"),
        (("normalise", "event.json", "--mapping", "event.json"), "event.json"),
    ],
)
def test_every_mistake_gets_one_clear_sentence(case, run, args, part):
    """What is wrong and where, exit 2, never a traceback."""
    code, _, err = run(*(case if arg == "CASE" else arg for arg in args))
    assert code == 2
    assert part in err


def test_without_a_database_the_sentence_says_what_to_do(home, run):
    """`status` before `init`."""
    code, _, err = run("status")
    assert code == 2
    assert "init" in err


def test_assess_answers_every_record_in_order_and_exits_2_at_the_end(run, tmp_path):
    """One answer a line; an input that cannot be read gives its error on its own line."""
    path = tmp_path / "facts.jsonl"
    path.write_text('{"personal_data": false}\n{"people_count": "many"}\n' + json.dumps(EVENT) + "\n")
    code, out, _ = run("assess", path, "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 2
    assert ["error" in answer for answer in answers] == [False, True, False]
    assert set(answers[0]) >= {
        "risk", "register", "notify_authority", "notify_controllers", "inform_people", "inform_how", "exemption", "basis",
        "severity", "reasons", "unknown", "would_change",
    }  # fmt: skip
    assert "people_count" in answers[1]["error"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"people_count": 1, "people_count": 900000}', "`people_count` twice"),
        ('{"measures_taken": [{"what": "a", "what": "b"}]}', "`what` twice"),
        (json.dumps(EVENT)[:-1] + ', "title": "x"}', "`title` twice"),
        ("[1,", "the array is not valid JSON"),
        ("[]", "the array is empty; put events or objects of facts into it"),
    ],
)
def test_assess_says_what_is_wrong_where_json_is_read(run, tmp_path, given, said):
    """A fact said twice is refused as `ingest` refuses it; whoever reads JSON finds every error on standard output."""
    path = tmp_path / "facts.json"
    path.write_text(given)
    code, out, _ = run("assess", path, "--json")
    assert code == 2
    assert said in json.loads(out)["error"]
    assert run("assess", path)[1] == ""


def test_a_reader_who_has_seen_enough_is_no_failure():
    """`breachflow demo | head` ends with exit 0, and says nothing on standard error."""
    command = [sys.executable, "-c", "from breachflow.cli import main; main()", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        demo.stdout.readline()
        demo.stdout.close()
        assert demo.stderr.read() == b""
    assert demo.returncode == 0


def test_normalise_shows_and_writes_nothing(run, tmp_path):
    """One canonical event a line with format, original severity and file; the reason where there is none."""
    path = tmp_path / "events.json"
    path.write_text(json.dumps([EVENT, {"id": "x"}]))
    code, out, _ = run("normalise", path)
    good, bad = (json.loads(line) for line in out.splitlines())
    assert code == 2
    assert good["detected_at"] == "2026-11-24T09:00:00Z"
    assert (good["format"], good["file"], good["original_severity"]) == ("native", str(path), None)
    assert set(bad) == {"error", "file", "record"}
    assert [found.name for found in tmp_path.iterdir()] == ["events.json"]


def test_a_report_by_options_is_a_native_event_that_goes_the_same_way(home, run):
    """What no SIEM sees; the same report again is a duplicate."""
    run("init")
    args = (
        "report",
        "--title",
        "Letter lost",
        "--type",
        "mail_lost_or_opened",
        "--people-count",
        1,
        "--by",
        "desk",
        "--json",
    )
    assert json.loads(run(*args)[1])["opened"] == 1
    assert json.loads(run(*args)[1])["duplicates"] == 1
    event = json.loads(run(*args[:-1], "--print")[1])
    assert event["source"] == "person/desk"


def test_there_is_a_draft_for_everybody_and_of_every_kind(case, run):
    """A letter to the wrong recipient is what this case needs; all others render and say that they do not fit."""
    for audience in AUDIENCES:
        for lang in ("fr", "en"):
            code, out, err = run("draft", case, "--for", audience, "--lang", lang, "--format", "text")
            assert (code, err) == (0, "")
            assert out.strip()
    assert "not proposed" not in run("draft", case, "--for", "recipient", "--lang", "en")[1]
    assert "not proposed" in run("draft", case, "--for", "police", "--lang", "en")[1]

    assert "No filing is recorded" in run("draft", case, "--kind", "complement", "--lang", "en")[1]
    assert run("draft", case, "--kind", "initial")[1] == run("draft", case)[1]
    assert run("draft", case, "--kind", "nothing")[0] == 2


def test_check_names_file_and_line_of_a_template_that_is_broken(home, case, run):
    """A warning: the shipped one is used meanwhile, and the draft says so too."""
    own = home / "templates" / "fr" / "dpo.md.j2"
    own.parent.mkdir(parents=True)
    own.write_text("# Fiche\n{% if %}\n")
    code, out, _ = run("check")
    assert code == 0
    assert f"{own}:2: warning: " in out
    assert "1 warning(s)" in out
    told = [json.loads(line) for line in run("check", "--json")[1].splitlines()]
    assert {"level": "warning", "line": 2, "key": str(own)}.items() <= told[-1].items()
    code, out, err = run("draft", case, "--for", "dpo", "--lang", "fr")
    assert code == 0
    assert "fr/dpo.md.j2" in err
    assert "fr/dpo.md.j2" in out


def test_drafts_go_to_standard_output_or_a_file_of_their_own(case, run, tmp_path):
    """Without -o the draft is all there is on standard output."""
    assert run("draft", case, "--for", "cnil", "--lang", "fr")[1].strip()
    assert json.loads(run("draft", case, "--for", "edpb", "--format", "json")[1])
    code, _, _ = run("draft", case, "--for", "people", "--format", "html", "-o", tmp_path / "notice.html")
    assert code == 0
    assert stat.S_IMODE((tmp_path / "notice.html").stat().st_mode) == 0o600


def test_run_refuses_a_watch_that_stands_still(case, run):
    """BREACHFLOW_NOW would stop every deadline."""
    code, _, err = run("run", "--once")
    assert code == 2
    assert "--exercise" in err
    assert run("run", "--once", "--exercise")[0] == 0


def test_every_command_has_help_that_says_what_it_does(run):
    """`--help` of each command works, and the list names them all."""
    code, out, _ = run("--help")
    assert code == 0
    for name in COMMANDS:
        assert name in out
        assert run(name, "--help")[0] == 0
