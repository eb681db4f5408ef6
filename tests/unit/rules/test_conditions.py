"""Which medicines a card means when it names one."""

import pytest

from cds_service.clinical.codes import Route
from cds_service.clinical.quantity import Truth
from tests.unit.rules.charts import BACLOFEN, OPIOID, ORAL_BACLOFEN, SYSTEMIC_ESTROGEN, takes

HOLDS, FAILS, UNKNOWN = Truth.HOLDS, Truth.FAILS, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("named", "medication", "meant"),
    [
        (BACLOFEN, takes("baclofen"), HOLDS),
        (BACLOFEN, takes("baclofen", route=None), HOLDS),
        (BACLOFEN, takes("tizanidine"), FAILS),
        (OPIOID, takes("oxycodone"), HOLDS),
        (OPIOID, takes(("oxycodone", "paracetamol")), HOLDS),
        (ORAL_BACLOFEN, takes("baclofen", route=Route.ORAL), HOLDS),
        (ORAL_BACLOFEN, takes("baclofen", route=Route.INTRATHECAL), FAILS),
        (ORAL_BACLOFEN, takes("baclofen", route=None), UNKNOWN),
        (ORAL_BACLOFEN, takes("tizanidine", route=None), FAILS),
        (SYSTEMIC_ESTROGEN, takes("estradiol", route=Route.TRANSDERMAL), HOLDS),
        (SYSTEMIC_ESTROGEN, takes("estradiol", route=Route.VAGINAL, systemic=False), FAILS),
        (SYSTEMIC_ESTROGEN, takes("estradiol", route=Route.VAGINAL, systemic=None), UNKNOWN),
        (SYSTEMIC_ESTROGEN, takes("estradiol", route=None), UNKNOWN),
    ],
    ids=[
        "the medicine itself",
        "by a route nobody asks about",
        "another medicine",
        "one of a class",
        "one of a class in a combined product",
        "by mouth",
        "into the spine instead",
        "the route is missing",
        "the route of another medicine is missing",
        "through the skin into the whole body",
        "local use only",
        "local or not, nobody says",
        "no route at all",
    ],
)
def test_a_medicine_is_meant_by_its_ingredient_and_the_route_a_card_names(named, medication, meant):
    assert named.match(medication) is meant
