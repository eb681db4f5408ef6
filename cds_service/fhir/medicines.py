"""Which medicine a CodeableConcept, a reference or a Medication resource means."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeVar

from cds_service.clinical.codes import Ref, RxCUI
from cds_service.clinical.model import Gap, Why
from cds_service.drugs.products import Product, Strength, reconciled
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import EMPTY, codings, number, part, parts, relative, text, words
from cds_service.hooks.request import Json, Resource

_T = TypeVar("_T")

_MILLIGRAMS: Final = {"mg": Decimal(1), "g": Decimal(1000), "ug": Decimal("0.001"), "mcg": Decimal("0.001")}
_MOST: Final = 100  # ingredients of a medicine, or resources contained for them; of more nobody reads the rest
_PER: Final = {
    **dict.fromkeys(("1", "{tablet}", "{tbl}", "{capsule}", "{cap}", "tablet", "tab", "capsule", "cap"), "unit"),
    "ml": "ml",
}

NOTHING: Final[tuple[Json, ...]] = (None, "", [], {})  # what stands where a client has nothing to say


def read_medicine(resource: Resource, ref: Ref, reading: Reading) -> Product | Gap | None:
    """The product of a request or statement.

    A known code wins over any text; two known codes of different ingredients are a gap; an unknown code with
    a known text is read by the text (decision 4); a reference that leads nowhere by its display (decision 5).

    Returns:
        None when the resource names no medicine at all, as the first draft of some clients does.
    """
    concept = part(resource, "medicationCodeableConcept")
    pointer = part(resource, "medicationReference")
    if concept:
        named = _of_concept(concept, ref, reading)
        if named is None and _says_something(concept):
            named = Gap(ref, Why.UNKNOWN_MEDICINE)
        if named is not None or not pointer:
            return named
    if not pointer:
        # Something stands there that is no concept and no reference: a medicine that nobody can read.
        unread = any(value not in NOTHING for name, value in resource.items() if name.startswith("medication"))
        return Gap(ref, Why.UNKNOWN_MEDICINE) if unread else None
    address = text(pointer, "reference")
    medication = reading.resolve(address, resource)
    within = resource if address.startswith("#") else EMPTY  # what contains the Medication, and perhaps its neighbours
    found = None if medication is None else _of_medication(medication, within, ref, reading)
    if found is not None:
        return found
    display = text(pointer, "display").strip()
    label = display or words(part(medication or EMPTY, "code"))
    lost = medication is None and relative(address) in reading.failed
    return _by_text([display], reading) or Gap(ref, Why.POINTS_NOWHERE if lost else Why.UNKNOWN_MEDICINE, label)


def unresolved(resource: Resource, reading: Reading) -> str | None:
    """The reference, as "Medication/7", of an order whose medicine nobody can tell without following it.

    None for an order that names its medicine, whose reference is in the request, or leads where nothing can be fetched
    (contained, "urn:uuid:...", another server than the client's own), or has a display that names a medicine.
    """
    pointer = part(resource, "medicationReference")
    address = text(pointer, "reference")
    name = relative(address)
    if not name.startswith("Medication/") or ("://" in address and not reading.is_at_home(address)):
        return None
    if _says_something(part(resource, "medicationCodeableConcept")) or reading.resolve(address, resource) is not None:
        return None
    return None if _by_text([text(pointer, "display")], reading) is not None else name


# Concepts -------------------------------------------------------------------------------------------------------------


def _says_something(concept: Resource) -> bool:
    """Whether it holds more than empty members: something is meant then, in whatever shape."""
    return any(not _is_empty(value) for value in concept.values())


def _is_empty(value: Json) -> bool:
    if isinstance(value, list):
        return all(one in NOTHING for one in value)
    return not value.strip() if isinstance(value, str) else value in NOTHING


def _of_concept(concept: Resource, ref: Ref, reading: Reading) -> Product | Gap | None:
    """The medicine of a concept; None when it has neither a code with its system nor words."""
    found = _by_code(concept, ref, reading)
    if found is not None:
        return found
    texts = _texts(concept)
    if not texts and not codings(concept):
        return None
    named = [product for said in texts if (product := reading.vocabulary.from_text(said)) is not None]
    if any(product.ingredients.isdisjoint(named[0].ingredients) for product in named[1:]):
        together = frozenset(ingredient for product in named for ingredient in product.ingredients)
        return Gap(ref, Why.CODES_DISAGREE, words(concept), together)
    return named[0] if named else Gap(ref, Why.UNKNOWN_MEDICINE, words(concept))


def _by_code(concept: Resource, ref: Ref, reading: Reading) -> Product | Gap | None:
    """What all known codes say together; None without a known code. A code we do not know contradicts nothing."""
    vocabulary = reading.vocabulary
    said = (vocabulary.coded(system, code) for system, code in codings(concept))
    known = [product for product in said if product is not None]
    if not known:
        return None
    product = reconciled(known, vocabulary.ingredients_of(known[0])) if len(known) > 1 else known[0]
    if product is None:
        together = frozenset(ingredient for one in known for ingredient in one.ingredients)
        may_be_more = any(one.uncoded for one in known)
        return Gap(ref, Why.CODES_DISAGREE, words(concept), None if may_be_more else together)
    if product.route is not None or any(product.strengths):
        return product
    by_text = _by_text(_texts(concept), reading)  # "M03BX01" says less than "Baclofen 10 mg tablet" beside it
    return by_text if by_text is not None and _names_the_same(by_text, product) else product


def _names_the_same(one: Product, other: Product) -> bool:
    return one.ingredients == other.ingredients and one.uncoded == other.uncoded


def _texts(concept: Resource) -> list[str]:
    """The words of a concept, its own first."""
    said = (text(concept, "text"), *(text(coding, "display") for coding in parts(concept, "coding")))
    return [one for one in said if one.strip()]


def _by_text(texts: list[str], reading: Reading) -> Product | None:
    """The medicine of the first text that names one."""
    found = (reading.vocabulary.from_text(said) for said in texts)
    return next((product for product in found if product is not None), None)


# Medication resources -------------------------------------------------------------------------------------------------


def _of_medication(medication: Resource, within: Resource, ref: Ref, reading: Reading) -> Product | Gap | None:
    """The medicine of a Medication in the shape of any version; None when nothing in it is known.

    Its code wins; without a known one its ingredients, and last the words of its code. Form and strength are taken
    from where they stand when the code does not tell them.
    """
    code = part(medication, "code")
    found = _by_code(code, ref, reading)
    if found is None:
        listed = _of_ingredients(medication, within, ref, reading)
        said = _by_text(_texts(code), reading)
        if isinstance(listed, Gap) or listed is None or said is None:
            found = listed or said
        else:
            same = listed.ingredients == said.ingredients
            found = replace(said, uncoded=said.uncoded or listed.uncoded) if same else listed
    return _as_described(found, medication, reading) if isinstance(found, Product) else found


def _of_ingredients(medication: Resource, within: Resource, ref: Ref, reading: Reading) -> Product | Gap | None:
    """What a Medication is made of; None when no ingredient is known, a gap when one disagrees with itself."""
    items, lost = _active(medication)
    beside = dict(_contained(medication, within)) if items else {}
    known: list[Product] = []
    for item in items:
        found = _of_item(item, beside, ref, reading)
        if isinstance(found, Gap) and found.why is Why.CODES_DISAGREE:
            return found
        if isinstance(found, Product):
            known.append(found)
    if not known:
        return None
    if len(known) == len(items) == 1 and not lost:
        return known[0]
    ingredient_list: tuple[RxCUI, ...] = tuple(
        dict.fromkeys(one for product in known for one in product.ingredient_list)
    )
    product = Product(
        rxcui=None,
        name="",
        ingredients=frozenset(ingredient_list),
        ingredient_list=ingredient_list,
        strengths=(None,) * len(ingredient_list),
        route=None,
        systemic=None,
        dose_form="",
        countable=False,
        uncoded=lost or len(known) < len(items) or any(one.uncoded for one in known),
    )
    return replace(product, name=words(part(medication, "code")) or reading.vocabulary.ingredients_of(product))


def _active(medication: Resource) -> tuple[list[Resource], bool]:
    """The active ingredients, and whether one stands there that cannot be read."""
    holder = medication if medication.get("ingredient") else part(medication, "product")  # product: DSTU2
    items = parts(holder, "ingredient")
    value = holder.get("ingredient")
    active = [item for item in items if item.get("isActive") is not False]
    unread = len(items) < len(value) if isinstance(value, list) else bool(value) and not items
    return active[:_MOST], unread or len(active) > _MOST


def _contained(medication: Resource, within: Resource) -> Iterator[tuple[str, Resource]]:
    """What is contained in a Medication or beside it, by reference: a contained resource may point at its neighbour."""
    for holder in (within, medication):
        for one in parts(holder, "contained")[:_MOST]:
            yield "#" + text(one, "id").removeprefix("#"), one


def _of_item(item: Resource, beside: Mapping[str, Resource], ref: Ref, reading: Reading) -> Product | Gap | None:
    """What one ingredient is, whatever the version.

    STU3 and R4 say `itemCodeableConcept` or `itemReference`, R5 `item.concept` or `item.reference`; in DSTU2 `item` is
    a reference itself.
    """
    inside = part(item, "item")
    concept = part(item, "itemCodeableConcept") or part(inside, "concept")
    if concept:
        return _of_concept(concept, ref, reading)
    pointer = part(item, "itemReference") or part(inside, "reference") or inside
    said = text(pointer, "reference")
    target = beside.get(said) or reading.resolve(said, EMPTY)
    if target is None:
        return _by_text([text(pointer, "display")], reading)
    code = part(target, "code")
    return _of_concept(part(code, "concept") or code, ref, reading)  # an R5 Substance has code.concept


def _as_described(product: Product, medication: Resource, reading: Reading) -> Product:
    """The product in the form, and with the strength, that its Medication tells beside a code that does not."""
    if product.route is None:
        form = part(medication, "form") or part(medication, "doseForm") or part(part(medication, "product"), "form")
        product = reading.vocabulary.in_form(product, words(form))
    if any(product.strengths) or len(product.ingredient_list) != 1:
        return product
    strengths = [_strength(item) for item in _active(medication)[0]]
    return replace(product, strengths=(strengths[0],)) if len(strengths) == 1 else product


def _strength(item: Resource) -> Strength | None:
    """A strength such as 10 mg in 1 tablet, or 5 mg in 1 mL; None for anything else."""
    ratio = next(_ratios(item), EMPTY)
    amount, of = part(ratio, "numerator"), part(ratio, "denominator")
    factor, per = _unit_in(_MILLIGRAMS, amount), _unit_in(_PER, of)
    given, divisor = number(amount, "value"), number(of, "value")
    if factor is None or per is None or not given or not divisor or given < 0 or divisor < 0:
        return None
    if amount.get("comparator") or of.get("comparator"):
        return None
    return Strength(given * factor / divisor, "mg", per)


def _ratios(item: Resource) -> Iterator[Resource]:
    """Where the versions keep it: R4 `strength`, R5 `strengthRatio`, STU3 and DSTU2 `amount`."""
    yield from filter(None, (part(item, name) for name in ("strength", "strengthRatio", "amount")))


def _unit_in(known: dict[str, _T], quantity: Resource) -> _T | None:
    said = (text(quantity, name).strip().lower() for name in ("code", "unit", "units"))
    return next((known[one] for one in said if one in known), None)
