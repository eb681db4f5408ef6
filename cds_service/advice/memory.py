"""What was shown to this clinician about this patient a moment ago, and what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from cds_service.clinical.codes import Indicator
from cds_service.hooks.request import HookRequest


@dataclass(frozen=True, slots=True)
class Remembered:
    """A card that was shown at order-select to the same user, about the same patient in the same encounter.

    Attributes:
        card: the id of its card file.
        uuid: the card's.
        shown_at: the moment of that call.
        has_facts: whether these are the facts it rested on. What is kept of them is a keyed digest.
    """

    card: str
    version: int
    indicator: Indicator
    uuid: UUID
    shown_at: datetime
    has_facts: Callable[[bytes], bool] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Overridden:
    """A card that the same user overrode for the same patient, with a reason."""

    card: str
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What the memory has for one call; newest last.

    Attributes:
        shown: what was shown within the time in which nothing is repeated, by card id.
        overridden: by card id, what was overridden within the time for which that counts.
    """

    shown: Mapping[str, tuple[Remembered, ...]] = field(default_factory=dict)
    overridden: Mapping[str, tuple[Overridden, ...]] = field(default_factory=dict)


NOTHING_SEEN: Final = Seen()


@dataclass(frozen=True, slots=True)
class ToRemember:
    """A card that is being shown.

    Attributes:
        facts: what it rests on, in a form in which equal facts are equal bytes. They are clinical values: a memory
            keeps no more of them than a keyed digest.
    """

    card: str
    version: int
    indicator: Indicator
    uuid: UUID
    facts: bytes = field(repr=False)


class Memory(Protocol):
    """Remembers what one client's clinicians were shown.

    Neither method raises or waits for long: what cannot be remembered is shown again.
    """

    def seen(self, request: HookRequest, at: datetime) -> Seen:
        """What was shown to the user of this call about its patient, and overridden; nothing without a user."""

    def remember(self, request: HookRequest, cards: tuple[ToRemember, ...], at: datetime) -> None:
        """Keep that these cards were shown, for the calls that follow, in other processes too."""


class NoMemory:
    """Remembers nothing."""

    def seen(self, _request: HookRequest, _at: datetime) -> Seen:
        """Nothing."""
        return NOTHING_SEEN

    def remember(self, _request: HookRequest, _cards: tuple[ToRemember, ...], _at: datetime) -> None:
        """Keep nothing."""
