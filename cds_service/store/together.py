"""One question to the database for all who wait to ask it: who comes first asks for the others, too.

Threads that each write by themselves queue for a database that takes one writer at a time, or one journey to the disk
for each of them. Measured with 32 calls at a time on two processes and SQLite: each by itself, half of the tokens could
not be asked about within a quarter of a second; together, all.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Waiting(Generic[Item, Answer]):
    __slots__ = ("answer", "is_answered", "item")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.answer: Answer | None = None
        self.is_answered = False


class Together(Generic[Item, Answer]):
    """Threads may share it, and should."""

    def __init__(self, ask: Callable[[Sequence[Item]], Sequence[Answer] | None], wait_s: float) -> None:
        """Ask later.

        Args:
            ask: what there is to say of each item, in their order; None when nothing can be said of any. It does not
                raise, and no two threads are in it at the same time.
            wait_s: how long an item waits for those before it, in seconds.
        """
        self._ask = ask
        self._wait_s = wait_s
        self._waiting: list[_Waiting[Item, Answer]] = []
        self._adding = threading.Lock()
        self._asking = threading.Lock()

    def ask(self, item: Item) -> Answer | None:
        """What there is to say of one item; None when nothing can be said, or not in time."""
        waiting = _Waiting[Item, Answer](item)
        with self._adding:
            self._waiting.append(waiting)
        if not self._asking.acquire(timeout=self._wait_s):
            return None
        try:
            if not waiting.is_answered:
                self._ask_for_all()
        finally:
            self._asking.release()
        return waiting.answer

    def _ask_for_all(self) -> None:
        with self._adding:
            waiting, self._waiting = self._waiting, []
        answers = self._ask([one.item for one in waiting])
        for at, one in enumerate(waiting):
            one.answer, one.is_answered = None if answers is None else answers[at], True
