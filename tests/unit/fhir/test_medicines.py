"""Which medicine a request or statement means: codes, texts and references (decisions 4 and 5)."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.model import Gap, Medication, Why
from cds_service.drugs import vocabulary
from cds_service.drugs.products import Strength
from cds_service.fhir.medicines import read_medicine, unresolved
from cds_service.fhir.reading import start_reading
from tests.journeys.records import AT, RXNORM, SNOMED_CT, bundle, concept
from tests.unit.fhir.chart import BACLOFEN, COMPLETE, DANTROLENE, LISTS, call, in_record, known, record

ATC = "http://www.whocc.no/atc"
NDC = "http://hl7.org/fhir/sid/ndc"
CAPSULE = "dantrolene sodium 25 MG Oral Capsule"
UNCODED_BRAND = "218431"  # Monocal: its products differ in their ingredients
UNKNOWN_CODE = {"system": RXNORM, "code": "99999999"}


def by(text=None, *codings):
    said = {"coding": list(codings)} if codings else {}
    return said if text is None else {**said, "text": text}


def rxnorm(code, display=None):
    coding = {"system": RXNORM, "code": code}
    return coding if display is None else {**coding, "display": display}


@pytest.mark.parametrize(
    ("said", "ingredients"),
    [
        (by(None, rxnorm("197391")), {BACLOFEN}),
        (by("metformin", rxnorm("197391")), {BACLOFEN}),
        (by(None, rxnorm("197391", "dantrolene 25 MG")), {BACLOFEN}),
        (by(None, UNKNOWN_CODE, rxnorm("197391")), {BACLOFEN}),
        (by(None, {"system": ATC, "code": "M03BX01"}, rxnorm("197391")), {BACLOFEN}),
        (by(None, {"system": ATC, "code": "Z99ZZ99"}, rxnorm("197391")), {BACLOFEN}),
        (by(None, {"system": NDC, "code": "99999-9999-99"}, rxnorm("197391")), {BACLOFEN}),
        (by(None, {"system": NDC, "code": "0115-4411-01"}), {DANTROLENE}),
        (by("house formula 12", {"system": ATC, "code": "M03CA01"}), {DANTROLENE}),
        (by("stop baclofen", rxnorm("197391")), {BACLOFEN}),
        (by(None, {"system": "urn:oid:2.16.840.1.113883.6.88", "code": "197391"}), {BACLOFEN}),
        (by(None, rxnorm("1292")), {BACLOFEN}),
        (by(None, rxnorm("856658")), {DANTROLENE}),
        (by("Baclofen 10 mg tablet"), {BACLOFEN}),
        (by(CAPSULE), {DANTROLENE}),
        (by("Dantrium"), {DANTROLENE}),
        (by("baclofen", UNKNOWN_CODE), {BACLOFEN}),
        (by("house formula 12", {**UNKNOWN_CODE, "display": "baclofen 10 mg"}), {BACLOFEN}),
        (by(None, {"system": ATC, "code": "M03BX01", "display": "Baclofen"}), {BACLOFEN}),
        (by(None, {"code": "B10", "display": "Baclofen 10 mg"}), {BACLOFEN}),
        (by(None, {"display": " "}, {"display": "baclofen"}), {BACLOFEN}),
    ],
)
def test_a_known_code_wins_and_a_text_is_read_when_there_is_none(said, ingredients):
    assert in_record(medicationCodeableConcept=said).ingredients == ingredients


def test_codes_of_one_ingredient_agree_and_the_most_exact_is_taken():
    said = by(None, rxnorm("1292"), rxnorm("197391"), rxnorm("202996"))
    medication = in_record(medicationCodeableConcept=said)
    assert (medication.name, medication.route) == ("baclofen 10 MG Oral Tablet", "oral")


@pytest.mark.parametrize(
    "codings",
    [
        (rxnorm("856656"), {"system": NDC, "code": "0115-4411-01"}, {"system": ATC, "code": "M03CA01"}),
        ({"system": ATC, "code": "M03CA01"}, {"system": NDC, "code": "00115441101"}),
        ({"system": SNOMED_CT, "code": "372819007"}, rxnorm("3104"), rxnorm("856656")),
    ],
)
def test_codes_of_several_systems_agree_on_the_most_exact(codings):
    medication = in_record(medicationCodeableConcept=by("Baclofen 10 mg", *codings))
    assert medication.name == CAPSULE
    assert medication.product == "856656"


def test_codes_of_two_strengths_of_one_medicine_leave_the_strength_open():
    said = by("Baclofen", rxnorm("197391"), {"system": NDC, "code": "00115101201"})  # 10 mg, 20 mg
    product = product_of({"medicationCodeableConcept": said})
    assert (product.ingredients, product.route, product.rxcui) == ({BACLOFEN}, "oral", None)
    assert (product.name, product.strengths) == ("baclofen", (None,))


@pytest.mark.parametrize("code", [{"system": ATC, "code": "M03BX01"}, rxnorm("1292"), rxnorm("202996")])
def test_a_code_that_tells_only_the_ingredient_is_made_more_exact_by_words_that_name_the_same(code):
    medication = in_record(medicationCodeableConcept=by("Baclofen 10 mg tablet", code))
    assert (medication.ingredients, medication.route) == ({BACLOFEN}, "oral")
    other = in_record(medicationCodeableConcept=by("dantrolene 25 mg capsule", code))
    assert (other.ingredients, other.route) == ({BACLOFEN}, None)


def test_codes_of_which_one_may_have_more_ingredients_are_a_gap_that_may_hide_anything():
    gap = in_record(medicationCodeableConcept=by(None, rxnorm("197391"), rxnorm(UNCODED_BRAND)))
    assert (gap.why, gap.concerns) == (Why.CODES_DISAGREE, None)


def test_codes_of_different_medicines_are_a_gap_that_may_hide_either():
    said = by("Baclofen 10 mg", rxnorm("197391"), rxnorm("856656"))
    gap = in_record(medicationCodeableConcept=said)
    assert gap == Gap("MedicationRequest/m", Why.CODES_DISAGREE, concerns=frozenset({BACLOFEN, DANTROLENE}))
    assert gap.label == "Baclofen 10 mg"


@pytest.mark.parametrize(
    ("said", "label"),
    [
        (by("house formula 12"), "house formula 12"),
        (by(None, {**UNKNOWN_CODE, "display": "house formula 12"}), "house formula 12"),
        (by("house formula 12", UNKNOWN_CODE), "house formula 12"),
        (by(None, UNKNOWN_CODE), ""),
        (by(None, {"system": SNOMED_CT, "code": "763158003"}), ""),
        (by("stop baclofen"), "stop baclofen"),
    ],
)
def test_an_unknown_code_with_an_unknown_text_is_a_gap_that_may_hide_anything(said, label):
    gap = in_record(medicationCodeableConcept=said)
    assert gap == Gap("MedicationRequest/m", Why.UNKNOWN_MEDICINE)
    assert gap.label == label


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, Why.UNCODED),
        (by(" "), Why.UNCODED),
        (None, Why.UNCODED),
        (by(None, {"display": ""}), Why.UNKNOWN_MEDICINE),
        ("baclofen", Why.UNKNOWN_MEDICINE),
        (["baclofen"], Why.UNKNOWN_MEDICINE),
    ],
)
def test_a_record_that_names_no_medicine_is_a_gap(said, why):
    assert in_record(medicationCodeableConcept=said) == Gap("MedicationRequest/m", why)


def test_a_medicine_that_no_rule_asks_about_is_left_out():
    assert in_record(medicationCodeableConcept=concept(RXNORM, "308191", "amoxicillin 500 MG Oral Capsule")) is None


MEDICATION = {"resourceType": "Medication", "id": "cap", "code": concept(RXNORM, "856656", CAPSULE)}


@pytest.mark.parametrize(
    "reference",
    [
        "Medication/cap",
        "https://ehr.example/fhir/Medication/cap",
        "Medication/cap/_history/3",
        "https://ehr.example/fhir/Medication/cap/_history/3",
    ],
)
@pytest.mark.parametrize("key", ["medications", "statements", "a key of the client's own"])
def test_a_medication_is_found_anywhere_in_the_request_however_it_is_referenced(reference, key):
    said = pointing_to(reference)
    sent = {**COMPLETE, "medications": bundle(said)}
    sent[key] = bundle(*((said,) if key == "medications" else ()), MEDICATION)
    (medication,) = known(call(prefetch=sent)).medications.items
    assert medication.name == CAPSULE


def test_a_medication_that_is_prefetched_alone_is_found():
    sent = {**COMPLETE, "medications": bundle(pointing_to("Medication/cap")), "drug": MEDICATION}
    (medication,) = known(call(prefetch=sent)).medications.items
    assert medication.name == CAPSULE


@pytest.mark.parametrize("junk", ["text", None, 5, [MEDICATION], {"entry": "text"}, {"entry": ["text", {}]}], ids=repr)
def test_a_medication_is_found_among_what_cannot_be_read(junk):
    sent = {**COMPLETE, "junk": junk, "medications": bundle(pointing_to("Medication/cap"), MEDICATION)}
    (medication,) = known(call(prefetch=sent)).medications.items
    assert medication.name == CAPSULE


def test_a_medication_among_the_drafts_is_found():
    (order,) = known(call(pointing_to("Medication/cap"), MEDICATION)).orders.items
    assert order.name == CAPSULE


@pytest.mark.parametrize("contained_id", ["cap", "#cap"])
def test_a_contained_medication_is_found(contained_id):
    others = [{"resourceType": "Medication", "id": "other"}, {"resourceType": "Medication"}]
    contained = [*others, {**MEDICATION, "id": contained_id}]
    assert in_record(**pointing_to("#cap", contained=contained)).ingredients == {DANTROLENE}


def test_a_contained_medication_that_is_not_there_is_read_by_its_display():
    said = pointing_to("#gone", "baclofen 10 mg", contained=[{**MEDICATION, "id": "cap"}])
    assert in_record(**said).ingredients == {BACLOFEN}


@pytest.mark.parametrize(
    ("reference", "display", "ingredients"),
    [
        ("Medication/gone", "Baclofen 10 mg", {BACLOFEN}),
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "Dantrium", {DANTROLENE}),
        (None, "baclofen", {BACLOFEN}),
    ],
)
def test_a_reference_that_leads_nowhere_is_read_by_its_display(reference, display, ingredients):
    assert in_record(**pointing_to(reference, display)).ingredients == ingredients


@pytest.mark.parametrize("display", [None, "  ", "house formula 12"])
def test_a_reference_that_leads_nowhere_without_a_known_display_is_a_gap(display):
    gap = in_record(**pointing_to("Medication/gone", display))
    assert gap == Gap("MedicationRequest/m", Why.UNKNOWN_MEDICINE)


@pytest.mark.parametrize(
    ("medication", "ingredients"),
    [
        ({"ingredient": [{"itemCodeableConcept": concept(RXNORM, "1292", "baclofen")}]}, {BACLOFEN}),
        (
            {"code": {"text": "house mixture"}, "ingredient": [{"itemCodeableConcept": {"text": "baclofen"}}]},
            {BACLOFEN},
        ),
        ({"code": concept(RXNORM, "856656", CAPSULE), "ingredient": [{"itemCodeableConcept": {}}]}, {DANTROLENE}),
        ({"code": {"text": "baclofen"}, "ingredient": [{"itemReference": {"reference": "#x"}}]}, {BACLOFEN}),
    ],
)
def test_a_medication_without_a_known_code_is_known_by_its_only_ingredient(medication, ingredients):
    assert referenced(medication).ingredients == ingredients


@pytest.mark.parametrize(
    "medication",
    [
        {},
        {"code": {"text": "house mixture"}},
        {"ingredient": [{"itemReference": {"reference": "#x"}}]},
        {"ingredient": "baclofen"},
        {"ingredient": [{"itemCodeableConcept": {"text": "baclofen"}, "isActive": False}]},
    ],
)
def test_a_medication_of_unknown_content_is_a_gap(medication):
    assert referenced(medication).why == Why.UNKNOWN_MEDICINE


def test_a_medication_whose_only_ingredient_disagrees_with_itself_is_a_gap():
    said = by(None, rxnorm("197391"), rxnorm("856656"))
    assert referenced({"ingredient": [{"itemCodeableConcept": said}]}).why == Why.CODES_DISAGREE


def pointing_to(reference, display=None, **more):
    pointer = {name: value for name, value in (("reference", reference), ("display", display)) if value is not None}
    return {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "medicationCodeableConcept": None,
        "medicationReference": pointer,
        **more,
    }


def referenced(medication):
    found = {"resourceType": "Medication", "id": "cap", **medication}
    situation = record(medications=[pointing_to("Medication/cap"), found])
    (one,) = (*situation.medications.items, *situation.medications.gaps)
    return one


# Medication resources in every version's shape ------------------------------------------------------------------------


SUBSTANCE = {"resourceType": "Substance", "id": "s", "code": concept(RXNORM, "1292", "baclofen")}
R5_SUBSTANCE = {"resourceType": "Substance", "id": "s", "code": {"concept": concept(RXNORM, "1292", "baclofen")}}
HERE = [{"reference": "#s"}, {"reference": "Substance/s"}]


@pytest.mark.parametrize("pointer", HERE, ids=["contained", "in the request"])
@pytest.mark.parametrize(
    ("substance", "shape"),
    [
        (SUBSTANCE, lambda pointer: {"product": {"ingredient": [{"item": pointer}]}}),  # DSTU2
        (SUBSTANCE, lambda pointer: {"ingredient": [{"itemReference": pointer}]}),  # STU3, R4
        (R5_SUBSTANCE, lambda pointer: {"ingredient": [{"item": {"reference": pointer}}]}),  # R5
    ],
    ids=["DSTU2", "STU3 and R4", "R5"],
)
@pytest.mark.parametrize("holder", ["medication", "request"])
def test_an_ingredient_is_found_where_its_reference_points(holder, substance, shape, pointer):
    medication = {"resourceType": "Medication", "id": "#m", **shape(pointer)}
    request = pointing_to("#m", contained=[medication])
    if pointer["reference"] == "#s":
        (request if holder == "request" else medication).setdefault("contained", []).append(substance)
        assert product_of(request).ingredients == {BACLOFEN}
    else:
        assert in_both(request, substance).ingredients == {BACLOFEN}


def test_a_medication_of_very_many_ingredients_is_read_in_time_and_may_have_more():
    many = [{"resourceType": "Substance", "id": f"s{number}", "code": {"text": "x"}} for number in range(5000)]
    items = [{"itemReference": {"reference": f"#s{number}"}} for number in range(5000)]
    started = time.perf_counter()
    found = described({"contained": many, "ingredient": [BOTH[0], *items]})
    assert (found.ingredients, found.uncoded) == ({BACLOFEN}, True)
    assert time.perf_counter() - started < 1


def test_what_a_request_contains_is_no_ingredient_of_a_medication_elsewhere():
    dantrolene = {"resourceType": "Substance", "id": "s", "code": concept(RXNORM, "3105", "dantrolene")}
    whole = {"resourceType": "Medication", "id": "cap", "ingredient": [{"itemReference": HERE[0]}]}
    assert in_both(pointing_to("Medication/cap", contained=[dantrolene]), whole).why == Why.UNKNOWN_MEDICINE
    own = {**whole, "contained": [SUBSTANCE]}
    assert in_both(pointing_to("Medication/cap", contained=[dantrolene]), own).ingredients == {BACLOFEN}


def test_an_ingredient_may_be_a_medication():
    part = {"resourceType": "Medication", "id": "part", "code": concept(RXNORM, "1292", "baclofen")}
    whole = {
        "resourceType": "Medication",
        "id": "#m",
        "ingredient": [{"itemReference": {"reference": "Medication/part"}}],
    }
    assert in_both(pointing_to("#m", contained=[whole]), part).ingredients == {BACLOFEN}


@pytest.mark.parametrize(
    "medication",
    [
        {"ingredient": [{"itemCodeableConcept": concept(RXNORM, "1292", None)}]},
        {"ingredient": [{"item": {"concept": concept(RXNORM, "1292", None)}}]},
        {
            "ingredient": [
                {"itemCodeableConcept": {"text": "baclofen"}},
                {"itemCodeableConcept": {"text": "x"}, "isActive": False},
            ]
        },
        {"ingredient": {"itemCodeableConcept": {"text": "baclofen"}}},
        {"ingredient": [{"item": {"reference": "Substance/gone", "display": "baclofen"}}]},
        {"code": {"text": "house mixture"}, "product": {"ingredient": [{"item": {"display": "Baclofen"}}]}},
        {"code": {"text": "tizanidine"}, "ingredient": [{"itemCodeableConcept": concept(RXNORM, "1292", None)}]},
    ],
)
def test_a_medication_is_what_its_only_active_ingredient_is(medication):
    found = described(medication)
    assert found.ingredients == {BACLOFEN}
    assert not found.uncoded


BOTH = [{"itemCodeableConcept": {"text": "baclofen"}}, {"itemCodeableConcept": concept(RXNORM, "3105", None)}]


def test_a_medication_of_several_ingredients_has_them_all_and_no_strength():
    found = described({"ingredient": BOTH})
    assert found.ingredients == {BACLOFEN, DANTROLENE}
    assert found.name == "baclofen / dantrolene"
    assert not found.uncoded


@pytest.mark.parametrize("other", [{}, {"itemCodeableConcept": {"text": "house powder"}}, "junk", None, 5])
def test_a_medication_with_an_ingredient_that_nobody_can_read_may_have_more(other):
    found = described({"code": {"text": "capsules of ours"}, "ingredient": [*BOTH, other]})
    assert found.ingredients == {BACLOFEN, DANTROLENE}
    assert found.name == "capsules of ours"
    assert found.uncoded
    one = described({"code": {"text": "baclofen 10 mg"}, "ingredient": [BOTH[0], other]})
    assert (one.ingredients, one.uncoded) == ({BACLOFEN}, True)


@pytest.mark.parametrize(
    ("form", "route"),
    [
        ({"form": {"text": "Oral tablet"}}, "oral"),
        ({"form": {"coding": [{"display": "Solution for injection"}]}}, "intrathecal"),
        ({"doseForm": {"text": "tablet"}}, "oral"),
        ({"product": {"form": {"text": "tablet"}}}, "oral"),
        ({"form": {"text": "bottle"}}, None),
        ({"form": "tablet"}, None),
        ({}, None),
    ],
)
def test_the_form_of_a_medication_tells_its_route_when_the_code_does_not(form, route):
    assert referenced({"code": concept(RXNORM, "1292", None), **form}).route == route


def test_a_code_that_tells_the_route_is_not_overruled_by_the_form():
    pump = referenced({"code": concept(RXNORM, "308516", None), "form": {"text": "Oral tablet"}})
    assert pump.route == "intrathecal"


def ratio(amount, unit, of, per):
    return {"numerator": {"value": amount, "unit": unit}, "denominator": {"value": of, "unit": per}}


@pytest.mark.parametrize("name", ["strength", "strengthRatio", "amount"])
@pytest.mark.parametrize(
    ("strength", "milligrams"),
    [
        (ratio(10, "mg", 1, "tablet"), 10),
        (ratio(20, "mg", 2, "{tbl}"), 10),
        (ratio(0.01, "g", 1, "TAB"), 10),
        (ratio(10000, "ug", 1, "1"), 10),
        (ratio(10, "mg", 0, "tablet"), None),
        (ratio(-10, "mg", 1, "tablet"), None),
        (ratio(10, "mg", -1, "tablet"), None),
        (ratio(0, "mg", 1, "tablet"), None),
        (ratio(10, "units", 1, "tablet"), None),
        (ratio(10, "mg", 1, "box"), None),
        (ratio("10", "mg", 1, "tablet"), None),
        (
            {
                "numerator": {"value": 10, "unit": "mg", "comparator": "<"},
                "denominator": {"value": 1, "unit": "tablet"},
            },
            None,
        ),
        ({"numerator": {"value": 10, "unit": "mg"}}, None),
        ([ratio(10, "mg", 1, "tablet")], None),
        (None, None),
    ],
    ids=repr,
)
def test_a_strength_beside_the_ingredient_is_read_when_it_is_simple(strength, milligrams, name):
    item = {"itemCodeableConcept": concept(RXNORM, "1292", None), name: strength}
    (read,) = described({"form": {"text": "tablet"}, "ingredient": [item]}).strengths
    assert read == (milligrams and Strength(Decimal(milligrams), "mg", "unit"))


def test_a_strength_in_a_volume_is_read_as_one():
    item = {"itemCodeableConcept": {"text": "baclofen"}, "strength": ratio(5, "mg", 5, "mL")}
    assert described({"ingredient": [item]}).strengths == (Strength(Decimal(1), "mg", "ml"),)


def test_a_strength_that_the_code_tells_is_not_overruled():
    item = {"itemCodeableConcept": {"text": "baclofen"}, "strength": ratio(20, "mg", 1, "tablet")}
    (read,) = described({"code": concept(RXNORM, "197391", None), "ingredient": [item]}).strengths
    assert read.amount == 10


def test_a_strength_is_not_read_where_several_ingredients_stand():
    items = [{**one, "strength": ratio(20, "mg", 1, "tablet")} for one in (BOTH[0], BOTH[0])]
    assert described({"ingredient": items}).strengths == (None,)


def test_the_display_of_a_reference_is_read_when_what_it_points_at_is_not_known():
    found = {"resourceType": "Medication", "id": "cap", "code": {"text": "house mixture"}}
    assert in_both(pointing_to("Medication/cap", "baclofen 10 mg"), found).ingredients == {BACLOFEN}
    gap = in_both(pointing_to("Medication/cap"), found)
    assert (gap.why, gap.label) == (Why.UNKNOWN_MEDICINE, "house mixture")


def described(medication):
    """The product that a Medication describes."""
    return product_of(pointing_to("#m", contained=[{"resourceType": "Medication", "id": "m", **medication}]))


def product_of(request):
    """What a request alone says of its medicine."""
    return read_medicine(request, "MedicationRequest/m", start_reading(call(), vocabulary.load(), LISTS.problems, AT))


def in_both(request, medication):
    situation = record(medications=[request, medication])
    (one,) = (*situation.medications.items, *situation.medications.gaps)
    return one


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["#m", "#s", "baclofen", RXNORM]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "code",
                        "coding",
                        "system",
                        "text",
                        "display",
                        "ingredient",
                        "item",
                        "itemReference",
                        "reference",
                    ),
                    *(
                        "itemCodeableConcept",
                        "concept",
                        "product",
                        "form",
                        "strength",
                        "numerator",
                        "denominator",
                        "value",
                    ),
                    *("unit", "isActive", "contained", "id"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_whatever_stands_in_a_medication_it_is_read_or_a_gap(code, ingredient, form):
    medication = {"resourceType": "Medication", "id": "m", "code": code, "ingredient": ingredient, "form": form}
    request = pointing_to("#m", contained=[medication])
    situation = record(medications=[request])
    assert len(situation.medications.items) + len(situation.medications.gaps) <= 1


# What has to be fetched -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "reference"),
    [
        ({"medicationReference": {"reference": "Medication/7"}}, "Medication/7"),
        ({"medicationReference": {"reference": "https://ehr.example/fhir/Medication/7/_history/2"}}, None),
        ({"medicationReference": {"reference": "Patient/7"}}, None),
        ({"medicationReference": {"reference": "Medication/7", "display": "house mixture"}}, "Medication/7"),
        ({"medicationReference": {"reference": "Medication/7", "display": "Baclofen 10 mg"}}, None),
        ({"medicationReference": {"reference": "Medication/cap"}}, None),
        ({"medicationReference": {"reference": "#m"}}, None),
        ({"medicationReference": {"reference": "#a/b"}}, None),
        ({"medicationReference": {"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}}, None),
        ({"medicationReference": {"reference": "7"}}, None),
        ({"medicationReference": {"display": "house mixture"}}, None),
        ({"medicationReference": "Medication/7"}, None),
        ({"medicationCodeableConcept": {"text": "x"}, "medicationReference": {"reference": "Medication/7"}}, None),
        ({"medicationCodeableConcept": {"text": "baclofen"}}, None),
        ({}, None),
    ],
)
def test_a_medicine_that_is_only_pointed_at_is_to_be_fetched(request_, reference):
    reading = start_reading(call(prefetch={"medications": bundle(MEDICATION)}), vocabulary.load(), LISTS.problems, AT)
    assert unresolved({"resourceType": "MedicationRequest", **request_}, reading) == reference


# Once wrong -----------------------------------------------------------------------------------------------------------


def test_a_medication_without_an_id_is_what_no_reference_points_to():
    nameless = {"resourceType": "Medication", "code": concept(RXNORM, "856656", CAPSULE)}
    situation = record(medications=[pointing_to(None, "baclofen 10 mg"), nameless])
    assert [item.ingredients for item in situation.medications.items] == [{BACLOFEN}]


def test_a_medication_is_found_by_the_full_url_of_its_entry():
    address = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    found = bundle(pointing_to(address))
    found["entry"].append({"fullUrl": address, "resource": {**MEDICATION, "id": None}})
    situation = known(call(prefetch={**COMPLETE, "medications": found}))
    assert [item.name for item in situation.medications.items if isinstance(item, Medication)] == [CAPSULE]
