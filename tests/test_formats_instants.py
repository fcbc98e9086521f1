"""Times: whatever shape a product writes, one instant in UTC; without offset or declared zone, none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breachflow.formats.instants import NaiveTimeError, parse, zone_of

RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
MOMENT = datetime(2026, 3, 2, 8, 15, 30, tzinfo=UTC)
PARIS = zone_of("Europe/Paris")

STATED = {
    "RFC 3339": "2026-03-02T08:15:30Z",
    "RFC 3339 with an offset": "2026-03-02T09:15:30+01:00",
    "offset without colon": "2026-03-02T09:15:30+0100",
    "ISO basic": "20260302T081530Z",
    "seven digits of a second, as .NET": "2026-03-02T08:15:30.0000000Z",
    "nine digits, as Go": "2026-03-02T08:15:30.000000000Z",
    "space, and UTC behind": "2026-03-02 08:15:30 UTC",
    "Go's String()": "2026-03-02 08:15:30.000 +0000 UTC",
    "one digit of an hour": "2026-03-02T8:15:30.000Z",
    "seconds": 1772439330,
    "seconds as text": "1772439330",
    "seconds with a fraction": 1772439330.0,
    "seconds with a fraction as text": "1772439330.000",
    "milliseconds": 1772439330000,
    "milliseconds as text": "1772439330000",
    "microseconds": 1772439330000000,
    "nanoseconds": 1772439330000000000,
    ".NET ticks": 639080361300000000,
    ".NET ticks as text": "639080361300000000",
    "FILETIME": 134169129300000000,
    "/Date()/": "/Date(1772439330000)/",
    "/Date()/ with a display offset": "/Date(1772439330000+0200)/",
    "RFC 2822": "Mon, 02 Mar 2026 09:15:30 +0100",
    "RFC 2822 with an abbreviation": "Mon, 2 Mar 2026 03:15:30 EST",
    "ctime with a zone": "Mon Mar  2 08:15:30 UTC 2026",
    "Apache": "02/Mar/2026:09:15:30 +0100",
    "syslog with an offset": "Mar  2 08:15:30 UTC",
}

NAIVE = {
    "ISO without offset": "2026-03-02T08:15:30",
    "space": "2026-03-02 08:15:30",
    "slashes": "2026/03/02 08:15:30.000000",
    "fourteen digits": "20260302081530",
    "syslog (RFC 3164), no year": "Mar  2 08:15:30",
    "CEF": "Mar 02 2026 08:15:30",
    "ctime": "Mon Mar 2 08:15:30 2026",
    "Microsoft, American": "3/2/2026 8:15:30 AM",
    "day and named month": "02-Mar-2026 08:15:30",
    "American words": "Mar 02, 2026 8:15:30 AM",
}


@pytest.mark.parametrize("value", STATED.values(), ids=STATED)
def test_a_time_that_states_its_offset_is_that_instant(value):
    """More than the twelve shapes asked for, each the same moment of 2 March 2026."""
    assert parse(value, None, RECEIVED) == (MOMENT, False)


@pytest.mark.parametrize("value", NAIVE.values(), ids=NAIVE)
def test_a_naive_time_is_refused_without_a_declared_zone_and_flagged_with_one(value):
    """A zone is never guessed: a wrong one can cost the deadline hours."""
    with pytest.raises(NaiveTimeError):
        parse(value, None, RECEIVED)

    assert parse(value, UTC, RECEIVED) == (MOMENT, True)
    assert parse(value, PARIS, RECEIVED) == (MOMENT - timedelta(hours=1), True)


@pytest.mark.parametrize(
    "value",
    [
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z",
        0, -1, 1, 10**30, 1e308, float("inf"), float("nan"), True, None, [], {}, "", "yesterday", "2026-13-45T00:00:00Z",
        "Feb 30 2026 08:15:30", "1/2/2026 13:04:05", "٢٠٢٦-03-02", "/Date(99999999999999)/", "x" * 10_000, "2026-W10",
        "31/12/2026 08:15", "25:61:00", "1772439330 1772439330",
    ],
)  # fmt: skip
def test_placeholders_and_nonsense_are_no_time(value):
    """Year 1, year 9999 and epoch zero are how products say "none"; an ambiguous day and month is not read either."""
    assert parse(value, UTC, RECEIVED) is None


def test_the_hour_that_autumn_repeats_is_read_as_the_earlier_one():
    """A deadline that is an hour early harms nobody."""
    assert parse("2025-10-26 02:30:00", PARIS, RECEIVED) == (datetime(2025, 10, 26, 0, 30, tzinfo=UTC), True)


def test_syslog_of_new_years_eve_received_in_january_is_last_years():
    """RFC 3164 has no year: the event is not eleven months in the future."""
    received = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)

    assert parse("Dec 31 23:59:50", UTC, received) == (datetime(2025, 12, 31, 23, 59, 50, tzinfo=UTC), True)


def test_a_zone_that_is_none_is_said():
    """A mistyped zone in the settings is the settings' fault."""
    with pytest.raises(ValueError, match="no IANA zone"):
        zone_of("Europe/Pariss")


@given(st.integers(min_value=631_238_400, max_value=4_102_272_000))
def test_every_instant_survives_every_number_shape(seconds):
    """Seconds, milli-, micro- and nanoseconds, ticks and FILETIME of the same instant are that instant."""
    at = datetime.fromtimestamp(seconds, UTC)
    shapes = [seconds, seconds * 10**3, seconds * 10**6, str(seconds), str(seconds * 10**3)]
    shapes.append(seconds * 10**7 + 116_444_736_000_000_000)
    shapes.append(seconds * 10**7 + 621_355_968_000_000_000)
    if at.year > 1991:  # Nanoseconds of 1990 have the range of ticks.
        shapes.append(seconds * 10**9)
    for shape in shapes:
        assert parse(shape, None, RECEIVED) == (at, False)


@given(
    st.one_of(
        st.text(max_size=70), st.integers(), st.floats(), st.text(alphabet="0123456789-:/ TZ+.APMjan", max_size=40)
    )
)
def test_no_value_whatever_raises_anything_else(value):
    """A time is an instant, or none, or naive; nothing else comes out."""
    try:
        stated = parse(value, None, RECEIVED)
    except NaiveTimeError:
        return
    assert stated is None or stated.at.tzinfo is UTC
