"""What every test may ask for: the third-party inputs beside the checkout, and which lanes to leave out by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

SHARED = Path(os.environ.get("BREACHFLOW_SHARED", Path(__file__).parents[2] / "shared"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without",
        action="append",
        default=[],
        choices=["kafka", "postgres", "pdf"],
        help="leave out the tests that need this; what cannot be brought up otherwise fails the run",
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third-party inputs; the test is skipped, visibly, where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"third-party inputs are not at {SHARED}")
    return SHARED / "data"


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command sets up the logs of its process; the next test's are its own."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
