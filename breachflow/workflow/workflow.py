"""All verbs over one store, and the rehearsal that takes an example through each."""

from __future__ import annotations

import msgspec

from breachflow.core import lifecycle
from breachflow.core.intake import Known, arrival, taken_in
from breachflow.core.signal import signals
from breachflow.formats import read
from breachflow.workflow.deciding import Deciding
from breachflow.workflow.erasing import Erasing
from breachflow.workflow.intake import Taking
from breachflow.workflow.posting import Posting
from breachflow.workflow.reporting import Reporting
from breachflow.workflow.telling import Telling
from breachflow.workflow.ticking import Ticking

EXAMPLE = (
    b'{"id": "1", "source": "breachflow/rehearsal", "detected_at": "2026-01-01T00:00:00Z", "title": "Rehearsal", '
    b'"verdict": "confirmed", "facts": {"personal_data": true, "confidentiality": true, "people_count": 1}}'
)


class Workflow(Taking, Deciding, Erasing, Ticking, Telling, Posting, Reporting):
    """The verbs over one store. One thread uses it at a time; any number of processes may run one each."""

    def rehearse(self) -> None:
        """Take an example through every rule and template; keep and send nothing.

        A process with several threads does this first, in one of them. Tables of law, formats and templates are loaded
        at their first use, and msgspec builds what it knows of a type then: two threads that do that for the same type
        at once read half of it, and the interpreter crashes.
        """
        (reading,) = read(EXAMPLE, received_at=self.now())
        if reading.event is None:
            raise AssertionError(f"the rehearsal's event cannot be read: {reading.error}")
        arrivals = [arrival(reading.event, reading.raw)]
        for change in taken_in(arrivals, Known({}, {}, {}), self.charter, self.now()).changes:
            if change.case is not None:
                lifecycle.timed(change.case, self.charter, self.now())
                for _ in self._rendered(change.case):
                    pass
            for signal in signals(change):
                msgspec.json.encode(signal)
            for notice in change.notices:
                self._compose(notice, change.case)
                person = self.charter.organisation.person(notice.to)
                if change.case is not None and person is not None:
                    self._compose_digest(notice, [notice], {change.case.id: change.case}, person)
