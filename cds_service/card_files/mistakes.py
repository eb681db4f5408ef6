"""What is wrong with a card file, said to the person who wrote it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake, with its place; prints as `file:line: what is wrong`."""

    file: str
    line: int
    says: str

    def __str__(self) -> str:
        """Place first, then what is wrong and what would be right."""
        return f"{self.file}:{self.line}: {self.says}"


class BrokenLibrary(Exception):  # noqa: N818 (it is a state of the library, and reads so where it is raised)
    """The card files do not make a library; carries every mistake of every file."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        """Keep the mistakes in the order of files and lines."""
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion to append to a message, or nothing when no known word is near."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""
