"""Units: how many of one another is, exactly."""

from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pint import DimensionalityError
from ucumvert import PintUcumRegistry

from cds_service.drugs.units import factor, read_unit

_REGISTRY = PintUcumRegistry()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("mg", "g", "0.001"),
        ("g", "mg", "1000"),
        ("ug", "mg", "0.001"),
        ("ng", "ug", "0.001"),
        ("kg", "mg", "1000000"),
        ("L", "mL", "1000"),
        ("l", "mL", "1000"),
        ("dL", "mL", "100"),
        ("uL", "mL", "0.001"),
        ("mg/h", "mg/d", "24"),
        ("ug/min", "mg/d", "1.44"),
        ("ug/d", "mg/d", "0.001"),
        ("mg/kg/d", "ug/kg/d", "1000"),
        ("mg/(kg.d)", "mg/kg/d", "1"),
        ("mg.kg-1.d-1", "mg/kg/d", "1"),
        ("h", "min", "60"),
        ("wk", "d", "7"),
        ("mo", "d", "30.4375"),
        ("a", "d", "365.25"),
        ("ukat/L", "U/L", "60"),
        ("nkat/mL", "ukat/L", "1"),
        ("kat/L", "ukat/L", "1000000"),
        ("mU/mL", "U/L", "1"),
        ("mmol/L", "umol/L", "1000"),
        ("mol/m3", "mmol/L", "1"),
        ("meq/L", "mmol/L", "1"),
        ("mg/dL", "g/L", "0.01"),
        ("ug/dL", "ng/mL", "10"),
        ("10*3/uL", "10*9/L", "1"),
        ("10^9/L", "10*6/mL", "1"),
        ("m[iU]/mL", "[iU]/L", "1"),
        ("[IU]/L", "[iU]/L", "1"),
        ("%", "1", "0.01"),
        ("[lb_av]", "kg", "0.45359237"),
        ("[oz_av]", "g", "28.349523125"),
        ("[tsp_us]", "mL", "4.92892159375"),
        ("[tbs_m]", "mL", "15"),
        ("cm2", "m2", "0.0001"),
        ("mL/min/{1.73_m2}", "L/h", "0.06"),
        ("24.h", "d", "1"),
        ("mg{sodium}", "mg", "1"),
        ("{tbl}", "1", "1"),
        ("/d", "/h", str(Decimal(1) / 24)),
    ],
)
def test_one_unit_is_so_many_of_another(one, other, expected):
    assert factor(one, other) == Decimal(expected)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mg", "mL"),
        ("mg/dL", "umol/L"),  # of which substance?
        ("U/L", "[iU]/L"),
        ("mg", "mg/d"),
        ("Mg", "MG"),
        ("mcg", "mcg"),
        ("tablet", "1"),
        ("", ""),
        ("mg ", "mg"),
        ("mg..g", "g"),
        ("mg//d", "g"),
        (".mg", "mg"),
        ("mg.", "mg"),
        ("mg{", "mg"),
        ("/{", "1"),
        ("{a}{b}", "1"),
        ("mg/((kg).d)", "mg/kg/d"),
        ("mL/min/1.73.m2", "mL/min/m2"),
        ("m" * 41, "m"),
        ("\N{GREEK SMALL LETTER MU}g", "ug"),
    ],
)
def test_what_is_no_multiple_or_no_unit_has_no_factor(one, other):
    assert factor(one, other) is None


OURS = (
    *("mg", "g", "kg", "ug", "ng", "mL", "L", "dL", "uL", "m3", "h", "min", "d", "wk", "mo", "a", "s"),
    *("mg/d", "ug/h", "mg/h", "ug/min", "mg/kg/d", "ug/kg/min", "mg/(kg.d)", "mg/kg", "mg/m2", "mg/mL", "ug/mL"),
    *("U/L", "ukat/L", "nkat/L", "kat/L", "mU/mL", "mmol/L", "umol/L", "nmol/L", "mol/m3", "mg/dL", "g/L", "ug/dL"),
    *("10*3/uL", "10*9/L", "10*6/mL", "%", "1", "[lb_av]", "[oz_av]", "[tsp_us]", "[tbs_us]", "24.h", "/d", "/h"),
)


def test_our_factors_are_those_of_a_library_that_reads_all_of_ucum():
    """ucumvert with pint: too slow and too large for the service itself, see docs/explanation/daily-dose.md."""
    theirs = {code: _REGISTRY.from_ucum(code) for code in OURS}
    compared = 0
    for one, other in product(OURS, OURS):
        ours = factor(one, other)
        try:
            said = theirs[one].to(theirs[other].units).magnitude / theirs[other].magnitude
        except DimensionalityError:
            assert ours is None, (one, other)
        else:
            assert ours == pytest.approx(Decimal(repr(said)), rel=Decimal("1e-9")), (one, other)
            compared += 1
    assert compared > 250


UNITS = st.sampled_from(["mg", "ug/h", "mL", "U/L", "ukat/L", "mo", "[lb_av]", "mg/kg/d", "10*3/uL", "%", "mmol/L"])


@given(UNITS, UNITS)
def test_there_and_back_is_where_it_began(one, other):
    there, back = factor(one, other), factor(other, one)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert round(Fraction(there) * Fraction(back), 20) == 1


@given(st.text(st.sampled_from("mgukdLhUl109*^./(){}[]_-%at"), max_size=45))
def test_no_unit_is_an_error(code):
    read_unit.__wrapped__(code)
