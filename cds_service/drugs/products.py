"""What a medicine code stands for: ingredients, strength, route, and whether its doses are counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeVar

from cds_service.clinical.codes import Route, RxCUI

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Strength:
    """How much of one ingredient is in one of something.

    Attributes:
        amount: above zero, in `unit`.
        unit: always "mg"; strengths in units other than mass are not expressed.
        per: what one of holds that amount: "unit" (one tablet, capsule, patch, packet, vial ...), "ml",
            "hour", "actuation", "mg" (of the whole product) or "sqcm".
    """

    amount: Decimal
    unit: str
    per: str


@dataclass(frozen=True, slots=True)
class Product:
    """One medicine, as exactly as its code or its text says.

    Attributes:
        rxcui: None when it was read from text that is no RxNorm name.
        name: the RxNorm name, or the text it was read from.
        ingredient_list: RxNorm IN concepts in the order the RxNorm name names them, each once.
        ingredients: the same as a set.
        strengths: parallel to `ingredient_list`; None where no single mass is known (units, %, packs of
            several strengths). Salts of one ingredient are added up. A strength is that of the
            salt where RxNorm names a salt, e.g. dantrolene sodium 25 mg.
        route: None when neither code nor text tells, as for a bare ingredient or brand.
        systemic: whether the whole body is exposed. Oral, transdermal, injected and the like: True. Skin, eye
            and other local use: False. Intrathecal: False, because it is meant for the spinal cord, and rules
            about systemic exposure do not mean it. None when not known.
        dose_form: as RxNorm says it, e.g. "Oral Tablet"; "" when not known.
        countable: the dose form is counted (tablets, capsules, granule packets, patches, suppositories);
            False for everything measured, and when the form is not known.
        uncoded: it has, or may have, further ingredients that `ingredients` lacks: one without an RxNorm
            code, or a brand whose products differ in their ingredients. Absence of an ingredient is then not
            proved.
    """

    rxcui: RxCUI | None
    name: str = field(repr=False)  # may be a client's free text, which does not belong in a log
    ingredients: frozenset[RxCUI]
    ingredient_list: tuple[RxCUI, ...]
    strengths: tuple[Strength | None, ...]
    route: Route | None
    systemic: bool | None
    dose_form: str
    countable: bool
    uncoded: bool = False


# The grain of `route_detail` in rxnorm.tsv. Local use without a Route of its own is TOPICAL; dialysis fluid is
# INJECTED, since it enters through the abdominal wall and is absorbed.
_ROUTES: Final = {
    "oral": Route.ORAL,
    "parenteral": Route.INJECTED,
    "intraperitoneal": Route.INJECTED,
    "intrathecal": Route.INTRATHECAL,
    "transdermal": Route.TRANSDERMAL,
    "sublingual": Route.SUBLINGUAL,
    "buccal": Route.BUCCAL,
    "rectal": Route.RECTAL,
    "inhalation": Route.INHALED,
    "nasal": Route.NASAL,
    "vaginal": Route.VAGINAL,
    "implant": Route.IMPLANTED,
    "ophthalmic": Route.OPHTHALMIC,
    "otic": Route.OTIC,
    "skin": Route.TOPICAL,
    "oromucosal": Route.TOPICAL,
    "irrigation/intravesical": Route.TOPICAL,
    "intrauterine": Route.TOPICAL,
}
_SYSTEMIC: Final = {
    "systemic": True,
    "injectable": True,
    "topical": False,
    "ophthalmic": False,
    "intrathecal": False,
}
_MILLIGRAMS: Final = {"MG": Decimal(1), "G": Decimal(1000), "MCG": Decimal("0.001")}
_PER: Final = {
    "": "unit",
    "ML": "ml",
    "HR": "hour",
    "ACTUAT": "actuation",
    "MG": "mg",
    "SQCM": "sqcm",
}
_COUNTED: Final = (
    "tablet",
    "capsule",
    "pill",
    "chewable",
    "disintegrating",
    "lozenge",
    "wafer",
    "film",
    "chewing gum",
    "suppository",
    "insert",
    "patch",
    "transdermal system",
    "granules",
)
_FEW: Final = 8  # codes of one medicine whose agreement is remembered
_STIRRED: Final = ("granules for", "suspension granules", "solution granules")  # become a measured liquid


def parse_strength(text: str) -> Strength | None:
    """Read one strength as RxNorm writes it, such as "25 MG" or "0.333 MG/ML".

    None for units other than mass ("100 UNT/ML", "2 %"), for several strengths ("5 MG;10 MG") and for zero.

    >>> parse_strength("0.05 MG/ML")
    Strength(amount=Decimal('0.05'), unit='mg', per='ml')
    """
    number, _, unit = text.partition(" ")
    mass, _, denominator = unit.partition("/")
    factor, per = _MILLIGRAMS.get(mass), _PER.get(denominator)
    if factor is None or per is None or not number.replace(".", "", 1).isdigit():
        return None
    amount = Decimal(number) * factor
    return Strength(amount, "mg", per) if amount else None


def is_counted(dose_form: str) -> bool:
    """Whether doses of an RxNorm dose form, or dose form group, are counted rather than measured.

    A pack, e.g. "Pack (Oral Tablet; Oral Capsule)", is counted when all it holds is.

    >>> is_counted("Extended Release Oral Tablet"), is_counted("Granules for Oral Suspension")
    (True, False)
    """
    forms = dose_form.lower().removeprefix("pack (").removesuffix(")").split("; ")
    return all(_names_any(form, _COUNTED) and not _names_any(form, _STIRRED) for form in forms)


def _names_any(form: str, words: tuple[str, ...]) -> bool:
    return any(word in form for word in words)


@lru_cache(maxsize=4096)  # more than a hospital's formulary
def parse_product(line: str) -> Product:
    """Read one line of rxnorm.tsv, without its line end."""
    rxcui, _, name, ingredients, strengths, dose_form, route_class, route_detail, _ = line.split("\t")
    slots = tuple(zip(ingredients.split("|"), strengths.split("|"), strict=True))
    amounts = _amounts((RxCUI(ingredient), parse_strength(strength)) for ingredient, strength in slots if ingredient)
    return Product(
        rxcui=RxCUI(rxcui),
        name=name,
        ingredients=frozenset(amounts),
        ingredient_list=tuple(amounts),
        strengths=tuple(amounts.values()),
        route=_ROUTES.get(route_detail),
        systemic=_SYSTEMIC.get(route_class),
        dose_form=dose_form,
        countable=is_counted(dose_form),
        uncoded=not all(ingredient for ingredient, _ in slots),
    )


def _amounts(parts: Iterable[tuple[RxCUI, Strength | None]]) -> dict[RxCUI, Strength | None]:
    """Each ingredient once, with all its salts added up: a mixed amphetamine salts tablet names four salts of two."""
    amounts: dict[RxCUI, Strength | None] = {}
    for ingredient, strength in parts:
        amounts[ingredient] = _added(amounts[ingredient], strength) if ingredient in amounts else strength
    return amounts


def _added(one: Strength | None, other: Strength | None) -> Strength | None:
    if one is None or other is None or one.per != other.per:
        return None
    return replace(one, amount=one.amount + other.amount)


def reconciled(products: Sequence[Product], label: str) -> Product | None:
    """The one medicine that several codes name.

    As exact as the most exact of them, filled up with what the others add. What they contradict each other in
    (strength, route, dose form) stays open; such a product has no RxCUI of its own.

    Args:
        products: at least one.
        label: the name of a product of which something stays open.

    Returns:
        None when they are different medicines. One that may have more ingredients than we know, as some brands,
        agrees with a product that has them all.
    """
    different = tuple({id(product): product for product in products}.values())  # a product is mostly one object
    if len(different) == 1:
        return different[0]
    return _reconciled(different, label) if len(different) <= _FEW else _reconciled.__wrapped__(different, label)


@lru_cache(maxsize=4096)
def _reconciled(products: tuple[Product, ...], label: str) -> Product | None:
    widest = max(products, key=lambda product: (len(product.ingredients), not product.uncoded))
    if not all(_may_be(product, widest) for product in products):
        return None
    same = [product for product in products if product.ingredients == widest.ingredients]
    exact = max(same, key=_exactness)
    said = [_strengths_of(one, same) for one in exact.ingredient_list]
    packed = not _is_pack(exact) and any(map(_is_pack, same))  # of its several strengths the other code names one
    routes, systemic = _said(one.route for one in same), _said(one.systemic for one in same)
    formed = [one for one in same if one.dose_form]
    forms = frozenset((one.dose_form, one.countable) for one in list(filter(_is_exact, formed)) or formed)
    in_doubt = packed or len(routes) > 1 or len(forms) > 1 or any(len(one) > 1 for one in said)
    dose_form, countable = _agreed(forms) or ("", bool(forms) and all(counted for _, counted in forms))
    return replace(
        exact,
        rxcui=None if in_doubt else exact.rxcui,
        name=label if in_doubt else exact.name,
        strengths=tuple(None if packed else _agreed(one) for one in said),
        route=_agreed(routes),
        systemic=_agreed(systemic),
        dose_form=dose_form,
        countable=countable,
    )


def _may_be(product: Product, widest: Product) -> bool:
    """Whether both can name one medicine."""
    if product.ingredients == widest.ingredients:
        return bool(product.ingredients) or product == widest  # two medicines without any coded ingredient differ
    return product.uncoded and bool(product.ingredients) and product.ingredients < widest.ingredients


def _exactness(product: Product) -> tuple[bool, ...]:
    return not product.uncoded, _is_exact(product), product.route is not None, bool(product.dose_form)


def _is_exact(product: Product) -> bool:
    return any(product.strengths)


def _is_pack(product: Product) -> bool:
    return product.dose_form.startswith("Pack")


def _strengths_of(ingredient: RxCUI, products: Iterable[Product]) -> frozenset[Strength]:
    pairs = (pair for one in products for pair in zip(one.ingredient_list, one.strengths, strict=True))
    return _said(strength for named, strength in pairs if named == ingredient)


def _said(answers: Iterable[_T | None]) -> frozenset[_T]:
    return frozenset(answer for answer in answers if answer is not None)


def _agreed(answers: frozenset[_T]) -> _T | None:
    """The one answer given; None without or with several."""
    return next(iter(answers)) if len(answers) == 1 else None
