"""What every verb about people starts from: the lists of a case, the part that they belong to, one step at a time."""

from __future__ import annotations

from collections.abc import Callable

from breachflow.core import releasing
from breachflow.core.assessment import Assessment
from breachflow.core.case import Case, Change, Part, facts_of
from breachflow.core.concerned import PeopleList, is_final, tallied
from breachflow.core.drafting import Worksheet, worksheet
from breachflow.core.parts import assessed
from breachflow.store.people import ListRow, Moves
from breachflow.workflow import ATTEMPTS, Contended, Workflow


class NotPossible(Exception):  # noqa: N818 - named for what happened.
    """What was asked does not fit the list or its case; the message says why, and what to do."""


class Lists:
    """The lists of people over one workflow's store."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.store, self.charter, self.now = workflow.store, workflow.charter, workflow.now

    def of(self, case: str, list_id: str | None = None) -> list[ListRow]:
        """Return the lists of a case that still have names, or the one that is asked for. Raises `NotPossible`."""
        rows = [row for row in self.store.people_lists(case) if list_id in (None, row.of.id)]
        if not rows:
            which = f"no list {list_id!a}" if list_id else "no list of people; `breachflow people import` takes one in"
            raise NotPossible(f"{case} has {which}.")
        return rows

    def part(self, case: Case, controller: str | None) -> Part:
        """Return the controller's part of a case, the one whose people are to be told. Raises `NotPossible`."""
        own = [part for part in case.parts if controller in (None, part.controller)]
        # "The controller shall communicate the personal data breach to the data subject" -- GDPR Art. 34(1): where the
        # organisation is a processor, that is its client's to do.
        own = [part for part in own if (facts_of(case, part).role or part.role) != "processor"]
        names = ", ".join(dict.fromkeys(part.controller for part in case.parts))
        if not own:
            raise NotPossible(
                f"{case.id} has no part in which {controller or 'the organisation'} is the controller (its parts: "
                f"{names}); a processor's people are told by their controller."
            )
        if controller is None and len({part.controller for part in own}) > 1:
            raise NotPossible(f"{case.id} concerns several controllers ({names}): say whose people with --controller.")
        return own[0]

    def sheet(self, case: Case, part: Part) -> Worksheet:
        """Return the worksheet from which people of this part are told."""
        answer: Assessment = assessed(case, part, self.charter, flips=True)
        return worksheet(case, part, self.charter.organisation, answer, self.now(), audience="people")

    def tally(self, of: PeopleList) -> dict[str, dict[str, int]]:
        """Return how many people of each group are in which state."""
        states, cuts = self.store.people_states(of.id)
        return tallied(states, cuts, of)

    def step(self, list_id: str, ask: Callable[[Case, ListRow], tuple[Change | None, Moves]]) -> Change | None:
        """Load, ask, commit, until nobody was faster; return the change of the case."""
        for _ in range(ATTEMPTS):
            row = self.store.people_list(list_id)
            change, moves = ask(self.store.get(row.of.case), row)
            if self.store.commit([change] if change is not None else [], people=moves):
                return change
        raise Contended(f"{list_id}: changed {ATTEMPTS} times while the step was being recorded; try again.")

    def prove(self, list_id: str) -> Change | None:
        """Write the proof of dispatch once everybody has an outcome; `None` where somebody has not, or it is there."""
        row = self.store.people_list(list_id)
        if row.state != "released" or not all(map(is_final, self.store.people_states(list_id)[0])):
            return None

        def ask(case: Case, row: ListRow) -> tuple[Change | None, Moves]:
            if row.state != "released" or not all(map(is_final, self.store.people_states(list_id)[0])):
                return None, Moves(row=row)
            change = releasing.proved(case, row.of, row.progress, self.tally(row.of), self.now())
            return change, Moves(row=ListRow(of=row.of, version=row.version, state="done", progress=row.progress))

        return self.step(list_id, ask)
