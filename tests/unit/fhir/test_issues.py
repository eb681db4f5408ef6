"""Interactions and contraindications for the record: valid in every version, saying the same."""

from dataclasses import replace

import pytest
from fhir.resources.detectedissue import DetectedIssue as DetectedIssueR5
from fhir.resources.R4B.detectedissue import DetectedIssue
from fhir.resources.STU3.detectedissue import DetectedIssue as DetectedIssueSTU3

from cds_service.clinical.codes import Indicator, Ref
from cds_service.fhir.issues import Kind, detected_issue
from cds_service.fhir.versions import Version
from tests.unit.fhir.test_orders import CONTEXT
from tests.unit.fhir.test_orders_of_versions import valid_dstu2

MODELS = {
    Version.DSTU2: valid_dstu2,
    Version.STU3: DetectedIssueSTU3.model_validate,
    Version.R4: DetectedIssue.model_validate,
    Version.R5: DetectedIssueR5.model_validate,
}
IMPLICATED = (Ref("MedicationRequest/draft-1"), Ref("MedicationRequest/run"), Ref("draft 2"))
EVIDENCE = (Ref("Condition/1"), Ref("results 3"))
each_version = pytest.mark.parametrize("version", Version, ids=str)


def issue(version=Version.R4, kind=Kind.INTERACTION, indicator=Indicator.CRITICAL, evidence=EVIDENCE, **more):
    context = replace(CONTEXT, version=version, **more)
    return detected_issue(kind, indicator, "Both sedate.", IMPLICATED, evidence, "https://guideline.example/4", context)


@each_version
@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("encounter", [None, "visit"])
def test_an_issue_is_valid_in_every_version(version, kind, encounter):
    MODELS[version](issue(version, kind, encounter_id=encounter))


def test_an_issue_says_what_is_the_matter_how_badly_between_what_and_why():
    assert issue() == {
        "resourceType": "DetectedIssue",
        "status": "final",
        "code": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                    "code": "DRG",
                    "display": "Drug Interaction Alert",
                }
            ],
            "text": "Drug Interaction Alert",
        },
        "severity": "high",
        "patient": {"reference": "Patient/p1"},
        "identifiedDateTime": "2026-11-22T10:00:30+00:00",
        "implicated": [{"reference": "MedicationRequest/draft-1"}, {"reference": "MedicationRequest/run"}],
        "detail": "Both sedate.",
        "evidence": [{"detail": [{"reference": "Condition/1"}]}],
        "reference": "https://guideline.example/4",
    }


@pytest.mark.parametrize(
    ("indicator", "severity"),
    [(Indicator.CRITICAL, "high"), (Indicator.WARNING, "moderate"), (Indicator.INFO, "low")],
    ids=["critical", "warning", "info"],
)
def test_its_severity_is_that_of_the_card(indicator, severity):
    assert issue(indicator=indicator)["severity"] == severity


@pytest.mark.parametrize(
    ("version", "members"),
    [
        (Version.DSTU2, {"category", "patient", "date"}),
        (Version.STU3, {"status", "category", "patient", "date"}),
        (Version.R4, {"status", "code", "patient", "identifiedDateTime", "evidence"}),
        (Version.R5, {"status", "code", "subject", "identifiedDateTime", "evidence", "encounter"}),
    ],
    ids=lambda value: value if isinstance(value, Version) else "-".join(sorted(value)),
)
def test_each_version_has_its_own_names(version, members):
    everywhere = {"resourceType", "severity", "implicated", "detail", "reference"}
    assert set(issue(version)) == members | everywhere


@pytest.mark.parametrize("version", [Version.DSTU2, Version.STU3], ids=str)
def test_before_r4_the_code_system_had_another_address(version):
    assert issue(version)["category"]["coding"][0]["system"] == "http://hl7.org/fhir/v3/ActCode"


def test_a_contraindication_by_a_disease_has_words_alone():
    assert issue(kind=Kind.CONTRAINDICATION)["code"] == {"text": "Contraindication"}


def test_without_a_source_that_is_public_and_other_evidence_it_names_none():
    found = detected_issue(Kind.ALLERGY, Indicator.INFO, "Detail.", IMPLICATED, (), None, CONTEXT)
    assert not {"reference", "evidence"} & set(found)
    assert found["code"]["coding"][0]["code"] == "ALGY"
