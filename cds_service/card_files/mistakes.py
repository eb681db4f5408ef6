"""What is wrong with a card file, said to the person who wrote it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

NEAR: Final = 0.6  # how alike two words of a short list must be, for one to be meant
NEAR_NAMES: Final = 0.8  # among the thousands of medicines, something is always a little alike


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake, with its place; prints as `file:line: what is wrong`."""

    file: str
    line: int
    says: str

    def __str__(self) -> str:
        """Place first, then what is wrong and what would be right."""
        return f"{self.file}:{self.line}: {self.says}"


class BrokenLibrary(Exception):
    """The card files do not make a library; carries every mistake of every file.

    Attributes:
        mistakes: each once, in the order of files and lines.
        half_read: a file stopped at its form, so that its names, words and examples were not looked at yet.
    """

    def __init__(self, mistakes: Iterable[Mistake], *, half_read: bool = False) -> None:
        """Keep the mistakes in the order of files and lines."""
        self.mistakes = tuple(sorted(set(mistakes)))
        self.half_read = half_read
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def did_you_mean(word: str, known: Iterable[str], cutoff: float = NEAR) -> str:
    """A suggestion to append to a message, or nothing when no known word is near."""
    near = get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f"; did you mean `{near[0]}`?" if near else ""
