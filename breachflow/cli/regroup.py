"""Cases that belong together, or do not: merge, split, bundle; each with who decides and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, print_json, say

if TYPE_CHECKING:
    from breachflow.core.case import Change
    from breachflow.core.regrouping import Regroup
    from breachflow.workflow import Workflow


def _decided(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add who, why, and the form of the answer."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the case as JSON."),
        click.option("--reason", required=True, help="Why; the registers of all cases keep it."),
        click.option("--by", required=True, metavar="WHO", help="Who decides; the registers keep it."),
    ):
        function = option(function)
    return click.pass_context(function)


def _regroup(by: str, reason: str) -> Regroup:
    from breachflow.core.regrouping import Regroup

    return Regroup(by=by, reason=reason)


def _answer(workflow: Workflow, change: Change, *, as_json: bool, besides: str = "") -> None:
    from breachflow.core.overview import at_a_glance, next_step

    after, now = change.case, workflow.now()
    if after is None:
        raise AssertionError("a decision changes a case")
    for warning in change.warnings:
        click.echo(f"breachflow: warning: {warning}.", err=True)
    if as_json:
        print_json(at_a_glance(after, now))
        return
    say(f"{after.id} is {after.stage.value}.{besides} Recorded for the register.")
    say(f"Next: {next_step(after, now)}.")


@click.command("merge")
@click.argument("case")
@click.argument("other")
@_decided
def merge_command(ctx: click.Context, case: str, other: str, by: str, reason: str, as_json: bool) -> None:
    """CASE and OTHER are one breach: OTHER goes into CASE. Every clock is kept, the earliest deadline governs."""
    from breachflow import regroup

    with assembly.workflow(ctx) as workflow:
        mine, theirs = (assembly.the_case(workflow.store, one) for one in (case, other))
        change = regroup.merge(workflow, mine, theirs, _regroup(by, reason))
        _answer(workflow, change, as_json=as_json, besides=f" {theirs} is part of it.")


@click.command("split")
@click.argument("case")
@click.option("--event", metavar="ID", help="The event that is another breach.")
@click.option("--source", metavar="SOURCE", help="The source of that event, as `show` names it.")
@click.option("--case", "other", metavar="OTHER", help="The case whose merge into CASE is undone.")
@_decided
def split_command(
    ctx: click.Context, case: str, event: str | None, source: str | None, other: str | None, by: str, reason: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Part what was joined in CASE: an event gets a case of its own, or a merge is undone (--case)."""
    from breachflow import regroup

    if (other is None) == (event is None) or (event is None) != (source is None):
        raise Refused("say what leaves the case: --source and --event, or --case.")
    with assembly.workflow(ctx) as workflow:
        mine = assembly.the_case(workflow.store, case)
        if other is not None:
            theirs = assembly.the_case(workflow.store, other)
            change, new = regroup.unmerge(workflow, mine, theirs, _regroup(by, reason)), theirs
        else:
            change, new = regroup.part(workflow, mine, source or "", event or "", _regroup(by, reason))
        _answer(workflow, change, as_json=as_json, besides=f" {new} stands on its own.")


@click.command("bundle")
@click.argument("case")
@click.argument("others", nargs=-1, required=True)
@_decided
def bundle_command(ctx: click.Context, case: str, others: tuple[str, ...], by: str, reason: str, as_json: bool) -> None:
    """Notify CASE together with OTHERS: similar breaches of a short time; the earliest awareness governs."""
    from breachflow import regroup

    with assembly.workflow(ctx) as workflow:
        found = [assembly.the_case(workflow.store, one) for one in (case, *others)]
        change = regroup.bundle(workflow, found, _regroup(by, reason))
        _answer(workflow, change, as_json=as_json, besides=f" Notified together: {', '.join(found)}.")


@click.command("unbundle")
@click.argument("case")
@_decided
def unbundle_command(ctx: click.Context, case: str, by: str, reason: str, as_json: bool) -> None:
    """Notify CASE on its own again."""
    from breachflow import regroup

    with assembly.workflow(ctx) as workflow:
        change = regroup.unbundle(workflow, assembly.the_case(workflow.store, case), _regroup(by, reason))
        _answer(workflow, change, as_json=as_json)


@click.command("awareness")
@click.argument("case")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def awareness_command(ctx: click.Context, case: str, as_json: bool) -> None:
    """Show the awareness ledger of CASE: every candidate, every choice with its reason, and the deadlines they set."""
    from breachflow.core.ledger import ledger

    settings = assembly.settings(ctx)
    with assembly.store(settings) as store:
        found = store.get(assembly.the_case(store, case))
        lines = ledger(found, [(row.at, row.kind, row.by, row.body) for row in store.entries(found.id)])
    if as_json:
        print_json(lines)
        return
    from breachflow.cli.answers import BASES, local, one_line
    from breachflow.core.instants import parse_instant

    zone = assembly.charter(settings).organisation.zone
    say(f"{found.id}: " + ("awareness is not yet set" if found.aware is None else f"aware, set by {found.aware.by}"))
    for title, group in (("Candidates", lines["candidates"]), ("Choices", lines["choices"])):
        say(f"\n{title}")
        for line in group:
            mark = "*" if line["governs"] else " "
            what = f"{line.get('kind') or 'set'} by {one_line(line.get('origin') or line['by'], 60)}"
            why = f": {one_line(line['reason'], 80)}" if line.get("reason") else ""
            say(f" {mark} {local(parse_instant(line['at']), zone)}  {what}{why}")
            if (basis := BASES.get(line.get("basis", ""))) is not None:
                say(f"     {basis}")
            for flag in line.get("flags", ()):
                say(f"     {flag}")
    say("\nDeadlines")
    for line in lines["deadlines"]:
        moved = f", changed {local(parse_instant(line['moved_at']), zone)}" if line["moved_at"] else ", governs"
        say(f"   {line['clock']:<28} {local(parse_instant(line['act_by']), zone)}{moved}")
