"""What the database says: whether it takes a change, whose clocks nobody keeps, what did not leave, what waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from breachflow.core.overview import next_step, stranded
from breachflow.doctor.probe import Said, ok, problem, warning
from breachflow.store.engine import VERSION

if TYPE_CHECKING:
    from breachflow.settings.environment import Settings
    from breachflow.store import Store

Opened = Callable[[], "Store"]

NOBODY_TICKS = timedelta(minutes=2)  # A tick comes every second; a database that was away for a moment is no alarm.
NOT_LEFT = timedelta(minutes=15)  # About as long as one mail is tried before the next person is told.
GIVEN_UP_SINCE = timedelta(days=7)
SKEW_SECONDS = 2.0  # Machines that keep time by NTP are well within a second.
WRONG_SECONDS = 60.0  # A deadline shown a minute too late is wrong.
CASES = 2_000  # Looked at, the most urgent first.
LETTERS = 1_000  # Counted; beyond that the number says nothing more.


def database(opened: Opened, now: Callable[[], datetime]) -> Iterator[Said]:
    """It opens with our key, has our schema, and takes a change."""
    with opened() as store:
        at = now()
        store.hold("doctor", f"doctor-{os.getpid()}", at, at)
        yield ok(f"it is there, takes changes, and has version {VERSION}, which is this breachflow's.")


def watch(opened: Opened, settings: Settings, now: Callable[[], datetime]) -> Iterator[Said]:
    """This machine's clock against the database's."""
    if settings.now is not None:
        yield warning("not compared: BREACHFLOW_NOW stops the watch.")
        return
    with opened() as store:
        before = now()
        there = store.clock()
        after = now()
    skew = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    yield from skewed(skew, "the database's")


def skewed(seconds: float, whose: str, slack: float = SKEW_SECONDS) -> Iterator[Said]:
    """Say how far this machine's clock is from another."""
    if seconds > max(WRONG_SECONDS, slack):
        yield problem(f"this machine's clock is {seconds:.0f} s from {whose}: deadlines are wrong; set up NTP.")
    elif seconds > slack:
        yield warning(f"this machine's clock is {seconds:.1f} s from {whose}: let NTP keep both.")
    else:
        yield ok(f"this machine's clock agrees with {whose}.")


def ticks(opened: Opened, now: Callable[[], datetime]) -> Iterator[Said]:
    """Whether somebody climbs the ladders."""
    with opened() as store:
        due = store.next_due()
    late = now() - due if due is not None else timedelta()
    if late > NOBODY_TICKS:
        yield problem(
            f"somebody had to be told {_minutes(late)} ago and was not: nobody ticks; start `breachflow run`, or "
            "`breachflow run --no-intake` beside workers."
        )
    else:
        yield ok("no rung of any ladder is overdue.")


def mails(opened: Opened, now: Callable[[], datetime]) -> Iterator[Said]:
    """What is owed and did not leave, and what was given up of late."""
    at = now()
    with opened() as store:
        waiting = store.waiting(LETTERS)
        failed = store.given_up(at - GIVEN_UP_SINCE, LETTERS)
    old = at - waiting.oldest if waiting.oldest is not None else timedelta()
    if old > NOT_LEFT:
        yield problem(
            f"{_count(waiting.count, 'mail')} {_wait(waiting.count)} to leave, the oldest for "
            f"{_minutes(old)}: see the mail lines below, and that `breachflow run` runs."
        )
    elif failed:
        yield warning(
            f"{_count(failed, 'mail')} of the last {GIVEN_UP_SINCE.days} days were given up and the next person was "
            "told instead: `breachflow show CASE` says why."
        )
    else:
        yield ok(
            f"{_count(waiting.count, 'mail')} {_wait(waiting.count)} to leave."
            if waiting.count
            else "no mail waits to leave."
        )


def cases(opened: Opened, now: Callable[[], datetime]) -> Iterator[Said]:
    """Cases about which nobody could be told, and cases that nobody would be led on in."""
    at = now()
    with opened() as store:
        found = store.open_cases(CASES)
    unreached = [case.id for case in found if case.alarm]
    if unreached:
        yield problem(
            f"about {_named(unreached)} nobody could be told: reach the DPO by telephone, then `breachflow ack CASE`."
        )
    lost = [case.id for case in found if stranded(case, at)]
    if lost:
        yield problem(f"{_named(lost)} have no next step and no rung: look at `breachflow show CASE` and decide.")
    if not unreached and not lost:
        urgent = [case for case in found if next_step(case, at).command]
        yield ok(f"{_count(len(urgent), 'open case')}, each with a next step." if found else "no open case.")


def dead_letters(opened: Opened) -> Iterator[Said]:
    """What could not be read and waits for somebody to look."""
    with opened() as store:
        held = store.held(LETTERS)
    if held:
        yield warning(f"{_count(held, 'record')} could not be read and {_wait(held)}: `breachflow deadletters list`.")
    else:
        yield ok("no dead letter waits.")


def _count(count: int, one: str) -> str:
    return f"{count}{' or more' if count >= LETTERS else ''} {one}{'' if count == 1 else 's'}"


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"


def _named(ids: list[str]) -> str:
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")


def _minutes(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
