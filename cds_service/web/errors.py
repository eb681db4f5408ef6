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

FHIR_JSON: Final = "application/fhir+json"
OK: Final = 200


class IssueCode(StrEnum):
    """FHIR's words for what was wrong: the codes of `OperationOutcome.issue` that we use."""

    STRUCTURE = "structure"
    NOT_FOUND = "not-found"
    NOT_SUPPORTED = "not-supported"
    TOO_LONG = "too-long"
    INCOMPLETE = "incomplete"
    EXCEPTION = "exception"


class UnknownService(Exception):
    """There is no service at the address that was called."""


class NotJson(Exception):
    """The body is not JSON, or not in UTF-8."""


class TooLong(Exception):
    """The body is larger than we read."""


class NotSentAsJson(Exception):
    """The body is called something else than JSON in UTF-8."""


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
    BadRequest: Meaning(400, IssueCode.STRUCTURE, "the request could not be read"),
    UnknownService: Meaning(404, IssueCode.NOT_FOUND, "there is no such service: /cds-services lists those there are"),
    NotFound: Meaning(404, IssueCode.NOT_FOUND, "there is nothing at this address: /cds-services lists the services"),
    MethodNotAllowed: Meaning(405, IssueCode.NOT_SUPPORTED, "this address does not take that method: see `Allow`"),
    NothingToCheck: Meaning(412, IssueCode.INCOMPLETE, "data that the check needs could not be had"),
    TooLong: Meaning(413, IssueCode.TOO_LONG, "the body is larger than this service reads"),
    NotSentAsJson: Meaning(415, IssueCode.NOT_SUPPORTED, "send the body as application/json, in UTF-8, uncompressed"),
}
_FAILURE: Final = Meaning(500, IssueCode.EXCEPTION, "the service failed: nothing was checked")

Issue: TypeAlias = dict[str, str | list[str]]


def meaning_of(raised: Exception) -> Meaning:
    """What an exception means to a client."""
    return next((_MEANINGS[kind] for kind in type(raised).__mro__ if kind in _MEANINGS), _FAILURE)


def is_ours(meaning: Meaning) -> bool:
    """Whether the fault is the service's and not the client's."""
    return meaning is _FAILURE


def refusal(raised: Exception) -> Response:
    """The response to a call that ran into an exception: an OperationOutcome, one issue for each mistake."""
    meaning = meaning_of(raised)
    issues = [*_issues(raised, meaning)] or [_issue(meaning, meaning.says)]
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    response = Response(orjson.dumps(outcome), meaning.status, content_type=FHIR_JSON)
    if isinstance(raised, MethodNotAllowed) and raised.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(raised.valid_methods))
    return response


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
