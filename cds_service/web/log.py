"""One event per call, as a line of JSON. No field of an event can hold what a client wrote."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from traceback import extract_tb
from typing import Final, Self, TypeAlias
from uuid import UUID

import orjson

from cds_service.fhir.versions import Spoken
from cds_service.fhir.wanted import Outcome
from cds_service.hooks.discovery import ServiceId
from cds_service.hooks.request import Shape
from cds_service.web.auth import ClientsRead
from cds_service.web.errors import IssueCode, Why
from cds_service.web.keys import KeysFetched


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that was answered.

    Attributes:
        client: its name in the file of clients; None where anyone may call.
        hook_instance: None when the client's is not a UUID: then it could be anything.
        repeated: how many cards were not shown again.
        shadow: how many cards were judged and shown to nobody.
        not_checked: how many cards could not be decided.
        fhir: the version of FHIR the client spoke; None when nothing had to be judged.
        others: how many resources were left out because they are another patient's.
        fetched: how many of the things asked of the client's FHIR server ended how.
        lenient: the older shapes in which the call came and was understood.
    """

    service: ServiceId
    client: str | None
    hook_instance: UUID | None
    status: int
    cards: int
    repeated: int
    shadow: int
    not_checked: int
    fhir: Spoken | None
    others: int
    fetched: Mapping[Outcome, int]
    lenient: tuple[Shape, ...]
    took_ms: float


@dataclass(frozen=True, slots=True)
class Discovered:
    """The discovery document was served."""

    client: str | None
    status: int
    took_ms: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """Feedback was stored.

    Attributes:
        entries: how many there were.
        new: how many of them had not been stored before.
        again: how many had.
    """

    service: ServiceId
    client: str | None
    status: int
    entries: int
    new: int
    again: int
    took_ms: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that was refused.

    Attributes:
        service: None when there is none at the address.
        client: as in `Answered`; also of a call that only claims to be that client's, where it was not authenticated.
        hook_instance: None when it is not a UUID, or the call was refused before it was read.
        reason: why, where the status does not tell.
    """

    service: ServiceId | None
    client: str | None
    hook_instance: UUID | None
    status: int
    code: IssueCode
    reason: Why | None
    took_ms: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where in our code, or a library's, something was raised."""

    module: str
    line: int

    @classmethod
    def of(cls, raised: BaseException) -> Self:
        """The innermost place of an exception's traceback."""
        innermost = extract_tb(raised.__traceback__)[-1]
        return cls("/".join(innermost.filename.rsplit("/", 2)[-2:]), innermost.lineno or 0)


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that ran into a mistake of ours: the type of the exception and its place, never its text."""

    service: ServiceId | None
    client: str | None
    hook_instance: UUID | None
    status: int
    error: type[Exception]
    place: Place
    took_ms: float


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """The store went away, came back, or lost records: one of its own closed list."""

    what: StrEnum


Event: TypeAlias = Answered | Discovered | Feedback | Refused | Failed | ClientsRead | KeysFetched | StoreChanged
Log: TypeAlias = Callable[[Event], None]


def to_standard_error(now: Callable[[], datetime]) -> Log:
    """A log that writes each event as one line on standard error."""

    def log(event: Event) -> None:
        try:
            # One write for one line: the lines of several processes do not mix.
            os.write(_STANDARD_ERROR, line(event, now()))
        except OSError:
            # Nobody reads any more, or the disk is full. The prescriber is answered all the same.
            return

    return log


def to_nowhere(_event: Event) -> None:
    """The log when it is switched off."""


def line(event: Event, at: datetime) -> bytes:
    """One event as a line of JSON; what is not known is written as "-"."""
    return orjson.dumps({"at": at, "event": type(event).__name__.lower()} | _fields(event), option=_OPTIONS)


def _fields(event: Event) -> dict[str, object]:
    return {name: _plain(getattr(event, name)) for name in event.__slots__}


def _plain(value: object) -> object:
    match value:
        case None:
            return "-"
        case type():
            return value.__name__
        case Place():
            return f"{value.module}:{value.line}"
        case Spoken():
            return str(value)
        case Mapping():
            return {str(name): count for name, count in value.items()}
        case _:
            return value


_STANDARD_ERROR: Final = 2
_OPTIONS: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
