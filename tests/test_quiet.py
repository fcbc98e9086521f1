"""Quiet hours: what can wait until the morning does, what cannot does not, and nothing is lost in the night."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import START, Story, organisation

from breachflow.core import ladder
from breachflow.core.case import Clock
from breachflow.core.decision import Ack, Confirm
from breachflow.core.ladder import CLIMB_FASTER_INSIDE, Climb, scale
from breachflow.core.organisation import Ladder, Policy
from breachflow.core.quiet import Quiet, instant
from breachflow.settings.organisation_file import check

PARIS = ZoneInfo("Europe/Paris")
NIGHT = {"quiet_from": "22:00", "quiet_until": "07:00"}
HOUR = timedelta(hours=1)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


@pytest.fixture
def story(tmp_path):
    told = Story(tmp_path, organisation(Policy(ladder=Ladder(**NIGHT))))
    yield told
    told.store.close()


def test_a_rung_in_the_night_is_told_in_the_morning(story):
    """T-48 at three in the morning, two days before: at seven, once, and by its own name."""
    story.watch.instant = local("2026-11-24T03:00")
    story.event()
    story.decide(Confirm(by="dpo", aware_at=story.watch()))
    story.told()
    story.advance(hours=27, minutes=59)
    assert story.told() == ["deputy"]  # The climb in the afternoon; nothing at three in the night.
    story.advance(minutes=1)
    assert story.watch() == local("2026-11-25T07:00")
    assert story.told() == ["dpo"]
    rungs = [e for e in story.store.entries(story.case.id) if e.kind == "escalated"]
    assert rungs[-1].body["rungs"] == [["gdpr-art33:insurance", "T-48"], ["gdpr-art34:insurance", "T-48"]]


def test_a_first_alert_waits_for_nobody(story):
    """A new case at two in the night is told at two in the night."""
    story.watch.instant = local("2026-11-24T02:00")
    story.event()
    assert story.told() == ["dpo"]


def test_inside_the_last_third_the_night_is_no_excuse(story):
    """T-12 at one in the night, and every rung after it, is told when it is due."""
    story.watch.instant = local("2026-11-24T13:00")
    story.event()
    story.decide(Confirm(by="dpo", aware_at=story.watch()))
    story.advance(hours=71)
    clock = story.clock("gdpr-art33")
    told = {
        rung: entry.at
        for entry in story.store.entries(story.case.id)
        if entry.kind == "escalated"
        for ident, rung in entry.body["rungs"]
        if ident == clock.id
    }
    assert clock.act_by == local("2026-11-27T13:00")
    assert told["T-12"] == local("2026-11-27T01:00")
    assert told["T-6"] <= local("2026-11-27T07:00")


def test_overdue_is_told_by_night_too(story):
    """Every four hours, whatever the hour."""
    story.watch.instant = local("2026-11-24T20:00")
    story.event()
    story.decide(Confirm(by="dpo", aware_at=story.watch()))
    story.advance(hours=72)
    story.told()
    story.advance(hours=8, minutes=1)  # Midnight, and four in the night.
    assert story.told().count("boss") == 2


def test_a_process_that_comes_back_by_night_waits_for_the_morning(story):
    """A rung was missed in the evening: what can still wait is told at seven, in one mail."""
    story.watch.instant = local("2026-11-24T20:30")
    story.event()
    story.decide(Confirm(by="dpo", aware_at=story.watch()))
    story.told()
    story.watch.instant = local("2026-11-26T03:00")  # T-48 was at 20:30, six and a half hours ago; T-41.5 now.
    story.beat()
    assert story.told() == []
    assert story.store.next_due() == local("2026-11-26T07:00")
    story.advance(hours=4)
    assert "dpo" in story.told()


def test_an_acknowledgement_that_lapses_by_night_lapses_into_the_morning(story):
    """What fell due while somebody was on it is told when the night is over."""
    story.watch.instant = local("2026-11-24T20:00")
    story.event()
    story.decide(Confirm(by="dpo", aware_at=story.watch()))
    story.advance(hours=23, minutes=30)
    story.decide(Ack(by="dpo"))
    story.told()
    story.advance(hours=11)
    assert story.told() == []
    assert story.watch() == local("2026-11-26T06:30")
    story.advance(minutes=31)
    assert "dpo" in story.told()


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-11-24T21:59:59+01:00", None),
        ("2026-11-24T22:00:00+01:00", "2026-11-25T07:00:00+01:00"),
        ("2026-11-25T06:59:59+01:00", "2026-11-25T07:00:00+01:00"),
        ("2026-11-25T07:00:00+01:00", None),
        ("2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),  # Ten hours of night.
        ("2026-10-25T02:30:00+02:00", "2026-10-25T07:00:00+01:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T07:00:00+01:00"),
        ("2027-03-27T23:00:00+01:00", "2027-03-28T07:00:00+02:00"),  # Eight hours of night.
    ],
)
def test_a_night_ends_when_the_wall_says_so(at, end):
    """Also in the two nights in which the wall jumps."""
    ends = Quiet(time(22), time(7), "Europe/Paris").end(datetime.fromisoformat(at))
    assert ends == (None if end is None else datetime.fromisoformat(end))


def test_times_that_the_wall_skips_or_shows_twice():
    """02:30 is never shown on one Sunday, and shown twice on another: the night ends once, at the first chance."""
    assert instant(date(2027, 3, 28), time(2, 30), PARIS) == datetime.fromisoformat("2027-03-28T03:00+02:00")
    assert instant(date(2026, 10, 25), time(2, 30), PARIS) == datetime.fromisoformat("2026-10-25T02:30+02:00")
    quiet = Quiet(time(22), time(2, 30), "Europe/Paris")
    assert quiet.end(datetime.fromisoformat("2026-10-25T02:15+01:00")) is None  # It was over already.
    assert quiet.end(datetime.fromisoformat("2027-03-28T01:59+01:00")) == datetime.fromisoformat(
        "2027-03-28T03:00+02:00"
    )
    noon = Quiet(time(12), time(13, 30), "Europe/Paris")
    assert noon.end(datetime.fromisoformat("2026-11-24T12:30+01:00")) == datetime.fromisoformat(
        "2026-11-24T13:30+01:00"
    )
    assert noon.end(datetime.fromisoformat("2026-11-25T00:30+01:00")) is None


walls = st.times(time(0), time(23, 59)).map(lambda at: at.replace(second=0, microsecond=0))
lengths = st.one_of(st.sampled_from([4.0, 24.0, 72.0, 72.0, 72.0, 720.0]), st.floats(1, 800))
bases = [datetime(2026, 10, 21, tzinfo=UTC), datetime(2027, 3, 24, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)]
starts = st.builds(lambda base, hours: base + hours * HOUR, st.sampled_from(bases), st.floats(0, 168))
zones = st.sampled_from(["Europe/Paris", "Indian/Reunion", "Australia/Lord_Howe", "America/Martinique", "UTC"])
beats = st.lists(st.floats(0.01, 30), min_size=1, max_size=25)


def lived(clock: Clock, climb: Climb, pauses: list[float] | None) -> list[tuple[datetime, datetime, str]]:
    """Beat at every due instant, or after these pauses; return (due, told, rung) of every call until it is overdue."""
    calls, now = [], clock.started
    clock = ladder.begin(clock, climb, now)
    until = clock.act_by + 30 * HOUR
    waits = iter(pauses or ())
    while now < until:
        due = clock.next_rung_at
        assert due is not None
        now = max(now, due) if pauses is None else now + (next(waits, None) or 24) * HOUR
        before = clock
        clock, call = ladder.call(clock, climb, now)
        if call is not None:
            calls.append((before.next_rung_at, now, call.rung))
    return calls


@given(starts, lengths, walls, walls, zones)
def test_no_night_delays_what_must_not_wait_or_longer_than_it_lasts(start, length, from_, until, zone):
    """None beyond `quiet_until`, none inside the last third, none told by night before it, none lost."""
    if from_ == until:
        return
    clock = Clock(id="c", regime="gdpr-art33", started=start, act_by=start + length * HOUR, because="x")
    wakeful = clock.act_by - CLIMB_FASTER_INSIDE * scale(clock)
    plain = Climb(Ladder(), zone)
    quiet = Climb(Ladder(quiet_from=f"{from_:%H:%M}", quiet_until=f"{until:%H:%M}"), zone)
    night = Quiet(from_, until, zone)

    for _, told, _ in lived(clock, quiet, None):
        assert told >= wakeful or night.end(told) is None
    for index in range(len(plain.ladder.rungs) + 3):
        at = ladder.rung_at(clock, plain, index)
        held = ladder.held_until(clock, quiet, at)
        end = night.end(at)
        assert held >= at
        assert held == at if at >= wakeful or end is None else held == min(end, wakeful)
        if end is not None:
            shown = end.astimezone(ZoneInfo(zone))
            skipped = instant(shown.date(), until, ZoneInfo(zone)) == end
            assert skipped
            assert held <= end
    # Every rung inside the last third is told at its instant, with or without a night.
    inside = [
        ladder.rung_name(clock, plain, index + 1)
        for index in range(len(plain.ladder.rungs))
        if ladder.rung_at(clock, plain, index) >= wakeful and index > 0
    ]
    told_then = {rung: told for _, told, rung in lived(clock, quiet, None)}
    for name in inside:
        assert name in told_then


@given(starts, walls, walls, beats)
def test_whatever_the_beat_the_deadline_is_told(start, from_, until, pauses):
    """A process that is often down loses nothing to the night: the last rung before now is told, always by name."""
    if from_ == until:
        return
    clock = Clock(id="c", regime="gdpr-art33", started=start, act_by=start + 72 * HOUR, because="x")
    quiet = Climb(Ladder(quiet_from=f"{from_:%H:%M}", quiet_until=f"{until:%H:%M}"))
    calls = lived(clock, quiet, pauses)
    assert any(told >= clock.act_by for _, told, _ in calls)


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('quiet_from = "22:00"', "policy.ladder.quiet_from"),
        ('quiet_until = "07:00"', "policy.ladder.quiet_until"),
        ('quiet_from = "07:00"\nquiet_until = "07:00"', "policy.ladder.quiet_until"),
        ('quiet_from = "24:00"\nquiet_until = "07:00"', "policy.ladder.quiet_from"),
    ],
)
def test_check_names_hours_that_are_none(tmp_path, lines, key):
    """One of the two alone, a whole day, a time that no clock shows."""
    file = tmp_path / "organisation.toml"
    file.write_text(
        'name = "x"\nsender = "a@x.example"\n[[controllers]]\nid = "x"\nname = "x"\n[[people]]\nid = "dpo"\n'
        f'rank = "dpo"\nname = "DPO"\nemail = "dpo@x.example"\n[policy.ladder]\n{lines}\n'
    )
    assert [finding.key for finding in check(file) if finding.level == "error"] == [key]


def test_without_quiet_hours_nothing_waits():
    """The default."""
    clock = Clock(id="c", regime="gdpr-art33", started=START, act_by=START + 72 * HOUR, because="x")
    assert ladder.held_until(clock, Climb(Ladder()), START + 17 * HOUR) == START + 17 * HOUR
