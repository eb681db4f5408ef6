"""What `cds-service cards lint`, `list` and `new` do: plain text on standard output, and an exit code."""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from cds_service.card_files.cards import Card
from cds_service.card_files.examples import library_failures
from cds_service.card_files.loading import load_library
from cds_service.card_files.mistakes import BrokenLibrary, Mistake
from cds_service.card_files.yaml_source import Source, read_source
from cds_service.drugs import vocabulary

REVIEW_MONTHS: Final = 24
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def lint(folder: Path, jurisdiction: str = "us", *, today: date | None = None) -> int:
    """Print every mistake of the card files of a folder, and advice about those that have none.

    Args:
        folder: the card files with their schema and code lists.
        jurisdiction: whose limits the examples are judged by.
        today: the day from which the age of reviews counts; without it their age is not looked at.

    Returns:
        1 when there are mistakes, else 0: advice fails nothing.
    """
    try:
        cards, sources = _read(folder, jurisdiction)
    except BrokenLibrary as broken:
        return _refuse(broken.mistakes)
    if cards.failures:
        return _refuse(cards.failures)
    notes = sorted(note for card in cards.cards for note in advice(card, sources[card.id], today=today))
    for note in notes:
        _say(f"{note.file}:{note.line}: note: {note.says}")
    examples = sum(len(_examples(source)) for source in sources.values())
    _say(
        f"{_count(len(cards.cards), 'card')} and {_count(examples, 'example')}: no mistakes, {_count(len(notes), 'note')}"
    )
    return 0


def advice(card: Card, source: Source, *, today: date | None = None) -> Iterator[Mistake]:
    """What is not wrong with a card, but ought to be done."""
    place = source.line(("reviewed",))
    if card.reviewed is None:
        yield Mistake(source.file, place, "no clinician has reviewed this card")
    elif today is not None:
        on = date.fromisoformat(card.reviewed.partition(" ")[0])
        if on > today:
            yield Mistake(source.file, place, f"the review of {on} lies in the future")
        elif (today.year - on.year) * 12 + today.month - on.month - (today.day < on.day) >= REVIEW_MONTHS:
            yield Mistake(source.file, place, f"the review of {on} is {REVIEW_MONTHS} months old or older")
    for case, times in Counter(example["case"] for example in _examples(source)).items():
        if times > 1:
            yield Mistake(source.file, source.line(("examples",)), f"{times} examples are called `{case}`")
    for index, line in enumerate(_list(source, "because")):
        if line["says"] == BLANK:
            yield Mistake(source.file, source.line(("because", index)), "this statement is still the skeleton's")


def list_cards(folder: Path, jurisdiction: str = "us") -> int:
    """Print one line for each card: id, version, status, topic, indicators, review."""
    try:
        cards, _ = _read(folder, jurisdiction)
    except BrokenLibrary as broken:
        return _refuse(broken.mistakes)
    rows = [("card", "version", "status", "topic", "indicators", "reviewed")]
    rows += [
        (
            card.id,
            str(card.version),
            card.status,
            card.topic,
            ", ".join(dict.fromkeys(tier.indicator for tier in card.rule.tiers)),
            card.reviewed or "never",
        )
        for card in cards.cards
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def new(card_id: str, folder: Path) -> int:
    """Write `<id>.yaml`: a complete card of status draft, with a comment on every field, to be rewritten."""
    path = folder / f"{card_id}.yaml"
    if _ID.fullmatch(card_id) is None:
        _complain(f"`{card_id}` must be small letters and digits joined by dashes, such as `dantrolene-baclofen`")
        return 1
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(SKELETON.replace(BLANK_ID, card_id))
    except FileExistsError:
        _complain(f"{path} is there already; choose another id, or edit it")
        return 1
    except OSError as problem:
        _complain(f"{path} cannot be written: {problem.strerror}")
        return 1
    _say(
        f"{path} is written. Put your own words in, then: cds-service cards lint {folder}, cds-service cards try {path}"
    )
    return 0


@dataclass(frozen=True, slots=True)
class _Cards:
    """The cards of a folder, and their examples that do not come out as they say."""

    cards: tuple[Card, ...]
    failures: tuple[Mistake, ...]


def _read(folder: Path, jurisdiction: str) -> tuple[_Cards, dict[str, Source]]:
    library = load_library(folder, vocabulary.load(), jurisdiction)
    sources = {card_id: read_source(folder / f"{card_id}.yaml") for card_id in sorted(library.cards)}
    cards = tuple(library.cards[card_id] for card_id in sources)
    return _Cards(cards, tuple(library_failures(library, sources))), sources


def _list(source: Source, field: str) -> list[Any]:
    data: Any = source.data
    return list(data[field])


def _examples(source: Source) -> list[Any]:
    return _list(source, "examples")


def _refuse(mistakes: Iterable[Mistake]) -> int:
    lines = [str(mistake) for mistake in sorted(mistakes)]
    _say("\n".join(lines))
    _say(_count(len(lines), "mistake"))
    return 1


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


BLANK_ID: Final = "ID-OF-THE-CARD"
BLANK: Final = "REPLACE by one clinical statement."
SKELETON: Final = f"""\
# yaml-language-server: $schema=card.schema.json
# A complete card to rewrite line by line: it warns about an opioid together with dantrolene. Everything after a # is for
# you; delete it when you are done. docs/reference/ explains every field, condition and word.
id: {BLANK_ID}
version: 1                             # raise it whenever the advice changes
status: draft                          # draft -> shadow (counted, not shown) -> active -> retired
topic: drug-interaction
hooks: [medication-prescribe, order-select, order-sign]
owner: medication-safety               # who answers for the card
reviewed: never                        # or: {{on: 2026-05-04, by: name of the reviewer}}
checks: dantrolene together with an opioid   # in a few words, for "Not checked: ..."
when:                                  # all of these must hold
  - together: [{{of: dantrolene, route: oral}}, opioid]
unless:                                # none of these may hold; delete both lines if there is nothing
  - {{course_for: malignant-hyperthermia, of: dantrolene, or_at_most: 3 days, without: spasticity}}
tiers:                                 # the first that holds decides, so the most urgent comes first
  - indicator: critical
    when:
      - {{age: from 75 years}}
    show:                              # only what differs from the words below
      summary: "{{Pair}}: choose another treatment at this age"
  - indicator: warning
show:                                  # words in braces stand for values of this patient
  summary: "{{Pair}}: added sedation"    # at most 139 characters, in quotes
  detail: |
    {{Regimen}}. Say here what can happen, and what to do, in at most 120 words.
  suggest:                             # the buttons: order, remove, taper or keep; [] for none
    - {{remove: ordered, label: "Remove the {{ordered}} order"}}
  override_reasons: [risk-benefit-ratio, mitigate-risk-negative-outcome, expert-contradicts]
because:                               # every clinical statement above, with its source
  - says: {BLANK}
    source: choice of this service     # or the document, with its url below
    # url: https://...
    confirmed: no                      # yes when someone has read it in the document
not_covered:
  - What the card does not see or consider, one sentence each.
examples:                              # at least one shown, silent and not checked, and both sides of every limit
  - {{case: dantrolene ordered for a patient who takes an opioid, ordering: [dantrolene], taking: [oxycodone], expect: shown, indicator: warning}}
  - {{case: oxycodone ordered for a patient who takes dantrolene, ordering: [oxycodone], taking: [dantrolene], expect: shown}}
  - {{case: on the 75th birthday, ordering: [dantrolene], taking: [oxycodone], age: 75, expect: shown, indicator: critical}}
  - {{case: a year younger, ordering: [dantrolene], taking: [oxycodone], age: 74, expect: shown, indicator: warning}}
  - {{case: dantrolene alone, ordering: [dantrolene], expect: silent}}
  - {{case: medication list not supplied, ordering: [dantrolene], not_supplied: [medications], expect: not checked}}
"""
