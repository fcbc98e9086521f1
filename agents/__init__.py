"""The Faust agents: security events and decisions in from Kafka, facts out to it.

Faust delivers; the database keeps the account. Read on in `course.py` (where each partition stands), `transport.py`
(one Faust message is one fetched batch), `intake.py` (batch, ledger, commit), `worker.py` (the process).
"""
