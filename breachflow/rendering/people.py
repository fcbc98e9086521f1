"""The notice to people concerned, Art. 34, written once for everybody who lost the same data and merged by name.

A text is cut where the person's own lines stand, before and after; what lies outside is laid out and escaped once.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from importlib.resources import files

import msgspec
from msgspec import Struct

from breachflow.core.concerned import Concerned
from breachflow.core.organisation import Lang
from breachflow.rendering import formats, language
from breachflow.rendering.blocks import Block
from breachflow.rendering.inert import free, inert

HERE = "\ue002"
"""A private character where the person's lines go; `inert` lets none through from outside."""

DRAFT_ONLY = frozenset({"box", "urgent"})
"""Blocks for whoever reads the draft; the notice goes out without them."""


class Notice(Struct, frozen=True, kw_only=True):
    """One text as it was released: its language, its subject, and its blocks before and after the person's lines."""

    lang: Lang
    subject: str
    before: tuple[Block, ...]
    after: tuple[Block, ...]

    @property
    def sha256(self) -> str:
        """What the register keeps of the text."""
        return sha256(msgspec.json.encode(self)).hexdigest()


class Halves(Struct, frozen=True, kw_only=True):
    """A notice in text and HTML, each cut where the person's lines go."""

    subject: str
    text: tuple[str, str]
    page: tuple[str, str]


def notice(blocks: Sequence[Block], lang: Lang) -> Notice:
    """Cut a rendered draft for people where its greeting stands; without one, behind its title."""
    kept = [block for block in blocks if block.kind not in DRAFT_ONLY]
    greeting = _greeting(lang)
    place = next((n for n, block in enumerate(kept) if block.kind == "paragraph" and block.text == greeting), None)
    titles = sum(1 for block in kept[:1] if block.kind == "title")
    before, after = (kept[:titles], kept[titles:]) if place is None else (kept[:place], kept[place + 1 :])
    subject = next((block.text for block in kept if block.kind == "title"), "breachflow")
    return Notice(lang=lang, subject=subject, before=tuple(before), after=tuple(after))


def opening(person: Concerned, lang: Lang) -> tuple[str, ...]:
    """Return the lines that are the person's own: to whom, and the greeting. Whatever stands in a name is inert."""
    words = language.labels(lang)["letter"]
    name, salutation = _plain(person.name), _plain(person.salutation)
    if not salutation:
        greeting = _greeting(lang)
    elif lang == "en" and not salutation.lower().startswith("dear"):
        greeting = f"Dear {salutation},"
    else:
        greeting = f"{salutation},"
    to = (f"{language.typeset(words['attention'], lang)} {name}",) if name else ()
    return (*to, greeting)


def halves(of: Notice) -> Halves:
    """Lay a notice out as text and as an HTML page, once for everybody who gets it."""
    mark = Block("paragraph", HERE)
    before = [block for block in of.before if block.kind != "title"]
    text = formats.text([*before, mark, *of.after], of.lang).partition(f"{HERE}\n")
    page = formats.page([*of.before, mark, *of.after], of.lang).partition(f"<p>{HERE}</p>\n")
    return Halves(subject=of.subject, text=(text[0], text[2]), page=(page[0], page[2]))


def text_lines(lines: Sequence[str]) -> str:
    """Return the person's lines for the text."""
    return "\n\n".join(lines) + "\n"


def page_lines(lines: Sequence[str]) -> str:
    """Return the person's lines for the page; nothing in them is read as markup."""
    return "".join(f"<p>{html.escape(line)}</p>\n" for line in lines)


def whole(of: Notice, person: Concerned) -> str:
    """Return the text as one person gets it."""
    before, after = halves(of).text
    return f"{of.subject}\n\n{before}{text_lines(opening(person, of.lang))}{after}"


class Printer:
    """Letters as PDF for a printer: each text is laid out once, and every letter puts name and address on it.

    They are not tagged: they become paper, and a text that is laid out once cannot be tagged for each of its readers.
    Laid out whole and tagged they come at a tenth to a fifth of the pace, below 20,000 a minute and core.
    """

    def __init__(self, notices: Sequence[Notice | None], sender: Sequence[str], at: datetime) -> None:
        try:
            import typst
        except ModuleNotFoundError as error:
            raise formats.MissingExtra("PDF needs the package typst: pip install 'breachflow[pdf]'.") from error
        self._typst, self._at = typst, at
        self._sender = sender
        # Groups may share a text; where there is none (people who are held), the letter is not this program's to write.
        self._texts = {notice.sha256: notice for notice in notices if notice is not None}
        self._by_place = ["" if notice is None else notice.sha256 for notice in notices]
        self._bodies: dict[str, tuple[list[int], int]] = {}

    def text_of(self, place: int) -> str:
        """Return the hash of the text of that place, empty where there is none."""
        return self._by_place[place]

    def letters(self, people: Sequence[tuple[int, Concerned]]) -> bytes:
        """Return one file with a letter for each person, on the text of that place; the same people, the same bytes."""
        used = list(dict.fromkeys(self._by_place[place] for place, _ in people))
        bodies = [self._body(text) for text in used]
        first = self._texts[used[0]]
        told = [
            {
                "body": used.index(self._by_place[place]),
                "lines": [_printable(line) for line in ([person.name] if person.name else []) + [*person.address]],
                "opening": [_printable(line) for line in opening(person, self._texts[self._by_place[place]].lang)],
                "reference": _printable(person.reference),
            }
            for place, person in people
        ]
        data = {
            "title": first.subject, "lang": first.lang, "letters": told,
            "bodies": [body for body, _ in bodies], "pages": [pages for _, pages in bodies],
        }  # fmt: skip
        return self._compiled("letters.typ", data)

    def _body(self, text: str) -> tuple[list[int], int]:
        if text not in self._bodies:
            of = self._texts[text]
            blocks = [
                {"kind": block.kind, "text": _printable(block.text), "term": _printable(block.term)}
                for block in (*of.before, *of.after)
                if block.kind != "title"
            ]
            data = {"lang": of.lang, "title": _printable(of.subject), "blocks": blocks,
                    "sender": [_printable(line) for line in self._sender]}  # fmt: skip
            made = self._compiled("letter.typ", data)
            # Bytes travel to the layout as numbers: it reads no file.
            self._bodies[text] = (list(made), len(re.findall(rb"/Type\s*/Page\b", made)))
        return self._bodies[text]

    def _compiled(self, template: str, data: object) -> bytes:
        made: bytes = self._typst.compile(
            files("breachflow.templates").joinpath(template).read_bytes(), sys_inputs={"data": json.dumps(data)},
            ignore_system_fonts=True, pdf_tags=False, timestamp=int(self._at.timestamp()),
        )  # fmt: skip
        return made


def _greeting(lang: Lang) -> str:
    return language.typeset(language.labels(lang)["letter"]["greeting"], lang)


def _plain(words: str) -> str:
    # A name that is an address of the web would become a link in whatever shows it.
    return free(str(inert(words))).replace("://", ": //").replace("www.", "www .")


def _printable(words: str) -> str:
    broken = formats.LONG_WORD.sub(lambda found: found.group() + "\N{ZERO WIDTH SPACE}", free(str(inert(words))))
    return formats.NOT_PRINTED.sub("?", broken)
