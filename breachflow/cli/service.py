"""`breachflow run`: the embedded service, or the clock process beside the Kafka workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused


@click.command("run")
@click.option("--once", is_flag=True, help="One pass (for cron): drain the inbox, tick, draft, deliver, exit.")
@click.option("--no-intake", is_flag=True, help="Only clocks, drafts and mails; events come through other doors.")
@click.option("--exercise", is_flag=True, help="Allow BREACHFLOW_NOW: the watch stands still.")
@click.pass_context
def run_command(ctx: click.Context, once: bool, no_intake: bool, exercise: bool) -> int:
    """Run the embedded service: watch the inbox folder, take HTTP, tick, draft, deliver. Stops on SIGTERM."""
    from breachflow.delivery import open_hooks
    from breachflow.delivery.sendgrid_events import Seal
    from breachflow.loop import serve
    from breachflow.meter import Meter
    from breachflow.settings.logging import configure
    from breachflow.workflow import Workflow

    configure()
    os.umask(0o077)  # Everything this process writes is for its owner only.
    settings = assembly.settings(ctx)
    if settings.now is not None and not exercise:
        raise Refused("BREACHFLOW_NOW stops the watch, and with it every deadline; unset it, or add --exercise.")
    now: Callable[[], datetime] = assembly.clock(settings)
    with assembly.store(settings, create=True):
        pass
    rules = assembly.charter(settings)
    reading = assembly.readers(settings, rules, loud=True)
    meter = Meter()
    hooks = open_hooks(settings)  # Shared by all duties: an address that wants no more is left alone by each.
    seal = Seal(settings.sendgrid_webhook_key) if settings.sendgrid_webhook_key else None

    def make() -> Workflow:
        return assembly.put_together(
            settings, assembly.opened(settings), now, rules=rules, loud=True, meter=meter, hooks=hooks, reading=reading
        )

    return serve(
        make,
        home=settings.home,
        http=settings.http if settings.http_token is not None or seal is not None else None,
        token=settings.http_token,
        intake=not no_intake,
        once=once,
        clock=now,
        metrics=settings.metrics,
        meter=meter,
        seal=seal,
        formats=reading.names,
    )
