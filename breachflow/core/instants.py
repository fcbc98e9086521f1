"""Instants and legal periods: reading and printing a point in time, and counting hours and months from it.

Everything is counted in UTC. A time without offset is refused, and so is a year outside 1970 to 2200.
"""

from __future__ import annotations

import math
import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from breachflow.law.holidays import METROPOLE, Calendar
from breachflow.law.regimes import REGIMES, Regime

FIRST_YEAR, LAST_YEAR = 1970, 2200
"""Outside, a date is a slip of the hand or a placeholder; inside, no sum of hours or months overflows."""

MOST_HOURS = 10_000  # More than a year: no regime counts that long in hours, so a larger number is a slip.
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
INSTANT_BEFORE = timedelta(microseconds=1)
PARIS = "Europe/Paris"

STATED = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)"
    r"(?P<offset>[Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)
"""RFC 3339; seconds may be left out, as people do."""


class BadInstant(ValueError):  # noqa: N818 - named for what it is about: the sentence says what is wrong.
    """An instant, a zone, a length or a regime that nothing can be counted from; the message is one sentence."""


class Deadline(Struct, frozen=True, kw_only=True):
    """What one regime asks for from one start. Everything runs on `act_by`.

    `legal_latest` is the latest instant by Reg. 1182/71, shown only; `None` where it does not govern. `nominal` is
    the end before a weekend or holiday moved it; `act_by_local` is `act_by` in the zone asked for, the rest is UTC.
    """

    regime: str
    aware_at: datetime
    act_by: datetime
    legal_latest: datetime | None
    nominal: datetime
    act_by_local: datetime


class Contested(Struct, frozen=True, kw_only=True):
    """Both readings of Reg. 1182/71 Art. 3(5), in UTC. Contested, rejected by BayLfD and LDI NRW: never plan on it.

    `any_part`: every part of a working day counts as one. `whole_days`: only whole ones do.
    """

    any_part: datetime
    whole_days: datetime


def deadline(
    regime_id: str,
    aware_at: datetime,
    *,
    zone: str | ZoneInfo = PARIS,
    hours: float | None = None,
    classified_at: datetime | None = None,
    noon_excluded: bool = False,
    due_at: datetime | None = None,
    calendar: Calendar = METROPOLE,
) -> Deadline:
    """Count one regime's period from `aware_at`, the instant of the regime's own trigger.

    Months, weekends and noon are read in `zone`, the organisation's. `hours` replaces the length (contract, policy,
    profile). `classified_at` is for DORA's initial notification. `noon_excluded`: the entity is of a kind from which
    DORA withholds the noon rule for its first two reports. `due_at` is the date of an authority's order.
    Raises `BadInstant`.
    """
    regime = _regime(regime_id)
    start, place = _utc(aware_at), _zone(zone)
    if hours is not None and regime.duration.unit != "hours":
        raise BadInstant(f"{regime.id}: its period is not counted in hours, so it cannot be given other ones.")
    if classified_at is not None and regime.second is None:
        raise BadInstant(f"{regime.id}: its period does not depend on a classification.")
    noon = "next-working-day-noon" in regime.rounding and not (noon_excluded and regime.noon_except)
    amount = regime.duration.amount
    if amount is None:
        if due_at is None:
            raise BadInstant(f"{regime.id}: the authority's order sets its own date; state it, nothing can be counted.")
        nominal = latest = _utc(due_at)
    elif regime.duration.unit == "months":
        nominal = add_months(start, amount, place)
        latest = _end_of_day(nominal, place, calendar, noon=noon)
    else:
        nominal, latest = _hours(regime, start, amount if hours is None else hours, classified_at)
    end = noon_next_working_day(nominal, calendar, place) if noon else nominal
    if noon:
        latest = noon_next_working_day(latest, calendar, place)
    return Deadline(
        regime=regime.id,
        aware_at=start,
        act_by=end,
        legal_latest=_in_range(max(end, latest)) if "reg-1182-71-display" in regime.rounding else None,
        nominal=nominal,
        act_by_local=end.astimezone(place),
    )


def act_by(aware_at: datetime, hours: float = 72) -> datetime:
    """Return awareness plus so many elapsed hours, UTC: what alarms, escalation and "late" run on."""
    return _in_range(_utc(aware_at) + _length(hours))


def legal_latest(aware_at: datetime, hours: float = 72) -> datetime:
    """Return the end of the period by Reg. 1182/71 Art. 3(1) and 3(2)(a): shown, never scheduled on.

    Hours are floored in UTC; for zones with whole-hour offsets, as Paris, that is flooring the local hour.
    """
    # "Where a period expressed in hours is to be calculated from the moment at which an event occurs or an action
    # takes place, the hour during which that event occurs [...] shall not be considered as falling within the period
    # in question." -- Reg. 1182/71 Art. 3(1)
    return _in_range(_utc(aware_at).replace(minute=0, second=0, microsecond=0) + HOUR + _length(hours))


def art_3_5_latest(
    aware_at: datetime, calendar: Calendar = METROPOLE, zone: str | ZoneInfo = PARIS, hours: float = 72
) -> Contested:
    """Extend `legal_latest` so that two working days fall inside: for counsel, never shown unasked.

    An extension ends with the second working day. A period under two days is not extended.
    """
    end, place = legal_latest(aware_at, hours), _zone(zone)
    # "Any period of two days or more shall include at least two working days." -- Reg. 1182/71 Art. 3(5)
    if _length(hours) < timedelta(days=2):
        return Contested(any_part=end, whole_days=end)
    start = end - _length(hours)
    day = start.astimezone(place).date()
    touched = _second_working_day(day, calendar)
    whole = _second_working_day(day if _midnight(day, place) == start else day + DAY, calendar)
    any_part = end if _midnight(touched, place) < end else _day_end(touched, place)
    return Contested(any_part=_in_range(any_part), whole_days=_in_range(max(end, _day_end(whole, place))))


def add_months(instant: datetime, months: int, zone: str | ZoneInfo = PARIS) -> datetime:
    """Return the same local time on the same day number so many months later, else on that month's last day, UTC.

    A local time that does not exist or exists twice there is read as the earlier instant.
    """
    place = _zone(zone)
    local = _utc(instant).astimezone(place)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadInstant(f"an instant must lie in the years {FIRST_YEAR} to {LAST_YEAR}; {months} months lead outside.")
    # "If [...] the day on which it should expire does not occur in the last month, the period shall end with the
    # expiry of the last hour of the last day of that month." -- Reg. 1182/71 Art. 3(2)(c)
    day = min(local.day, monthrange(year, month)[1])
    return _in_range(_earlier(datetime.combine(date(year, month, day), local.time()), place))


def noon_next_working_day(end: datetime, calendar: Calendar = METROPOLE, zone: str | ZoneInfo = PARIS) -> datetime:
    """Return `end`, or local noon of the next working day where it falls on a weekend or a bank holiday, UTC.

    RTS (EU) 2025/301 Art. 5: not for the first two reports of the entities that it excepts. At midnight sharp an end
    belongs to the day before as well as to the day after: it is moved only where neither is a working day.
    """
    place, end = _zone(zone), _utc(end)
    day = end.astimezone(place).date()
    if calendar.is_working_day(day) or calendar.is_working_day((end - INSTANT_BEFORE).astimezone(place).date()):
        return end
    return _in_range(_earlier(datetime.combine(calendar.next_working_day(day), time(12)), place))


def remaining(end: datetime, now: datetime) -> timedelta:
    """Return the elapsed time left until `end`; negative once it has passed."""
    return _utc(end) - _utc(now)


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 instant with its offset, as UTC. Raises `BadInstant`: a naive time is refused, never guessed."""
    stated = STATED.fullmatch(text.strip())
    if stated is None:
        raise BadInstant("an instant is written like 2026-11-24T10:17:00+01:00 or 2026-11-24T09:17:00Z; this is not.")
    if stated["offset"] is None:
        raise BadInstant(f"{stated[0]}: an instant needs its offset, like +01:00 or Z at its end; none is guessed.")
    try:
        # Digits beyond the microsecond are cut: the earlier instant.
        at = datetime.fromisoformat(f"{stated['day']}T{stated['time']}{stated['offset'].upper()}")
    except ValueError:
        raise BadInstant(f"{stated[0]}: there is no such day or time.") from None
    return _utc(at)


def iso_z(at: datetime) -> str:
    """Print the instant in UTC with `Z`; microseconds only where there are any."""
    return _utc(at).replace(tzinfo=None).isoformat() + "Z"


def _regime(regime_id: str) -> Regime:
    if (regime := REGIMES.get(regime_id)) is None:
        raise BadInstant(f"there is no regime of that name; the regimes are {', '.join(REGIMES)}.")
    return regime


def _hours(regime: Regime, start: datetime, hours: float, classified_at: datetime | None) -> tuple[datetime, datetime]:
    nominal, latest = act_by(start, hours), legal_latest(start, hours)
    if regime.second is None or classified_at is None:
        return nominal, latest
    classified = _utc(classified_at)
    second = act_by(classified, regime.second.hours), legal_latest(classified, regime.second.hours)
    # Both periods bind, the shorter first; "classified later than 24 h: 4 h after classification" -- RTS Art. 5.
    return second if classified > nominal else (min(nominal, second[0]), min(latest, second[1]))


def _end_of_day(nominal: datetime, place: ZoneInfo, calendar: Calendar, *, noon: bool) -> datetime:
    # A period in months "shall end with the expiry of the last hour of whichever day [...] falls on the same date";
    # on a holiday, Sunday or Saturday, "of the following working day" -- Reg. 1182/71 Art. 3(2)(c), 3(4).
    # Where a law sets noon of that day instead, the special rule governs.
    day = nominal.astimezone(place).date()
    if calendar.is_working_day(day):
        return _day_end(day, place)
    following = calendar.next_working_day(day)
    return _earlier(datetime.combine(following, time(12)), place) if noon else _day_end(following, place)


def _second_working_day(day: date, calendar: Calendar) -> date:
    first = day if calendar.is_working_day(day) else calendar.next_working_day(day)
    return calendar.next_working_day(first)


def _midnight(day: date, place: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), place).astimezone(UTC)


def _day_end(day: date, place: ZoneInfo) -> datetime:
    return _midnight(day + DAY, place)


def _earlier(local: datetime, place: ZoneInfo) -> datetime:
    """Return the earlier of the instants that a local time can mean where clocks change."""
    return min(local.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))


def _length(hours: float) -> timedelta:
    if not (math.isfinite(hours) and 0 < hours <= MOST_HOURS):
        raise BadInstant(f"a period has more than 0 and at most {MOST_HOURS} hours.")
    return timedelta(hours=hours)


@lru_cache(64)  # Organisations have a handful of zones; the database is not asked again for each deadline.
def _zone(zone: str | ZoneInfo) -> ZoneInfo:
    if isinstance(zone, ZoneInfo):
        return zone
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInstant("there is no such time zone; write one like Europe/Paris or Indian/Reunion.") from None


def _utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise BadInstant("an instant needs its offset; a time without one is refused, never guessed.")
    # A year on either side is let through to the conversion, which cannot overflow there.
    if FIRST_YEAR - 1 <= at.year <= LAST_YEAR + 1:
        return _in_range(at.astimezone(UTC))
    return _in_range(at)


def _in_range(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise BadInstant(f"an instant must lie in the years {FIRST_YEAR} to {LAST_YEAR}, UTC.")
    return at
