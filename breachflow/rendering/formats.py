"""From blocks to a file: plain text, HTML, PDF, DOCX. Values are data in each of them, never markup."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from importlib.resources import files
from io import BytesIO
from textwrap import fill

from breachflow.rendering.blocks import Block

WIDTH = 78  # Mail programs quote and wrap beyond this.


class MissingExtra(Exception):  # noqa: N818 - named for what happened.
    """A format needs a package that is not installed; the message has the install line."""


def text(blocks: Sequence[Block], lang: str) -> str:
    """Return the blocks as plain text. A command is never broken over two lines: it is there to be copied."""
    colon = "\N{NO-BREAK SPACE}:" if lang == "fr" else ":"
    lines: list[str] = []
    before = ""
    for block in blocks:
        if lines and not (block.kind == before and block.kind in ("item", "row")):
            lines.append("")
        before = block.kind
        if block.kind == "title":
            lines += [block.text, "=" * min(len(block.text), WIDTH)]
        elif block.kind == "heading":
            lines += [block.text, "-" * min(len(block.text), WIDTH)]
        elif block.kind == "item":
            wide = 10_000 if block.text.startswith("breachflow ") else WIDTH
            lines.append(
                fill(block.text, wide, initial_indent="  - ", subsequent_indent="    ", break_long_words=False)
            )
        elif block.kind == "row":
            lines.append(
                fill(f"{block.term}{colon} {block.text}", WIDTH, subsequent_indent="    ", break_long_words=False)
            )
        elif block.kind == "callout":
            lines.append(_filled(block.text, WIDTH, "| ", "| "))
        else:
            lines.append(_filled(block.text, WIDTH, "", ""))
    return "\n".join(lines) + "\n"


def _filled(words: str, width: int, first: str, then: str) -> str:
    # Addresses, ids and fixed spaces stay whole; Python would break at hyphens and at no-break spaces.
    held = words.replace("\N{NO-BREAK SPACE}", "\ue000").replace("\N{NARROW NO-BREAK SPACE}", "\ue001")
    made = fill(
        held, width, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
    return made.replace("\ue000", "\N{NO-BREAK SPACE}").replace("\ue001", "\N{NARROW NO-BREAK SPACE}")


STYLE = (
    "body{font:16px/1.5 Georgia,'Times New Roman',serif;color:#1c2430;max-width:42rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;line-height:1.25;border-bottom:2px solid #24476b;padding-bottom:.4rem}"
    "h2{font-size:1.1rem;margin:1.6rem 0 .4rem;color:#24476b}"
    "ul{padding-left:1.2rem;margin:.3rem 0}li{margin:.2rem 0}"
    "table{border-collapse:collapse;width:100%;margin:.4rem 0;font-size:.95rem}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid #d8dee6}"
    "th{width:38%;font-weight:normal;color:#51606f}"
    ".callout{border-left:4px solid #b3541e;background:#fdf3ec;padding:.5rem .8rem;margin:.8rem 0}"
    "@media print{body{margin:0;max-width:none}}"
)


def page(blocks: Sequence[Block], lang: str) -> str:
    """Return the blocks as one HTML page without anything from outside."""
    title = next((block.text for block in blocks if block.kind == "title"), "breachflow")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head += f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>"
    body = "\n".join(_elements(blocks))
    return f'<!doctype html>\n<html lang="{lang}"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _elements(blocks: Sequence[Block]) -> list[str]:
    tags = {"title": "h1", "heading": "h2", "paragraph": "p"}
    out: list[str] = []
    before = ""
    for block in blocks:
        if before in ("item", "row") and block.kind != before:
            out.append("</ul>" if before == "item" else "</table>")
        if block.kind in ("item", "row") and block.kind != before:
            out.append("<ul>" if block.kind == "item" else "<table>")
        before = block.kind
        value = html.escape(block.text)
        if block.kind == "item":
            out.append(f"<li>{value}</li>")
        elif block.kind == "row":
            out.append(f'<tr><th scope="row">{html.escape(block.term)}</th><td>{value}</td></tr>')
        elif block.kind == "callout":
            out.append(f'<p class="callout">{value}</p>')
        else:
            out.append(f"<{tags[block.kind]}>{value}</{tags[block.kind]}>")
    if before in ("item", "row"):
        out.append("</ul>" if before == "item" else "</table>")
    return out


def pdf(blocks: Sequence[Block], lang: str) -> bytes:
    """Return the blocks as a tagged PDF (PDF/UA-1 and PDF/A-2a)."""
    try:
        import typst
    except ModuleNotFoundError as error:
        raise MissingExtra("PDF needs the package typst: pip install 'breachflow[pdf]'.") from error
    title = next((block.text for block in blocks if block.kind == "title"), "breachflow")
    told = [{"kind": block.kind, "text": block.text, "term": block.term} for block in blocks]
    data = {"lang": lang, "title": title, "blocks": told}
    source = files("breachflow.templates").joinpath("page.typ").read_bytes()
    made: bytes = typst.compile(source, sys_inputs={"data": json.dumps(data)}, pdf_standards=["a-2a", "ua-1"])
    return made


def docx(blocks: Sequence[Block]) -> bytes:
    """Return the blocks as a document for editing in a word processor."""
    try:
        from docx import Document
    except ModuleNotFoundError as error:
        raise MissingExtra("DOCX needs the package docxtpl: pip install 'breachflow[docx]'.") from error
    document = Document()
    table = None
    for block in blocks:
        if block.kind == "row":
            table = table or document.add_table(rows=0, cols=2)
            cells = table.add_row().cells
            cells[0].text, cells[1].text = block.term, block.text
            continue
        table = None
        if block.kind == "title":
            document.add_heading(block.text, level=1)
        elif block.kind == "heading":
            document.add_heading(block.text, level=2)
        else:
            style = {"item": "List Bullet", "callout": "Intense Quote"}.get(block.kind)
            document.add_paragraph(block.text, style=style)
    out = BytesIO()
    document.save(out)
    return out.getvalue()
