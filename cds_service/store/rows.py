"""From our words to rows of tables, and from rows to lines of a spill file and back."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import orjson
from sqlalchemy import LargeBinary, Table, Uuid

from cds_service.advice.memory import ToRemember
from cds_service.advice.record import Caller, Edition, Evaluation
from cds_service.hooks.discovery import ServiceId
from cds_service.hooks.feedback import Feedback
from cds_service.store.tables import CARDS, EVALUATIONS, FEEDBACK, GAPS, METADATA, NO_TENANT, SHOWN, TOKENS, Moment

Values: TypeAlias = dict[str, Any]
Rows: TypeAlias = tuple[tuple[Table, Values], ...]
"""What belongs together: it is written whole or not at all. Parents stand before what refers to them."""

_FORM: Final = 1  # of a line; raised when an older reader would read it wrongly


class UnreadableLine(Exception):
    """A line that is none of ours, or was torn."""


def evaluation_rows(evaluation: Evaluation, identity: UUID, edition: Edition) -> Rows:
    """The rows of one audit record, which they belong to by its identity."""
    caller = evaluation.caller or Caller("")
    record: Values = {
        "id": identity,
        "at": evaluation.at,
        "client": caller.client or None,
        "tenant": caller.tenant or None,
        "service": evaluation.service,
        "hook": evaluation.hook,
        "hook_instance": evaluation.hook_instance,
        "result": evaluation.result.value,
        "status": evaluation.status,
        "code": evaluation.code,
        "version": edition.version,
        "sha256": edition.sha256,
    } | {f"{phase.value}_ms": took for phase, took in evaluation.took_ms.items()}
    cards = (
        {
            "evaluation": identity,
            "position": position,
            "card": card.card,
            "card_version": card.version,
            "indicator": card.indicator.value,
            "uuid": card.uuid,
            "showing": card.showing.value,
            "suggestions": [str(suggestion) for suggestion in card.suggestions],
        }
        for position, card in enumerate(evaluation.cards)
    )
    gaps = ({"evaluation": identity, "kind": kind.value, "count": count} for kind, count in evaluation.gaps.items())
    return ((EVALUATIONS, record), *((CARDS, card) for card in cards), *((GAPS, gap) for gap in gaps))


def feedback_row(entry: Feedback, service: ServiceId, caller: Caller, at: datetime, *, comments: bool) -> Values:
    """The row of one entry.

    Args:
        entry: as it was read.
        service: whose feedback address it came to.
        caller: who sent it.
        at: when it came.
        comments: whether the clinician's words are kept, or only how many characters they have.
    """
    comment = entry.comment or None
    return {
        "client": caller.client,
        "card": entry.card,
        "outcome": entry.outcome.value,
        "at": entry.at,
        "received_at": at,
        "tenant": caller.tenant or NO_TENANT,
        "service": service,
        "reason": entry.reason,
        "suggestions": [str(suggestion) for suggestion in entry.suggestions],
        "comment_length": len(comment) if comment else None,
        "comment": _text(comment) if comment and comments else None,
    }


def token_rows(digest: bytes, until: datetime) -> Rows:
    """That a token was used."""
    return ((TOKENS, {"digest": digest, "until": until}),)


def shown_row(card: ToRemember, values: Values) -> Values:
    """The row of a card that is being shown; `values` are what it shares with the others of its call."""
    return values | {
        "card": card.card,
        "card_version": card.version,
        "indicator": card.indicator.value,
        "uuid": card.uuid,
    }


def to_line(rows: Rows) -> bytes:
    """One line of a spill file, with its end."""
    said = [[table.name, values] for table, values in rows]
    return orjson.dumps([_FORM, said], default=lambda value: value.hex(), option=orjson.OPT_UTC_Z) + b"\n"


def from_line(line: bytes) -> Rows:
    """What `to_line` wrote.

    Raises:
        UnreadableLine: for everything else.
    """
    try:
        form, said = orjson.loads(line)
        if form == _FORM:
            return tuple([_row(METADATA.tables[name], values) for name, values in said])
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise UnreadableLine


def _row(table: Table, values: Mapping[str, Any]) -> tuple[Table, Values]:
    return table, {name: _value(table, name, value) for name, value in values.items()}


def _value(table: Table, name: str, value: Any) -> Any:  # noqa: ANN401 - of any column
    kind = table.c[name].type
    if value is None:
        return None
    match kind:
        case Uuid():
            return UUID(value)
        case Moment():
            return datetime.fromisoformat(value)
        case LargeBinary():
            return bytes.fromhex(value)
        case _:
            return value


def by_table(records: Iterable[Rows]) -> dict[Table, list[Values]]:
    """The rows of many records, for one statement a table; those that are referred to first."""
    sorted_rows: dict[Table, list[Values]] = {
        table: [] for table in (EVALUATIONS, CARDS, GAPS, FEEDBACK, TOKENS, SHOWN)
    }
    for rows in records:
        for table, values in rows:
            sorted_rows[table].append(_whole(table, values))
    return {table: rows for table, rows in sorted_rows.items() if rows}


def _whole(table: Table, values: Values) -> Values:
    """With every column: one statement writes all rows of a table."""
    return {column.name: values.get(column.name) for column in table.c}


def _text(words: str) -> str:
    """As every database takes it: PostgreSQL refuses the character 0 in a text, and a lone surrogate is no text."""
    return words.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
