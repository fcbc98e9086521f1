"""A time without offset gets the zone that its format's settings declare, flagged; without one it is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import Story

from breachflow import formats
from breachflow.cli import main
from breachflow.formats import Readers
from breachflow.formats.instants import parse, zone_of
from breachflow.inbox import Inbox
from breachflow.ingest import ingest
from breachflow.settings import SettingsError, mappings
from breachflow.settings.home import example
from breachflow.settings.organisation_file import check, load

RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAIVE = (
    b"CEF:0|Invented|Firewall|3.1|100|Upload of a customer file|10|externalId=a-7 rt=Mar 02 2026 08:15:30 shost=pc-21"
)
MOMENT = datetime(2026, 3, 2, 7, 15, 30, tzinfo=UTC)
PARIS = '\n[formats.cef]\nzone = "Europe/Paris"\n'


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home whose organisation file says what a test appends; the watch stands at noon of the tenth of March."""
    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BREACHFLOW_NOW", RECEIVED.isoformat())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def story(tmp_path):
    """One organisation on a database of its own."""
    found = Story(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
def run(capsys):
    """Run a command; return exit code, standard output and standard error."""

    def call(*args):
        with pytest.raises(SystemExit) as end:
            main([str(arg) for arg in args])
        return end.value.code, *capsys.readouterr()

    return call


def declared(home, text: str) -> None:
    (home / "organisation.toml").write_text(example().decode() + text)


def test_a_declared_zone_opens_the_case_at_the_right_instant_and_says_so(home, run, tmp_path):
    """Refused first, with the setting's name; declared, the dead letter is read, and the case shows the basis."""
    run("init")
    (tmp_path / "alert.cef").write_bytes(NAIVE + b"\n")
    assert json.loads(run("ingest", tmp_path / "alert.cef", "--json")[1])["quarantined"] == 1
    (letter,) = json.loads(run("deadletters", "list", "--json")[1])
    assert "under [formats.cef] in the organisation file" in letter["reason"]

    declared(home, PARIS)
    assert run("check")[0] == 0
    assert run("deadletters", "retry", letter["id"])[0] == 0

    case = json.loads(run("status", "--json")[1])[0]["id"]
    shown = json.loads(run("show", case, "--json")[1])
    assert shown["register"][0]["body"]["detected_at_basis"] == "zone_assumed"
    assert [one["basis"] for one in shown["candidates"]] == ["zone_assumed"]
    assert datetime.fromisoformat(shown["candidates"][0]["at"]) == MOMENT
    assert "read in the zone declared for its format" in run("show", case)[1]
    assert "read in the zone declared for its format" in run("awareness", case)[1]


def test_normalise_reads_as_intake_would_and_tries_a_zone(home, run, tmp_path):
    """The organisation's zone where there is one; `--zone` goes before it; without any the time is refused."""
    (tmp_path / "alert.cef").write_bytes(NAIVE)
    code, out, _ = run("normalise", tmp_path / "alert.cef")
    assert (code, "[formats.cef]" in json.loads(out)["error"]) == (2, True)

    run("init")
    declared(home, PARIS)
    line = json.loads(run("normalise", tmp_path / "alert.cef")[1])
    assert (line["detected_at"], line["detected_at_basis"]) == ("2026-03-02T07:15:30Z", "zone_assumed")
    tried = json.loads(run("normalise", tmp_path / "alert.cef", "--zone", "cef=America/New_York")[1])
    assert tried["detected_at"] == "2026-03-02T13:15:30Z"
    for wrong, said in (("cef=Mars", "no IANA zone"), ("cfe=UTC", "names no format"), ("UTC", "no IANA zone")):
        code, _, err = run("normalise", tmp_path / "alert.cef", "--zone", wrong)
        assert (code, said in err) == (2, True)


def test_every_door_reads_in_the_declared_zone(story, tmp_path):
    """Files of the drop folder, what `ingest` is given, and what was screened out and is opened later."""
    story.workflow.readers = Readers(zones={"cef": "Europe/Paris"})
    inbox = Inbox(tmp_path)
    (inbox.folder / "alert.cef").write_bytes(NAIVE)
    assert inbox.drain(story.workflow, wait=True).opened == 1
    assert ingest(story.workflow, NAIVE.replace(b"a-7", b"a-8"), "test").attached == 1

    assert {one.at for one in story.case.candidates} == {MOMENT}
    assert ingest(story.workflow, NAIVE.replace(b"|10|", b"|1|").replace(b"a-7 ", b"a-9 "), "test").screened == 1
    (screened,) = story.store.screened(datetime(1970, 1, 1, tzinfo=UTC), 10)
    assert screened.detected_at == MOMENT
    opened = story.workflow.open_screened(screened.identity.hex(), "dpo", "it was ours")
    assert opened.case.candidates[0].basis == "zone_assumed"


WRONG = {
    "an unknown zone": ('\n[formats.cef]\nzone = "Europe/Pariss"\n', "zone", "no such time zone"),
    "a zone that is no text": ("\n[formats.cef]\nzone = 1\n", "zone", "a text in quotation marks"),
    "a key that is none": ('\n[formats.cef]\nzona = "UTC"\n', "zona", "did you mean `zone`?"),
    "no table": ('\n[formats]\ncef = "UTC"\n', "cef", "must be a table"),
}


@pytest.mark.parametrize(("text", "key", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_of_a_format_is_named_by_line_and_key(tmp_path, text, key, sentence):
    """And the file is refused, as for any other value that does not fit."""
    path = tmp_path / "organisation.toml"
    path.write_text(example().decode() + text)

    (found,) = (one for one in check(path) if one.level == "error")
    assert found.key.endswith(key)
    assert path.read_text().splitlines()[found.line - 1].startswith(key)
    assert sentence in found.sentence
    with pytest.raises(SettingsError, match="formats"):
        load(path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("ceff", "did you mean `cef`?"), ("our-own-thing", "no mapping in mappings/"), ("native", "state their offset")],
)
def test_the_settings_of_a_format_that_is_none_are_an_error_and_hold_up_nothing(home, run, name, sentence):
    """`check` names the line; events go on being read."""
    run("init")
    declared(home, f'\n[formats.{name}]\nzone = "UTC"\n')

    code, out, _ = run("check")
    said = next(line for line in out.splitlines() if ": error: " in line)
    number = (home / "organisation.toml").read_text().splitlines().index(f"[formats.{name}]") + 1
    assert code == 2
    assert said.startswith(f"{home / 'organisation.toml'}:{number}: error: formats.{name}: ")
    assert sentence in said
    assert mappings.readers(load(home / "organisation.toml"), home / "organisation.toml")[1] == ()


def test_a_native_event_never_gets_a_zone():
    """Its producer is asked to state the offset: nothing is assumed for breachflow's own events."""
    raw = b'{"id": "1", "source": "s", "detected_at": "2026-03-02T08:15:30", "title": "t"}'
    (reading,) = Readers(zones={"native": "UTC", "cloudevents": "UTC"}).read(raw, received_at=RECEIVED)

    assert reading.event is None
    assert "has no offset" in reading.error


def test_what_the_organisation_declares_goes_before_what_the_vendor_documents():
    """A Varonis server set to Paris writes Paris time, whatever the manual says."""
    raw = NAIVE.replace(b"Invented|Firewall", b"Varonis Inc.|DatAdvantage")
    (vendor,) = formats.read(raw, received_at=RECEIVED)
    (declared_,) = Readers(zones={"varonis-cef": "Europe/Paris"}).read(raw, received_at=RECEIVED)

    assert vendor.event.detected_at - declared_.event.detected_at == timedelta(hours=1)


def test_an_hour_that_a_zone_repeats_or_leaves_out_is_read_as_the_earlier_instant():
    """The clock of awareness starts too early rather than too late; both are an hour at most."""
    paris = zone_of("Europe/Paris")

    assert parse("2025-10-26 02:30:00", paris, RECEIVED).at == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    assert parse("2026-03-29 02:30:00", paris, RECEIVED).at == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert parse("2026-03-29 03:00:00", paris, RECEIVED).at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


EARLIEST, LATEST = datetime(1991, 1, 1), datetime(2098, 1, 1)  # noqa: DTZ001 - wall times.
ZONES = ["Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "UTC"]


@given(st.datetimes(EARLIEST, LATEST), st.sampled_from(ZONES))
def test_no_clock_that_shows_this_wall_time_is_earlier_than_what_is_read(wall, name):
    """For every offset that the zone has around that day: whoever wrote it wrote it at that instant or later."""
    wall = wall.replace(microsecond=0)
    read = parse(wall.isoformat(sep=" "), zone_of(name), RECEIVED).at

    for fold in (0, 1):
        assert read <= wall.replace(tzinfo=ZoneInfo(name), fold=fold).astimezone(UTC)
