"""What a clinician was shown and overrode, found again by nobody else, in every process."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from cds_service.advice.memory import NOTHING_SEEN, NoMemory, ToRemember
from cds_service.advice.record import Caller
from cds_service.clinical.codes import Indicator
from cds_service.store.pseudonyms import PseudonymKeys
from cds_service.store.tables import SHOWN
from tests.unit.store.keeping import (
    AT,
    EHR,
    KEYS,
    ORDER_SELECT,
    SERVICE,
    accepted,
    evaluation,
    eventually,
    how_many,
    opening,
    overridden,
)

ORDER_SIGN = replace(ORDER_SELECT, hook="order-sign")
HALF_AN_HOUR = timedelta(minutes=30)
FACTS = b"ALT 200 U/L, canary"


def remembering(store, caller=EHR, *, within=HALF_AN_HOUR, overrides_for=timedelta()):
    return store.memory(caller, within=within, overrides_for=overrides_for)


def card(uuid=None, indicator=Indicator.WARNING):
    return ToRemember("dantrolene-liver-tests", 2, indicator, uuid or uuid4(), FACTS)


def show(store, request=ORDER_SELECT, *cards, at=AT, **how):
    before = store.counters().written
    remembering(store, **how).remember(request, cards or (card(),), at)
    assert eventually(lambda: store.counters().written == before + 1)


def test_what_was_shown_while_choosing_is_found_while_signing(address, tmp_path):
    given = card()
    with opening(address, tmp_path / "a") as one, opening(address, tmp_path / "b") as other:
        show(one, ORDER_SELECT, given)
        seen = remembering(other).seen(ORDER_SIGN, AT + timedelta(minutes=1))
    ((found,),) = seen.shown.values()
    assert (found.card, found.version, found.indicator) == (given.card, 2, Indicator.WARNING)
    assert (found.uuid, found.shown_at) == (given.uuid, AT)
    assert found.has_facts(FACTS)
    assert not found.has_facts(b"ALT 201 U/L")
    assert seen.overridden == {}


@pytest.mark.parametrize(
    "asking",
    [
        replace(ORDER_SIGN, user_id="Practitioner/other"),
        replace(ORDER_SIGN, patient_id="other"),
        replace(ORDER_SIGN, encounter_id="other"),
        replace(ORDER_SIGN, encounter_id=None),
        replace(ORDER_SIGN, user_id=None),
    ],
)
def test_it_is_found_by_nobody_else(store, asking):
    show(store)
    assert remembering(store).seen(asking, AT) == NOTHING_SEEN


@pytest.mark.parametrize("caller", [Caller("other", "north"), Caller("general-hospital", "south"), Caller(EHR.client)])
def test_it_is_found_by_no_other_client_or_tenant(store, caller):
    show(store)
    assert remembering(store, caller).seen(ORDER_SIGN, AT) == NOTHING_SEEN


@pytest.mark.parametrize(
    ("later", "found"), [(timedelta(), 1), (HALF_AN_HOUR, 1), (HALF_AN_HOUR + timedelta(microseconds=1), 0)]
)
def test_it_is_found_until_the_time_is_over(store, later, found):
    show(store)
    assert len(remembering(store).seen(ORDER_SIGN, AT + later).shown) == found


def test_it_is_found_beyond_midnight(store):
    late = AT.replace(hour=23, minute=50)
    show(store, at=late)
    assert remembering(store).seen(ORDER_SIGN, late + timedelta(minutes=20)).shown


def test_what_is_shown_while_signing_is_not_kept_for_repeats(address, store):
    remembering(store).remember(ORDER_SIGN, (card(),), AT)
    store.audit(evaluation())
    assert eventually(lambda: store.counters().written == 1)
    assert how_many(address, SHOWN) == 0


def test_the_newest_stands_last(store):
    show(store, at=AT + timedelta(minutes=1))
    show(store, at=AT)
    found = remembering(store).seen(ORDER_SIGN, AT + timedelta(minutes=2)).shown["dantrolene-liver-tests"]
    assert [one.shown_at for one in found] == [AT, AT + timedelta(minutes=1)]


def test_a_new_secret_finds_what_an_older_one_kept(address, tmp_path):
    with opening(address, tmp_path / "a") as one:
        show(one)
    newer = PseudonymKeys((b"a newer secret of tests, which has 32 bytes", *KEYS.secrets))
    with opening(address, tmp_path / "b", keys=newer) as two:
        ((found,),) = remembering(two).seen(ORDER_SIGN, AT).shown.values()
        assert found.has_facts(FACTS)
    with opening(address, tmp_path / "c", keys=PseudonymKeys(newer.secrets[:1])) as three:
        assert remembering(three).seen(ORDER_SIGN, AT) == NOTHING_SEEN


def test_without_secrets_nothing_is_remembered(address, tmp_path):
    with opening(address, tmp_path / "spill", keys=None) as store:
        assert isinstance(remembering(store), NoMemory)


OVERRIDES = timedelta(days=30)


def test_an_override_with_a_reason_is_found_for_as_long_as_it_counts(store):
    given = card()
    show(store, ORDER_SIGN, given, overrides_for=OVERRIDES)
    came = AT + timedelta(minutes=5)
    store.keep_feedback(SERVICE, EHR, (overridden(given.uuid),), came)
    memory = remembering(store, overrides_for=OVERRIDES)
    ((found,),) = memory.seen(replace(ORDER_SIGN, encounter_id="a later one"), came + OVERRIDES).overridden.values()
    assert (found.card, found.version, found.at) == (given.card, 2, came)
    assert memory.seen(ORDER_SIGN, came + OVERRIDES + timedelta(seconds=1)).overridden == {}
    assert memory.seen(replace(ORDER_SIGN, user_id="Practitioner/other"), came).overridden == {}
    assert memory.seen(replace(ORDER_SIGN, patient_id="other"), came).overridden == {}
    assert remembering(store).seen(ORDER_SIGN, came).overridden == {}


def test_what_is_no_override_with_a_reason_is_not_found(store):
    first, second = card(), card()
    show(store, ORDER_SIGN, first, second, overrides_for=OVERRIDES)
    store.keep_feedback(SERVICE, EHR, (overridden(first.uuid, reason=None), accepted(second.uuid)), AT)
    assert remembering(store, overrides_for=OVERRIDES).seen(ORDER_SIGN, AT) == NOTHING_SEEN


@pytest.mark.parametrize("other", [Caller("somebody-else"), Caller(EHR.client, "south"), Caller(EHR.client)])
def test_no_other_client_or_tenant_can_override_for_one(store, other):
    given = card()
    show(store, ORDER_SIGN, given, overrides_for=OVERRIDES)
    store.keep_feedback(SERVICE, other, (overridden(given.uuid),), AT)
    assert remembering(store, overrides_for=OVERRIDES).seen(ORDER_SIGN, AT) == NOTHING_SEEN


def test_a_client_without_tenants_overrides_for_itself(store):
    given, alone = card(), Caller("general-hospital")
    show(store, ORDER_SIGN, given, caller=alone, overrides_for=OVERRIDES)
    store.keep_feedback(SERVICE, alone, (overridden(given.uuid),), AT)
    assert remembering(store, alone, overrides_for=OVERRIDES).seen(ORDER_SIGN, AT).overridden


@pytest.mark.parametrize("indicator", [Indicator.INFO, Indicator.CRITICAL])
def test_only_the_override_of_a_warning_is_found(store, indicator):
    """One of an info is no word about a warning; and a warning that was lowered must not stay so by being told so."""
    given = card(indicator=indicator)
    show(store, ORDER_SIGN, given, overrides_for=OVERRIDES)
    store.keep_feedback(SERVICE, EHR, (overridden(given.uuid),), AT)
    assert remembering(store, overrides_for=OVERRIDES).seen(ORDER_SIGN, AT) == NOTHING_SEEN


@pytest.mark.parametrize(
    "newer",
    [
        lambda uuid: accepted(uuid, at=AT + timedelta(minutes=2)),
        lambda uuid: overridden(uuid, at=AT + timedelta(minutes=2), reason=None),
    ],
    ids=["accepted", "overridden without a reason"],
)
def test_only_the_newest_word_on_a_card_is_found(store, newer):
    given, other = card(), card()
    show(store, ORDER_SIGN, given, other, overrides_for=OVERRIDES)
    later = newer(given.uuid)  # it may come first: what counts is the moment of the clinician
    store.keep_feedback(SERVICE, EHR, (later,), AT)
    store.keep_feedback(SERVICE, EHR, (overridden(given.uuid),), AT + timedelta(minutes=1))
    memory = remembering(store, overrides_for=OVERRIDES)
    assert memory.seen(ORDER_SIGN, AT + timedelta(minutes=5)).overridden == {}
    store.keep_feedback(SERVICE, EHR, (overridden(given.uuid, at=AT + timedelta(minutes=3)),), AT)
    assert memory.seen(ORDER_SIGN, AT + timedelta(minutes=5)).overridden
    store.keep_feedback(SERVICE, EHR, (accepted(other.uuid, at=AT + timedelta(minutes=4)),), AT)
    assert memory.seen(ORDER_SIGN, AT + timedelta(minutes=5)).overridden, "another card has a word of its own"


def test_an_override_that_no_longer_counts_is_not_found_in_place_of_a_newer_word(store):
    given = card()
    show(store, ORDER_SIGN, given, overrides_for=OVERRIDES)
    store.keep_feedback(SERVICE, EHR, (overridden(given.uuid),), AT + timedelta(minutes=1))
    store.keep_feedback(SERVICE, EHR, (accepted(given.uuid, at=AT + timedelta(minutes=9)),), AT - timedelta(days=1))
    at = AT + OVERRIDES
    assert remembering(store, overrides_for=OVERRIDES).seen(ORDER_SIGN, at).overridden == {}


def test_a_call_that_declines_repeats_leaves_none_and_its_overrides_count(store):
    given = card()
    show(store, replace(ORDER_SELECT, coordinates=False), given, overrides_for=OVERRIDES)
    store.keep_feedback(SERVICE, EHR, (overridden(given.uuid),), AT)
    seen = remembering(store, overrides_for=OVERRIDES).seen(ORDER_SIGN, AT)
    assert seen.shown == {}
    assert seen.overridden


def test_a_call_that_declines_repeats_is_not_kept_where_overrides_do_not_count(address, store):
    remembering(store).remember(replace(ORDER_SELECT, coordinates=False), (card(),), AT)
    store.audit(evaluation())
    assert eventually(lambda: store.counters().written == 1)
    assert how_many(address, SHOWN) == 0


def test_what_was_shown_is_forgotten(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        show(store)
    with opening(address, tmp_path / "spill", clock=lambda: AT + timedelta(hours=1)) as later:
        later.audit(evaluation())
        assert eventually(lambda: how_many(address, SHOWN) == 0)
