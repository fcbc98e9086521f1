"""Metrics and health on an address of their own, for `breachflow run` and `breachflow worker`.

Read on in `page.py` for what is told, `gauges.py` for what the database is asked, `server.py` for the address.
"""

from breachflow.monitoring.gauges import Gauges
from breachflow.monitoring.page import METRICS, Page
from breachflow.monitoring.server import Monitor, watched

__all__ = ["METRICS", "Gauges", "Monitor", "Page", "watched"]
