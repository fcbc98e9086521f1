"""A format that is only a matter of which path holds what: a TOML of paths, recognition and scales.

The shipped ones stand in `mappings/`; the same kind of file is what a user writes for a product that we do not know.

    name = "acme-alert"
    zone = "UTC"                       # of times without offset; only where the vendor documents it

    [[recognise]]                      # any one of these tables; all that it says must hold
    keys = ["alertId", "sensor.name"]  # paths that must be there; the first one's first key is looked for first
    equals = { vendor = ["Acme"] }
    absent = ["metadata.customerId"]

    [event]                            # paths or {templates}, the first that says something counts
    id = ["alertId"]
    title = ["{rule} on {host}", "rule"]
    detected_at = ["detected", "created"]
    assets = ["host", "resources[].name"]    # of these two, all count
    users = ["user.name"]

    [[severity]]                       # the first table that gives a severity counts
    from = "level"
    words = { p1 = "critical" }        # beside the common words
    [[severity]]
    from = "score"
    bands = [[0, "low"], [50, "medium"], [80, "high"]]

    [verdict]
    from = ["status", "resolution"]
    false_positive = ["benign"]
    confirmed = ["true positive"]

    [facts]                            # what every record of the format says
    [[when]]                           # what a record says where a path has one of these values
    path = "category"
    is = ["dlp"]
    facts = { confidentiality = true }
"""

from __future__ import annotations

import re
import tomllib

import msgspec
from msgspec import Struct, field

from breachflow.core.event import Severity
from breachflow.core.facts import Facts

Sources = tuple[str, ...]
NAME = r"[a-z0-9][a-z0-9._-]{0,79}"
"""How a format may be called: as it is written in settings, in requests and as a file's name."""


class MappingError(ValueError):
    """A mapping that cannot be used: which key, on which line, and why."""


class Recognise(Struct, frozen=True, forbid_unknown_fields=True):
    """What all records of a format have in common."""

    keys: Sources
    equals: dict[str, tuple[str | int | bool, ...]] = {}
    absent: Sources = ()


class EventPaths(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the parts of the event stand."""

    title: Sources
    detected_at: Sources = ()
    id: Sources = ()
    stable: Sources = ()
    instance: Sources = ()
    description: Sources = ()
    case: Sources = ()
    assets: Sources = ()
    users: Sources = ()
    occurred_from: Sources = ()
    occurred_to: Sources = ()


class Scale(Struct, frozen=True, forbid_unknown_fields=True):
    """One path to a severity and how its values are read."""

    from_: str = field(name="from")
    words: dict[str, Severity] = {}
    bands: tuple[tuple[float, Severity], ...] = ()
    """A number at or above the floor is that severe; the highest floor counts."""


class VerdictWords(Struct, frozen=True, forbid_unknown_fields=True):
    """Which words of which paths say that an alert is confirmed, false or a test."""

    from_: Sources = field(name="from")
    confirmed: tuple[str | int | bool, ...] = ()
    false_positive: tuple[str | int | bool, ...] = ()
    test: tuple[str | int | bool, ...] = ()


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that a record states by having one of these values at a path."""

    path: str
    is_: tuple[str | int | bool, ...] = field(name="is")
    facts: Facts


class Mapping(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    name: str
    recognise: tuple[Recognise, ...]
    event: EventPaths
    product: str | None = None
    zone: str | None = None
    severity: tuple[Scale, ...] = ()
    verdict: VerdictWords | None = None
    facts: Facts | None = None
    when: tuple[When, ...] = ()


def parsed(content: bytes) -> Mapping:
    """The mapping in this TOML; raises `MappingError` naming the line or the key that is wrong."""
    try:
        source = content.decode()
        read = tomllib.loads(source)
    except UnicodeDecodeError:
        raise MappingError("the mapping is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"the mapping is not TOML: {error}") from None
    try:
        mapping = msgspec.convert(read, Mapping)
    except msgspec.ValidationError as error:
        raise MappingError(placed(str(error), source)) from None
    if not re.fullmatch(NAME, mapping.name):
        raise MappingError("`name` is written in lower case letters, digits and hyphens, at most 80")
    return mapping


def placed(message: str, source: str) -> str:
    """What is wrong with a key, after the line on which the key stands."""
    said = f"{message[0].lower()}{message[1:]}"
    quoted = re.findall(r"'([^']+)'", message)
    keys = re.findall(r"field `(\w+)`", message) + re.findall(r"(\w+)(?:\[[^`]*)?`$", message)
    lines = source.splitlines()
    for looked_for in (*(re.escape(word) for word in quoted), *(rf"\b{key}\b\s*=" for key in keys)):
        for number, text in enumerate(lines, start=1):
            if re.search(looked_for, text):
                return f"line {number}: {said}"
    return said
