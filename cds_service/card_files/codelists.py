"""The names that card authors may use, and the codes they stand for: cards/codelists/*.csv."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from cds_service.card_files.mistakes import BrokenLibrary, Mistake
from cds_service.clinical.codes import ICD_10, ICD_10_CM, SNOMED_CT, LoincCode, ProblemName, RxCUI, TestName
from cds_service.clinical.interests import LabTest, Panel, ProblemCodes

SYSTEMS: Final = {"icd-10-cm": ICD_10_CM, "icd-10": ICD_10, "snomed-ct": SNOMED_CT}
COLUMNS: Final = {
    "tests.csv": ("name", "label", "loinc", "unit", "other_units", "basis"),
    "panels.csv": ("name", "label", "loinc", "display", "tests", "basis"),
    "conditions.csv": ("name", "label", "system", "code", "match", "basis"),
    "classes.csv": ("class", "ingredient", "rxcui", "basis"),
}


@dataclass(frozen=True, slots=True)
class Codelists:
    """What the names in card files stand for."""

    tests: Mapping[TestName, LabTest]
    tests_by_loinc: Mapping[LoincCode, LabTest]
    panels: Mapping[str, Panel]
    problems: ProblemCodes
    problem_labels: Mapping[ProblemName, str]
    classes: Mapping[str, frozenset[RxCUI]]

    def ordered_tests(self) -> Mapping[LoincCode, frozenset[TestName]]:
        """Which tests an order with this LOINC code brings: the members of a panel, or a single test."""
        single = {code: frozenset({test.name}) for code, test in self.tests_by_loinc.items()}
        return single | {panel.loinc: panel.tests for panel in self.panels.values()}


def read_codelists(folder: Path) -> Codelists:
    """Read every code list of a folder; every mistake of every list is reported at once."""
    mistakes: list[Mistake] = []
    tests, by_loinc = _tests(folder, mistakes)
    panels = _panels(folder, tests, mistakes)
    problems, labels = _conditions(folder, mistakes)
    classes = _classes(folder, mistakes)
    if mistakes:
        raise BrokenLibrary(mistakes)
    return Codelists(tests, by_loinc, panels, problems, labels, classes)


def _rows(folder: Path, name: str, mistakes: list[Mistake]) -> Iterator[tuple[Mistake, dict[str, str]]]:
    """The rows of a list, each with the place where it stands (a mistake yet without words)."""
    path = folder / name
    shown = f"{folder.name}/{name}"
    if not path.is_file():
        mistakes.append(Mistake(shown, 1, "this code list is missing"))
        return
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS[name]:
            mistakes.append(Mistake(shown, 1, f"the columns must be {', '.join(COLUMNS[name])}"))
            return
        for row in reader:
            place = Mistake(shown, reader.line_num, "")
            if None in row or None in row.values():
                mistakes.append(_at(place, f"a row must have {len(COLUMNS[name])} columns"))
            else:
                yield place, row


def _at(place: Mistake, says: str) -> Mistake:
    return Mistake(place.file, place.line, says)


def _tests(
    folder: Path, mistakes: list[Mistake]
) -> tuple[dict[TestName, LabTest], dict[LoincCode, LabTest]]:
    tests: dict[TestName, LabTest] = {}
    by_loinc: dict[LoincCode, LabTest] = {}
    for place, row in _rows(folder, "tests.csv", mistakes):
        factors = {row["unit"]: Decimal(1)}
        for pair in filter(None, row["other_units"].split("|")):
            unit, _, factor = pair.rpartition("=")
            try:
                factors[unit] = Decimal(factor)
            except InvalidOperation:
                mistakes.append(_at(place, f"`{pair}` must be a unit, `=` and a number"))
        test = LabTest(TestName(row["name"]), row["label"], row["unit"], factors)
        if tests.setdefault(test.name, test) != test:
            mistakes.append(_at(place, f"`{test.name}` must have the same label and units in every row"))
        if by_loinc.setdefault(LoincCode(row["loinc"]), test) is not test:
            mistakes.append(_at(place, f"`{row['loinc']}` stands in two rows"))
    return tests, by_loinc


def _panels(folder: Path, tests: Mapping[TestName, LabTest], mistakes: list[Mistake]) -> dict[str, Panel]:
    panels: dict[str, Panel] = {}
    for place, row in _rows(folder, "panels.csv", mistakes):
        members = frozenset(TestName(name) for name in row["tests"].split("|"))
        for unknown in sorted(members - tests.keys()):
            mistakes.append(_at(place, f"`{unknown}` is not in tests.csv"))
        if row["name"] in panels or TestName(row["name"]) in tests:
            mistakes.append(_at(place, f"`{row['name']}` stands in two rows"))
        panels[row["name"]] = Panel(row["name"], row["label"], LoincCode(row["loinc"]), row["display"], members)
    return panels


def _conditions(folder: Path, mistakes: list[Mistake]) -> tuple[ProblemCodes, dict[ProblemName, str]]:
    exact: defaultdict[tuple[str, str], set[ProblemName]] = defaultdict(set)
    prefixes: defaultdict[tuple[str, str], set[ProblemName]] = defaultdict(set)
    excluded: defaultdict[tuple[str, str], set[ProblemName]] = defaultdict(set)
    phrases: dict[str, ProblemName] = {}
    labels: dict[ProblemName, str] = {}
    for place, row in _rows(folder, "conditions.csv", mistakes):
        name = ProblemName(row["name"])
        labels.setdefault(name, row["label"])
        match row["match"], row["system"]:
            case "phrase", "words":
                phrases[row["code"].casefold()] = name
            case "exact", system if system in SYSTEMS:
                exact[(SYSTEMS[system], row["code"])].add(name)
            case "prefix", system if system in SYSTEMS:
                prefixes[(SYSTEMS[system], row["code"].replace(".", ""))].add(name)
            case "not", system if system in SYSTEMS:
                excluded[(SYSTEMS[system], row["code"].replace(".", ""))].add(name)
            case match, system:
                mistakes.append(_at(place, f"`{match}` with `{system}` is not a way to match a condition"))
    return ProblemCodes(_frozen(exact), _settled(prefixes, excluded), phrases), labels


def _settled(
    prefixes: Mapping[tuple[str, str], set[ProblemName]], excluded: Mapping[tuple[str, str], set[ProblemName]]
) -> dict[tuple[str, str], frozenset[ProblemName]]:
    """Every prefix with the names of all shorter ones, less what is excluded: the longest that fits then decides."""
    settled: dict[tuple[str, str], frozenset[ProblemName]] = {}
    for system, code in {*prefixes, *excluded}:
        starts = [(system, code[:length]) for length in range(1, len(code) + 1)]
        names = {name for start in starts for name in prefixes.get(start, ())}
        gone = {name for start in starts for name in excluded.get(start, ())}
        settled[(system, code)] = frozenset(names - gone)
    return settled


def _frozen(names: Mapping[tuple[str, str], set[ProblemName]]) -> dict[tuple[str, str], frozenset[ProblemName]]:
    return {key: frozenset(value) for key, value in names.items()}


def _classes(folder: Path, mistakes: list[Mistake]) -> dict[str, frozenset[RxCUI]]:
    classes: defaultdict[str, set[RxCUI]] = defaultdict(set)
    for place, row in _rows(folder, "classes.csv", mistakes):
        if not row["rxcui"].isdigit():
            mistakes.append(_at(place, f"`{row['rxcui']}` is not an RxCUI"))
        classes[row["class"]].add(RxCUI(row["rxcui"]))
    return {name: frozenset(members) for name, members in classes.items()}
