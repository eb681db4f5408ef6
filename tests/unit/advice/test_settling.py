"""One session, one conversation: what was said at order-select is not said again at order-sign, unless it should be."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.advice.advise import NothingToCheck, advise
from cds_service.advice.memory import NOTHING_SEEN, Overridden, Remembered, Seen
from cds_service.advice.policy import Policy, from_prefetch_only
from cds_service.advice.record import Phase, Showing
from cds_service.advice.rendering import EXTENSION, REPEATS
from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Why
from tests.journeys import records
from tests.journeys.records import draft, liver_panel, medicine, result
from tests.unit.advice.cases import OURS, card_that, library_of, request

COORDINATING = Policy(deduplicate=True)
DAYS = timedelta(days=30)
REMEMBERING = Policy(override_kept=DAYS)
DANTROLENE = draft("dantrolene 25", dose=25)
BACLOFEN = medicine("baclofen 10", "run", written=100, dose=10, times=3)
RECORD = {"medications": [BACLOFEN], "results": liver_panel(5)}


@dataclass
class Notebook:
    """Remembers in plain sight what the service hands it, for one client, without ever forgetting."""

    kept: list = field(default_factory=list)
    overridden: dict = field(default_factory=dict)
    asked: int = 0

    def seen(self, request, _at):
        self.asked += 1
        shown = {}
        for whose, one, at in self.kept:
            if whose == (request.user_id, request.patient_id, request.encounter_id):
                remembered = Remembered(one.card, one.version, one.indicator, one.uuid, at, one.facts.__eq__)
                shown[one.card] = (*shown.get(one.card, ()), remembered)
        return Seen(shown, self.overridden)

    def remember(self, request, cards, at):
        whose = (request.user_id, request.patient_id, request.encounter_id)
        self.kept += [(whose, one, at) for one in cards]


def answer(call, memory, *, policy=COORDINATING, library=OURS, at=records.AT):
    return advise(call, library, fetch=from_prefetch_only, policy=policy, at=at, memory=memory)


def ids(advice):
    return [card["extension"][EXTENSION]["id"] for card in advice.cards]


def select(*drafts, sent=None, **more):
    return request(*(drafts or (DANTROLENE,)), hook="order-select", sent=sent or RECORD, **more)


def sign(*drafts, sent=None, **more):
    return request(*(drafts or (DANTROLENE,)), hook="order-sign", sent=sent or RECORD, **more)


def conversation(first, second, **more):
    """What is answered to the second call, after the first."""
    memory = Notebook()
    answer(first, memory, **more)
    return answer(second, memory, **more)


def test_a_card_shown_at_selecting_is_not_shown_again_at_signing():
    before = answer(sign(), Notebook())
    assert "dantrolene-baclofen" in ids(before)
    after = conversation(select(), sign())
    assert "dantrolene-baclofen" not in ids(after)
    (said,) = [one for one in after.extension[REPEATS]["cards"] if one["id"] == "dantrolene-baclofen"]
    assert said["indicator"] == "warning"
    assert said["shownAt"] == "2026-11-22T10:00:00+00:00"
    assert [one.showing for one in after.traced if one.card == "dantrolene-baclofen"] == [Showing.REPEAT]


def test_the_answer_names_the_card_that_was_shown_by_its_uuid():
    memory = Notebook()
    first = answer(select(), memory)
    uuids = {card["uuid"] for card in first.cards}
    after = answer(sign(), memory)
    assert {one["uuid"] for one in after.extension[REPEATS]["cards"]} <= uuids


def test_an_answer_that_keeps_nothing_back_has_no_extension():
    assert answer(sign(), Notebook()).extension is None


def test_a_client_that_does_not_want_it_gets_every_card_every_time():
    after = conversation(select(), sign(), policy=Policy())
    assert "dantrolene-baclofen" in ids(after)
    assert after.extension is None


def test_nobody_is_asked_to_remember_for_a_client_that_does_not_want_it():
    memory = Notebook()
    answer(select(), memory, policy=Policy())
    answer(sign(), memory, policy=Policy())
    assert (memory.asked, memory.kept) == (0, [])


@pytest.mark.parametrize(
    ("selecting", "signing", "kept_back"),
    [(True, True, True), (True, False, False), (False, True, False), (None, None, False), (True, None, False)],
)
def test_a_call_may_ask_for_it_in_the_words_of_pddi_cds(selecting, signing, kept_back):
    first, second = replace(select(), coordinates=selecting), replace(sign(), coordinates=signing)
    after = conversation(first, second, policy=Policy())
    assert ("dantrolene-baclofen" not in ids(after)) is kept_back


def test_a_call_may_decline_what_the_client_is_configured_to_want():
    assert "dantrolene-baclofen" in ids(conversation(select(), replace(sign(), coordinates=False)))


@pytest.mark.parametrize(
    "other",
    [{"user_id": "Practitioner/another"}, {"patient_id": "another"}, {"encounter_id": "another"}],
    ids=["another clinician", "another patient", "another encounter"],
)
def test_another_clinician_patient_or_encounter_has_a_conversation_of_its_own(other):
    memory = Notebook()
    answer(replace(select(), **other), memory)
    assert "dantrolene-baclofen" in ids(answer(sign(), memory))


def test_without_a_user_nothing_is_kept_back():
    nobody = {"user_id": None}
    assert "dantrolene-baclofen" in ids(conversation(replace(select(), **nobody), replace(sign(), **nobody)))


def test_signing_twice_says_it_twice():
    assert "dantrolene-baclofen" in ids(conversation(sign(), sign()))


def test_selecting_twice_says_it_twice():
    assert "dantrolene-baclofen" in ids(conversation(select(), select()))


CHANGES = {
    "a higher dose": ("dantrolene-baclofen", RECORD, draft("dantrolene 50", dose=50), RECORD),
    "a higher dose of the partner": (
        "dantrolene-baclofen",
        RECORD,
        DANTROLENE,
        RECORD | {"medications": [medicine("baclofen 20", "run", written=100, dose=20, times=3)]},
    ),
    "a new liver test that the words name": (
        "dantrolene-baseline-liver-tests",
        RECORD | {"results": liver_panel(60)},
        DANTROLENE,
        RECORD | {"results": [*liver_panel(60), result("ALT", 0.6, 45, "new")]},
    ),
}


@pytest.mark.parametrize(("card", "before", "order", "now"), CHANGES.values(), ids=CHANGES)
def test_other_facts_are_said_again(card, before, order, now):
    first, second = select(sent=before), sign(order, sent=now)
    assert card in ids(answer(first, Notebook()))
    assert card in ids(conversation(first, second))


def test_unchanged_facts_are_unchanged_where_results_were_read_twice():
    record = RECORD | {"results": liver_panel(60)}
    card = "dantrolene-baseline-liver-tests"
    assert card not in ids(conversation(select(sent=record), sign(sent=record)))


def test_a_draft_that_is_selected_only_now_and_changes_what_the_card_says_is_said():
    small, large = (draft("tizanidine 4", name, dose=dose) for name, dose in (("a", 2), ("b", 8)))
    first = select(small, large, selections=["MedicationRequest/a"])
    assert "tizanidine-first-dose" in ids(answer(first, Notebook()))
    assert "tizanidine-first-dose" in ids(conversation(first, sign(small, large)))


def test_a_draft_that_is_selected_only_now_and_changes_nothing_is_not_repeated():
    beside = draft("amoxicillin", "draft-2")
    first = select(DANTROLENE, beside, selections=["MedicationRequest/draft-1"])
    assert "dantrolene-baclofen" not in ids(conversation(first, sign(DANTROLENE, beside)))


WARNING = card_that()


def raised(version=1, indicator=Indicator.WARNING):
    """A memory in which the card of `card_that` was shown with whatever facts."""
    one = Remembered("spoken", version, indicator, UUID(int=7), records.AT, lambda _facts: True)
    return Seen({"spoken": (one,)})


@dataclass
class Fixed:
    what: Seen

    def seen(self, _request, _at):
        return self.what

    def remember(self, *_):
        pass


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (raised(), False),
        (raised(indicator=Indicator.CRITICAL), False),
        (raised(indicator=Indicator.INFO), True),
        (raised(version=2), True),
        (NOTHING_SEEN, True),
    ],
    ids=["as urgent", "was more urgent", "was less urgent", "of another version", "never seen"],
)
def test_a_card_comes_again_when_it_is_more_urgent_or_another_version(seen, shown):
    advice = answer(sign(), Fixed(seen), library=WARNING)
    assert ("spoken" in ids(advice)) is shown


def test_a_critical_card_always_comes_again():
    call = {"sent": RECORD | {"results": []}}
    first = answer(select(**call), Notebook())
    critical = [card["extension"][EXTENSION]["id"] for card in first.cards if card["indicator"] == "critical"]
    assert critical == ["dantrolene-baseline-liver-tests"]
    assert critical[0] in ids(conversation(select(**call), sign(**call)))


def test_what_could_not_be_checked_always_comes_again():
    first, second = (without("conditions", call) for call in (select(), sign()))
    assert "not-checked" in ids(answer(first, Notebook()))
    assert "not-checked" in ids(conversation(first, second))


def without(key, call):
    return replace(call, prefetch={name: sent for name, sent in call.prefetch.items() if name != key})


# Overrides ------------------------------------------------------------------------------------------------------------


def overridden(version=1, card="spoken"):
    return Seen(overridden={card: (Overridden(card, version, records.AT - timedelta(days=2)),)})


def test_a_warning_that_was_overridden_is_information():
    advice = answer(sign(), Fixed(overridden()), policy=REMEMBERING, library=WARNING)
    (card,) = [one for one in advice.cards if one["extension"][EXTENSION]["id"] == "spoken"]
    assert card["indicator"] == "info"
    assert "You overrode this warning on 20 November 2026" in card["detail"]
    assert [one.indicator for one in advice.traced if one.card == "spoken"] == [Indicator.INFO]


@pytest.mark.parametrize("policy", [Policy(), COORDINATING], ids=["by default", "where repeats are left out"])
def test_an_override_counts_for_nothing_unless_that_is_asked_for(policy):
    memory = Notebook(overridden=overridden().overridden)
    advice = answer(select(), memory, policy=policy, library=WARNING)
    assert [card["indicator"] for card in advice.cards if card["summary"] == "Spoken"] == ["warning"]


def test_an_override_of_another_version_counts_for_nothing():
    advice = answer(sign(), Fixed(overridden(version=2)), policy=REMEMBERING, library=WARNING)
    assert [card["indicator"] for card in advice.cards if card["summary"] == "Spoken"] == ["warning"]


RAISED = [result("ALT", 1.5, 10, "alt-raised")]


@pytest.mark.parametrize(
    ("results", "indicator"),
    [(RAISED, "info"), ([*RAISED, result("ALT", 2.5, 1, "alt-higher")], "warning")],
    ids=["the value that was overridden", "a newer value"],
)
def test_an_override_counts_for_what_it_was_about_and_not_for_what_came_after(results, indicator):
    card = "dantrolene-abnormal-liver-tests"
    running = medicine("dantrolene 25", "d", written=400, dose=25)
    record = {"medications": [running], "results": results}
    again = draft("dantrolene 25", "draft-1", dose=25, priorPrescription={"reference": "MedicationRequest/d"})
    plain = answer(sign(again, sent=record), Notebook(), policy=REMEMBERING)
    assert card in ids(plain)
    seen = overridden(OURS.cards[card].version, card)
    advice = answer(sign(again, sent=record), Fixed(seen), policy=REMEMBERING)
    (shown,) = [one for one in advice.cards if one["extension"][EXTENSION]["id"] == card]
    assert shown["indicator"] == indicator


def test_a_critical_card_stays_critical_whatever_was_overridden():
    seen = overridden(OURS.cards["dantrolene-baseline-liver-tests"].version, "dantrolene-baseline-liver-tests")
    call = sign(sent=RECORD | {"results": []})
    advice = answer(call, Fixed(seen), policy=REMEMBERING)
    assert advice.cards[0]["extension"][EXTENSION]["id"] == "dantrolene-baseline-liver-tests"
    assert advice.cards[0]["indicator"] == "critical"


def test_what_is_lowered_stands_behind_what_is_not():
    seen = overridden(OURS.cards["dantrolene-baclofen"].version, "dantrolene-baclofen")
    advice = answer(sign(sent=RECORD | {"results": []}), Fixed(seen), policy=REMEMBERING)
    urgency = {"critical": 0, "warning": 1, "info": 2}
    shown = [urgency[card["indicator"]] for card in advice.cards]
    assert shown == sorted(shown)


def test_the_cards_of_every_hook_are_remembered_where_overrides_count():
    memory = Notebook()
    advice = answer(sign(), memory, policy=REMEMBERING)
    shown = {card["uuid"] for card in advice.cards} - {
        card["uuid"] for card in advice.cards if card["extension"][EXTENSION]["id"] == "not-checked"
    }
    assert {str(one.uuid) for _, one, _ in memory.kept} == shown


# The shadow -----------------------------------------------------------------------------------------------------------


def test_a_card_in_the_shadow_is_counted_and_shown_to_nobody():
    advice = answer(sign(), Notebook(), library=card_that(status="shadow"))
    assert advice.cards == ()
    (one,) = advice.traced
    assert (one.card, one.showing, one.indicator) == ("spoken", Showing.SHADOW, Indicator.WARNING)


def chart(*, taking=(), **sent):
    """A chart that is opened, with only the lists that are named."""
    call = request(hook="patient-view", sent={"medications": list(taking), **sent})
    kept = {"patient", *sent} | ({"medications"} if taking else set())
    return replace(call, prefetch={key: value for key, value in call.prefetch.items() if key in kept})


ABOUT_TIZANIDINE = {"when": "{taking: tizanidine}, {condition: active-liver-disease}", "hooks": "patient-view"}
ABOUT_DANTROLENE = {"when": "{taking: dantrolene}", "hooks": "patient-view", "id": "heard"}


def test_a_card_in_the_shadow_does_not_make_a_refusal_an_empty_answer():
    active, shadow = tuple(ABOUT_DANTROLENE.items()), (*ABOUT_TIZANIDINE.items(), ("status", "shadow"))
    call = chart(conditions=[])
    for cards in ((active,), (active, shadow)):
        with pytest.raises(NothingToCheck):
            answer(call, Notebook(), library=library_of(*cards))


def test_a_card_in_the_shadow_refuses_nothing():
    shadow = card_that(**ABOUT_TIZANIDINE, status="shadow")
    assert answer(chart(), Notebook(), library=shadow).cards == ()


def test_a_card_in_the_shadow_is_not_remembered():
    memory = Notebook()
    answer(select(), memory, library=card_that(status="shadow"))
    assert memory.kept == []


def test_an_active_card_is_traced_with_the_uuids_of_its_suggestions():
    advice = answer(sign(sent=RECORD | {"results": []}), Notebook())
    traced = {str(one.uuid): one for one in advice.traced}
    for card in advice.cards:
        one = traced[card["uuid"]]
        assert one.showing is Showing.SHOWN
        assert [str(uuid) for uuid in one.suggestions] == [said["uuid"] for said in card.get("suggestions", ())]


def test_gaps_are_counted_by_kind():
    assert answer(without("conditions", sign()), Notebook()).gaps == {Why.NOT_SUPPLIED: 1}
    assert answer(sign(), Notebook()).gaps == {}


def test_the_phases_add_up_to_the_call():
    said = []

    def clock():
        said.append(float(len(said)))
        return said[-1]

    policy = Policy(answer_s=1000)
    advice = advise(sign(), OURS, fetch=from_prefetch_only, policy=policy, at=records.AT, clock=clock)
    assert advice.took_ms[Phase.FETCH] == 0
    assert advice.took_ms[Phase.RENDER] == 1000
    assert sum(advice.took_ms.values()) == 1000 * said[-1]


# A truth --------------------------------------------------------------------------------------------------------------

MOMENTS = st.tuples(
    st.sampled_from([DANTROLENE, draft("dantrolene 100", dose=100, times=4), draft("tizanidine 4", dose=4)]),
    st.lists(st.sampled_from([BACLOFEN, medicine("diazepam", "d", written=50, dose=5)]), max_size=2),
    st.sampled_from([[], liver_panel(5), liver_panel(60), liver_panel(5, times_uln=4)]),
)


@settings(max_examples=60, deadline=None)
@given(MOMENTS, MOMENTS)
def test_a_memory_takes_away_no_more_than_what_the_answer_names(then, now):
    """Whatever was said before: what is not shown again is named, was shown as urgently, and is never critical."""
    memory = Notebook()
    order, taken, panel = then
    said = answer(select(order, sent=RECORD | {"medications": taken, "results": panel}), memory)
    order, taken, panel = now
    call = sign(order, sent=RECORD | {"medications": taken, "results": panel})
    plain, remembering = answer(call, Notebook()), answer(call, memory)
    kept_back = set(ids(plain)) - set(ids(remembering))
    named = {one["id"] for one in (remembering.extension or {REPEATS: {"cards": []}})[REPEATS]["cards"]}
    assert kept_back == named <= set(ids(said))
    words = {card["extension"][EXTENSION]["id"]: (card["summary"], card["detail"]) for card in said.cards}
    now_said = {card["extension"][EXTENSION]["id"]: (card["summary"], card["detail"]) for card in plain.cards}
    assert all(words[one] == now_said[one] for one in kept_back)
    lost = {card["extension"][EXTENSION]["id"]: card["indicator"] for card in plain.cards}
    assert "critical" not in {lost[one] for one in kept_back}
    assert "not-checked" not in kept_back


# Time -----------------------------------------------------------------------------------------------------------------


def test_rules_whose_time_has_run_out_are_said_to_be_not_checked():
    ticks = iter([0.0, 0.0, 0.0, *[10.0] * 1000])  # after two rules it is late
    call = sign(sent=RECORD | {"results": []})
    advice = advise(
        call, OURS, fetch=from_prefetch_only, policy=Policy(answer_s=5), at=records.AT, clock=lambda: next(ticks)
    )
    assert advice.gaps[Why.OUT_OF_TIME] > 10
    (card,) = [one for one in advice.cards if one["extension"][EXTENSION]["id"] == "not-checked"]
    assert card["indicator"] == "warning"
    assert "The time for an answer ran out" in card["detail"]


def test_where_the_hook_instance_is_no_uuid_nothing_is_remembered():
    memory = Notebook()
    for hook in (select, sign):
        advice = answer(replace(hook(), hook_instance="1"), memory, policy=Policy(deduplicate=True, override_kept=DAYS))
        assert "dantrolene-baclofen" in ids(advice)
    assert (memory.asked, memory.kept) == (0, [])
