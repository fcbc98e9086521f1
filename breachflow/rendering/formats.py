"""From blocks to a file: plain text, HTML, PDF, DOCX. Values are data in each of them, never markup."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from io import BytesIO
from itertools import groupby
from textwrap import fill

from breachflow.rendering.blocks import Block
from breachflow.rendering.language import NARROW, NBSP

WIDTH = 78  # Mail programs quote and wrap beyond this.
LONG_WORD = re.compile(r"\S{40}")  # Longer than any word; a page is narrower than what a hostile one can be.

NOT_PRINTED = re.compile(r"[^\u0000-\u024f\u0370-\u04ff\u1e00-\u1eff\u2000-\u206f\u20ac\u2116\u2122]")
"""Outside Latin, Greek and Cyrillic letters and common signs, which the document's font has."""

LEVELS = {"title": 1, "heading": 2, "subheading": 3}

STYLE = """
body{font:16px/1.5 'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;color:#1c2430;background:#fff;
max-width:46rem;margin:2rem auto;padding:0 1.25rem;overflow-wrap:anywhere}
h1{font-size:1.45rem;line-height:1.3;color:#1d3c5c;border-bottom:3px solid #1d3c5c;padding-bottom:.5rem;margin:0 0 1rem}
h2{font-size:1.05rem;color:#1d3c5c;margin:1.8rem 0 .5rem}
h3{font-size:.95rem;color:#1d3c5c;margin:1.2rem 0 .3rem}
p{margin:.6rem 0}
ul{padding-left:1.3rem;margin:.4rem 0}
li{margin:.35rem 0}
table{border-collapse:collapse;width:100%;margin:.5rem 0;font-size:.95rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #d8dee6}
th{width:36%;font-weight:600;color:#44546a;background:#f5f7fa}
.box,.urgent{border-left:4px solid #4a6d94;background:#eef3f9;padding:.6rem .9rem;margin:.8rem 0}
.urgent{border-color:#b3361e;background:#fdf0ec;font-weight:600}
pre{font:13px/1.45 ui-monospace,Consolas,'Courier New',monospace;background:#f2f4f7;border:1px solid #d8dee6;
padding:.5rem .7rem;margin:.3rem 0 .8rem;white-space:pre-wrap}
nav{background:#f5f7fa;padding:.6rem .9rem;margin:1rem 0}nav h2{margin:0 0 .3rem}nav ul{margin:0}
nav+h2~h2{border-top:2px solid #1d3c5c;padding-top:1rem;margin-top:2.5rem}
@page{margin:18mm 15mm}
@media print{body{margin:0;max-width:none;font-size:11pt}h2,h3{break-after:avoid}nav+h2~h2{break-before:page;border:0}
a{color:inherit;text-decoration:none}tr,li,.box,.urgent{break-inside:avoid}}
""".strip()


class MissingExtra(Exception):  # noqa: N818 - named for what happened.
    """A format needs a package that is not installed; the message has the install line."""


def text(blocks: Sequence[Block], lang: str) -> str:
    """Return the blocks as plain text. A command is never broken over two lines: it is there to be copied."""
    colon = f"{NBSP}:" if lang == "fr" else ":"
    lines: list[str] = []
    before = ""
    for block in blocks:
        joined = (before, block.kind) in (("item", "item"), ("row", "row"), ("item", "command"), ("command", "item"))
        if lines and not joined:
            lines.append("")
        before = block.kind
        if block.kind == "subheading":
            lines.append(_filled(block.text, "", ""))
        elif block.kind in ("title", "heading"):
            line = "=" if block.kind == "title" else "-"
            lines += [_filled(block.text, "", ""), line * min(len(block.text), WIDTH)]
        elif block.kind == "item":
            lines.append(_filled(block.text, "  - ", "    "))
        elif block.kind == "command":
            lines.append(f"      {block.text}")
        elif block.kind == "row":
            term = block.term if block.term.endswith("?") else block.term + colon
            lines.append(_filled(f"{term} {block.text}", "", "    "))
        elif block.kind in ("box", "urgent"):
            lines.append(_filled(block.text, "| " if block.kind == "box" else "! ", "| "))
        else:
            lines.append(_filled(block.text, "", ""))
    return "\n".join(lines) + "\n"


def _filled(words: str, first: str, then: str) -> str:
    # Addresses, ids and fixed spaces stay whole; Python would break at hyphens and at no-break spaces.
    held = words.replace(NBSP, "\ue000").replace(NARROW, "\ue001")
    made = fill(
        held, WIDTH, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
    return made.replace("\ue000", NBSP).replace("\ue001", NARROW)


def page(blocks: Sequence[Block], lang: str, contents: str = "") -> str:
    """Return the blocks as one HTML page without anything from outside; `contents` heads a list of its headings."""
    title = html.escape(_title(blocks))
    body = "\n".join(_with_contents(blocks, contents) if contents else _elements(blocks))
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _with_contents(blocks: Sequence[Block], contents: str) -> Iterator[str]:
    """Return the elements with a list of the headings before the first of them, each linked to its place."""
    headings = [block for block in blocks if block.kind == "heading"]
    first = next((place for place, block in enumerate(blocks) if block.kind == "heading"), len(blocks))
    yield from _elements(blocks[:first])
    if headings:
        links = "".join(
            f'<li><a href="#part-{number}">{html.escape(block.text)}</a></li>'
            for number, block in enumerate(headings, 1)
        )
        yield f'<nav aria-labelledby="contents"><h2 id="contents">{html.escape(contents)}</h2><ul>{links}</ul></nav>'
    number = 0
    for element in _elements(blocks[first:]):
        if element.startswith("<h2>"):
            number += 1
            yield element.replace("<h2>", f'<h2 id="part-{number}">', 1)
        else:
            yield element


def _elements(blocks: Sequence[Block]) -> Iterator[str]:
    for kind, group in groupby(blocks, key=lambda block: block.kind):
        told = [(html.escape(block.term), html.escape(block.text)) for block in group]
        if kind == "item":
            yield "<ul>" + "".join(f"<li>{value}</li>" for _, value in told) + "</ul>"
        elif kind == "row":
            rows = "".join(f'<tr><th scope="row">{term}</th><td>{value}</td></tr>' for term, value in told)
            yield f"<table>{rows}</table>"
        elif kind == "command":
            yield from (f"<pre>{value}</pre>" for _, value in told)
        elif kind in ("box", "urgent"):
            yield from (f'<p class="{kind}">{value}</p>' for _, value in told)
        else:
            tag = f"h{LEVELS[kind]}" if kind in LEVELS else "p"
            yield from (f"<{tag}>{value}</{tag}>" for _, value in told)


def pdf(blocks: Sequence[Block], lang: str, at: datetime) -> bytes:
    """Return the blocks as a tagged PDF (PDF/UA-1 and PDF/A-2a), written at this instant: the same, the same bytes."""
    try:
        import typst
    except ModuleNotFoundError as error:
        raise MissingExtra("PDF needs the package typst: pip install 'breachflow[pdf]'.") from error
    source = files("breachflow.templates").joinpath("page.typ").read_bytes()

    def compiled(printable: bool) -> bytes:
        told = [
            {"kind": block.kind, "text": _breakable(block.text, printable), "term": _breakable(block.term, printable)}
            for block in blocks
        ]
        data = {"lang": lang, "title": _breakable(_title(blocks), printable), "blocks": told}
        made: bytes = typst.compile(
            source, sys_inputs={"data": json.dumps(data)}, pdf_standards=["a-2a", "ua-1"], ignore_system_fonts=True,
            timestamp=int(at.timestamp()),
        )  # fmt: skip
        return made

    try:
        return compiled(printable=False)
    except typst.TypstError:
        # An archive file may hold no character that its font cannot draw: the draft comes with a mark in its place.
        return compiled(printable=True)


def _breakable(words: str, printable: bool) -> str:
    """Let a very long word break, and put a mark where the document's font has no character."""
    broken = LONG_WORD.sub(lambda found: found.group() + "\N{ZERO WIDTH SPACE}", words)
    return NOT_PRINTED.sub("?", broken) if printable else broken


def docx(blocks: Sequence[Block], lang: str) -> bytes:
    """Return the blocks as a document for editing in a word processor."""
    try:
        from docx import Document
        from docx.enum.text import WD_COLOR_INDEX
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn
        from docx.shared import Cm, Pt, RGBColor
    except ModuleNotFoundError as error:
        raise MissingExtra("DOCX needs the package docxtpl: pip install 'breachflow[docx]'.") from error
    document = Document()
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(11)
    spoken = OxmlElement("w:lang")
    spoken.set(qn("w:val"), {"fr": "fr-FR"}.get(lang, "en-GB"))
    normal.element.get_or_add_rPr().append(spoken)
    for section in document.sections:
        section.left_margin = section.right_margin = Cm(2.2)
        section.top_margin = section.bottom_margin = Cm(2)
    document.core_properties.title = _title(blocks)[:255]
    document.core_properties.author = "breachflow"
    table = None
    for block in blocks:
        if block.kind == "row":
            if table is None:
                table = document.add_table(rows=0, cols=2, style="Light Grid")
                table.autofit = False
            cells = table.add_row().cells
            cells[0].width, cells[1].width = Cm(5.6), Cm(11)
            cells[0].text, cells[1].text = block.term, block.text
            continue
        table = None
        if block.kind in LEVELS:
            heading = document.add_heading(block.text, level=LEVELS[block.kind])
            for run in heading.runs:
                run.font.name, run.font.color.rgb = "Calibri", RGBColor(0x1D, 0x3C, 0x5C)
        elif block.kind == "item":
            document.add_paragraph(block.text, style="List Bullet")
        elif block.kind == "command":
            document.add_paragraph().add_run(block.text).font.name = "Consolas"
        elif block.kind in ("box", "urgent"):
            run = document.add_paragraph().add_run(block.text)
            run.bold = block.kind == "urgent"
            # A box is to be removed before the text leaves the house: it must not be overlooked.
            run.font.highlight_color = WD_COLOR_INDEX.YELLOW
        else:
            document.add_paragraph(block.text)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def _title(blocks: Sequence[Block]) -> str:
    return next((block.text for block in blocks if block.kind == "title"), "breachflow")
