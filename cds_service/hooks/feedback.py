"""What became of a card: the feedback of CDS Hooks, read from its JSON."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Final, TypeGuard
from uuid import UUID

from cds_service.hooks.cards import OVERRIDE_REASON_SYSTEM, OVERRIDE_REASONS
from cds_service.hooks.checking import MOST_LISTED, Mistake, Schema
from cds_service.hooks.reading import UnreadableRequest
from cds_service.hooks.request import Json

OTHER_REASON: Final = "other"
"""Stands for a code that is not one of ours: it is the client's text, and that may be a patient's."""


class Verdict(StrEnum):
    """What the clinician did with a card."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One entry.

    Attributes:
        card: the UUID that the card had.
        at: the client's outcomeTimestamp, in UTC.
        suggestions: the UUIDs of those that were accepted.
        reason: a HL7 code of `OVERRIDE_REASONS`, or one that the deployment knows; `OTHER_REASON` for any other;
            None when there is none.
        comment: the clinician's own words; they may name a patient.
    """

    card: UUID
    outcome: Verdict
    at: datetime
    suggestions: tuple[UUID, ...] = ()
    reason: str | None = None
    comment: str | None = field(default=None, repr=False)


_SCHEMA: Final = Schema("feedback")


def read_feedback(body: Json, *, own_reasons: frozenset[str] = frozenset()) -> tuple[Feedback, ...]:
    """The entries of a feedback call, in their order.

    Args:
        body: the parsed body, as the client sent it.
        own_reasons: codes for override reasons that the deployment uses beside HL7's.

    Raises:
        UnreadableRequest: with every mistake by its path.
    """
    accepted = _SCHEMA.accepts(body)
    mistakes = () if accepted else _SCHEMA.mistakes(body)
    mistakes = (*mistakes, *islice(_unreadable(body), MOST_LISTED - len(mistakes)))
    if mistakes or not accepted:
        raise UnreadableRequest(mistakes)
    entries: Any = body
    return tuple([_read(entry, own_reasons) for entry in entries["feedback"]])


def _unreadable(body: Json) -> Iterator[Mistake]:
    """The texts that are no moments and no UUIDs, also beside mistakes of another kind."""
    entries = body.get("feedback") if isinstance(body, dict) else None
    for at, entry in enumerate(entries) if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        where = f"feedback[{at}]"
        if _is_said(moment := entry.get("outcomeTimestamp")) and _moment(moment) is None:
            yield Mistake(f"{where}.outcomeTimestamp", _NO_MOMENT)
        if _is_said(card := entry.get("card")) and _uuid(card) is None:
            yield Mistake(f"{where}.card", _NO_UUID)
        suggestions = entry.get("acceptedSuggestions")
        for number, one in enumerate(suggestions) if isinstance(suggestions, list) else ():
            if isinstance(one, dict) and _is_said(named := one.get("id")) and _uuid(named) is None:
                yield Mistake(f"{where}.acceptedSuggestions[{number}].id", _NO_UUID)


_NO_MOMENT: Final = "must be a moment with its offset, like `2026-11-22T10:00:00Z`"
_NO_UUID: Final = "must be a UUID that this service gave"


def _is_said(value: Json) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _read(entry: Any, own_reasons: frozenset[str]) -> Feedback:  # noqa: ANN401 - what is read below, has been proved
    why = entry.get("overrideReason") or {}
    return Feedback(
        card=UUID(entry["card"]),
        outcome=Verdict(entry["outcome"]),
        at=datetime.fromisoformat(entry["outcomeTimestamp"].upper()).astimezone(UTC),
        suggestions=tuple([UUID(one["id"]) for one in entry.get("acceptedSuggestions") or ()]),
        reason=_reason(why.get("reason"), own_reasons),
        comment=why.get("userComment") or None,
    )


def _reason(coding: Any, own: frozenset[str]) -> str | None:  # noqa: ANN401 - as above
    if not coding:
        return None
    code = coding["code"]
    ours = coding.get("system") in {None, "", OVERRIDE_REASON_SYSTEM} and code in OVERRIDE_REASONS
    return code if ours or code in own else OTHER_REASON


def _moment(text: str) -> datetime | None:
    """RFC 3339, with its offset: `fromisoformat` reads more shapes than that, all of them unmistakable."""
    try:
        moment = datetime.fromisoformat(text.upper())  # `t` and `z` are RFC 3339, too
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
