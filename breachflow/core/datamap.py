"""The data map: from an asset's name to what the organisation already knows about the personal data on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from ipaddress import ip_address, ip_network
from typing import Any

from breachflow.core.organisation import Asset

# A lost laptop with disk encryption is unreadable to the finder; the same disk in a running server is open to whoever
# is on the server. "Disk encryption on a running server" does not qualify under Art. 34(3)(a).
AT_REST_ONLY = frozenset({"device_lost_or_stolen", "e_waste", "mail_lost_or_opened", "paper_lost_or_stolen"})

CACHED = 4096  # Alert storms name the same few assets again and again; the bound keeps hostile names from growing it.


class DataMap:
    """The lines of the data map, ready to be asked by asset name."""

    def __init__(self, lines: Sequence[Asset]) -> None:
        self.lines = tuple(lines)
        self._exact: dict[str, list[Asset]] = {}
        self._patterns: list[tuple[re.Pattern[str], Asset]] = []
        self._networks: list[tuple[Any, Asset]] = []
        self._cache: dict[str, tuple[Asset, ...]] = {}
        for line in self.lines:
            for name in line.match:
                if "*" in name or "?" in name:
                    self._patterns.append((re.compile(translate(name.casefold())), line))
                elif _is_network(name):
                    self._networks.append((ip_network(name, strict=False), line))
                else:
                    self._exact.setdefault(name.casefold(), []).append(line)

    def find(self, assets: Iterable[str]) -> tuple[Asset, ...]:
        """Return the lines that these assets match, each once, in the map's order."""
        found: dict[str, Asset] = {}
        for asset in assets:
            for line in self._lookup(asset):
                found.setdefault(line.id, line)
        return tuple(line for line in self.lines if line.id in found) if len(found) > 1 else tuple(found.values())

    def _lookup(self, asset: str) -> tuple[Asset, ...]:
        name = asset.casefold()
        cached = self._cache.get(name)
        if cached is not None:
            return cached
        # A host is often named with its domain in one tool and without it in the next.
        found = [*self._exact.get(name, ()), *(self._exact.get(name.partition(".")[0], ()) if "." in name else ())]
        found += [line for pattern, line in self._patterns if pattern.match(name)]
        if self._networks and (address := _address(name)) is not None:
            found += [line for network, line in self._networks if address in network]
        unique = tuple({line.id: line for line in found}.values())
        if len(self._cache) >= CACHED:
            self._cache.clear()
        self._cache[name] = unique
        return unique


def has_personal_data(line: Asset) -> bool:
    """Whether the line says that there is personal data on the asset."""
    return line.personal_data is True or (line.personal_data is None and bool(line.data or line.people))


def mapped_facts(lines: Sequence[Asset], types: Sequence[str]) -> dict[str, tuple[Any, str]]:
    """Return the facts that these lines give, each with the id of the line it comes from.

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
                before, origin = facts.get(name, ((), line.id))
                facts[name] = ([*before, *(item for item in value if item not in before)], origin)
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
            before, origin = facts.get("measures_before", ((), line.id))
            facts["measures_before"] = ([*before, *(name for name in measures if name not in before)], origin)
        if line.at_rest is not None and types and AT_REST_ONLY.issuperset(types):
            facts.setdefault("protection", (line.at_rest, line.id))
    if "people_count" in facts:
        # The size of the whole asset is the most that can be affected, never an exact number of people.
        facts["people_count_basis"] = ("approximate", facts["people_count"][1])
    return facts


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
