"""The closed lists of the cards we answer with."""

from enum import StrEnum
from typing import Final

TOPIC_SYSTEM: Final = "urn:cds-service:card-topic"
OVERRIDE_REASON_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


class Topic(StrEnum):
    """What a card is about: `source.topic.code`, by which clients sort and filter."""

    DRUG_INTERACTION = "drug-interaction"
    CNS_DEPRESSANT_BURDEN = "cns-depressant-burden"
    DUPLICATE_THERAPY = "duplicate-therapy"
    LIVER_TESTS_BASELINE = "liver-tests-baseline"
    LIVER_TESTS_OVERDUE = "liver-tests-overdue"
    LIVER_TESTS_ABNORMAL = "liver-tests-abnormal"
    CONTRAINDICATION = "contraindication"
    PRECAUTION = "precaution"
    DOSE_MAXIMUM = "dose-maximum"
    DOSE_TITRATION = "dose-titration"
    PAEDIATRIC_DOSE = "paediatric-dose"
    BENEFIT_REVIEW = "benefit-review"
    RENAL_FUNCTION = "renal-function"
    WITHDRAWAL = "withdrawal"
    PREGNANCY = "pregnancy"
    NOT_CHECKED = "not-checked"


# The codes are HL7's, from the CDS Hooks 3.0 build; the displays are ours, because CDS Hooks asks for "a short,
# human-readable label" and HL7's run to "Recommended action is not relevant or a priority in current state of health".
OVERRIDE_REASONS: Final = {
    "risk-benefit-ratio": "Benefit outweighs the risk",
    "mitigate-risk-negative-outcome": "Will monitor or lower the risk",
    "action-performed-no-adverse-effect": "Already tolerated by this patient",
    "action-completed": "Already done",
    "indication-order-exists": "Already ordered",
    "patient-ineligible": "Does not apply to this patient",
    "action-unsuccessful": "Alternative has failed before",
    "action-not-priority": "Not a priority now",
    "limited-time": "Emergency, no time",
    "wrong-time-workflow": "Wrong moment",
    "inappropriate-recipient": "Not mine to decide",
    "need-more-info": "Waiting for more information",
    "does-not-align-latest-evidence": "Evidence has changed",
    "expert-contradicts": "Specialist advised otherwise",
    "policy-contradicts": "Local policy differs",
    "recipient-does-not-trust": "Not clinically significant",
    "likely-negative-health-outcomes": "Following it would do harm",
    "patient-contraindication": "Alternative is contraindicated",
    "patient-refuses": "Patient declines",
    "service-not-available": "Not available here",
    "too-costly-uncovered": "Too costly or not covered",
}
