"""What every verb has at hand: the store, the rules, the watch, and what it says where it stumbles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Protocol

import structlog

from breachflow.core.case import Case
from breachflow.core.charter import Charter
from breachflow.delivery import Hook, Route
from breachflow.formats import Readers
from breachflow.meter import Meter
from breachflow.rendering import Renderer
from breachflow.store import Store

ATTEMPTS = 20  # Another process may move the case between our read and our write; twenty times in a row it does not.
BATCH = 100  # Keeps one tick well under a second, so that a rung is never late because of its neighbours.
LEASE = timedelta(minutes=2)  # Longer than any provider's time-out; a process that died in it is taken over after it.

log = structlog.get_logger("breachflow")


class Contended(Exception):  # noqa: N818 - named for what happened, as the field says it.
    """Other processes changed the case each time before our change could be written; nothing was lost, try again."""


class Desk(Protocol):
    """Where drafts are laid down; the embedded default is a folder."""

    def lay(self, case: str, drafts: Sequence[tuple[str, bytes]]) -> list[str]:
        """Keep these drafts, each by its name, replacing older ones; return where each of them lies."""

    def clear(self, case: str) -> None:
        """Remove the drafts of a case."""


class Office:
    """One store, and what is done over it. One thread uses it at a time; any number of processes may run one each."""

    def __init__(
        self,
        store: Store,
        charter: Charter,
        now: Callable[[], datetime],
        *,
        renderer: Renderer | None = None,
        route: Route | None = None,
        desk: Desk | None = None,
        meter: Meter | None = None,
        hooks: Sequence[Hook] = (),
        readers: Readers | None = None,
    ) -> None:
        self.store = store
        self.charter = charter
        self.now = now
        self.renderer = renderer or Renderer()
        self.route = route
        self.desk = desk
        self.meter = meter or Meter()
        self.readers = readers or Readers()
        self.hooks = tuple(hooks)
        # Whatever this workflow commits owes its signals to these addresses, in the same transaction.
        store.hooks = tuple(hook.name for hook in self.hooks)
        self._stumbled: dict[tuple[str, str], int] = {}

    def _stumble(self, verb: str, case: Case, version: int, fault: Exception) -> None:
        """Say once for each version of a case that breachflow cannot work on it."""
        if self._stumbled.get((verb, case.id)) != version:
            self._stumbled[verb, case.id] = version
            stumbled(verb, fault, case=case.id)


def where(fault: BaseException) -> str:
    """Return what kind of fault it is and where it happened; never its message, which may hold personal data."""
    step = fault.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    place = f" in {PurePath(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}" if step is not None else ""
    return f"{type(fault).__name__}{place}"


def stumbled(at: str, fault: Exception, **names: object) -> None:
    """Say aloud that breachflow has a fault of its own here."""
    log.error("stumbled", at=at, fault=where(fault), **names)
