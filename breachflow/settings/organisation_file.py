"""The organisation file: read into what the core judges by, and checked with line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path as File
from typing import Any

import msgspec
from msgspec import Struct

from breachflow.core.organisation import Ident, Organisation
from breachflow.settings.coherence import errors, warnings
from breachflow.settings.errors import SettingsError
from breachflow.settings.flaw import Flaw, Level
from breachflow.settings.toml_lines import Path, line, lines

LARGEST = 8_000_000  # Bytes: some 20,000 lines of data map; a larger file is not written by people.


class Processor(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A processor that breachflow itself makes use of: the agreement (Art. 28) and the transfer basis (Chapter V)."""

    id: Ident
    agreement: str
    transfer: str = ""


class OrganisationFile(Organisation, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The organisation as its file states it, with the processors that this installation may use."""

    processors: tuple[Processor, ...] = ()

    def processor(self, ident: str) -> Processor | None:
        """Return the processor of that id where an agreement with it is stated, or `None`."""
        return next((one for one in self.processors if one.id == ident and one.agreement.strip()), None)


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that `check` found; `key` reads like `people[2].rank`; `line` is `None` for the whole file."""

    level: Level
    line: int | None
    key: str
    sentence: str

    def __str__(self) -> str:
        place = f"line {self.line}, " if self.line is not None else ""
        return f"{place}{self.key}: {self.sentence}" if self.key else f"{place}{self.sentence}"


def load(path: File) -> OrganisationFile:
    """Read the organisation file. Raises `SettingsError` naming file, line and key where it cannot be used."""
    text = _text(path)
    try:
        raw = tomllib.loads(text)
        organisation = msgspec.convert(raw, OrganisationFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        found = [finding for finding in _form(text)[1] if finding.level == "error"]
        first = found[0] if found else str(error)
        raise SettingsError(f"{path}: {first} {_more(len(found))}`breachflow check` shows it.") from error
    wrong = list(errors(organisation))
    if wrong:
        raise SettingsError(f"{path}: {_located(wrong[:1], text)[0]} {_more(len(wrong))}`breachflow check` shows it.")
    return organisation


def check(path: File, *, mail: Iterable[str] = ()) -> list[Finding]:
    """Return everything wrong or doubtful in the organisation file, by line; empty where nothing is.

    `mail` is the mail setting: SendGrid is a processor outside the Union, and using it asks for an agreement.
    """
    try:
        text = _text(path)
    except SettingsError as error:
        return [Finding(level="error", line=None, key="", sentence=str(error))]
    raw, found = _form(text)
    if found:
        return found
    from breachflow.settings import mapping

    organisation = msgspec.convert(raw, OrganisationFile)
    flaws = list(errors(organisation))
    wrong = {flaw.path for flaw in flaws}
    doubts = [*warnings(organisation), *mapping.warnings(organisation.datamap)]
    flaws += [doubt for doubt in doubts if doubt.path not in wrong]
    if any(spec.startswith("sendgrid:") for spec in mail):
        flaws += _sendgrid(organisation)
    return _located(flaws, text)


def _sendgrid(organisation: OrganisationFile) -> list[Flaw]:
    agreed = organisation.processor("sendgrid")
    if agreed is None:
        sentence = (
            'BREACHFLOW_MAIL names SendGrid, and no [[processors]] entry with the id "sendgrid" states a processor '
            "agreement (Art. 28): mails to the DPO go, lists of people concerned are not sent through it."
        )
        return [Flaw("warning", (), sentence)]
    if not agreed.transfer.strip():
        place = organisation.processors.index(agreed)
        return [Flaw("warning", ("processors", place), "no `transfer`: state the basis of the transfer (Chapter V).")]
    return []


def _text(path: File) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise SettingsError(f"{path} does not exist; `breachflow init` makes one.") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > LARGEST:
        raise SettingsError(f"{path} is larger than {LARGEST} bytes; it does not look like an organisation file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}, line {number}: this is not UTF-8; save the file as UTF-8.") from error


def _form(text: str) -> tuple[dict[str, Any], list[Finding]]:
    """Return the raw tables, and what is wrong with their form."""
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        return {}, [Finding(level="error", line=None, key="", sentence="the values are nested too deeply.")]
    except tomllib.TOMLDecodeError as error:
        what, _, _ = str(error).rpartition(" (at ")
        place = re.search(r"at line (\d+)", str(error))
        number = int(place[1]) if place else text.count("\n") + 1
        return {}, [Finding(level="error", line=number, key="", sentence=f"this is not TOML: {what or error}.")]
    try:
        msgspec.convert(raw, OrganisationFile)
    except msgspec.ValidationError as error:
        from breachflow.settings import shape

        wrong = list(shape.flaws(raw, OrganisationFile)) or [Flaw("error", (), f"{error}.")]
        return raw, _located(wrong, text)
    return raw, []


def _located(flaws: Iterable[Flaw], text: str) -> list[Finding]:
    known = lines(text)
    found = [
        Finding(level=flaw.level, line=line(known, flaw.path), key=keyed(flaw.path), sentence=flaw.sentence)
        for flaw in flaws
    ]
    return sorted(found, key=lambda finding: (finding.line or 0, finding.level))


def keyed(path: Path) -> str:
    """Return a path as people write it: `people[2].rank`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _more(count: int) -> str:
    return f"({count - 1} more) " if count > 1 else ""
