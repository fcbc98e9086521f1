"""Many mails at a time, one person each: what became of every one of them, so that only what failed is sent again."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol

from msgspec import Struct

from breachflow.core.concerned import Answer
from breachflow.delivery.errors import Deferred, Refused, Sent
from breachflow.delivery.folder import Folder

SINGLY_WITHIN = 15.0  # Seconds for one batch: well within the lease of the list that it belongs to.


class Envelope(Struct, frozen=True):
    """One mail and its recipient; `ident` is its name in the folder and for a provider."""

    to: str
    message: bytes
    ident: str


class Post(Protocol):
    """Whoever takes batches of mails. `why` is what the last problem was, `wait` how long the provider asked for."""

    name: str
    why: str
    wait: timedelta | None

    def send(self, batch: Sequence[Envelope], *, sender: str, case: str) -> list[Answer]:
        """Hand the mails over and return an answer for each; it never raises for a provider's sake."""

    def close(self) -> None:
        """Give back what is held open."""


class Carrier(Protocol):
    """The way of single mails, where a provider takes no batches."""

    def send(self, message: bytes, *, to: str, notice: str, case: str | None) -> Sent:
        """Hand one mail over; raise `Deferred` or `Refused`."""


class Singly:
    """One mail after the other through the ordinary route, each in a request of its own.

    SendGrid would take a thousand people in one (`personalizations`), and answer about all of them at once: one bad or
    repeated address would refuse the others, and after a time-out the notice would go to all of them again.
    """

    def __init__(self, carrier: Carrier, name: str) -> None:
        self._carrier, self.name = carrier, name
        self.why: str = ""
        self.wait: timedelta | None = None

    def send(self, batch: Sequence[Envelope], *, sender: str, case: str) -> list[Answer]:
        """Hand them over one by one; after the first that is deferred the rest waits."""
        del sender  # It stands in the mail.
        self.why, self.wait = "", None
        until = time.monotonic() + SINGLY_WITHIN
        answers: list[Answer] = []
        for mail in batch:
            if self.why or time.monotonic() > until:
                break
            try:
                self._carrier.send(mail.message, to=mail.to, notice=mail.ident, case=case)
            except Refused:
                answers.append("refused")
            except Deferred as problem:
                self.why, self.wait = str(problem), problem.retry_after
            else:
                answers.append("accepted")
        return answers + ["unheard"] * (len(batch) - len(answers))

    def close(self) -> None:
        """Nothing of its own is held open."""


class FolderPost:
    """Mails as .eml files: a whole batch is written, then made durable, then named."""

    name = "folder"

    def __init__(self, folder: Folder) -> None:
        self._path = folder.path
        self.why: str = ""
        self.wait: timedelta | None = None
        self._pool: ThreadPoolExecutor | None = None

    def send(self, batch: Sequence[Envelope], *, sender: str, case: str) -> list[Answer]:
        """Lay the mails down; one that lies there already stays as it is."""
        del sender, case  # They stand in the mail.
        self.why = ""
        self._pool = self._pool or ThreadPoolExecutor(SYNCS, thread_name_prefix="eml")
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self._path, os.O_RDONLY)
            try:
                list(self._pool.map(lambda mail: self._lay(mail, folder), batch))
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            self.why = f"the mail folder {self._path} cannot be written: {error.strerror}."
            return ["unheard"] * len(batch)
        return ["accepted"] * len(batch)

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _lay(self, mail: Envelope, folder: int) -> None:
        name = f"{re.sub(r'[^A-Za-z0-9._-]', '-', mail.ident)[:200]}.eml"
        part = f".{name}.{os.getpid()}"
        try:
            os.stat(name, dir_fd=folder)
        except FileNotFoundError:
            pass
        else:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(part, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(mail.message)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)


SYNCS = 8  # Files made durable at the same time; the disk takes them together.


def post_for(carrier: Carrier) -> Post:
    """Return who takes batches for this route: its first provider, so that a list never leaves another way unseen."""
    providers = getattr(carrier, "providers", ())
    first = providers[0] if providers else carrier
    if isinstance(first, Folder):
        return FolderPost(first)
    if getattr(first, "name", "") == "smtp":
        from breachflow.delivery.smtp import Smtp
        from breachflow.delivery.smtp_bulk import SmtpPost

        if isinstance(first, Smtp):
            return SmtpPost(first)
    return Singly(first, getattr(first, "name", "route"))
