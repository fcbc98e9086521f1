"""What did not become a case: screened events, and dead letters."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import Any

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, one_line, print_json, say
from breachflow.cli.intake import known_format
from breachflow.core.overview import utc
from breachflow.store.rows import DeadState

EVER = datetime(1970, 1, 1, tzinfo=UTC)


@click.group("screened", invoke_without_command=True)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def screened_command(ctx: click.Context, limit: int, as_json: bool) -> None:
    """List the events that were screened out, newest first, and why; `open` makes a case of one."""
    if ctx.invoked_subcommand is not None:
        return
    with assembly.store(assembly.settings(ctx)) as store:
        rows = store.screened(EVER, limit)
    if as_json:
        print_json(
            [
                {
                    "identity": row.identity.hex(), "source": row.source, "format": row.format,
                    "detected_at": utc(row.detected_at), "received_at": utc(row.received_at), "because": row.because,
                }
                for row in rows
            ]
        )  # fmt: skip
        return
    for row in rows:
        ident, source = row.identity.hex()[:12], one_line(row.source, 30)
        say(f"{ident}  {utc(row.received_at)}  {source:<30} {row.format:<22} {row.because}")
    if not rows:
        say("Nothing was screened out.")


@screened_command.command("open")
@click.argument("ident", metavar="ID")
@click.option("--by", required=True, metavar="WHO", help="Who opens it; it is kept in the register.")
@click.option("--reason", required=True, help="Why; it is kept in the register.")
@click.option("--json", "as_json", is_flag=True, help="Print the case as JSON.")
@click.pass_context
def open_command(ctx: click.Context, ident: str, by: str, reason: str, as_json: bool) -> None:
    """Open a case for the screened event ID (its first characters do); its clocks run from its detection."""
    from breachflow.core.overview import at_a_glance, next_step

    wanted = ident.strip().lower()
    if re.fullmatch("[0-9a-f]{6,32}", wanted) is None:
        raise Refused("ID is 6 to 32 digits and letters a-f, as `breachflow screened` lists them.")
    with assembly.workflow(ctx) as workflow:
        case, now = workflow.open_screened(wanted, by, reason).case, workflow.now()
    if case is None:
        raise AssertionError("opening an event makes a case")
    if as_json:
        print_json(at_a_glance(case, now))
        return
    say(f"{case.id} is {case.stage.value}. Opened by {one_line(by, 60)}, from event {wanted}.")
    say(f"Next: {next_step(case, now)}.")


@click.group("deadletters")
def deadletters_command() -> None:
    """What could not be read: kept, never dropped silently."""


@deadletters_command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that were retried or dropped.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_command(ctx: click.Context, everything: bool, as_json: bool) -> None:
    """List what could not be read, and why."""
    with assembly.store(assembly.settings(ctx)) as store:
        states: tuple[DeadState, ...] = ("held", "retried", "dropped") if everything else ("held",)
        rows = [row for state in states for row in store.dead_letters(state)]
    if as_json:
        print_json([_line(row) for row in rows])
        return
    for row in rows:
        say(f"{row.id}  {utc(row.at)}  {one_line(row.origin, 60)}  {row.size} bytes: {one_line(row.reason, 200)}")
    if not rows:
        say("No dead letters.")


@deadletters_command.command("show")
@click.argument("ident")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def show_command(ctx: click.Context, ident: str, as_json: bool) -> None:
    """Write the bytes of one dead letter to standard output, as they came in."""
    with assembly.store(assembly.settings(ctx)) as store:
        row = store.dead_letter(ident)
    if row.raw is None:
        raise Refused(f"{ident}: its key has been destroyed; the bytes cannot be read any more.")
    if as_json:
        import base64

        print_json(_line(row) | {"raw": base64.b64encode(row.raw).decode()})
        return
    sys.stdout.buffer.write(row.raw)
    sys.stdout.flush()


@deadletters_command.command("mapping")
@click.argument("ident")
@click.option("--save", "name", metavar="NAME", help="Write it to the organisation's mappings, as NAME.toml.")
@click.pass_context
def mapping_command(ctx: click.Context, ident: str, name: str | None) -> None:
    """Guess a mapping from one dead letter that no reader knows: for you to correct, then `deadletters retry`."""
    from breachflow.core.event import Unreadable
    from breachflow.formats import skeleton
    from breachflow.formats.document import decode
    from breachflow.settings import mappings

    settings = assembly.settings(ctx)
    with assembly.store(settings) as store:
        row = store.dead_letter(ident)
    if row.raw is None:
        raise Refused(f"{ident}: its key has been destroyed; the bytes cannot be read any more.")
    try:
        record = decode(row.raw)
    except Unreadable as fault:
        raise Refused(f"{ident}: {fault}; a mapping reads JSON only.") from fault
    if name is None:
        say(skeleton(record).rstrip("\n"))
        return
    path = mappings.saved(settings.organisation, name, skeleton(record, name))
    say(f"{path}: keep the paths that are right, then `breachflow check` and `breachflow deadletters retry {ident}`.")


@deadletters_command.command("drop")
@click.argument("ident")
@click.option("--by", required=True, metavar="WHO")
@click.option("--reason", required=True, help="Why it is nothing.")
@click.pass_context
def drop_command(ctx: click.Context, ident: str, by: str, reason: str) -> None:
    """Set one dead letter aside: it is nothing. It stays on record with who and why."""
    settings = assembly.settings(ctx)
    with assembly.store(settings) as store:
        store.drop_dead(ident, by, reason, assembly.clock(settings)())
    say(f"{ident} dropped.")


@deadletters_command.command("retry")
@click.argument("idents", nargs=-1, required=True, metavar="ID…")
@click.option("--format", "form", metavar="NAME", help="Read as this format.")
@click.option("--by", default="breachflow", metavar="WHO")
@click.pass_context
def retry_command(ctx: click.Context, idents: tuple[str, ...], form: str | None, by: str) -> int:
    """Read dead letters again, after the reader or the mapping has been mended."""
    from breachflow.workflow import Record

    again = 0
    with assembly.workflow(ctx) as workflow:
        known_format(form, workflow.readers)
        for ident in idents:
            row = workflow.store.dead_letter(ident)
            if row.raw is None:
                raise Refused(f"{ident}: its key has been destroyed; the bytes cannot be read any more.")
            readings = workflow.readers.read(row.raw, format=form, received_at=workflow.now())
            faults = [reading.error for reading in readings if reading.error]
            if faults:
                again += 1
                say(f"{ident}: still cannot be read: {one_line(faults[0], 200)}")
                continue
            tally = workflow.receive([Record(reading, row.origin) for reading in readings])
            workflow.store.mark_retried(ident, by, "read again", workflow.now())
            say(f"{ident}: read; {tally.opened} opened, {tally.attached} attached, {tally.screened} screened.")
    return 2 if again else 0


def _line(row: Any) -> dict[str, Any]:
    return {
        "id": row.id, "at": utc(row.at), "reason": row.reason, "sha256": row.sha256, "bytes": row.size,
        "origin": row.origin, "state": row.state,
    }  # fmt: skip
