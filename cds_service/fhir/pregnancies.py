"""Whether the patient is pregnant, as an Observation says it: newer than the problem list, or older."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from cds_service.clinical.codes import LOINC, SNOMED_CT, ProblemName, Ref
from cds_service.clinical.days import Day
from cds_service.clinical.model import Gap, Listing, Problem, Why
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import codings, part, text, words
from cds_service.fhir.observed import DAYS_AHEAD, NO_RESULT, PRELIMINARY, counts, says_why_absent, taken_on
from cds_service.hooks.request import Resource

PREGNANCY: Final = ProblemName("pregnancy")
STATUS: Final = (LOINC, "82810-3")  # Pregnancy status
# HL7 International Patient Summary, value set pregnancy-status-uv-ips, and its map to SNOMED CT.
ANSWERS: Final = {
    (LOINC, "LA15173-0"): True,
    (LOINC, "LA26683-5"): False,
    (LOINC, "LA4489-6"): None,
    (SNOMED_CT, "77386006"): True,
    (SNOMED_CT, "60001007"): False,
    (SNOMED_CT, "102874004"): None,  # possible pregnancy
}
WORDS: Final = {"pregnant": True, "not pregnant": False, "unknown": None}
LONGEST_DAYS: Final = 300  # after so many days no pregnancy of then goes on


class PregnancyStatus(NamedTuple):
    """What one Observation says; a tuple in the style of `Result`.

    Attributes:
        problem: the pregnancy, dated by the Observation; it counts only when `pregnant`.
        taken: the day of the Observation.
    """

    problem: Problem
    taken: Day
    pregnant: bool

    def __repr__(self) -> str:
        """Nothing of it."""
        return "<PregnancyStatus>"


def read_pregnancy(resource: Resource, ref: Ref, reading: Reading) -> PregnancyStatus | Gap | None:
    """An Observation of the pregnancy status (LOINC 82810-3), in R4's terms.

    Returns:
        None for any other Observation, for one that says that it is not known, and for one that is too old to say
        anything about today.
    """
    if STATUS not in codings(part(resource, "code")) or text(resource, "status") in NO_RESULT:
        return None
    taken = taken_on(resource)
    if taken is not None and (reading.today - taken.last).days > LONGEST_DAYS:
        return None
    concept = part(resource, "valueCodeableConcept")
    said = {ANSWERS[answer] for answer in codings(concept) if answer in ANSWERS}
    if not said:
        spoken = (words(concept) or text(resource, "valueString")).strip().casefold()
        said = {WORDS[spoken]} if spoken in WORDS else set()
    if said == {None} or (not said and says_why_absent(resource)):
        return None
    why = _unread(resource, said, taken, reading)
    if why is not None or taken is None:
        return Gap(ref, why or Why.NO_DATE, str(PREGNANCY), frozenset({str(PREGNANCY)}))
    shown = words(concept) or str(PREGNANCY)
    problem = Problem(ref, frozenset({PREGNANCY}), shown, taken, provisional=text(resource, "status") in PRELIMINARY)
    return PregnancyStatus(problem, taken, said == {True})


def _unread(resource: Resource, said: set[bool | None], taken: Day | None, reading: Reading) -> Why | None:
    """Why it cannot be used: with two answers neither counts."""
    if not counts(resource):
        return Why.NO_STATUS
    if len(said) != 1:
        return Why.NO_VALUE if not said else Why.CODES_DISAGREE
    if taken is not None and (taken.first - reading.today).days > DAYS_AHEAD:
        return Why.FUTURE_DATE
    return None


def with_pregnancies(problems: Listing[Problem], said: Iterable[PregnancyStatus]) -> Listing[Problem]:
    """The problems with what the newest Observations say of a pregnancy; of one day, "pregnant" counts.

    "Not pregnant" ends a pregnancy that was recorded on that day or earlier; one without a date stays, since
    nobody knows that it is not a later one.
    """
    every = tuple(said)
    if not every:
        return problems
    newest = max(one.taken.last for one in every)
    latest = [one for one in every if one.taken.last == newest]
    pregnant = tuple(one.problem for one in latest if one.pregnant)
    if pregnant:
        return replace(problems, items=problems.items + pregnant)
    since = min(one.taken.first for one in latest)
    left = (_without_pregnancy(one) if _until(one, since) else one for one in problems.items)
    return replace(problems, items=tuple(one for one in left if one is not None))


def _until(problem: Problem, day: date) -> bool:
    """Whether it was recorded on that day or earlier, for certain."""
    return problem.recorded is not None and problem.recorded.last <= day


def _without_pregnancy(problem: Problem) -> Problem | None:
    names = problem.names - {PREGNANCY}
    return replace(problem, names=names) if names else None
