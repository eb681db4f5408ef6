"""What could not be checked: said once, in plain words, and no louder than it is (decision 7)."""

import pytest

from cds_service.advice.not_checked import reasons
from cds_service.advice.wording import LONGEST_SUMMARY, WORDINGS
from cds_service.clinical.model import Gap, Why
from tests.journeys.records import (
    ICD_10_CM,
    LOINC,
    bundle,
    concept,
    draft,
    liver_panel,
    medicine,
    prefetch,
    problem,
    result,
)
from tests.unit.advice.cases import advice, bare, card_that, cards, library_of, request

DANTROLENE = draft("dantrolene 25", dose=25)
NASTY = "<b>x</b>|*"
PLACES = {
    "medications": ("the medication list", "was"),
    "statements": ("the patient-reported medicines", "were"),
    "conditions": ("the problem list", "was"),
    "allergies": ("the allergy list", "was"),
    "results": ("the laboratory results", "were"),
    "orders": ("the pending laboratory orders", "were"),
    "patient": ("the patient's sex and age", "were"),
    "dispenses": ("the dispensed supplies", "were"),
}


def reason(gap, *, markup):
    """One gap in words."""
    (said,) = reasons([gap], markup=markup)
    return said


@pytest.mark.parametrize("key", PLACES)
@pytest.mark.parametrize("markup", [True, False])
def test_a_part_of_the_record_is_named_in_words(key, markup):
    place, was = PLACES[key]
    assert reason(Gap(key, Why.NOT_SUPPLIED), markup=markup) == f"{place} {was} not supplied"
    assert reason(Gap(key, Why.FAILED), markup=markup) == f"{place} {was} not readable"
    assert reason(Gap(key, Why.MORE_PAGES), markup=markup) == f"{place} {was} incomplete"


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("AllergyIntolerance/1", "the allergy list was not supplied"),
        ("DiagnosticReport/1", "the laboratory results were not supplied"),
        ("MedicationOrder/1", "the selected order was not supplied"),
        ("Schedule/1", "a list was not supplied"),
    ],
)
def test_an_entry_that_says_that_nothing_is_known_is_told_by_its_list(where, words):
    assert reasons([Gap(where, Why.NOT_SUPPLIED)], markup=False) == [words]


def test_two_entries_of_one_list_are_one_list():
    gaps = [Gap("allergies", Why.NOT_SUPPLIED), Gap("AllergyIntolerance/1", Why.NOT_SUPPLIED)]
    assert reasons(gaps, markup=False) == ["the allergy list was not supplied"]


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (Why.NOT_SUPPLIED, "the selected order was not supplied"),
        (Why.FAILED, "the selected order was not readable"),
        (Why.MORE_PAGES, "the selected order was incomplete"),
        (Why.UNKNOWN_MEDICINE, "the medicine “X” is not known to this service"),
        (Why.CODES_DISAGREE, "the codes of “X” name different medicines"),
        (Why.UNCODED, "“X” has no code that can be read"),
        (Why.OTHER_PATIENT, "an entry belongs to another patient"),
        (Why.UNREADABLE, "“X” is in a form that this service does not read"),
        (Why.NO_DATE, "“X” has no date"),
        (Why.FUTURE_DATE, "“X” has a date in the future"),
        (Why.IMPRECISE_DATE, "a date is too imprecise to tell"),
        (Why.NO_STATUS, "the status of “X” cannot be read"),
        (Why.NO_ROUTE, "the route of “X” is not clear"),
        (Why.NO_DOSE, "the daily dose of “X” cannot be computed"),
        (Why.NO_VALUE, "“X” has no value that can be read"),
        (Why.UNKNOWN_UNIT, "the unit of “X” is not known"),
        (Why.NO_UPPER_LIMIT, "“X” came without its upper limit"),
        (Why.NO_BIRTH_DATE, "the birth date is missing"),
        (Why.NO_SEX, "the sex is missing"),
        (Why.NO_WEIGHT, "the daily dose of “X” depends on a body weight that is missing"),
        (Why.NO_SETTING, "“X” does not say whether it goes on after discharge"),
        (Why.RULE_FAILED, "an error in this service"),
        (Why.OUT_OF_TIME, "the time for an answer ran out"),
    ],
)
def test_every_gap_has_words(why, words):
    assert reason(Gap("MedicationRequest/7", why, "X"), markup=False) == words


def test_a_body_weight_that_a_rule_asks_for_is_named():
    assert reason(Gap("weight", Why.NO_WEIGHT), markup=False) == "the body weight is missing"


def test_there_are_words_for_every_kind_of_gap():
    assert all(reason(Gap("x", why), markup=True) for why in Why)


@pytest.mark.parametrize(
    ("label", "markup", "words"),
    [
        (NASTY, True, r"“\<b\>x\</b\>\|\*” has no date"),
        (NASTY, False, "“<b>x</b>|*” has no date"),
        ("a\nb\u202ec", False, "“a b c” has no date"),
        ("x" * 40, False, f"“{'x' * 40}” has no date"),
        ("x" * 41, False, f"“{'x' * 39}…” has no date"),
        ("x" * 100, True, f"“{'x' * 39}…” has no date"),
        ("", True, "an entry has no date"),
        (" \u200b ", False, "an entry has no date"),
    ],
    ids=range(8),
)
def test_a_clients_label_is_harmless(label, markup, words):
    assert reason(Gap("MedicationRequest/7", Why.NO_DATE, label), markup=markup) == words


def undated(count):
    return tuple(Gap(f"MedicationRequest/{number}", Why.NO_DATE, f"m{number}") for number in range(count))


@pytest.mark.parametrize(
    ("count", "said", "last"),
    [
        (1, 1, "“m0” has no date"),
        (4, 4, "“m3” has no date"),
        (5, 4, "2 more entries could not be read"),
        (30, 4, "27 more entries could not be read"),
    ],
)
def test_at_most_four_reasons_are_named_and_the_others_counted(count, said, last):
    found = reasons(undated(count), markup=True)
    assert (len(found), found[-1]) == (said, last)


def test_the_same_reason_is_said_once():
    twice = (Gap("Condition/1", Why.OTHER_PATIENT), Gap("Condition/2", Why.OTHER_PATIENT))
    assert reasons(twice, markup=True) == ["an entry belongs to another patient"]


def test_parts_of_the_record_that_lack_the_same_way_stand_together():
    gaps = (
        Gap("conditions", Why.FAILED),
        Gap("medications", Why.NOT_SUPPLIED),
        *undated(1),
        Gap("results", Why.NOT_SUPPLIED),
    )
    assert reasons(gaps, markup=True) == [
        "the problem list was not readable",
        "the medication list and the laboratory results were not supplied",
        "“m0” has no date",
    ]


def test_parts_of_the_record_that_are_missing_are_not_called_entries():
    gaps = tuple(Gap(key, Why.NOT_SUPPLIED) for key in PLACES)
    assert "entries" not in reasons(gaps, markup=True)[-1]


# On the card ----------------------------------------------------------------------------------------------------------


def not_checked(call, library=None):
    found = cards(call) if library is None else cards(call, library)
    return found.get("not-checked")


def without(*keys, **found):
    return {key: value for key, value in prefetch(**found).items() if key not in keys}


@pytest.mark.parametrize(
    ("keys", "summary_", "look"),
    [
        (
            ["medications"],
            "Dantrolene was not fully checked: the medication list was not supplied",
            "Look at the medication list before signing.",
        ),
        (
            ["conditions"],
            "Dantrolene was not fully checked: the problem list was not supplied",
            "Look at the problem list before signing.",
        ),
        (
            ["allergies"],
            "Dantrolene was not fully checked: the allergy list was not supplied",
            "Look at the allergy list before signing.",
        ),
        (
            ["results"],
            "Dantrolene was not fully checked: the laboratory results were not supplied",
            "Look at the laboratory results before signing.",
        ),
        (
            ["medications", "conditions"],
            "Dantrolene was not fully checked: the problem list and the medication list were not supplied",
            "Look at the problem list and the medication list before signing.",
        ),
    ],
)
def test_a_missing_part_of_the_record_is_a_warning_that_says_what_to_do(keys, summary_, look):
    card = not_checked(bare(DANTROLENE, prefetch=without(*keys)))
    assert (card["indicator"], card["summary"]) == ("warning", summary_)
    assert card["detail"].endswith(f"\n\n{look}")


def checks(card, title):
    """The checks that a card lists under a title."""
    said = card["detail"].partition("\n\n")[0].split(". ")
    lists = [one.removeprefix(f"{title}: ").removesuffix(".") for one in said if one.startswith(f"{title}: ")]
    return lists[0].split("; ") if lists else []


def a_check(name, when):
    """A card of one condition beside the order for dantrolene."""
    return (("id", name), ("checks", name), ("when", f"{{ordering: dantrolene}}, {when}"), ("summary", name))


LIVER = a_check("liver", "{condition: active-liver-disease}")
HEART = a_check("heart", "{condition: heart-failure}")
PARTNER = a_check("partner", "{taking: baclofen}")
ORDERED = a_check("ordered", "{taking: amlodipine}")
SWALLOWING = """tiers:
  - {indicator: critical, when: [{condition: dysphagia}], show: {summary: worse, detail: Worse.}}
  - {indicator: warning}"""


def test_the_card_says_which_checks_wait_and_which_were_made():
    card = not_checked(bare(DANTROLENE, prefetch=without("conditions")), library_of(LIVER, HEART, PARTNER, ORDERED))
    assert card["detail"].startswith("The problem list was not supplied. Not checked: ")
    assert checks(card, "Not checked") == ["heart", "liver"]
    assert checks(card, "Checked and clear") == ["ordered", "partner"]
    assert checks(card, "Checked only in part") == []


def test_a_check_that_could_only_have_been_worse_was_made_in_part():
    sent = without("conditions", medications=[medicine("baclofen 10", "run", written=100, dose=10)])
    card = not_checked(bare(DANTROLENE, prefetch=sent))
    assert checks(card, "Checked only in part") == ["dantrolene together with baclofen"]
    assert "dantrolene together with baclofen" not in checks(card, "Not checked")


@pytest.mark.parametrize(("count", "last"), [(1, "c0"), (4, "c3"), (5, "2 more"), (30, "27 more")])
def test_of_many_checks_the_first_are_named(count, last):
    many = [a_check(f"c{number}", "{taking: baclofen}") for number in range(count)]
    card = not_checked(bare(DANTROLENE, prefetch=without("conditions")), library_of(LIVER, *many))
    assert checks(card, "Checked and clear")[-1] == last
    assert len(checks(card, "Checked and clear")) == min(count, 4)


@pytest.mark.parametrize(
    "sent", [None, without("conditions"), without("medications"), without("results", "orders")], ids=range(4)
)
def test_a_card_about_what_was_not_checked_is_as_short_as_any(sent):
    assert len(not_checked(bare(DANTROLENE, prefetch=sent))["detail"].split()) <= 120


ALLERGIC = a_check("allergic", "{allergic_to_ordered: dantrolene}")
PENDING = a_check("pending", "{pending: ALT, within: 30 days}")
TESTED = a_check("tested", "{result: ALT, within: 90 days}")


def test_a_headline_names_as_much_of_what_is_missing_as_it_has_room_for():
    sent = without("allergies", "results", "statements", "orders")
    library = library_of(ALLERGIC, TESTED, PARTNER, PENDING)
    assert not_checked(bare(DANTROLENE, prefetch=sent), library)["summary"] == (
        "Dantrolene was not fully checked: the allergy list and the patient-reported medicines were not supplied "
        "and more"
    )


def test_everything_missing_is_one_card():
    answer = advice(bare(DANTROLENE))
    topics = [card["source"]["topic"]["code"] for card in answer.cards]
    assert topics.count("not-checked") == 1
    assert not_checked(bare(DANTROLENE))["indicator"] == "warning"


@pytest.mark.parametrize("hook", ["order-sign", "order-select", "medication-prescribe"])
def test_what_nothing_about_the_order_ran_into_is_not_said(hook):
    assert advice(bare(draft("amoxicillin"), hook=hook)).cards == ()
    stranger = [medicine("amoxicillin", "x", medicationCodeableConcept={"text": "house formula 12"})]
    assert advice(request(draft("amoxicillin"), hook=hook, sent={"medications": stranger})).cards == ()


def test_one_unreadable_entry_is_information_only():
    stranger = medicine("amoxicillin", "x", medicationCodeableConcept={"text": "house formula 12"})
    card = not_checked(request(DANTROLENE, sent={"medications": [stranger], "results": liver_panel(3)}))
    assert (card["indicator"], card["summary"]) == (
        "info",
        "Dantrolene was not fully checked: the medicine “house formula 12” is not known to this service",
    )


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (
            {"medications": [medicine("baclofen 10", "x", medicationCodeableConcept={"text": NASTY})]},
            r"he medicine “\<b\>x\</b\>\|\*” is not known to this service",
        ),
        (
            {"conditions": [{**problem(ICD_10_CM, "I10", "x", "c"), "code": {"text": NASTY}}]},
            r"“\<b\>x\</b\>\|\*” has no code that can be read",
        ),
        (
            {"conditions": [problem(ICD_10_CM, "I10", "x", "c", subject={"reference": "Patient/p2"})]},
            "n entry belongs to another patient",
        ),
        ({"results": [result("ALT", 1, 3, "r", valueQuantity=None)]}, "“ALT” has no value that can be read"),
        ({"results": [result("ALT", 1, -9, "r")]}, "“ALT” has a date in the future"),
        ({"results": [result("ALT", 1, 3, "r", effectiveDateTime=None)]}, "“ALT” has no date"),
        ({"results": [result("ALT", 1, 3, "r", referenceRange=[])]}, "“ALT” came without its upper limit"),
    ],
)
def test_what_stands_in_the_way_is_named_and_escaped(sent, words):
    card = not_checked(request(DANTROLENE, sent=sent))
    assert words in card["detail"]
    assert "<b>" not in card["detail"].replace(r"\<b\>", "")


def test_an_order_that_cannot_be_read_is_all_there_is_to_say():
    stranger = draft("amoxicillin", medicationCodeableConcept={"text": "house formula 12"})
    card = not_checked(bare(stranger))
    assert card["summary"] == (
        "An ordered medicine was not checked: the medicine “house formula 12” is not known to this service"
    )
    assert card["detail"] == (
        "The medicine “house formula 12” is not known to this service. Nothing about the order was checked.\n\n"
        "Check it yourself before signing."
    )
    assert card["indicator"] == "info"


def test_an_antispastic_in_a_form_that_cannot_be_read_is_a_warning():
    card = not_checked(bare({**draft("dantrolene 25"), "resourceType": "MedicationPrescription"}))
    form = "“dantrolene sodium 25 MG Oral Capsule” is in a form that this service does not read"
    assert (card["indicator"], card["summary"]) == ("warning", f"Dantrolene was not checked: {form}")


def test_beside_a_known_order_an_unknown_one_is_one_gap_among_others():
    stranger = draft("amoxicillin", "draft-2", medicationCodeableConcept={"text": "house formula 12"})
    card = not_checked(bare(DANTROLENE, stranger))
    assert "not supplied" in card["detail"]
    assert "house formula 12" in card["detail"]


def test_an_order_of_an_unknown_route_cannot_be_checked():
    card = not_checked(request(draft(("3105", "dantrolene"), dose=25)))
    assert card["indicator"] == "warning"
    assert "he route of “dantrolene” is not clear" in card["detail"]


def test_a_missing_check_of_another_medicine_is_information():
    library = card_that(when="{ordering: lisinopril}, {taking: baclofen}")
    card = not_checked(bare(draft("lisinopril")), library)
    assert (card["indicator"], card["summary"][:10]) == ("info", "Lisinopril")


def test_several_medicines_are_named_in_their_order():
    card = not_checked(bare(draft("dantrolene 25"), draft("baclofen 10", "draft-2")))
    assert card["summary"].startswith("Baclofen and dantrolene were not fully checked")


@pytest.mark.parametrize("hook", ["patient-view"])
def test_when_the_chart_is_opened_nothing_is_said_of_what_is_missing(hook):
    sent = prefetch(medications=[medicine("dantrolene 25", "run", written=90, dose=25)])
    answer = advice(bare(hook=hook, prefetch={key: value for key, value in sent.items() if key != "orders"}))
    assert [card["source"]["topic"]["code"] for card in answer.cards] == ["liver-tests-overdue"]


def test_a_rule_that_raises_is_said_not_to_be_checked_and_its_neighbours_are_shown(monkeypatch):
    library = library_of((("id", "broken"),), (("id", "whole"),))

    def find(rule, situation):
        if rule.id == "broken":
            raise RuntimeError
        return real(rule, situation)

    from cds_service.rules import evaluate  # noqa: PLC0415 (its own function is replaced for this test)

    real = evaluate.find
    monkeypatch.setattr(evaluate, "find", find)
    found = cards(request(DANTROLENE), library)
    assert found["whole"]["indicator"] == "warning"
    assert "an error in this service" in found["not-checked"]["summary"]
    assert found["not-checked"]["indicator"] == "warning"


def test_a_card_that_cannot_be_written_is_said_not_to_be_checked_and_takes_no_other_with_it(monkeypatch):
    library = library_of((("id", "broken"), ("detail", "{age}")), (("id", "whole"),))

    def age(_wording):
        raise RuntimeError

    monkeypatch.setitem(WORDINGS, "age", age)
    found = cards(request(DANTROLENE), library)
    assert found.keys() == {"whole", "not-checked"}
    assert "an error in this service" in found["not-checked"]["summary"]


def test_the_card_is_complete():
    card = not_checked(bare(DANTROLENE))
    assert card["source"] == {
        "label": "This service",
        "topic": {"system": "urn:cds-service:card-topic", "code": "not-checked", "display": "Not checked"},
    }
    assert [one["code"] for one in card["overrideReasons"]] == [
        "need-more-info",
        "action-completed",
        "action-not-priority",
    ]
    assert card["extension"]["org.cds-service.card"] == {
        "id": "not-checked",
        "version": 1,
        "evidence": ["MedicationRequest/draft-1"],
    }


@pytest.mark.parametrize("length", [1, 60, 139, 140, 5000])
def test_no_label_makes_the_summary_too_long(length):
    code = {"coding": [{"system": LOINC, "code": "x", "display": "x" * length}]}
    card = not_checked(bare(draft("amoxicillin", medicationCodeableConcept=code), prefetch={"x": bundle()}))
    assert len(card["summary"]) <= LONGEST_SUMMARY


def test_a_concept_of_the_clients_own_is_shown_in_its_words():
    said = concept("urn:local", "12", "house formula")
    assert "house formula" in not_checked(bare(draft("amoxicillin", medicationCodeableConcept=said)))["summary"]


@pytest.mark.parametrize("sent", [None, without("conditions", results=liver_panel(3))], ids=["nothing", "no problems"])
def test_no_check_is_named_twice_or_both_clear_and_not_checked(sent):
    card = not_checked(bare(DANTROLENE, prefetch=sent))
    named = [
        check for title in ("Not checked", "Checked only in part", "Checked and clear") for check in checks(card, title)
    ]
    assert sorted(named) == sorted(set(named))


# Once wrong -----------------------------------------------------------------------------------------------------------


def test_several_medicines_were_not_checked():
    card = not_checked(bare(draft("dantrolene 25"), draft("baclofen 10", "draft-2")))
    assert card["summary"].startswith("Baclofen and dantrolene were not fully checked")


def test_a_medicine_without_a_name_makes_a_sentence_too():
    assert (
        reason(Gap("MedicationRequest/7", Why.UNKNOWN_MEDICINE), markup=False)
        == "a medicine is not known to this service"
    )


# Dispensed supplies ---------------------------------------------------------------------------------------------------


def test_a_supply_that_cannot_be_read_is_called_a_supply():
    (said,) = reasons([Gap("dispenses", Why.NO_VALUE, "X")], markup=False)
    assert said == "the supply of “X” has no value that can be read"
