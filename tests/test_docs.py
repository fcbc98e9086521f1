"""What is generated is as it would be generated now; what is written by hand is true."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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
