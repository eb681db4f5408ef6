"""Reading a card file: what YAML makes of it, and what an author hears when it is not YAML."""

from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.card_files.mistakes import BrokenLibrary
from cds_service.card_files.yaml_source import read_source, source_of


def mistakes(text):
    with pytest.raises(BrokenLibrary) as broken:
        source_of(text, "cards/a.yaml")
    return [(mistake.line, mistake.says) for mistake in broken.value.mistakes]


def test_words_stay_words_and_numbers_stay_exact():
    text = "a: yes\nb: no\nc: 010\nd: 1.10\ne: 2026-05-04\nf: true\ng:\nh: 0x1F\ni: .inf\n"
    expected = {"a": "yes", "b": "no", "c": 10, "d": Decimal("1.10"), "e": "2026-05-04", "f": True, "g": None}
    assert source_of(text, "x").data == {**expected, "h": "0x1F", "i": ".inf"}


def test_every_field_and_every_entry_knows_its_line():
    source = source_of("# a comment\nid: a\nwhen:\n  - {age: x}\n  - any_of:\n      - sex: y\n", "x")
    assert source.line(()) == 2
    assert source.line(("when",)) == 3
    assert source.line(("when", 0, "age")) == 4
    assert source.line(("when", 1, "any_of", 0, "sex")) == 6


def test_what_is_not_there_has_the_line_of_what_is_around_it():
    source = source_of("id: a\nwhen:\n  - {age: x}\n", "x")
    assert source.line(("when", 0, "route")) == 3
    assert source.line(("owner", "name")) == 1


def test_a_file_is_named_by_its_folder_and_name(tmp_path):
    (tmp_path / "cards").mkdir()
    card = tmp_path / "cards" / "a.yaml"
    card.write_text("id: a\n", encoding="utf-8")
    assert read_source(card).file == "cards/a.yaml"


def test_a_file_that_notepad_saved_is_read(tmp_path):
    card = tmp_path / "a.yaml"
    card.write_bytes("id: a\r\nsays: 5 µg\r\n".encode("utf-8-sig"))
    assert read_source(card).data == {"id": "a", "says": "5 µg"}


def test_a_file_that_is_not_there_or_not_utf_8_is_said_so(tmp_path):
    with pytest.raises(BrokenLibrary, match=r"a\.yaml:1: cannot be read; is there such a file\?"):
        read_source(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_bytes("says: 5 µg\n".encode("latin-1"))
    with pytest.raises(BrokenLibrary, match=r"b\.yaml:1: is not saved as UTF-8; choose that when saving"):
        read_source(tmp_path / "b.yaml")


def test_a_file_without_a_folder_is_named_alone():
    with pytest.raises(BrokenLibrary, match=r"^no-such-card\.yaml:1: "):
        read_source(Path("no-such-card.yaml"))


def test_a_field_that_stands_twice_is_refused_wherever_it_stands():
    assert mistakes("a: 1\nb: {c: 1, c: 2}\na: 3\n") == [
        (2, "`c` stands here a second time; the first is on line 2"),
        (3, "`a` stands here a second time; the first is on line 1"),
    ]


def test_every_tab_is_named():
    says = "a tab stands at the beginning of this line; use spaces"
    assert mistakes("a:\n\t- b\n  \t- c\n") == [(2, says), (3, says)]


def test_a_tab_inside_a_text_is_none_of_our_business():
    assert source_of('a: "b\tc"\nd: |\n  e\tf\n', "x").data == {"a": "b\tc", "d": "e\tf\n"}


UNCLEAR = "this line cannot be read; look for a missing quote, bracket or colon here or just above"
OUT_OF_LINE = "the indentation of this line does not fit the lines above it"
GOES_ON = "the text goes on after its closing quote or bracket; put all of it in double quotes"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "the file is empty"),
        ("# only a comment\n", 1, "the file is empty"),
        ('id: a\nsays: "x\nb: "y"\n', 2, 'the `"` that begins here is not closed at the end of the text'),
        ('says: "x\nb: 1\n', 1, 'the `"` that begins here is not closed at the end of the text'),
        ("# says: 'x\nsays: 'x\nb: 1\n", 2, "the `'` that begins here is not closed at the end of the text"),
        ("id: a\n- ['x]\n", 2, "the `'` that begins here is not closed at the end of the text"),
        ("says: 'it's'\n", 1, GOES_ON),
        ('says: "{Pair}" added\n', 1, GOES_ON),
        ("says: {Pair} added\n", 1, GOES_ON),
        ("says: {Pair}: added\n", 1, "a text that begins with `{` must stand in quotes"),
        ("id: a\nsays: dose: high\n", 2, "a text with `: ` in it must stand in quotes"),
        ("says: @x\n", 1, "a text that begins with `@` must stand in quotes"),
        ("says: %x\n", 1, "a text that begins with `%` must stand in quotes"),
        ("says: *x\n", 1, "a text that begins with `*` must stand in quotes"),
        ("says: &x y\n", 1, "a text that begins with `&x` must stand in quotes"),
        ("says: !x y\n", 1, "a text that begins with `!x` must stand in quotes"),
        ('says: "a\\q"\n', 1, "in double quotes `\\` has a meaning of its own; write `\\\\` or use single quotes"),
        ("says: |x\n  foo\n", 1, "after `|` the text begins on the next line"),
        ("says: > x\n", 1, "after `|` or `>` the text begins on the next line"),
        ("when: [a, b\nunless: c\n", 1, "the `[` that begins here is not closed, or a comma is missing after an entry"),
        ("when: [a, {b: c]\n", 1, "the `{` that begins here is not closed, or a comma is missing after an entry"),
        ("id:a\nwhen: b\n", 1, "`id:a` needs a space after its colon"),
        ("id: a\nfoo\nwhen: b\n", 2, "`foo` is not a field: it has no colon"),
        ('id: "a"\nfoo bar\n', 2, "`foo bar` is not a field: it has no colon"),
        ("id: a\n when: b\n", 2, OUT_OF_LINE),
        ("when:\n  - a\n unless: b\n", 3, OUT_OF_LINE),
        ("when:\n- a: 1\n  - b: 2\n", 3, OUT_OF_LINE),
        ("id: a\n---\nid: b\n", 2, "`---` begins a second card here; one file holds one card"),
        ("id: a\nsays: x\x01\n", 2, "a control character hides in this line; delete it"),
        ("? [a]: b\n", 1, "the name of a field must be a single word"),
        ("id: a\nsays: ]\n", 2, UNCLEAR),
        ("id: a\nsays: b\tc\n", 2, "a tab stands in this line; use spaces"),
    ],
)
def test_what_is_not_yaml_is_said_in_plain_words(text, line, says):
    assert mistakes(text) == [(line, says)]


def test_no_word_of_the_parser_reaches_the_author():
    jargon = ("token", "mapping", "scalar", "block", "flow", "anchor", "stream", "parsing", "ruamel")
    for text in ("a: b: c\n", "a: [1\n", 'a: "x\n', "a: @\n", "a: *b\n", "- a\nb: 1\n", "}\n", "a: |x\n", "a\nb: c\n"):
        for _, says in mistakes(text):
            assert not [word for word in jargon if word in says]
