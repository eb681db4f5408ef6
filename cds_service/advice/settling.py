"""From findings to those worth showing now, to this person: not what they were just shown, nor louder than they asked.

HL7's guide for interactions (PDDI-CDS) lets a service keep silent at order-sign about what it said at order-select. It
does not say when it must speak again, nor how anyone learns that it kept silent. Here: a card comes again as soon as it
is more urgent, rests on other facts, is of another version, or the time is over; another clinician, patient or
encounter has a memory of its own; critical cards and what could not be checked are never kept back; and the answer
names what it does not repeat.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Final

from cds_service.advice.memory import Overridden, Remembered, Seen
from cds_service.card_files.cards import Card
from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Medication, Situation
from cds_service.rules.evaluate import Finding

SELECT: Final = "order-select"
SIGN: Final = "order-sign"


@dataclass(frozen=True, slots=True)
class Settled:
    """One finding, and what the memory says of it.

    Attributes:
        repeats: the card that said the same a moment ago; None when the finding is to be shown.
        overridden: why a warning is information now; None when it is not lowered.
    """

    finding: Finding
    repeats: Remembered | None = None
    overridden: Overridden | None = None


def settle_with(
    findings: Iterable[Finding], seen: Seen, cards: Mapping[str, Card], situation: Situation
) -> tuple[Settled, ...]:
    """What the memory says of each finding, in their order.

    Args:
        findings: settled among themselves (`rules.evaluate.settle`).
        seen: what this clinician saw and overrode.
        cards: by id, as the library has them.
        situation: what the findings were found in.
    """
    return tuple([_settled(finding, seen, cards[finding.rule.id], situation) for finding in findings])


def _settled(finding: Finding, seen: Seen, card: Card, situation: Situation) -> Settled:
    if finding.indicator is None or finding.indicator is Indicator.CRITICAL:
        return Settled(finding)
    overridden = _newest(seen.overridden.get(card.id, ()), card.version)
    if overridden is not None and finding.indicator is Indicator.WARNING:
        finding = replace(finding, indicator=Indicator.INFO)
    else:
        overridden = None
    repeats = None
    if situation.hook == SIGN and (shown := seen.shown.get(card.id)):
        repeats = _repeated(finding, shown, card, situation)
    return Settled(finding, repeats, overridden)


def _newest(overridden: tuple[Overridden, ...], version: int) -> Overridden | None:
    return max((one for one in overridden if one.version == version), key=lambda one: one.at, default=None)


def _repeated(finding: Finding, shown: tuple[Remembered, ...], card: Card, situation: Situation) -> Remembered | None:
    """The card that was shown with the same facts, at least as urgently; a card may have been shown for two orders."""
    facts = facts_of(finding, card, situation)
    for one in reversed(shown):
        as_urgent = finding.indicator is not None and one.indicator.urgency <= finding.indicator.urgency
        if one.version == card.version and as_urgent and one.has_facts(facts):
            return one
    return None


def facts_of(finding: Finding, card: Card, situation: Situation) -> bytes:
    """What a card rests on, in a form in which equal facts are equal bytes.

    Its degree, its evidence, what remained open, which factors hold, and every result of the tests that its words speak
    of: a new result changes what the card says even where it does not change whether it speaks. Whether a draft is
    selected is left out: that is what differs between order-select and order-sign.
    """
    results = tuple([one for one in situation.results.items if one.test in card.tests])
    facts = (finding.tier, finding.evidence, finding.factors, finding.renewal, finding.gaps, results)
    return repr(_plain(facts)).encode()


def _plain(value: object) -> object:
    """Values of our model as tuples and texts. What hides itself from print is read field by field."""
    match value:
        case Medication():
            return tuple([_plain(one) for name, one in zip(value._fields, value, strict=True) if name != "selected"])
        case tuple():
            return tuple([_plain(one) for one in value])
        case frozenset():
            return tuple(sorted([repr(_plain(one)) for one in value]))
        case _ if is_dataclass(value) and not isinstance(value, type):
            return tuple([_plain(getattr(value, one.name)) for one in fields(value) if one.compare])
        case _:
            return str(value)
