"""The buttons of a card: complete resources, or the deletion of a draft."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from cds_service.advice.markdown import plain
from cds_service.advice.wording import Wording
from cds_service.card_files.cards import Show, Suggest
from cds_service.clinical.codes import Route, RxCUI
from cds_service.clinical.model import TAKEN, Medication, State
from cds_service.clinical.quantity import INFINITE
from cds_service.fhir.orders import OrderContext, lab_order, tablets_for, taper_order
from cds_service.fhir.tapers import TaperStep, plan_taper
from cds_service.rules.evaluate import Finding
from cds_service.rules.therapy import total_daily_mg

Json = dict[str, Any]
PENDING_DAYS: Final = 30  # an order for tests that is older was most likely never carried out


@dataclass(frozen=True, slots=True)
class Button:
    """One suggestion before it gets its uuid."""

    label: str
    actions: tuple[Json, ...]
    recommended: bool


def buttons(show: Show, wording: Wording, context: OrderContext) -> tuple[Button, ...]:
    """The buttons of a card that make sense for these orders; what is ordered already is not suggested again."""
    return tuple([button for suggest in show.suggest for button in _buttons(suggest, wording, context)])


def _buttons(suggest: Suggest, wording: Wording, context: OrderContext) -> Iterable[Button]:
    match suggest.kind:
        case "order":
            yield from _order(suggest, wording, context)
        case "remove":
            for order in _meant(suggest, wording):
                yield _delete(suggest, order, wording, "Remove")
        case "keep":
            for stop in _removable(_stops(suggest.ingredients, wording), wording):
                yield _delete(suggest, stop, wording, "Remove the stop of")
        case _:
            yield from _taper(suggest, wording, context)


def _order(suggest: Suggest, wording: Wording, context: OrderContext) -> Iterable[Button]:
    panel = suggest.panel
    if panel is None or _ordered_already(panel.tests, wording):
        return
    about = [order.ref for order in wording.finding.orders]
    resource = lab_order(panel, _reason(wording), about, context)
    action = {"type": "create", "description": f"Order {panel.label}: {panel.display}", "resource": resource}
    yield Button(wording.fill(suggest.label), (action,), suggest.recommended)


def _reason(wording: Wording) -> str:
    return f"{wording.card.checks[:1].upper()}{wording.card.checks[1:]}"


def _ordered_already(tests: frozenset[Any], wording: Wording) -> bool:
    since = wording.situation.today - timedelta(days=PENDING_DAYS)
    orders = wording.situation.lab_orders.items
    recent = (order for order in orders if order.ordered is None or order.ordered.last >= since)
    return tests <= frozenset(test for order in recent for test in order.tests)


def _meant(suggest: Suggest, wording: Wording) -> Iterable[Medication]:
    """The drafts to remove: those the card is about, or every selected one of a medicine."""
    if suggest.what == "ordered":
        orders: Iterable[Medication] = wording.finding.orders
    else:
        drafts = wording.situation.orders.items
        orders = (item for item in drafts if item.selected and item.ingredients & suggest.ingredients)
    return (order for order in orders if order.state is State.ORDERED and "/" in order.ref)


def _stops(ingredients: frozenset[RxCUI], wording: Wording) -> Iterable[Medication]:
    drafts = wording.situation.orders.items
    return (
        item for item in drafts if item.state is State.STOPPING and item.ingredients & ingredients and "/" in item.ref
    )


def _removable(stops: Iterable[Medication], wording: Wording) -> tuple[Medication, ...]:
    """The stops that are drafts of their own: to delete one that is the running order itself would delete that."""
    record = {item.ref for item in wording.situation.medications.items}
    return tuple(stop for stop in stops if stop.ref not in record)


def _delete(suggest: Suggest, order: Medication, wording: Wording, verb: str) -> Button:
    name = wording.name(order)
    twins = [
        item for item in wording.situation.orders.items if wording.name(item) == name and item.state is order.state
    ]
    label = wording.fill(suggest.label, ordered=name)
    if len(twins) > 1:  # two orders of one medicine need two labels that can be told apart
        label = f"{label} ({plain(order.name)})"
    action = {"type": "delete", "description": f"{verb} {name}", "resourceId": order.ref}
    return Button(label, (action,), suggest.recommended)


def running_dose(finding: Finding, ingredients: frozenset[RxCUI]) -> tuple[Medication, ...]:
    """The running orders of a medicine among the evidence; the stop itself when the record was not supplied."""
    evidence = [item for item in finding.evidence if isinstance(item, Medication) and item.ingredients & ingredients]
    by_mouth = [item for item in evidence if item.route in {None, Route.ORAL} and item.state is not State.ORDERED]
    return tuple(item for item in by_mouth if item.state in TAKEN) or tuple(by_mouth)


def taper_plan(show: Show, finding: Finding) -> tuple[TaperStep, ...]:
    """The taper that a card proposes; nothing when it proposes none, or the running dose is unknown."""
    ingredients = next((one.ingredients for one in show.suggest if one.kind == "taper"), None)
    if ingredients is None:
        return ()
    amount = total_daily_mg(running_dose(finding, ingredients))
    return plan_taper(None if amount.most == INFINITE else amount.least)


def _taper(suggest: Suggest, wording: Wording, context: OrderContext) -> Iterable[Button]:
    """Two actions: the stop goes, the taper comes (decision 26).

    Without a stop of its own there is only the taper, in the place of what has been stopped or replaced.
    """
    plan = wording.taper_plan
    running = running_dose(wording.finding, suggest.ingredients)
    stops = tuple(_stops(suggest.ingredients, wording))
    drafts = wording.situation.orders.items
    nameless = any(one.state is State.STOPPING and "/" not in one.ref for one in drafts)  # it could not be removed
    if not plan or not running or nameless:
        return
    often = max((step.times_a_day for item in running for step in item.steps if step.times_a_day), default=None)
    ingredient = next(iter(suggest.ingredients))
    tablet = tablets_for(plan, often, wording.library.vocabulary.oral_countable_strengths(ingredient))
    if tablet is None:
        return
    name = wording.name(running[0])
    prior = running[0].ref if running[0].state in TAKEN else None
    resource = taper_order(tablet, name, plan, often, prior, context)
    deletes = [
        {"type": "delete", "description": f"Remove the stop of {name}", "resourceId": one.ref}
        for one in _removable(stops, wording)
    ]
    create = {"type": "create", "description": f"Order a taper of {name} {wording.taper()}", "resource": resource}
    yield Button(wording.fill(suggest.label), (*deletes, create), suggest.recommended)
