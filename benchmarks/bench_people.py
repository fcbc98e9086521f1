"""Lists of people concerned: import, merging and handing over, letters; each beside a baseline of the same run.

    python benchmarks/bench_people.py                   100,000 people: import, .eml folder, SMTP sink; letters
    python benchmarks/bench_people.py --people 5000     the same, smaller

Every step is the command as an operator runs it, in a process of its own, so that its peak memory is its own. The rate
of release is set far above what is reached. The SMTP sink is a process of this script's that keeps nothing but counts.
Baselines: the same bytes written to files and made durable by as many threads; a ready mail sent over one `smtplib`
connection, again and again; a letter compiled whole by Typst, one at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import multiprocessing
import os
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

RATE = "1000000"  # A minute: nothing is throttled.
SAMPLE = 5_000  # Mails of a baseline.
DATA = ("identity,contact", "identity,contact,bank_account", "identity", "contact,vehicle")
EVENT = {
    "id": "e1", "source": "soc/bench", "title": "Contracts were copied",
    "facts": {
        "personal_data": True, "incident_type": "exfiltration", "intent": "malicious", "origin": "external",
        "confidentiality": True, "exfiltration": "confirmed", "protection": "none", "recipient": "unidentified",
        "people_count": 100000, "people": ["customers"], "data": ["identity", "contact", "bank_account", "vehicle"],
        "measures_taken": [{"what": "Le serveur a été isolé du réseau.", "state": "done"}],
    },
}  # fmt: skip


def people(path: Path, count: int, *, mail: bool = True) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "nom", "courriel", "adresse", "code_postal", "ville", "langue", "groupe", "données"])
        for number in range(count):
            writer.writerow([
                f"C{number:07}", f"Zoé Lefèvre-{number}", f"client{number}@courrier.example" if mail else "",
                f"{number % 300} rue des Lilas", f"{10000 + number % 80000}", "Villeurbanne",
                "fr" if number % 10 else "en", "ABC"[number % 3], DATA[number % 4],
            ])  # fmt: skip


class Home:
    """A fresh installation with one confirmed case."""

    def __init__(self, folder: Path, mail: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.environ = os.environ | {"BREACHFLOW_HOME": str(folder / "home"), "BREACHFLOW_MAIL": mail}
        self.run("init")
        event = EVENT | {"detected_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
        (folder / "event.json").write_text(json.dumps(event))
        self.run("ingest", folder / "event.json")
        self.case = json.loads(self.run("status", "--json")[2])[0]["id"]
        self.run("confirm", self.case, "--by", "dpo", "--aware", datetime.now(UTC).isoformat())

    def run(self, *args: object) -> tuple[float, float, bytes]:
        """Seconds, peak memory in MB, and standard output of one command."""
        command = [sys.executable, "-c", "from breachflow.cli import main; main()", *map(str, args)]
        began = time.perf_counter()
        with tempfile.TemporaryFile() as out:
            child = subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=out)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            took = time.perf_counter() - began
            assert child.returncode == 0, f"{args} ended with {child.returncode}"
            out.seek(0)
            return took, usage.ru_maxrss / 1024, out.read()

    def ready(self, count: int, *, mail: bool = True) -> None:
        people(self.folder / "people.csv", count, mail=mail)
        took, peak, _ = self.run("people", "import", self.case, self.folder / "people.csv")
        print(f"import: {count:,} people in {took:.1f} s, {count / took * 60:,.0f} a minute, peak {peak:.0f} MB")
        self.run("people", "release", self.case, "--by", "dpo", "--reason", "benchmark", "--rate", RATE)

    def send(self, count: int, what: str) -> float:
        took, peak, out = self.run("people", "send", self.case, "--json")
        said = json.loads(out)
        (outcomes,) = said["lists"].values()
        assert (said["accepted"], outcomes["sent"]) == (count, count), said
        print(f"{what}: {count:,} mails in {took:.1f} s, {count / took * 60:,.0f} a minute, peak {peak:.0f} MB")
        return count / took


class Sink(asyncio.Protocol):
    """An SMTP server that takes everything, offers PIPELINING, and counts."""

    counts: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer, self.data = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            if self.data:
                body, end, rest = self.buffer.partition(b"\r\n.\r\n")
                if not end:
                    return
                self.counts[0] += 1
                self.counts[1] += len(body)
                self.buffer, self.data = rest, False
                self.transport.write(b"250 2.0.0 Ok: queued\r\n")
                continue
            line, end, rest = self.buffer.partition(b"\r\n")
            if not end:
                return
            self.buffer = rest
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.transport.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                self.data = True
                self.transport.write(b"354 Go on\r\n")
            elif verb == b"QUIT":
                self.transport.write(b"221 Bye\r\n")
                self.transport.close()
                return
            else:
                self.transport.write(b"250 Ok\r\n")


def serve(port: Any, counts: Any) -> None:
    Sink.counts = counts

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(run())


def raw_files(folder: Path, content: bytes, count: int) -> float:
    """Files a second of the same size, each made durable, by as many threads."""
    from breachflow.delivery.bulk import SYNCS

    folder.mkdir()

    def write(number: int) -> None:
        with (folder / f"{number}.eml").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    began = time.perf_counter()
    with ThreadPoolExecutor(SYNCS) as pool:
        list(pool.map(write, range(count)))
    return count / (time.perf_counter() - began)


def raw_mails(port: int, content: bytes, count: int) -> float:
    with smtplib.SMTP("127.0.0.1", port) as server:
        began = time.perf_counter()
        for number in range(count):
            server.sendmail("breachflow@localhost", f"client{number}@courrier.example", content)
        return count / (time.perf_counter() - began)


def eml(folder: Path, count: int) -> bytes:
    home = Home(folder / "eml", f"folder:{folder / 'mails'}")
    home.ready(count)
    ours = home.send(count, ".eml folder")
    mails = [path for path in (folder / "mails").iterdir() if b"\nX-Breachflow" not in path.read_bytes()[:1500]]
    assert len(mails) == count, f"{len(mails)} files for {count} people"
    content = mails[0].read_bytes()
    raw = raw_files(folder / "raw", content, min(count, SAMPLE))
    print(f"  the same bytes raw: {raw * 60:,.0f} a minute; ratio {ours / raw:.2f}; a mail has {len(content):,} bytes")
    return content


def smtp(folder: Path, count: int, content: bytes) -> None:
    port, counts = multiprocessing.Value("i", 0), multiprocessing.Array("q", 2)
    sink = multiprocessing.Process(target=serve, args=(port, counts), daemon=True)
    sink.start()
    try:
        while not port.value:
            time.sleep(0.01)
        home = Home(folder / "smtp", f"smtp+plain://127.0.0.1:{port.value}")
        home.ready(count)
        ours = home.send(count, "SMTP sink")
        assert counts[0] >= count, f"the sink has {counts[0]} mails"
        raw = raw_mails(port.value, content, min(count, SAMPLE))
        print(f"  a ready mail over one smtplib connection: {raw * 60:,.0f} a minute; ratio {ours / raw:.2f}")
    finally:
        sink.terminate()
        sink.join()


def letters(folder: Path, count: int) -> None:
    home = Home(folder / "post", f"folder:{folder / 'post-mails'}")
    home.ready(count, mail=False)
    took, peak, _ = home.run("people", "letters", home.case, "-o", folder / "letters")
    files = sorted((folder / "letters").glob("*.pdf"))
    assert len(files) == -(-count // 200), f"{len(files)} files"
    print(f"letters: {count:,} in {took:.1f} s wall, {count / took * 60:,.0f} a minute; {len(files)} files; "
          f"peak {peak:.0f} MB")  # fmt: skip
    processor(count)


def processor(count: int) -> None:
    """Processor time of a letter, ours and one whole Typst document each, so that two cores count as two."""
    from breachflow.core.concerned import Concerned
    from breachflow.rendering import formats
    from breachflow.rendering.blocks import Block
    from breachflow.rendering.people import HERE, Notice, Printer

    items = tuple(Block("item" if n % 4 else "heading", f"Une phrase de la lettre, de longueur ordinaire, {n}. " * 2)
                  for n in range(40))  # fmt: skip
    notice = Notice(lang="fr", subject="Violation de vos données", before=(Block("title", "Violation"),), after=items)
    printer = Printer([notice], ("Assurances SA", "12 quai", "69100 Villeurbanne"), datetime.now(UTC))
    crowd = [Concerned(reference=f"C{n}", name=f"Zoé Lefèvre-{n}", address=(f"{n} rue", "69100 Lyon"), lang="fr")
             for n in range(min(count, 2_000))]  # fmt: skip

    def ours() -> None:
        for first in range(0, len(crowd), 200):
            printer.letters([(0, person) for person in crowd[first : first + 200]])

    def whole() -> None:
        for person in crowd[:50]:
            blocks = [*notice.before, Block("paragraph", person.name), *notice.after]
            formats.pdf([block for block in blocks if block.text != HERE], "fr", datetime.now(UTC))

    rate, plain = len(crowd) / processor_seconds(ours), 50 / processor_seconds(whole)
    print(f"  letters a minute and core: {rate * 60:,.0f}; one document each: {plain * 60:,.0f}; x {rate / plain:.1f}")


def processor_seconds(work: Callable[[], None]) -> float:
    work()  # Fonts and libraries are loaded once.
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--letters", type=int, default=10_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = eml(folder, chosen.people)
        smtp(folder, chosen.people, content)
        letters(folder, min(chosen.letters, chosen.people))


if __name__ == "__main__":
    main()
