"""From findings to cards: CDS Hooks JSON without empty members, the most urgent first."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid5

from cds_service.advice import moments, not_checked
from cds_service.advice.markdown import plain
from cds_service.advice.memory import NOTHING_SEEN, Overridden, Remembered, Seen, ToRemember
from cds_service.advice.record import Phase, Showing, Traced
from cds_service.advice.settling import facts_of, lowered, repeated
from cds_service.advice.suggestions import buttons, once_each, taper_plan
from cds_service.advice.wording import LONGEST_SUMMARY, Wording
from cds_service.card_files.cards import Card, Claim, Selection, Show, Status
from cds_service.card_files.library import Library
from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Gap, Medication, Situation, Why
from cds_service.fhir.orders import OrderContext
from cds_service.fhir.versions import Spoken
from cds_service.fhir.wanted import Outcome
from cds_service.hooks.cards import OVERRIDE_REASON_SYSTEM, OVERRIDE_REASONS, TOPIC_SYSTEM
from cds_service.hooks.request import HookRequest
from cds_service.rules.evaluate import Finding, Rule, settle

CardJson = dict[str, Any]
NAMESPACE: Final = UUID("5f0a1c7e-6a0e-5d1b-9d54-9b9a3a1e2c10")
EXTENSION: Final = "org.cds-service.card"
REPEATS: Final = "org.cds-service.not-repeated"
OWN_CHOICE: Final = "choice of this service"
NOT_CHECKED: Final = "not-checked"
NOT_CHECKED_REASONS: Final = ("need-more-info", "action-completed", "action-not-priority")


@dataclass(frozen=True, slots=True)
class Advice:
    """What one call is answered with.

    Attributes:
        cards: as CDS Hooks writes them.
        not_checked: how many rules could not be decided.
        spoken: the FHIR version the client spoke; None when nothing was judged.
        others: how many resources were left out because they are another patient's.
        outcomes: how many of the things asked of its FHIR server ended how.
        traced: what the audit keeps: the cards shown, those not repeated, and those in the shadow.
        gaps: what kept checks from being made, counted by kind.
        took_ms: how long the phases took, in milliseconds.
        repeated: what is not said again because it was said at order-select.
        to_remember: what the memory may keep of the cards shown.
    """

    cards: tuple[CardJson, ...] = ()
    not_checked: int = 0
    spoken: Spoken | None = None
    others: int = 0
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    traced: tuple[Traced, ...] = ()
    gaps: Mapping[Why, int] = field(default_factory=dict)
    took_ms: Mapping[Phase, float] = field(default_factory=dict, compare=False)
    repeated: tuple[Remembered, ...] = ()
    to_remember: tuple[ToRemember, ...] = field(default=(), repr=False)

    @property
    def extension(self) -> CardJson | None:
        """What is said beside the cards: an answer without a card that was shown a moment ago says so."""
        if not self.repeated:
            return None
        said = [
            {
                "id": one.card,
                "version": one.version,
                "indicator": str(one.indicator),
                "uuid": str(one.uuid),
                "shownAt": one.shown_at.isoformat(timespec="seconds"),
            }
            for one in self.repeated
        ]
        return {REPEATS: {"cards": said}}


def render(  # noqa: PLR0913, PLR0917 (an answer is made of everything before it)
    findings: tuple[Finding, ...],
    selection: Selection,
    situation: Situation,
    library: Library,
    request: HookRequest,
    context: OrderContext,
    seen: Seen = NOTHING_SEEN,
    *,
    remembering: bool = False,
) -> Advice:
    """The cards of the findings that are shown, and one for what could not be checked.

    Args:
        findings: those of every rule that holds or could not be decided, before one supersedes another.
        selection: the rules that were judged.
        situation: what they were judged in.
        library: the cards.
        request: the call.
        context: what orders are made from.
        seen: what this clinician was shown of this patient before.
        remembering: whether the memory asks for what is shown now.
    """
    cards: list[CardJson] = []
    said: list[Finding] = []
    traced: list[Traced] = []
    repeats: list[Remembered] = []
    to_remember: list[ToRemember] = []
    for settled in settle(shown(findings, library)):
        file = library.cards[settled.rule.id]
        finding, overridden = lowered(settled, seen, file, situation)
        said.append(finding)
        if finding.tier is None or finding.indicator is None:
            continue
        card = _card_or_none(finding, situation, library, request, context, overridden)
        if card is None:
            said[-1] = _failed(finding)
            continue
        words = _says(card)
        if before := repeated(finding, seen, file, situation, words):
            repeats.append(before)
            traced.append(_traced(finding, library, situation, request, Showing.REPEAT, before.uuid))
            continue
        cards.append(card)
        if remembering:
            facts = facts_of(finding, file, situation, words)
            to_remember.append(ToRemember(file.id, file.version, finding.indicator, UUID(card["uuid"]), facts))
    cards = once_each(cards)
    open_ = tuple(finding for finding in said if not_checked.worth_saying(finding, situation, library))
    if open_:
        found = {finding.rule.id for finding in findings}
        active = (rule for rule in selection.rules if library.cards[rule.id].status is Status.ACTIVE)
        clear = tuple(rule for rule in active if rule.id not in found)
        cards.append(not_checked_json(open_, clear, situation, library, request))
    cards.sort(key=lambda card: _URGENCY[card["indicator"]])  # what was lowered stands where it belongs now
    return Advice(
        tuple(cards),
        sum(finding.tier is None for finding in said),
        traced=(*_shown_cards(cards), *traced, *_in_the_shadow(findings, situation, library, request)),
        gaps=_counted(said),
        repeated=tuple(repeats),
        to_remember=tuple(to_remember),
    )


def _shown_cards(cards: Iterable[CardJson]) -> Iterable[Traced]:
    """What the audit keeps of the cards of an answer."""
    for card in cards:
        about = card["extension"][EXTENSION]
        suggestions = tuple([UUID(one["uuid"]) for one in card.get("suggestions", ())])
        indicator = Indicator(card["indicator"])
        yield Traced(about["id"], about["version"], indicator, UUID(card["uuid"]), Showing.SHOWN, suggestions)


def _says(card: CardJson) -> tuple[str, ...]:
    """All that a clinician reads of a card."""
    suggestions = card.get("suggestions", ())
    actions = [action["description"] for one in suggestions for action in one["actions"]]
    return (card["summary"], card["detail"], *[one["label"] for one in suggestions], *actions)


def _in_the_shadow(
    findings: tuple[Finding, ...], situation: Situation, library: Library, request: HookRequest
) -> Iterable[Traced]:
    """The cards that would have been shown, were they active: settled among all others, as they would be."""
    if all(library.cards[finding.rule.id].status is Status.ACTIVE for finding in findings):
        return
    for finding in settle(findings):
        if finding.indicator is not None and library.cards[finding.rule.id].status is Status.SHADOW:
            yield _traced(finding, library, situation, request, Showing.SHADOW)


def _traced(  # noqa: PLR0913, PLR0917 (as `render`)
    finding: Finding,
    library: Library,
    situation: Situation,
    request: HookRequest,
    showing: Showing,
    uuid: UUID | None = None,
) -> Traced:
    """What the audit keeps of a card that is not in the answer; of a repeat, the uuid that it was shown with."""
    card = library.cards[finding.rule.id]
    indicator = finding.indicator or Indicator.INFO
    return Traced(card.id, card.version, indicator, uuid or _uuid(finding, situation, request), showing)


def _counted(findings: Iterable[Finding]) -> Mapping[Why, int]:
    """The gaps that findings ran into, each once, by kind."""
    return Counter([gap.why for gap in {gap for finding in findings for gap in finding.gaps}])


def shown(findings: tuple[Finding, ...], library: Library) -> tuple[Finding, ...]:
    """The findings that a clinician may hear of: a card in the shadow silences and refuses nothing."""
    return tuple(one for one in findings if library.cards[one.rule.id].status is Status.ACTIVE)


def _card_or_none(  # noqa: PLR0913, PLR0917 (as `card_json`)
    finding: Finding,
    situation: Situation,
    library: Library,
    request: HookRequest,
    context: OrderContext,
    overridden: Overridden | None,
) -> CardJson | None:
    """A card that cannot be written takes no other card with it: it counts as not checked."""
    try:
        return card_json(finding, situation, library, request, context, overridden)
    except Exception:  # noqa: BLE001 (whatever it is, the clinician hears that it was not checked)
        return None


def _failed(finding: Finding) -> Finding:
    return Finding(finding.rule, gaps=(Gap(finding.rule.id, Why.RULE_FAILED),))


_URGENCY: Final = {"critical": 0, "warning": 1, "info": 2}


def _uuid(finding: Finding, situation: Situation, request: HookRequest) -> UUID:
    """The same call always gets the same answer.

    Made from the places of its orders among the others, and not from their ids: who has the audit record, which holds
    the rest of what it is made from, could find an id by trying.
    """
    refs = sorted({order.ref for order in situation.orders.items})
    places = [str(refs.index(order.ref)) for order in finding.orders]
    return uuid5(NAMESPACE, "|".join((request.hook_instance, finding.rule.id, *places)))


def card_json(  # noqa: PLR0913, PLR0917 (a card is made of everything before it)
    finding: Finding,
    situation: Situation,
    library: Library,
    request: HookRequest,
    context: OrderContext,
    overridden: Overridden | None = None,
) -> CardJson:
    """One card as the client shows it; one that was lowered because it was overridden says so."""
    card = library.cards[finding.rule.id]
    show = card.shows[finding.tier or 0]
    plan = taper_plan(show, finding, situation.today)
    line = Wording(card, finding, situation, library, plan)
    text = Wording(card, finding, situation, library, plan, markup=True)
    fixed = _fixed(card, (library.codelists.developer, library.codelists.funding), _sources_of(card, finding))
    uuid = _uuid(finding, situation, request)
    summary, detail = _words(show, finding)
    heard = f"\n\n{_lowered_since(overridden)}" if overridden else ""
    written: CardJson = {
        "uuid": str(uuid),
        "summary": _summary(line.fill(summary)),
        "indicator": str(finding.indicator),
        "detail": f"{text.fill(detail)}{heard}\n\n{fixed.sources}",
        "source": fixed.source,
    }
    # Nothing is suggested about a plan that has not changed since it was made.
    offered = () if finding.renewal else buttons(moments.offered(show, request.hook), line, context, request.drafts)
    one_at_most = show.choose == "at-most-one" and sum(button.recommended for button in offered) > 1
    suggestions = [
        {
            "label": button.label,
            "uuid": str(uuid5(uuid, str(index))),
            "isRecommended": button.recommended and not one_at_most,  # of two alternatives neither is (cds-resp-1)
            "actions": list(button.actions),
        }
        for index, button in enumerate(offered)
    ]
    if suggestions:
        written["suggestions"] = suggestions
        written["selectionBehavior"] = show.choose
    if fixed.override_reasons:
        written["overrideReasons"] = fixed.override_reasons
    if fixed.links:
        written["links"] = fixed.links
    evidence = list(dict.fromkeys([str(item.ref) for item in finding.evidence if "/" in item.ref]))
    written["extension"] = {EXTENSION: {**fixed.about, "evidence": evidence} if evidence else fixed.about}
    return written


def _lowered_since(overridden: Overridden) -> str:
    on = overridden.at
    return f"You overrode this warning on {on.day} {on:%B %Y}; it is shown as information since."


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What a card says of itself, whoever the patient is; every answer shares it, so nobody may change it."""

    sources: str
    source: CardJson
    override_reasons: list[CardJson]
    links: list[CardJson]
    about: CardJson


def _sources_of(card: Card, finding: Finding) -> tuple[int, ...]:
    """Which sources bear out what this card says here: those of its degree, and of its medicines."""
    named = [item.ingredients for item in (*finding.evidence, *finding.orders) if isinstance(item, Medication)]
    medicines = frozenset().union(*named)
    degree = finding.tier or 0
    found = tuple([at for at, claim in enumerate(card.because) if claim.belongs_to(degree, medicines)])
    return found or tuple(range(len(card.because)))


@lru_cache(maxsize=4096)  # made again for every card, it was a fifth of its rendering
def _fixed(card: Card, made_by: tuple[str, str], sources: tuple[int, ...]) -> _Fixed:
    claims = tuple(card.because[at] for at in sources)
    return _Fixed(
        sources=_sources(claims),
        source=_source(card, claims[0]),
        override_reasons=override_reasons(card.override_reasons),
        links=_links(claims),
        about=_attributes(card, *made_by),
    )


def _attributes(card: Card, developer: str, funding: str) -> CardJson:
    """What certification asks to know of the source of a decision support (45 CFR 170.315(b)(11)), and the version."""
    return {
        "id": card.id,
        "version": card.version,
        "released": card.released,
        "revised": card.revised,
        "developer": developer,
        "funding": funding,
        "patientData": list(card.uses),
    }


def _words(show: Show, finding: Finding) -> tuple[str, str]:
    if finding.renewal and show.renewal_summary and show.renewal_detail:
        return show.renewal_summary, show.renewal_detail
    return show.summary, show.detail


def _summary(text: str) -> str:
    return plain(text, LONGEST_SUMMARY)


def _about(card_id: str, version: int, evidence: list[str]) -> CardJson:
    about: CardJson = {"id": card_id, "version": version}
    if evidence:
        about["evidence"] = evidence
    return about


def _source(card: Card, first: Claim) -> CardJson:
    source: CardJson = {"label": first.source}
    if first.url:
        source["url"] = first.url
    source["topic"] = topic(card.topic)
    return source


def topic(code: str) -> CardJson:
    """What a card is about, as a coding."""
    return {"system": TOPIC_SYSTEM, "code": code, "display": code.replace("-", " ").capitalize()}


def _sources(claims: tuple[Claim, ...]) -> str:
    """The sources in one line; what was not confirmed and what is our own choice say so."""
    confirmed = dict.fromkeys(claim.source for claim in claims if claim.confirmed and claim.source != OWN_CHOICE)
    others = dict.fromkeys(claim.source for claim in claims if claim.source != OWN_CHOICE)
    named = [*confirmed, *(f"{one} (to be confirmed)" for one in others if one not in confirmed)]
    own = [claim.says.rstrip(".") for claim in claims if claim.source == OWN_CHOICE]
    said = [f"Sources: {' · '.join(named)}."] if named else []
    said += [f"Choice of this service: {one}." for one in own]
    return f"*{' '.join(said)}*"


def _links(claims: tuple[Claim, ...]) -> list[CardJson]:
    """Every address once, the primary source first."""
    by_url: dict[str, str] = {}
    for claim in claims:
        if claim.url:
            by_url.setdefault(claim.url, claim.source)
    return [{"label": label, "url": url, "type": "absolute"} for url, label in by_url.items()]


def override_reasons(codes: tuple[str, ...]) -> list[CardJson]:
    """Why a clinician may go on all the same: HL7's codes, our short words (decision 29)."""
    return [{"code": code, "system": OVERRIDE_REASON_SYSTEM, "display": OVERRIDE_REASONS[code]} for code in codes]


def not_checked_json(
    findings: tuple[Finding, ...],
    clear: tuple[Rule, ...],
    situation: Situation,
    library: Library,
    request: HookRequest,
) -> CardJson:
    """The one card that says what could not be checked."""
    gaps = not_checked.gaps_to_say(findings, situation)
    uuid = uuid5(NAMESPACE, f"{request.hook_instance}|{NOT_CHECKED}")
    about = frozenset().union(*[library.cards[finding.rule.id].triggers for finding in findings])
    asked = [order for order in situation.orders.items if order.selected and not order.ingredients.isdisjoint(about)]
    refs = [str(order.ref) for order in asked if "/" in order.ref]
    what = not_checked.subject(findings, situation, library)
    return {
        "uuid": str(uuid),
        "summary": _summary(not_checked.summary(what, gaps, situation)),
        "indicator": str(not_checked.indicator(findings, situation, library)),
        "detail": not_checked.detail(findings, gaps, clear, situation, library),
        "source": {"label": "This service", "topic": topic(NOT_CHECKED)},
        "overrideReasons": override_reasons(NOT_CHECKED_REASONS),
        "extension": {EXTENSION: _about(NOT_CHECKED, 1, refs)},
    }
