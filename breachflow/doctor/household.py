"""What lies on this machine: settings, organisation file, key, disk, dated law, templates."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from breachflow.doctor.probe import Said, ok, problem, warning
from breachflow.rendering import Renderer
from breachflow.settings import SettingsError
from breachflow.settings.home import KEY_FILE

if TYPE_CHECKING:
    from breachflow.core.assessment import Assessment
    from breachflow.core.case import Case, Notice, Part
    from breachflow.core.drafting_material import Kind
    from breachflow.core.organisation import Lang, Organisation, Person
    from breachflow.rendering.renderer import Mail, Rendered
    from breachflow.settings.environment import Settings

LITTLE_BYTES = 1_000_000_000  # A few hundred thousand events of the usual size: time to act.
NO_ROOM_BYTES = 100_000_000  # Below this the database's own log may not fit.
MONTHS = 12  # Where the organisation file cannot be read.


def configuration(settings: Settings, strangers: list[str]) -> Iterator[Said]:
    """Variables that look like ours and are not, and a watch that stands still."""
    for sentence in strangers:
        yield warning(sentence)
    if settings.now is not None:
        yield warning("BREACHFLOW_NOW stops the watch, and with it every deadline: unset it outside an exercise.")
    if settings.metrics is not None and not settings.metrics.is_loopback:
        yield warning(
            f"BREACHFLOW_METRICS listens on {settings.metrics} without asking who is there: take a loopback address, "
            "or let a firewall stand before it."
        )
    if not strangers and settings.now is None:
        yield ok(f"the settings can be read; home is {settings.home}.")


def organisation(settings: Settings) -> Iterator[Said]:
    """The organisation file, as `breachflow check` reads it."""
    from breachflow.settings.organisation_file import check

    findings = check(settings.organisation, mail=settings.mail)
    errors = sum(finding.level == "error" for finding in findings)
    if errors:
        yield problem(f"{settings.organisation} has {_many(errors, 'error')}: `breachflow check` shows line and key.")
    elif findings:
        yield warning(f"{settings.organisation} has {_many(len(findings), 'warning')}: `breachflow check` shows them.")
    else:
        yield ok(f"{settings.organisation} can be used.")


def mappings(settings: Settings) -> Iterator[Said]:
    """The organisation's own mappings, and its settings of formats."""
    from breachflow.settings.mappings import FOLDER, check
    from breachflow.settings.organisation_file import load

    try:
        organisation: Organisation | None = load(settings.organisation)
    except SettingsError:
        organisation = None  # Said by its own probe.
    topics = [topic.format for topic in settings.event_topics if topic.format is not None]
    faults = check(organisation, settings.organisation, topics)
    if faults:
        first = faults[0]
        place = f"{first.file.name}, line {first.line}" if first.line else first.file.name
        more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
        yield problem(
            f"{place}: {first.sentence}{more} What it would read is kept as dead letters: `breachflow check`, then "
            "`breachflow deadletters retry`."
        )
    else:
        yield ok(f"every mapping in {settings.organisation.parent / FOLDER} can be used.")


def key_file(settings: Settings, keys: Callable[[], list[bytes]]) -> Iterator[Said]:
    """The master key and who can read it, and the files beside it."""
    # Refuses a key that others can read.
    if len(keys()) > 1:
        yield warning(
            "a change of the master key was interrupted: nothing is lost, one of both files fits; "
            "`breachflow keys rotate` ends it."
        )
    open_to_others = [
        path.name
        for path in (settings.home, settings.home / "breachflow.db", settings.home / "drafts", settings.home / "outbox")
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    if open_to_others:
        yield warning(f"others can read {', '.join(open_to_others)} in {settings.home}: `chmod go= ` it.")
    elif settings.key is not None:
        yield ok("the master key comes from BREACHFLOW_KEY.")
    else:
        yield ok(f"the master key {settings.home / KEY_FILE} is for its owner only.")


def disk(settings: Settings) -> Iterator[Said]:
    """Room for the database, drafts and mails."""
    folders = {settings.home}
    if settings.database.startswith("sqlite:///"):
        folders.add(Path(settings.database.removeprefix("sqlite:///")).parent)
    for folder in sorted(folders):
        free = shutil.disk_usage(_existing(folder)).free
        said = f"{free / 1e9:.1f} GB are free for {folder}"
        if free < NO_ROOM_BYTES:
            yield problem(f"{said}: make room, or nothing can be recorded any more.")
        elif free < LITTLE_BYTES:
            yield warning(f"{said}: make room soon.")
        else:
            yield ok(f"{said}.")


def law(settings: Settings, now: Callable[[], datetime]) -> Iterator[Said]:
    """Whether profiles, thresholds and regimes were held against their sources of late."""
    from breachflow.law.freshness import unverified
    from breachflow.settings.organisation_file import load

    try:
        months = load(settings.organisation).policy.law_check_months
    except SettingsError:
        months = MONTHS
    old = unverified(now().date(), months)
    if old:
        named = ", ".join(f"{entry.table} {entry.id}" for entry in old[:3]) + (", …" if len(old) > 3 else "")
        oldest = min(entry.last_verified for entry in old)
        yield warning(
            f"{_many(len(old), 'entry', 'entries')} of the law's data ({named}) were last held against their sources "
            f"{oldest.isoformat()} or later, more than {months} months ago: upgrade breachflow, or have them checked."
        )
    else:
        yield ok(f"all of the law's data was held against its sources in the last {months} months.")


def templates(settings: Settings, now: Callable[[], datetime]) -> Iterator[Said]:
    """Whether every template compiles, the organisation's own too, and an example goes through them."""
    from breachflow.core.charter import Charter
    from breachflow.settings.organisation_file import load
    from breachflow.store import open_store
    from breachflow.workflow import Workflow

    renderer = _Listening(settings.home / "templates")
    faults = renderer.templates.faults()
    # A database of its own: nothing of the example may reach the real one.
    with (
        TemporaryDirectory(prefix="breachflow-doctor-") as folder,
        open_store(f"sqlite:///{folder}/scratch.db", bytes(32), create=True) as scratch,
    ):
        Workflow(scratch, Charter(load(settings.organisation)), now, renderer=renderer).rehearse()
    for said in dict.fromkeys([*faults, *renderer.reasons]):
        yield problem(f"{said}; mend it, or remove it.")
    if not faults and not renderer.reasons:
        own = len(renderer.templates.own())
        yield ok(f"every template compiles{f', {own} of your own among them' if own else ''}.")


class _Listening(Renderer):
    """A renderer that keeps why a template of the organisation's was not used."""

    def __init__(self, overrides: Path) -> None:
        super().__init__(overrides)
        self.reasons: list[str] = []

    def mail(
        self, notice: Notice, case: Case | None, organisation: Organisation, person: Person,
        answers: Mapping[str, Assessment], now: datetime,
    ) -> Mail:  # fmt: skip
        mail = super().mail(notice, case, organisation, person, answers, now)
        self._note(mail.fallback_reason)
        return mail

    def drafts(
        self, case: Case, part: Part, organisation: Organisation, answer: Assessment, now: datetime,
        wanted: Iterable[tuple[str, Lang, str]], kind: Kind | None = None,
    ) -> Iterator[Rendered]:  # fmt: skip
        for draft in super().drafts(case, part, organisation, answer, now, wanted, kind):
            self._note(draft.fallback_reason)
            yield draft

    def _note(self, reason: str | None) -> None:
        if reason is not None:
            self.reasons.append(reason)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"
