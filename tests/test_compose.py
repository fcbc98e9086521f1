"""The compose file and the image, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from breachflow.cli import COMMANDS
from breachflow.settings.environment import VARIABLES, load

ROOT = Path(__file__).parents[1]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = {name for name, service in SERVICES.items() if service["image"] == "breachflow"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_file_is_one_that_compose_accepts():
    """Compose itself checks it where it is installed; it needs no engine for that."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode
    ):
        pytest.skip("docker compose is not installed")
    done = subprocess.run(["docker", "compose", "config", "-q"], check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_room_of_the_running_system_is_there():
    """Broker, database, mailbox, worker, clock, and the two that prepare them."""
    assert set(SERVICES) == {"kafka", "postgres", "mailpit", "init", "topics", "worker", "clock"}
    assert {"init", "topics", "worker", "clock"} == OURS


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_sound(name):
    """Pinned images, health checks on what stays, ports on this machine only, dependencies that exist."""
    service = SERVICES[name]
    stays = service["restart"] != "no"
    assert ("healthcheck" in service) == stays
    if name not in OURS:
        assert re.search(r":[\w.-]*\d", service["image"]), "an image without a version changes by itself"
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:")
    for other, wanted in service.get("depends_on", {}).items():
        assert other in SERVICES
        if wanted["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_call_commands_and_settings_that_exist(name, tmp_path):
    """A slip in a variable's name would go unnoticed until somebody missed a mail."""
    service = SERVICES[name]
    assert service["command"][0] in COMMANDS
    assert set(service["environment"]) <= set(VARIABLES)
    settings = load(service["environment"] | {"BREACHFLOW_HOME": str(tmp_path)}, tmp_path)
    assert settings.kafka is not None
    from breachflow.delivery import open_route

    open_route(settings)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert int(service["stop_grace_period"].rstrip("s")) > 20


def test_the_clock_does_not_wait_for_kafka():
    """Deadlines run whether or not there is a broker."""
    assert set(SERVICES["clock"]["depends_on"]) == {"init"}


def test_the_image_runs_as_nobody_in_particular():
    """Not as root, from a slim base, and built from files that are there."""
    stages = DOCKERFILE.split("FROM ")
    assert all(stage.startswith("python:3") and "-slim" in stage.splitlines()[0] for stage in stages[1:])
    user = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert user
    assert user[-1] not in ("root", "0")
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert f"!{source}" in allowed, source
