"""Every medicine of every class that an interaction card names makes it fire, whichever of the two is ordered."""

from pathlib import Path

import pytest

from cds_service.advice.advise import advise
from cds_service.advice.policy import Policy, from_prefetch_only
from cds_service.card_files.library import all_conditions, flat, medicines
from cds_service.card_files.loading import load_library
from cds_service.clinical.codes import Route
from cds_service.clinical.quantity import Truth
from cds_service.drugs import vocabulary
from cds_service.hooks.reading import read_request
from cds_service.rules import conditions as c
from tests.journeys import records

ROOT = Path(__file__).parents[2]
VOCABULARY = vocabulary.load()
LIBRARY = load_library(ROOT / "cards", VOCABULARY)
BRANDED = VOCABULARY.branded()
ORAL = {"coding": [{"system": records.SNOMED_CT, "code": "26643006"}], "text": "oral"}
INJECTED = {"coding": [{"system": records.SNOMED_CT, "code": "47625008"}], "text": "intravenous"}
INTRATHECAL = {"coding": [{"system": records.SNOMED_CT, "code": "72607000"}], "text": "intrathecal"}
ROUTES = {Route.INJECTED: INJECTED, Route.INTRATHECAL: INTRATHECAL}


def brand(side, ingredient):
    """A brand-name product that holds this ingredient alone, by a route that the card means; none if there is none."""
    return [code for code in BRANDED.get(ingredient, ()) if side.match(VOCABULARY.product(code)) is Truth.HOLDS][:1]


def pairs():
    """Each side of each interaction card: (card, this side, the other side)."""
    for card in LIBRARY.cards.values():
        for condition in flat(card.rule.when):
            if isinstance(condition, c.Together):
                yield card, condition.first, condition.second
                yield card, condition.second, condition.first


def cases():
    """Every ingredient of each side, with the first one of the other side that is another medicine."""
    for card, side, other in pairs():
        for ingredient in sorted(side.ingredients):
            partner = next((one for one in sorted(other.ingredients) if one != ingredient), None)
            if partner is not None:
                yield card.id, side, ingredient, other, partner


def order(rxcui, medicine, logical_id, **more):
    """A MedicationRequest for an RxNorm code; the route of the card is stated where the product has none."""
    product = VOCABULARY.product(rxcui)
    said = records.medicine((rxcui, product.name), logical_id, **more)
    if "dosageInstruction" not in said:
        said["dosageInstruction"] = [records.dosage(1000, 3)]  # a dose for which no card is too low
    if product.route is None:
        said["dosageInstruction"][0]["route"] = ROUTES.get(medicine.route, ORAL)
    return said


def cards_for(ordered, running):
    """The ids of the cards for an order beside what has run for a year, in a man of 30 whose kidneys are weak.

    That is what the card about NSAIDs beside baclofen asks for.
    """
    egfr = records.result(
        "ALT", 1, 5, "egfr", code=records.concept(records.LOINC, "98979-8", "eGFR"), referenceRange=[]
    )
    egfr["valueQuantity"] = records.quantity(45, "mL/min/{1.73_m2}")
    man = records.patient(sex="male", born="1996-01-01")
    body = records.call("order-sign", [ordered], records.prefetch(man, medications=[running], results=[egfr]))
    request = read_request(body, hook="order-sign")
    answer = advise(request, LIBRARY, fetch=from_prefetch_only, policy=Policy(), at=records.AT)
    return {card["extension"]["org.cds-service.card"]["id"] for card in answer.cards}


@pytest.mark.parametrize(
    ("card_id", "side", "ingredient", "other", "partner"),
    [
        pytest.param(
            *case,
            id=f"{case[0]}: {VOCABULARY.ingredient_name(case[2])} ({case[1].route}) beside {case[3].name}",
        )
        for case in dict.fromkeys(cases())
    ],
)
def test_every_medicine_of_an_interaction_card_makes_it_fire_in_both_directions(
    card_id, side, ingredient, other, partner
):
    expected = {
        card.id for card, one, two in pairs() if {ingredient} <= one.ingredients and {partner} <= two.ingredients
    }
    expected |= {one.id for one in LIBRARY.cards.values() if expected & one.rule.supersedes}
    for code in (ingredient, *brand(side, ingredient)):
        new = cards_for(order(code, side, "new"), order(partner, other, "old", written=365))
        old = cards_for(order(partner, other, "new"), order(code, side, "old", written=365))
        assert expected & new, f"{card_id}: {code} ordered"
        assert expected & old, f"{card_id}: {code} running"


def test_a_medicine_without_a_brand_of_its_own_is_listed_as_such():
    listed = (ROOT / "docs" / "reference" / "classes.md").read_text(encoding="utf-8").partition("## Without a brand")[2]
    classes = LIBRARY.codelists.classes.values()
    without = {VOCABULARY.ingredient_name(one) for members in classes for one in members if one not in BRANDED}
    assert {name for name in without if name not in listed} == set()


UNION = {
    *("opioid", "benzodiazepine", "z-hypnotic", "orexin-antagonist", "gabapentinoid", "sedating-antihistamine"),
    *("antipsychotic", "tricyclic", "sedating-antidepressant", "barbiturate", "cannabinoid"),
}


def test_whatever_is_added_to_a_class_of_sedatives_counts_as_a_sedative():
    """`cns-depressant` repeats these classes: a line added to one of them needs a line there."""
    classes = LIBRARY.codelists.classes
    members = frozenset().union(*[classes[name] for name in UNION])
    missing = {VOCABULARY.ingredient_name(one) for one in members - classes["cns-depressant"]}
    assert missing == set()


def test_every_class_is_asked_for_by_a_card():
    named = {row for card in LIBRARY.cards.values() for row in _names(card)}
    assert {name for name in LIBRARY.codelists.classes if name not in named | UNION} == set()


def _names(card):
    """The words by which a card names medicines, those of lists one by one."""
    for condition in all_conditions(card):
        for medicine in medicines(condition):
            yield from medicine.name.split(" or ")
