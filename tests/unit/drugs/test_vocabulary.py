"""Medicines by code and by name."""

import timeit
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.codes import ATC, NDC, RXNORM, SNOMED_CT, Route, RxCUI
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


# Codes of any system --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "code", "name"),
    [
        (RXNORM, "197391", "baclofen 10 MG Oral Tablet"),
        (RXNORM, " 197391 ", "baclofen 10 MG Oral Tablet"),
        ("urn:oid:2.16.840.1.113883.6.88", "197391", "baclofen 10 MG Oral Tablet"),
        ("https://www.nlm.nih.gov/research/umls/RxNorm/", "197391", "baclofen 10 MG Oral Tablet"),
        (NDC, "00115441101", "dantrolene sodium 25 MG Oral Capsule"),
        (NDC, "0115-4411-01", "dantrolene sodium 25 MG Oral Capsule"),
        (NDC, "0115441101", "dantrolene sodium 25 MG Oral Capsule"),
        (NDC, "001154411", "dantrolene sodium 25 MG Oral Capsule"),
        ("urn:oid:2.16.840.1.113883.6.69", "52536-600-11", "baclofen 5 MG/ML Oral Suspension"),
        (ATC, "M03CA01", "dantrolene"),
        (ATC, "m03bx01", "baclofen"),
        (ATC, "N05AF05", "zuclopenthixol"),
        (ATC, "N03AX12", "gabapentin"),  # until WHO moved it
        (ATC, "N02BF01", "gabapentin"),
        ("urn:oid:2.16.840.1.113883.6.73", "M03BX02", "tizanidine"),
        ("http://www.whocc.no/ATC/", "M03BX02", "tizanidine"),
        (SNOMED_CT, "387342009", "baclofen"),
        (SNOMED_CT, "372819007", "dantrolene"),
        ("urn:oid:2.16.840.1.113883.6.96", "373440006", "tizanidine"),
    ],
)
def test_a_medicine_is_known_by_its_code_in_any_of_the_systems(system, code, name):
    product = VOCABULARY.coded(system, code)
    assert product is not None
    assert product.name == name


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("", ""),
        ("", "197391"),
        ("urn:oid:1.2.3", "197391"),
        (ATC, "197391"),
        (ATC, "M03BX"),
        (ATC, "M03"),
        (NDC, "99999-9999-99"),
        (NDC, "197391"),
        (NDC, "5253660011"),
        (SNOMED_CT, "M03BX01"),
        (SNOMED_CT, "373466003"),  # public maps disagree whether this is chlorzoxazone
        (RXNORM, "00115441101"),
        (RXNORM, "baclofen"),
        ("\x00" * 100_000, "197391"),
        (RXNORM, "1" * 100_000),
    ],
)
def test_a_code_of_an_unknown_system_or_unknown_in_its_system_is_none(system, code):
    assert VOCABULARY.coded(system, code) is None


@pytest.mark.parametrize(("system", "code"), [(ATC, "S01EA04"), (ATC, "M03BX01"), (SNOMED_CT, "387342009")])
def test_a_code_of_an_ingredient_tells_no_route_and_no_strength(system, code):
    product = VOCABULARY.coded(system, code)
    assert product is not None
    assert (product.route, product.systemic, product.strengths) == (None, None, (None,))


def test_an_ndc_of_a_group_tells_the_ingredient_and_no_strength():
    product = VOCABULARY.coded(NDC, "00002322730")
    assert product is not None
    assert VOCABULARY.ingredients_of(product) == "atomoxetine"
    assert product.strengths == (None,)


SHIPPED = (resources.files("cds_service.drugs") / "data").joinpath


def table(name: str) -> list[list[str]]:
    """The rows of a shipped table, without its header."""
    return [line.split("\t") for line in SHIPPED(name).read_text(encoding="utf-8").splitlines()[1:]]


@pytest.mark.parametrize(
    "name",
    ["rxnorm.tsv", "aliases.tsv", "brands.tsv", "ndc.tsv", "atc.tsv", "other_codes.tsv", "spellings.tsv"],
)
def test_the_readme_of_the_data_counts_their_rows(name):
    assert f"| `{name}` | {len(table(name)):,} |" in SHIPPED("README.md").read_text(encoding="utf-8")


def test_each_ndc_shipped_stands_for_a_product_and_the_lines_are_sorted():
    lines = table("ndc.tsv")
    assert lines == sorted(lines)
    assert all(len(ndc9) == 9 and VOCABULARY.product(rxcui) is not None for ndc9, rxcui, _ in lines)


def test_products_that_share_an_ndc_but_no_ingredients_are_not_guessed():
    assert VOCABULARY.coded(NDC, "003630106") is None  # once diphenhydramine, once a cold remedy
    assert VOCABULARY.coded(NDC, "00363010699") is None


def test_each_other_code_is_shipped_once_with_its_basis_and_is_of_an_ingredient():
    others = table("other_codes.tsv")
    named = [(system, code) for system, code, *_ in others] + [("ATC", code) for code, _ in table("atc.tsv")]
    assert len(named) == len(set(named))
    for _, code, rxcui, name, status in others:
        assert VOCABULARY.ingredient_name(rxcui) == name, code
        assert status


def test_every_spelling_has_its_basis_and_is_nobody_elses_name():
    for name, rxcuis, kind, basis in table("spellings.tsv"):
        assert kind in {"spelling", "abbreviation", "brand", "phrase"}
        assert basis
        product = VOCABULARY.from_text(name)
        assert (product.ingredients if product else set()) == set(filter(None, rxcuis.split("|"))), name


@given(st.text(), st.text())
def test_any_system_and_code_can_be_asked_for(system, code):
    assert VOCABULARY.coded(system, code) is None


def test_a_code_asked_for_again_costs_next_to_nothing():
    VOCABULARY.coded(NDC, "0115-4411-01")
    took = min(timeit.repeat(lambda: VOCABULARY.coded(NDC, "0115-4411-01"), number=1000, repeat=5)) / 1000
    assert took < 2e-6


# Forms told beside the code -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "route", "countable"),
    [
        ("Oral tablet", Route.ORAL, True),
        ("Tablet", Route.ORAL, True),
        ("Injection", Route.INTRATHECAL, False),  # of baclofen there is no other
        ("oral solution", Route.ORAL, False),
        ("", None, False),
        ("bottle", None, False),
    ],
)
def test_an_ingredient_in_a_form_has_the_route_of_its_products_in_that_form(said, route, countable):
    baclofen = VOCABULARY.product(BACLOFEN)
    assert baclofen is not None
    product = VOCABULARY.in_form(baclofen, said)
    assert (product.route, product.countable) == (route, countable)
    assert (product.rxcui, product.name) == (BACLOFEN, "baclofen")
