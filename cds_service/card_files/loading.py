"""From YAML to a library; every mistake of every file is reported at once, and a broken library does not start."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from cds_service.card_files.cards import Card, Claim, Show, Status, Suggest
from cds_service.card_files.codelists import LIBRARY, read_codelists
from cds_service.card_files.example_names import mistakes_in_examples
from cds_service.card_files.form import mistakes_of_form, read_schema
from cds_service.card_files.library import Library, flat, needs, patient_data, triggers
from cds_service.card_files.mistakes import BrokenLibrary, Mistake, did_you_mean
from cds_service.card_files.sentences import Names, WrongWord, condition, days
from cds_service.card_files.words import WORDS, words_in
from cds_service.card_files.yaml_source import Place, Source, read_source
from cds_service.clinical.codes import Indicator, RxCUI
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.rules import conditions as c
from cds_service.rules.evaluate import Rule, Tier

LOWERED_ON_RENEWAL: Final = frozenset(
    {
        *("drug-interaction", "cns-depressant-burden", "duplicate-therapy"),
        *("precaution", "pregnancy", "dose-titration", "renal-function"),
    }
)  # decision 13: never lowered are monitoring, contraindications, maximum doses, withdrawal and the benefit review
INTERACTIONS: Final = frozenset({"drug-interaction", "cns-depressant-burden", "duplicate-therapy"})
LONGEST_DETAIL: Final = 120  # words
_TWO_LETTERS: Final = re.compile(r"[a-z]{2}")
_FIELDS_OF_TWO_LETTERS: Final = frozenset({"by", "of", "on", "in", "to"})
Read = TypeVar("Read")


def load_library(folder: Path, vocabulary: Vocabulary, jurisdiction: str = "us") -> Library:
    """Read all card files and code lists of a folder.

    Args:
        folder: holds `*.yaml`, `card.schema.json` and `codelists/`.
        vocabulary: resolves the names of medicines.
        jurisdiction: whose limits apply where a card gives several: one of the countries of `library.yaml`.

    Raises:
        BrokenLibrary: with every mistake of every file, each with file and line.
    """
    names = Names(read_codelists(folder / "codelists", vocabulary), vocabulary)
    countries = names.codelists.countries
    if jurisdiction not in countries:
        says = f"`{jurisdiction}` is not among the countries: there {_are(countries)}"
        raise BrokenLibrary([Mistake(f"codelists/{LIBRARY}", 1, says)])
    schema = read_schema(folder)
    mistakes = _wrongly_named(folder)
    half_read = False
    cards: dict[str, Card] = {}
    sources: dict[str, Source] = {}
    paths = sorted(folder.glob("*.yaml"))
    there = {path.stem for path in paths}  # a card with mistakes of its own is there, too
    for path in paths:
        try:
            source = read_source(path)
            card = read_card(source, names, schema, jurisdiction)
        except BrokenLibrary as broken:
            mistakes += broken.mistakes
            half_read |= broken.half_read
            continue
        if card.id != path.stem:
            mistakes.append(_at(source, ("id",), f"`{card.id}` must be the file's name, `{path.stem}`"))
        cards[card.id] = card
        sources[card.id] = source
    for card in cards.values():
        for other in sorted(card.rule.supersedes - there):
            says = f"`{other}` is not a card{did_you_mean(other, there)}"
            mistakes.append(_at(sources[card.id], ("supersedes",), says))
    if not cards and not mistakes:
        mistakes.append(Mistake(folder.name, 1, "no card files here"))
    if mistakes:
        raise BrokenLibrary(mistakes, half_read=half_read)
    antispastics = names.codelists.classes.get("antispastic", frozenset())
    return Library(cards, names.codelists, vocabulary, antispastics, _sha256(folder))


def _sha256(folder: Path) -> str:
    """A digest of every card file and code list, by name and content."""
    whole = sha256()
    for path in sorted((*folder.glob("*.yaml"), *(folder / "codelists").glob("*"))):
        content = path.read_bytes()
        whole.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()


def _are(countries: Iterable[str]) -> str:
    known = [f"`{country}`" for country in countries]
    return f"{'are' if len(known) > 1 else 'is'} {', '.join(known)}"


def read_card(source: Source, names: Names, schema: Mapping[str, Any], jurisdiction: str = "us") -> Card:
    """One card file as a card.

    Raises:
        BrokenLibrary: with every mistake of the file.
    """
    mistakes = mistakes_of_form(source, schema)
    if mistakes:
        raise BrokenLibrary(mistakes, half_read=True)
    countries = names.codelists.countries
    wrong = _unknown_countries(source, countries)
    if wrong:
        raise BrokenLibrary(wrong)
    readers = {country: _Reader(source, names, country) for country in countries}
    wrong = [mistake for reader in readers.values() for mistake in reader.mistakes]
    wrong += mistakes_in_examples(source, names)
    if wrong:
        raise BrokenLibrary(wrong)
    rules = {country: reader.rule for country, reader in readers.items()}
    return readers[jurisdiction].card(rules if differs(source.data, countries) else {})


def _unknown_countries(source: Source, countries: Iterable[str]) -> list[Mistake]:
    """Limits and examples of countries that `library.yaml` does not name, and limits that lack the default one."""
    data: Any = source.data
    known = list(countries)
    wrong = [
        _at(source, (*place, word), f"`{word}` is not a country here: there {_are(known)}")
        for place, by_country in _by_country(data, ())
        for word in by_country
        if word not in known
    ]
    wrong += [
        _at(source, place, f"`{known[0]}` is missing in `{place[-1]}`: its limit holds where a country has none")
        for place, by_country in _by_country(data, ())
        if known[0] not in by_country
    ]
    return wrong + [
        _at(source, ("examples", at, "in"), f"`{example['in']}` is not a country here: there {_are(known)}")
        for at, example in enumerate(data["examples"])
        if example.get("in", known[0]) not in known
    ]


def _by_country(said: object, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every mapping from countries to limits in a card file: the only ones whose fields have two letters."""
    if isinstance(said, Mapping):
        if said and all(_TWO_LETTERS.fullmatch(word) and word not in _FIELDS_OF_TWO_LETTERS for word in said):
            yield place, said
        else:
            for word, value in said.items():
                yield from _by_country(value, (*place, word))
    elif isinstance(said, list):
        for at, value in enumerate(said):
            yield from _by_country(value, (*place, at))


def _wrongly_named(folder: Path) -> list[Mistake]:
    """Files that their author takes for card files, and nobody would read."""
    return [
        Mistake(
            f"{folder.name}/{path.name}", 1, f"rename it to `{path.stem}.yaml`: only files ending in .yaml are read"
        )
        for path in sorted(folder.glob("*.yml"))
    ]


def _at(source: Source, path: tuple[str | int, ...], says: str) -> Mistake:
    return Mistake(source.file, source.line(path), says)


class _Reader:
    """Reads one file whose form is right, and collects what is wrong with its words."""

    def __init__(self, source: Source, names: Names, jurisdiction: str) -> None:
        self.source = source
        self.names = replace(names, country=jurisdiction)
        self.data: Mapping[str, Any] = for_jurisdiction(source.data, jurisdiction, names.codelists.countries)
        self.mistakes: list[Mistake] = []
        data = self.data
        self.rule = self._rule()
        self.shows = tuple(self._show(index, tier) for index, tier in enumerate(data.get("tiers", [{}])))
        self.factor_words = tuple(factor["says"] for factor in data.get("factors", ()))
        self.tests = self._try(("tests",), partial(names.tests, data["tests"])) if "tests" in data else None
        self.because = tuple(self._claim(at, claim) for at, claim in enumerate(data["because"]))
        self._check_the_whole()

    def _check_the_whole(self) -> None:
        data = self.data
        for at, words in enumerate(self.factor_words):
            self._check_words(("factors", at, "says"), words)
        if self.mistakes:
            return  # what is missing may be what is misspelt
        if data["topic"] in INTERACTIONS and "knowledge" not in data:
            self._mistake((), f"`knowledge` is missing: a card about `{data['topic']}` says what is known of it")
        if data["revised"] < data["released"]:
            self._mistake(("revised",), "this day lies before the first release")
        if not triggers(self.rule.when):
            self._mistake(("when",), "nothing here names a medicine, so the card can never know when to speak")
        if self.factor_words and not any("factors" in words_in(show.detail) for show in self.shows):
            self._mistake(("factors",), "no detail says {factors}, so these are never shown")

    def card(self, rules: Mapping[str, Rule]) -> Card:
        """The card, once there are no mistakes."""
        data, rule = self.data, self.rule
        return Card(
            rule=rule,
            rules=rules,
            version=data["version"],
            status=Status(data["status"]),
            topic=data["topic"],
            hooks=frozenset(data["hooks"]),
            owner=data["owner"],
            reviewed=_reviewed(data["reviewed"]),
            released=data["released"],
            revised=data["revised"],
            knowledge=data.get("knowledge", {}),
            uses=patient_data(self._everything(rule)),
            checks=data["checks"],
            shows=self.shows,
            factor_words=self.factor_words,
            tests=frozenset(self.tests.names) if self.tests else frozenset(),
            because=self.because,
            override_reasons=tuple(data["show"].get("override_reasons", ())),
            not_covered=tuple(data["not_covered"]),
            triggers=triggers(rule.when),
            needs=needs(self._everything(rule), lowered_on_renewal=rule.lowered_on_renewal),
            file=self.source.file,
        )

    def _rule(self) -> Rule:
        data = self.data
        tiers = tuple(
            Tier(
                Indicator(tier["indicator"]),
                self._conditions(("tiers", index, "when"), tier.get("when", ())),
                self._conditions(("tiers", index, "unless"), tier.get("unless", ())),
            )
            for index, tier in enumerate(data.get("tiers", ()))
        ) or (Tier(Indicator(data["show"].get("indicator", "warning"))),)
        factors = [self._condition(("factors", at, "when"), f["when"]) for at, f in enumerate(data.get("factors", ()))]
        return Rule(
            id=data["id"],
            when=self._conditions(("when",), data["when"]),
            unless=self._conditions(("unless",), data.get("unless", ())),
            tiers=tiers,
            factors=tuple(factor for factor in factors if factor is not None),
            supersedes=frozenset(data.get("supersedes", ())),
            lowered_on_renewal=data["topic"] in LOWERED_ON_RENEWAL,
            shown_if_undecided=data.get("if_undecided", "say") == "show",
        )

    def _everything(self, rule: Rule) -> Iterator[c.Condition]:
        yield from flat((*rule.when, *rule.unless, *rule.factors))
        for tier in rule.tiers:
            yield from flat((*tier.when, *tier.unless))

    def _conditions(self, path: tuple[str | int, ...], lines: Iterable[Mapping[str, Any]]) -> tuple[c.Condition, ...]:
        found = (self._condition((*path, index), line) for index, line in enumerate(lines))
        return tuple(one for one in found if one is not None)

    def _condition(self, path: tuple[str | int, ...], line: Mapping[str, Any]) -> c.Condition | None:
        return self._try(path, partial(condition, line, self.names))

    def _try(self, path: tuple[str | int, ...], read: Callable[[], Read]) -> Read | None:
        try:
            return read()
        except WrongWord as wrong:
            self._mistake(path, str(wrong))
            return None

    def _show(self, index: int, tier: Mapping[str, Any]) -> Show:
        """The words of a tier: its own, and the card's where it has none."""
        own = tier.get("show", {})
        common = self.data["show"]
        path: tuple[str | int, ...] = ("tiers", index, "show") if own else ("show",)
        said = {**common, **own}
        # Words for a renewal belong to the summary they replace.
        renewal = own.get("on_renewal", {} if "summary" in own else common.get("on_renewal", {}))
        texts = [said["summary"], said["detail"], *renewal.values(), *(s["label"] for s in said.get("suggest", ()))]
        for text in texts:
            self._check_words(path, text)
        if len(said["detail"].split()) > LONGEST_DETAIL:
            self._mistake((*path, "detail"), f"the detail has more than {LONGEST_DETAIL} words")
        suggest = [self._suggest((*path, "suggest", at), one) for at, one in enumerate(said.get("suggest", ()))]
        return Show(
            summary=said["summary"],
            detail=said["detail"].strip(),
            suggest=tuple(one for one in suggest if one is not None),
            choose=said.get("choose", "at-most-one"),
            renewal_summary=renewal.get("summary"),
            renewal_detail=renewal.get("detail"),
        )

    def _claim(self, at: int, said: Mapping[str, Any]) -> Claim:
        path = ("because", at)
        about = self._try((*path, "about"), partial(self.names.medicine, said["about"])) if "about" in said else None
        for degree in said.get("degrees", ()):
            if degree > len(self.rule.tiers):
                self._mistake((*path, "degrees"), f"`{degree}` is more than the card has tiers")
        return Claim(
            says=said["says"],
            source=said["source"],
            url=said.get("url"),
            confirmed=said["confirmed"] == "yes",
            fact=said.get("fact"),
            about=about.ingredients if about else None,
            degrees=frozenset(degree - 1 for degree in said.get("degrees", ())),
        )

    def _check_words(self, path: tuple[str | int, ...], text: str) -> None:
        try:
            used = words_in(text)
        except ValueError:
            self._mistake(path, "every { needs its }")
            return
        for word in sorted(used - WORDS.keys()):
            self._mistake(path, f"`{{{word}}}` is not a word that texts may use{did_you_mean(word, WORDS)}")

    def _suggest(self, path: tuple[str | int, ...], said: Mapping[str, Any]) -> Suggest | None:
        kind = next(kind for kind in ("order", "remove", "reduce", "taper", "keep") if kind in said)
        what = said[kind]
        recommended = said.get("recommended", "no") == "yes"
        if kind == "order":
            panel = self.names.codelists.panels.get(what)
            if panel is None:
                known = self.names.codelists.panels
                self._mistake(path, f"`{what}` is not a panel in the code lists{did_you_mean(what, known)}")
                return None
            every = self._try(path, partial(_schedule, said.get("every", ())))
            return None if every is None else Suggest(kind, what, said["label"], recommended, panel=panel, every=every)
        medicine = None if what == "ordered" else self._try(path, partial(self.names.medicine, what))
        ingredients: frozenset[RxCUI] = medicine.ingredients if medicine else frozenset()
        suggest = Suggest(kind, what, said["label"], recommended, ingredients=ingredients)
        return self._lower_dose(path, suggest, said) if kind == "reduce" else suggest

    def _lower_dose(self, path: tuple[str | int, ...], suggest: Suggest, said: Mapping[str, Any]) -> Suggest | None:
        to_mg = self._try((*path, "to"), partial(_mg, said["to"], "mg a day"))
        each_mg = self._try((*path, "at_most_each"), partial(_mg, said["at_most_each"], "mg"))
        if to_mg is None or each_mg is None:
            return None
        if each_mg > to_mg:
            self._mistake(
                (*path, "at_most_each"), f"`{said['at_most_each']}` is more than the whole day's `{said['to']}`"
            )
        return replace(suggest, to_mg=to_mg, each_mg=each_mg, most_times=said.get("at_most_times"))

    def _mistake(self, path: tuple[str | int, ...], says: str) -> None:
        self.mistakes.append(_at(self.source, path, says))


def for_jurisdiction(said: Any, jurisdiction: str, countries: Iterable[str]) -> Any:  # noqa: ANN401 (any YAML value, and the same again)
    """The value with every mapping of countries replaced by what applies: a country without its own has the first's."""
    known = tuple(countries)
    if isinstance(said, Mapping):
        if said and set(said) <= set(known):
            return said.get(jurisdiction, said.get(known[0]))
        return {key: for_jurisdiction(value, jurisdiction, known) for key, value in said.items()}
    if isinstance(said, list):
        return [for_jurisdiction(value, jurisdiction, known) for value in said]
    return said


def differs(said: object, countries: Iterable[str]) -> bool:
    """Whether something in a card file differs by country."""
    known = frozenset(countries)
    if isinstance(said, Mapping):
        here = bool(said and set(said) <= known) or "country" in said
        return here or any(differs(value, known) for value in said.values())
    return isinstance(said, list) and any(differs(value, known) for value in said)


def _schedule(said: Iterable[Mapping[str, str]]) -> tuple[tuple[int, int], ...]:
    """The lines of a series of orders, in weeks.

    Raises:
        WrongWord: a length is no whole number of weeks, or a line ends before its first order.
    """
    lines = tuple((_weeks(line["each"]), _weeks(line["for"])) for line in said)
    for each, length in lines:
        if length < each:
            message = f"`each: {each} weeks` is longer than `for: {length} weeks`"
            raise WrongWord(message)
    return lines


def _mg(said: str, unit: str) -> Decimal:
    try:
        amount = Decimal(said.strip().removesuffix("mg").strip())
    except InvalidOperation:
        amount = Decimal(0)
    if amount <= 0:
        message = f"`{said}` must be a number of {unit}, above zero"
        raise WrongWord(message)
    return amount


def _weeks(said: str) -> int:
    weeks, rest = divmod(days(said), 7)
    if rest or not weeks:
        message = f"`{said}` must be a whole number of weeks"
        raise WrongWord(message)
    return weeks


def _reviewed(said: str | Mapping[str, Any]) -> str | None:
    """Such as `2026-05-04 by A. Hepatologist`; None when it was never reviewed."""
    if isinstance(said, str):
        return None
    on = said["on"]
    return f"{on.isoformat() if isinstance(on, date) else on} by {said['by']}"
