"""A file of security events into its payloads: a document, an array, JSON lines, a table, lines of CEF or syslog."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from msgspec import Struct

from breachflow.formats import table
from breachflow.formats.document import BOM
from breachflow.formats.limits import MAX_DEPTH, MAX_PAYLOAD

CHUNK = 1 << 20
"""Bytes read at a time; what is held is one record and one chunk, however long the file."""

REREAD = 30_000
"""Bytes of one file that are looked at twice, to tell a document that was cut off from one that goes on in the next
line. Once they are used up, a line that begins like a document begins one: whoever sends thousands of cut documents
must not make each of them cost the whole file."""

_SPACE = re.compile(rb"[ \t\r\n]*")
_TOKEN = re.compile(rb'"|[\[{]+|[\]}]|\n[\[{]')
_IN_STRING = re.compile(rb'["\\\n]')
_LINE_END = re.compile(rb"\n")
_NEXT_DOCUMENT = re.compile(rb"\n(?=[\[{])")
_SCALAR_END = re.compile(rb"[,\]\n]")
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_raw = msgspec.json.Decoder(msgspec.Raw)


class Piece(Struct, frozen=True):
    """One payload of a file: its bytes and its place, counted from 1.

    `whole` is false where the payload is longer than `MAX_PAYLOAD`: `raw` is then its beginning, and reading it fails.
    """

    raw: bytes
    record: int
    whole: bool = True


def split(source: bytes | BinaryIO) -> Iterator[Piece]:
    """The payloads of a file, in its order, with bounded memory.

    An array gives its elements; a table of the CNIL's open data a row each; consecutive documents (JSON lines,
    pretty-printed or not) one each; anything else one line each, blank lines skipped. What is malformed comes out as a
    piece too, the reader says what is wrong with it; the next line that begins a document is read again.
    """
    stream = io.BytesIO(source) if isinstance(source, (bytes, bytearray, memoryview)) else source
    for index, (raw, whole) in enumerate(_Window(stream).pieces(), start=1):
        yield Piece(raw, index, whole)


class _Window:
    """The part of the stream that is being looked at."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.buffer = bytearray()
        self.reread = 0

    def pieces(self) -> Iterator[tuple[bytes, bool]]:
        while len(self.buffer) < len(BOM) and self.more():
            pass
        if self.buffer.startswith(BOM):
            self.take(len(BOM))
        while len(self.buffer) < table.HEAD and self.more():
            pass
        if table.begins(bytes(self.buffer[: table.HEAD])):
            yield from ((row, True) for row in table.rows(self.lines()))
            return
        in_array = False
        while (first := self.peek()) is not None:
            if in_array and first in b",]":
                self.take(1)
                in_array = first == b","
            elif not in_array and first == b"[" and self.opens_documents():
                whole = self.small_array()
                if whole is not None:
                    yield from ((bytes(item), True) for item in whole)
                    return
                self.take(1)
                in_array = True
            elif first in b"{[":
                if not in_array and (line := self.json_line()) is not None:
                    yield line, True
                else:
                    yield self.value(in_array)
            elif in_array:
                yield self.up_to(_SCALAR_END)
            else:
                # What is left of a broken document is one piece; a line of text is one by itself.
                yield self.up_to(_NEXT_DOCUMENT if first in b'"}],:' else _LINE_END)

    def more(self) -> bool:
        """Whether another chunk came in."""
        chunk = self.stream.read(CHUNK)
        self.buffer += chunk
        return bool(chunk)

    def take(self, length: int) -> bytes:
        taken = bytes(self.buffer[:length])
        del self.buffer[:length]
        return taken

    def peek(self) -> bytes | None:
        """The next byte that is no white space; `None` at the end."""
        while True:
            found = _SPACE.match(self.buffer)
            end = found.end() if found else 0
            del found  # A live match locks the buffer's size.
            del self.buffer[:end]
            if self.buffer:
                return bytes(self.buffer[:1])
            if not self.more():
                return None

    def lines(self) -> Iterator[bytes]:
        """Each line with its end; one that is longer than a payload may be comes in parts."""
        while True:
            at = 0
            while (end := self.buffer.find(b"\n", at)) < 0 and len(self.buffer) < MAX_PAYLOAD:
                at = len(self.buffer)
                if not self.more():
                    break
            line = self.take(end + 1 if end >= 0 else len(self.buffer))
            if not line:
                return
            yield line

    def opens_documents(self) -> bool:
        """Whether the array that begins here holds documents; `[]` and a list of numbers stay a document themselves."""
        while True:
            rest = bytes(self.buffer[1:4096]).lstrip()
            if rest:
                return rest[:1] in (b"{", b"[", b'"')
            if len(self.buffer) > 4096 or not self.more():
                return False

    def small_array(self) -> list[msgspec.Raw] | None:
        """The elements of an array that is the whole file and no longer than a payload may be: the fast way."""
        while len(self.buffer) <= MAX_PAYLOAD and self.more():
            pass
        if len(self.buffer) > MAX_PAYLOAD:
            return None
        try:
            return _raw_list.decode(self.buffer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def json_line(self) -> bytes | None:
        """The rest of this line, if that is one whole document: the fast way for JSON lines."""
        at = 0
        while (end := self.buffer.find(b"\n", at)) < 0 and len(self.buffer) <= MAX_PAYLOAD:
            at = len(self.buffer)
            if not self.more():
                end = len(self.buffer)
                break
        if not 0 <= end <= MAX_PAYLOAD:
            return None
        line = bytes(self.buffer[:end])
        try:
            _raw.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        del self.buffer[:end]
        return line.rstrip()

    def value(self, in_array: bool) -> tuple[bytes, bool]:
        """One balanced object or array; a broken one ends before the next line that begins a document.

        Of one longer than a payload may be, the beginning is kept and the rest passed over.
        """
        depth = at = 0
        in_string = False
        head: bytes | None = None
        doubtful: int | None = None
        while True:
            found = (_IN_STRING if in_string else _TOKEN).search(self.buffer, at)
            if found is None:
                token, at = b"", max(at, len(self.buffer) - 1)  # The last byte may be half of a token.
            else:
                token, start, at = found.group(), found.start(), found.end()
            del found
            if at > MAX_PAYLOAD:
                if doubtful is not None:
                    self.reread += at
                    at, token = doubtful, b"\n"
                    break
                head = head or bytes(self.buffer[:MAX_PAYLOAD])
                del self.buffer[: at - 1]
                start, at = 0, 1
            if not token:
                if not self.more():
                    break
            elif in_string:
                if token == b"\\":
                    at += 1
                else:
                    in_string = False  # A raw newline ends a string too: JSON has none, so this one was never closed.
                    at -= token == b"\n"
            elif token == b'"':
                in_string = True
            elif token[:1] == b"\n":
                if not in_array and self.ended(start):
                    at = start
                    break
                doubtful = start if doubtful is None and head is None and not in_array else doubtful
                at -= 1
            elif token[:1] in b"{[":
                depth += len(token)
                if depth > MAX_DEPTH and (head or at > MAX_PAYLOAD or not in_array):
                    return self.too_deep(head, at)
            else:
                depth -= 1
                if depth <= 0:
                    break
        taken = self.take(min(at, len(self.buffer)) if token else len(self.buffer))
        if doubtful is not None and len(taken) > doubtful and not _is_document(taken):
            # After a comma or a bracket the next line may go on with this document, or be one of its own behind a
            # document that was cut off: together they are none, so the broken one must not swallow the other.
            self.reread += len(taken) - doubtful
            self.buffer[:0] = taken[doubtful:]
            taken = taken[:doubtful]
        return (head, False) if head else (taken.rstrip(), len(taken) <= MAX_PAYLOAD)

    def too_deep(self, head: bytes | None, at: int) -> tuple[bytes, bool]:
        """What nobody reads, up to the next document: counting its brackets on would hold up the others."""
        tail, _ = self.up_to(_NEXT_DOCUMENT)
        self.reread += max(0, at - len(tail))
        return (head, False) if head else (tail, len(tail) < MAX_PAYLOAD)

    def ended(self, start: int) -> bool:
        """Whether the document ends here, ahead of a line that begins like one: it does, unless it says "go on"."""
        return self.reread > REREAD or bytes(self.buffer[max(0, start - 200) : start]).rstrip()[-1:] not in b",:[{"

    def up_to(self, end_of: re.Pattern[bytes]) -> tuple[bytes, bool]:
        """The bytes before the next such end; beyond the length of a payload they are passed over."""
        at = 1
        head: bytes | None = None
        while True:
            found = end_of.search(self.buffer, at)
            end = found.start() if found else -1
            del found
            if end >= 0:
                break
            at = max(1, len(self.buffer) - 1)  # The last byte may be half of an end.
            if at > MAX_PAYLOAD:
                head = head or bytes(self.buffer[:MAX_PAYLOAD])
                del self.buffer[:at]
                at = 0
            if not self.more():
                end = len(self.buffer)
                break
        taken = self.take(end).rstrip()
        if head is None and len(taken) <= MAX_PAYLOAD:
            return taken, True
        return head or taken[:MAX_PAYLOAD], False


def _is_document(raw: bytes) -> bool:
    try:
        _raw.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
