"""Events from files and standard input: taken in, or only shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, print_json, say

if TYPE_CHECKING:
    from breachflow.formats import Readers

NAMES = ("received", "opened", "attached", "screened", "duplicates", "quarantined")


@click.command("ingest")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE…")
@click.option("--format", "form", metavar="NAME", help="Read as this format; default: recognised.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON; no progress.")
@click.pass_context
def ingest_command(ctx: click.Context, files: tuple[str, ...], form: str | None, as_json: bool) -> int:
    """Take in events from FILE… (`-`: standard input): JSON, JSON array, JSON lines, CEF, LEEF, in any known format.

    Commits and returns; `breachflow run --once` then ticks, drafts and delivers. Exit 2 when a file cannot be read;
    records that cannot be read are kept as dead letters and counted as quarantined.
    """
    from breachflow.core.intake import Tally
    from breachflow.ingest import ingest

    total, failed = Tally(), False
    with assembly.workflow(ctx) as workflow:
        known_format(form, workflow.readers)
        for name in files:
            try:
                with _opened(name) as source, _progress(name, source, quiet=as_json) as advance:
                    total += ingest(
                        workflow,
                        source,
                        f"file {name}" if name != "-" else "standard input",
                        format=form,
                        progress=advance,
                    )
            except OSError as problem:
                failed = True
                click.echo(f"breachflow: {name}: {problem.strerror or problem}; it was left as it is.", err=True)
    counts = {name: getattr(total, name) for name in NAMES}
    if as_json:
        print_json(counts)
    else:
        say(", ".join(f"{count} {name}" for name, count in counts.items()) + ".")
        if total.quarantined:
            say("What could not be read is kept: `breachflow deadletters list`.")
    return 2 if failed else 0


@click.command("normalise")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE…")
@click.option("--format", "form", default="auto", show_default=True, help="Read as this format.")
@click.option("--mapping", type=click.Path(exists=True, dir_okay=False), help="Read through this mapping (TOML).")
@click.option("--zone", "zones", multiple=True, metavar="FORMAT=ZONE", help="The zone of a format's times.")
@click.option("--json", "as_json", is_flag=True, help="The same: the answer is always JSON lines.")
@click.pass_context
def normalise_command(
    ctx: click.Context, files: tuple[str, ...], form: str, mapping: str | None, zones: tuple[str, ...], as_json: bool
) -> int:
    """Show the canonical events in FILE…, one JSON line per record; write nothing. Exit 2 if a record is unreadable.

    Needs no home; where there is one, its mappings and the zones of its formats are used as intake uses them.
    """
    from breachflow.cli.normalised import lines, readers

    failed = False
    reading = readers(ctx, mapping, zones)
    known_format(form, reading)
    try:
        for name in files:
            with _opened(name) as source:
                for line in lines(source, name, form=form, reading=reading):
                    failed = failed or "error" in line
                    print_json(line)
    except OSError as problem:
        raise Refused(f"{problem.filename or name}: {problem.strerror or problem}.") from problem
    del as_json
    return 2 if failed else 0


def known_format(form: str | None, reading: Readers) -> None:
    """Refuse a format that no reader has: it would quarantine every record of the file."""
    if form in reading.broken:
        raise Refused(f"the mapping `{form}` cannot be used; `breachflow check` names what is wrong with it.")
    if form not in (None, "auto", *reading.names()):
        from difflib import get_close_matches

        near = get_close_matches(str(form), reading.names(), n=1)
        raise Refused(f"no format is called `{form}`." + (f" Did you mean `{near[0]}`?" if near else ""))


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    if Path(name).is_dir():
        raise Refused(f"{name} is a folder; name the files in it.")
    with Path(name).open("rb") as source:
        yield source


@contextmanager
def _progress(name: str, source: BinaryIO, *, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Show a bar of bytes read while a person looks; nothing otherwise."""
    if quiet or not sys.stderr.isatty() or name == "-":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(Path(name).name, total=Path(name).stat().st_size)
        yield lambda _records: bar.update(task, completed=source.tell())
