"""How long a medicine has been taken, and what is known of its start and of its last increase."""

import pytest

from cds_service.clinical.model import Why
from cds_service.rules import conditions as c
from cds_service.rules.judging import judge
from tests.unit.rules.charts import (
    DANTROLENE,
    ORAL_DANTROLENE,
    between,
    bounds,
    chart,
    order,
    stop,
    takes,
    took,
    unread,
)

NO_RECORD = unread("medications")
NO_RECORD_IS_OPEN = {("medications", "not-supplied")}
SIX_WEEKS_TO_SIX_MONTHS = c.OnTherapy(DANTROLENE, bounds(at_least=42, below=183))


@pytest.mark.parametrize(
    ("drafts", "record", "said"),
    [
        ([], [takes("dantrolene", since=41)], "fails"),
        ([], [takes("dantrolene", since=42)], "holds"),
        ([], [takes("dantrolene", since=182)], "holds"),
        ([], [takes("dantrolene", since=183)], "fails"),
        ([], [takes("dantrolene", since=20), took("dantrolene", since=60, until=20)], "holds"),
        ([], [takes("dantrolene", since=between(60, 41))], "fails"),
        ([], [takes("dantrolene", since=between(60, 42))], "holds"),
        ([], [takes("dantrolene", since=between(200, 182))], "holds"),
        ([], [takes("dantrolene", since=None)], "fails"),
        ([], [took("dantrolene", since=60, until=10)], "fails"),
        ([order("dantrolene")], [took("dantrolene", since=60, until=10)], "holds"),
        ([order("dantrolene")], [took("dantrolene", since=90, until=31)], "fails"),
        ([order("dantrolene")], [], "fails"),
        ([], [takes("dantrolene", since=50), NO_RECORD], "holds"),
        ([], [NO_RECORD], "fails"),
        ([stop("dantrolene", since=50)], [NO_RECORD], "fails"),
        ([], [takes("baclofen", since=50)], "fails"),
    ],
    ids=[
        "a day before six weeks",
        "six weeks",
        "a day before six months",
        "six months",
        "by two orders in a row",
        "an imprecise start counts as its latest day",
        "which may be six weeks ago",
        "even when its first day would be too long ago",
        "a start nobody knows",
        "no longer",
        "taken up again",
        "taken up again too late to be the same therapy",
        "a first order",
        "at least as far as we could read",
        "no record",
        "no record, and when a stop order was written does not tell",
        "another medicine",
    ],
)
def test_a_therapy_of_six_weeks_to_six_months(answer, drafts, record, said):
    assert answer(SIX_WEEKS_TO_SIX_MONTHS, drafts=drafts, record=record) == said


def test_a_therapy_is_proved_by_the_draft_that_goes_on_with_it_else_by_what_runs(proof):
    record = [takes("dantrolene", since=20, ref="now"), took("dantrolene", since=60, until=20, ref="past")]
    assert proof(SIX_WEEKS_TO_SIX_MONTHS, record=record) == ["now"]
    drafts = [order("dantrolene", ref="d"), order("dantrolene", ref="beside", selected=False)]
    assert proof(SIX_WEEKS_TO_SIX_MONTHS, drafts=drafts, record=record) == ["d"]


@pytest.mark.parametrize(
    ("drafts", "record", "said"),
    [
        ([], [takes("dantrolene", since=None)], "holds"),
        ([], [takes("dantrolene", since=None), NO_RECORD], "holds"),
        ([], [takes("dantrolene", since=10)], "fails"),
        ([], [takes("dantrolene", since=between(40, 10))], "fails"),
        ([], [takes("dantrolene", since=None), takes("dantrolene", since=10)], "holds"),
        ([order("dantrolene")], [], "fails"),
        ([order("dantrolene")], [NO_RECORD], "holds"),
        ([order("dantrolene", selected=False)], [NO_RECORD], NO_RECORD_IS_OPEN),
        ([order("dantrolene")], [unread("statements", about={"baclofen"})], "fails"),
        ([order("dantrolene")], [NO_RECORD, takes("dantrolene", since=10)], "fails"),
        ([], [NO_RECORD], NO_RECORD_IS_OPEN),
        ([stop("dantrolene", since=None)], [NO_RECORD], "holds"),
        ([stop("dantrolene", since=10)], [NO_RECORD], "holds"),
        ([], [], "fails"),
    ],
    ids=[
        "it runs without a date",
        "it runs without a date, and perhaps there is more",
        "it runs since a known day",
        "it runs since some day of a month",
        "one of two orders has a date, the other may be older",
        "a first order",
        "ordered without a record",
        "ordered beside the selection without a record",
        "ordered, and a gap about another medicine",
        "ordered, the record incomplete but with a start",
        "no record",
        "no record, and a stop order without a date",
        "no record, and the date of a stop order does not tell",
        "not taken",
    ],
)
def test_a_start_is_unknown_when_nothing_we_could_read_says_it(answer, drafts, record, said):
    assert answer(c.StartUnknown(DANTROLENE), drafts=drafts, record=record) == said


def test_why_the_start_is_unknown_is_part_of_the_answer():
    undated = judge(c.StartUnknown(DANTROLENE), chart(record=[takes("dantrolene", since=None, ref="r"), NO_RECORD]))
    accounted = {(gap.where, gap.why) for gap in undated.accounted}
    assert accounted == {("r", Why.NO_DATE), ("medications", Why.NOT_SUPPLIED)}
    assert [item.ref for item in undated.evidence] == ["r"]
    unsupplied = judge(c.StartUnknown(DANTROLENE), chart(drafts=[order("dantrolene", ref="d")], record=[NO_RECORD]))
    assert unsupplied.accounted == (NO_RECORD,)
    assert [item.ref for item in unsupplied.evidence] == ["d"]


# -- the last increase -----------------------------------------------------------------------------------------------

FOUR_WEEKS_AGO = c.SinceDoseIncrease(DANTROLENE, bounds(at_least=28))
RAISED = took("dantrolene", since=200, until=50, dose=100)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ([takes("dantrolene", since=27)], "fails"),
        ([takes("dantrolene", since=28)], "holds"),
        ([RAISED, takes("dantrolene", since=27, dose=200)], "fails"),
        ([RAISED, takes("dantrolene", since=28, dose=200)], "holds"),
        ([RAISED, takes("dantrolene", since=10, dose=100)], "fails"),
        ([took("dantrolene", since=200, until=20, dose=100), takes("dantrolene", since=10, dose=100)], "holds"),
        ([takes("dantrolene", since=between(60, 28))], "holds"),
        ([takes("dantrolene", since=between(27, 1))], "fails"),
        ([takes("dantrolene", since=between(30, 20))], {("dose increase", "imprecise-date")}),
        ([takes("dantrolene", dose=None, ref="r")], {("r", "no-dose")}),
        ([took("dantrolene", since=200, until=5)], "fails"),
        ([takes("dantrolene", since=28), NO_RECORD], "holds"),
        ([], "fails"),
    ],
    ids=[
        "started 27 days ago",
        "started 28 days ago",
        "raised 27 days ago",
        "raised 28 days ago",
        "a new therapy after a pause",
        "ordered again at the same dose",
        "started in a month that is over long enough",
        "started in a month that is not",
        "started in a month that straddles the day",
        "a dose nobody knows",
        "no longer taken",
        "raised, and perhaps once more",
        "not taken",
    ],
)
def test_the_dose_was_last_raised_four_weeks_ago_or_earlier(answer, record, said):
    assert answer(FOUR_WEEKS_AGO, record=record) == said


def test_an_imprecise_increase_also_names_what_may_hide_another(answer):
    record = [takes("dantrolene", since=between(30, 20)), NO_RECORD]
    assert answer(FOUR_WEEKS_AGO, record=record) == {("dose increase", "imprecise-date"), *NO_RECORD_IS_OPEN}


def test_a_therapy_by_another_route_has_its_own_start(answer):
    record = [takes("dantrolene", since=50, route="injected")]
    assert answer(c.OnTherapy(ORAL_DANTROLENE, bounds(at_least=0)), record=record) == "fails"
    assert answer(c.SinceDoseIncrease(ORAL_DANTROLENE, bounds(at_least=0)), record=record) == "fails"


def test_an_increase_of_an_undated_therapy_is_open_because_of_its_missing_date(answer):
    assert answer(FOUR_WEEKS_AGO, record=[takes("dantrolene", since=None, ref="r")]) == {("r", "no-date")}


def test_without_a_record_it_is_open_when_the_dose_was_raised(answer):
    assert answer(FOUR_WEEKS_AGO, drafts=[order("dantrolene")], record=[NO_RECORD]) == NO_RECORD_IS_OPEN


# -- once wrong -------------------------------------------------------------------------------------------------------


def test_a_second_strength_added_to_the_first_raises_the_dose(answer):
    record = [
        takes("dantrolene", since=300, dose=100, product="a"),
        takes("dantrolene", since=20, dose=75, product="b"),
    ]
    assert answer(FOUR_WEEKS_AGO, record=record) == "fails"
