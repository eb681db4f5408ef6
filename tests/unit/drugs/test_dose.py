"""An amount of a product in milligrams: by mass, by volume, by pieces, by weight; and what is not guessed."""

from decimal import Decimal

import pytest

from cds_service.clinical.model import Why
from cds_service.drugs import vocabulary
from cds_service.drugs.dose import DoseUnit, milligrams, read_dose_unit

PRODUCTS = vocabulary.load()
TABLET, SOLUTION, MEDICINE = map(PRODUCTS.product, ("197391", "250976", "1292"))
ONE, THOUSANDTH = Decimal(1), Decimal("0.001")


@pytest.mark.parametrize(
    ("said", "unit"),
    [
        ("mg", DoseUnit(ONE, "mg")),
        ("MG", DoseUnit(ONE, "mg")),
        ("Mg", DoseUnit(ONE, "mg")),
        (" milligrams ", DoseUnit(ONE, "mg")),
        ("g", DoseUnit(Decimal(1000), "mg")),
        ("gm", DoseUnit(Decimal(1000), "mg")),
        ("mcg", DoseUnit(THOUSANDTH, "mg")),
        ("ug", DoseUnit(THOUSANDTH, "mg")),
        ("\N{MICRO SIGN}g", DoseUnit(THOUSANDTH, "mg")),
        ("\N{GREEK SMALL LETTER MU}g", DoseUnit(THOUSANDTH, "mg")),
        ("ng", DoseUnit(Decimal("0.000001"), "mg")),
        ("pg", DoseUnit(Decimal("1E-9"), "mg")),
        ("mg{base}", DoseUnit(ONE, "mg")),
        ("mL", DoseUnit(ONE, "ml")),
        ("cc", DoseUnit(ONE, "ml")),
        ("dL", DoseUnit(Decimal(100), "ml")),
        ("teaspoonful", DoseUnit(Decimal(5), "ml")),
        ("[tsp_us]", DoseUnit(Decimal("4.92892159375"), "ml")),
        ("{tbl}", DoseUnit(ONE, "unit")),
        ("Tablet(s)", DoseUnit(ONE, "unit")),
        ("{Capsule}", DoseUnit(ONE, "unit")),
        ("1", DoseUnit(ONE, "unit")),
        ("each", DoseUnit(ONE, "unit")),
        ("mg/kg", DoseUnit(ONE, "mg", per_kg=True)),
        ("mg per kg", DoseUnit(ONE, "mg", per_kg=True)),
        ("mL/kg", DoseUnit(ONE, "ml", per_kg=True)),
        ("mg/dose", DoseUnit(ONE, "mg")),
        ("mg/d", DoseUnit(ONE, "mg", per_day=ONE)),
        ("mg/24h", DoseUnit(ONE, "mg", per_day=ONE)),
        ("tablets/day", DoseUnit(ONE, "unit", per_day=ONE)),
        ("mcg/day", DoseUnit(THOUSANDTH, "mg", per_day=ONE)),
        ("mL/hr", DoseUnit(ONE, "ml", per_day=Decimal(24))),
        ("mcg/kg/min", DoseUnit(THOUSANDTH, "mg", per_kg=True, per_day=Decimal(1440))),
        ("ug/(kg.d)", DoseUnit(THOUSANDTH, "mg", per_kg=True, per_day=ONE)),
        ("mg.kg-1", DoseUnit(ONE, "mg", per_kg=True)),
        ("mL/(kg.d)", DoseUnit(ONE, "ml", per_kg=True, per_day=ONE)),
        ("g/wk", DoseUnit(Decimal(1000) / 7, "mg", per_day=ONE)),
        ("mg/m2", None),
        ("mg/mL", None),
        ("mg/{tbl}", None),
        ("mg/kg/kg", None),
        ("mg/d/h", None),
        ("{puff}", None),
        ("%", None),
        ("units", None),
        ("[iU]", None),
        ("drops", None),
        ("", None),
        ("mg" * 30, None),
    ],
)
def test_a_unit_of_doses_is_read_as_clients_write_it(said, unit):
    found = read_dose_unit(said)
    assert (found and (round(found.size, 15), found.of, found.per_kg, found.per_day)) == (
        unit and (round(unit.size, 15), unit.of, unit.per_kg, unit.per_day)
    )


@pytest.mark.parametrize(
    ("value", "unit", "product", "weight", "mg"),
    [
        ("10", "mg", TABLET, None, 10),
        ("0", "mg", TABLET, None, 0),
        ("1.5", "tablet", TABLET, None, 15),
        ("5", "mL", SOLUTION, None, 5),
        ("10", "mg", MEDICINE, None, 10),
        ("2", "mg/kg", MEDICINE, 40, 80),
        ("0.1", "tablet", TABLET, None, 1),
        ("1", "tablet", SOLUTION, None, Why.NO_DOSE),
        ("1", "mL", TABLET, None, Why.NO_DOSE),
        ("1", "tablet", MEDICINE, None, Why.NO_DOSE),
        ("-1", "mg", TABLET, None, Why.NO_DOSE),
        ("1E+9", "mg", TABLET, None, 10**9),
        ("1E+9", "g", TABLET, None, Why.NO_DOSE),
        ("1E+400", "mg", TABLET, None, Why.NO_DOSE),
        ("2", "mg/kg", MEDICINE, None, Why.NO_WEIGHT),
        ("2", "mg/kg", MEDICINE, 0, Why.NO_DOSE),
        ("2", "mg/kg", MEDICINE, 701, Why.NO_DOSE),
    ],
)
def test_an_amount_becomes_milligrams_of_the_one_ingredient(value, unit, product, weight, mg):
    kg = None if weight is None else Decimal(weight)
    assert milligrams(Decimal(value), read_dose_unit(unit), product, kg) == mg


def test_an_amount_of_two_medicines_is_no_milligrams_of_either():
    both = PRODUCTS.product("994226")  # aspirin, carisoprodol, codeine
    assert milligrams(ONE, read_dose_unit("mg"), both) is Why.NO_DOSE
