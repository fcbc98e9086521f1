"""Metrics and health on an address of their own: what they say, what they never say, and that nothing waits for them."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml
from kafka_house import Process, event, house
from kafka_server import KafkaServer, kafka_server  # noqa: F401 - a fixture.
from postgres_server import PostgresServer, free_port, postgres_server  # noqa: F401 - a fixture.
from prometheus_client.parser import text_string_to_metric_families
from story import START, Story

from breachflow.core.decision import Confirm
from breachflow.meter import FORMATS, OTHER, Meter
from breachflow.monitoring import METRICS, Gauges, Page, watched
from breachflow.monitoring import gauges as gauges_module
from breachflow.settings import SettingsError
from breachflow.settings.environment import Address
from breachflow.store import Unavailable

ROOT = Path(__file__).parents[1]
NOWHERE = Address("127.0.0.1", 0)


@pytest.fixture(params=["sqlite", "postgres"])
def story(request, tmp_path):
    """A story on either engine."""
    url = request.getfixturevalue("postgres_server").fresh("monitoring") if request.param == "postgres" else None
    made = Story(tmp_path, url=url)
    yield made
    made.store.close()


def get(address: object, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels, in the order of the alphabet."""
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def page(story: Story) -> dict[tuple[str, tuple[str, ...]], float]:
    gauges = Gauges(lambda: story.workflow)
    return samples(Page(story.workflow.meter, gauges).text().decode())


def test_a_breach_from_alarm_to_overdue_as_prometheus_sees_it(story):
    """What came in, what runs, what left; and once nobody files, what is overdue."""
    story.event()
    story.raw(b"{nonsense")
    seen = page(story)
    assert seen["breachflow_database_up", ()] == 1
    assert seen["breachflow_events_total", ("native", "opened")] == 1
    assert seen["breachflow_events_total", ("quarantined", "unread")] == 1
    assert seen["breachflow_batch_seconds_count", ()] == 2
    assert seen["breachflow_open_cases", ("suspected",)] == 1
    assert seen["breachflow_clocks", ("gdpr-art33", "provisional")] == 1
    assert seen["breachflow_nearest_deadline_seconds", ()] == 24 * 3600  # The investigation's.
    assert seen["breachflow_dead_letters", ()] == 1
    assert seen["breachflow_mails_total", ("outtray", "sent")] == len(story.outtray.mails)
    assert seen["breachflow_drafts_total", ()] > 0
    assert seen["breachflow_undrafted_cases", ()] == 0
    assert seen["breachflow_tick_lag_seconds", ()] == 0
    assert seen["breachflow_tick_age_seconds", ()] < 60

    story.decide(Confirm(by="dpo", aware_at=START))
    story.advance(hours=73)
    seen = page(story)
    assert seen["breachflow_decisions_total", ("confirm",)] == 1
    assert seen["breachflow_clocks", ("gdpr-art33", "overdue")] == 1
    assert seen["breachflow_nearest_deadline_seconds", ()] == -3600


def test_nobody_ticks_and_nobody_is_reached(story):
    """The rung is late and the mail is old, and both grow; then every address is out of order."""
    story.event()
    story.outtray.broken = {"dpo@group.example", "deputy@group.example", "ciso@group.example", "boss@group.example"}
    story.watch.instant += timedelta(hours=30)
    late = page(story)["breachflow_tick_lag_seconds", ()]
    assert late > 3600
    story.workflow.tick()
    assert page(story)["breachflow_tick_lag_seconds", ()] == 0
    story.watch.instant += timedelta(minutes=20)
    seen = page(story)
    assert seen["breachflow_outbox_waiting", ()] > 0
    assert seen["breachflow_outbox_oldest_seconds", ()] == 1200
    for _ in range(10):
        story.workflow.deliver()
    assert page(story)["breachflow_alarms", ()] == 1


def test_no_personal_data_and_no_case_in_any_label(story):
    """Titles, addresses, people and ids of cases stay in the database."""
    story.event(title="Fichier de Jeanne Martin")
    text = Page(story.workflow.meter, Gauges(lambda: story.workflow)).text().decode()
    for word in ("Jeanne", "group.example", "dpo@", story.case.id, "soc/test"):
        assert word not in text


def test_labels_are_bounded():
    """Whatever calls itself a format: from the 201st on it is counted as another."""
    meter = Meter()
    meter.batch(0.1, [("opened", f"made-up-{number}") for number in range(5_000)])
    kept = meter.snapshot()
    assert len(kept.events) == FORMATS + 1
    assert kept.events["opened", OTHER] == 5_000 - FORMATS
    assert sum(kept.events.values()) == 5_000


def test_one_look_serves_everybody_for_two_seconds(story):
    """Ten scrapers at once are one look at the database."""
    looks = []

    def make():
        looks.append(1)
        return story.workflow

    gauges = Gauges(make)
    threads = [threading.Thread(target=gauges.latest) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gauges.latest() is gauges.latest()
    assert looks == [1]


def test_a_database_that_hangs_holds_nobody_up(story, monkeypatch):
    """The scrape says that there is no answer, leaves the gauges out, and a fresh look is taken once it is hopeless."""
    monkeypatch.setattr(gauges_module, "GIVEN_UP", 0.3)
    release, hanging = threading.Event(), [True]

    def make():
        if hanging[0]:
            release.wait(20)
            raise Unavailable("away")
        return story.workflow

    gauges = Gauges(make, patience=0.2)
    began = time.monotonic()
    seen = samples(Page(Meter(), gauges).text().decode())
    assert time.monotonic() - began < 2
    assert seen["breachflow_database_up", ()] == 0
    assert ("breachflow_alarms", ()) not in seen
    assert seen["breachflow_drafts_total", ()] == 0

    hanging[0] = False
    time.sleep(0.3)
    assert gauges.latest() is not None
    release.set()


def test_health_says_why_in_one_line(story):
    """Not yet ticked, ticked, standing still, not turning, waiting: each with its reason."""
    meter, reasons = Meter(), {"still": "", "waits": ""}
    with watched(
        NOWHERE, meter, lambda: story.workflow, stands_still=lambda: reasons["still"], waits=lambda: reasons["waits"],
        ticks=True,
    ) as monitor:  # fmt: skip
        assert get(monitor.address, "/livez") == (200, "ok\n")
        assert get(monitor.address, "/readyz") == (503, "the clocks have not been looked at yet\n")
        meter.ticked()
        assert get(monitor.address, "/readyz") == (200, "ok\n")
        reasons["waits"] = "the partitions have not been assigned yet"
        assert get(monitor.address, "/readyz") == (503, "the partitions have not been assigned yet\n")
        reasons["still"] = "clock stands still"
        assert get(monitor.address, "/livez") == (503, "clock stands still\n")
        meter._beat_at -= 100
        assert get(monitor.address, "/livez")[1].startswith("the process's loop has not turned for 100 s")
        meter._ticked_at -= 50
        assert get(monitor.address, "/readyz")[1].startswith("the clocks were last looked at 50 s ago")
        assert get(monitor.address, "/")[0] == 404
        with (
            pytest.raises(SettingsError, match="BREACHFLOW_METRICS"),
            watched(monitor.address, meter, lambda: story.workflow, ticks=False),
        ):
            pass


def test_docs_and_code_name_the_same_metrics():
    """Nobody alerts on a name that there is not, and no metric is without its meaning."""
    said = (ROOT / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `(breachflow_\w+)` \| \w+ \| .*? \| ([^|]+) \|$", said, re.MULTILINE))
    assert rows == dict(METRICS)
    rules = yaml.safe_load((ROOT / "docs" / "alerts.yml").read_text())["groups"][0]["rules"]
    for rule in rules:
        named = set(re.findall(r"breachflow_\w+", rule["expr"]))
        assert named, rule["alert"]
        assert named <= set(METRICS), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_every_metric_is_shown_by_a_worker_that_also_ticks(story):
    """The names of the table and those of the page are the same: none is only promised."""
    story.event()
    story.decide(Confirm(by="dpo", aware_at=START))
    shown = Page(
        story.workflow.meter, Gauges(lambda: story.workflow), lambda: {("events", 0): 7},
        lambda: {"missing": 1, "refused": 2, "published": 3},
    ).text().decode()  # fmt: skip
    assert set(re.findall(r"^# TYPE (\S+)", shown, re.MULTILINE)) == set(METRICS)
    seen = samples(shown)
    assert seen["breachflow_kafka_lag", ("0", "events")] == 7
    assert seen["breachflow_kafka_published_total", ()] == 3


def process(tmp_path: Path, *arguments: str, **env: str) -> Process:
    home = {"BREACHFLOW_HOME": str(tmp_path / "home")}
    return Process(arguments, os.environ | home | env, tmp_path / f"{arguments[0]}-{time.monotonic_ns()}.log")


def until(holds, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def reached(address: str, path: str) -> tuple[int, str]:
    try:
        return get(address, path)
    except OSError:
        return 0, ""


def test_run_shows_itself_and_says_when_its_database_hangs(tmp_path, postgres_server: PostgresServer):  # noqa: F811
    """Alive, ready, ticking; with PostgreSQL stopped still answering, not ready; and ended within 20 s all the same."""
    address = f"127.0.0.1:{free_port()}"
    env = {"BREACHFLOW_METRICS": address, "BREACHFLOW_DATABASE": postgres_server.fresh("shown")}
    assert process(tmp_path, "init", **env).process.wait(30) == 0
    service = process(tmp_path, "run", "--no-intake", **env)
    pid = int((postgres_server.data / "postmaster.pid").read_text().split()[0])
    backends: list[int] = []
    try:
        until(lambda: reached(address, "/readyz")[0] == 200, "ready")
        assert samples(get(address, "/metrics")[1])["breachflow_tick_age_seconds", ()] < 30
        backends = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for one in (pid, *backends):
            os.kill(one, signal.SIGSTOP)
        time.sleep(2.1)
        assert reached(address, "/readyz") == (503, "the database does not answer\n")
        assert reached(address, "/livez")[0] == 200
        assert samples(get(address, "/metrics")[1])["breachflow_database_up", ()] == 0
        code, seconds = service.end(signal.SIGTERM)
    finally:
        for one in (pid, *backends):
            os.kill(one, signal.SIGCONT)
        service.close()
    assert code in (0, 1)
    assert seconds < 20


@pytest.mark.filterwarnings("default")  # aiokafka's clients warn while their loop is being closed.
def test_a_worker_shows_its_lag_and_says_that_kafka_is_away(tmp_path, kafka_server: KafkaServer):  # noqa: F811
    """Ready with its partitions, ready and saying so without a broker: a new start would not bring it back."""
    address = f"127.0.0.1:{free_port()}"
    with house(tmp_path, kafka_server, "watched", BREACHFLOW_METRICS=address) as place:
        place.run("topics", "create", "--partitions", "2")
        kafka_server.produce(place.topic, [event(number) for number in range(30)])
        worker = place.worker()
        place.arrived(30)
        place.until(lambda: reached(address, "/readyz")[0] == 200, "ready")

        def seen() -> dict[tuple[str, tuple[str, ...]], float]:
            return samples(get(address, "/metrics")[1])

        place.until(lambda: ("breachflow_kafka_lag", ("0", place.topic)) in seen(), "the lag is known")
        assert seen()["breachflow_kafka_lag", ("0", place.topic)] == 0
        assert sum(value for (name, _), value in seen().items() if name == "breachflow_events_total") == 30
        assert ("breachflow_tick_age_seconds", ()) not in seen()
        assert worker.end()[0] == 0

        alone = place.start("worker", BREACHFLOW_KAFKA=f"127.0.0.1:{free_port()}")
        place.until(lambda: alone.lines("waiting"), "it says what it waits for")
        assert reached(address, "/readyz") == (200, "ok\n")
        assert alone.end()[0] == 0


def test_the_address_that_is_taken_is_one_sentence(tmp_path):
    """Whoever starts two processes with one address reads what to set."""
    import socket

    assert process(tmp_path, "init").process.wait(30) == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = process(tmp_path, "run", BREACHFLOW_METRICS=f"127.0.0.1:{taken.getsockname()[1]}")
        assert service.process.wait(30) == 2
    (line,) = service.log.read_text().splitlines()
    assert "set BREACHFLOW_METRICS to another" in line


def test_every_question_of_a_scrape_is_bounded(story):
    """All but the minimum of an index stop counting somewhere, however large the database."""
    for _ in range(3):
        story.event()
    asked = []
    inner = story.store._engine.rows

    def rows(statement, values=()):
        asked.append((statement, values))
        return inner(statement, values)

    story.store._engine.rows = rows
    gauges_module.read(story.store, story.watch())
    counting = [statement for statement, values in asked if "min(next_at) FROM cases" not in statement and not values]
    assert counting == []
    assert len(asked) == 6
