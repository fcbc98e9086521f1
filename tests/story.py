"""Stories: an event in, time passes, who was told? On a real database and a real outbox, with a hand-wound watch."""

from __future__ import annotations

import email
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breachflow.cli.watch import Watch
from breachflow.core.charter import Charter
from breachflow.core.organisation import Controller, Organisation, Person, Policy
from breachflow.delivery import Refused
from breachflow.desk import Folder as Desk
from breachflow.formats import read
from breachflow.store import open_store
from breachflow.workflow import Record, Workflow

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""A Tuesday, ten in the morning in Paris."""

PEOPLE = (
    Person(id="dpo", rank="dpo", name="DPO", email="dpo@group.example"),
    Person(id="deputy", rank="deputy", name="Deputy", email="deputy@group.example"),
    Person(id="ciso", rank="ciso", name="Security", email="ciso@group.example"),
    Person(id="boss", rank="executive", name="Management", email="boss@group.example"),
)

BREACH = {
    "personal_data": True,
    "incident_type": "exfiltration",
    "intent": "malicious",
    "origin": "external",
    "confidentiality": True,
    "exfiltration": "confirmed",
    "protection": "none",
    "recipient": "unidentified",
    "people_count": 300,
    "people": ["customers"],
    "data": ["identity", "contact", "bank_account"],
}
"""A breach that nobody would call harmless."""


def organisation(policy: Policy | None = None, **changes) -> Organisation:
    values = {
        "name": "Group",
        "controllers": (
            Controller(id="insurance", name="Insurance SA"),
            Controller(id="services", name="Services SAS"),
        ),
        "people": PEOPLE,
        "sender": "breachflow@group.example",
        "policy": policy or Policy(),
    }
    return Organisation(**(values | changes))


class Outtray:
    """A route that takes every mail, unless an address is out of order; it keeps what it was handed."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.broken: set[str] = set()

    def send(self, message: bytes, *, to: str, notice: str, case: str | None, without=()):
        from breachflow.delivery import Sent

        if to in self.broken:
            raise Refused("the mailbox does not exist")
        self.mails.append((to, message))
        return Sent(provider="outtray", reference=notice)

    def forget(self, notices) -> None:
        """What was handed out is handed out."""


class Story:
    """One organisation on one database; `advance` lets time pass with the heart beating at every due instant."""

    def __init__(self, folder: Path, house: Organisation | None = None, url: str | None = None) -> None:
        self.watch = Watch(START)
        self.outtray = Outtray()
        self.store = open_store(url or f"sqlite:///{folder}/breachflow.db", bytes(32), create=True)
        self.charter = Charter(house or organisation())
        self.workflow = Workflow(self.store, self.charter, self.watch, route=self.outtray, desk=Desk(folder / "drafts"))
        self._ids = itertools.count(1)
        self._read = 0

    def event(self, facts: dict | None = None, **values):
        """A native event comes in; return the tally."""
        event = {
            "id": f"e{next(self._ids)}",
            "source": "soc/test",
            "detected_at": self.watch().isoformat(),
            "title": "Something happened",
            "facts": BREACH if facts is None else facts,
        } | values
        if not event["facts"]:
            del event["facts"]
        return self.raw(json.dumps(event).encode())

    def raw(self, payload: bytes):
        """Bytes come in through a door; return the tally, after one beat of the heart."""
        readings = read(payload, received_at=self.watch())
        tally = self.workflow.receive([Record(reading, "test") for reading in readings])
        self.beat()
        return tally

    @property
    def case(self):
        """The one case there is."""
        (case,) = self.cases
        return case

    @property
    def cases(self):
        """All cases, oldest first."""
        return sorted(self.store.every_case(), key=lambda case: case.opened_at)

    def decide(self, decision, case: str | None = None):
        """Somebody decides about the case."""
        change = self.workflow.decide(case or self.case.id, decision)
        self.beat()
        return change

    def advance(self, **length) -> None:
        """Time passes."""
        self.watch.advance(self.watch() + timedelta(**length), self)

    def next_due(self):
        return self.store.next_due()

    def beat(self) -> None:
        self.workflow.tick()
        self.workflow.draft()
        self.workflow.deliver()

    def told(self) -> list[str]:
        """Who was mailed since the last question, by the part before the @, in order."""
        fresh = self.outtray.mails[self._read :]
        self._read = len(self.outtray.mails)
        return [to.partition("@")[0] for to, _ in fresh]

    def mail(self, number: int = -1) -> email.message.EmailMessage:
        """One mail, as its reader gets it."""
        return email.message_from_bytes(self.outtray.mails[number][1], policy=email.policy.default)

    def clock(self, regime: str, controller: str | None = None, case=None):
        """One clock of the case."""
        found = [c for c in (case or self.case).clocks if c.regime == regime and controller in (None, c.controller)]
        assert len(found) == 1, f"{regime}: {[c.id for c in (case or self.case).clocks]}"
        return found[0]
