"""The audit trail: written beside the answers, whole, and never in their way."""

import threading
from time import monotonic

from cds_service.advice.record import Phase, Result, Showing
from cds_service.clinical.model import Why
from cds_service.store.tables import CARDS, EVALUATIONS, GAPS
from cds_service.store.writer import Pace
from tests.unit.store.keeping import AT, EDITION, EHR, SERVICE, evaluation, eventually, how_many, opening, rows, traced


def test_a_record_comes_back_as_it_was(address, store):
    shown, shadow = traced(), traced("shadow-card", showing=Showing.SHADOW)
    told = evaluation(shown, shadow)
    store.audit(told)
    assert eventually(lambda: store.counters().written == 1)
    (row,) = rows(address, EVALUATIONS)
    assert (row.at, row.client, row.tenant, row.service, row.hook) == (
        AT,
        EHR.client,
        EHR.tenant,
        SERVICE,
        "order-sign",
    )
    assert (row.hook_instance, row.result, row.status, row.code) == (told.hook_instance, "cards", 200, "")
    assert (row.version, row.sha256) == (EDITION.version, EDITION.sha256)
    assert (row.judge_ms, row.total_ms, row.fetch_ms) == (told.took_ms[Phase.JUDGE], 2.25, None)
    first, second = sorted(rows(address, CARDS), key=lambda one: one.position)
    assert (first.card, first.card_version, first.indicator, first.uuid) == (shown.card, 2, "warning", shown.uuid)
    assert first.suggestions == [str(one) for one in shown.suggestions]
    assert (first.showing, second.showing) == ("shown", "shadow")
    assert [(gap.kind, gap.count) for gap in rows(address, GAPS)] == [(Why.NO_DATE.value, 2)]


def test_a_refused_call_of_nobody_is_a_record_too(address, store):
    told = evaluation(
        caller=None, service=None, hook=None, hook_instance=None, result=Result.REFUSED, status=401, code="login"
    )
    store.audit(told)
    assert eventually(lambda: store.counters().written == 1)
    (row,) = rows(address, EVALUATIONS)
    assert (row.client, row.service, row.hook_instance, row.status, row.code) == (None, None, None, 401, "login")


def test_a_stop_in_order_writes_what_waits(address, tmp_path):
    with opening(address, tmp_path / "spill", pace=Pace(gather_s=60)) as store:
        for _ in range(1200):
            store.audit(evaluation(traced()))
    assert how_many(address, EVALUATIONS) == how_many(address, CARDS) == 1200
    assert store.counters().written == 1200
    assert not list((tmp_path / "spill").iterdir())


def test_what_the_queue_does_not_hold_goes_to_a_file_and_comes_back(address, tmp_path):
    with opening(address, tmp_path / "spill", pace=Pace(most=10, gather_s=1)) as store:
        for _ in range(100):
            store.audit(evaluation(traced()))
        spilled = store.counters().spilled
        assert spilled >= 80
    with opening(address, tmp_path / "spill") as again:
        again.audit(evaluation())
        assert eventually(lambda: how_many(address, EVALUATIONS) == 101)
        assert eventually(lambda: store.counters().loaded + again.counters().loaded == spilled)
    assert store.counters().lost == again.counters().lost == 0
    assert list((tmp_path / "spill").iterdir()) == []


def test_handing_over_a_record_takes_no_time(store):
    told = evaluation(traced())
    store.audit(told)
    began = monotonic()
    for _ in range(2000):
        store.audit(told)
    assert (monotonic() - began) / 2000 < 0.001


def test_many_threads_hand_over_at_once(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        threads = [
            threading.Thread(target=lambda: [store.audit(evaluation(traced())) for _ in range(100)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert how_many(address, EVALUATIONS) == 800


def test_a_record_with_a_mistake_of_ours_costs_the_others_nothing(address, store):
    store.audit(evaluation())
    store.audit(evaluation(status=None))
    store.audit(evaluation(took_ms=None))
    store.audit(evaluation())
    assert eventually(lambda: store.counters().written + store.counters().lost == 4)
    assert store.counters().lost == 2
    assert how_many(address, EVALUATIONS) == 2


def test_a_store_that_is_closed_still_loses_nothing(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation())
    store.audit(evaluation())
    assert (store.counters().spilled, store.counters().lost) == (1, 0)


def test_opening_starts_no_thread_and_no_connection(tmp_path, sqlite):
    before = set(threading.enumerate())
    with opening(sqlite, tmp_path / "spill"):
        assert set(threading.enumerate()) == before
