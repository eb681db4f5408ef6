"""Which medicine a CodeableConcept or a reference means."""

from cds_service.clinical.codes import RXNORM, Ref
from cds_service.clinical.model import Gap, Why
from cds_service.drugs.products import Product
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import codings, part, parts, reference, text, words
from cds_service.hooks.request import Resource


def read_medicine(resource: Resource, ref: Ref, reading: Reading) -> Product | Gap | None:
    """The product of a request or statement.

    A known code wins over any text; two known codes of different ingredients are a gap; an unknown code with
    a known text is read by the text (decision 4); a reference that leads nowhere by its display (decision 5).

    Returns:
        None when the resource names no medicine at all, as the first draft of some clients does.
    """
    concept = part(resource, "medicationCodeableConcept")
    if concept:
        found = _of_concept(concept, ref, reading)
        return found or (Gap(ref, Why.UNKNOWN_MEDICINE) if _says_something(concept) else None)
    pointer = part(resource, "medicationReference")
    if not pointer:
        # Something stands there that is no concept and no reference: a medicine that nobody can read.
        said = any(value for name, value in resource.items() if name.startswith("medication"))
        return Gap(ref, Why.UNKNOWN_MEDICINE) if said else None
    target = reading.resolve(reference(resource, "medicationReference"), resource)
    if target is not None:
        found = _of_concept(part(target, "code"), ref, reading)
        return _of_ingredients(target, ref, reading) if found is None or isinstance(found, Gap) else found
    return _of_text(text(pointer, "display"), ref, reading)


def _says_something(concept: Resource) -> bool:
    """Whether it holds more than empty members: a code, or words, in whatever shape."""
    coding = concept.get("coding")
    codings_said = any(coding) if isinstance(coding, list) else bool(coding)
    return codings_said or bool(text(concept, "text").strip())


def _of_ingredients(medication: Resource, ref: Ref, reading: Reading) -> Product | Gap:
    """A Medication that names only what is in it: known when it has one ingredient."""
    items = parts(medication, "ingredient")
    if len(items) == 1:
        found = _of_concept(part(items[0], "itemCodeableConcept"), ref, reading)
        if found is not None:
            return found
    return _of_text(words(part(medication, "code")), ref, reading)


def _of_concept(concept: Resource, ref: Ref, reading: Reading) -> Product | Gap | None:
    known: list[Product] = []
    for system, code in codings(concept):
        product = reading.vocabulary.product(code) if system == RXNORM else None
        if product is not None:
            known.append(product)
    if len(known) == 1:
        return known[0]
    if known:
        if len({product.ingredients for product in known}) > 1:
            concerns = frozenset(ingredient for product in known for ingredient in product.ingredients)
            return Gap(ref, Why.CODES_DISAGREE, words(concept), concerns)
        return max(known, key=lambda product: (product.route is not None, any(product.strengths)))
    texts = [text(concept, "text"), *(text(coding, "display") for coding in parts(concept, "coding"))]
    for said in texts:
        by_text = reading.vocabulary.from_text(said) if said.strip() else None
        if by_text is not None:
            return by_text
    if not codings(concept) and not any(said.strip() for said in texts):
        return None
    return Gap(ref, Why.UNKNOWN_MEDICINE, words(concept))


def _of_text(said: str, ref: Ref, reading: Reading) -> Product | Gap:
    product = reading.vocabulary.from_text(said) if said.strip() else None
    return product if product is not None else Gap(ref, Why.UNKNOWN_MEDICINE, said)
