"""What `breachflow doctor` finds: everything well, and each thing that can be wrong, with what to do about it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from postgres_server import PostgresServer, free_port, postgres_server  # noqa: F401 - a fixture.
from sendgrid_mock import SendGridMock
from story import organisation

from breachflow.cli import main
from breachflow.core.charter import Charter
from breachflow.doctor import probe
from breachflow.doctor.probe import ok, probed
from breachflow.doctor.standing import skewed
from breachflow.formats import read
from breachflow.law.freshness import unverified
from breachflow.settings import rotation
from breachflow.settings.environment import load
from breachflow.settings.home import master_key
from breachflow.store import open_store
from breachflow.workflow import Record, Workflow

BREACH = {"personal_data": True, "confidentiality": True, "people_count": 300}


@pytest.fixture
def doctor(tmp_path, monkeypatch, capsys):
    """A fresh home; run doctor in it and return exit code and findings by probe."""
    home = tmp_path / "home"
    for name in [name for name in os.environ if name.startswith("BREACHFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BREACHFLOW_HOME", str(home))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as end:
            main([*arguments])
        return int(end.value.code or 0)

    def examine() -> tuple[int, dict[str, list[tuple[str, str]]]]:
        capsys.readouterr()
        code = run("doctor", "--json")
        out, err = capsys.readouterr()
        assert err == ""
        found: dict[str, list[tuple[str, str]]] = {}
        for line in out.splitlines():
            finding = json.loads(line)
            assert finding["level"] in ("ok", "warning", "problem")
            assert "Traceback" not in finding["message"]
            found.setdefault(finding["probe"], []).append((finding["level"], finding["message"]))
        return code, found

    assert run("init") == 0
    examine.home, examine.run = home, run
    return examine


def workflow(home: Path, now: datetime) -> Workflow:
    settings = load(os.environ, home)
    store = open_store(settings.database, master_key(settings))
    return Workflow(store, Charter(organisation()), lambda: now)


def alarm(home: Path, at: datetime, number: int = 1) -> None:
    """An event that opens a case comes in at this instant."""
    event = {
        "id": f"e{number}", "source": "soc/test", "detected_at": at.isoformat(), "title": "Customers' file copied",
        "facts": BREACH,
    }  # fmt: skip
    opened = workflow(home, at)
    opened.receive([Record(one, "test") for one in read(json.dumps(event).encode(), received_at=at)])
    opened.store.close()


def levels(found: dict[str, list[tuple[str, str]]]) -> dict[str, str]:
    return {name: said[0][0] for name, said in found.items()}


def test_in_a_fresh_home_all_is_well(doctor):
    """One line for each thing, exit 0, and nothing about Kafka where there is none."""
    code, found = doctor()
    assert code == 0
    assert set(levels(found).values()) == {"ok"}, found
    assert list(found) == [
        "configuration", "organisation", "mappings", "key", "disk", "law", "templates", "database", "clock", "ticks",
        "mails", "cases", "dead letters", "mail folder",
    ]  # fmt: skip


def test_people_read_one_line_each(doctor, capsys):
    """Level, what, and what about it."""
    capsys.readouterr()
    assert doctor.run("doctor") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 14
    assert lines[-1] == f"ok       mail folder: mails can be laid in {doctor.home / 'outbox'}."


def test_nobody_ticks_and_nothing_leaves(doctor):
    """A day after the alarm no process has run: the rungs are due, the mails are in the house, and doctor says so."""
    alarm(doctor.home, datetime.now(UTC) - timedelta(hours=26))
    code, found = doctor()
    assert code == 1
    assert levels(found)["ticks"] == "problem"
    assert "start `breachflow run`" in found["ticks"][0][1]
    assert levels(found)["mails"] == "problem"
    assert "the oldest for 26 h" in found["mails"][0][1]
    assert levels(found)["cases"] == "ok"
    assert "Customers" not in json.dumps(found)

    assert doctor.run("run", "--once", "--no-intake") == 0
    code, found = doctor()
    assert (code, levels(found)["ticks"], levels(found)["mails"]) == (0, "ok", "ok")


def test_a_change_of_the_master_key_that_was_interrupted_is_named_and_looked_through(doctor):
    """The database is wrapped anew, the file has not taken its place: all is there, and doctor says how to end it."""
    settings = load(os.environ, doctor.home)
    with open_store(settings.database, master_key(settings)) as store:
        store.rewrap(rotation.lay_next(doctor.home / rotation.NEXT_FILE))
    code, found = doctor()
    assert (code, levels(found)["database"], levels(found)["key"]) == (0, "ok", "warning")
    assert "`breachflow keys rotate` ends it" in found["key"][0][1]

    assert doctor.run("keys", "rotate") == 0
    code, found = doctor()
    assert (code, set(levels(found).values())) == (0, {"ok"})


def test_nobody_could_be_told(doctor, monkeypatch):
    """Every mail was refused: the case carries an alarm, and a person has to take the telephone."""
    now = datetime.now(UTC)
    alarm(doctor.home, now - timedelta(hours=1))

    class Refusing:
        def send(self, *_, **__):
            from breachflow.delivery import Refused

            raise Refused("no")

    opened = workflow(doctor.home, now)
    opened.route = Refusing()
    for _ in range(10):
        opened.deliver()
    opened.store.close()

    code, found = doctor()
    assert code == 1
    assert levels(found)["cases"] == "problem"
    assert "by telephone" in found["cases"][0][1]
    assert levels(found)["mails"] == "warning"


def test_what_could_not_be_read_waits_for_somebody(doctor, tmp_path):
    """A warning: nothing is lost, and nobody has looked."""
    (tmp_path / "broken.json").write_text("{nonsense")
    doctor.run("ingest", str(tmp_path / "broken.json"))
    code, found = doctor()
    assert code == 0
    assert found["dead letters"] == [
        ("warning", "1 record could not be read and waits: `breachflow deadletters list`.")
    ]


def test_a_key_that_others_can_read(doctor):
    """The key is refused, and what needs it is said not to have been looked at; the rest goes on."""
    (doctor.home / "master.key").chmod(0o644)
    code, found = doctor()
    assert code == 1
    assert "chmod 600" in found["key"][0][1]
    assert levels(found)["database"] == "problem"
    assert levels(found)["ticks"] == "warning"
    assert levels(found)["mail folder"] == "ok"


def test_a_template_that_does_not_compile_and_one_that_fails(doctor):
    """The mail goes out with the shipped one; whoever wrote the template hears of it before the next alarm."""
    folder = doctor.home / "templates" / "fr"
    folder.mkdir(parents=True)
    (folder / "mail.md.j2").write_text("{% if %}")
    (folder / "people.md.j2").write_text("# Titre\n\n{{ nothing.at.all }}\n")
    (folder / "stranger.md.j2").write_text("# ?")
    code, found = doctor()
    assert code == 1
    said = " ".join(message for _, message in found["templates"])
    assert "fr/mail.md.j2, line 1: " in said
    assert "fr/people.md.j2 failed (UndefinedError)" in said
    assert "fr/stranger.md.j2: no template of this name is ever read" in said


def test_a_slip_of_the_pen_in_a_variable(doctor, monkeypatch):
    """A variable that is not read is a warning; one that cannot be is a problem, and both are one line."""
    monkeypatch.setenv("BREACHFLOW_KAFFKA", "x:1")
    code, found = doctor()
    assert (code, levels(found)["configuration"]) == (0, "warning")
    monkeypatch.setenv("BREACHFLOW_HTTP", "nowhere")
    code, found = doctor()
    assert (code, list(found)) == (1, ["configuration"])


def test_sendgrid_is_asked_about_its_key_and_sent_nothing(doctor, monkeypatch):
    """The key is accepted, refused, or may not send; the machine's clock is held against SendGrid's."""
    with SendGridMock() as mock:
        monkeypatch.setenv("BREACHFLOW_MAIL", "sendgrid:")
        monkeypatch.setenv("BREACHFLOW_SENDGRID_URL", mock.url)
        monkeypatch.setenv("SENDGRID_API_KEY", "SG.key")
        code, found = doctor()
        assert code == 0
        assert [level for level, _ in found["mail sendgrid"]] == ["ok", "ok"]
        assert "agrees with SendGrid's" in found["mail sendgrid"][1][1]

        mock.scopes = ["stats.read"]
        code, found = doctor()
        assert code == 1
        assert "`mail.send`" in found["mail sendgrid"][0][1]

        monkeypatch.setenv("SENDGRID_API_KEY", "SG.secret")
        code, found = doctor()
        assert code == 1
        assert "SENDGRID_API_KEY" in found["mail sendgrid"][0][1]
        assert "SG.secret" not in json.dumps(found)
        assert mock.requests == []


def test_a_server_that_accepts_and_says_nothing_takes_five_seconds_at_most(doctor, monkeypatch):
    """The other probes are answered, and the hanging one is a line."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("BREACHFLOW_MAIL", f"smtp+plain://127.0.0.1:{silent.getsockname()[1]},folder:out")
        began = time.monotonic()
        code, found = doctor()
    assert code == 1
    assert levels(found)["mail smtp"] == "problem"
    assert levels(found)["mail folder"] == "ok"
    assert time.monotonic() - began < 12


def test_kafka_that_is_not_there_is_one_line(doctor, monkeypatch):
    """Topics and lag are not asked for where nobody answers."""
    monkeypatch.setenv("BREACHFLOW_KAFKA", f"127.0.0.1:{free_port()}")
    code, found = doctor()
    assert code == 1
    assert "does not answer" in found["kafka"][0][1]
    assert "topics" not in found


def test_a_database_that_hangs_is_one_line(doctor, monkeypatch, postgres_server: PostgresServer):  # noqa: F811
    """PostgreSQL accepts and says nothing: five seconds, then the probes that need no database."""
    monkeypatch.setenv("BREACHFLOW_DATABASE", postgres_server.fresh("doctor"))
    assert doctor.run("init") == 0
    code, found = doctor()
    assert code == 0, [(name, said) for name, said in found.items() if said[0][0] == "problem"]
    pid = int((postgres_server.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        code, found = doctor()
        took = time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)
    assert code == 1
    assert found["database"][0][1].startswith("no answer within 5 s")
    assert levels(found)["mail folder"] == "ok"
    assert took < 12


def test_a_probe_that_crashes_is_a_line_and_not_a_traceback():
    """What a fault of ours was about is not shown: it may hold anything."""

    def crash():
        yield ok("so far")
        raise RuntimeError("jeanne.martin@group.example")

    (finding,) = probed("odd", crash)
    assert finding.level == "problem"
    assert "RuntimeError in test_doctor.py" in finding.sentence
    assert "jeanne" not in finding.sentence


def test_a_probe_that_hangs_is_left_behind():
    """The next one is not held up."""
    release = threading.Event()
    began = time.monotonic()
    (finding,) = probed("slow", lambda: [ok(str(release.wait(10)))], seconds=0.2)
    release.set()
    assert (finding.level, time.monotonic() - began < 2) == ("problem", True)
    assert probe.SECONDS == 5.0


@pytest.mark.parametrize(("seconds", "level"), [(0.4, "ok"), (5, "warning"), (90, "problem")])
def test_a_clock_that_is_wrong(seconds, level):
    """A minute is a wrong deadline; a few seconds are for NTP."""
    ((found, _),) = skewed(seconds, "the database's")
    assert found == level


def test_law_that_nobody_has_looked_at_for_a_year(doctor, monkeypatch):
    """Twelve months to the day; the organisation file may ask for it more often."""
    newest = max(entry.last_verified for entry in unverified(date(2100, 1, 1), 12))
    assert unverified(newest, 12) == []
    everything = len(unverified(date(2100, 1, 1), 12))
    day_after = newest.replace(year=newest.year + 1) + timedelta(days=1)
    assert len(unverified(day_after, 12)) == everything
    assert len(unverified(day_after, 13)) < everything

    monkeypatch.setenv("BREACHFLOW_NOW", f"{day_after.isoformat()}T12:00:00Z")
    code, found = doctor()
    assert levels(found)["law"] == "warning"
    assert "upgrade breachflow" in found["law"][0][1]
    assert code == 0
    file = doctor.home / "organisation.toml"
    file.write_text(file.read_text() + "\n[policy]\nlaw_check_months = 24\n")
    assert levels(doctor()[1])["law"] == "ok"


def test_status_starts_without_any_of_it(doctor):
    """`breachflow status` loads neither probes nor metrics."""
    script = (
        "import sys\nfrom breachflow.cli import main\n"
        "try:\n    main(['status', '--json'])\nexcept SystemExit:\n    pass\n"
        "bad = [n for n in sys.modules if n.startswith(('breachflow.doctor', 'breachflow.monitoring', 'prometheus'))]\n"
        "assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
