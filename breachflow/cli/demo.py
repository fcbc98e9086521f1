"""`breachflow demo`: an example organisation, a dozen incidents, 72 hours on a hand-wound watch, and who was told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from breachflow.cli import assembly
from breachflow.cli.answers import lasting, one_line, say
from breachflow.cli.watch import Watch
from breachflow.core.case import Case
from breachflow.core.decision import Ack, Close, Confirm, Decision, Done, Exempt, Filed, Informed
from breachflow.core.identity import event_identity

START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
"""Monday, eight in the morning in Paris."""

LASTS = timedelta(hours=76)
"""72 hours after the last event, so that every clock that nobody answered has run out."""

MARK = ".breachflow-demo"
"""Says that a folder was made by the demo and may be made anew."""


class Arrives(Struct, frozen=True):
    """A file of the story comes in, so many minutes after the start; `note` is what the reader should look for."""

    minutes: int
    file: str
    note: str


class Decides(Struct, frozen=True):
    """Somebody decides about the case that the file opened, so many hours after the start."""

    hours: float
    file: str
    decision: Callable[[datetime], Decision]
    says: str


EVENTS = (
    Arrives(2, "01-ransomware-with-backup.json", "ransomware, everything encrypted by us before, restored from backup"),
    Arrives(25, "02-ransomware-without-backup.json", "ransomware, backup encrypted too, data probably copied"),
    Arrives(50, "03-wrong-envelope.json", "one letter too many in an envelope: birth date and plate number"),
    Arrives(80, "04-iban-leak.json", "bank details readable from the internet"),
    Arrives(85, "05-lost-laptop.json", "a lost laptop, encrypted and switched off"),
    Arrives(95, "06-processor-incident.json", "a processor tells us of its own incident"),
    Arrives(105, "07-programme-incident.json", "an incident where we are the processor"),
    Arrives(125, "08-crm-alert.json", "a plain alert; the data map knows whose data is there"),
    Arrives(130, "09-false-positive.json", "closed as a false positive by the SOC"),
    Arrives(151, "10-test-alert.json", "a drill"),
    Arrives(162, "11-no-personal-data.json", "a server without personal data"),
    Arrives(165, "12-sent-again.json", "the same finding, sent again"),
    Arrives(186, "13-broken-message.json", "a message cut off in the middle"),
    Arrives(375, "14-exfiltration-found.json", "worse news about the claims database"),
)

DECISIONS = (
    Decides(1.0, "02-ransomware-without-backup.json",
            lambda _: Ack(by="Claire Fontanel (DPO)", reason="crisis cell convened"),
            "the DPO is on it"),
    Decides(2.5, "02-ransomware-without-backup.json",
            lambda _: Confirm(by="Claire Fontanel (DPO)", reason="the forensic team confirms access to claims data",
                               aware_at=START + timedelta(minutes=20)),
            "awareness is set"),
    Decides(3.0, "03-wrong-envelope.json",
            lambda _: Confirm(by="Claire Fontanel (DPO)", reason="the customer sent a photograph of the letter",
                               aware_at=START + timedelta(minutes=45)),
            "awareness is set"),
    Decides(4.0, "05-lost-laptop.json",
            lambda _: Confirm(by="Claire Fontanel (DPO)", reason="loss reported by the employee; device was off",
                               aware_at=START + timedelta(minutes=70)),
            "awareness is set"),
    Decides(4.5, "05-lost-laptop.json",
            lambda _: Exempt(by="Anne-Sophie Vanhoutte", advised_by="Claire Fontanel (DPO)",
                              advice="full-disk encryption, key not with the device, copies at hand: no risk",
                              reason="unlikely to result in a risk: encrypted, off, key safe, data available"),
            "not notified: decided by the controller on the DPO's advice"),
    Decides(5.0, "07-programme-incident.json",
            lambda at: Done(by="Claire Fontanel (DPO)", clock="gdpr-art33-2", at=at, reference="mail to the car maker"),
            "the car maker has been told"),
    Decides(8.0, "01-ransomware-with-backup.json",
            lambda _: Confirm(by="Claire Fontanel (DPO)", reason="encrypted data only; logs complete",
                               aware_at=START + timedelta(minutes=30)),
            "awareness is set"),
    Decides(9.0, "01-ransomware-with-backup.json",
            lambda _: Exempt(by="Karim Benali", advised_by="Claire Fontanel (DPO)",
                              advice="pattern of EDPB 01/2021 case 1: no notification needed",
                              reason="state-of-the-art encryption, key safe, restored in four hours, no effect"),
            "not notified: decided by the controller on the DPO's advice"),
    Decides(6.0, "07-programme-incident.json",
            lambda _: Confirm(by="Claire Fontanel (DPO)", reason="the access log shows another client's staff",
                              aware_at=START + timedelta(minutes=100)),
            "awareness is set"),
    Decides(20.0, "02-ransomware-without-backup.json",
            lambda at: Done(by="Claire Fontanel (DPO)", clock="dora-initial", at=at, reference="ACPR 2026-771"),
            "the initial DORA report is with the ACPR"),
    Decides(25.0, "02-ransomware-without-backup.json",
            lambda at: Done(by="Claire Fontanel (DPO)", clock="lopmi-complaint", at=at, reference="PV 2026/18822"),
            "the complaint is lodged"),
    Decides(26.0, "02-ransomware-without-backup.json",
            lambda at: Filed(by="Claire Fontanel (DPO)", at=at, kind="initial", reference="CNIL-2026-118822"),
            "the initial notification is filed with the CNIL"),
    Decides(30.0, "02-ransomware-without-backup.json",
            lambda at: Informed(by="Claire Fontanel (DPO)", at=at, means="e-mail and letter"),
            "the people concerned are informed"),
    Decides(49.0, "03-wrong-envelope.json",
            lambda at: Filed(by="Claire Fontanel (DPO)", at=at, kind="initial", reference="CNIL-2026-118901"),
            "the notification is filed with the CNIL"),
    Decides(52.0, "05-lost-laptop.json",
            lambda _: Close(by="Claire Fontanel (DPO)", reason="insurance told, laptop replaced"),
            "closed"),
)  # fmt: skip


@click.command("demo")
@click.option("--full", is_flag=True, help="Print every mail on a line of its own.")
@click.pass_context
def demo_command(ctx: click.Context, full: bool) -> None:
    """Run a whole story: events come in, 72 hours pass on a hand-wound watch, and you see who was told what, when.

    Leaves database, drafts and mails (.eml) in one folder: BREACHFLOW_HOME, else ./breachflow-demo.
    """
    home = _fresh(ctx)
    ctx.find_root().obj = (ctx.find_root().obj or {}) | {
        "BREACHFLOW_HOME": str(home),
        "BREACHFLOW_MAIL": f"folder:{home}/outbox",
    }
    from breachflow.settings.home import init

    settings = assembly.settings(ctx)
    init(settings.home)
    (home / MARK).touch(mode=0o600)
    watch = Watch(START)
    with assembly.store(settings, create=True) as store:
        workflow = assembly.put_together(settings, store, watch)
        Story(workflow, watch, full=full).play()
    say(f"\nEverything is in {home}: breachflow.db, organisation.toml, drafts/, outbox/ (the mails).")
    say("\nTry next:")
    flag = f"--home {home}"
    for command, what in (
        (f"breachflow {flag} status", "the clocks, as they stand today"),
        (f"breachflow {flag} show CASE", "facts, reasons, clocks, register"),
        (f"breachflow {flag} draft CASE --for cnil --lang fr", "the worksheet for the CNIL's online form"),
        (
            f"breachflow {flag} draft CASE --for people --format html -o notice.html",
            "the notice to the people concerned",
        ),
        (f"breachflow {flag} deadletters list", "the broken message"),
        ("breachflow init", "your own organisation"),
    ):
        say(f"  {command}\n      {what}")


class Story:
    """The demo as it is played: what comes in, what people decide, and what breachflow does by itself."""

    def __init__(self, workflow: Any, watch: Watch, *, full: bool) -> None:
        self.workflow, self.watch, self.full = workflow, watch, full
        self.zone = workflow.charter.organisation.zone
        self.told: dict[str, int] = {}
        self.cases: dict[str, str] = {}

    def play(self) -> None:
        """Play the whole story."""
        organisation = self.workflow.charter.organisation
        say(f"{organisation.name}: {len(organisation.controllers)} controllers, "
            f"{len(organisation.datamap)} assets in the data map.")  # fmt: skip
        say(f"The watch stands at {self._clock(START)} ({self.zone}).\n")
        steps: list[tuple[datetime, Arrives | Decides]] = [
            *((START + timedelta(minutes=event.minutes), event) for event in EVENTS),
            *((START + timedelta(hours=step.hours), step) for step in DECISIONS),
        ]
        for at, step in sorted(steps, key=lambda pair: pair[0]):
            self.watch.advance(at, self, self._mails)
            if isinstance(step, Arrives):
                self._arrives(step)
            else:
                self._decides(step)
            self.beat()
            self._mails()
        self.watch.advance(START + LASTS, self, self._mails)
        self._ending()

    def next_due(self) -> datetime | None:
        """Return the next instant at which a ladder is due."""
        due: datetime | None = self.workflow.store.next_due()
        return due

    def beat(self) -> None:
        """Do what is due now."""
        self.workflow.tick()
        self.workflow.draft()
        self.workflow.deliver()

    def _arrives(self, step: Arrives) -> None:
        from breachflow.formats import read
        from breachflow.ingest import ingest

        raw = files("breachflow.cli").joinpath("story", step.file).read_bytes()
        tally = ingest(self.workflow, BytesIO(raw), step.file, format=None, progress=None)
        outcome = next((name for name in ("opened", "attached", "screened", "duplicates", "quarantined")
                        if getattr(tally, name)), "nothing")  # fmt: skip
        say(f"{self._clock(self.watch())}  IN   {step.note}")
        event = read(raw, received_at=self.watch())[0].event
        if event is None:
            letters = self.workflow.store.dead_letters("held")
            say(f"{'':<12}      quarantined: {letters[-1].reason}")
            return
        seen = self.workflow.store.events_known({event_identity(event.source, event.id)})
        case_ids = [case for contents in seen.values() for case in contents.values() if case is not None]
        if outcome == "screened":
            because = self.workflow.store.screened(START, 1)[0].because
            say(f"{'':<12}      screened out: {because}")
        elif outcome == "duplicates":
            say(f"{'':<12}      a duplicate: nothing changes")
        elif case_ids:
            self.cases[step.file] = case_ids[0]
            self._tell_case(self.workflow.store.get(case_ids[0]), outcome, event.format)

    def _tell_case(self, case: Case, outcome: str, form: str) -> None:
        for part in case.parts:
            answer = self.workflow.assessments(case)[part.controller]
            duty = (
                "tell the controllers"
                if answer.notify_controllers
                else f"notify: {_yes(answer.notify_authority)}, inform: {_yes(answer.inform_people)}"
            )
            judged = f"{answer.risk}, {answer.basis}; {duty}"
            say(f"{'':<12}      {outcome} {case.id} ({form}) for {part.controller}: {judged}")
        reason = self.workflow.assessments(case)[case.parts[0].controller].reasons[0]
        say(f"{'':<12}      because {reason.because[0].lower()}{reason.because[1:].rstrip('.')} [{reason.law}]")
        clocks = ", ".join(f"{c.id} until {self._clock(c.act_by)}" for c in case.clocks if c.stop is None)
        say(f"{'':<12}      clocks: {clocks}")

    def _decides(self, step: Decides) -> None:
        case = self.cases[step.file]
        decision = step.decision(self.watch())
        change = self.workflow.decide(case, decision)
        say(f"{self._clock(self.watch())}  WHO  {decision.by}: {step.says} ({case})")
        for warning in change.warnings:
            say(f"{'':<12}      warning: {warning}")

    def _mails(self) -> None:
        """Tell of the mails that left since the last look, one line for each instant and kind."""
        groups: dict[tuple[str, str], list[str]] = {}
        for case in self.cases.values():
            rows = self.workflow.store.notices(case)
            fresh = [row for row in rows if row.state == "sent" and row.notice.id not in self.told]
            for row in fresh:
                self.told[row.notice.id] = 1
                rungs = sorted({rung for _, rung in row.notice.rungs}, key=lambda rung: (rung[1], float(rung[2:])))
                what = (
                    row.notice.kind if row.notice.kind in ("opened", "flag") else f"{row.notice.kind} {'/'.join(rungs)}"
                )
                groups.setdefault((case, what), []).append(row.notice.to)
        if self.full:
            for (case, what), people in groups.items():
                say(f"{self._clock(self.watch())}  MAIL {what} ({case}) to {', '.join(people)}")
        elif groups:
            people = sorted({person for to in groups.values() for person in to})
            count = sum(len(to) for to in groups.values())
            whats = sorted({what for _, what in groups})
            about = "" if len(groups) > 1 else f" ({next(iter(groups))[0]})"
            shown = ", ".join(whats[:3]) + (f" and {len(whats) - 3} more" if len(whats) > 3 else "")
            say(f"{self._clock(self.watch())}  MAIL {count} to {', '.join(people)}: {shown}{about}")

    def _ending(self) -> None:
        from breachflow.core.clock import state

        now = self.watch()
        say(f"\n{self._clock(now)}: 76 hours have passed.\n")
        for case in (*self.workflow.store.open_cases(), *self._closed()):
            say(f"{case.id}  {one_line(case.title, 60)}  [{case.stage.value}]")
            for clock in case.clocks:
                left = f", {lasting(clock.act_by - now)}" if clock.stop is None else ""
                say(f"    {clock.id:<28} {state(clock, now)}{left}")
        counts = self.workflow.store.counts()
        drafts = sum(len(self.workflow.store.drafts(case)) for case in set(self.cases.values()))
        say(f"\n{counts.cases} cases, {counts.screened} events screened out, {counts.held} dead letter(s), "
            f"{len(self.told)} mails, {drafts} drafts, {counts.entries} register entries.")  # fmt: skip
        broken = self.workflow.store.verify_register()
        say("The register's chain verifies." if not broken else "The register's chain is broken.")

    def _closed(self) -> list[Case]:
        cases = [self.workflow.store.get(case) for case in dict.fromkeys(self.cases.values())]
        return [case for case in cases if case.closed_at is not None]

    def _clock(self, instant: datetime) -> str:
        from zoneinfo import ZoneInfo

        return f"{instant.astimezone(ZoneInfo(self.zone)):%a %H:%M:%S}"


def _fresh(ctx: click.Context) -> Path:
    """Return an empty folder for the demo; one of an earlier demo is made anew, anything else is left alone."""
    home = Path(assembly.settings(ctx).home)
    if not assembly.home_was_chosen(ctx):
        home = Path("breachflow-demo")
    if home.exists() and any(home.iterdir()) and not (home / MARK).exists():
        home /= "demo"
    if (home / MARK).exists():
        shutil.rmtree(home)
    return home


def _yes(value: bool) -> str:
    return "yes" if value else "no"
