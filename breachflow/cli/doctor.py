"""`breachflow doctor`: whether everything that must work is there, and does."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path

import click

from breachflow.cli import assembly
from breachflow.cli.answers import one_line, print_json, say

LONGEST = 400  # Characters of a line: what others say may be long.


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print each finding as a line of JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> int:
    """Look at settings, database, Kafka, mail, templates, law, clocks and disk: one line each, with what to do.

    Sends nothing. Exit 1 on a problem, 0 otherwise.
    """
    from breachflow.doctor import Finding, examine
    from breachflow.settings import SettingsError, rotation
    from breachflow.settings.environment import strangers
    from breachflow.settings.logging import configure

    configure(level="critical")
    logging.disable(logging.CRITICAL)  # What a library has to say is said in the findings.

    def show(finding: Finding) -> None:
        if as_json:
            print_json({"probe": finding.probe, "level": finding.level, "message": finding.sentence})
        else:
            say(one_line(f"{finding.level:8} {finding.probe}: {finding.sentence}", LONGEST))

    try:
        settings = assembly.settings(ctx)
        unknown = strangers(os.environ, Path.cwd())
        bad = False
        keys, opened = partial(rotation.keys, settings), partial(assembly.opened, settings)
        for finding in examine(settings, unknown, keys, opened, assembly.clock(settings)):
            show(finding)
            bad = bad or finding.level == "problem"
    except SettingsError as fault:
        show(Finding(probe="configuration", level="problem", sentence=str(fault)))
        return 1
    finally:
        logging.disable(logging.NOTSET)
    return int(bad)
