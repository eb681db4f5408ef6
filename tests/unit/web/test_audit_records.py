"""One record for each call of a service, whatever became of it, and nothing of the patient in it."""

from itertools import count
from uuid import UUID, uuid4

import pytest

from cds_service.advice.advise import NothingToCheck
from cds_service.advice.record import ANYONE, Evaluation, Phase, Result, Showing, Traced
from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Why

from .conftest import AT, Answer

INSTANCE = UUID("d57cd1c7-2fff-4729-a4d4-82cf75d788b6")


def traced(card="dantrolene-baclofen", showing=Showing.SHOWN):
    return Traced(card, 2, Indicator.WARNING, uuid4(), showing, (uuid4(),))


def test_an_answered_call_leaves_its_cards_gaps_and_times(web_that, call):
    card = traced()
    gaps, took_ms = {Why.NO_DATE: 2}, {Phase.FETCH: 3.0, Phase.JUDGE: 1.0}
    web = web_that(Answer(({},), traced=(card,), gaps=gaps, took_ms=took_ms), clock=count(step=0.001).__next__)
    web.post(call)
    assert web.records == [
        Evaluation(
            at=AT,
            caller=ANYONE,
            service="sign",
            hook="order-sign",
            hook_instance=INSTANCE,
            result=Result.CARDS,
            status=200,
            cards=(card,),
            gaps=gaps,
            took_ms={Phase.READ: 1.0, **took_ms, Phase.TOTAL: 3.0},
        )
    ]


@pytest.mark.parametrize(
    ("cards", "result"),
    [
        ((), Result.CLEAR),
        ((traced(),), Result.CARDS),
        ((traced(), traced("not-checked")), Result.CARDS),
        ((traced("not-checked"),), Result.NOT_CHECKED),
        ((traced("not-checked"), traced(showing=Showing.REPEAT)), Result.NOT_CHECKED),
        ((traced(showing=Showing.REPEAT),), Result.NOTHING_NEW),
        ((traced(showing=Showing.REPEAT), traced(showing=Showing.SHADOW)), Result.NOTHING_NEW),
        ((traced(showing=Showing.SHADOW),), Result.CLEAR),
    ],
)
def test_the_result_is_what_the_clinician_saw(web_that, call, cards, result):
    web = web_that(Answer(traced=cards))
    web.post(call)
    assert web.records[0].result is result


def test_the_log_counts_what_was_not_repeated_and_what_is_in_the_shadow(web_that, call):
    web = web_that(Answer(traced=(*[traced(showing=Showing.REPEAT)] * 2, *[traced(showing=Showing.SHADOW)] * 3)))
    web.post(call)
    assert (web.events[0].repeated, web.events[0].shadow) == (2, 3)


def test_what_stands_beside_the_cards_is_sent(web_that, call):
    said = {"org.cds-service.not-repeated": {"cards": []}}
    assert web_that(Answer(extension=said)).post(call).get_json() == {"cards": [], "extension": said}


@pytest.mark.parametrize(
    ("body", "more", "status", "code", "instance"),
    [
        (b"{", {}, 400, "structure", None),
        ({"hook": "order-sign", "hookInstance": str(INSTANCE)}, {}, 400, "structure", INSTANCE),
        ({"hook": "order-sign", "hookInstance": "Jane Roe"}, {}, 400, "structure", None),
        ({"hook": "order-sign", "hookInstance": 7}, {}, 400, "structure", None),
        ([], {}, 400, "structure", None),
        (b" " * 70_000, {}, 413, "too-long", None),
        (b"{}", {"content_type": "text/plain"}, 415, "not-supported", None),
    ],
)
def test_a_refused_call_leaves_why(web, body, more, status, code, instance):  # noqa: PLR0913, PLR0917 - a table
    web.post(body, **more)
    (record,) = web.records
    assert (record.result, record.status, record.code) == (Result.REFUSED, status, code)
    assert (record.caller, record.service, record.hook, record.hook_instance) == (
        ANYONE,
        "sign",
        "order-sign",
        instance,
    )
    assert list(record.took_ms) == [Phase.TOTAL]


@pytest.mark.parametrize(
    ("raised", "result", "status", "code"),
    [
        (NothingToCheck(("results",)), Result.REFUSED, 412, "incomplete"),
        (ValueError("Jane Roe"), Result.FAILED, 500, "exception"),
    ],
)
def test_a_call_that_is_not_answered_leaves_a_record_too(web_that, call, raised, result, status, code):  # noqa: PLR0913, PLR0917 - a table
    web = web_that(raised)
    web.post(call)
    (record,) = web.records
    assert (record.result, record.status, record.code, record.hook_instance) == (result, status, code, INSTANCE)
    assert "Jane" not in repr(record)


def test_a_call_of_no_service_leaves_a_record_without_the_name_that_was_called(web, call):
    web.post(call, "Jane-Roe")
    (record,) = web.records
    assert (record.service, record.hook, record.status) == (None, None, 404)


def test_what_is_no_call_of_a_service_leaves_none(web):
    for address in ("/", "/healthz", "/readyz", "/metrics", "/cds-services", "/cds-services/sign", "/Jane"):
        web.client.get(address)
    assert web.records == []
