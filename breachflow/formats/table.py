"""The CNIL's open data as a CSV table: each row as one JSON object, a broken line as an object that says so.

Extracts differ: UTF-8 with or without a byte order mark, or Windows' code page; a semicolon or a comma between cells; a
note above the header. The header decides, once for the file.
"""

from __future__ import annotations

import csv
import hashlib
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from breachflow.core.event import Unreadable
from breachflow.formats.cnil import COPY, FAULT, KNOWN_COLUMNS, LINE, check
from breachflow.formats.document import BOM, encode
from breachflow.law.cnil_form import FORM, column_of

HEAD = 4096
"""Bytes in which the header must begin; above it stands a note of one line at most."""

LINES_OF_ROW = 20
"""Lines that one row may go over: a quote that is never closed must not swallow the rows behind it."""

MAX_LINE = 100_000
"""Bytes of one line. The longest row seen has 1,000."""

DISTINCT_ROWS = 200_000
"""Different rows of one file whose copies are counted. The CNIL publishes some 6,000 a year."""

_SIGN = b"ception de la notification"


class _Header(NamedTuple):
    columns: tuple[str, ...]
    delimiter: str
    encoding: str


def begins(head: bytes) -> bool:
    """Whether a file that begins like this is a table of the open data."""
    return _SIGN in head[:HEAD] and head.removeprefix(BOM).lstrip()[:1] not in (b"{", b"[")


def rows(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Each row as JSON with the line it stands on; blank lines and what stands above the header are passed over."""
    numbered = enumerate(lines, start=1)
    header = next((found for _, line in numbered if (found := _header(line)) is not None), None)
    if header is None:
        return
    waiting: deque[tuple[int, bytes]] = deque()
    seen: dict[bytes, int] = {}
    while True:
        if not waiting:
            following = next(numbered, None)
            if following is None:
                return
            waiting.append(following)
        number, first = waiting.popleft()
        if not first.strip():
            continue
        line, cells = first, _cells(first, header)
        taken = 0
        # An open quote: the cell goes on, on lines that are not taken away before they fit.
        while cells is None and line.count(b'"') % 2 and taken < LINES_OF_ROW and len(line) <= MAX_LINE:
            if taken == len(waiting):
                following = next(numbered, None)
                if following is None:
                    break
                waiting.append(following)
            line += waiting[taken][1]
            taken += 1
            cells = _cells(line, header)
        if cells is None:
            yield _broken(number, first, header)
            continue
        for _ in range(taken):
            waiting.popleft()
        yield _row(number, cells, header, seen)


def _header(line: bytes) -> _Header | None:
    """The header in this line, if it is one; its é decides the encoding."""
    line = line.removeprefix(BOM)
    encoding = "utf-8"
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        text = line.decode(encoding, "replace")
    for delimiter in (";", ","):
        cells = _parsed(text, delimiter) or ()
        if sum(column_of(cell) is not None for cell in cells) >= KNOWN_COLUMNS:
            return _Header(tuple(cells), delimiter, encoding)
    return None


def _cells(line: bytes, header: _Header) -> list[str] | None:
    """The cells of a row, as many as the header has; `None` where they are not that."""
    if len(line) > MAX_LINE:
        return None
    try:
        text = line.decode(header.encoding)
    except UnicodeDecodeError:
        if header.encoding == "utf-8":
            return None
        text = line.decode("latin-1")  # Five bytes have no letter in the code page, and a control in this one.
    cells = _parsed(text, header.delimiter)
    return cells if cells is not None and len(cells) == len(header.columns) else None


def _parsed(text: str, delimiter: str) -> list[str] | None:
    try:
        found = list(csv.reader([text.rstrip("\r\n")], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return found[0] if len(found) == 1 else None


def _broken(number: int, line: bytes, header: _Header) -> bytes:
    spelt = "UTF-8" if header.encoding == "utf-8" else "Windows-1252"
    fault = (
        f"it is no row of the table: {len(header.columns)} cells in {spelt} belong there, "
        f"with {'semicolons' if header.delimiter == ';' else 'commas'} between them and every quote closed"
    )
    return encode({LINE: number, FAULT: fault, "line": line[:MAX_LINE].decode(header.encoding, "replace")})


def _row(number: int, cells: list[str], header: _Header, seen: dict[bytes, int]) -> bytes:
    row: dict[str, str | int] = {}
    for column, cell in zip(header.columns, cells, strict=True):
        name = column_of(column)
        key = FORM.columns[name] if name is not None else column
        if key in row:
            return encode({LINE: number, FAULT: "the header of the table names a column twice"})
        row[key] = cell
    # Rows name nobody, so two notifications may be equal to the letter: the second is another one, not a replay.
    digest = hashlib.sha256(encode(cells)).digest()[:16]
    copy = seen.get(digest, 0) + 1
    if copy == 1 and len(seen) >= DISTINCT_ROWS:
        return encode({LINE: number, FAULT: f"more than {DISTINCT_ROWS} different rows in one file: split it"})
    seen[digest] = copy
    if copy > 1:
        row[COPY] = copy
    try:
        check(row)
    except Unreadable:
        # Where a row stands moves from one extract to the next, so it is said only where somebody has to look for it.
        row[LINE] = number
    return encode(row)
