"""Text instead of JSON: a syslog line, with CEF, LEEF, JSON or plain words in it, as the fields that it states."""

from __future__ import annotations

import re
from typing import NamedTuple

from breachflow.core.event import Unreadable
from breachflow.formats.document import decode
from breachflow.formats.format import Document

CEF = "cef"
LEEF = "leef"
SYSLOG = "syslog"
FIELDS = 300
"""Fields of one line; CEF's dictionary has some 150."""


class Line(Document):
    """The fields of one line of text. A type of its own, so that JSON with such keys is never taken for a line."""


class Header(NamedTuple):
    """A syslog line taken apart (RFC 3164 and RFC 5424): what its header states, and the rest of the line."""

    priority: int | None
    time: str | None
    host: str | None
    app: str | None
    rest: str


_PRIORITY = r"(?:<(?P<pri>\d{1,3})>)?"
_5424 = re.compile(
    _PRIORITY + r"1 (?P<time>-|\d{4}-\d{2}-\d{2}T\S{8,35}) (?P<host>\S{1,255}) (?P<app>\S{1,48}) \S{1,128} \S{1,32} "
    r"(?P<data>-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(?:\ufeff)?(?P<rest>.*)", re.DOTALL,
)  # fmt: skip
_OLD_TIME = r"[A-Z][a-z]{2}\s+\d{1,2}\s+(?:\d{4}\s+)?\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?: (?:UTC|GMT|[+-]\d{4}))?"
_ISO_TIME = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}\S{0,20}"
_3164 = re.compile(
    _PRIORITY + rf"\s*(?P<time>{_OLD_TIME}|{_ISO_TIME})\s+(?P<host>\[?[\w.:-]{{1,255}}\]?)\s+(?P<rest>.*)", re.DOTALL
)
_BARE = re.compile(_PRIORITY + r"(?P<rest>.*)", re.DOTALL)
_TAG = re.compile(r"(?P<tag>[\w./ -]{1,80}?)(?:\[\d{1,10}\])?:\s+(?P<rest>.*)", re.DOTALL)
_CEF_START = re.compile(r"CEF:\s?\d+(?:\.\d+)?\|")
_LEEF_START = re.compile(r"LEEF:\s?[12](?:\.\d)?\|")
_BARE_CEF = re.compile(r"\d(?:\.\d)?\|[^|]{1,100}\|[^|]{1,100}\|[^|]{0,60}\|[^|]{0,200}\|[^|]{0,1000}\|[^|]{0,20}\|")
_KEY = re.compile(r"(?:^|\s)([A-Za-z_][\w.\[\]-]{0,80})=")
_PIPE = re.compile(r"(?<!\\)\|")


def document(text: str) -> Document:
    """The fields of one line, as a document for the readers of CEF, LEEF and syslog.

    JSON inside the line is that JSON, whatever stood before it. Raises `Unreadable` for a line that is none of these.
    """
    header = _header(text)
    if found := _CEF_START.search(text):
        return _cef(text[found.end() - 1 :], header, text[found.start() + 4 : found.end() - 1])
    if found := _LEEF_START.search(text):
        return _leef(text[found.end() :], header)
    if _BARE_CEF.match(header.rest):
        return _cef(header.rest[header.rest.index("|") :], header, header.rest[: header.rest.index("|")])
    brace = text.find("{")
    if 0 <= brace <= 500 and text.rstrip().endswith("}"):
        try:
            inner = decode(text[brace:].encode())
        except Unreadable:
            inner = None
        if isinstance(inner, dict):
            return inner
    if header.priority is not None or header.time is not None:
        tag = _TAG.fullmatch(header.rest)
        return Line(
            syslog=True,
            priority=header.priority,
            time=header.time,
            host=header.host,
            app=header.app or (tag["tag"] if tag else None),
            message=tag["rest"] if tag else header.rest,
        )
    raise Unreadable("the payload is neither JSON nor a line of CEF, LEEF or syslog")


def starts(text: str) -> bool:
    """Whether this begins like a line of syslog, CEF or LEEF, and not in the middle of one."""
    return bool(_LEEF_START.match(text) or _CEF_START.match(text) or re.match(r"<\d{1,3}>", text) or _3164.match(text))


def _header(text: str) -> Header:
    start = text.lstrip()
    if found := _5424.fullmatch(start):
        host, app, time = (None if found[name] == "-" else found[name] for name in ("host", "app", "time"))
        return Header(_number(found["pri"]), time, host, app, found["rest"])
    if found := _3164.fullmatch(start):
        return Header(_number(found["pri"]), found["time"], found["host"].strip("[]"), None, found["rest"])
    found = _BARE.fullmatch(start)
    return (
        Header(_number(found["pri"]), None, None, None, found["rest"])
        if found
        else Header(None, None, None, None, start)
    )


def _number(digits: str | None) -> int | None:
    return int(digits) if digits else None


def _cef(body: str, header: Header, version: str) -> Document:
    """`|vendor|product|version|class|name|severity|extension`, with the backslash as escape."""
    parts = _PIPE.split(body[1:], maxsplit=6)
    if len(parts) < 6:
        raise Unreadable("the CEF line has no complete header: seven fields with bars between them")
    names = ("vendor", "product", "product_version", "class_id", "name", "severity")
    record = Line(cef=version.strip())
    record.update((name, _unescaped(part).strip()) for name, part in zip(names, parts, strict=False))
    fields = _extension(parts[6]) if len(parts) > 6 else {}
    # A label says what a custom field holds: cs2Label=RuleName makes cs2 the rule's name.
    for key in [key for key in fields if key.endswith("Label")]:
        if (value := fields.get(key[:-5])) and (label := fields[key]):
            fields.setdefault(label, value)
    record.update(fields=fields, syslog_time=header.time, syslog_host=header.host)
    return record


def _extension(text: str) -> dict[str, str]:
    """`key=value key=value`, where values hold spaces: a value ends where the next key begins."""
    parts = _KEY.split(text, maxsplit=FIELDS)
    return {key: _unescaped(value.strip()) for key, value in zip(parts[1::2], parts[2::2], strict=True)}


def _leef(body: str, header: Header) -> Document:
    """`vendor|product|version|event|` and, in 2.0, the delimiter; then key=value with tabs between."""
    parts = body.split("|", 4)
    if len(parts) < 5:
        raise Unreadable("the LEEF line has no complete header: five fields with bars between them")
    names = ("vendor", "product", "product_version", "class_id")
    record = Line(leef="1")
    record.update((name, part.strip()) for name, part in zip(names, parts, strict=False))
    rest, delimiter = parts[4], "\t"
    if found := re.match(r"(?:(?P<char>[^\w\s=])|0?[xX](?P<hex>[0-9A-Fa-f]{1,4}))\|", rest):
        delimiter = found["char"] or chr(int(found["hex"], 16))
        rest = rest[found.end() :]
    elif rest.startswith("|"):
        rest = rest[1:]
    pairs = (part.partition("=") for part in rest.split(delimiter, FIELDS))
    fields = {key.strip(): value.strip() for key, equals, value in pairs if equals}
    record.update(fields=fields, syslog_time=header.time, syslog_host=header.host)
    return record


_ESCAPE = re.compile(r"\\(.)")


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(
        lambda found: {"n": "\n", "r": "\n"}.get(found[1], found[1] if found[1] in "\\|=" else found[0]), value
    )
