"""When a breach is likely to result in a high risk, so that people have to be told (Art. 34(1)).

"When the personal data breach is likely to result in a high risk to the rights and freedoms of natural persons, the
controller shall communicate the personal data breach to the data subject without undue delay." -- GDPR Art. 34(1)

Each condition is one line of EDPB 9/2022 IV.B as the cases of EDPB 01/2021 decide it.
"""

from __future__ import annotations

from breachflow.core.assessment import Reason, RiskPolicy
from breachflow.core.harmless import VERY_FEW, VULNERABLE
from breachflow.core.reading import SPECIAL, Reading
from breachflow.core.rules import open_reason, reason

PROTECTED = frozenset({"protected_address", "crime_victim", "fraud_aml"})
OFFICIAL = frozenset({"official_id", "official_document", "social_security"})
BANKING = frozenset({"bank_account", "financial"})
PRIVATE = frozenset({"location", "communications", "voice_recording"})
CONTACT = frozenset({"identity", "contact", "pseudonym", "customer_id", "credentials_hashed"})
"""What an attacker takes without getting "more than basic contact data" (EDPB 01/2021 case 8)."""


def high_from_disturbance(facts: Reading) -> list[Reason]:
    """Return why the loss of availability or integrity is a high risk. Encryption is no help there."""
    if facts.service_impact == "major":
        return [reason("major-effect", "service_impact")]
    # Case 12: the only records of people in care are gone, and they feel it; where nobody does, the risk is not high.
    gone = facts.permanent_loss and facts.backup == "none" and facts.service_impact != "none"
    if gone and facts.availability and (_special(facts) or facts.people & VULNERABLE):
        return [reason("major-effect", "permanent_loss", "backup", "service_impact")]
    return []


def high_from_disclosure(facts: Reading, policy: RiskPolicy) -> list[Reason]:
    """Return why a disclosure of readable data that is not shown to be harmless is a high risk."""
    data, found = facts.data, []
    if not data.isdisjoint(policy.inform_for) or (policy.inform_for and facts.data_unknown):
        found.append(reason("policy-inform", "data"))
    if facts.misuse == "attempted":
        found.append(reason("attempted-misuse", "misuse"))
    # A recipient bound to secrecy who has confirmed deletion takes away the high risk, not the risk; but not one who
    # went for the data against that very duty.
    bound = facts.recipient in ("nobody", "trusted") and facts.deletion_confirmed
    if bound and not facts.malicious and facts.misuse == "none":
        return found
    if data & SPECIAL and facts.substantive:
        found.append(reason("special-category", "data"))
    if facts.data_unknown:
        found.append(open_reason("special-category", "data"))
    if data & PROTECTED:
        found.append(reason("protected-person", "data"))
    if data & OFFICIAL:
        found.append(reason("official-identity", "data"))
    if "payment_card" in data:
        found.append(reason("payment-card", "data"))
    widely = facts.recipient in ("unidentified", "hostile", "public") or facts.recipient_count > VERY_FEW
    if data & BANKING and widely:
        found.append(reason("bank-data", "data", "recipient"))
    if _takeover(facts, widely=widely):
        found.append(reason("credentials", "data"))
    if data & PRIVATE and widely:
        found.append(reason("private-life", "data", "recipient"))
    # Case 5, and case 8 as its limit. What an attacker has read, he has taken.
    taken = facts.exfiltration != "excluded" or facts.accessed == "confirmed"
    if facts.malicious and taken and not data <= CONTACT:
        found.append(reason("attacker-beyond-contact", "intent", "exfiltration", "data"))
    if facts.recipient == "public":
        found.append(reason("published", "recipient"))
    if facts.recipient == "hostile":
        found.append(reason("hostile-recipient", "recipient"))
    if facts.people & VULNERABLE:
        found.append(reason("vulnerable-people", "people"))
    if facts.people_count >= policy.large_set and widely:
        found.append(reason("large-set", "people_count", "protection", "recipient"))
    if facts.revealing:
        found.append(reason("revealing-context", "revealing_context"))
    return found


def _special(facts: Reading) -> bool:
    return facts.data_unknown or bool(facts.data & SPECIAL and facts.substantive)


def _takeover(facts: Reading, *, widely: bool) -> bool:
    """Whether an account was or can be taken over: one person's is enough, and passwords are used more than once."""
    if "account_access" in facts.data:
        return True
    usable = "credentials" in facts.data or ("credentials_hashed" in facts.data and facts.usable_hashes)
    return usable and (widely or facts.credential_opens in ("financial", "sensitive"))
