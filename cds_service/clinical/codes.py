"""One type per code system, so that a LOINC code never lands where an RxCUI belongs."""

from enum import StrEnum
from typing import Final, NewType

RxCUI = NewType("RxCUI", str)  # an RxNorm concept; for ingredients always the IN concept
LoincCode = NewType("LoincCode", str)
TestName = NewType("TestName", str)  # a name from cards/codelists/tests.csv, e.g. "ALT"
ProblemName = NewType("ProblemName", str)  # a name from cards/codelists/conditions.csv
Ref = NewType("Ref", str)  # a relative FHIR reference, e.g. "MedicationRequest/7"

RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC: Final = "http://loinc.org"
SNOMED_CT: Final = "http://snomed.info/sct"
ICD_10_CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10: Final = "http://hl7.org/fhir/sid/icd-10"
NDC: Final = "http://hl7.org/fhir/sid/ndc"
ATC: Final = "http://www.whocc.no/atc"
UCUM: Final = "http://unitsofmeasure.org"


class Route(StrEnum):
    """How a medicine enters the body, as finely as RxNorm dose forms and SNOMED CT routes tell."""

    ORAL = "oral"
    INJECTED = "injected"  # intravenous, intramuscular, subcutaneous: RxNorm dose forms do not tell which
    INTRATHECAL = "intrathecal"
    TRANSDERMAL = "transdermal"
    SUBLINGUAL = "sublingual"
    BUCCAL = "buccal"
    RECTAL = "rectal"
    INHALED = "inhaled"
    NASAL = "nasal"
    VAGINAL = "vaginal"
    IMPLANTED = "implanted"
    OPHTHALMIC = "ophthalmic"
    OTIC = "otic"
    TOPICAL = "topical"  # skin, mouth, bladder and other local use


class Indicator(StrEnum):
    """How urgent a card is, in the words of CDS Hooks; `urgency` sorts them."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def urgency(self) -> int:
        """0 for critical, 1 for warning, 2 for info."""
        return _URGENCY[self]

    def lowered(self) -> "Indicator":
        """One level less urgent; information stays information."""
        return Indicator.WARNING if self is Indicator.CRITICAL else Indicator.INFO


_URGENCY: Final = {Indicator.CRITICAL: 0, Indicator.WARNING: 1, Indicator.INFO: 2}
