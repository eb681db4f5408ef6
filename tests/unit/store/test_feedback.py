"""Feedback: kept before it is confirmed, once, and without the clinician's words unless they are wanted."""

from datetime import timedelta
from uuid import uuid4

import pytest

from cds_service.advice.record import Caller
from cds_service.store.address import Address
from cds_service.store.store import Kept
from cds_service.store.tables import FEEDBACK
from tests.unit.store.keeping import (
    AT,
    EHR,
    SERVICE,
    accepted,
    evaluation,
    eventually,
    how_many,
    opening,
    overridden,
    rows,
    traced,
)


def test_feedback_is_there_when_it_is_confirmed(address, store):
    suggestion = uuid4()
    entry = accepted(uuid4(), suggestions=(suggestion,))
    assert store.keep_feedback(SERVICE, EHR, (entry,), AT) == Kept(new=1, unknown=1)
    (row,) = rows(address, FEEDBACK)
    assert (row.client, row.tenant, row.service, row.card) == (EHR.client, EHR.tenant, SERVICE, entry.card)
    assert (row.outcome, row.at, row.received_at) == ("accepted", entry.at, AT)
    assert (row.suggestions, row.reason, row.comment) == ([str(suggestion)], None, None)


def test_the_same_feedback_is_kept_once(address, store):
    card = uuid4()
    first, later = overridden(card), overridden(card, at=AT + timedelta(minutes=9))
    assert store.keep_feedback(SERVICE, EHR, (first, first, later), AT).new == 2
    again = store.keep_feedback(SERVICE, EHR, (later, accepted(card)), AT)
    assert (again.new, again.again) == (1, 1)
    assert how_many(address, FEEDBACK) == 3


OTHERS = [Caller("somebody-else"), Caller(EHR.client, "south"), Caller(EHR.client)]


@pytest.mark.parametrize("other", OTHERS)
def test_another_client_or_tenant_takes_no_ones_place(address, store, other):
    entry = overridden(uuid4())
    store.keep_feedback(SERVICE, other, (entry,), AT)
    assert store.keep_feedback(SERVICE, EHR, (entry,), AT).new == 1
    assert store.keep_feedback(SERVICE, other, (entry,), AT).again == 1
    assert how_many(address, FEEDBACK) == 2


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("whose", [EHR, Caller("a client without tenants")])
def test_a_card_is_known_to_the_client_and_tenant_it_was_given_to(store, whose, other):
    card = traced()
    store.audit(evaluation(card, caller=whose))
    assert eventually(lambda: store.counters().written == 1)
    assert store.keep_feedback(SERVICE, whose, (accepted(card.uuid),), AT).unknown == 0
    assert store.keep_feedback(SERVICE, other, (accepted(card.uuid),), AT).unknown == 1


def test_as_many_entries_as_a_call_may_have(address, store):
    entries = tuple(accepted(uuid4()) for _ in range(1000))
    assert store.keep_feedback(SERVICE, EHR, entries, AT) == Kept(new=1000, unknown=1000)
    assert store.keep_feedback(SERVICE, EHR, entries, AT) == Kept(new=0, again=1000, unknown=1000)
    assert how_many(address, FEEDBACK) == 1000


def test_of_a_comment_only_the_length_is_kept(address, store):
    store.keep_feedback(SERVICE, EHR, (overridden(uuid4(), comment="Mr Canary knows it"),), AT)
    (row,) = rows(address, FEEDBACK)
    assert (row.comment_length, row.comment) == (18, None)


def test_a_comment_is_kept_where_comments_are_wanted(address, tmp_path):
    with opening(address, tmp_path / "spill", comments=True) as store:
        words = "nul \0 and half a character \ud800, \u00e4"
        store.keep_feedback(SERVICE, EHR, (overridden(uuid4(), comment=words),), AT)
    (row,) = rows(address, FEEDBACK)
    assert row.comment == "nul \ufffd and half a character ?, \u00e4"
    assert row.comment_length == len(words)


def test_feedback_before_there_are_tables_waits_for_them(tmp_path):
    empty = Address.read(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    with opening(empty, tmp_path / "spill") as store:
        kept = store.keep_feedback(SERVICE, EHR, (accepted(uuid4()), accepted(uuid4())), AT)
        assert (kept.new, kept.spilled) == (2, True)
        assert eventually(lambda: store.counters().loaded == 2)
    assert how_many(empty, FEEDBACK) == 2
