"""The HTTP door: who may send, how much, and what a 2xx promises."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import structlog
from story import BREACH, organisation

from breachflow import intake_http
from breachflow.core.charter import Charter
from breachflow.formats import MAX_PAYLOAD
from breachflow.intake_http import Bucket, CannotListen, Door
from breachflow.settings.environment import Address
from breachflow.store import Unavailable, open_store
from breachflow.workflow import Workflow

TOKEN = "correct-horse-battery-staple-0123456789"
COUNTS = {"received": 0, "opened": 0, "attached": 0, "screened": 0, "duplicates": 0, "quarantined": 0}


class Gate:
    """A store in front of which commits can be held up, or turned away, from outside; it counts them."""

    def __init__(self, store) -> None:
        self.store = store
        self.commits = 0
        self.open = threading.Event()
        self.open.set()
        self.away = False

    def __getattr__(self, name):
        return getattr(self.store, name)

    def commit(self, *changes, **more):
        self.open.wait(10)
        if self.away:
            raise Unavailable("The database cannot be used now.")
        self.commits += 1
        return self.store.commit(*changes, **more)


class House:
    """A door with somebody behind it who takes in what comes."""

    def __init__(self, folder) -> None:
        self.url = f"sqlite:///{folder}/breachflow.db"
        self.gate = Gate(open_store(self.url, bytes(32), create=True))
        self.workflow = Workflow(self.gate, Charter(organisation()), lambda: datetime.now(UTC))
        self.away = False
        self.door = Door(Address("127.0.0.1", 0), TOKEN, alive=lambda: True, ready=lambda: not self.away)
        self.stopping = threading.Event()
        self.taker = threading.Thread(target=self._take)

    def _take(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(Unavailable):
                self.door.take(self.workflow, 0.05)

    def ask(self, body=None, *, method="POST", path="/events", token=TOKEN, **headers):
        """One request on a connection of its own; return status, the answer, and its headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.door.address.port, timeout=20)
        try:
            said = {"Authorization": f"Bearer {token}"} if token is not None else {}
            connection.request(method, path, body, said | {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), dict(answer.getheaders())
        finally:
            connection.close()

    def cases(self) -> int:
        """How many cases a stranger to this process sees in the database."""
        with open_store(self.url, bytes(32)) as other:
            return len(list(other.every_case()))


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    house.door.open()
    house.taker.start()
    yield house
    house.gate.open.set()
    house.stopping.set()
    house.taker.join()
    house.door.close()
    house.gate.store.close()


def event(number=1, **values) -> dict:
    return {
        "id": f"e{number}",
        "source": "soc/test",
        "detected_at": "2026-11-24T09:00:00+01:00",
        "title": "Something happened",
        "facts": BREACH,
    } | values


def test_one_event_opens_a_case_and_is_answered_with_what_became_of_it(house):
    """A SIEM learns at once that its alert was taken in; sending it again does no harm."""
    body = json.dumps(event())

    assert house.ask(body)[:2] == (200, COUNTS | {"received": 1, "opened": 1})
    assert house.ask(body)[:2] == (200, COUNTS | {"received": 1, "duplicates": 1})
    assert house.cases() == 1


@pytest.mark.parametrize("shape", [json.dumps, lambda events: "\n".join(json.dumps(one) for one in events)])
def test_a_list_or_json_lines_of_events_come_in_together(house, shape):
    """Several events in one request, in whichever of the two ways the exporter writes them."""
    events = [event(1), event(2), event(1), {"nobody": "knows this"}]

    status, tally, _ = house.ask(shape(events))

    (unread,) = tally.pop("dead_letters")
    assert unread["reason"].startswith("no reader knows this JSON")
    assert (status, tally) == (200, COUNTS | {"received": 4, "opened": 2, "duplicates": 1, "quarantined": 1})


def test_what_cannot_be_read_is_kept_and_counted_never_refused(house):
    """A broken payload is nobody's to retry: it is in the dead letters, and the answer says under which id and why."""
    status, tally, _ = house.ask(b"{broken")

    (named,) = tally.pop("dead_letters")
    (kept,) = house.gate.store.dead_letters()
    assert named == {"id": kept.id, "reason": kept.reason}
    assert kept.reason.startswith("not JSON")
    assert (status, tally) == (200, COUNTS | {"received": 1, "quarantined": 1})
    (letter,) = house.gate.store.dead_letters()
    assert letter.origin == "HTTP 127.0.0.1 record 1"


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é\xff"])
def test_without_the_token_nothing_is_even_read(house, token):
    """Who does not know the token learns nothing, and writes nothing."""
    status, answer, headers = house.ask(json.dumps(event()), token=token)

    assert status == 401
    assert list(answer) == ["error"]
    assert headers["WWW-Authenticate"] == "Bearer"
    assert house.cases() == 0


@pytest.mark.parametrize(
    ("asking", "status"),
    [
        ({"path": "/"}, 404),
        ({"path": "/events/"}, 404),
        ({"path": "/../etc/passwd"}, 404),
        ({"method": "GET"}, 405),
        ({"method": "DELETE"}, 405),
        ({"body": ""}, 400),
        ({"body": " \n "}, 400),
        ({"body": "{}", "path": "/events?format=nonsense"}, 400),
        ({"body": b"\x1f\x8b", "Content_Encoding": "gzip"}, 415),
        ({"body": b"x" * (MAX_PAYLOAD + 1)}, 413),
        ({"body": (b"x" * 60_000 for _ in range(100))}, 413),
        ({"body": "1\n" * 10_001}, 413),
    ],
)
def test_a_refusal_is_one_sentence_that_says_what_to_do(house, asking, status):
    """Every refusal is JSON with one sentence; none of them writes anything."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # The door need not read what it refuses.
        got, answer, headers = house.ask(**asking)
        assert got == status
        assert list(answer) == ["error"]
        assert answer["error"].endswith(".")
        assert headers["Server"] == "breachflow"
    assert house.gate.commits == 0


def test_the_answer_comes_only_after_the_commit(house):
    """A 2xx is a promise: as long as the commit hangs there is none, and when it comes the case is there."""
    house.gate.open.clear()
    with ThreadPoolExecutor(1) as others:
        answer = others.submit(house.ask, json.dumps(event()))
        time.sleep(0.5)
        assert not answer.done()
        assert house.cases() == 0

        house.gate.open.set()
        assert answer.result()[0] == 200
    assert house.cases() == 1


def test_requests_that_wait_share_one_commit(house):
    """Many small senders cost one write to disk, and each still gets its own count."""
    house.gate.open.clear()
    with ThreadPoolExecutor(21) as others:
        first = others.submit(house.ask, json.dumps(event(0)))
        time.sleep(0.3)
        rest = [others.submit(house.ask, json.dumps([event(n), event(n)])) for n in range(1, 21)]
        time.sleep(0.7)
        house.gate.open.set()

        assert first.result()[1] == COUNTS | {"received": 1, "opened": 1}
        assert [one.result()[1] for one in rest] == [COUNTS | {"received": 2, "opened": 1, "duplicates": 1}] * 20
    assert house.gate.commits < 10
    assert house.cases() == 21


def test_a_database_that_is_away_is_said_and_nothing_is_promised(house):
    """The sender is asked to come again, with how long to wait; when the database is back it is as if nothing was."""
    house.gate.away = True
    status, answer, headers = house.ask(json.dumps(event()))
    assert (status, list(answer), int(headers["Retry-After"]) > 0) == (503, ["error"], True)

    house.gate.away = False
    assert house.ask(json.dumps(event()))[1] == COUNTS | {"received": 1, "opened": 1}


def test_a_queue_that_is_full_asks_the_sender_to_wait(house, monkeypatch):
    """What waits is bounded: nobody can fill the memory of the process that keeps the clocks."""
    house.gate.open.clear()
    monkeypatch.setattr(intake_http, "BODIES_IN_FLIGHT", 2_000)
    with ThreadPoolExecutor(1) as others:
        first = others.submit(house.ask, json.dumps(event(1, description="x" * 1_000)))
        time.sleep(0.3)
        status, _, headers = house.ask(json.dumps(event(2, description="x" * 1_000)))
        house.gate.open.set()
        assert first.result()[0] == 200
    assert (status, "Retry-After" in headers) == (503, True)


def test_who_sends_too_fast_is_told_when_to_come_again(house):
    """A rule that fires in a loop must not starve the others; the tokens refill with time."""
    house.door._bucket = Bucket(rate=1.0, burst=2.0)

    answers = [house.ask(json.dumps(event())) for _ in range(3)]

    assert [status for status, *_ in answers] == [200, 200, 429]
    assert answers[2][2]["Retry-After"] == "1"


def test_tokens_refill_with_time_up_to_the_burst():
    """So many at once, so many a second in the long run, and never more after a long quiet."""
    bucket = Bucket(rate=2.0, burst=3.0)

    assert [bucket.wait(100.0) for _ in range(4)] == [0, 0, 0, 1]
    assert [bucket.wait(101.0) for _ in range(3)] == [0, 0, 1]
    assert [bucket.wait(1_000.0) for _ in range(4)] == [0, 0, 0, 1]


def test_a_sender_that_dawdles_loses_its_place(house, monkeypatch):
    """A body that trickles in is cut off: its connection is worth more to others."""
    monkeypatch.setattr(intake_http, "READ_WITHIN", 0.4)
    with socket.create_connection(("127.0.0.1", house.door.address.port), timeout=10) as line:
        head = f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n{{"
        line.sendall(head.encode())
        answer = b""
        while chunk := line.recv(4096):
            answer += chunk

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in answer


def test_a_sender_that_hangs_up_harms_nobody(house):
    """Half a request, or garbage instead of one, and the next sender is served as before; none of it is logged."""
    for said in (
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-",
        b"\x16\x03\x01 not http at all\r\n\r\n",
        b"GET / HTTP/9\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", house.door.address.port), timeout=10) as line:
            line.sendall(said)
    with socket.create_connection(("127.0.0.1", house.door.address.port), timeout=10) as line:
        head = f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n{{"
        line.sendall(head.encode())

    assert house.ask(json.dumps(event()))[0] == 200


def test_a_compressed_bomb_is_not_opened(house):
    """What a body would grow to is the sender's choice; it is refused before a byte of it is read."""
    import gzip

    status, answer, _ = house.ask(gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip")

    assert (status, list(answer)) == (415, ["error"])


def test_health_says_whether_events_can_be_taken_in(house):
    """A balancer asks without a token, and learns nothing but yes or no."""
    assert house.ask(method="GET", path="/livez", token=None)[:2] == (200, {"live": True})
    assert house.ask(method="GET", path="/readyz", token=None)[:2] == (200, {"ready": True})

    house.away = True
    assert house.ask(method="GET", path="/readyz", token=None)[0] == 503


def test_a_door_that_shuts_gives_back_what_it_has_not_taken_in(house):
    """Nobody waits for an answer that will not come, and nobody is told yes for what was not written."""
    house.gate.open.clear()
    with ThreadPoolExecutor(2) as others:
        first = others.submit(house.ask, json.dumps(event(1)))
        time.sleep(0.3)
        second = others.submit(house.ask, json.dumps(event(2)))
        time.sleep(0.3)
        house.stopping.set()
        house.door.shut()
        house.gate.open.set()
        house.taker.join()
        house.door.close()

        assert first.result()[0] == 200
        assert second.result()[0] in (200, 503)
        assert house.cases() == (2 if second.result()[0] == 200 else 1)
    with pytest.raises(ConnectionError):
        house.ask("{}")


def test_an_address_that_is_taken_is_said_with_what_to_set(house):
    """Two services on one port: the second one says so, and does not run without its door."""
    second = Door(house.door.address, TOKEN, alive=lambda: True, ready=lambda: True)

    with pytest.raises(CannotListen, match="BREACHFLOW_HTTP"):
        second.open()


def test_no_line_of_the_log_holds_content_or_token(house):
    """What is logged about requests are counts and addresses."""
    with structlog.testing.capture_logs() as lines:
        house.ask(json.dumps(event(title="zqx7canary", description="zqx7canary")))
        house.ask(b"{zqx7canary")
        house.ask("{}", token="zqx7canary")

    assert lines
    assert not [line for line in lines if "canary" in str(line) or TOKEN in str(line)]
