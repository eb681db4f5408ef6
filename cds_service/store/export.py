"""Everything that is kept of calls and feedback, in a form that other programs read."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine, Row, select, tuple_

from cds_service.advice.record import Phase
from cds_service.store.tables import CARDS, EVALUATED_FOR_TENANT, EVALUATIONS, FEEDBACK, GAPS

_AT_ONCE: Final = 500
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run instead of show
Item: TypeAlias = dict[str, Any]


class What(StrEnum):
    """What is exported."""

    EVALUATIONS = "evaluations"
    FEEDBACK = "feedback"


class Form(StrEnum):
    """How."""

    CSV = "csv"
    NDJSON = "ndjson"


class Out(Protocol):
    """Where it is written: text, with the ends of lines as they are given."""

    def write(self, text: str, /) -> object:
        """Take some text."""


def export(engine: Engine, what: What, form: Form, since: datetime | None, out: Out) -> int:
    """Write what is kept since then, oldest first, page by page: nobody else waits, and the memory stays small.

    Returns:
        How many items: evaluations, or entries of feedback.
    """
    items = (_evaluations if what is What.EVALUATIONS else _feedback)(engine, since)
    if form is Form.NDJSON:
        count = 0
        for item in items:
            out.write(orjson.dumps(item, option=orjson.OPT_UTC_Z).decode() + "\n")
            count += 1
        return count
    return _as_csv(items, _COLUMNS[what], out, flat=_flat if what is What.EVALUATIONS else _one)


def _as_csv(items: Iterable[Item], columns: Sequence[str], out: Out, *, flat: Any) -> int:  # noqa: ANN401 - one of two below
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")  # RFC 4180
    writer.writerow(columns)
    count = 0
    for item in items:
        count += 1
        for line in flat(item):
            writer.writerow([_cell(line.get(column)) for column in columns])
    return count


def _one(item: Item) -> Iterator[Item]:
    yield item


def _flat(item: Item) -> Iterator[Item]:
    """A line for each card; one without a card for a call without cards."""
    counted = {"gaps": " ".join(f"{kind}:{count}" for kind, count in item["gaps"].items())}
    cards: list[Item] = item["cards"] or [{}]
    for card in cards:
        yield item | counted | {_CARD_COLUMNS.get(name, name): value for name, value in card.items()}


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case list():
            return " ".join(map(str, value))
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return str(value)


_MS: Final = tuple(f"{phase.value}_ms" for phase in Phase)
_CALL: Final = ("client", "tenant", "service", "hook", "hook_instance", "result", "status", "code", "version", "sha256")
_CARD_COLUMNS: Final = {"version": "card_version"}  # `version` is the software's
_COLUMNS: Final[Mapping[What, Sequence[str]]] = {
    What.EVALUATIONS: (
        *("id", "at", *_CALL, *_MS, "gaps"),
        *("card", "card_version", "indicator", "uuid", "showing", "suggestions"),
    ),
    What.FEEDBACK: (
        *("received_at", "at", "client", "tenant", "service", "uuid", "known", "card", "card_version", "indicator"),
        *("hook", "hook_instance", "shown_at", "outcome", "reason", "suggestions", "comment_length", "comment"),
    ),
}


def _evaluations(engine: Engine, since: datetime | None) -> Iterator[Item]:
    last: tuple[datetime, UUID] | None = None
    while True:
        page = select(EVALUATIONS).order_by(EVALUATIONS.c.at, EVALUATIONS.c.id).limit(_AT_ONCE)
        if since is not None:
            page = page.where(EVALUATIONS.c.at >= since)
        if last is not None:
            page = page.where(_after((EVALUATIONS.c.at, EVALUATIONS.c.id), last))
        with engine.connect() as connection:
            rows = connection.execute(page).all()
            ids = [row.id for row in rows]
            cards = _grouped(connection, select(CARDS).where(CARDS.c.evaluation.in_(ids)).order_by(CARDS.c.position))
            gaps = _grouped(connection, select(GAPS).where(GAPS.c.evaluation.in_(ids)).order_by(GAPS.c.kind))
        for row in rows:
            yield _evaluation(row, cards[row.id], gaps[row.id])
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].at, rows[-1].id


def _evaluation(row: Row[Any], cards: list[Row[Any]], gaps: list[Row[Any]]) -> Item:
    return {
        "id": row.id,
        "at": row.at,
        **{name: getattr(row, name) for name in (*_CALL, *_MS)},
        "gaps": {gap.kind: gap.count for gap in gaps},
        "cards": [
            {
                "card": card.card,
                "version": card.card_version,
                "indicator": card.indicator,
                "uuid": card.uuid,
                "showing": card.showing,
                "suggestions": card.suggestions,
            }
            for card in cards
        ],
    }


def _feedback(engine: Engine, since: datetime | None) -> Iterator[Item]:
    own = (FEEDBACK.c.client, FEEDBACK.c.tenant, FEEDBACK.c.card, FEEDBACK.c.outcome, FEEDBACK.c.at)
    key = (FEEDBACK.c.received_at, *own)
    last: tuple[Any, ...] | None = None
    while True:
        page = select(FEEDBACK).order_by(*key).limit(_AT_ONCE)
        if since is not None:
            page = page.where(FEEDBACK.c.received_at >= since)
        if last is not None:
            page = page.where(_after(key, last))
        with engine.connect() as connection:
            rows = connection.execute(page).all()
            given = _given(connection, [row.card for row in rows])
        for row in rows:
            yield _entry(row, given.get((row.client, row.tenant, row.card)))
        if len(rows) < _AT_ONCE:
            return
        last = tuple(getattr(rows[-1], column.name) for column in key)


def _entry(row: Row[Any], given: Row[Any] | None) -> Item:
    return {
        "received_at": row.received_at,
        "at": row.at,
        "client": row.client,
        "tenant": row.tenant or None,
        "service": row.service,
        "uuid": row.card,
        "known": given is not None,
        "card": given.card if given else None,
        "card_version": given.card_version if given else None,
        "indicator": given.indicator if given else None,
        "hook": given.hook if given else None,
        "hook_instance": given.hook_instance if given else None,
        "shown_at": given.at if given else None,
        "outcome": row.outcome,
        "reason": row.reason,
        "suggestions": row.suggestions,
        "comment_length": row.comment_length,
        "comment": row.comment,
    }


def _given(connection: Connection, uuids: list[UUID]) -> dict[tuple[str, str, UUID], Row[Any]]:
    """The card of each UUID by client, tenant and UUID, and the call that it was first given to."""
    whose = (EVALUATIONS.c.client, EVALUATED_FOR_TENANT.label("tenant"))
    found = connection.execute(
        select(CARDS, *whose, EVALUATIONS.c.hook, EVALUATIONS.c.hook_instance, EVALUATIONS.c.at)
        .join(EVALUATIONS)
        .where(CARDS.c.uuid.in_(uuids))
        .order_by(EVALUATIONS.c.at.desc())
    )
    return {(row.client, row.tenant, row.uuid): row for row in found}


def _grouped(connection: Connection, query: Any) -> defaultdict[UUID, list[Row[Any]]]:  # noqa: ANN401 - of either table
    grouped: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query):
        grouped[row.evaluation].append(row)
    return grouped


def _after(columns: Sequence[Any], values: Sequence[Any]) -> Any:  # noqa: ANN401 - SQLAlchemy's own types are not exact here
    """What comes later in this order; a tuple is compared as a whole."""
    return tuple_(*columns) > tuple_(*values, types=[column.type for column in columns])
