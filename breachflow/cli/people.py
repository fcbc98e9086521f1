"""`breachflow people`: the communication to people concerned, Art. 34. Nothing leaves without a person's release."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, one_line, print_json, say
from breachflow.core.organisation import Lang

if TYPE_CHECKING:
    from breachflow.core.case import Change
    from breachflow.workflow import Workflow

SHOWN = 50  # Bad rows that are printed; the rest is counted.
LOOK = 5.0  # Seconds after which a list that another process holds is looked at again.

BY = click.option("--by", required=True, metavar="WHO", help="Who decides; it is kept in the register.")
REASON = click.option("--reason", required=True, help="Why; it is kept in the register.")
LIST = click.option("--list", "list_id", metavar="LIST", help="Only this list; default: all of the case.")
JSON = click.option("--json", "as_json", is_flag=True)
FROM = click.option("--from", "source", type=click.File("r", encoding="utf-8"), metavar="FILE",
                    help="Read references from this file, one a line (-: standard input).")  # fmt: skip


@click.group("people")
def people_command() -> None:
    """Tell the people concerned, Art. 34: import a list, preview, release, send, prove, erase."""


@contextmanager
def _workflow(ctx: click.Context, case: str) -> Iterator[tuple[Workflow, str]]:
    from breachflow.sending import NotPossible

    with assembly.workflow(ctx) as workflow:
        try:
            yield workflow, assembly.the_case(workflow.store, case)
        except NotPossible as problem:
            raise Refused(str(problem)) from problem


@people_command.command("import")
@click.argument("case")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--controller", metavar="ID", help="Whose people, where the case has several controllers.")
@click.option("--by", default="breachflow", metavar="WHO", help="Who imports; it is kept in the register.")
@click.option("--skip-bad", is_flag=True, help="Leave bad rows out and list them; otherwise nothing is imported.")
@JSON
@click.pass_context
def import_command(ctx: click.Context, case: str, file: Path, controller: str | None, by: str, skip_bad: bool,
                   as_json: bool) -> None:  # fmt: skip
    """Take a CSV FILE of people in for CASE, encrypted under a key of its own. Its first line names the columns."""
    from breachflow.core.concerned import groups_of
    from breachflow.sending import Intake, Unusable

    with _workflow(ctx, case) as (workflow, found):
        try:
            made = Intake(workflow).take_in(found, file, controller=controller, by=by, skip_bad=skip_bad)
        except Unusable as problem:
            for fault in problem.faults[:SHOWN]:
                click.echo(f"breachflow: {fault}", err=True)
            raise Refused(str(problem)) from problem
    for fault in made.faults[:SHOWN]:
        click.echo(f"breachflow: left out: {fault}", err=True)
    of = made.of
    if as_json:
        print_json(
            {
                "list": of.id, "case": found, "controller": of.controller, "count": of.count, "merged": of.merged,
                "skipped": of.skipped, "known": of.known, "held": made.held, "shared_mailboxes": made.shared,
                "groups": groups_of(of), "file": of.sha256, "faults": [str(fault) for fault in made.faults[:SHOWN]],
            }
        )  # fmt: skip
        return
    say(f"{of.id}: {of.count} people of {of.controller}, {len(of.cuts)} texts. Nothing is sent before a release.")
    for number, what in (
        (of.merged, "rows were about somebody named before, and were merged"),
        (of.known, "rows were about somebody on an earlier list of this case, and were left out"),
        (of.skipped, "bad rows were left out"),
        (made.shared, "people share a mailbox under another name: each gets a message of their own"),
        (made.held, "people are held: no text in their language or for their data, or no way to reach them"),
    ):
        if number:
            say(f"  {number} {what}.")
    if made.ignored:
        say(f"  Columns that are not read: {', '.join(map(str, made.ignored))} (by place).")
    say(f"Next: breachflow people preview {found}")


@people_command.command("preview")
@click.argument("case")
@click.option("--group", metavar="NAME", help="Only this group.")
@click.option("--lang", type=click.Choice(["fr", "en"]), help="Only this language.")
@LIST
@JSON
@click.pass_context
def preview_command(ctx: click.Context, case: str, group: str | None, lang: Lang | None, list_id: str | None,
                    as_json: bool) -> None:  # fmt: skip
    """Print the notice of CASE as each group will receive it; nothing is sent."""
    from breachflow.sending import Releasing

    with _workflow(ctx, case) as (workflow, found):
        shown = Releasing(workflow).preview(found, list_id=list_id, group=group, lang=lang)
    if as_json:
        print_json([
            {"list": one.list, "group": one.cut.group, "lang": one.cut.lang, "data": one.cut.data,
             "count": one.cut.count, "text": one.text, "missing": one.missing}
            for one in shown
        ])  # fmt: skip
        return
    if not shown:
        raise Refused(f"{found}: no group of its lists is meant by that.")
    for one in shown:
        group_name = one.cut.group or "(no group)"
        say(f"=== {one.list} · {one_line(group_name, 40)} · {one.cut.lang} · "
            f"{', '.join(one.cut.data) or 'data of the case'} · {one.cut.count} people")  # fmt: skip
        for sentence in one.missing:
            say(f"!!! cannot be released: {sentence}.")
        say(one.text if one.text is not None else "Held: there is no text in this language or for these data.\n")


@people_command.command("release")
@click.argument("case")
@BY
@REASON
@click.option("--rate", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, metavar="N",
              help="At most so many mails a minute.")  # fmt: skip
@click.option("--legal-review", default="", metavar="WHO", help="Who reviewed it, where fraud data is concerned.")
@LIST
@JSON
@click.pass_context
def release_command(ctx: click.Context, case: str, by: str, reason: str, rate: int, legal_review: str,
                    list_id: str | None, as_json: bool) -> None:  # fmt: skip
    """Let the lists of CASE go out: a named person's decision, kept with the hash of the list and of each text."""
    from breachflow.sending import Releasing

    if not by.strip() or not reason.strip():
        raise Refused("a release names who decides (--by) and why (--reason).")
    with _workflow(ctx, case) as (workflow, found):
        changes = Releasing(workflow).release(
            found, by=by, reason=reason, list_id=list_id, rate=rate, legal_review=legal_review
        )
    _told(changes, as_json=as_json)
    if not as_json:
        say(f"Next: `breachflow people send {found}`, or leave it to `breachflow run`.")


@people_command.command("send")
@click.argument("case")
@JSON
@click.pass_context
def send_command(ctx: click.Context, case: str, as_json: bool) -> int:
    """Send what is released of CASE, at the rate that was released; stop and start again as you like."""
    from breachflow.core.concerned import totals
    from breachflow.sending import Answering, Dispatch

    with _workflow(ctx, case) as (workflow, found):
        dispatch, sent = Dispatch(workflow), 0
        try:
            sent = _until_done(dispatch.dispatch, workflow, found)
        finally:
            dispatch.let_go()
            dispatch.close()
        rows = Answering(workflow).outcomes(found)
        proofs = [entry.body for entry in workflow.store.entries(found) if entry.kind == "people_dispatched"]
    counts = {row["list"]: totals(row["groups"]) for row in rows}
    if as_json:
        print_json({"accepted": sent, "lists": counts})
        return 0
    say(f"{sent} mails handed over.")
    for row in rows:
        say(
            _line(row["list"], counts[row["list"]])
            + (f" Waiting: {one_line(row['problem'], 200)}" if row["problem"] else "")
        )
    done = {row["list"] for row in rows if row["state"] == "done"}
    for body in proofs:
        if body["list"] in done:
            for warning in body["warnings"]:
                click.echo(f"breachflow: {warning}", err=True)
    return 0


def _until_done(dispatch: Callable[..., int], workflow: Workflow, case: str) -> int:
    """Send until nobody is queued or the provider does not take more; wait for another process that sends."""
    sent = 0
    while True:
        sent += dispatch(case=case, patience=timedelta(minutes=1))
        leaving = [row for row in workflow.store.people_leaving() if row.of.case == case]
        if not leaving or any(row.progress.problem for row in leaving):
            return sent
        at = min(row.progress.next_at or workflow.now() for row in leaving)
        if at - workflow.now() > timedelta(minutes=1):
            return sent
        click.echo("breachflow: another process is sending this list, or ended a moment ago; waiting.", err=True)
        time.sleep(LOOK)


@people_command.command("bounce")
@click.argument("case")
@click.argument("idents", nargs=-1, metavar="REFERENCE…")
@FROM
@click.option("--by", default="breachflow", metavar="WHO")
@click.option("--reason", default="", help="What the bounce said, without names.")
@JSON
@click.pass_context
def bounce_command(ctx: click.Context, case: str, idents: tuple[str, ...], source: Any, by: str, reason: str,
                   as_json: bool) -> None:  # fmt: skip
    """Record that mails or letters came back. REFERENCE: a reference, an address or a Message-ID."""
    from breachflow.sending import Answering

    with _workflow(ctx, case) as (workflow, found):
        _told(Answering(workflow).bounce(found, _named(idents, source), by=by, reason=reason), as_json=as_json)


@people_command.command("reached")
@click.argument("case")
@click.argument("idents", nargs=-1, metavar="REFERENCE…")
@click.option("--how", type=click.Choice(["post", "phone"]), required=True)
@click.option("--printed", is_flag=True, help="Everybody whose letter was printed: the letters have been posted.")
@FROM
@BY
@click.option("--reason", default="")
@JSON
@click.pass_context
def reached_command(ctx: click.Context, case: str, idents: tuple[str, ...], how: Literal["post", "phone"],
                    printed: bool, source: Any, by: str, reason: str, as_json: bool) -> None:  # fmt: skip
    """Record that people were reached by the second channel: letters posted, calls made."""
    from breachflow.sending import Answering

    if printed and (how != "post" or idents or source is not None):
        raise Refused("--printed speaks of all printed letters: use it with --how post, and without references.")
    with _workflow(ctx, case) as (workflow, found):
        answering = Answering(workflow)
        changes = (
            answering.posted(found, by=by, reason=reason)
            if printed
            else answering.reached(found, _named(idents, source), how, by=by, reason=reason)
        )
    _told(changes, as_json=as_json)


@people_command.command("exempt")
@click.argument("case")
@click.argument("idents", nargs=-1, metavar="REFERENCE…")
@FROM
@BY
@REASON
@JSON
@click.pass_context
def exempt_command(ctx: click.Context, case: str, idents: tuple[str, ...], source: Any, by: str, reason: str,
                   as_json: bool) -> None:  # fmt: skip
    """Record that these people are not written to, and why."""
    from breachflow.sending import Answering

    with _workflow(ctx, case) as (workflow, found):
        _told(Answering(workflow).exempt(found, _named(idents, source), by=by, reason=reason), as_json=as_json)


@people_command.command("letters")
@click.argument("case")
@click.option("-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--again", is_flag=True, help="Also those that were printed and not posted.")
@LIST
@click.pass_context
def letters_command(ctx: click.Context, case: str, folder: Path, again: bool, list_id: str | None) -> None:
    """Write the letters that are owed to people of CASE as PDF, 200 in a file; nobody counts as reached by it."""
    from breachflow.sending import Printing

    count = files = 0
    with _workflow(ctx, case) as (workflow, found):
        for made in Printing(workflow).letters(found, folder, again=again, list_id=list_id):
            count, files = count + made.letters, files + 1
    say(f"{count} letters in {files} files in {folder}.")
    if count:
        say(f"Once they are posted: breachflow people reached {found} --how post --printed --by WHO")


@people_command.command("outcomes")
@click.argument("case")
@click.option("--export", "path", type=click.Path(dir_okay=False, path_type=Path),
              help="Write those who are still owed a second channel or a decision to this CSV file.")  # fmt: skip
@click.option("--channel", type=click.Choice(["post", "phone"]), help="With --export: only this second channel.")
@LIST
@JSON
@click.pass_context
def outcomes_command(ctx: click.Context, case: str, path: Path | None, channel: str | None, list_id: str | None,
                     as_json: bool) -> None:  # fmt: skip
    """Count how the people of CASE stand, by group and outcome; the counts sum to the list."""
    from breachflow.core.concerned import totals
    from breachflow.core.overview import utc
    from breachflow.sending import Answering

    with _workflow(ctx, case) as (workflow, found):
        answering = Answering(workflow)
        rows = answering.outcomes(found, list_id)
        if path is not None:
            path.touch(mode=0o600)
            with path.open("w", encoding="utf-8-sig", newline="") as into:
                written = answering.export(found, into, channel, list_id)
            click.echo(f"breachflow: {written} people written to {path}; the file names them: delete it after use.",
                       err=True)  # fmt: skip
    if as_json:
        instants = ("next_at", "first_at", "last_at")
        print_json([
            row | {"outcomes": totals(row["groups"])}
            | {name: utc(row[name]) if row[name] is not None else None for name in instants}
            for row in rows
        ])  # fmt: skip
        return
    for row in rows:
        say(f"{row['list']} ({row['controller']}, {row['state']}): {row['count']} people")
        for group, counts in row["groups"].items():
            say("  " + _line(group or "(no group)", counts))
        if row["problem"]:
            say(f"  It waits: {one_line(row['problem'], 200)}")


@people_command.command("erase")
@click.argument("case")
@BY
@REASON
@LIST
@JSON
@click.pass_context
def erase_command(ctx: click.Context, case: str, by: str, reason: str, list_id: str | None, as_json: bool) -> None:
    """Destroy the key of the lists of CASE: the names are gone for good, counts and hashes stay."""
    from breachflow.sending import Answering

    with _workflow(ctx, case) as (workflow, found):
        _told(Answering(workflow).erase(found, by=by, reason=reason, list_id=list_id), as_json=as_json)


def _named(idents: tuple[str, ...], source: Any) -> list[str]:
    named = [*idents, *(source.read().splitlines() if source is not None else ())]
    named = list(dict.fromkeys(ident.strip() for ident in named if ident.strip()))
    if not named:
        raise Refused("name somebody: a reference, an address or a Message-ID, or --from FILE.")
    return named


def _line(name: str, counts: dict[str, int]) -> str:
    shown = [f"{count} {outcome}" for outcome, count in counts.items() if count and outcome != "came_back"]
    back = counts.get("came_back", 0)
    return f"{one_line(name, 40)}: {', '.join(shown) or 'nobody'}" + (f" ({back} came back before)." if back else ".")


def _told(changes: list[Change], *, as_json: bool) -> None:
    entries = [(change, entry) for change in changes for entry in change.entries]
    if as_json:
        print_json([{"kind": entry.kind, "by": entry.by} | entry.body for _, entry in entries])
    else:
        for _, entry in entries:
            count = entry.body["count"]
            say(f"{entry.body['list']}: {entry.kind.removeprefix('people_')}, {count} "
                f"{'person' if count == 1 else 'people'}. Recorded for the register.")  # fmt: skip
    for change, _ in entries:
        for warning in change.warnings:
            click.echo(f"breachflow: warning: {warning}.", err=True)
