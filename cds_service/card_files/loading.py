"""From YAML to a library; every mistake of every file is reported at once, and a broken library does not start."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from cds_service.card_files.cards import Card, Claim, Show, Status, Suggest
from cds_service.card_files.codelists import read_codelists
from cds_service.card_files.example_names import mistakes_in_examples
from cds_service.card_files.form import mistakes_of_form, read_schema
from cds_service.card_files.library import Library, flat, needs, triggers
from cds_service.card_files.mistakes import BrokenLibrary, Mistake, did_you_mean
from cds_service.card_files.sentences import Names, WrongWord, condition
from cds_service.card_files.words import WORDS, words_in
from cds_service.card_files.yaml_source import Source, read_source
from cds_service.clinical.codes import Indicator, RxCUI
from cds_service.drugs.vocabulary import Vocabulary
from cds_service.rules import conditions as c
from cds_service.rules.evaluate import Rule, Tier

JURISDICTIONS: Final = ("us", "uk")
LOWERED_ON_RENEWAL: Final = frozenset(
    {"drug-interaction", "cns-depressant-burden", "duplicate-therapy", "precaution", "dose-titration", "renal-function"}
)  # decision 13: never lowered are monitoring, contraindications, maximum doses, withdrawal and the benefit review
LONGEST_DETAIL: Final = 120  # words
Read = TypeVar("Read")


def load_library(folder: Path, vocabulary: Vocabulary, jurisdiction: str = "us") -> Library:
    """Read all card files and code lists of a folder.

    Args:
        folder: holds `*.yaml`, `card.schema.json` and `codelists/`.
        vocabulary: resolves the names of medicines.
        jurisdiction: whose limits apply where a card gives several: "us" or "uk".

    Raises:
        BrokenLibrary: with every mistake of every file, each with file and line.
    """
    names = Names(read_codelists(folder / "codelists", vocabulary), vocabulary)
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
    return Library(cards, names.codelists, vocabulary, names.codelists.classes.get("antispastic", frozenset()))


def read_card(source: Source, names: Names, schema: Mapping[str, Any], jurisdiction: str = "us") -> Card:
    """One card file as a card.

    Raises:
        BrokenLibrary: with every mistake of the file.
    """
    mistakes = mistakes_of_form(source, schema)
    if mistakes:
        raise BrokenLibrary(mistakes, half_read=True)
    readers = {country: _Reader(source, names, country) for country in JURISDICTIONS}
    wrong = [mistake for reader in readers.values() for mistake in reader.mistakes]
    wrong += mistakes_in_examples(source, names)
    if wrong:
        raise BrokenLibrary(wrong)
    rules = {country: reader.rule for country, reader in readers.items()}
    return readers[jurisdiction].card(rules if differs(source.data) else {})


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
        self.names = names
        self.data: Mapping[str, Any] = for_jurisdiction(source.data, jurisdiction)
        self.mistakes: list[Mistake] = []
        data = self.data
        self.rule = self._rule()
        self.shows = tuple(self._show(index, tier) for index, tier in enumerate(data.get("tiers", [{}])))
        self.factor_words = tuple(factor["says"] for factor in data.get("factors", ()))
        self.tests = self._try(("tests",), partial(names.tests, data["tests"])) if "tests" in data else None
        self._check_the_whole()

    def _check_the_whole(self) -> None:
        for at, words in enumerate(self.factor_words):
            self._check_words(("factors", at, "says"), words)
        if self.mistakes:
            return  # what is missing may be what is misspelt
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
            checks=data["checks"],
            shows=self.shows,
            factor_words=self.factor_words,
            tests=frozenset(self.tests.names) if self.tests else frozenset(),
            because=tuple(_claim(claim) for claim in data["because"]),
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

    def _check_words(self, path: tuple[str | int, ...], text: str) -> None:
        try:
            used = words_in(text)
        except ValueError:
            self._mistake(path, "every { needs its }")
            return
        for word in sorted(used - WORDS.keys()):
            self._mistake(path, f"`{{{word}}}` is not a word that texts may use{did_you_mean(word, WORDS)}")

    def _suggest(self, path: tuple[str | int, ...], said: Mapping[str, Any]) -> Suggest | None:
        kind = next(kind for kind in ("order", "remove", "taper", "keep") if kind in said)
        what = said[kind]
        recommended = said.get("recommended", "no") == "yes"
        if kind == "order":
            panel = self.names.codelists.panels.get(what)
            if panel is None:
                known = self.names.codelists.panels
                self._mistake(path, f"`{what}` is not a panel in the code lists{did_you_mean(what, known)}")
                return None
            return Suggest(kind, what, said["label"], recommended, panel=panel)
        medicine = None if what == "ordered" else self._try(path, partial(self.names.medicine, what))
        ingredients: frozenset[RxCUI] = medicine.ingredients if medicine else frozenset()
        return Suggest(kind, what, said["label"], recommended, ingredients=ingredients)

    def _mistake(self, path: tuple[str | int, ...], says: str) -> None:
        self.mistakes.append(_at(self.source, path, says))


def for_jurisdiction(said: Any, jurisdiction: str) -> Any:  # noqa: ANN401 (any YAML value, and the same again)
    """The value with every mapping of jurisdictions replaced by the one that applies."""
    if isinstance(said, Mapping):
        if said and set(said) <= set(JURISDICTIONS):
            return said.get(jurisdiction, said.get(JURISDICTIONS[0]))
        return {key: for_jurisdiction(value, jurisdiction) for key, value in said.items()}
    if isinstance(said, list):
        return [for_jurisdiction(value, jurisdiction) for value in said]
    return said


def differs(said: object) -> bool:
    """Whether something in a card file has different limits for different countries."""
    if isinstance(said, Mapping):
        return bool(said and set(said) <= set(JURISDICTIONS)) or any(map(differs, said.values()))
    return isinstance(said, list) and any(map(differs, said))


def _reviewed(said: str | Mapping[str, Any]) -> str | None:
    """Such as `2026-05-04 by A. Hepatologist`; None when it was never reviewed."""
    if isinstance(said, str):
        return None
    on = said["on"]
    return f"{on.isoformat() if isinstance(on, date) else on} by {said['by']}"


def _claim(said: Mapping[str, Any]) -> Claim:
    return Claim(said["says"], said["source"], said.get("url"), said["confirmed"] == "yes", said.get("fact"))
