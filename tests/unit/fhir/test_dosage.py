"""How much a day: every way in which clients write a dosage, and what is not guessed."""

from datetime import date
from decimal import Decimal

import pytest

from cds_service.clinical.model import Step
from tests.journeys.records import RXNORM, SNOMED_CT, UCUM, concept
from tests.unit.fhir.chart import drafted, in_record, statement

TABLET = concept(RXNORM, "197391", "baclofen 10 MG Oral Tablet")
CAPSULE = concept(RXNORM, "856656", "dantrolene sodium 25 MG Oral Capsule")
SOLUTION = concept(RXNORM, "250976", "baclofen 1 MG/ML Oral Solution")
INGREDIENT = concept(RXNORM, "1292", "baclofen")


def quantity(value, unit, code=None):
    said = {"value": value, "unit": unit}
    return said if code is None else {**said, "system": UCUM, "code": code}


def daily(frequency=1, period=1, unit="d", **more):
    return {"repeat": {"frequency": frequency, "period": period, "periodUnit": unit, **more}}


def dose(value, unit="mg", times=1, **more):
    return {"doseAndRate": [{"doseQuantity": quantity(value, unit)}], "timing": daily(times), **more}


def a_day(*dosages, of=TABLET):
    return in_record(medicationCodeableConcept=of, dosageInstruction=list(dosages)).daily_mg


@pytest.mark.parametrize(
    ("value", "unit", "code", "product", "mg"),
    [
        (10, "mg", "mg", TABLET, 10),
        (10, "milligram", None, TABLET, 10),
        (10, "MG", None, TABLET, 10),
        (0.01, "g", "g", TABLET, 10),
        (500, "mcg", None, TABLET, "0.5"),
        (500, "microgram", "ug", TABLET, "0.5"),
        (1, "{pill}", None, TABLET, 10),
        (2, "{tbl}", None, TABLET, 20),
        (1.5, "tablets", None, TABLET, 15),
        (0.5, "TAB", None, TABLET, 5),
        (2, "tablet(s)", "{tbl}", TABLET, 20),
        (2, "Kapsel", "{capsule}", CAPSULE, 50),
        (2, "capsules", "unheard-of", CAPSULE, 50),
        (1, "", "1", TABLET, 10),
        (5, "mL", "mL", SOLUTION, 5),
        (5, "ml", None, SOLUTION, 5),
        (0, "mg", None, TABLET, 0),
        (10, "mg", None, INGREDIENT, 10),
        (5, "mL", "mL", TABLET, None),
        (2, "tablets", None, SOLUTION, None),
        (2, "tablets", None, INGREDIENT, None),
        (2, "drops", None, SOLUTION, None),
        (2, "puffs", None, TABLET, None),
        (2, "", None, TABLET, None),
        (-10, "mg", "mg", TABLET, None),
        ("10", "mg", "mg", TABLET, None),
        (None, "mg", "mg", TABLET, None),
    ],
)
def test_an_amount_becomes_milligrams_by_its_unit_or_by_the_strength_of_the_product(value, unit, code, product, mg):
    said = {"doseAndRate": [{"doseQuantity": quantity(value, unit, code)}], "timing": daily()}
    assert a_day(said, of=product) == (None if mg is None else Decimal(mg))


def test_pieces_of_a_product_of_two_medicines_are_not_milligrams_of_either():
    both = {"coding": [], "text": "baclofen 10 mg / dantrolene 25 mg capsule"}
    assert a_day(dose(1, "{capsule}"), of=both) is None


@pytest.mark.parametrize(
    ("repeat", "mg"),
    [
        ({"frequency": 3, "period": 1, "periodUnit": "d"}, 30),
        ({"frequency": 1, "period": 8, "periodUnit": "h"}, 30),
        ({"frequency": 1, "period": 480, "periodUnit": "min"}, 30),
        ({"frequency": 1, "period": 28800, "periodUnit": "s"}, 30),
        ({"frequency": 7, "period": 1, "periodUnit": "wk"}, 10),
        ({"frequency": 60, "period": 1, "periodUnit": "mo"}, 20),
        ({"frequency": 365, "period": 1, "periodUnit": "a"}, 10),
        ({"frequency": 1, "period": 2, "periodUnit": "d"}, 5),
        ({"frequency": 2, "frequencyMax": 4, "period": 1, "periodUnit": "d"}, 40),
        ({"period": 1, "periodUnit": "d"}, 10),
        ({"frequency": 3, "period": 1, "periodUnits": "d"}, 30),
        ({"when": ["MORN", "EVE"], "period": 1, "periodUnit": "d"}, 20),
        ({"when": ["MORN", "NOON", "EVE"]}, 30),
        ({"timeOfDay": ["08:00:00", "20:00:00"]}, 20),
        ({"timeOfDay": ["08:00:00"], "when": ["MORN", "EVE", "HS"]}, 30),
        ({"frequency": 3}, None),
        ({"frequency": 3, "period": 1}, None),
        ({"frequency": 3, "period": 1, "periodUnit": "fortnight"}, None),
        ({"frequency": 3, "period": 0, "periodUnit": "d"}, None),
        ({"frequency": 3, "period": -1, "periodUnit": "d"}, None),
        ({"frequency": 3, "period": "1", "periodUnit": "d"}, None),
        ({"when": "MORN"}, None),
        ({"when": []}, None),
        ({}, None),
    ],
    ids=repr,
)
def test_the_timing_says_how_often_a_day(repeat, mg):
    said = {"doseAndRate": [{"doseQuantity": quantity(10, "mg")}], "timing": {"repeat": repeat}}
    found = a_day(said)
    assert (found if found is None else round(found, 9)) == mg


@pytest.mark.parametrize(
    ("code", "mg"),
    [
        ({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "code": "TID"}]}, 30),
        ({"coding": [{"system": "urn:local", "code": "x"}, {"system": "urn:local", "code": "q12h"}]}, 20),
        ({"text": "BID"}, 20),
        ({"text": "qid"}, 40),
        ({"text": "QOD"}, 5),
        ({"coding": [{"display": "QHS"}]}, 10),
        ({"text": "whenever it hurts"}, None),
        ({}, None),
    ],
)
def test_a_timing_code_says_how_often_a_day(code, mg):
    said = {"doseAndRate": [{"doseQuantity": quantity(10, "mg")}], "timing": {"code": code}}
    assert a_day(said) == mg


TIMES = {"QD": 1, "BID": 2, "TID": 3, "QID": 4, "Q4H": 6, "Q6H": 4, "Q8H": 3, "Q12H": 2, "AM": 1, "PM": 1, "BED": 1}


@pytest.mark.parametrize(("code", "times"), (TIMES | {"QHS": 1, "QAM": 1, "QPM": 1, "QOD": Decimal("0.5")}).items())
def test_every_timing_code_has_its_times_a_day(code, times):
    said = {"doseAndRate": [{"doseQuantity": quantity(10, "mg")}], "timing": {"code": {"text": code}}}
    assert a_day(said) == 10 * times


def test_the_repeat_of_a_timing_is_more_exact_than_its_code():
    said = {"doseAndRate": [{"doseQuantity": quantity(10, "mg")}], "timing": {**daily(4), "code": {"text": "BID"}}}
    assert a_day(said) == 40


@pytest.mark.parametrize(
    ("said", "mg"),
    [
        ({"doseAndRate": [{"doseRange": {"low": quantity(5, "mg"), "high": quantity(10, "mg")}}]}, 20),
        ({"doseAndRate": [{"doseRange": {"low": quantity(5, "mg")}}]}, None),
        ({"doseAndRate": [{"doseQuantity": quantity(5, "mg")}, {"doseQuantity": quantity(10, "mg")}]}, 20),
        ({"doseAndRate": [{"doseQuantity": quantity(5, "mg")}, {"doseQuantity": quantity(1, "drop")}]}, None),
        ({"doseAndRate": [{"rateQuantity": quantity(5, "mg/h")}]}, None),
        ({"doseAndRate": [{"rateQuantity": quantity(5, "mg/h")}, {"doseQuantity": quantity(10, "mg")}]}, 20),
        ({"doseAndRate": {"doseQuantity": quantity(10, "mg")}}, 20),
        ({"doseQuantity": quantity(10, "mg")}, 20),
        ({"doseRange": {"low": quantity(5, "mg"), "high": quantity(10, "mg")}}, 20),
        ({"doseAndRate": []}, None),
        ({}, None),
    ],
)
def test_of_a_range_the_upper_end_counts(said, mg):
    assert a_day({**said, "timing": daily(2)}) == mg


def most(value, days=1, unit="d", **more):
    return {"numerator": quantity(value, "mg"), "denominator": {"value": days, "unit": unit, **more}}


@pytest.mark.parametrize(
    ("said", "mg"),
    [
        ({**dose(10, times=6), "asNeededBoolean": True, "maxDosePerPeriod": most(30)}, 30),
        ({**dose(10, times=2), "asNeededBoolean": True, "maxDosePerPeriod": most(30)}, 20),
        ({"asNeededBoolean": True, "maxDosePerPeriod": most(30)}, 30),
        ({"asNeededBoolean": True, "maxDosePerPeriod": most(70, 1, "wk")}, 10),
        ({"asNeededBoolean": True, "maxDosePerPeriod": most(30, 24, "hours", code="h")}, 30),
        ({**dose(10, times=6), "asNeededBoolean": True}, 60),
        ({**dose(10, times=6), "maxDosePerPeriod": most(30, 0)}, 60),
        ({**dose(10, times=6), "maxDosePerPeriod": most(30, 1, "shift")}, 60),
        ({**dose(10, times=6), "maxDosePerPeriod": {"numerator": quantity(3, "drops"), "denominator": {}}}, 60),
        ({"asNeededBoolean": True}, None),
    ],
)
def test_taken_when_needed_the_stated_daily_maximum_is_the_dose(said, mg):
    assert a_day(said) == mg


SPELL = {"boundsPeriod": {"start": "2026-11-01", "end": "2026-11-07"}}
NEXT_SPELL = {"boundsPeriod": {"start": "2026-11-08", "end": "2026-11-14"}}


@pytest.mark.parametrize(
    ("dosages", "mg"),
    [
        ([dose(10), dose(20)], 30),
        ([dose(10, times=2), dose(20)], 40),
        ([dose(10, sequence=1), dose(20, sequence=2)], 20),
        ([dose(10, sequence=1), dose(20, sequence=1)], 30),
        ([dose(10, sequence=1), dose(20)], 30),
        ([dose(20, timing=daily(**SPELL)), dose(10, timing=daily(**NEXT_SPELL))], 20),
        ([dose(20, timing=daily(**SPELL)), dose(10, timing=daily(**SPELL))], 30),
        ([dose(20, timing=daily(**SPELL)), dose(10)], 30),
        ([dose(10), dose(2, "drops")], None),
        ([dose(10, sequence=1), dose(2, "drops", sequence=2)], None),
        ([], None),
    ],
)
def test_several_dosages_add_up_unless_they_are_taken_in_turn(dosages, mg):
    assert a_day(*dosages) == mg


def test_a_dosage_is_a_step_with_its_days():
    said = [
        dose(20, times=3, timing=daily(3, **SPELL)),
        dose(10, timing=daily(2, boundsDuration={"value": 2, "unit": "weeks"})),
        dose(5, timing=daily(1, boundsPeriod={"start": "2026-12"})),
    ]
    assert in_record(dosageInstruction=said).steps == (
        Step(Decimal(60), date(2026, 11, 1), date(2026, 11, 7), 7, Decimal(3)),
        Step(Decimal(20), None, None, 14, Decimal(2)),
        Step(Decimal(5), date(2026, 12, 1), None, None, Decimal(1)),
    )


@pytest.mark.parametrize(
    ("bounds", "days"),
    [
        ({"boundsDuration": {"value": 3, "code": "d"}}, 3),
        ({"boundsDuration": {"value": 3, "unit": "days"}}, 3),
        ({"boundsDuration": {"value": 2, "code": "wk"}}, 14),
        ({"boundsDuration": {"value": 1, "unit": "month"}}, 30),
        ({"boundsDuration": {"value": 36, "unit": "hours"}}, 2),
        ({"boundsDuration": {"value": 1, "code": "a"}}, 365),
        ({"boundsPeriod": {"start": "2026-11-22", "end": "2026-11-24"}}, 3),
        ({"boundsPeriod": {"start": "2026-11-22"}}, None),
        ({"boundsPeriod": {"end": "2026-11-22"}}, None),
        ({"boundsDuration": {"value": 3, "code": "fortnight"}}, None),
        ({"boundsDuration": {"code": "d"}}, None),
        ({"boundsRange": {"high": {"value": 3, "code": "d"}}}, None),
    ],
)
def test_a_course_lasts_as_long_as_its_bounds(bounds, days):
    assert drafted(dosageInstruction=[dose(10, timing=daily(**bounds))]).days == days


def week(number, **more):
    return dose(10, timing=daily(boundsDuration={"value": number, "code": "wk"}), **more)


@pytest.mark.parametrize(
    ("dosages", "days"),
    [
        ([week(1, sequence=1), week(2, sequence=2)], 21),
        ([week(1), week(2)], 14),
        ([week(1), week(1)], 7),
        ([week(1), dose(10)], None),
        ([], None),
    ],
)
def test_dosages_in_turn_last_as_long_as_all_of_them(dosages, days):
    assert drafted(dosageInstruction=dosages).days == days


@pytest.mark.parametrize(
    ("route", "product", "found"),
    [
        (concept(SNOMED_CT, "26643006", "Oral route"), INGREDIENT, ("oral", True)),
        (concept(SNOMED_CT, "127490009", "Gastrostomy route"), INGREDIENT, ("oral", True)),
        (concept(SNOMED_CT, "127492001", "Nasogastric route"), INGREDIENT, ("oral", True)),
        (concept(SNOMED_CT, "47625008", "Intravenous route"), INGREDIENT, ("injected", True)),
        (concept(SNOMED_CT, "78421000", "Intramuscular route"), INGREDIENT, ("injected", True)),
        (concept(SNOMED_CT, "72607000", "Intrathecal route"), INGREDIENT, ("intrathecal", False)),
        (concept(SNOMED_CT, "6064005", "Topical route"), INGREDIENT, ("topical", False)),
        (concept(SNOMED_CT, "54485002", "Ophthalmic route"), INGREDIENT, ("ophthalmic", False)),
        (concept(SNOMED_CT, "45890007", "Transdermal route"), INGREDIENT, ("transdermal", True)),
        (concept(SNOMED_CT, "16857009", "Vaginal route"), INGREDIENT, ("vaginal", None)),
        ({"text": "Orally"}, INGREDIENT, ("oral", True)),
        ({"text": "by mouth"}, INGREDIENT, ("oral", True)),
        ({"text": "PO"}, INGREDIENT, ("oral", True)),
        ({"text": "IV"}, INGREDIENT, ("injected", True)),
        ({"coding": [{"display": "Intrathecal"}]}, INGREDIENT, ("intrathecal", False)),
        (concept(SNOMED_CT, "72607000", "Intrathecal route"), TABLET, ("intrathecal", False)),
        (concept(SNOMED_CT, "1", "somewhere"), TABLET, ("oral", True)),
        ({"text": "as discussed"}, TABLET, ("oral", True)),
        ({"text": "as discussed"}, INGREDIENT, (None, None)),
        ({}, TABLET, ("oral", True)),
        ({}, INGREDIENT, (None, None)),
    ],
)
def test_the_route_is_what_the_order_says_else_what_the_product_says(route, product, found):
    medication = in_record(medicationCodeableConcept=product, dosageInstruction=[dose(10, route=route)])
    assert (medication.route, medication.systemic) == found


def test_the_first_dosage_that_says_a_route_decides():
    said = [dose(10), dose(10, route={"text": "intrathecal"}), dose(10, route={"text": "oral"})]
    assert in_record(medicationCodeableConcept=INGREDIENT, dosageInstruction=said).route == "intrathecal"


@pytest.mark.parametrize(
    ("words", "taper"),
    [
        ({"text": "Taper over 8 weeks"}, True),
        ({"text": "start TAPERING on Monday"}, True),
        ({"patientInstruction": "We are tapering this medicine"}, True),
        ({"text": "take with water"}, False),
        ({}, False),
    ],
)
def test_the_words_of_a_dosage_say_that_it_is_a_taper(words, taper):
    assert drafted(dosageInstruction=[dose(10), dose(5, **words)]).says_taper is taper


def test_a_statement_has_its_dosage_under_its_own_name():
    assert statement(dosage=[dose(10, times=3)]).daily_mg == 30


@pytest.mark.parametrize("wrong", ["20 mg", 20, True, ["20 mg"], {"timing": "daily"}, [{"timing": {"repeat": "x"}}]])
def test_a_dosage_of_another_type_has_no_dose(wrong):
    assert in_record(dosageInstruction=wrong).daily_mg is None


# Once wrong -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [10**10, 1e300])
def test_an_absurd_duration_does_no_harm(days):
    said = dose(10, timing=daily(boundsDuration={"value": days, "code": "d"}))
    assert in_record(dosageInstruction=[said], authoredOn="2026-11-01").state == "running"


def test_dosages_of_one_number_are_taken_together_and_other_numbers_after_them():
    said = [dose(20, sequence=1), dose(10, sequence=1), dose(15, sequence=2)]
    assert a_day(*said) == 30


def test_a_frequency_below_zero_is_no_dose():
    assert a_day(dose(10, times=-3)) is None
