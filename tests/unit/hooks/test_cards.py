"""The closed lists of cards."""

import pytest

from cds_service.hooks.cards import OVERRIDE_REASONS, Topic


@pytest.mark.parametrize("code", OVERRIDE_REASONS)
def test_an_override_reason_is_short_enough_for_a_button(code):
    assert 0 < len(OVERRIDE_REASONS[code]) <= 40


def test_no_two_override_reasons_read_alike():
    assert len(set(OVERRIDE_REASONS.values())) == len(OVERRIDE_REASONS)


def test_a_topic_is_its_code():
    assert str(Topic.NOT_CHECKED) == "not-checked"
