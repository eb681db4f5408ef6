"""The whole service in one function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import Final
from uuid import UUID

from cds_service.advice.memory import NOTHING_SEEN, Memory, NoMemory, Seen
from cds_service.advice.policy import Fetch, Fetching, MissingData, Policy
from cds_service.advice.record import Phase
from cds_service.advice.rendering import Advice, render, shown
from cds_service.advice.settling import SELECT, SIGN
from cds_service.card_files.cards import Selection, Status
from cds_service.card_files.library import WITHOUT_ORDERS, Library
from cds_service.clinical.interests import Interests
from cds_service.clinical.model import ABSENT, Situation, Why
from cds_service.fhir.context import Reading
from cds_service.fhir.lacking import lacking_drafts, lacking_medicines, lacking_record, with_fetched
from cds_service.fhir.orders import OrderContext
from cds_service.fhir.reading import Drafts, in_place_of_records, read_drafts, read_situation, start_reading
from cds_service.fhir.verified import without_the_verified
from cds_service.fhir.versions import Spoken, spoken_by
from cds_service.fhir.wanted import Fetched, Outcome, Wanted
from cds_service.hooks.request import HookRequest
from cds_service.rules.evaluate import Finding, evaluate

_NO_MEMORY: Final = NoMemory()


class NothingToCheck(Exception):
    """The data that the answer needs could not be had; carries the names of the prefetch keys."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        """Keep the keys, in the order of their names."""
        super().__init__(f"{len(missing)} keys are missing")
        self.missing = missing


def advise(  # noqa: PLR0913 - the whole of what an answer depends on, each by its name
    request: HookRequest,
    library: Library,
    *,
    fetch: Fetch,
    policy: Policy,
    at: datetime,
    memory: Memory = _NO_MEMORY,
    clock: Callable[[], float] = perf_counter,
) -> Advice:
    """Answer one call.

    Args:
        request: as the client sent it.
        library: the cards, loaded for one jurisdiction.
        fetch: hands in what the client did not send; the only thing here that may use the network.
        policy: what the deployment decides, for this client.
        at: now, aware; its calendar day is today.
        memory: what this client's clinicians were shown, and what they overrode.
        clock: seconds that only ever grow, for the phases.

    Raises:
        NothingToCheck: where nothing is ordered (patient-view, encounter-discharge), without any data; with
            `MissingData.REFUSE`, whenever a rule lacks data.
    """
    began = clock()
    timed = _Timed(fetch, clock)
    until = began + policy.answer_s
    examined = examine(request, library, fetch=timed, policy=policy, at=at, in_time=lambda: clock() < until)
    judged = clock()
    if examined is None:
        return Advice(took_ms=_took_ms(began, judged, judged, timed.spent))
    _refuse_if_missing(request, examined, shown(examined.findings, library), library, policy)
    version = examined.spoken.answered_in
    context = OrderContext(
        request.patient_id, request.encounter_id, request.user_id, at, version, policy.detected_issue
    )
    seen, remembering = _remembered(request, examined.findings, policy, memory, at)
    answer = render(
        examined.findings,
        examined.selection,
        examined.situation,
        library,
        request,
        context,
        seen,
        remembering=remembering,
    )
    if answer.to_remember:
        memory.remember(request, answer.to_remember, at)
    return replace(
        answer,
        spoken=examined.spoken,
        others=examined.situation.others,
        outcomes=examined.outcomes,
        took_ms=_took_ms(began, judged, clock(), timed.spent),
    )


def _remembered(
    request: HookRequest, findings: tuple[Finding, ...], policy: Policy, memory: Memory, at: datetime
) -> tuple[Seen, bool]:
    """What the memory has for this call, and whether it wants what is shown now; it is asked only if it may matter."""
    coordinates = policy.deduplicate if request.coordinates is None else request.coordinates
    overrides = bool(policy.override_kept)
    may_matter = _can_be_remembered(request) and any(finding.tier is not None for finding in findings)
    asking = may_matter and (overrides or (coordinates and request.hook == SIGN))
    seen = memory.seen(request, at) if asking else NOTHING_SEEN
    if not coordinates:
        seen = replace(seen, shown={})
    return seen, may_matter and (overrides or (coordinates and request.hook == SELECT))


def _can_be_remembered(request: HookRequest) -> bool:
    """Whether somebody is named who could remember, and the ids of the cards are those of this call alone.

    They are made from hookInstance: where that is no UUID, feedback about another patient's card could bear them.
    """
    try:
        UUID(request.hook_instance)
    except ValueError:
        return False
    return request.user_id is not None


def _took_ms(began: float, judged: float, rendered: float, fetching: float) -> Mapping[Phase, float]:
    return {
        Phase.FETCH: round(fetching * 1000, 2),
        Phase.JUDGE: round((judged - began - fetching) * 1000, 2),
        Phase.RENDER: round((rendered - judged) * 1000, 2),
    }


class _Timed:
    """Fetches, and counts the seconds that were spent waiting for it."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float]) -> None:
        self.spent = 0.0
        self._fetch = fetch
        self._clock = clock

    def __call__(self, request: HookRequest, /) -> Fetching:
        fetching = self._fetch(request)

        def timed(wanted: Wanted, /) -> Fetched:
            began = self._clock()
            try:
                return fetching(wanted)
            finally:
                self.spent += self._clock() - began

        return timed


@dataclass(frozen=True, slots=True, repr=False)
class Examined:
    """What was judged, what was known, and what came of it.

    Attributes:
        spoken: the FHIR version the client speaks.
        outcomes: how many of the things asked of its FHIR server ended how.
    """

    selection: Selection
    situation: Situation
    findings: tuple[Finding, ...]
    spoken: Spoken
    outcomes: Mapping[Outcome, int]


def examine(  # noqa: PLR0913 - as `advise`
    request: HookRequest,
    library: Library,
    *,
    fetch: Fetch,
    policy: Policy,
    at: datetime,
    in_time: Callable[[], bool] = lambda: True,
) -> Examined | None:
    """Read and judge one call; None when no rule is about these orders."""
    fetching = fetch(request)
    problems = library.codelists.problems
    reading = start_reading(request, library.vocabulary, problems, at, null_is_none=policy.null_is_none)
    drafts = read_drafts(reading)
    if drafts.medications.gaps and request.fhir_server and (wanted := lacking_drafts(reading)):
        reading = with_fetched(reading, fetching(wanted))
        drafts = read_drafts(reading)
    replacing = in_place_of_records(request)
    selection = library.about(request.hook, drafts.medications, replacing=replacing)
    if not selection.rules:
        return None
    supplied = with_missing_data(reading, selection.interests, drafts, fetching)
    if supplied is not reading and not replacing and in_place_of_records(supplied.request):
        selection = library.about(request.hook, drafts.medications, replacing=True)
        supplied = with_missing_data(supplied, selection.interests, drafts, fetching)
    if supplied is not reading and any(order.undosed is Why.NO_WEIGHT for order in drafts.medications.items):
        drafts = read_drafts(supplied)  # a dose for each kilogram is known once the weight is
    situation = read_situation(without_the_verified(supplied), drafts, selection.interests)
    spoken = spoken_by(request.drafts, supplied.request.prefetch or {}).told(supplied.version)
    findings = evaluate(selection.rules, situation, in_time=in_time)
    return Examined(selection, situation, findings, spoken, supplied.outcomes)


def with_missing_data(reading: Reading, interests: Interests, drafts: Drafts, fetching: Fetching) -> Reading:
    """The reading with what rules need and the client did not send, as far as it can be had.

    Lists that were fetched may point at medicines that did not come with them: those are asked for once more.
    """
    if reading.request.fhir_server is None:
        return reading
    for lacking in (lacking_record, lacking_medicines):
        wanted = lacking(reading, interests, drafts.medications.items)
        if wanted:
            reading = with_fetched(reading, fetching(wanted))
    return reading


def _refuse_if_missing(
    request: HookRequest, examined: Examined, findings: tuple[Finding, ...], library: Library, policy: Policy
) -> None:
    """Refuse where nobody would see a card, or where the deployment wants the letter of the specification.

    What only cards in the shadow ask for is none of the client's business.
    """
    without_orders = request.hook in WITHOUT_ORDERS
    if not without_orders and policy.missing_data is not MissingData.REFUSE:
        return
    chosen = (library.cards[rule.id] for rule in examined.selection.rules)
    needed = frozenset().union(*[card.needs for card in chosen if card.status is Status.ACTIVE]) - _REFINING
    absent = tuple(sorted(key for key in needed if _absent(key, examined.situation)))
    if without_orders:
        if absent and len(absent) == len(needed):
            raise NothingToCheck(absent)
    else:
        met = {gap.where for finding in findings for gap in finding.gaps}
        if met & set(absent):
            raise NothingToCheck(tuple(sorted(met & set(absent))))


# Without them other lists say less exactly when an order ends or how high a dose is: no gap stands in their place.
_REFINING: Final = frozenset({"dispenses", "weight"})


def _absent(key: str, situation: Situation) -> bool:
    lists = (situation.medications, situation.problems, situation.allergies, situation.results, situation.lab_orders)
    listings = (*lists, situation.patient)
    gaps = (gap for listing in listings for gap in listing.gaps)
    return any(gap.where == key and gap.why in ABSENT for gap in gaps)
