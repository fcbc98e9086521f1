"""The data map: from an asset's name to what the organisation already knows about the personal data on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from msgspec import Struct

from breachflow.core.organisation import Asset

# A lost laptop with disk encryption is unreadable to the finder; the same disk in a running server is open to whoever
# is on the server. "Disk encryption on a running server" does not qualify under Art. 34(3)(a).
AT_REST_ONLY = frozenset({"device_lost_or_stolen", "e_waste", "mail_lost_or_opened", "paper_lost_or_stolen"})

CACHED = 4096  # Alert storms name the same few assets again and again; the bound keeps hostile names from growing it.

How = Literal["name", "host name", "bucket", "account", "tag", "pattern", "range"]
"""Why an entry speaks for an asset: `host name` is the name without its domain."""

SHARED = ("tag:", "account:")
"""Beginnings of names that many assets share; what they name is a trait, not one asset."""

_BUCKETS = re.compile(
    r"(?:arn:[a-z0-9-]+:s3:::|(?:s3|s3a|gs|gcs)://|//storage\.googleapis\.com/(?:projects/[^/]*/buckets/)?)([^/?#]+)"
    r"|https?://([^/?#]+?)\.s3[.-][a-z0-9.-]*amazonaws\.com(?:[/?#]|$)"
)
_ACCOUNTS = re.compile(r"arn:[a-z0-9-]+:[^:]*:[^:]*:(\d{12}):|/subscriptions/([0-9a-f-]{36})(?:/|$)")


class Match(Struct, frozen=True):
    """One entry that speaks for an asset: through which of its names, and how that name was met."""

    line: Asset
    name: str
    how: How


class DataMap:
    """The lines of the data map, ready to be asked by asset name."""

    def __init__(self, lines: Sequence[Asset]) -> None:
        self.lines = tuple(lines)
        self._exact: dict[str, list[Match]] = {}
        self._patterns: list[tuple[re.Pattern[str], Match]] = []
        self._networks: list[tuple[Any, Match]] = []
        self._cache: dict[str, tuple[Asset, ...]] = {}
        for line in self.lines:
            for name in line.match:
                self._learn(line, name)

    def find(self, assets: Iterable[str]) -> tuple[Asset, ...]:
        """Return the lines that these assets match, each once, in the map's order."""
        found: dict[str, Asset] = {}
        for asset in assets:
            for line in self._lookup(asset):
                found.setdefault(line.id, line)
        return tuple(line for line in self.lines if line.id in found) if len(found) > 1 else tuple(found.values())

    def unmapped(self, assets: Iterable[str]) -> set[str]:
        """Return the assets for which no line speaks, in small letters; tags and accounts are no assets."""
        names = {asset.casefold() for asset in assets if asset.strip() and not self._lookup(asset)}
        return {name for name in names if not name.startswith(SHARED)}

    def matches(self, asset: str) -> tuple[Match, ...]:
        """Return every line that speaks for this asset, the surest first: by name, by pattern, by range."""
        found: dict[str, Match] = {}
        for match in self._met(asset.casefold()):
            found.setdefault(match.line.id, match)
        return tuple(found.values())

    def _learn(self, line: Asset, name: str) -> None:
        plain = name.casefold()
        kind, _, rest = plain.partition(":")
        if "*" in name or "?" in name:
            self._patterns.append((re.compile(translate(plain)), Match(line, name, "pattern")))
        elif _is_network(name):
            self._networks.append((ip_network(name, strict=False), Match(line, name, "range")))
        elif kind in ("account", "bucket") and rest:
            # Most tools give the bucket or the account by its bare name, others inside an ARN.
            match = Match(line, name, "account" if kind == "account" else "bucket")
            for known in (plain, rest):
                self._exact.setdefault(known, []).append(match)
        elif (bucket := _BUCKETS.fullmatch(plain.removesuffix("/"))) is not None:
            for known in (plain, f"bucket:{bucket[1] or bucket[2]}"):
                self._exact.setdefault(known, []).append(Match(line, name, "name" if known == plain else "bucket"))
        else:
            self._exact.setdefault(plain, []).append(Match(line, name, "tag" if kind == "tag" and rest else "name"))

    def _met(self, name: str) -> list[Match]:
        found = [*self._exact.get(name, ())]
        # A host is often named with its domain in one tool and without it in the next.
        short = self._exact.get(name.partition(".")[0], ()) if "." in name else ()
        found += [Match(match.line, match.name, "host name" if match.how == "name" else match.how) for match in short]
        within = _within(name) if "/" in name or ":" in name else ()
        for inner in within:
            kind, _, bare = inner.partition(":")
            how: How = "account" if kind == "account" else "bucket"
            # A plain name is the bucket's own; a plain number is nobody's account until the entry says so.
            met = (*self._exact.get(inner, ()), *(self._exact.get(bare, ()) if kind == "bucket" else ()))
            found += [Match(match.line, match.name, how) for match in met]
        if self._patterns:
            found += [match for pattern, match in self._patterns if any(map(pattern.match, (name, *within)))]
        if self._networks and (address := _address(name)) is not None:
            found += [match for network, match in self._networks if address in network]
        return found

    def _lookup(self, asset: str) -> tuple[Asset, ...]:
        name = asset.casefold()
        cached = self._cache.get(name)
        if cached is not None:
            return cached
        unique = tuple({match.line.id: match.line for match in self._met(name)}.values())
        if len(self._cache) >= CACHED:
            self._cache.clear()
        self._cache[name] = unique
        return unique


def has_personal_data(line: Asset) -> bool:
    """Whether the line says that there is personal data on the asset."""
    return line.personal_data is True or (line.personal_data is None and bool(line.data or line.people))


def mapped_facts(lines: Sequence[Asset], types: Sequence[str]) -> dict[str, tuple[Any, str]]:
    """Return the facts that these lines give, each with the id of the line it comes from, or several with commas.

    Kinds of data and of people add up over the lines; of counts the largest stands, since the same people may be on
    several assets. Lines without personal data say so only where no other line has any.
    """
    facts: dict[str, tuple[Any, str]] = {}
    personal = [line for line in lines if has_personal_data(line)]
    if not personal:
        if lines and all(line.personal_data is False for line in lines):
            facts["personal_data"] = (False, lines[0].id)
        return facts
    facts["personal_data"] = (True, personal[0].id)
    for line in personal:
        for name in ("data", "people", "countries"):
            value = getattr(line, name)
            if value:
                facts[name] = _added(facts.get(name), value, line)
        for name in ("people_count", "records_count"):
            value = getattr(line, name)
            if value is not None and value > facts.get(name, (-1, ""))[0]:
                facts[name] = (value, line.id)
        # That backups are made is a measure in place, not proof that this breach left one usable (EDPB 01/2021 case 4).
        measures = [
            *(("backup",) if line.backup in ("full", "partial") else ()),
            *(("encryption",) if line.at_rest == "intact" else ()),
        ]
        if measures:
            facts["measures_before"] = _added(facts.get("measures_before"), measures, line)
        if line.at_rest is not None and types and AT_REST_ONLY.issuperset(types):
            facts.setdefault("protection", (line.at_rest, line.id))
    if "people_count" in facts:
        # The size of the whole asset is the most that can be affected, never an exact number of people.
        facts["people_count_basis"] = ("approximate", facts["people_count"][1])
    return facts


def _added(before: tuple[Any, str] | None, items: Sequence[Any], line: Asset) -> tuple[Any, str]:
    """Return a list with what this line adds to it; a line that adds nothing new is not named as its origin."""
    if before is None:
        return list(items), line.id
    known, origin = before
    new = [item for item in items if item not in known]
    return ([*known, *new], f"{origin},{line.id}") if new else before


def _within(name: str) -> tuple[str, ...]:
    """Return the bucket and the account that stand inside the name of a cloud's resource."""
    bucket, account = _BUCKETS.match(name), _ACCOUNTS.search(name)
    found = [f"bucket:{bucket[1] or bucket[2]}"] if bucket else []
    return (*found, f"account:{account[1] or account[2]}") if account else tuple(found)


def _is_network(name: str) -> bool:
    try:
        ip_network(name, strict=False)
    except ValueError:
        return False
    return True


def _address(name: str) -> Any:
    try:
        return ip_address(name)
    except ValueError:
        return None
