"""How often a client called, counted for all processes and replicas together, as the `limits` library asks for it."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from limits.storage import Storage
from sqlalchemy import Connection, bindparam, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from cds_service.store.database import Database, Insert
from cds_service.store.tables import RATES

Answer = TypeVar("Answer")
_MOST_KEYS: Final = 10_000


class Window(NamedTuple):
    """How often somebody called in the time that ends then."""

    hits: int
    until: datetime


class SharedRates(Storage):
    """Fixed windows, in the database; in this process alone while the database does not answer."""

    STORAGE_SCHEME = None

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        ask: Callable[[Callable[[Connection], Window | None]], Window | None],
        is_reachable: Callable[[], bool],
    ) -> None:
        """Count for all.

        Args:
            database: whose statements are written.
            clock: now, aware.
            ask: asks the database; None when it does not answer.
            is_reachable: whether the database answers.
        """
        super().__init__()
        counting = _counting(is_sqlite=database.address.is_sqlite)
        self._counting = counting.returning(RATES.c.hits, RATES.c.until)
        self._clock = clock
        self._ask = ask
        self._is_reachable = is_reachable
        self._own = _OwnWindows()

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """None that anybody could meet: when the database is in trouble, this process counts for itself."""
        return ()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """How often in this window, this time included; the first time begins a window of `expiry` seconds."""
        now = self._clock()
        until = now + timedelta(seconds=expiry)
        counted = self._ask(lambda connection: self._count(connection, key, amount, now, until))
        if counted is None:
            return self._own.add(key, amount, now, until)
        self._own.learn(key, counted, now)  # a client gains nothing when the database goes away
        return counted.hits

    def get(self, key: str) -> int:
        """How often in this window; 0 when there is none."""
        return self._window(key).hits

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970; now when there is none."""
        return self._window(key).until.timestamp()

    def check(self) -> bool:
        """Whether the windows are shared at the moment."""
        return self._is_reachable()

    def reset(self) -> int | None:
        """Forget all windows."""
        self._own.clear()
        gone = self._ask(lambda connection: Window(connection.execute(delete(RATES)).rowcount, self._clock()))
        return gone.hits if gone else None

    def clear(self, key: str) -> None:
        """Forget a window."""
        self._own.clear(key)

        def delete_it(connection: Connection) -> None:
            connection.execute(delete(RATES).where(RATES.c.key == key))

        self._ask(delete_it)

    def _window(self, key: str) -> Window:
        now = self._clock()
        return self._ask(lambda connection: _read(connection, key, now)) or self._own.read(key, now)

    def _count(self, connection: Connection, key: str, amount: int, now: datetime, until: datetime) -> Window:
        counted = {"key": key, "hits": amount, "until": until, "now": now}
        return Window(*connection.execute(self._counting, counted).one())


def _counting(*, is_sqlite: bool) -> Insert:
    """The statement that counts, made once: making it takes longer than the database does."""
    insert = (sqlite.insert if is_sqlite else postgresql.insert)(RATES)
    is_over = RATES.c.until <= bindparam("now", type_=RATES.c.until.type)
    window = {
        "hits": case((is_over, insert.excluded.hits), else_=RATES.c.hits + insert.excluded.hits),
        "until": case((is_over, insert.excluded.until), else_=RATES.c.until),
    }
    return insert.on_conflict_do_update(index_elements=[RATES.c.key], set_=window)


def _read(connection: Connection, key: str, now: datetime) -> Window:
    found = connection.execute(select(RATES.c.hits, RATES.c.until).where(RATES.c.key == key)).one_or_none()
    return Window(*found) if found and found.until > now else Window(0, now)


class _OwnWindows:
    """What this process knows of the windows. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, Window] = {}

    def add(self, key: str, amount: int, now: datetime, until: datetime) -> int:
        with self._lock:
            known = self.read(key, now)
            window = Window(known.hits + amount, known.until) if known.hits else Window(amount, until)
            self._keep(key, window, now)
            return window.hits

    def learn(self, key: str, window: Window, now: datetime) -> None:
        with self._lock:
            self._keep(key, window, now)

    def read(self, key: str, now: datetime) -> Window:
        window = self._windows.get(key)
        return window if window and window.until > now else Window(0, now)

    def clear(self, key: str | None = None) -> None:
        with self._lock:
            if key is None:
                self._windows.clear()
            else:
                self._windows.pop(key, None)

    def _keep(self, key: str, window: Window, now: datetime) -> None:
        if len(self._windows) >= _MOST_KEYS:
            self._windows = {one: kept for one, kept in self._windows.items() if kept.until > now}
        self._windows[key] = window
