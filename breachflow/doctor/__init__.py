"""What an operator asks when something seems wrong: every part looked at once, one line each, with what to do.

Read on in `examination.py`, which lists the probes in their order.
"""

from breachflow.doctor.examination import examine
from breachflow.doctor.probe import Finding, Level

__all__ = ["Finding", "Level", "examine"]
