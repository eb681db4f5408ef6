"""What `cds-service cards lint`, `list` and `new` do: plain text for a person, and an exit code."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from cds_service.card_files.cards import Card, Status
from cds_service.card_files.examples import library_failures
from cds_service.card_files.library import Library
from cds_service.card_files.loading import load_library
from cds_service.card_files.mistakes import BrokenLibrary, Mistake
from cds_service.card_files.yaml_source import Source, read_source
from cds_service.drugs import vocabulary

REVIEW_MONTHS: Final = 24
SKELETON: Final = "skeleton.yaml"
SKELETON_ID: Final = "id-of-the-card"
BLANK: Final = "REPLACE"
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def lint(folder: Path, jurisdiction: str = "us", *, today: date | None = None) -> int:
    """Print every mistake of the card files of a folder; when there is none, notes on what ought to be done.

    Args:
        folder: the card files with their schema and code lists.
        jurisdiction: whose limits the examples are judged by.
        today: the day from which the age of reviews counts; without it their age is not looked at.

    Returns:
        1 when there are mistakes, else 0: a note fails nothing.
    """
    try:
        library, sources = _read(folder, jurisdiction)
    except BrokenLibrary as broken:
        return _refuse(broken)
    failures = library_failures(library, sources)
    if failures:
        return _refuse(BrokenLibrary(failures))
    noted = [note for card_id, source in sources.items() for note in notes(library.cards[card_id], source, today=today)]
    for note in sorted(noted):
        _say(f"{note.file}:{note.line}: note: {note.says}")
    examples = sum(len(_part(source, "examples")) for source in sources.values())
    read = f"{_count(len(sources), 'card')} and {_count(examples, 'example')}"
    _say(f"{read}: no mistakes, {_count(len(noted), 'note')}")
    return 0


def notes(card: Card, source: Source, *, today: date | None = None) -> Iterator[Mistake]:
    """What is not wrong with a card, but ought to be done. A retired card is left in peace."""
    if card.status is Status.RETIRED:
        return
    late = _review_note(card, today)
    if late:
        yield Mistake(source.file, source.line(("reviewed",)), late)
    names = [example["case"] for example in _part(source, "examples")]
    for name, times in Counter(names).items():
        if times > 1:
            again = len(names) - 1 - names[::-1].index(name)
            yield Mistake(source.file, source.line(("examples", again)), f"{times} examples are called `{name}`")
    for path, text in _texts(source.data):
        if BLANK in text:
            yield Mistake(source.file, source.line(path), f"`{BLANK}` of the skeleton still stands in this text")


def list_cards(folder: Path, jurisdiction: str = "us") -> int:
    """Print one line for each card: id, version, status, topic, indicators, review."""
    try:
        library, sources = _read(folder, jurisdiction)
    except BrokenLibrary as broken:
        return _refuse(broken)
    cards = (library.cards[card_id] for card_id in sources)
    rows = [("card", "version", "status", "topic", "indicators", "reviewed"), *map(_row, cards)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def new(card_id: str, folder: Path) -> int:
    """Write `<id>.yaml`: a complete card of status draft with a comment on every field, to be rewritten.

    Returns:
        1 when the id is no id, or its file is there already.
    """
    path = folder / f"{card_id}.yaml"
    if _ID.fullmatch(card_id) is None:
        return _complain(
            f"`{card_id}` must be small letters and digits joined by dashes, such as `dantrolene-baclofen`"
        )
    skeleton = files(__package__).joinpath(SKELETON).read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(skeleton.replace(SKELETON_ID, card_id))
    except FileExistsError:
        return _complain(f"{path} is there already; choose another id, or edit that file")
    except OSError as problem:
        return _complain(f"{path} cannot be written: {problem.strerror}")
    _say(f"{path} is written. Put your own words in, then run:")
    _say(f"  cds-service cards lint {folder}\n  cds-service cards try {path}")
    return 0


def _read(folder: Path, jurisdiction: str) -> tuple[Library, dict[str, Source]]:
    library = load_library(folder, vocabulary.load(), jurisdiction)
    return library, {card_id: read_source(folder / f"{card_id}.yaml") for card_id in sorted(library.cards)}


def _row(card: Card) -> tuple[str, ...]:
    indicators = ", ".join(dict.fromkeys(tier.indicator for tier in card.rule.tiers))
    return (card.id, str(card.version), card.status, card.topic, indicators, card.reviewed or "never")


def _review_note(card: Card, today: date | None) -> str | None:
    if card.reviewed is None:
        return "no clinician has reviewed this card"
    on = date.fromisoformat(card.reviewed.partition(" ")[0])
    if today is None or today < on:
        return None if today is None else f"the review of {on} lies in the future"
    months = (today.year - on.year) * 12 + today.month - on.month - (today.day < on.day)
    return f"the last review, of {on}, is {months} months old" if months >= REVIEW_MONTHS else None


def _part(source: Source, field: str) -> list[Any]:
    data: Any = source.data
    return list(data[field])


def _texts(data: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text of a card file, with its place."""
    match data:
        case dict():
            for key, value in data.items():
                yield from _texts(value, (*path, key))
        case list():
            for index, value in enumerate(data):
                yield from _texts(value, (*path, index))
        case str():
            yield path, data
        case _:
            return


def _refuse(broken: BrokenLibrary) -> int:
    _say(str(broken))
    _say(_count(len(broken.mistakes), "mistake"))
    return 1


def _complain(line: str) -> int:
    sys.stderr.write(f"{line}\n")
    return 1


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
