"""The whole service in one function."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from cds_service.advice.policy import Fetch, MissingData, Policy
from cds_service.advice.rendering import Advice, render, shown
from cds_service.card_files.cards import Selection
from cds_service.card_files.library import WITHOUT_ORDERS, Library
from cds_service.clinical.model import Situation, Why
from cds_service.fhir.orders import OrderContext
from cds_service.fhir.reading import in_place_of_records, read_drafts, read_situation, start_reading
from cds_service.hooks.request import HookRequest, Json
from cds_service.rules.evaluate import Finding, evaluate


class NothingToCheck(Exception):
    """The data that the answer needs could not be had; carries the names of the prefetch keys."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        """Keep the keys, in the order of their names."""
        super().__init__(f"{len(missing)} keys are missing")
        self.missing = missing


def advise(request: HookRequest, library: Library, *, fetch: Fetch, policy: Policy, at: datetime) -> Advice:
    """Answer one call.

    Args:
        request: as the client sent it.
        library: the cards, loaded for one jurisdiction.
        fetch: hands in what the client did not send; the only thing here that may use the network.
        policy: what the deployment decides.
        at: now, aware; its calendar day is today.

    Raises:
        NothingToCheck: at patient-view, without any data; with `MissingData.REFUSE`, whenever a rule lacks data.
    """
    examined = examine(request, library, fetch=fetch, at=at)
    if examined is None:
        return Advice()
    selection, situation, findings = examined
    _refuse_if_missing(request, selection, situation, shown(findings, library), policy)
    context = OrderContext(request.patient_id, request.encounter_id, request.user_id, at)
    return render(findings, selection, situation, library, request, context)


def examine(
    request: HookRequest, library: Library, *, fetch: Fetch, at: datetime
) -> tuple[Selection, Situation, tuple[Finding, ...]] | None:
    """What was judged, what was known, and what came of it; None when no rule is about these orders."""
    reading = start_reading(request, library.vocabulary, library.codelists.problems, at)
    drafts = read_drafts(request, reading)
    selection = library.about(request.hook, drafts.medications, replacing=in_place_of_records(request))
    if not selection.rules:
        return None
    supplied = with_missing_data(request, selection.interests.keys, fetch)
    situation = read_situation(supplied, drafts, selection.interests, reading)
    return selection, situation, evaluate(selection.rules, situation)


def with_missing_data(request: HookRequest, keys: frozenset[str], fetch: Fetch) -> HookRequest:
    """The request with the keys that rules need and the client did not send, as far as they can be had."""
    sent: Mapping[str, Json] = request.prefetch or {}
    missing = keys - sent.keys()
    if not missing:
        return request
    fetched = fetch(request, missing)
    return replace(request, prefetch={**sent, **fetched}) if fetched else request


def _refuse_if_missing(
    request: HookRequest, selection: Selection, situation: Situation, findings: tuple[Finding, ...], policy: Policy
) -> None:
    """Refuse where nobody would see a card, or where the deployment wants the letter of the specification."""
    without_orders = request.hook in WITHOUT_ORDERS
    if not without_orders and policy.missing_data is not MissingData.REFUSE:
        return
    needed = selection.interests.keys
    absent = tuple(sorted(key for key in needed if _absent(key, situation)))
    if without_orders:
        if absent and len(absent) == len(needed):
            raise NothingToCheck(absent)
    else:
        met = {gap.where for finding in findings for gap in finding.gaps}
        if met & set(absent):
            raise NothingToCheck(tuple(sorted(met & set(absent))))


def _absent(key: str, situation: Situation) -> bool:
    listings = (situation.medications, situation.results, situation.problems, situation.lab_orders, situation.patient)
    gaps = (gap for listing in listings for gap in listing.gaps)
    return any(gap.where == key and gap.why in {Why.NOT_SUPPLIED, Why.FAILED} for gap in gaps)
