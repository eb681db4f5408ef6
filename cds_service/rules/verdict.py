"""Three-valued answers, and how they combine."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar

from cds_service.clinical.model import Evidence, Gap, Listing
from cds_service.clinical.quantity import Truth

Item = TypeVar("Item", bound=Evidence)


class Verdict(NamedTuple):
    """The answer to one condition; a tuple, because a call makes a hundred of them.

    Attributes:
        truth: holds, fails or unknown.
        evidence: what proves it.
        gaps: what leaves it unknown.
        accounted: gaps that are themselves the reason why it holds, so that the card states them.
        lowered: everything that proves it is paused or lapsed: the card counts one level lower.
        capped: everything that proves it is provisional: the card is a warning at most.
    """

    truth: Truth
    evidence: tuple[Evidence, ...] = ()
    gaps: tuple[Gap, ...] = ()
    accounted: tuple[Gap, ...] = ()
    lowered: bool = False
    capped: bool = False


FAILS: Final = Verdict(Truth.FAILS)
HOLDS: Final = Verdict(Truth.HOLDS)

# Python 3.11 takes 56 ns to look a member up on its Enum and 7 ns to read a name; a call asks hundreds of times.
_HOLDS: Final = Truth.HOLDS
_FAILS: Final = Truth.FAILS
_UNKNOWN: Final = Truth.UNKNOWN


def holds_by(evidence: Iterable[Evidence], *, accounted: tuple[Gap, ...] = ()) -> Verdict:
    """It holds, proved by all of this evidence together."""
    items = tuple(evidence)
    lowered = capped = bool(items)
    for item in items:
        lowered = lowered and item.lowered
        capped = capped and item.capped
    return Verdict(_HOLDS, items, (), accounted, lowered, capped)


def unknown(*gaps: Gap) -> Verdict:
    """It cannot be decided because of these gaps."""
    return Verdict(_UNKNOWN, (), gaps)


def exists(listing: Listing[Item], wanted: Callable[[Item], bool], gaps: tuple[Gap, ...]) -> Verdict:
    """Whether the listing has a wanted item.

    Presence is proved by what was read; absence only by a listing without gaps. `gaps` are those of
    the listing that may hide a wanted item.
    """
    found = [item for item in listing.items if wanted(item)]
    if found:
        return holds_by(found)
    return unknown(*gaps) if gaps else FAILS


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Every one holds: one that fails decides, whatever else is unknown; those after it are not asked for."""
    together = HOLDS
    for verdict in verdicts:
        if verdict.truth is _FAILS:
            return FAILS
        together = verdict if together is HOLDS else both(together, verdict)
    return together


def both(one: Verdict, other: Verdict) -> Verdict:
    """Both of two that do not fail."""
    return Verdict(
        _UNKNOWN if one.truth is _UNKNOWN or other.truth is _UNKNOWN else _HOLDS,
        one.evidence + other.evidence,
        one.gaps + other.gaps,
        one.accounted + other.accounted,
        one.lowered or other.lowered,
        one.capped or other.capped,
    )


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """At least one holds: presence needs no complete knowledge of the others."""
    found = [verdict for verdict in verdicts if verdict.truth is not _FAILS]
    if not found:
        return FAILS
    if len(found) == 1:
        return found[0]
    holding = [verdict for verdict in found if verdict.truth is _HOLDS]
    if not holding:
        return unknown(*[gap for verdict in found for gap in verdict.gaps])
    return Verdict(
        _HOLDS,
        tuple([item for verdict in holding for item in verdict.evidence]),
        (),
        tuple([gap for verdict in holding for gap in verdict.accounted]),
        all(verdict.lowered for verdict in holding),
        all(verdict.capped for verdict in holding),
    )
