"""`breachflow init` and `breachflow check`: the organisation file and the empty database."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from breachflow.cli import assembly
from breachflow.cli.answers import print_json, say

if TYPE_CHECKING:
    from breachflow.settings import Settings
    from breachflow.settings.mappings import Fault
    from breachflow.settings.organisation_file import Finding


@click.command("init")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def init_command(ctx: click.Context, as_json: bool) -> None:
    """Write a commented organisation file, a master key and an empty database. Keeps what exists; asks nothing."""
    from breachflow.settings.home import init

    settings = assembly.settings(ctx)
    lines = init(settings.home, organisation=settings.organisation, key=settings.key is None)
    with assembly.store(settings, create=True):
        pass
    if as_json:
        print_json({"home": str(settings.home), "done": [str(line) for line in lines]})
        return
    for line in lines:
        say(str(line))
    say(f"Database ready: {shown(settings.database)}")
    say("Next: edit the organisation file, then `breachflow check` and `breachflow run`.")


@click.command("check")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def check_command(ctx: click.Context, as_json: bool) -> int:
    """Check the organisation file, its mappings and templates: file and line of each fault. Exit 2 on an error."""
    from breachflow.rendering.templates import Templates
    from breachflow.settings.environment import strangers
    from breachflow.settings.organisation_file import check

    settings = assembly.settings(ctx)
    findings = check(settings.organisation, mail=settings.mail)
    findings += _routes(settings)
    errors = [finding for finding in findings if finding.level == "error"]
    for finding in findings:
        if as_json:
            print_json({"level": finding.level, "line": finding.line, "key": finding.key, "message": finding.sentence})
        else:
            place = f"{settings.organisation}:{finding.line}" if finding.line else str(settings.organisation)
            say(f"{place}: {finding.level}: {finding.key + ': ' if finding.key else ''}{finding.sentence}")
    wrong = _mappings(settings, usable=not errors)
    for one in wrong:
        if as_json:
            print_json(
                {"level": "error", "file": str(one.file), "line": one.line, "key": one.key, "message": one.sentence}
            )
        else:
            place = f"{one.file}:{one.line}" if one.line else str(one.file)
            say(f"{place}: error: {one.key + ': ' if one.key else ''}{one.sentence}")
    templates = Templates(settings.home / "templates").broken()
    for fault in templates:
        # The shipped template is used meanwhile: nothing is delayed, and the exit code stays that of the file.
        sentence = f"{fault.why}; the shipped template is used." if fault.fatal else f"{fault.why}."
        if as_json:
            print_json({"level": "warning", "line": fault.line, "key": str(fault.path), "message": sentence})
        else:
            say(f"{fault.path}{f':{fault.line}' if fault.line else ''}: warning: {sentence}")
    for sentence in strangers(os.environ, Path.cwd()):
        click.echo(f"breachflow: warning: {sentence}", err=True)
    warned = len(findings) + len(templates)
    if not as_json and not errors:
        say(f"{settings.organisation} is usable" + (f", with {warned} warning(s)." if warned else "."))
    return 2 if errors or wrong else 0


def _mappings(settings: Settings, *, usable: bool) -> list[Fault]:
    """Return what is wrong with the organisation's mappings and its settings of formats."""
    from breachflow.settings import mappings

    organisation = assembly.charter(settings).organisation if usable else None
    topics = [topic.format for topic in settings.event_topics if topic.format is not None]
    return mappings.check(organisation, settings.organisation, topics)


def _routes(settings: Settings) -> list[Finding]:
    """Return what is wrong with where mails and signals go, one sentence for each setting."""
    from breachflow.delivery import BadRoute, open_hooks, open_route
    from breachflow.delivery.sendgrid_events import Seal
    from breachflow.settings.organisation_file import Finding

    openings: list[Callable[[], object]] = [lambda: open_route(settings), lambda: open_hooks(settings)]
    if settings.sendgrid_webhook_key:
        openings.append(lambda: Seal(settings.sendgrid_webhook_key or ""))
    found = []
    for opening in openings:
        try:
            opening()
        except BadRoute as problem:
            found.append(Finding(level="error", line=None, key="", sentence=str(problem)))
    return found


def shown(url: str) -> str:
    """Return a database address without its password."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":…@")))
