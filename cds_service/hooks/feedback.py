"""What became of a card: the feedback of CDS Hooks, read from its JSON."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from cds_service.hooks.cards import OVERRIDE_REASON_SYSTEM, OVERRIDE_REASONS
from cds_service.hooks.checking import Mistake, Schema
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
    if not _SCHEMA.accepts(body):
        raise UnreadableRequest(_SCHEMA.mistakes(body))
    entries: Any = body
    mistakes: list[Mistake] = []
    read = [_read(entry, f"feedback[{at}]", own_reasons, mistakes) for at, entry in enumerate(entries["feedback"])]
    if mistakes:
        raise UnreadableRequest(tuple(mistakes))
    return tuple(one for one in read if one is not None)


def _read(entry: Any, where: str, own_reasons: frozenset[str], mistakes: list[Mistake]) -> Feedback | None:  # noqa: ANN401 - the schema has proved it
    before = len(mistakes)
    at = _moment(entry["outcomeTimestamp"], f"{where}.outcomeTimestamp", mistakes)
    card = _uuid(entry["card"], f"{where}.card", mistakes)
    accepted = [
        _uuid(one["id"], f"{where}.acceptedSuggestions[{number}].id", mistakes)
        for number, one in enumerate(entry.get("acceptedSuggestions") or ())
    ]
    if len(mistakes) > before or at is None or card is None:
        return None
    why = entry.get("overrideReason") or {}
    return Feedback(
        card=card,
        outcome=Verdict(entry["outcome"]),
        at=at,
        suggestions=tuple(one for one in accepted if one is not None),
        reason=_reason(why.get("reason"), own_reasons),
        comment=why.get("userComment") or None,
    )


def _reason(coding: Any, own: frozenset[str]) -> str | None:  # noqa: ANN401 - as above
    if not coding:
        return None
    code = coding["code"]
    ours = coding.get("system") in {None, "", OVERRIDE_REASON_SYSTEM} and code in OVERRIDE_REASONS
    return code if ours or code in own else OTHER_REASON


def _moment(text: str, where: str, mistakes: list[Mistake]) -> datetime | None:
    """RFC 3339, with its offset: `fromisoformat` reads more shapes than that, all of them unmistakable."""
    try:
        moment = datetime.fromisoformat(text.upper())  # `t` and `z` are RFC 3339, too
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    mistakes.append(Mistake(where, "must be a moment with its offset, like `2026-11-22T10:00:00Z`"))
    return None


def _uuid(text: str, where: str, mistakes: list[Mistake]) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        mistakes.append(Mistake(where, "must be a UUID that this service gave"))
        return None
