"""What a deployment decides about answers, and what hands in the data a client did not send."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from cds_service.fhir.wanted import Fetched, Wanted
from cds_service.hooks.request import HookRequest


class MissingData(StrEnum):
    """How a client hears that data could not be had."""

    CARD = "card"  # 200 with a card: the only thing that clients are known to show
    REFUSE = "412"  # the letter of the specification


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployment decides about answers.

    Attributes:
        null_is_none: whether a null in prefetch is the client's word that there is none, as the specification has it;
            False for clients that are known to send null when a search failed (decision 1).
        detected_issue: whether cards offer to record what was found as a DetectedIssue.
        deduplicate: whether order-sign does not repeat what order-select showed; a call may say otherwise of itself.
        override_kept: for how long an override with a reason makes a warning information; zero for never.
        answer_s: how long an answer may take, in seconds; what is not judged by then is said to be not checked.
    """

    missing_data: MissingData = MissingData.CARD
    null_is_none: bool = True
    detected_issue: bool = False
    deduplicate: bool = False
    override_kept: timedelta = timedelta()
    answer_s: float = 5.0


class Fetching(Protocol):
    """Hands in what one call lacks; however often it is asked, all of it has one deadline."""

    def __call__(self, wanted: Wanted, /) -> Fetched:
        """As much of it as could be had in time, and why the rest could not."""


class Fetch(Protocol):
    """Begins the fetching for one call, from the FHIR server that it names."""

    def __call__(self, request: HookRequest, /) -> Fetching:
        """What hands in the data. Nothing is fetched, nor does the time run, before something is wanted."""


def from_prefetch_only(_request: HookRequest, /) -> Fetching:
    """No FHIR server is ever called: what the client did not send is said to be missing."""
    return _nothing


def _nothing(_wanted: Wanted, /) -> Fetched:
    return Fetched()
