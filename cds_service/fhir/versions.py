"""The versions of FHIR that clients speak."""

from enum import StrEnum


class Version(StrEnum):
    """A version of FHIR, by the name everyone uses; R4B counts as R4, from which it does not differ in what we read."""

    DSTU2 = "DSTU2"
    STU3 = "STU3"
    R4 = "R4"
    R5 = "R5"
