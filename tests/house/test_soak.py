"""The soak notices what it is there to notice; `make soak` itself takes a minute."""

from collections import Counter

import pytest

from benchmarks.soak import Memory, Tally, judge, judge_log, judge_store

CARD = "6f1f9f0e-3f5f-5a53-9d3b-0f3c6f9f8a11"
TOLD = (CARD, "overridden", "2026-11-22T10:00:00.125+00:00")
KEPT = {"uuid": CARD, "outcome": "overridden", "at": "2026-11-22T10:00:00.125000Z", "known": True}
EVALUATION = {"status": 200}
REFUSAL = {"status": 401}
ALL = [EVALUATION, EVALUATION, REFUSAL]


def tally(**changes):
    return Tally(**{"told": Counter({TOLD: 1}), "calls": Counter({200: 2, 401: 1})} | changes)


def memory(*grown_kb):
    """A process of 150 MB, half a second at a time, that is so much larger in the end."""
    return [Memory(at / 2, {7: 150_000 + (sum(grown_kb) if at >= 100 else 0)}) for at in range(120)]


def test_a_store_that_has_it_all_is_right():
    assert judge_store(tally(), ALL, [KEPT]) == []


def test_feedback_that_was_sent_twice_is_there_once():
    twice = tally(told=Counter({TOLD: 2}))
    assert judge_store(twice, ALL, [KEPT]) == []
    (failed,) = judge_store(twice, ALL, [KEPT, KEPT])
    assert "more than once" in failed


def test_feedback_that_is_lost_is_noticed():
    (failed,) = judge_store(tally(), ALL, [])
    assert failed.startswith("1 of 1 feedback entries")


def test_feedback_on_a_card_that_was_never_recorded_is_noticed():
    (failed,) = judge_store(tally(), ALL, [KEPT | {"known": False}])
    assert "no audit record" in failed


@pytest.mark.parametrize("kept", [[EVALUATION, REFUSAL], [EVALUATION, EVALUATION], [REFUSAL, REFUSAL, EVALUATION]])
def test_a_call_without_its_audit_record_is_noticed(kept):
    assert any("without an audit record" in failed for failed in judge_store(tally(), kept, [KEPT]))


def test_a_lost_audit_record_that_the_service_owns_up_to_is_explained():
    assert judge_store(tally(), [EVALUATION, REFUSAL], [KEPT], lost=1) == []


def test_an_audit_record_of_no_call_is_noticed_unless_a_call_was_broken_off():
    kept = [*ALL, {"status": 400}]
    assert judge_store(tally(unanswered=1), kept, [KEPT]) == []
    assert any("without an answered call" in failed for failed in judge_store(tally(), kept, [KEPT]))


def test_memory_that_stays_is_flat_and_memory_that_grows_is_not():
    assert judge(tally(), memory(8000), 60) == []
    (failed,) = judge(tally(), memory(20_000), 60)
    assert failed.startswith("process 7 grew from 146")


def test_a_run_that_is_all_warm_up_says_nothing_of_memory():
    assert judge(tally(), memory(20_000), 5) == []


def test_a_process_that_died_is_noticed():
    assert judge(tally(), [Memory(0.0, {7: 1, 8: 1}), Memory(0.5, {7: 1, 9: 1})], 5) == ["a process died"]


def test_answers_that_should_not_be_are_noticed():
    wrong = tally(answers=Counter({("order-sign", 500): 3}), wrong=Counter({"order-sign: 500": 3}))
    assert judge(wrong, memory(), 60) == ["order-sign: 500 (3 times)", "3 answers were 5xx"]


def test_a_run_without_feedback_proves_nothing():
    assert judge(tally(told=Counter()), memory(), 60) == ["no feedback was taken"]


@pytest.mark.parametrize(
    "line",
    [b'{"event":"failed"}', b"Traceback (most recent call last):", b"Bearer eyJhbGciOi", b"[WARNING] Killing worker-2"],
)
def test_what_should_not_be_in_the_log_is_noticed(line):
    assert judge_log(b'{"event":"answered"}\n') == []
    assert len(judge_log(line)) == 1
