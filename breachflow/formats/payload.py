"""One payload, as Kafka, HTTP or a file record brings it, into readings: never an exception, never a record dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from msgspec import structs

from breachflow.core.event import Unreadable
from breachflow.formats import cloudevents, lines, native, stix, table
from breachflow.formats.document import BOM, decode, encode, refuse_duplicate_keys
from breachflow.formats.envelopes import opened
from breachflow.formats.format import Format
from breachflow.formats.limits import MAX_ENVELOPES, MAX_PAYLOAD, MAX_RECORDS
from breachflow.formats.reading import Context, Reading
from breachflow.formats.registry import recognise, shipped
from breachflow.formats.split import split

AUTO = "auto"
_TEXT = frozenset((b"<", b"C", b"L"))
"""How lines of syslog, CEF and LEEF begin, and no JSON does."""


class _UnknownError(Unreadable):
    """Well-formed, and no reader knows it."""


def read(
    payload: bytes,
    *,
    format: str | None = None,  # noqa: A002 - the vocabulary's word.
    received_at: datetime,
    zones: Mapping[str, str] = {},
    headers: Mapping[str, bytes] = {},
    extra: tuple[Format, ...] = (),
) -> tuple[Reading, ...]:
    """The readings of one payload: at least one, in the payload's order, and never an exception.

    `format` names the reader instead of recognising it (`None` or `auto` recognise); `zones` maps a format to the IANA
    zone of its times without offset; `headers` are Kafka's, for binary CloudEvents; `extra` are formats from
    user-written mappings, tried first. `received_at` stands in where a payload has no instant.
    """
    context = Context(received_at=received_at.astimezone(UTC), zones=zones)
    return _read(payload, format, context, headers, extra)


def _read(
    payload: bytes,
    form: str | None,
    context: Context,
    headers: Mapping[str, bytes],
    extra: tuple[Format, ...],
    *,
    several: bool = True,
) -> tuple[Reading, ...]:
    """Read a payload, or one of its pieces, which are not taken apart once more: that would cost their square."""
    chosen: Format | str | None
    try:
        chosen = _chosen(form, extra)
        if headers and cloudevents.is_binary(headers):
            cloudevents.check_binary(headers)
        pieces = _pieces(payload) if several else [_document(payload)]
        if len(pieces) > 1:
            # Several lines in one message: each is a payload of its own.
            each = [_read(piece, form, context, {}, extra, several=False) for piece in pieces]
            return tuple(structs.replace(one, record=at) for at, one in enumerate(chain(*each), start=1))
        document = pieces[0]
        if chosen is None and isinstance(document, dict) and not cloudevents.recognise(document):
            # One record alone, as most messages are: straight to its reader.
            known = recognise(document, extra)
            if known is not None and known.records is None:
                return (_one(document, payload, known, 1, context),)
            if known is None and native.recognise(document):
                return (_one(document, payload, native.NAME, 1, context),)
        found = list(_records(document, payload, chosen, extra))
        if any(known == native.NAME and own is not payload for _, own, known in found):
            refuse_duplicate_keys(payload, document)
    except Unreadable as error:
        return (_refused(payload, 1, error),)
    except Exception as error:  # noqa: BLE001 - as in `_one`: one payload must not stop the others.
        return (Reading(raw=payload[:MAX_PAYLOAD], error=_fault("recognition", error)),)
    return tuple(_one(record, raw, known, index, context) for index, (record, raw, known) in enumerate(found, start=1))


def _pieces(payload: bytes) -> list[Any]:
    """The document of this payload; or, where it is several lines, the bytes of each."""
    start = payload[:64].removeprefix(BOM).lstrip()[:1]
    if start not in (b"{", b"[") and table.begins(payload):
        return _rows(payload)
    try:
        if start not in _TEXT or len(payload) > MAX_PAYLOAD:
            return [decode(payload)]
    except Unreadable:
        if start == b"{" and payload.count(b"\n") and len(payload) <= MAX_PAYLOAD:
            pieces = [piece.raw for piece in islice(split(payload), MAX_RECORDS + 1)]
            if len(pieces) > MAX_RECORDS:
                raise Unreadable(_too_many()) from None
            if len(pieces) > 1 and all(piece.startswith(b"{") for piece in pieces):
                return pieces
        if start in (b"{", b"[", b'"', b"") or len(payload) > MAX_PAYLOAD:
            raise
    text = _text(payload)
    several = [line for line in text.splitlines() if line.strip()]
    if len(several) > 1 and all(lines.starts(line) for line in several):
        return [line.encode() for line in several[:MAX_RECORDS]]
    return [lines.document(text)]


def _document(piece: bytes) -> Any:
    """The document of one piece of a payload: JSON, or a line of text."""
    start = piece[:64].lstrip()[:1]
    if start not in _TEXT:
        try:
            return decode(piece)
        except Unreadable:
            if start in (b"{", b"[", b'"', b""):
                raise
    return lines.document(_text(piece))


def _rows(payload: bytes) -> list[Any]:
    """The rows of a table; one alone as its document."""
    if len(payload) > MAX_PAYLOAD:
        raise Unreadable(_too_many())
    pieces = [piece.raw for piece in islice(split(payload), MAX_RECORDS + 1)]
    if len(pieces) > MAX_RECORDS:
        raise Unreadable(_too_many())
    if not pieces:
        raise Unreadable("the table has no row below its header")
    return pieces if len(pieces) > 1 else [decode(pieces[0])]


def _too_many() -> str:
    return f"the payload holds more than {MAX_RECORDS} records: send them in smaller batches"


def _text(payload: bytes) -> str:
    try:
        return payload.removeprefix(BOM).decode()
    except UnicodeDecodeError:
        raise Unreadable("the payload is not UTF-8") from None


_Found = tuple[Any, bytes, Format | str | Unreadable]


def _chosen(name: str | None, extra: tuple[Format, ...]) -> Format | str | None:
    if name is None or name == AUTO:
        return None
    if name in (native.NAME, cloudevents.NAME):
        return name
    known = next((one for one in extra if one.name == name), None) or shipped().get(name)
    if known is None:
        raise Unreadable("the format asked for is none that breachflow reads: mend the setting or leave it out")
    return known


def _records(document: Any, raw: bytes, chosen: Format | str | None, extra: tuple[Format, ...]) -> Iterator[_Found]:
    """Each record of the document with its bytes and its reader, or with the reason why it has none."""
    waiting: list[tuple[Any, bytes | None, int, bool]] = [(document, raw, 0, False)]
    given = 0
    while waiting:
        node, own, level, enveloped = waiting.pop()
        known: Format | str | Unreadable | None
        inside = None
        try:
            known = _reader(node, chosen, extra)
            inside = _inside(node, known, level)
            enveloped = enveloped or known == cloudevents.NAME
        except Unreadable as error:
            known = cloudevents.of_another_domain(error) if enveloped else error
        if inside is None:
            given += 1
        else:
            waiting.extend((item, item_raw, level + 1, enveloped) for item, item_raw in reversed(inside))
        if given + len(waiting) > MAX_RECORDS:
            raise Unreadable(_too_many())
        if isinstance(known, Format) and known.records is not None:
            for part in known.records(node):
                yield part, encode(part), known
        elif known is not None and inside is None:
            yield node, own if own is not None else encode(node), known


def _inside(node: Any, known: Format | str | None, level: int) -> list[tuple[Any, bytes | None]] | None:
    """What this envelope holds, each with its bytes where those are there; `None` where it is a record itself.

    Raises `Unreadable` for an empty container, for envelopes one in the other without end, and for what nobody knows.
    """
    inside: list[tuple[Any, bytes | None]] | None = None
    if known == cloudevents.NAME:
        inside = [cloudevents.data(node)]
    elif known is None and level < MAX_ENVELOPES and (found := opened(node)) is not None:
        if len(found) > MAX_RECORDS:
            raise Unreadable(_too_many())
        inside = [(item, None) for item in found]
        if bundle := stix.as_bundle(found):
            inside = [(bundle, None)]
    elif known is None:
        raise _unknown(node)
    if inside == []:
        raise Unreadable("the payload is an empty container: there is no record in it")
    if inside and level >= MAX_ENVELOPES:
        raise Unreadable(f"the payload has more than {MAX_ENVELOPES} envelopes one in the other")
    return inside


def _reader(node: Any, chosen: Format | str | None, extra: tuple[Format, ...]) -> Format | str | None:
    """The reader of this node, by choice or by recognition; `None` where it is none's record (perhaps an envelope)."""
    if not isinstance(node, dict):
        return None
    if chosen == native.NAME:
        return cloudevents.NAME if cloudevents.recognise(node) else native.NAME
    if isinstance(chosen, Format):
        return chosen if chosen.recognise(node) or opened(node) is None else None
    if cloudevents.recognise(node):
        return cloudevents.NAME
    if known := recognise(node, extra):
        return known
    return native.NAME if native.recognise(node) else None


def _one(record: Any, raw: bytes, known: Format | str | Unreadable, index: int, context: Context) -> Reading:
    if isinstance(known, Unreadable):
        return _refused(raw, index, known)
    try:
        read_one = known.read if isinstance(known, Format) else native.read
        return Reading(raw=raw, record=index, event=read_one(record, raw, context))
    except Unreadable as error:
        return _refused(raw, index, error)
    # A fault of a reader must not stop the records behind this one: it is kept with its bytes, and the kind of fault
    # (never its message, which may quote the payload) tells a developer where to look.
    except Exception as error:  # noqa: BLE001
        name = known.name if isinstance(known, Format) else known
        return Reading(raw=raw, record=index, error=_fault(f"the reader of {name}", error))


def _fault(who: str, error: Exception) -> str:
    return f"{who} failed with {type(error).__name__}: a fault of breachflow, please report it"


def _refused(raw: bytes, index: int, error: Unreadable) -> Reading:
    if len(raw) > MAX_PAYLOAD:
        raw = raw[:MAX_PAYLOAD]
    return Reading(raw=raw, record=index, error=str(error), unknown=isinstance(error, _UnknownError))


def _unknown(node: Any) -> Unreadable:
    if not isinstance(node, dict):
        kind = "a list" if isinstance(node, list) else "a text" if isinstance(node, str) else "a bare value"
        return Unreadable(f"no reader knows this JSON: it is {kind} where a record, an object, belongs")
    missing = [key for key in native.REQUIRED if key not in node]
    return _UnknownError(
        "no reader knows this JSON: no format recognises its keys, and as a native event it lacks "
        f"{', '.join(missing)}; a mapping would make it readable"
    )
