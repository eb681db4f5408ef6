"""All cards together, and which of them can matter for the orders of one call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cds_service.card_files.cards import Card, Selection, Status
from cds_service.card_files.codelists import Codelists
from cds_service.clinical.codes import ProblemName, RxCUI, TestName
from cds_service.clinical.interests import WORKED_OUT_FROM, Interests, with_sources
from cds_service.clinical.model import Listing, Medication, State
from cds_service.drugs.products import Product
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.rules import conditions as c

WITHOUT_ORDERS: Final = frozenset({"patient-view", "encounter-discharge"})
PREGNANCY: Final = ProblemName("pregnancy")
_RECORD: Final = frozenset({"medications", "statements"})


@dataclass(frozen=True)
class Library:
    """The cards that are judged, by id; made once at the start.

    A call that orders nothing any card names selects no rule at all: nothing is read, fetched or judged for it.
    """

    cards: Mapping[str, Card]
    codelists: Codelists
    vocabulary: Vocabulary
    antispastics: frozenset[RxCUI]
    sha256: str = ""  # of the card files and code lists it was read from
    _by_hook: dict[str, tuple[Card, ...]] = field(default_factory=dict, repr=False)
    _by_trigger: dict[str, dict[RxCUI, tuple[Card, ...]]] = field(default_factory=dict, repr=False)
    _own: frozenset[RxCUI] = field(default=frozenset(), init=False, repr=False)
    _selections: dict[tuple[str, ...], Selection] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Index the cards by hook and by the medicines that can trigger them."""
        alone = [card.triggers for card in self.cards.values() if len(card.triggers) == 1]
        relaxants = self.codelists.classes.get("central-muscle-relaxant", frozenset())
        object.__setattr__(self, "_own", self.antispastics.union(relaxants, *alone))
        for card in self.cards.values():
            if card.status in {Status.ACTIVE, Status.SHADOW}:
                for hook in card.hooks:
                    self._by_hook[hook] = (*self._by_hook.get(hook, ()), card)
                    triggers = self._by_trigger.setdefault(hook, {})
                    for ingredient in card.triggers:
                        triggers[ingredient] = (*triggers.get(ingredient, ()), card)

    def about(self, hook: str, orders: Listing[Medication], *, replacing: bool = False) -> Selection:
        """The rules that can matter for these orders at this hook, and what they ask of the record.

        `replacing` says that a draft stands in the place of an order of the record, by its id.
        """
        if hook in WITHOUT_ORDERS or orders.gaps:
            return self._selection((hook,), self._by_hook.get(hook, ()))
        triggers = self._by_trigger.get(hook, {})
        named = sorted({i for order in orders.items if order.selected for i in order.ingredients if i in triggers})
        ends = replacing or any(order.continues - {order.ref} for order in orders.items if order.state is State.ORDERED)
        cards = {card.id: card for ingredient in named for card in triggers[ingredient]}
        if ends:  # a draft may put another medicine in the place of one that runs
            cards |= {card.id: card for card in self._by_hook.get(hook, ()) if _asks_about_replacement(card)}
        return self._selection((hook, str(ends), *named), tuple(cards.values()))

    def own_medicines(self) -> frozenset[RxCUI]:
        """Antispastic medicines, relaxants, and what has a card of its own, whatever else is taken."""
        return self._own

    def taper_tablets(self) -> tuple[Product, ...]:
        """The tablets that the tapers of the cards can be written for."""
        suggested = (one for card in self.cards.values() for show in card.shows for one in show.suggest)
        tapered = {ingredient for one in suggested if one.kind == "taper" for ingredient in one.ingredients}
        strengths = (self.vocabulary.oral_countable_strengths(ingredient) for ingredient in sorted(tapered))
        return tuple(product for products in strengths for product in products)

    def _selection(self, key: tuple[str, ...], cards: tuple[Card, ...]) -> Selection:
        selection = self._selections.get(key)
        if selection is None:
            selection = Selection(tuple(card.rule for card in cards), interests(cards, self.codelists))
            if len(self._selections) < 10_000:  # noqa: PLR2004 (callers choose the drafts: the memory stays bounded)
                self._selections[key] = selection
        return selection


def interests(cards: Iterable[Card], codelists: Codelists) -> Interests:
    """What these cards ask of the record."""
    chosen = tuple(cards)
    conditions = [condition for card in chosen for condition in all_conditions(card)]
    ingredients = frozenset(
        i for condition in conditions for medicine in medicines(condition) for i in medicine.ingredients
    )
    tests = frozenset(name for condition in conditions for name in tests_of(condition))
    tests |= frozenset(name for card in chosen for name in card.tests)
    tests = with_sources(tests)
    return Interests(
        ingredients=ingredients,
        tests={code: test for code, test in codelists.tests_by_loinc.items() if test.name in tests},
        panels=codelists.ordered_tests(),
        problems=codelists.problems,
        keys=frozenset(key for card in chosen for key in card.needs),
    )


def all_conditions(card: Card) -> tuple[c.Condition, ...]:
    """Every condition of a card, those inside `any_of` too."""
    rule = card.rule
    listed = [*rule.when, *rule.unless, *rule.factors]
    for tier in rule.tiers:
        listed += [*tier.when, *tier.unless]
    return tuple(flat(listed))


def flat(conditions: Iterable[c.Condition]) -> Iterable[c.Condition]:
    """The conditions, and beside every `any_of` those inside it."""
    for condition in conditions:
        yield condition
        if isinstance(condition, c.AnyOf):
            yield from condition.conditions


def medicines(condition: c.Condition) -> tuple[c.Medicine, ...]:
    """The medicines that a condition names."""
    match condition:
        case c.Together(first, second):
            return (first, second)
        case c.CountOf(named):
            return named
        case c.ResultWithin(_, _, or_start_of):
            return () if or_start_of is None else (or_start_of,)
        case _:
            medicine = getattr(condition, "medicine", None)
            return () if medicine is None else (medicine,)


def tests_of(condition: c.Condition) -> frozenset[TestName]:
    """The tests that a condition names."""
    tests = getattr(condition, "tests", None)
    return frozenset() if tests is None else frozenset(tests.names)


def needs(conditions: Iterable[c.Condition], *, lowered_on_renewal: bool) -> frozenset[str]:
    """The prefetch keys that hold what conditions ask for."""
    keys = set(_RECORD) if lowered_on_renewal else set()
    for condition in flat(conditions):
        keys |= _keys(condition)
    return frozenset(keys)


def _keys(condition: c.Condition) -> frozenset[str]:  # noqa: C901, PLR0911 (one line per kind of data)
    match condition:
        case c.Ordering() | c.Moment() | c.Fixed() | c.AnyOf():
            return frozenset()
        case c.Sex() | c.Age():
            return frozenset({"patient"})
        case c.HasProblem(problem):  # a pregnancy may stand among the results, too
            return frozenset({"conditions", "results"} if problem == PREGNANCY else {"conditions"})
        case c.AllergicToOrdered():
            return frozenset({"allergies"})
        case c.ResultAfter():
            return _RECORD | {"results"}
        case c.ResultWithin(_, _, or_start_of):
            return frozenset({"results"}) if or_start_of is None else _RECORD | {"results"}
        case c.Newest(tests) | c.Earlier(tests) | c.FlaggedHigh(tests):  # who works a test out asks for sex and age
            worked_out = not WORKED_OUT_FROM.keys().isdisjoint(tests.names)
            return frozenset({"results", "patient"} if worked_out else {"results"})
        case c.Pending():
            return frozenset({"orders"})
        case c.CourseFor(_, _, or_days, without):
            return frozenset() if or_days is None else _RECORD | ({"conditions"} if without else frozenset())
        case c.Lapsed():
            return _RECORD | {"dispenses"}
        case c.DailyDose(per_kg=True):
            return _RECORD | {"weight"}
        case _:
            return _RECORD


def triggers(when: Iterable[c.Condition]) -> frozenset[RxCUI]:
    """The medicines of which one must be among the drafts: of several such conditions, the narrowest.

    A condition that asks what is being ordered decides; only without one does a medicine that is merely
    taken: a card speaks about what the clinician is doing, not about every order of a patient who takes it.
    """
    lines = tuple(when)
    asked = [found for found in map(_ordered_medicines, lines) if found]
    named = [_ingredients(medicine for one in flat((line,)) for medicine in medicines(one)) for line in lines]
    return min(asked or [found for found in named if found], key=len, default=frozenset())


def _ordered_medicines(condition: c.Condition) -> frozenset[RxCUI]:
    match condition:
        case (
            c.Ordering()
            | c.Starting()
            | c.Increasing()
            | c.Ending()
            | c.Together()
            | c.FirstRenewal()
            | c.CountOf(anything=False)
            | c.AllergicToOrdered()
        ):
            return _ingredients(medicines(condition))
        case c.AnyOf(branches):
            asked = [_ordered_medicines(branch) for branch in branches if not isinstance(branch, c.Moment)]
            return frozenset().union(*asked) if all(asked) else frozenset()
        case _:
            return frozenset()


def _ingredients(named: Iterable[c.Medicine]) -> frozenset[RxCUI]:
    return frozenset(ingredient for medicine in named for ingredient in medicine.ingredients)


def _asks_about_replacement(card: Card) -> bool:
    endings = (condition for condition in all_conditions(card) if isinstance(condition, c.Ending))
    return any(c.EndedBy.REPLACEMENT in ending.by for ending in endings)


_DATA: Final = {
    "medications": "medicines ordered and taken",
    "dispenses": "dispensed supplies",
    "conditions": "problems",
    "allergies": "allergies",
    "results": "laboratory results",
    "orders": "pending laboratory orders",
    "weight": "weight",
}


def patient_data(conditions: Iterable[c.Condition]) -> tuple[str, ...]:
    """Which data of a patient a card looks at, in plain words: sex and date of birth are named apart."""
    asked = tuple(flat(conditions))
    keys = frozenset().union(*[_keys(condition) for condition in asked]) | {"medications"}
    said = [words for key, words in _DATA.items() if key in keys]
    said += ["sex"] if any(isinstance(one, c.Sex) for one in asked) else []
    return (*said, *(["date of birth"] if any(isinstance(one, c.Age) for one in asked) else []))
