"""Records on their way to the database: through a bounded queue and one thread, so that no answer waits for them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final, TypeAlias

from sqlalchemy import Connection, Engine, delete

from cds_service.store import spill
from cds_service.store.database import FAULTS_OF_RECORDS, REST_S, TROUBLE, Breaker, Database, StoreUnavailable
from cds_service.store.rows import Rows, by_table, to_line
from cds_service.store.schema import migrate
from cds_service.store.spill import CannotSpill, Loaded, Spill
from cds_service.store.tables import FORGETTING
from cds_service.store.tally import Tally, lost_with

Record: TypeAlias = Callable[[], Rows]  # made into rows by the thread that writes, not by the one that answers

_PAUSES_S: Final = (0.1, 0.5)  # between attempts to write
_IDLE_S: Final = 5.0  # how often somebody looks for files to load while nothing happens
_FORGET_S: Final = 60.0


class Event(StrEnum):
    """What whoever runs the service ought to hear of the store."""

    AWAY = "store-away"  # the database does not take records; they go to files
    BACK = "store-back"
    LOST = "records-lost"  # the files do not take them either, or a process was killed that had them


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """How many records went which way since the process began.

    Attributes:
        queued: were handed over.
        written: are in the database by the queue.
        spilled: went to a file.
        loaded: came from a file into the database, also from files of processes that are gone.
        unreadable: lines of files that are none of ours, or were torn.
        lost: are nowhere; with those of processes that were killed, which whoever finds out counts.
        unshared: times that something was decided by this process alone, because the database did not answer.
        depth: are in the queue now.
    """

    queued: int = 0
    written: int = 0
    spilled: int = 0
    loaded: int = 0
    unreadable: int = 0
    lost: int = 0
    unshared: int = 0
    depth: int = 0


class Counting:
    """Counts for all threads of the process."""

    def __init__(self) -> None:
        """From nought."""
        self._lock = threading.Lock()
        self._counts = {field.name: 0 for field in fields(Counters)}

    def add(self, name: str, count: int = 1) -> None:
        """`name` is a field of `Counters`."""
        with self._lock:
            self._counts[name] += count

    def read(self, depth: int) -> Counters:
        """As they are now."""
        with self._lock:
            return Counters(**self._counts | {"depth": depth})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How records are gathered.

    Attributes:
        most: how many wait at most; what is beyond goes to a file.
        batch: how many are written in one transaction.
        gather_s: how long the first of them waits for others.
    """

    most: int = 10_000
    batch: int = 500
    gather_s: float = 0.1


class Writer:
    """The queue and its thread, which is started when the first record comes."""

    def __init__(  # noqa: PLR0913 - each is handed in, none looked up
        self,
        database: Database,
        folder: Path,
        *,
        clock: Callable[[], datetime],
        counting: Counting,
        tell: Callable[[Event], None],
        pace: Pace,
    ) -> None:
        """Start nothing yet; the arguments are those of `store.open_store`."""
        self.spill = Spill(folder, "records", durable=False)
        self.feedback = Spill(folder, "feedback", durable=True)
        self._tally = Tally(folder)
        self._database = database
        self._folder = folder
        self._clock = clock
        self._counting = counting
        self._tell = tell
        self._pace = pace
        self._queue: SimpleQueue[Record | None] = SimpleQueue()
        self._in_hand: list[Rows] = []
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._closed = False
        self._resting = Breaker(REST_S)
        self._is_away = False
        self._is_ready = False
        self._forgotten_at = float("-inf")
        self._looked_at = float("-inf")

    @property
    def depth(self) -> int:
        """How many records wait."""
        return self._queue.qsize()

    def put(self, record: Record) -> None:
        """Hand over a record. It never waits for the database, and never raises."""
        self._counting.add("queued")
        self._tally.hand_over()
        if self._closed or self._queue.qsize() >= self._pace.most or not self.wake():
            self._to_file([rows for rows in (self._rows(record),) if rows])
        else:
            self._queue.put(record)
            if self._closed:  # between the question and now: nobody might come for it any more
                self._to_file([rows for late in self._drained(None) if (rows := self._rows(late))])

    def wake(self) -> bool:
        """See that the thread runs, which also loads what is in files.

        Returns:
            False when it cannot be started.
        """
        thread = self._thread
        if thread is not None and thread.is_alive():
            return True
        with self._starting:
            if self._closed:
                return False
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="store-writing", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the machine has no thread left
                    self._thread = None
                    return False
        return True

    def close(self, within_s: float) -> None:
        """Write what waits; what is not written by then goes to a file."""
        with self._starting:
            self._closed = True
            thread = self._thread
        self._closing.set()
        self._queue.put(None)
        if thread is not None and thread.is_alive():
            thread.join(within_s)
        left = [*self._in_hand, *(rows for record in self._drained(None) if (rows := self._rows(record)))]
        self._to_file(left)
        self.spill.seal()
        self.feedback.seal()
        self._tally.close()

    def load(self) -> Loaded:
        """Load the files of this process, and of those that are gone.

        Raises:
            StoreUnavailable: the database does not take them, or a file cannot be read; the files stay.
        """
        self.spill.seal()
        self.feedback.seal()
        try:
            loaded = spill.load(self._folder, lambda records: self._insert(self._database.durable, records))
        except TROUBLE as fault:
            raise self._database.unavailable(fault) from None
        self._counting.add("loaded", loaded.records)
        self._counting.add("unreadable", loaded.unreadable)
        return loaded

    def _run(self) -> None:
        while not (self._closed and self._queue.empty()):
            self._look_after()
            try:
                first = self._queue.get(timeout=REST_S if self._is_away else _IDLE_S)
            except Empty:
                continue
            if self._queue.qsize() < self._pace.batch:
                self._closing.wait(self._pace.gather_s)
            self._in_hand = [rows for record in self._batch(first) if (rows := self._rows(record))]
            self._write(self._in_hand)
            self._in_hand = []

    def _batch(self, first: Record | None) -> Iterator[Record]:
        if first is not None:
            yield first
        yield from self._drained(self._pace.batch - 1)

    def _drained(self, most: int | None) -> Iterator[Record]:
        taken = 0
        while most is None or taken < most:
            try:
                record = self._queue.get_nowait()
            except Empty:
                return
            if record is not None:
                taken += 1
                yield record

    def _rows(self, record: Record) -> Rows:
        """The rows of a record; none, and it is counted as lost, when there is a mistake in it."""
        try:
            return record()
        except Exception:  # noqa: BLE001 - whatever it is, neither an answer nor the other records pay for it
            self._lose(1)
            return ()

    def _write(self, records: list[Rows]) -> None:
        if not records:
            return
        if self._resting.is_open:
            self._to_file(records)
            return
        for pause_s in (*(() if self._is_away else _PAUSES_S), None):
            try:
                self._ready()
                refused = self._insert(self._database.writing, records)
            except (*TROUBLE, StoreUnavailable):
                if pause_s is None or self._closing.wait(pause_s):
                    break
            else:
                self._settle("written", len(records) - refused)
                self._lose(refused)
                self._is_back()
                return
        self._is_gone()
        self._to_file(records)

    def _look_after(self) -> None:
        """Load what others left, and forget what is over; now and then, and never when the database is away."""
        now = monotonic()
        if self._resting.is_open or self._closed:
            return
        if now - self._looked_at >= (REST_S if self._is_away else _IDLE_S):
            self._looked_at = now
            self._count_what_died()
            with self._trouble_is_noticed():
                self._ready()
                if _any_file(self._folder):
                    self.load()
                if self._is_away or now - self._forgotten_at >= _FORGET_S:
                    self._forgotten_at = now
                    database = self._database
                    with database.turn(database.patience_s), database.writing.begin() as connection:
                        forget(connection, self._clock())
                self._is_back()

    @contextmanager
    def _trouble_is_noticed(self) -> Iterator[None]:
        try:
            yield
        except (*TROUBLE, StoreUnavailable):
            self._is_gone()

    def _ready(self) -> None:
        """The tables are there: the database may have been away when the service started."""
        if not self._is_ready:
            migrate(self._database)
            self._is_ready = True

    def _is_gone(self) -> None:
        self._resting.trip()
        if not self._is_away:
            self._is_away = True
            self._tell(Event.AWAY)

    def _is_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._looked_at = float("-inf")  # what is in files may follow
            self._tell(Event.BACK)

    def _insert(self, engine: Engine, records: list[Rows]) -> int:
        """Write records.

        Returns:
            How many the database refuses for what they say; the others are written.

        Raises:
            SQLAlchemyError: the database is not to be had.
        """
        try:
            with self._database.turn(self._database.patience_s), engine.begin() as connection:
                self._insert_into(connection, records)
        except FAULTS_OF_RECORDS:
            if len(records) == 1:
                return 1
            middle = len(records) // 2
            return self._insert(engine, records[:middle]) + self._insert(engine, records[middle:])
        return 0

    def _insert_into(self, connection: Connection, records: list[Rows]) -> None:
        for table, rows in by_table(records).items():
            connection.execute(self._database.inserting(table), rows)

    def _to_file(self, records: list[Rows]) -> None:
        if not records:
            return
        try:
            self.spill.append(map(to_line, records))
        except CannotSpill:
            self._lose(len(records))
        else:
            self._settle("spilled", len(records))

    def _lose(self, count: int) -> None:
        if count:
            self._settle("lost", count)
            self._tell(Event.LOST)

    def _settle(self, how: str, count: int) -> None:
        self._counting.add(how, count)
        self._tally.settle(count)

    def _count_what_died(self) -> None:
        """Count the records that processes had in their hands when they were killed."""
        if lost := lost_with(self._folder):
            self._counting.add("lost", lost)
            self._tell(Event.LOST)


def forget(connection: Connection, now: datetime) -> None:
    """Delete what had an end that is over: used tokens, shown cards, rates."""
    for table in FORGETTING:
        connection.execute(delete(table).where(table.c.until < now))


def _any_file(folder: Path) -> bool:
    return any(True for _ in folder.glob(f"*{spill.SUFFIX}")) if folder.is_dir() else False
