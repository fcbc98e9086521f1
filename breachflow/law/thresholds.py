"""Thresholds: the numbers that decide, each with the texts it is read from and its dates."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1)]


class Threshold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number: what it means, how it is read from its sources, and whether a policy may set another."""

    id: Text
    value: Annotated[int, Meta(ge=1)]
    unit: Text
    meaning: Text
    reading: Text
    sources: Annotated[tuple[Text, ...], Meta(min_length=1)]
    policy: bool
    effective_from: date
    last_verified: date
    effective_to: date | None = None


def _load() -> Mapping[str, Threshold]:
    tables = tomllib.loads(files("breachflow.law").joinpath("thresholds.toml").read_text(encoding="utf-8"))
    return MappingProxyType({key: msgspec.convert(table | {"id": key}, Threshold) for key, table in tables.items()})


THRESHOLDS: Mapping[str, Threshold] = _load()
"""Every threshold by its id."""


def threshold(name: str) -> int:
    """Return the value of a threshold; a rule that reads one that is not there fails at import."""
    return THRESHOLDS[name].value
