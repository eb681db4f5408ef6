"""What goes wrong with disks, files and servers: answers do not wait, feedback stays, and no record goes uncounted."""

import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import threading
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep
from uuid import uuid4

import pytest
from sqlalchemy import text

from cds_service.advice.memory import NOTHING_SEEN
from cds_service.store.address import Address
from cds_service.store.command import load_spilled, migrate
from cds_service.store.database import Database, StoreUnavailable
from cds_service.store.store import Kept
from cds_service.store.tables import CARDS, EVALUATIONS, FEEDBACK, TOKENS
from cds_service.store.writer import Event
from tests.unit.store.keeping import (
    AT,
    EHR,
    ORDER_SELECT,
    SERVICE,
    accepted,
    evaluation,
    eventually,
    how_many,
    opening,
    rows,
    traced,
)

SPAWN = multiprocessing.get_context("spawn")  # as the server starts its workers
UNTIL = AT + timedelta(minutes=5)
NOT_FOR_LONG_S = 2.0  # a second, on a machine that is busy with something else


def hold_the_lock(file, locked, let_go):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    locked.set()
    let_go.wait()
    connection.execute("COMMIT")
    connection.close()


@pytest.fixture
def locked(sqlite):
    """Another process writes, and does not end; called, it ends."""
    is_locked, let_go = SPAWN.Event(), SPAWN.Event()
    other = SPAWN.Process(target=hold_the_lock, args=(sqlite.file, is_locked, let_go))
    other.start()
    assert is_locked.wait(30)
    yield let_go.set
    let_go.set()
    other.join()


def test_no_answer_waits_for_a_file_that_is_locked(sqlite, locked, tmp_path):
    told = []
    with opening(sqlite, tmp_path / "spill", tell=told.append) as store:
        began = monotonic()
        assert store.first_use(b"one", UNTIL)
        assert not store.first_use(b"one", UNTIL)
        assert store.first_use(b"two", UNTIL)
        memory = store.memory(EHR, within=timedelta(minutes=30), overrides_for=timedelta())
        assert memory.seen(ORDER_SELECT, AT) == NOTHING_SEEN
        store.audit(evaluation(traced()))
        assert monotonic() - began < NOT_FOR_LONG_S
        assert store.counters().unshared == 3
        began = monotonic()
        assert store.keep_feedback(SERVICE, EHR, (accepted(uuid4()),), AT) == Kept(1, spilled=True)
        assert monotonic() - began < 2 + NOT_FOR_LONG_S
        began = monotonic()
        assert store.keep_feedback(SERVICE, EHR, (accepted(uuid4()),), AT).spilled
        assert monotonic() - began < NOT_FOR_LONG_S
        assert eventually(lambda: told == [Event.AWAY])
        locked()
        assert eventually(lambda: told == [Event.AWAY, Event.BACK])
        assert eventually(lambda: how_many(sqlite, FEEDBACK) == 2)
        assert eventually(lambda: how_many(sqlite, EVALUATIONS) == how_many(sqlite, CARDS) == 1)
        assert eventually(lambda: how_many(sqlite, TOKENS) == 2), "what this process saw alone, the others learn"
        assert eventually(lambda: not list((tmp_path / "spill").glob("*.ndjson")))
        assert store.counters().lost == 0
    assert not list((tmp_path / "spill").iterdir())


def test_a_stop_while_the_file_is_locked_loses_nothing(sqlite, locked, tmp_path):
    with opening(sqlite, tmp_path / "spill", close_s=1) as store:
        for _ in range(100):
            store.audit(evaluation())
    assert not list((tmp_path / "spill").glob("*.tally"))
    locked()
    sleep(2.5)  # the thread that was cut off may still have written them; that is no harm
    load_spilled(sqlite, tmp_path / "spill", lambda: AT)
    assert how_many(sqlite, EVALUATIONS) == 100


def test_a_store_that_cannot_be_written_is_read_no_less(sqlite, tmp_path):
    read_only = Address.read(f"sqlite:///file:{sqlite.file}?mode=ro&uri=true")
    with opening(read_only, tmp_path / "spill") as store:
        assert store.first_use(b"one", UNTIL)
        assert not store.first_use(b"one", UNTIL)
        assert store.keep_feedback(SERVICE, EHR, (accepted(uuid4()),), AT).spilled
        store.audit(evaluation())
        assert eventually(lambda: store.counters().spilled == 3)  # the token, too
        assert store.is_reachable(1)
    loaded = load_spilled(sqlite, tmp_path / "spill", lambda: AT)
    assert (loaded.records, loaded.unreadable) == (3, 0)
    assert how_many(sqlite, EVALUATIONS) == how_many(sqlite, FEEDBACK) == how_many(sqlite, TOKENS) == 1


def test_feedback_is_refused_only_when_nothing_takes_it(tmp_path):
    (tmp_path / "no folder").write_text("a file where the folder should be")
    nowhere = Address.read(f"sqlite:///{tmp_path / 'no such folder' / 'store.sqlite3'}")
    told = []
    with opening(nowhere, tmp_path / "no folder" / "spill", tell=told.append) as store:
        with pytest.raises(StoreUnavailable) as refused:
            store.keep_feedback(SERVICE, EHR, (accepted(uuid4(), comment="canary-comment"),), AT)
        assert str(refused.value) == f"neither the store at {nowhere} nor its spill folder takes feedback"
        assert not store.is_reachable(1)
        assert store.counters().lost == 0


def test_records_that_nothing_takes_are_counted(tmp_path):
    (tmp_path / "no folder").write_text("a file where the folder should be")
    (tmp_path / "a folder").mkdir()
    nowhere = Address.read(f"sqlite:///{tmp_path / 'a folder'}")
    told = []
    with opening(nowhere, tmp_path / "no folder" / "spill", tell=told.append) as store:
        for _ in range(7):
            store.audit(evaluation())
        assert eventually(lambda: store.counters().lost == 7)
        assert set(told) == {Event.AWAY, Event.LOST}


def write_on_a_full_disk(address, folder, answers):
    """No file may grow beyond 100 kB: neither the database nor its log takes anything after that."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    with opening(address, folder) as store:
        kept = []
        for _ in range(200):
            entry = accepted(uuid4())
            store.audit(evaluation(traced(), traced()))
            try:
                store.keep_feedback(SERVICE, EHR, (entry,), AT)
            except StoreUnavailable:
                continue
            kept.append(entry.card)
    answers.put((kept, store.counters()))


def test_on_a_full_disk_what_was_accepted_stays_and_the_rest_is_counted(sqlite, tmp_path):
    answers = SPAWN.Queue()
    writing = SPAWN.Process(target=write_on_a_full_disk, args=(sqlite, tmp_path / "spill", answers))
    writing.start()
    kept, counters = answers.get(timeout=120)
    writing.join()
    assert counters.spilled > 0
    assert counters.unreadable == 0
    loaded = load_spilled(sqlite, tmp_path / "spill", lambda: AT)
    assert loaded.unreadable == 0
    assert {row.card for row in rows(sqlite, FEEDBACK)} >= set(kept)
    assert how_many(sqlite, EVALUATIONS) + counters.lost >= 200


def test_a_file_of_the_database_that_takes_no_more_pages_is_no_end(sqlite, tmp_path):
    with opening(sqlite, tmp_path / "spill") as store:
        for engine in (store._database.writing, store._database.durable):  # noqa: SLF001 - the limit is a connection's
            with engine.connect() as connection:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        for _ in range(300):
            store.audit(evaluation(traced()))
        assert eventually(lambda: store.counters().spilled == 300)
        kept = [store.keep_feedback(SERVICE, EHR, (accepted(uuid4()),), AT) for _ in range(60)]
        assert kept[-1].spilled
    load_spilled(sqlite, tmp_path / "spill", lambda: AT)
    assert (how_many(sqlite, EVALUATIONS), how_many(sqlite, FEEDBACK)) == (300, 60)


def write_until_killed(address, folder, said):
    with opening(address, folder) as store:
        while True:
            entry = accepted(uuid4())
            store.audit(evaluation(traced()))
            store.keep_feedback(SERVICE, EHR, (entry,), AT)
            said.send(entry.card)


def killed(address, folder, *, after):
    """The cards of the feedback that a process confirmed before it was killed."""
    reading, writing = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=write_until_killed, args=(address, folder, writing))
    process.start()
    writing.close()
    confirmed = [reading.recv() for _ in range(after)]
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    try:
        while True:
            confirmed.append(reading.recv())
    except EOFError:
        return confirmed


def test_what_was_confirmed_survives_that_its_process_is_killed(address, tmp_path):
    confirmed = killed(address, tmp_path / "spill", after=50)
    assert {row.card for row in rows(address, FEEDBACK)} >= set(confirmed)
    written = how_many(address, EVALUATIONS)
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation())
        assert eventually(lambda: store.counters().written == 1)
        assert written + store.counters().lost >= len(confirmed), "and of the others none goes uncounted"


def fill_the_queue(address, folder, said, go_on):
    with opening(address, folder) as store:
        for _ in range(7):
            store.audit(evaluation(traced()))
        assert eventually(lambda: store.counters().written == 7)
        said.set()
        go_on.wait()
        go_on.clear()
        for _ in range(100):
            store.audit(evaluation(traced()))
        said.set()
        go_on.wait()


@contextmanager
def nobody_writes(address):
    database = Database(address)
    with database.writing.begin() as connection:
        if not address.is_sqlite:
            connection.execute(text("LOCK TABLE evaluations IN ACCESS EXCLUSIVE MODE"))
        yield
    database.close()


def test_records_that_die_with_their_process_are_counted_by_the_next(address, tmp_path):
    spill, told = tmp_path / "spill", []
    said, go_on = SPAWN.Event(), SPAWN.Event()
    process = SPAWN.Process(target=fill_the_queue, args=(address, spill, said, go_on))
    process.start()
    assert said.wait(60)
    said.clear()
    with nobody_writes(address):
        go_on.set()
        assert said.wait(60)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    load_spilled(address, spill, lambda: AT)
    missing = 107 - how_many(address, EVALUATIONS)
    assert missing == 100
    with opening(address, spill, tell=told.append) as store, opening(address, spill) as other:
        store.audit(evaluation())
        assert eventually(lambda: store.counters().written == 1)
        other.audit(evaluation())
        assert eventually(lambda: other.counters().written == 1)
        assert (store.counters().lost, other.counters().lost) == (missing, 0)
        assert told == [Event.LOST]
    assert list(spill.iterdir()) == []


def test_what_went_to_a_file_survives_that_its_process_is_killed(sqlite, locked, tmp_path):
    confirmed = killed(sqlite, tmp_path / "spill", after=50)
    locked()
    loaded = load_spilled(sqlite, tmp_path / "spill", lambda: AT)
    assert loaded.records >= 50
    assert {row.card for row in rows(sqlite, FEEDBACK)} >= set(confirmed)
    assert list((tmp_path / "spill").glob("*.ndjson")) == []


def test_the_files_of_the_dead_are_loaded_once_and_those_of_the_living_left_to_them(sqlite, locked, tmp_path):
    spill = tmp_path / "spill"
    with opening(sqlite, spill) as living:
        living.keep_feedback(SERVICE, EHR, (accepted(uuid4()),), AT)
        (file,) = spill.iterdir()
        copy = tmp_path / "copy.ndjson"
        shutil.copy(file, copy)
        shutil.copy(file, spill / "feedback-of-the-dead.ndjson")
        locked()
        load_spilled(sqlite, spill, lambda: AT)
        assert eventually(lambda: how_many(sqlite, FEEDBACK) == 1 and not list(spill.iterdir()))
    shutil.copy(copy, spill / "feedback-again.ndjson")
    load_spilled(sqlite, spill, lambda: AT)
    assert how_many(sqlite, FEEDBACK) == 1


def load(store, stop, confirmed, waits):
    while not stop.is_set():
        began = monotonic()
        entry = accepted(uuid4())
        store.audit(evaluation(traced()))
        store.first_use(uuid4().bytes, UNTIL)
        waits.append(monotonic() - began)
        store.keep_feedback(SERVICE, EHR, (entry,), AT)
        confirmed.append(entry.card)
        sleep(0.005)


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_a_server_that_starts_anew_under_load_loses_nothing(own_postgres, tmp_path, ending):
    address = Address.read(own_postgres.database())
    migrate(address)
    stop, confirmed, waits = threading.Event(), [], []
    with opening(address, tmp_path / "spill") as store:
        threads = [threading.Thread(target=load, args=(store, stop, confirmed, waits)) for _ in range(4)]
        for thread in threads:
            thread.start()
        sleep(1)
        getattr(own_postgres, ending)()
        sleep(2)
        before = len(confirmed)
        sleep(1)
        assert len(confirmed) > before, "feedback is confirmed while the server is away"
        own_postgres.start()
        sleep(3)
        stop.set()
        for thread in threads:
            thread.join()
        assert eventually(lambda: not list((tmp_path / "spill").glob("*.ndjson")))
        counters = store.counters()
    assert counters.lost == 0
    assert max(waits) < NOT_FOR_LONG_S
    assert {row.card for row in rows(address, FEEDBACK)} == set(confirmed)
    assert how_many(address, EVALUATIONS) == how_many(address, CARDS) == len(waits)


def test_a_server_that_does_not_answer_makes_nobody_wait(own_postgres, tmp_path):
    """It accepts connections, as a machine does whose disk hangs, and is silent."""
    address = Address.read(own_postgres.database())
    migrate(address)
    own_postgres.freeze()
    with opening(address, tmp_path / "spill", close_s=1) as store:
        began = monotonic()
        assert store.first_use(b"one", UNTIL)
        assert monotonic() - began < 2 + NOT_FOR_LONG_S, "the first waits for the connection, too"
        began = monotonic()
        assert not store.first_use(b"one", UNTIL)
        assert store.first_use(b"two", UNTIL)
        assert not store.is_reachable(0.1)
        assert monotonic() - began < NOT_FOR_LONG_S
        assert store.keep_feedback(SERVICE, EHR, (accepted(uuid4()),), AT).spilled
        assert monotonic() - began < 2 + 2 * NOT_FOR_LONG_S
        own_postgres.thaw()
        assert eventually(lambda: how_many(address, FEEDBACK) == 1)


def stop_beside_a_silent_server(address, folder, answered, frozen):
    with opening(address, folder, close_s=1) as store:
        assert store.first_use(b"one", UNTIL)
        store.audit(evaluation())
        assert eventually(lambda: store.counters().written == 1)
        answered.set()
        frozen.wait()
        began = monotonic()
        assert store.first_use(b"two", UNTIL)
        assert not store.first_use(b"two", UNTIL)
        assert monotonic() - began < NOT_FOR_LONG_S
        store.audit(evaluation())


def test_a_process_ends_beside_a_server_that_fell_silent(own_postgres, tmp_path):
    address = Address.read(own_postgres.database())
    migrate(address)
    answered, frozen = SPAWN.Event(), SPAWN.Event()
    arguments = (address, tmp_path / "spill", answered, frozen)
    process = SPAWN.Process(target=stop_beside_a_silent_server, args=arguments)
    process.start()
    assert answered.wait(60)
    own_postgres.freeze()
    frozen.set()
    process.join(15)
    assert process.exitcode == 0
    own_postgres.thaw()
    load_spilled(address, tmp_path / "spill", lambda: AT)
    assert how_many(address, EVALUATIONS) == 2
    assert how_many(address, TOKENS) == 2


def test_a_store_that_was_away_at_the_start_gets_its_tables_when_it_comes(own_postgres, tmp_path):
    address = Address.read(own_postgres.database())
    own_postgres.stop()
    with pytest.raises(StoreUnavailable):
        migrate(address)
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation())
        assert store.keep_feedback(SERVICE, EHR, (accepted(uuid4()),), AT).spilled
        assert not store.health(2).reachable
        assert not store.health(2).usable
        own_postgres.start()
        assert eventually(lambda: store.counters().loaded == 2)
        health = store.health(2)
        assert health.reachable
        assert health.usable
        assert health.revision == health.newest
    assert how_many(address, EVALUATIONS) == how_many(address, FEEDBACK) == 1
