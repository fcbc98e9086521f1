"""Decisions in from another system: who, about which case, what, and why; each taken once, or kept with the reason.

A message is one object, `breachflow.decision.v1`: the keys of the decision beside `id`, `source`, `principal`, `case`.
Its JSON Schema ships as `decision.schema.json`; `breachflow schema decision` prints it. Who may decide stands in the
organisation file; what it does not list, what does not fit the case and what cannot be read become dead letters.

A decision is recorded in the transaction that moves the ledger, with the message itself as an event of its case: the
same message meets itself there, whoever reads it again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from breachflow.agents.clerk import stumbled
from breachflow.agents.figures import Figures
from breachflow.agents.intake import TOMBSTONE, origin_of
from breachflow.agents.ledger import Fetched, position
from breachflow.agents.transport import Batch
from breachflow.core import contract, lifecycle
from breachflow.core.case import IllegalMove, Received
from breachflow.core.decision import Decision
from breachflow.core.identity import content_of, event_identity
from breachflow.core.organisation import Organisation, Verb
from breachflow.formats import MAX_PAYLOAD, Reading
from breachflow.store import Position, StoreError, UnknownCase
from breachflow.workflow import ATTEMPTS, Contended, Record, Workflow, where

FORMAT = "breachflow.decision.v1"
BY = 200  # Characters of an author's name in the register.


class Envelope(Struct, kw_only=True):
    """Who says so, from where, about which case; `id` with `source` is the message's identity."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: Annotated[str, Meta(min_length=1, max_length=200)]
    principal: Annotated[str, Meta(min_length=1, max_length=200)]
    case: Annotated[str, Meta(min_length=1, max_length=40)]
    verb: Verb


class Unfit(Exception):  # noqa: N818 - named for what it is.
    """The message is no decision that may be taken; the sentence says why, and quotes nothing of it."""


class Decisions:
    """The topic of decisions, one by one, in order."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def __call__(self, workflow: Workflow, batch: Batch, group: str) -> int:
        """Take every decision of a batch; the ledger moves with each."""
        for message in batch.records:
            reached = position(group, message)
            try:
                self._take(workflow, message, reached)
                continue
            except UnknownCase:
                reason = "the decision names a case that there is not"
            except (Unfit, IllegalMove) as problem:
                reason = str(problem)
            except (StoreError, Contended):
                raise
            except Exception as fault:  # noqa: BLE001 - answered: kept as a dead letter, and those behind it are taken.
                stumbled("decision", fault, origin=origin_of(message))
                reason = f"breachflow stumbled over this decision ({where(fault)}): its own fault; it is kept here"
            self._figures.refused += 1
            reading = Reading(raw=(message.value or b"")[:MAX_PAYLOAD], error=reason)
            workflow.take_in([Record(reading, origin_of(message))], (reached,))
        return len(batch.records)

    def _take(self, workflow: Workflow, message: Fetched, reached: Position) -> None:
        envelope, decision = read_decision(message.value, workflow.charter.organisation)
        raw = message.value or b""
        identity, content = event_identity(f"decision {envelope.source}", envelope.id), content_of(raw)
        for _ in range(ATTEMPTS):
            known = workflow.store.events_known({identity}).get(identity, {})
            if content in known:
                workflow.take_in((), (reached,))
                return
            if known:
                raise Unfit("the decision's `id` was used by its source for another decision: every one needs its own")
            case, now = workflow.store.get(envelope.case), workflow.now()
            change = lifecycle.decided(case, decision, workflow.charter, now)
            received = _received(identity, content, envelope, raw, now)
            if workflow.store.commit([msgspec.structs.replace(change, received=(received,))], positions=(reached,)):
                self._figures.decisions += 1
                workflow.meter.decided(envelope.verb)
                return
        raise Contended(f"{envelope.case}: changed {ATTEMPTS} times while the decision was being recorded.")


def read_decision(value: bytes | None, organisation: Organisation) -> tuple[Envelope, Decision]:
    """Return what a message decides, and by whom it is signed in the register. Raises `Unfit`."""
    if value is None:
        raise Unfit(TOMBSTONE)
    if len(value) > MAX_PAYLOAD:
        raise Unfit(f"the decision is longer than {MAX_PAYLOAD} bytes")
    try:
        document = msgspec.json.decode(value)
        envelope = msgspec.convert(document, Envelope)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unfit(f"this is no decision: {_plain(error)}") from error
    principal = organisation.principal(envelope.source, envelope.principal)
    if principal is None:
        raise Unfit("the organisation file lists no such principal for this source: they may decide nothing")
    if principal.verbs and envelope.verb not in principal.verbs:
        raise Unfit(f"the organisation file does not let this principal decide `{envelope.verb}`")
    if "by" in document:
        raise Unfit("the decision states `by`: its author is the principal, and is named by the organisation file")
    person = organisation.person(principal.person) if principal.person is not None else None
    stated = {key: part for key, part in document.items() if key not in ("id", "source", "principal", "case")}
    stated["by"] = f"{person.name if person is not None else principal.name} ({principal.source})"[:BY]
    try:
        return envelope, msgspec.convert(stated, Decision)
    except msgspec.ValidationError as error:
        raise Unfit(f"the decision is incomplete: {_plain(error)}") from error


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a message, made from the types that read it."""
    parts = definitions()
    return contract.document(
        FORMAT,
        "A decision about a case, as a message on breachflow's topic of decisions.",
        {"oneOf": [{"$ref": contract.LOCAL.format(name=name)} for name in parts]},
        parts,
    )


def definitions(ref: str = contract.LOCAL) -> dict[str, Any]:
    """Return the schema of every decision as a message, by name; `ref` says how they name each other."""
    parts = contract.definitions([Envelope, Decision], ref=ref)
    envelope = parts.pop("Envelope")
    for part in parts.values():
        part["properties"] = envelope["properties"] | part["properties"]
        part["properties"].pop("by")
        part["required"] = [*(key for key in envelope["required"] if key != "verb"), "verb"] + [
            key for key in part["required"] if key not in ("verb", "by")
        ]
    return dict(sorted(parts.items()))


def _received(identity: bytes, content: bytes, envelope: Envelope, raw: bytes, now: datetime) -> Received:
    return Received(
        identity=identity, content=content, source=envelope.source, received_at=now, detected_at=now, format=FORMAT,
        disposition="attached", because="a decision from another system", raw=raw,
    )  # fmt: skip


def _plain(error: Exception) -> str:
    """Return what the decoder says; it names keys and kinds, never values, unless the JSON itself is broken."""
    if isinstance(error, msgspec.ValidationError):
        return str(error).replace("`$.", "`").replace("`$`", "the message")[:300]
    return "it is not JSON"
