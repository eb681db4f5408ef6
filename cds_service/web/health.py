"""Whether the service is alive, and whether it is ready to be called."""

from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final


class Readiness:
    """Whether everything is there that answering needs.

    What is asked may hang, as a database behind a broken network does: whoever asks waits a second at most, and there
    is never more than one question under way.
    """

    def __init__(
        self,
        reachable: Callable[[], bool],
        versions: Mapping[str, object],
        *,
        ticks: Callable[[], float] = monotonic,
        wait_s: float = 1.0,
    ) -> None:
        """Ask nothing yet.

        Args:
            reachable: whether the database answers; an exception is a no.
            versions: of what runs: nothing that is secret.
            ticks: seconds that only ever grow.
            wait_s: how long one look waits, in seconds.
        """
        self.versions = versions
        self._reachable = reachable
        self._ticks = ticks
        self._wait_s = wait_s
        self._lock = Lock()
        self._asked: Event | None = None  # while a question is under way
        self._known = False
        self._known_until = float("-inf")

    def database(self) -> bool:
        """Whether the database was reachable within the last second, or is now."""
        with self._lock:
            if self._ticks() < self._known_until:
                return self._known
            if self._asked is None:
                self._asked = Event()
                Thread(target=self._ask, args=(self._asked,), name="readiness", daemon=True).start()
            asked = self._asked
        return asked.wait(self._wait_s) and self._known

    def _ask(self, asked: Event) -> None:
        try:
            known = self._reachable()
        except Exception:  # noqa: BLE001 - whatever it is, it is not ready
            known = False
        with self._lock:
            self._known = known
            self._known_until = self._ticks() + _FRESH_S
            self._asked = None
        asked.set()


_FRESH_S: Final = 1.0


def always_ready() -> Readiness:
    """Ready as soon as it answers: for a service that needs no database."""
    return Readiness(lambda: True, {})
