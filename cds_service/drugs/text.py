"""A medicine in free text: which ingredients, and what strength, dose form and route are said beside them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar

from cds_service.clinical.codes import Route, RxCUI
from cds_service.drugs.assertion import is_alternative, is_denied, is_listing
from cds_service.drugs.names import Mention, Names, Weight, folded, word_places, words
from cds_service.drugs.products import Product, Strength

_T = TypeVar("_T")
Generics: TypeAlias = Callable[[frozenset[RxCUI]], Iterable[Product]]  # products with exactly these ingredients


@dataclass(frozen=True, slots=True)
class _Cue:
    """What a word such as "tablets" or "intrathecal" says.

    Attributes:
        route: meant when no product settles it.
        firm: the route is said outright, and wins over what a dose form suggests.
        routes: only products of these routes can be meant; empty for any.
        forms: only RxNorm dose forms with one of these words can be meant; empty for any.
        counted: its doses are counted.
        measured: its doses are measured, so that a bare "5 mg" is a dose and no strength.
    """

    route: Route | None = None
    firm: bool = False
    routes: frozenset[Route] = frozenset()
    forms: tuple[str, ...] = ()
    counted: bool = False
    measured: bool = False

    def fits(self, product: Product) -> bool:
        """Whether the product can be meant."""
        return self.allows(product.route) and (not self.forms or any(form in product.dose_form for form in self.forms))

    def allows(self, route: Route | None) -> bool:
        """Whether a medicine of this route can be meant."""
        return not self.routes or route in self.routes


def _route(route: Route) -> _Cue:
    return _Cue(route, firm=True, routes=frozenset({route}))


def _counted(route: Route, *forms: str) -> _Cue:
    return _Cue(route, forms=forms, counted=True)


def _measured(route: Route | None, *forms: str) -> _Cue:
    return _Cue(route, forms=forms, measured=True)


# "Injection" does not exclude intrathecal: RxNorm calls baclofen for the pump an injection, too.
_NEEDLE: Final = frozenset({Route.INJECTED, Route.INTRATHECAL})
_INJECTION: Final = _Cue(Route.INJECTED, routes=_NEEDLE)
_CUES: Final[Mapping[str, _Cue]] = {
    word: cue
    for text, cue in {
        "tablet tablets tab tabs caplet caplets": _counted(Route.ORAL, "Tablet"),
        "capsule capsules cap caps softgel softgels": _counted(Route.ORAL, "Capsule"),
        "pill pills": _counted(Route.ORAL, "Tablet", "Capsule"),
        "odt": _counted(Route.ORAL, "Disintegrating"),
        "chewable chewables": _counted(Route.ORAL, "Chewable"),
        "lozenge lozenges": _counted(Route.ORAL, "Lozenge"),
        "granules": _counted(Route.ORAL, "Granules"),
        "suppository suppositories supp": _counted(Route.RECTAL, "Suppository"),
        "patch patches": _counted(Route.TRANSDERMAL, "Patch", "Transdermal System"),
        "solution": _measured(None, "Solution"),
        "suspension": _measured(None, "Suspension"),
        "syrup elixir": _measured(Route.ORAL, "Oral Solution", "Oral Suspension"),
        "liquid drops": _measured(None),
        "cream": _measured(Route.TOPICAL, "Cream"),
        "ointment": _measured(Route.TOPICAL, "Ointment"),
        "gel": _measured(Route.TOPICAL, "Gel"),
        "lotion": _measured(Route.TOPICAL, "Lotion"),
        "foam": _measured(Route.TOPICAL, "Foam"),
        "shampoo": _measured(Route.TOPICAL, "Shampoo"),
        "enema": _measured(Route.RECTAL, "Enema"),
        "spray": _measured(None, "Spray"),
        "inhaler": _measured(Route.INHALED, "Inhal"),
        "injection injections injectable inj vial vials ampule ampules ampoule ampoules syringe": _INJECTION,
        "infusion": _INJECTION,
        "pump": _Cue(routes=_NEEDLE),
        "oral orally po mouth": _route(Route.ORAL),
        "intravenous intravenously iv intramuscular im subcutaneous subcut subq sq sc": _route(Route.INJECTED),
        "intrathecal intrathecally": _route(Route.INTRATHECAL),
        "transdermal": _route(Route.TRANSDERMAL),
        "sublingual sl": _route(Route.SUBLINGUAL),
        "buccal": _route(Route.BUCCAL),
        "rectal rectally pr": _route(Route.RECTAL),
        "vaginal vaginally": _route(Route.VAGINAL),
        "inhalation inhaled nebulized nebulizer": _route(Route.INHALED),
        "nasal intranasal nostril": _route(Route.NASAL),
        "ophthalmic ophth eye eyes": _route(Route.OPHTHALMIC),
        "otic ear ears": _route(Route.OTIC),
        "topical topically": _route(Route.TOPICAL),
        "implant": _route(Route.IMPLANTED),
    }.items()
    for word in text.split()
}
# Where no product settles it. Inhaled, nasal, rectal and vaginal medicines act locally or not: unknown.
_SYSTEMIC: Final[Mapping[Route | None, bool]] = {
    Route.ORAL: True,
    Route.INJECTED: True,
    Route.TRANSDERMAL: True,
    Route.SUBLINGUAL: True,
    Route.BUCCAL: True,
    Route.IMPLANTED: True,
    Route.INTRATHECAL: False,
    Route.OPHTHALMIC: False,
    Route.OTIC: False,
    Route.TOPICAL: False,
}

_MILLIGRAMS: Final = {
    **dict.fromkeys(("mg", "milligram", "milligrams"), Decimal(1)),
    **dict.fromkeys(("g", "gm", "gram", "grams"), Decimal(1000)),
    **dict.fromkeys(("mcg", "ug", "μg", "microgram", "micrograms"), Decimal("0.001")),
}
_PER: Final = {
    **dict.fromkeys(("", "tablet", "tab", "capsule", "cap", "patch", "packet", "suppository", "vial"), "unit"),
    **dict.fromkeys(("ml", "milliliter", "millilitre", "cc"), "ml"),
    **dict.fromkeys(("hr", "h", "hour", "hours"), "hour"),
    **dict.fromkeys(("actuation", "puff", "spray"), "actuation"),
}
_A_DOSE: Final = frozenset({"day", "d", "week", "dose", "kg", "m", "min"})  # "mg/day" is no strength; m: per m2
_QUANTITY_WORDS: Final = frozenset({*_MILLIGRAMS, *_PER, "unit", "units", "iu", "meq", "per", "x"})
_KNOWN_WORDS: Final = _QUANTITY_WORDS | _CUES.keys()
_EITHER: Final = frozenset({"/", "-", "|"})  # "Zanaflex/Flexeril": both, or either?
_NUMBER: Final = r"[0-9.,]*[0-9]"
_STRENGTH: Final = re.compile(
    r"(?P<range>[0-9]\s?(?:-|/|,|to|or|and)\s?)?"  # "10 or 20 mg": two strengths
    rf"(?<![0-9.,])(?P<number>{_NUMBER})[\s-]?(?P<unit>{'|'.join(sorted(_MILLIGRAMS, key=len, reverse=True))})"
    r"(?![^\W\d_])"
    rf"(?:\s?(?:/|per\b)\s?(?P<of>{_NUMBER})?\s?(?P<per>[^\W\d_]*))?"
    r"(?P<often>\s?(?:daily|a day|once|twice|every|each|q[0-9]|qd|qhs|bid|tid|qid)\b)?",
)
_THOUSANDS: Final = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?")
_DECIMAL: Final = re.compile(r"[0-9]+(\.[0-9]+)?|[0-9]+,[0-9]|0,[0-9]+")  # "10,20" may be a list
_DOUBTFUL: Final = re.compile(r"[1-9][0-9]{0,2}(\.[0-9]{3})+")  # "1.000" is other countries' thousand
_BARE_DECIMAL: Final = re.compile(r"\.[0-9]*[1-9]")  # ".5"; but ".10" may be 10 after a full stop


class Reader:
    """Reads medicines from free text.

    Whole words only, and nothing guessed: where a text can be read in two ways, that part stays unknown.
    """

    def __init__(self, names: Names, generics: Generics) -> None:
        """Take the names to find, and a way to ask which products of exactly these ingredients there are."""
        self._names = names
        self._generics = generics

    def read(self, text: str) -> Product | None:
        """The medicine a text names; None when it names none, or denies that it is taken ("stop baclofen").

        All ingredients named are listed, in the order they are named. Several medicines count together when a
        product has just their ingredients, or when the text only enumerates them; "tizanidine or baclofen"
        is nothing. A strength is given only to a single ingredient, and only when one is said: not a range, not
        two, not a daily dose. Route and dose form are those on which all prescribable generics with these
        ingredients agree that fit the words; so a baclofen injection is intrathecal. Where they do not agree
        or there are none, the words decide; but a route that no fitting product has stays unknown.
        """
        plain = folded(text)
        parts = words(plain)
        mentions = self._counting(parts)
        if not mentions or is_denied(parts, mentions):
            return None
        slots = tuple(slot for mention in mentions for slot in mention.slots)
        ingredient_list = tuple(RxCUI(slot) for slot in dict.fromkeys(slots) if slot)
        generics = tuple(self._generics(frozenset(ingredient_list)))
        if not (_is_one(mentions) or _go_together(plain, parts, mentions, is_combination=bool(generics))):
            return None
        cues = _cues(parts)
        form = _form(cues, generics)
        strength = _strength(plain, cues) if len(ingredient_list) == 1 else None
        return Product(
            rxcui=None,
            name=text,
            ingredients=frozenset(ingredient_list),
            ingredient_list=ingredient_list,
            strengths=(strength,) * len(ingredient_list),
            route=form.route,
            systemic=form.systemic,
            dose_form=form.dose_form,
            countable=form.countable,
            uncoded="" in slots,
        )

    def in_form(self, product: Product, form: str) -> Product:
        """A product of unknown route in the form that words tell: "oral tablet", "solution for injection"."""
        cues = _cues(words(form))
        if not cues:
            return product
        told = _form(cues, tuple(self._generics(product.ingredients)))
        return replace(
            product,
            route=told.route,
            systemic=told.systemic,
            dose_form=told.dose_form,
            countable=told.countable,
        )

    def _counting(self, parts: Sequence[str]) -> list[Mention]:
        """The mentions that count: those of the greatest weight; ordinary words only where nothing else is said."""
        mentions = [mention for mention in self._names.mentions(parts) if mention.slots]
        greatest = max((mention.weight for mention in mentions), default=Weight.ORDINARY)
        if greatest is Weight.ORDINARY and not _nothing_else(parts, mentions):
            return []
        return [mention for mention in mentions if mention.weight is greatest]


def _cues(parts: Iterable[str]) -> tuple[_Cue, ...]:
    return tuple(_CUES[part] for part in parts if part in _CUES)


def _is_one(mentions: Sequence[Mention]) -> bool:
    """Whether one of the names stands for all that is named: "Percocet (oxycodone/acetaminophen)"."""
    every = {slot for mention in mentions for slot in mention.slots}
    return any(every.issubset(mention.slots) for mention in mentions)


def _go_together(plain: str, parts: Sequence[str], mentions: Sequence[Mention], *, is_combination: bool) -> bool:
    """Whether different medicines in one text are all meant."""
    places = word_places(plain)
    for one, other in pairwise(mentions):
        between = parts[one.end : other.start]
        if is_alternative(between):
            return False
        glue = plain[places[one.end - 1][1] : places[other.start][0]]
        if not is_combination and (glue.strip() in _EITHER or not is_listing(between, _KNOWN_WORDS)):
            return False
    return True


def _nothing_else(parts: Sequence[str], mentions: Iterable[Mention]) -> bool:
    named = {index for mention in mentions for index in range(mention.start, mention.end)}
    rest = (part for index, part in enumerate(parts) if index not in named)
    return all(part in _CUES or part in _QUANTITY_WORDS or not part.isalpha() for part in rest)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a medicine is given, as far as the words tell."""

    route: Route | None = None
    systemic: bool | None = None
    dose_form: str = ""
    countable: bool = False


def _form(cues: Sequence[_Cue], generics: Sequence[Product]) -> _Form:
    if not cues:
        return _Form()
    fitting = [product for product in generics if all(cue.fits(product) for cue in cues)]
    if not fitting and _INJECTION in cues:  # "solution for injection": RxNorm calls it an injection, not a solution
        fitting = [product for product in generics if all(cue.allows(product.route) for cue in cues)]
    route = _settled_route(cues, fitting)
    meant = [product for product in fitting if route in {None, product.route}]
    systemic = _agreed([product.systemic for product in meant]) if meant else _SYSTEMIC.get(route)
    if not any(cue.forms for cue in cues):
        return _Form(route, systemic)
    dose_form = _agreed([product.dose_form for product in meant]) or ""
    return _Form(route, systemic, dose_form, _is_counted(cues, meant))


def _settled_route(cues: Sequence[_Cue], fitting: Sequence[Product]) -> Route | None:
    """The route of all fitting products; else the one the words tell, unless it is none of theirs."""
    possible = {product.route for product in fitting}
    if len(possible) == 1:
        return possible.pop()
    said = _said(cues)
    return said if not possible or said in possible else None


def _agreed(answers: Sequence[_T]) -> _T | None:
    """The one answer all give; None without or with several."""
    return answers[0] if answers and all(answer == answers[0] for answer in answers) else None


def _said(cues: Sequence[_Cue]) -> Route | None:
    """The route the words themselves tell; None when they contradict each other."""
    telling = [cue for cue in cues if cue.firm] or cues
    route = _agreed([cue.route for cue in telling if cue.route is not None])
    return route if all(cue.allows(route) for cue in cues) else None


def _is_counted(cues: Sequence[_Cue], meant: Sequence[Product]) -> bool:
    agreed = _agreed([product.countable for product in meant])
    if agreed is not None:
        return agreed
    return any(cue.counted for cue in cues) and not any(cue.measured for cue in cues)


def _strength(text: str, cues: Sequence[_Cue]) -> Strength | None:
    """The one strength a text says."""
    said = {_one_strength(match) for match in _STRENGTH.finditer(text) if _is_mass(match)}
    strength = said.pop() if len(said) == 1 else None
    if strength is not None and strength.per == "unit" and any(cue.measured for cue in cues):
        return None  # "oral solution 5 mg": a dose
    return strength


def _is_mass(match: re.Match[str]) -> bool:
    return match["per"] not in _A_DOSE


def _one_strength(match: re.Match[str]) -> Strength | None:
    """None when in doubt: "5-10 mg", "5 mg/325 mg", "30 mg daily"."""
    before = match.string[match.start("number") - 1 : match.start("number")]
    amount = _after(before, match["number"])
    of, per = _number(match["of"] or "1"), _PER.get(match["per"] or "")
    doubtful = match["range"] or match["often"] or (per == "unit" and of != 1)
    if doubtful or not amount or not of or per is None:
        return None
    return Strength(amount * _MILLIGRAMS[match["unit"]] / of, "mg", per)


def _after(before: str, text: str) -> Decimal | None:
    """The number after a letter: a comma between them separates, as in "baclofen,10 mg"; ".5" is one after a space."""
    if text[0].isdigit():
        return _number(text)
    if before.isspace():
        return Decimal(text) if _BARE_DECIMAL.fullmatch(text) else None  # " ,5": five, or a half?
    return _number(text[1:]) if text[0] == "," else None  # "baclofen.5 mg": five, or a half?


def _number(text: str) -> Decimal | None:
    """Read "2,000.5" and "2,5"; None for what is no number, or can be read in two ways."""
    if _THOUSANDS.fullmatch(text):
        return Decimal(text.replace(",", ""))
    if _DOUBTFUL.fullmatch(text) or not _DECIMAL.fullmatch(text):
        return None
    return Decimal(text.replace(",", "."))
