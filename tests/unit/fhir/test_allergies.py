"""Allergies and intolerances: which medicines they name, which count, and what they leave open."""

from datetime import date

import pytest

from cds_service.clinical.days import Day
from cds_service.clinical.model import Allergy, Gap, Why
from cds_service.fhir.allergies import read_allergy
from tests.journeys.records import HL7, RXNORM, SNOMED_CT, concept, whose
from tests.unit.fhir.chart import BACLOFEN, DANTROLENE, TIZANIDINE
from tests.unit.fhir.laboratory import reading, without_absent

NDC, ATC = "http://hl7.org/fhir/sid/ndc", "http://www.whocc.no/atc"
IPS = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
TO_BACLOFEN = concept(RXNORM, "1292", "baclofen")
UNPLACED = {"coding": [{"system": SNOMED_CT, "code": "1"}], "text": "Allergy to muscle relaxants"}
PENICILLIN = {"text": "Allergy to penicillin"}


def allergy(**members):
    said = {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "clinicalStatus": {"coding": [{"system": f"{HL7}/allergyintolerance-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{HL7}/allergyintolerance-verification", "code": "confirmed"}]},
        "type": "allergy",
        "category": ["medication"],
        "code": TO_BACLOFEN,
        "patient": whose(),
        **members,
    }
    return without_absent(said)


def read(**members):
    return read_allergy(allergy(**members), "AllergyIntolerance/a", reading())


def gap(why=Why.UNKNOWN_MEDICINE, *concerns):
    return Gap("AllergyIntolerance/a", why, concerns=frozenset(concerns) or None)


@pytest.mark.parametrize(
    ("code", "ingredients"),
    [
        (TO_BACLOFEN, {BACLOFEN}),
        (concept(RXNORM, "197391", "baclofen 10 MG Oral Tablet"), {BACLOFEN}),
        (concept(RXNORM, "202996", "Lioresal"), {BACLOFEN}),
        (concept(SNOMED_CT, "387342009", "Baclofen"), {BACLOFEN}),
        (concept(ATC, "M03CA01", "dantrolene"), {DANTROLENE}),
        ({"text": "Baclofen"}, {BACLOFEN}),
        ({"text": "Lioresal"}, {BACLOFEN}),
        ({"text": "Allergy to dantrolene"}, {DANTROLENE}),
        ({"text": "tizanidine intolerance"}, {TIZANIDINE}),
        ({"text": "Adverse reaction to dantrolene"}, {DANTROLENE}),
        ({"coding": [{"system": "urn:local", "code": "B", "display": "Baclofen (substance)"}]}, {BACLOFEN}),
        (
            {"coding": [*TO_BACLOFEN["coding"], {"system": "urn:local", "code": "B", "display": "Dantrolene"}]},
            {BACLOFEN},
        ),
        ({**TO_BACLOFEN, "text": "Dantrolene"}, {BACLOFEN}),
        ([TO_BACLOFEN], {BACLOFEN}),
    ],
    ids=str,
)
def test_an_allergy_names_the_ingredients_of_its_substance_by_code_else_by_words(code, ingredients):
    assert read(code=code).ingredients == ingredients


def test_an_allergy_is_told_with_its_words_and_its_day():
    found = read(code={**TO_BACLOFEN, "text": "Lioresal tablets"}, recordedDate="2024-03")
    assert found == Allergy(
        "AllergyIntolerance/a",
        frozenset({BACLOFEN}),
        "Lioresal tablets",
        intolerance=False,
        recorded=Day(date(2024, 3, 1), date(2024, 3, 31)),
        provisional=False,
    )
    assert read(onsetDateTime="2024-03-05").recorded == Day.on(date(2024, 3, 5))
    assert "Lioresal" not in repr(found)


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ({"clinicalStatus": {"coding": [{"code": "active"}]}}, True),
        ({"clinicalStatus": {"coding": [{"code": "inactive"}]}}, False),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, False),
        ({"clinicalStatus": "resolved"}, False),
        ({"clinicalStatus": ...}, True),
        ({"clinicalStatus": 7}, True),
        ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}, "clinicalStatus": ...}, False),
        ({"verificationStatus": "entered-in-error"}, False),
        ({"verificationStatus": {"coding": [{"code": "presumed"}]}}, True),
        ({"verificationStatus": ...}, True),
    ],
    ids=str,
)
def test_an_allergy_counts_unless_it_is_over_or_was_refuted(status, counts):
    assert (read(**status) is not None) is counts


@pytest.mark.parametrize(
    ("status", "provisional"),
    [("unconfirmed", True), ("confirmed", False), ({"coding": [{"code": "unconfirmed"}]}, True), (..., False)],
    ids=str,
)
def test_an_unconfirmed_allergy_is_provisional(status, provisional):
    assert read(verificationStatus=status).provisional is provisional


@pytest.mark.parametrize(
    ("kind", "intolerance"),
    [
        ("intolerance", True),
        ("allergy", False),
        ({"coding": [{"code": "intolerance"}]}, True),
        (..., False),
        (5, False),
    ],
    ids=str,
)
def test_an_intolerance_is_told_from_an_allergy(kind, intolerance):
    assert read(type=kind).intolerance is intolerance


@pytest.mark.parametrize(
    "code",
    [
        concept(SNOMED_CT, "716186003", "No known allergy"),
        concept(SNOMED_CT, "409137002", "No known drug allergy"),
        concept(SNOMED_CT, "160244002", "No known allergies"),
        concept(SNOMED_CT, "429625007", "No known food allergy"),
        concept(IPS, "no-known-allergies", "No known allergies"),
        concept(IPS, "no-known-medication-allergies", "No known medication allergies"),
        *(
            {"text": said}
            for said in ("NKDA", "nka", "No known allergies", "No Known Drug Allergies.", "None", "none known")
        ),
        *({"text": said} for said in ("no allergies", "No known medication allergy", "No known food allergies")),
    ],
    ids=str,
)
def test_no_known_allergies_are_none(code):
    assert read(code=code) is None


def test_that_nobody_asked_for_allergies_is_a_gap():
    assert read(code=concept(IPS, "no-allergy-info", "No information about allergies")) == gap(Why.NOT_SUPPLIED)


@pytest.mark.parametrize(
    ("code", "category", "found"),
    [
        (UNPLACED, ["medication"], gap()),
        (UNPLACED, "medication", gap()),
        (UNPLACED, ..., gap()),
        (UNPLACED, [], gap()),
        (UNPLACED, ["biologic"], gap()),
        (UNPLACED, ["food", "medication"], gap()),
        (PENICILLIN, ["medication"], gap(Why.UNKNOWN_MEDICINE, "penicillin")),
        ({"text": "Sulfa drugs"}, ..., gap(Why.UNKNOWN_MEDICINE, "sulfa drugs")),
        ({"text": "Latex"}, ..., gap(Why.UNKNOWN_MEDICINE, "latex")),
        ({"text": "penicillin and muscle relaxants"}, ["medication"], gap()),
        (PENICILLIN, ["food"], None),
        ({"text": "Peanut"}, ["food"], None),
        ({"text": "Peanut"}, "food", None),
        ({"text": "Birch pollen"}, ["environment"], None),
        ({"text": "Birch pollen"}, {"coding": [{"code": "environment"}]}, None),
        ({"text": "Oak processionary"}, ..., gap()),
        ({"text": "the white ones"}, ["medication"], gap()),
        ({"text": "not allergic to baclofen"}, ["medication"], gap()),
        ({"text": "no known allergy to baclofen"}, ["medication"], gap()),
        ({"text": "baclofen " + "x" * 300}, ["medication"], gap()),
        ({}, ["medication"], gap()),
        (..., ["medication"], gap()),
        ("baclofen", ["medication"], gap()),
        (TO_BACLOFEN, ["food"], Allergy("AllergyIntolerance/a", frozenset({BACLOFEN}), "baclofen")),
    ],
    ids=str,
)
def test_what_cannot_be_placed_is_a_gap_if_it_may_be_a_medicine(code, category, found):
    assert read(code=code, category=category) == found


def test_codes_of_different_medicines_are_a_gap_about_both():
    both = {"coding": [*TO_BACLOFEN["coding"], *concept(RXNORM, "57258", "tizanidine")["coding"]]}
    assert read(code=both) == gap(Why.CODES_DISAGREE, BACLOFEN, TIZANIDINE)


def test_the_substance_of_a_reaction_counts_too():
    reaction = [{"substance": TO_BACLOFEN, "manifestation": [{"text": "rash"}]}, {"manifestation": [{"text": "hives"}]}]
    assert read(code={"text": "muscle relaxants"}, reaction=reaction).ingredients == {BACLOFEN}
    assert read(code=concept(RXNORM, "57258", "tizanidine"), reaction=reaction).ingredients == {BACLOFEN, TIZANIDINE}
    assert read(code=..., reaction=reaction).shown == "baclofen"
