"""From the rows of an inventory to entries of the data map: every cell is checked, and a wrong one is named."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_network
from typing import Any

import msgspec
from msgspec import Struct

from breachflow.core.datamap import DataMap
from breachflow.core.organisation import Asset, Organisation
from breachflow.settings.errors import SettingsError
from breachflow.settings.inventory import Row
from breachflow.settings.inventory_words import (
    AT_REST,
    BACKUP,
    COLUMNS,
    DATA,
    EMPTY,
    KINDS,
    NO,
    PEOPLE,
    ROLES,
    YES,
    ours,
    plain,
)

LONGEST_NAME = 500  # As long as an event may name an asset.
LONGEST_TEXT = 300  # What a form has room for as the name of a processing.
_OTHERS = frozenset(COLUMNS) - {"asset", "id", "kind"}
LISTS = {"data": DATA, "people": PEOPLE}
WORDS = {"at_rest": AT_REST, "backup": BACKUP, "role": ROLES}
_SEPARATORS = re.compile(r"[,;|/\n]")
_COUNT = re.compile(r"~?\s*(\d{1,12}|\d{1,3}(?:[ \u00a0\u202f'.,]\d{3}){1,3})")


class Imported(Struct, frozen=True):
    """What an inventory gives: new entries, and sentences about assets that have one and about cells that are wrong.

    `unused` are the columns that mean nothing to the data map.
    """

    entries: tuple[Asset, ...]
    known: tuple[str, ...]
    wrong: tuple[str, ...]
    unused: tuple[str, ...]


class _WrongError(Exception):
    """A cell that cannot be taken; the sentence says why."""


def imported(rows: Sequence[Row], organisation: Organisation, columns: Mapping[str, str]) -> Imported:
    """Return the entries of these rows. `columns` names the file's column for ours, before any alias.

    Raises `SettingsError` where the file has no column of assets, or lacks one that was named.
    """
    named = list(dict.fromkeys(column for row in rows for column in row.cells))
    meaning = _meaning(named, columns)
    reader = _Reader(meaning, organisation)
    wrong: list[str] = []
    for row in rows:
        try:
            reader.take(row)
        except _WrongError as problem:
            wrong.append(f"{row.place}, column `{reader.column}`: {problem}")
    used = {column for column, _ in meaning}
    unused = tuple(name for name in named if name not in used)
    return Imported(tuple(reader.entries), tuple(reader.known), tuple(wrong), unused)


class _Reader:
    """Takes row after row; `column` is the one in hand, for whoever has to say what is wrong."""

    def __init__(self, meaning: Sequence[tuple[str, str]], organisation: Organisation) -> None:
        self.entries: list[Asset] = []
        self.known: list[str] = []
        self.column = ""
        self._meaning = meaning
        self._organisation = organisation
        self._datamap = DataMap(organisation.datamap)
        self._claimed = {name.casefold(): entry.id for entry in organisation.datamap for name in entry.match}
        self._idents = {entry.id for entry in organisation.datamap}

    def take(self, row: Row) -> None:
        """Make an entry of a row, or say that its asset has one. Raises `_WrongError`."""
        values = {key: _value(key, cell, self._organisation) for key, cell in self._cells(row, _OTHERS)}
        kind = next((_kind(cell) for _, cell in self._cells(row, {"kind"})), None)
        names: list[str] = []
        for _, cell in self._cells(row, {"asset"}):
            names += [name for name in _names(cell, kind) if name not in names]
        self.column = next(column for column, key in self._meaning if key == "asset")
        if not names:
            raise _WrongError("no asset is named.")
        for name in names:
            if (entry := self._entry_of(name)) is not None:
                self.known.append(f"{row.place}: `{name}` is in the entry `{entry}`; it stays as it is.")
                return
        also = [match.line.id for name in names for match in self._datamap.matches(name)]
        if also:
            self.known.append(f"{row.place}: `{names[0]}` is also matched by the entry `{also[0]}`; both will speak.")
        stated = next((cell for _, cell in self._cells(row, {"id"})), "")
        ident = _ident(stated, names[0], self._idents)
        self.entries.append(Asset(id=ident, match=tuple(names), **values))
        self._idents.add(ident)
        self._claimed |= {name.casefold(): ident for name in names}

    def _entry_of(self, name: str) -> str | None:
        """Return the entry that names this asset already; a pattern or a range around it is no name."""
        if (entry := self._claimed.get(name.casefold())) is not None:
            return entry
        named = (match.line.id for match in self._datamap.matches(name) if match.how not in ("pattern", "range"))
        return next(named, None)

    def _cells(self, row: Row, keys: Collection[str]) -> Iterator[tuple[str, str]]:
        """Every cell of these columns of ours that says something."""
        for column, key in self._meaning:
            cell = row.cells.get(column, "")
            if key in keys and plain(cell) not in EMPTY:
                self.column = column
                yield key, cell


def _meaning(named: Sequence[str], columns: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the columns that are used, each with ours; of several for one of ours the first, but of assets all."""
    for own, column in columns.items():
        if own not in COLUMNS:
            near = get_close_matches(own, COLUMNS, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; there are: {', '.join(COLUMNS)}."
            raise SettingsError(f"no column of the data map is called `{own}`{hint}")
        if column not in named:
            raise SettingsError(f"the file has no column `{column}`; it has: {', '.join(named[:30])}.")
    chosen = {column: own for own, column in columns.items()}
    found: list[tuple[str, str]] = []
    for column in named:
        key = chosen.get(column)
        if key is None and column not in chosen:
            alias = ours(column)
            taken = alias in columns or (alias != "asset" and any(alias == other for _, other in found))
            key = None if taken else alias
        if key is not None:
            found.append((column, key))
    if not any(key == "asset" for _, key in found):
        raise SettingsError(
            f"no column names the assets (name, hostname, fqdn, ip_address, asset); the file has: "
            f"{', '.join(named[:30]) or 'none'}. Say which one with --columns asset=COLUMN."
        )
    return found


def _kind(cell: str) -> str | None:
    if plain(cell) in EMPTY:
        return None
    if plain(cell) not in KINDS:
        raise _WrongError("this is no kind of match; write name, pattern, range, account, bucket or tag.")
    return KINDS[plain(cell)]


def _names(cell: str, kind: str | None) -> Iterable[str]:
    separators = r"[;|\n]|,\s*" if kind != "tag" else r"[;|\n]"
    for name in (part.strip() for part in re.split(separators, cell)):
        if not name:
            continue
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise _WrongError(f"the name is longer than {LONGEST_NAME} signs, or holds a sign that cannot be seen.")
        yield _name(name, kind)


def _name(name: str, kind: str | None) -> str:
    wild = "*" in name or "?" in name
    if wild and kind != "pattern":
        raise _WrongError(
            "the name holds `*` or `?`, which match any asset; where that is meant, state the kind `pattern`."
        )
    if kind == "pattern":
        if not wild:
            raise _WrongError("the pattern holds no `*` or `?`; state the kind `name`.")
        if not re.search(r"\w", name):
            raise _WrongError("the pattern matches every asset.")
    network = _network(name)
    if kind == "range" and network is None:
        raise _WrongError("this is no address range; write one like 10.20.0.0/16.")
    if network is not None and network.prefixlen == 0:
        raise _WrongError("the range holds every address.")
    if kind == "tag" and "=" not in name:
        raise _WrongError("a tag is written KEY=VALUE.")
    if kind in ("account", "bucket", "tag") and not name.casefold().startswith(f"{kind}:"):
        return f"{kind}:{name}"
    return name


def _value(key: str, cell: str, organisation: Organisation) -> Any:
    if key in LISTS:
        return tuple(dict.fromkeys(_word(word, LISTS[key]) for word in _SEPARATORS.split(cell) if word.strip()))
    if key in WORDS:
        if key == "at_rest" and plain(cell) not in AT_REST:
            raise _WrongError(
                "write intact (nobody can read it without the key), weak or none; `yes` does not say which."
            )
        return _word(cell, WORDS[key])
    if key in ("people_count", "records_count"):
        found = _COUNT.fullmatch(cell.strip())
        if found is None:
            raise _WrongError("this is no whole number from 0 on.")
        return int(re.sub(r"\D", "", found[1]))
    if key == "personal_data":
        if plain(cell) not in YES | NO:
            raise _WrongError("write yes or no; leave it empty where you are not sure.")
        return plain(cell) in YES
    if key == "countries":
        codes = [code.strip().upper() for code in _SEPARATORS.split(cell) if code.strip()]
        if not all(re.fullmatch("[A-Z]{2}", code) for code in codes):
            raise _WrongError("write countries as codes of two letters, like FR, BE.")
        return tuple(dict.fromkeys(codes))
    if key == "controller":
        return _controller(cell, organisation)
    if len(cell) > LONGEST_TEXT:
        raise _WrongError(f"the text is longer than {LONGEST_TEXT} signs.")
    return cell


def _word(word: str, choices: Mapping[str, str]) -> str:
    found = choices.get(plain(word)) or choices.get(plain(word).replace("-", "_"))
    if found is None:
        near = get_close_matches(plain(word), choices, n=1)
        hint = (
            f"did you mean `{choices[near[0]]}`?" if near else f"choose from {', '.join(sorted({*choices.values()}))}."
        )
        raise _WrongError(f"there is no such choice; {hint}")
    return found


def _controller(cell: str, organisation: Organisation) -> str:
    wanted = cell.strip().casefold()
    for one in organisation.controllers:
        if wanted in (one.id, one.name.casefold()) or (one.siren and wanted.replace(" ", "") == one.siren):
            return one.id
    known = ", ".join(one.id for one in organisation.controllers[:12])
    raise _WrongError(f"no controller of the organisation file has this id, name or SIREN; there are: {known}.")


def _ident(stated: str, name: str, taken: set[str]) -> str:
    """Return the entry's id: as stated, or made of the asset's name, with a number where it is taken."""
    if plain(stated) not in EMPTY:
        if re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", stated) is None:
            raise _WrongError("an id has small letters, digits, dot, hyphen and underscore, at most 64.")
        if stated in taken:
            raise _WrongError(f"the id `{stated}` is taken already; every entry needs one of its own.")
        return stated
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.casefold()).strip("-._")[:56] or "asset"
    ident, number = slug, 2
    while ident in taken:
        ident, number = f"{slug}-{number}", number + 1
    return ident


def _network(name: str) -> Any:
    try:
        return ip_network(name, strict=False)
    except ValueError:
        return None


def as_toml(entries: Iterable[Asset]) -> str:
    """Return the entries as they stand in the organisation file; every text is a plain string, whatever it holds."""
    blocks = []
    for entry in entries:
        values = msgspec.to_builtins(entry)
        blocks.append("[[datamap]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in values.items()))
    return "\n".join(blocks)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    shown = {'"': '\\"', "\\": "\\\\"}
    return '"' + "".join(shown.get(c) or (c if c.isprintable() else _escaped(c)) for c in value) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
