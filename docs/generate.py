"""Write what is generated under `docs/` and beside the code, or say what is stale: `make docs`, `make docs-check`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = "make docs"
BY_HAND = frozenset({"bridges"})
"""Pages among the generated ones that are written by hand."""


def files() -> dict[Path, str]:
    """Return every generated file with what it should hold."""
    sys.path.insert(0, str(ROOT / "docs"))
    import products

    from breachflow.cli.schema import printed

    return {
        **products.pages(),
        ROOT / "docs" / "schema" / "security-event.schema.json": printed("event"),
        ROOT / "docs" / "schema" / "asyncapi.yaml": printed("asyncapi"),
        ROOT / "agents" / "decision.schema.json": printed("decision"),
    }


def stale() -> list[str]:
    """Return what is not as it would be generated, each in one sentence with the command to run."""
    wanted = files()
    found = [
        f"{path.relative_to(ROOT)} is {'stale' if path.exists() else 'missing'}: run `{COMMAND}`"
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    return found + [f"{path.relative_to(ROOT)} is of no use any more: run `{COMMAND}`" for path in _left_over(wanted)]


def write() -> None:
    """Write every generated file, and remove pages of formats that are no more."""
    wanted = files()
    for path in _left_over(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _left_over(wanted: dict[Path, str]) -> list[Path]:
    pages = (ROOT / "docs" / "products").glob("*.md")
    return sorted(path for path in pages if path not in wanted and path.stem not in BY_HAND)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(stale()) or 0)
    write()
