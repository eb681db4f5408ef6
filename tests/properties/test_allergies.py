"""What holds for every patient with an allergy list."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.journeys.card_rules import check_answer
from tests.journeys.records import about, allergy, cards_of
from tests.properties.damage import keys_damaged, resources_damaged
from tests.properties.patients import UNRELATED, cases

ALLERGY = "antispastic-allergy"
ANY_SHAPE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("coding", "code", "text")), inner),
    max_leaves=4,
)


def of_what_is_ordered(case, **more):
    """An allergy to the medicine of the first draft."""
    return allergy("amoxicillin", code=case.drafts[0]["medicationCodeableConcept"], **more)


def by_id(cards):
    return {about(card)["id"]: card for card in cards}


@given(case=cases())
def test_an_allergy_to_what_is_ordered_is_always_shown(client, case):
    cards = cards_of(client, case.with_more("allergies", of_what_is_ordered(case)).request())
    check_answer({"cards": cards})
    assert by_id(cards)[ALLERGY]["indicator"] == "critical"


@given(case=cases(), product=st.sampled_from(UNRELATED))
def test_an_allergy_to_an_unrelated_medicine_changes_nothing(client, case, product):
    assert cards_of(client, case.with_more("allergies", allergy(product)).request()) == cards_of(client, case.request())


@given(case=cases())
def test_without_an_allergy_list_nobody_is_told_that_allergies_were_checked(client, case):
    request = case.request()
    del request["prefetch"]["allergies"]
    cards = by_id(cards_of(client, request))
    assert "the allergy list" in cards["not-checked"]["detail"].lower()


@settings(max_examples=60)  # of each patient some fifty damaged records
@given(case=cases())
def test_an_allergy_is_never_lost_by_damage_to_the_allergy_list(client, case):
    request = case.with_more("allergies", of_what_is_ordered(case)).request()
    for key, what, broken in (*keys_damaged(request), *resources_damaged(request)):
        cards = by_id(cards_of(client, broken))
        assert cards.keys() & ({ALLERGY, "not-checked"} if key == "allergies" else {ALLERGY}), f"{key} {what}"


@given(
    case=cases(),
    element=st.sampled_from(("code", "clinicalStatus", "verificationStatus", "type", "category", "recordedDate", "id")),
    value=ANY_SHAPE,
)
def test_a_damaged_allergy_is_never_taken_for_none(client, case, element, value):
    damaged = of_what_is_ordered(case) | {element: value}
    cards = by_id(cards_of(client, case.with_more("allergies", damaged).request()))
    assert cards.keys() & {ALLERGY, "not-checked"}
