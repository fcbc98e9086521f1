"""A text as blocks: headings, paragraphs, lists, rows and call-outs. Every format is made from the same blocks.

Templates write one block a line: `# title`, `## heading`, `- item`, `| term | value |`, `> call-out`, else a paragraph.
A value can hold no line break, so it can never begin a block of its own.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["title", "heading", "paragraph", "item", "row", "callout"]


class Block(Struct, frozen=True):
    """One block: its kind, its text; a row has a term before its value."""

    kind: Kind
    text: str
    term: str = ""


def parsed(source: str) -> list[Block]:
    """Return the blocks of a rendered template; empty lines separate nothing."""
    return [_block(line.strip()) for line in source.splitlines() if line.strip()]


def _block(line: str) -> Block:
    if line.startswith("# "):
        return Block("title", line[2:].strip())
    if line.startswith("## "):
        return Block("heading", line[3:].strip())
    if line.startswith("- "):
        return Block("item", line[2:].strip())
    if line.startswith("> "):
        return Block("callout", line[2:].strip())
    if line.startswith("| ") and line.endswith("|"):
        term, _, value = line.strip("|").partition("|")
        return Block("row", value.strip(), term.strip())
    return Block("paragraph", line)
