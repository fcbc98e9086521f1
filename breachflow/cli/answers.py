"""How the command line speaks: JSON lines for programs, sentences for people, errors as one sentence."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Any

import msgspec


class Refused(Exception):  # noqa: N818 - named for what happened.
    """The call cannot be done as asked; the message says why and what to do."""


_encode = msgspec.json.Encoder().encode


def print_json(value: Any) -> None:
    """Write one value as one line of JSON on standard output."""
    sys.stdout.buffer.write(_encode(value) + b"\n")
    sys.stdout.buffer.flush()


def say(sentence: str) -> None:
    """Write a line for a person on standard output, with control characters made visible.

    Titles come from outside: an escape sequence in one must not reach the terminal.
    """
    print(harmless(sentence))


def harmless(text: str) -> str:
    """Return the text with every control, override and line-breaking character replaced."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )


BASES = {
    "zone_assumed": "its time has no offset: read in the zone declared for its format",
    "receipt": "it has no time: the instant of receipt",
}
"""What a person is told of a detection whose instant was not stated."""


def one_line(text: str, width: int = 0) -> str:
    """Return the text on one harmless line, cut to `width` characters where that is not 0."""
    line = harmless(text.replace("\n", " "))
    return line if width == 0 or len(line) <= width else line[: width - 1] + "…"


def lasting(length: timedelta) -> str:
    """Return a length of time as people say it: `2 d 4 h`, `3 h 05 min`, `overdue by 40 min`."""
    seconds = int(length.total_seconds())
    late, seconds = seconds < 0, abs(seconds)
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3600, seconds % 3600 // 60
    if days:
        text = f"{days} d {hours} h"
    elif hours:
        text = f"{hours} h {minutes:02} min"
    else:
        text = f"{minutes} min"
    return f"overdue by {text}" if late else text


def local(instant: datetime, zone: str) -> str:
    """Return an instant in the organisation's zone, with its offset's name."""
    from zoneinfo import ZoneInfo

    return f"{instant.astimezone(ZoneInfo(zone)):%a %d %b %Y %H:%M %Z}"
