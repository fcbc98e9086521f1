"""The CNIL's open data: rows of the form become events, and the form's words come back out of their facts."""

from __future__ import annotations

import codecs
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from breachflow import formats
from breachflow.core.cnil_row import cnil_row
from breachflow.law import cnil_form

RECEIVED = datetime(2026, 11, 24, tzinfo=UTC)
HEADER = ",".join(f'"{word}"' if "," in word else word for word in cnil_form.columns().values())
ROW = (
    "2026-02,Enseignement,Perte de l'intégrité,Plus de 5000 personnes,Données de localisation,Oui,"
    "Autre,Inconnu,Non ils ne le seront pas"
)


def readings(table: bytes) -> list[formats.Reading]:
    return [one for piece in formats.split(table) for one in formats.read(piece.raw, received_at=RECEIVED)]


def differences(table: bytes) -> tuple[int, Counter[str]]:
    """How many rows were read, and in which columns the words that come back are not those that went in."""
    count, differ = 0, Counter[str]()
    for piece in formats.split(table):
        (reading,) = formats.read(piece.raw, received_at=RECEIVED)
        assert reading.event is not None, reading.error
        assert reading.event.format == "cnil"
        cells = {
            cnil_form.plain(name)[:15]: cell for name, cell in msgspec.json.decode(piece.raw).items() if name != "ligne"
        }
        for column, words in cnil_row(reading.event.facts).items():
            cell = cells[cnil_form.plain(cnil_form.columns()[column])[:15]]
            said = {cnil_form.plain(word) for word in cnil_form.values(cell)}
            differ[column] += said != {cnil_form.plain(word) for word in words}
        count += 1
    return count, +differ


@pytest.mark.shared
def test_the_rows_of_the_open_data_come_back_as_they_were(shared):
    """2,295 rows: every column comes back but the cause of rows that tick several, since a case has one."""
    (path,) = (shared / "cnil-notifications").glob("*.csv")
    count, differ = differences(path.read_bytes())
    print(f"{count} rows; columns that differ: {dict(differ)}")
    assert count == 2295
    assert set(differ) <= {"cause"}
    assert differ["cause"] <= 0.07 * count


@pytest.mark.parametrize("column", ["nature", "people_count", "data", "origin", "informed"])
def test_every_word_of_the_form_comes_back(column):
    for word in cnil_form.words(column).values():
        cells = dict(zip(cnil_form.columns(), ["2026-02", "Enseignement", "", "", "", "", "", "", ""], strict=True))
        cells[column] = word
        line = ",".join(f'"{cell}"' for cell in cells.values())
        (reading,) = readings(f"{HEADER}\n{line}\n".encode())
        assert cnil_row(reading.event.facts)[column] == (word,)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("above", ["", "Extraction générée le 11/05/2026\n"])
def test_extracts_come_in_several_dresses(encoding, above):
    for text in (
        f"{above}{HEADER}\n{ROW}\n",
        f"{above}{HEADER}\xa0\r\n{ROW}\r\n",
        _semicolons(f"{above}{HEADER}\n{ROW}\n"),
    ):
        (reading,) = readings(text.encode(encoding))
        assert reading.event is not None, reading.error
        assert reading.event.id == "2026-02/1"
        assert reading.event.detected_at_basis == "receipt"
        assert (reading.event.facts.integrity, reading.event.facts.people_count) == (True, 5001)
        assert reading.event.facts.confidentiality is None, "a box that is not ticked is no answer"


def test_a_broken_row_is_refused_by_its_number_and_the_next_one_is_read():
    table = f"{HEADER}\n{ROW},too many\n{ROW}\n{ROW.replace('Enseignement', 'x').replace('2026-02', 'soon')}\n"
    first, second, third = readings(table.encode())
    assert "row 1 has not as many cells" in first.error
    assert second.event.id == "2026-02/2"
    assert "no month" in third.error
    assert "soon" not in third.error


def test_a_word_that_the_form_does_not_have_is_refused_without_being_quoted():
    (reading,) = readings(f"{HEADER}\n{ROW.replace('Autre', 'Marie Durand')}\n".encode())
    assert "the column origin holds a word" in reading.error
    assert "Durand" not in reading.error


def test_what_only_looks_like_a_table_is_read_as_before():
    for payload in (b'{"violation": 1}', b"violation\n", codecs.BOM_UTF8 + b"[]", b""):
        assert all(reading.event is None for reading in readings(payload))


def _semicolons(table: str) -> str:
    import csv
    import io

    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\n").writerows(csv.reader(io.StringIO(table)))
    return out.getvalue()
