"""The change of the master key: killed wherever, the database opens with a key that is there; no data key is lost."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from postgres_server import PostgresServer, postgres_server  # noqa: F401 - a fixture.
from store_samples import NOON, case_named, noting, opening

from breachflow.cli import main
from breachflow.settings import rotation
from breachflow.settings.environment import load
from breachflow.store import Store, StoreError, Unavailable, WrongKey, open_store

KILLS = 30
CASES = 400
ROTATE = "import sys; from breachflow.cli import main; main(['keys', 'rotate', *sys.argv[1:]])"
numbers = count()


class Home:
    """One home folder with its key file and database."""

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
        self.folder, self.url = folder, url
        self._capsys = capsys
        monkeypatch.setenv("BREACHFLOW_HOME", str(folder))
        monkeypatch.setenv("BREACHFLOW_DATABASE", url)
        monkeypatch.chdir(folder.parent)

    def run(self, *args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([*args])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return end.value.code, out, err

    def lying_there(self) -> list[bytes]:
        """Every key that lies in the home, under whatever name."""
        return [base64.b64decode(path.read_bytes()) for path in sorted(self.folder.glob("master.key*"))]

    def settings(self):
        return load(os.environ, self.folder.parent)

    def fits(self) -> list[bytes]:
        """The keys of the home that open the database."""
        found = []
        for key in self.lying_there():
            try:
                open_store(self.url, key).close()
            except WrongKey:
                continue
            found.append(key)
        return found

    def readable(self) -> int:
        """How many cases' raw events can be read with the key that the commands find."""
        for key in rotation.keys(self.settings()):
            try:
                with open_store(self.url, key) as store:
                    return sum(
                        store.raw(one.identity, one.content) is not None
                        for case in store.every_case() for one in store.events(case.id)
                    )  # fmt: skip
            except WrongKey:
                continue
        raise AssertionError("no key of the home opens the database")


@pytest.fixture(params=["sqlite", "postgres"])
def home(request, tmp_path, monkeypatch, capsys) -> Iterator[Home]:
    folder = tmp_path / "home"
    url = f"sqlite:///{folder}/breachflow.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server").fresh(f"rotated_{next(numbers)}")
    home = Home(folder, url, monkeypatch, capsys)
    assert home.run("init")[0] == 0
    return home


def opened(home: Home) -> Store:
    return open_store(home.url, rotation.keys(home.settings())[0])


def test_the_key_is_new_and_everything_opens_with_it(home):
    """The old key file is kept aside and opens nothing here any more; told not to keep it, it is gone."""
    with opened(home) as store:
        store.commit([opening(number) for number in range(1, 11)])
    before = (home.folder / "master.key").read_bytes()

    code, out, _ = home.run("keys", "rotate")
    assert code == 0
    assert "10 keys wrapped anew" in out
    (aside,) = home.folder.glob("master.key.old-*")
    assert aside.read_bytes() == before
    assert aside.stat().st_mode & 0o077 == 0
    assert (home.folder / "master.key").read_bytes() != before
    assert home.readable() == 10
    assert home.fits() == [base64.b64decode((home.folder / "master.key").read_bytes())]

    assert home.run("keys", "rotate", "--destroy-old")[0] == 0
    assert len(list(home.folder.glob("master.key*"))) == 2, "the new one, and the one kept aside before"
    assert home.readable() == 10
    assert home.run("register", "verify")[0] == 0


def test_killed_anywhere_the_database_opens_and_the_next_call_ends_it(home):
    """kill -9 at every instant, thirty times: one key of the home fits, every event can be read, a call completes it."""
    with opened(home) as store:
        for start in range(1, CASES, 100):
            store.commit([opening(number) for number in range(start, start + 100)])
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", ROTATE], check=True, capture_output=True)
    length = time.monotonic() - began
    killed = halfway = 0
    for kill in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", ROTATE, "--destroy-old"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(length * (0.4 + 0.7 * kill / KILLS))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        halfway += (home.folder / rotation.NEXT_FILE).exists()
        assert len(home.fits()) == 1
        assert home.run("screened")[0] == 0, "commands find the key that fits"
    # How many are caught depends on the machine: on a busy one the first call took longer than those that follow.
    assert killed > KILLS / 10, f"{killed} of {KILLS}"
    assert halfway > 0
    assert home.readable() == CASES

    assert home.run("keys", "rotate")[0] == 0
    assert not (home.folder / rotation.NEXT_FILE).exists()
    assert home.fits()
    assert home.readable() == CASES
    assert home.run("register", "verify")[0] == 0


class Died(BaseException):
    """The process is gone."""


def test_cut_off_at_every_step_the_home_fits_the_database(home, monkeypatch):
    """Laying, wrapping, linking, renaming: cut off before and after each, one key fits, and the next call ends it."""
    with opened(home) as store:
        store.commit([opening(1)])
    steps: list[tuple[object, str]] = [
        (rotation, "lay_next"), (Store, "rewrap"), (os, "link"), (Path, "replace"), (rotation.home, "synced"),
    ]  # fmt: skip
    for owner, name in steps:
        real: Callable = getattr(owner, name)
        for after in (False, True):

            def cut(*args, real=real, after=after, **kwargs):
                if after:
                    real(*args, **kwargs)
                raise Died

            with monkeypatch.context() as patch:
                patch.setattr(owner, name, cut)
                with pytest.raises(Died):
                    main(["keys", "rotate"])
            assert len(set(home.fits())) == 1, (name, after)
            assert home.readable() == 1, (name, after)
            assert home.run("show", case_named(1).id)[0] == 0
            assert home.run("keys", "rotate")[0] == 0, (name, after)
            assert not (home.folder / rotation.NEXT_FILE).exists()
            assert home.readable() == 1, (name, after)


def test_another_process_with_the_old_key_gets_one_sentence(home):
    """A key that it would have to make or to open anew is refused, at once and in words; nothing is written."""
    store = opened(home)
    store.commit([opening(1)])
    case = store.get(case_named(1).id)
    assert home.run("keys", "rotate")[0] == 0

    for attempt in (opening(2), noting(case, "With a key that it does not know yet.")):
        with pytest.raises(WrongKey, match="was changed; start again with the new one") as said:
            store.commit([attempt])
        assert str(said.value).count(".") == 1
    store.close()
    with pytest.raises(WrongKey, match="is not the one of this database"):
        open_store(home.url, next(key for key in home.lying_there() if key not in home.fits()))
    with opened(home) as store:
        assert len(store.entries(case.id)) == 3
        assert store.commit([opening(2)])
    assert home.readable() == 2


def test_keys_made_while_the_master_key_changes_are_not_lost(home):
    """A worker opens cases all the while: each commit is whole under the one master key or refused under the other."""
    committed: list[int] = []
    stop = threading.Event()

    def work() -> None:
        number = 1000
        while not stop.is_set():
            number += 1
            for key in rotation.keys(home.settings()):
                try:
                    with open_store(home.url, key) as store:
                        if store.commit([opening(number, at=NOON)]):
                            committed.append(number)
                    break
                except (WrongKey, Unavailable):
                    continue
                except StoreError:
                    break

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(8):
            time.sleep(0.1)
            assert home.run("keys", "rotate", "--destroy-old")[0] == 0
    finally:
        stop.set()
        worker.join()

    assert len(committed) > 8
    assert home.readable() == len(committed)


def test_a_key_that_the_environment_states_is_changed_by_hand(home, monkeypatch, tmp_path):
    """The new key goes into a file that is named; the home's own file is not touched."""
    with opened(home) as store:
        store.commit([opening(1)])
    monkeypatch.setenv("BREACHFLOW_KEY", (home.folder / "master.key").read_text())
    code, _, err = home.run("keys", "rotate")
    assert code == 2
    assert "--new-key FILE" in err

    new = tmp_path / "new.key"
    code, out, _ = home.run("keys", "rotate", "--new-key", str(new))
    assert code == 0
    assert "1 keys wrapped anew" in out
    code, _, err = home.run("status")
    assert (code, err.count("\n")) == (2, 1)
    assert "The change was complete" in home.run("keys", "rotate", "--new-key", str(new))[1]
    monkeypatch.setenv("BREACHFLOW_KEY", new.read_text())
    assert json.loads(home.run("status", "--json")[1])[0]["id"] == case_named(1).id
    assert home.readable() == 1


RUN = "from breachflow.cli import main; main(['run'])"
EVENT = b'{"id": "%d", "source": "soc", "detected_at": "2026-11-24T10:00:00Z", "title": "t", "facts": {"misuse": "observed"}}'


def waited(until: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_a_running_service_goes_on_with_the_new_key(home, monkeypatch, tmp_path):
    """Its key file is read again: an event that comes after the change opens a case. With the key in its environment it
    says in one sentence what is wrong."""
    monkeypatch.setenv("BREACHFLOW_HTTP", "off")

    def dropped(number: int) -> None:
        (home.folder / "inbox").mkdir(exist_ok=True)
        part = home.folder / "inbox" / f"{number}.json.part"
        part.write_bytes(EVENT % number)
        os.utime(part, (1, 1))
        part.rename(home.folder / "inbox" / f"{number}.json")

    log = tmp_path / "log"
    for stated in (False, True):
        if stated:
            monkeypatch.setenv("BREACHFLOW_KEY", (home.folder / "master.key").read_text())
        with log.open("wb") as out:
            service = subprocess.Popen([sys.executable, "-c", RUN], stdout=out, stderr=out)
        monkeypatch.delenv("BREACHFLOW_KEY", raising=False)
        try:
            dropped(1 + 10 * stated)
            assert waited(lambda expected=1 + 2 * stated: home.readable() == expected), log.read_text()
            assert home.run("keys", "rotate")[0] == 0
            dropped(2 + 10 * stated)
            if stated:
                assert waited(lambda: "start again with the new one" in log.read_text()), log.read_text()
                assert "Traceback" not in log.read_text()
            else:
                assert waited(lambda: home.readable() == 2), log.read_text()
        finally:
            service.terminate()
            service.wait(30)
