"""How the tests of the rules ask: one condition, in words that read back as the answer."""

import pytest

from cds_service.clinical.quantity import Truth
from cds_service.rules.judging import judge
from tests.unit.rules.charts import chart


@pytest.fixture
def answer():
    """Whether a condition holds for a chart: "holds", "fails", or what leaves it unknown, as (where, why)."""

    def ask(condition, situation=None, **said):
        verdict = judge(condition, situation or chart(**said))
        if verdict.truth is Truth.UNKNOWN:
            return {(gap.where, str(gap.why)) for gap in verdict.gaps}
        assert not verdict.gaps  # an answer that is known leaves nothing open
        return verdict.truth.value

    return ask


@pytest.fixture
def proof():
    """What proves a condition, by reference, in the order of the evidence."""

    def ask(condition, situation=None, **said):
        verdict = judge(condition, situation or chart(**said))
        assert verdict.truth is Truth.HOLDS
        return [item.ref for item in verdict.evidence]

    return ask
