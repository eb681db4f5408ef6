"""What could not be checked, said once, in plain words (decision 7)."""

from collections.abc import Iterable, Mapping
from typing import Final

from cds_service.advice.markdown import escaped, plain
from cds_service.advice.moments import moment_of
from cds_service.advice.wording import LONGEST_LIST, LONGEST_SUMMARY, listed
from cds_service.card_files.library import WITHOUT_ORDERS, Library, flat, medicines
from cds_service.clinical.codes import Indicator, RxCUI
from cds_service.clinical.model import ABSENT, TAKEN, Gap, Medication, Situation, Why
from cds_service.hooks.reading import DISCHARGE
from cds_service.rules.conditions import Ordering
from cds_service.rules.evaluate import Finding, Rule
from cds_service.rules.therapy import SUPPLIES

PLACES: Final = {
    "medications": "the medication list",
    "statements": "the patient-reported medicines",
    "conditions": "the problem list",
    "allergies": "the allergy list",
    "results": "the laboratory results",
    "orders": "the pending laboratory orders",
    "patient": "the patient's sex and age",
    "dispenses": "the dispensed supplies",
    "weight": "the body weight",
}
SEVERAL: Final = frozenset(PLACES[key] for key in ("statements", "results", "orders", "patient", "dispenses"))
KIND_OF_PLACE: Final = {
    "MedicationRequest": "medications",
    "MedicationOrder": "medications",
    "MedicationStatement": "statements",
    "MedicationDispense": "dispenses",
    "Condition": "conditions",
    "AllergyIntolerance": "allergies",
    "Observation": "results",
    "DiagnosticReport": "results",
    "ServiceRequest": "orders",
    "ProcedureRequest": "orders",
    "DiagnosticOrder": "orders",
}
_LISTS: Final[Mapping[Why, str]] = {
    Why.NOT_SUPPLIED: "not supplied",
    Why.FAILED: "not readable",
    Why.NOT_FETCHED: "not to be had from the FHIR server",
    Why.TOO_LATE: "not there in time",
    Why.MORE_PAGES: "incomplete",
}
_ENTRIES: Final[Mapping[Why, str]] = {
    Why.UNKNOWN_MEDICINE: "the medicine {label} is not known to this service",
    Why.CODES_DISAGREE: "the codes of {label} name different medicines",
    Why.UNCODED: "{label} has no code that can be read",
    Why.OTHER_PATIENT: "an entry belongs to another patient",
    Why.POINTS_NOWHERE: "the medicine of {label} could not be had",
    Why.VERSIONS_DIFFER: "two versions of one entry say different things",
    Why.UNREADABLE: "{label} is in a form that this service does not read",
    Why.NO_DATE: "{label} has no date",
    Why.FUTURE_DATE: "{label} has a date in the future",
    Why.IMPRECISE_DATE: "a date is too imprecise to tell",
    Why.NO_STATUS: "the status of {label} cannot be read",
    Why.NO_ROUTE: "the route of {label} is not clear",
    Why.NO_DOSE: "the daily dose of {label} cannot be computed",
    Why.NO_WEIGHT: "the daily dose of {label} depends on a body weight that is missing",
    Why.NO_VALUE: "{label} has no value that can be read",
    Why.UNKNOWN_UNIT: "the unit of {label} is not known",
    Why.NO_UPPER_LIMIT: "{label} came without its upper limit",
    Why.NO_BIRTH_DATE: "the birth date is missing",
    Why.NO_SEX: "the sex is missing",
    Why.NO_SETTING: "{label} does not say whether it goes on after discharge",
    Why.RULE_FAILED: "an error in this service",
    Why.OUT_OF_TIME: "the time for an answer ran out",
}
_PASSING: Final = frozenset({Why.UNKNOWN_MEDICINE, Why.UNCODED})  # one entry among many, of which most say nothing
MOST_PASSED: Final = 2  # entries that nobody can place are passed over beside an ordinary order; more are a list
LONGEST_LABEL: Final = 40


def at_chart(situation: Situation) -> bool:
    """Whether nobody is ordering anything: a chart was opened, or the patient is about to be sent home."""
    return situation.hook in WITHOUT_ORDERS


def worth_saying(finding: Finding, situation: Situation, library: Library) -> bool:
    """Whether what kept a rule open is said at this moment.

    Beside an order always; but a single entry that nobody can place is passed over where none of the medicines that
    cards are made for is ordered or taken: beside most ordinary orders it would be said, and it hides one of them
    next to never. When a chart is opened, lists that a client never sends and medicines that nobody can place
    would be said at every chart; so only of a patient who is known to take the medicine, or about an entry that is
    damaged or surely one of those that rules ask about. At a discharge a missing list of medicines is said, too:
    tomorrow nobody looks again.
    """
    if not finding.gaps:
        return False
    if not at_chart(situation):
        passing = len(finding.gaps) <= MOST_PASSED and all(_is_passing(gap, situation) for gap in finding.gaps)
        return not (passing and _is_ordinary(situation, library))
    if all(gap.where == SUPPLIES for gap in finding.gaps):
        return False  # few clients send what was dispensed: at every chart that would be said; a refill says it
    unlisted = [gap for gap in finding.gaps if gap.where == "medications" and gap.why in ABSENT]
    missing = situation.hook == DISCHARGE and bool(unlisted)
    telling = any(gap.concerns is not None or _is_damaged(gap) for gap in finding.gaps)
    return missing or telling or any(_taken(finding, situation))


def _is_passing(gap: Gap, situation: Situation) -> bool:
    return gap.why in _PASSING and gap.concerns is None and gap not in situation.orders.gaps


def _is_ordinary(situation: Situation, library: Library) -> bool:
    """Whether none of our own medicines is ordered, stopped or taken, as far as the record can be read."""
    ours = library.own_medicines()
    record = (item for item in situation.medications.items if item.state in TAKEN)
    return all(item.ingredients.isdisjoint(ours) for item in (*situation.orders.items, *record))


def _taken(finding: Finding, situation: Situation) -> list[Medication]:
    """What the patient takes of what a rule is about, by its evidence and by the record."""
    evidence = [item for item in finding.evidence if isinstance(item, Medication) and item.state in TAKEN]
    asked = [condition for condition in flat(finding.rule.when) if not isinstance(condition, Ordering)]
    named = [medicine for condition in asked for medicine in medicines(condition)]
    wanted = frozenset(ingredient for medicine in named for ingredient in medicine.ingredients)
    record = situation.medications.items
    return evidence + [item for item in record if item.state in TAKEN and item.ingredients & wanted]


def _is_damaged(gap: Gap) -> bool:
    """A list that failed, or an entry without a word that would tell what it is."""
    never_sent = gap.why is Why.NOT_SUPPLIED
    older_pages = gap.why is Why.MORE_PAGES and gap.before is not None
    return not (gap.label or never_sent or older_pages)


def gaps_to_say(findings: Iterable[Finding], situation: Situation) -> tuple[Gap, ...]:
    """Every gap once; beside orders of which none can be read, only that."""
    gaps = tuple(dict.fromkeys(gap for finding in findings for gap in finding.gaps))
    unread = tuple(gap for gap in gaps if gap in situation.orders.gaps)
    return unread if unread and nothing_read(situation) else gaps


def nothing_read(situation: Situation) -> bool:
    """Whether not one of the orders that the clinician is asked about could be read."""
    return bool(situation.orders.gaps) and not any(order.selected for order in situation.orders.items)


def reasons(gaps: Iterable[Gap], *, markup: bool) -> list[str]:
    """At most four reasons in plain words, and how many more there are; lists that lack the same way stand together."""
    lists: dict[Why, list[Gap]] = {}
    entries: list[str] = []
    for gap in gaps:
        if gap.why in _LISTS:
            lists.setdefault(gap.why, []).append(gap)
        else:
            entries.append(_entry(gap, markup=markup))
    said = [_together(why, missing) for why, missing in lists.items()] + list(dict.fromkeys(entries))
    if len(said) <= LONGEST_LIST:
        return said
    return [*said[: LONGEST_LIST - 1], f"{len(said) - LONGEST_LIST + 1} more entries could not be read"]


def _together(why: Why, gaps: list[Gap]) -> str:
    places = list(dict.fromkeys(map(_place, gaps)))
    several = len(places) > 1 or places[0] in SEVERAL
    return f"{listed(places)} {'were' if several else 'was'} {_LISTS[why]}"


def _place(gap: Gap) -> str:
    """The part of the record that is missing; of the medicines one alone is missing when it was selected, not sent."""
    kind, _, logical_id = gap.where.partition("/")
    if logical_id and kind.startswith("Medication"):
        return "the selected order"
    return PLACES.get(KIND_OF_PLACE.get(kind, kind), "a list")


def _entry(gap: Gap, *, markup: bool) -> str:
    if gap.where == "weight":
        return "the body weight is missing"
    label = plain(gap.label, LONGEST_LABEL)
    said = f"“{escaped(label) if markup else label}”" if label else "an entry"
    if gap.where == SUPPLIES and gap.why in {Why.NO_DATE, Why.NO_VALUE, Why.UNKNOWN_UNIT, Why.NO_ROUTE}:
        said = f"the supply of {said}"
    return _ENTRIES[gap.why].format(label=said).replace("the medicine an entry", "a medicine")


def indicator(findings: Iterable[Finding], situation: Situation, library: Library) -> Indicator:
    """A warning when a check of an ordered antispastic could not be made at all, else information."""
    selected = [order for order in situation.orders.items if order.selected]
    ordered: frozenset[str] = frozenset(ingredient for order in selected for ingredient in order.ingredients)
    ordered |= frozenset(name for gap in situation.orders.gaps for name in gap.concerns or ())
    undecided = [gap for finding in findings if finding.tier is None for gap in finding.gaps]
    orders = set(situation.orders.gaps)
    whole = any(gap.why not in _PASSING or gap.concerns is not None or gap in orders for gap in undecided)
    return Indicator.WARNING if whole and not ordered.isdisjoint(library.antispastics) else Indicator.INFO


def subject(findings: Iterable[Finding], situation: Situation, library: Library) -> str:
    """What was not checked: the medicines, ordered or at the chart taken, that the open questions are about."""
    ordered: set[str] = {i for order in situation.orders.items if order.selected for i in order.ingredients}
    ordered |= {name for gap in situation.orders.gaps for name in gap.concerns or ()}
    if at_chart(situation):
        ordered |= {i for finding in findings for item in _taken(finding, situation) for i in item.ingredients}
    triggers = {ingredient for finding in findings for ingredient in library.cards[finding.rule.id].triggers}
    names = [library.vocabulary.ingredient_name(RxCUI(one)) for one in sorted(ordered & triggers)]
    return listed(sorted(names)) or moment_of(situation.hook).whole


def summary(what: str, gaps: tuple[Gap, ...], situation: Situation) -> str:
    """What was not checked, and why: every reason if they fit on one line, else as much as fits."""
    verb = "were" if " and " in what else "was"
    start = f"{what[:1].upper()}{what[1:]} {verb} not {'checked' if nothing_read(situation) else 'fully checked'}: "
    said = reasons(gaps, markup=False)
    whole = listed(said)
    fewer = [f"{listed(reasons(gaps[:count], markup=False))} and more" for count in range(min(len(gaps), 4) - 1, 0, -1)]
    shorter = (whole, whole.replace("the ", ""), f"{said[0]} and more", *fewer, "see below")
    return start + next((one for one in shorter if len(start) + len(one) <= LONGEST_SUMMARY), shorter[-1])


def detail(
    findings: tuple[Finding, ...],
    gaps: tuple[Gap, ...],
    clear: tuple[Rule, ...],
    situation: Situation,
    library: Library,
) -> str:
    """What is missing, which checks wait for it, and which were made.

    When no order could be read, nothing was checked, and no list of checks would help.
    """
    by_when = moment_of(situation.hook).by_when
    why = listed(reasons(gaps, markup=True))
    lines = [f"{why[:1].upper()}{why[1:]}."]
    if nothing_read(situation):
        return f"{lines[0]} Nothing about the order was checked.\n\nCheck it yourself{by_when}."
    open_ = sorted([finding for finding in findings if finding.gaps], key=lambda one: _weight(one.rule, library))
    undecided = dict.fromkeys(library.cards[one.rule.id].checks for one in open_ if one.tier is None)
    partly = dict.fromkeys(library.cards[one.rule.id].checks for one in open_ if one.tier is not None)
    ranked = sorted(clear, key=lambda rule: _weight(rule, library))
    checked = dict.fromkeys(library.cards[rule.id].checks for rule in ranked)
    lists = {
        "Not checked": [*undecided],
        "Checked only in part": [one for one in partly if one not in undecided],
        "Checked and clear": [one for one in checked if one not in undecided and one not in partly],
    }
    lines += [f"{title}: {'; '.join(_first(checks))}." for title, checks in lists.items() if checks]
    return f"{' '.join(lines)}\n\n{_what_to_do(gaps, by_when)}"


def _weight(rule: Rule, library: Library) -> tuple[int, int, str]:
    """What may be most urgent comes first, and of that what is most about the ordered medicine."""
    return min(tier.indicator.urgency for tier in rule.tiers), len(library.cards[rule.id].triggers), rule.id


def _first(checks: list[str]) -> list[str]:
    """So many that the card is read to its end, and how many more there are."""
    if len(checks) <= LONGEST_LIST:
        return checks
    return [*checks[: LONGEST_LIST - 1], f"{len(checks) - LONGEST_LIST + 1} more"]


def _what_to_do(gaps: tuple[Gap, ...], by_when: str) -> str:
    keys = [KIND_OF_PLACE.get(gap.where.partition("/")[0], gap.where.partition(" ")[0]) for gap in gaps]
    places = list(dict.fromkeys(PLACES[key] for key in keys if key in PLACES))
    return f"Look at {listed(places[:LONGEST_LIST])}{by_when}." if places else f"Check it yourself{by_when}."
