"""What could not be checked, said once, in plain words (decision 7)."""

from collections.abc import Iterable, Mapping
from typing import Final

from cds_service.advice.markdown import escaped, plain
from cds_service.advice.wording import LONGEST_LIST, LONGEST_SUMMARY, listed
from cds_service.card_files.library import Library
from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Gap, Situation, Why
from cds_service.rules.evaluate import Finding, Rule

PLACES: Final = {
    "medications": "the medication list",
    "statements": "the list of medicines the patient reports",
    "conditions": "the problem list",
    "results": "the laboratory results",
    "orders": "the pending laboratory orders",
    "patient": "the patient's sex and age",
}
_ENTRIES: Final[Mapping[Why, str]] = {
    Why.UNKNOWN_MEDICINE: "the medicine {label} is not known to this service",
    Why.CODES_DISAGREE: "the codes of {label} name different medicines",
    Why.UNCODED: "{label} has no code that can be read",
    Why.OTHER_PATIENT: "an entry belongs to another patient",
    Why.UNREADABLE: "an entry is in a form that this service does not read",
    Why.NO_DATE: "{label} has no date",
    Why.FUTURE_DATE: "{label} has a date in the future",
    Why.IMPRECISE_DATE: "a date is too imprecise to tell",
    Why.NO_ROUTE: "the route of {label} is not given",
    Why.NO_DOSE: "the daily dose of {label} cannot be computed",
    Why.NO_VALUE: "{label} has no value that can be read",
    Why.UNKNOWN_UNIT: "the unit of {label} is not known",
    Why.NO_UPPER_LIMIT: "{label} came without its upper limit",
    Why.NO_BIRTH_DATE: "the birth date is missing",
    Why.NO_SEX: "the sex is missing",
    Why.RULE_FAILED: "an error in this service",
}
WHOLE: Final = frozenset({Why.NOT_SUPPLIED, Why.FAILED, Why.RULE_FAILED})


def gaps_to_say(findings: Iterable[Finding], situation: Situation) -> tuple[Gap, ...]:
    """Every gap once; beside an order that cannot be read, only that."""
    gaps = tuple(dict.fromkeys(gap for finding in findings for gap in finding.gaps))
    unread = tuple(gap for gap in gaps if gap in situation.orders.gaps)
    known = any(order.selected for order in situation.orders.items)
    return unread if unread and not known else gaps


def reason(gap: Gap, *, markup: bool) -> str:
    """A gap in plain words."""
    place = PLACES.get(gap.where)
    match gap.why:
        case Why.NOT_SUPPLIED:
            return f"{place or 'an entry'} {_was(gap)} not supplied"
        case Why.FAILED:
            return f"{place or 'an entry'} could not be read"
        case Why.MORE_PAGES:
            return f"{place or 'a list'} {_is(gap)} incomplete"
        case _:
            said = (escaped(gap.label) if markup else plain(gap.label, 40)) or "an entry"
            return _ENTRIES[gap.why].format(label=said)


def _was(gap: Gap) -> str:
    return "were" if _plural(gap) else "was"


def _is(gap: Gap) -> str:
    return "are" if _plural(gap) else "is"


def _plural(gap: Gap) -> bool:
    return gap.where in {"results", "orders", "patient"}


def reasons(gaps: Iterable[Gap], *, markup: bool) -> list[str]:
    """At most four reasons in plain words, and how many more there are."""
    said = list(dict.fromkeys(reason(gap, markup=markup) for gap in gaps))
    if len(said) <= LONGEST_LIST:
        return said
    return [*said[: LONGEST_LIST - 1], f"{len(said) - LONGEST_LIST + 1} more entries could not be read"]


def indicator(findings: Iterable[Finding], situation: Situation, library: Library) -> Indicator:
    """A warning when a check of an ordered antispastic could not be made at all, else information."""
    selected = [order for order in situation.orders.items if order.selected]
    antispastic = any(order.ingredients & library.antispastics for order in selected)
    refs = {order.ref for order in selected}
    whole = any(
        gap.why in WHOLE or gap.where in refs for finding in findings if finding.tier is None for gap in finding.gaps
    )
    return Indicator.WARNING if antispastic and whole else Indicator.INFO


def summary(what: str, gaps: tuple[Gap, ...]) -> str:
    """What was not checked, and why: every reason if they fit on one line, else the first."""
    start = f"{what[:1].upper()}{what[1:]} was not fully checked: "
    said = reasons(gaps, markup=False)
    whole = start + listed(said)
    return whole if len(whole) <= LONGEST_SUMMARY else f"{start}{said[0]} and more"


def detail(
    findings: tuple[Finding, ...], gaps: tuple[Gap, ...], rules: tuple[Rule, ...], situation: Situation, library: Library
) -> str:
    """What is missing, which checks wait for it, and which were made.

    When the only order cannot be read, nothing was checked, and no list of checks would help.
    """
    lines = [f"Missing: {listed(reasons(gaps, markup=True))}."]
    said = [(finding, library.cards[finding.rule.id].checks) for finding in findings if set(finding.gaps) & set(gaps)]
    found = {finding.rule.id for finding in findings}
    if not set(gaps) <= set(situation.orders.gaps):
        lists = {
            "Not checked": [checks for finding, checks in said if finding.tier is None],
            "Checked only in part": [checks for finding, checks in said if finding.tier is not None],
            "Checked and clear": [library.cards[rule.id].checks for rule in rules if rule.id not in found],
        }
        lines += [f"{title}: {'; '.join(checks)}." for title, checks in lists.items() if checks]
    return " ".join(lines) + f"\n\n{_what_to_do(gaps)}"


def _what_to_do(gaps: tuple[Gap, ...]) -> str:
    places = [PLACES[gap.where] for gap in gaps if gap.where in PLACES]
    return f"Look at {listed(places[:LONGEST_LIST])} before signing." if places else "Check it yourself before signing."
