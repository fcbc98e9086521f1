"""What is doubtful in the data map: lines that contradict themselves, and names that several lines claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Any

from breachflow.core.datamap import DataMap
from breachflow.core.organisation import Asset
from breachflow.settings.flaw import Flaw
from breachflow.settings.toml_lines import Path

PATTERNS = 300  # Patterns are compared in pairs: 45,000 pairs take well under a second, and no map needs more.
CLAIMED_TWICE = "kinds of data add up and the largest count stands. Is that meant?"


def warnings(datamap: Sequence[Asset]) -> Iterator[Flaw]:
    """Yield the doubts, line by line and then between lines."""
    for place, asset in enumerate(datamap):
        yield from _line(asset, ("datamap", place))
    yield from _overlaps(datamap)


def _line(asset: Asset, at: Path) -> Iterator[Flaw]:
    stated = next((name for name in ("data", "people", "people_count", "records_count") if getattr(asset, name)), None)
    if asset.personal_data is False and stated is not None:
        yield _doubt((*at, "personal_data"), f"is false, yet `{stated}` is stated; one of the two is wrong.")
    elif asset.personal_data is not False:
        for name, asked in (("data", "kinds of data"), ("people", "people"), ("people_count", "number of people")):
            if getattr(asset, name) is None:
                yield _doubt(at, f"no `{name}`: the {asked} will be unknown, and unknown counts as the worst.")
    if asset.people_count_basis in ("exact", "approximate") and asset.people_count is None:
        yield _doubt((*at, "people_count_basis"), "is stated without `people_count`.")
    if asset.role == "processor" and not asset.clients:
        yield _doubt(at, "no `clients`: whose processor? They are to be told without undue delay, Art. 33(2).")
    if asset.clients and asset.role != "processor":
        yield _doubt((*at, "clients"), 'is only read where `role` is "processor".')
    if asset.data is not None and "unknown" in asset.data and len(asset.data) > 1:
        yield _doubt((*at, "data"), "lists `unknown` beside known kinds; the unknown part makes the whole the worst.")


def _overlaps(datamap: Sequence[Asset]) -> Iterator[Flaw]:
    ask = DataMap(datamap)
    names: dict[str, str] = {}
    patterns: list[tuple[str, str, Path]] = []
    networks: list[tuple[Any, str, Path]] = []
    for place, asset in enumerate(datamap):
        for position, name in enumerate(asset.match):
            path: Path = ("datamap", place, "match", position)
            plain = name.casefold()
            other = names.setdefault(plain, asset.id)
            if other != asset.id:
                yield _doubt(path, f"`{name}` is also in `{other}`: {CLAIMED_TWICE}")
            elif "*" in name or "?" in name:
                patterns.append((plain, asset.id, path))
            elif (network := _network(name)) is not None:
                networks.append((network, asset.id, path))
            else:
                also = [line.id for line in ask.find([name]) if line.id != asset.id and plain not in _plain(line)]
                if also:
                    yield _doubt(path, f"`{name}` is also matched by `{also[0]}`: {CLAIMED_TWICE}")
    for number, (pattern, owner, path) in enumerate(patterns[:PATTERNS]):
        for earlier, other, _ in patterns[:number]:
            if other != owner and _meet(pattern, earlier):
                yield _doubt(path, f"some names match both `{pattern}` and `{earlier}` of `{other}`: {CLAIMED_TWICE}")
    networks.sort(key=lambda entry: (entry[0].version, int(entry[0].network_address), entry[0].prefixlen))
    around: list[tuple[Any, str]] = []
    for network, owner, path in networks:
        # Two networks are apart or one lies in the other, so those around this one are the last ones not yet left.
        while around and not (around[-1][0].version == network.version and around[-1][0].overlaps(network)):
            around.pop()
        for wider, other in around:
            if other != owner:
                yield _doubt(path, f"`{network}` overlaps `{wider}` of `{other}`: {CLAIMED_TWICE}")
        around.append((network, owner))


def _plain(line: Asset) -> set[str]:
    return {name.casefold() for name in line.match}


def _network(name: str) -> Any:
    try:
        return ip_network(name, strict=False)
    except ValueError:
        return None


def _meet(one: str, other: str) -> bool:
    """Whether some name matches both patterns: walked together, a `*` standing for any number of characters."""
    reached = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        here, there = todo.pop()
        if here == len(one) and there == len(other):
            return True
        steps = []
        if one[here : here + 1] == "*":
            steps += [(here + 1, there), *([(here, there + 1)] if there < len(other) else [])]
        if other[there : there + 1] == "*":
            steps += [(here, there + 1), *([(here + 1, there)] if here < len(one) else [])]
        if here < len(one) and there < len(other) and (one[here] == other[there] or "?" in (one[here], other[there])):
            steps.append((here + 1, there + 1))
        new = [step for step in steps if step not in reached]
        reached.update(new)
        todo += new
    return False


def _doubt(path: Path, sentence: str) -> Flaw:
    return Flaw("warning", path, sentence)
