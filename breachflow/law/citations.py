"""Citations: every article and guideline that breachflow names, with its source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

import msgspec
from msgspec import Meta, Struct


class Citation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text: the `label` that is printed, its `source`, since when, and when its use was last held against it."""

    id: str
    label: Annotated[str, Meta(min_length=1)]
    source: Annotated[str, Meta(min_length=1)]
    last_verified: date
    effective_from: date | None = None


def _load() -> Mapping[str, Citation]:
    tables = tomllib.loads(files("breachflow.law").joinpath("citations.toml").read_text(encoding="utf-8"))
    return MappingProxyType({key: msgspec.convert(table | {"id": key}, Citation) for key, table in tables.items()})


CITATIONS: Mapping[str, Citation] = _load()
"""Every citation by its id."""


def label(citation: str) -> str:
    """Return what is printed for a citation; a rule that cites what is not there fails at import."""
    return CITATIONS[citation].label
