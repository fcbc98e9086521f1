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
    assert "office-files" in run("datamap", "test", "10.20.3.4")[1]


def test_an_asset_that_nothing_matches_is_said_to_be_unknown(home, run):
    """Exit 0: it is an answer; and no line of JSON where there is no match."""
    code, out, _ = run("datamap", "test", "nobody-knows")
    assert code == 0
    assert out == "No entry of the data map matches nobody-knows: what is on it counts as unknown.\n"
    assert run("datamap", "test", "nobody-knows", "--json")[1] == ""
    assert run("datamap", "test", " ")[0] == 2
    assert run("datamap", "test", "arn:aws:rds:eu-west-3:000000000000:db:crm", "--json")[1] == ""
