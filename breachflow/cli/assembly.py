"""Where the pieces are put together: settings, store, charter, workflow; the one place that reads the real clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from breachflow.cli.answers import Refused, one_line

if TYPE_CHECKING:
    from breachflow.core.charter import Charter
    from breachflow.delivery import Hook
    from breachflow.formats import Readers
    from breachflow.meter import Meter
    from breachflow.settings import Settings
    from breachflow.store import Store
    from breachflow.workflow import Workflow


def settings(ctx: click.Context) -> Settings:
    """Return the settings from the environment, `.env`, and the options before the command."""
    from breachflow.settings.environment import load

    return load(os.environ, Path.cwd(), overrides=ctx.find_root().obj or {})


def clock(chosen: Settings) -> Callable[[], datetime]:
    """Return what tells the time: the real clock, or the watch that stands still at BREACHFLOW_NOW."""
    if chosen.now is not None:
        standing: datetime = chosen.now
        return lambda: standing
    return lambda: datetime.now(UTC)


@contextmanager
def store(chosen: Settings, *, create: bool = False) -> Iterator[Store]:
    """Open the configured database; it must exist unless `create`."""
    found = opened(chosen, create=create)
    try:
        yield found
    finally:
        found.close()


def opened(chosen: Settings, *, create: bool = False) -> Store:
    """Open the configured database with the key that fits: after an interrupted change it is the next one."""
    from breachflow.settings import rotation
    from breachflow.store import WrongKey, open_store

    *others, last = rotation.keys(chosen)
    for key in others:
        with suppress(WrongKey):
            return open_store(chosen.database, key, create=create)
    return open_store(chosen.database, last, create=create)


def charter(chosen: Settings) -> Charter:
    """Read the organisation file."""
    from breachflow.core.charter import Charter
    from breachflow.settings.organisation_file import load

    return Charter(load(chosen.organisation))


def readers(chosen: Settings, rules: Charter, *, loud: bool = False) -> Readers:
    """Read the organisation's own mappings and the zones of its formats; `loud` logs each that cannot be used."""
    from breachflow.settings import mappings

    found, faults = mappings.readers(rules.organisation, chosen.organisation)
    if loud and faults:
        import structlog

        for fault in faults:
            structlog.get_logger("breachflow").warning(
                "mapping", problem="cannot be used: what it would read is kept as dead letters", said=str(fault)
            )
    return found


def home_was_chosen(ctx: click.Context) -> bool:
    """Whether the home folder was named by option or environment, rather than being the default."""
    return bool((ctx.find_root().obj or {}).get("BREACHFLOW_HOME") or os.environ.get("BREACHFLOW_HOME"))


def put_together(
    chosen: Settings,
    opened: Store,
    now: Callable[[], datetime],
    *,
    rules: Charter | None = None,
    loud: bool = False,
    meter: Meter | None = None,
    hooks: Sequence[Hook] | None = None,
    reading: Readers | None = None,
) -> Workflow:
    """Put a workflow together over an open store; `loud` logs what a service does, `meter` counts it.

    `hooks` and `reading` are those of the process, where several workflows share them; without them they are the
    settings' own.
    """
    from breachflow.delivery import open_hooks, open_route
    from breachflow.desk import Folder
    from breachflow.rendering import Renderer
    from breachflow.settings.logging import configure
    from breachflow.workflow import Workflow

    configure(level="info" if loud else "warning")
    rules = rules or charter(chosen)
    return Workflow(
        opened,
        rules,
        now,
        renderer=Renderer(overrides=chosen.home / "templates"),
        route=open_route(chosen),
        desk=Folder(chosen.home / "drafts"),
        meter=meter,
        hooks=open_hooks(chosen) if hooks is None else hooks,
        readers=readers(chosen, rules) if reading is None else reading,
    )


@contextmanager
def workflow(ctx: click.Context, *, create: bool = False) -> Iterator[Workflow]:
    """Open everything that a command which changes something needs."""
    chosen = settings(ctx)
    with store(chosen, create=create) as opened:
        yield put_together(chosen, opened, clock(chosen))


def the_case(opened: Store, prefix: str) -> str:
    """Return the id of the one case that starts with `prefix`; refuse none and several."""
    if not prefix.strip():
        raise Refused("the case is empty; write its id, or the first characters of it.")
    found = opened.find(prefix.strip().upper(), limit=3)
    if len(found) == 1 or prefix.strip().upper() in found:
        return found[0]
    if not found:
        raise Refused(f"there is no case {one_line(prefix, 40)}; `breachflow status` lists the open ones.")
    raise Refused(f"{one_line(prefix, 40)} names several cases ({', '.join(found)}, …); write more of the id.")
