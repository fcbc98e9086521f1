"""An inventory of assets (CSV, or a CMDB's export as JSON) as rows of texts, each with the place it stands at."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from breachflow.settings.errors import SettingsError

LARGEST = 20_000_000  # Bytes: some hundred thousand rows; a data map is made of fewer.
MOST_ROWS = 20_000  # As many lines as an organisation file may have.
LONGEST_CELL = 5_000  # Characters; what is longer is a document, not a cell.
WRAPPERS = ("result", "results", "records", "items", "assets", "value", "data")
"""Keys under which exports put their list: ServiceNow's `result`, OData's `value`."""


class Row(Struct, frozen=True):
    """One row: where it stands (`line 3`, `record 3`), and its cells by column as the file names it."""

    place: str
    cells: dict[str, str]


def rows(data: bytes) -> list[Row]:
    """Return the rows of an inventory. Raises `SettingsError`, naming line and column, where it cannot be read."""
    if len(data) > LARGEST:
        raise SettingsError(f"the file is larger than {LARGEST} bytes; export only the columns that the data map has.")
    try:
        text = data.decode("utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"line {number}: this is not UTF-8; save the file as CSV UTF-8.") from error
    found = list(_json(text) if text.lstrip()[:1] in ("{", "[") else _csv(text))
    if len(found) > MOST_ROWS:
        raise SettingsError(f"the file has {len(found)} rows; at most {MOST_ROWS} are taken at a time.")
    for row in found:
        for column, cell in row.cells.items():
            if len(cell) > LONGEST_CELL:
                raise SettingsError(f"{row.place}, column `{column}`: the cell is longer than {LONGEST_CELL} signs.")
    return found


def _csv(text: str) -> Iterator[Row]:
    first = text.split("\n", 1)[0]
    # Excel writes semicolons where the comma is the decimal sign.
    sign = max(";,\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    header: list[str] = []
    number = 1
    try:
        for cells in reader:
            # A cell may hold line breaks: the row begins where the one before ended.
            began, number = number, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [name.strip() for name in cells]
                twice = next((name for name in header if name and header.count(name) > 1), None)
                if twice is not None:
                    raise SettingsError(f"line {began}, column `{twice}`: the column is there twice.")
                continue
            if len(cells) > len(header):
                raise SettingsError(
                    f"line {began}, column {len(header) + 1}: the row has {len(cells)} cells and the header "
                    f"{len(header)}; put cells that hold `{sign}` in quotation marks."
                )
            yield Row(f"line {began}", {n: cell.strip() for n, cell in zip(header, cells, strict=False) if n})
    except csv.Error as error:
        raise SettingsError(f"line {reader.line_num}: this is not CSV: {error}.") from error


def _json(text: str) -> Iterator[Row]:
    for number, record in enumerate(_records(text), 1):
        if not isinstance(record, dict):
            raise SettingsError(f"record {number}: this is no object with columns.")
        yield Row(f"record {number}", {name: _cell(value) for name, value in record.items()})


def _records(text: str) -> list[Any]:
    try:
        document = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError) as whole:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [msgspec.json.decode(line.encode()) for line in lines]
        except (msgspec.DecodeError, RecursionError):
            raise SettingsError(f"this is not valid JSON: {whole}.") from whole
    if isinstance(document, dict):
        listed = next((document[key] for key in WRAPPERS if isinstance(document.get(key), list)), None)
        document = [document] if listed is None else listed
    return list(document)


def _cell(value: Any) -> str:
    """Return a value as a cell would hold it; ServiceNow's references by what they display."""
    if isinstance(value, dict):
        value = value.get("display_value") or value.get("name") or value.get("value")
    if isinstance(value, list):
        return ";".join(_cell(one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or isinstance(value, dict) else str(value).strip()
