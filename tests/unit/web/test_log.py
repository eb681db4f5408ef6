"""The log: one event per call, and nothing in it that a client wrote."""

import json
import os
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import pytest

from cds_service.advice.advise import NothingToCheck
from cds_service.fhir.versions import Spoken
from cds_service.fhir.wanted import Outcome
from cds_service.hooks.discovery import ServiceId
from cds_service.hooks.request import Shape
from cds_service.web.auth import Reason
from cds_service.web.errors import IssueCode
from cds_service.web.log import (
    Answered,
    Discovered,
    Failed,
    Feedback,
    Place,
    Refused,
    line,
    to_nowhere,
    to_standard_error,
)

from .conftest import Answer

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
INSTANCE = UUID("d57cd1c7-2fff-4729-a4d4-82cf75d788b6")


def test_an_answer_is_one_event(web_that, call):
    web = web_that(Answer(cards=({}, {}), not_checked=1), clock=count(start=0, step=0.0138).__next__)
    web.post(call)
    assert web.events == [
        Answered(
            ServiceId("sign"),
            client=None,
            hook_instance=INSTANCE,
            status=200,
            cards=2,
            repeated=0,
            shadow=0,
            not_checked=1,
            fhir=None,
            others=0,
            fetched={},
            lenient=(),
            took_ms=41.4,
        )
    ]


@pytest.mark.parametrize("instance", ["Jane Roe", "d57cd1c7", "42"])
def test_a_hook_instance_that_is_no_uuid_is_not_logged(web, call, instance):
    web.post(call | {"hookInstance": instance})
    (event,) = web.events
    assert event.hook_instance is None


def test_the_older_shapes_of_a_call_are_counted(web, call):
    call["user"] = call["context"].pop("userId")
    call["context"]["draftOrders"] = []
    assert web.post(call).status_code == 200
    (event,) = web.events
    assert event.lenient == (Shape.USER_AT_TOP, Shape.ORDERS_AS_ARRAY)


def test_discovery_is_one_event(web):
    web.client.get("/cds-services")
    assert web.events == [Discovered(None, 200, took_ms=0.0)]


def test_a_refusal_is_one_event(web_that, call):
    web = web_that(NothingToCheck(("results",)))
    web.post(call)
    web.post({}, "sign")
    web.post(call, "Jane-Roe")
    web.client.get("/Jane-Roe")
    web.client.get("/cds-services/view")
    assert web.events == [
        Refused(ServiceId("sign"), None, INSTANCE, 412, IssueCode.INCOMPLETE, None, took_ms=0.0),
        Refused(ServiceId("sign"), None, None, 400, IssueCode.STRUCTURE, None, took_ms=0.0),
        Refused(None, None, None, 404, IssueCode.NOT_FOUND, None, took_ms=0.0),
        Refused(None, None, None, 404, IssueCode.NOT_FOUND, None, took_ms=0.0),
        Refused(None, None, None, 405, IssueCode.NOT_SUPPORTED, None, took_ms=0.0),
    ]


def test_a_mistake_of_ours_is_one_event_that_says_where_but_not_what(web_that, call, capfd):
    web = web_that(ValueError("Jane Roe"))
    web.post(call)
    (event,) = web.events
    assert (event.service, event.status, event.error) == ("sign", 500, ValueError)
    assert event.place.module == "web/conftest.py"
    assert "Jane" not in repr(event)
    assert capfd.readouterr() == ("", "")  # nor does Flask write a traceback


def test_neither_the_front_door_nor_a_preflight_is_a_call(web):
    web.client.get("/")
    web.client.options("/cds-services/sign")
    assert web.events == []


@pytest.mark.parametrize(
    ("event", "written"),
    [
        (
            Answered(
                ServiceId("sign"),
                "riverside",
                INSTANCE,
                200,
                1,
                3,
                4,
                0,
                Spoken(mixed=True),
                2,
                {Outcome.TIMEOUT: 3},
                (Shape.NO_USER,),
                0.25,
            ),
            {"event": "answered", "service": "sign", "hook_instance": str(INSTANCE), "status": 200, "cards": 1}
            | {
                "client": "riverside",
                "repeated": 3,
                "shadow": 4,
                "not_checked": 0,
                "fhir": "mixed R4?",
                "others": 2,
                "fetched": {"timeout": 3},
            }
            | {"lenient": ["no-user"], "took_ms": 0.25},
        ),
        (
            Answered(ServiceId("sign"), None, None, 200, 0, 0, 0, 0, None, 0, {}, (), 1.0),
            {"event": "answered", "service": "sign", "hook_instance": "-", "status": 200, "cards": 0}
            | {
                "client": "-",
                "repeated": 0,
                "shadow": 0,
                "not_checked": 0,
                "fhir": "-",
                "others": 0,
                "fetched": {},
                "lenient": [],
                "took_ms": 1.0,
            },
        ),
        (
            Discovered("riverside", 200, 0.1),
            {"event": "discovered", "client": "riverside", "status": 200, "took_ms": 0.1},
        ),
        (
            Feedback(ServiceId("sign"), "riverside", 200, 3, 2, 1, 0.1),
            {"event": "feedback", "service": "sign", "client": "riverside", "status": 200, "entries": 3, "new": 2}
            | {"again": 1, "took_ms": 0.1},
        ),
        (
            Refused(None, None, None, 401, IssueCode.LOGIN, Reason.EXPIRED, 0.1),
            {"event": "refused", "service": "-", "client": "-", "hook_instance": "-", "status": 401, "code": "login"}
            | {"reason": "expired", "took_ms": 0.1},
        ),
        (
            Failed(ServiceId("sign"), None, INSTANCE, 500, KeyError, Place("fhir/r4.py", 7), 0.1),
            {"event": "failed", "service": "sign", "client": "-", "hook_instance": str(INSTANCE), "status": 500}
            | {"error": "KeyError", "place": "fhir/r4.py:7", "took_ms": 0.1},
        ),
    ],
)
def test_an_event_is_written_as_one_line_of_json(event, written):
    text = line(event, AT)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    assert json.loads(text) == {"at": "2026-11-22T10:00:00Z"} | written


def test_lines_go_to_standard_error(capfd):
    to_standard_error(lambda: AT)(Discovered(None, 200, 0.1))
    assert json.loads(capfd.readouterr().err)["event"] == "discovered"


def test_a_log_that_nobody_reads_keeps_nobody_from_an_answer(monkeypatch):
    def broken(_file, _line):
        raise BrokenPipeError

    monkeypatch.setattr(os, "write", broken)
    to_standard_error(lambda: AT)(Discovered(None, 200, 0.1))


def test_a_log_that_is_off_writes_nothing(capfd):
    to_nowhere(Discovered(None, 200, 0.1))
    assert capfd.readouterr() == ("", "")
