"""The renderer: a worksheet or briefing meets the template of its audience and language, and becomes a file or a mail.

Where an organisation's own template could not be used, the result says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from breachflow.core.account import Account
from breachflow.core.assessment import Assessment
from breachflow.core.briefing import briefing
from breachflow.core.case import Case, Notice, Part
from breachflow.core.drafting import Worksheet, addressed, worksheet
from breachflow.core.drafting_audiences import AUTHORITY
from breachflow.core.drafting_edpb import as_json
from breachflow.core.drafting_material import Kind
from breachflow.core.organisation import Lang, Organisation, Person
from breachflow.core.retention import marked
from breachflow.core.storm import Digest
from breachflow.rendering import formats, language, people
from breachflow.rendering.blocks import Block
from breachflow.rendering.readability import read_by, readability
from breachflow.rendering.telling import Telling
from breachflow.rendering.templates import Templates, not_theirs

MEDIA = {
    "text": ("text/plain; charset=utf-8", ".txt"),
    "html": ("text/html; charset=utf-8", ".html"),
    "pdf": ("application/pdf", ".pdf"),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
    "json": ("application/json", ".json"),
}

IN_PLAIN_WORDS = frozenset({"people", "public", "sms", "recipient"})
"""Audiences who are no lawyers: the draft says how hard its text is to read."""

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


class Renderer:
    """Templates of both languages; `overrides` is the organisation's own folder of them."""

    def __init__(self, overrides: Path | None = None) -> None:
        self.templates = Templates(overrides)

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
        blocks, reason = self.templates.blocks(template, lang, zone, **values)
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
        blocks of the text for everybody else. Raises `MissingExtra` where the format needs a package that is not
        installed.
        """
        drafts = self.drafts(case, part, organisation, answer, now, [(audience, lang, format)], kind)
        return next(drafts)

    def drafts(
        self,
        case: Case,
        part: Part,
        organisation: Organisation,
        answer: Assessment,
        now: datetime,
        wanted: Iterable[tuple[str, Lang, str]],
        kind: Kind | None = None,
    ) -> Iterator[Rendered]:
        """Render these drafts of one part, each an audience, a language and a format, as `draft` does, one by one.

        What several of them say is written once: the worksheet and its sentences, and a text in several formats.
        """
        sheets: dict[Lang, Worksheet] = {}
        sentences: dict[Lang, tuple[dict[str, str], str | None]] = {}
        texts: dict[tuple[str, Lang], tuple[list[Block], str | None]] = {}
        for audience, lang, form in wanted:
            if lang not in sheets:
                own = _marked(case, lang, organisation.zone)
                sheets[lang] = worksheet(own, part, organisation, answer, now, kind)
                sentences[lang] = self._sentences(sheets[lang], lang)
            sheet, (words, worded) = addressed(sheets[lang], audience), sentences[lang]
            media, suffix = MEDIA[form]
            if form == "json" and audience in AUTHORITY:
                content = _indented(as_json(sheet.fields, words))
                yield Rendered(content=content, media=media, suffix=suffix, fallback_reason=worded)
                continue
            if (audience, lang) not in texts:
                blocks, reason = self._told(sheet, lang, words)
                if worded is not None:
                    blocks.insert(1, not_theirs(f"{lang}/sentences.md.j2", lang))
                texts[audience, lang] = blocks, reason or worded
            blocks, reason = texts[audience, lang]
            if form == "json":
                told = {"audience": audience, "lang": lang, "case": case.id, "version": case.version, "blocks": blocks}
                content = _indented(told)
            else:
                content = _made(blocks, lang, form, now)
            yield Rendered(content=content, media=media, suffix=suffix, fallback_reason=reason)

    def notice(self, sheet: Worksheet, lang: Lang) -> tuple[people.Notice, str | None]:
        """Write the text that people concerned get, from a worksheet of theirs, and why an override was not used.

        What a draft says to its reader alone is left out.
        """
        sentences, _ = self._sentences(sheet, lang)
        blocks, reason = self.templates.blocks(
            "people", lang, sheet.organisation.zone, sheet=sheet, sentences=sentences
        )
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
        blocks, reason = self.templates.blocks(
            "accounts", lang, organisation.zone, wording=telling, accounts=accounts, organisation=organisation, now=now,
            total=sum(len(one.entries) for one in accounts), left_out=left_out,
        )  # fmt: skip
        media, suffix = MEDIA["html"]
        content = formats.page(blocks, lang, telling.head("contents")).encode()
        return Rendered(content=content, media=media, suffix=suffix, fallback_reason=reason)

    def _told(self, sheet: Worksheet, lang: Lang, sentences: Mapping[str, str]) -> tuple[list[Block], str | None]:
        """Write a worksheet for its audience; one for the authority has what was filed before beside it."""
        zone = sheet.organisation.zone
        told: dict[str, Any] = {"sheet": sheet, "sentences": sentences}
        if sheet.audience not in AUTHORITY:
            blocks, reason = self.templates.blocks(sheet.audience, lang, zone, **told)
            if sheet.audience in IN_PLAIN_WORDS:
                place = next((n for n, block in enumerate(blocks, 1) if block.kind == "box"), 1)
                blocks.insert(place, read_by(readability(blocks, lang), lang))
            return blocks, reason
        earlier = self._sentences(sheet.before, lang)[0] if sheet.before is not None else {}
        return self.templates.blocks(sheet.audience, lang, zone, wording=Telling(lang, zone), earlier=earlier, **told)

    def _sentences(self, sheet: Worksheet, lang: Lang) -> tuple[dict[str, str], str | None]:
        """Make the sentences that the form wants where nobody has written a text."""
        blocks, reason = self.templates.blocks("sentences", lang, sheet.organisation.zone, sheet=sheet)
        return {block.term: block.text for block in blocks if block.kind == "row"}, reason


def _marked(case: Case, lang: Lang, zone: str) -> Case:
    """Say in the reader's language when the content was erased, where it was."""
    if case.erased is None:
        return case
    return marked(case, f"{language.labels(lang)['words']['erased']} {language.day_of(case.erased.at, zone, lang)}")


def _indented(told: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def _made(blocks: list[Block], lang: Lang, form: str, at: datetime) -> bytes:
    if form == "pdf":
        return formats.pdf(blocks, lang, at)
    if form == "docx":
        return formats.docx(blocks, lang)
    made = formats.page(blocks, lang) if form == "html" else formats.text(blocks, lang)
    return made.encode()
