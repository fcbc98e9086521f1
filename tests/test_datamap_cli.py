"""The data map from the command line: which entry speaks for an asset and why, what to map next, an entry undone."""

from __future__ import annotations

import json

import pytest

from breachflow.cli import main


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A fresh home with the example organisation, the watch standing at eleven in the morning."""
    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BREACHFLOW_NOW", "2026-11-24T11:00:00+01:00")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["init"])
    return tmp_path / "home"


@pytest.fixture
def run(capsys):
    """Run a command; return exit code, standard output and standard error."""

    def call(*args):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return end.value.code, out, err

    return call


def mapped(home, text):
    """Append entries to the organisation file."""
    with (home / "organisation.toml").open("a") as file:
        file.write(text)


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


CLOUD = """
[[datamap]]
id = "archive"
match = ["bucket:claims-archive", "account:123456789012", "tag:application=claims"]
data = ["health"]
people = ["customers"]
people_count = 12

[[datamap]]
id = "office"
match = ["10.20.0.0/16"]
personal_data = false

[[datamap]]
id = "office-files"
match = ["10.20.3.4", "files-*"]
data = ["employment"]
people = ["employees"]
people_count = 50
"""


@pytest.mark.parametrize(
    ("asset", "entry", "how"),
    [
        ("CRM-01", "crm", "name"),
        ("crm-01.corp.example", "crm", "host name"),
        ("portal-web-7", "customer-portal", "pattern"),
        ("arn:aws:s3:::claims-archive/2024/a.pdf", "archive", "bucket"),
        ("https://claims-archive.s3.eu-west-3.amazonaws.com/a", "archive", "bucket"),
        ("claims-archive", "archive", "bucket"),
        ("s3://roulavie-analytics/2026/prices.parquet", "warehouse", "bucket"),
        ("arn:aws:rds:eu-west-3:123456789012:db:crm", "archive", "account"),
        ("123456789012", "archive", "account"),
        ("tag:application=claims", "archive", "tag"),
        ("files-2", "office-files", "pattern"),
        ("10.20.9.9", "office", "range"),
    ],
)
def test_an_asset_is_matched_by_name_pattern_range_account_bucket_or_tag(home, run, asset, entry, how):
    """Each way is named, so that a person sees which line of the file to change."""
    mapped(home, CLOUD)
    code, out, _ = run("datamap", "test", asset, "--json")
    (match,) = lines(out)
    assert code == 0
    assert (match["entry"], match["how"], match["wins"]) == (entry, how, True)
    assert entry in run("datamap", "test", asset)[1]


def test_of_two_entries_the_one_with_personal_data_wins_and_says_what_it_contributes(home, run):
    """Both are shown; the wide range without personal data does not silence the narrow one."""
    mapped(home, CLOUD)
    narrow, wide = sorted(lines(run("datamap", "test", "10.20.3.4", "--json")[1]), key=lambda m: not m["wins"])
    assert (narrow["entry"], wide["entry"], wide["wins"]) == ("office-files", "office", False)
    assert narrow["contributes"] == {"data": ["employment"], "people": ["employees"], "people_count": 50}
    assert "`office-files` is the first with personal data" in run("datamap", "test", "10.20.3.4")[1]
    mapped(home, '[[datamap]]\nid = "twin"\nmatch = ["crm-*"]\ncontroller = "roulavie-assurances"\ndata = ["health"]\n')
    assert "several controllers" in run("datamap", "test", "crm-01")[1]


def test_an_asset_that_nothing_matches_is_said_to_be_unknown(home, run):
    """Exit 0: it is an answer; and no line of JSON where there is no match."""
    code, out, _ = run("datamap", "test", "nobody-knows")
    assert code == 0
    assert out == "No entry of the data map matches nobody-knows: what is on it counts as unknown.\n"
    assert run("datamap", "test", "nobody-knows", "--json")[1] == ""
    assert run("datamap", "test", " ")[0] == 2
    assert run("datamap", "test", "arn:aws:rds:eu-west-3:000000000000:db:crm", "--json")[1] == ""


def event(number, **values):
    return json.dumps(
        {"id": str(number), "source": "soc", "detected_at": "2026-11-24T09:00:00Z", "title": "Alert"} | values
    )


def ingest(run, tmp_path, *events):
    (tmp_path / "events.jsonl").write_text("\n".join(events))
    assert run("ingest", tmp_path / "events.jsonl")[0] == 0


def test_the_next_assets_to_map_are_listed_until_they_are_mapped(home, run, tmp_path):
    """The most frequent first, fifty for a person and all for a program; what has been mapped since is gone."""
    assert run("datamap", "unmapped")[1] == "Every asset that an event named is in the data map.\n"
    storm = [event(n, severity="low", assets=[f"host-{n % 60}", "files-1\x1b[31m"]) for n in range(100)]
    ingest(run, tmp_path, *storm)
    every = lines(run("datamap", "unmapped", "--json")[1])
    assert len(every) == 61
    assert every[0]["seen"] == 100
    assert every[0]["first_seen"] == every[0]["last_seen"] == "2026-11-24T10:00:00Z"
    assert [line["seen"] for line in every] == sorted((line["seen"] for line in every), reverse=True)
    shown = run("datamap", "unmapped")[1]
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 51
    assert "and 11 more" in shown

    mapped(home, '[[datamap]]\nid = "hosts"\nmatch = ["host-*"]\n')
    assert [line["seen"] for line in lines(run("datamap", "unmapped", "--json")[1])] == [100]


def test_an_entry_is_seen_on_the_case_and_taken_back_from_the_command_line(home, run, tmp_path):
    """`show` names the entry as the origin, then that it was taken back; a fact set by a person stands."""
    ingest(run, tmp_path, event(1, severity="high", assets=["crm-01"]))
    case = json.loads(run("status", "--json")[1])[0]["id"]
    assert "datamap:crm" in run("show", case)[1]
    code, out, _ = run("datamap", "retract", case, "crm", "--by", "dpo", "--reason", "It is the test machine.")
    assert code == 0
    assert "Recorded for the register" in out
    shown = json.loads(run("show", case, "--json")[1])
    assert shown["facts"] == {}
    assert shown["retracted"] == ["crm"]
    assert "entry crm was taken back" in run("show", case)[1]
    assert run("facts", "set", case, "people_count=3", "--by", "dpo", "--reason", "counted")[0] == 0
    assert json.loads(run("show", case, "--json")[1])["facts"]["people_count"]["value"] == 3
    code, _, err = run("datamap", "retract", case, "nothing", "--by", "dpo", "--reason", "x")
    assert (code, "nothing in it comes from the entry" in err) == (2, True)


def test_a_screened_event_is_opened_from_the_command_line(home, run, tmp_path):
    """Its id stands in the list; opened twice, or with an id that is none, is a sentence and exit 2."""
    ingest(run, tmp_path, event(1, severity="low", assets=["laptop"]))
    ident = run("screened")[1].split()[0]
    assert json.loads(run("screened", "--json")[1])[0]["identity"].startswith(ident)
    code, out, _ = run("screened", "open", ident, "--by", "dpo", "--reason", "It was lost.", "--json")
    answer = json.loads(out)
    assert (code, answer["stage"]) == (0, "suspected")
    assert run("screened")[1] == "Nothing was screened out.\n"
    assert run("status")[0] == 0
    for wrong, sentence in ((ident, "already"), ("xyz", "6 to 32 digits"), ("0" * 12, "no event's id begins")):
        code, _, err = run("screened", "open", wrong, "--by", "dpo", "--reason", "x")
        assert (code, sentence in err) == (2, True), err
