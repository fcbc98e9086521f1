"""What is generated is as it would be generated now; what is written by hand is true."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
import yaml
from test_http import TOKEN, house  # noqa: F401 - a fixture.

from breachflow import formats, intake_http
from breachflow.cli import COMMANDS
from breachflow.formats import MAX_PAYLOAD, MAX_RECORDS
from breachflow.formats.lines import document
from breachflow.formats.reading import Context
from breachflow.formats.registry import shipped

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "fixtures" / "formats"
RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def generate():
    """`docs/generate.py`, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_generated_is_fresh(generate):
    """Each stale file is named with the command that mends it."""
    assert generate.stale() == []


def test_what_is_stale_is_named(generate, tmp_path, monkeypatch):
    """A file that was edited, one that is missing, one that is left over."""
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    folder = tmp_path / "docs" / "products"
    monkeypatch.setattr(generate, "files", lambda: {folder / "a.md": "new\n", folder / "b.md": "new\n"})
    folder.mkdir(parents=True)
    (folder / "a.md").write_text("old\n")
    (folder / "c.md").write_text("old\n")

    assert generate.stale() == [
        "docs/products/a.md is stale: run `make docs`",
        "docs/products/b.md is missing: run `make docs`",
        "docs/products/c.md is of no use any more: run `make docs`",
    ]
    generate.write()
    assert generate.stale() == []
    assert sorted(path.name for path in folder.iterdir()) == ["a.md", "b.md"]


# --- The pages of the products


@pytest.fixture(scope="module")
def products(generate):
    """`docs/products.py`."""
    generate.files()
    return sys.modules["products"]


def test_every_format_has_its_page_and_no_format_two(products):
    """A product that is read and not described is found by nobody."""
    assert sorted(products.described()) == sorted(formats.names())


def test_readers_with_logic_are_described_and_no_others(products):
    """What a mapping says is read from the mapping."""
    mapped = {one.name for one, _ in products._mappings()}
    assert set(products._toml("readers.toml")) == set(formats.names()) - mapped


def test_the_pages_name_formats_and_ways_that_exist(products):
    """A name in an example that nobody knows would quarantine every record."""
    for page in products._toml("sending.toml").values():
        assert set(re.findall(r"/events[?]format=([\w-]+)", page["send"])) <= set(page["formats"])
        assert set(page["ways"]) <= set(products.WAYS)


OPENED = re.compile(r"((?:`[\w.]+`(?:, | and )?)+) (?:is|are) opened")


def test_containers_that_the_pages_say_are_opened_are(products):
    """Wrapped as the product's API wraps it, the sample is read as it is alone."""
    tried, closed = 0, []
    for page in products._toml("sending.toml").values():
        for said in OPENED.findall(page["send"].replace("\n", " ")):
            for path in re.findall(r"`([\w.]+)`", said):
                for name in page["formats"]:
                    raw = next(FIXTURES.glob(f"{name}.*")).read_bytes()
                    wrapped: Any = json.loads(raw) if path == "detail" else [json.loads(raw)]
                    for key in reversed(path.split(".")):
                        wrapped = {key: wrapped}
                    readings = formats.read(json.dumps(wrapped).encode(), received_at=RECEIVED)
                    if [one.event and one.event.format for one in readings] != [name]:
                        closed.append((name, path))
                    tried += 1
    assert closed == []
    assert tried > 15


PROBES = {
    "title": "Probe", "description": "Probe", "case": "Probe", "assets": "Probe", "users": "Probe", "id": "Probe",
    "detected_at": "2026-02-01T10:20:30Z", "occurred_from": "2026-02-01T10:20:30Z", "occurred_to": "2026-04-01T10:20:30Z",
}  # fmt: skip


def steps(path: str) -> list[str | int]:
    return [
        int(key) if key.isdigit() else key for key in re.sub(r"\[(\d*)\]", r".\1", path).replace("..", ".0.").split(".")
    ]


def without(record: Any, path: str) -> None:
    """Take a value out of a record, written nested or with dots in its name."""
    if isinstance(record, dict):
        record.pop(path, None)
    node = record
    for key in steps(path)[:-1]:
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(node, dict):
        node.pop(steps(path)[-1], None)


def put(record: Any, path: str, value: Any) -> None:
    """Put a value into a record, making what is missing on the way."""
    *way, last = steps(path)
    node = record
    for key, following in zip(way, [*way[1:], last], strict=False):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(node, list):
            node.extend([{}] * (key + 1 - len(node)))
            if not isinstance(node[key], dict):
                node[key] = empty
            node = node[key]
        else:
            if not isinstance(node.get(key), dict | list):
                node[key] = empty
            node = node[key]
    node[last] = value


def spots() -> list[tuple[str, str, str]]:
    readers = tomllib.loads((ROOT / "docs" / "products" / "readers.toml").read_text())
    return [
        (name, part, path)
        for name, reader in readers.items()
        for part, sources in reader.get("event", {}).items()
        for path in sources
        if "{" not in path
    ]


@pytest.mark.parametrize(("name", "part", "path"), spots(), ids=lambda value: value.strip("."))
def test_what_a_page_says_is_read_is_read(products, name, part, path):
    """Of all places of a part only this one holds a value: the event says it."""
    raw = next(FIXTURES.glob(f"{name}.*")).read_bytes()
    text = raw.decode().strip()
    record = json.loads(text) if text.startswith("{") else document(text)
    for other in products._toml("readers.toml")[name]["event"][part]:
        for source in re.findall(r"\{([^}]+)\}", other) or [other]:
            without(record, source)
    if name == "elastic-ecs-event":
        record["ecs"] = {"version": "8.11.0"}
    put(record, path, PROBES[part])
    event = shipped()[name].read(record, msgspec.json.encode(record), Context(received_at=RECEIVED, zones={}))
    found = getattr(event, part)
    expected = (
        datetime.fromisoformat(PROBES[part]) if part in ("detected_at", "occurred_from", "occurred_to") else "Probe"
    )
    assert expected in found if isinstance(found, tuple) else found == expected


def pages() -> list[Path]:
    return sorted((ROOT / "docs").rglob("*.md"))


def anchors(path: Path) -> set[str]:
    """The headings of a page as its links name them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    """To a file that is there, and to a heading in it."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text().replace("\n", " ")):
        if target.startswith("http"):
            continue
        name, _, heading = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not heading or heading in anchors(there), target


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_commands_in_the_pages_exist(page):
    """`breachflow COMMAND` is one."""
    assert set(re.findall(r"`breachflow ([a-z]+)", page.read_text())) <= set(COMMANDS)


def test_json_and_yaml_in_the_pages_is_what_it_says(products):
    """An example that cannot be parsed helps nobody."""
    for page in pages():
        for kind, text in re.findall(
            r"^```(json|yaml|xml)\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL
        ):
            if kind == "xml":
                ET.fromstring(text)
            elif page.name != "kafka.md":
                yaml.safe_load(text) if kind == "yaml" else json.loads(text)


# --- The page about HTTP

HTTP = (ROOT / "docs" / "http.md").read_text()


def test_the_page_about_http_names_every_status_and_no_other():
    """The codes of its table are the codes of the door."""
    door = Path(intake_http.__file__).read_text()
    given = {int(code) for code in re.findall(r"(?:problem\(|^    )(\d{3})[,:]", door, flags=re.MULTILINE)}
    given |= {200, *map(int, re.findall(r"problem\((\d{3})", door))}
    assert {int(code) for code in re.findall(r"^\| (\d{3}) \|", HTTP, flags=re.MULTILINE)} == given
    assert given >= set(intake_http.PROBLEMS)


def test_the_page_about_http_names_the_limits_as_they_are():
    """A number that was changed in one place is found here."""
    for said in (
        f"At most {MAX_PAYLOAD:,} bytes and {MAX_RECORDS:,} events",
        f"{intake_http.RATE:.0f} requests a second, {intake_http.BURST:,.0f} at once",
        f"did not arrive within {intake_http.READ_WITHIN:.0f} seconds",
        f"no commit within {intake_http.ANSWER_WITHIN:.0f} seconds",
        f"`Retry-After`, {intake_http.RETRY_SECONDS} seconds",
    ):
        assert said in HTTP


def test_the_example_of_the_page_about_http_is_answered_as_it_says(house):  # noqa: F811 - the fixture.
    """Copied into a shell, it does what the page shows."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    (command,) = re.findall(r"^```sh\n(.*?)^```", HTTP, flags=re.MULTILINE | re.DOTALL)
    (answer,) = re.findall(r"^```json\n(.*?)^```", HTTP, flags=re.MULTILINE | re.DOTALL)
    here = f"http://127.0.0.1:{house.door.address.port}"
    done = subprocess.run(
        ["sh", "-c", command.replace("https://breachflow.example.org", here)],
        env=os.environ | {"TOKEN": TOKEN, "no_proxy": "127.0.0.1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(answer)
    assert house.cases() == 1
