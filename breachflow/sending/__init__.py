"""The communication to people concerned, Art. 34: a list is imported, released by a person, sent, and proved.

Nothing leaves without a named person's release; everybody on a list ends with exactly one outcome. Read on in
`core/concerned.py`, where the outcomes stand.
"""

from breachflow.sending.answering import Answering
from breachflow.sending.dispatch import Dispatch
from breachflow.sending.intake import Imported, Intake, Unusable
from breachflow.sending.lists import NotPossible
from breachflow.sending.printing import Printing
from breachflow.sending.release import Releasing

__all__ = ["Answering", "Dispatch", "Imported", "Intake", "NotPossible", "Printing", "Releasing", "Unusable"]
