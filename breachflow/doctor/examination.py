"""The probes in their order: what is on this machine first, then what others must answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from breachflow.delivery import BadRoute, open_route
from breachflow.doctor import household, post, standing
from breachflow.doctor.probe import SECONDS, Finding, Probe, probed

if TYPE_CHECKING:
    from breachflow.settings.environment import Settings
    from breachflow.store import Store

LABOUR = 8  # Times as long for what asks nobody: every template is rendered, and a busy machine takes its time.
ASK_THE_DATABASE = "not looked at: the database does not answer, see above."


def examine(
    settings: Settings,
    strangers: list[str],
    keys: Callable[[], list[bytes]],
    opened: Callable[[], Store],
    now: Callable[[], datetime],
    *,
    seconds: float = SECONDS,
) -> Iterator[Finding]:
    """Look at everything in turn. Nothing is sent, and nothing changed but a lease that lapses at once.

    `keys` are those that may open the database, `opened` opens it with the one that does.
    """
    yield from probed("configuration", lambda: household.configuration(settings, strangers), seconds)
    yield from probed("organisation", lambda: household.organisation(settings), seconds)
    yield from probed("mappings", lambda: household.mappings(settings), seconds)
    yield from probed("key", lambda: household.key_file(settings, keys), seconds)
    yield from probed("disk", lambda: household.disk(settings), seconds)
    yield from probed("law", lambda: household.law(settings, now), seconds)
    yield from probed("templates", lambda: household.templates(settings, now), LABOUR * seconds)
    found = probed("database", lambda: standing.database(opened, now), seconds)
    yield from found
    there = all(one.level != "problem" for one in found)
    asked: dict[str, Probe] = {
        "clock": lambda: standing.watch(opened, settings, now),
        "ticks": lambda: standing.ticks(opened, now),
        "mails": lambda: standing.mails(opened, now),
        "cases": lambda: standing.cases(opened, now),
        "dead letters": lambda: standing.dead_letters(opened),
    }
    for name, probe in asked.items():
        if there:
            yield from probed(name, probe, seconds)
        else:
            yield Finding(probe=name, level="warning", sentence=ASK_THE_DATABASE)
    yield from _post(settings, now, seconds)
    if settings.kafka is not None:
        yield from _kafka(settings, opened if there else None, seconds)


def _post(settings: Settings, now: Callable[[], datetime], seconds: float) -> Iterator[Finding]:
    try:
        providers = open_route(settings).providers
    except BadRoute as fault:
        yield Finding(probe="mail", level="problem", sentence=str(fault))
        return
    for provider in providers:
        yield from probed(f"mail {provider.name}", lambda one=provider: post.provider(one, settings, now), seconds)  # type: ignore[misc]  # mypy cannot infer a lambda with a default.


def _kafka(settings: Settings, opened: Callable[[], Store] | None, seconds: float) -> Iterator[Finding]:
    from breachflow.doctor import stream

    found = probed("kafka", lambda: stream.reachable(settings), seconds)
    yield from found
    if all(one.level == "problem" for one in found):
        return
    yield from probed("topics", lambda: stream.topics(settings), seconds)
    if opened is None:
        yield Finding(probe="lag", level="warning", sentence=ASK_THE_DATABASE)
    else:
        yield from probed("lag", lambda: stream.lag(settings, opened), seconds)
