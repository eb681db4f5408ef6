"""How three-valued answers combine."""

from itertools import permutations, product

import pytest

from cds_service.clinical.model import Why
from cds_service.clinical.quantity import Truth
from cds_service.rules.verdict import FAILS, HOLDS, Verdict, all_of, any_of, exists, holds_by, unknown
from tests.unit.rules.charts import listing, paused, problem, result, takes, unread

BACLOFEN, TIZANIDINE = takes("baclofen"), takes("tizanidine")
PAUSED = paused("baclofen")
PROVISIONAL = problem("dysphagia", provisional=True)
LABS, RECORD = unread("results"), unread("medications")
A_LIMIT_IS_MISSING = unread("Observation/1", Why.NO_UPPER_LIMIT)
THREE_OF_ANY_KIND = tuple(product((HOLDS, FAILS, unknown(LABS)), repeat=3))


def truth_of_all(verdicts):
    truths = {one.truth for one in verdicts}
    return next(truth for truth in (Truth.FAILS, Truth.UNKNOWN, Truth.HOLDS) if truth in truths)


def truth_of_any(verdicts):
    truths = {one.truth for one in verdicts}
    return next(truth for truth in (Truth.HOLDS, Truth.UNKNOWN, Truth.FAILS) if truth in truths)


@pytest.mark.parametrize("verdicts", THREE_OF_ANY_KIND)
def test_all_of_several_hold_unless_one_fails_or_is_open(verdicts):
    assert all_of(verdicts).truth is truth_of_all(verdicts)


@pytest.mark.parametrize("verdicts", THREE_OF_ANY_KIND)
def test_one_of_several_that_holds_is_enough(verdicts):
    assert any_of(verdicts).truth is truth_of_any(verdicts)


def test_of_no_conditions_all_hold_and_none_does():
    assert all_of(()).truth is Truth.HOLDS
    assert any_of(()).truth is Truth.FAILS


def test_one_condition_answers_for_itself():
    alone = holds_by([BACLOFEN], accounted=(LABS,))
    assert all_of((alone,)) == any_of((alone,)) == any_of((alone, FAILS)) == alone


def test_what_all_of_several_hold_by_is_said_in_their_order():
    both = all_of((holds_by([BACLOFEN], accounted=(LABS,)), holds_by([TIZANIDINE], accounted=(RECORD,))))
    assert both == Verdict(Truth.HOLDS, (BACLOFEN, TIZANIDINE), accounted=(LABS, RECORD))


def test_several_that_are_open_name_all_their_gaps():
    assert all_of((unknown(LABS), holds_by([BACLOFEN]), unknown(RECORD))).gaps == (LABS, RECORD)
    assert any_of((unknown(LABS), FAILS, unknown(RECORD))) == unknown(LABS, RECORD)


def test_one_that_fails_leaves_neither_evidence_nor_gaps():
    assert all_of((holds_by([BACLOFEN]), unknown(LABS), FAILS)) == FAILS


def test_one_that_holds_needs_no_complete_knowledge_of_the_others():
    either = any_of((unknown(LABS), holds_by([BACLOFEN], accounted=(A_LIMIT_IS_MISSING,)), holds_by([TIZANIDINE])))
    assert either == Verdict(Truth.HOLDS, (BACLOFEN, TIZANIDINE), accounted=(A_LIMIT_IS_MISSING,))


@pytest.mark.parametrize(
    ("evidence", "lowered"),
    [([PAUSED], True), ([PAUSED, BACLOFEN], False), ([BACLOFEN, PAUSED], False), ([BACLOFEN], False), ([], False)],
)
def test_what_is_proved_by_paused_medicines_alone_counts_one_level_lower(evidence, lowered):
    assert holds_by(evidence).lowered is lowered


@pytest.mark.parametrize(
    ("evidence", "capped"),
    [([PROVISIONAL], True), ([PROVISIONAL, problem("jaundice")], False), ([BACLOFEN], False), ([], False)],
)
def test_what_is_proved_by_provisional_diagnoses_alone_is_a_warning_at_most(evidence, capped):
    assert holds_by(evidence).capped is capped


def test_one_weak_condition_weakens_all_that_must_hold_together():
    for verdicts in permutations((holds_by([PAUSED]), holds_by([BACLOFEN]), holds_by([PROVISIONAL]))):
        together = all_of(verdicts)
        assert (together.lowered, together.capped) == (True, True)
    firm = all_of((holds_by([BACLOFEN]), holds_by([TIZANIDINE])))
    assert (firm.lowered, firm.capped) == (False, False)


def test_one_firm_condition_firms_what_any_of_them_proves():
    weak = any_of((holds_by([PAUSED]), holds_by([paused("tizanidine")])))
    assert (weak.lowered, weak.capped) == (True, False)
    provisional = any_of((holds_by([PROVISIONAL]), holds_by([problem("jaundice", provisional=True)])))
    assert (provisional.lowered, provisional.capped) == (False, True)
    firm = any_of((holds_by([PAUSED]), holds_by([PROVISIONAL]), holds_by([BACLOFEN])))
    assert (firm.lowered, firm.capped) == (False, False)


OLD, NEW = result("ALT", 400), result("ALT", 2)


@pytest.mark.parametrize(
    ("read", "gaps", "verdict"),
    [
        ([OLD, NEW], (), Verdict(Truth.HOLDS, (NEW,))),
        ([NEW, LABS], (LABS,), Verdict(Truth.HOLDS, (NEW,))),
        ([OLD], (), FAILS),
        ([OLD, LABS], (LABS,), unknown(LABS)),
        ([OLD, LABS], (), FAILS),
    ],
    ids=[
        "what was read proves it",
        "and needs no complete listing",
        "a complete listing proves that there is none",
        "an incomplete one leaves it open",
        "unless its gaps cannot hide it",
    ],
)
def test_presence_is_proved_by_what_was_read_absence_only_without_gaps(read, gaps, verdict):
    assert exists(listing(read), lambda one: one is NEW, gaps) == verdict
