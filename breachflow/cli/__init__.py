"""The command line: opens the doors, prints answers, and says in one sentence what went wrong.

Commands are loaded when they are called, so that `breachflow status` starts fast.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from breachflow import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Run a whole story on an example organisation: events in, 72 hours pass, who was told?"),
    "init": ("household", "Write a commented organisation file and an empty database."),
    "check": ("household", "Check the organisation file, naming line and key of what is wrong."),
    "doctor": ("doctor", "Look at everything that must work: one line each, with what to do."),
    "ingest": ("intake", "Take in events from files or standard input."),
    "normalise": ("intake", "Show the canonical events in files; write nothing."),
    "report": ("report", "Report a breach that no SIEM sees: a lost letter, a processor's mail."),
    "run": ("service", "Run the embedded service: intake, clocks, drafts and mails."),
    "worker": ("worker", "Take in events and decisions from Kafka; facts go out to it."),
    "produce": ("produce", "Put the events of a file on the topic, as a SIEM does."),
    "topics": ("topics", "Make the Kafka topics."),
    "status": ("status", "The open cases, most urgent first."),
    "show": ("show", "One case: facts, assessment, clocks, drafts, mails, register."),
    "assess": ("judge", "Assess facts or events; writes nothing."),
    "deadline": ("judge", "Compute a deadline from an instant; writes nothing."),
    "backtest": ("judge", "Run the engine over the shipped cases of EDPB and WP29."),
    "confirm": ("decide", "Set the instant of awareness: it is a breach."),
    "dismiss": ("decide", "No personal-data breach."),
    "facts": ("decide", "Correct or add facts."),
    "ack": ("decide", "Somebody is on it: silence the ladder for a while."),
    "filed": ("decide", "A notification was filed with the authority."),
    "exempt": ("decide", "Not notifying: the DPO's advice and the controller's decision."),
    "informed": ("decide", "The people concerned were informed, or need not be."),
    "done": ("decide", "Another clock's duty is discharged."),
    "note": ("decide", "A remark for the register."),
    "channel": ("decide", "A way of telling people is compromised, or safe again."),
    "close": ("decide", "Close a handled case."),
    "reopen": ("decide", "Look at a closed or dismissed case again."),
    "merge": ("regroup", "Two cases are one breach: every clock kept, the earliest deadline governs."),
    "split": ("regroup", "An event or a merged case stands on its own again."),
    "bundle": ("regroup", "Notify similar breaches of a short time together."),
    "unbundle": ("regroup", "Notify a case of a bundle on its own again."),
    "awareness": ("regroup", "The awareness ledger: candidates, choices, deadlines."),
    "draft": ("draft", "Print a draft: authority, people, controllers, board."),
    "people": ("people", "Tell the people concerned, Art. 34: import, release, send, prove."),
    "register": ("register", "Export the register, or verify its chain."),
    "datamap": ("datamap", "The data map: test an asset, import a CMDB, see what to map next, undo an entry."),
    "retention": ("retention", "What is kept of each case, and until when; erase, hold, release."),
    "keys": ("keys", "Change the master key."),
    "screened": ("held", "The events that were screened out, and why."),
    "deadletters": ("held", "What could not be read."),
    "schema": ("schema", "Print the schema of events, of decisions, or the AsyncAPI document."),
}
"""Every command, the module it lives in, and its one line of help: `--help` must not load them all."""


class Commands(click.Group):
    """A group that loads a command's module only when the command is called."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a reader (head, less) that has seen enough ends it, and nothing of ours failed.

        Caught here because click itself would end with exit 1, as if something had.
        """
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return code

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order above: first what a newcomer needs."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Load the command of that name."""
        if name not in COMMANDS:
            return None
        module = import_module(f"breachflow.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command where the one asked for does not exist."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise click.UsageError(f"there is no command `{args[0]}`.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="breachflow")
@click.option("--home", metavar="FOLDER", help="Folder of database, organisation file, drafts and mails.")
@click.pass_context
def group(ctx: click.Context, home: str | None) -> None:
    """Personal-data-breach notification: from security events to notified breaches, on time and with reasons."""
    ctx.obj = {"BREACHFLOW_HOME": home} if home else {}


def main(args: list[str] | None = None) -> None:
    """Run the command line; every error that somebody can answer is one sentence on standard error, and exit 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A terminal that cannot show a letter still shows the case.
    try:
        code = group.main(args=args, prog_name="breachflow", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("breachflow: interrupted.", err=True)
        sys.exit(130)
    except click.ClickException as problem:
        problem.show()
        sys.exit(2)
    except Exception as problem:
        sentence = _answerable(problem)
        if sentence is None:
            raise
        click.echo(f"breachflow: {sentence}", err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _answerable(problem: Exception) -> str | None:
    """Return the sentence of an error that a person can answer, or `None` where it is a bug of ours.

    Compared by name where the module may not have been loaded: an exception of an unloaded module cannot be here.
    """
    answerable: set[type[Any]] = set()
    for module, names in (
        ("breachflow.core.case", ("IllegalMove",)),
        ("breachflow.core.event", ("Unreadable",)),
        ("breachflow.core.instants", ("BadInstant",)),
        ("breachflow.store.errors", ("StoreError",)),
        ("breachflow.settings", ("SettingsError",)),
        ("breachflow.delivery", ("BadRoute",)),
        ("breachflow.intake_http", ("CannotListen",)),
        ("breachflow.formats.mapping", ("MappingError",)),
        ("breachflow.rendering", ("MissingExtra",)),
        ("breachflow.workflow", ("Contended",)),
        ("breachflow.cli.answers", ("Refused",)),
    ):
        loaded = sys.modules.get(module)
        answerable |= {getattr(loaded, name) for name in names if loaded is not None and hasattr(loaded, name)}
    if isinstance(problem, tuple(answerable)):
        return str(problem)
    if isinstance(problem, UnicodeEncodeError):
        return "an argument or a text is not valid Unicode; write it in UTF-8."
    if isinstance(problem, OSError) and problem.filename is not None:
        return f"{problem.filename}: {problem.strerror}."
    return None
