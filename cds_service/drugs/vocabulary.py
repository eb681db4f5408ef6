"""The medicines we know, by code, by name and, as a last resort, by free text."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import cache, cached_property
from importlib import resources
from typing import Final

from cds_service.clinical.codes import Route, RxCUI
from cds_service.drugs.names import Names, Slots, WordKinds
from cds_service.drugs.products import Product, parse_product
from cds_service.drugs.text import Reader

_TABLET_OR_CAPSULE: Final = ("Tablet", "Capsule")
_MODIFIED_RELEASE: Final = ("Extended Release", "Delayed Release", "Sustained Release")
_DISPENSED: Final = ("SCD", "SBD", "GPCK", "BPCK")  # concepts that name one product to dispense


class Vocabulary:
    """RxNorm as shipped: each concept by code, ingredients by name, medicines in free text.

    Unchanging; shared by all requests of a process. `load` makes the one that is shipped.
    """

    def __init__(self, rxnorm: str, aliases: str, brands: str, ordinary_words: str) -> None:
        """Take the text of the four files; data/README.md says what they hold.

        Lines are kept as they are, and read when first asked for: few of them ever are.
        """
        self._lines: dict[str, str] = {}
        self._of_type: defaultdict[str, list[str]] = defaultdict(list)
        self._aliases = tuple(_rows(aliases))
        self._brands = tuple(_rows(brands))
        self._kinds = _word_kinds(ordinary_words)
        for line in rxnorm.splitlines()[1:]:
            rxcui, term_type, _ = line.split("\t", 2)
            self._lines[rxcui] = line
            self._of_type[term_type].append(line)

    def product(self, rxcui: str) -> Product | None:
        """What a code stands for; None for a code we do not know.

        A code we know but no rule asks about is a `Product` like any other. Ingredients, brands and groups
        such as "Baclofen Pill" are products too, with what they do not say left open.
        """
        line = self._lines.get(rxcui)
        return None if line is None else parse_product(line)

    def ingredient(self, name: str) -> RxCUI | None:
        """The ingredient of that name, salt ("dantrolene sodium") or other name ("paracetamol"); else None.

        Upper and lower case and spaces at the ends do not matter. Brands are not ingredients.
        """
        return self._ingredients.get(name.strip().lower())

    def ingredient_name(self, rxcui: str) -> str:
        """The RxNorm name of an ingredient; KeyError for a code that is none."""
        line = self._lines[rxcui]
        if line.split("\t", 2)[1] != "IN":
            raise KeyError(rxcui)
        return _name(line)

    def ingredient_names(self) -> frozenset[str]:
        """All names `ingredient` knows, salts and other names included, in lower case."""
        return frozenset(self._ingredients)

    def from_text(self, text: str) -> Product | None:
        """The medicine a free text names, as a last resort; None when it names none we know.

        An RxNorm product name, whatever its case and spacing, is that product. Otherwise names of
        ingredients, salts and brands are found as whole words, never as parts of words and never by
        likeness; strength, dose form and route are read from the words around them. Names that are also
        ordinary words ("water") count only in a text that says nothing else. `text.Reader` has the details.
        """
        plain = " ".join(text.split())
        rxcui = self._full_names.get(plain.lower())
        return self._reader.read(plain) if rxcui is None else self.product(rxcui)

    def oral_countable_strengths(self, ingredient: RxCUI) -> tuple[Product, ...]:
        """The oral tablets and capsules of one ingredient alone that can be prescribed, weakest first.

        Generic products of known strength only. Without extended or delayed release, which neither can be
        divided nor mixed with others to make up a dose.
        """
        tablets = filter(_is_plain_tablet, self._generics(frozenset({ingredient})))
        return tuple(sorted(tablets, key=_by_strength))

    def _generics(self, ingredients: frozenset[RxCUI]) -> tuple[Product, ...]:
        """The prescribable generic products with exactly these ingredients, all of them coded."""
        return tuple(map(parse_product, self._generic_lines.get(ingredients, ())))

    @cached_property
    def _generic_lines(self) -> dict[frozenset[str], list[str]]:
        found: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        for line in self._of_type["SCD"]:
            if line.endswith("\ttrue"):
                found[frozenset(_slots(line))].append(line)
        return dict(found)

    @cached_property
    def _ingredients(self) -> dict[str, RxCUI]:
        """Other names first, so that a name of RxNorm's own wins."""
        found = {alias: RxCUI(rxcui) for alias, rxcui in self._aliases}
        for term_type in ("PIN", "IN"):
            found |= {_name(line).lower(): RxCUI(slot) for line in self._of_type[term_type] for slot in _slots(line)}
        return {name: rxcui for name, rxcui in found.items() if rxcui}

    @cached_property
    def _full_names(self) -> dict[str, str]:
        """Product name -> RxCUI. Of two codes with one name: the prescribable, then the older one."""
        found: dict[str, str] = {}
        dispensed = [line for term_type in _DISPENSED for line in self._of_type[term_type]]
        for line in sorted(dispensed, key=lambda line: line.endswith("\tfalse")):
            found.setdefault(_name(line).lower(), line.partition("\t")[0])
        return found

    @cached_property
    def _reader(self) -> Reader:
        concepts = (line for term_type in ("IN", "PIN", "MIN", "BN") for line in self._of_type[term_type])
        names: list[tuple[str, Slots]] = [(_name(line), _slots(line)) for line in concepts]
        names += [(name, tuple(slots.split("|"))) for name, slots in (*self._aliases, *self._brands)]
        return Reader(Names(names, self._kinds), self._generics)


@cache
def load() -> Vocabulary:
    """The shipped vocabulary, read once per process."""
    shipped = resources.files(__package__) / "data"
    files = ("rxnorm.tsv", "aliases.tsv", "brands.tsv", "ordinary_words.txt")
    return Vocabulary(*((shipped / file).read_text(encoding="utf-8") for file in files))


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """The two columns of a table, without its header."""
    for line in text.splitlines()[1:]:
        one, _, other = line.partition("\t")
        yield one, other


def _word_kinds(text: str) -> WordKinds:
    """Read lines such as "plain: after again"."""
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    kinds = {kind: frozenset(words.split()) for kind, _, words in lines}
    return WordKinds(ordinary=frozenset().union(*kinds.values()), salts=kinds["salts"])


def _name(line: str) -> str:
    return line.split("\t", 3)[2]


def _slots(line: str) -> Slots:
    return tuple(line.split("\t", 4)[3].split("|"))


def _is_plain_tablet(product: Product) -> bool:
    return (
        product.route is Route.ORAL
        and product.dose_form.endswith(_TABLET_OR_CAPSULE)
        and not any(release in product.dose_form for release in _MODIFIED_RELEASE)
        and product.strengths[0] is not None
    )


def _by_strength(product: Product) -> tuple[Decimal, str]:
    strength = product.strengths[0]
    return (strength.amount if strength else Decimal(0), product.name)
