"""The house: imports point down, the core is pure, one word of the field a thing, every module says what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "breachflow"

FLOORS = {
    "core": 1, "formats": 1, "law": 1,
    "store": 2, "rendering": 2, "delivery": 2, "settings": 2, "desk": 2, "meter": 2, "templates": 2,
    "workflow": 3, "regroup": 3, "sending": 3,
    "agents": 4, "loop": 4, "inbox": 4, "ingest": 4, "intake_http": 4, "doctor": 4, "monitoring": 4,
    "cli": 5,
}  # fmt: skip
"""Architecture: a module may import from its own floor down; on floor 2 the edges never know each other."""

PURE = {"msgspec"}
"""What floor 1 may import besides the standard library and itself."""

IMPURE_STDLIB = {
    "asyncio", "os", "pathlib", "random", "secrets", "select", "shutil", "signal", "smtplib", "socket", "sqlite3",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib.request", "uuid",
}  # fmt: skip
"""Clocks, files, sockets and randomness: none of them on floor 1."""


def modules() -> list[tuple[str, Path]]:
    """Every module of the package, by its dotted name without `breachflow.`; the mapped folders included."""
    found = [(path, path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")]
    found += [(path, Path("agents") / path.relative_to(ROOT / "agents")) for path in (ROOT / "agents").rglob("*.py")]
    found += [
        (path, Path("templates") / path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*.py")
    ]
    return [
        (".".join(relative.with_suffix("").parts), path) for path, relative in found if relative != Path("__init__.py")
    ]


def imported(path: Path) -> set[str]:
    """Every absolute name a module imports, wherever in the file; what is only for type checkers included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(name: str) -> str:
    return name.partition(".")[0]


def test_every_room_has_a_floor():
    """A new room in the house is a decision: it is written down here."""
    assert {room(name) for name, _ in modules()} - {"__main__"} <= set(FLOORS)


@pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])
def test_imports_point_down(name, path):
    """No module imports from a floor above its own, and no edge knows another edge."""
    mine = room(name)
    if mine == "__main__":
        return
    for target in imported(path):
        if not target.startswith("breachflow."):
            continue
        other = room(target.removeprefix("breachflow."))
        if other in (mine, "__version__") or other not in FLOORS:
            continue
        assert FLOORS[other] <= FLOORS[mine], f"{name} (floor {FLOORS[mine]}) imports {target} (floor {FLOORS[other]})"
        if FLOORS[mine] == FLOORS[other] == 2:
            assert (mine, other) == ("rendering", "templates"), f"{name} knows another edge, {target}"
    if mine in ("core", "law"):
        assert not any(target.startswith("breachflow.formats") for target in imported(path)), (
            f"{name} knows the formats"
        )


@pytest.mark.parametrize(
    ("name", "path"), [m for m in modules() if room(m[0]) in ("core", "formats", "law")],
    ids=[name for name, _ in modules() if room(name) in ("core", "formats", "law")],
)  # fmt: skip
def test_the_core_is_pure(name, path):
    """Floor 1 knows no clock, file, socket or randomness; `now` is a parameter."""
    import sys

    for target in imported(path):
        top = target.partition(".")[0]
        if top in ("breachflow", *PURE):
            continue
        assert top in sys.stdlib_module_names, f"{name} imports {target}"
        assert not {target, top} & IMPURE_STDLIB, f"{name} imports {target}"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of_a_clock = node.value.id in ("date", "datetime", "time")
            assert not (of_a_clock and node.attr in ("now", "utcnow", "today", "time")), (
                f"{name}:{node.lineno} reads the clock"
            )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "open", f"{name}:{node.lineno} opens a file"


@pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])
def test_every_module_says_what_it_is(name, path):
    """A module without a first line in the field's terms is one nobody can find."""
    if path.name == "__init__.py" and not path.read_text().strip():
        pytest.fail(f"{path} is empty: a package says what it holds")
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{name} has no docstring"
    assert docstring.splitlines()[0].endswith((".", "?", "!")), f"{name}: the first line is a sentence"


def test_no_room_for_things_without_a_name():
    """If a function has no home, a noun is missing."""
    for name, _ in modules():
        assert name.rpartition(".")[2] not in ("utils", "helpers", "common", "base", "manager", "misc"), name
