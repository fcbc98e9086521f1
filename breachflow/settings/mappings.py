"""The organisation's own mappings: `mappings/*.toml` beside its file, each a format that breachflow does not ship.

A mapping that cannot be used is left out and named: what it would have read is quarantined, everything else goes on.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path as File
from typing import Any

from msgspec import Struct

from breachflow.core.organisation import Organisation
from breachflow.formats import Format, MappingError, Readers, load_mapping, names
from breachflow.formats.mapping import NAME
from breachflow.formats.mapping import Mapping as MappingFile
from breachflow.formats.payload import AUTO
from breachflow.formats.readers import WITH_OFFSET
from breachflow.settings.errors import SettingsError
from breachflow.settings.organisation_file import keyed
from breachflow.settings.toml_lines import Path, line, lines

FOLDER = "mappings"
LARGEST = 1_000_000  # Bytes: the longest mapping that ships has five thousand.
MOST = 500  # Mappings in one folder: each is asked about every record that has one of its marks.


class Fault(Struct, frozen=True, kw_only=True):
    """Why a mapping, or a format's setting, cannot be used: file, line and key, and what to do."""

    file: File
    name: str
    line: int | None
    key: str
    sentence: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.key}: {self.sentence}" if self.key else f"{place}: {self.sentence}"


def readers(organisation: Organisation, file: File) -> tuple[Readers, tuple[Fault, ...]]:
    """How this installation reads: the mappings beside its organisation file and the zones in it, and what is wrong.

    Never raises: a mapping that cannot be used must hold up no event.
    """
    own, faults = _folder(file.parent / FOLDER)
    zones = {name: stated.zone for name, stated in organisation.formats.items() if stated.zone is not None}
    broken = frozenset(fault.name for fault in faults) - {known.name for known in own}
    return Readers(own=own, zones=zones, broken=broken), faults


def check(organisation: Organisation | None, file: File, topics: Iterable[str] = ()) -> list[Fault]:
    """Everything wrong with the mappings, and with what names a format: the shipped ones' names and these.

    `topics` are the formats that the setting of topics names.
    """
    own, faults = _folder(file.parent / FOLDER)
    found = list(faults)
    every = {*names(), *(known.name for known in own), *(fault.name for fault in faults)}
    for name in topics:
        if name != AUTO and name not in every:
            said = f"{name!a} is the format of a topic, and {_nobody(name, every)}"
            found.append(Fault(file=file, name=name, line=None, key="BREACHFLOW_EVENT_TOPICS", sentence=said))
    if organisation is not None and organisation.formats:
        known = lines(file.read_text(encoding="utf-8-sig"))
        for name in organisation.formats:
            if sentence := _stranger(name, every):
                at: Path = ("formats", name)
                found.append(Fault(file=file, name=name, line=line(known, at), key=keyed(at), sentence=sentence))
    return found


def saved(file: File, name: str, content: str) -> File:
    """Write a mapping into the folder beside the organisation file; never over another. Returns where it lies.

    Raises `SettingsError` for a name that no format can have, that is taken, and where it cannot be written.
    """
    if not re.fullmatch(NAME, name):
        raise SettingsError(f"{name!a} is no name of a format: small letters, digits and hyphens, at most 80.")
    path = file.parent / FOLDER / f"{name}.toml"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with path.open("x", encoding="utf-8") as made:
            made.write(content)
    except FileExistsError as error:
        raise SettingsError(f"{path} exists already; edit it, or take another name.") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _stranger(name: str, every: set[str]) -> str | None:
    if name in WITH_OFFSET:
        return f"{name} events state their offset themselves; a zone is never assumed for them. Delete the table."
    return None if name in every else _nobody(name, every)


def _nobody(name: str, every: set[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(every), n=1)
    hint = f"; did you mean `{near[0]}`?" if near else f", and no mapping in {FOLDER}/ is."
    return f"no format is called so{hint}"


def _folder(folder: File) -> tuple[tuple[Format, ...], tuple[Fault, ...]]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
    except FileNotFoundError:
        return (), ()
    except OSError as error:
        return (), (_fault(folder, f"cannot be read: {error.strerror}."),)
    own: dict[str, Format] = {}
    faults: list[Fault] = []
    if len(files) > MOST:
        faults.append(_fault(folder, f"holds {len(files)} mappings; only the first {MOST} are used."))
    for path in files[:MOST]:
        try:
            one = load_mapping(_bytes(path))
        except OSError as error:
            faults.append(_fault(path, f"cannot be read: {error.strerror or error}."))
        except MappingError as error:
            faults += _explained(path, error)
        else:
            if one.name in own or one.name in WITH_OFFSET:
                taken = "another mapping here" if one.name in own else "breachflow's own events"
                faults.append(_fault(path, f"`{one.name}` is the name of {taken}; take another.", key="name"))
            else:
                own[one.name] = one
    return tuple(own.values()), tuple(faults)


def _bytes(path: File) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise MappingError(f"the mapping is larger than {LARGEST} bytes")
    return content


def _explained(path: File, error: MappingError) -> Iterator[Fault]:
    """Everything that does not fit the form of a mapping, by line and key; else the one thing that was said."""
    from breachflow.settings import shape

    text, raw = "", dict[str, Any]()
    with suppress(OSError, ValueError, RecursionError):
        text = _bytes(path).decode()
        raw = tomllib.loads(text)
    name = _name(path, raw)
    if raw and (wrong := list(shape.flaws(raw, MappingFile))):
        known = lines(text)
        for flaw in wrong:
            yield Fault(file=path, name=name, line=line(known, flaw.path), key=keyed(flaw.path), sentence=flaw.sentence)
        return
    said = str(error)
    at = re.match(r"line (\d+): ", said) or re.search(r"\(at line (\d+), column \d+\)", said)
    number = int(at[1]) if at else text.count("\n") + 1 if "(at end of document)" in said else None
    sentence = said.removeprefix(at[0]) if at else said
    yield Fault(file=path, name=name, line=number, key="", sentence=f"{sentence.rstrip('.')}.")


def _fault(path: File, sentence: str, key: str = "") -> Fault:
    return Fault(file=path, name=path.stem, line=None, key=key, sentence=sentence)


def _name(path: File, raw: Mapping[str, Any]) -> str:
    """The name that topics and requests ask for; of a file that says none, its own."""
    name = raw.get("name")
    return name if isinstance(name, str) else path.stem
