"""Laboratory results: what an Observation or a report brings, with the parts that stand in it or elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final, TypeAlias

from cds_service.clinical.codes import LOINC, LoincCode, Ref, TestName
from cds_service.clinical.interests import LabTest
from cds_service.clinical.model import Gap, Listing, Result, Why
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import codes, parts, ref_of, text, words
from cds_service.fhir.observed import DAYS_AHEAD, NO_RESULT, read_item, says_why_absent, taken_on
from cds_service.fhir.translation import in_r4, kind_of
from cds_service.fhir.values import has_value
from cds_service.hooks.request import Json, Resource

Tests: TypeAlias = Mapping[LoincCode, LabTest]
Panels: TypeAlias = Mapping[LoincCode, frozenset[TestName]]

LOINC_NAMES: Final = frozenset({LOINC, "http://loinc.org/", "https://loinc.org", "urn:oid:2.16.840.1.113883.6.1"})
LAB_REPORT: Final = "11502-2"  # "Laboratory report", as the German MII profiles use it: it may hold any test
LABORATORIES: Final = frozenset({"LAB", "CH", "OTH", "laboratory", "26436-6"})  # HL7 v2 table 0074; LOINC lab studies
HANDED_DOWN: Final = ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")
GROUPED: Final = frozenset({"component", "hasMember", "contained"})
NONE: Final[frozenset[TestName]] = frozenset()


def read_result(
    resource: Resource, ref: Ref, reading: Reading, tests: Tests, panels: Panels
) -> tuple[Result | Gap, ...]:
    """An Observation: a result of its own, one for each component, and one for each member that it contains.

    Members elsewhere in the request are read where they stand. A panel of which some are nowhere is a gap about
    the tests of the panel that were not found: it proves neither presence nor absence.

    Args:
        resource: the Observation, in R4's terms.
        ref: its name; members that it contains have one of their own below it.
        reading: the call.
        tests: the tests that rules name.
        panels: which tests every panel and every single test brings, whether rules name them or not.
    """
    if text(resource, "status") in NO_RESULT:
        return ()
    said = _loinc_codes(resource.get("code"))
    if said and GROUPED.isdisjoint(resource):  # nearly all of them
        if len(said) == 1:
            test = tests.get(said[0])
            if test is not None:
                found = read_item(resource, resource, ref, reading, test)
                return () if found is None else (found,)
            if len(panels.get(said[0], NONE)) <= 1:  # another test, and no panel
                return ()
        elif not any(code in tests or len(panels.get(code, NONE)) > 1 for code in said):
            return ()
    group = _Group(reading, tests, panels)
    its_own = group.observation(resource, ref, said)
    if "hasMember" in resource or "contained" in resource:
        group.members(resource, "hasMember", ref)
    group.lost |= not said and has_value(resource)
    if not its_own and (group.parted or not says_why_absent(resource)):
        group.close(resource, ref, said)
    return tuple(group.found)


def read_report(
    resource: Resource, ref: Ref, reading: Reading, tests: Tests, panels: Panels
) -> tuple[Result | Gap, ...]:
    """A DiagnosticReport: the results it contains; those elsewhere in the request are read where they stand.

    What it contains has its status and its day, unless it says its own. A report of which results are nowhere is
    a gap like a panel. One that is registered or cancelled says nothing, nor does that of another service than a
    laboratory. The arguments are those of `read_result`.
    """
    if text(resource, "status") in NO_RESULT:
        return ()
    said = _loinc_codes(resource.get("code"))
    group = _Group(reading, tests, panels)
    group.members(resource, "result", ref)
    service = {code for concept in parts(resource, "category") for code in codes(concept)}
    if said or not service or not service.isdisjoint(LABORATORIES):
        group.close(resource, ref, said)
    return tuple(group.found)


def settled(results: Listing[Result]) -> Listing[Result]:
    """The results without the gaps of panels whose tests stand beside them, of the same day or newer.

    Many laboratories send the heading of a panel, and its results without a word about the panel.
    """
    if not any(gap.concerns and gap.before for gap in results.gaps):
        return results
    newest: dict[str, date] = {}
    for result in results.items:
        newest[result.test] = max(result.taken.first, newest.get(result.test, date.min))
    gaps = tuple(left for gap in results.gaps if (left := _unanswered(gap, newest)) is not None)
    return Listing(results.items, gaps, results.said_none)


def _unanswered(gap: Gap, newest: Mapping[str, date]) -> Gap | None:
    if gap.concerns is None or gap.before is None:
        return gap
    since = gap.before - timedelta(days=1)
    left = frozenset(test for test in gap.concerns if newest.get(test, date.min) < since)
    return replace(gap, concerns=left) if left else None


def _loinc_codes(concept: Json) -> list[LoincCode]:
    """The LOINC codes of a concept."""
    found: list[LoincCode] = []
    given = concept.get("coding") if isinstance(concept, dict) else None
    for coding in given if isinstance(given, list) else (given,):
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if code and isinstance(code, str) and isinstance(system, str) and system in LOINC_NAMES:
                code = code.strip()
                if code[-2:-1] == "-" and code[-1:].isdigit():  # a damaged code is no code of another test
                    found.append(LoincCode(code))
    return found


def _brought(said: Iterable[LoincCode], tests: Tests, panels: Panels) -> frozenset[TestName]:
    """Every test that these codes may bring."""
    singly = [frozenset({tests[code].name}) for code in said if code in tests]
    return NONE.union(*singly, *(panels[code] for code in said if code in panels))


def _meant(said: list[LoincCode], tests: Tests, panels: Panels) -> LabTest | frozenset[TestName] | None:
    """The one test that all codes of a measurement mean, of those that rules name.

    Returns:
        None for another test or none we know; the names of several when the codes disagree, as total and direct
        bilirubin on one result do. A panel beside one of its tests does not disagree.
    """
    asked = [tests[code] for code in said if code in tests]
    if not asked:
        return None
    test = asked[0]
    each = [_brought((code,), tests, panels) for code in said] if len(said) > 1 else []
    agree = all(test.name in names for names in each if names)
    return test if agree else NONE.union(*each)


class _Group:
    """Collects what one Observation or report brings.

    Attributes:
        found: what was read, in order.
        read: the tests of its parts, whatever was read of them.
        parted: whether it has parts at all.
        lost: whether something of it has no name, or is nowhere in the request.
    """

    def __init__(self, reading: Reading, tests: Tests, panels: Panels) -> None:
        self.reading = reading
        self.tests = tests
        self.panels = panels
        self.found: list[Result | Gap] = []
        self.read: set[TestName] = set()
        self.parted = False
        self.lost = False

    def observation(self, resource: Resource, ref: Ref, said: list[LoincCode]) -> bool:
        """The Observation and its components; whether it is itself a test that rules name."""
        its_own = self._item(resource, resource, ref, said)
        for component in parts(resource, "component"):
            self.parted = True
            named = _loinc_codes(component.get("code"))
            self.lost |= not named
            self._item(component, resource, ref, named)
        return its_own

    def _item(self, item: Resource, whole: Resource, ref: Ref, said: list[LoincCode]) -> bool:
        meant = _meant(said, self.tests, self.panels)
        if meant is None:
            return False
        if isinstance(meant, frozenset):
            self.read |= meant
            self.found.append(Gap(ref, Why.CODES_DISAGREE, _label(item), frozenset(map(str, meant))))
            return True
        self.read.add(meant.name)
        found = read_item(item, whole, ref, self.reading, meant)
        if found is not None:
            self.found.append(found)
        return True

    def members(self, resource: Resource, element: str, ref: Ref) -> None:
        """The Observations that it contains, and those that it points at."""
        inside: set[str] = set()
        outside: list[str] = []
        for position, contained in enumerate(parts(resource, "contained"), 1):
            if kind_of(contained) == "Observation":
                self.parted = True
                name = text(contained, "id").lstrip("#")
                inside.add(f"#{name}")
                member = in_r4(contained, "Observation")
                self._contained(member, resource, Ref(f"{ref}#{name or position}"))
                outside += _pointers(member, "hasMember")
        outside += _pointers(resource, element)
        self.parted |= bool(outside)
        self._outside([said for said in outside if said not in inside], resource)

    def _contained(self, member: Resource, resource: Resource, ref: Ref) -> None:
        """A member without a status or a day of its own has that of the whole."""
        if self.reading.is_of_another(member, resource):
            self.found.append(Gap(ref, Why.OTHER_PATIENT))
            return
        said = _loinc_codes(member.get("code"))
        names = ("status",) if any(name in member for name in HANDED_DOWN) else ("status", *HANDED_DOWN)
        member = {**{name: resource[name] for name in names if name in resource}, **member}
        if text(member, "status") in NO_RESULT:
            self.read |= _brought(said, self.tests, self.panels)
            return
        self.lost |= not said
        self.observation(member, ref, said)

    def _outside(self, waiting: list[str], resource: Resource) -> None:
        """What is pointed at is read where it stands; here it only counts as found."""
        seen: set[str] = set()
        while waiting:
            said = waiting.pop()
            if said in seen:
                continue
            seen.add(said)
            target = None if said.startswith("#") else self.reading.resolve(said, resource)
            if target is None or target is resource or kind_of(target) != "Observation":
                self.lost = True
            elif self.reading.is_of_another(target):
                self.found.append(Gap(ref_of(target, said), Why.OTHER_PATIENT))
            else:
                target = in_r4(target, "Observation")
                waiting += [one for one in _pointers(target, "hasMember") if not one.startswith("#")]
                for one in (target, *parts(target, "component"), *parts(target, "contained")):
                    names = _brought(_loinc_codes(one.get("code")), self.tests, self.panels)
                    if len(names) == 1:  # what the code of a panel may bring is not there yet
                        self.read |= names

    def close(self, resource: Resource, ref: Ref, said: list[LoincCode]) -> None:
        """The gap that remains when something of it is lost, or when there is nothing in it."""
        if self.parted and not self.lost:
            return
        asked = frozenset(test.name for test in self.tests.values())
        anything = not said or LAB_REPORT in said
        hidden = (asked if anything else asked & _brought(said, self.tests, self.panels)) - self.read
        if not hidden:
            return
        taken = taken_on(resource)
        before = None
        if taken is not None and (taken.last - self.reading.today).days <= DAYS_AHEAD:
            before = taken.last + timedelta(days=1)
        concerns = None if anything and not self.read else frozenset(map(str, hidden))
        why = Why.NO_VALUE if said else Why.UNCODED
        self.found.append(Gap(ref, why, _label(resource), concerns, before))


def _pointers(resource: Resource, element: str) -> list[str]:
    """The references of a list; "" for one that points nowhere, in whatever shape."""
    given = resource.get(element)
    listed = given if isinstance(given, list) else [given] if given else []
    return [text(one, "reference") if isinstance(one, dict) else "" for one in listed]


def _label(item: Resource) -> str:
    concept = item.get("code")
    return words(concept) if isinstance(concept, dict) else ""
