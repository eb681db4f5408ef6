"""Observations: values, units, limits and dates of laboratory results, and what is never guessed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.days import Day
from cds_service.clinical.model import Gap, Why
from cds_service.clinical.quantity import INFINITE, Amount
from cds_service.fhir.values import for_reader
from tests.journeys.records import LOINC, TODAY, concept, day, quantity
from tests.unit.fhir.chart import EVERYTHING, NOTHING, record
from tests.unit.fhir.laboratory import ALT, LISTS, PANEL, TESTS, observation, read_all

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
TOTAL = {"system": LOINC, "code": "1975-2"}
DIRECT = {"system": LOINC, "code": "1968-7"}


def everything(**members):
    """All that is read of one Observation."""
    return read_all(observation(**members))


def read(*, who=None, **members):
    """The one result or gap that an Observation gives; None when it gives nothing."""
    (found,) = read_all(observation(**members), who=who) or (None,)
    return found


def exactly(number):
    return None if number is None else Amount.exactly(Decimal(number))


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "appended", "preliminary"])
def test_a_result_counts_and_a_preliminary_one_is_called_so(status):
    result = read(status=status)
    assert result.preliminary is (status == "preliminary")
    assert (result.test, result.taken, result.shown) == ("ALT", Day.on(date(2026, 11, 20)), "52 U/L")


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "registered", "specimen-in-process"])
def test_what_is_no_result_yet_or_no_longer_does_not_count(status):
    assert read(status=status) is None


@pytest.mark.parametrize("status", ["", None])
def test_a_result_that_does_not_say_how_far_it_is_counts(status):
    assert read(status=status).preliminary is False


@pytest.mark.parametrize("code", ["1742-6", "1743-4", "1744-2", "76625-3", "77144-4"])
def test_every_code_of_a_test_is_the_test(code):
    assert read(code=concept(LOINC, code, "ALT")).test == "ALT"


def test_another_test_is_not_read():
    glucose = concept(LOINC, "2345-7", "Glucose")
    assert read(code=glucose) is None
    assert read(code={"coding": [*glucose["coding"], {"system": LOINC, "code": "2339-0"}]}) is None
    assert read(code=concept(LOINC, "24326-1", "Electrolytes 1998 panel")) is None


@pytest.mark.parametrize(
    "code", [concept("urn:lab", "1742-6", "ALT"), {"coding": [{"code": "1742-6"}]}, {"text": "ALT"}, {}, "1742-6"]
)
def test_a_test_that_only_its_laboratory_can_name_is_a_gap(code):
    gap = read(code=code)
    assert gap == Gap("Observation/o", Why.UNCODED, before=date(2026, 11, 21))
    assert gap.may_hide(frozenset({"ALT"}), date(2026, 11, 20))
    assert not gap.may_hide(frozenset({"ALT"}), date(2026, 11, 21))  # it is no newer than its own day


def test_a_component_that_only_its_laboratory_can_name_is_passed_over():
    unnamed = {"code": {"text": "AST"}, "valueQuantity": quantity(30, "U/L")}
    assert [one.test for one in everything(component=[unnamed])] == ["ALT"]


def test_a_local_code_beside_the_loinc_code_does_no_harm():
    coding = [{"system": "urn:lab", "code": "GPT"}, *ALT["coding"], {"system": LOINC, "code": "99999-9"}]
    assert read(code={"coding": coding}).test == "ALT"


@pytest.mark.parametrize("system", ["https://loinc.org", "http://loinc.org/", "urn:oid:2.16.840.1.113883.6.1"])
def test_loinc_goes_by_other_names_too(system):
    assert read(code=concept(system, "1742-6", "ALT")).test == "ALT"


@pytest.mark.parametrize("coding", [[TOTAL, DIRECT], [DIRECT, TOTAL]])
@pytest.mark.parametrize(
    "asked", [{"bilirubin"}, {"direct-bilirubin"}, {"bilirubin", "direct-bilirubin"}], ids=["total", "direct", "both"]
)
def test_a_result_called_total_and_direct_bilirubin_at_once_is_neither(coding, asked):
    tests = {code: test for code, test in TESTS.items() if test.name in asked}
    (gap,) = read_all(observation(code={"coding": coding}), tests=tests)
    assert (gap.why, gap.concerns) == (Why.CODES_DISAGREE, {"bilirubin", "direct-bilirubin"})


def test_direct_bilirubin_is_never_total_bilirubin():
    assert {test.name for code, test in TESTS.items() if code in {"1968-7", "14629-0"}} == {"direct-bilirubin"}
    assert all("direct-bilirubin" not in tests for code, tests in LISTS.ordered_tests().items() if code == "24325-3")
    assert read(code={"coding": [DIRECT]}).test == "direct-bilirubin"


def test_two_codes_of_one_test_are_that_test():
    coding = [{"system": LOINC, "code": "1743-4"}, {"system": LOINC, "code": "1742-6"}]
    assert read(code={"coding": coding}).test == "ALT"


def test_the_code_of_its_panel_beside_its_own_does_no_harm():
    assert read(code={"coding": [*PANEL["coding"], *ALT["coding"]]}).test == "ALT"


@pytest.mark.parametrize("status", ["fin", "X", ["final"], {"value": "final"}, 1])
def test_a_status_that_nobody_can_read_is_a_gap(status):
    assert read(status=status) == Gap("Observation/o", Why.NO_STATUS, concerns=frozenset({"ALT"}))


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
        ({"effectiveDateTime": "unknown", "issued": "2026-11-16T08:00:00Z"}, Why.NO_DATE),
        ({"effectiveDateTime": ["2026-01-01"], "issued": "2026-11-16T08:00:00Z"}, Why.NO_DATE),
        ({"status": "unknown"}, Why.NO_STATUS),
        ({"effectiveDateTime": day(-2)}, Why.FUTURE_DATE),
        ({"effectiveDateTime": "2062-11-20"}, Why.FUTURE_DATE),
        ({"effectiveDateTime": "2027"}, Why.FUTURE_DATE),
        ({"valueQuantity": ...}, Why.NO_VALUE),
        ({"valueQuantity": {}}, Why.NO_VALUE),
        ({"valueQuantity": {"value": "52", "unit": "U/L"}}, Why.NO_VALUE),
        ({"valueQuantity": {"value": None, "unit": "U/L"}}, Why.NO_VALUE),
        ({"valueQuantity": quantity(-52, "U/L")}, Why.NO_VALUE),
        ({"valueQuantity": quantity(10**30, "U/L")}, Why.NO_VALUE),
        ({"valueQuantity": quantity(1e-30, "U/L")}, Why.NO_VALUE),
        ({"valueQuantity": [quantity(52, "U/L")]}, Why.NO_VALUE),
        ({"valueQuantity": 52}, Why.NO_VALUE),
        ({"valueQuantity": None}, Why.NO_VALUE),
        ({"valueQuantity": {**quantity(52, "U/L"), "comparator": "ad"}}, Why.NO_VALUE),
        ({"valueQuantity": {**quantity(52, "U/L"), "comparator": "~"}}, Why.NO_VALUE),
        ({"valueQuantity": {**quantity(52, "U/L"), "comparator": ["<"]}}, Why.NO_VALUE),
        ({"valueQuantity": ..., "valueInteger": "52"}, Why.NO_VALUE),
        ({"valueQuantity": ..., "valueRange": {"low": quantity(40, "U/L"), "high": quantity(60, "U/L")}}, Why.NO_VALUE),
        ({"valueQuantity": ..., "valueRatio": {"numerator": quantity(52, "U"), "denominator": {}}}, Why.NO_VALUE),
        ({"valueQuantity": ..., "valueCodeableConcept": {"text": "52 U/L"}}, Why.NO_VALUE),
        ({"valueQuantity": ..., "valueString": "normal"}, Why.NO_VALUE),
    ],
)
def test_a_result_without_a_date_or_value_is_a_gap_about_its_test(members, why):
    gap = read(**members)
    assert gap == Gap("Observation/o", why, concerns=frozenset({"ALT"}))
    assert gap.label == "ALT"


@pytest.mark.parametrize("reason", ["error", "not-performed", "not-asked", "asked-declined", "temp-unknown"])
def test_a_result_that_says_why_it_has_no_value_hides_none(reason):
    assert read(valueQuantity=..., dataAbsentReason=concept(ABSENT, reason, reason)) is None


@pytest.mark.parametrize(
    "reason", [concept(ABSENT, code, code) for code in ("unknown", "masked", "not-permitted", "as-text")] + [{}, "x", 1]
)
def test_a_value_that_is_only_not_told_is_a_gap(reason):
    assert read(valueQuantity=..., dataAbsentReason=reason).why is Why.NO_VALUE


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
        ("1742-6", 520, "nkat/L", "31.20"),
        ("1742-6", 2, "µkat/L", 120),
        ("1742-6", 2, "\u03bckat/l", 120),
        ("1742-6", 52, "U / L", 52),
        ("1742-6", 52, "x" * 100, None),
        ("1975-2", 1.2, "MG/DL", "1.2"),
        ("1975-2", 12, "mg/L", "1.2"),
        ("1968-7", 10, "umol/L", "0.58480"),
        ("2324-2", 52, "U/L", 52),
        ("2160-0", 1.1, "mg/dL", "1.1"),
        ("14682-9", 100, "umol/L", "1.13122"),
        ("14682-9", 0.1, "mmol/L", "1.13122"),
        ("98979-8", 55, "mL/min/1.73 m²", 55),
        ("98979-8", 55, "mL/min/1.73m2", 55),
        ("98979-8", 1.5, "mL/s/1.73m2", 90),
        ("98979-8", 55, "mL/min", None),
        ("2823-3", 4.1, "mmol/L", "4.1"),
        ("2823-3", 4.1, "mEq/L", "4.1"),
        ("1975-2", 1.2, "mg/dL", "1.2"),
        ("14631-6", 50, "umol/L", "2.924"),
        ("6301-6", 1.5, "", "1.5"),
        ("6301-6", 1.5, "{INR}", "1.5"),
        ("6301-6", 1.5, "%", None),
    ],
)
def test_a_value_is_brought_to_the_unit_of_the_code_list(code, value, unit, amount):
    assert read(code=concept(LOINC, code, "x"), valueQuantity=quantity(value, unit)).amount == exactly(amount)


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ({"unit": "microkatal", "code": "ukat/L"}, 120),
        ({"unit": "ukat/L"}, 120),
        ({"code": "ukat/L"}, 120),
        ({"unit": "ukat/L", "code": "units of ours"}, 120),
        ({"unit": "ukat/L", "code": "U/L", "system": "urn:local:units"}, 120),
        ({"unit": "ukat/L", "code": "ukat/L", "system": "http://unitsofmeasure.org"}, 120),
        ({"unit": "ukat/L", "code": "U/L"}, None),
        ({"code": "U/L", "system": "urn:local:units"}, None),
        ({"unit": "katal", "code": "kat"}, None),
    ],
    ids=str,
)
def test_the_unit_is_the_ucum_code_else_what_is_written_and_neither_when_they_disagree(said, amount):
    assert read(valueQuantity={"value": 2, **said}).amount == exactly(amount)


def test_a_result_whose_unit_contradicts_itself_is_not_compared_with_its_limit():
    result = read(valueQuantity={"value": 2, "unit": "ukat/L", "code": "U/L"}, referenceRange=[limit(1, "ukat/L")])
    assert (result.amount, result.times_uln) == (None, None)


@pytest.mark.parametrize(
    ("said", "amount", "shown"),
    [
        ("150 U/L", exactly(150), "150 U/L"),
        ("150U/L", exactly(150), "150 U/L"),
        (" 150  IU/L ", exactly(150), "150 IU/L"),
        (">150 U/L", Amount(Decimal(150), INFINITE), ">150 U/L"),
        ("≥ 150 U/L", Amount(Decimal(150), INFINITE), ">=150 U/L"),
        ("< 5 U/L", Amount(Decimal(0), Decimal(5)), "<5 U/L"),
        ("≤5 U/L", Amount(Decimal(0), Decimal(5)), "<=5 U/L"),
        ("<=5 U/L", Amount(Decimal(0), Decimal(5)), "<=5 U/L"),
        ("2.5 µkat/L", exactly(150), "2.5 µkat/L"),
        ("0.125 ukat/L", exactly("7.500"), "0.125 ukat/L"),
        ("150", None, "150"),
        (">150", None, ">150"),
    ],
)
def test_a_value_in_words_counts_when_it_is_a_number_and_its_unit(said, amount, shown):
    result = read(valueQuantity=..., valueString=said)
    assert (result.amount, result.shown) == (amount, shown)


@pytest.mark.parametrize(
    "said",
    [
        *("normal", "", "see report", "150 (haemolysed)", "150 furlongs", "150 H", "40-60 U/L", "1,5 U/L", "1 500 U/L"),
        *("1.500 U/L", "12.500", "-150 U/L", "1e3 U/L", "150. U/L", "٣٠ U/L", "ad 150 U/L", "150 U/L" + " " * 80),
        *(150, ["150 U/L"], None, True),
    ],
)
def test_any_other_words_are_no_value(said):
    assert read(valueQuantity=..., valueString=said).why is Why.NO_VALUE


def test_an_inr_in_words_needs_no_unit():
    assert read(code=concept(LOINC, "6301-6", "INR"), valueQuantity=..., valueString="1.2").amount == exactly("1.2")


def test_a_whole_number_is_a_value_without_a_unit():
    assert read(code=concept(LOINC, "6301-6", "INR"), valueQuantity=..., valueInteger=2).amount == exactly(2)
    assert read(valueQuantity=..., valueInteger=52).amount is None


UNITS = {"U/L": 1, "[IU]/L": 1, "ukat/L": Decimal(1) / 60, "nkat/L": Decimal(1000) / 60}


@given(st.integers(1, 5000), st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_the_same_result_in_another_unit_is_the_same_multiple_of_its_limit(tenths, unit, of_limit):
    value = round(float(tenths * 6 * UNITS[unit]), 9)
    upper = round(float(60 * UNITS[of_limit]), 9)
    result = read(valueQuantity=quantity(value, unit), referenceRange=[limit(upper, of_limit)])
    assert abs(result.times_uln.least - Decimal(tenths) / 10) < Decimal("0.0001")
    assert abs(result.amount.least - tenths * 6) < Decimal("0.001")


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
        ({"value": 52, "unit": "{37_C}", "code": "U/L"}, "52"),
        ({"value": 52, "unit": "U{37_C}/L", "code": "U/L"}, "52 U/L"),
        ({"value": 52, "unit": "U/{any}", "code": "U/L"}, "52 U"),
        ({"value": 52, "unit": "U/L}{", "code": "U/L"}, "52 U/L}{"),
    ],
)
def test_a_value_is_shown_as_it_was_reported_without_the_annotations_of_its_unit(value, shown):
    assert read(valueQuantity=value).shown == shown


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²"),
        ("mL/s/{1.73_m2}", "mL/s/1.73 m²"),
        ("mL/min/1.73m2", "mL/min/1.73m2"),
        ("{INR}", ""),
        ("10*3{cells}/uL", "10*3/uL"),
        ("{" * 5000, "{" * 5000),
        ("{}" * 5000, ""),
    ],
    ids=[
        "by body surface",
        "by body surface, in seconds",
        "in words",
        "an annotation alone",
        "cells",
        "broken",
        "empty",
    ],
)
def test_a_unit_is_printed_for_a_reader(unit, told):
    assert for_reader(unit) == told


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
        ([{"text": "up to 26"}], 2),
        ([{"text": "10-26 U/L"}], 2),
        ([{"text": "10 - 26"}], 2),
        ([{"text": "(10 \u2013 26)"}], 2),
        ([{"text": "10 to 26 IU/L"}], 2),
        ([{"text": "<26"}], 2),
        ([{"text": "<= 26 U/L"}], 2),
        ([{"text": "≤26"}], 2),
        ([{"text": "10-26 furlongs"}], None),
        ([{"text": "26"}], None),
        ([{"text": ">26"}], None),
        ([{"text": "26-10"}], None),
        ([{"text": "M: 10-50, F: 10-35"}], None),
        ([{"text": "10-26, pregnant 10-40"}], None),
        ([{"text": "0-1.200"}], None),
        ([{"text": "10-0"}], None),
        ([{"text": "10-26" + " " * 80}], None),
        ([{"text": ["10-26"]}], None),
        ([{"text": "10-99", "high": quantity(26, "U/L")}], 2),
        ([{"text": "10-26", "high": {"value": "99"}}], None),
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
        ([concept(INTERPRETATION, ">", "Off scale high")], True),
        ([{"text": "H"}], True),
        *(([{"coding": [{"code": code}]}], True) for code in ("H", "HH", "HU", ">", "A", "AA")),
        *(([{"text": said}], True) for said in ("High", "critical high", "Critically high", "Significantly high")),
        *(([{"text": said}], True) for said in ("Abnormal", "critical abnormal")),
        ([{"text": "high risk"}], False),
        ([{**concept(INTERPRETATION, "N", "Normal"), "text": "H"}], False),
        ("H", True),
        (["HH"], True),
        ("normal", False),
        (5, False),
        ([5, None], False),
        ({}, False),
        (None, False),
    ],
    ids=repr,
)
def test_the_laboratory_marks_a_result_as_high(said, high):
    assert read(interpretation=said).flagged_high is high


@pytest.mark.parametrize("status", ["final", "preliminary"])
def test_a_flag_without_a_value_is_as_preliminary_as_its_observation(status):
    flag = [concept(INTERPRETATION, "H", "High")]
    assert read(valueQuantity=..., interpretation=flag, status=status).preliminary is (status == "preliminary")


def test_a_flag_without_a_value_is_a_result():
    result = read(valueQuantity=..., interpretation=[concept(INTERPRETATION, "H", "High")])
    assert (result.flagged_high, result.amount, result.times_uln, result.shown) == (True, None, None, "")


# Several tests in one Observation -------------------------------------------------------------------------------------


def component(code, value, **more):
    return {"code": concept(LOINC, code, code), "valueQuantity": quantity(value, "U/L"), **more}


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
