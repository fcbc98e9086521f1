"""The register as a workbook: a sheet with one row a case, and a sheet with every entry. Every cell is text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from breachflow.core.account import Account
from breachflow.core.organisation import Lang
from breachflow.rendering.formats import MissingExtra
from breachflow.rendering.inert import free, inert
from breachflow.rendering.language import typeset
from breachflow.rendering.telling import Telling

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

LONGEST_CELL = 32_767  # A workbook holds no more in one cell, and a program that finds more calls the file damaged.
EPOCH = (1980, 1, 1, 0, 0, 0)  # The same register makes the same bytes, whenever and wherever it is written.
CASES = (
    "case", "title", "stage", "opened", "aware", "closed", "controllers", "risk", "notified", "people_told", "facts",
    "effects", "assessment", "remedies", "decisions",
)  # fmt: skip
ENTRIES = ("case", "entry_no", "at", "by", "what", "why", "said", "sealed", "hash")
WIDE = frozenset({"facts", "effects", "assessment", "remedies", "decisions", "said", "sealed"})


def workbook(accounts: Sequence[Account], lang: Lang, zone: str) -> bytes:
    """Return the workbook. Raises `MissingExtra` where its package is not installed."""
    try:
        from openpyxl import Workbook
    except ModuleNotFoundError as error:
        raise MissingExtra("XLSX needs the package openpyxl: pip install 'breachflow[xlsx]'.") from error
    telling = Telling(lang, zone)
    book = Workbook()
    first = book.active
    if first is None:
        raise AssertionError("a new workbook has a sheet")
    _sheet(first, "cases", CASES, (_case(one, telling) for one in accounts), telling)
    entries = (row for one in accounts for row in _entries(one, telling))
    _sheet(book.create_sheet(), "entries", ENTRIES, entries, telling)
    book.properties.creator, book.properties.title = "breachflow", telling.head("register")
    out = BytesIO()
    book.save(out)
    return _timeless(out)


def _sheet(
    sheet: Worksheet, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]], telling: Telling
) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet.title = telling.head(name)
    sheet.freeze_panes = "B2"
    top = Alignment(vertical="top", wrap_text=True)
    for number, row in enumerate([[telling.head(column) for column in columns], *rows], 1):
        for place, value in enumerate(row, 1):
            cell = sheet.cell(number, place)
            if value:
                cell.value, cell.data_type = _text(value, telling), "s"
            # Whatever it begins with: a text, never a formula, in whatever program it is opened and edited.
            cell.number_format, cell.quotePrefix = "@", True
            cell.alignment = top
            if number == 1:
                cell.font = Font(bold=True, color="FFFFFF")
                cell.fill = PatternFill("solid", fgColor="1D3C5C")
    for place, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(place)].width = 60 if column in WIDE else 22
    sheet.auto_filter.ref = sheet.dimensions
    sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = "landscape", 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"


def _case(one: Account, telling: Telling) -> list[str]:
    told = dict(telling.summary(one))
    said = {
        "case": one.case.id,
        "title": telling.called(one),
        "assessment": "\n".join(telling.assessed(one)),
        "decisions": _lines(telling.decided(one), telling),
    } | {name: _lines(telling.stated(one, name), telling) for name in ("facts", "effects", "remedies")}
    return [said.get(column) or told.get(telling.head(column), "") for column in CASES]


def _entries(one: Account, telling: Telling) -> Iterable[list[str]]:
    for line in one.entries:
        yield [
            one.case.id, str(line.seq), telling.when(line.at), line.by, telling.kind(line), line.reason,
            telling.told(line), telling.free(line), line.hash,
        ]  # fmt: skip


def _lines(rows: Iterable[tuple[str, str]], telling: Telling) -> str:
    return "\n".join(telling.row(term, value) for term, value in rows)


def _text(value: str, telling: Telling) -> str:
    """Return the text without what a workbook cannot hold; one too long for a cell says where the whole is."""
    kept = "\n".join(free(inert(line)) for line in value.split("\n"))
    said = typeset(kept, telling.lang)
    cut = telling.head("cut")
    return said if len(said) <= LONGEST_CELL else said[: LONGEST_CELL - len(cut)] + cut


def _timeless(written: BytesIO) -> bytes:
    """Return the workbook without the instant at which it was written."""
    out = BytesIO()
    with ZipFile(written) as source, ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", content)
            info = ZipInfo(name, EPOCH)
            info.compress_type, info.external_attr = ZIP_DEFLATED, 0o600 << 16
            target.writestr(info, content)
    return out.getvalue()
