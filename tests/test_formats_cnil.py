"""The CNIL's open data: rows become events and rows again, whatever the table's spelling, and a broken line is named."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from breachflow import formats
from breachflow.cli import main
from breachflow.core import drafting_cnil
from breachflow.core.facts import INCIDENT_TYPES, PEOPLE_KINDS, Facts
from breachflow.formats import cnil, table
from breachflow.formats.limits import MAX_RECORDS
from breachflow.law.cnil_form import FORM, LABELS, band_with
from breachflow.rendering.language import labels

RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
ROW = json.loads((Path(__file__).parent / "fixtures" / "formats" / "cnil.json").read_text(encoding="utf-8"))
COLUMNS = list(FORM.columns.values())
BY_NAME = dict(zip(FORM.columns, ROW.values(), strict=True))


def cells(**changes: str) -> list[str]:
    """The cells of one row, by our names of the columns."""
    return list((BY_NAME | changes).values())


def sheet(*rows: list[str], delimiter: str = ",", encoding: str = "utf-8", above: str = "") -> bytes:
    out = io.StringIO()
    out.write(above)
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([COLUMNS, *rows])
    return out.getvalue().encode(encoding)


def readings(file: bytes):
    return [one for piece in formats.split(file) for one in formats.read(piece.raw, received_at=RECEIVED)]


def event(**changes: str):
    (reading,) = readings(sheet(cells(**changes)))
    assert reading.error is None, reading.error
    return reading.event


SPELLINGS = {
    "UTF-8 with commas": sheet(cells(), cells(received="2019-10")),
    "UTF-8 with a mark and semicolons": sheet(cells(), cells(received="2019-10"), delimiter=";", encoding="utf-8-sig"),
    "Windows with semicolons": sheet(cells(), cells(received="2019-10"), delimiter=";", encoding="cp1252"),
    "a note above the header": sheet(
        cells(), cells(received="2019-10"), delimiter=";", encoding="cp1252", above="Extraction générée le 11/05/2020\r\n"
    ),
    "a header with a hard space": sheet(cells(), cells(received="2019-10")).replace(
        b"notification,", "notification\N{NO-BREAK SPACE},".encode(), 1
    ),
    "bare line ends and blank lines": sheet(cells(), cells(received="2019-10")).replace(b"\r\n", b"\n\n"),
}  # fmt: skip


@pytest.mark.parametrize("file", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_the_table_gives_the_same_events(file):
    """Encoding, delimiter, note and line ends are the extract's; identity and facts are the rows'."""
    events = [one.event for one in readings(file)]

    assert [one.id[:7] for one in events] == ["2019-09", "2019-10"]
    assert events == [one.event for one in readings(SPELLINGS["UTF-8 with commas"])]
    assert events[0].source == "cnil/Activités financières et d'assurance"
    assert (events[0].facts.origin, events[0].facts.intent) == ("internal", "accidental")


def test_a_row_as_json_is_the_same_event():
    """Who asks for the data as JSON gets the identity that the table gives."""
    (as_json,) = formats.read(json.dumps(ROW).encode(), received_at=RECEIVED)

    assert as_json.event == event()
    (as_table,) = formats.read(sheet(cells()), received_at=RECEIVED)
    assert as_table.event == event()


def test_the_month_stays_a_month():
    """No day is invented: the instant is that of receipt, and says so; nothing is said about when it happened."""
    read = event()

    assert (read.detected_at, read.detected_at_basis) == (RECEIVED, "receipt")
    assert (read.occurred_from, read.facts.occurred_from, read.facts.occurred_to) == (None, None, None)
    assert cnil.row(read)[COLUMNS[0]] == "2019-09"


def test_equal_rows_are_several_notifications():
    """Rows name nobody: two that are equal to the letter are two breaches, and the same two the next time."""
    file = sheet(cells(), cells(), cells(received="2019-10"), cells())
    ids = [one.event.id for one in readings(file)]

    assert len(set(ids)) == 4
    assert ids == [one.event.id for one in readings(file)]
    later = sheet(cells(received="2020-01"), cells(), cells(received="2019-10"), cells(), cells())
    assert set(ids) <= {one.event.id for one in readings(later)}, "where a row stands is no part of what it says"


BROKEN = {
    "a cell too few": (",".join(COLUMNS[:3]).encode(), "it is no row of the table: 9 cells in UTF-8 belong there"),
    "a quote that is never closed": (b'2019-09,"Administration publique', "it is no row of the table"),
    "not the encoding of the header": ("2019-09,É,,,,,,,".encode("cp1252"), "9 cells in UTF-8 belong there"),
    "a word that the form has not": (
        b"2019-09,Construction,,Entre 7 et 8 personnes,,,,,",
        "`Nombre de personnes impactées` holds a word that the CNIL's form",
    ),
    "an unknown sector": (b"2019-09,Piraterie,,,,,,,", "`Secteur d'activité de l'organisme concerné` holds a word"),
    "no month": (b"09/2019,Construction,,,,,,,", "`Date de réception de la notification` is not a month such as 2026-01"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named_and_the_rows_around_it_are_read(line, sentence):
    """The sentence names the line as an editor counts it, and the column; never what stood there."""
    file = sheet(cells()) + line + b"\r\n" + sheet(cells(received="2019-10")).split(b"\r\n", 1)[1]
    before, broken, after = readings(file)

    assert (before.event.id[:7], after.event.id[:7]) == ("2019-09", "2019-10")
    assert broken.error.startswith("line 3: ")
    assert sentence in broken.error
    assert "Piraterie" not in broken.error
    assert len(msgspec.json.decode(broken.raw)) >= 2, "what stood there is kept"


def test_a_cell_may_go_over_several_lines():
    """A quoted line break is part of the cell; the lines behind it keep their numbers."""
    origin = "Papier perdu, volé\nou laissé accessible dans un endroit non sécurisé"
    good, broken = readings(sheet(cells(origin=origin), cells(received="?")))

    assert good.event.facts.incident_type == "paper_lost_or_stolen"
    assert broken.error.startswith("line 4: ")


def test_several_causes_are_kept_though_facts_hold_one():
    """What they have in common is a fact, the rest is said in words; a person who finds out more is believed."""
    read = event(cause="Acte interne malveillant,Acte interne accidentel")

    assert (read.facts.origin, read.facts.intent) == ("internal", None)
    assert cnil.row(read)["Causes de l'incident"] == "Acte interne malveillant,Acte interne accidentel"
    found = msgspec.structs.replace(read, facts=msgspec.structs.replace(read.facts, intent="accidental"))
    assert cnil.row(found)["Causes de l'incident"] == "Acte interne accidentel"
    rewritten = msgspec.structs.replace(read, facts=Facts(text_nature="Causes notifiées : le stagiaire."))
    assert cnil.row(rewritten)["Causes de l'incident"] == ""


def test_a_native_event_makes_a_row_too():
    """The way back asks the facts, whoever stated them: our finer words fall into the form's boxes."""
    raw = msgspec.json.encode({
        "id": "1", "source": "soc", "detected_at": "2026-02-03T10:00:00+01:00", "title": "Ransomware",
        "facts": {
            "incident_type": ["ransomware", "phishing"], "origin": "external", "intent": "malicious",
            "availability": True, "integrity": False, "people_count": 301, "data": ["birth_date", "health", "vehicle"],
            "informed_at": "2026-02-04T10:00:00+01:00",
        },
    })  # fmt: skip
    (reading,) = formats.read(raw, received_at=RECEIVED)
    row = cnil.row(reading.event)

    assert row["Date de réception de la notification"] == "2026-02"
    assert row["Natures de la violation"] == "Perte de la disponibilité"
    assert row["Nombre de personnes impactées"] == "Entre 301 et 5000 personnes"
    assert row["Origine de l'incident"].startswith("Piratage")
    assert row["Données sensibles"] == "Oui"
    assert row["Typologie des données impactées"].endswith("âge...),La violation concerne d'autres données")
    assert row["Information des personnes"] == "Oui, les personnes ont été informées"


@pytest.mark.parametrize(
    ("people", "band"), [(0, 0), (5, 0), (6, 1), (50, 1), (51, 2), (300, 2), (301, 3), (5000, 3), (5001, 4)]
)
def test_the_bands_meet_without_a_gap(people, band):
    """Each number of people is in exactly one."""
    assert band_with(people) == FORM.bands[band]


def test_drafts_and_open_data_use_one_table():
    """A box's French words stand once; each of our words ticks at most one box, and each box can be read."""
    assert {group: labels("fr")[group] for group in LABELS} == LABELS
    assert all(labels("en")[group].keys() == words.keys() for group, words in LABELS.items())
    for name in ("origin", "data", "sensitive", "people"):
        words = [word for box in FORM.lists[name].values() for word in box.means]
        assert len(words) == len(set(words))
    for kind in INCIDENT_TYPES:
        (box,) = drafting_cnil.origins((kind,))
        assert drafting_cnil.origins(FORM.lists["origin"][box].means[:1]) == (box,)
    assert all(drafting_cnil.people((group,)) for group in PEOPLE_KINDS)


def test_rows_without_end_do_not_hold_up_the_others():
    """A quote that is never closed costs its own line alone, and a payload has a limit."""
    good = sheet(cells()).split(b"\r\n", 1)[1]
    file = sheet() + b'2019-09,"open\r\n' + good * (3 * table.LINES_OF_ROW)
    found = readings(file)

    assert [one.error is None for one in found] == [False] + [True] * (3 * table.LINES_OF_ROW)
    (refused,) = formats.read(sheet() + good * (MAX_RECORDS + 1), received_at=RECEIVED)
    assert "more than" in refused.error
    (empty,) = formats.read(sheet(), received_at=RECEIVED)
    assert empty.error == "the table has no row below its header"


def test_a_table_is_taken_in_once_and_its_broken_line_is_a_dead_letter(tmp_path, monkeypatch, capsys):
    """`ingest` opens a case a row; the second time all are duplicates; `normalise` shows the same."""

    def run(*args):
        with pytest.raises(SystemExit):
            main([str(arg) for arg in args])
        return capsys.readouterr().out

    monkeypatch.setenv("BREACHFLOW_HOME", str(tmp_path / "home"))
    file = tmp_path / "open.csv"
    file.write_bytes(sheet(cells(), cells(), cells(cause="?"), delimiter=";", encoding="cp1252"))
    run("init")
    first = json.loads(run("ingest", file, "--json"))
    again = json.loads(run("ingest", file, "--format", "cnil", "--json"))

    assert (first["received"], first["opened"], first["quarantined"]) == (3, 2, 1)
    assert (again["opened"], again["duplicates"], again["quarantined"]) == (0, 2, 1)
    assert "line 4: `Causes de l'incident`" in run("deadletters", "list")
    shown = [json.loads(line) for line in run("normalise", file).splitlines()]
    assert [one.get("format") for one in shown] == ["cnil", "cnil", None]


@pytest.mark.shared
def test_every_published_row_is_an_event_and_the_same_row_again(shared):
    """Every word of every column that the form knows; only the doubled apostrophes of the extract are set right."""
    (path,) = (shared / "cnil-notifications").glob("*.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    found = readings(path.read_bytes())

    assert [one.error for one in found if one.error] == []
    assert len(found) == len(rows) > 2_000
    assert len({(one.event.source, one.event.id) for one in found}) == len(rows)
    same, by_words = Counter(), 0
    for reading, row in zip(found, rows, strict=True):
        back = cnil.row(reading.event)
        same.update(column for column in row if back[column] == row[column].replace("''", "'"))
        by_words += reading.event.facts.text_nature is not None
    for column in rows[0]:
        print(f"{column}: {same[column]} of {len(rows)} rows the same")
    print(f"causes that facts do not hold, kept as words: {by_words} rows (several causes, or `Autre`)")
    assert dict(same) == dict.fromkeys(rows[0], len(rows))
    assert by_words < len(rows) / 5
