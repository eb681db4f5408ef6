"""What the laboratory says: done or not, high or not, newest or earlier, and what is still to come."""

import pytest

from cds_service.clinical.model import Why
from cds_service.clinical.quantity import Amount, Truth
from cds_service.rules import conditions as c
from cds_service.rules.judging import judge, newest
from tests.unit.rules.charts import (
    ALT,
    ALT_AND_AST,
    ALT_OR_AST,
    DANTROLENE,
    above,
    between,
    bounds,
    chart,
    lab_order,
    mg,
    order,
    result,
    takes,
    took,
    unread,
)

NO_LABS = unread("results")
NO_LABS_IS_OPEN = {("results", "not-supplied")}
NO_RECORD = unread("medications")
NO_RECORD_IS_OPEN = {("medications", "not-supplied")}
NO_SODIUM = unread("results", about={"sodium"})


def older_page(before):
    """The client's next page could not be fetched: it holds only what is older than the oldest result we have."""
    return unread("results", Why.MORE_PAGES, before=before)


# -- done or not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "any_one", "every_one"),
    [
        ([result("ALT", 90), result("AST", 90)], "holds", "holds"),
        ([result("ALT", 90), result("AST", 91)], "holds", "fails"),
        ([result("ALT", 91), result("AST", 90)], "holds", "fails"),
        ([result("ALT", 91), result("AST", 91)], "fails", "fails"),
        ([result("ALT", 0), result("AST", 0)], "holds", "holds"),
        ([result("ALT", 5)], "holds", "fails"),
        ([result("ALT", 5, value=None), result("AST", 5, value=None)], "holds", "holds"),
        ([result("sodium", 5)], "fails", "fails"),
        ([result("ALT", between(100, 91))], "fails", "fails"),
        ([result("ALT", between(90, 80)), result("AST", between(90, 80))], "holds", "holds"),
        (
            [result("ALT", between(91, 90), ref="a"), result("AST", 5)],
            "holds",
            {("a", "imprecise-date")},
        ),
        ([result("ALT", between(91, 90), ref="a")], {("a", "imprecise-date")}, "fails"),
        ([result("ALT", between(91, 90)), result("ALT", 3), result("AST", 3)], "holds", "holds"),
        ([NO_LABS], NO_LABS_IS_OPEN, NO_LABS_IS_OPEN),
        ([NO_LABS, result("ALT", 5)], "holds", NO_LABS_IS_OPEN),
        ([NO_LABS, result("ALT", 5), result("AST", 5)], "holds", "holds"),
        ([NO_SODIUM], "fails", "fails"),
        ([older_page(before=90)], "fails", "fails"),
        ([older_page(before=89)], {("results", "more-pages")}, {("results", "more-pages")}),
    ],
    ids=[
        "on the last day",
        "one of them a day too early",
        "the other a day too early",
        "both a day too early",
        "today",
        "one of them",
        "whatever their value",
        "another test",
        "some day too long ago",
        "some day within",
        "one of them perhaps within",
        "only one, perhaps within",
        "perhaps within, and surely a later one",
        "not supplied",
        "one of them, not all supplied",
        "both, not all supplied",
        "a gap about another test",
        "a page of what is older",
        "a page that reaches into the time",
    ],
)
def test_liver_tests_were_done_in_the_last_90_days(answer, results, any_one, every_one):
    assert answer(c.ResultWithin(ALT_OR_AST, 90), results=results) == any_one
    assert answer(c.ResultWithin(ALT_AND_AST, 90), results=results) == every_one


def test_a_test_is_proved_by_the_results_within_the_time(proof):
    results = [result("ALT", 5, ref="new"), result("ALT", 200, ref="old"), result("ALT", 50, ref="between")]
    assert proof(c.ResultWithin(ALT, 90), results=results) == ["new", "between"]


OR_SINCE_START = c.ResultWithin(ALT_OR_AST, 21, DANTROLENE)


@pytest.mark.parametrize(
    ("record", "results", "said"),
    [
        ([takes("dantrolene", since=21)], [], "holds"),
        ([takes("dantrolene", since=22)], [], "fails"),
        ([takes("dantrolene", since=22)], [result("ALT", 21)], "holds"),
        ([takes("dantrolene", since=22)], [NO_LABS], NO_LABS_IS_OPEN),
        ([takes("dantrolene", since=21)], [NO_LABS], "holds"),
        ([takes("dantrolene", since=5), took("dantrolene", since=60, until=5)], [], "fails"),
        ([takes("dantrolene", since=None, ref="r")], [], {("r", "no-date")}),
        ([takes("baclofen", since=5)], [], "fails"),
        ([], [], "fails"),
    ],
    ids=[
        "started on the last day",
        "started a day too early",
        "tested on the last day",
        "started too early, laboratory not supplied",
        "started in time, laboratory not supplied",
        "the newest order of a longer therapy",
        "a start nobody knows",
        "another medicine started",
        "neither",
    ],
)
def test_a_test_is_not_due_before_the_interval_since_the_start_is_over(answer, record, results, said):
    assert answer(OR_SINCE_START, record=record, results=results) == said


@pytest.mark.parametrize(
    ("event", "record", "results", "said"),
    [
        (c.Event.START, [takes("dantrolene", since=40)], [result("ALT", 40)], "holds"),
        (c.Event.START, [takes("dantrolene", since=40)], [result("ALT", 41)], "fails"),
        (
            c.Event.START,
            [takes("dantrolene", since=40)],
            [result("ALT", between(50, 40), ref="a")],
            {("a", "imprecise-date")},
        ),
        (c.Event.START, [takes("dantrolene", since=between(60, 40))], [result("ALT", 40)], "holds"),
        (c.Event.START, [takes("dantrolene", since=between(60, 40))], [result("ALT", 61)], "fails"),
        (c.Event.START, [takes("dantrolene", since=40)], [NO_LABS], NO_LABS_IS_OPEN),
        (c.Event.START, [takes("dantrolene", since=40)], [older_page(before=40)], "fails"),
        (c.Event.START, [takes("dantrolene", since=40)], [older_page(before=39)], {("results", "more-pages")}),
        (c.Event.START, [takes("dantrolene", since=None, ref="r")], [result("ALT", 1)], {("r", "no-date")}),
        (c.Event.START, [NO_RECORD], [result("ALT", 1)], NO_RECORD_IS_OPEN),
        (c.Event.START, [], [result("ALT", 1)], "fails"),
        (
            c.Event.LAST_DOSE_INCREASE,
            [took("dantrolene", since=200, until=40, dose=25), takes("dantrolene", since=40, dose=50)],
            [result("ALT", 40)],
            "holds",
        ),
        (
            c.Event.LAST_DOSE_INCREASE,
            [took("dantrolene", since=200, until=40, dose=25), takes("dantrolene", since=40, dose=50)],
            [result("ALT", 41)],
            "fails",
        ),
        (
            c.Event.START,
            [took("dantrolene", since=200, until=40, dose=25), takes("dantrolene", since=40, dose=50)],
            [result("ALT", 41)],
            "holds",
        ),
        (c.Event.LAST_DOSE_INCREASE, [takes("dantrolene", dose=None, ref="r")], [result("ALT", 1)], {("r", "no-dose")}),
        (c.Event.LAST_DOSE_INCREASE, [NO_RECORD], [result("ALT", 1)], NO_RECORD_IS_OPEN),
    ],
    ids=[
        "tested on the day of the start",
        "tested the day before",
        "tested in the month of the start",
        "tested on the last day it may have begun",
        "tested before the month it began in",
        "laboratory not supplied",
        "a page of what is older than the start",
        "a page that reaches behind the start",
        "a start nobody knows",
        "no record",
        "not taken",
        "tested on the day of the increase",
        "tested the day before the increase",
        "tested since the start but before the increase",
        "a dose nobody knows",
        "no record of an increase",
    ],
)
def test_liver_tests_were_done_on_or_after_an_event(answer, event, record, results, said):
    assert answer(c.ResultAfter(ALT_OR_AST, DANTROLENE, event), record=record, results=results) == said


def test_after_an_event_every_test_of_a_panel_is_wanted(answer):
    condition = c.ResultAfter(ALT_AND_AST, DANTROLENE, c.Event.START)
    record = [takes("dantrolene", since=40)]
    assert answer(condition, record=record, results=[result("ALT", 3)]) == "fails"
    assert answer(condition, record=record, results=[result("ALT", 3), result("AST", 3)]) == "holds"


# -- newest ----------------------------------------------------------------------------------------------------------

THREE_TIMES = c.Newest(ALT_OR_AST, bounds(at_least=3), in_uln=True, within_days=90)
INR_ABOVE = c.Newest(c.Tests(("INR",), every=False), bounds(above="1.5"), in_uln=False)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([result("ALT", 1, xuln="2.99")], "fails"),
        ([result("ALT", 1, xuln=3)], "holds"),
        ([result("AST", 1, xuln=3)], "holds"),
        ([result("ALT", 1, xuln=1), result("AST", 1, xuln=3)], "holds"),
        ([result("ALT", 1, xuln=1), result("AST", 1, xuln=1)], "fails"),
        ([result("ALT", 90, xuln=3)], "holds"),
        ([result("ALT", 91, xuln=3)], "fails"),
        ([result("ALT", 10, xuln=3), result("ALT", 9, xuln=1)], "fails"),
        ([result("ALT", 9, xuln=1), result("ALT", 10, xuln=3)], "fails"),
        ([result("ALT", 10, xuln=1), result("ALT", 9, xuln=3)], "holds"),
        ([result("ALT", 9, xuln=1, ref="a"), result("ALT", 9, xuln=3, ref="b")], "holds"),
        ([result("ALT", 10, xuln=3), result("AST", 1, xuln=1)], "holds"),
        ([result("ALT", 1, xuln=above(2), ref="a")], {("a", "no-value")}),
        ([result("ALT", 1, xuln=above(3))], "holds"),
        ([result("ALT", 1, xuln=Amount(mg(0), mg(2)))], "fails"),
        ([result("ALT", 1, ref="a")], {("a", "no-upper-limit")}),
        ([result("ALT", 1, value=None, flagged_high=True, ref="a")], {("a", "no-upper-limit")}),
        ([result("ALT", 1, value=None, ref="a")], {("a", "no-value")}),
        ([result("ALT", 1, ref="a"), result("AST", 1, xuln=3)], "holds"),
        ([result("ALT", 1, ref="a"), result("AST", 1, xuln=1)], {("a", "no-upper-limit")}),
        ([result("ALT", 91, ref="a")], "fails"),
        ([NO_LABS], NO_LABS_IS_OPEN),
        ([NO_LABS, result("ALT", 1, xuln=3)], "holds"),
        ([NO_LABS, result("ALT", 1, xuln=1)], NO_LABS_IS_OPEN),
        ([NO_SODIUM, result("ALT", 1, xuln=1)], "fails"),
        ([older_page(before=90), result("ALT", 1, xuln=1)], "fails"),
        ([result("sodium", 1, xuln=3)], "fails"),
        ([], "fails"),
    ],
    ids=[
        "just below",
        "exactly",
        "the other test",
        "one of them",
        "neither",
        "on the last day",
        "a day too early",
        "high, then normal",
        "high, then normal, in another order of the entries",
        "normal, then high",
        "high and normal on one day",
        "each test has its own newest",
        "more than twice the limit, perhaps three times",
        "more than three times the limit",
        "less than twice the limit",
        "without an upper limit",
        "marked high without a value",
        "without a value",
        "the other one is high anyway",
        "the other one is normal",
        "without an upper limit, but too long ago",
        "not supplied",
        "high, and not all supplied",
        "normal, and not all supplied",
        "a gap about another test",
        "a page of what is too long ago",
        "another test",
        "never tested",
    ],
)
def test_the_newest_alt_or_ast_of_90_days_is_three_times_its_upper_limit(answer, results, said):
    assert answer(THREE_TIMES, results=results) == said


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([result("INR", 1, value="1.5")], "fails"),
        ([result("INR", 1, value="1.51")], "holds"),
        ([result("INR", 4000, value=2)], "holds"),
        ([result("INR", 1, value=1, xuln=9)], "fails"),
        ([result("INR", 1, value=None, xuln=9, ref="a")], {("a", "no-value")}),
        ([result("INR", 1, value=None, flagged_high=True, ref="a")], {("a", "no-value")}),
        ([unread("results")], NO_LABS_IS_OPEN),
    ],
    ids=[
        "exactly the limit",
        "above it",
        "of long ago, where the card names no time",
        "its multiple is not asked for",
        "no value, only a multiple",
        "no value, only a mark",
        "not supplied",
    ],
)
def test_the_newest_inr_is_above_one_and_a_half(answer, results, said):
    assert answer(INR_ABOVE, results=results) == said


def test_a_value_is_proved_by_its_result_and_an_unreadable_one_named_by_its_test(proof):
    assert proof(THREE_TIMES, results=[result("ALT", 1, xuln=4, ref="a"), result("AST", 1, xuln=1)]) == ["a"]
    for unreadable in (result("ALT", 1), result("ALT", 1, xuln=above(2))):
        (gap,) = judge(THREE_TIMES, chart(results=[unreadable])).gaps
        assert gap.label == "ALT"


def test_of_results_without_a_day_the_last_possible_day_counts():
    month, day = result("ALT", between(31, 1), ref="month"), result("ALT", 1, ref="day")
    assert [one.ref for one in newest(chart(results=[month, day]), "ALT")] == ["month", "day"]
    assert newest(chart(results=[month, day]), "AST") == ()


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([result("ALT", 50, xuln=2), result("ALT", 1, xuln=1)], "holds"),
        ([result("ALT", 50, xuln="1.99"), result("ALT", 1, xuln=1)], "fails"),
        ([result("ALT", 90, xuln=2), result("ALT", 1, xuln=1)], "holds"),
        ([result("ALT", 91, xuln=2), result("ALT", 1, xuln=1)], "fails"),
        ([result("ALT", 1, xuln=2)], "fails"),
        ([result("ALT", 1, xuln=2, ref="a"), result("ALT", 1, xuln=1, ref="b")], "fails"),
        ([result("AST", 50, xuln=2), result("AST", 1, xuln=1), result("ALT", 70, xuln=1)], "holds"),
        ([result("AST", 50, xuln=2), result("ALT", 1, xuln=1)], "fails"),
        ([result("ALT", 50), result("ALT", 1, xuln=1)], "fails"),
        ([result("ALT", 60, xuln=1), result("ALT", 50, xuln=2), result("ALT", 1, xuln=1)], "holds"),
        ([], "fails"),
    ],
    ids=[
        "high, then not",
        "not high",
        "on the last day",
        "a day too early",
        "the newest is no earlier one",
        "nor is another of the same day",
        "the other test was high",
        "the only result of the other test is its newest",
        "an earlier one without an upper limit is passed over",
        "one of several earlier ones",
        "never tested",
    ],
)
def test_an_earlier_result_was_twice_its_upper_limit(answer, results, said):
    assert answer(c.Earlier(ALT_OR_AST, bounds(at_least=2), within_days=90), results=results) == said


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([result("ALT", 90, flagged_high=True)], "holds"),
        ([result("ALT", 91, flagged_high=True)], "fails"),
        ([result("ALT", 1)], "fails"),
        ([result("ALT", 1, flagged_high=True, xuln=2)], "fails"),
        ([result("ALT", 9, flagged_high=True), result("ALT", 1)], "fails"),
        ([result("AST", 1, flagged_high=True), result("ALT", 1)], "holds"),
        ([NO_LABS], NO_LABS_IS_OPEN),
        ([NO_LABS, result("ALT", 1, flagged_high=True)], "holds"),
        ([NO_SODIUM], "fails"),
        ([older_page(before=90)], "fails"),
        ([older_page(before=89)], {("results", "more-pages")}),
    ],
    ids=[
        "on the last day",
        "a day too early",
        "not marked",
        "its multiple is known",
        "the newest is not marked",
        "the other test",
        "not supplied",
        "marked, not all supplied",
        "a gap about another test",
        "a page of what is too long ago",
        "a page that reaches into the time",
    ],
)
def test_the_laboratory_marked_the_newest_result_as_high(answer, results, said):
    assert answer(c.FlaggedHigh(ALT_OR_AST, within_days=90), results=results) == said


def test_the_missing_upper_limit_is_why_a_mark_is_all_we_know():
    verdict = judge(c.FlaggedHigh(ALT, within_days=90), chart(results=[result("ALT", 1, flagged_high=True, ref="a")]))
    assert [item.ref for item in verdict.evidence] == ["a"]
    assert [(gap.where, gap.why, gap.label) for gap in verdict.accounted] == [("a", Why.NO_UPPER_LIMIT, "ALT")]


# -- still to come ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labs", "any_one", "every_one"),
    [
        ([lab_order("ALT", "AST", ordered=30)], "holds", "holds"),
        ([lab_order("ALT", "AST", ordered=31)], "fails", "fails"),
        ([lab_order("ALT", "AST", ordered=None)], "holds", "holds"),
        ([lab_order("ALT", "AST", ordered=between(30, 20))], "holds", "holds"),
        ([lab_order("ALT", "AST", ordered=between(40, 31))], "fails", "fails"),
        ([lab_order("ALT")], "holds", "fails"),
        ([lab_order("ALT"), lab_order("AST", ref="ServiceRequest/2")], "holds", "holds"),
        ([lab_order("ALT"), lab_order("AST", ref="ServiceRequest/2", ordered=31)], "holds", "fails"),
        ([lab_order("ALT", "AST", "ALP")], "holds", "holds"),
        ([lab_order("sodium")], "fails", "fails"),
        ([unread("orders")], {("orders", "not-supplied")}, {("orders", "not-supplied")}),
        ([unread("orders"), lab_order("ALT")], "holds", {("orders", "not-supplied")}),
        ([unread("orders", about={"sodium"})], "fails", "fails"),
        ([], "fails", "fails"),
    ],
    ids=[
        "ordered 30 days ago",
        "ordered 31 days ago",
        "ordered, nobody says when",
        "ordered in a month that is not long over",
        "ordered in a month that is",
        "one of them",
        "each on its own",
        "the other too long ago",
        "and more",
        "another test",
        "not supplied",
        "one of them, not all supplied",
        "a gap about another test",
        "nothing ordered",
    ],
)
def test_liver_tests_are_pending_for_at_most_30_days(answer, labs, any_one, every_one):
    assert answer(c.Pending(ALT_OR_AST, 30), labs=labs) == any_one
    assert answer(c.Pending(ALT_AND_AST, 30), labs=labs) == every_one


def test_what_is_pending_is_proved_by_the_orders_for_these_tests(proof):
    labs = [lab_order("sodium", ref="s"), lab_order("ALT", ref="a"), lab_order("AST", ref="b")]
    assert proof(c.Pending(ALT_AND_AST, 30), labs=labs) == ["a", "b"]


# -- dates on both sides of a boundary: what may be is never taken to be surely not ------------------------------------

STRADDLING = between(91, 90)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (THREE_TIMES, {"results": [result("ALT", STRADDLING, xuln=3)]}),
        (
            c.Earlier(ALT, bounds(at_least=3), within_days=90),
            {"results": [result("ALT", STRADDLING, xuln=3), result("ALT", 1, xuln=1)]},
        ),
        (
            c.Earlier(ALT, bounds(at_least=3), within_days=90),
            {"results": [result("ALT", 20, xuln=3), result("ALT", between(40, 1), xuln=1)]},
        ),
        (c.FlaggedHigh(ALT, within_days=90), {"results": [result("ALT", STRADDLING, flagged_high=True)]}),
        (c.Pending(ALT, 90), {"labs": [lab_order("ALT", ordered=STRADDLING)]}),
        (c.ResultWithin(ALT, 90, DANTROLENE), {"record": [takes("dantrolene", since=STRADDLING)]}),
    ],
    ids=[
        "a high newest result",
        "a high earlier result",
        "a high result that may be the newest itself",
        "a mark",
        "a pending order",
        "a start",
    ],
)
def test_what_may_lie_within_the_time_is_not_passed_over(condition, said):
    assert judge(condition, chart(**said)).truth is not Truth.FAILS


def test_a_result_that_may_be_older_than_the_start_is_no_proof():
    said = {"record": [takes("dantrolene", since=between(60, 40))], "results": [result("ALT", 50)]}
    assert judge(c.ResultAfter(ALT, DANTROLENE, c.Event.START), chart(**said)).truth is not Truth.HOLDS


def test_a_result_of_some_day_this_month_may_be_the_newest():
    month, day = result("ALT", between(31, 0), ref="month"), result("ALT", 10, ref="day")
    assert "month" in {one.ref for one in newest(chart(results=[day, month]), "ALT")}


def test_a_result_without_a_day_is_not_earlier_than_itself(answer):
    condition = c.Earlier(ALT, bounds(at_least=3), within_days=90)
    assert answer(condition, results=[result("ALT", between(40, 1), xuln=3)]) == "fails"


# -- once wrong -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [THREE_TIMES, c.FlaggedHigh(ALT_OR_AST, within_days=90)])
def test_a_page_of_older_results_hides_no_newest_one(answer, condition):
    results = [result("ALT", 5, xuln=1), result("AST", 5, xuln=1), older_page(before=20)]
    assert answer(condition, results=results) == "fails"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (THREE_TIMES, {"results": [result("ALT", STRADDLING, xuln=3)]}),
        (
            c.Earlier(ALT, bounds(at_least=3), within_days=90),
            {"results": [result("ALT", STRADDLING, xuln=3), result("ALT", 1, xuln=1)]},
        ),
        (c.FlaggedHigh(ALT, within_days=90), {"results": [result("ALT", STRADDLING, flagged_high=True)]}),
        (c.Pending(ALT, 90), {"labs": [lab_order("ALT", ordered=STRADDLING)]}),
        (c.ResultWithin(ALT, 90, DANTROLENE), {"record": [takes("dantrolene", since=STRADDLING)]}),
        (
            c.Starting(DANTROLENE),
            {"drafts": [order("dantrolene")], "record": [took("dantrolene", until=between(31, 30))]},
        ),
        (
            c.ResultAfter(ALT, DANTROLENE, c.Event.START),
            {"record": [takes("dantrolene", since=between(60, 40))], "results": [result("ALT", 50)]},
        ),
    ],
    ids=[
        "a high newest result",
        "a high earlier result",
        "a mark",
        "a pending order",
        "a start that may be too long ago for the test to be done",
        "an end that may be too long ago for a renewal",
        "a result that may be older than the start",
    ],
)
def test_a_date_on_both_sides_of_a_boundary_leaves_it_open(condition, said):
    assert judge(condition, chart(**said)).truth is Truth.UNKNOWN
