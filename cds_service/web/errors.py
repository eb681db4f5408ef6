"""What a client is told when it gets no cards. Status codes live here and nowhere else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import orjson
from flask import Response
from werkzeug.exceptions import BadRequest, MethodNotAllowed, NotFound

from cds_service.advice.advise import NothingToCheck
from cds_service.hooks.reading import UnreadableRequest
from cds_service.web.auth import Denial, NotAllowed, NotAuthenticated, Reason

FHIR_JSON: Final = "application/fhir+json"
OK: Final = 200


class IssueCode(StrEnum):
    """FHIR's words for what was wrong: the codes of `OperationOutcome.issue` that we use."""

    STRUCTURE = "structure"
    LOGIN = "login"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    NOT_SUPPORTED = "not-supported"
    TOO_LONG = "too-long"
    INCOMPLETE = "incomplete"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    EXCEPTION = "exception"


class Excess(StrEnum):
    """What a client did too much of."""

    RATE = "rate"
    CONCURRENT = "concurrent"


class UnknownService(Exception):
    """There is no service at the address that was called."""


class NotJson(Exception):
    """The body is not JSON, or not in UTF-8."""


class NotDecoded(Exception):
    """The body is not, or not only, what its Content-Encoding says."""


class TooLong(Exception):
    """The body, decoded or not, is larger than we read."""


class TooDeep(Exception):
    """The JSON of the body is nested deeper than we read."""


class TooMany(Exception):
    """There are more entries in prefetch than we read."""


class NotSentAsJson(Exception):
    """The body is called something else than JSON in UTF-8."""


class UnknownEncoding(Exception):
    """The body is compressed in a way that we do not read."""


class TooBusy(Exception):
    """The client calls more often, or more at the same time, than it may.

    Attributes:
        reason: which of them.
        retry_after_s: when to call again, in whole seconds from now.
    """

    def __init__(self, reason: Excess, retry_after_s: int) -> None:
        """Keep both."""
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class NotKept(Exception):
    """Feedback could not be stored; the client is to send it again."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an exception means to a client: a status, FHIR's code for it, and what to say when there is no more."""

    status: int
    code: IssueCode
    says: str


# The one table. An exception of a kind that is not in it, nor any kind above its own, is ours to mend: `_FAILURE`.
_MEANINGS: Final[Mapping[type[BaseException], Meaning]] = {
    UnreadableRequest: Meaning(400, IssueCode.STRUCTURE, "the request breaks the schema of its hook"),
    NotJson: Meaning(400, IssueCode.STRUCTURE, "the body is not complete, valid JSON in UTF-8"),
    NotDecoded: Meaning(400, IssueCode.STRUCTURE, "the body is not one complete stream of its Content-Encoding"),
    BadRequest: Meaning(400, IssueCode.STRUCTURE, "the request could not be read"),
    # One text for every reason: whoever tries keys that are not theirs learns nothing from it.
    NotAuthenticated: Meaning(401, IssueCode.LOGIN, "the call could not be authenticated"),
    NotAllowed: Meaning(403, IssueCode.FORBIDDEN, "this client may not call this service"),
    UnknownService: Meaning(404, IssueCode.NOT_FOUND, "there is no such service: /cds-services lists those there are"),
    NotFound: Meaning(404, IssueCode.NOT_FOUND, "there is nothing at this address: /cds-services lists the services"),
    MethodNotAllowed: Meaning(405, IssueCode.NOT_SUPPORTED, "this address does not take that method: see `Allow`"),
    NothingToCheck: Meaning(412, IssueCode.INCOMPLETE, "data that the check needs could not be had"),
    TooLong: Meaning(413, IssueCode.TOO_LONG, "the body is larger than this service reads"),
    TooDeep: Meaning(413, IssueCode.TOO_LONG, "the body is nested deeper than this service reads"),
    TooMany: Meaning(413, IssueCode.TOO_LONG, "prefetch has more entries than this service reads"),
    NotSentAsJson: Meaning(415, IssueCode.NOT_SUPPORTED, "send the body as application/json, in UTF-8"),
    UnknownEncoding: Meaning(415, IssueCode.NOT_SUPPORTED, "send the body uncompressed, or see `Accept-Encoding`"),
    TooBusy: Meaning(429, IssueCode.THROTTLED, "too many calls: see `Retry-After`"),
    NotKept: Meaning(503, IssueCode.TRANSIENT, "the feedback could not be stored: send it again, see `Retry-After`"),
}
ENCODINGS: Final = "gzip, deflate, identity"
_KEPT_AGAIN_IN_S: Final = "5"
_FAILURE: Final = Meaning(500, IssueCode.EXCEPTION, "the service failed: nothing was checked")

Issue: TypeAlias = dict[str, str | list[str]]
Why: TypeAlias = Reason | Denial | Excess
"""Why a call was refused that another client, or the same one a little later, would have been answered."""


def meaning_of(raised: Exception) -> Meaning:
    """What an exception means to a client."""
    return next((_MEANINGS[kind] for kind in type(raised).__mro__ if kind in _MEANINGS), _FAILURE)


def is_ours(meaning: Meaning) -> bool:
    """Whether the fault is the service's and not the client's."""
    return meaning is _FAILURE


def reason_of(raised: Exception) -> Why | None:
    """Why a call was refused, where its status does not tell; for the log, the counters and the audit record."""
    return raised.reason if isinstance(raised, (NotAuthenticated, NotAllowed, TooBusy)) else None


def refusal(raised: Exception) -> Response:
    """The response to a call that ran into an exception: an OperationOutcome, one issue for each mistake."""
    meaning = meaning_of(raised)
    issues = [*_issues(raised, meaning)] or [_issue(meaning, meaning.says)]
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    response = Response(orjson.dumps(outcome), meaning.status, content_type=FHIR_JSON)
    response.headers.extend(_headers(raised))
    return response


def _headers(raised: Exception) -> Iterable[tuple[str, str]]:
    """What a client is to know beside the body."""
    match raised:
        case MethodNotAllowed() if raised.valid_methods:
            yield "Allow", ", ".join(sorted(raised.valid_methods))
        case NotAuthenticated():
            yield "WWW-Authenticate", "Bearer"  # without `error`, which would tell how far a forged token came
        case UnknownEncoding():
            yield "Accept-Encoding", ENCODINGS  # RFC 9110, 12.5.3: in a response it is about the next request
        case TooBusy():
            yield "Retry-After", str(raised.retry_after_s)
        case NotKept():
            yield "Retry-After", _KEPT_AGAIN_IN_S
        case _:
            return


def _issues(raised: Exception, meaning: Meaning) -> Iterable[Issue]:
    """The mistakes, where the exception brings them."""
    if isinstance(raised, UnreadableRequest):
        for mistake in raised.mistakes:
            yield _issue(meaning, f"{mistake.path or 'the body'} {mistake.says}", mistake.path)
    elif isinstance(raised, NothingToCheck):
        for key in raised.missing:
            yield _issue(meaning, f"{key} could not be had: neither in prefetch nor fetched", f"prefetch.{key}")


def _issue(meaning: Meaning, diagnostics: str, expression: str = "") -> Issue:
    issue: Issue = {"severity": "error", "code": meaning.code, "diagnostics": diagnostics}
    if expression:
        issue["expression"] = [expression]
    return issue
