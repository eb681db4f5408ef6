"""A token is used once, whichever process it comes to."""

import multiprocessing
from datetime import timedelta
from hashlib import sha256
from time import perf_counter

from cds_service.store.tables import TOKENS
from tests.unit.store.keeping import AT, evaluation, eventually, how_many, opening

UNTIL = AT + timedelta(minutes=5)


def digest(number=0):
    return sha256(f"token {number}".encode()).digest()


def test_a_token_is_new_once(store):
    assert store.first_use(digest(1), UNTIL)
    assert not store.first_use(digest(1), UNTIL)
    assert store.first_use(digest(2), UNTIL)
    assert store.counters().unshared == 0


def test_another_process_knows_it(address, tmp_path):
    with opening(address, tmp_path / "a") as one, opening(address, tmp_path / "b") as other:
        assert one.first_use(digest(), UNTIL)
        assert not other.first_use(digest(), UNTIL)


def use_all(address, folder, barrier, answers):
    with opening(address, folder, quick_s=30) as store:  # on a machine that is busy, nobody decides alone
        store.is_reachable(30)
        barrier.wait()
        answers.put([store.first_use(digest(number), UNTIL) for number in range(100)])


def test_of_processes_that_get_the_same_token_at_once_one_is_first(address, tmp_path):
    spawn = multiprocessing.get_context("spawn")  # as the server starts its workers
    barrier, answers = spawn.Barrier(3), spawn.Queue()
    workers = [
        spawn.Process(target=use_all, args=(address, tmp_path / f"spill-{number}", barrier, answers))
        for number in range(3)
    ]
    for worker in workers:
        worker.start()
    said = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert [sum(firsts) for firsts in zip(*said, strict=True)] == [1] * 100


def test_a_token_that_is_over_is_forgotten(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        store.first_use(digest(1), AT - timedelta(seconds=1))
        store.first_use(digest(2), UNTIL)
    assert how_many(address, TOKENS) == 2
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation())
        assert eventually(lambda: how_many(address, TOKENS) == 1)
    with opening(address, tmp_path / "spill") as store:
        assert not store.first_use(digest(2), UNTIL)


def test_it_costs_little(store):
    store.first_use(digest(), UNTIL)
    began = perf_counter()
    for number in range(1, 301):
        assert store.first_use(digest(number), UNTIL)
    assert (perf_counter() - began) / 300 < 0.02
