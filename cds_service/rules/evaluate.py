"""From rules and a situation to findings, and from findings to those worth saying."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from cds_service.clinical.codes import Indicator
from cds_service.clinical.days import Day
from cds_service.clinical.model import Evidence, Gap, Medication, Patient, Situation, State, Why
from cds_service.clinical.quantity import Truth
from cds_service.rules.conditions import Condition
from cds_service.rules.judging import judge
from cds_service.rules.therapy import DRAFTED, series_of, unchanged_renewal
from cds_service.rules.verdict import FAILS, HOLDS, Verdict, both, unknown

Conditions: TypeAlias = tuple[Condition, ...]

REFILL: Final = "medication-refill"

_HOLDS: Final = Truth.HOLDS  # see verdict.py
_FAILS: Final = Truth.FAILS


@dataclass(frozen=True, slots=True)
class Tier:
    """One degree of a rule: its own conditions beside the rule's, and how urgent it is."""

    indicator: Indicator
    when: Conditions = ()
    unless: Conditions = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: every `when` holds, no `unless` does, and the first tier that holds decides.

    Attributes:
        factors: conditions that do not decide anything, but belong into the words when they hold.
        supersedes: the ids of rules that say less about the same clinical problem.
        lowered_on_renewal: an unchanged renewal makes it information at most, unless something is new (decision 13).
        shown_if_undecided: an `unless` that cannot be decided does not keep the card back.
    """

    id: str
    when: Conditions
    unless: Conditions
    tiers: tuple[Tier, ...]
    factors: Conditions = ()
    supersedes: frozenset[str] = frozenset()
    lowered_on_renewal: bool = False
    shown_if_undecided: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Finding:
    """A rule that holds, or one that could not be decided.

    Attributes:
        tier: the index of the tier that holds; None when undecided.
        indicator: of the tier, as far as paused, provisional and unchanged facts leave it; None when undecided.
        evidence: what proves it, each thing once.
        orders: the drafts it is about.
        gaps: what kept it undecided, or could have made it more urgent.
        factors: the indexes of the factors that hold.
        renewal: it was lowered because the order is an unchanged renewal.
    """

    rule: Rule
    tier: int | None = None
    indicator: Indicator | None = None
    evidence: tuple[Evidence, ...] = ()
    orders: tuple[Medication, ...] = ()
    gaps: tuple[Gap, ...] = ()
    factors: tuple[int, ...] = ()
    renewal: bool = False

    def __repr__(self) -> str:
        """Which rule and tier, never the patient."""
        return f"<Finding {self.rule.id} tier={self.tier} {self.indicator}>"


def evaluate(
    rules: Iterable[Rule], situation: Situation, *, in_time: Callable[[], bool] = lambda: True
) -> tuple[Finding, ...]:
    """Judge every rule; those that fail leave no finding.

    A rule that raises counts as not checked, and its neighbours still run: an error in our own code is
    never taken for safety, nor does it take the other cards from the clinician. The same holds of the rules whose turn
    comes when `in_time` has become false.
    """
    findings = []
    for rule in rules:
        try:
            finding = find(rule, situation) if in_time() else Finding(rule, gaps=(Gap(rule.id, Why.OUT_OF_TIME),))
        except Exception:  # noqa: BLE001 (whatever a rule raises, the clinician hears that it was not checked)
            finding = Finding(rule, gaps=(Gap(rule.id, Why.RULE_FAILED),))
        if finding is not None:
            findings.append(finding)
    return tuple(findings)


def find(rule: Rule, situation: Situation) -> Finding | None:
    """Judge one rule; None when it surely does not hold."""
    base = _both(rule.when, rule.unless, situation, unless_may_be_open=rule.shown_if_undecided)
    if base.truth is _FAILS:
        return None
    passed: list[tuple[Indicator, Gap]] = []  # gaps of tiers that could not be decided
    undecided = False
    for index, tier in enumerate(rule.tiers):
        own = _both(tier.when, tier.unless, situation)
        if own.truth is _HOLDS and base.truth is _HOLDS:
            return _holding(rule, index, both(base, own), passed, situation)
        if own.truth is not _FAILS:
            undecided = True
            passed += [(tier.indicator, gap) for gap in base.gaps + own.gaps]
    if not undecided:
        return None
    # An unknown that cannot name its gap would be a mistake of ours; it is said all the same.
    gaps = _once([gap for _, gap in passed]) or (Gap(rule.id, Why.RULE_FAILED),)
    return Finding(rule, evidence=base.evidence, orders=_orders(base.evidence), gaps=gaps)


def _both(when: Conditions, unless: Conditions, situation: Situation, *, unless_may_be_open: bool = False) -> Verdict:
    """Every `when` holds and no `unless` does. What surely fails decides before what is unknown."""
    verdict = HOLDS
    for condition in when:
        found = judge(condition, situation)
        if found.truth is _FAILS:
            return FAILS
        verdict = found if verdict is HOLDS else both(verdict, found)
    undecided: list[Verdict] = []
    for condition in unless:
        against = judge(condition, situation)
        if against.truth is _HOLDS:
            return FAILS
        if against.truth is not _FAILS:
            undecided.append(against)
    if undecided and not unless_may_be_open:
        return both(verdict, unknown(*[gap for against in undecided for gap in against.gaps]))
    return verdict


def _holding(
    rule: Rule, index: int, verdict: Verdict, passed: list[tuple[Indicator, Gap]], situation: Situation
) -> Finding | None:
    """The finding of a tier that holds; None when it only repeats at a refill what was true before.

    A refill shows overdue monitoring and lapses (decision 13). What could not be decided is said there, too.
    """
    evidence = tuple(dict.fromkeys(verdict.evidence))
    orders = _orders(evidence)
    indicator = rule.tiers[index].indicator
    # What could only have made the card milder is no news; what could have made it say more is.
    open_ = _once(gap for worse, gap in passed if worse.urgency <= indicator.urgency and gap not in verdict.accounted)
    refill = situation.hook == REFILL
    may_be_lowered = rule.lowered_on_renewal and (refill or indicator is not Indicator.INFO)
    renewal = may_be_lowered and _nothing_new(orders, evidence, situation)
    if renewal and refill:
        return Finding(rule, evidence=evidence, orders=orders, gaps=open_) if open_ else None
    if verdict.lowered:
        indicator = indicator.lowered()
    if verdict.capped and indicator is Indicator.CRITICAL:
        indicator = Indicator.WARNING
    if renewal:
        indicator = Indicator.INFO
    factors = [at for at, factor in enumerate(rule.factors) if judge(factor, situation).truth is _HOLDS]
    return Finding(rule, index, indicator, evidence, orders, open_, tuple(factors), renewal)


def _orders(evidence: Iterable[Evidence]) -> tuple[Medication, ...]:
    """The drafts the clinician is asked about that are among the evidence; only drafts are ordered or stopping."""
    medications = [item for item in evidence if isinstance(item, Medication)]
    return tuple(dict.fromkeys([item for item in medications if item.state in DRAFTED and item.selected]))


def _nothing_new(orders: tuple[Medication, ...], evidence: tuple[Evidence, ...], situation: Situation) -> bool:
    """Every order renews what runs at a dose not higher, and nothing else is younger than what it renews."""
    renewed = [unchanged_renewal(order, situation) for order in orders]
    if not renewed or any(before is None or before.written is None for before in renewed):
        return False
    since = min(before.written.last for before in renewed if before is not None and before.written is not None)
    others = (item for item in evidence if item not in orders)
    return all(known_by(item, since, situation) for item in others)


def known_by(item: Evidence, since: date, situation: Situation) -> bool:
    """Whether it was true on that day already; what has no date counts as new."""
    if isinstance(item, Patient):
        return True  # who the patient is, is no news
    day = _series_start(item, situation) if isinstance(item, Medication) else item.since
    return day is not None and day.last <= since


def _series_start(item: Medication, situation: Situation) -> Day | None:
    if item.state is State.ORDERED:
        renewed = unchanged_renewal(item, situation)
        return None if renewed is None else _series_start(renewed, situation)
    series = series_of(situation, item)
    return None if series.undated else series.started


def _once(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    return tuple(dict.fromkeys(gaps))


def settle(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Leave out what a more specific finding says better, and put the most urgent first.

    A finding that could not be decided never silences another, nor does one that is less urgent.
    """
    heard = (finding for finding in findings if not any(_silences(other, finding) for other in findings))
    return tuple(sorted(heard, key=_urgency))


def _silences(one: Finding, other: Finding) -> bool:
    if one.indicator is None or other.rule.id not in one.rule.supersedes:
        return False
    return other.indicator is None or one.indicator.urgency <= other.indicator.urgency


def _urgency(finding: Finding) -> tuple[int, str]:
    return (finding.indicator.urgency if finding.indicator else len(Indicator), finding.rule.id)
