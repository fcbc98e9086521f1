"""What is shipped: the wheel, not the checkout; the README's words, the five prescribed packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from breachflow.core.moves import diagram

ROOT = Path(__file__).parents[1]


def tracked() -> list[str]:
    """Every file of the checkout that git knows or would know."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy of what git knows: no leftovers of earlier builds can slip in."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, source],
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_one_top_level_name_with_everything_in_it(wheel):
    """agents/ and templates/ are installed inside the package: another package already owns a top-level `agents`."""
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"breachflow"}

    shipped = {name for name in tracked() if name.startswith(("breachflow/", "agents/", "templates/"))}
    expected = {name if name.startswith("breachflow/") else f"breachflow/{name}" for name in shipped}
    assert expected <= set(names), sorted(expected - set(names))


def test_the_wheel_runs_without_the_checkout(wheel, tmp_path):
    """From an empty folder, with nothing but the wheel on the path, an answer comes out."""
    (tmp_path / "facts.json").write_text('{"personal_data": true}')
    script = "import sys; sys.path.insert(0, sys.argv[1]); from breachflow.cli import main; import breachflow;"
    script += "assert breachflow.__file__.startswith(sys.argv[1]); main(['assess', 'facts.json', '--json'])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(wheel)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"notify_authority":true' in done.stdout


def test_the_prescribed_packages_are_dependencies():
    """faust-streaming, aiokafka, jinja2, sendgrid, structlog; the streaming three pinned exactly."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {line.partition("=")[0].partition(">")[0].partition("<")[0] for line in project["dependencies"]}
    assert {"faust-streaming", "aiokafka", "jinja2", "sendgrid", "structlog"} <= wanted
    for name in ("faust-streaming", "mode-streaming", "aiokafka"):
        assert any(line.startswith(f"{name}==") for line in project["dependencies"])


def test_constraints_pin_every_version_once_and_name_no_registry():
    """What CI installs is what the next machine installs."""
    lines = (ROOT / "constraints.txt").read_text().split()
    assert all(line.count("==") == 1 and "://" not in line for line in lines)
    assert len({line.partition("==")[0].lower() for line in lines}) == len(lines)


def test_the_readme_shows_the_moves_as_they_are():
    """The diagram is drawn from the table."""
    readme = (ROOT / "README.md").read_text()
    between = readme.split("<!-- moves:start -->")[1].split("<!-- moves:end -->")[0]
    assert between.strip() == f"```mermaid\n{diagram()}\n```"


def test_the_readme_names_commands_that_exist():
    """Every `breachflow COMMAND` of the README is one."""
    import re

    from breachflow.cli import COMMANDS

    words = set(re.findall(r"breachflow ([a-z]+)", (ROOT / "README.md").read_text()))
    assert words - set(COMMANDS) <= {"reads", "is"}


def test_the_ci_script_runs_the_readmes_test_command():
    """`make test` in both."""
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
