"""A PostgreSQL server of the run's own: a cluster in a temporary folder, on a free port of the loopback address.

It works as root, who may not run the server (then as the user `postgres`, or as one made for it), and as anybody else.
What cannot be brought up fails and says how to get it; `--without postgres` leaves it out by name.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MISSING = (
    "These tests need PostgreSQL's server programs (initdb, postgres), version 14 or later, on the PATH or in"
    " /usr/lib/postgresql: `apt-get install postgresql` (or your system's package). To leave them out: --without postgres"
)
UNPRIVILEGED = "breachflow-test"
START_SECONDS = 60


class PostgresServer:
    """One running cluster; fast rather than durable unless `durable`. `url(name)` is the address of a database."""

    def __init__(self, *, durable: bool = False) -> None:
        self.programs = programs()
        # Root's own temporary folder may be closed to the user who runs the server.
        self.folder = Path(tempfile.mkdtemp(prefix="breachflow-pg-", dir="/tmp" if os.geteuid() == 0 else None))
        self.data = self.folder / "data"
        self.port = free_port()
        self._as = _unprivileged() if os.geteuid() == 0 else None
        self.folder.chmod(0o700)
        if self._as is not None:
            os.chown(self.folder, self._as.pw_uid, self._as.pw_gid)
        self._run("initdb", "-D", str(self.data), "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = [
            "listen_addresses = '127.0.0.1'", f"port = {self.port}", f"unix_socket_directories = '{self.folder}'",
            "max_connections = 100", "shared_buffers = 64MB", "log_min_messages = warning",
        ]  # fmt: skip
        if not durable:
            settings += ["fsync = off", "full_page_writes = off"]
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(settings) + "\n")
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._run(
            "pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-t", str(START_SECONDS), "start"
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` closes what is open, `immediate` is a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-t", str(START_SECONDS), "stop")

    def close(self) -> None:
        """Stop the server, if it runs, and remove its folder."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres", user: str = "owner") -> str:
        """The address of a database on this server."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def fresh(self, name: str) -> str:
        """Make an empty database and return its address."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        # Started in its own session, the server is no child that a dying run takes with it by a signal of its terminal.
        subprocess.run(
            [str(self.programs / program), *arguments],
            check=True, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            user=None if self._as is None else self._as.pw_uid, group=None if self._as is None else self._as.pw_gid,
            extra_groups=None if self._as is None else [],
        )  # fmt: skip


def programs() -> Path:
    """The folder of the server's programs, the newest there is. Raises `LookupError`."""
    found = []
    if (initdb := shutil.which("initdb")) is not None:
        found.append(Path(initdb).resolve().parent)
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name), reverse=True)
    found += sorted(Path("/usr").glob("pgsql-*/bin"), key=lambda path: _number(path.parent.name[6:]), reverse=True)
    for folder in found:
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise LookupError(MISSING)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", UNPRIVILEGED):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    subprocess.run(
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", UNPRIVILEGED], check=True
    )
    return pwd.getpwnam(UNPRIVILEGED)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A real PostgreSQL for the run."""
    if "postgres" in (request.config.getoption("--without", default=[]) or []):
        pytest.skip("left out by --without postgres")
    try:
        server = PostgresServer()
    except (LookupError, OSError, subprocess.CalledProcessError) as error:
        pytest.fail(f"No PostgreSQL could be brought up ({error}). {MISSING}", pytrace=False)
    yield server
    server.close()
