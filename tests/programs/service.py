"""The embedded service as a process of its own, for tests that kill it: `service.py HOME [PORT TOKEN]`.

Every mail that leaves is written, before the route answers, as one line into HOME/mails.jsonl: which notice, under
which Message-ID, and the hash of its bytes. What a crash makes the service send twice is then seen twice.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from story import organisation

from breachflow import loop, workflow
from breachflow.core.charter import Charter
from breachflow.delivery import Sent
from breachflow.desk import Folder
from breachflow.settings.environment import Address
from breachflow.settings.logging import configure
from breachflow.store import open_store

# A mail that a killed process had claimed is taken over after this; two minutes would be the test's longest part.
workflow.LEASE = timedelta(seconds=float(os.environ.get("LEASE_SECONDS", "1.5")))


class Counted:
    """A route that keeps one line for every time a mail is handed to it."""

    def __init__(self, path: Path) -> None:
        self.handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def send(self, message: bytes, *, to: str, notice: str, case: str | None) -> Sent:
        ident = email.message_from_bytes(message)["Message-ID"]
        digest = hashlib.sha256(message).hexdigest()
        line = json.dumps({"notice": notice, "to": to, "id": ident, "sha256": digest})
        os.write(self.handle, line.encode() + b"\n")
        time.sleep(0.003)  # A provider takes a moment to answer, and a process can be killed in it.
        return Sent(provider="counted", reference=notice)


def main(home: Path, port: str | None = None, token: str | None = None) -> int:
    configure(as_json=True)
    route, charter = Counted(home / "mails.jsonl"), Charter(organisation())

    def make() -> workflow.Workflow:
        return workflow.Workflow(
            open_store(f"sqlite:///{home}/breachflow.db", bytes(32), create=True),
            charter,
            lambda: datetime.now(UTC),
            route=route,
            desk=Folder(home / "drafts") if os.environ.get("DRAFTS") else None,
        )

    http = Address("127.0.0.1", int(port)) if port else None
    return loop.serve(make, home=home, http=http, token=token, intake=True, once=False, beat=0.05)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
