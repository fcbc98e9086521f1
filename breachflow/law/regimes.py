"""Regimes: which period each law, authority or contract sets, what starts it and what ends it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Unit = Literal["hours", "months", "none"]
Rounding = Literal["month-clamp", "next-working-day-noon", "reg-1182-71-display"]
SetBy = Literal["law", "guidance", "policy", "contract", "authority"]
Text = Annotated[str, Meta(min_length=1)]
Key = Annotated[str, Meta(pattern=r"^[a-z0-9_]+$")]


class Duration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a period is; `none` has no length of its own: whoever starts it states its end."""

    unit: Unit
    amount: Annotated[int, Meta(ge=1)] | None = None


class Second(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second event of the same duty, from which a shorter period in hours runs."""

    trigger: Key
    hours: Annotated[int, Meta(ge=1)]


class Regime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One regime: trigger, duration, rounding, stop event, each dated and sourced.

    `trigger` and `stop` are stable keys of events. `set_by` says who fixed the length: where it is the organisation's
    policy or a contract, `duration` is only the default. `rounding`: `month-clamp` (same day number, else the month's
    last day); `next-working-day-noon` (an end on a weekend or a bank holiday), which `noon_except` lists the kinds of
    entity to be without; `reg-1182-71-display` (Regulation 1182/71 governs: its latest instant is shown, never used).
    `kind` is `soft` where missing the instant breaks no duty. `sources` are ids of citations.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    name: Text
    authority: Text
    applies: Text
    trigger: Key
    duration: Duration
    stop: Key
    kind: Literal["hard", "soft"]
    set_by: SetBy
    sources: Annotated[tuple[Text, ...], Meta(min_length=1)]
    effective_from: date
    last_verified: date
    effective_to: date | None = None
    second: Second | None = None
    rounding: tuple[Rounding, ...] = ()
    noon_except: tuple[Text, ...] = ()
    note: str = ""


def _load() -> Mapping[str, Regime]:
    tables = tomllib.loads(files("breachflow.law").joinpath("regimes.toml").read_text(encoding="utf-8"))
    return MappingProxyType({key: msgspec.convert(table | {"id": key}, Regime) for key, table in tables.items()})


REGIMES: Mapping[str, Regime] = _load()
"""Every regime by its id, in the vocabulary's order."""
