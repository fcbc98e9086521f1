"""`breachflow retention`: what is kept and until when; erase a case now, put it on hold, release it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, print_json, say
from breachflow.core.overview import utc

if TYPE_CHECKING:
    from breachflow.core.case import Case
    from breachflow.core.decision import Decision
    from breachflow.core.organisation import Policy
    from breachflow.store.rows import Sealed


@click.group("retention")
def retention_command() -> None:
    """What is kept that may name people, until when, and who keeps it; docs/retention.md says what erasure reaches."""


@retention_command.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_command(ctx: click.Context, as_json: bool) -> None:
    """List what is held of each case and of what belongs to none, until when, and by whom."""
    settings = assembly.settings(ctx)
    policy = assembly.charter(settings).policy
    with assembly.store(settings) as store:
        cases = list(store.every_case())
        sealed = store.sealed([case.id for case in cases])
        days = store.days()
    lines = [_line(case, sealed[case.id], policy) for case in cases]
    others = [*(_day(name, policy) for name in days), *_taken_in(settings.home / "inbox" / "done", policy)]
    if as_json:
        print_json({"cases": lines, "days": others})
        return
    for line in lines:
        say(f"{line['case']}  {line['stage']:<10} {_told(line)}")
    for other in others:
        say(f"{other['what']:<28} kept until {other['until'][:10]}")
    if not lines and not others:
        say("Nothing is kept yet.")


@retention_command.command("erase")
@click.argument("case")
@click.option("--by", required=True, metavar="WHO", help="Who erases; it is kept in the register.")
@click.option("--reason", required=True, help="Why; it is kept in the register.")
@click.option("--yes", is_flag=True, help="Needed: what is erased cannot be brought back.")
@click.pass_context
def erase_command(ctx: click.Context, case: str, by: str, reason: str, yes: bool) -> None:
    """Erase the content of a closed CASE now, by destroying its key. The register stays, and its chain holds."""
    if not yes:
        raise Refused("what is erased cannot be brought back by anybody; add --yes to erase it.")
    with assembly.workflow(ctx) as workflow:
        change = workflow.erase(assembly.the_case(workflow.store, case), by, reason)
    if change.case is None:
        raise AssertionError("an erasure changes a case")
    say(f"{change.case.id} erased. The register keeps that it was, by whom and why, entry {change.case.seq}.")
    say("A backup made before still holds it, and opens with its master key: see docs/retention.md.")


@retention_command.command("hold")
@click.argument("case")
@click.option("--by", required=True, metavar="WHO", help="Who puts it on hold; it is kept in the register.")
@click.option("--reason", required=True, help="Which proceedings or inquiry need it; it is kept in the register.")
@click.pass_context
def hold_command(ctx: click.Context, case: str, by: str, reason: str) -> None:
    """Put CASE on hold: nothing of it is erased, by time or by hand, until it is released."""
    from breachflow.core.decision import Hold

    _decide(ctx, case, Hold(by=by, reason=reason), "on hold; nothing of it is erased until it is released")


@retention_command.command("release")
@click.argument("case")
@click.option("--by", required=True, metavar="WHO", help="Who releases it; it is kept in the register.")
@click.option("--reason", required=True, help="Why nothing needs it any more; it is kept in the register.")
@click.pass_context
def release_command(ctx: click.Context, case: str, by: str, reason: str) -> None:
    """Release CASE from its hold; the retention of a closed case counts from its closing, as if there had been none."""
    from breachflow.core.decision import Release

    _decide(ctx, case, Release(by=by, reason=reason), "released")


def _decide(ctx: click.Context, case: str, decision: Decision, done: str) -> None:
    with assembly.workflow(ctx) as workflow:
        change = workflow.decide(assembly.the_case(workflow.store, case), decision)
    if change.case is None:
        raise AssertionError("a decision changes a case")
    for warning in change.warnings:
        click.echo(f"breachflow: warning: {warning}.", err=True)
    say(f"{change.case.id} is {done}. Recorded in the register, entry {change.case.seq}.")


def _line(case: Case, sealed: Sealed, policy: Policy) -> dict[str, Any]:
    from breachflow.core.retention import kept

    until = kept(case, policy.retention)
    return {
        "case": case.id,
        "stage": case.stage.value,
        "closed_at": utc(case.closed_at),
        "raw_events": sealed.raw_events,
        "raw_until": utc(until.raw_until),
        "content": sealed.readable,
        "content_until": utc(until.content_until),
        "hold": {"by": case.hold.by, "at": utc(case.hold.at), "reason": case.hold.reason} if case.hold else None,
        "erased_at": utc(case.erased.at) if case.erased else None,
    }


def _told(line: dict[str, Any]) -> str:
    events = f"{line['raw_events']} raw event(s)"
    if line["hold"] is not None:
        return f"{events} and content on hold since {line['hold']['at'][:10]} by {line['hold']['by']}"
    if line["content_until"] is not None:
        raw = f"{events} until {line['raw_until'][:10]}" if line["raw_until"] else "raw events erased"
        return f"{raw}, content until {line['content_until'][:10]}"
    if line["erased_at"] is not None and line["closed_at"] is not None:
        return f"erased on {line['erased_at'][:10]}"
    return f"{events} and content kept while it is open"


def _day(name: str, policy: Policy) -> dict[str, Any]:
    """Say until when a day's screened events, dead letters, or mails about no case are kept."""
    from breachflow.core.retention import day_until

    kind, _, day = name.partition(":")
    called = {"screened": "screened events", "dead": "dead letters", "mail": "mails about no case"}[kind]
    return {"what": f"{called} {day}", "until": utc(day_until(name, policy))}


def _taken_in(done: Path, policy: Policy) -> list[dict[str, Any]]:
    """Say until when the newest of the files that were taken in is kept."""
    times = [path.stat().st_ctime for path in done.iterdir()] if done.is_dir() else []
    if not times:
        return []
    last = datetime.fromtimestamp(max(times), UTC) + timedelta(days=policy.retention.inbox_days)
    return [{"what": f"inbox/done, {len(times)} file(s)", "until": utc(last)}]
