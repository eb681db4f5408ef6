"""What the alert committee reads."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from cds_service.advice.record import Caller, Result, Showing
from cds_service.clinical.codes import Indicator
from cds_service.store.command import report
from cds_service.store.intervals import wilson
from tests.unit.store.keeping import AT, EHR, SERVICE, accepted, evaluation, opening, overridden, traced


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        # Newcombe RG. Stat Med 1998;17:857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0000),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_intervals_are_those_of_the_literature(hits, of, low, high):
    interval = wilson(hits, of)
    assert interval.low == pytest.approx(low, abs=0.00005)
    assert interval.high == pytest.approx(high, abs=0.00005)


def read(address, *, since=None, card=None, shadow=False, threshold=0.9):
    return json.loads(report(address, since=since, card=card, shadow=shadow, as_json=True, threshold=threshold))


def text(address, *, card=None, shadow=False, threshold=0.9):
    return report(address, since=None, card=card, shadow=shadow, as_json=False, threshold=threshold)


def show(store, count, card="dantrolene-liver-tests", **how):
    cards = [traced(card, **how) for _ in range(count)]
    for one in cards:
        store.audit(evaluation(one))
    return [one.uuid for one in cards]


def test_what_became_of_each_card(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        uuids = show(store, 10)
        show(store, 2, version=3)
        show(store, 1, "other-card")
        entries = [accepted(uuids[0]), overridden(uuids[1]), overridden(uuids[2])]
        entries += [overridden(uuids[3], reason="patient-declined"), overridden(uuids[4], reason=None)]
        store.keep_feedback(SERVICE, EHR, tuple(entries), AT)
    found = read(address)
    assert found["evaluations"] == 13
    assert found["unknownFeedback"] == 0
    assert found["cards"][0] == {
        "card": "dantrolene-liver-tests",
        "version": 2,
        "shown": 10,
        "accepted": 1,
        "overridden": 4,
        "overriddenByReason": {"risk-benefit-ratio": 2, "no reason": 1, "patient-declined": 1},
        "noAnswer": 5,
        "overrideRate": 0.8,
        "overrideRateInterval": [0.3755, 0.9638],
        "aboveThreshold": False,
    }
    assert [(one["card"], one["version"], one["shown"]) for one in found["cards"][1:]] == [
        ("dantrolene-liver-tests", 3, 2),
        ("other-card", 2, 1),
    ]
    assert found["cards"][1]["overrideRate"] is None


def test_a_card_is_marked_when_its_rate_is_high_beyond_chance(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        many, few = show(store, 60, "often-overridden"), show(store, 3, "seldom-shown")
        store.keep_feedback(SERVICE, EHR, tuple(overridden(uuid) for uuid in (*many, *few)), AT)
    marked = {one["card"]: one["aboveThreshold"] for one in read(address)["cards"]}
    assert marked == {"often-overridden": True, "seldom-shown": False}
    lines = text(address).splitlines()
    assert sum(line.endswith("ABOVE") for line in lines) == 1
    assert "often-overridden        2     60         0          60          0  100 % (94 % to 100 %)  ABOVE" in lines


def test_the_last_word_on_a_card_counts(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        (uuid,) = show(store, 1)
        last = accepted(uuid, at=AT + timedelta(minutes=9))
        store.keep_feedback(SERVICE, EHR, (last, overridden(uuid)), AT)
    (card,) = read(address)["cards"]
    assert (card["accepted"], card["overridden"], card["noAnswer"]) == (1, 0, 0)


def test_a_card_that_is_given_again_for_the_same_call_counts_once(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        card = traced()
        store.audit(evaluation(card))
        store.audit(evaluation(card))
        store.audit(evaluation(traced(showing=Showing.REPEAT)))
        store.keep_feedback(SERVICE, EHR, (overridden(card.uuid),), AT)
    (found,) = read(address)["cards"]
    assert (found["shown"], found["overridden"], found["noAnswer"]) == (1, 1, 0)


@pytest.mark.parametrize("other", [Caller("somebody-else"), Caller(EHR.client, "south"), Caller(EHR.client)])
def test_feedback_about_a_card_of_somebody_else_is_unknown(address, tmp_path, other):
    with opening(address, tmp_path / "spill") as store:
        (uuid,) = show(store, 1)
        store.keep_feedback(SERVICE, other, (overridden(uuid),), AT)
    found = read(address)
    assert found["unknownFeedback"] == 1
    assert found["cards"][0]["noAnswer"] == 1
    assert "Feedback about cards that this service has no record of: 1" in text(address)


def test_feedback_that_came_before_its_record_is_known_later(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        card = traced()
        assert store.keep_feedback(SERVICE, EHR, (accepted(card.uuid),), AT).unknown == 1
        store.audit(evaluation(card))
    found = read(address)
    assert (found["unknownFeedback"], found["cards"][0]["accepted"]) == (0, 1)


def test_what_became_of_the_cards_of_a_client_without_tenants(address, tmp_path):
    alone = Caller("a client without tenants")
    with opening(address, tmp_path / "spill") as store:
        card = traced()
        store.audit(evaluation(card, caller=alone))
        store.keep_feedback(SERVICE, alone, (accepted(card.uuid),), AT)
    found = read(address)
    assert (found["unknownFeedback"], found["cards"][0]["accepted"]) == (0, 1)


def test_a_report_of_one_card_counts_its_feedback_alone(address, tmp_path):
    """What is unknown belongs to no card."""
    with opening(address, tmp_path / "spill") as store:
        (uuid,), (other,) = show(store, 1), show(store, 1, "other-card")
        store.keep_feedback(SERVICE, EHR, tuple(overridden(one) for one in (uuid, other, uuid4())), AT)
    found = read(address, card="other-card")
    assert found["unknownFeedback"] is None
    assert [(one["card"], one["overridden"]) for one in found["cards"]] == [("other-card", 1)]
    assert "no record of" not in text(address, card="other-card")
    assert read(address)["unknownFeedback"] == 1


def test_one_is_not_many(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        show(store, 1, showing=Showing.SHADOW)
        show(store, 1)
    assert text(address).startswith("2 answered calls, 1 card (by version) shown\n")
    assert text(address, shadow=True).startswith("2 answered calls, 1 card spoke in the shadow\n")
    later = report(address, since=AT + timedelta(days=1), card=None, shadow=False, as_json=False, threshold=0.9)
    assert later.startswith("0 answered calls, 0 cards (by version) shown\n")
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation(at=AT + timedelta(days=2)))
    later = report(address, since=AT + timedelta(days=1), card=None, shadow=False, as_json=False, threshold=0.9)
    assert later.startswith("1 answered call, 0 cards (by version) shown\n")


def test_a_report_can_be_of_one_card_and_of_some_time(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        show(store, 2)
        show(store, 1, "other-card")
        store.audit(evaluation(traced("later-card"), at=AT + timedelta(days=1)))
    assert [one["card"] for one in read(address, card="other-card")["cards"]] == ["other-card"]
    later = read(address, since=AT + timedelta(hours=1))
    assert (later["evaluations"], [one["card"] for one in later["cards"]]) == (1, ["later-card"])


def test_a_report_of_nothing_says_so(address):
    assert read(address) == {"evaluations": 0, "threshold": 0.9, "unknownFeedback": 0, "cards": []}
    assert text(address).startswith("0 answered calls, 0 cards (by version) shown\n")
    assert read(address, shadow=True) == {"evaluations": 0, "cards": []}
    assert text(address, shadow=True) == "0 answered calls, 0 cards spoke in the shadow\n"


def test_how_often_a_card_in_the_shadow_would_have_spoken(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        for hour in range(3):
            store.audit(evaluation(traced("new", showing=Showing.SHADOW), at=AT + timedelta(days=hour)))
        critical = traced("new", showing=Showing.SHADOW, indicator=Indicator.CRITICAL)
        twice = traced("new", showing=Showing.SHADOW, indicator=Indicator.CRITICAL)
        store.audit(evaluation(traced(), critical, twice))
        for _ in range(6):
            store.audit(evaluation())
        store.audit(evaluation(result=Result.FAILED, status=500))
    found = read(address, shadow=True)
    assert found["evaluations"] == 10
    assert [(one["indicator"], one["calls"], one["per100Evaluations"]) for one in found["cards"]] == [
        ("critical", 1, 10.0),
        ("warning", 3, 30.0),
    ]
    assert found["cards"][1]["first"] == "2026-11-22T10:00:00+00:00"
    assert found["cards"][1]["last"] == "2026-11-24T10:00:00+00:00"
    assert "new         2  warning        3          30.00  2026-11-22  2026-11-24" in text(address, shadow=True)
    assert [one["card"] for one in read(address)["cards"]] == ["dantrolene-liver-tests"]
