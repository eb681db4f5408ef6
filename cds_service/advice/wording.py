"""The words of a card, filled in with the values of this patient: the closed list of `card_files/words.py`."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from cds_service.advice.markdown import escaped, plain
from cds_service.card_files.cards import Card
from cds_service.card_files.library import Library
from cds_service.clinical.codes import TestName
from cds_service.clinical.days import Day, age_in_years
from cds_service.clinical.model import Medication, Problem, Result, Situation, State
from cds_service.clinical.quantity import INFINITE
from cds_service.fhir.tapers import TaperStep
from cds_service.rules.conditions import Medicine
from cds_service.rules.evaluate import Finding
from cds_service.rules.therapy import therapy, total_daily_mg

LONGEST_LIST: Final = 4
LONGEST_SUMMARY: Final = 139  # CDS Hooks: under 140 characters
_WORD: Final = re.compile(r"\{(\w+)\}")
_LOOSE_SPACE: Final = re.compile(r"[ \t]+(?=\n|$)|(?<= ) +")
_VERBS: Final = {
    State.ORDERED: "is being ordered too",
    State.PAUSED: "is paused",
    State.PLANNED: "is planned",
    State.LAPSED: "ran out lately",
}


def listed(words: Iterable[str]) -> str:
    """"a", "a and b", "a, b and c"."""
    items = list(dict.fromkeys(words))
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1]))) if items else ""


def on_day(day: Day) -> str:
    """A day as precise as it is known: "15 November 2026", "November 2026", "2026"."""
    if day.first == day.last:
        return f"{day.first.day} {day.first:%B %Y}"
    return f"{day.first:%B %Y}" if day.first.month == day.last.month else f"{day.first:%Y}"


def milligrams(amount: Decimal) -> str:
    """A number of milligrams a day, without needless zeros."""
    return f"{amount.normalize():f} mg/day"


@dataclass(frozen=True, slots=True)
class Wording:
    """Fills in the words of one card for one finding.

    Attributes:
        markup: the text is Markdown, so a client's words are escaped; otherwise it is a plain line.
    """

    card: Card
    finding: Finding
    situation: Situation
    library: Library
    taper_plan: tuple[TaperStep, ...] = ()
    markup: bool = False

    def fill(self, text: str) -> str:
        """The text with every {word} replaced; a capital first letter asks for a capital."""
        return _LOOSE_SPACE.sub("", _WORD.sub(self._word, text)).strip()

    def _word(self, match: re.Match[str]) -> str:
        said = match[1]
        value = WORDINGS[said.lower()](self)
        return value[:1].upper() + value[1:] if said[0].isupper() else value

    # who and what

    def name(self, medication: Medication) -> str:
        """The ingredients of a medication in plain words."""
        names = [self.library.vocabulary.ingredient_name(one) for one in sorted(medication.ingredients)]
        return "/".join(names) if names else self.said(medication.name)

    def said(self, words: str) -> str:
        """A client's own words."""
        return escaped(words) if self.markup else plain(words)

    def partners(self) -> tuple[Medication, ...]:
        """The medications in the evidence that the card is not about."""
        own = {order.ref for order in self.finding.orders}
        evidence = (item for item in self.finding.evidence if isinstance(item, Medication) and item not in self.finding.orders)
        return tuple(item for item in evidence if item.ref not in own)

    def subject(self) -> tuple[Medication, ...]:
        """The orders the card is about; without any, the medicines that make it true."""
        return self.finding.orders or self.partners()

    def ordered(self) -> str:
        """{ordered}."""
        return listed(self.name(item) for item in self.subject())

    def partner_names(self) -> str:
        """{partners}."""
        return listed(self.name(item) for item in self.partners()) or "another medicine"

    def pair(self) -> str:
        """{pair}."""
        partners = self.partners()
        if not partners:
            return f"{self.ordered()} ordered together"
        states = {item.state for item in partners}
        verb = _VERBS[next(iter(states))] if len(states) == 1 and states <= _VERBS.keys() else ""
        several = len({self.name(item) for item in partners}) > 1
        return f"{self.ordered()} ordered, {self.partner_names()} {verb or ('are running' if several else 'is running')}"

    def regimen(self) -> str:
        """{regimen}."""
        by_name: dict[str, list[Medication]] = {}
        for item in (*self.partners(), *self.finding.orders):
            by_name.setdefault(self.name(item), []).append(item)
        return "; ".join(self._taken(name, items) for name, items in list(by_name.items())[:LONGEST_LIST])

    def _taken(self, name: str, items: list[Medication]) -> str:
        drafts = [item for item in items if item.state is State.ORDERED]
        amount = self._dose(drafts or items)
        if drafts:
            return f"{name} {amount} is being ordered"
        state = {State.PAUSED: ", paused", State.LAPSED: ", ran out lately"}.get(items[0].state, "")
        return f"{name} {amount} {self._since(items[0])}{state}"

    # how much

    @staticmethod
    def _dose(items: Iterable[Medication]) -> str:
        amount = total_daily_mg(items)
        return "(dose not readable)" if amount.most == INFINITE else milligrams(amount.least)

    def daily_dose(self) -> str:
        """{daily_dose}."""
        return self._dose(self.subject())

    def before(self) -> str:
        """{before}."""
        record = [item for item in self.finding.evidence if isinstance(item, Medication) and item.state is not State.ORDERED]
        running = [item for item in record if item.state is not State.STOPPING] or record
        return self._dose(running)

    def ending(self) -> str:
        """{ending}."""
        stopped = [item for item in self.finding.evidence if isinstance(item, Medication) and item.state is not State.ORDERED]
        what = listed(self.name(item) for item in stopped)
        starts = listed(self.name(item) for item in self.situation.orders.items if item.state is State.ORDERED)
        how = f"replaced by {starts}" if starts else "stopped"
        return f"{what} {self.before()} is being {how} at once"

    def taper(self) -> str:
        """{taper}."""
        days = sum(step.days for step in self.taper_plan)
        return f"over {days // 7} weeks" if days else "stepwise"

    # when

    def _since(self, item: Medication) -> str:
        medicine = Medicine("", item.ingredients, None if item.route is None else str(item.route))
        started = therapy(self.situation, medicine).started or item.started
        if started is None or item.state is State.ORDERED:
            return "since an unknown date" if started is None else "from today"
        word = "from" if started.surely_after(self.situation.today) else "since"
        recent = started.days_ago(self.situation.today).most <= RECENT_DAYS
        return f"{word} {on_day(started) if recent else f'{started.first:%B %Y}'}"

    def start(self) -> str:
        """{start}."""
        record = [item for item in self.finding.evidence if isinstance(item, Medication) and item.state is not State.ORDERED]
        items = record or list(self.subject())
        medicines = (Medicine("", item.ingredients, None if item.route is None else str(item.route)) for item in items)
        started = next((day for one in medicines if (day := therapy(self.situation, one).started)), None)
        if started is None:
            return "since an unknown date"
        recent = started.days_ago(self.situation.today).most <= RECENT_DAYS
        return f"since {on_day(started) if recent else f'{started.first:%B %Y}'}"

    def _ago(self, day: Day) -> str:
        ago = day.days_ago(self.situation.today)
        if ago.least != ago.most:
            return f"in {on_day(day)}"
        return {0: "today", 1: "yesterday"}.get(max(ago.least, 0), f"{ago.least} days ago")

    # laboratory

    def results(self) -> str:
        """{results}."""
        shown = [self._result(result, " (", ")") for result in self._ranked()[:LONGEST_LIST]]
        return "; ".join(shown) or "no result"

    def worst_result(self) -> str:
        """{worst_result}."""
        ranked = self._ranked()
        if not ranked:
            return "abnormal liver tests"
        result = ranked[0]
        label = self._label(result.test)
        on = f"on {on_day(result.taken)}"
        return f"{label} {_times(result)} {on}" if result.times_uln else f"{label} marked high {on}"

    def in_short(self) -> str:
        """{in_short}."""
        said = [f"{self._label(one.test)} {_times(one) or self.said(one.shown)}" for one in self._ranked()]
        return listed([*said, *filter(None, [self.problems()])][:LONGEST_LIST]) or "abnormal liver tests"

    def _ranked(self) -> list[Result]:
        """The highest first; those measured like the first one the card asks for come before the others."""
        results = [item for item in self.finding.evidence if isinstance(item, Result)]
        if not results:
            return []
        unit = self.library.codelists.tests[results[0].test].unit
        return sorted(results, key=lambda one: (self.library.codelists.tests[one.test].unit != unit, -_height(one)))

    def _result(self, result: Result, before: str, after: str) -> str:
        times = _times(result) if result.times_uln else "marked high" if result.flagged_high else ""
        note = ", preliminary" if result.preliminary else ""
        value = f" {self.said(result.shown)}" if result.shown else ""
        times = f"{before}{times}{after}" if times else ""
        return f"{self._label(result.test)}{value}{times} on {on_day(result.taken)}{note}"

    def _label(self, test: TestName) -> str:
        return self.library.codelists.tests[test].label

    def _tests(self) -> str:
        for panel in self.library.codelists.panels.values():
            if panel.tests == self.card.tests:
                return panel.label
        return " or ".join(self._label(test) for test in sorted(self.card.tests))

    def last_tests(self) -> str:
        """{last_tests}."""
        taken = [result.taken for result in self.situation.results.items if result.test in self.card.tests]
        if not taken:
            return f"no {self._tests()} {'in what was sent' if self.situation.results.gaps else 'on record'}"
        return f"last {self._tests()} {self._ago(max(taken, key=lambda day: day.last))}"

    def missing_tests(self) -> str:
        """{missing_tests}."""
        done = {item.test for item in self.finding.evidence if isinstance(item, Result)}
        return listed(self._label(test) for test in sorted(self.card.tests - done))

    # the patient

    def problems(self) -> str:
        """{problems}."""
        found = [item for item in self.finding.evidence if isinstance(item, Problem)]
        labels = self.library.codelists.problem_labels
        said = (self.said(item.shown) or listed(labels[name] for name in sorted(item.names)) for item in found)
        return listed(list(said)[:LONGEST_LIST])

    def age(self) -> str:
        """{age}."""
        born = self.situation.patient.born
        if born is None:
            return "age unknown"
        years = age_in_years(born, self.situation.today)
        return f"{years.least} years" if years.least == years.most else f"{years.least} to {years.most} years"

    def factors(self) -> str:
        """{factors}."""
        said = [self.fill(self.card.factor_words[index]) for index in self.finding.factors]
        return f"Raises the risk here: {', '.join(said)}." if said else ""


RECENT_DAYS: Final = 60  # what began in these days is dated exactly, what began before by its month


def _height(result: Result) -> Decimal:
    return result.times_uln.least if result.times_uln else Decimal(0)


def _times(result: Result) -> str:
    """"3.5 times the upper limit", never rounded up to a limit it does not reach."""
    if result.times_uln is None:
        return ""
    least = result.times_uln.least.quantize(Decimal("0.1"), rounding=ROUND_DOWN)
    more = "more than " if result.times_uln.most == INFINITE else ""
    if least == 1 and result.times_uln.least > 1:
        return "just above the upper limit"
    return f"{more}{least.normalize():f} times the upper limit"


WORDINGS: Final[dict[str, Callable[[Wording], str]]] = {
    "ordered": Wording.ordered,
    "partners": Wording.partner_names,
    "pair": Wording.pair,
    "regimen": Wording.regimen,
    "daily_dose": Wording.daily_dose,
    "before": Wording.before,
    "ending": Wording.ending,
    "start": Wording.start,
    "results": Wording.results,
    "worst_result": Wording.worst_result,
    "in_short": Wording.in_short,
    "last_tests": Wording.last_tests,
    "missing_tests": Wording.missing_tests,
    "problems": Wording.problems,
    "factors": Wording.factors,
    "age": Wording.age,
    "taper": Wording.taper,
}
