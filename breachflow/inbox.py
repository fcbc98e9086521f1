"""The drop folder: files put into it are taken in, and moved aside only after the commit."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from breachflow.core.intake import Tally
from breachflow.ingest import batches
from breachflow.workflow import Workflow

UNFINISHED = (".part", ".tmp")
"""Endings under which programs write before they rename; hidden files are left alone as well."""

SETTLED_SECONDS = 1.0  # Untouched this long, a file counts as written; who writes slower renames at the end.
PATIENCE_SECONDS = 10.0  # How long one pass waits for files that are still being written; the next pass finds them.

log = structlog.get_logger("breachflow")


class Inbox:
    """One folder, `inbox`, with `done` beside what is still to be read; both for their owner only.

    A crash between commit and move reads the file again and meets duplicates. A file that holds nothing readable is
    moved as well: what it said is in the dead letters.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "inbox"
        self.done = self.folder / "done"
        for folder in (home, self.folder, self.done):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Who could write into the folder before could put a clock into motion, or read what others dropped.
        self.folder.chmod(0o700)
        self.done.chmod(0o700)
        self._out_of_reach: set[str] = set()

    def drain(self, workflow: Workflow, stopping: Callable[[], bool] = lambda: False, *, wait: bool = False) -> Tally:
        """Take in every file that is completely there; with `wait`, also those still being written, once they are.

        Raises `Unavailable` as `receive` does: the file in hand stays where it is, and is read again.
        """
        total = Tally()
        refused: set[str] = set()
        until = time.monotonic() + PATIENCE_SECONDS
        while not stopping():
            waiting = [path for path in self._files() if path.name not in refused]
            ready = [path for path in waiting if _settled(path)]
            if not ready and not (wait and waiting and time.monotonic() < until):
                break
            for path in ready:
                tally = self._take(path, workflow, stopping)
                if tally is None:
                    refused.add(path.name)
                else:
                    total += tally
                if stopping():
                    return total
            if not ready:
                time.sleep(SETTLED_SECONDS / 4)
        return total

    def clear(self, before: datetime) -> int:
        """Remove the files that were taken in before then; return how many. They hold events as they came in."""
        removed = 0
        with os.scandir(self.done) as entries:
            for entry in entries:
                # The last change of the entry itself is the move to `done`; the file's own time may be older.
                with suppress(FileNotFoundError):  # Another process clears as well.
                    if entry.is_file(follow_symlinks=False) and _taken_in(entry) < before.timestamp():
                        Path(entry.path).unlink()
                        removed += 1
        if removed:
            log.info("inbox", cleared=removed)
        return removed

    def _files(self) -> list[Path]:
        """Return what lies in the folder and is meant to be read, the oldest first."""
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
                    continue
                with suppress(FileNotFoundError):  # Renamed or taken since the folder was listed.
                    if entry.is_file(follow_symlinks=False):
                        found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
        return [self.folder / name for _, name in sorted(found)]

    def _take(self, path: Path, workflow: Workflow, stopping: Callable[[], bool]) -> Tally | None:
        """Take in one file and move it aside; `None` where it cannot be read now or is not all there."""
        try:
            source = _opened(path)
        except FileNotFoundError:
            return Tally()  # Another process was faster.
        except OSError as error:
            if path.name not in self._out_of_reach:
                self._out_of_reach.add(path.name)
                log.warning("inbox", file=path.name, problem=f"cannot be read, is tried again: {error.strerror}")
            return None
        total = Tally()
        with source:
            before = _shape(source)
            for tally in batches(workflow, source, f"file {path.name}"):
                total += tally
                if stopping():
                    return total
            if _shape(source) != before:
                # Somebody is still writing: what was read is in, the rest comes with the next look.
                return None
        self._out_of_reach.discard(path.name)
        self._aside(path)
        return total

    def _aside(self, path: Path) -> None:
        """Move a file that has been taken in to `done`, over no other file."""
        number, target = 1, self.done / path.name
        while target.exists():
            number += 1
            target = self.done / f"{path.name}~{number}"
        try:
            with suppress(PermissionError):  # Somebody else's file in our folder: nobody else gets to it anyhow.
                path.chmod(0o600)
            path.rename(target)
        except FileNotFoundError:
            return  # Another process took the same file in; its events were duplicates here or there.
        log.info("inbox", file=path.name, done=target.name)


def _opened(path: Path) -> BinaryIO:
    """Open a plain file: never what a link points to, and never a pipe that would hold up everything."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(path)
    return open(handle, "rb")  # noqa: PTH123 - a handle, not a path.


def _taken_in(entry: os.DirEntry[str]) -> float:
    found = entry.stat(follow_symlinks=False)
    return max(found.st_ctime, found.st_mtime)


def _settled(path: Path) -> bool:
    try:
        touched = path.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return False
    # A time in the future is a clock that was set back or a copy that kept it: nobody is writing there.
    return not 0 <= time.time() - touched < SETTLED_SECONDS


def _shape(source: BinaryIO) -> tuple[int, int]:
    found = os.fstat(source.fileno())
    return found.st_size, found.st_mtime_ns
