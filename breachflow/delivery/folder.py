"""Mails as .eml files in a folder: the embedded default, and what a test or an exercise reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from email import message_from_bytes
from email.policy import compat32
from pathlib import Path
from threading import get_ident

from breachflow.delivery.errors import Checked, Deferred


class Folder:
    """Lays each mail down once, whole, readable by its owner only. The file is named after the Message-ID."""

    name = "folder"

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, message: bytes, *, to: str, notice: str, case: str | None) -> str:
        """Lay the mail down and return the file's name. The same Message-ID a second time changes nothing.

        Raises `Deferred` where the folder cannot be written.
        """
        del to, case  # They stand in the mail itself.
        name = f"{_stem(message) or _safe(notice)}.eml"
        try:
            self._lay(self.path / name, message)
        except OSError as error:
            raise Deferred(f"the mail folder {self.path} cannot be written: {error.strerror}.") from error
        return name

    def check(self, seconds: float) -> Checked:
        """See whether a file can be laid down. Raises `Deferred`."""
        del seconds  # A file system answers, or nobody can do anything.
        there = next(path for path in (self.path, *self.path.parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise Deferred(f"the mail folder {self.path} cannot be written: look at the rights of {there}.")
        return Checked(f"mails can be laid in {self.path}.")

    def forget(self, notices: Iterable[str]) -> None:
        """Remove the mails of these notices."""
        if not self.path.is_dir():
            return
        # A list has a hundred thousand people, of whose mails mostly none lies here: the folder is read once.
        there = {entry.name for entry in os.scandir(self.path)}
        for name in there.intersection(f"{_safe(notice)}.eml" for notice in notices):
            (self.path / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is held open."""

    def _lay(self, place: Path, message: bytes) -> None:
        if place.exists():
            return
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.{os.getpid()}.{get_ident()}")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
                file.write(message)
                file.flush()
                # Once the outbox says "sent" nobody sends again, so the mail must outlive a loss of power.
                os.fsync(file.fileno())
            part.rename(place)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _stem(message: bytes) -> str:
    head = message.partition(b"\r\n\r\n")[0]
    ident = str(message_from_bytes(head, policy=compat32).get("Message-ID", ""))
    return _safe(ident.strip().strip("<>").rpartition("@")[0].removesuffix(".breachflow"))


def _safe(ident: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", ident).lstrip(".")[:200]
