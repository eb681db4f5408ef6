"""Dates as precise as they came, compared as calendar days."""

from datetime import date

import pytest

from cds_service.clinical.days import Day, Span, age_in_years, days_before

TODAY = date(2026, 6, 15)
THAT_MARCH = Day(date(2026, 3, 1), date(2026, 3, 31))


@pytest.mark.parametrize(
    ("day", "least", "most"),
    [
        (Day.on(TODAY), 0, 0),
        (Day.on(date(2026, 6, 14)), 1, 1),
        (Day.on(date(2026, 6, 16)), -1, -1),
        (THAT_MARCH, 76, 106),
    ],
    ids=["today", "yesterday", "tomorrow", "a month without a day"],
)
def test_days_ago_are_as_precise_as_the_date(day, least, most):
    assert day.days_ago(TODAY) == Span(least, most)


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        (date(2026, 2, 28), False, True),
        (date(2026, 3, 1), False, False),
        (date(2026, 3, 15), False, False),
        (date(2026, 3, 31), False, False),
        (date(2026, 4, 1), True, False),
    ],
)
def test_a_month_is_before_or_after_a_day_only_when_all_of_it_is(day, before, after):
    assert (THAT_MARCH.surely_before(day), THAT_MARCH.surely_after(day)) == (before, after)


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [
        (date(1961, 6, 15), TODAY, 65),
        (date(1961, 6, 16), TODAY, 64),
        (date(1961, 7, 1), TODAY, 64),
        (date(1961, 5, 31), TODAY, 65),
        (date(2026, 6, 15), TODAY, 0),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
    ],
)
def test_a_year_of_life_is_complete_on_the_birthday(born, today, years):
    assert age_in_years(Day.on(born), today) == Span(years, years)


@pytest.mark.parametrize(
    ("born", "least", "most"),
    [
        (Day(date(1961, 1, 1), date(1961, 12, 31)), 64, 65),
        (Day(date(1961, 6, 1), date(1961, 6, 30)), 64, 65),
        (Day(date(1961, 7, 1), date(1961, 7, 31)), 64, 64),
    ],
    ids=["only the year", "born this month", "a month that is still to come"],
)
def test_an_imprecise_birth_date_leaves_both_ages_possible(born, least, most):
    assert age_in_years(born, TODAY) == Span(least, most)


def test_days_before_a_day_reach_over_months_and_leap_days():
    assert days_before(TODAY, 0) == TODAY
    assert days_before(date(2028, 3, 1), 1) == date(2028, 2, 29)
