"""Which medicine a request or statement means: codes, texts and references (decisions 4 and 5)."""

import pytest

from cds_service.clinical.model import Gap, Medication, Why
from tests.journeys.records import RXNORM, SNOMED_CT, bundle, concept
from tests.unit.fhir.chart import BACLOFEN, COMPLETE, DANTROLENE, call, in_record, known, record

ATC = "http://www.whocc.no/atc"
CAPSULE = "dantrolene sodium 25 MG Oral Capsule"
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
        (by(None, {"system": ATC, "code": "M03CA01"}, rxnorm("197391")), {BACLOFEN}),
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
        (by(None, {"system": SNOMED_CT, "code": "387342009"}), ""),
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
        {"ingredient": [{"itemCodeableConcept": {"text": "baclofen"}}, {"itemCodeableConcept": {"text": "menthol"}}]},
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
