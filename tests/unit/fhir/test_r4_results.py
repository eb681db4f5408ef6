"""Observations: values, units, limits and dates of laboratory results, and what is never guessed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from cds_service.clinical.days import Day
from cds_service.clinical.model import Gap, Why
from cds_service.clinical.quantity import INFINITE, Amount
from tests.journeys.records import LOINC, TODAY, concept, day, quantity, whose
from tests.unit.fhir.chart import EVERYTHING, NOTHING, record

ALT = concept(LOINC, "1742-6", "Alanine aminotransferase")
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def observation(**members):
    said = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": ALT,
        "subject": whose(),
        "effectiveDateTime": "2026-11-20T08:00:00Z",
        "valueQuantity": quantity(52, "U/L"),
        **members,
    }
    return {name: value for name, value in said.items() if value is not ...}


def everything(**members):
    """All that is read of one Observation."""
    found = record(results=[observation(**members)]).results
    return (*found.items, *found.gaps)


def read(**members):
    """The one result or gap that an Observation gives; None when it gives nothing."""
    (found,) = everything(**members) or (None,)
    return found


def exactly(number):
    return None if number is None else Amount.exactly(Decimal(number))


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "appended", "preliminary"])
def test_a_result_counts_and_a_preliminary_one_is_called_so(status):
    result = read(status=status)
    assert result.preliminary is (status == "preliminary")
    assert (result.test, result.taken, result.shown) == ("ALT", Day.on(date(2026, 11, 20)), "52 U/L")


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "registered", "specimen-in-process", "unknown"])
def test_what_is_no_result_yet_or_no_longer_does_not_count(status):
    assert read(status=status) is None


@pytest.mark.parametrize("status", ["", None])
def test_a_result_that_does_not_say_how_far_it_is_counts(status):
    assert read(status=status).preliminary is False


@pytest.mark.parametrize("code", ["1742-6", "1743-4", "1744-2", "76625-3", "77144-4"])
def test_every_code_of_a_test_is_the_test(code):
    assert read(code=concept(LOINC, code, "ALT")).test == "ALT"


def test_another_test_is_not_read():
    assert read(code=concept(LOINC, "24326-1", "Electrolytes 1998 panel")) is None


@pytest.mark.parametrize(
    "code", [concept("urn:lab", "1742-6", "ALT"), {"coding": [{"code": "1742-6"}]}, {"text": "ALT"}, {}, "1742-6"]
)
def test_a_test_that_only_its_laboratory_can_name_is_a_gap(code):
    assert read(code=code) == Gap("Observation/o", Why.UNCODED)


def test_a_component_that_only_its_laboratory_can_name_is_passed_over():
    unnamed = {"code": {"text": "AST"}, "valueQuantity": quantity(30, "U/L")}
    assert [one.test for one in everything(component=[unnamed])] == ["ALT"]


def test_a_local_code_beside_the_loinc_code_does_no_harm():
    coding = [{"system": "urn:lab", "code": "GPT"}, *ALT["coding"], {"system": LOINC, "code": "99999-9"}]
    assert read(code={"coding": coding}).test == "ALT"


def test_a_test_that_no_rule_names_is_not_read():
    only_ast = replace(EVERYTHING, tests={code: one for code, one in EVERYTHING.tests.items() if one.name == "AST"})
    assert record(only_ast, results=[observation()]).results.items == ()
    assert record(NOTHING, results=[observation()]).results.items == ()


# When -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "first", "last"),
    [
        ({"effectiveDateTime": "2026-11-20"}, "2026-11-20", "2026-11-20"),
        ({"effectiveDateTime": "2026-11-20T23:59:00-11:00"}, "2026-11-20", "2026-11-20"),
        ({"effectiveDateTime": "2026-10"}, "2026-10-01", "2026-10-31"),
        ({"effectiveDateTime": "2026"}, "2026-01-01", "2026-12-31"),
        ({"effectiveDateTime": ..., "effectiveInstant": "2026-11-19T08:00:00Z"}, "2026-11-19", "2026-11-19"),
        (
            {"effectiveDateTime": ..., "effectivePeriod": {"start": "2026-11-17", "end": "2026-11-18"}},
            "2026-11-18",
            "2026-11-18",
        ),
        ({"effectiveDateTime": ..., "effectivePeriod": {"start": "2026-11-17"}}, "2026-11-17", "2026-11-17"),
        ({"effectiveDateTime": ..., "issued": "2026-11-16T08:00:00Z"}, "2026-11-16", "2026-11-16"),
        ({"effectiveDateTime": "unknown", "issued": "2026-11-16T08:00:00Z"}, "2026-11-16", "2026-11-16"),
        ({"effectiveDateTime": day(-1)}, day(-1), day(-1)),  # a day ahead can be a matter of time zones
    ],
)
def test_a_result_is_dated_by_its_sample_else_by_its_issue(members, first, last):
    assert read(**members).taken == Day(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"effectiveDateTime": ...}, Why.NO_DATE),
        ({"effectiveDateTime": "2026-02-30"}, Why.NO_DATE),
        ({"effectiveDateTime": ..., "effectivePeriod": {}}, Why.NO_DATE),
        ({"effectiveDateTime": day(-2)}, Why.FUTURE_DATE),
        ({"effectiveDateTime": "2062-11-20"}, Why.FUTURE_DATE),
        ({"effectiveDateTime": "2027"}, Why.FUTURE_DATE),
        ({"valueQuantity": ...}, Why.NO_VALUE),
        ({"valueQuantity": {}}, Why.NO_VALUE),
        ({"valueQuantity": {"value": "52", "unit": "U/L"}}, Why.NO_VALUE),
        ({"valueQuantity": {"value": None, "unit": "U/L"}}, Why.NO_VALUE),
        ({"valueQuantity": ..., "valueString": "normal"}, Why.NO_VALUE),
    ],
)
def test_a_result_without_a_date_or_value_is_a_gap_about_its_test(members, why):
    gap = read(**members)
    assert gap == Gap("Observation/o", why, concerns=frozenset({"ALT"}))
    assert gap.label == "ALT"


def test_a_result_that_says_why_it_has_no_value_hides_none():
    absent = concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "error", "Error")
    assert read(valueQuantity=..., dataAbsentReason=absent) is None


# How much -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "value", "unit", "amount"),
    [
        ("1742-6", 52, "U/L", 52),
        ("1742-6", 52.5, "[IU]/L", "52.5"),
        ("1742-6", 52, "IU/L", 52),
        ("1742-6", 52, "U/l", 52),
        ("1742-6", 2, "ukat/L", 120),
        ("1742-6", 52, "mg/dL", None),
        ("1742-6", 52, "", None),
        ("1975-2", 1.2, "mg/dL", "1.2"),
        ("14631-6", 50, "umol/L", "2.924"),
        ("6301-6", 1.5, "", "1.5"),
        ("6301-6", 1.5, "{INR}", "1.5"),
        ("6301-6", 1.5, "%", None),
    ],
)
def test_a_value_is_brought_to_the_unit_of_the_code_list(code, value, unit, amount):
    assert read(code=concept(LOINC, code, "x"), valueQuantity=quantity(value, unit)).amount == exactly(amount)


def test_the_unit_is_the_code_else_what_is_written():
    assert read(valueQuantity={"value": 2, "unit": "microkatal", "code": "ukat/L"}).amount == exactly(120)
    assert read(valueQuantity={"value": 2, "unit": "ukat/L"}).amount == exactly(120)


@pytest.mark.parametrize(
    ("comparator", "amount", "shown"),
    [
        (">", Amount(Decimal(1000), INFINITE), ">1000 U/L"),
        (">=", Amount(Decimal(1000), INFINITE), ">=1000 U/L"),
        ("<", Amount(Decimal(0), Decimal(1000)), "<1000 U/L"),
        ("<=", Amount(Decimal(0), Decimal(1000)), "<=1000 U/L"),
        (None, exactly(1000), "1000 U/L"),
    ],
)
def test_a_comparator_leaves_one_end_open(comparator, amount, shown):
    result = read(valueQuantity={**quantity(1000, "U/L"), "comparator": comparator})
    assert (result.amount, result.shown) == (amount, shown)


@pytest.mark.parametrize(
    ("comparator", "times"),
    [(">", Amount(Decimal(25), INFINITE)), ("<", Amount(Decimal(0), Decimal(25))), (None, exactly(25))],
)
def test_an_open_end_stays_open_in_multiples_of_the_limit(comparator, times):
    value = {**quantity(1000, "U/L"), "comparator": comparator}
    assert read(valueQuantity=value, referenceRange=[limit(40)]).times_uln == times


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (quantity(0.0001, "U/L"), "0.0001 U/L"),
        (quantity(1e6, "U/L"), "1000000 U/L"),
        ({"value": 52}, "52"),
        ({"value": 52, "code": "U/L"}, "52 U/L"),
        ({"value": 52, "unit": "units per litre", "code": "U/L"}, "52 units per litre"),
    ],
)
def test_a_value_is_shown_as_it_was_reported(value, shown):
    assert read(valueQuantity=value).shown == shown


# Times the upper limit of normal --------------------------------------------------------------------------------------

KIND = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"


def limit(value, unit="U/L", kind=None):
    said = {"low": quantity(0, unit), "high": {"value": value} if unit is None else quantity(value, unit)}
    return said if kind is None else {**said, "type": concept(KIND, kind, kind)}


@pytest.mark.parametrize(
    ("ranges", "times"),
    [
        ([limit(40)], "1.3"),
        ([limit(52)], 1),
        ([limit(26, kind="normal")], 2),
        (limit(26), 2),
        ([limit(26, None)], 2),
        ([limit(26, "IU/L")], 2),
        ([{"high": {"value": 26, "unit": "U/L"}}], 2),
        ([limit(26), limit(26)], 2),
        ([limit(26), limit(26, "IU/L")], 2),
        ([limit(26), limit(100, kind="therapeutic")], 2),
        ([limit(26), limit(100, kind="treatment")], 2),
        ([limit(26), {"text": "see report"}], 2),
        ([limit(26), limit(40)], None),
        ([limit(100, kind="therapeutic")], None),
        ([limit(26, "mg/dL")], None),
        ([limit(0)], None),
        ([limit(-1)], None),
        ([{"low": quantity(10, "U/L")}], None),
        ([{"text": "up to 40"}], None),
        ([{"high": {"value": "26", "unit": "U/L"}}], None),
        ([], None),
        (None, None),
        ("up to 40", None),
    ],
    ids=repr,
)
def test_a_result_is_measured_by_its_own_upper_limit_and_by_no_other(ranges, times):
    assert read(referenceRange=ranges).times_uln == exactly(times)


def test_a_limit_in_another_unit_is_converted():
    result = read(valueQuantity=quantity(120, "U/L"), referenceRange=[limit(0.5, "ukat/L")])
    assert result.times_uln == exactly(4)


def test_a_value_in_an_unknown_unit_still_compares_with_a_limit_in_the_same():
    result = read(valueQuantity=quantity(80, "Einheiten"), referenceRange=[limit(40, "Einheiten")])
    assert (result.times_uln, result.amount) == (exactly(2), None)


def test_a_value_in_an_unknown_unit_does_not_compare_with_a_known_one():
    assert read(valueQuantity=quantity(80, "Einheiten"), referenceRange=[limit(40)]).times_uln is None


# Flags ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "high"),
    [
        ([concept(INTERPRETATION, "H", "High")], True),
        ([concept(INTERPRETATION, "HH", "Critical high")], True),
        ([concept(INTERPRETATION, "HU", "Significantly high")], True),
        ([concept(INTERPRETATION, "A", "Abnormal")], True),
        ([concept(INTERPRETATION, "AA", "Critical abnormal")], True),
        (concept(INTERPRETATION, "H", "High"), True),
        ([concept(INTERPRETATION, "N", "Normal"), concept(INTERPRETATION, "H", "High")], True),
        ([concept(INTERPRETATION, "N", "Normal")], False),
        ([concept(INTERPRETATION, "L", "Low")], False),
        ([{"text": "H"}], False),
        ("H", False),
        (None, False),
    ],
    ids=repr,
)
def test_the_laboratory_marks_a_result_as_high(said, high):
    assert read(interpretation=said).flagged_high is high


def test_a_flag_without_a_value_is_a_result():
    result = read(valueQuantity=..., interpretation=[concept(INTERPRETATION, "H", "High")])
    assert (result.flagged_high, result.amount, result.times_uln, result.shown) == (True, None, None, "")


# Several tests in one Observation -------------------------------------------------------------------------------------


def component(code, value, **more):
    return {"code": concept(LOINC, code, code), "valueQuantity": quantity(value, "U/L"), **more}


PANEL = concept(LOINC, "24325-3", "Hepatic function panel")


def test_every_component_is_a_result_of_its_own():
    found = everything(
        code=PANEL,
        valueQuantity=...,
        component=[
            component("1742-6", 120, referenceRange=[limit(40)]),
            component("1920-8", 30, interpretation=[concept(INTERPRETATION, "H", "High")]),
            component("2345-7", 99),
        ],
    )
    said = [(one.ref, one.test, one.amount, one.times_uln, one.flagged_high) for one in found]
    assert said == [
        ("Observation/o", "ALT", exactly(120), exactly(3), False),
        ("Observation/o", "AST", exactly(30), None, True),
    ]


def test_a_component_shares_the_date_and_the_status_of_the_whole():
    (result,) = everything(code=PANEL, status="preliminary", component=[component("1742-6", 120)])
    assert (result.preliminary, result.taken) == (True, Day.on(date(2026, 11, 20)))


def test_a_component_without_a_value_is_a_gap_about_its_test_alone():
    parts = [component("1742-6", 120), {"code": concept(LOINC, "1920-8", "AST")}]
    found = everything(code=PANEL, valueQuantity=..., component=parts)
    assert found[1] == Gap("Observation/o", Why.NO_VALUE, concerns=frozenset({"AST"}))


def test_a_component_that_says_why_it_has_no_value_hides_none():
    absent = {"code": concept(LOINC, "1920-8", "AST"), "dataAbsentReason": {"text": "haemolysed"}}
    assert [one.test for one in everything(component=[absent])] == ["ALT"]


@pytest.mark.parametrize("wrong", ["text", [], ["text"], None])
def test_a_component_of_another_type_is_none(wrong):
    assert [one.test for one in everything(component=wrong)] == ["ALT"]


def test_the_same_observation_twice_counts_once():
    assert len(record(results=[observation(), observation()]).results.items) == 1


def test_observations_without_an_id_are_told_apart_by_their_place():
    first, second = observation(id=...), observation(id=..., valueQuantity=quantity(99, "U/L"))
    assert [one.ref for one in record(results=[first, second]).results.items] == ["results 1", "results 2"]


def test_a_result_of_today_counts():
    assert read(effectiveDateTime=TODAY.isoformat()).taken == Day.on(TODAY)
