"""Names of medicines, found in text as whole words."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

Slots: TypeAlias = tuple[str, ...]  # ingredient RxCUIs; "" stands for an ingredient without a code

_WORD: Final = re.compile(r"[^\W\d_]+|#?[0-9]+(?:[.,][0-9]+)*")
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
_LONGEST: Final = 8  # words; longer names are vaccines and allergens, which nobody writes out
_SHORTEST: Final = 4  # letters; shorter brands (RID, DOK, S-2) are read as abbreviations of something else


def folded(text: str) -> str:
    """A text in lower case and without accents; signs such as "㎎" written out.

    >>> folded("Dantrolène 25 ㎎")
    'dantrolene 25 mg'
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.lower())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


def words(text: str) -> list[str]:
    """The words and numbers of a text, folded; "50mg" is two, hyphens separate, and "#3" is a number of its own.

    >>> words("Amoxicillin-clavulanate 500mg/5 mL")
    ['amoxicillin', 'clavulanate', '500', 'mg', '5', 'ml']
    """
    return _WORD.findall(folded(text))


def word_places(text: str) -> list[tuple[int, int]]:
    """Where each of the `words` of a text starts and ends; the text is folded already."""
    return [match.span() for match in _WORD.finditer(text)]


class Weight(IntEnum):
    """How surely a name in a text means a medicine."""

    ORDINARY = 0  # "water", "Simply Sleep": only where nothing else is said
    SALT = 1  # "potassium chloride": unless another medicine is named, of which it may be the salt or the diluent
    DISTINCT = 2  # "baclofen"


@dataclass(frozen=True, slots=True)
class WordKinds:
    """Words that do not make a name distinct; see data/ordinary_words.txt."""

    ordinary: frozenset[str]
    salts: frozenset[str]

    def weight(self, name: Sequence[str]) -> Weight:
        """How surely a name of these words means a medicine."""
        if len(name) > 1 and self.salts.issuperset(name):
            return Weight.SALT
        return Weight.ORDINARY if all(map(self._is_ordinary, name)) else Weight.DISTINCT

    def _is_ordinary(self, word: str) -> bool:
        return word in self.ordinary or word in self.salts or len(word) == 1 or not word.isalpha()


@dataclass(frozen=True, slots=True)
class Mention:
    """A medicine named in a text: words `start` up to, but without, `end`.

    Without slots it is a phrase that looks like a medicine and is none ("water pill").
    """

    start: int
    end: int
    slots: Slots
    weight: Weight


class Names:
    """The names of medicines by their words."""

    def __init__(
        self, chosen: Iterable[tuple[str, Slots]], names: Iterable[tuple[str, Slots]], kinds: WordKinds
    ) -> None:
        """Take names and what they stand for; of equal names the first counts.

        Args:
            chosen: names of any length, listed by hand; in any case and spelling of separators.
            names: all others; too short and too long ones are left out.
            kinds: by which names are weighed.
        """
        self._slots: dict[str, Slots] = {}
        self._longest: dict[str, int] = {}  # by first word
        self._kinds = kinds
        for name, slots in chosen:
            self._add(words(name), slots)
        for name, slots in names:
            parts = words(name)
            if len(parts) <= _LONGEST and sum(map(len, filter(str.isalpha, parts))) >= _SHORTEST:
                self._add(parts, slots)

    def _add(self, parts: Sequence[str], slots: Slots) -> None:
        self._slots.setdefault(" ".join(parts), slots)
        self._longest[parts[0]] = max(len(parts), self._longest.get(parts[0], 0))

    def mentions(self, parts: Sequence[str]) -> list[Mention]:
        """The names in the words of a text from left to right, each as long as can be, without overlap."""
        found: list[Mention] = []
        start = 0
        while start < len(parts):
            mention = self._mention(parts, start)
            if mention is not None:
                found.append(mention)
            start = start + 1 if mention is None else mention.end
        return found

    def _mention(self, parts: Sequence[str], start: int) -> Mention | None:
        for length in range(self._longest.get(parts[start], 0), 0, -1):
            candidate = parts[start : start + length]
            slots = self._slots.get(" ".join(candidate))
            if slots is not None and len(candidate) == length:
                return Mention(start, start + length, slots, self._kinds.weight(candidate))
        return None
