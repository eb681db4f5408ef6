"""Whether an answer of a FHIR server is what was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.answers import (
    DEEPEST,
    count_of,
    is_page,
    is_the,
    next_link,
    one_bundle,
    outcome_of,
    read_body,
    version_of,
)
from cds_service.fhir.wanted import Outcome

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (100, "status-other"),
        (201, "status-other"),
        (204, "status-other"),
        (206, "status-other"),
        (301, "redirect"),
        (302, "redirect"),
        (304, "redirect"),
        (308, "redirect"),
        (400, "status-4xx"),
        (401, "status-4xx"),
        (404, "status-4xx"),
        (410, "status-4xx"),
        (429, "status-4xx"),
        (500, "status-5xx"),
        (503, "status-5xx"),
        (999, "status-other"),
    ],
)
def test_only_a_plain_success_is_read(status, outcome):
    assert outcome_of(status, "application/json", "") == outcome


@pytest.mark.parametrize(
    ("media_type", "read"),
    [
        ("application/fhir+json", True),
        ("application/json", True),
        ("application/json+fhir", True),
        ("Application/FHIR+JSON;charset=UTF-8", True),
        ('application/fhir+json; charset="utf-8"; fhirVersion=4.0', True),
        ("application/fhir+json; charset=utf8", True),
        ("application/fhir+json; charset=iso-8859-1", False),
        ("application/fhir+json; charset=", False),
        ("application/fhir+xml", False),
        ("text/html", False),
        ("text/json", False),
        ("", False),
        ("application/json, text/html", False),
        ("application/json" + " " * 300, False),
        (";" * 100_000, False),
    ],
)
def test_only_json_in_utf_8_is_read(media_type, read):
    assert (outcome_of(200, media_type, "") is Outcome.OK) is read


@pytest.mark.parametrize(
    ("encoding", "read"),
    [("", True), ("identity", True), (" Identity ", True), ("gzip", False), ("br", False), ("gzip, identity", False)],
)
def test_nothing_compressed_is_read(encoding, read):
    assert (outcome_of(200, "application/json", encoding) is Outcome.OK) is read


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"", "not-json"),
        (b"<html></html>", "not-json"),
        (b'{"a": NaN}', "not-json"),
        (b'{"a": Infinity}', "not-json"),
        (b'{"a": 1', "not-json"),
        (b'{"a": 1}{"a": 1}', "not-json"),
        (b'{"a": "\xff"}', "not-json"),
        (b'{"a": "\\ud800"}', "not-json"),
        (b"[" * 100_000, "not-json"),
        (b"[]", "wrong-resource"),
        (b"null", "wrong-resource"),
        (b'"text"', "wrong-resource"),
        (b"7", "wrong-resource"),
        (b'{"a":' * (DEEPEST - 1) + b"{}" + b"}" * (DEEPEST - 1), None),
        (b'{"a":' * DEEPEST + b"{}" + b"}" * DEEPEST, "too-deep"),
        (b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "too-deep"),
    ],
    ids=range(16),
)
def test_a_body_is_one_json_object_that_is_not_nested_too_deep(body, outcome):
    found = read_body(body)
    assert found == outcome if outcome else isinstance(found, dict)


@pytest.mark.parametrize(
    ("resource", "page"),
    [
        ({"resourceType": "Bundle", "type": "searchset"}, True),
        ({"resourceType": "Bundle", "type": "searchset", "entry": []}, True),
        ({"resourceType": "Bundle", "type": "searchset", "entry": {}}, False),
        ({"resourceType": "Bundle", "type": "searchset", "entry": None}, False),
        ({"resourceType": "Bundle", "type": "collection"}, False),
        ({"resourceType": "Bundle"}, False),
        ({"resourceType": "OperationOutcome", "issue": []}, False),
        ({"resourceType": ["Bundle"], "type": {}}, False),
        ({}, False),
    ],
)
def test_a_page_of_a_search_is_a_searchset(resource, page):
    assert is_page(resource) is page


@pytest.mark.parametrize(
    ("resource", "same"),
    [
        ({"resourceType": "Medication", "id": "7"}, True),
        ({"resourceType": "Medication", "id": "8"}, False),
        ({"resourceType": "Patient", "id": "7"}, False),
        ({"resourceType": "Medication", "id": 7}, False),
        ({"resourceType": "Medication"}, False),
    ],
)
def test_a_resource_must_be_the_one_that_was_asked_for(resource, same):
    assert is_the(resource, "Medication", "7") is same


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("1.0.2", "DSTU2"),
        ("3.0.1", "STU3"),
        ("3.0.2", "STU3"),
        ("4.0.0", "R4"),
        (" 4.0.1 ", "R4"),
        ("4.1.0", "R4"),
        ("4.3.0", "R4"),
        ("5.0.0", "R5"),
        ("4.0", "R4"),
        ("0.4.0", "unknown-version"),
        ("1.4.0", "unknown-version"),
        ("3.5.0", "unknown-version"),
        ("4.6.0", "unknown-version"),
        ("6.0.0-ballot3", "unknown-version"),
        ("4", "unknown-version"),
        ("40.1", "unknown-version"),
        ("", "unknown-version"),
        (4.0, "unknown-version"),
    ],
)
def test_the_version_a_server_speaks_is_read_from_its_metadata(said, version):
    assert version_of({"resourceType": "CapabilityStatement", "fhirVersion": said}) == version
    assert version_of({"resourceType": "Conformance", "fhirVersion": said}) == version


def test_metadata_that_is_something_else_tells_no_version():
    assert version_of({"resourceType": "Patient", "fhirVersion": "4.0.1"}) is Outcome.WRONG_RESOURCE


def page(*ids, next_link=None, **more):
    links = {"link": [{"relation": "self", "url": "here"}, {"relation": "next", "url": next_link}]} if next_link else {}
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(ids), **links, **more}


def test_the_pages_of_a_search_become_one_bundle():
    bundle, cut = one_bundle([page(1, 2, next_link="p2", total=3), page(3, total=3)], None, 10, counted=True)
    assert bundle == {"resourceType": "Bundle", "type": "searchset", "entry": [1, 2, 3], "total": 3}
    assert not cut


def test_a_list_that_goes_on_keeps_its_link():
    bundle, cut = one_bundle([page(1, 2, next_link="p2")], "p2", 10, counted=True)
    assert next_link(bundle) == "p2"
    assert not cut


def test_entries_beyond_the_limit_are_cut_and_the_list_goes_on():
    bundle, cut = one_bundle([page(1, 2, 3)], None, 2, counted=True)
    assert bundle["entry"] == [1, 2]
    assert next_link(bundle) == ""
    assert cut


def test_the_total_is_not_said_of_further_pages_alone():
    bundle, _ = one_bundle([page(3, total=3)], None, 10, counted=False)
    assert "total" not in bundle


def test_a_page_without_entries_has_none():
    assert count_of({"resourceType": "Bundle"}) == 0
    assert one_bundle([{"resourceType": "Bundle"}], None, 10, counted=True)[0]["entry"] == []


@given(
    st.dictionaries(st.sampled_from(["resourceType", "type", "entry", "link", "total", "id", "fhirVersion"]), ANY_JSON)
)
def test_no_answer_makes_judging_it_fail(resource):
    is_the(resource, "Patient", "1")
    version_of(resource)
    link = next_link(resource)
    assert link is None or isinstance(link, str)
    if is_page(resource):
        bundle, cut = one_bundle([resource, resource], link, 3, counted=True)
        assert len(bundle["entry"]) == min(3, 2 * count_of(resource))
        assert cut == (2 * count_of(resource) > 3)


@given(st.binary(max_size=50))
def test_no_body_makes_reading_it_fail(body):
    assert isinstance(read_body(body), dict | Outcome)
