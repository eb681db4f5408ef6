"""How much a day: every way in which clients write a dosage, and what is not guessed."""

import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.model import Step, Why
from cds_service.drugs import vocabulary
from cds_service.fhir.dosage import read_dosing, times_a_day
from tests.journeys.records import RXNORM, SNOMED_CT, UCUM, concept
from tests.unit.fhir.chart import drafted, in_record, statement

TABLET = concept(RXNORM, "197391", "baclofen 10 MG Oral Tablet")
CAPSULE = concept(RXNORM, "856656", "dantrolene sodium 25 MG Oral Capsule")
SOLUTION = concept(RXNORM, "250976", "baclofen 1 MG/ML Oral Solution")
INGREDIENT = concept(RXNORM, "1292", "baclofen")
PRODUCTS = vocabulary.load()
PRODUCT = PRODUCTS.product("197391")
DAY = {"value": 1, "unit": "d"}


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
        ({"when": "MORN"}, 10),
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
        ({"asNeededBoolean": True, "maxDosePerPeriod": most(70, 1, "wk")}, None),
        ({**dose(10, times=6), "maxDosePerPeriod": most(30, 1, "wk")}, 60),
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
        dose(20, times=3, timing=daily(3, **SPELL), sequence=1),
        dose(5, timing=daily(1, boundsPeriod={"start": "2026-12"}), sequence=3),
        dose(10, timing=daily(2, boundsDuration={"value": 2, "unit": "weeks"}), sequence=2),
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
        ({"boundsQuantity": {"value": 3, "unit": "days"}}, 3),
        ({"boundsDuration": {"value": 2, "code": "wk"}}, 14),
        ({"boundsDuration": {"value": 1, "unit": "month"}}, 30),
        ({"boundsDuration": {"value": 36, "unit": "hours"}}, 2),
        ({"boundsDuration": {"value": 1, "code": "a"}}, 365),
        ({"boundsPeriod": {"start": "2026-11-22", "end": "2026-11-24"}}, 3),
        ({"boundsPeriod": {"start": "2026-11-22"}}, None),
        ({"boundsPeriod": {"end": "2026-11-22"}}, None),
        ({"boundsDuration": {"value": 3, "code": "fortnight"}}, None),
        ({"boundsDuration": {"code": "d"}}, None),
        ({"boundsRange": {"high": {"value": 3, "code": "d"}}}, 3),
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
        (concept(SNOMED_CT, "72607000", "Intrathecal route"), TABLET, (None, None)),
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


def test_the_dosage_that_says_a_route_decides_for_those_that_say_none():
    said = [dose(10), dose(10, route={"text": "intrathecal"})]
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


# Every version's own elements --------------------------------------------------------------------------------------


def reads(*dosages, of=PRODUCT, weight=None):
    return read_dosing(dosages, of, None if weight is None else Decimal(weight))


@pytest.mark.parametrize(
    "given",
    [
        {"doseAndRate": [{"doseQuantity": quantity(10, "mg")}]},
        {"doseAndRate": [{"type": {"text": "ordered"}, "doseRange": {"high": quantity(10, "mg")}}]},
        {"doseQuantity": quantity(10, "mg")},
        {"doseRange": {"low": quantity(5, "mg"), "high": quantity(10, "mg")}},
        {"quantityQuantity": quantity(10, "mg")},
        {"quantityRange": {"low": quantity(5, "mg"), "high": quantity(10, "mg")}},
        {"quantity": quantity(10, "mg")},
        {"doseAndRate": [], "doseQuantity": quantity(10, "mg")},
        {"doseAndRate": [{}], "doseQuantity": quantity(10, "mg")},
        {"doseQuantity": {**quantity(10, "mg"), "comparator": "<="}},
    ],
    ids=repr,
)
def test_one_dose_stands_elsewhere_in_every_version(given):
    assert reads({**given, "timing": daily(3)}).daily_mg == 30


@pytest.mark.parametrize(
    ("given", "mg"),
    [
        ([("ordered", 10, "mg"), ("calculated", 400, "mg")], 10),
        ([("calculated", 400, "mg"), ("ordered", 10, "mg")], 10),
        ([("ordered", 5, "mg/kg"), ("calculated", 400, "mg")], 400),
        ([("ordered", 5, "drops"), ("calculated", 5, "drops")], None),
        ([("ordered", 5, "drops")], None),
        ([("ordered", 10, "mg"), ("ordered", 20, "mg")], 20),
        ([("calculated", 10, "mg"), ("calculated", 20, "mg")], 20),
    ],
)
def test_what_was_ordered_counts_before_what_was_calculated_from_it(given, mg):
    rates = [{"type": {"coding": [{"code": kind}]}, "doseQuantity": quantity(n, unit)} for kind, n, unit in given]
    assert reads({"doseAndRate": rates, "timing": daily()}).daily_mg == mg


def test_a_dose_that_was_ordered_in_an_unknown_unit_beside_nothing_else_is_none():
    rates = [{"type": {"text": "Ordered"}, "doseQuantity": quantity(5, "drops")}, {"rateQuantity": quantity(1, "mg/h")}]
    assert reads({"doseAndRate": rates, "timing": daily()}).daily_mg is None


@pytest.mark.parametrize(
    ("given", "weight", "mg"),
    [
        (quantity(5, "mg/kg"), 20, 300),
        (quantity(5, "mg/kg", "mg/kg"), 20, 300),
        (quantity(5000, "mcg/kg"), 20, 300),
        (quantity(5, "mg/kg/dose"), 20, 300),
        (quantity(5, "mg/kg/day"), 20, 100),
        (quantity(5, "mg/kg", "mg/kg/d"), 20, None),
        (quantity(5, "mg/m2"), 20, None),
        (quantity(5, "mg"), 20, 15),
    ],
)
def test_a_dose_by_weight_is_computed_with_the_weight(given, weight, mg):
    assert reads({"doseQuantity": given, "timing": daily(3)}, weight=weight).daily_mg == mg


@pytest.mark.parametrize(
    ("dosages", "why"),
    [
        ([{"doseQuantity": quantity(5, "mg/kg"), "timing": daily(3)}], Why.NO_WEIGHT),
        ([{"doseQuantity": quantity(5, "mg/kg/d")}], Why.NO_WEIGHT),
        ([{"text": "5 mg/kg/day divided tid"}], Why.NO_WEIGHT),
        ([{"doseQuantity": quantity(5, "mg/kg"), "timing": daily()}, dose(10)], Why.NO_WEIGHT),
        ([{"doseQuantity": quantity(5, "mg/kg"), "timing": daily()}, dose(10, "drops")], None),
        ([dose(10, "drops")], None),
        ([dose(10)], None),
        ([], None),
    ],
    ids=repr,
)
def test_it_is_said_when_only_the_weight_is_missing(dosages, why):
    assert reads(*dosages).why == why


@pytest.mark.parametrize(
    ("given", "timing", "mg"),
    [
        ({"rateQuantity": quantity(150, "ug/d", "ug/d")}, {}, "0.15"),
        ({"rateQuantity": quantity(150, "mcg/day")}, daily(1), "0.15"),
        ({"rateQuantity": quantity("150", "mcg/day")}, {}, None),
        ({"rateRatio": {"numerator": quantity(150, "ug"), "denominator": quantity(1, "d")}}, {}, "0.15"),
        ({"rateRatio": {"numerator": quantity(6.25, "ug"), "denominator": quantity(1, "hour")}}, {}, "0.15"),
        ({"rateRatio": {"numerator": quantity(300, "ug"), "denominator": quantity(2, "day", "d")}}, {}, "0.15"),
        ({"rateRatio": {"numerator": quantity(150, "ug"), "denominator": quantity(0, "d")}}, {}, None),
        ({"rateRatio": {"numerator": quantity(150, "ug"), "denominator": {}}}, {}, None),
        ({"rateRatio": {"numerator": quantity(150, "ug/h"), "denominator": quantity(1, "d")}}, {}, None),
        ({"rateRatio": {"numerator": quantity(1, "mg/kg"), "denominator": quantity(1, "d")}}, {}, None),
        ({"rateRange": {"low": quantity(5, "mg/h"), "high": quantity(10, "mg/h")}}, {}, 240),
        ({"rateQuantity": quantity(5, "mg/h")}, {}, 120),
        ({"rateQuantity": quantity(5, "mg/h")}, daily(2), None),
        ({"rateQuantity": quantity(5, "mg/h")}, daily(2, duration=4, durationUnit="h"), 40),
        ({"rateQuantity": quantity(5, "mg/h")}, daily(1, duration=4, durationMax=6, durationUnit="h"), 30),
        ({"rateQuantity": quantity(5, "mg/h")}, daily(4, duration=12, durationUnit="h"), 120),
        ({"rateQuantity": quantity(10, "mg")}, {}, None),
        ({"doseQuantity": quantity(10, "mg"), "rateQuantity": quantity(5, "mg/h")}, daily(3), 30),
        ({"doseQuantity": quantity(150, "mcg/day")}, {}, "0.15"),
        ({"doseQuantity": quantity(30, "mg/day")}, daily(3), None),
        ({"doseQuantity": quantity(30, "mg/day")}, daily(1), 30),
    ],
)
def test_a_rate_is_a_daily_amount_while_it_goes_on(given, timing, mg):
    assert reads({"doseAndRate": [given], "timing": timing}).daily_mg == (None if mg is None else Decimal(mg))


@pytest.mark.parametrize(
    ("repeat", "mg"),
    [
        ({"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"}, 60),
        ({"frequency": 1, "period": 6, "periodMax": 4, "periodUnit": "h"}, 60),
        ({"frequency": 1, "period": 6, "periodMax": -4, "periodUnit": "h"}, 40),
        ({"frequency": 2, "frequencyMax": 1, "period": 1, "periodUnit": "d"}, 20),
        ({"frequency": 2, "frequencyMax": "4", "period": 1, "periodUnit": "d"}, 20),
        ({"frequency": 2, "period": 3, "periodUnit": "d"}, round(Decimal(20) / 3, 9)),
        ({"frequency": 0, "period": 1, "periodUnit": "d"}, None),
        ({"frequency": True, "period": 1, "periodUnit": "d"}, None),
        ({"frequency": 1e9, "period": 1, "periodUnit": "d"}, None),
        ({"frequency": 1, "period": 1e-9, "periodUnit": "d"}, None),
        ({"when": "HS", "frequency": 1, "period": 1, "periodUnits": "d"}, 10),
        ({"when": ["MORN", "HS"], "frequency": 1, "period": 1, "periodUnit": "d"}, 20),
        ({"when": ["MORN", "HS"], "frequency": 2, "period": 1, "periodUnit": "d"}, 20),
        ({"when": ["MORN", "MORN"]}, 10),
        ({"when": ["AC"]}, 30),
        ({"when": ["PC", "HS"]}, 40),
        ({"when": ["C"], "frequency": 2, "period": 1, "periodUnit": "d"}, 20),
        ({"when": ["ACM", "ACV"]}, 20),
        ({"when": ["MORN", "someday"]}, None),
        ({"when": [1, None]}, None),
        ({"when": ["MORN", "NOON", "EVE"], "frequency": 1, "period": 8, "periodUnit": "h"}, 30),
        ({"when": ["MORN"], "frequency": 1, "period": 1, "periodUnit": "wk"}, round(Decimal(10) / 7, 9)),
        ({"timeOfDay": ["08:00:00", "08:00:00"]}, 10),
        ({"timeOfDay": ["08:00:00", "20:00:00"], "frequency": 1, "period": 1, "periodUnit": "d"}, 20),
        ({"dayOfWeek": ["mon", "wed", "fri"]}, 10),
        ({"dayOfWeek": ["mon", "wed", "fri"], "frequency": 2, "period": 1, "periodUnit": "d"}, 20),
        ({"dayOfWeek": ["mon", "wed", "fri"], "frequency": 3, "period": 1, "periodUnit": "wk"}, 10),
        ({"dayOfWeek": ["mon"], "frequency": 2, "period": 1, "periodUnit": "wk"}, 20),
        ({"dayOfWeek": ["mon", "thu"], "frequency": 1, "period": 1, "periodUnit": "wk"}, 10),
        ({"dayOfWeek": ["mon"], "timeOfDay": ["08:00", "20:00"]}, 20),
        ({"dayOfWeek": ["someday"], "frequency": 2, "period": 1, "periodUnit": "d"}, 20),
        ({"count": 1}, 10),
        ({"count": 3}, None),
        ({"count": 0}, None),
        ({"count": 2, "frequency": 6, "period": 1, "periodUnit": "d"}, 20),
        ({"count": 1, "countMax": 2, "frequency": 6, "period": 1, "periodUnit": "d"}, 20),
        ({"count": 30, "frequency": 3, "period": 1, "periodUnit": "d"}, 30),
    ],
    ids=repr,
)
def test_the_largest_number_of_times_a_day_counts(repeat, mg):
    found = reads({"doseQuantity": quantity(10, "mg"), "timing": {"repeat": repeat}}).daily_mg
    assert (found if found is None else round(found, 9)) == mg


@pytest.mark.parametrize(
    ("event", "mg"),
    [
        (["2026-11-22T08:00:00Z", "2026-11-22T20:00:00Z", "2026-11-23T08:00:00Z"], 20),
        (["2026-11-22"], 10),
        ("2026-11-22", 10),
        (["2026-11"], None),
        (["soon", 7], None),
        ([], None),
    ],
)
def test_dates_that_are_listed_count_by_the_day(event, mg):
    assert reads({"doseQuantity": quantity(10, "mg"), "timing": {"event": event}}).daily_mg == mg


def test_dates_that_are_listed_are_the_first_and_the_last_day():
    timing = {"event": ["2026-11-24", "2026-11-22"]}
    found = reads({"doseQuantity": quantity(10, "mg"), "timing": timing})
    assert (found.first, found.last, found.days) == (date(2026, 11, 22), date(2026, 11, 24), 3)
    assert reads({"doseQuantity": quantity(10, "mg"), "timing": {"event": ["soon"]}}).first is None


@pytest.mark.parametrize(
    ("code", "mg"),
    [
        ({"coding": [{"code": "307469008", "display": "Three times daily"}]}, 30),
        ({"coding": [{"code": "BID"}, {"code": "x", "display": "Three times daily"}]}, 30),
        ({"text": "every 6 hours"}, 40),
        ({"text": "every 8 hours as needed"}, 30),
        ({"text": "2 times a day with meals"}, 20),
        ({"coding": [{"code": "WK"}]}, round(Decimal(10) / 7, 9)),
        ({"coding": [{"code": "Q2H"}]}, 120),
        ({"text": "2 tablets twice daily"}, None),
        ({"coding": "TID"}, None),
    ],
    ids=repr,
)
def test_a_timing_code_is_read_by_its_code_its_display_or_its_text(code, mg):
    found = reads({"doseQuantity": quantity(10, "mg"), "timing": {"code": code}}).daily_mg
    assert (found if found is None else round(found, 9)) == mg


@pytest.mark.parametrize(
    ("given", "mg"),
    [
        ({**dose(10, times=6), "maxDosePerPeriod": [most(50), most(30)]}, 30),
        ({**dose(10, times=6), "maxDosePerPeriod": [{"numerator": quantity(3, "tablet"), "denominator": DAY}]}, 30),
        ({**dose(10, times=6), "maxDosePerPeriod": [most(10, 8, "h")]}, 30),
        ({**dose(20, times=3), "maxDosePerAdministration": quantity(10, "mg")}, 30),
        ({**dose(5, times=3), "maxDosePerAdministration": quantity(10, "mg")}, 15),
        ({**dose(5, "drops", times=3), "maxDosePerAdministration": quantity(10, "mg")}, 30),
        ({**dose(5, times=3), "maxDosePerAdministration": quantity(2, "drops")}, 15),
        ({"text": "1-2 tabs q4-6h prn", "maxDosePerPeriod": most(80)}, 80),
        ({"text": "1 tab q6h prn", "maxDosePerPeriod": most(80)}, 80),
        ({"text": "1 tab prn", "asNeededBoolean": True}, None),
        ({**dose(10, times=4), "asNeededCodeableConcept": {"text": "spasm"}}, 40),
        ({**dose(10, times=4), "asNeededFor": [{"text": "spasm"}]}, 40),
    ],
)
def test_a_stated_maximum_is_the_most(given, mg):
    assert reads(given).daily_mg == mg


# Elements and words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "mg"),
    [
        ({"text": "take 1 tablet by mouth three times a day"}, 30),
        ({"patientInstruction": "take 1 tablet by mouth three times a day"}, 30),
        ({"text": "as directed", "patientInstruction": "1 tablet twice daily"}, 20),
        ({"text": "1 tab tid", "patientInstruction": "1 tablet twice daily"}, 30),
        ({"text": 7, "patientInstruction": ["1 tablet twice daily"]}, None),
        ({**dose(10, times=3), "text": "1 tablet tid"}, 30),
        ({**dose(10, times=3), "text": "as directed"}, 30),
        ({**dose(10, times=3), "text": "2 tablets tid"}, 60),
        ({**dose(10, times=3), "text": "1 mL tid"}, 30),
        ({"timing": daily(3), "text": "take 5 mL"}, None),
        ({"doseQuantity": {**quantity(10, "mg"), "comparator": ">"}, "timing": daily(3)}, None),
        ({**dose(20, times=3), "text": "1 tablet tid"}, 60),
        ({**dose(10, times=3), "text": "10 mg tid for 3 days, then 20 mg tid"}, 60),
        ({**dose(10, times=1), "text": "5 mg tid for 3 days, then 10 mg tid"}, 30),
        ({**dose(10, times=1), "text": "5 mg/kg tid for 3 days, then 10 mg tid"}, 10),
        ({"doseQuantity": quantity(10, "mg"), "text": "three times a day"}, 30),
        ({"doseQuantity": quantity(10, "mg"), "text": "1 tablet three times a day"}, 30),
        ({"doseQuantity": quantity(10, "mg"), "text": "2 tablets three times a day"}, None),
        ({"doseQuantity": quantity(1, "Tabl."), "text": "1 tablet three times a day"}, 30),
        ({"doseQuantity": quantity(2, "Tabl."), "text": "1 tablet three times a day"}, None),
        ({"doseQuantity": quantity(5, "mg/kg"), "text": "5 mg/kg (100 mg) twice daily"}, 200),
        ({"timing": daily(3), "text": "take 1 tablet"}, 30),
        ({"timing": daily(3), "text": "take 1 tablet three times a day"}, 30),
        ({"timing": daily(3), "text": "take 1 tablet twice a day"}, None),
        ({"timing": daily(3), "text": "three times a day"}, None),
        ({"timing": daily(3), "text": "10 mg in the morning, 10 mg at noon, 20 mg at bedtime"}, 40),
        ({"doseQuantity": quantity(20, "mg"), "text": "10 mg in the morning, 20 mg at bedtime"}, 30),
        ({"timing": daily(3), "text": "5 mg bid for 3 days, then 10 mg tid"}, 30),
        ({"timing": daily(4), "text": "5 mg bid for 3 days, then 10 mg tid"}, None),
        ({"text": "by mouth"}, None),
        ({"rateQuantity": quantity(150, "mcg/day"), "text": "150 mcg/day via pump"}, "0.15"),
        ({"rateQuantity": quantity(5, "mg/h"), "timing": daily(2), "text": "twice a day"}, None),
    ],
    ids=repr,
)
def test_words_complete_the_elements_and_of_two_daily_doses_the_larger_counts(given, mg):
    assert reads(given).daily_mg == (None if mg is None else Decimal(mg))


def test_of_several_dosages_each_is_completed_by_its_own_words():
    one, other = {"text": "1 tab in the morning"}, {"doseQuantity": quantity(20, "mg"), "text": "at bedtime"}
    assert reads(one, other).daily_mg == 30


def test_of_several_dosages_none_is_read_as_several_steps():
    steps = {"text": "1 tab bid for 3 days, then 1 tab tid"}
    assert reads(steps, dose(10)).daily_mg is None


def test_the_steps_of_the_words_are_the_steps_of_the_order():
    text = "20 mg tid for 7 days, then 10 mg tid for 7 days, then stop"
    period = {"boundsPeriod": {"start": "2026-11-01", "end": "2026-11-14"}}
    found = reads(dose(20, text=text, timing=daily(3, **period)))
    assert found.steps == (
        Step(Decimal(60), date(2026, 11, 1), None, 7, Decimal(3)),
        Step(Decimal(30), None, date(2026, 11, 14), 7, Decimal(3)),
    )
    assert (found.first, found.last, found.days) == (date(2026, 11, 1), date(2026, 11, 14), 14)


def test_words_say_how_long_where_no_element_does():
    assert reads({"text": "1 tab tid for 10 days"}).days == 10
    assert reads({"doseQuantity": quantity(10, "mg"), "text": "1 tab tid for 10 days"}).days == 10


@pytest.mark.parametrize(
    ("given", "of", "route"),
    [
        ({"text": "1 tab by mouth tid"}, PRODUCT, "oral"),
        ({"text": "1 tab by mouth tid", "route": {"text": "sublingual-ish"}}, PRODUCT, "oral"),
        ({"text": "1 tab by mouth tid", "route": {"text": "intrathecal"}}, PRODUCT, "intrathecal"),
        ({"text": "150 mcg/day via pump"}, PRODUCT, "intrathecal"),
        ({"text": "5 mg/hr via pump"}, PRODUCTS.product("7052"), None),
        ({"text": "1 tab tid"}, PRODUCT, None),
        ({"text": "taken by mouth, perhaps"}, PRODUCT, None),
        ({}, PRODUCT, None),
    ],
)
def test_words_name_the_route_where_no_element_does(given, of, route):
    assert reads(given, of=of).route == route


# Several dosages ----------------------------------------------------------------------------------------------------


def dated(mg, first, last, **more):
    period = {name: day for name, day in (("start", first), ("end", last)) if day}
    return dose(mg, timing=daily(boundsPeriod=period), **more)


@pytest.mark.parametrize(
    ("dosages", "steps"),
    [
        (
            [dated(20, "2026-11-08", "2026-11-14"), dated(30, "2026-11-01", "2026-11-07")],
            [(30, "2026-11-01", "2026-11-07", 7), (20, "2026-11-08", "2026-11-14", 7)],
        ),
        (
            [dated(30, "2026-11-01", "2026-11-08"), dated(20, "2026-11-08", "2026-11-15")],
            [(30, "2026-11-01", "2026-11-08", 8), (20, "2026-11-08", "2026-11-15", 8)],
        ),
        (
            [dated(10, "2026-11-01", "2026-11-30"), dated(5, "2026-11-01", "2026-11-07")],
            [(15, "2026-11-01", "2026-11-07", 7), (10, "2026-11-08", "2026-11-30", 23)],
        ),
        (
            [dated(10, None, "2026-11-10"), dated(5, "2026-11-05", None)],
            [(10, None, "2026-11-04", None), (15, "2026-11-05", "2026-11-10", 6), (5, "2026-11-11", None, None)],
        ),
        (
            [dated(10, "2026-11-05", "2026-11-01"), dated(5, "2026-11-20", "2026-11-21")],
            [(10, "2026-11-05", "2026-11-01", None), (5, "2026-11-20", "2026-11-21", 2)],
        ),
        ([dose(10, sequence=10), dose(20, sequence=9)], [(20, None, None, None), (10, None, None, None)]),
        ([dose(10, sequence="b"), dose(20, sequence=[])], [(20, None, None, None), (10, None, None, None)]),
    ],
)
def test_steps_come_in_the_order_of_their_numbers_or_days(dosages, steps):
    found = reads(*dosages)
    expected = [
        (mg, first and date.fromisoformat(first), last and date.fromisoformat(last), n) for mg, first, last, n in steps
    ]
    assert [(step.daily_mg, step.first, step.last, step.days) for step in found.steps] == expected
    assert found.daily_mg == max(mg for mg, *_ in steps)


def test_numbered_doses_of_one_day_add_up():
    morning = dose(10, sequence=1, timing={"repeat": {"when": ["MORN"]}})
    night = dose(20, sequence=2, timing={"repeat": {"when": ["HS"]}})
    assert reads(morning, night).daily_mg == 30
    assert reads(morning, {**night, "timing": {"repeat": {"when": ["MORN"]}}}).daily_mg == 20
    assert reads(morning, dose(20, sequence=2, timing=daily(**SPELL))).daily_mg == 20


def test_thirds_that_are_added_up_become_whole_again():
    third = dose(100, timing=daily(1, 3))
    assert reads(third, third, third).daily_mg == 100


def test_many_dosages_are_read_and_very_many_are_not():
    spells = [
        dated(1, f"2026-{month:02}-01", f"2026-{month:02}-{day:02}") for month in range(1, 11) for day in range(11, 21)
    ]
    assert reads(*spells).daily_mg == 10
    found = reads(*spells, spells[0])
    assert (found.daily_mg, found.steps, found.route) == (None, (), None)


def test_very_many_numbers_take_no_very_long_time():
    numbered = [dose(1, sequence=number) for number in range(20_000)]
    started = time.perf_counter()
    assert reads(*numbered).daily_mg is None
    assert time.perf_counter() - started < 1


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


# What reviewers found -------------------------------------------------------------------------------------------------


def by_code(code):
    return {"code": {"coding": [{"code": code}]}}


FIRST_DOSE = {"event": ["2026-11-22T18:00:00Z"]}


@pytest.mark.parametrize(
    ("given", "mg"),
    [
        (dose(100, timing={**FIRST_DOSE, **daily(4)}), 400),
        (dose(100, timing={**FIRST_DOSE, **by_code("QID")}), 400),
        ({"timing": FIRST_DOSE, "text": "100 mg four times a day"}, 400),
        ({"doseQuantity": quantity(100, "mg"), "timing": FIRST_DOSE, "text": "four times a day"}, 400),
        ({"doseQuantity": quantity(100, "mg"), "timing": FIRST_DOSE, "text": "cuatro veces al dia"}, None),
    ],
    ids=repr,
)
def test_a_first_dose_on_a_date_does_not_end_an_order_that_goes_on(given, mg):
    found = reads(given)
    assert (found.daily_mg, found.first, found.last, found.days) == (mg, date(2026, 11, 22), None, None)


@pytest.mark.parametrize("words", ["100 mg", "by mouth", "as directed"])
def test_dates_that_stand_alone_are_the_days_of_the_order_whatever_harmless_is_said(words):
    found = reads({"doseQuantity": quantity(100, "mg"), "timing": FIRST_DOSE, "text": words})
    assert (found.daily_mg, found.last, found.days) == (100, date(2026, 11, 22), 1)


def test_how_often_a_day_is_counted_from_dates_only_where_nothing_else_says_it():
    assert times_a_day({"event": ["2026-11-22T08:00:00Z", "2026-11-22T20:00:00Z"]}) == 2
    assert times_a_day({**FIRST_DOSE, **daily(4)}) == 4
    assert times_a_day({}) is None


ORALLY = concept(SNOMED_CT, "26643006", "Oral route")
INTO_A_VEIN = concept(SNOMED_CT, "47625008", "Intravenous route")
INTO_THE_SPINE = concept(SNOMED_CT, "72607000", "Intrathecal route")
MEDICINE = PRODUCTS.product("1292")


@pytest.mark.parametrize(
    ("dosages", "of"),
    [
        ([dose(175, route=INTO_A_VEIN, sequence=1), {"text": "100 mg QID", "route": ORALLY, "sequence": 2}], MEDICINE),
        ([{"text": "100 mg by mouth QID"}, dose(50, route=INTO_A_VEIN)], MEDICINE),
        ([{"text": "150 mcg/day via pump"}, dose(20, times=3, route=ORALLY)], MEDICINE),
        ([dose(0.15, route=INTO_THE_SPINE), dose(20, times=3)], PRODUCT),
    ],
    ids=["a crisis, then capsules", "words and a code", "a pump and tablets", "a pump, and what the product says"],
)
def test_doses_of_different_routes_are_neither_added_nor_taken_for_one_another(dosages, of):
    found = reads(*dosages, of=of)
    assert (found.daily_mg, found.route, found.several_routes, found.why) == (None, None, True, None)
    assert found.steps
    assert {step.daily_mg for step in found.steps} == {None}


def test_doses_of_one_route_are_added_up():
    found = reads(dose(10, route=ORALLY), {"text": "20 mg by mouth at bedtime"})
    assert (found.daily_mg, found.route, found.several_routes) == (30, "oral", False)


V3, V2 = (
    "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
    "http://terminology.hl7.org/CodeSystem/v2-0162",
)


@pytest.mark.parametrize(
    ("said", "route"),
    [
        (concept(V3, "PO", "Swallow, oral"), "oral"),
        (concept(V3, "GT", "x"), "oral"),
        (concept(V3, "IVPUSH", "x"), "injected"),
        (concept(V3, "IVP", "x"), "injected"),
        (concept(V3, "IT", "x"), "intrathecal"),
        (concept(V3, "ITINJ", "x"), "intrathecal"),
        (concept("http://hl7.org/fhir/v3/RouteOfAdministration", "SQ", "x"), "injected"),
        (concept("urn:oid:2.16.840.1.113883.18.80", "PO", "x"), "oral"),
        *[
            (concept(V2, code, "x"), route)
            for code, route in {
                **dict.fromkeys(("PO", "NG", "GTT"), "oral"),
                **dict.fromkeys(("IV", "IM", "SC"), "injected"),
                **dict.fromkeys(("BU", "B"), "buccal"),
                "IT": "intrathecal",
                "SL": "sublingual",
                "PR": "rectal",
                "TD": "transdermal",
                "VG": "vaginal",
                "OP": "ophthalmic",
                "OT": "otic",
                "NS": "nasal",
                "IH": "inhaled",
                "TP": "topical",
            }.items()
        ],
        (concept("urn:local", "IT", "x"), None),
        (concept("urn:local", "PO", "x"), "oral"),
        (concept("urn:local", "17", "Oral (po)"), "oral"),
        ({"text": "Per G Tube"}, "oral"),
        ({"text": "Swallow, oral"}, "oral"),
        ({"text": "Oral use"}, "oral"),
        ({"text": "IV Push"}, "injected"),
        ({"text": "Injection, intravenous, push"}, "injected"),
        ({"text": "intravenous route"}, "injected"),
        ({"text": "oral or intravenous"}, None),
        ({"text": "oral intravenous"}, None),
        ({"text": "not oral"}, None),
        ({"text": "oral " * 50}, None),
        ({"coding": [*ORALLY["coding"], *INTO_A_VEIN["coding"]]}, None),
        ({"text": "IV", "coding": ORALLY["coding"]}, "oral"),
    ],
    ids=repr,
)
def test_a_route_is_read_by_its_code_or_its_words(said, route):
    assert reads(dose(10, route=said), of=MEDICINE).route == route


BOUNDS_3D = {"boundsDuration": {"value": 3, "code": "d"}}


@pytest.mark.parametrize(
    ("given", "mg", "days"),
    [
        (dose(100, times=4, text="100 mg now"), 400, None),
        (dose(100, times=4, text="give 100 mg once"), 400, None),
        (dose(100, times=4, text="100 mg as a single dose"), 400, None),
        (dose(100, times=4, text="100 mg QID for 3 days"), 400, None),
        ({"timing": daily(4), "text": "100 mg for 3 days"}, 400, None),
        (dose(100, timing=daily(4, **BOUNDS_3D), text="100 mg QID for 30 days"), 400, 30),
        (dose(100, timing=daily(4, boundsDuration={"value": 30, "code": "d"}), text="100 mg QID for 3 days"), 400, 30),
        ({"timing": daily(4, **BOUNDS_3D), "text": "100 mg for 30 days"}, 400, 30),
        (dose(100, timing=daily(4, **BOUNDS_3D), text="drei Tage lang"), 400, None),
        (dose(100, timing=daily(4, boundsDuration={"value": 30, "code": "d"}), text="einen Monat lang"), 400, 30),
        (dose(100, timing=daily(4, **BOUNDS_3D), text="3 days, then titrate up to 150 mg QID ongoing"), None, None),
        (dose(100, timing=daily(4, **BOUNDS_3D)), 400, 3),
        (dose(100, timing=daily(4, boundsDuration={"value": 3, "unit": "months", "code": "d"})), 400, None),
        (dose(100, timing=daily(4, boundsDuration={"value": 3, "unit": "days", "code": "d"})), 400, 3),
    ],
    ids=repr,
)
def test_no_words_end_an_order_that_goes_on_and_of_two_lengths_the_longer_counts(given, mg, days):
    found = reads(given)
    assert (found.daily_mg, found.days) == (mg, days)


def test_a_last_day_does_not_stand_against_longer_words_nor_against_more_that_was_not_read():
    assert reads(dose(10, text="1 tab daily for 10 days", timing=daily(**SPELL))).last is None
    assert reads(dose(10, text="1 tab daily for 5 days", timing=daily(**SPELL))).last == date(2026, 11, 7)
    assert reads(dose(10, text="titrate", timing=daily(**SPELL))).last is None
    assert reads(dose(10, text="eine Woche lang", timing=daily(**SPELL))).last == date(2026, 11, 7)
    steps = reads(dose(10, text="10 mg daily for 3 days, then 5 mg daily for 30 days", timing=daily(**SPELL)))
    assert (steps.last, steps.days) == (None, 33)


@pytest.mark.parametrize(
    ("dosages", "mg"),
    [
        ([{"sequence": 1, "text": "1 tablet in the morning"}, {"sequence": 2, "text": "2 tablets at bedtime"}], 30),
        (
            [
                dose(1, "{tbl}", sequence=1, text="1 tablet in the morning"),
                dose(2, "{tbl}", sequence=2, text="2 tablets at bedtime"),
            ],
            30,
        ),
        (
            [
                {"sequence": 1, "text": "1 tab at bedtime"},
                {"sequence": 2, "text": "1 tab in the morning and at bedtime"},
            ],
            20,
        ),
        ([dose(10, times=3, sequence=1), dose(10, sequence=2, asNeededBoolean=True)], 40),
        ([dose(10, times=3, sequence=1), dose(10, sequence=2, asNeededCodeableConcept={"text": "spasm"})], 40),
        ([dose(10, times=3, sequence=1), {"sequence": 2, "text": "1 tablet daily as needed"}], 40),
        ([dose(10, sequence=1), dose(20, sequence=2), dose(5, sequence=3, asNeeded=True)], 25),
        ([dose(10, sequence=1, asNeededBoolean=True), dose(20, sequence=2, asNeededBoolean=True)], 20),
        ([dose(10, sequence=1, timing=daily(3, **SPELL)), dose(10, sequence=2, asNeededBoolean=True)], 30),
    ],
    ids=repr,
)
def test_numbered_doses_of_one_day_and_extra_doses_add_up(dosages, mg):
    assert reads(*dosages).daily_mg == mg


@pytest.mark.parametrize(
    ("words", "mg"),
    [
        ("may increase to 20 mg three times daily", None),
        ("titrate to effect", None),
        ("zzz up to 8 a day", None),
        ("may take one more if stiff", None),
        ("double at night", None),
        ("and an extra half when stiff", None),
        ("zzz 20 mg zzz", None),
        ("zzz two tablets zzz", None),
        ("zzz 1.000 mg zzz", None),
        ("zzz QID zzz", None),
        ("zzz 4 times zzz", None),
        ("zzz every 4 hours zzz", None),
        ("z" * 1001, None),
        ("zzz 10 mg zzz", 30),
        ("zzz 30 mg zzz", 30),
        ("zzz one tablet zzz", 30),
        ("zzz TID zzz", 30),
        ("zzz q8h zzz", 30),
        ("zzz 10 mg tablet 5 mg/5 mL zzz", 30),
        ("do not take extra doses; do not double", 30),
        ("dreimal am Tag mit etwas Wasser", 30),
        ("lie down afterwards", 30),
        ("z" * 400, 30),
    ],
)
def test_words_that_cannot_be_read_but_speak_of_more_leave_no_dose(words, mg):
    assert reads(dose(10, times=3, text=words)).daily_mg == mg


def test_instructions_do_not_take_the_place_of_a_text_that_speaks_of_more():
    more, other = "1 tab tid, titrate", "einmal eins"
    assert reads({"text": more, "patientInstruction": "1 tablet twice daily"}).daily_mg is None
    assert reads({"text": other, "patientInstruction": "1 tablet twice daily"}).daily_mg == 20


def test_of_several_dosages_one_that_steps_up_in_words_counts_with_its_highest_step():
    steps = dose(10, times=3, text="10 mg tid for 3 days, then 20 mg tid")
    assert reads(steps, dose(10)).daily_mg == 70


@pytest.mark.parametrize(
    ("medicine", "unit", "mg"),
    [
        ("baclofen 10 mg", "tablet", 30),
        ("baclofen 10 mg", "{tbl}", 30),
        ("baclofen 10 mg", "capsules", 30),
        ("baclofen 10 mg", "1", None),
        ("baclofen 10 mg", "suppository", None),
        ("baclofen", "tablet", None),
        ("baclofen oral solution 10 mg", "tablet", None),
        ("diazepam 10 mg injection", "tablet", None),
    ],
)
def test_tablets_of_a_known_strength_are_counted_though_the_name_says_no_form(medicine, unit, mg):
    assert reads(dose(1, unit, times=3), of=PRODUCTS.from_text(medicine)).daily_mg == mg


def test_a_unit_named_tablet_with_the_code_for_one_is_a_tablet():
    given = {"doseQuantity": quantity(1, "tablet", "1"), "timing": daily(3)}
    assert reads(given, of=PRODUCTS.from_text("baclofen 10 mg")).daily_mg == 30


@pytest.mark.parametrize(
    ("timing", "mg"),
    [
        ({**daily(1), **by_code("TID")}, 30),
        ({**daily(4), **by_code("TID")}, 40),
        ({**daily(4), "code": {"text": "as discussed"}}, 40),
        ({"repeat": {"when": ["MORN"]}, **by_code("BID")}, 20),
        ({"repeat": {"when": ["C"]}, **by_code("BID")}, 20),
        ({"repeat": {"count": 2}, **by_code("Q4H")}, 20),
    ],
)
def test_of_a_code_and_a_repeat_the_larger_daily_amount_counts(timing, mg):
    assert reads(dose(10, timing=timing)).daily_mg == mg


@pytest.mark.parametrize(
    ("words", "taper"),
    [
        ("do not taper", False),
        ("no taper needed, 1 tab TID", False),
        ("no need to taper", False),
        ("taper not needed", False),
        ("do not stop abruptly, taper slowly", True),
        ("no taper before surgery; taper afterwards", True),
        ("stop (taper)", True),
    ],
)
def test_a_taper_that_is_denied_is_none(words, taper):
    assert reads(dose(10, text=words)).says_taper is taper


@pytest.mark.parametrize("piece", ["no ", "no\t\t", "taper", "taper ", "not to ", "taper is ", " "])
def test_very_long_words_of_a_taper_take_no_very_long_time(piece):
    started = time.perf_counter()
    reads(dose(10, text=piece * (100_000 // len(piece)) + "taper"))
    assert time.perf_counter() - started < 1


def test_a_dose_by_weight_in_pounds_is_rounded_to_a_billionth():
    weight = Decimal(110) * Decimal("0.45359237")
    found = reads({"doseQuantity": quantity(0.333333333, "mg/kg"), "timing": daily(3)}, weight=weight).daily_mg
    assert found == Decimal("49.895160651")


# What holds of all --------------------------------------------------------------------------------------------------


AMOUNTS = st.decimals("0.5", 200, places=1)
FREQUENCIES = st.integers(1, 12)


@given(AMOUNTS, FREQUENCIES, st.sampled_from([("g", 1000), ("mcg", Decimal("0.001")), ("ng", Decimal("0.000001"))]))
def test_the_same_dose_in_another_unit_is_the_same_daily_dose(mg, times, unit):
    name, size = unit
    assert (
        reads(dose(float(mg / size), name, times)).daily_mg
        == reads(dose(float(mg), "mg", times)).daily_mg
        == mg * times
    )


@given(st.integers(1, 200), st.integers(1, 200), FREQUENCIES)
def test_a_dose_in_two_parts_is_the_same_daily_dose(one, other, times):
    assert (
        reads(dose(one, times=times), dose(other, times=times)).daily_mg
        == reads(dose(one + other, times=times)).daily_mg
    )


@given(st.integers(1, 8), FREQUENCIES)
def test_the_same_dosage_in_elements_and_in_words_is_the_same_daily_dose(tablets, times):
    words = {"text": f"take {tablets} tablets by mouth {times} times a day"}
    assert reads(words).daily_mg == reads(dose(tablets, "{tbl}", times)).daily_mg == 10 * tablets * times


@given(st.integers(1, 24))
def test_so_many_times_a_day_is_as_often_as_every_so_many_hours(hours):
    period = {"repeat": {"frequency": 1, "period": hours, "periodUnit": "h"}}
    assert times_a_day(period) == Decimal(24) / hours


ELEMENTS = sorted(
    {"sequence", "text", "timing", "repeat", "code", "coding", "type", "route", "display", "event", "duration"}
    | {"doseAndRate", "doseQuantity", "doseRange", "high", "value", "unit", "comparator", "rateRatio", "rateQuantity"}
    | {"frequency", "frequencyMax", "period", "periodMax", "periodUnit", "when", "timeOfDay", "dayOfWeek", "count"}
    | {"boundsPeriod", "boundsDuration", "start", "end", "maxDosePerPeriod", "numerator", "denominator"}
)
HOSTILE = st.sampled_from(
    [
        *(None, True, 0, -1, 1, 3, 0.1, 1e308, 5e-324, float("nan"), float("inf"), 10**4299, -(10**4299)),
        *("", "mg", "d", "h", "mg/kg/d", "{tbl}", "TID", "1 tab tid", "ordered", "MORN", "2026-01-01", "9999-12-31"),
        "x" * 5000,
    ]
)
JSON = st.recursive(
    HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ELEMENTS), inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(st.sampled_from(ELEMENTS), JSON, max_size=6), max_size=3))
def test_no_dosage_is_an_error(dosages):
    found = reads(*dosages, weight=60)
    assert found.daily_mg is None or (found.daily_mg.is_finite() and found.daily_mg >= 0)
