"""The home folder: made once, private to its owner, with an organisation file and the master key."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from breachflow.settings.environment import Settings
from breachflow.settings.errors import SettingsError

KEY_FILE = "master.key"
KEY_BYTES = 32  # AES-256.


class Laid(Struct, frozen=True):
    """One thing that `init` looked after: made now, or kept as it was."""

    what: str
    path: Path
    made: bool

    def __str__(self) -> str:
        return f"{self.what} {'made' if self.made else 'kept'}: {self.path}"


def init(home: Path, *, organisation: Path | None = None, key: bool = True) -> list[Laid]:
    """Make what is missing of the home folder and keep what is there; return both, in order.

    `organisation`: where the organisation file lies if not in the home. `key`: whether the master key is kept in the
    home, rather than stated by `BREACHFLOW_KEY`.
    """
    place = organisation or home / "organisation.toml"
    laid = [Laid("Home folder", home, _folder(home))]
    if place.parent != home:
        _folder(place.parent)
    laid.append(Laid("Organisation file", place, lay(place, example())))
    if key:
        _not_orphaned(home)
        new = base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n"
        laid.append(Laid("Master key", home / KEY_FILE, lay(home / KEY_FILE, new)))
    return laid


def example() -> bytes:
    """Return the commented organisation file that comes with the package; it works unedited."""
    return files("breachflow.settings").joinpath("organisation.example.toml").read_bytes()


def master_key(settings: Settings) -> bytes:
    """Return the 32 bytes under which the raw store is encrypted. Raises `SettingsError` where there is no such key."""
    if settings.key is not None:
        return _decoded(settings.key, "BREACHFLOW_KEY")
    return read_key(settings.home / KEY_FILE)


def read_key(path: Path) -> bytes:
    """Return the key that a file holds. Raises `SettingsError` where it holds none, or others can read it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(1024)
    except FileNotFoundError as error:
        raise SettingsError(f"there is no master key in {path.parent}; `breachflow init` makes one.") from error
    except OSError as error:
        raise SettingsError(f"the master key {path} cannot be read: {error.strerror}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"the master key {path} can be read by others; `chmod 600` it.")
    return _decoded(data.decode("ascii", errors="replace"), str(path))


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{where} does not hold a master key: {KEY_BYTES} bytes in base64 are 44 characters.")
    return key


def _not_orphaned(home: Path) -> None:
    # A new key beside an old database would leave all that it keeps unreadable, and nobody would know for months.
    if (home / "breachflow.db").exists() and not (home / KEY_FILE).exists():
        raise SettingsError(
            f"{home} holds a database but not its key {KEY_FILE}; put the key back, or state it as BREACHFLOW_KEY."
        )


def _folder(path: Path) -> bool:
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError as error:
        if not path.is_dir():
            raise SettingsError(f"{path} is a file; the home must be a folder.") from error
        return False
    except OSError as error:
        raise SettingsError(f"the folder {path} cannot be made: {error.strerror}.") from error
    return True


def lay(path: Path, content: bytes) -> bool:
    """Lay a file down whole or not at all, readable by its owner only; return whether it is new."""
    if path.exists():
        return False
    whole = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link fails where somebody else was faster, so that two first starts agree on one key.
        os.link(whole, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        whole.unlink(missing_ok=True)
    synced(path.parent)
    return True


def synced(folder: Path) -> None:
    """Make what was laid into the folder, or renamed in it, outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
