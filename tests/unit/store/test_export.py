"""The exports: everything that is kept, in forms that programs read."""

import csv
import io
import json
from datetime import timedelta
from uuid import uuid4

import pytest

from cds_service.advice.record import Caller
from cds_service.store.command import export
from cds_service.store.export import Form, What
from tests.unit.store.keeping import AT, EHR, SERVICE, accepted, evaluation, opening, overridden, traced


def exported(address, what, form, since=None):
    out = io.StringIO(newline="")
    count = export(address, what, form, since, out)
    if form is Form.NDJSON:
        return count, [json.loads(line) for line in out.getvalue().splitlines()]
    return count, list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def test_evaluations_as_json(address, tmp_path):
    card = traced()
    with opening(address, tmp_path / "spill") as store:
        told = evaluation(card)
        store.audit(told)
    count, (item,) = exported(address, What.EVALUATIONS, Form.NDJSON)
    assert count == 1
    assert item["at"] == "2026-11-22T10:00:00Z"
    assert (item["client"], item["hook_instance"]) == (EHR.client, str(told.hook_instance))
    assert item["gaps"] == {"no-date": 2}
    assert item["cards"] == [
        {
            "card": card.card,
            "version": 2,
            "indicator": "warning",
            "uuid": str(card.uuid),
            "showing": "shown",
            "suggestions": [str(card.suggestions[0])],
        }
    ]


def test_evaluations_as_a_table_have_a_line_for_each_card(address, tmp_path):
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation(traced("one"), traced("two")))
        store.audit(evaluation(at=AT + timedelta(seconds=1)))
    count, lines = exported(address, What.EVALUATIONS, Form.CSV)
    assert count == 2
    assert [(line["card"], line["card_version"], line["version"]) for line in lines] == [
        ("one", "2", "0.1.0"),
        ("two", "2", "0.1.0"),
        ("", "", "0.1.0"),
    ]
    assert lines[0]["gaps"] == "no-date:2"
    assert lines[0]["id"] == lines[1]["id"] != lines[2]["id"]


def test_feedback_says_what_it_is_about(address, tmp_path):
    card = traced()
    with opening(address, tmp_path / "spill") as store:
        told = evaluation(card)
        store.audit(told)
        entries = (accepted(card.uuid, suggestions=card.suggestions), overridden(uuid4(), comment="x" * 7))
        store.keep_feedback(SERVICE, EHR, entries, AT)
    count, items = exported(address, What.FEEDBACK, Form.NDJSON)
    known, unknown = sorted(items, key=lambda item: not item["known"])
    assert count == 2
    assert (known["card"], known["card_version"], known["indicator"]) == (card.card, 2, "warning")
    assert (known["hook"], known["hook_instance"]) == ("order-sign", str(told.hook_instance))
    assert (known["outcome"], known["suggestions"]) == ("accepted", [str(card.suggestions[0])])
    assert (unknown["known"], unknown["card"], unknown["reason"]) == (False, None, "risk-benefit-ratio")
    assert (unknown["comment_length"], unknown["comment"]) == (7, None)
    assert {line["known"] for line in exported(address, What.FEEDBACK, Form.CSV)[1]} == {"true", "false"}


def test_feedback_of_another_tenant_says_nothing_of_the_card(address, tmp_path):
    card, alone, south = traced(), Caller("a client without tenants"), Caller(EHR.client, "south")
    of_alone = traced()
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation(card))
        store.audit(evaluation(of_alone, caller=alone))
        store.keep_feedback(SERVICE, EHR, (accepted(card.uuid),), AT)
        store.keep_feedback(SERVICE, south, (accepted(card.uuid),), AT)
        store.keep_feedback(SERVICE, alone, (accepted(of_alone.uuid),), AT)
    count, items = exported(address, What.FEEDBACK, Form.NDJSON)
    assert count == 3
    assert {(item["client"], item["tenant"], item["known"], item["card"]) for item in items} == {
        (EHR.client, "north", True, card.card),
        (EHR.client, "south", False, None),
        (alone.client, None, True, card.card),
    }


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_comment_is_run_by_a_spreadsheet(address, tmp_path, begin):
    words = f'{begin}HYPERLINK("https://evil.example")\nand, more'
    with opening(address, tmp_path / "spill", comments=True) as store:
        store.keep_feedback(SERVICE, EHR, (overridden(uuid4(), comment=words),), AT)
    (line,) = exported(address, What.FEEDBACK, Form.CSV)[1]
    assert line["comment"] == "'" + words
    (item,) = exported(address, What.FEEDBACK, Form.NDJSON)[1]
    assert item["comment"] == words


@pytest.mark.parametrize("form", Form)
def test_everything_is_exported_once_however_much_it_is(address, tmp_path, form):
    with opening(address, tmp_path / "spill") as store:
        for number in range(1203):
            store.audit(evaluation(at=AT + timedelta(seconds=number // 100)))
        entries = tuple(accepted(uuid4()) for _ in range(501))
        store.keep_feedback(SERVICE, EHR, entries, AT)
        store.keep_feedback(SERVICE, EHR, (overridden(uuid4()),), AT + timedelta(seconds=5))
    count, items = exported(address, What.EVALUATIONS, form)
    assert count == len({item["id"] for item in items}) == 1203
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    assert exported(address, What.EVALUATIONS, form, AT + timedelta(seconds=12))[0] == 3
    count, items = exported(address, What.FEEDBACK, form)
    assert count == len({item["uuid"] for item in items}) == 502
    assert exported(address, What.FEEDBACK, form, AT + timedelta(seconds=1))[0] == 1


@pytest.mark.parametrize(("what", "form"), [(what, form) for what in What for form in Form])
def test_nothing_is_exported_as_nothing(address, what, form):
    assert exported(address, what, form) == (0, [])
