"""From findings to those worth showing now, to this person: not what they were just shown, nor louder than they asked.

HL7's guide for interactions (PDDI-CDS) lets a service keep silent at order-sign about what it said at order-select. It
does not say when it must speak again, nor how anyone learns that it kept silent. Here: a card comes again as soon as it
is more urgent, rests on other facts, is of another version, or the time is over; another clinician, patient or
encounter has a memory of its own; critical cards and what could not be checked are never kept back; and the answer
names what it does not repeat.
"""

from collections.abc import Collection
from dataclasses import fields, is_dataclass, replace
from typing import Final

from cds_service.advice.memory import Overridden, Remembered, Seen
from cds_service.card_files.cards import Card
from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Medication, Situation
from cds_service.rules.evaluate import Finding, known_by

SELECT: Final = "order-select"
SIGN: Final = "order-sign"


def lowered(finding: Finding, seen: Seen, card: Card, situation: Situation) -> tuple[Finding, Overridden | None]:
    """A warning that this clinician overrode for this patient is information, and why.

    Only as long as nothing it rests on is newer than the override, the drafts themselves aside: who overrode a slightly
    raised value has not seen the next one. What has no date counts as newer.
    """
    if finding.indicator is not Indicator.WARNING or card.id not in seen.overridden:
        return finding, None
    same = [one for one in seen.overridden[card.id] if one.version == card.version]
    overridden = max(same, key=lambda one: one.at, default=None)
    if overridden is None or not _knew_all(finding, overridden, situation):
        return finding, None
    return replace(finding, indicator=Indicator.INFO), overridden


def _knew_all(finding: Finding, overridden: Overridden, situation: Situation) -> bool:
    on = overridden.at.date()
    return all(known_by(item, on, situation) for item in finding.evidence if item not in finding.orders)


def repeated(
    finding: Finding, seen: Seen, card: Card, situation: Situation, says: Collection[str]
) -> Remembered | None:
    """The card that said the same at order-select, at least as urgently; None when it is to be shown.

    Args:
        finding: as it would be shown now.
        seen: what this clinician was shown.
        card: whose finding it is.
        situation: what it was found in.
        says: the words that it would be shown with, and those on its buttons.
    """
    shown = seen.shown.get(card.id)
    indicator = finding.indicator
    if situation.hook != SIGN or not shown or indicator is None or indicator is Indicator.CRITICAL:
        return None
    facts = facts_of(finding, card, situation, says)
    for one in reversed(shown):
        if one.version == card.version and one.indicator.urgency <= indicator.urgency and one.has_facts(facts):
            return one
    return None


def facts_of(finding: Finding, card: Card, situation: Situation, says: Collection[str]) -> bytes:
    """What a card rests on and says, in a form in which the same is the same bytes.

    Its degree, its evidence, what remained open, which factors hold, every result of the tests that its words speak of,
    and the words themselves: a dose that adds up differently, or a button that was not there, is news. That a draft is
    selected now and was not before is none by itself.
    """
    results = tuple([one for one in situation.results.items if one.test in card.tests])
    facts = (finding.tier, finding.evidence, finding.factors, finding.renewal, finding.gaps, results, tuple(says))
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
