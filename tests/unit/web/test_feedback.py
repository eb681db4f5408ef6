"""Feedback: what is taken, what is refused, and that no more is said than is true."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from cds_service.advice.record import Caller
from cds_service.hooks.feedback import Feedback, Verdict
from cds_service.web.errors import IssueCode, NotKept
from cds_service.web.log import Failed, Refused
from cds_service.web.log import Feedback as FeedbackKept

from .conftest import AT, FRIEND, Door, Kept

CARD = "4e0a3a1e-8f8d-4b4e-9f5c-0d6c43b1b5a2"
ENTRY = {
    "card": CARD,
    "outcome": "overridden",
    "outcomeTimestamp": "2026-11-22T09:59:00Z",
    "overrideReason": {"reason": {"code": "OWN-1"}, "userComment": "Jane Roe asked for it"},
}


def send(web, *entries, service="sign", **more):
    return web.post({"feedback": list(entries)}, f"{service}/feedback", **more)


def test_feedback_is_stored_before_it_is_said_to_be(web_that):
    web = web_that(door=Door())
    response = send(web, ENTRY, headers=FRIEND)
    assert (response.status_code, response.content_type, response.data) == (200, "application/json", b"{}")
    assert web.kept == [
        (
            "sign",
            Caller("riverside", "north"),
            (
                Feedback(
                    card=UUID(CARD),
                    outcome=Verdict.OVERRIDDEN,
                    at=datetime(2026, 11, 22, 9, 59, tzinfo=UTC),
                    reason="OWN-1",
                    comment="Jane Roe asked for it",
                ),
            ),
            AT,
        )
    ]


def test_feedback_that_could_not_be_stored_is_asked_for_again(web_that):
    def keep(*_feedback):
        raise NotKept

    web = web_that(keep=keep)
    response = send(web, ENTRY)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.get_json(force=True)["issue"][0]["code"] == "transient"
    (event,) = web.events
    assert isinstance(event, Refused)
    assert (event.status, event.code) == (503, IssueCode.TRANSIENT)


def test_a_mistake_of_ours_is_no_stored_feedback(web_that):
    def keep(*_feedback):
        raise KeyError(CARD)

    web = web_that(keep=keep)
    response = send(web, ENTRY)
    assert response.status_code == 500
    assert CARD.encode() not in response.data
    assert isinstance(web.events[0], Failed)


def test_every_mistake_in_feedback_is_named_by_its_path(web):
    response = send(web, {"card": "Jane"}, ENTRY | {"outcome": "ignored"})
    assert response.status_code == 400
    said = response.get_json(force=True)["issue"]
    assert {issue["expression"][0] for issue in said} == {
        "feedback[0].card",
        "feedback[0].outcome",
        "feedback[0].outcomeTimestamp",
        "feedback[1].outcome",
    }
    assert b"Jane" not in response.data
    assert web.kept == []


def test_feedback_for_a_service_that_is_not_there_is_not_found(web):
    assert send(web, ENTRY, service="nobody").status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b" " * 70_000, "content_type": "application/json"}, 413),
        ({"data": b"{}", "content_type": "text/plain"}, 415),
    ],
)
def test_the_limits_of_calls_hold_for_feedback(web, sent, status):
    assert web.client.post("/cds-services/sign/feedback", **sent).status_code == status


def test_the_event_counts_entries_and_holds_none_of_them(web_that):
    web = web_that(door=Door(), keep=lambda *_: Kept(new=1, again=1))
    send(web, ENTRY, ENTRY, headers=FRIEND)
    assert web.events == [FeedbackKept("sign", "riverside", 200, entries=2, new=1, again=1, took_ms=0.0)]


def test_feedback_is_no_evaluation(web):
    send(web, ENTRY)
    send(web)
    assert web.records == []


def test_another_method_is_refused(web):
    response = web.client.get("/cds-services/sign/feedback")
    assert (response.status_code, response.headers["Allow"]) == (405, "OPTIONS, POST")
