"""The change of the master key, as far as its file goes: at every instant there is a file with the key that fits.

1. The next key is laid beside the present one, on disk for good.
2. The database is wrapped anew with it, in one transaction (the store's part).
3. The present file is kept aside or not, and the next one takes its name.

A process that dies on the way leaves both files, and one of them fits; whoever calls again goes on from there.
"""

from __future__ import annotations

import base64
import os
import secrets
from hashlib import sha256
from pathlib import Path

from breachflow.settings import home
from breachflow.settings.environment import Settings
from breachflow.settings.errors import SettingsError

NEXT_FILE = home.KEY_FILE + ".next"


def keys(settings: Settings) -> list[bytes]:
    """Return the keys that may open the database: the present one, and after an interrupted change the next one."""
    present = home.master_key(settings)
    following = settings.home / NEXT_FILE
    if settings.key is not None or not following.exists():
        return [present]
    return [present, home.read_key(following)]


def lay_next(path: Path) -> bytes:
    """Return the key that this file holds, made where there is no file; the file is on disk for good."""
    home.lay(path, base64.b64encode(secrets.token_bytes(home.KEY_BYTES)) + b"\n")
    return home.read_key(path)


def put_in_place(folder: Path, *, keep_old: bool) -> Path | None:
    """Let the next key file take the place of the present one; return where the old one is kept, if it is.

    Raises `SettingsError` where the folder cannot be written; calling again goes on.
    """
    present, following = folder / home.KEY_FILE, folder / NEXT_FILE
    aside: Path | None = None
    try:
        if keep_old:
            # Named after what it holds, so that a second try finds the first one's file.
            mark = sha256(b"breachflow key file" + home.read_key(present)).hexdigest()[:8]
            aside = folder / f"{home.KEY_FILE}.old-{mark}"
            if not aside.exists():
                os.link(present, aside)
                home.synced(folder)
        following.replace(present)
        home.synced(folder)
    except OSError as error:
        raise SettingsError(f"the key file {present} cannot be replaced: {error.strerror}; try again.") from error
    return aside
