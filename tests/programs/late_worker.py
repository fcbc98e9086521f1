"""`breachflow worker`, the real one, with one thing changed: it looks for nothing before Faust connects."""

from __future__ import annotations

from breachflow.agents.worker import Worker
from breachflow.cli import main


async def nothing_is_missing(_: Worker) -> None:
    """As it was a moment ago."""


Worker._problem = nothing_is_missing

main(["worker"])
