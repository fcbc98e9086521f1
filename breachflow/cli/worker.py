"""`breachflow worker`: events and decisions from Kafka, facts out to it."""

from __future__ import annotations

import os

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused


@click.command("worker")
@click.option("--exercise", is_flag=True, help="Allow BREACHFLOW_NOW: the watch stands still.")
@click.option("--singly", is_flag=True, help="Read message by message, without the batch transport (slower).")
@click.pass_context
def worker_command(ctx: click.Context, exercise: bool, singly: bool) -> int:
    """Take in events from Kafka until SIGTERM. Any number of workers may run; `breachflow run` keeps the clocks.

    Exit 0 after a signal, 1 where the worker crashed or got nowhere: its supervisor starts it again, and it goes on
    where the database says.
    """
    from breachflow.agents.worker import work
    from breachflow.meter import Meter
    from breachflow.settings.logging import configure
    from breachflow.workflow import Workflow

    configure()
    os.umask(0o077)
    settings = assembly.settings(ctx)
    if settings.kafka is None:
        raise Refused("BREACHFLOW_KAFKA names no broker; set it to HOST:PORT, or take events in by `breachflow run`.")
    if settings.now is not None and not exercise:
        raise Refused("BREACHFLOW_NOW stops the watch, and with it every deadline; unset it, or add --exercise.")
    rules, now, meter = assembly.charter(settings), assembly.clock(settings), Meter()
    reading = assembly.readers(settings, rules, loud=True)

    def make() -> Workflow:
        return assembly.put_together(
            settings, assembly.opened(settings), now, rules=rules, loud=True, meter=meter, reading=reading
        )

    return work(settings, make, singly=singly, meter=meter)
