"""One probe: it looks at one thing, has five seconds for it, and says one sentence whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from breachflow.delivery import BadRoute
from breachflow.settings import SettingsError
from breachflow.store import StoreError
from breachflow.workflow import where

Level = Literal["ok", "warning", "problem"]
"""`warning`: somebody should look when there is time. `problem`: something does not work, or nobody is told."""

SECONDS = 5.0  # Longer than anything that is well takes; a person waits for the answer.


class Finding(Struct, frozen=True, kw_only=True):
    """What a probe found: one sentence, which says what to do unless all is well. It holds no secret and no name."""

    probe: str
    level: Level
    sentence: str


Said = tuple[Level, str]
Probe = Callable[[], Iterable[Said]]
"""Looks and says; what it raises is a finding too."""


def ok(sentence: str) -> Said:
    """It is well."""
    return "ok", sentence


def warning(sentence: str) -> Said:
    """Somebody should look when there is time."""
    return "warning", sentence


def problem(sentence: str) -> Said:
    """Something does not work."""
    return "problem", sentence


def probed(name: str, probe: Probe, seconds: float = SECONDS) -> list[Finding]:
    """Run one probe on a thread of its own and return what it found; it is left behind where it takes too long."""
    said: list[Said] = []

    def look() -> None:
        try:
            found = list(probe())
        except (SettingsError, StoreError, BadRoute) as fault:
            found = [problem(str(fault))]
        except Exception as fault:  # noqa: BLE001 - answered: a probe that crashes is a finding, and the others go on.
            found = [problem(f"the probe itself failed ({where(fault)}): a fault of breachflow; please report it.")]
        said.extend(found)

    thread = threading.Thread(target=look, name=f"probe {name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        late = f"no answer within {seconds:g} s: is what it asks there?"
        return [Finding(probe=name, level="problem", sentence=late)]
    return [Finding(probe=name, level=level, sentence=sentence) for level, sentence in said]
