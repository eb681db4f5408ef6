"""What is kept of one call: what was answered, to whom, and how long it took. Never who the patient is.

No field here can hold what a client wrote: ids are UUIDs that we made, names are those of our own closed lists or of
the configuration. So an audit record is safe to keep, to export and to show to a committee.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Why
from cds_service.hooks.discovery import ServiceId


class Result(StrEnum):
    """What came of one call."""

    CARDS = "cards"
    NOTHING_NEW = "nothing-new"  # all there is to say was said at order-select, to the same person
    CLEAR = "clear"  # checked and clear
    NOT_CHECKED = "not-checked"  # the only card says what could not be checked
    REFUSED = "refused"
    FAILED = "failed"


class Showing(StrEnum):
    """Whether the clinician saw a card."""

    SHOWN = "shown"
    REPEAT = "repeat"  # not shown again
    SHADOW = "shadow"  # judged and counted, shown to nobody


class Phase(StrEnum):
    """A part of the time that an answer took."""

    READ = "read"  # from the bytes of the body to a call
    FETCH = "fetch"  # waiting for the client's FHIR server
    JUDGE = "judge"  # reading the record and judging
    RENDER = "render"  # writing the cards
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Traced:
    """One card of an answer.

    Attributes:
        card: the id of its card file; "not-checked" for the card of what could not be checked.
        suggestions: the UUIDs of its suggestions.
    """

    card: str
    version: int
    indicator: Indicator
    uuid: UUID
    showing: Showing = Showing.SHOWN
    suggestions: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called: names of the configuration, never what was sent.

    Attributes:
        client: the client's name in the file of clients; "anyone" where calls are not authenticated.
        tenant: one of the tenants that are configured for it.
    """

    client: str
    tenant: str | None = None


ANYONE = Caller("anyone")


@dataclass(frozen=True, slots=True)
class Edition:
    """Which knowledge an answer was made from.

    Attributes:
        version: of this software, "0.1.0".
        sha256: of all card files and code lists, as 64 hexadecimal digits.
    """

    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The audit record of one call of a service.

    Attributes:
        at: the moment of the call, aware.
        caller: None when nobody knows who called.
        caller: None when the call could not be authenticated.
        service: None when there is none at the address.
        hook: the service's hook.
        hook_instance: None when the client's is not a UUID: then it could be anything.
        result: what came of it.
        status: the HTTP status.
        code: why it was refused or failed, from a closed list; empty otherwise.
        cards: those of the answer, those not repeated, and those in the shadow.
        gaps: what kept checks from being made, counted by kind.
        took_ms: how long each phase took, in milliseconds.
    """

    at: datetime
    caller: Caller | None
    service: ServiceId | None
    hook: str | None
    hook_instance: UUID | None
    result: Result
    status: int
    code: str = ""
    cards: tuple[Traced, ...] = ()
    gaps: Mapping[Why, int] = field(default_factory=dict)
    took_ms: Mapping[Phase, float] = field(default_factory=dict)
