"""Cards as CDS Hooks writes them: short summaries, stable ids, sources that say what they are."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.advice.rendering import override_reasons, topic
from cds_service.hooks.cards import OVERRIDE_REASONS, Topic
from tests.journeys.card_rules import check_answer
from tests.journeys.records import ICD_10_CM, day, draft, medicine, patient, prefetch, problem
from tests.unit.advice.cases import OURS, advice, bare, card_that, cards, library_of, request

DANTROLENE = draft("dantrolene 25", dose=25)
STOP = draft("baclofen 10", "stop", status="stopped")
BACLOFEN = medicine("baclofen 10", "run", written=100, dose=10, times=3)


def card(call_, library):
    return cards(call_, library)["spoken"]


# Client text ----------------------------------------------------------------------------------------------------------

LIVER = "{ordering: dantrolene}, {condition: active-liver-disease}"
HOSTILE = [
    "x" * 10_000,
    "x" * 139,
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "a | b\n| --- |\n",
    "# heading\n\n* list",
    "line one\r\nline two",
    "\u202edesrever",
    "null\x00byte",
    "{summary} {0} {pair!r} %s",
    "\U0001f9ea" * 200,
]


def with_diagnosis(words):
    return request(DANTROLENE, sent={"conditions": [problem(ICD_10_CM, "K74.60", words, "c")]})


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "text", ["{problems}", "{problems} and {problems} and {problems}", "Liver disease: {problems}!"]
)
def test_no_text_of_a_client_breaks_a_summary(words, text):
    summary = card(with_diagnosis(words), card_that(summary=text, when=LIVER))["summary"]
    assert 0 < len(summary) < 140
    assert summary.isprintable()


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_of_a_client_becomes_markup_in_a_detail(words):
    detail = card(with_diagnosis(words), card_that(detail="Here: {problems}.", when=LIVER))["detail"]
    assert detail.count("\n") == 2  # nothing but the empty line before the sources
    assert not re.search(r"(?<!\\)(\\\\)*[<>`*_\[\]#|]", detail.partition("\n\n")[0])


@given(st.text(st.characters(exclude_characters="{}"), max_size=300))  # braces are how a word not filled in is told
def test_every_text_of_a_client_makes_a_card_that_clients_can_show(words):
    check_answer({"cards": list(advice(with_diagnosis(words)).cards)})


@pytest.mark.parametrize(("length", "cut"), [(66, False), (67, False), (68, True), (80, True)])
def test_a_summary_is_cut_below_140_characters(length, cut):
    diagnoses = [problem(ICD_10_CM, "K74.60", "x" * 67, "c1"), problem(ICD_10_CM, "K74.60", "y" * length, "c2")]
    call_ = request(DANTROLENE, sent={"conditions": diagnoses})
    summary = card(call_, card_that(summary="{problems}", when=LIVER))["summary"]  # "x and y"
    assert (len(summary), summary.endswith("…")) == (min(67 + len(" and ") + length, 139), cut)


# Ids ------------------------------------------------------------------------------------------------------------------


def uuids(answer):
    return [one["uuid"] for each in answer.cards for one in (each, *each.get("suggestions", ()))]


SCENES = {
    "first order": lambda: request(DANTROLENE),
    "pair": lambda: request(DANTROLENE, sent={"medications": [BACLOFEN]}),
    "withdrawal": lambda: request(STOP, sent={"medications": [BACLOFEN]}),
    "nothing known": lambda: bare(DANTROLENE),
    "chart": lambda: request(
        hook="patient-view", sent={"medications": [medicine("dantrolene 25", "run", written=90, dose=25)]}
    ),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_the_same_call_gets_the_same_ids_and_every_id_is_its_own(scene):
    first, second = uuids(advice(scene())), uuids(advice(scene()))
    assert first == second
    assert len(first) == len(set(first)) > 0
    assert all(str(UUID(one)) == one and UUID(one).version == 5 for one in first)


def test_another_moment_gets_other_ids():
    one, other = request(DANTROLENE), request(DANTROLENE, instance="another-instance")
    assert set(uuids(advice(one))).isdisjoint(uuids(advice(other)))


def test_the_ids_of_cards_tell_nothing_of_the_ids_of_orders():
    one, other = request(DANTROLENE), request({**DANTROLENE, "id": "draft-9"})
    assert uuids(advice(one)) == uuids(advice(other))


# Members --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_every_answer_keeps_the_rules_of_cds_hooks(scene):
    check_answer({"cards": list(advice(scene()).cards)})


def test_the_most_urgent_card_comes_first_and_the_not_checked_card_in_its_place():
    sent = {key: value for key, value in prefetch(medications=[BACLOFEN]).items() if key != "conditions"}
    found = advice(bare(DANTROLENE, prefetch=sent)).cards
    assert [(one["source"]["topic"]["code"], one["indicator"]) for one in found] == [
        ("liver-tests-baseline", "critical"),
        ("drug-interaction", "warning"),
        ("not-checked", "warning"),
    ]


def test_the_evidence_names_resources_and_nothing_else():
    sent = {"medications": [BACLOFEN, {**medicine("baclofen 20", None), "id": None}]}
    found = cards(request(DANTROLENE, sent=sent))["dantrolene-baclofen"]
    about = found["extension"]["org.cds-service.card"]
    assert about["evidence"] == ["MedicationRequest/draft-1", "MedicationRequest/run"]


def test_a_card_says_what_certification_asks_of_its_source():
    found = cards(request(DANTROLENE, sent={"medications": [BACLOFEN]}))["dantrolene-baclofen"]
    about = found["extension"]["org.cds-service.card"]
    del about["evidence"]
    assert about == {
        "id": "dantrolene-baclofen",
        "version": 1,
        "released": "2026-11-22",
        "revised": "2026-11-22",
        "developer": OURS.codelists.developer,
        "funding": OURS.codelists.funding,
        "patientData": ["medicines ordered and taken", "problems"],
    }


def test_a_card_without_evidence_names_none():
    found = cards(bare({**DANTROLENE, "id": None}, prefetch=prefetch()), card_that())["spoken"]
    assert "evidence" not in found["extension"]["org.cds-service.card"]


def test_a_card_without_reasons_to_override_offers_none():
    found = card(request(DANTROLENE), card_that())
    assert not {"overrideReasons", "suggestions", "selectionBehavior", "links"} & found.keys()


@pytest.mark.parametrize("one", Topic)
def test_a_topic_is_a_coding_with_a_display(one):
    assert topic(one) == {
        "system": "urn:cds-service:card-topic",
        "code": str(one),
        "display": one.replace("-", " ").capitalize(),
    }


def test_reasons_to_override_have_our_short_words():
    assert override_reasons(("patient-refuses",)) == [
        {
            "code": "patient-refuses",
            "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes",
            "display": "Patient declines",
        }
    ]
    assert [one["code"] for one in override_reasons(tuple(OVERRIDE_REASONS))] == list(OVERRIDE_REASONS)


# Sources --------------------------------------------------------------------------------------------------------------


def sourced(*claims):
    """A card with these claims: (source, confirmed, address)."""
    said = [
        f'{{says: "Claim {number}.", source: "{source}", confirmed: {confirmed}{f", url: {url!r}" if url else ""}}}'
        for number, (source, confirmed, url) in enumerate(claims, 1)
    ]
    return card(request(DANTROLENE), card_that(because=", ".join(said)))


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ([("Label", "yes", None)], "*Sources: Label.*"),
        ([("Label", "no", None)], "*Sources: Label (to be confirmed).*"),
        ([("Label", "no", None), ("Label", "yes", None)], "*Sources: Label.*"),
        ([("Label A", "no", None), ("Label B", "yes", None)], "*Sources: Label B · Label A (to be confirmed).*"),
        ([("choice of this service", "no", None)], "*Choice of this service: Claim 1.*"),
        (
            [("Label", "yes", None), ("choice of this service", "no", None)],
            "*Sources: Label. Choice of this service: Claim 2.*",
        ),
    ],
)
def test_a_source_says_whether_it_was_confirmed_and_our_own_choice_that_it_is(claims, said):
    assert said_sources(sourced(*claims)) == said


def said_sources(card_):
    return card_["detail"].rpartition("\n\n")[2]


def test_links_lead_to_the_sources_each_once():
    a, b = "https://a.example/1", "https://b.example/2"
    found = sourced(("First", "yes", a), ("Again", "yes", a), ("Second", "no", b), ("Third", "yes", None))
    assert sorted((link["label"], link["url"], link["type"]) for link in found["links"]) == [
        ("First", a, "absolute"),
        ("Second", b, "absolute"),
    ]
    assert found["source"]["label"] == "First"
    assert found["source"]["url"] == a


def test_a_source_without_an_address_has_a_label_only():
    found = sourced(("First", "yes", None), ("Second", "yes", "https://b.example/2"))
    assert set(found["source"]) == {"label", "topic"}
    assert [link["label"] for link in found["links"]] == ["Second"]


# Renewals and states of a card ----------------------------------------------------------------------------------------


RENEWED = [medicine("dantrolene 25", "old", written=300, dose=25), {**BACLOFEN, "authoredOn": day(400)}]
PAIR = "{together: [dantrolene, baclofen]}"


def test_an_unchanged_renewal_has_words_of_its_own():
    library = card_that(when=PAIR, show='on_renewal: {summary: "{Pair}, unchanged", detail: "Nothing new."}')
    first = card(request(DANTROLENE, sent={"medications": [BACLOFEN]}), library)
    assert (first["indicator"], first["summary"]) == ("warning", "Spoken")
    again = card(request(DANTROLENE, sent={"medications": RENEWED}), library)
    assert (again["indicator"], again["summary"]) == ("info", "Dantrolene renewed, baclofen is running, unchanged")
    assert again["detail"].startswith("Nothing new.\n\n")


def test_a_renewal_without_words_of_its_own_keeps_those_of_the_card():
    found = card(request(DANTROLENE, sent={"medications": RENEWED}), card_that(when=PAIR, summary="As ever"))
    assert (found["indicator"], found["summary"]) == ("info", "As ever")


@pytest.mark.parametrize(
    ("status", "shown"), [("active", True), ("shadow", False), ("draft", False), ("retired", False)]
)
def test_only_an_active_card_is_shown(status, shown):
    assert ("spoken" in cards(request(DANTROLENE), card_that(status=status))) is shown


def test_a_card_in_shadow_that_cannot_be_decided_is_not_heard_of():
    answer = advice(bare(DANTROLENE), card_that(status="shadow", when="{ordering: dantrolene}, {taking: baclofen}"))
    assert (answer.cards, answer.not_checked) == ((), 0)


def test_a_factor_is_filled_in_for_this_patient():
    found = cards(request(DANTROLENE, sent={"who": patient("female", "1979-04-02")}))["dantrolene-baseline-liver-tests"]
    assert "Raises the risk here: woman, 47 years." in found["detail"]


def test_the_answer_counts_what_was_not_checked():
    assert advice(request(DANTROLENE)).not_checked == 0
    assert advice(bare(DANTROLENE, prefetch={})).not_checked > 0


# Once wrong -----------------------------------------------------------------------------------------------------------


def test_a_card_in_shadow_silences_no_card_that_is_active():
    library = library_of((("id", "old"),), (("id", "new"), ("status", "shadow"), ("more", "supersedes: [old]")))
    assert set(cards(request(DANTROLENE), library)) == {"old"}
