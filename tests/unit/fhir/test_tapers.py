"""The steps of a taper: small, whole, and never too fast (decision 26)."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.tapers import TaperStep, plan_taper, split

DOSES = st.integers(5, 200).map(Decimal) | st.decimals(5, 200, places=1)
TIMES = st.none() | st.sampled_from(["0.5", "1", "1.5", "2", "3", "4", "6", "24"]).map(Decimal)


@pytest.mark.parametrize(
    ("daily_mg", "levels"),
    [
        (80, [70, 60, 50, 40, 30, 20, 10, 5]),
        (60, [50, 40, 30, 20, 10, 5]),
        (35, [25, 15, 10, 5]),
        (30, [20, 10, 5]),
        (25, [15, 10, 5]),
        (20, [10, 5]),
        (15, [10, 5]),
        (10, [5]),
        ("37.5", [30, 20, 10, 5]),
        (33, [25, 15, 10, 5]),
    ],
)
def test_a_daily_dose_is_reduced_level_by_level(daily_mg, levels):
    assert [step.daily_mg for step in plan_taper(Decimal(daily_mg))] == levels


@pytest.mark.parametrize("daily_mg", [None, Decimal(0), Decimal("2.5"), Decimal(5)])
def test_an_unknown_or_very_small_dose_is_not_tapered(daily_mg):
    assert plan_taper(daily_mg) == ()


@pytest.mark.parametrize(("daily_mg", "days"), [(10, [14]), (15, [7, 7]), (20, [7, 7]), (30, [7, 7, 7]), (80, [7] * 8)])
def test_a_level_lasts_a_week_and_the_whole_two_weeks_at_least(daily_mg, days):
    assert [step.days for step in plan_taper(Decimal(daily_mg))] == days


@given(DOSES.filter(lambda dose: dose > 5))
def test_every_taper_falls_in_small_whole_steps_to_its_end(daily_mg):
    plan = plan_taper(daily_mg)
    levels = [daily_mg, *(Decimal(step.daily_mg) for step in plan), Decimal(0)]
    falls = [before - after for before, after in pairwise(levels)]
    assert all(0 < fall <= 10 for fall in falls)
    assert all(fall >= 5 for fall in falls[1:])  # the first brings an odd dose to a multiple of 5 mg
    assert all(level % 5 == 0 for level in levels[1:])
    assert sum(step.days for step in plan) >= 14
    assert all(step.days >= 7 for step in plan)


@given(st.integers(2, 40).map(lambda fives: Decimal(5 * fives)))
def test_a_dose_of_whole_5_mg_falls_by_5_or_10_mg_a_day_each_time(daily_mg):
    levels = [daily_mg, *(Decimal(step.daily_mg) for step in plan_taper(daily_mg)), Decimal(0)]
    assert {before - after for before, after in pairwise(levels)} <= {5, 10}


@pytest.mark.parametrize(
    ("daily_mg", "times", "doses"),
    [
        (70, 3, ((25, 2), (20, 1))),
        (60, 3, ((20, 3),)),
        (10, 3, ((5, 2),)),
        (5, 4, ((5, 1),)),
        (20, 1, ((20, 1),)),
        (30, 2, ((15, 2),)),
        (35, 2, ((20, 1), (15, 1))),
        (70, None, ((25, 2), (20, 1))),
        (70, "0.5", ((25, 2), (20, 1))),
        (70, "3.5", ((25, 2), (20, 1))),
    ],
)
def test_a_daily_dose_is_split_as_it_was_taken_else_in_three(daily_mg, times, doses):
    assert split(daily_mg, None if times is None else Decimal(times)) == doses


@given(st.integers(1, 80).map(lambda fives: 5 * fives), TIMES)
def test_the_doses_of_a_day_make_up_its_level_and_never_are_more_than_it_was_taken(daily_mg, times):
    doses = split(daily_mg, times)
    assert sum(dose * often for dose, often in doses) == daily_mg
    assert all(dose % 5 == 0 and dose > 0 and often > 0 for dose, often in doses)
    assert sum(often for _, often in doses) <= (times if times is not None and times >= 1 else 3)
    assert [dose for dose, _ in doses] == sorted({dose for dose, _ in doses}, reverse=True)


def test_a_step_says_how_much_and_how_long():
    assert plan_taper(Decimal(10)) == (TaperStep(5, 14),)


# Once wrong -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("daily_mg", [60_000, 1_000_000])
def test_an_absurd_dose_is_not_tapered(daily_mg):
    assert plan_taper(Decimal(daily_mg)) == ()
