"""The store of one process: the audit trail, feedback, used tokens, what was shown, and rates.

What an answer waits for is short and may fail without harm: a database in trouble costs the service its memory, and
never an answer. What is accepted is kept: in the database, or in a file from which it comes there.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID, uuid4

from limits.storage import Storage
from sqlalchemy import Connection, distinct, func, select, text

from cds_service.advice.memory import Memory, NoMemory, Seen
from cds_service.advice.record import Caller, Edition, Evaluation
from cds_service.hooks.discovery import ServiceId
from cds_service.hooks.feedback import Feedback
from cds_service.store.address import Address
from cds_service.store.database import DURABLE_S, QUICK_S, REST_S, TROUBLE, Breaker, Database, StoreUnavailable
from cds_service.store.pseudonyms import PseudonymKeys
from cds_service.store.rates import SharedRates
from cds_service.store.remembering import StoredMemory
from cds_service.store.rows import Values, evaluation_rows, feedback_row, to_line, token_rows
from cds_service.store.schema import is_older, newest, revision_of, wanting
from cds_service.store.spill import CannotSpill
from cds_service.store.tables import CARDS, EVALUATED_FOR_TENANT, EVALUATIONS, FEEDBACK, NO_TENANT, TOKENS
from cds_service.store.together import Together
from cds_service.store.writer import Counters, Counting, Event, Pace, Writer

Answer = TypeVar("Answer")
_CARDS_AT_ONCE: Final = 900  # in one question: older SQLite takes no more than 999 values
_OWN_TOKENS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of feedback.

    Attributes:
        new: entries that are kept now and were not before.
        again: entries that were there already: the same card, outcome and moment.
        unknown: cards of which no record is there yet. A record is written about 100 ms after its card was given, so
            this is a hint; the report looks again.
        spilled: the database did not take them: they are in a file, all counted as new, and none looked up.
    """

    new: int
    again: int = 0
    unknown: int = 0
    spilled: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the database answers.

    Attributes:
        revision: of its tables; None when it has none, or did not answer.
        newest: the revision that this software writes.
        wanting: tables of that revision that are missing, or lack columns.
    """

    reachable: bool
    revision: str | None
    newest: str
    wanting: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether it has the tables of this software, or those of a newer one, which do no harm."""
        return self.revision is not None and not is_older(self.revision) and not self.wanting


def _nobody(_event: Event) -> None:
    """Tell nobody."""


class Store:
    """The store, shared by the threads of one process; made by `open_store`."""

    def __init__(  # noqa: PLR0913 - each is handed in, none looked up
        self,
        database: Database,
        spill: Path,
        edition: Edition,
        *,
        comments: bool,
        keys: PseudonymKeys | None,
        clock: Callable[[], datetime],
        tell: Callable[[Event], None],
        pace: Pace,
    ) -> None:
        """Start nothing yet."""
        self._database = database
        self._edition = edition
        self._comments = comments
        self._keys = keys
        self._clock = clock
        self._counting = Counting()
        self._writer = Writer(database, spill, clock=clock, counting=self._counting, tell=tell, pace=pace)
        self._quick = Breaker(REST_S)
        self._has_asked = False
        self._durable = Breaker(REST_S)
        self._tokens = _OwnTokens()
        self._firsts: Together[tuple[bytes, datetime], bool] = Together(self._are_first, DURABLE_S)
        self.rates: Storage = SharedRates(
            database,
            clock=clock,
            ask=partial(self._ask, otherwise=None),
            is_reachable=lambda: self.is_reachable(QUICK_S),
        )

    # The audit trail.

    def audit(self, evaluation: Evaluation) -> None:
        """Keep the record of a call. It never waits for the database, and never raises."""
        self._writer.put(partial(evaluation_rows, evaluation, uuid4(), self._edition))

    def counters(self) -> Counters:
        """How many records went which way, for metrics."""
        return self._counting.read(self._writer.depth)

    # Feedback.

    def keep_feedback(self, service: ServiceId, caller: Caller, entries: tuple[Feedback, ...], at: datetime) -> Kept:
        """Keep feedback; when this returns, it survives the end of this process and of the machine.

        Args:
            service: whose feedback address it came to.
            caller: who sent it.
            entries: as they were read.
            at: when they came, aware.

        Raises:
            StoreUnavailable: neither the database nor the disk takes it.
        """
        rows = [feedback_row(entry, service, caller, at, comments=self._comments) for entry in entries]
        if not self._durable.is_open:
            try:
                return self._database.within(DURABLE_S, lambda: self._keep(rows, caller))
            except TROUBLE:
                self._durable.trip()
        try:
            self._writer.feedback.append(to_line(((FEEDBACK, row),)) for row in rows)
        except CannotSpill:
            message = f"neither the store at {self._database.address} nor its spill folder takes feedback"
            raise StoreUnavailable(message) from None
        self._counting.add("spilled", len(rows))
        self._writer.wake()
        return Kept(len(rows), spilled=True)

    def _keep(self, rows: list[Values], caller: Caller) -> Kept:
        cards = {row["card"] for row in rows}
        with self._database.durable.begin() as connection:
            new = connection.execute(self._database.inserting(FEEDBACK), rows).rowcount
            known = 0
            ordered = sorted(cards)
            for start in range(0, len(ordered), _CARDS_AT_ONCE):
                known += _known(connection, ordered[start : start + _CARDS_AT_ONCE], caller)
        return Kept(new, len(rows) - new, len(cards) - known)

    # Tokens that are used once.

    def first_use(self, digest: bytes, until: datetime) -> bool:
        """Whether no process of this database saw the digest before.

        While the database does not answer, whether this process did not; that is counted as `unshared`, and the
        others learn of it when the database is back.

        Args:
            digest: of the token's issuer and id, at most 64 bytes.
            until: from when on the token is refused anyway.
        """
        now = self._clock()
        if not self._tokens.add(digest, until, now):
            return False
        first = self._firsts.ask((digest, until))
        if first is None:
            self._counting.add("unshared")
            self._writer.put(partial(token_rows, digest, until))
            return True
        return first

    def _are_first(self, tokens: Sequence[tuple[bytes, datetime]]) -> Sequence[bool] | None:
        """Which of these tokens nobody saw before; None when the database does not say."""
        if len(tokens) == 1:
            return self._asked_of(self._database.single, lambda connection: [self._is_first(connection, *tokens[0])])
        # In one order in all processes: two that use the same tokens wait for each other, and not both for ever.
        ordered = sorted(range(len(tokens)), key=lambda at: tokens[at][0])

        def use(connection: Connection) -> list[bool]:
            found = {at: self._is_first(connection, *tokens[at]) for at in ordered}
            return [found[at] for at in range(len(tokens))]

        return self._asked_of(self._database.several, use)

    def _is_first(self, connection: Connection, digest: bytes, until: datetime) -> bool:
        using = self._database.inserting(TOKENS)
        return connection.execute(using, {"digest": digest, "until": until}).rowcount == 1

    # What was shown.

    def memory(self, caller: Caller, *, within: timedelta, overrides_for: timedelta) -> Memory:
        """The memory for calls of this caller; one that remembers nothing where there are no keys for pseudonyms.

        Args:
            caller: whose users and patients they are.
            within: how long a card that was shown at order-select counts as just shown.
            overrides_for: how long an override counts; zero: not at all, and nothing is kept for it.
        """
        if self._keys is None:
            return NoMemory()
        return StoredMemory(
            caller,
            self._keys,
            within=within,
            overrides_for=overrides_for,
            put=self._writer.put,
            ask=self._seen,
        )

    def _seen(self, ask: Callable[[Connection], Seen], otherwise: Seen) -> Seen:
        return self._ask(ask, otherwise=otherwise)

    # All of it.

    def is_reachable(self, within_s: float) -> bool:
        """Whether the database answers within these seconds."""
        return self.health(within_s).reachable

    def health(self, within_s: float) -> Health:
        """Whether the database answers within these seconds, and with which tables."""
        with suppress(*TROUBLE):
            return self._database.within(within_s, self._health)
        return Health(reachable=False, revision=None, newest=newest())

    def _health(self) -> Health:
        with self._database.quick.connect() as connection:
            connection.execute(text("SELECT 1"))
            revision = revision_of(connection)
            lacking = () if revision is None else wanting(connection)
            return Health(reachable=True, revision=revision, newest=newest(), wanting=lacking)

    def close(self, within_s: float) -> None:
        """Write what waits; what is not written within these seconds goes to a file. Then let go of the database."""
        self._writer.close(within_s)
        self._database.close()

    def _ask(self, ask: Callable[[Connection], Answer], *, otherwise: Answer) -> Answer:
        """What the database says; `otherwise` when it does not answer at once."""
        answer = self._asked_of(self._database.single, ask)
        if answer is None:
            self._counting.add("unshared")
            return otherwise
        return answer

    def _asked_of(
        self, opened: Callable[[], AbstractContextManager[Connection]], ask: Callable[[Connection], Answer]
    ) -> Answer | None:
        """What the database says; when it does not answer at once, None, and for a while nobody asks again."""
        if self._quick.is_open:
            return None
        # The first one connects, and waits for it: else no process would share anything in its first two seconds.
        wait_s = self._database.quick_s if self._has_asked else max(DURABLE_S, self._database.quick_s)
        self._has_asked = True

        def asked() -> Answer:
            with opened() as connection:
                return ask(connection)

        try:
            return self._database.within(wait_s, asked)
        except TROUBLE:
            self._quick.trip()
            return None


def open_store(  # noqa: PLR0913 - each is handed in, none looked up
    address: Address,
    *,
    spill: Path,
    edition: Edition,
    clock: Callable[[], datetime],
    comments: bool = False,
    keys: PseudonymKeys | None = None,
    tell: Callable[[Event], None] = _nobody,
    pace: Pace | None = None,
    quick_s: float = QUICK_S,
) -> Store:
    """The store at an address. It connects, and starts threads, when they are first needed; it never fails.

    Args:
        address: of the database, whose tables `store.command.migrate` makes; if it was away then, they are made later.
        spill: the folder for what the database does not take; processes of one machine may share it.
        edition: the knowledge that answers are made from.
        clock: now, aware.
        comments: whether clinicians' own words are kept.
        keys: for pseudonyms; without them nothing is remembered of what was shown.
        tell: hears when the database goes, comes back, and when records are lost; called from any thread.
        pace: how records are gathered.
        quick_s: how long an answer may wait for the database, in seconds; the first of a process waits for the
            connection as well, 2 s at most.
    """
    database = Database(address, quick_s=quick_s)
    return Store(database, spill, edition, comments=comments, keys=keys, clock=clock, tell=tell, pace=pace or Pace())


def _known(connection: Connection, cards: list[UUID], caller: Caller) -> int:
    """How many of these cards were given to this client and tenant."""
    given = select(func.count(distinct(CARDS.c.uuid))).join(EVALUATIONS).where(CARDS.c.uuid.in_(cards))
    tenant = caller.tenant or NO_TENANT
    theirs = EVALUATIONS.c.client == caller.client, EVALUATED_FOR_TENANT == tenant  # noqa: SIM300 - a column
    return int(connection.scalar(given.where(*theirs)) or 0)


class _OwnTokens:
    """The tokens that this process saw itself. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: OrderedDict[bytes, datetime] = OrderedDict()

    def add(self, digest: bytes, until: datetime, now: datetime) -> bool:
        """Whether it is new; the oldest are forgotten when there are too many."""
        with self._lock:
            while self._until and (len(self._until) >= _OWN_TOKENS or next(iter(self._until.values())) < now):
                self._until.popitem(last=False)
            if digest in self._until:
                return False
            self._until[digest] = until.astimezone(UTC)
            return True
