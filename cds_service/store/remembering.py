"""The memory of `advice.memory`, kept in the database under pseudonyms."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid4

from sqlalchemy import Connection, Row, and_, func, select

from cds_service.advice.memory import NOTHING_SEEN, Overridden, Remembered, Seen, ToRemember
from cds_service.advice.record import Caller
from cds_service.clinical.codes import Indicator
from cds_service.hooks.feedback import Verdict
from cds_service.hooks.request import HookRequest
from cds_service.store.pseudonyms import DayKey, PseudonymKeys
from cds_service.store.rows import Rows, Values, shown_row
from cds_service.store.tables import FEEDBACK, NEWEST_WORD_FIRST, NO_TENANT, SHOWN
from cds_service.store.writer import Record

SELECT_HOOK: Final = "order-select"
_LATE: Final = timedelta(days=1)  # feedback may come this long after its card and still be joined with it

Answer = TypeVar("Answer")


class StoredMemory:
    """What the clinicians of one client were shown, and what they overrode."""

    def __init__(  # noqa: PLR0913 - each is handed in, none looked up
        self,
        caller: Caller,
        keys: PseudonymKeys,
        *,
        within: timedelta,
        overrides_for: timedelta,
        put: Callable[[Record], None],
        ask: Callable[[Callable[[Connection], Seen], Seen], Seen],
    ) -> None:
        """Remember for this caller.

        Args:
            caller: whose users and patients they are.
            keys: for pseudonyms.
            within: how long a card that was shown counts as just shown.
            overrides_for: how long an override counts; nothing of it is kept when it is zero.
            put: hands a record to the queue.
            ask: asks the database; the second argument is the answer when it has none to give.
        """
        self._caller = caller
        self._keys = keys
        self._within = within
        self._overrides_for = overrides_for
        self._put = put
        self._ask = ask

    def seen(self, request: HookRequest, at: datetime) -> Seen:
        """What was shown to the user of this call about its patient, and overridden; nothing without a user."""
        if request.user_id is None:
            return NOTHING_SEEN
        return self._ask(lambda connection: self._seen(connection, request, at), NOTHING_SEEN)

    def remember(self, request: HookRequest, cards: tuple[ToRemember, ...], at: datetime) -> None:
        """Keep that these cards were shown; the facts only as a keyed digest."""
        keeps_for = self._keeps_for(request)
        if request.user_id is not None and cards and keeps_for:
            self._put(partial(self._rows, request, cards, at, keeps_for))

    def _repeats_for(self, request: HookRequest) -> timedelta:
        """How long its cards count as just shown."""
        counts = request.hook == SELECT_HOOK and request.coordinates is not False
        return self._within if counts else timedelta()

    def _keeps_for(self, request: HookRequest) -> timedelta:
        repeats = self._repeats_for(request)
        overrides = self._overrides_for + _LATE if self._overrides_for else timedelta()
        return max(repeats, overrides)

    def _rows(self, request: HookRequest, cards: tuple[ToRemember, ...], at: datetime, keeps_for: timedelta) -> Rows:
        key = self._keys.today(at)
        shared: Values = {
            "visit": self._visit(key, request) if self._repeats_for(request) else None,
            "person": self._person(key, request),
            "client": self._caller.client,
            "shown_at": at,
            "until": at + keeps_for,
        }
        return tuple(
            (SHOWN, shown_row(card, shared | {"id": uuid4(), "facts": key.of_facts(card.facts)})) for card in cards
        )

    def _person(self, key: DayKey, request: HookRequest) -> bytes:
        return key.pseudonym(self._caller.client, self._caller.tenant, request.user_id, request.patient_id)

    def _visit(self, key: DayKey, request: HookRequest) -> bytes:
        who = (self._caller.client, self._caller.tenant, request.user_id, request.patient_id)
        return key.pseudonym(*who, "encounter", request.encounter_id)

    def _seen(self, connection: Connection, request: HookRequest, at: datetime) -> Seen:
        shown = self._shown(connection, request, at) if self._within else {}
        overridden = self._overridden(connection, request, at) if self._overrides_for else {}
        return Seen(shown, overridden) if shown or overridden else NOTHING_SEEN

    def _shown(self, connection: Connection, request: HookRequest, at: datetime) -> dict[str, tuple[Remembered, ...]]:
        since = at - self._within
        keys = {self._visit(key, request): key for key in self._keys.since(since, at)}
        rows = connection.execute(
            select(SHOWN)
            .where(SHOWN.c.visit.in_(keys))
            .where(SHOWN.c.shown_at >= since, SHOWN.c.shown_at <= at)
            .order_by(SHOWN.c.shown_at)
        ).all()
        return _by_card([(row.card, _remembered(row, keys[bytes(row.visit)])) for row in rows])

    def _overridden(
        self, connection: Connection, request: HookRequest, at: datetime
    ) -> dict[str, tuple[Overridden, ...]]:
        since = at - self._overrides_for
        people = [self._person(key, request) for key in self._keys.since(since - _LATE, at)]
        # Who overrode an info, or a card that is critical, said nothing about a warning.
        words = (
            select(SHOWN.c.card, SHOWN.c.card_version, FEEDBACK.c.outcome, FEEDBACK.c.reason, FEEDBACK.c.received_at)
            .add_columns(func.row_number().over(partition_by=SHOWN.c.id, order_by=NEWEST_WORD_FIRST).label("age"))
            .join(FEEDBACK, and_(FEEDBACK.c.card == SHOWN.c.uuid, FEEDBACK.c.client == SHOWN.c.client))
            .where(SHOWN.c.person.in_(people), SHOWN.c.client == self._caller.client)
            .where(SHOWN.c.indicator == Indicator.WARNING.value)
            .where(FEEDBACK.c.tenant == (self._caller.tenant or NO_TENANT), FEEDBACK.c.received_at <= at)
            .subquery()
        )
        # It counts from the moment it came, not from the one the client gave: that may lie in the future.
        rows = connection.execute(
            select(words.c.card, words.c.card_version, words.c.received_at)
            .where(words.c.age == 1)
            .where(words.c.outcome == Verdict.OVERRIDDEN.value, words.c.reason.is_not(None))
            .where(words.c.received_at >= since)
            .order_by(words.c.received_at)
        ).all()
        return _by_card([(row.card, Overridden(row.card, row.card_version, row.received_at)) for row in rows])


def _remembered(row: Row[Any], key: DayKey) -> Remembered:
    return Remembered(
        row.card,
        row.card_version,
        Indicator(row.indicator),
        row.uuid,
        row.shown_at,
        partial(key.is_of_facts, bytes(row.facts)),
    )


def _by_card(found: Sequence[tuple[str, Answer]]) -> dict[str, tuple[Answer, ...]]:
    grouped: defaultdict[str, list[Answer]] = defaultdict(list)
    for card, one in found:
        grouped[card].append(one)
    return {card: tuple(ones) for card, ones in grouped.items()}
