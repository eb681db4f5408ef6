"""From an amount and a product to milligrams."""

from decimal import Decimal
from typing import Final

from cds_service.drugs.products import Product

MILLIGRAMS: Final = {
    "mg": Decimal(1),
    "g": Decimal(1000),
    "ug": Decimal("0.001"),
    "mcg": Decimal("0.001"),
    "milligram": Decimal(1),
    "milligrams": Decimal(1),
}
MILLILITRES: Final = frozenset({"ml", "milliliter", "milliliters", "millilitre", "millilitres"})
COUNTED: Final = frozenset(
    {
        *("1", "each", "{each}", "unit", "{unit}", "dose", "{packet}", "packet", "packets"),
        *("{pill}", "pill", "pills"),
        *("{tbl}", "{tablet}", "{tab}", "tablet", "tablets", "tablet(s)", "tab", "tabs"),
        *("{capsule}", "{cap}", "{caplet}", "capsule", "capsules", "capsule(s)", "cap", "caps"),
    }
)


def milligrams(value: Decimal, unit: str, product: Product) -> Decimal | None:
    """One dose in milligrams of the product's single ingredient.

    Args:
        value: how much, above or equal to zero.
        unit: a UCUM code or what clients write in its place ("mg", "{pill}", "tablet", "mL"); case does not matter.
        product: gives the strength of one tablet or of one millilitre.

    Returns:
        None when the unit is not known, or the product has no single strength for it: nothing is guessed.
    """
    if product.uncoded or len(product.ingredient_list) != 1:
        return None  # of which ingredient?
    unit = unit.casefold()
    if unit in MILLIGRAMS:
        return value * MILLIGRAMS[unit]
    strength = product.strengths[0]
    if strength is None:
        return None
    if unit in MILLILITRES and strength.per == "ml":
        return value * strength.amount
    if unit in COUNTED and strength.per == "unit" and product.countable:
        return value * strength.amount
    return None
