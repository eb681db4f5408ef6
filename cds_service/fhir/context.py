"""What every reader needs beside the resource itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cds_service.clinical.codes import Ref
from cds_service.clinical.interests import ProblemCodes
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.hooks.request import Resource


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """One call's reading.

    Attributes:
        today: the calendar day of the call.
        patient: the patient of the call, as "Patient/id".
        medications: the Medication resources of the request, by "Medication/id", for `medicationReference`.
    """

    today: date
    patient: Ref
    vocabulary: Vocabulary
    problems: ProblemCodes
    medications: Mapping[str, Resource] = field(default_factory=dict)
