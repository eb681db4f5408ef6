"""Medicines in free text: what is read, and what must not be."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.codes import Route
from cds_service.drugs import vocabulary

VOCABULARY = vocabulary.load()
ORAL, INJECTED, INTRATHECAL = Route.ORAL, Route.INJECTED, Route.INTRATHECAL

# Each row: the text; the ingredients; the milligrams and what they are per; the route.
MEDICINES = [
    ("Dantrolene sodium 25 mg capsules", "dantrolene", "25 unit", ORAL),
    ("dantrium 50mg cap", "dantrolene", "50 unit", ORAL),
    ("DANTROLENE", "dantrolene", None, None),
    ("Dantrium", "dantrolene", None, None),
    ("dantrolene 20 mg vial", "dantrolene", "20 unit", INJECTED),
    ("dantrolene IV", "dantrolene", None, INJECTED),
    ("Ryanodex 250 mg injection", "dantrolene", "250 unit", INJECTED),
    ("dantrolene 100 mg (oral)", "dantrolene", "100 unit", ORAL),
    ("baclofen 10 MG Oral Tablet", "baclofen", "10 unit", ORAL),
    ("Lioresal 10 mg tab", "baclofen", "10 unit", ORAL),
    ("Baclofen Pill", "baclofen", None, ORAL),
    ("baclofen10mg tabs", "baclofen", "10 unit", ORAL),
    ("baclofen intrathecal 2 mg/ml", "baclofen", "2 ml", INTRATHECAL),
    ("baclofen solution for injection 500 mcg/mL", "baclofen", "0.5 ml", INTRATHECAL),
    ("dantrolene powder for solution for injection 20 mg vial", "dantrolene", None, INJECTED),
    ("baclofen injection 500 mcg/mL", "baclofen", "0.5 ml", INTRATHECAL),
    ("Baclofen pump", "baclofen", None, INTRATHECAL),
    ("Gablofen 40,000 mcg/20 mL (2,000 mcg/mL) syringe", "baclofen", "2 ml", INTRATHECAL),
    ("baclofen 50 µg/ml intrathecal", "baclofen", "0.05 ml", INTRATHECAL),
    ("baclofen oral solution 5 mg/5 mL", "baclofen", "1 ml", ORAL),
    ("baclofen syrup 1 mg per ml", "baclofen", "1 ml", ORAL),
    ("baclofen oral solution 5 mg", "baclofen", None, ORAL),
    ("BACLOFEN 10 mg/1 tablet", "baclofen", "10 unit", ORAL),
    ("baclofen 2,5 mg tablet", "baclofen", "2.5 unit", ORAL),
    ("baclofen .5 g tablet", "baclofen", "500 unit", ORAL),
    ("baclofen 5-10 mg tablet", "baclofen", None, ORAL),
    ("baclofen 10 mg tablet or 20 mg tablet", "baclofen", None, ORAL),
    ("baclofen tablet, 30 mg/day", "baclofen", None, ORAL),
    ("baclofen tablet 30 mg daily", "baclofen", None, ORAL),
    ("baclofen 10 mg tablet three times daily", "baclofen", "10 unit", ORAL),
    ("baclofen 10 mg/2 tablets", "baclofen", None, ORAL),
    ("baclofen 0 mg tablet", "baclofen", None, ORAL),
    ("baclofen 1.0.0 mg tablet", "baclofen", None, ORAL),
    ("baclofen 10 mg/0 ml", "baclofen", None, None),
    ("baclofen,10 mg,tablet", "baclofen", "10 unit", ORAL),
    ("BACLOFEN TAB,10MG", "baclofen", "10 unit", ORAL),
    ("baclofen.10 mg tablet", "baclofen", None, ORAL),
    ("baclofen ,5 mg tablet", "baclofen", None, ORAL),
    ("baclofen .5 mg tablet", "baclofen", "0.5 unit", ORAL),
    ("baclofen .10 mg tablet", "baclofen", None, ORAL),
    ("baclofen...10 mg tablet", "baclofen", None, ORAL),
    ("baclofen 10..5 mg tablet", "baclofen", None, ORAL),
    ("baclofen 10,20 mg tablet", "baclofen", None, ORAL),
    ("baclofen 1.000 mg tablet", "baclofen", None, ORAL),
    ("baclofen 0,125 mg tablet", "baclofen", "0.125 unit", ORAL),
    ("baclofen 1,000 mcg tablet", "baclofen", "1 unit", ORAL),
    ("baclofen 10 or 20 mg tablet", "baclofen", None, ORAL),
    ("baclofen 10 to 20 mg tablet", "baclofen", None, ORAL),
    ("dantrolene 25 and 100 mg caps", "dantrolene", None, ORAL),
    ("dantrolene 25, 100 mg caps", "dantrolene", None, ORAL),
    ("baclofen oral intrathecal", "baclofen", None, None),
    ("baclofen suspension", "baclofen", None, ORAL),
    ("baclofen spray", "baclofen", None, None),
    ("Fleqsuvy", "baclofen", None, None),
    ("tizanidine HCl 4 mg tablet (Zanaflex)", "tizanidine", "4 unit", ORAL),
    ("Zanaflex 6 mg caps", "tizanidine", "6 unit", ORAL),
    ("nizatidine 150 mg capsule", "nizatidine", "150 unit", ORAL),
    ("Bactroban 2% ointment", "mupirocin", None, Route.TOPICAL),
    ("diazepam 5 mg rectal gel", "diazepam", None, Route.RECTAL),
    ("Ativan 1 mg tablet", "lorazepam", "1 unit", ORAL),
    ("Xanax 0.5mg tab", "alprazolam", "0.5 unit", ORAL),
    ("Soma 350 mg tablet", "carisoprodol", "350 unit", ORAL),
    ("Versed 5 mg injection", "midazolam", "5 unit", INJECTED),
    ("zolpidem 10 mg tablet", "zolpidem", "10 unit", ORAL),
    ("paracetamol 500 mg tablets", "acetaminophen", "500 unit", ORAL),
    ("valproic acid 250 mg", "valproate", "250 unit", None),
    ("fluvoxamine 50 mg tab PO qhs", "fluvoxamine", "50 unit", ORAL),
    ("ciprofloxacin 500 mg tablet", "ciprofloxacin", "500 unit", ORAL),
    ("ciprofloxacin eye drops", "ciprofloxacin", None, Route.OPHTHALMIC),
    ("ciprofloxacin otic", "ciprofloxacin", None, Route.OTIC),
    ("fentanyl patch 25 mcg/hr", "fentanyl", "0.025 hour", Route.TRANSDERMAL),
    ("nicotine patch 21 mg/24 hr", "nicotine", "0.875 hour", Route.TRANSDERMAL),
    ("lidocaine 5% patch", "lidocaine", None, Route.TOPICAL),
    ("nitroglycerin 0.4 mg SL tab", "nitroglycerin", "0.4 unit", Route.SUBLINGUAL),
    ("testosterone gel", "testosterone", None, None),
    ("hydrocortisone cream", "hydrocortisone", None, Route.TOPICAL),
    ("fluticasone 50 mcg/spray nasal", "fluticasone", "0.05 actuation", Route.NASAL),
    ("insulin glargine 100 units/ml", "insulin glargine", None, None),
    ("atorvastatin calcium 20 mg tablet", "atorvastatin", "20 unit", ORAL),
    ("ketorolac tromethamine 10 mg tab", "ketorolac", "10 unit", ORAL),
    ("vancomycin in sodium chloride", "vancomycin", None, None),
    ("potassium chloride ER 20 mEq tablet", "potassium chloride", None, ORAL),
    ("carbidopa/levodopa 25/100 tab", "carbidopa levodopa", None, ORAL),
    ("oxycodone-acetaminophen 5-325 mg tablet", "acetaminophen oxycodone", None, ORAL),
    ("glyburide 2.5 mg/metformin 500 mg", "glyburide metformin", None, None),
    ("Ultracet", "acetaminophen tramadol", None, None),
    ("baclofen and tizanidine", "baclofen tizanidine", None, None),
    ("water", "water", None, None),
    ("Water 1000 ml", "water", None, None),
    ("caffeine 200 mg tablet", "caffeine", "200 unit", ORAL),
    ("Plan B One Step", "levonorgestrel", None, None),
]

NOT_MEDICINES = [
    "",
    "   ",
    "see attached list",
    "take with water",
    "fresh air and rest",
    "today one tablet",
    "avoid caffeine",
    "glucose test strips",
    "water for the plants",
    "perform range of motion exercises",
    "plan B",
    "simply sleep more",
    "iron supplement",
    "one tandem walk a day",
    "Ella will call",
    "dantrolenelike",
    "baclofenac",
    "abaclofen",
    "tizandine",
    "balcofen",
    "cath kit size 10",
    "RID",
    "S-2",
    "10 mg tablet",
    "oral tablet",
    "???",
    "100",
]


def ids(names: str) -> frozenset[str]:
    """The RxCUIs of ingredients: of the text as one name, else of each of its words."""
    whole = VOCABULARY.ingredient(names)
    found = [whole] if whole else [VOCABULARY.ingredient(name.replace("_", " ")) for name in names.split()]
    assert None not in found, names
    return frozenset(rxcui for rxcui in found if rxcui)


@pytest.mark.parametrize(("text", "ingredients", "strength", "route"), MEDICINES)
def test_a_text_gives_its_ingredients_strength_and_route(text, ingredients, strength, route):
    product = VOCABULARY.from_text(text)
    assert product is not None
    assert product.ingredients == ids(ingredients)
    assert len(product.strengths) == len(product.ingredient_list) == len(product.ingredients)
    read = product.strengths[0]
    expected = None if strength is None else (Decimal(strength.split()[0]), strength.split()[1])
    assert (read and (read.amount, read.per)) == expected
    assert product.route is route


@pytest.mark.parametrize("text", NOT_MEDICINES)
def test_a_text_without_a_known_medicine_is_none(text):
    assert VOCABULARY.from_text(text) is None


@pytest.mark.parametrize(
    ("text", "dose_form", "countable", "systemic"),
    [
        ("dantrolene 25 mg cap", "Oral Capsule", True, True),
        ("baclofen tab", "Oral Tablet", True, True),
        ("baclofen oral", "", False, True),
        ("baclofen suspension", "Oral Suspension", False, True),
        ("baclofen suppository", "", True, None),
        ("baclofen enema", "", False, None),
        ("baclofen tablets for suspension", "", False, True),
        ("baclofen intrathecal", "", False, False),
        ("baclofen", "", False, None),
        ("testosterone gel", "", False, True),
        ("diazepam eye drops", "", False, False),
        ("potassium chloride tab", "", True, True),
    ],
)
def test_form_and_exposure_are_those_the_products_agree_on_else_those_of_the_words(
    text, dose_form, countable, systemic
):
    product = VOCABULARY.from_text(text)
    assert product is not None
    assert (product.dose_form, product.countable, product.systemic) == (dose_form, countable, systemic)


def test_the_exact_name_of_a_product_is_that_product_in_any_case_and_spacing():
    assert VOCABULARY.from_text("  BACLOFEN 10 mg\toral  tablet ") is VOCABULARY.product("197391")


def test_of_two_codes_with_one_name_the_prescribable_is_meant():
    product = VOCABULARY.from_text("sotalol hydrochloride 80 MG Oral Tablet")
    assert product is not None
    assert product.rxcui == "1923426"


def test_a_product_read_from_text_has_no_code_and_bears_the_text_as_its_name():
    product = VOCABULARY.from_text("Lioresal   10 mg tab")
    assert product is not None
    assert product.rxcui is None
    assert product.name == "Lioresal 10 mg tab"


def test_ingredients_are_listed_in_the_order_they_are_named_each_once():
    product = VOCABULARY.from_text("tizanidine, baclofen (Lioresal), Zanaflex")
    assert product is not None
    assert [VOCABULARY.ingredient_name(rxcui) for rxcui in product.ingredient_list] == ["tizanidine", "baclofen"]


@pytest.mark.parametrize("text", ["Beelith", "Monocal tablet", "Zaltrap", "Infanrix"])
def test_a_brand_that_may_hold_more_than_we_have_codes_for_says_so(text):
    product = VOCABULARY.from_text(text)
    assert product is not None
    assert product.uncoded


@given(st.sampled_from([row[0] for row in MEDICINES]), st.randoms(use_true_random=False))
def test_case_and_spaces_do_not_change_what_a_text_means(text, random):
    spaced = "".join(random.choice((" ", "  ", "\t", "\n ")) if letter == " " else letter for letter in text)
    cased = "".join(random.choice((letter.upper(), letter.lower())) for letter in f" {spaced} ")
    one, other = VOCABULARY.from_text(text), VOCABULARY.from_text(cased)
    assert one is not None
    assert other is not None
    assert (one.rxcui, one.ingredient_list, one.strengths) == (other.rxcui, other.ingredient_list, other.strengths)
    assert (one.route, one.systemic, one.dose_form, one.countable) == (
        other.route,
        other.systemic,
        other.dose_form,
        other.countable,
    )


@given(st.sampled_from(["baclofen", "dantrolene", "tizanidine", "Lioresal", "Dantrium", "Zanaflex"]), st.text("abcxyz"))
def test_a_name_inside_a_longer_word_is_no_name(name, letters):
    found = VOCABULARY.from_text(f"{name}{letters}")
    assert (found is not None) == (letters == "")


@given(st.text())
def test_any_text_at_all_can_be_read(text):
    product = VOCABULARY.from_text(text)
    assert product is None or product.ingredients or product.uncoded


@pytest.mark.parametrize("piece", ["1", "1 ", "1,", "1-", "streptococcus ", "insulin ", "mg/", "5 mg "])
def test_a_very_long_text_takes_no_very_long_time(piece):
    started = time.perf_counter()
    VOCABULARY.from_text("baclofen " + piece * (50_000 // len(piece)))
    assert time.perf_counter() - started < 1


# As other languages and US orders write it ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ingredients"),
    [
        ("dantrolen 25 mg", "dantrolene"),
        ("Dantrolène 25 mg gélules", "dantrolene"),
        ("DANTROLÈNE", "dantrolene"),
        ("baclofène 10 mg", "baclofen"),
        ("Baklofen 10 mg", "baclofen"),
        ("tizanidina 2 mg", "tizanidine"),
        ("Sirdalud 4 mg", "tizanidine"),
        ("Oestradiol 1 mg", "estradiol"),
        ("APAP 500 mg", "acetaminophen"),
        ("hydrocodone/APAP 5/325", "hydrocodone acetaminophen"),
        ("HCTZ 25 mg", "hydrochlorothiazide"),
        ("ASA 81 mg", "aspirin"),
        ("5-ASA 400 mg", "mesalamine"),
        ("mesalamine (5-ASA) 400 mg", "mesalamine"),
        ("Tylenol #3", "acetaminophen codeine"),
        ("Loestrin Fe 1/20", "ethinyl_estradiol norethindrone ferrous_fumarate"),
        ("Prempro", "conjugated_estrogens medroxyprogesterone"),
        ("Nabiximols", "dronabinol cannabidiol"),
    ],
)
def test_spellings_and_abbreviations_in_the_data_are_read(text, ingredients):
    product = VOCABULARY.from_text(text)
    assert product is not None
    assert product.ingredients == ids(ingredients)


@pytest.mark.parametrize(
    "text", ["MS 15 mg", "MSO4", "MgSO4", "MTX 15 mg", "AZT 300 mg", "CPZ 50 mg", "HCT 25 mg", "PTU", "INH"]
)
def test_abbreviations_that_may_mean_two_medicines_are_not_read(text):
    assert VOCABULARY.from_text(text) is None


# Named, but not taken -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "no baclofen",
        "NOT baclofen",
        "stop baclofen 10 mg tablet",
        "STOP: baclofen",
        "D/C baclofen",
        "d/c'd baclofen",
        "dc baclofen",
        "baclofen d/c'd 5/1",
        "baclofen - stop",
        "baclofen: hold",
        "hold baclofen until surgery",
        "baclofen stop today",
        "baclofen 10 mg (discontinued)",
        "baclofen was stopped by neurology",
        "baclofen 10 mg NOT TAKING",
        "baclofen, no longer",
        "took baclofen in the past",
        "allergic to baclofen",
        "allergies: baclofen",
        "baclofen allergy",
        "baclofen intolerance",
        "off baclofen",
        "off of baclofen",
        "ran out of baclofen",
        "wean from baclofen",
        "instead of baclofen",
        "baclofen level",
        "previously baclofen",
        "baclofen previously",
        "denies baclofen",
        "kein Baclofen",
        "Baclofen abgesetzt",
        "pas de baclofène",
        "sin baclofeno",
        "baclofen never",
        "baclofen: none",
        "history of baclofen use",
    ],
)
def test_a_text_that_denies_a_medicine_names_none(text):
    assert VOCABULARY.from_text(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "baclofen 10 mg tablet - 1 tab tid, do not crush",
        "baclofen 10 mg tablet, no refills",
        "baclofen 10 mg, not to exceed 80 mg per day",
        "baclofen 10 mg tid with or without food",
        "baclofen 10 mg, hold if drowsy",
        "baclofen 10 mg, avoid alcohol",
        "baclofen 10 mg until discontinued",
        "baclofen 10 mg tid as previously prescribed",
        "baclofen 10 mg, do not stop abruptly",
        "baclofen 10 mg if not stopped by neurology",
        "20 mg of baclofen",
        "2 tabs of baclofen",
        "wean baclofen by 5 mg a week",
        "home baclofen 10 mg",
        "medication history: baclofen 10 mg",
        "baclofen 10 mg for 5 days, then stop",
        "baclofen 10 mg, do not stop",
        "baclofen 10 mg, refills: none",
        "baclofen 10 mg, stop date 5/1",
    ],
)
def test_an_instruction_that_sounds_like_a_denial_is_none(text):
    product = VOCABULARY.from_text(text)
    assert product is not None
    assert product.ingredients == ids("baclofen")


# Several in one text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ingredients"),
    [
        ("baclofen, tizanidine", "baclofen tizanidine"),
        ("baclofen 10 mg tid; tizanidine 4 mg qhs prn spasms", "baclofen tizanidine"),
        ("dantrolene + diazepam", "dantrolene diazepam"),
        ("Percocet (oxycodone / acetaminophen) 5/325", "oxycodone acetaminophen"),
        ("oxycodone 5 mg-acetaminophen 325 mg", "oxycodone acetaminophen"),
        ("Zanaflex - tizanidine", "tizanidine"),
    ],
)
def test_medicines_that_are_listed_or_made_as_one_product_are_all_read(text, ingredients):
    product = VOCABULARY.from_text(text)
    assert product is not None
    assert product.ingredients == ids(ingredients)
    assert product.strengths in {(None,), (None, None)}


@pytest.mark.parametrize(
    "text",
    [
        "tizanidine or baclofen",
        "tizanidine vs. baclofen",
        "switch tizanidine to baclofen",
        "baclofen (not tizanidine)",
        "baclofen, tizanidine stopped",
        "baclofen instead of dantrolene",
        "baclofen/tizanidine",
        "Zanaflex-Flexeril",
        "baclofen; ask about tizanidine",
        "oxycodone or acetaminophen",
    ],
)
def test_where_one_of_several_medicines_is_not_meant_none_is_read(text):
    assert VOCABULARY.from_text(text) is None


@pytest.mark.parametrize("text", ["water pill", "Tylenol 3", "Water pills daily", "sugar pill"])
def test_phrases_that_name_no_one_medicine_are_none(text):
    assert VOCABULARY.from_text(text) is None


def test_a_medicine_beside_everyday_words_is_read():
    product = VOCABULARY.from_text("furosemide 20 mg (water pill)")
    assert product is not None
    assert product.ingredients == ids("furosemide")


def test_a_text_longer_than_any_name_names_no_medicine():
    assert VOCABULARY.from_text("baclofen " + "x" * 2_000) is None


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0316\u0301\u0334"])
def test_accents_upon_accents_take_no_very_long_time(marks):
    started = time.perf_counter()
    VOCABULARY.from_text("baclofe" + marks * 600 + "n")
    VOCABULARY.from_text("baclofe" + marks * 100_000 + "n")
    assert time.perf_counter() - started < 1
