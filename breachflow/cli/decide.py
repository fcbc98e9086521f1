"""People's decisions: each names who decides and why, and is kept in the register."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from breachflow.cli import assembly
from breachflow.cli.answers import Refused, print_json, say
from breachflow.core.decision import (
    Ack,
    Channel,
    Close,
    Confirm,
    Decision,
    Dismiss,
    Done,
    Exempt,
    Filed,
    Informed,
    Note,
    Reopen,
    SetFacts,
)


def _decision(reason_required: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add what every decision has: the case, who, why, and the form of the answer."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        # An explicit default, even None, would satisfy `required`.
        optional = {"required": True} if reason_required else {"default": ""}
        for option in (
            click.option("--json", "as_json", is_flag=True, help="Print the case as JSON."),
            click.option("--reason", help="Why; it is kept in the register.", **optional),
            click.option("--by", required=True, metavar="WHO", help="Who decides; it is kept in the register."),
            click.argument("case"),
        ):
            function = option(function)
        return click.pass_context(function)

    return add


def record(ctx: click.Context, case: str, decision: Decision, *, as_json: bool) -> None:
    """Record a decision about a case, and say what became of it."""
    from breachflow.core.overview import at_a_glance, next_step

    with assembly.workflow(ctx) as workflow:
        change = workflow.decide(assembly.the_case(workflow.store, case), decision)
        after, now = change.case, workflow.now()
    if after is None:
        raise AssertionError("a decision changes a case")
    for warning in change.warnings:
        click.echo(f"breachflow: warning: {warning}.", err=True)
    if as_json:
        print_json(at_a_glance(after, now))
        return
    say(f"{after.id} is {after.stage.value}. Recorded for the register, entry {after.seq}.")
    say(f"Next: {next_step(after, now)}.")


def _instant(ctx: click.Context, text: str | None) -> Any:
    from breachflow.core.instants import parse_instant

    return parse_instant(text) if text else assembly.clock(assembly.settings(ctx))()


AT = click.option("--at", "--when", "at", metavar="INSTANT", help="When, with offset; default: now.")
CONTROLLER = click.option("--controller", metavar="ID", help="For which controller, where the case has several.")


@click.command("confirm")
@click.option("--aware", "--aware-at", "--at", "aware", required=True, metavar="INSTANT",
              help="When the organisation became aware, with offset: 2026-11-24T10:17+01:00.")  # fmt: skip
@click.option("--evidence", default="", help="What established it.")
@_decision(reason_required=False)
def confirm_command(
    ctx: click.Context, case: str, by: str, reason: str, as_json: bool, aware: str, evidence: str
) -> None:
    """Set the instant of awareness: CASE is a personal-data breach. Confirming again corrects it."""
    decision = Confirm(by=by, reason=reason, aware_at=_instant(ctx, aware), evidence=evidence)
    record(ctx, case, decision, as_json=as_json)


@click.command("dismiss")
@_decision()
def dismiss_command(ctx: click.Context, case: str, by: str, reason: str, as_json: bool) -> None:
    """CASE is no personal-data breach: a false positive, a test, or no personal data."""
    record(ctx, case, Dismiss(by=by, reason=reason), as_json=as_json)


@click.group("facts")
def facts_command() -> None:
    """Correct or add facts of a case."""


@facts_command.command("set")
@_decision()
@click.argument("values", nargs=-1, required=True, metavar="FACT=VALUE…")
def facts_set_command(
    ctx: click.Context, case: str, by: str, reason: str, as_json: bool, values: tuple[str, ...]
) -> None:
    """Set facts of CASE: `people_count=1200 data=identity,contact backup=null`; `null` makes one unknown again."""
    if "=" in case:
        raise Refused(f"the case comes first: `breachflow facts set CASE {case} …`.")
    record(ctx, case, SetFacts(by=by, reason=reason, values=parsed(values)), as_json=as_json)


@click.command("ack")
@click.option("--clock", metavar="CLOCK", help="Only this clock; default: all that run.")
@_decision(reason_required=False)
def ack_command(ctx: click.Context, case: str, by: str, reason: str, as_json: bool, clock: str | None) -> None:
    """Somebody is on CASE: the ladder keeps silent for a while, then the acknowledgement lapses."""
    record(ctx, case, Ack(by=by, reason=reason, clock=clock), as_json=as_json)


@click.command("filed")
@CONTROLLER
@click.option("--kind", type=click.Choice(["initial", "complement", "withdrawal"]), default=None)
@click.option("--initial", "kind_flag", flag_value="initial", help="The initial notification (the default).")
@click.option("--complement", "kind_flag", flag_value="complement", help="A complementary notification.")
@click.option("--withdrawal", "kind_flag", flag_value="withdrawal", help="A withdrawal of what was notified.")
@click.option("--reference", default="", help="The authority's number for it.")
@click.option("--authority", default="", help="Which authority; default: the controller's.")
@AT
@_decision(reason_required=False)
def filed_command(
    ctx: click.Context, case: str, by: str, reason: str, as_json: bool, controller: str | None, kind: str | None,
    kind_flag: str | None, reference: str, authority: str, at: str | None,
) -> None:  # fmt: skip
    """Record that a notification of CASE was filed with the authority. Filed late, it needs the reasons (--reason)."""
    decision = Filed(
        by=by, reason=reason, at=_instant(ctx, at), controller=controller, reference=reference, authority=authority,
        kind=kind or kind_flag or "initial",  # type: ignore[arg-type]  # click has checked the choice
    )  # fmt: skip
    record(ctx, case, decision, as_json=as_json)


@click.command("exempt")
@CONTROLLER
@click.option("--advised-by", "--dpo", "advised_by", required=True, metavar="WHO", help="The DPO who advised.")
@click.option("--advice", required=True, help="The DPO's advice; kept even where it is not followed.")
@_decision()
def exempt_command(
    ctx: click.Context, case: str, by: str, reason: str, as_json: bool, controller: str | None, advised_by: str,
    advice: str,
) -> None:  # fmt: skip
    """Decide not to notify CASE: unlikely to result in a risk, Art. 33(1). `--by` decides, the DPO advises."""
    decision = Exempt(by=by, reason=reason, controller=controller, advised_by=advised_by, advice=advice)
    record(ctx, case, decision, as_json=as_json)


@click.command("informed")
@CONTROLLER
@click.option("--means", default="", help="How: e-mail, letter, SMS, public notice.")
@click.option("--count", type=click.IntRange(min=0), help="How many people.")
@click.option("--exemption", type=click.Choice(["a", "b", "c", "no_high_risk"]), help="Not informed: Art. 34(3) point.")
@AT
@_decision(reason_required=False)
def informed_command(
    ctx: click.Context, case: str, by: str, reason: str, as_json: bool, controller: str | None, means: str,
    count: int | None, exemption: str | None, at: str | None,
) -> None:  # fmt: skip
    """Record that the people concerned by CASE were informed, or why they need not be (--exemption)."""
    decision = Informed(
        by=by, reason=reason, at=_instant(ctx, at), controller=controller, means=means, count=count,
        exemption=exemption,  # type: ignore[arg-type]  # click has checked the choice
    )  # fmt: skip
    record(ctx, case, decision, as_json=as_json)


@click.command("done")
@click.option("--reference", default="", help="A number or file that proves it.")
@AT
@_decision(reason_required=False)
@click.argument("clock")
def done_command(
    ctx: click.Context, case: str, by: str, reason: str, as_json: bool, clock: str, reference: str, at: str | None
) -> None:
    """Record that the duty behind CLOCK of CASE is discharged: complaint lodged, controllers told."""
    decision = Done(by=by, reason=reason, clock=clock, at=_instant(ctx, at), reference=reference)
    record(ctx, case, decision, as_json=as_json)


@click.command("note")
@_decision()
def note_command(ctx: click.Context, case: str, by: str, reason: str, as_json: bool) -> None:
    """Add a remark (--reason) to the register of CASE; it moves nothing."""
    record(ctx, case, Note(by=by, reason=reason), as_json=as_json)


@click.command("channel")
@click.option("--compromised/--restored", "compromised", default=None,
              help="Part of what was breached, or safe again.")  # fmt: skip
@_decision()
@click.argument("channel", type=click.Choice(["mail", "smtp", "sendgrid", "folder"]))
def channel_command(
    ctx: click.Context, case: str, by: str, reason: str, as_json: bool, channel: str, compromised: bool | None
) -> None:
    """Mails of CASE no longer take CHANNEL, or do again; `mail` is the organisation's own mail, as the policy says."""
    if compromised is None:
        raise Refused("say which it is: --compromised or --restored.")
    decision = Channel(
        by=by, reason=reason, restored=not compromised,
        channel=channel,  # type: ignore[arg-type]  # click has checked the choice
    )  # fmt: skip
    record(ctx, case, decision, as_json=as_json)


@click.command("close")
@_decision()
def close_command(ctx: click.Context, case: str, by: str, reason: str, as_json: bool) -> None:
    """Close CASE: all duties discharged, measures taken."""
    record(ctx, case, Close(by=by, reason=reason), as_json=as_json)


@click.command("reopen")
@_decision()
def reopen_command(ctx: click.Context, case: str, by: str, reason: str, as_json: bool) -> None:
    """Look at a closed or dismissed CASE again; its clocks run again."""
    record(ctx, case, Reopen(by=by, reason=reason), as_json=as_json)


def parsed(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return `fact=value` words as values: JSON where it is JSON, a list where the fact is one, else text."""
    import msgspec

    from breachflow.core.facts import FACT_NAMES

    values: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise Refused(f"`{name[:60]}` is not FACT=VALUE.")
        if name not in FACT_NAMES:
            from difflib import get_close_matches

            near = get_close_matches(name, FACT_NAMES, n=1)
            raise Refused(f"no fact is called `{name[:60]}`." + (f" Did you mean `{near[0]}`?" if near else ""))
        try:
            value: Any = msgspec.json.decode(text.encode())
        except msgspec.DecodeError:
            value = text
        values[name] = value.split(",") if isinstance(value, str) and name in LISTS else value
    return values


LISTS = frozenset(
    {"data", "people", "countries", "measures_before", "measures_prevent", "harms", "consequences_confidentiality",
     "consequences_integrity", "consequences_availability"}
)  # fmt: skip
"""Facts that are lists of words, which may be typed with commas."""
