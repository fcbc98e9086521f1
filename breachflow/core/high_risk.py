"""When a breach is likely to result in a high risk, so that people have to be told (Art. 34(1)).

"When the personal data breach is likely to result in a high risk to the rights and freedoms of natural persons, the
controller shall communicate the personal data breach to the data subject without undue delay." -- GDPR Art. 34(1)

Each condition is one line of EDPB 9/2022 IV.B as the cases of EDPB 01/2021 decide it.
"""

from __future__ import annotations

from breachflow.core.assessment import Reason, RiskPolicy
from breachflow.core.harmless import VERY_FEW, VULNERABLE
from breachflow.core.reading import SPECIAL, Reading
from breachflow.core.rules import reason

PROTECTED = frozenset({"protected_address", "crime_victim", "fraud_aml", "employment_health"})
OFFICIAL = frozenset({"official_id", "official_document", "social_security"})
BANKING = frozenset({"bank_account", "financial"})
PRIVATE = frozenset({"location", "communications", "voice_recording"})
TAKEOVER = frozenset({"credentials", "account_access"})
CONTACT = frozenset({"identity", "contact", "pseudonym", "customer_id", "credentials_hashed"})
"""What an attacker takes without getting "more than basic contact data" (EDPB 01/2021 case 8)."""


def high_risks(facts: Reading, policy: RiskPolicy, *, disclosed: bool, disturbed: bool) -> list[Reason]:
    """Return every reason why the risk is high; empty where there is none.

    `disclosed`: a disclosure that is not shown to be harmless. `disturbed`: a loss of availability or integrity that is
    not shown to be.
    """
    found: list[Reason] = []
    if facts.misuse == "observed":
        found.append(reason("misuse-observed", "misuse"))
    if disturbed and facts.service_impact == "major":
        found.append(reason("major-effect", "service_impact"))
    if disclosed:
        _disclosure(facts, policy, found)
    return found


def _disclosure(facts: Reading, policy: RiskPolicy, found: list[Reason]) -> None:
    data = facts.data
    if policy.inform_for and not data.isdisjoint(policy.inform_for):
        found.append(reason("policy-inform", "data"))
    # A recipient bound to secrecy who has confirmed deletion takes away the high risk, not the risk.
    if facts.recipient in ("nobody", "trusted") and facts.deletion_confirmed:
        return
    unknown = "unknown" in data
    widely = facts.recipient in ("unidentified", "hostile", "public") or facts.recipient_count > VERY_FEW
    if (data & SPECIAL and facts.substantive) or unknown:
        found.append(reason("special-category", "data", "sensitivity"))
    if data & PROTECTED:
        found.append(reason("protected-person", "data"))
    if data & OFFICIAL:
        found.append(reason("official-identity", "data"))
    if "payment_card" in data:
        found.append(reason("payment-card", "data"))
    if data & BANKING and widely:
        found.append(reason("bank-data", "data", "recipient"))
    if _takeover(facts, widely=widely):
        found.append(reason("credentials", "data", "credential_opens"))
    if data & PRIVATE and widely:
        found.append(reason("private-life", "data", "recipient"))
    if facts.malicious and facts.exfiltration != "excluded" and not data <= CONTACT:
        found.append(reason("attacker-beyond-contact", "intent", "exfiltration", "data"))
    if facts.recipient == "public":
        found.append(reason("published", "recipient"))
    if facts.recipient == "hostile":
        found.append(reason("hostile-recipient", "recipient"))
    if facts.people & VULNERABLE:
        found.append(reason("vulnerable-people", "people"))
    if facts.people_count >= policy.large_set and widely:
        found.append(reason("large-set", "people_count", "protection"))
    if facts.revealing:
        found.append(reason("revealing-context", "revealing_context"))


def _takeover(facts: Reading, *, widely: bool) -> bool:
    if "account_access" in facts.data:
        return True
    if "credentials" not in facts.data or facts.credential_opens == "low":
        return False
    return widely or facts.credential_opens in ("financial", "sensitive")
