"""Marked ids, words and facts are found nowhere in the files of the store, but where comments are wanted."""

import base64
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from cds_service.advice.memory import ToRemember
from cds_service.clinical.codes import Indicator
from cds_service.store.address import Address
from tests.unit.store.keeping import AT, EHR, KEYS, ORDER_SELECT, SERVICE, evaluation, opening, overridden, traced

CANARY = "canary"


def keep_everything(store):
    memory = store.memory(EHR, within=timedelta(minutes=30), overrides_for=timedelta(days=30))
    shown = ToRemember("card", 1, Indicator.WARNING, uuid4(), b"canary facts: ALT 200 U/L")
    for request in (ORDER_SELECT, replace(ORDER_SELECT, hook="order-sign")):
        memory.remember(request, (shown,), AT)
        memory.seen(request, AT)
    store.audit(evaluation(traced()))
    store.keep_feedback(SERVICE, EHR, (overridden(shown.uuid, comment="Mr Canary says canary"),), AT)
    store.first_use(b"a digest", AT + timedelta(minutes=5))


def found_in(folder):
    marks = [CANARY.encode(), base64.b64encode(CANARY.encode())[:7], CANARY.encode().hex().encode(), b"4711"]
    marks += list(KEYS.secrets)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [mark for path in files for mark in marks if mark in path.read_bytes().lower()]


@pytest.mark.parametrize(("comments", "found"), [(False, []), (True, [CANARY.encode()])])
def test_in_the_database(sqlite, tmp_path, comments, found):
    with opening(sqlite, tmp_path / "spill", comments=comments) as store:
        keep_everything(store)
        assert sorted(set(found_in(tmp_path))) == found  # also in the log of what is not yet in the file itself
    assert sorted(set(found_in(tmp_path))) == found


@pytest.mark.parametrize(("comments", "found"), [(False, []), (True, [CANARY.encode()])])
def test_in_the_files_beside_it(tmp_path, comments, found):
    (tmp_path / "a folder").mkdir()
    nowhere = Address.read(f"sqlite:///{tmp_path / 'a folder'}")
    with opening(nowhere, tmp_path / "spill", comments=comments) as store:
        keep_everything(store)
    assert sorted(set(found_in(tmp_path))) == found


def test_nothing_prints_them(sqlite, tmp_path):
    with opening(sqlite, tmp_path / "spill") as store:
        shown = ToRemember("card", 1, Indicator.WARNING, uuid4(), b"canary facts")
        memory = store.memory(EHR, within=timedelta(minutes=30), overrides_for=timedelta())
        printed = repr((store, memory, shown, KEYS, KEYS.today(AT), store.counters()))
    assert CANARY not in printed
    assert "secret of tests" not in printed
