"""Amounts that are not exactly known, and the ranges cards name."""

from decimal import Decimal

import pytest

from cds_service.clinical.quantity import INFINITE, Amount, Bounds, Truth

FROM_3 = Bounds(low=Decimal(3))
ABOVE_3 = Bounds(low=Decimal(3), low_included=False)
UP_TO_5 = Bounds(high=Decimal(5))
BELOW_5 = Bounds(high=Decimal(5), high_included=False)
FROM_3_BELOW_5 = Bounds(low=Decimal(3), high=Decimal(5), high_included=False)


@pytest.mark.parametrize(
    ("bounds", "value", "inside"),
    [
        (FROM_3, "2.99", False),
        (FROM_3, "3", True),
        (ABOVE_3, "3", False),
        (ABOVE_3, "3.01", True),
        (UP_TO_5, "5", True),
        (UP_TO_5, "5.01", False),
        (BELOW_5, "4.99", True),
        (BELOW_5, "5", False),
        (FROM_3_BELOW_5, "2.99", False),
        (FROM_3_BELOW_5, "3", True),
        (FROM_3_BELOW_5, "4.99", True),
        (FROM_3_BELOW_5, "5", False),
        (Bounds(), "0", True),
    ],
)
def test_from_and_up_to_include_their_end_above_and_below_do_not(bounds, value, inside):
    number = Decimal(value)
    assert bounds.holds(number) is inside
    assert bounds.judge(number, number) is (Truth.HOLDS if inside else Truth.FAILS)


@pytest.mark.parametrize(
    ("bounds", "least", "most", "truth"),
    [
        (FROM_3, "1", "2.99", Truth.FAILS),
        (FROM_3, "1", "3", Truth.UNKNOWN),
        (FROM_3, "3", "9", Truth.HOLDS),
        (ABOVE_3, "1", "3", Truth.FAILS),
        (ABOVE_3, "3", "9", Truth.UNKNOWN),
        (UP_TO_5, "1", "5", Truth.HOLDS),
        (UP_TO_5, "5", "6", Truth.UNKNOWN),
        (UP_TO_5, "5.01", "6", Truth.FAILS),
        (BELOW_5, "1", "5", Truth.UNKNOWN),
        (BELOW_5, "5", "6", Truth.FAILS),
        (FROM_3_BELOW_5, "1", "9", Truth.UNKNOWN),
    ],
)
def test_a_value_that_straddles_a_limit_leaves_the_answer_open(bounds, least, most, truth):
    assert bounds.judge(Decimal(least), Decimal(most)) is truth


@pytest.mark.parametrize(("limit", "truth"), [("999", Truth.HOLDS), ("1000", Truth.HOLDS), ("1001", Truth.UNKNOWN)])
def test_more_than_a_thousand_proves_what_lies_below_it(limit, truth):
    assert Bounds(low=Decimal(limit)).judge(Decimal(1000), INFINITE) is truth


def test_a_range_also_takes_whole_days():
    assert Bounds(low=Decimal(21)).judge(21, 21) is Truth.HOLDS
    assert Bounds(low=Decimal(22)).judge(21, 21) is Truth.FAILS


def test_another_unit_scales_both_ends():
    assert Amount(Decimal(2), Decimal(3)).times(Decimal(60)) == Amount(Decimal(120), Decimal(180))
    assert Amount(Decimal(2), INFINITE).times(Decimal(60)) == Amount(Decimal(120), INFINITE)


def test_the_canonical_unit_changes_nothing():
    amount = Amount.exactly(Decimal("31.0"))
    assert amount.times(Decimal(1)) == Amount(Decimal("31.0"), Decimal("31.0"))
