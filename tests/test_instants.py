"""Legal time: the three instants of Art. 33, the neighbouring regimes' periods, and what is refused."""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breachflow.core.instants import (
    BadInstant,
    Deadline,
    act_by,
    add_months,
    art_3_5_latest,
    deadline,
    iso_z,
    legal_latest,
    noon_next_working_day,
    parse_instant,
    remaining,
)
from breachflow.law.holidays import ALSACE_MOSELLE, METROPOLE
from breachflow.law.regimes import REGIMES

PARIS = ZoneInfo("Europe/Paris")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def paris(instant: datetime) -> str:
    return instant.astimezone(PARIS).isoformat()


class Example(NamedTuple):
    """One worked example; every instant in Paris time with its offset, `utc` and `utc_end` in UTC.

    `any_part` and `whole_days` are the two contested readings of Art. 3(5); `same` is the Reg. 1182/71 instant.
    """

    situation: str
    aware: str
    utc: str
    end: str
    utc_end: str
    reg_1182_71: str
    any_part: str
    whole_days: str


EXAMPLES = [
    Example("plain week", "2026-11-24T10:00:00+01:00", "2026-11-24T09:00:00Z", "2026-11-27T10:00:00+01:00", "2026-11-27T09:00:00Z", "2026-11-27T11:00:00+01:00", "same", "same"),
    Example("minutes past the hour", "2026-11-24T10:17:00+01:00", "2026-11-24T09:17:00Z", "2026-11-27T10:17:00+01:00", "2026-11-27T09:17:00Z", "2026-11-27T11:00:00+01:00", "same", "same"),
    Example("Thursday, ends Sunday", "2026-11-26T16:40:00+01:00", "2026-11-26T15:40:00Z", "2026-11-29T16:40:00+01:00", "2026-11-29T15:40:00Z", "2026-11-29T17:00:00+01:00", "same", "2026-12-01T00:00:00+01:00"),
    Example("Friday evening", "2026-11-27T17:30:00+01:00", "2026-11-27T16:30:00Z", "2026-11-30T17:30:00+01:00", "2026-11-30T16:30:00Z", "2026-11-30T18:00:00+01:00", "same", "2026-12-02T00:00:00+01:00"),
    Example("stamped Friday in UTC, Saturday in Paris", "2026-11-28T00:50:00+01:00", "2026-11-27T23:50:00Z", "2026-12-01T00:50:00+01:00", "2026-11-30T23:50:00Z", "2026-12-01T01:00:00+01:00", "same", "2026-12-02T00:00:00+01:00"),
    Example("11 November inside", "2026-11-10T09:59:00+01:00", "2026-11-10T08:59:00Z", "2026-11-13T09:59:00+01:00", "2026-11-13T08:59:00Z", "2026-11-13T10:00:00+01:00", "same", "2026-11-14T00:00:00+01:00"),
    Example("Christmas on a Friday, and the weekend", "2026-12-23T18:05:00+01:00", "2026-12-23T17:05:00Z", "2026-12-26T18:05:00+01:00", "2026-12-26T17:05:00Z", "2026-12-26T19:00:00+01:00", "same", "2026-12-29T00:00:00+01:00"),
    Example("Christmas Eve", "2026-12-24T15:20:00+01:00", "2026-12-24T14:20:00Z", "2026-12-27T15:20:00+01:00", "2026-12-27T14:20:00Z", "2026-12-27T16:00:00+01:00", "2026-12-29T00:00:00+01:00", "2026-12-30T00:00:00+01:00"),
    Example("New Year's Eve at 23:30", "2026-12-31T23:30:00+01:00", "2026-12-31T22:30:00Z", "2027-01-03T23:30:00+01:00", "2027-01-03T22:30:00Z", "2027-01-04T00:00:00+01:00", "2027-01-06T00:00:00+01:00", "2027-01-06T00:00:00+01:00"),
    Example("summer time ends inside", "2026-10-23T10:00:00+02:00", "2026-10-23T08:00:00Z", "2026-10-26T09:00:00+01:00", "2026-10-26T08:00:00Z", "2026-10-26T10:00:00+01:00", "same", "2026-10-28T00:00:00+01:00"),
    Example("summer time ends, 1 November on Monday", "2027-10-29T11:15:00+02:00", "2027-10-29T09:15:00Z", "2027-11-01T10:15:00+01:00", "2027-11-01T09:15:00Z", "2027-11-01T11:00:00+01:00", "2027-11-03T00:00:00+01:00", "2027-11-04T00:00:00+01:00"),
    Example("Good Friday, summer time starts, Easter Monday", "2027-03-26T17:30:00+01:00", "2027-03-26T16:30:00Z", "2027-03-29T18:30:00+02:00", "2027-03-29T16:30:00Z", "2027-03-29T19:00:00+02:00", "2027-03-31T00:00:00+02:00", "2027-04-01T00:00:00+02:00"),
    Example("summer time starts, no holiday", "2026-03-27T10:00:00+01:00", "2026-03-27T09:00:00Z", "2026-03-30T11:00:00+02:00", "2026-03-30T09:00:00Z", "2026-03-30T12:00:00+02:00", "same", "2026-04-01T00:00:00+02:00"),
    Example("Ascension, 8 May on Saturday", "2027-05-05T16:00:00+02:00", "2027-05-05T14:00:00Z", "2027-05-08T16:00:00+02:00", "2027-05-08T14:00:00Z", "2027-05-08T17:00:00+02:00", "same", "2027-05-11T00:00:00+02:00"),
    Example("Whit Monday", "2027-05-14T12:00:00+02:00", "2027-05-14T10:00:00Z", "2027-05-17T12:00:00+02:00", "2027-05-17T10:00:00Z", "2027-05-17T13:00:00+02:00", "2027-05-19T00:00:00+02:00", "2027-05-20T00:00:00+02:00"),
    Example("14 July inside", "2027-07-13T18:45:00+02:00", "2027-07-13T16:45:00Z", "2027-07-16T18:45:00+02:00", "2027-07-16T16:45:00Z", "2027-07-16T19:00:00+02:00", "same", "2027-07-17T00:00:00+02:00"),
    Example("repeated hour, the first 02:30", "2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00Z", "2026-10-28T01:30:00+01:00", "2026-10-28T00:30:00Z", "2026-10-28T02:00:00+01:00", "same", "same"),
    Example("repeated hour, the second 02:30", "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z", "2026-10-28T02:30:00+01:00", "2026-10-28T01:30:00Z", "2026-10-28T03:00:00+01:00", "same", "same"),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.situation for example in EXAMPLES])
def test_the_worked_examples_to_the_second(example):
    """Every column: awareness in UTC, the 72 elapsed hours, Reg. 1182/71, both contested readings."""
    aware = parse_instant(example.aware)
    assert iso_z(aware) == example.utc
    assert (iso_z(act_by(aware)), paris(act_by(aware))) == (example.utc_end, example.end)
    assert paris(legal_latest(aware)) == example.reg_1182_71
    contested = art_3_5_latest(aware, METROPOLE, "Europe/Paris")
    assert paris(contested.any_part) == example.any_part.replace("same", example.reg_1182_71)
    assert paris(contested.whole_days) == example.whole_days.replace("same", example.reg_1182_71)

    answer = deadline("gdpr-art33", aware)
    assert (iso_z(answer.aware_at), iso_z(answer.act_by)) == (example.utc, example.utc_end)
    assert paris(answer.legal_latest) == example.reg_1182_71
    assert answer.act_by_local.isoformat() == example.end


def test_eighteen_examples():
    """The table is whole."""
    assert len(EXAMPLES) == 18


def test_a_wall_clock_reading_of_the_repeated_hour_keeps_its_fold():
    """The same 02:30 on the wall is two instants an hour apart, and so are their deadlines."""
    first = act_by(datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=0))
    second = act_by(datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1))
    assert second - first == HOUR


ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham")


@pytest.mark.parametrize("zone", ZONES)
def test_ten_thousand_instants_elapse_exactly_72_hours(zone):
    """Whatever the zone's offset and clock changes, 72 hours elapse, and Reg. 1182/71 adds at most one."""
    place, chance = ZoneInfo(zone), random.Random(zone)
    first, last = at("1970-01-01T12:00:00+00:00").timestamp(), at("2200-12-20T00:00:00+00:00").timestamp()
    for _ in range(10_000):
        aware = datetime.fromtimestamp(int(chance.uniform(first, last)), place)
        end, latest = act_by(aware), legal_latest(aware)
        assert end.timestamp() - aware.timestamp() == 72 * 3600
        assert end <= latest <= end + HOUR
        assert (latest.minute, latest.second, latest.microsecond) == (0, 0, 0)


EARLIEST, LATEST = datetime(1970, 1, 3), datetime(2200, 10, 1)  # noqa: DTZ001 - the strategy adds the zone.
INSTANTS = st.datetimes(EARLIEST, LATEST, timezones=st.sampled_from(ZONES).map(ZoneInfo))
"""In their own zones, repeated and missing hours included; compared in UTC, where Python's equality is a matter of
instants alone.
"""
HOURLY = [key for key, regime in REGIMES.items() if regime.duration.unit == "hours"]
COUNTED = [key for key, regime in REGIMES.items() if regime.duration.unit != "none"]


@given(aware=INSTANTS, later=st.timedeltas(timedelta(0), timedelta(days=60)))
def test_waiting_never_buys_time(aware, later):
    """An awareness set later never ends sooner, and what is left only shrinks as time passes."""
    assert act_by(aware.astimezone(UTC) + later) == act_by(aware) + later
    assert legal_latest(aware.astimezone(UTC) + later) >= legal_latest(aware)
    now = aware.astimezone(UTC)
    assert remaining(act_by(aware), now + later) == timedelta(hours=72) - later


@given(aware=INSTANTS)
def test_the_contested_readings_never_shorten(aware):
    """Art. 3(5) can only extend; counting whole days extends at least as far as counting parts of days."""
    contested = art_3_5_latest(aware)
    assert act_by(aware) <= legal_latest(aware) <= contested.any_part <= contested.whole_days
    assert contested.whole_days - legal_latest(aware) < 7 * DAY


@given(aware=INSTANTS)
def test_two_working_days_fall_inside_the_contested_period(aware):
    """Counted the slow way, quarter of an hour by quarter of an hour, by Paris dates."""
    contested = art_3_5_latest(aware)
    start = legal_latest(aware) - timedelta(hours=72)

    def quarters(end):
        counts: dict[object, int] = {}
        moment = start
        while moment < end:
            day = moment.astimezone(PARIS).date()
            counts[day] = counts.get(day, 0) + 1
            moment += HOUR / 4
        return {day: count for day, count in counts.items() if METROPOLE.is_working_day(day)}

    assert len(quarters(contested.any_part)) >= 2
    # The shortest whole day has 23 hours; a cut one can only be the first or the last.
    touched = quarters(contested.whole_days)
    first, last = start.astimezone(PARIS), contested.whole_days.astimezone(PARIS)
    cut = {first.date()} if first.time() != first.min.time() else set()
    cut |= {last.date()}
    assert len(set(touched) - cut) >= 2


@given(regime=st.sampled_from(COUNTED), start=INSTANTS, zone=st.sampled_from(ZONES))
@settings(max_examples=500)
def test_no_regime_is_due_before_it_starts_or_after_the_law_allows(regime, start, zone):
    """For every regime: the start, then the end of its period, then the instant to act by, then the law's latest."""
    answer = deadline(regime, start, zone=zone)
    assert answer.aware_at < answer.nominal <= answer.act_by
    if answer.legal_latest is not None:
        assert answer.act_by <= answer.legal_latest
    assert answer.act_by_local.astimezone(UTC) == answer.act_by
    assert answer.act_by_local.tzinfo == ZoneInfo(zone)


@given(regime=st.sampled_from(HOURLY), start=INSTANTS, hours=st.floats(0.25, 500))
def test_a_contract_or_a_profile_sets_other_hours(regime, start, hours):
    """`hours` replaces the regime's own length, whatever the regime."""
    assert deadline(regime, start, hours=hours).nominal == start.astimezone(UTC) + timedelta(hours=hours)


def test_what_reg_1182_71_does_not_govern_has_no_legal_latest():
    """French insurance law, contracts, guidance and policy: the hour that begins is nobody's gift there."""
    aware = at("2026-11-24T10:17:00+01:00")
    silent = {key for key in COUNTED if deadline(key, aware).legal_latest is None}
    assert silent == {"triage", "gdpr-art33-2", "gdpr-art34", "cnil-complement", "lopmi-complaint"}


@pytest.mark.parametrize("weekday", range(7))
def test_the_72_hours_of_art_33_never_roll(weekday):
    """Weekends and holidays are hours like others: Reg. 1182/71 Art. 3(3), 3(4)."""
    aware = at("2026-12-21T10:17:00+01:00") + weekday * DAY
    for regime in ("gdpr-art33", "lopmi-complaint", "cnil-complement", "nis2-notification"):
        assert deadline(regime, aware).act_by == aware + timedelta(hours=72)


DORA_ROLLS = [
    ("ends on a working day", "2026-11-24T10:17:00+01:00", "2026-11-25T10:17:00+01:00"),
    ("ends on Saturday", "2026-11-27T10:17:00+01:00", "2026-11-30T12:00:00+01:00"),
    ("ends on Sunday", "2026-11-28T10:17:00+01:00", "2026-11-30T12:00:00+01:00"),
    ("ends on Monday morning: stays", "2026-11-29T08:00:00+01:00", "2026-11-30T08:00:00+01:00"),
    ("ends on Friday 25 December", "2026-12-24T09:00:00+01:00", "2026-12-28T12:00:00+01:00"),
    ("ends on Whit Monday", "2027-05-16T09:00:00+02:00", "2027-05-18T12:00:00+02:00"),
    ("ends on Easter Saturday, summer time starts", "2027-03-26T09:00:00+01:00", "2027-03-30T12:00:00+02:00"),
    ("Saturday in Paris, Friday in UTC", "2026-11-27T00:30:00+01:00", "2026-11-30T12:00:00+01:00"),
    ("Sunday night after the repeated hour", "2026-10-25T00:59:59+02:00", "2026-10-26T12:00:00+01:00"),
    ("midnight between Friday and Saturday: the earlier reading", "2026-11-27T00:00:00+01:00", "2026-11-28T00:00:00+01:00"),
    ("midnight between Sunday and Monday: the earlier reading", "2026-11-29T00:00:00+01:00", "2026-11-30T00:00:00+01:00"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "expected"), [roll[1:] for roll in DORA_ROLLS], ids=[roll[0] for roll in DORA_ROLLS])
def test_dora_ends_on_weekends_and_holidays_move_to_noon(start, expected):
    """RTS (EU) 2025/301 Art. 5: noon in Paris of the next working day, and only where the end itself falls there."""
    aware = at(start)
    answer = deadline("dora-initial", aware)
    assert answer.nominal == aware + DAY
    assert paris(answer.act_by) == expected


def test_the_entities_that_dora_excepts_have_no_noon_for_the_first_two_reports():
    """The final report keeps it for everybody."""
    saturday = at("2026-11-27T10:17:00+01:00")
    assert paris(deadline("dora-initial", saturday, noon_excluded=True).act_by) == "2026-11-28T10:17:00+01:00"
    thursday = at("2026-11-26T10:17:00+01:00")
    assert paris(deadline("dora-intermediate", thursday).act_by) == "2026-11-30T12:00:00+01:00"
    assert paris(deadline("dora-intermediate", thursday, noon_excluded=True).act_by) == "2026-11-29T10:17:00+01:00"
    october = at("2026-10-28T10:17:00+01:00")
    assert paris(deadline("dora-final", october, noon_excluded=True).act_by) == "2026-11-30T12:00:00+01:00"


def test_the_bank_holidays_of_alsace_and_moselle_count_where_the_entity_is_there():
    """Good Friday 2027 is a working day in Paris and a holiday in Strasbourg."""
    aware = at("2027-03-25T10:17:00+01:00")
    assert paris(deadline("dora-initial", aware).act_by) == "2027-03-26T10:17:00+01:00"
    assert paris(deadline("dora-initial", aware, calendar=ALSACE_MOSELLE).act_by) == "2027-03-30T12:00:00+02:00"


def test_the_laws_latest_is_never_before_the_noon_to_act_by():
    """An end on Sunday at 23:30 moves to Monday noon; rounded up to midnight it is Sunday's end, and moves as well."""
    answer = deadline("dora-initial", at("2026-11-28T23:30:00+01:00"))
    assert paris(answer.act_by) == paris(answer.legal_latest) == "2026-11-30T12:00:00+01:00"


CLASSIFIED = [
    ("soon: 4 hours after classification", "2026-11-24T12:00:00+01:00", "2026-11-24T16:00:00+01:00", "2026-11-24T17:00:00+01:00"),
    ("late in the day: 24 hours after awareness", "2026-11-25T09:00:00+01:00", "2026-11-25T10:17:00+01:00", "2026-11-25T11:00:00+01:00"),
    ("later than 24 hours: 4 hours after classification", "2026-11-25T15:30:00+01:00", "2026-11-25T19:30:00+01:00", "2026-11-25T20:00:00+01:00"),
    ("much later, Friday evening: noon on Monday", "2026-11-27T21:30:00+01:00", "2026-11-30T12:00:00+01:00", "2026-11-30T12:00:00+01:00"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("classified", "expected", "latest"), [c[1:] for c in CLASSIFIED], ids=[c[0] for c in CLASSIFIED]
)
def test_doras_initial_notification_has_two_starts(classified, expected, latest):
    """4 hours after classification and 24 after awareness, whichever ends first; classified later, the 4 alone."""
    answer = deadline("dora-initial", at("2026-11-24T10:17:00+01:00"), classified_at=at(classified))
    assert paris(answer.act_by) == expected
    assert paris(answer.legal_latest) == latest


MONTHS = [
    ("dora-final", "an ordinary month", "2026-11-24T10:17:00+01:00", "2026-12-24T10:17:00+01:00", "2026-12-25T00:00:00+01:00"),
    ("nis2-final", "an ordinary month", "2026-11-24T10:17:00+01:00", "2026-12-24T10:17:00+01:00", "2026-12-25T00:00:00+01:00"),
    ("dora-final", "Christmas is a Friday", "2026-11-25T10:17:00+01:00", "2026-12-28T12:00:00+01:00", "2026-12-28T12:00:00+01:00"),
    ("nis2-final", "Christmas is a Friday", "2026-11-25T10:17:00+01:00", "2026-12-25T10:17:00+01:00", "2026-12-29T00:00:00+01:00"),
    ("dora-final", "31 August", "2026-08-31T10:17:00+02:00", "2026-09-30T10:17:00+02:00", "2026-10-01T00:00:00+02:00"),
    ("nis2-final", "31 January of a leap year", "2028-01-31T10:17:00+01:00", "2028-02-29T10:17:00+01:00", "2028-03-01T00:00:00+01:00"),
    ("nis2-final", "summer time in between", "2026-10-02T10:17:00+02:00", "2026-11-02T10:17:00+01:00", "2026-11-03T00:00:00+01:00"),
]  # fmt: skip


@pytest.mark.parametrize(("regime", "situation", "start", "expected", "latest"), MONTHS)
def test_final_reports_are_due_a_month_later(regime, situation, start, expected, latest):
    """The same day number at the same local time; Reg. 1182/71 Art. 3(2)(c) gives the whole day, Art. 3(4) the next working one."""
    answer = deadline(regime, at(start))
    assert (paris(answer.act_by), paris(answer.legal_latest)) == (expected, latest)


CLAMPS = [
    ("2026-08-31T10:00:00+02:00", 1, "2026-09-30T10:00:00+02:00"),
    ("2027-01-31T10:00:00+01:00", 1, "2027-02-28T10:00:00+01:00"),
    ("2027-01-29T10:00:00+01:00", 1, "2027-02-28T10:00:00+01:00"),
    ("2028-01-31T10:00:00+01:00", 1, "2028-02-29T10:00:00+01:00"),
    ("2100-01-30T10:00:00+01:00", 1, "2100-02-28T10:00:00+01:00"),
    ("2000-01-30T10:00:00+01:00", 1, "2000-02-29T10:00:00+01:00"),
    ("2028-02-29T10:00:00+01:00", 12, "2029-02-28T10:00:00+01:00"),
    ("2028-02-29T10:00:00+01:00", 1, "2028-03-29T10:00:00+02:00"),
    ("2026-12-31T23:30:00+01:00", 1, "2027-01-31T23:30:00+01:00"),
    ("2026-12-31T23:30:00+00:00", 1, "2027-02-01T00:30:00+01:00"),  # In Paris it is already 1 January.
    ("2027-02-28T02:30:00+01:00", 1, "2027-03-28T01:30:00+01:00"),  # 02:30 does not exist: the earlier instant.
    ("2026-09-25T02:30:00+02:00", 1, "2026-10-25T02:30:00+02:00"),  # 02:30 exists twice: the earlier instant.
]  # fmt: skip


@pytest.mark.parametrize(("start", "months", "expected"), CLAMPS)
def test_a_month_ends_on_the_same_day_number_or_the_last(start, months, expected):
    """Day numbers are read in Paris, and a month without that day ends it on its last."""
    assert paris(add_months(at(start), months, "Europe/Paris")) == expected


@given(start=INSTANTS, zone=st.sampled_from(ZONES))
def test_a_month_is_28_to_31_days_and_lands_in_the_next(start, zone):
    """Up to the clock changes, no month is shorter than February or longer than January."""
    end = add_months(start, 1, zone)
    assert 28 * DAY - 2 * HOUR <= end - start.astimezone(UTC) <= 31 * DAY + 2 * HOUR
    before, after = start.astimezone(ZoneInfo(zone)), end.astimezone(ZoneInfo(zone))
    assert (after.year * 12 + after.month) - (before.year * 12 + before.month) == 1


@given(end=INSTANTS)
def test_noon_moves_only_what_falls_on_no_working_day(end):
    """What moves lands at noon in Paris of the first working day after it."""
    end = end.astimezone(UTC)
    moved, day = noon_next_working_day(end), end.astimezone(PARIS).date()
    if METROPOLE.is_working_day(day):
        assert moved == end
    elif moved != end:
        local = moved.astimezone(PARIS)
        assert (local.hour, local.minute, local.second, local.microsecond) == (12, 0, 0, 0)
        assert METROPOLE.is_working_day(local.date())
        between = [day + n * DAY for n in range((local.date() - day).days)]
        assert not any(METROPOLE.is_working_day(one) for one in between)


def test_an_authoritys_order_has_its_own_date():
    """Art. 34(4): nothing is counted, the order says when; without its date there is no deadline to invent."""
    received, due = at("2026-11-24T10:17:00+01:00"), at("2026-11-29T18:00:00+01:00")
    answer = deadline("art34-order", received, due_at=due)
    assert (answer.act_by, answer.legal_latest) == (due, None)
    with pytest.raises(BadInstant, match="its own date"):
        deadline("art34-order", received)


READ = [
    ("2026-11-24T10:17:00+01:00", "2026-11-24T09:17:00Z"),
    ("2026-11-24T10:17+01:00", "2026-11-24T09:17:00Z"),
    ("2026-11-24t09:17:00z", "2026-11-24T09:17:00Z"),
    ("2026-11-24 09:17:00Z", "2026-11-24T09:17:00Z"),
    (" 2026-11-24T09:17:00Z\n", "2026-11-24T09:17:00Z"),
    ("2026-11-24T09:17:00.5Z", "2026-11-24T09:17:00.500000Z"),
    ("2026-11-24T09:17:00.000000Z", "2026-11-24T09:17:00Z"),
    ("2026-11-24T09:17:00.123456999Z", "2026-11-24T09:17:00.123456Z"),
    ("2026-11-24T09:17:00-00:00", "2026-11-24T09:17:00Z"),
    ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    ("2200-12-31T23:59:59Z", "2200-12-31T23:59:59Z"),
    ("2201-01-01T00:30:00+01:00", "2200-12-31T23:30:00Z"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), READ)
def test_instants_with_their_offset_are_read(text, expected):
    """RFC 3339, and what people leave out of it."""
    assert iso_z(parse_instant(text)) == expected


REFUSED = [
    ("2026-11-24T10:00", "2026-11-24T10:00: an instant needs its offset"),
    ("2026-11-24T10:00:00", "an instant needs its offset"),
    ("2026-11-24", "is written like"),
    ("1795511820", "is written like"),
    ("yesterday", "is written like"),
    ("", "is written like"),
    ("2026-W48-2T10:00Z", "is written like"),
    ("2026-11-24T10:00:00+25:00", "is written like"),
    ("2026-11-24T10:00:00+01:75", "is written like"),
    ("\u0662026-11-24T10:00:00Z", "is written like"),
    ("2026-11-24T10:00:00Z; rm", "is written like"),
    ("2026-02-30T10:00:00Z", "no such day or time"),
    ("2026-11-24T24:30:00Z", "no such day or time"),
    ("0000-11-24T10:00:00Z", "no such day or time"),
    ("0001-01-01T00:00:00+14:00", "1970 to 2200"),
    ("9999-12-31T23:59:59-14:00", "1970 to 2200"),
    ("1969-12-31T23:59:59Z", "1970 to 2200"),
    ("1970-01-01T00:30:00+01:00", "1970 to 2200"),
    ("2201-01-01T00:00:00Z", "1970 to 2200"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_what_is_no_instant_is_refused_in_one_sentence(text, sentence):
    """The sentence says what is wrong and how it is written."""
    with pytest.raises(BadInstant) as refused:
        parse_instant(text)
    message = str(refused.value)
    assert sentence in message
    assert message.endswith(".")


def test_text_that_is_no_instant_is_not_repeated():
    """Messages and logs are no place for whatever stood in that field."""
    with pytest.raises(BadInstant) as refused:
        parse_instant("jeanne.martin@example.org")
    assert "martin" not in str(refused.value)


@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    """Never another error."""
    with contextlib.suppress(BadInstant):
        assert parse_instant(text).tzinfo is UTC


@given(instant=INSTANTS)
def test_what_is_printed_is_read_back(instant):
    """Nothing is lost between printing and reading, down to the microsecond."""
    assert parse_instant(iso_z(instant)) == instant.astimezone(UTC)
    assert iso_z(instant).endswith("Z")


NAIVE = datetime(2026, 11, 24, 10)  # noqa: DTZ001 - naive on purpose: it must be refused.


@pytest.mark.parametrize(
    "ask",
    [
        act_by, legal_latest, art_3_5_latest, iso_z, noon_next_working_day, lambda t: add_months(t, 1),
        lambda t: remaining(t, t), lambda t: deadline("gdpr-art33", t),
        lambda t: deadline("dora-initial", at("2026-11-24T10:00:00Z"), classified_at=t),
        lambda t: deadline("art34-order", at("2026-11-24T10:00:00Z"), due_at=t),
    ],
)  # fmt: skip
def test_naive_times_and_the_edges_of_the_calendar_are_refused(ask):
    """No zone is guessed, and nothing overflows: one named error with one sentence."""
    with pytest.raises(BadInstant, match="needs its offset"):
        ask(NAIVE)
    for offset in (timezone(timedelta(hours=14)), UTC, timezone(-timedelta(hours=14))):
        for edge in (datetime.min, datetime.max, datetime(1969, 6, 1), datetime(2201, 6, 1)):  # noqa: DTZ001, DTZ901 - given a zone below.
            with pytest.raises(BadInstant, match="1970 to 2200"):
                ask(edge.replace(tzinfo=offset))


@pytest.mark.parametrize("regime", COUNTED)
def test_a_period_that_ends_after_2200_is_refused(regime):
    """The last days of the range start no period that leaves it."""
    with pytest.raises(BadInstant, match="1970 to 2200"):
        deadline(regime, datetime(2200, 12, 31, 23, 30, tzinfo=UTC))


@given(aware=st.datetimes(timezones=st.sampled_from(ZONES).map(ZoneInfo)), regime=st.sampled_from(COUNTED))
def test_the_whole_calendar_is_answered_or_refused(aware, regime):
    """From year 1 to year 9999 there is an answer or the one named error."""
    try:
        assert isinstance(deadline(regime, aware), Deadline)
    except BadInstant:
        assert not 1971 <= aware.year <= 2199


@pytest.mark.parametrize("hours", [0, -1, float("nan"), float("inf"), 1e300, 10_001])
def test_a_length_that_is_none_is_refused(hours):
    """Zero, negative, endless and absurd lengths are slips of whoever configured them."""
    with pytest.raises(BadInstant, match="hours"):
        act_by(at("2026-11-24T10:00:00Z"), hours)


def test_what_does_not_belong_to_a_regime_is_refused():
    """An unknown regime or zone, hours for a month, a classification where there is none."""
    aware = at("2026-11-24T10:00:00Z")
    for ask, sentence in (
        (lambda: deadline("gdpr-art35", aware), "the regimes are triage, gdpr-art33"),
        (lambda: deadline("gdpr-art33", aware, zone="Mars/Phobos"), "no such time zone"),
        (lambda: deadline("gdpr-art33", aware, zone="../etc/passwd"), "no such time zone"),
        (lambda: deadline("gdpr-art33", aware, zone="Europe"), "no such time zone"),
        (lambda: deadline("nis2-final", aware, hours=72), "not counted in hours"),
        (lambda: deadline("gdpr-art33", aware, classified_at=aware), "classification"),
        (lambda: add_months(aware, 10**9), "1970 to 2200"),
        (lambda: add_months(aware, -(10**9)), "1970 to 2200"),
    ):
        with pytest.raises(BadInstant, match=sentence):
            ask()


def test_a_period_from_midnight_to_midnight_holds_its_first_day_and_not_its_last():
    """Aware on Thursday at 23:30, the period is Friday 00:00 to Monday 00:00: one working day, and Monday is missing."""
    contested = art_3_5_latest(at("2026-11-26T23:30:00+01:00"))
    assert paris(contested.any_part) == paris(contested.whole_days) == "2026-12-01T00:00:00+01:00"


def test_a_period_under_two_days_needs_no_working_days():
    """Art. 3(5) speaks of two days or more."""
    friday = at("2026-11-27T17:30:00+01:00")
    contested = art_3_5_latest(friday, hours=24)
    assert contested.any_part == contested.whole_days == legal_latest(friday, 24)


def test_what_is_left_is_elapsed_time():
    """Over the night in which the clocks go back, 25 hours are left between two midnights; then none, then less."""
    midnight = datetime(2026, 10, 25, tzinfo=PARIS)
    following = datetime(2026, 10, 26, tzinfo=PARIS)
    assert remaining(following, midnight) == timedelta(hours=25)
    assert remaining(midnight, midnight) == timedelta(0)
    assert remaining(midnight, following) == -timedelta(hours=25)


def test_a_deadline_is_printed_as_json_with_offsets():
    """What leaves breachflow never lacks its offset."""
    line = msgspec.to_builtins(deadline("gdpr-art33", at("2026-11-24T10:17:00+01:00")))
    assert line["act_by"] == "2026-11-27T09:17:00Z"
    assert line["act_by_local"] == "2026-11-27T10:17:00+01:00"
