"""The DPO's desk as a folder: one subfolder a case, the newest draft of each kind in it, for its owner's eyes only."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

UNFIT = re.compile(r"[^A-Za-z0-9._@+-]+")
"""What may not stand in a file's name: a controller can be named by an event, and so by a stranger."""

LONGEST_NAME = 120  # File systems end at 255 bytes; people read names in lists.


class Folder:
    """Drafts as files under one root: directories 0700, files 0600, each replaced whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def lay(self, case: str, drafts: Sequence[tuple[str, bytes]]) -> list[str]:
        """Keep these drafts, each by its name, replacing older ones; return their paths. They are on disk for good."""
        folder = self.root / file_name(case)
        new = not folder.is_dir()
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)  # The mode holds for the last folder of a path only.
        folder.mkdir(mode=0o700, exist_ok=True)
        paths = [folder / file_name(name) for name, _ in drafts]
        # One half-written name per process and thread: two that draft the same case never write into one file.
        mark = f"{os.getpid()}-{os.urandom(4).hex()}"
        halves = [folder / f".{path.name}.{mark}-{number}" for number, path in enumerate(paths)]
        with ExitStack() as left:
            files = []
            for half, (_, content) in zip(halves, drafts, strict=True):
                half.touch(mode=0o600, exist_ok=False)
                left.callback(half.unlink, missing_ok=True)
                file = left.enter_context(half.open("wb"))
                file.write(content)
                file.flush()
                files.append(file)
            # The database will say that these drafts were laid; a power cut must not make that untrue. All are written
            # by now, so that the first of them waits for the disk and the others hardly do.
            for file in files:
                os.fsync(file.fileno())
            for half, path in zip(halves, paths, strict=True):
                half.replace(path)
        _remember(folder)
        if new:
            _remember(self.root)
        return [str(path) for path in paths]

    def clear(self, case: str) -> None:
        """Remove the drafts of a case; where there are none, nothing happens."""
        folder = self.root / file_name(case)
        if folder.is_dir() and not folder.is_symlink():
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            folder.rmdir()


def file_name(name: str) -> str:
    """Return a name that is safe in any folder: letters, digits and a few signs, not hidden, of bearable length.

    A name that had to be changed carries a digest of the original, so that two names never become one file.
    """
    stem, dot, suffix = name.rpartition(".")
    if not (dot and re.fullmatch(r"[a-z0-9]{1,8}", suffix)):
        stem, dot, suffix = name, "", ""
    safe = UNFIT.sub("_", stem).lstrip(".")[:LONGEST_NAME]
    if safe != stem or not safe:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        safe = f"{safe}~{digest}" if safe else digest
    return f"{safe}{dot}{suffix}"


def _remember(folder: Path) -> None:
    """Make the renaming itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
