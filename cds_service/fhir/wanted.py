"""What a call still lacks of the record, and what of it came from the client's FHIR server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cds_service.clinical.codes import LoincCode
from cds_service.clinical.model import Why
from cds_service.fhir.versions import Version
from cds_service.hooks.request import Json, Resource


@dataclass(frozen=True, slots=True, repr=False)
class Wanted:
    """What is to be fetched for one call.

    Attributes:
        keys: the prefetch keys the client did not send, e.g. "results".
        pages: of keys whose list goes on: the address of the next page, as the client's server gave it.
        references: resources that others point at and that are nowhere in the request, e.g. "Medication/7".
        tests: the laboratory tests to ask for under "results".
        version: the FHIR version the client speaks; None when the request does not tell.
    """

    keys: frozenset[str] = frozenset()
    pages: Mapping[str, str] = field(default_factory=dict)
    references: frozenset[str] = frozenset()
    tests: frozenset[LoincCode] = frozenset()
    version: Version | None = None

    def __bool__(self) -> bool:
        """Whether anything is to be fetched."""
        return bool(self.keys or self.pages or self.references)


class Outcome(StrEnum):
    """How asking for one thing ended. A closed list for the log: nothing that came from outside is in it."""

    OK = "ok"
    LIMIT = "limit"  # some pages came; then a limit of pages or entries was reached
    REFUSED_ADDRESS = "refused-address"  # not a server that may be called
    REFUSED_TOKEN = "refused-token"  # noqa: S105 - an outcome; the client's is no bearer token
    REFUSED_LINK = "refused-link"  # a page, a reference or an id that leads elsewhere
    BUSY = "busy"  # too much was under way already
    TIMEOUT = "timeout"
    CONNECTION = "connection"  # it could not be made, it broke off, or no HTTP was spoken
    TLS = "tls"
    REDIRECT = "redirect"
    STATUS_4XX = "status-4xx"
    STATUS_5XX = "status-5xx"
    STATUS_OTHER = "status-other"
    NOT_JSON = "not-json"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    WRONG_RESOURCE = "wrong-resource"  # valid JSON, but not what was asked for; also an OperationOutcome
    UNKNOWN_VERSION = "unknown-version"  # the server speaks a version of FHIR that we do not
    BROKEN = "broken"  # a mistake of ours


@dataclass(frozen=True, slots=True, repr=False)
class Fetched:
    """What came, and why the rest did not.

    Attributes:
        values: by prefetch key: one resource, or one Bundle that holds the entries of all its pages; where a page
            could not be had, that Bundle keeps the `next` link.
        pages: by prefetch key: the further pages of a list that the client began, as one Bundle in the same way.
        resources: those that were asked for by reference.
        failed: why a key (or a reference) brought nothing.
        version: the FHIR version the server says it speaks, where it was asked.
        outcomes: how many of the things that were asked for ended how, for the log.
    """

    values: Mapping[str, Json] = field(default_factory=dict)
    pages: Mapping[str, Resource] = field(default_factory=dict)
    resources: tuple[Resource, ...] = ()
    failed: Mapping[str, Why] = field(default_factory=dict)
    version: Version | None = None
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
