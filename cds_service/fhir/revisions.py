"""Which of two versions of one resource is the later one: the same id may arrive in prefetch and from the server."""

from datetime import UTC, datetime
from typing import Final

from cds_service.fhir.elements import LONGEST_DATE, part, text
from cds_service.hooks.request import Resource

LONGEST_VERSION: Final = 18  # digits; what is longer is no version number that anyone counts with
# How far a resource has come; only compared when neither version number nor time tells.
_STAGES: Final = {
    "registered": 1,
    "partial": 2,
    "preliminary": 2,
    "final": 3,
    "amended": 4,
    "appended": 4,
    "modified": 4,
    "corrected": 4,
    "cancelled": 5,
    "entered-in-error": 5,
}


def revises(one: Resource, other: Resource) -> bool:
    """Whether `one` is a later version of `other`, by `meta.versionId`, `meta.lastUpdated`, or else its status.

    Returns:
        False too when nothing tells: whoever came first stays.

    >>> revises({"status": "corrected"}, {"status": "final"})
    True
    """
    first, second = part(one, "meta"), part(other, "meta")
    numbers = _version(first), _version(second)
    if numbers[0] is not None and numbers[1] is not None and numbers[0] != numbers[1]:
        return numbers[0] > numbers[1]
    moments = _updated(first), _updated(second)
    if moments[0] is not None and moments[1] is not None and moments[0] != moments[1]:
        return moments[0] > moments[1]
    return _STAGES.get(text(one, "status"), 0) > _STAGES.get(text(other, "status"), 0)


def _version(meta: Resource) -> int | None:
    said = text(meta, "versionId")
    return int(said) if len(said) <= LONGEST_VERSION and said.isascii() and said.isdigit() else None


def _updated(meta: Resource) -> datetime | None:
    """A moment with its time zone; without one two moments cannot be compared, and none is invented."""
    try:
        moment = datetime.fromisoformat(text(meta, "lastUpdated")[:LONGEST_DATE])
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
