"""Feedback: what became of a card, and every mistake in it by its path."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.hooks.cards import OVERRIDE_REASON_SYSTEM, OVERRIDE_REASONS
from cds_service.hooks.checking import MOST_LISTED
from cds_service.hooks.feedback import OTHER_REASON, Feedback, Verdict, read_feedback
from cds_service.hooks.reading import UnreadableRequest

CARD = "9d167ae5-6a0e-5d1b-9d54-9b9a3a1e2c10"
SUGGESTION = "4e0a3a1e-2c10-4d1b-9d54-9b9a3a1e2c11"


def accepted(**more):
    said = {"card": CARD, "outcome": "accepted", "outcomeTimestamp": "2026-11-22T10:00:00Z"}
    return {**said, "acceptedSuggestions": [{"id": SUGGESTION}], **more}


def overridden(reason=None, comment=None, **more):
    said = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-11-22T10:00:00Z"}
    why = {"reason": reason, "userComment": comment}
    return {**said, "overrideReason": {name: value for name, value in why.items() if value is not None}, **more}


def read(*entries, **more):
    return read_feedback({"feedback": list(entries)}, **more)


def mistakes_of(body):
    with pytest.raises(UnreadableRequest) as refused:
        read_feedback(body)
    return {mistake.path: mistake.says for mistake in refused.value.mistakes}


def test_an_accepted_suggestion_is_read():
    at = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    assert read(accepted()) == (
        Feedback(card=UUID(CARD), outcome=Verdict.ACCEPTED, at=at, suggestions=(UUID(SUGGESTION),)),
    )


def test_an_override_is_read_with_its_reason_and_comment():
    reason = {"code": "risk-benefit-ratio", "system": OVERRIDE_REASON_SYSTEM, "display": "whatever"}
    (one,) = read(overridden(reason, "She has taken it for years."))
    assert (one.outcome, one.reason, one.comment) == (
        Verdict.OVERRIDDEN,
        "risk-benefit-ratio",
        "She has taken it for years.",
    )


def test_a_comment_is_never_printed():
    assert "years" not in repr(read(overridden(comment="She has taken it for years.")))


@pytest.mark.parametrize("code", OVERRIDE_REASONS)
@pytest.mark.parametrize("system", [OVERRIDE_REASON_SYSTEM, "", None, "absent"])
def test_every_reason_we_offer_is_understood(code, system):
    reason = {"code": code} if system == "absent" else {"code": code, "system": system}
    assert read(overridden(reason))[0].reason == code


@pytest.mark.parametrize(
    "reason",
    [
        {"code": "Jane Doe 1970"},
        {"code": "risk-benefit-ratio", "system": "https://elsewhere.example"},
        {"code": "local-7", "system": OVERRIDE_REASON_SYSTEM},
    ],
)
def test_a_reason_that_is_the_clients_own_text_is_counted_and_not_kept(reason):
    assert read(overridden(reason))[0].reason == OTHER_REASON


def test_a_reason_that_the_deployment_knows_is_kept():
    reason = {"code": "local-7", "system": "https://hospital.example/reasons"}
    assert read(overridden(reason), own_reasons=frozenset({"local-7"}))[0].reason == "local-7"


@pytest.mark.parametrize(
    "bare", [{}, {"overrideReason": None}, {"overrideReason": {}}, {"overrideReason": {"reason": None}}]
)
def test_an_override_needs_no_reason(bare):
    (one,) = read({**overridden(), **bare})
    assert (one.reason, one.comment) == (None, None)


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-11-22T10:00:00Z", 10),
        ("2026-11-22T10:00:00.123Z", 10),
        ("2026-11-22T12:00:00+02:00", 10),
        ("2026-11-22t10:00:00z", 10),
    ],
)
def test_a_moment_is_read_in_utc(written, hour):
    (one,) = read(accepted(outcomeTimestamp=written))
    assert one.at.tzinfo is UTC
    assert one.at.hour == hour


@pytest.mark.parametrize(
    "written", ["2026-11-22", "2026-11-22T10:00:00", "yesterday", "0001-01-01T00:00:00+23:00", "2026-13-01T00:00:00Z"]
)
def test_a_moment_without_its_offset_is_none(written):
    says = "must be a moment with its offset, like `2026-11-22T10:00:00Z`"
    assert mistakes_of({"feedback": [accepted(outcomeTimestamp=written)]}) == {"feedback[0].outcomeTimestamp": says}


def test_every_mistake_is_listed_by_its_path():
    uuid = "must be a UUID that this service gave"
    body = {"feedback": [accepted(card="x"), accepted(), accepted(acceptedSuggestions=[{"id": CARD}, {"id": "Jane"}])]}
    assert mistakes_of(body) == {"feedback[0].card": uuid, "feedback[2].acceptedSuggestions[1].id": uuid}


def test_mistakes_of_both_kinds_are_listed_together():
    body = {
        "feedback": [
            {"card": "x", "outcome": "maybe", "outcomeTimestamp": "yesterday"},
            accepted(acceptedSuggestions=[{"id": "nope"}, {}]),
            7,
        ]
    }
    assert sorted(mistakes_of(body)) == [
        "feedback[0].card",
        "feedback[0].outcome",
        "feedback[0].outcomeTimestamp",
        "feedback[1].acceptedSuggestions[0].id",
        "feedback[1].acceptedSuggestions[1].id",
        "feedback[2]",
    ]


def test_no_more_than_a_hundred_mistakes_are_listed():
    assert len(mistakes_of({"feedback": [accepted(card="x", outcomeTimestamp="x")] * 1000})) == MOST_LISTED


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "feedback"),
        ([], ""),
        (None, ""),
        ({"feedback": []}, "feedback"),
        ({"feedback": {}}, "feedback"),
        ({"feedback": [7]}, "feedback[0]"),
        ({"feedback": [{**accepted(), "outcome": "ignored"}]}, "feedback[0].outcome"),
        ({"feedback": [{"card": CARD, "outcome": "accepted"}]}, "feedback[0].outcomeTimestamp"),
        ({"feedback": [accepted(acceptedSuggestions=[{}])]}, "feedback[0].acceptedSuggestions[0].id"),
        ({"feedback": [overridden({})]}, "feedback[0].overrideReason.reason.code"),
        ({"feedback": [overridden(comment=7)]}, "feedback[0].overrideReason.userComment"),
        ({"feedback": [overridden(comment="x" * 100_001)]}, "feedback[0].overrideReason.userComment"),
        ({"feedback": [accepted()] * 1001}, "feedback"),
    ],
)
def test_what_is_not_feedback_is_refused_with_its_place(body, path):
    assert path in mistakes_of(body)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted({*accepted(), *overridden()})), ANYTHING))
def test_whatever_is_sent_is_read_or_refused(parts):
    try:
        (one,) = read({**accepted(), **parts})
    except UnreadableRequest:
        return
    assert isinstance(one, Feedback)
