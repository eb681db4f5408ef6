"""What medicine codes stand for."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cds_service.clinical.codes import Route
from cds_service.drugs import vocabulary
from cds_service.drugs.products import Product, Strength, is_counted, parse_product, parse_strength, reconciled

BACLOFEN, DANTROLENE, TIZANIDINE = "1292", "3105", "57258"
TABLET = (Route.ORAL, True, "Oral Tablet", True)
CAPSULE = (Route.ORAL, True, "Oral Capsule", True)
GRANULES = (Route.ORAL, True, "Oral Granules", True)
SOLUTION = (Route.ORAL, True, "Oral Solution", False)
SUSPENSION = (Route.ORAL, True, "Oral Suspension", False)
PUMP = (Route.INTRATHECAL, False, "Injection", False)
PUMP_SYRINGE = (Route.INTRATHECAL, False, "Prefilled Syringe", False)
INJECTION = (Route.INJECTED, True, "Injection", False)
INJECTED_SOLUTION = (Route.INJECTED, True, "Injectable Solution", False)
BRAND = (None, None, "", False)

CORE_PRODUCTS = [
    ("3104", DANTROLENE, None, None, BRAND),
    ("1012462", DANTROLENE, None, None, BRAND),
    ("1544754", DANTROLENE, None, None, BRAND),
    ("856698", DANTROLENE, "0.333", "ml", INJECTED_SOLUTION),
    ("1012465", DANTROLENE, "0.333", "ml", INJECTED_SOLUTION),
    ("856658", DANTROLENE, "25", "unit", CAPSULE),
    ("1544758", DANTROLENE, "250", "unit", INJECTION),
    ("856696", DANTROLENE, "0.333", "ml", INJECTED_SOLUTION),
    ("856652", DANTROLENE, "100", "unit", CAPSULE),
    ("856656", DANTROLENE, "25", "unit", CAPSULE),
    ("1544753", DANTROLENE, "250", "unit", INJECTION),
    ("856660", DANTROLENE, "50", "unit", CAPSULE),
    ("2593377", BACLOFEN, None, None, BRAND),
    ("1047432", BACLOFEN, None, None, BRAND),
    ("202996", BACLOFEN, None, None, BRAND),
    ("2586590", BACLOFEN, None, None, BRAND),
    ("2201573", BACLOFEN, None, None, BRAND),
    ("805679", BACLOFEN, "0.05", "ml", PUMP),
    ("1047440", BACLOFEN, "0.05", "ml", PUMP_SYRINGE),
    ("1047444", BACLOFEN, "0.5", "ml", PUMP),
    ("805678", BACLOFEN, "0.5", "ml", PUMP),
    ("1369784", BACLOFEN, "0.5", "ml", PUMP_SYRINGE),
    ("1301627", BACLOFEN, "1", "ml", PUMP),
    ("1369788", BACLOFEN, "1", "ml", PUMP_SYRINGE),
    ("1666615", BACLOFEN, "2", "ml", PUMP),
    ("1666620", BACLOFEN, "2", "ml", PUMP),
    ("1369792", BACLOFEN, "2", "ml", PUMP_SYRINGE),
    ("1666623", BACLOFEN, "2", "ml", PUMP),
    ("2201578", BACLOFEN, "1", "ml", SOLUTION),
    ("2586595", BACLOFEN, "10", "unit", GRANULES),
    ("2667943", BACLOFEN, "2", "ml", SOLUTION),
    ("2586598", BACLOFEN, "20", "unit", GRANULES),
    ("2586601", BACLOFEN, "5", "unit", GRANULES),
    ("2593382", BACLOFEN, "5", "ml", SUSPENSION),
    ("308516", BACLOFEN, "0.05", "ml", PUMP),
    ("1047437", BACLOFEN, "0.05", "ml", PUMP_SYRINGE),
    ("308517", BACLOFEN, "0.5", "ml", PUMP),
    ("1369783", BACLOFEN, "0.5", "ml", PUMP_SYRINGE),
    ("1300890", BACLOFEN, "1", "ml", PUMP),
    ("1369787", BACLOFEN, "1", "ml", PUMP_SYRINGE),
    ("1666613", BACLOFEN, "2", "ml", PUMP),
    ("1369791", BACLOFEN, "2", "ml", PUMP_SYRINGE),
    ("1666622", BACLOFEN, "2", "ml", PUMP),
    ("250976", BACLOFEN, "1", "ml", SOLUTION),
    ("2586589", BACLOFEN, "10", "unit", GRANULES),
    ("197391", BACLOFEN, "10", "unit", TABLET),
    ("2679605", BACLOFEN, "15", "unit", TABLET),
    ("2667941", BACLOFEN, "2", "ml", SOLUTION),
    ("2586596", BACLOFEN, "20", "unit", GRANULES),
    ("197392", BACLOFEN, "20", "unit", TABLET),
    ("2586599", BACLOFEN, "5", "unit", GRANULES),
    ("430902", BACLOFEN, "5", "unit", TABLET),
    ("2593376", BACLOFEN, "5", "ml", SUSPENSION),
    ("2709433", TIZANIDINE, None, None, BRAND),
    ("153736", TIZANIDINE, None, None, BRAND),
    ("2709438", TIZANIDINE, "0.4", "ml", SOLUTION),
    ("583165", TIZANIDINE, "2", "unit", CAPSULE),
    ("153735", TIZANIDINE, "4", "unit", TABLET),
    ("2723710", TIZANIDINE, "8", "unit", CAPSULE),
    ("485484", TIZANIDINE, "6", "unit", CAPSULE),
    ("313413", TIZANIDINE, "4", "unit", TABLET),
]


def known(rxcui: str) -> Product:
    """The product of a code that the vocabulary must know."""
    product = vocabulary.load().product(rxcui)
    assert product is not None
    return product


@pytest.mark.parametrize(("rxcui", "ingredient", "amount", "per", "form"), CORE_PRODUCTS)
def test_each_product_of_the_antispastics_has_its_ingredient_strength_and_route(rxcui, ingredient, amount, per, form):
    product = known(rxcui)
    strength = Strength(Decimal(amount), "mg", per) if amount else None
    assert product.rxcui == rxcui
    assert product.ingredients == {ingredient}
    assert product.ingredient_list == (ingredient,)
    assert product.strengths == (strength,)
    assert (product.route, product.systemic, product.dose_form, product.countable) == form
    assert not product.uncoded


@pytest.mark.parametrize(
    ("text", "amount", "per"),
    [
        ("25 MG", "25", "unit"),
        ("0.333 MG/ML", "0.333", "ml"),
        ("0.05 MG/ML", "0.05", "ml"),
        ("1 MG/ML", "1", "ml"),
        ("1 G", "1000", "unit"),
        ("50 MCG/ACTUAT", "0.050", "actuation"),
        ("0.1 MG/HR", "0.1", "hour"),
        ("0.01 MG/MG", "0.01", "mg"),
        ("2 MG/SQCM", "2", "sqcm"),
    ],
)
def test_a_strength_is_a_mass_in_milligrams(text, amount, per):
    assert parse_strength(text) == Strength(Decimal(amount), "mg", per)


@pytest.mark.parametrize("text", ["", "100 UNT/ML", "2 %", "1 MEQ", "5 MG;10 MG", "0 MG", "MG", "1.2.3 MG", "5 MG/KG"])
def test_a_strength_that_is_no_single_mass_is_unknown(text):
    assert parse_strength(text) is None


@pytest.mark.parametrize(
    "form",
    [
        "Oral Tablet",
        "Extended Release Oral Capsule",
        "Pill",
        "Oral Granules",
        "Transdermal System",
        "Medicated Patch",
        "Rectal Suppository",
        "Tablet for Oral Suspension",
        "Pack (Oral Capsule; Oral Tablet)",
    ],
)
def test_tablets_capsules_granule_packets_patches_and_suppositories_are_counted(form):
    assert is_counted(form)


@pytest.mark.parametrize(
    "form",
    [
        "",
        "Oral Solution",
        "Oral Suspension",
        "Injection",
        "Prefilled Syringe",
        "Topical Gel",
        "Granules for Oral Suspension",
        "Oral Suspension Granules",
        "Pack (Delayed Release Oral Tablet; Powder for Oral Solution)",
    ],
)
def test_what_is_measured_or_unknown_is_not_counted(form):
    assert not is_counted(form)


def line(**changes: str) -> str:
    """A line of rxnorm.tsv."""
    fields = {
        "rxcui": "1",
        "tty": "SCD",
        "name": "a 5 MG Oral Tablet",
        "ingredients": "10",
        "strengths": "5 MG",
        "dose_form": "Oral Tablet",
        "route_class": "systemic",
        "route_detail": "oral",
        "prescribable": "true",
    }
    return "\t".join({**fields, **changes}.values())


@pytest.mark.parametrize(
    ("route_class", "route_detail", "route", "systemic"),
    [
        ("systemic", "oral", Route.ORAL, True),
        ("injectable", "parenteral", Route.INJECTED, True),
        ("injectable", "intraperitoneal", Route.INJECTED, True),
        ("intrathecal", "intrathecal", Route.INTRATHECAL, False),
        ("systemic", "transdermal", Route.TRANSDERMAL, True),
        ("systemic", "implant", Route.IMPLANTED, True),
        ("topical", "skin", Route.TOPICAL, False),
        ("topical", "oromucosal", Route.TOPICAL, False),
        ("topical", "irrigation/intravesical", Route.TOPICAL, False),
        ("topical", "intrauterine", Route.TOPICAL, False),
        ("topical", "inhalation", Route.INHALED, False),
        ("systemic", "inhalation", Route.INHALED, True),
        ("ophthalmic", "ophthalmic", Route.OPHTHALMIC, False),
        ("topical", "otic", Route.OTIC, False),
        ("", "unknown", None, None),
        ("", "", None, None),
    ],
)
def test_route_and_exposure_come_from_the_route_columns(route_class, route_detail, route, systemic):
    product = parse_product(line(route_class=route_class, route_detail=route_detail))
    assert (product.route, product.systemic) == (route, systemic)


def test_every_route_in_the_shipped_table_is_one_we_map():
    vocabulary.load()
    for shipped in vocabulary.load()._lines.values():  # noqa: SLF001  (the table itself is under test)
        detail = shipped.split("\t")[7]
        assert (parse_product(shipped).route is None) == (detail in {"", "unknown"}), detail


def test_an_ingredient_without_a_code_leaves_the_others_readable():
    product = parse_product(line(ingredients="10||30", strengths="1 MG|2 MG|3 MG"))
    assert product.ingredients == {"10", "30"}
    assert product.ingredient_list == ("10", "30")
    assert [strength and strength.amount for strength in product.strengths] == [1, 3]
    assert product.uncoded


def test_a_product_whose_ingredients_all_lack_codes_is_still_a_product():
    product = parse_product(line(ingredients=""))
    assert product.ingredients == frozenset()
    assert product.strengths == ()
    assert product.uncoded


@pytest.mark.parametrize(
    ("strengths", "expected"),
    [
        ("2 MG|3 MG", Strength(Decimal(5), "mg", "unit")),
        ("2 MG|3 MG/ML", None),
        ("2 MG|", None),
        ("|3 MG", None),
    ],
)
def test_two_salts_of_one_ingredient_are_one_ingredient_with_their_sum(strengths, expected):
    product = parse_product(line(ingredients="10|10", strengths=strengths))
    assert product.ingredient_list == ("10",)
    assert product.strengths == (expected,)


def test_a_product_prints_without_its_name():
    assert "Oral Tablet" not in repr(parse_product(line(dose_form="")))


def together(*rxcuis: str) -> Product | None:
    """What these RxNorm codes say together."""
    return reconciled([known(rxcui) for rxcui in rxcuis], "baclofen")


@pytest.mark.parametrize(
    "rxcuis",
    [
        ("197391",),
        ("197391", "197391"),
        ("197391", "1292"),  # the ingredient
        ("1292", "197391"),
        ("202996", "1155671", "197391"),  # the brand, and "Baclofen Pill"
    ],
)
def test_codes_of_one_medicine_are_as_exact_as_the_most_exact(rxcuis):
    assert together(*rxcuis) == known("197391")


def test_what_one_code_leaves_open_another_may_tell():
    product = together("566100", "1155671")  # "Baclofen 10 MG [Lioresal]" and "Baclofen Pill"
    assert product is not None
    assert product.strengths == (Strength(Decimal(10), "mg", "unit"),)
    assert (product.route, product.countable) == (Route.ORAL, True)


@pytest.mark.parametrize(
    ("rxcuis", "route", "dose_form"),
    [
        (("197391", "197392"), Route.ORAL, "Oral Tablet"),  # 10 mg and 20 mg tablets
        (("197391", "197392", "1292"), Route.ORAL, "Oral Tablet"),
        (("197391", "250976"), Route.ORAL, ""),  # tablet and solution
        (("197391", "308516"), None, ""),  # tablet and pump
    ],
)
def test_a_strength_or_route_on_which_codes_disagree_stays_open(rxcuis, route, dose_form):
    product = together(*rxcuis)
    assert product is not None
    assert product.ingredients == {BACLOFEN}
    assert (product.rxcui, product.name, product.strengths) == (None, "baclofen", (None,))
    assert (product.route, product.dose_form) == (route, dose_form)


def test_tablets_and_capsules_of_one_strength_are_counted_whichever_is_meant():
    product = together("313413", "485485")  # tizanidine 4 mg tablet, capsule
    assert product is not None
    assert (product.strengths, product.dose_form, product.countable) == (
        (Strength(Decimal(4), "mg", "unit"),),
        "",
        True,
    )
    assert product.rxcui is None


@pytest.mark.parametrize(
    "rxcuis",
    [
        ("197391", "856656"),  # baclofen, dantrolene
        ("1292", "1049221"),  # baclofen, oxycodone with acetaminophen
        ("7804", "1049221"),  # oxycodone alone, and with acetaminophen
    ],
)
def test_codes_of_different_ingredients_are_different_medicines(rxcuis):
    assert together(*rxcuis) is None


def made(**changes: object) -> Product:
    """A product that may be anything."""
    product = parse_product(line())
    return replace(product, **changes)


def test_a_brand_that_may_hold_more_agrees_with_a_product_that_has_its_ingredients():
    brand = made(rxcui="9", strengths=(None,), route=None, uncoded=True)
    both = made(rxcui="8", ingredients=frozenset({"10", "11"}), ingredient_list=("10", "11"), strengths=(None, None))
    assert reconciled([brand, both], "") == both
    assert reconciled([brand, made(rxcui="7")], "") == made(rxcui="7")


def test_medicines_without_any_known_ingredient_are_different_unless_they_are_the_same():
    garlic, ginseng = (
        made(rxcui=rxcui, ingredients=frozenset(), ingredient_list=(), strengths=(), uncoded=True) for rxcui in "12"
    )
    assert reconciled([garlic, ginseng], "") is None
    assert reconciled([garlic, replace(garlic)], "") == garlic
    assert reconciled([garlic, made()], "") is None


def test_a_pack_of_several_strengths_beside_one_of_them_has_none():
    pack = made(rxcui="5", strengths=(None,), dose_form="Pack (Oral Tablet)")
    product = reconciled([made(), pack], "a")
    assert product is not None
    assert (product.strengths, product.name) == ((None,), "a")


def test_very_many_codes_of_one_medicine_are_read_like_few():
    many = [made(rxcui=str(number)) for number in range(50)]
    product = reconciled(many, "")
    assert product is not None
    assert product.strengths == made().strengths
