"""Draft: what a case needs is rendered and laid down whenever its facts are newer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import structlog
from msgspec.structs import replace

from breachflow.core.assessment import Assessment
from breachflow.core.case import Case
from breachflow.core.draft import Draft
from breachflow.core.drafting_audiences import draft_name, wanted
from breachflow.core.drafting_material import material
from breachflow.core.parts import assessed
from breachflow.workflow.office import BATCH, Desk, Office

log = structlog.get_logger("breachflow")


class Drafting(Office):
    """Renders drafts."""

    def draft(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Render the drafts of every case whose facts are newer than its drafts; return how many drafts were laid.

        `stopping` is asked before each case: a backlog of drafts must not hold up the end of the process.
        """
        laid = 0
        while self.desk is not None and (cases := self.store.undrafted(BATCH)):
            drafted = 0
            for case in cases:
                if stopping():
                    return laid
                drafts = self._drafts(case, self.desk)
                if drafts is not None:
                    self.store.save_drafts(case.id, case.version, drafts)
                    self.meter.drafted(len(drafts))
                    drafted, laid = drafted + 1, laid + len(drafts)
            if len(cases) < BATCH or not drafted:
                break
        return laid

    def assessments(self, case: Case, *, flips: bool = False) -> dict[str, Assessment]:
        """Return the whole assessment of each part of the case, by controller (and processing, from the second on)."""
        answers: dict[str, Assessment] = {}
        for part in case.parts:
            name = (
                part.controller
                if part.controller not in answers
                else f"{part.controller} ({part.processing or part.scope})"
            )
            answers[name] = assessed(case, part, self.charter, flips=flips)
        return answers

    def _drafts(self, case: Case, desk: Desk) -> list[Draft] | None:
        """Render and lay down what the case needs; `None` where breachflow stumbles over it: it stays undrafted."""
        if self._stumbled.get(("draft", case.id)) == case.material:
            return None  # Tried again when something else is to be stated, and at the next start.
        try:
            rendered = list(self._rendered(case))
        except Exception as fault:  # noqa: BLE001 - answered: said aloud, and the case stays undrafted.
            # Nor may it keep the other cases' drafts from the people who wait for them.
            self._stumble("draft", case, case.material, fault)
            return None
        paths = desk.lay(case.id, [(name, content) for _, name, content in rendered])
        return [
            replace(draft, path=path, sha256=hashlib.sha256(content).hexdigest())
            for (draft, _, content), path in zip(rendered, paths, strict=True)
        ]

    def _rendered(self, case: Case) -> Iterator[tuple[Draft, str, bytes]]:
        now = self.now()
        for part in case.parts:
            answer = assessed(case, part, self.charter, flips=True)
            made = material(case, part, self.charter.organisation, answer, now)
            asked = wanted(made, self.charter.organisation.languages)
            drafts = self.renderer.drafts(case, part, self.charter.organisation, answer, now, asked)
            for (audience, lang, form), draft in zip(asked, drafts, strict=True):
                if draft.fallback_reason:
                    log.warning("template", reason=draft.fallback_reason)
                name = draft_name(audience, part, case.parts)
                kept = Draft(
                    case=case.id, controller=part.controller, audience=audience, lang=lang, format=form,
                    version=case.version, sha256="", at=now,
                )  # fmt: skip
                yield kept, f"{name}.{lang}{draft.suffix}", draft.content
