"""Small typed accessors for JSON that is often not valid FHIR: wrong types read as absent, never as an error."""

import re
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Final

from cds_service.clinical.codes import Ref
from cds_service.clinical.days import Day
from cds_service.hooks.request import Resource

EMPTY: Final[Resource] = {}
LONGEST_DATE: Final = 40  # characters of a dateTime; what is longer is none, and would fill the memory of dates
_DATE: Final = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.*)?)?)?$", re.DOTALL)
_DECEMBER: Final = 12


def part(resource: Resource, name: str) -> Resource:
    """An object inside; empty when it is absent or no object."""
    value = resource.get(name)
    return value if isinstance(value, dict) else EMPTY


def parts(resource: Resource, name: str) -> list[Resource]:
    """The objects of a list inside; a single object where a list belongs counts as a list of one."""
    value = resource.get(name)
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return [value] if isinstance(value, dict) else []


def text(resource: Resource, name: str) -> str:
    """A string inside; "" when it is absent or no string."""
    value = resource.get(name)
    return value if isinstance(value, str) else ""


def number(resource: Resource, name: str) -> Decimal | None:
    """A finite number inside, exactly as written; None when it is absent or no number."""
    value = resource.get(name)
    if isinstance(value, float):
        return Decimal(str(value)) if isfinite(value) else None
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


def codings(concept: Resource) -> list[tuple[str, str]]:
    """The (system, code) pairs of a CodeableConcept, as far as both are there."""
    pairs: list[tuple[str, str]] = []
    given = concept.get("coding")
    if not given:
        return pairs
    for coding in given if isinstance(given, list) else (given,):
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if system and code and isinstance(system, str) and isinstance(code, str):
                pairs.append((system, code))
    return pairs


def codes(concept: Resource) -> list[str]:
    """The codes of a CodeableConcept whose system is fixed by FHIR: clients often leave it out."""
    return [code for coding in parts(concept, "coding") if (code := text(coding, "code"))]


def words(concept: Resource) -> str:
    """What a CodeableConcept says to a reader: its text, else its first display."""
    said = text(concept, "text").strip()
    return said or next((d for c in parts(concept, "coding") if (d := text(c, "display").strip())), "")


def day(resource: Resource, name: str) -> Day | None:
    """A date or dateTime inside, as precise as it came; None when absent or not a date."""
    value = resource.get(name)
    return parse_day(value[:LONGEST_DATE]) if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def parse_day(value: str) -> Day | None:
    """A FHIR date or dateTime as calendar days; the day of a dateTime is the day where it was written."""
    match = _DATE.match(value.strip())
    if match is None:
        return None
    year, month, day_of_month = (int(group) if group else None for group in match.groups())
    try:
        if year is None:  # pragma: no cover (the pattern has a year)
            return None
        if month is None:
            return Day(date(year, 1, 1), date(year, _DECEMBER, 31))
        if day_of_month is None:
            return Day(date(year, month, 1), _last_of_month(year, month))
        return Day.on(date(year, month, day_of_month))
    except (ValueError, OverflowError):
        return None


def _last_of_month(year: int, month: int) -> date:
    if month == _DECEMBER:
        return date(year, month, 31)
    return date(year, month + 1, 1) - timedelta(days=1)


def reference(resource: Resource, name: str) -> str:
    """The reference inside as "Type/id", without server and version; "#id" and "urn:uuid:..." as they are."""
    return relative(text(part(resource, name), "reference"))


def relative(said: str) -> str:
    """An absolute or versioned reference as "Type/id"."""
    if said.startswith(("#", "urn:")) or "/" not in said:
        return said
    pieces = said.split("/_history/", 1)[0].rstrip("/").split("/")
    return "/".join(pieces[-2:])


def ref_of(resource: Resource, otherwise: str, position: int | None = None) -> Ref:
    """The resource's own "Type/id"; where it stands, as "results 3" or "results", when it has no id."""
    kind, logical_id = resource.get("resourceType"), resource.get("id")
    if kind and logical_id and isinstance(kind, str) and isinstance(logical_id, str):
        return Ref(f"{kind}/{logical_id}")
    return place(otherwise, position)


def place(name: str, position: int | None = None) -> Ref:
    """Where something without an id stands: "results 3", or "results" when it stands there alone."""
    return Ref(name if position is None else f"{name} {position}")
