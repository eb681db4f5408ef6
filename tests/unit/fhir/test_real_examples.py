"""Resources that others made: examples/SOURCES.md says whose. What they mean was read by eye, then written down here.

The clock stands on a day in the life of each resource, and rules that are only made up ask for everything in it.
"""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.clinical.codes import SNOMED_CT, LoincCode, ProblemName, RxCUI, TestName
from cds_service.clinical.interests import LabTest, ProblemCodes
from cds_service.drugs import vocabulary
from cds_service.fhir.reading import read_drafts, read_situation, start_reading
from cds_service.fhir.versions import spoken_by
from tests.unit.fhir.chart import COMPLETE, EVERYTHING, LISTS, call

EXAMPLES = Path(__file__).parent / "examples"
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*/*.json"))

INGREDIENTS = {
    "acetaminophen": RxCUI("161"),
    "amoxicillin": RxCUI("723"),
    "azithromycin": RxCUI("18631"),
    "chlorthalidone": RxCUI("2409"),
    "diphenhydramine": RxCUI("3498"),
    "fluticasone": RxCUI("41126"),
    "lisinopril": RxCUI("29046"),
    "mometasone": RxCUI("108118"),
    "nitroglycerin": RxCUI("4917"),
    "nizatidine": RxCUI("42319"),
    "oxycodone": RxCUI("7804"),
    "phenytoin": RxCUI("8183"),
    "salmeterol": RxCUI("36117"),
    "tizanidine": RxCUI("57258"),
}
NAMES = {rxcui: name for name, rxcui in INGREDIENTS.items()}
PROBLEMS = ProblemCodes(
    exact={
        (SNOMED_CT, code): frozenset({ProblemName(name)})
        for code, name in {
            "13645005": "copd",
            "36225005": "kidney-injury",
            "368009": "heart-valve-disorder",
            "65363002": "otitis",
            "230456007": "status-epilepticus",
            "11840006": "diarrhea",
            "297217002": "rib-pain",
        }.items()
    },
    prefixes={},
    phrases={},
)
GLUCOSE = LabTest(TestName("glucose"), "glucose", "mmol/L", {"mmol/L": Decimal(1)})
ASKED = replace(
    EVERYTHING,
    ingredients=frozenset(INGREDIENTS.values()),
    tests={**LISTS.tests_by_loinc, LoincCode("15074-8"): GLUCOSE},
    problems=PROBLEMS,
)
KEYS = {
    "MedicationOrder": "medications",
    "MedicationRequest": "medications",
    "MedicationStatement": "statements",
    "Condition": "conditions",
    "Observation": "results",
    "AllergyIntolerance": "allergies",
    "DiagnosticOrder": "orders",
    "ProcedureRequest": "orders",
    "ServiceRequest": "orders",
}


def example(file):
    return json.loads((EXAMPLES / file).read_text(encoding="utf-8"))


def patient_of(resource):
    """The id of its patient; of one whose pointer leads to a web page, any id."""
    said = (resource.get("subject") or resource["patient"])["reference"]
    return said.partition("/")[2] or said


def situation(file, on, patient=None):
    """What is known on a day of a patient whose record holds only this."""
    resource = example(file)
    found = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}
    request = replace(
        call(prefetch={**COMPLETE, KEYS[resource["resourceType"]]: found}), patient_id=patient or patient_of(resource)
    )
    at = datetime.combine(date.fromisoformat(on), datetime.min.time(), UTC)
    reading = start_reading(request, vocabulary.load(), PROBLEMS, at)
    return read_situation(reading, read_drafts(reading), ASKED)


def days(day):
    """A day as it was written: one day, or from the first to the last that are meant."""
    return None if day is None else day.first.isoformat() if day.first == day.last else f"{day.first}/{day.last}"


def medicine(file, on):
    """What is said of the one medicine: who it is, how it stands, since when and until when, and how much a day."""
    found = situation(file, on).medications
    assert found.gaps == ()
    (one,) = found.items
    return (
        {NAMES[ingredient] for ingredient in one.ingredients},
        str(one.state),
        days(one.started),
        days(one.ended),
        one.daily_mg,
        set(one.reasons),
    )


PHENYTOIN = ({"phenytoin"}, "running", "2015-01-15", "2015-05-14", Decimal(300), {"status-epilepticus"})
MEDICINES = {
    "puffs of two medicines, for two months": (
        "dstu2/medicationorder-example-f201-salmeterol.json",
        "2013-04-01",
        ({"salmeterol", "fluticasone"}, "running", "2013-03-11", "2013-05-11", None, set()),
    ),
    "phenytoin in R4, of which four supplies of 30 days are allowed": (
        "r4/medicationrequest0312.json",
        "2015-03-01",
        PHENYTOIN,
    ),
    "the same order in R5": ("r5/medicationrequest0312.json", "2015-03-01", PHENYTOIN),
    "the same order 18 days after its last supply": (
        "r5/medicationrequest0312.json",
        "2015-06-01",
        ({"phenytoin"}, "lapsed", "2015-01-15", "2015-05-14", Decimal(300), {"status-epilepticus"}),
    ),
    "the same order a year later": (
        "r4/medicationrequest0312.json",
        "2016-01-15",
        ({"phenytoin"}, "ended", "2015-01-15", "2015-05-14", Decimal(300), {"status-epilepticus"}),
    ),
    "azithromycin in two steps, of which the second is four times a day by its timing": (
        "stu3/medicationrequest0302.json",
        "2015-01-17",
        ({"azithromycin"}, "running", "2015-01-15", "2015-01-24", Decimal(1000), {"diarrhea"}),
    ),
    "nizatidine, which is not tizanidine, in a build between DSTU2 and STU3": (
        "stu3/MedicationRequest-uscore-mo1.json",
        "2008-05-01",
        ({"nizatidine"}, "running", "2008-04-05", "2008-06-03", Decimal(300), set()),
    ),
    "lisinopril, said to be taken since 2010": (
        "stu3/MedicationStatement-uscore-ms1.json",
        "2016-05-02",
        ({"lisinopril"}, "running", "2010-05-01", None, None, set()),
    ),
    "a nasal spray that is to be taken in spring counts as taken": (
        "stu3/medicationstatementexample7.json",
        "2015-02-22",
        ({"mometasone"}, "running", None, None, None, set()),
    ),
    "amoxicillin, three capsules a day at most, of whatever strength": (
        "r4/medicationstatementexample4.json",
        "2015-02-22",
        ({"amoxicillin"}, "running", "2014-01-23", None, None, {"otitis"}),
    ),
    "a chlorthalidone tablet every day, for a reason that is elsewhere": (
        "r5/medicationrequestexample1.json",
        "2015-02-01",
        ({"chlorthalidone"}, "running", "2015-01-15", "2015-03-15", Decimal(50), set()),
    ),
    "patches that somebody wrote down": (
        "r5/medicationstatementexample8.json",
        "2015-02-22",
        ({"nitroglycerin"}, "running", None, None, None, set()),
    ),
}


@pytest.mark.parametrize(("file", "on", "expected"), MEDICINES.values(), ids=MEDICINES)
def test_a_medicine_that_others_wrote_down_is_what_it_says(file, on, expected):
    assert medicine(file, on) == expected


def test_paracetamol_is_acetaminophen_and_its_daily_maximum_its_dose():
    found, state, started, ended, daily_mg, reasons = medicine(
        "dstu2/medicationorder-example-f203-paracetamol.json", "2013-04-10"
    )
    assert (found, state, started, ended, reasons) == ({"acetaminophen"}, "running", "2013-04-04", None, set())
    assert daily_mg in {None, Decimal(3000)}  # "milligram" in SNOMED CT: understood, or not, but never another number


NOTHING = {
    "flucloxacillin that was completed": ("dstu2/medicationorder-example-f202-flucloxacilline.json", "2013-03-15"),
    "tablets that are not taken": ("stu3/medicationstatementexample2.json", "2015-02-22"),
    "capsules that are not taken any more": ("r5/medicationstatementexample4.json", "2015-02-22"),
    "an order for lipids in a code of its laboratory": ("dstu2/diagnosticorder-example.json", "2013-05-03"),
    "the same order in STU3": ("stu3/procedurerequest-example-lipid.json", "2013-05-03"),
    "the same order in R5": ("r5/servicerequest-example-lipid.json", "2013-05-03"),
    "a problem in DSTU2 that is over": ("dstu2/condition-example-f204-renal.json", "2013-04-01"),
    "a problem in STU3 that is over": ("stu3/condition-example-f204-renal.json", "2013-04-01"),
    "a problem in R4 that is inactive": ("r4/condition-example-f204-renal.json", "2013-03-15"),
}


@pytest.mark.parametrize(("file", "on"), NOTHING.values(), ids=NOTHING)
def test_what_does_not_count_is_neither_there_nor_missing(file, on):
    found = situation(file, on)
    listings = (found.medications, found.results, found.problems, found.allergies, found.lab_orders)
    assert [(listing.items, listing.gaps) for listing in listings] == [((), ())] * 5


def test_no_known_medications_is_no_medicine_that_nobody_knows():
    assert situation("r5/medicationstatementexample10.json", "2015-02-22").medications.gaps == ()


def test_a_completed_prescription_of_oxycodone_does_not_run():
    found = situation("r4/medicationrequest0301.json", "2015-01-20").medications
    assert found.gaps == ()
    assert {str(one.state) for one in found.items} <= {"ended"}


def test_a_reference_that_leads_nowhere_and_is_called_prescribed_medication_is_a_gap():
    found = situation("dstu2/medicationorder-example-f001-combivent.json", "2013-09-01").medications
    assert (found.items, [(gap.where, str(gap.why)) for gap in found.gaps]) == (
        (),
        [("MedicationOrder/f001", "unknown-medicine")],
    )


def test_an_allergy_to_cashew_nuts_is_about_no_medicine_that_is_asked_about():
    """One of its reactions names an extract of them, in a code that is none of RxNorm's."""
    found = situation("dstu2/allergyintolerance-example.json", "2014-10-10").allergies
    assert found.gaps == ()
    assert all(one.ingredients.isdisjoint(ASKED.ingredients) for one in found.items)


def test_an_allergy_to_a_class_that_no_list_of_ours_has_is_a_gap():
    found = situation("stu3/AllergyIntolerance-example.json", "2016-05-02").allergies
    assert (found.items, [(gap.where, str(gap.why), gap.label) for gap in found.gaps]) == (
        (),
        [("AllergyIntolerance/example", "unknown-medicine", "sulfonamide antibacterial")],
    )


PROBLEMS_FOUND = {
    "a differential diagnosis in DSTU2": (
        "dstu2/condition-example-f204-renal.json",
        "2013-03-15",
        ({"kidney-injury"}, True, "2013-03-11"),
    ),
    "the same in STU3": (
        "stu3/condition-example-f204-renal.json",
        "2013-03-15",
        ({"kidney-injury"}, True, "2013-03-11"),
    ),
    "a confirmed diagnosis in R5": (
        "r5/Condition-For-Patient-f001.json",
        "2013-03-15",
        ({"heart-valve-disorder"}, False, "2011-10-05"),
    ),
}


@pytest.mark.parametrize(("file", "on", "expected"), PROBLEMS_FOUND.values(), ids=PROBLEMS_FOUND)
def test_a_diagnosis_that_others_made_is_what_it_says(file, on, expected):
    found = situation(file, on).problems
    (one,) = found.items
    assert (set(one.names), one.provisional, days(one.recorded), found.gaps) == (*expected, ())


RESULTS = {
    "glucose of several days in DSTU2, marked as high": (
        "dstu2/observation-example-f001-glucose.json",
        ("glucose", "2013-04-05", "6.3 mmol/l", Decimal("6.3"), Decimal("6.3") / Decimal("6.2"), True),
    ),
    "glucose since a day in R4, marked as high": (
        "r4/observation-example-f001-glucose.json",
        ("glucose", "2013-04-02", "6.3 mmol/l", Decimal("6.3"), Decimal("6.3") / Decimal("6.2"), True),
    ),
    "bilirubin with the range that is normal, in DSTU2": (
        "dstu2/serum-total-bilirubin.json",
        ("bilirubin", "2005-07-07", "8.6 mg/dL", Decimal("8.6"), Decimal("8.6") / Decimal("7.0"), False),
    ),
    "the same in a build between DSTU2 and STU3": (
        "stu3/Observation-serum-total-bilirubin.json",
        ("bilirubin", "2005-07-07", "8.6 mg/dL", Decimal("8.6"), Decimal("8.6") / Decimal("7.0"), False),
    ),
}


@pytest.mark.parametrize(("file", "expected"), RESULTS.values(), ids=RESULTS)
def test_a_result_that_others_measured_is_what_it_says(file, expected):
    found = situation(file, "2013-05-01").results
    (one,) = found.items
    assert one.amount.least == one.amount.most
    assert (
        one.test,
        days(one.taken),
        one.shown,
        one.amount.least,
        one.times_uln.least,
        one.flagged_high,
        found.gaps,
    ) == (*expected, ())


@pytest.mark.parametrize("file", FILES)
def test_nothing_of_another_patient_is_used(file):
    found = situation(file, "2015-02-01", patient="somebody-else")
    listings = (found.medications, found.results, found.problems, found.allergies, found.lab_orders)
    said = [str(gap.why) for listing in listings for gap in listing.gaps]
    anonymous = "html" in json.dumps(example(file).get("subject") or example(file).get("patient"))
    assert anonymous or (said == ["other-patient"] and not any(listing.items for listing in listings))


# Builds between two versions, and what is in all of them, show more than one or none.
UNCLEAR = {
    "stu3/Observation-serum-total-bilirubin.json",
    "stu3/MedicationRequest-uscore-mo1.json",
    "stu3/MedicationStatement-uscore-ms1.json",
}


@pytest.mark.parametrize("file", [file for file in FILES if file not in UNCLEAR])
def test_the_version_of_an_example_is_among_those_it_shows(file):
    found = spoken_by([example(file)], {})
    assert (file.partition("/")[0].upper() in found.possible, found.mixed) == (True, False)


def test_every_example_names_its_source():
    sources = (EXAMPLES / "SOURCES.md").read_text(encoding="utf-8")
    assert [file for file in FILES if f"`{file}`" not in sources] == []


def test_there_are_five_examples_of_each_version_at_least():
    found = [file.partition("/")[0] for file in FILES]
    assert {version: found.count(version) >= 5 for version in ("dstu2", "stu3", "r4", "r5")} == dict.fromkeys(
        ("dstu2", "stu3", "r4", "r5"), True
    )
