"""One call from beginning to end: what is asked for, what is refused, and that silence means checked."""

import pytest

from cds_service.advice.advise import NothingToCheck, examine, with_missing_data
from cds_service.advice.policy import MissingData, Policy, from_prefetch_only
from cds_service.clinical.model import Listing
from tests.journeys.records import AT, bundle, draft, liver_panel, medicine, prefetch
from tests.unit.advice.cases import OURS, advice, bare, card_that, request

DANTROLENE = draft("dantrolene 25", dose=25)
REFUSE = Policy(MissingData.REFUSE)
FINE = {"results": liver_panel(3)}


def no_fetch(_request, _keys):
    pytest.fail("nothing may be fetched")


@pytest.mark.parametrize("hook", ["order-sign", "order-select", "medication-prescribe"])
@pytest.mark.parametrize("drafts", [(), (draft("amoxicillin"),)], ids=["no drafts", "another medicine"])
def test_an_order_that_no_card_names_is_answered_at_once(hook, drafts):
    answer = advice(bare(*drafts, hook=hook), fetch=no_fetch)
    assert (answer.cards, answer.not_checked) == ((), 0)
    assert examine(bare(*drafts, hook=hook), OURS, fetch=no_fetch, at=AT) is None


def test_an_order_for_which_all_is_well_has_no_cards():
    assert advice(request(DANTROLENE, sent=FINE)).cards == ()


# What the client did not send -----------------------------------------------------------------------------------------


def test_only_what_was_not_sent_and_is_needed_is_fetched():
    asked = []

    def fetch(call, keys):
        asked.append((call.patient_id, keys))
        return {}

    advice(bare(DANTROLENE, prefetch={"patient": None, "results": None}), fetch=fetch)
    ((patient, keys),) = asked
    assert patient == "p1"
    assert keys == {"medications", "statements", "conditions", "orders"}


def test_what_was_fetched_counts_like_what_was_sent():
    everything = prefetch(**FINE)
    assert advice(bare(DANTROLENE), fetch=lambda _, keys: {key: everything[key] for key in keys}).cards == ()


def test_what_was_sent_is_not_overwritten():
    call = bare(DANTROLENE, prefetch={"results": None})
    fetched = with_missing_data(call, frozenset({"results", "patient"}), lambda _, keys: dict.fromkeys(keys, bundle()))
    assert fetched.prefetch == {"results": None, "patient": bundle()}


def test_when_nothing_is_missing_nothing_is_fetched():
    call = request(DANTROLENE)
    assert with_missing_data(call, frozenset(call.prefetch), no_fetch) is call


def test_when_nothing_can_be_had_the_call_stays_as_it_is():
    call = bare(DANTROLENE)
    assert with_missing_data(call, frozenset({"results"}), from_prefetch_only) is call


# Refusing -------------------------------------------------------------------------------------------------------------


def test_by_default_missing_data_is_a_card():
    assert [card["source"]["topic"]["code"] for card in advice(bare(DANTROLENE)).cards][-1] == "not-checked"


@pytest.mark.parametrize(
    ("absent", "missing"),
    [
        (("medications",), ("medications",)),
        (("conditions", "medications"), ("conditions", "medications")),
        (("results", "conditions"), ("conditions", "results")),
    ],
)
def test_a_deployment_may_refuse_a_call_without_data_naming_the_keys(absent, missing):
    sent = {key: value for key, value in prefetch(**FINE).items() if key not in absent}
    with pytest.raises(NothingToCheck) as refused:
        advice(bare(DANTROLENE, prefetch=sent), policy=REFUSE)
    assert refused.value.missing == missing
    assert str(refused.value) == f"{len(missing)} keys are missing"


def test_a_key_that_failed_is_missing_too():
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    with pytest.raises(NothingToCheck) as refused:
        advice(bare(DANTROLENE, prefetch={**prefetch(**FINE), "conditions": failed}), policy=REFUSE)
    assert refused.value.missing == ("conditions",)


def test_a_call_that_lacks_nothing_it_needs_is_answered_even_by_a_deployment_that_refuses():
    assert advice(request(DANTROLENE, sent=FINE), policy=REFUSE).cards == ()
    assert advice(bare(draft("amoxicillin")), policy=REFUSE).cards == ()


def test_a_missing_key_that_decided_nothing_refuses_nothing():
    sent = {key: value for key, value in prefetch(**FINE).items() if key != "orders"}
    assert advice(bare(DANTROLENE, prefetch=sent), policy=REFUSE).cards == ()


def test_one_unreadable_entry_refuses_nothing():
    stranger = medicine("amoxicillin", "x", medicationCodeableConcept={"text": "house formula 12"})
    answer = advice(request(DANTROLENE, sent={**FINE, "medications": [stranger]}), policy=REFUSE)
    assert [card["indicator"] for card in answer.cards] == ["info"]


# When a chart is opened -----------------------------------------------------------------------------------------------

TAKEN = [medicine("dantrolene 25", "run", written=90, dose=25)]


@pytest.mark.parametrize("policy", [Policy(), REFUSE], ids=["card", "412"])
@pytest.mark.parametrize("sent", [None, {}, {"something else": None}])
def test_a_chart_of_which_nothing_was_sent_is_refused(policy, sent):
    with pytest.raises(NothingToCheck) as refused:
        advice(bare(hook="patient-view", prefetch=sent), policy=policy)
    assert set(refused.value.missing) == OURS.about("patient-view", Listing()).interests.keys


@pytest.mark.parametrize("key", ["medications", "results"])
@pytest.mark.parametrize("policy", [Policy(), REFUSE], ids=["card", "412"])
def test_a_chart_with_partial_data_is_answered_with_what_is_known(key, policy):
    sent = {name: value for name, value in prefetch(medications=TAKEN).items() if name != key}
    topics = [
        card["source"]["topic"]["code"]
        for card in advice(bare(hook="patient-view", prefetch=sent), policy=policy).cards
    ]
    assert "not-checked" not in topics


def test_a_chart_in_which_everything_is_known_to_be_absent_has_no_cards():
    assert advice(bare(hook="patient-view", prefetch=dict.fromkeys(prefetch()))).cards == ()


def test_a_chart_with_overdue_tests_says_so_and_nothing_else():
    answer = advice(request(hook="patient-view", sent={"medications": TAKEN}))
    assert [card["source"]["topic"]["code"] for card in answer.cards] == ["liver-tests-overdue"]


def test_a_chart_of_a_patient_without_our_medicines_is_silent():
    taken = [medicine("baclofen 10", "run", written=90, dose=10)]
    assert advice(request(hook="patient-view", sent={"medications": taken})).cards == ()


def test_a_library_whose_cards_are_for_other_moments_has_nothing_to_refuse():
    library = card_that(hooks="order-sign")
    assert advice(bare(hook="patient-view", prefetch={}), library).cards == ()


# Once wrong -----------------------------------------------------------------------------------------------------------


def test_a_card_in_shadow_refuses_no_call():
    library = card_that(status="shadow", when="{ordering: dantrolene}, {taking: baclofen}")
    assert advice(bare(DANTROLENE), library, policy=REFUSE).cards == ()


RUNNING = medicine("baclofen 10", "run", written=100, dose=10, times=3)
SAME_AS_A_STATEMENT = {
    "resourceType": "MedicationStatement",
    "id": "said",
    "status": "active",
    "medicationCodeableConcept": RUNNING["medicationCodeableConcept"],
    "effectiveDateTime": RUNNING["authoredOn"],
    "dosage": RUNNING["dosageInstruction"],
}


@pytest.mark.parametrize("stop_id", ["run", "stop"])
def test_a_statement_of_what_is_being_stopped_does_not_silence_the_withdrawal(stop_id):
    more = {"priorPrescription": {"reference": "MedicationRequest/run"}}
    stop = draft("baclofen 10", stop_id, status="stopped", **more)
    answer = advice(request(stop, sent={"medications": [RUNNING], "statements": [SAME_AS_A_STATEMENT]}))
    assert [card["source"]["topic"]["code"] for card in answer.cards] == ["withdrawal"]


def test_a_medicine_that_the_patient_reports_as_it_is_ordered_is_taken_once():
    call = request(DANTROLENE, sent={"medications": [RUNNING], "statements": [SAME_AS_A_STATEMENT]})
    (pair,) = (card for card in advice(call).cards if card["source"]["topic"]["code"] == "drug-interaction")
    assert "Baclofen 30 mg/day" in pair["detail"]
