"""Panels and reports: their results wherever they stand, and what one without results leaves open."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.days import Day
from cds_service.clinical.model import Gap, Listing, Result, Why
from cds_service.fhir.results import settled
from tests.journeys.records import LOINC, TODAY, concept, day, liver_panel, quantity, result, whose
from tests.unit.fhir.laboratory import ALT, AST, PANEL, TESTS, observation, read_all, report

LIVER = frozenset({"ALT", "AST", "ALP", "bilirubin"})
DAY_AFTER = date(2026, 11, 21)
CBC = concept(LOINC, "58410-2", "CBC panel - Blood by Automated count")
LOCAL = {"coding": [{"system": "urn:lab", "code": "LFT"}], "text": "Leberwerte"}
LAB_REPORT = concept(LOINC, "11502-2", "Laboratory report")


def panel(**members):
    """A liver panel of two days ago, without a value of its own."""
    return observation(**{"id": "p", "code": PANEL, "valueQuantity": ..., **members})


def pointing(*said):
    return [{"reference": one} for one in said]


def contained(logical_id="alt", code=ALT, **members):
    """An Observation inside another resource: it has no day, status or patient of its own."""
    said = {"resourceType": "Observation", "id": logical_id, "code": code, "valueQuantity": quantity(120, "U/L")}
    return {**said, **members}


def told(found):
    """Results by their reference and test; gaps by where, why and what they hide."""
    return [
        (one.ref, str(one.test)) if isinstance(one, Result) else (one.where, one.why, one.concerns, one.before)
        for one in found
    ]


def hidden(*tests, why=Why.NO_VALUE, where="DiagnosticReport/r", before=DAY_AFTER):
    return (where, why, frozenset(tests) or None, before)


# What is inside -------------------------------------------------------------------------------------------------------


def test_a_report_brings_the_results_it_contains():
    found = read_all(report(contained=[contained(), contained("ast", AST)], result=pointing("#alt", "#ast")))
    assert told(found) == [("DiagnosticReport/r#alt", "ALT"), ("DiagnosticReport/r#ast", "AST")]


def test_a_contained_result_has_the_day_and_the_status_of_its_report():
    (found,) = read_all(report(status="preliminary", contained=[contained()], result=pointing("#alt")))
    assert (found.taken, found.preliminary) == (Day.on(date(2026, 11, 20)), True)


@pytest.mark.parametrize(("status", "preliminary"), [("partial", True), ("modified", False), ("amended", False)])
def test_the_words_of_reports_for_how_far_they_are_count_for_what_they_contain(status, preliminary):
    (found,) = read_all(report(status=status, contained=[contained()], result=pointing("#alt")))
    assert found.preliminary is preliminary


def test_a_contained_result_keeps_its_own_day_and_status():
    own = contained(effectiveDateTime="2026-10-01", status="final")
    (found,) = read_all(report(status="partial", contained=[own], result=pointing("#alt")))
    assert (found.taken, found.preliminary) == (Day.on(date(2026, 10, 1)), False)


def test_a_day_of_its_own_that_cannot_be_read_is_not_replaced():
    found = read_all(report(contained=[contained(effectiveDateTime="yesterday")], result=pointing("#alt")))
    assert [one.why for one in found] == [Why.NO_DATE]


def test_the_members_of_a_panel_may_stand_in_it():
    found = read_all(panel(contained=[contained(), contained("#ast", AST)], hasMember=pointing("#alt", "#ast")))
    assert told(found) == [("Observation/p#alt", "ALT"), ("Observation/p#ast", "AST")]


def test_what_older_versions_call_related_is_a_member():
    related = [{"type": "has-member", "target": {"reference": "#alt"}}]
    inner = contained("inner", PANEL, valueQuantity=None, related=related)
    assert told(read_all(report(contained=[inner, contained()]))) == [("DiagnosticReport/r#alt", "ALT")]


def test_a_contained_result_without_an_id_counts_by_its_place():
    found = read_all(report(contained=[contained("")]))
    assert told(found) == [("DiagnosticReport/r#1", "ALT")]


def test_a_contained_panel_brings_its_components():
    part = {"code": AST, "valueQuantity": quantity(30, "U/L")}
    found = read_all(report(contained=[contained("p", PANEL, valueQuantity=None, component=[part])]))
    assert told(found) == [("DiagnosticReport/r#p", "AST")]


def test_a_contained_result_of_another_patient_is_a_gap_and_not_used():
    others = contained(subject=whose("somebody-else"))
    found = read_all(report(contained=[others], result=pointing("#alt")))
    assert told(found) == [("DiagnosticReport/r#alt", Why.OTHER_PATIENT, None, None)]


def test_a_contained_result_may_point_at_the_contained_patient():
    who = {"resourceType": "Patient", "id": "p1"}
    own = contained(subject={"reference": "#p1"})
    assert [one.test for one in read_all(report(contained=[who, own]))] == ["ALT"]
    nobody = read_all(report(contained=[{**who, "id": "me"}, contained(subject={"reference": "#me"})]))
    assert [one.test for one in nobody] == ["ALT"]  # the id of what is contained says nothing of who it is


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "registered"])
def test_a_contained_result_that_does_not_count_hides_nothing(status):
    assert read_all(report(contained=[contained(status=status)], result=pointing("#alt"))) == ()


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "registered"])
@pytest.mark.parametrize("whole", [panel, report])
def test_a_report_that_is_registered_or_cancelled_says_nothing(whole, status):
    assert read_all(whole(status=status, contained=[contained()], hasMember=pointing("#alt"))) == ()


def test_a_component_that_only_its_laboratory_can_name_leaves_the_rest_of_the_panel_open():
    named = {"code": ALT, "valueQuantity": quantity(120, "U/L")}
    found = read_all(panel(component=[named, {"code": LOCAL, "valueQuantity": quantity(30, "U/L")}]))
    assert told(found) == [("Observation/p", "ALT"), hidden("AST", "ALP", "bilirubin", where="Observation/p")]


def test_a_panel_of_fewer_tests_than_usual_hides_none():
    named = {"code": ALT, "valueQuantity": quantity(120, "U/L")}
    assert told(read_all(panel(component=[named]))) == [("Observation/p", "ALT")]


MEMBERS = [contained(name, code) for name, code in (("a", ALT), ("b", AST), ("c", CBC), ("d", LOCAL))]


@given(st.permutations(MEMBERS), st.permutations(["#a", "#b", "#c", "#d"]))
def test_the_order_of_members_does_not_matter(members, pointers):
    found = told(read_all(report(contained=members, result=pointing(*pointers))))
    expected = [("DiagnosticReport/r#a", "ALT"), ("DiagnosticReport/r#b", "AST"), hidden("ALP", "bilirubin")]
    assert {*found} == {*expected}


# What stands elsewhere ------------------------------------------------------------------------------------------------

ELSEWHERE = [*liver_panel(2), result("ALT", 1, 2, "stranger", subject=whose("somebody-else"))]


def refs(*tests):
    return pointing(*(f"Observation/lab-{test.lower()}" for test in tests))


@pytest.mark.parametrize(
    "whole",
    [
        report(result=refs("ALT", "AST", "ALP", "bilirubin")),
        panel(hasMember=refs("ALT", "AST", "ALP", "bilirubin")),
        report(result=pointing("https://ehr.example/fhir/Observation/lab-alt/_history/3")),
        report(code=LOCAL, result=refs("ALT")),
        panel(code=LOCAL, hasMember=refs("ALT", "AST")),
        panel(code=LOCAL, component=[{"code": CBC}], hasMember=refs("ALT")),
    ],
    ids=["report", "panel", "absolute", "report under a local code", "panel under a local code", "and components"],
)
def test_results_that_stand_elsewhere_in_the_request_are_read_there_and_nothing_is_hidden(whole):
    assert read_all(whole, *ELSEWHERE) == ()


def test_members_that_are_nowhere_are_a_gap_about_the_tests_that_were_not_found():
    found = read_all(report(result=[*refs("ALT", "AST"), *pointing("Observation/lost")]), *ELSEWHERE)
    assert told(found) == [hidden("ALP", "bilirubin")]


def test_a_panel_in_a_panel_is_followed():
    inner = panel(id="inner", hasMember=refs("ALT", "AST", "ALP", "bilirubin"))
    cmp = concept(LOINC, "24323-8", "Comprehensive metabolic panel")
    found = read_all(panel(code=cmp, hasMember=pointing("Observation/inner", "Observation/lost")), inner, *ELSEWHERE)
    assert told(found) == [hidden("creatinine", "potassium", where="Observation/p")]


def test_panels_that_point_at_each_other_bring_nothing():
    one = panel(hasMember=pointing("Observation/q"))
    other = panel(id="q", hasMember=pointing("Observation/p"))
    assert told(read_all(one, other)) == [hidden(*LIVER, where="Observation/p")]


@pytest.mark.parametrize(
    "pointer",
    [
        {"reference": "Observation/lost"},
        {"reference": "#lost"},
        {"reference": ""},
        {"display": "ALT 52 U/L"},
        {"reference": "Observation/p"},
        {"reference": "Patient/p1"},
        {"reference": 7},
        "Observation/lab-alt",
        None,
    ],
    ids=str,
)
def test_a_member_that_cannot_be_found_is_a_gap(pointer):
    who = {"resourceType": "Patient", "id": "p1"}
    found = read_all(panel(hasMember=[pointer]), *ELSEWHERE, who=who)
    assert told(found) == [hidden(*LIVER, where="Observation/p")]


def test_a_member_of_another_patient_is_a_gap_and_not_used():
    found = read_all(report(result=pointing("Observation/stranger")), *ELSEWHERE)
    assert told(found) == [("Observation/stranger", Why.OTHER_PATIENT, None, None)]


def test_a_component_or_contained_result_of_a_member_counts_as_found():
    part = {"code": ALT, "valueQuantity": quantity(1, "U/L")}
    inner = panel(id="inner", component=[part], contained=[contained("ast", AST)])
    found = read_all(report(result=pointing("Observation/inner", "Observation/lost")), inner)
    assert told(found) == [hidden("ALP", "bilirubin")]


# Nothing inside -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "gap"),
    [
        (report(), hidden(*LIVER)),
        (report(result=[]), hidden(*LIVER)),
        (report(presentedForm=[{"contentType": "application/pdf"}]), hidden(*LIVER)),
        (report(result={"reference": "Observation/lost"}), hidden(*LIVER)),
        (panel(), hidden(*LIVER, where="Observation/p")),
        (panel(valueString="see report"), hidden(*LIVER, where="Observation/p")),
        (report(code=ALT), hidden("ALT")),
        (report(code=LOCAL), hidden(why=Why.UNCODED)),
        (report(code=LAB_REPORT), hidden()),
        (report(code=LAB_REPORT, result=pointing("Observation/x"), contained=[contained()]), ...),
        (report(effectiveDateTime=...), hidden(*LIVER, before=None)),
        (report(effectiveDateTime=..., issued="2026-11-20T08:00:00Z"), hidden(*LIVER)),
        (report(effectiveDateTime="9999-12-31"), hidden(*LIVER, before=None)),
        (report(effectiveDateTime="2026-11"), hidden(*LIVER, before=None)),
        (report(effectiveDateTime="2026-10"), hidden(*LIVER, before=date(2026, 11, 1))),
    ],
)
def test_a_panel_without_results_is_a_gap_about_its_tests_up_to_its_day(whole, gap):
    found = told(read_all(whole))
    if gap is ...:
        gap = hidden(*({str(test.name) for test in TESTS.values()} - {"ALT"}))
        assert found[0] == ("DiagnosticReport/r#alt", "ALT")
    assert found[-1] == gap


@pytest.mark.parametrize(
    "whole",
    [
        report(code=CBC),
        panel(code=CBC),
        panel(code=CBC, hasMember=pointing("Observation/lost")),
        panel(dataAbsentReason={"coding": [{"code": "not-performed"}]}),
        report(code=LOCAL, category=[{"coding": [{"code": "RAD"}]}]),
    ],
    ids=["report of other tests", "panel of other tests", "and members", "not performed", "radiology"],
)
def test_what_cannot_hold_a_test_we_ask_for_is_no_gap(whole):
    assert read_all(whole) == ()


def test_a_report_of_the_laboratory_under_a_local_code_is_a_gap():
    found = read_all(report(code=LOCAL, category=[{"coding": [{"code": "LAB"}]}]))
    assert told(found) == [hidden(why=Why.UNCODED)]


def test_only_the_tests_that_rules_name_are_hidden():
    only_alt = {code: test for code, test in TESTS.items() if test.name == "ALT"}
    assert told(read_all(report(), tests=only_alt)) == [hidden("ALT")]
    assert read_all(report(), tests={}) == ()


def test_a_value_under_a_local_code_is_a_gap_however_many_parts_it_has():
    found = read_all(panel(code=LOCAL, valueQuantity=quantity(52, "U/L"), component=[{"code": CBC}]))
    assert told(found) == [hidden(why=Why.UNCODED, where="Observation/p")]


# Beside its results ---------------------------------------------------------------------------------------------------


def listing(gap, *days_ago, test="ALT"):
    items = [Result(f"Observation/{ago}", test, Day.on(date.fromisoformat(day(ago)))) for ago in days_ago]
    return Listing(tuple(items), (gap,))


OPEN = Gap("DiagnosticReport/r", Why.NO_VALUE, "", LIVER, DAY_AFTER)


def test_the_heading_of_a_panel_hides_none_of_the_results_that_stand_beside_it():
    assert settled(listing(OPEN, 2)).gaps == (replace(OPEN, concerns=LIVER - {"ALT"}),)
    assert settled(listing(OPEN, 1)).gaps == (replace(OPEN, concerns=LIVER - {"ALT"}),)


def test_an_older_result_is_none_of_the_panel():
    assert settled(listing(OPEN, 3)).gaps == (OPEN,)
    assert settled(listing(OPEN, 40, 2, 3)).gaps == (replace(OPEN, concerns=LIVER - {"ALT"}),)


def test_a_panel_whose_tests_all_stand_beside_it_is_no_gap():
    items = tuple(Result("Observation/1", test, Day.on(TODAY)) for test in LIVER)
    assert settled(Listing(items, (OPEN,), said_none=True)) == Listing(items, (), said_none=True)


@pytest.mark.parametrize("gap", [replace(OPEN, before=None), replace(OPEN, concerns=None)])
def test_other_gaps_stay(gap):
    assert settled(listing(gap, 0)) == listing(gap, 0)
    both = replace(listing(gap, 0), gaps=(gap, replace(OPEN, concerns=frozenset({"ALT"}))))
    assert settled(both).gaps == (gap,)


# However hostile ------------------------------------------------------------------------------------------------------


def test_a_panel_that_points_at_the_same_thing_ten_thousand_times_is_read_once():
    inside = [contained(f"alt{number}") for number in range(2000)]
    found = read_all(report(contained=inside, result=pointing(*(f"#alt{number % 7}" for number in range(10_000)))))
    assert len(found) == 2000
    assert found[0].amount.least == Decimal(120)
