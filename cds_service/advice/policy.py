"""What a deployment decides about answers, and what hands in the data a client did not send."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cds_service.hooks.request import HookRequest, Json


class MissingData(StrEnum):
    """How a client hears that data could not be had."""

    CARD = "card"  # 200 with a card: the only thing that clients are known to show
    REFUSE = "412"  # the letter of the specification


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployment decides about answers."""

    missing_data: MissingData = MissingData.CARD


class Fetch(Protocol):
    """Hands in what the client did not send, by prefetch key; what it cannot have stays away."""

    def __call__(self, request: HookRequest, keys: frozenset[str], /) -> Mapping[str, Json]:
        """The resources or Bundles of as many of `keys` as could be had in time."""


def from_prefetch_only(_request: HookRequest, _keys: frozenset[str], /) -> Mapping[str, Json]:
    """No FHIR server is ever called: what the client did not send is said to be missing."""
    return {}
