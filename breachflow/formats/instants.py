"""An instant in whatever shape a product writes it, as UTC; without offset or declared zone it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from breachflow.formats.limits import EARLIEST, LATEST

LONGEST = 64  # The longest shape below has 41 characters; a longer string is no time and is not searched.


class Stated(NamedTuple):
    """An instant in UTC; `naive` where the payload gave no offset and the declared zone was used."""

    at: datetime
    naive: bool


class NaiveTimeError(ValueError):
    """A time without offset, and no zone declared for it."""


def parse(value: Any, zone: tzinfo | None, received_at: datetime) -> Stated | None:
    """The instant that `value` states; `None` where it is no time, or one outside 1990 to 2100 (a placeholder).

    `zone` is for times without offset; without it they raise `NaiveTimeError`. `received_at` gives the year to
    syslog times, which have none.
    """
    if isinstance(value, str):
        # What most products write, 2026-03-02T08:15…, is read without looking at its parts first.
        local = None
        if len(value) > 15 and value[13] == ":":
            try:
                local = datetime.fromisoformat(value)
            except ValueError:
                local = None
        if local is None:
            value = value.strip()
            if not 6 <= len(value) <= LONGEST:
                return None
            local = _text(value, received_at)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        local = _number(value)
    else:
        return None
    if local is None or not 1989 < local.year < 2101:
        return None
    if local.tzinfo is None:
        if zone is None:
            raise NaiveTimeError
        return _safest(local, zone)
    if local.tzinfo is UTC and 1990 <= local.year < 2100:  # As `EARLIEST` and `LATEST` say.
        return tuple.__new__(Stated, (local, False))  # What `Stated(…)` does, without its detour through a lambda.
    at = local.astimezone(UTC)
    return Stated(at, naive=False) if EARLIEST <= at < LATEST else None


def _safest(local: datetime, zone: tzinfo) -> Stated | None:
    """The earlier of the two instants that this wall time may mean where the zone changes its offset.

    In the hour that autumn repeats both are real; in the one that spring leaves out the clock that wrote it had not
    been changed, or had been changed too early. Who counts from the earlier one is never late.
    """
    if zone is UTC:
        at = local.replace(tzinfo=UTC)
    else:
        at = min(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return Stated(at, naive=True) if EARLIEST <= at < LATEST else None


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The zone of this IANA name; `ValueError` where there is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA zone such as Europe/Paris") from None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS_AT_EPOCH = 621_355_968_000_000_000
_FILETIME_AT_EPOCH = 116_444_736_000_000_000


def _number(value: float) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, .NET ticks or a FILETIME.

    Their ranges for 1990 to 2100 are disjoint, save ticks and the nanoseconds of 1990, which nobody sends.
    """
    if 6e8 < value < 4.2e9:
        micros = round(value * 1_000_000)
    elif 6e11 < value < 4.2e12:
        micros = round(value * 1_000)
    elif 6e14 < value < 4.2e15:
        micros = int(value)
    elif 1.22e17 < value < 1.58e17:
        micros = (int(value) - _FILETIME_AT_EPOCH) // 10
    elif 6.27e17 < value < 6.63e17:
        micros = (int(value) - _TICKS_AT_EPOCH) // 10
    elif 6.63e17 < value < 4.2e18:
        micros = int(value) // 1_000
    else:
        return None
    return _EPOCH + timedelta(microseconds=micros)


def _text(value: str, received_at: datetime) -> datetime | None:
    if value.isascii() and value.isdigit():
        if len(value) == 14:
            return _built(value[:4], value[4:6], value[6:8], value[8:10], value[10:12], value[12:], None, None)
        return _number(int(value)) if len(value) <= 19 else None
    # A week date or a bare month would be read as a day by the fast way, so it wants a clock time; and every ISO time
    # begins with four digits.
    if (":" in value or "T" in value) and value[:4].isdigit():
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    for pattern, read in _FROM_A_NAME if value[0].isalpha() else _FROM_A_NUMBER:
        if found := pattern.fullmatch(value):
            return read(found, received_at)
    return None


_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: at for at, name in enumerate(_NAMES, start=1)}
# RFC 2822 4.3 defines the American ones; CET and CEST are unambiguous too. Any other abbreviation is no offset.
_ABBREVIATIONS = {
    "Z": 0, "UTC": 0, "GMT": 0, "UT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "CET": 1, "CEST": 2,
}  # fmt: skip
_CLOCK = r"(?P<h>\d{1,2}):(?P<mi>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
_HALF = r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)"
_ZONE = r"(?:\s*(?P<off>[+-]\d{2}:?\d{2}|[+-]\d{2}|[A-Za-z]{1,4})(?:\s+(?:UTC|GMT|m=\S+))?)?"
_NAME = r"(?P<mon>[A-Za-z]{3})[a-z]{0,6}\.?"
_DAY_NAME = r"(?:[A-Za-z]{3,9},?\s+)?"
_D = r"(?P<d>\d{1,2})"
_Y = r"(?P<y>\d{4})"
_M = r"(?P<m>\d{1,2})"


def _built(
    year: str, month: str | int, day: str, hour: str, minute: str, second: str | None, fraction: str | None,
    offset: str | None, half: str | None = None,
) -> datetime | None:  # fmt: skip
    hours = int(hour)
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "pP" else 0)
    micros = int(f"{fraction:0<6.6}") if fraction else 0
    try:
        zone = _offset(offset)
        return datetime(int(year), int(month), int(day), hours, int(minute), int(second or 0), micros, zone)
    except (ValueError, KeyError):
        return None


def _offset(said: str | None) -> tzinfo | None:
    if said is None:
        return None
    if said[0] in "+-":
        digits = said[1:].replace(":", "").ljust(4, "0")
        gap = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-gap if said[0] == "-" else gap)
    return timezone(timedelta(hours=_ABBREVIATIONS[said.upper()]))


def _numbered(found: re.Match[str], _: datetime) -> datetime | None:
    part = found.groupdict()
    return _built(part["y"], part["m"], part["d"], part["h"] or "0", part["mi"] or "0", part["s"], part["f"],
                  part.get("off"), part.get("half"))  # fmt: skip


def _named(found: re.Match[str], received_at: datetime) -> datetime | None:
    part = found.groupdict()
    month = _MONTHS.get(part["mon"].lower())
    if month is None:
        return None
    year = part.get("y")
    if year is not None:
        return _built(year, month, part["d"], part["h"], part["mi"], part["s"], part["f"], part.get("off"),
                      part.get("half"))  # fmt: skip
    # Syslog (RFC 3164) has no year: the latest one that does not put the event more than a day after its receipt.
    for guess in (received_at.year + 1, received_at.year, received_at.year - 1):
        local = _built(str(guess), month, part["d"], part["h"], part["mi"], part["s"], part["f"], part.get("off"))
        if local and (local if local.tzinfo else local.replace(tzinfo=UTC)) <= received_at + timedelta(days=1):
            return local
    return None


def _date(found: re.Match[str], _: datetime) -> datetime | None:
    millis = int(found["ms"])
    return _EPOCH + timedelta(milliseconds=millis) if abs(millis) < 4_200_000_000_000 else None


Shape = tuple[re.Pattern[str], Callable[[re.Match[str], datetime], datetime | None]]


def _shape(pattern: str, read: Callable[[re.Match[str], datetime], datetime | None]) -> Shape:
    return re.compile(pattern, re.ASCII), read


# Wed, 02 Jan 2024 03:04:05 GMT (RFC 2822), 20-May-2024 09:08:10, 02/Jan/2024:03:04:05 +0000
_DAY_MONTH_YEAR = _shape(rf"{_DAY_NAME}{_D}[ /-]{_NAME}[ /-]{_Y}[: ]\s*{_CLOCK}{_HALF}?{_ZONE}", _named)

_FROM_A_NAME: tuple[Shape, ...] = (
    # Jan 2 03:04:05 and Jan  2 2024 03:04:05 (syslog, CEF), Jan 02, 2024 3:04:05 PM
    _shape(rf"{_DAY_NAME}{_NAME}\s+{_D}(?:,?\s+{_Y})?(?:,?\s+|\s+at\s+){_CLOCK}{_HALF}?{_ZONE}", _named),
    # Tue Nov 24 11:12:46 UTC 2026, Mon Aug 8 02:00:00 2022
    _shape(rf"{_DAY_NAME}{_NAME}\s+{_D}\s+{_CLOCK}(?:\s+(?P<off>[A-Z]{{1,4}}|[+-]\d{{4}}))?\s+{_Y}", _named),
    _DAY_MONTH_YEAR,
)
_FROM_A_NUMBER: tuple[Shape, ...] = (
    # 2024-01-02 3:04:05, 2024/01/02 03:04:05.123, 2024-01-02 03:04:05 +0000 UTC, 2024-01-02T9:59:27.958Z
    _shape(rf"{_Y}[-/.]{_M}[-/.]{_D}(?:[T_ ,]+|\s+at\s+){_CLOCK}{_HALF}?{_ZONE}", _numbered),
    # 1/2/2024 3:04:05 PM: Microsoft's en-US; month first is certain only with AM or PM.
    _shape(rf"{_M}/{_D}/{_Y},?\s+{_CLOCK}{_HALF}{_ZONE}", _numbered),
    # 2024-01-02: a day, read as its first moment.
    _shape(r"(?P<y>\d{4})[-/](?P<m>\d{2})[-/](?P<d>\d{2})(?P<h>)(?P<mi>)(?P<s>)(?P<f>)", _numbered),
    _DAY_MONTH_YEAR,
    # /Date(1700000000000+0200)/: .NET; the offset is for display, the number is UTC.
    _shape(r"\\?/Date\((?P<ms>-?\d{1,15})(?:[+-]\d{4})?\)\\?/", _date),
    # 1582830734.123
    _shape(r"\d{9,13}\.\d{1,9}", lambda found, _: _number(float(found[0]))),
)
