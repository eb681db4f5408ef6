"""Medicines by code and by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.codes import Route, RxCUI
from cds_service.drugs import vocabulary

VOCABULARY = vocabulary.load()
BACLOFEN, DANTROLENE, TIZANIDINE, DIAZEPAM = map(RxCUI, ("1292", "3105", "57258", "3322"))


def test_a_process_reads_the_vocabulary_once():
    assert vocabulary.load() is VOCABULARY


def test_a_known_code_that_no_rule_asks_about_is_a_product():
    lisinopril = VOCABULARY.product("314076")
    assert lisinopril is not None
    assert lisinopril.ingredients == {"29046"}


@pytest.mark.parametrize("code", ["", "0", "99999999", "baclofen", " 197391", "rxcui"])
def test_an_unknown_code_is_none(code):
    assert VOCABULARY.product(code) is None


@pytest.mark.parametrize(
    ("code", "ingredients"),
    [
        ("1155671", {BACLOFEN}),  # Baclofen Pill
        ("566100", {BACLOFEN}),  # Baclofen 10 MG [Lioresal], a historic component
        ("3106", {DANTROLENE}),  # dantrolene sodium
        ("994226", {"1191", "2101", "2670"}),  # aspirin, carisoprodol and codeine in one tablet
    ],
)
def test_groups_components_salts_and_combinations_have_their_ingredients(code, ingredients):
    product = VOCABULARY.product(code)
    assert product is not None
    assert product.ingredients == ingredients


@pytest.mark.parametrize(
    ("name", "rxcui"),
    [
        ("baclofen", BACLOFEN),
        ("Dantrolene", DANTROLENE),
        ("dantrolene SODIUM", DANTROLENE),
        (" Tramadol hydrochloride ", "10689"),
        ("paracetamol", "161"),
        ("Adrenaline", "3992"),
        ("Lioresal", None),
        ("baclofenum", None),
        ("ziv-aflibercept", None),
        ("", None),
    ],
)
def test_ingredients_are_found_by_their_own_their_salts_and_their_other_names(name, rxcui):
    assert VOCABULARY.ingredient(name) == rxcui


def test_an_ingredient_has_its_rxnorm_name():
    assert VOCABULARY.ingredient_name(DANTROLENE) == "dantrolene"


@pytest.mark.parametrize("rxcui", ["3106", "197391", "0"])
def test_only_ingredients_have_an_ingredient_name(rxcui):
    with pytest.raises(KeyError):
        VOCABULARY.ingredient_name(RxCUI(rxcui))


@given(st.sampled_from(sorted(VOCABULARY.ingredient_names())))
def test_every_ingredient_name_leads_to_an_ingredient_whatever_its_case(name):
    rxcui = VOCABULARY.ingredient(name.upper())
    assert rxcui is not None
    assert VOCABULARY.ingredient(VOCABULARY.ingredient_name(rxcui)) == rxcui


@pytest.mark.parametrize(
    ("ingredient", "amounts"),
    [
        (BACLOFEN, [5, 10, 15, 20]),
        (DANTROLENE, [25, 50, 100]),
        (TIZANIDINE, [2, 2, 4, 4, 6, 8]),
        (DIAZEPAM, [2, 5, 10]),
        (RxCUI("0"), []),
    ],
)
def test_the_tablets_and_capsules_of_an_ingredient_are_listed_weakest_first(ingredient, amounts):
    tablets = VOCABULARY.oral_countable_strengths(ingredient)
    assert [tablet.strengths[0].amount for tablet in tablets if tablet.strengths[0]] == amounts


@given(st.sampled_from(sorted(VOCABULARY.ingredient_names())))
def test_a_listed_tablet_is_countable_oral_and_of_that_ingredient_alone(name):
    ingredient = VOCABULARY.ingredient(name)
    assert ingredient is not None
    for tablet in VOCABULARY.oral_countable_strengths(ingredient):
        assert tablet.ingredient_list == (ingredient,)
        assert tablet.route is Route.ORAL
        assert tablet.countable
        assert "Extended Release" not in tablet.dose_form
        assert not tablet.uncoded
