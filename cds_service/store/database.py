"""One process's connections to the database, and how long anyone may wait for it.

SQLite waits by itself no longer than its busy timeout. A server may be gone without a word, and its client library then
waits for the network; so what is asked of a server runs in a thread of its own, and who asked goes on without it.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from queue import SimpleQueue
from time import monotonic
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from cds_service.store.address import Address

Answer = TypeVar("Answer")
Insert: TypeAlias = sqlite.Insert | postgresql.Insert

QUICK_S: Final = 1.0  # what an answer may wait; processes that share a file of SQLite need a quarter, and seldom more
DURABLE_S: Final = 2.0  # what feedback may wait
PATIENT_S: Final = 30.0  # what a command may wait
REST_S: Final = 2.0  # how long a database that failed is left alone
_CONNECT_S: Final = 2  # the least that libpq knows
_THREADS: Final = 4
FAULTS_OF_RECORDS: Final = (DataError, IntegrityError)
"""What the fault of a record is, and not of the database: to write it again would not help."""


class StoreUnavailable(Exception):
    """The store cannot be read or written. Its text says where it is, without a password, and the kind of the fault."""


class TooLate(Exception):
    """The database did not answer in time. Whether it did what it was asked is not known."""


TROUBLE: Final = (SQLAlchemyError, TooLate, OSError)
"""All that a database may raise."""


class Breaker:
    """After a failure it says for a while that there is no use in trying. Threads may share it."""

    def __init__(self, rest_s: float = REST_S, now: Callable[[], float] = monotonic) -> None:
        """The first attempt may be made."""
        self._rest_s = rest_s
        self._now = now
        self._until = float("-inf")

    @property
    def is_open(self) -> bool:
        """Whether to do without."""
        return self._now() < self._until

    def trip(self) -> None:
        """An attempt failed."""
        self._until = self._now() + self._rest_s


class Database:
    """The database at an address; nothing is opened, and no thread started, before it is needed."""

    def __init__(self, address: Address, *, patient: bool = False, quick_s: float = QUICK_S) -> None:
        """Connect later.

        Args:
            address: where it is.
            patient: for commands, which rather wait half a minute than fail.
            quick_s: how long an answer may wait.
        """
        self.address = address
        self.quick_s = quick_s
        self.patience_s = PATIENT_S if patient else DURABLE_S
        self._patient = patient
        self._engines: dict[str, Engine] = {}
        self._asking: _Asking | None = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    @property
    def writing(self) -> Engine:
        """For many rows at once, in transactions that have the right to write from their first statement on."""
        return self._engine("writing", self.patience_s)

    @property
    def durable(self) -> Engine:
        """As `writing`; and what is committed survives a machine that loses its power."""
        return self._engine("durable", self.patience_s, synchronous="FULL") if self.address.is_sqlite else self.writing

    def single(self) -> AbstractContextManager[Connection]:
        """A connection for a single statement, while somebody waits for an answer."""
        return self.quick.connect()

    def several(self) -> AbstractContextManager[Connection]:
        """A transaction of several statements, while somebody waits for an answer."""
        engine = self._engine("several", self.quick_s) if self.address.is_sqlite else self.writing
        return engine.begin()

    @property
    def quick(self) -> Engine:
        """For single statements, each a transaction of its own, while somebody waits for an answer."""
        if self.address.is_sqlite:
            return self._engine("quick", self.quick_s, single=True)
        return self.writing.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For several questions about the same moment, while others go on writing."""
        if self.address.is_sqlite:
            with self.quick.connect() as connection:
                connection.exec_driver_sql("BEGIN")  # of its own, which reads: it takes no turn of a writer
                yield connection
        else:
            with self.writing.execution_options(isolation_level="REPEATABLE READ").connect() as connection:
                yield connection

    def within(self, seconds: float, ask: Callable[[], Answer]) -> Answer:
        """What the database answers.

        Raises:
            TooLate: not within these seconds; what was asked may still be done.
            SQLAlchemyError: it refused.
        """
        if self.address.is_sqlite:
            with self.turn(seconds):
                return ask()
        with self._lock:
            if self._asking is None:
                self._asking = _Asking()
            asked = self._asking.submit(ask)
        try:
            answer: Answer = asked.result(seconds)
        except TimeoutError:
            asked.cancel()
            raise TooLate from None
        return answer

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """One thread of this process at a time, where the database takes one writer at a time.

        Threads that wait for SQLite itself look again and again whether it is free, and who comes late may be first:
        under load some wait longer than they may. So in a process they queue, and SQLite is left to the processes.

        Raises:
            TooLate: it was not our turn within these seconds.
        """
        if not self.address.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=seconds):
            raise TooLate
        try:
            yield
        finally:
            self._turn.release()

    def inserting(self, table: Table) -> Insert:
        """A statement that writes rows, and leaves those alone whose key is there already."""
        return _inserting(table, is_sqlite=self.address.is_sqlite)

    def unavailable(self, why: BaseException) -> StoreUnavailable:
        """What to raise for a fault: the text of the fault itself may hold what the database was told."""
        kind = type(getattr(why, "orig", None) or why).__name__
        return StoreUnavailable(f"the store at {self.address} cannot be used ({kind})")

    def close(self) -> None:
        """Give the connections back. What still waits for a server is not waited for."""
        with self._lock:
            engines, self._engines = tuple(self._engines.values()), {}
            asking, self._asking = self._asking, None
        if asking is not None:
            asking.close()
        for engine in engines:
            engine.dispose()

    def _engine(self, name: str, wait_s: float, *, synchronous: str = "NORMAL", single: bool = False) -> Engine:
        engine = self._engines.get(name)
        if engine is not None:
            return engine
        with self._lock:
            if name not in self._engines:
                opened = self._file(wait_s, synchronous, single=single) if self.address.is_sqlite else self._server()
                self._engines[name] = opened
            return self._engines[name]

    def _server(self) -> Engine:
        return create_engine(
            self.address.url,
            connect_args=_server_options(None if self._patient else int(DURABLE_S * 1000)),
            pool_size=_THREADS + 1,  # one for the thread that writes the audit
            max_overflow=2,
            pool_timeout=DURABLE_S,
            pool_pre_ping=True,
            hide_parameters=True,
        )

    def _file(self, wait_s: float, synchronous: str, *, single: bool) -> Engine:
        engine = create_engine(
            self.address.url,
            connect_args={"timeout": wait_s, "check_same_thread": False, "isolation_level": None},
            poolclass=QueuePool,
            max_overflow=-1,  # a file has no limit of connections, and a process as many as threads
            hide_parameters=True,
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")

        if not single:

            @event.listens_for(engine, "begin")
            def begin(connection: Connection) -> None:
                # At once and not with the first write: a transaction that read first cannot always wait for its turn.
                connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine


class _Asking:
    """Threads that ask a server. Those of `concurrent.futures` would keep a process from ending while it is silent."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        for number in range(_THREADS):
            threading.Thread(target=self._run, name=f"store-asking-{number}", daemon=True).start()

    def submit(self, ask: Callable[[], Any]) -> Future[Any]:
        asked: Future[Any] = Future()
        self._waiting.put((asked, ask))
        return asked

    def close(self) -> None:
        for _ in range(_THREADS):
            self._waiting.put(None)

    def _run(self) -> None:
        while (next_one := self._waiting.get()) is not None:
            asked, ask = next_one
            if asked.set_running_or_notify_cancel():
                try:
                    asked.set_result(ask())
                except BaseException as fault:  # noqa: BLE001 - it is raised where the answer is waited for
                    asked.set_exception(fault)
            del next_one, asked, ask  # while it waits, it keeps nothing alive


@cache
def _inserting(table: Table, *, is_sqlite: bool) -> Insert:
    insert = sqlite.insert if is_sqlite else postgresql.insert
    return insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def _server_options(statement_ms: int | None) -> dict[str, Any]:
    """How a server is spoken to: what it accepted is on its disk, and a network that is gone is noticed."""
    options = ["-c synchronous_commit=on", "-c timezone=UTC"]
    if statement_ms is not None:
        options += [f"-c statement_timeout={statement_ms}", f"-c lock_timeout={statement_ms}"]
    return {
        "connect_timeout": _CONNECT_S,
        "tcp_user_timeout": 5000,
        "keepalives_idle": 10,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": "cds-service",
        "options": " ".join(options),
    }
