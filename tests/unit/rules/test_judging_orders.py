"""What is being ordered, taken, started, increased, ended, tapered, combined and counted."""

from datetime import timedelta

import pytest

from cds_service.clinical.codes import Route
from cds_service.clinical.model import Step, Why
from cds_service.rules import conditions as c
from cds_service.rules.judging import judge
from tests.unit.rules.charts import (
    BACLOFEN,
    BENZODIAZEPINE,
    DANTROLENE,
    OPIOID,
    ORAL_BACLOFEN,
    ORAL_DANTROLENE,
    TIZANIDINE,
    TODAY,
    between,
    bounds,
    chart,
    lapsed,
    mg,
    order,
    paused,
    planned,
    problem,
    stop,
    takes,
    took,
    unread,
)

NO_RECORD = unread("medications")
NO_RECORD_IS_OPEN = {("medications", "not-supplied")}
UNCODED_DRAFT = unread("MedicationRequest/x", Why.UNKNOWN_MEDICINE)
UNCODED_DRAFT_IS_OPEN = {("MedicationRequest/x", "unknown-medicine")}
OF_ANOTHER_MEDICINE = unread("statements", about={"metoprolol"})


# -- ordering --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drafts", "said"),
    [
        ([order("baclofen")], "holds"),
        ([order("tizanidine")], "fails"),
        ([stop("baclofen")], "fails"),
        ([order("baclofen", selected=False)], "fails"),
        ([order("baclofen", route=Route.INTRATHECAL)], "fails"),
        ([order("baclofen", route=None, ref="d")], {("d", "no-route")}),
        ([order("baclofen", route=None), order("baclofen")], "holds"),
        ([UNCODED_DRAFT], UNCODED_DRAFT_IS_OPEN),
        ([UNCODED_DRAFT, order("baclofen")], "holds"),
        ([OF_ANOTHER_MEDICINE], "fails"),
        ([], "fails"),
    ],
    ids=[
        "it is",
        "another medicine is",
        "it is being stopped",
        "it stands beside the selection",
        "by another route",
        "by a route nobody says",
        "twice, once by mouth",
        "perhaps: a draft has no code we know",
        "beside a draft without code",
        "a gap about another medicine",
        "nothing is ordered",
    ],
)
def test_a_medicine_is_being_ordered_by_mouth(answer, drafts, said):
    assert answer(c.Ordering(ORAL_BACLOFEN), drafts=drafts, record=[takes("baclofen"), NO_RECORD]) == said


# -- taking and running ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drafts", "record", "said"),
    [
        ([order("baclofen")], [], "holds"),
        ([order("baclofen", selected=False)], [], "holds"),
        ([], [takes("baclofen")], "holds"),
        ([], [planned("baclofen")], "holds"),
        ([], [took("baclofen")], "fails"),
        ([stop("baclofen")], [takes("baclofen")], "fails"),
        ([stop("baclofen")], [takes("baclofen"), NO_RECORD], NO_RECORD_IS_OPEN),
        ([order("tizanidine", renews=["r"])], [takes("baclofen", ref="r")], "fails"),
        ([], [NO_RECORD], NO_RECORD_IS_OPEN),
        ([], [NO_RECORD, takes("baclofen")], "holds"),
        ([], [OF_ANOTHER_MEDICINE], "fails"),
        ([UNCODED_DRAFT], [], UNCODED_DRAFT_IS_OPEN),
        ([], [takes("baclofen", route=None, ref="r")], {("r", "no-route")}),
    ],
    ids=[
        "ordered",
        "ordered beside the selection",
        "runs",
        "is to begin next week",
        "has ended",
        "is being stopped",
        "is being stopped, and the record is incomplete",
        "is being replaced",
        "the record was not supplied",
        "not all of the record was supplied",
        "a gap about another medicine",
        "a draft has no code we know",
        "by a route nobody says",
    ],
)
def test_a_medicine_is_taken_when_it_is_ordered_or_runs_and_is_not_being_stopped(answer, drafts, record, said):
    assert answer(c.Taking(ORAL_BACLOFEN), drafts=drafts, record=record) == said


@pytest.mark.parametrize(
    ("drafts", "record", "said"),
    [
        ([], [takes("baclofen")], "holds"),
        ([stop("baclofen")], [takes("baclofen")], "holds"),
        ([order("baclofen")], [], "fails"),
        ([], [planned("baclofen")], "fails"),
        ([], [took("baclofen")], "fails"),
        ([], [NO_RECORD], NO_RECORD_IS_OPEN),
        ([stop("baclofen")], [NO_RECORD], "holds"),
        ([], [OF_ANOTHER_MEDICINE], "fails"),
    ],
    ids=[
        "active",
        "active and being stopped",
        "only ordered",
        "to begin next week",
        "ended",
        "no record",
        "no record, but a stop order",
        "a gap about another medicine",
    ],
)
def test_a_medicine_runs_when_the_record_says_so(answer, drafts, record, said):
    assert answer(c.Running(BACLOFEN), drafts=drafts, record=record) == said


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (7, "fails"),
        (8, "holds"),
        (between(20, 8), "holds"),
        (between(7, 1), "fails"),
        (None, {("r", "no-date")}),
    ],
)
def test_a_medicine_runs_for_over_a_week(answer, since, said):
    condition = c.Running(BACLOFEN, bounds(above=7))
    assert answer(condition, record=[takes("baclofen", since=since, ref="r")]) == said


def test_a_start_that_may_be_on_either_side_of_the_week_leaves_it_open(answer):
    condition = c.Running(BACLOFEN, bounds(above=7))
    record = [takes("baclofen", since=between(8, 7))]
    assert answer(condition, record=record) == {("start of therapy", "imprecise-date")}


@pytest.mark.parametrize(
    ("since", "over_a_week", "up_to_a_week"),
    [
        (8, "holds", "fails"),
        (7, NO_RECORD_IS_OPEN, NO_RECORD_IS_OPEN),
        (between(8, 7), NO_RECORD_IS_OPEN, NO_RECORD_IS_OPEN),
    ],
)
def test_what_could_not_be_read_may_hide_an_earlier_start_and_never_a_later_one(
    answer, since, over_a_week, up_to_a_week
):
    record = [takes("baclofen", since=since), NO_RECORD]
    assert answer(c.Running(BACLOFEN, bounds(above=7)), record=record) == over_a_week
    assert answer(c.Running(BACLOFEN, bounds(at_most=7)), record=record) == up_to_a_week


def test_a_stop_order_does_not_say_how_long_the_medicine_ran(answer):
    condition = c.Running(BACLOFEN, bounds(above=7))
    assert answer(condition, drafts=[stop("baclofen", since=40)], record=[NO_RECORD]) == NO_RECORD_IS_OPEN


def test_how_long_it_runs_needs_no_answer_when_it_does_not_run(answer):
    condition = c.Running(BACLOFEN, bounds(above=7))
    assert answer(condition) == "fails"
    assert answer(condition, record=[NO_RECORD]) == NO_RECORD_IS_OPEN


def test_the_running_order_proves_how_long_it_runs(proof):
    condition = c.Running(BACLOFEN, bounds(above=7))
    record = [takes("baclofen", since=3, ref="now"), took("baclofen", since=90, until=3, ref="past")]
    assert proof(condition, record=record) == ["now"]


@pytest.mark.parametrize(
    ("record", "lowered"),
    [([paused("baclofen")], True), ([lapsed("baclofen")], True), ([takes("baclofen")], False)],
)
def test_a_medicine_that_is_paused_or_has_lapsed_counts_one_level_lower(record, lowered):
    assert judge(c.Taking(BACLOFEN), chart(record=record)).lowered is lowered
    assert judge(c.Running(BACLOFEN), chart(record=record)).lowered is lowered
    assert judge(c.Running(BACLOFEN, bounds(above=7)), chart(record=record)).lowered is lowered


# -- starting and increasing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ([], "holds"),
        ([takes("dantrolene")], "fails"),
        ([paused("dantrolene")], "fails"),
        ([lapsed("dantrolene")], "fails"),
        ([planned("dantrolene")], "holds"),
        ([took("dantrolene", until=30)], "fails"),
        ([took("dantrolene", until=31)], "holds"),
        ([took("dantrolene", since=60, until=None)], "fails"),
        ([took("dantrolene", since=61, until=None)], "holds"),
        ([took("dantrolene", since=None, until=None)], "holds"),
        ([took("dantrolene", until=31), took("dantrolene", until=30)], "fails"),
        ([takes("dantrolene", route=Route.INJECTED)], "holds"),
        ([takes("dantrolene", route=None, ref="r")], {("r", "no-route")}),
        ([NO_RECORD], NO_RECORD_IS_OPEN),
        ([NO_RECORD, took("dantrolene", until=31)], NO_RECORD_IS_OPEN),
        ([NO_RECORD, takes("dantrolene")], "fails"),
        ([OF_ANOTHER_MEDICINE], "holds"),
    ],
    ids=[
        "never before",
        "it runs",
        "it is paused",
        "it has lapsed",
        "it is planned already",
        "ended 30 days ago",
        "ended 31 days ago",
        "a month's supply ended 30 days ago",
        "a month's supply ended 31 days ago",
        "ended, nobody knows when",
        "ended twice",
        "it runs by another route",
        "it runs by a route nobody says",
        "no record",
        "an incomplete record of what ended long ago",
        "an incomplete record of what runs",
        "a gap about another medicine",
    ],
)
def test_a_first_order_is_one_without_a_record_of_the_last_30_days(answer, record, said):
    assert answer(c.Starting(ORAL_DANTROLENE), drafts=[order("dantrolene")], record=record) == said


@pytest.mark.parametrize(
    ("drafts", "said"),
    [
        ([], "fails"),
        ([order("dantrolene", selected=False)], "fails"),
        ([stop("dantrolene")], "fails"),
        ([UNCODED_DRAFT], UNCODED_DRAFT_IS_OPEN),
    ],
)
def test_nothing_starts_that_is_not_being_ordered(answer, drafts, said):
    assert answer(c.Starting(ORAL_DANTROLENE), drafts=drafts) == said


def test_a_first_order_is_proved_by_the_draft(proof):
    drafts = [order("dantrolene", ref="d"), order("baclofen")]
    assert proof(c.Starting(DANTROLENE), drafts=drafts, record=[took("dantrolene", until=90)]) == ["d"]


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        ([order("dantrolene", dose=75)], [takes("dantrolene", dose=50)], "holds"),
        ([order("dantrolene", dose=50)], [takes("dantrolene", dose=50)], "fails"),
        ([order("dantrolene", dose=25)], [takes("dantrolene", dose=50)], "fails"),
        ([order("dantrolene", dose=50)], [takes("dantrolene", dose=25), takes("dantrolene", dose=25)], "fails"),
        ([order("dantrolene", dose=51)], [takes("dantrolene", dose=25), paused("dantrolene", dose=25)], "holds"),
        ([order("dantrolene", dose=None, ref="d")], [takes("dantrolene")], {("d", "no-dose")}),
        ([order("dantrolene")], [takes("dantrolene", dose=None, ref="r")], {("r", "no-dose")}),
        (
            [order("dantrolene", dose=None, ref="d")],
            [takes("dantrolene", dose=None, ref="r"), takes("dantrolene", ref="s")],
            {("d", "no-dose"), ("r", "no-dose")},
        ),
        ([order("dantrolene", dose=75), order("dantrolene", dose=None)], [takes("dantrolene", dose=50)], "holds"),
        ([order("dantrolene", dose=75)], [], "fails"),
        ([order("dantrolene", dose=75)], [took("dantrolene", dose=50)], "fails"),
        ([order("dantrolene", dose=75)], [NO_RECORD], NO_RECORD_IS_OPEN),
        ([order("dantrolene", dose=75)], [NO_RECORD, takes("dantrolene", dose=50)], "holds"),
        ([], [takes("dantrolene", dose=50)], "fails"),
        ([order("dantrolene", dose=75, selected=False)], [takes("dantrolene", dose=50)], "fails"),
        ([UNCODED_DRAFT], [takes("dantrolene", dose=50)], UNCODED_DRAFT_IS_OPEN),
        ([UNCODED_DRAFT], [], "fails"),
    ],
    ids=[
        "raised",
        "the same",
        "lowered",
        "the same as both strengths together",
        "more than both strengths together",
        "the new dose is missing",
        "the old dose is missing",
        "both doses are missing",
        "raised at least",
        "a first order",
        "an order after the end",
        "no record",
        "an incomplete record",
        "not ordered",
        "ordered beside the selection",
        "a draft without code while it runs",
        "a draft without code while it does not",
    ],
)
def test_a_dose_is_increased_when_what_is_ordered_exceeds_what_runs(answer, now, before, said):
    assert answer(c.Increasing(DANTROLENE), drafts=now, record=before) == said


def test_an_increase_is_proved_by_the_draft_and_a_missing_dose_named(proof):
    record = [takes("dantrolene", dose=50)]
    assert proof(c.Increasing(DANTROLENE), drafts=[order("dantrolene", dose=75, ref="d")], record=record) == ["d"]
    open_ = judge(
        c.Increasing(DANTROLENE), chart(drafts=[order("dantrolene")], record=[takes("dantrolene", dose=None)])
    )
    assert [gap.label for gap in open_.gaps] == ["dantrolene"]


# -- ending ----------------------------------------------------------------------------------------------------------

STOP = frozenset({c.EndedBy.STOP})
REPLACEMENT = frozenset({c.EndedBy.REPLACEMENT})
PILLS = takes("baclofen", ref="pills")
MORE_PILLS = takes("baclofen", ref="more")
PUMP = takes("baclofen", route=Route.INTRATHECAL, ref="pump")


@pytest.mark.parametrize(
    ("drafts", "record", "by_stop", "by_replacement"),
    [
        ([stop("baclofen")], [PILLS], "holds", "fails"),
        ([stop("baclofen", of=["pills"])], [PILLS], "holds", "fails"),
        ([stop("baclofen", of=["pills"])], [PILLS, MORE_PILLS], "fails", "fails"),
        ([stop("baclofen")], [PILLS, MORE_PILLS], "holds", "fails"),
        ([stop("baclofen"), order("baclofen")], [PILLS], "fails", "fails"),
        ([stop("baclofen"), order("baclofen", selected=False)], [PILLS], "fails", "fails"),
        ([stop("baclofen"), order("baclofen", route=Route.INTRATHECAL)], [PILLS], "holds", "holds"),
        ([stop("baclofen")], [PILLS, PUMP], "holds", "fails"),
        ([stop("baclofen", route=Route.INTRATHECAL)], [PILLS, PUMP], "fails", "fails"),
        ([stop("baclofen"), order("tizanidine")], [PILLS], "holds", "holds"),
        ([stop("baclofen"), order("tizanidine", selected=False)], [PILLS], "holds", "holds"),
        ([stop("baclofen", selected=False)], [PILLS], "fails", "fails"),
        ([stop("baclofen", selected=False), order("tizanidine")], [PILLS], "fails", "fails"),
        ([order("tizanidine", renews=["pills"])], [PILLS], "fails", "holds"),
        ([order("tizanidine", renews=["pills"], selected=False)], [PILLS], "fails", "fails"),
        ([order("tizanidine", renews=["pills"])], [PILLS, MORE_PILLS], "fails", "fails"),
        ([order("tizanidine", renews=["pills", "more"])], [PILLS, MORE_PILLS], "fails", "holds"),
        ([order("baclofen", renews=["pills"])], [PILLS], "fails", "fails"),
        ([order("tizanidine")], [PILLS], "fails", "fails"),
        ([stop("tizanidine"), order("dantrolene")], [PILLS, takes("tizanidine")], "fails", "fails"),
        ([stop("baclofen")], [NO_RECORD], "holds", "fails"),
        ([stop("baclofen"), order("tizanidine")], [NO_RECORD], "holds", "holds"),
        ([stop("baclofen", route=None, ref="s")], [PILLS], {("s", "no-route")}, {("s", "no-route")}),
        ([UNCODED_DRAFT, stop("tizanidine", of=["pills"])], [PILLS], UNCODED_DRAFT_IS_OPEN, UNCODED_DRAFT_IS_OPEN),
        ([OF_ANOTHER_MEDICINE, stop("tizanidine", of=["pills"])], [PILLS], "fails", "fails"),
        ([], [PILLS], "fails", "fails"),
    ],
    ids=[
        "a stop order",
        "a stop order that names it",
        "a stop order for one of two",
        "a stop order for both",
        "stopped and ordered again",
        "stopped and ordered again beside the selection",
        "by mouth no more, into the spine instead",
        "by mouth no more while the pump runs on",
        "the pump stops",
        "stopped, and another medicine ordered",
        "stopped, and another medicine ordered beside the selection",
        "a stop order beside the selection",
        "a stop order beside the selection of another medicine",
        "another medicine in its place",
        "another medicine in its place beside the selection",
        "another medicine in the place of one of two",
        "another medicine in the place of both",
        "a renewal",
        "another medicine beside it",
        "another medicine is stopped and replaced",
        "a stop order without a record",
        "a stop order and another medicine without a record",
        "a stop order by a route nobody says",
        "a stop order for another medicine with its id, and a draft without code",
        "a stop order for another medicine with its id",
        "nothing",
    ],
)
def test_the_drafts_end_what_runs_by_a_stop_order_or_by_a_replacement(answer, drafts, record, by_stop, by_replacement):
    situation = chart(drafts=drafts, record=record)
    assert answer(c.Ending(ORAL_BACLOFEN, STOP), situation) == by_stop
    assert answer(c.Ending(ORAL_BACLOFEN, REPLACEMENT), situation) == by_replacement
    either = answer(c.Ending(ORAL_BACLOFEN, STOP | REPLACEMENT), situation)
    assert either == ("holds" if "holds" in (by_stop, by_replacement) else by_stop)


def test_an_end_is_proved_by_the_drafts_that_make_it(proof):
    either = c.Ending(ORAL_BACLOFEN, STOP | REPLACEMENT)
    stops = [stop("baclofen", ref="s"), stop("baclofen", ref="beside", selected=False), order("tizanidine", ref="d")]
    assert proof(either, drafts=stops, record=[PILLS]) == ["s"]
    instead = [
        order("tizanidine", renews=["pills"], ref="d"),
        order("dantrolene", renews=["pills"], ref="beside", selected=False),
        order("metoprolol", ref="e"),
    ]
    assert proof(either, drafts=instead, record=[PILLS]) == ["d"]


# -- tapers ----------------------------------------------------------------------------------------------------------


def falling(first_day):
    """Two weeks, the second at half the dose; it begins so many days from today."""
    start = TODAY + timedelta(days=first_day)
    return (Step(mg(30), first=start, days=7), Step(mg(15), first=start + timedelta(days=7), days=7))


@pytest.mark.parametrize(
    ("drafts", "record", "said"),
    [
        ([order("baclofen", steps=falling(0))], [], "holds"),
        ([order("baclofen", steps=falling(0), selected=False)], [], "holds"),
        ([order("baclofen", says_taper=True)], [], "holds"),
        ([order("baclofen")], [], "fails"),
        ([order("tizanidine", steps=falling(0))], [], "fails"),
        ([], [takes("baclofen", steps=falling(-3))], "holds"),
        ([], [took("baclofen", steps=falling(-60))], "fails"),
        ([stop("baclofen")], [takes("baclofen", steps=falling(-8))], "holds"),
        ([stop("baclofen")], [takes("baclofen", steps=falling(-7))], "holds"),
        ([stop("baclofen")], [takes("baclofen", steps=falling(-6))], "fails"),
        ([stop("tizanidine")], [takes("baclofen", steps=falling(-6))], "holds"),
        ([stop("baclofen")], [takes("baclofen", says_taper=True)], "fails"),
        ([stop("baclofen")], [takes("baclofen", says_taper=True, steps=(Step(mg(30), days=7),))], "fails"),
        ([], [takes("baclofen"), NO_RECORD], NO_RECORD_IS_OPEN),
        ([], [takes("baclofen"), unread("statements")], "fails"),
        ([], [takes("baclofen"), unread("statements"), NO_RECORD], NO_RECORD_IS_OPEN),
        ([UNCODED_DRAFT], [takes("baclofen")], UNCODED_DRAFT_IS_OPEN),
        ([UNCODED_DRAFT], [takes("baclofen", steps=falling(-3))], "holds"),
        ([], [takes("baclofen"), OF_ANOTHER_MEDICINE], "fails"),
    ],
    ids=[
        "is ordered",
        "is ordered beside the selection",
        "is ordered in words",
        "an order without steps",
        "of another medicine",
        "runs",
        "ended",
        "is stopped after its last step began",
        "is stopped on the day its last step begins",
        "is stopped before its last step",
        "runs while another medicine is stopped",
        "in words is stopped",
        "in words with an undated step is stopped",
        "may be hidden by prescriptions we could not read",
        "is not hidden by statements we could not read",
        "may be hidden where neither could be read",
        "may be hidden in a draft without code",
        "runs beside a draft without code",
        "is not hidden by a gap about another medicine",
    ],
)
def test_a_taper_is_ordered_or_runs(answer, drafts, record, said):
    assert answer(c.Taper(BACLOFEN), drafts=drafts, record=record) == said


def test_a_taper_is_proved_by_the_orders_that_fall(proof):
    drafts = [order("baclofen", ref="d", steps=falling(0)), order("baclofen", ref="e")]
    record = [takes("baclofen", ref="r", steps=falling(-3)), takes("baclofen", ref="s")]
    assert proof(c.Taper(BACLOFEN), drafts=drafts, record=record) == ["d", "r"]


# -- together --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drafts", "record", "said"),
    [
        ([order("dantrolene")], [takes("baclofen")], "holds"),
        ([order("baclofen")], [takes("dantrolene")], "holds"),
        ([order("dantrolene"), order("baclofen")], [], "holds"),
        ([order("dantrolene"), order("baclofen", selected=False)], [], "holds"),
        ([order("dantrolene", selected=False), order("baclofen", selected=False)], [], "fails"),
        ([order("dantrolene", selected=False)], [takes("baclofen")], "fails"),
        ([order("dantrolene")], [planned("baclofen")], "holds"),
        ([order("dantrolene")], [took("baclofen")], "fails"),
        ([order("dantrolene")], [], "fails"),
        ([], [takes("dantrolene"), takes("baclofen")], "fails"),
        ([order("dantrolene"), stop("baclofen")], [takes("baclofen")], "fails"),
        ([order("dantrolene", renews=["b"])], [takes("baclofen", ref="b")], "fails"),
        ([order("dantrolene", route=Route.INJECTED)], [takes("baclofen")], "fails"),
        ([order("dantrolene", route=None, ref="d")], [takes("baclofen")], {("d", "no-route")}),
        ([order("dantrolene", route=None, ref="d")], [], "fails"),
        ([order("dantrolene")], [NO_RECORD], NO_RECORD_IS_OPEN),
        ([order("dantrolene")], [NO_RECORD, takes("baclofen")], "holds"),
        ([order("dantrolene")], [OF_ANOTHER_MEDICINE], "fails"),
        ([UNCODED_DRAFT], [takes("baclofen")], UNCODED_DRAFT_IS_OPEN),
        ([order("metoprolol")], [NO_RECORD], "fails"),
        ([order(("dantrolene", "baclofen"))], [], "fails"),
        ([order(("dantrolene", "baclofen"))], [takes("baclofen")], "fails"),
    ],
    ids=[
        "one ordered, the other runs",
        "and the other way round",
        "both ordered",
        "both ordered, one of them selected",
        "both ordered, neither selected",
        "ordered beside the selection",
        "the other begins next week",
        "the other has ended",
        "the other is not taken",
        "neither ordered",
        "the other is being stopped",
        "the other is being replaced",
        "by a route that is not meant",
        "by a route nobody says",
        "by a route nobody says, without the other",
        "the record was not supplied",
        "not all of the record was supplied",
        "a gap about another medicine",
        "a draft without code",
        "neither ordered, without a record",
        "both in one product: nobody is being told news",
        "a product of both beside one of them",
    ],
)
def test_two_medicines_meet_when_one_is_ordered_and_the_other_taken(answer, drafts, record, said):
    situation = chart(drafts=drafts, record=record)
    assert answer(c.Together(ORAL_DANTROLENE, BACLOFEN), situation) == said
    assert answer(c.Together(BACLOFEN, ORAL_DANTROLENE), situation) == said


def test_no_medicine_interacts_with_itself(answer):
    pair = c.Together(OPIOID, OPIOID)
    assert answer(pair, drafts=[order("morphine")], record=[takes("morphine")]) == "fails"
    assert answer(pair, drafts=[order("morphine")], record=[takes("oxycodone")]) == "holds"


def test_two_medicines_of_one_class_ordered_at_once_interact(answer):
    drafts = [order("morphine"), order("oxycodone")]
    assert answer(c.Together(OPIOID, OPIOID), drafts=drafts) == "holds"


def test_a_pair_is_proved_by_order_and_partner_each_once(proof):
    pair = c.Together(DANTROLENE, BACLOFEN)
    assert proof(pair, drafts=[order("baclofen", ref="b")], record=[takes("dantrolene", ref="d")]) == ["b", "d"]
    partners = [takes("oxycodone", ref="o"), takes("morphine", ref="m")]
    twice = [order("dantrolene", ref="d"), order("dantrolene", ref="e")]
    assert proof(c.Together(DANTROLENE, OPIOID), drafts=twice, record=partners) == ["d", "e", "o", "m"]


@pytest.mark.parametrize(
    ("drafts", "record", "lowered"),
    [
        ([order("dantrolene")], [paused("baclofen")], True),
        ([order("baclofen")], [paused("dantrolene")], True),
        ([order("dantrolene")], [lapsed("baclofen")], True),
        ([order("dantrolene")], [paused("baclofen"), takes("baclofen")], False),
        ([order("dantrolene"), order("baclofen")], [], False),
        ([order("dantrolene"), order("baclofen")], [paused("baclofen")], False),
        ([order("dantrolene")], [takes("baclofen")], False),
    ],
)
def test_a_paused_partner_counts_one_level_lower(drafts, record, lowered):
    verdict = judge(c.Together(DANTROLENE, BACLOFEN), chart(drafts=drafts, record=record))
    assert verdict.lowered is lowered
    assert not verdict.capped


# -- doses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drafts", "record", "said"),
    [
        ([order("dantrolene", dose=399)], [], "fails"),
        ([order("dantrolene", dose=400)], [], "holds"),
        ([order("dantrolene", dose=200), order("dantrolene", dose=200)], [], "holds"),
        ([order("dantrolene", dose=300)], [takes("dantrolene", dose=500)], "fails"),
        ([], [takes("dantrolene", dose=400)], "holds"),
        ([], [took("dantrolene", dose=400)], "fails"),
        ([order("dantrolene", dose=None, ref="d")], [], {("d", "no-dose")}),
        ([order("dantrolene", dose=None), order("dantrolene", dose=400)], [], "holds"),
        ([], [takes("dantrolene", dose=100), NO_RECORD], NO_RECORD_IS_OPEN),
        ([], [takes("dantrolene", dose=400), NO_RECORD], "holds"),
        ([], [NO_RECORD], NO_RECORD_IS_OPEN),
        ([], [takes("dantrolene", dose=100), OF_ANOTHER_MEDICINE], "fails"),
        ([order("dantrolene", dose=300)], [NO_RECORD], "fails"),
        ([], [], "fails"),
    ],
    ids=[
        "one milligram less",
        "exactly",
        "in two strengths",
        "the draft decides, it renews what runs",
        "as it runs",
        "as it ran",
        "a missing dose",
        "enough without the missing dose",
        "perhaps more",
        "enough without what was not supplied",
        "no record",
        "a gap about another medicine",
        "the draft needs no record",
        "not at all",
    ],
)
def test_a_daily_dose_from_400_mg(answer, drafts, record, said):
    assert answer(c.DailyDose(DANTROLENE, bounds(at_least=400)), drafts=drafts, record=record) == said


def test_a_daily_dose_is_proved_by_the_orders_it_adds_up(proof):
    condition = c.DailyDose(DANTROLENE, bounds(above=200))
    assert proof(
        condition, record=[takes("dantrolene", dose=150, ref="a"), takes("dantrolene", dose=100, ref="b")]
    ) == [
        "a",
        "b",
    ]


def test_a_dose_below_a_limit_is_open_while_more_may_be_taken(answer):
    condition = c.DailyDose(DANTROLENE, bounds(below=400))
    assert answer(condition, record=[takes("dantrolene", dose=100)]) == "holds"
    assert answer(condition, record=[takes("dantrolene", dose=100), NO_RECORD]) == NO_RECORD_IS_OPEN


@pytest.mark.parametrize("beside", [[], [order("dantrolene", dose=300)]], ids=["alone", "beside another"])
def test_a_dose_is_open_while_the_route_of_a_draft_is_missing(answer, beside):
    drafts = [*beside, order("dantrolene", dose=300, route=None, ref="d")]
    assert answer(c.DailyDose(ORAL_DANTROLENE, bounds(above=400)), drafts=drafts) == {("d", "no-route")}


# -- courses ---------------------------------------------------------------------------------------------------------

CRISIS = "malignant-hyperthermia"
FOR_CRISIS = c.CourseFor(CRISIS, DANTROLENE, or_days=3, without="spasticity")
BY_INDICATION = c.CourseFor(CRISIS, DANTROLENE)
BY_INDICATION_OR_DAYS = c.CourseFor(CRISIS, DANTROLENE, or_days=3)
NAMED = frozenset({CRISIS})


@pytest.mark.parametrize(
    ("condition", "drafts", "beside", "said"),
    [
        (BY_INDICATION, [order("dantrolene", reasons=NAMED)], {"record": [takes("dantrolene")]}, "holds"),
        (BY_INDICATION, [order("dantrolene", reasons=frozenset({"spasticity"}))], {}, "fails"),
        (BY_INDICATION, [order("dantrolene", days=1)], {}, "fails"),
        (BY_INDICATION, [order("dantrolene", reasons=NAMED), order("dantrolene")], {}, "fails"),
        (BY_INDICATION, [order("dantrolene")], {"record": [takes("dantrolene", reasons=NAMED)]}, "fails"),
        (BY_INDICATION, [], {"record": [takes("dantrolene", reasons=NAMED)]}, "holds"),
        (BY_INDICATION, [], {"record": [takes("dantrolene")]}, "fails"),
        (BY_INDICATION, [order("baclofen", reasons=NAMED)], {}, "fails"),
        (
            BY_INDICATION,
            [order("dantrolene", reasons=NAMED)],
            {"record": [NO_RECORD], "problems": [unread("conditions")]},
            "holds",
        ),
        (FOR_CRISIS, [order("dantrolene", days=3)], {}, "holds"),
        (FOR_CRISIS, [order("dantrolene", days=4)], {}, "fails"),
        (FOR_CRISIS, [order("dantrolene")], {}, "fails"),
        (FOR_CRISIS, [order("dantrolene", days=3)], {"record": [takes("dantrolene")]}, "fails"),
        (FOR_CRISIS, [order("dantrolene", days=3)], {"record": [took("dantrolene", until=500, since=600)]}, "fails"),
        (FOR_CRISIS, [order("dantrolene", days=3, ref="r")], {"record": [takes("dantrolene", ref="r")]}, "holds"),
        (FOR_CRISIS, [], {"record": [takes("dantrolene", days=2)]}, "holds"),
        (FOR_CRISIS, [], {"record": [takes("dantrolene", days=2, ref="a"), took("dantrolene", ref="b")]}, "fails"),
        (FOR_CRISIS, [order("dantrolene", days=3)], {"record": [takes("baclofen")]}, "holds"),
        (FOR_CRISIS, [order("dantrolene", days=3)], {"problems": [problem("spasticity")]}, "fails"),
        (FOR_CRISIS, [order("dantrolene", days=3)], {"problems": [problem("jaundice")]}, "holds"),
        (FOR_CRISIS, [order("dantrolene", days=3)], {"record": [NO_RECORD]}, NO_RECORD_IS_OPEN),
        (
            FOR_CRISIS,
            [order("dantrolene", days=3)],
            {"record": [NO_RECORD], "problems": [problem("spasticity")]},
            "fails",
        ),
        (FOR_CRISIS, [order("dantrolene", days=3)], {"record": [OF_ANOTHER_MEDICINE]}, "holds"),
        (
            FOR_CRISIS,
            [order("dantrolene", days=3)],
            {"problems": [unread("conditions")]},
            {("conditions", "not-supplied")},
        ),
        (BY_INDICATION_OR_DAYS, [order("dantrolene", days=3)], {"problems": [problem("spasticity")]}, "holds"),
        (BY_INDICATION_OR_DAYS, [order("dantrolene", days=3)], {"problems": [unread("conditions")]}, "holds"),
        (FOR_CRISIS, [], {}, "fails"),
    ],
    ids=[
        "the order says so",
        "the order says something else",
        "a short course alone does not tell",
        "one of two orders says so",
        "the running order says so, the draft does not",
        "the running order says so",
        "the running order does not",
        "another medicine says so",
        "the order says so, and nothing else need be known",
        "three days, nothing speaks against it",
        "four days",
        "nobody says how long",
        "three days beside a running order",
        "three days after an order of long ago",
        "three days in the place of a running order",
        "the running order is a short course",
        "the running order is a short course after another",
        "three days beside another medicine",
        "three days, but spasticity",
        "three days and another diagnosis",
        "three days without a record",
        "three days without a record, but spasticity",
        "three days and a gap about another medicine",
        "three days without a problem list",
        "no diagnosis speaks against it where the card names none",
        "nor need the problem list be known",
        "neither ordered nor running",
    ],
)
def test_a_course_for_a_crisis_needs_its_indication_or_is_short_and_alone(answer, condition, drafts, beside, said):
    assert answer(condition, drafts=drafts, **beside) == said


def test_a_course_is_proved_by_its_orders(proof):
    assert proof(FOR_CRISIS, drafts=[order("dantrolene", days=3, ref="d")]) == ["d"]
    assert proof(BY_INDICATION, drafts=[order("dantrolene", reasons=NAMED, ref="d")]) == ["d"]


# -- counting --------------------------------------------------------------------------------------------------------

SEDATIVES = c.CountOf((OPIOID, BENZODIAZEPINE, ORAL_BACLOFEN), at_least=3)


@pytest.mark.parametrize(
    ("drafts", "record", "said"),
    [
        ([order("morphine")], [takes("diazepam"), takes("baclofen")], "holds"),
        ([order("morphine"), order("diazepam"), order("baclofen")], [], "holds"),
        ([order("morphine"), order("diazepam", selected=False)], [takes("oxycodone")], "holds"),
        ([order("morphine")], [takes("diazepam")], "fails"),
        ([order("morphine")], [takes("morphine"), takes("diazepam")], "fails"),
        ([order("morphine")], [takes("oxycodone"), takes("diazepam")], "holds"),
        ([order(("morphine", "diazepam"))], [takes("oxycodone")], "holds"),
        ([order(("morphine", "paracetamol"))], [takes("diazepam")], "fails"),
        ([order("morphine")], [takes("diazepam"), took("baclofen")], "fails"),
        ([order("morphine"), stop("diazepam")], [takes("diazepam"), takes("baclofen")], "fails"),
        ([], [takes("morphine"), takes("diazepam"), takes("baclofen")], "fails"),
        ([order("morphine", selected=False)], [takes("diazepam"), takes("baclofen")], "fails"),
        ([order("metoprolol")], [takes("morphine"), takes("diazepam"), takes("baclofen")], "fails"),
        ([order("morphine")], [takes("diazepam"), NO_RECORD], NO_RECORD_IS_OPEN),
        ([order("morphine")], [takes("diazepam"), takes("baclofen"), NO_RECORD], "holds"),
        ([order("morphine")], [takes("diazepam"), OF_ANOTHER_MEDICINE], "fails"),
        ([order("morphine")], [takes("diazepam"), takes("baclofen", route=None, ref="b")], {("b", "no-route")}),
        ([UNCODED_DRAFT], [takes("morphine"), takes("diazepam"), takes("baclofen")], UNCODED_DRAFT_IS_OPEN),
        ([UNCODED_DRAFT, order("morphine")], [takes("diazepam")], UNCODED_DRAFT_IS_OPEN),
        ([], [NO_RECORD], "fails"),
    ],
    ids=[
        "one ordered, two run",
        "all ordered",
        "one of them beside the selection",
        "two",
        "the same one twice",
        "two of one class",
        "two in one product",
        "beside something else in one product",
        "one has ended",
        "one is being stopped",
        "none ordered",
        "the ordered one is not selected",
        "another medicine is ordered",
        "no complete record",
        "enough without a complete record",
        "a gap about another medicine",
        "the third by a route nobody says",
        "a draft without code",
        "a draft without code beside an order",
        "none ordered and no record",
    ],
)
def test_three_different_sedatives_of_which_one_is_being_ordered(answer, drafts, record, said):
    assert answer(SEDATIVES, drafts=drafts, record=record) == said


def test_a_gap_that_may_hide_several_medicines_is_named_once():
    verdict = judge(SEDATIVES, chart(drafts=[order("morphine")], record=[NO_RECORD]))
    assert verdict.gaps == (NO_RECORD,)


def test_a_count_is_proved_by_each_medicine_once(proof):
    either = c.CountOf((OPIOID, OPIOID, TIZANIDINE), at_least=2)
    drafts = [order("tizanidine", ref="t")]
    assert proof(either, drafts=drafts, record=[takes("morphine", ref="m"), takes("baclofen")]) == ["m", "t"]


# -- once wrong -------------------------------------------------------------------------------------------------------


def test_a_draft_of_another_medicine_that_could_not_be_read_leaves_no_count_open(answer):
    assert answer(SEDATIVES, drafts=[OF_ANOTHER_MEDICINE], record=[takes("morphine"), takes("diazepam")]) == "fails"


def test_a_count_is_open_while_the_route_of_the_order_is_missing(answer):
    drafts, record = [order("baclofen", route=None, ref="d")], [takes("morphine"), takes("diazepam")]
    assert answer(SEDATIVES, drafts=drafts, record=record) == {("d", "no-route")}


def test_a_count_that_needs_a_paused_medicine_is_one_level_lower():
    situation = chart(drafts=[order("morphine")], record=[takes("diazepam"), paused("baclofen")])
    assert judge(SEDATIVES, situation).lowered


def test_the_route_of_a_draft_beside_the_selection_is_not_asked(answer):
    drafts = [order("baclofen", route=None, selected=False), order("metoprolol")]
    assert answer(c.Ordering(ORAL_BACLOFEN), drafts=drafts) == "fails"


def test_nothing_ends_that_does_not_run(answer):
    assert answer(c.Ending(BACLOFEN, STOP), drafts=[stop("baclofen")], record=[took("baclofen")]) == "fails"


@pytest.mark.parametrize(
    ("drafts", "record"),
    [
        ([stop("baclofen", of=["pills"]), order("baclofen", route=None, ref="x")], [PILLS]),
        ([stop("baclofen", of=["pills"])], [PILLS, takes("baclofen", route=None, ref="x")]),
    ],
    ids=["by a draft", "by a running order"],
)
def test_an_end_is_open_while_the_same_medicine_goes_on_by_a_route_nobody_says(answer, drafts, record):
    assert answer(c.Ending(ORAL_BACLOFEN, STOP), drafts=drafts, record=record) == {("x", "no-route")}


def test_a_taper_that_is_stopped_midway_does_not_count_without_a_record_either(answer):
    drafts = [stop("baclofen", steps=falling(-3))]
    assert answer(c.Taper(BACLOFEN), drafts=drafts, record=[NO_RECORD]) == NO_RECORD_IS_OPEN


def test_an_order_of_long_ago_proves_that_it_runs_for_over_a_week_beside_an_undated_one(answer):
    record = [takes("baclofen", since=100), takes("baclofen", since=None)]
    assert answer(c.Running(BACLOFEN, bounds(above=7)), record=record) == "holds"
