"""From an amount and a product to milligrams."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias

from cds_service.clinical.codes import Route
from cds_service.clinical.model import Why
from cds_service.drugs.products import Product
from cds_service.drugs.units import LONGEST_UNIT, factor

Milligrams: TypeAlias = Decimal | Why
"""An amount; or why there is none: NO_WEIGHT when only the patient's weight is missing, else NO_DOSE."""

NO_DOSE: Final = Why.NO_DOSE  # a name is read in an eighth of the time of an Enum's member (Python 3.11)
NO_WEIGHT: Final = Why.NO_WEIGHT
MOST: Final = Decimal(10**9)  # of anything, in a dose; what says more says nonsense
HEAVIEST_KG: Final = 700
PLACES: Final = 9  # of milligrams


def _named(*rows: tuple[str, str]) -> dict[str, str]:
    return {name: code for code, names in rows for name in (code, *names.split())}


MASS_UNITS: Final = _named(
    ("mg", "mgs mgm milligram milligrams milligramme milligrammes"),
    ("g", "gm gms gram grams gramme grammes"),
    ("ug", "mcg mcgs mcgm \N{MICRO SIGN}g \N{GREEK SMALL LETTER MU}g microgram micrograms microgramme microgrammes"),
    ("ng", "nanogram nanograms"),
)
"""UCUM codes of masses by what is written in their place, in lower case: nobody means a megagram by "Mg"."""
VOLUME_UNITS: Final = _named(
    ("mL", "ml mls cc milliliter milliliters millilitre millilitres"),
    ("L", "l liter liters litre litres"),
    ("uL", "ul microliter microliters"),
    # As labels count them (recalled: to be confirmed); UCUM's own US teaspoon of 4.93 mL is [tsp_us].
    ("[tsp_m]", "tsp tsps teaspoon teaspoons teaspoonful teaspoonfuls teaspoonsful"),
    ("[tbs_m]", "tbsp tablespoon tablespoons tablespoonful tablespoonfuls tablespoonsful"),
)
SWALLOWED_UNITS: Final = frozenset(
    {
        *("tablet", "tablets", "tablet(s)", "tab", "tabs", "tbl", "tblt", "{tbl}", "{tablet}", "{tab}", "{tablets}"),
        *("capsule", "capsules", "capsule(s)", "cap", "caps", "{capsule}", "{cap}", "{capsules}"),
        *("pill", "pills", "{pill}", "caplet", "caplets", "{caplet}", "softgel", "softgels"),
    }
)
"""Units that say by themselves that the product is a tablet or a capsule."""
PIECE_UNITS: Final = SWALLOWED_UNITS | frozenset(
    {
        *("lozenge", "lozenges", "patch", "patches", "{patch}", "suppository", "suppositories", "{suppository}"),
        *("packet", "packets", "{packet}"),
    }
)
ANY_PIECE: Final = frozenset({"1", "each", "{each}", "unit", "{unit}", "dose", "{dose}"})
_PER_DAY: Final = {
    **dict.fromkeys(("d", "day", "days", "24h", "24hr", "24hrs", "24 h", "24 hr", "24 hours"), Decimal(1)),
    **dict.fromkeys(("h", "hr", "hour"), Decimal(24)),
    **dict.fromkeys(("min", "minute"), Decimal(1440)),
}
_BY_WEIGHT: Final = frozenset({"kg", "kilogram"})
_A_DOSE: Final = frozenset({"dose", "{dose}"})
_IN_UCUM: Final = (
    ("mg", False, None),
    ("mL", False, None),
    ("mg/kg", True, None),
    ("mL/kg", True, None),
    ("mg/d", False, Decimal(1)),
    ("mL/d", False, Decimal(1)),
    ("mg/kg/d", True, Decimal(1)),
    ("mL/kg/d", True, Decimal(1)),
)


@dataclass(frozen=True, slots=True)
class DoseUnit:
    """What one of a unit of doses is.

    Attributes:
        size: in milligrams, in millilitres, or in pieces of the product.
        of: which of these, as in `Strength.per`: "mg", "ml" or "unit".
        per_kg: it is for each kilogram of the patient.
        per_day: of a rate, how many of its times a day has: 1 of "mg/d", 24 of "mg/h"; None for a single dose.
        swallowed: it names a tablet or a capsule, so that the form of the product need not be known. "tablet" and
            "1" are the same unit all the same.
    """

    size: Decimal
    of: str
    per_kg: bool = False
    per_day: Decimal | None = None
    swallowed: bool = field(default=False, compare=False)


def read_dose_unit(said: str) -> DoseUnit | None:
    """A UCUM code or what clients write in its place ("mg", "{pill}", "Tablets", "mcg/kg/day"); None when not known."""
    return _read_unit(said) if len(said) <= LONGEST_UNIT else None  # what is longer would fill the memory


@lru_cache(maxsize=1024)
def _read_unit(said: str) -> DoseUnit | None:
    plain = said.strip().casefold()
    if plain in ANY_PIECE:
        return DoseUnit(Decimal(1), "unit")
    amount, *divisors = (piece.strip() for piece in plain.replace(" per ", "/").split("/"))
    unit = _amount(amount)
    found = unit and _divided(unit, divisors)
    return found or _in_ucum(said.strip())


def _amount(name: str) -> DoseUnit | None:
    if name in MASS_UNITS:
        return _measured(MASS_UNITS[name], "mg", "mg")
    if name in VOLUME_UNITS:
        return _measured(VOLUME_UNITS[name], "mL", "ml")
    return DoseUnit(Decimal(1), "unit", swallowed=name in SWALLOWED_UNITS) if name in PIECE_UNITS else None


def _measured(code: str, base: str, of: str) -> DoseUnit | None:
    size = factor(code, base)
    return None if size is None else DoseUnit(size, of)


def _divided(unit: DoseUnit, divisors: Iterable[str]) -> DoseUnit | None:
    """The unit for each kilogram, and in how much time; None when it is for each of anything else."""
    per_kg, per_day = False, None
    for divisor in divisors:
        if divisor in _BY_WEIGHT and not per_kg:
            per_kg = True
        elif divisor in _PER_DAY and per_day is None:
            per_day = _PER_DAY[divisor]
        elif divisor not in _A_DOSE:
            return None
    return DoseUnit(unit.size, unit.of, per_kg, per_day, unit.swallowed)


def _in_ucum(code: str) -> DoseUnit | None:
    if "/{" in code:
        return None  # "mg/{tbl}" is a strength, which UCUM cannot tell from a dose
    by_weight = any(said in code for said in ("/kg", "kg-1", "(kg"))  # UCUM's "mg/kg" is a pure number, as is "%"
    for base, per_kg, per_day in _IN_UCUM:
        size = factor(code, base) if per_kg is by_weight else None
        if size is not None:
            return DoseUnit(size, "ml" if base.startswith("mL") else "mg", per_kg, per_day)
    return None


def milligrams(value: Decimal, unit: DoseUnit, product: Product, weight_kg: Decimal | None = None) -> Milligrams:
    """An amount in milligrams of the product's single ingredient: of one dose, or in the unit's time.

    Args:
        value: how much of the unit.
        unit: what one of it is.
        product: gives the strength of one piece or of one millilitre.
        weight_kg: of the patient, for units that ask for it.

    Returns:
        NO_DOSE below zero, above what anyone means, or when the product has no single strength for the unit:
        nothing is guessed.
    """
    if product.uncoded or len(product.ingredient_list) != 1:
        return NO_DOSE  # of which ingredient?
    amount = value if unit.size == 1 else value * unit.size
    if not 0 <= amount <= MOST:
        return NO_DOSE
    if unit.of != "mg":
        strength = product.strengths[0]
        if strength is None or strength.per != unit.of or (unit.of == "unit" and not _is_counted(unit, product)):
            return NO_DOSE
        amount *= strength.amount
    if not unit.per_kg:
        return amount
    if weight_kg is None:
        return NO_WEIGHT
    return rounded(amount * weight_kg) if 0 < weight_kg <= HEAVIEST_KG else NO_DOSE


def _is_counted(unit: DoseUnit, product: Product) -> bool:
    """Whether so many pieces are so many of the product: "2 tablets" tell the form where the product does not."""
    told = unit.swallowed and not product.dose_form and product.route in {None, Route.ORAL}
    return product.countable or told


def rounded(mg: Decimal) -> Decimal:
    """An amount to nine places: thirds that are added up, and pounds of body weight, become whole again."""
    exponent = mg.as_tuple().exponent
    return round(mg, PLACES) if isinstance(exponent, int) and exponent < -PLACES else mg
