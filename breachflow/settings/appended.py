"""Entries added to the organisation file: the rest of it stays to the byte, and it is replaced whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from breachflow.settings.errors import SettingsError
from breachflow.settings.organisation_file import Finding, check, load


def append(path: Path, text: str, *, mail: Iterable[str] = ()) -> list[Finding]:
    """Append TOML to the organisation file; return what `check` doubts in the whole of it.

    Raises `SettingsError`, and leaves the file alone, where it would not be usable afterwards, or where somebody
    changed it meanwhile.
    """
    load(path)  # A file that is wrong already is mended first: its fault is not the import's.
    place = path.resolve()
    before = place.read_bytes()
    joint = b"" if before.endswith(b"\n") else b"\n"
    new = place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        mode = place.stat().st_mode & 0o777
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(before + joint + b"\n" + text.encode())
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        findings = check(new, mail=mail)
        wrong = next((finding for finding in findings if finding.level == "error"), None)
        if wrong is not None:
            raise SettingsError(f"{path} would not be usable with these entries, and was left as it is: {wrong}")
        if place.read_bytes() != before:
            raise SettingsError(f"{path} was changed by somebody meanwhile, and was left as it is; import again.")
        new.replace(place)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}; it was left as it is.") from error
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return findings
