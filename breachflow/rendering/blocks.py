"""A text as blocks: headings, paragraphs, lists, rows, boxes and commands. Every format is made from the same blocks.

Templates write one block a line: `# title`, `## heading`, `### subheading`, `- item`, `| term | value |`,
`> box`, `! urgent box`, `$ command`, else a paragraph. A value holds no line break and begins no block, whatever stands
in it.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from breachflow.rendering.inert import free

Kind = Literal["title", "heading", "subheading", "paragraph", "item", "row", "box", "urgent", "command"]

MARKS: dict[str, Kind] = {
    "# ": "title", "## ": "heading", "### ": "subheading", "- ": "item", "> ": "box", "! ": "urgent", "$ ": "command",
}  # fmt: skip


class Block(Struct, frozen=True):
    """One block: its kind, its text; a row has a term before its value."""

    kind: Kind
    text: str
    term: str = ""


def parsed(source: str) -> list[Block]:
    """Return the blocks of a rendered template; empty lines separate nothing."""
    # Not splitlines: it breaks at characters that a template may well hold inside a line.
    return [_block(line.strip()) for line in source.split("\n") if line.strip()]


def _block(line: str) -> Block:
    for mark, kind in MARKS.items():
        if line.startswith(mark):
            return Block(kind, free(line[len(mark) :].strip()))
    if line.startswith("| ") and line.endswith("|"):
        term, _, value = line[1:-1].partition("|")
        return Block("row", free(value.strip()), free(term.strip()))
    return Block("paragraph", free(line))
