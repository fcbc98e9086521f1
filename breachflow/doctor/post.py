"""The mail providers: reached and greeted as for a mail, without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from breachflow.delivery import Deferred, Refused
from breachflow.doctor.probe import SECONDS, Said, ok, problem
from breachflow.doctor.standing import skewed

if TYPE_CHECKING:
    from breachflow.delivery.route import Provider
    from breachflow.settings.environment import Settings

DATE_SECONDS = 5.0  # An HTTP date has whole seconds, and the answer was under way.


def provider(one: Provider, settings: Settings, now: Callable[[], datetime]) -> Iterator[Said]:
    """Whether it would take a mail now, and how far this machine's clock is from its own."""
    try:
        checked = one.check(SECONDS - 1)
    except (Deferred, Refused) as fault:
        yield problem(f"{fault} Mails wait, or go to the next provider.")
        return
    yield ok(checked.sentence)
    if checked.date is not None and settings.now is None:
        yield from skewed(abs((now() - checked.date).total_seconds()), "SendGrid's", slack=DATE_SECONDS)
