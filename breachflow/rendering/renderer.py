"""The renderer: a worksheet or briefing meets the template of its audience and language, and becomes a file or a mail.

An organisation may override templates by name. A broken override delays nothing: the shipped template is used, and the
result says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import BaseLoader, FunctionLoader, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment
from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.account import Account
from breachflow.core.assessment import Assessment
from breachflow.core.briefing import briefing
from breachflow.core.case import Case, Notice, Part
from breachflow.core.drafting import Worksheet, worksheet
from breachflow.core.drafting_audiences import AUDIENCES, AUTHORITY
from breachflow.core.drafting_edpb import as_json
from breachflow.core.drafting_material import Kind
from breachflow.core.organisation import Lang, Organisation, Person
from breachflow.core.retention import marked
from breachflow.core.storm import Digest
from breachflow.rendering import formats, language, people
from breachflow.rendering.blocks import Block, parsed
from breachflow.rendering.inert import inert
from breachflow.rendering.telling import Telling
from breachflow.rendering.wording import Wording

MEDIA = {
    "text": ("text/plain; charset=utf-8", ".txt"),
    "html": ("text/html; charset=utf-8", ".html"),
    "pdf": ("application/pdf", ".pdf"),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
    "json": ("application/json", ".json"),
}

PIECES: Mapping[str, tuple[str, ...]] = {
    "people": ("told",), "public": ("told",), "cnil": ("changes",), "edpb": ("changes",),
}  # fmt: skip
"""What several templates include: one text in one place, and one override for all of them."""

LONGEST_SUBJECT = 180  # Mail programs show less; some gateways refuse more.


class Mail(Struct, frozen=True, kw_only=True):
    """One mail: its subject without personal data, its text and HTML; why an override was not used, if one was not."""

    subject: str
    text: str
    html: str
    fallback_reason: str | None = None


class Rendered(Struct, frozen=True, kw_only=True):
    """One draft as a file: its bytes, media type and the end of its name; why an override was not used, if so."""

    content: bytes
    media: str
    suffix: str
    fallback_reason: str | None = None


class Broken(Struct, frozen=True, kw_only=True):
    """A template of the organisation's that cannot be used: its file, its line (0: none) and why.

    One that is not `fatal` is never read at all.
    """

    path: Path
    line: int
    why: str
    fatal: bool = True


class Renderer:
    """Templates of both languages; `overrides` is the organisation's own folder of them."""

    def __init__(self, overrides: Path | None = None) -> None:
        self.overrides = overrides
        self._shipped = _environment(FunctionLoader(_shipped))
        # Read anew each time: whoever mends a template sees it in the next mail.
        self._own = _environment(FunctionLoader(lambda name: _own(overrides, name)), kept=0)

    def mail(
        self,
        notice: Notice,
        case: Case | None,
        organisation: Organisation,
        person: Person,
        answers: Mapping[str, Assessment],
        now: datetime,
    ) -> Mail:
        """Write the mail that this notice owes to this person, in the person's language."""
        lang = person.lang or organisation.languages[0]
        if case is not None:
            case = _marked(case, lang, organisation.zone)
        brief = briefing(notice, case, organisation, answers, now, person)
        return self._mail("mail", lang, organisation.zone, brief=brief, person=person)

    def digest(self, digest: Digest, organisation: Organisation, person: Person) -> Mail:
        """Write the one mail that tells this person of many cases."""
        lang = person.lang or organisation.languages[0]
        return self._mail("digest", lang, organisation.zone, brief=digest, person=person)

    def _mail(self, template: str, lang: Lang, zone: str, **values: Any) -> Mail:
        blocks, reason = self._blocks(template, lang, zone, **values)
        subject = next((block.text for block in blocks if block.kind == "title"), "breachflow")
        body = [block for block in blocks if block.kind != "title"]
        if len(subject) > LONGEST_SUBJECT:
            subject = subject[: LONGEST_SUBJECT - 1] + "…"
        return Mail(
            subject=subject, text=formats.text(body, lang), html=formats.page(blocks, lang), fallback_reason=reason
        )

    def draft(
        self,
        audience: str,
        case: Case,
        part: Part,
        organisation: Organisation,
        answer: Assessment,
        now: datetime,
        *,
        lang: Lang,
        format: str,  # noqa: A002 - the name of the option everywhere else.
        kind: Kind | None = None,
    ) -> Rendered:
        """Render one draft; it always renders, and says on top where the duty is not proposed.

        Without `kind` it is the notification that is due next. JSON is the EDPB template for the authority, and the
        blocks of the text for everybody else. Raises `MissingExtra` where the format needs a package
        that is not installed.
        """
        sheet = worksheet(
            _marked(case, lang, organisation.zone), part, organisation, answer, now, kind, audience=audience
        )
        media, suffix = MEDIA[format]
        sentences, worded = self._sentences(sheet, lang)
        if format == "json" and audience in AUTHORITY:
            content = msgspec.json.format(msgspec.json.encode(as_json(sheet.fields, sentences)), indent=2)
            return Rendered(content=content + b"\n", media=media, suffix=suffix, fallback_reason=worded)
        blocks, reason = self._blocks(audience, lang, organisation.zone, sheet=sheet, sentences=sentences)
        if worded is not None:
            blocks.insert(1, _not_theirs(f"{lang}/sentences.md.j2", lang))
        if format == "json":
            told = {"audience": audience, "lang": lang, "case": case.id, "version": case.version, "blocks": blocks}
            content = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
            return Rendered(content=content, media=media, suffix=suffix, fallback_reason=reason or worded)
        made = _made(blocks, lang, format)
        return Rendered(content=made, media=media, suffix=suffix, fallback_reason=reason or worded)

    def own(self) -> list[str]:
        """Return the names of the organisation's own templates, as they are laid in the folder."""
        if self.overrides is None or not self.overrides.is_dir():
            return []
        return sorted(path.relative_to(self.overrides).as_posix() for path in self.overrides.rglob("*.j2"))

    def faults(self) -> list[str]:
        """Compile every template, shipped and own; return what is wrong, without a full stop, of each that fails."""
        for lang in (folder for folder in files("breachflow.templates").iterdir() if folder.is_dir()):
            for template in (path for path in lang.iterdir() if path.name.endswith(".j2")):
                self._shipped.get_template(f"{lang.name}/{template.name}")
        return [f"{fault.path}, line {fault.line}: {fault.why}" if fault.line else f"{fault.path}: {fault.why}"
                for fault in self.broken()]  # fmt: skip

    def broken(self) -> list[Broken]:
        """Compile the organisation's own templates and return what is wrong, each with its file and line.

        A template that compiles may still fail on a case; then the shipped one is used, and the draft says so.
        """
        if self.overrides is None or not self.overrides.is_dir():
            return []
        return [
            fault
            for path in sorted(self.overrides.rglob("*.j2"))
            if (fault := self._fault(path.relative_to(self.overrides).as_posix(), path)) is not None
        ]

    def _fault(self, name: str, path: Path) -> Broken | None:
        lang, _, rest = name.partition("/")
        template = rest.removesuffix(".md.j2")
        known = {*AUDIENCES, "mail", "sentences", *(piece for pieces in PIECES.values() for piece in pieces)}
        if lang not in ("fr", "en") or template not in known or not rest.endswith(".md.j2"):
            return Broken(path=path, line=0, why="no template of this name is ever read", fatal=False)
        try:
            self._own.get_template(name)
        except TemplateSyntaxError as fault:
            return Broken(path=path, line=fault.lineno, why=str(fault.message))
        except UnicodeDecodeError:
            return Broken(path=path, line=0, why="it is not UTF-8 text")
        except OSError as fault:
            return Broken(path=path, line=0, why=f"it cannot be read ({fault.strerror})")
        return None

    def notice(self, sheet: Worksheet, lang: Lang) -> tuple[people.Notice, str | None]:
        """Write the text that people concerned get, from a worksheet of theirs, and why an override was not used.

        What a draft says to its reader alone is left out.
        """
        sentences, _ = self._sentences(sheet, lang)
        blocks, reason = self._blocks("people", lang, sheet.organisation.zone, sheet=sheet, sentences=sentences)
        return people.notice(blocks, lang), reason

    def register(
        self,
        accounts: Sequence[Account],
        organisation: Organisation,
        now: datetime,
        *,
        lang: Lang,
        left_out: bool = False,
    ) -> Rendered:
        """Write the register as one HTML page: every case, every decision, every entry. Art. 33(5).

        `left_out` says on top that free texts are not in it.
        """
        telling = Telling(lang, organisation.zone)
        blocks, reason = self._blocks(
            "accounts", lang, organisation.zone, wording=telling, accounts=accounts, organisation=organisation, now=now,
            total=sum(len(one.entries) for one in accounts), left_out=left_out,
        )  # fmt: skip
        media, suffix = MEDIA["html"]
        content = formats.page(blocks, lang, telling.head("contents")).encode()
        return Rendered(content=content, media=media, suffix=suffix, fallback_reason=reason)

    def _sentences(self, sheet: Worksheet, lang: Lang) -> tuple[dict[str, str], str | None]:
        """Make the sentences that the form wants where nobody has written a text."""
        blocks, reason = self._blocks("sentences", lang, sheet.organisation.zone, sheet=sheet)
        return {block.term: block.text for block in blocks if block.kind == "row"}, reason

    def _blocks(
        self, template: str, lang: Lang, zone: str, *, wording: Wording | None = None, **values: Any
    ) -> tuple[list[Block], str | None]:
        words = wording or Wording(lang, zone)
        name = f"{lang}/{template}.md.j2"
        read = [name, *(f"{lang}/{piece}.md.j2" for piece in PIECES.get(template, ()))]
        if self.overrides is None or not any((self.overrides / one).is_file() for one in read):
            return _rendered(self._shipped, name, words, values), None
        try:
            return _rendered(self._own, name, words, values), None
        except Exception as fault:  # noqa: BLE001 - answered: whatever is wrong with it, the shipped template is used.
            # A template of the organisation's is its to mend; the mail must go out meanwhile.
            reason = f"the organisation's template {name} failed ({type(fault).__name__}); the shipped one was used"
            blocks = _rendered(self._shipped, name, words, values)
            # Whoever reads it learns that it is not their own text: at the end of a mail, on top of a draft.
            where = len(blocks) if template == "mail" else 1
            return [*blocks[:where], _not_theirs(name, lang), *blocks[where:]], reason


class NothingWritten(Exception):  # noqa: N818 - named for what happened.
    """A template came out empty, or a mail without its subject: nobody could act on that."""


def _marked(case: Case, lang: Lang, zone: str) -> Case:
    """Say in the reader's language when the content was erased, where it was."""
    if case.erased is None:
        return case
    return marked(case, f"{language.labels(lang)['words']['erased']} {language.day_of(case.erased.at, zone, lang)}")


def _environment(loader: BaseLoader, kept: int = 50) -> SandboxedEnvironment:
    # Not escaped here: a value is made inert, and every format escapes the blocks for itself.
    environment = SandboxedEnvironment(
        loader=loader, undefined=StrictUndefined, finalize=inert, trim_blocks=True, lstrip_blocks=True,
        autoescape=False, auto_reload=False, cache_size=kept,
    )  # fmt: skip
    environment.globals.clear()
    return environment


def _rendered(environment: SandboxedEnvironment, name: str, words: Wording, values: Mapping[str, Any]) -> list[Block]:
    made = environment.get_template(name).render(**values, **words.functions())
    blocks = [block if block.kind == "command" else _typeset(block, words.lang) for block in parsed(made)]
    if not blocks or ("brief" in values and (blocks[0].kind != "title" or len(blocks) == 1)):
        raise NothingWritten(name)
    return blocks


def _not_theirs(name: str, lang: Lang) -> Block:
    words = language.labels(lang)["words"]
    return _typeset(Block("urgent", f"{words['own_failed']} {name}. {words['own_mended']}"), lang)


def _typeset(block: Block, lang: Lang) -> Block:
    return replace(block, text=language.typeset(block.text, lang), term=language.typeset(block.term, lang))


def _made(blocks: list[Block], lang: Lang, form: str) -> bytes:
    if form == "pdf":
        return formats.pdf(blocks, lang)
    if form == "docx":
        return formats.docx(blocks, lang)
    made = formats.page(blocks, lang) if form == "html" else formats.text(blocks, lang)
    return made.encode()


def _shipped(name: str) -> str | None:
    path = files("breachflow.templates").joinpath(*name.split("/"))
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _own(folder: Path | None, name: str) -> str | None:
    if folder is not None and (folder / name).is_file():
        return (folder / name).read_text(encoding="utf-8")
    return _shipped(name)
