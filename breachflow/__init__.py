"""breachflow: from security-incident events to notified breaches, on time and with reasons.

A pure core turns (case, what happened, now) into one `Change`; the `workflow` loads, asks the core and commits;
the doors (Kafka agents, embedded loop, command line, HTTP) know nothing but the workflow's verbs.

Read on in `core/case.py` (the nouns), then `core/lifecycle.py` (the moves).
"""

from __future__ import annotations

__version__ = "0.1.0"
