"""The AsyncAPI 3.0 document: which messages come in and go out on which topic, made from the types that handle them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

from breachflow import __version__
from breachflow.agents import decisions
from breachflow.agents.announced import DATA, NotRead
from breachflow.core import contract
from breachflow.formats import native_schema
from breachflow.settings.environment import CASE_TOPIC, DEAD_LETTER_TOPIC, DECISION_TOPIC, EVENT_TOPIC

REF = "#/components/schemas/{name}"
CLOUD_EVENT = "application/cloudevents+json"
PLAIN = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_.-]*")
NOT_A_WORD = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def document() -> dict[str, Any]:
    """Return the whole document."""
    going_out = {kind: data.__name__ for kind, data in DATA.items()}
    dead = {kind: name for kind, name in going_out.items() if name == NotRead.__name__}
    cases = {kind: name for kind, name in going_out.items() if kind not in dead}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "breachflow",
            "version": __version__,
            "description": (
                "Security events and decisions in; what happened in every case, and what could not be read, out. "
                "Topic names are the defaults; docs/kafka.md says how to change them."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "securityEvents": {
                "address": EVENT_TOPIC,
                "description": "Events in any known format, one or many a message. The key is free.",
                "messages": {name: _to_message(name) for name in ("nativeEvent", "cloudEvent", "productEvent")},
            },
            "decisions": {
                "address": DECISION_TOPIC,
                "description": "Decisions of other systems, keyed by case; each is taken once, by its id and source.",
                "messages": {"decision": _to_message("decision")},
            },
            "caseEvents": {
                "address": CASE_TOPIC,
                "description": "Every entry of every register in its order, keyed by case, at least once.",
                "messages": {_named(kind): _to_message(_named(kind)) for kind in cases},
            },
            "deadLetters": {
                "address": DEAD_LETTER_TOPIC,
                "description": "What could not be read, keyed by dead letter, at least once.",
                "messages": {_named(kind): _to_message(_named(kind)) for kind in dead},
            },
        },
        "operations": {
            "takeInEvents": _operation("receive", "securityEvents", "Take in security events."),
            "takeDecisions": _operation("receive", "decisions", "Take decisions of other systems."),
            "sayWhatHappened": _operation("send", "caseEvents", "Say what happened in every case."),
            "sayWhatWasNotRead": _operation("send", "deadLetters", "Say what could not be read."),
        },
        "components": {
            "messages": _incoming() | {_named(kind): _outgoing(kind, name) for kind, name in going_out.items()},
            "schemas": _schemas(going_out),
        },
    }  # fmt: skip


def _incoming() -> dict[str, Any]:
    return {
        "nativeEvent": {
            "title": "An event in breachflow's own words",
            "payload": {"$ref": REF.format(name=native_schema.EVENT)},
        },
        "cloudEvent": {
            "title": "A CloudEvent around an event",
            "summary": "Structured, or binary with `ce_` headers; its data are read as if they came alone.",
            "contentType": CLOUD_EVENT,
            "payload": {"$ref": REF.format(name="CloudEventIn")},
        },
        "productEvent": {
            "title": "What a product sends",
            "summary": "JSON, a list, JSON lines, CEF, LEEF or syslog; docs/products/ has a page for each product.",
            "payload": {"description": "As the product writes it; it is recognised, or the topic's format is set."},
        },
        "decision": {
            "title": "A decision about a case",
            "payload": {"oneOf": [{"$ref": REF.format(name=name)} for name in decisions.definitions()]},
        },
    }


def _outgoing(kind: str, name: str) -> dict[str, Any]:
    return {
        "name": kind,
        "title": inspect.cleandoc(DATA[kind].__doc__ or "").splitlines()[0],
        "contentType": CLOUD_EVENT,
        "payload": {
            "allOf": [
                {"$ref": REF.format(name="CloudEventOut")},
                {
                    "type": "object",
                    "properties": {"type": {"const": kind}, "data": {"$ref": REF.format(name=name)}},
                },
            ]
        },
    }


def _schemas(going_out: dict[str, str]) -> dict[str, Any]:
    out = contract.definitions([DATA[kind] for kind in going_out], ref=REF)
    for part in out.values():
        part.pop("additionalProperties", None)  # A later version may say more; a listener must not stumble over it.
    return {
        "CloudEventIn": {
            "type": "object",
            "description": "CloudEvents 1.0. What identifies the event is inside `data`.",
            "properties": {
                "specversion": {"type": "string", "pattern": "^1\\."},
                "id": {"type": "string"}, "source": {"type": "string"}, "type": {"type": "string"},
                "datacontenttype": {"type": "string"},
                "data": {"description": "A native event, or what a product sends."},
                "data_base64": {"type": "string"},
            },
            "required": ["specversion", "id", "source", "type"],
            "anyOf": [{"required": ["data"]}, {"required": ["data_base64"]}],
        },
        "CloudEventOut": {
            "type": "object",
            "description": "CloudEvents 1.0. A message sent twice has the same `id`.",
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "description": "CASE/ENTRY, or the id of the dead letter."},
                "source": {"const": "/breachflow"},
                "type": {"type": "string"},
                "subject": {"type": "string", "description": "The case, or the dead letter; also the message's key."},
                "time": contract.instant(f"[0-9]{{4}}{contract.DAY}"),
                "datacontenttype": {"const": "application/json"},
                "data": {"type": "object"},
            },
            "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"],
        },
        **native_schema.definitions(REF),
        **decisions.definitions(REF),
        **out,
    }  # fmt: skip


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _to_message(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}


def _named(kind: str) -> str:
    """Return the name of a message in the document: `breachflow.case.not-told` is `caseNotTold`."""
    first, *rest = re.split(r"[._-]", kind.removeprefix("breachflow."))
    return first + "".join(word.capitalize() for word in rest)


def yaml(value: Any) -> str:
    """Return a JSON value as YAML: strings as JSON writes them, lists and objects as blocks."""
    return "".join(f"{line}\n" for line in _block(value))


def _block(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            named = key if PLAIN.fullmatch(key) and key.lower() not in NOT_A_WORD else json.dumps(key)
            yield from _headed(f"{named}:", part)
    elif isinstance(value, list | tuple) and value:
        for part in value:
            first, *rest = _block(part)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield json.dumps(value)


def _headed(head: str, part: Any) -> Iterator[str]:
    if isinstance(part, dict | list | tuple) and part:
        yield head
        yield from (f"  {line}" for line in _block(part))
    else:
        yield f"{head} {json.dumps(part)}"
