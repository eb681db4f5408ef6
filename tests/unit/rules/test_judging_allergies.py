"""Whether a patient is allergic to what is being ordered: the same ingredient, recorded, and not refuted."""

import pytest

from cds_service.clinical.codes import RxCUI
from cds_service.clinical.model import Why
from cds_service.rules import conditions as c
from cds_service.rules.judging import judge
from tests.unit.rules.charts import BACLOFEN, allergy, chart, order, paused, stop, takes, unread

ANTISPASTIC = c.Medicine("antispastic", frozenset(map(RxCUI, ("baclofen", "dantrolene", "tizanidine"))))
ALLERGIC = c.AllergicToOrdered(ANTISPASTIC)
NOT_SUPPLIED = {("allergies", "not-supplied")}
UNREAD_ORDER = unread("MedicationRequest/x", Why.UNKNOWN_MEDICINE)
OPEN = {("MedicationRequest/x", "unknown-medicine")}


@pytest.mark.parametrize(
    ("drafts", "allergies", "said"),
    [
        ([order("baclofen")], [allergy("baclofen")], "holds"),
        ([order("baclofen")], [allergy("baclofen", provisional=True)], "holds"),
        ([order("baclofen")], [allergy("baclofen", intolerance=True)], "holds"),
        ([order("baclofen")], [allergy(("baclofen", "lactose"))], "holds"),
        ([order(("baclofen", "codeine"))], [allergy("baclofen")], "holds"),
        ([order("baclofen"), order("dantrolene")], [allergy("dantrolene")], "holds"),
        ([order("baclofen")], [allergy("dantrolene")], "fails"),
        ([order("baclofen")], [allergy("amoxicillin")], "fails"),
        ([order(("baclofen", "codeine"))], [allergy("codeine")], "fails"),
        ([order("amoxicillin")], [allergy("amoxicillin")], "fails"),
        ([order("baclofen")], [], "fails"),
        ([], [allergy("baclofen")], "fails"),
        ([stop("baclofen")], [allergy("baclofen")], "fails"),
        ([order("baclofen", selected=False)], [allergy("baclofen")], "fails"),
    ],
    ids=[
        "an allergy to it",
        "an unconfirmed allergy",
        "an intolerance",
        "an allergy to it and something else",
        "it is one of two ingredients",
        "it is one of two orders",
        "an allergy to another antispastic",
        "an allergy to an antibiotic",
        "an allergy to what stands beside it in the tablet and is none of ours",
        "another medicine is ordered",
        "no allergies",
        "nothing is ordered",
        "it is being stopped",
        "it is a draft that nobody asks about",
    ],
)
def test_the_patient_is_allergic_to_the_ordered_antispastic(answer, drafts, allergies, said):
    assert answer(ALLERGIC, drafts=drafts, allergies=allergies) == said


@pytest.mark.parametrize("record", [takes("baclofen"), paused("baclofen")])
def test_an_allergy_to_what_runs_already_is_not_about_another_order(answer, record):
    assert answer(ALLERGIC, drafts=[order("dantrolene")], record=[record], allergies=[allergy("baclofen")]) == "fails"


@pytest.mark.parametrize(
    ("reaction", "recorded", "said"),
    [
        (c.Reaction.ALLERGY, allergy("baclofen"), "holds"),
        (c.Reaction.ALLERGY, allergy("baclofen", intolerance=True), "fails"),
        (c.Reaction.INTOLERANCE, allergy("baclofen"), "fails"),
        (c.Reaction.INTOLERANCE, allergy("baclofen", intolerance=True), "holds"),
    ],
)
def test_an_allergy_and_an_intolerance_are_told_apart(answer, reaction, recorded, said):
    asked = c.AllergicToOrdered(ANTISPASTIC, reaction)
    assert answer(asked, drafts=[order("baclofen")], allergies=[recorded]) == said


@pytest.mark.parametrize(
    ("allergies", "said"),
    [
        ([unread("allergies")], NOT_SUPPLIED),
        ([unread("allergies"), allergy("dantrolene")], NOT_SUPPLIED),
        ([unread("allergies"), allergy("baclofen")], "holds"),
        ([unread("allergies", about={"dantrolene"})], "fails"),
        ([unread("allergies", about={"dantrolene", "baclofen"})], NOT_SUPPLIED),
    ],
    ids=[
        "the list was not supplied",
        "the list is incomplete, and another allergy is known",
        "the list is incomplete, and this allergy is known",
        "an entry about another medicine could not be read",
        "an entry about this medicine too could not be read",
    ],
)
def test_only_a_complete_list_proves_that_there_is_no_allergy(answer, allergies, said):
    assert answer(ALLERGIC, drafts=[order("baclofen")], allergies=allergies) == said


def test_a_list_without_this_allergy_leaves_open_what_hides_an_intolerance(answer):
    known = [allergy("baclofen", intolerance=True), unread("allergies")]
    asked = c.AllergicToOrdered(ANTISPASTIC, c.Reaction.ALLERGY)
    assert answer(asked, drafts=[order("baclofen")], allergies=known) == NOT_SUPPLIED


@pytest.mark.parametrize(
    ("drafts", "allergies", "said"),
    [
        ([UNREAD_ORDER], [allergy("baclofen")], OPEN),
        ([UNREAD_ORDER], [allergy("amoxicillin")], "fails"),
        ([UNREAD_ORDER], [], "fails"),
        ([UNREAD_ORDER], [unread("allergies")], OPEN | NOT_SUPPLIED),
        ([UNREAD_ORDER, order("baclofen")], [allergy("dantrolene")], OPEN),
        ([UNREAD_ORDER, order("baclofen")], [allergy("baclofen")], "holds"),
        ([unread("MedicationRequest/x", about={"dantrolene"})], [allergy("baclofen")], "fails"),
        (
            [unread("MedicationRequest/x", about={"dantrolene"})],
            [allergy("dantrolene")],
            {("MedicationRequest/x", "not-supplied")},
        ),
    ],
    ids=[
        "it may be what the patient is allergic to",
        "there is no allergy to an antispastic",
        "there are no allergies",
        "the allergies could not be read either",
        "beside it stands an order that is no danger",
        "beside it stands the order of the allergen",
        "it is known to be another medicine",
        "it is known to be the allergen",
    ],
)
def test_an_order_that_could_not_be_read_is_open_where_it_may_be_the_allergen(answer, drafts, allergies, said):
    assert answer(ALLERGIC, drafts=drafts, allergies=allergies) == said


def test_the_order_and_the_allergy_prove_it_and_nothing_else(proof):
    drafts = [order("baclofen"), order("dantrolene"), order("amoxicillin")]
    recorded = [allergy("amoxicillin"), allergy("dantrolene"), allergy("dantrolene", intolerance=True)]
    assert proof(ALLERGIC, drafts=drafts, allergies=recorded) == [
        "MedicationRequest/ordered-dantrolene",
        "AllergyIntolerance/allergy-dantrolene",
        "AllergyIntolerance/intolerance-dantrolene",
    ]


def test_one_allergy_to_two_ordered_medicines_is_named_once(proof):
    both = allergy(("baclofen", "dantrolene"))
    refs = proof(ALLERGIC, drafts=[order("baclofen"), order("dantrolene")], allergies=[both])
    assert refs.count(both.ref) == 1


@pytest.mark.parametrize(
    ("allergies", "capped"),
    [
        ([allergy("baclofen", provisional=True)], True),
        ([allergy("baclofen", provisional=True), allergy("baclofen", intolerance=True)], False),
        ([allergy("baclofen"), allergy("dantrolene", provisional=True)], False),
    ],
    ids=["it alone", "beside a confirmed one", "of another medicine"],
)
def test_an_unconfirmed_allergy_alone_raises_a_warning_at_most(allergies, capped):
    assert judge(ALLERGIC, chart(drafts=[order("baclofen")], allergies=allergies)).capped is capped


def test_a_single_medicine_is_asked_about_like_a_class(answer):
    asked = c.AllergicToOrdered(BACLOFEN)
    assert answer(asked, drafts=[order("baclofen")], allergies=[allergy("baclofen")]) == "holds"
    assert answer(asked, drafts=[order("dantrolene")], allergies=[allergy("dantrolene")]) == "fails"
