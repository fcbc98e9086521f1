"""What the sources of settings state about a variable: options, environment, `.env`, and files that hold secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from breachflow.settings.errors import SettingsError
from breachflow.settings.secret import Secret

LARGEST_SECRET = 65_536  # A mounted secret is a line; a certificate bundle is named by its path, not read here.


class Stated:
    """What the sources state, the first source that states a variable first."""

    def __init__(self, cwd: Path, sources: Iterable[Mapping[str, str]]) -> None:
        self.cwd = cwd
        self.sources = tuple(sources)

    def text(self, name: str) -> str | None:
        """Return the value of a variable, of the file that its `_FILE` variable names, or `None`."""
        for source in self.sources:
            value, file = source.get(name, "").strip(), source.get(f"{name}_FILE", "").strip()
            if value and file:
                raise SettingsError(f"{name} and {name}_FILE are both set; keep one of them.")
            if value:
                return value
            if file:
                return self._mounted(name, file)
        return None

    def secret(self, name: str) -> Secret | None:
        """Return the value of a variable that must not be shown."""
        value = self.text(name)
        return None if value is None else Secret(value)

    def list(self, name: str) -> tuple[str, ...]:
        """Return the parts of a comma-separated variable."""
        return tuple(part.strip() for part in (self.text(name) or "").split(",") if part.strip())

    def path(self, name: str) -> Path | None:
        """Return a path, absolute from the current folder."""
        value = self.text(name)
        return None if value is None else absolute(self.cwd, value, name)

    def _mounted(self, name: str, file: str) -> str:
        path = absolute(self.cwd, file, f"{name}_FILE")
        try:
            with path.open("rb") as opened:
                data = opened.read(LARGEST_SECRET + 1)
        except OSError as error:
            raise SettingsError(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error
        try:
            value = data.decode().strip()
        except UnicodeDecodeError as error:
            raise SettingsError(f"{name}_FILE names {path}, which is not UTF-8 text.") from error
        if not value or len(data) > LARGEST_SECRET:
            size = "is empty" if not value else f"is larger than {LARGEST_SECRET} bytes"
            raise SettingsError(f"{name}_FILE names {path}, which {size}.")
        return value


def absolute(cwd: Path, text: str, name: str) -> Path:
    """Return a path of the settings, absolute from `cwd`; `name` is the variable that stated it."""
    if "\0" in text:
        raise SettingsError(f"{name} holds a NUL character; a path cannot.")
    path = Path(text)
    if text.startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError as error:
            raise SettingsError(f"{name} begins with ~, and there is no such user; write the path in full.") from error
    return cwd.absolute() / path
