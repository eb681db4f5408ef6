"""How urgent a card is, in the words of CDS Hooks."""

import pytest

from cds_service.clinical.codes import Indicator


def test_critical_comes_before_warning_and_warning_before_information():
    by_urgency = sorted([Indicator.INFO, Indicator.CRITICAL, Indicator.WARNING], key=lambda one: one.urgency)
    assert by_urgency == ["critical", "warning", "info"]


@pytest.mark.parametrize(
    ("indicator", "one_lower"),
    [
        (Indicator.CRITICAL, Indicator.WARNING),
        (Indicator.WARNING, Indicator.INFO),
        (Indicator.INFO, Indicator.INFO),
    ],
)
def test_one_level_lower_never_leaves_the_scale(indicator, one_lower):
    assert indicator.lowered() is one_lower


def test_indicators_are_sorted_by_urgency():
    by_urgency = sorted([Indicator.INFO, Indicator.WARNING, Indicator.CRITICAL], key=lambda one: one.urgency)
    assert by_urgency == ["critical", "warning", "info"]
