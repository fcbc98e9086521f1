"""`breachflow run`, the real one, with one thing changed: mails that a killed process had claimed are free sooner."""

from __future__ import annotations

from datetime import timedelta

from breachflow.cli import main
from breachflow.workflow import posting, telling

# In earnest two minutes, longer than any provider's time-out; in a test that kills, its longest part by far.
telling.LEASE = posting.LEASE = timedelta(seconds=1.5)

main(["run"])
