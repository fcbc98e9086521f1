"""The templates: those that come with the package, an organisation's own in their place, and what is wrong with one.

A broken override delays nothing: the shipped template is used, and the blocks say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, FunctionLoader, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment
from msgspec import Struct
from msgspec.structs import replace

from breachflow.core.drafting_audiences import AUDIENCES
from breachflow.core.organisation import Lang
from breachflow.rendering import language
from breachflow.rendering.blocks import Block, parsed
from breachflow.rendering.inert import inert
from breachflow.rendering.wording import Wording

PIECES: Mapping[str, tuple[str, ...]] = {
    "people": ("told",), "public": ("told",), "cnil": ("changes",), "edpb": ("changes",),
}  # fmt: skip
"""What several templates include: one text in one place, and one override for all of them."""


class Broken(Struct, frozen=True, kw_only=True):
    """A template of the organisation's that cannot be used: its file, its line (0: none) and why.

    One that is not `fatal` is never read at all.
    """

    path: Path
    line: int
    why: str
    fatal: bool = True


class Templates:
    """Templates of both languages; `overrides` is the organisation's own folder of them."""

    def __init__(self, overrides: Path | None = None) -> None:
        self.overrides = overrides
        self._shipped = _environment(FunctionLoader(_shipped))
        # Read anew each time: whoever mends a template sees it in the next mail.
        self._own = _environment(FunctionLoader(lambda name: _own(overrides, name)), kept=0)

    def blocks(
        self, template: str, lang: Lang, zone: str, *, wording: Wording | None = None, **values: Any
    ) -> tuple[list[Block], str | None]:
        """Render a template and return its blocks, and why an override was not used, if one was not."""
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
            return [*blocks[:where], not_theirs(name, lang), *blocks[where:]], reason

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


class NothingWritten(Exception):  # noqa: N818 - named for what happened.
    """A template came out empty, or a mail without its subject: nobody could act on that."""


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


def not_theirs(name: str, lang: Lang) -> Block:
    """Return the line that tells a reader that a text is not the organisation's own, and which template to mend."""
    words = language.labels(lang)["words"]
    return _typeset(Block("urgent", f"{words['own_failed']} {name}. {words['own_mended']}"), lang)


def _typeset(block: Block, lang: Lang) -> Block:
    return replace(block, text=language.typeset(block.text, lang), term=language.typeset(block.term, lang))


def _shipped(name: str) -> str | None:
    path = files("breachflow.templates").joinpath(*name.split("/"))
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _own(folder: Path | None, name: str) -> str | None:
    if folder is not None and (folder / name).is_file():
        return (folder / name).read_text(encoding="utf-8")
    return _shipped(name)
