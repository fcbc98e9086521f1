"""An inventory into the data map: CMDB columns, wrong cells named, hostile ones inert, the file whole or untouched."""

from __future__ import annotations

import json
import tomllib

import pytest
from test_datamap_cli import home, lines, run  # noqa: F401 - fixtures.

from breachflow.core.organisation import Organisation
from breachflow.settings import appended
from breachflow.settings.errors import SettingsError
from breachflow.settings.home import example
from breachflow.settings.organisation_file import load


@pytest.fixture
def inventory(home, run, tmp_path):  # noqa: F811
    """Import a text as a file; return exit code, standard output and standard error."""

    def call(text, *args):
        path = tmp_path / "inventory"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return run("datamap", "import", path, *args)

    return call


SERVERS = """name;ip_address;u_processing;u_data_controller;u_data_types;u_data_subjects;people_count;countries;owner
fleet-01;10.4.0.7;Flotte;Roulavie Services;identity, IBAN;clients;1 200;FR/BE;somebody
"""


def test_a_csv_with_the_columns_of_a_cmdb_becomes_entries_to_append(inventory, run):  # noqa: F811
    """Printed, not written; what is not used is said."""
    code, out, err = inventory(SERVERS.replace("Roulavie Services", "roulavie-services"))
    assert code == 0
    assert tomllib.loads(out)["datamap"] == [
        {
            "id": "fleet-01", "match": ["fleet-01", "10.4.0.7"], "processing": "Flotte",
            "controller": "roulavie-services", "data": ["identity", "bank_account"], "people": ["customers"],
            "people_count": 1200, "countries": ["FR", "BE"],
        }
    ]  # fmt: skip
    assert "not used: owner" in err
    assert run("datamap", "test", "fleet-01", "--json")[1] == ""


def test_a_servicenow_export_becomes_entries(inventory):
    """A wrapper, references with a display value, columns of one's own."""
    export = {
        "result": [
            {
                "name": "pay-01", "fqdn": "pay-01.corp.example", "sys_id": "9f0",
                "u_processing": {"display_value": "Paie", "link": "https://x.example"},
                "u_personal_data": "true", "u_data": ["employment", "health"], "u_people_count": 640,
            }
        ]
    }  # fmt: skip
    code, out, _ = inventory(json.dumps(export))
    (entry,) = tomllib.loads(out)["datamap"]
    assert code == 0
    assert entry["match"] == ["pay-01", "pay-01.corp.example"]
    assert (entry["processing"], entry["data"], entry["people_count"]) == ("Paie", ["employment", "health"], 640)
    one_a_line = "\n".join(json.dumps(record) for record in (export["result"][0], {"name": "pay-02"}))
    assert len(tomllib.loads(inventory(one_a_line)[1])["datamap"]) == 2


def test_written_entries_speak_at_once_and_the_rest_of_the_file_stays(home, inventory, run):  # noqa: F811
    """Comments, order and mode are kept; nothing else lies in the folder."""
    before, mode = (home / "organisation.toml").read_bytes(), (home / "organisation.toml").stat().st_mode
    text = "asset,kind,processing\nstore-*,pattern,Shops\n10.9.0.0/16,range,Shops\nphotos,bucket,Shops\n"
    code, out, _ = inventory(text + "4711,account,Shops\napp=shop,tag,Shops\n", "--write")
    after = (home / "organisation.toml").read_bytes()
    assert code == 0
    assert "5 entries appended" in out
    assert after.startswith(before)
    assert (home / "organisation.toml").stat().st_mode == mode
    assert not [path.name for path in home.iterdir() if path.name.startswith(".organisation")]
    assert run("check")[0] == 0
    for asset, how in (
        ("store-7", "pattern"), ("10.9.3.3", "range"), ("s3://photos/a", "bucket"), ("4711", "account"),
        ("tag:app=shop", "tag"),
    ):  # fmt: skip
        assert [match["how"] for match in lines(run("datamap", "test", asset, "--json")[1])] == [how]


def test_an_asset_that_has_an_entry_is_reported_and_not_doubled(home, inventory):  # noqa: F811
    """A second import of the same file adds nothing; nor does the same asset twice in one file."""
    first = inventory("name\nfleet-01\nCRM-01\nFLEET-01\n", "--write")
    assert first[0] == 0
    assert "line 3: `CRM-01` is in the entry `crm`" in first[2]
    assert "line 4: `FLEET-01` is in the entry `fleet-01`" in first[2]
    after = (home / "organisation.toml").read_bytes()
    code, out, _ = inventory("name\nfleet-01.corp.example\nCRM-01\n", "--write")
    assert (code, (home / "organisation.toml").read_bytes()) == (0, after)
    assert out.startswith("Nothing to add")
    code, out, err = inventory("name\nportal-web-3\n")
    assert (code, len(tomllib.loads(out)["datamap"])) == (0, 1)
    assert "`portal-web-3` is also matched by the entry `customer-portal`" in err


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("name,people_count\na,1\nb,many\n", "line 3, column `people_count`", "no whole number"),
        ("name,people_count\na,-1\n", "line 2, column `people_count`", "no whole number"),
        ("name,u_data\na,identiti\n", "line 2, column `u_data`", "did you mean `identity`"),
        ('name,note\n"a","x\ny"\n,b\n', "line 4, column `name`", "no asset is named"),
        ("name,controller\na,nobody\n", "line 2, column `controller`", "no controller"),
        ("name,encryption\na,yes\n", "line 2, column `encryption`", "intact"),
        ("name,countries\na,France\n", "line 2, column `countries`", "two letters"),
        ("name,kind\na*,\n", "line 2, column `name`", "pattern"),
        ("name,kind\n*,pattern\n", "line 2, column `name`", "every asset"),
        ("name,kind\n0.0.0.0/0,range\n", "line 2, column `name`", "every address"),
        ("name,kind\na,range\n", "line 2, column `name`", "no address range"),
        ("name,kind\na,regex\n", "line 2, column `kind`", "no kind of match"),
        ("name,id\na,Big Id\n", "line 2, column `id`", "small letters"),
        ("name,id\na,crm\n", "line 2, column `id`", "taken"),
        ("name,note\na,b,c\n", "line 2, column 3", "quotation marks"),
        ("name,name\na,b\n", "line 1, column `name`", "twice"),
        ('[{"name": "a"}, {"name": "b", "people_count": 1.5}]', "record 2, column `people_count`", "no whole number"),
        ("[1]", "record 1", "no object"),
        ('[{"name": ', "inventory", "not valid JSON"),
        ("colour,size\nred,2\n", "inventory", "--columns asset=COLUMN"),
        (b"name\ncaf\xe9\n", "line 2", "UTF-8"),
        ("", "inventory", "no column names the assets"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_named_by_line_and_column_and_nothing_is_written(home, inventory, text, place, why):  # noqa: F811
    """One sentence, exit 2, and the organisation file as it was to the byte."""
    before = (home / "organisation.toml").read_bytes()
    code, out, err = inventory(text, "--write")
    assert (code, out) == (2, "")
    (sentence,) = [line for line in err.splitlines() if why in line]
    assert place in sentence
    assert (home / "organisation.toml").read_bytes() == before


def test_columns_can_be_named(inventory):
    """Where a file's names are nobody's."""
    code, out, _ = inventory(
        "Gerät,Zweck\nfleet-01,Flotte\n", "--columns", "asset=Gerät", "--columns", "processing=Zweck"
    )
    assert code == 0
    assert tomllib.loads(out)["datamap"] == [{"id": "fleet-01", "match": ["fleet-01"], "processing": "Flotte"}]
    assert "did you mean `asset`" in inventory("a\nb\n", "--columns", "aset=a")[2]
    assert "the file has no column `x`" in inventory("a\nb\n", "--columns", "asset=x")[2]
    assert "is not OURS=THEIRS" in inventory("a\nb\n", "--columns", "asset")[2]


HOSTILE = [
    '=HYPERLINK("https://evil.example")', "+1+1", "@SUM(A1)", "-2+3|cmd", 'x" \n[policy]\nz = 1', "'''", '"""', "\\",
    "tab\tbell\a", "\u202egnp.exe", "\u2028", "]]", "# no comment", "\U000e0041",
]  # fmt: skip


@pytest.mark.parametrize("cell", HOSTILE)
def test_a_hostile_cell_is_a_plain_text(home, inventory, cell):  # noqa: F811
    """Formula, quotation, line break, override: it comes back as the text that it was, in its own entry."""
    code, _, err = inventory(json.dumps([{"name": "fleet-01", "note": f"a{cell}b"}]), "--write")
    assert code == 0, err
    after = tomllib.loads((home / "organisation.toml").read_text())
    assert after["datamap"][-1] == {"id": "fleet-01", "match": ["fleet-01"], "note": f"a{cell}b"}
    assert len(after["datamap"]) == len(tomllib.loads(example().decode())["datamap"]) + 1
    assert isinstance(load(home / "organisation.toml"), Organisation)


def test_a_file_that_would_not_be_usable_is_left_alone(home):  # noqa: F811
    """The same check as `breachflow check`, before the file is replaced."""
    path = home / "organisation.toml"
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=r"left as it is: line \d+, datamap\[\d+\]\.id"):
        appended.append(path, '[[datamap]]\nid = "crm"\nmatch = ["x"]\n')
    assert path.read_bytes() == before
    assert len(list(home.glob(".organisation*"))) == 0


def test_what_somebody_writes_meanwhile_is_not_lost(home, monkeypatch):  # noqa: F811
    """An editor saves between our reading and our writing: its text stands, and the import is to be repeated."""
    path = home / "organisation.toml"
    check = appended.check

    def slow(new, **rest):
        path.write_bytes(path.read_bytes() + b"# edited\n")
        return check(new, **rest)

    monkeypatch.setattr(appended, "check", slow)
    with pytest.raises(SettingsError, match="meanwhile"):
        appended.append(path, '[[datamap]]\nid = "new"\nmatch = ["x"]\n')
    assert path.read_bytes().endswith(b"# edited\n")
    assert len(list(home.glob(".organisation*"))) == 0


def test_a_file_behind_a_link_stays_behind_it(home, inventory, tmp_path):  # noqa: F811
    """The organisation file is often kept in another folder, under version control."""
    real = tmp_path / "kept.toml"
    (home / "organisation.toml").rename(real)
    (home / "organisation.toml").symlink_to(real)
    assert inventory("name\nfleet-01\n", "--write")[0] == 0
    assert (home / "organisation.toml").is_symlink()
    assert b"fleet-01" in real.read_bytes()
