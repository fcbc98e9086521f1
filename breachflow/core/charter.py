"""What every step is judged by: the organisation file, with its data map and ladder ready to be asked."""

from __future__ import annotations

from breachflow.core.datamap import DataMap
from breachflow.core.ladder import Climb
from breachflow.core.organisation import Organisation, Policy


class Charter:
    """The organisation's decisions, put together once and handed to every rule."""

    __slots__ = ("climb", "datamap", "organisation", "policy")

    def __init__(self, organisation: Organisation) -> None:
        self.organisation: Organisation = organisation
        self.policy: Policy = organisation.policy
        self.datamap: DataMap = DataMap(organisation.datamap)
        self.climb: Climb = Climb(organisation.policy.ladder, organisation.zone)
