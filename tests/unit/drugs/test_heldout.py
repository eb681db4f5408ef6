"""How well free text is read: precision and recall on strings written before the reader was looked at.

heldout.tsv and development.tsv hold a string, the ingredients that a pharmacist would understand ("|" between them,
empty for none), a group, and a note. The reader was worked on with the second list only.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cds_service.drugs import vocabulary

VOCABULARY = vocabulary.load()
HERE = Path(__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "medicines.md"
ANTISPASTICS = {"baclofen", "dantrolene", "diazepam", "tizanidine"}


class Sample(NamedTuple):
    text: str
    expected: frozenset[str]
    group: str


def read(text: str) -> frozenset[str]:
    """The ingredients read from a text; empty when none."""
    product = VOCABULARY.from_text(text)
    return frozenset(map(VOCABULARY.ingredient_name, product.ingredients)) if product else frozenset()


def samples(name: str) -> Iterator[Sample]:
    for row in (HERE / name).read_text(encoding="utf-8").splitlines()[1:]:
        text, expected, group, _ = row.split("\t")
        yield Sample(text, frozenset(filter(None, expected.split("|"))), group)


HELD_OUT = tuple(samples("heldout.tsv"))
DEVELOPMENT = tuple(samples("development.tsv"))


def shares(of: list[Sample]) -> tuple[str, str]:
    """Precision (of what was read) and recall (of what was there to read)."""
    there = [one for one in of if one.expected]
    read_at_all = [one for one in of if read(one.text)]
    right = sum(read(one.text) == one.expected for one in read_at_all)
    return tuple(f"{right / len(all_):.3f}" if all_ else "" for all_ in (read_at_all, there))


def page_table() -> str:
    """The table of figures and misses, as it stands in the docs."""
    groups = {one.group: [other for other in HELD_OUT if other.group == one.group] for one in HELD_OUT}
    lines = ["| Group | Strings | That name a medicine | Precision | Recall |", "|---|--:|--:|--:|--:|"]
    for group, of in {**groups, "all": list(HELD_OUT)}.items():
        precision, recall = shares(of)
        lines.append(f"| {group} | {len(of)} | {sum(bool(one.expected) for one in of)} | {precision} | {recall} |")
    lines += ["", "| Not read right | Meant | Read |", "|---|---|---|"]
    lines += [
        f"| `{one.text}` | {' + '.join(sorted(one.expected))} | {' + '.join(sorted(read(one.text))) or 'unknown'} |"
        for one in HELD_OUT
        if read(one.text) != one.expected
    ]
    return "\n".join(lines)


def test_the_held_out_strings_are_of_the_kinds_that_matter():
    groups = [one.group for one in HELD_OUT]
    assert len(HELD_OUT) == 300
    assert groups.count("sound-alike") >= 40
    assert groups.count("not a medicine") >= 30
    assert groups.count("other language") >= 15
    assert not {one.text for one in HELD_OUT} & {one.text for one in DEVELOPMENT}


def test_what_is_read_as_a_medicine_is_that_medicine():
    precision, recall = shares(list(HELD_OUT))
    assert float(precision) >= 0.99
    assert float(recall) >= 0.96


@pytest.mark.parametrize("sample", [*HELD_OUT, *DEVELOPMENT], ids=lambda sample: sample.text)
def test_nothing_is_read_as_an_antispastic_that_is_none(sample):
    assert read(sample.text) & ANTISPASTICS <= sample.expected


@pytest.mark.parametrize("sample", [one for one in HELD_OUT if one.expected & ANTISPASTICS], ids=lambda one: one.text)
def test_every_antispastic_is_found(sample):
    assert read(sample.text) == sample.expected


@pytest.mark.parametrize("sample", DEVELOPMENT, ids=lambda sample: sample.text)
def test_the_strings_that_were_worked_on_are_read_right(sample):
    assert read(sample.text) == sample.expected


def test_the_figures_in_the_docs_are_those_of_today():
    assert page_table() in PAGE.read_text(encoding="utf-8")
