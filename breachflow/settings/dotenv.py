"""The `.env` file: `NAME=value` lines beside the place where the command is given."""

from __future__ import annotations

import re
from pathlib import Path

from breachflow.settings.errors import SettingsError

LARGEST = 65_536  # Settings are a page of text; anything larger is another file of the same name.
OURS = ("BREACHFLOW_", "SENDGRID_")

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?""")
_ESCAPE = re.compile(r"\\(.)")


def read(path: Path) -> dict[str, str]:
    """Return our variables of a `.env` file; nothing where there is no such file.

    Values may be quoted; `#` after a space starts a comment; nothing is interpolated or executed. The file may belong
    to other programs too, so their lines are passed over, whatever they look like.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > LARGEST:
        raise SettingsError(f"{path} is larger than {LARGEST} bytes; it does not look like a file of settings.")
    values: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        if not line.strip().removeprefix("export ").lstrip().startswith(OURS):
            continue
        stated = _LINE.fullmatch(line)
        if stated is None:
            raise SettingsError(f"{path}, line {number}: write NAME=value.")
        values[stated[1]] = _value(stated[2], path, number)
    return values


def _value(text: str, path: Path, number: int) -> str:
    if text.lstrip()[:1] not in ('"', "'"):
        return re.sub(r"(^|\s)#.*", "", text).strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        raise SettingsError(f"{path}, line {number}: the quotation mark is not closed, or something follows it.")
    return quoted[2] if quoted[1] is None else _ESCAPE.sub(lambda found: {"n": "\n"}.get(found[1], found[1]), quoted[1])
