"""The renderer: a sheet or a briefing meets the template of its audience and language, and becomes a file or a mail.

An organisation may override templates by name. A broken override delays nothing: the shipped template is used, and the
result says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import BaseLoader, Environment, FunctionLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from msgspec import Struct

from breachflow.core.assessment import Assessment
from breachflow.core.briefing import briefing
from breachflow.core.case import Case, Notice, Part
from breachflow.core.drafting import Sheet, sheet
from breachflow.core.edpb import filled
from breachflow.core.organisation import Lang, Organisation, Person
from breachflow.rendering import formats, language
from breachflow.rendering.blocks import Block, parsed
from breachflow.rendering.inert import inert

MEDIA = {
    "text": ("text/plain; charset=utf-8", ".txt"),
    "html": ("text/html; charset=utf-8", ".html"),
    "pdf": ("application/pdf", ".pdf"),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
    "json": ("application/json", ".json"),
}


class Mail(Struct, frozen=True, kw_only=True):
    """One mail: its subject without personal data, its text and HTML; why an override was not used, if one was not."""

    subject: str
    text: str
    html: str
    fallback_reason: str | None = None


class Rendered(Struct, frozen=True, kw_only=True):
    """One draft as a file: its bytes, media type and the end of its name."""

    content: bytes
    media: str
    suffix: str
    fallback_reason: str | None = None


class Renderer:
    """Templates of both languages; `overrides` is the organisation's own folder of them."""

    def __init__(self, overrides: Path | None = None) -> None:
        self.overrides = overrides
        self._shipped = _environment(FunctionLoader(_shipped))

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
        brief = briefing(notice, case, organisation, answers, now)
        blocks, reason = self._blocks(f"{lang}/mail.md.j2", lang, organisation.zone, brief=brief, person=person)
        subject = next((block.text for block in blocks if block.kind == "title"), "breachflow")
        body = [block for block in blocks if block.kind != "title"]
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
    ) -> Rendered:
        """Render one draft; it always renders, and says on top where the duty is not proposed."""
        stated = sheet(audience, case, part, organisation, answer, now)
        media, suffix = MEDIA[format]
        if format == "json":
            content = msgspec.json.format(msgspec.json.encode(filled(stated, self._words(stated, lang))), indent=2)
            return Rendered(content=content + b"\n", media=media, suffix=suffix)
        template = "cnil" if audience == "edpb" else audience
        blocks, reason = self._blocks(
            f"{lang}/{template}.md.j2", lang, organisation.zone, sheet=stated, audience=audience
        )
        return Rendered(content=_made(blocks, lang, format), media=media, suffix=suffix, fallback_reason=reason)

    def _words(self, stated: Sheet, lang: Lang) -> dict[str, str]:
        blocks, _ = self._blocks(f"{lang}/edpb.md.j2", lang, stated.organisation.zone, sheet=stated, audience="edpb")
        return {block.term: block.text for block in blocks if block.kind == "row"}

    def _blocks(self, name: str, lang: Lang, zone: str, **values: Any) -> tuple[list[Block], str | None]:
        own = self.overrides / name if self.overrides is not None else None
        if own is None or not own.is_file():
            return _rendered(self._shipped, name, lang, zone, values), None
        environment = _environment(FunctionLoader(lambda wanted: _own(self.overrides, wanted)))
        try:
            return _rendered(environment, name, lang, zone, values), None
        except Exception as fault:  # noqa: BLE001 - answered: whatever is wrong with it, the shipped template is used.
            # A template of the organisation's is its to mend; the mail must go out meanwhile.
            reason = f"the organisation's template {name} failed ({type(fault).__name__}); the shipped one was used"
            return _rendered(self._shipped, name, lang, zone, values), reason


def _environment(loader: BaseLoader) -> Environment:
    environment = SandboxedEnvironment(
        loader=loader, undefined=StrictUndefined, finalize=inert, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.globals.clear()
    return environment


def _rendered(environment: Environment, name: str, lang: Lang, zone: str, values: Mapping[str, Any]) -> list[Block]:
    source = environment.get_template(name).render(
        **values,
        label=lambda key, group: language.label(lang, group, key),
        labels_of=lambda keys, group: language.listed((language.label(lang, group, key) for key in keys), lang),
        when=lambda at: language.when(at, zone, lang),
        day_of=lambda at: language.day_of(at, zone, lang),
        lasting=lambda length: language.lasting(length, lang),
        number=lambda value: language.number(value, lang),
        listed=lambda items: language.listed(items, lang),
        measures=lambda keys: [key if key in language.labels(lang)["measure"] else "other" for key in keys],
    )
    return parsed(language.typeset(source, lang))


def _made(blocks: list[Block], lang: Lang, form: str) -> bytes:
    if form == "pdf":
        return formats.pdf(blocks, lang)
    if form == "docx":
        return formats.docx(blocks)
    made = formats.page(blocks, lang) if form == "html" else formats.text(blocks, lang)
    return made.encode()


def _shipped(name: str) -> str | None:
    path = files("breachflow.templates").joinpath(*name.split("/"))
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _own(folder: Path | None, name: str) -> str | None:
    if folder is not None and (folder / name).is_file():
        return (folder / name).read_text(encoding="utf-8")
    return _shipped(name)
