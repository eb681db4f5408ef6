"""Single elements of JSON: dates as precise as they came, and wrong types that read as absent."""

from datetime import date
from decimal import Decimal

import pytest

from cds_service.clinical.days import Day
from cds_service.fhir import elements

FIRST_OF_MARCH = Day.on(date(2026, 3, 1))


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("2026-03-01", "2026-03-01", "2026-03-01"),
        ("2026-03", "2026-03-01", "2026-03-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2025-02", "2025-02-01", "2025-02-28"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("9999-12", "9999-12-01", "9999-12-31"),
        ("2026", "2026-01-01", "2026-12-31"),
        ("0001-01-01", "0001-01-01", "0001-01-01"),
        ("2024-02-29", "2024-02-29", "2024-02-29"),
        (" 2026-03-01 ", "2026-03-01", "2026-03-01"),
        ("2026-03-01T08:30:00Z", "2026-03-01", "2026-03-01"),
        ("2026-03-01T08:30", "2026-03-01", "2026-03-01"),
        ("2026-03-01T08:30:00.123456+00:00", "2026-03-01", "2026-03-01"),
    ],
)
def test_a_date_is_kept_as_precise_as_it_came(said, first, last):
    assert elements.day({"date": said}, "date") == Day(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("zone", ["Z", "-11:00", "+14:00", ""])
@pytest.mark.parametrize("time", ["00:00:00", "23:59:59"])
def test_no_time_zone_moves_a_day(time, zone):
    assert elements.day({"date": f"2026-03-01T{time}{zone}"}, "date") == FIRST_OF_MARCH


@pytest.mark.parametrize(
    "said",
    [
        "",
        "yesterday",
        "2026-02-30",
        "2025-02-29",
        "2026-13",
        "2026-00-01",
        "0000-01-01",
        "0000",
        "12026-01-01",
        "26-01-01",
        "2026-1-1",
        "2026/03/01",
        "01.03.2026",
        "20260301",
        "2026-03-01 08:30",
        "2026-03T08:30",
        20260301,
        None,
        True,
        ["2026-03-01"],
        {"value": "2026-03-01"},
    ],
    ids=repr,
)
def test_what_is_no_fhir_date_is_no_date(said):
    assert elements.day({"date": said}, "date") is None


def test_a_text_of_any_length_in_place_of_a_date_is_no_date():
    assert elements.day({"date": "9" * 100_000}, "date") is None


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (5, Decimal(5)),
        (0, Decimal(0)),
        (-1, Decimal(-1)),
        (2.5, Decimal("2.5")),
        (0.1, Decimal("0.1")),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
        ("5", None),
        (None, None),
        ([5], None),
        ({"value": 5}, None),
    ],
    ids=repr,
)
def test_a_number_is_read_exactly_or_not_at_all(said, number):
    assert elements.number({"value": said}, "value") == number


@pytest.mark.parametrize("wrong", ["text", 5, True, None, [{"code": "A"}], ["text"]], ids=repr)
def test_an_object_of_another_type_reads_as_empty(wrong):
    assert elements.part({"code": wrong}, "code") == {}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([{"a": 1}, {"b": 2}], ({"a": 1}, {"b": 2})),
        ([{"a": 1}, "text", None, 5], ({"a": 1},)),
        ({"a": 1}, ({"a": 1},)),
        ("text", ()),
        (5, ()),
        (None, ()),
        ([], ()),
    ],
    ids=repr,
)
def test_a_single_object_where_a_list_belongs_counts_as_a_list_of_one(said, found):
    assert tuple(elements.parts({"coding": said}, "coding")) == found


@pytest.mark.parametrize(
    ("coding", "pairs"),
    [
        ([{"system": "s", "code": "c"}], [("s", "c")]),
        ([{"system": "s", "code": "c"}, {"system": "s", "code": "d"}], [("s", "c"), ("s", "d")]),
        ({"system": "s", "code": "c"}, [("s", "c")]),
        ([{"system": "s"}], []),
        ([{"code": "c"}], []),
        ([{"system": "s", "code": 5}], []),
        ([{"system": ["s"], "code": "c"}], []),
        ([{"system": "", "code": ""}], []),
        (["s|c", None], []),
        ("s|c", []),
        ([], []),
        (None, []),
    ],
    ids=repr,
)
def test_a_code_without_its_system_is_no_code(coding, pairs):
    assert elements.codings({"coding": coding}) == pairs


@pytest.mark.parametrize(
    ("concept", "words"),
    [
        ({"text": " Multiple sclerosis ", "coding": [{"display": "MS"}]}, "Multiple sclerosis"),
        ({"text": "  ", "coding": [{"display": "MS"}]}, "MS"),
        ({"text": 5, "coding": [{"code": "G35"}, {"display": " MS "}]}, "MS"),
        ({"coding": {"display": "MS"}}, "MS"),
        ({"coding": [{"display": "  "}]}, ""),
        ({}, ""),
    ],
)
def test_the_words_of_a_concept_are_its_text_else_its_first_display(concept, words):
    assert elements.words(concept) == words


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("Medication/1", "Medication/1"),
        ("https://ehr.example/fhir/Medication/1", "Medication/1"),
        ("https://ehr.example/fhir/r4/Medication/1/", "Medication/1"),
        ("Medication/1/_history/2", "Medication/1"),
        ("https://ehr.example/fhir/Medication/1/_history/2", "Medication/1"),
        ("#med", "#med"),
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        ("1", "1"),
        ("", ""),
        (5, ""),
    ],
)
def test_a_reference_is_read_without_server_and_version(said, plain):
    assert elements.reference({"to": {"reference": said}}, "to") == plain


@pytest.mark.parametrize("wrong", ["Medication/1", ["Medication/1"], None])
def test_what_is_no_reference_points_nowhere(wrong):
    assert elements.reference({"to": wrong}, "to") == ""


@pytest.mark.parametrize(
    ("resource", "ref"),
    [
        ({"resourceType": "Condition", "id": "7"}, "Condition/7"),
        ({"resourceType": "Condition"}, "conditions 3"),
        ({"id": "7"}, "conditions 3"),
        ({"resourceType": "Condition", "id": 7}, "conditions 3"),
        ({"resourceType": ["Condition"], "id": "7"}, "conditions 3"),
    ],
)
def test_a_resource_without_an_id_is_named_by_its_place(resource, ref):
    assert elements.ref_of(resource, "conditions 3") == ref
