"""Who is let in where, and what is said to whoever is not."""

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome

from cds_service.advice.record import Caller, Result
from cds_service.web.auth import Denial, Reason
from cds_service.web.errors import IssueCode
from cds_service.web.log import Refused

from .conftest import FRIEND, Door

FEEDBACK = {"feedback": [{"card": "4e0a3a1e-8f8d-4b4e-9f5c-0d6c43b1b5a2", "outcome": "accepted"}]}
BEHIND_THE_DOOR = [
    ("GET", "/cds-services", None),
    ("POST", "/cds-services/sign", "sign"),
    ("POST", "/cds-services/sign/feedback", "sign"),
]


@pytest.fixture
def door():
    return Door()


@pytest.fixture
def web(web_that, door):
    return web_that(door=door)


@pytest.mark.parametrize(("method", "address", "service"), BEHIND_THE_DOOR)
def test_discovery_services_and_feedback_are_behind_the_door(web, door, method, address, service):
    response = web.client.open(address, method=method, json=FEEDBACK)
    assert response.status_code == 401
    assert door.asked == [(address, service)]


@pytest.mark.parametrize("address", ["/", "/healthz", "/readyz"])
def test_the_front_door_and_health_are_open_to_anyone(web, address):
    assert web.client.get(address).status_code == 200


@pytest.mark.parametrize("address", ["/cds-services", "/cds-services/sign", "/cds-services/sign/feedback"])
def test_a_preflight_is_open_to_anyone(web, address):
    """A browser sends none of its credentials with one."""
    assert web.client.options(address, headers={"Origin": "https://ehr.example"}).status_code == 200


def test_whoever_is_not_known_is_told_the_same_whatever_is_wrong(web):
    answers = [
        web.client.get("/cds-services", headers=headers) for headers in ({}, {"Authorization": "Bearer forged"}, None)
    ]
    assert len({response.data for response in answers}) == 1
    assert len({tuple(response.headers) for response in answers}) == 1
    OperationOutcome.model_validate_json(answers[0].data)
    assert answers[0].get_json(force=True)["issue"] == [
        {"severity": "error", "code": "login", "diagnostics": "the call could not be authenticated"}
    ]


def test_the_challenge_is_bare(web):
    response = web.client.get("/cds-services", headers={"Authorization": "Bearer forged"})
    assert response.headers.getlist("WWW-Authenticate") == ["Bearer"]


def test_a_client_that_may_not_use_a_service_is_forbidden(web, call):
    response = web.post(call, headers={"Authorization": "Bearer friend-of-others"})
    assert response.status_code == 403
    assert response.get_json(force=True)["issue"][0]["code"] == "forbidden"
    assert "WWW-Authenticate" not in response.headers


def test_a_known_client_is_answered(web, call):
    assert web.post(call, headers=FRIEND).status_code == 200
    assert web.client.get("/cds-services", headers=FRIEND).status_code == 200


def test_the_answer_knows_who_asks(web_that, call):
    web = web_that(door=Door())
    web.post(call, headers=FRIEND)
    assert web.records[0].caller == Caller("riverside", "north")
    assert web.events[0].client == "riverside"


@pytest.mark.parametrize("address", ["/cds-services/nobody", "/cds-services/nobody/feedback"])
def test_strangers_cannot_find_out_which_services_there_are(web, address):
    assert web.client.post(address, json={}).status_code == 401
    assert web.client.post(address, json={}, headers=FRIEND).status_code == 404


def test_a_strangers_body_is_not_read(web):
    class NotToBeRead:
        def read(self, _size=-1):
            pytest.fail("the body was read")

    environ = {"wsgi.input": NotToBeRead(), "CONTENT_LENGTH": "10", "CONTENT_TYPE": "application/json"}
    assert web.client.post("/cds-services/sign", environ_overrides=environ).status_code == 401


def test_the_log_says_why_a_call_was_refused_and_whose_it_claimed_to_be(web, call):
    web.post(call)
    web.post(call, headers={"Authorization": "Bearer forged"})
    web.post(call, headers={"Authorization": "Bearer friend-of-others"})
    assert web.events == [
        Refused("sign", None, None, 401, IssueCode.LOGIN, Reason.NO_TOKEN, 0.0),
        Refused("sign", "riverside", None, 401, IssueCode.LOGIN, Reason.SIGNATURE, 0.0),
        Refused("sign", "riverside", None, 403, IssueCode.FORBIDDEN, Denial.SERVICE, 0.0),
    ]


def test_strangers_cannot_fill_the_audit_trail(web, call):
    web.post(call)
    web.post(call, headers={"Authorization": "Bearer forged"})
    assert web.records == []


def test_a_known_client_that_may_not_leaves_a_record(web, call):
    web.post(call, headers={"Authorization": "Bearer friend-of-others"})
    (record,) = web.records
    assert (record.caller, record.result) == (Caller("riverside", "north"), Result.REFUSED)
    assert (record.status, record.code) == (403, "service")


def test_the_front_door_says_whether_calls_are_authenticated(web, web_that):
    assert web.client.get("/").get_json()["authenticated"] is True
    assert web_that().client.get("/").get_json()["authenticated"] is False


def test_where_anyone_may_call_the_log_names_nobody(web_that, call):
    web = web_that()
    web.post(call)
    assert web.events[0].client is None
    assert web.records[0].caller == Caller("anyone")
