"""`breachflow status`: the open cases, most urgent first, and whether a person must act."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import click

from breachflow.cli import assembly
from breachflow.cli.answers import lasting, one_line, print_json

SHOWN = 50  # A table longer than a screen or two is not read; the rest is counted, and `--json` has them all.
REFRESH = 5.0  # Seconds between two looks with --watch.


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print all open cases as one JSON list.")
@click.option("--watch", is_flag=True, help="Look again every few seconds until interrupted.")
@click.pass_context
def status_command(ctx: click.Context, as_json: bool, watch: bool) -> int:
    """Show the open cases, most urgent first. Exit 1 when a clock is overdue or an escalation reached nobody."""
    settings = assembly.settings(ctx)
    now = assembly.clock(settings)
    while True:
        with assembly.store(settings) as store:
            code = _json(store, now()) if as_json else _table(store, now(), clear=watch)
        if not watch:
            return code
        time.sleep(REFRESH)


def _json(store: Any, now: datetime) -> int:
    from breachflow.core.overview import at_a_glance, overdue

    cases = store.open_cases(None)
    print_json([at_a_glance(case, now) for case in cases])
    return int(any(case.alarm or overdue(case, now) for case in cases))


def _table(store: Any, now: datetime, *, clear: bool) -> int:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from breachflow.core.clock import state
    from breachflow.core.overview import next_step, overdue, risk

    cases = store.open_cases(None)
    console = Console(width=None if click.get_text_stream("stdout").isatty() else 140)
    if clear:
        console.clear()
    must_act = [case for case in cases if case.alarm or overdue(case, now)]
    if store.dead_letters("held", 1):
        console.print("There are records that could not be read: `breachflow deadletters list`.", style="yellow")
    if not cases:
        console.print("No open case.")
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("case", "title", "controller", "risk", "stage", "clock", "remaining", "next step"):
        table.add_column(column, no_wrap=column in ("case", "clock", "remaining"), overflow="fold")
    for case in cases[:SHOWN]:
        running = sorted((c for c in case.clocks if c.stop is None), key=lambda c: c.act_by)
        first = running[0] if running else None
        left = first.act_by - now if first is not None else None
        table.add_row(
            case.id,
            Text(one_line(case.title, 48)),
            ", ".join(dict.fromkeys(part.controller for part in case.parts)),
            Text(risk(case) or "?", style={"high": "bold red", "risk": "yellow"}.get(risk(case) or "", "")),
            case.stage.value,
            Text("" if first is None else first.regime + ("*" if state(first, now) == "provisional" else "")),
            Text("" if left is None else lasting(left), style=_style(left)),
            Text(one_line(next_step(case, now).what)),
        )
    console.print(table)
    if len(cases) > SHOWN:
        console.print(f"… and {len(cases) - SHOWN} more, less urgent; `breachflow status --json` has all {len(cases)}.")
    console.print(
        "* provisional: runs from the earliest candidate until a person sets the instant of awareness.", style="dim"
    )
    if must_act:
        console.print(f"{len(must_act)} of {len(cases)} need a person now.", style="bold red")
    return int(bool(must_act))


def _style(left: timedelta | None) -> str:
    if left is None:
        return ""
    if left < timedelta():
        return "bold red"
    return "red" if left < timedelta(hours=6) else "yellow" if left < timedelta(hours=24) else "green"
