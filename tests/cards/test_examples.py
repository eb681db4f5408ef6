"""Every example of every card file comes out as its author says, and every card has the examples it needs."""

from pathlib import Path

import pytest

from cds_service.card_files.examples import Outcome, country, failures, situation
from cds_service.card_files.loading import load_library
from cds_service.card_files.sentences import Names
from cds_service.card_files.yaml_source import read_source
from cds_service.drugs import vocabulary
from cds_service.rules.evaluate import find

CARDS = Path(__file__).parents[2] / "cards"
SOURCES = {path.stem: read_source(path) for path in sorted(CARDS.glob("*.yaml"))}
EXAMPLES = {
    f"{card_id}: {example['case']}": (card_id, example)
    for card_id, source in SOURCES.items()
    for example in source.data["examples"]
}


@pytest.fixture(scope="module")
def library():
    return load_library(CARDS, vocabulary.load())


@pytest.fixture(scope="module")
def names(library):
    return Names(library.codelists, library.vocabulary)


def test_no_two_examples_of_a_card_have_the_same_name():
    assert len(EXAMPLES) == sum(len(source.data["examples"]) for source in SOURCES.values())


@pytest.mark.parametrize(("card_id", "example"), EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_comes_out_as_its_author_says(library, names, card_id, example):
    outcome = Outcome.of(find(library.cards[card_id].rule_in(country(example)), situation(example, names)))
    assert outcome.expect == example["expect"]
    if "indicator" in example:
        assert outcome.indicator == example["indicator"]


@pytest.mark.parametrize("card_id", SOURCES)
def test_a_card_shows_when_it_speaks_when_it_is_silent_and_when_it_cannot_know(library, names, card_id):
    assert failures(library.cards[card_id], SOURCES[card_id], names) == []


@pytest.mark.parametrize("jurisdiction", ["us", "uk"])
def test_all_cards_load_in_every_jurisdiction(jurisdiction):
    assert load_library(CARDS, vocabulary.load(), jurisdiction).cards.keys() == SOURCES.keys()
