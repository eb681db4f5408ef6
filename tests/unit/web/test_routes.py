"""The addresses: what is answered, and what is refused with which status and which words."""

import io
import json

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.advice.advise import NothingToCheck

from .conftest import MOST_BYTES, Answer

CARD = {"summary": "Dantrolene with baclofen", "indicator": "warning", "source": {"label": "FDA"}}


def outcome(response, status):
    """The issues of a refusal, once it is proved to be one."""
    assert response.status_code == status
    assert response.content_type == "application/fhir+json"
    OperationOutcome.model_validate_json(response.data)
    issues = response.get_json(force=True)["issue"]
    assert all(issue["severity"] == "error" for issue in issues)
    return issues


def only_issue(response, status):
    (issue,) = outcome(response, status)
    return issue["code"]


def test_the_discovery_document_is_served_as_it_stands(web):
    response = web.client.get("/cds-services")
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert response.data == b'{ "services": "exactly these bytes" }\n'


def test_a_slash_at_the_end_makes_no_difference(web, call):
    assert web.client.get("/cds-services/").status_code == 200
    assert web.post(call, "sign/").status_code == 200


def test_the_front_door_says_where_to_look(web):
    response = web.client.get("/")
    assert response.content_type == "application/json"
    assert response.get_json()["services"] == "/cds-services"


def test_cards_are_sent_as_they_were_made(web_that, call):
    web = web_that(Answer(cards=(CARD,)))
    response = web.post(call)
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert response.get_json() == {"cards": [CARD]}


def test_no_cards_are_an_empty_list(web, call):
    assert web.post(call).data == b'{"cards":[]}'


def test_the_answer_is_asked_for_by_service_and_request(web, call):
    web.post(call)
    ((service, request),) = web.asked
    assert (service, request.hook, request.patient_id) == ("sign", "order-sign", "p1")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/fhir+json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/fhir+json; fhirVersion=4.0; charset=utf8",
    ],
)
def test_json_goes_by_several_names(web, call, content_type):
    assert web.post(call, content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/xml",
        "application/fhir+xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
    ],
)
def test_what_is_not_called_json_in_utf_8_is_refused(web, call, content_type):
    assert only_issue(web.post(call, content_type=content_type), 415) == "not-supported"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"hook": "order-sign",',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} // comment',
        b'{"a": "\xe9"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\\ud800"}',
    ],
)
def test_what_is_not_json_in_utf_8_is_refused(web, body):
    assert only_issue(web.post(body), 400) == "structure"


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"text"', b"[" * 64 + b"]" * 64])
def test_json_that_is_no_object_is_refused(web, body):
    (issue,) = outcome(web.post(body), 400)
    assert issue["diagnostics"] == "the body must be an object"
    assert "expression" not in issue


def test_every_mistake_is_an_issue_with_its_path(web, call):
    call["hook"] = "order-select"
    call["context"] = {"userId": "Practitioner/1", "draftOrders": {"resourceType": "Bundle", "entry": [{}]}}
    assert outcome(web.post(call), 400) == [
        {
            "severity": "error",
            "code": "structure",
            "diagnostics": f"{path} {says}",
            "expression": [path],
        }
        for path, says in (
            ("context.patientId", "is required"),
            ("hook", "must be `order-sign` for this service"),
            ("context.draftOrders.entry[0].resource", "is required"),
        )
    ]


def test_a_strict_service_refuses_what_only_older_clients_send(web_that, call):
    del call["context"]["userId"]
    assert web_that(strict=False).post(call).status_code == 200
    assert [issue["expression"] for issue in outcome(web_that(strict=True).post(call), 400)] == [["context.userId"]]


@pytest.mark.parametrize("address", ["/cds-services/nobody", "/cds-services/SIGN"])
def test_an_unknown_service_is_not_found_whatever_is_sent(web, address):
    assert only_issue(web.client.post(address, data=b"nothing", content_type="text/plain"), 404) == "not-found"


@pytest.mark.parametrize(
    "address", ["/nowhere", "/cds-services//sign", "/cds-services/sign/more", "/cds-services/a%2Fb"]
)
def test_an_unknown_address_is_not_found(web, address):
    assert only_issue(web.client.get(address), 404) == "not-found"
    assert web.client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("GET", "/cds-services/sign", "OPTIONS, POST"),
        ("PUT", "/cds-services/sign", "OPTIONS, POST"),
        ("POST", "/cds-services", "GET, HEAD, OPTIONS"),
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_refused_and_the_right_ones_are_named(web, method, address, allowed):
    response = web.client.open(address, method=method)
    assert only_issue(response, 405) == "not-supported"
    assert response.headers["Allow"] == allowed


def test_a_body_of_the_largest_size_is_read_and_one_byte_more_is_refused(web, call):
    body = json.dumps(call).encode()
    assert web.post(body.ljust(MOST_BYTES)).status_code == 200
    assert only_issue(web.post(body.ljust(MOST_BYTES + 1)), 413) == "too-long"


def test_the_limit_holds_for_a_body_that_does_not_say_its_length(web, call):
    def send(body):
        environ = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "CONTENT_TYPE": "application/json"}
        return web.client.post("/cds-services/sign", environ_overrides=environ)

    body = json.dumps(call).encode()
    assert send(body.ljust(MOST_BYTES)).status_code == 200
    assert only_issue(send(body.ljust(MOST_BYTES + 1)), 413) == "too-long"


def test_when_there_is_nothing_to_check_with_the_missing_keys_are_named(web_that, call):
    issues = outcome(web_that(NothingToCheck(("results", "medications"))).post(call), 412)
    assert [issue["expression"] for issue in issues] == [["prefetch.results"], ["prefetch.medications"]]
    assert {issue["code"] for issue in issues} == {"incomplete"}


def test_a_refusal_without_particulars_still_has_an_issue(web_that, call):
    assert only_issue(web_that(NothingToCheck(())).post(call), 412) == "incomplete"


@pytest.mark.parametrize("raised", [ValueError("Jane Roe"), KeyError("Jane Roe"), RecursionError("Jane Roe")])
def test_a_mistake_of_ours_is_told_without_detail(web_that, call, raised):
    web = web_that(raised)
    response = web.post(call)
    assert outcome(response, 500) == [
        {"severity": "error", "code": "exception", "diagnostics": "the service failed: nothing was checked"},
    ]


def test_an_answer_that_cannot_be_written_is_a_mistake_of_ours(web_that, call):
    assert only_issue(web_that(Answer(cards=({"summary": object()},))).post(call), 500) == "exception"


def test_a_service_still_answers_after_a_mistake_of_ours(web_that, call):
    web = web_that(ValueError())
    assert [web.post(call).status_code for _ in range(3)] == [500, 500, 500]
    assert web.client.get("/cds-services").status_code == 200


canaries = st.recursive(
    st.integers() | st.text(alphabet="xyz", min_size=1).map(lambda text: f"canary-{text}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["entry", "resource"]), inner),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the web keeps nothing between calls
@given(
    body=st.dictionaries(
        st.sampled_from(["hook", "hookInstance", "fhirServer", "prefetch", "context"]),
        canaries | st.dictionaries(st.sampled_from(["userId", "patientId", "selections", "draftOrders"]), canaries),
    ),
)
def test_no_value_of_a_refused_request_is_in_the_refusal(web, body):
    response = web.post(body)
    assert outcome(response, 400)
    assert b"canary" not in response.data


@pytest.mark.parametrize("body", [b'{"name": canary}', b'["canary"]', b'"canary"', b"canary \xff"])
def test_no_text_of_a_broken_body_is_in_the_refusal(web, body):
    assert b"canary" not in web.post(body).data
