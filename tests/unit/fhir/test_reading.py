"""The whole call: the states of a prefetch key, other patients, pages, drafts and selections (decisions 1, 2, 6)."""

from dataclasses import replace
from datetime import date

import pytest

from cds_service.clinical.interests import PREFETCH_KEYS
from cds_service.clinical.model import Gap, State, Why
from tests.journeys.records import (
    LOINC,
    RXNORM,
    bundle,
    concept,
    liver_panel,
    medicine,
    patient,
    problem,
    result,
    whose,
)
from tests.unit.fhir.chart import BACLOFEN_TABLET, COMPLETE, EVERYTHING, NOTHING, beside, call, known, only, record

LISTS = {
    "medications": "medications",
    "statements": "medications",
    "conditions": "problems",
    "results": "results",
    "orders": "lab_orders",
}
every_list = pytest.mark.parametrize(("key", "listing"), LISTS.items(), ids=LISTS)


def sent(**keys):
    """A prefetch in which everything else was looked for and is not there."""
    return call(prefetch={**COMPLETE, **keys})


def outcome(*severities):
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": one, "code": "processing"} for one in severities],
    }


def gaps_of(situation):
    medicines, allergies = situation.medications, situation.allergies
    listings = (medicines, situation.problems, allergies, situation.results, situation.lab_orders, situation.patient)
    return [gap for listing in listings for gap in listing.gaps]


# Absent, null, empty --------------------------------------------------------------------------------------------------


@every_list
def test_a_key_that_was_not_sent_is_a_gap(key, listing):
    prefetch = {name: value for name, value in COMPLETE.items() if name != key}
    assert gaps_of(known(call(prefetch=prefetch)))[:1] == [Gap(key, Why.NOT_SUPPLIED)]
    assert getattr(known(call(prefetch=prefetch)), listing).gaps == (Gap(key, Why.NOT_SUPPLIED),)


@every_list
@pytest.mark.parametrize("none", [None, bundle(), {"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": []}])
def test_null_and_an_empty_bundle_prove_that_there_is_none(key, listing, none):
    found = getattr(known(sent(**{key: none})), listing)
    assert (found.items, found.gaps) == ((), ())


@pytest.mark.parametrize("prefetch", [None, {}])
def test_without_any_prefetch_everything_is_a_gap(prefetch):
    gaps = gaps_of(known(call(prefetch=prefetch)))
    assert sorted(gap.where for gap in gaps) == sorted(set(PREFETCH_KEYS) - {"weight"})
    assert {gap.why for gap in gaps} == {Why.NOT_SUPPLIED}


def test_what_no_rule_asks_about_is_no_gap():
    assert [gap.where for gap in gaps_of(known(call(), NOTHING))] == ["patient", "patient"]  # sex and age


@every_list
@pytest.mark.parametrize(
    "failed",
    [
        outcome("error"),
        outcome("fatal"),
        outcome("warning", "error"),
        outcome(),
        {"resourceType": "OperationOutcome"},
        {"resourceType": "OperationOutcome", "issue": [{"code": "processing"}]},
        "Bundle",
        5,
        True,
        [],
        [medicine("baclofen 10", "m")],
    ],
    ids=repr,
)
def test_what_failed_or_is_of_another_type_is_a_gap(key, listing, failed):
    assert getattr(known(sent(**{key: failed})), listing).gaps == (Gap(key, Why.FAILED),)


@every_list
@pytest.mark.parametrize("remark", [outcome("information"), outcome("warning"), outcome("success", "information")])
def test_a_remark_in_the_place_of_a_list_proves_no_absence(key, listing, remark):
    assert getattr(known(sent(**{key: remark})), listing).gaps == (Gap(key, Why.FAILED),)


@every_list
def test_an_outcome_among_the_entries_counts_by_its_severity(key, listing):
    assert getattr(known(sent(**{key: bundle(outcome("error"))})), listing).gaps == (Gap(key, Why.FAILED),)
    assert getattr(known(sent(**{key: bundle(outcome("information"))})), listing).gaps == ()


@every_list
@pytest.mark.parametrize(
    "entry",
    [{}, {"resource": None}, {"resource": {}}, {"resource": {"id": "1"}}, {"fullUrl": "x"}, "text", None, []],
    ids=repr,
)
def test_an_entry_that_cannot_be_read_is_a_gap_at_its_place(key, listing, entry):
    page = {"resourceType": "Bundle", "entry": [{"resource": outcome("information")}, entry]}
    assert getattr(known(sent(**{key: page})), listing).gaps == (Gap(f"{key} 2", Why.UNREADABLE),)


def test_a_resource_alone_under_its_key_is_read():
    situation = known(
        sent(
            medications=medicine("baclofen 10", "m"),
            conditions=problem("http://snomed.info/sct", "24700007", "MS", "c"),
        )
    )
    assert [item.ref for item in (*situation.medications.items, *situation.problems.items)] == [
        "MedicationRequest/m",
        "Condition/c",
    ]


@pytest.mark.parametrize("kind", ["Encounter", "Practitioner", "Provenance"])
def test_resources_of_other_kinds_are_passed_over(kind):
    assert gaps_of(record(results=[{"resourceType": kind, "id": "1"}])) == gaps_of(record())


# Keys we did not ask for ----------------------------------------------------------------------------------------------


def test_a_key_we_did_not_ask_for_may_prove_presence():
    situation = known(call(prefetch={"drugs": bundle(medicine("baclofen 10", "m")), "who": patient()}))
    assert [item.ref for item in situation.medications.items] == ["MedicationRequest/m"]
    assert situation.patient.sex == "female"


@pytest.mark.parametrize("value", [outcome("error"), "text", bundle("text"), bundle({})], ids=repr)
def test_a_key_we_did_not_ask_for_never_proves_absence_nor_is_it_missed(value):
    assert gaps_of(known(sent(drugs=value))) == gaps_of(known(sent()))


def test_a_gap_under_a_key_of_another_rule_is_no_gap_of_this_one():
    only_patient = replace(NOTHING, keys=frozenset({"patient"}))
    assert gaps_of(known(sent(patient=patient(), results="text"), only_patient)) == []


def test_a_gap_of_a_key_that_holds_no_kind_of_fact_we_know_hides_nothing():
    with_more = replace(EVERYTHING, keys=EVERYTHING.keys | {"allergies"})
    assert gaps_of(known(sent(), with_more)) == gaps_of(known(sent()))


# Other patients -------------------------------------------------------------------------------------------------------

MINE = [
    {},
    {"subject": {"display": "A. Patient"}},
    {"subject": {"reference": "Patient/p1"}},
    {"subject": {"reference": "https://ehr.example/fhir/Patient/p1"}},
    {"subject": {"reference": "Patient/p1/_history/4"}},
    {"subject": {"reference": "p1"}},
    {"subject": {"reference": "#patient"}},
    {"subject": {"reference": 5}},
    {"subject": "Patient/p1"},
    {"patient": {"reference": "Patient/p1"}},
]
OTHERS = [
    {"subject": {"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}},
    {"subject": {"reference": "p2"}},
    {"subject": "Patient/p2"},
    {"subject": [{"reference": "Patient/p2"}]},
    {"subject": {"reference": "Patient/p2"}},
    {"subject": {"reference": "https://ehr.example/fhir/Patient/p2/_history/1"}},
    {"subject": {"reference": "Group/p1"}},
    {"patient": {"reference": "Patient/p2"}},
]


def nobodys(**more):
    return {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "medicationCodeableConcept": BACLOFEN_TABLET,
        **more,
    }


@pytest.mark.parametrize("whose_", MINE, ids=repr)
def test_what_does_not_say_that_it_is_anothers_belongs_to_the_patient_of_the_call(whose_):
    assert only(record(medications=[nobodys(**whose_)]).medications).state == State.RUNNING
    assert only(known(call(nobodys(**whose_))).orders).state == State.ORDERED


@pytest.mark.parametrize("whose_", OTHERS, ids=repr)
def test_what_is_another_patients_is_never_used_and_is_a_gap(whose_):
    gap = Gap("MedicationRequest/m", Why.OTHER_PATIENT)
    assert only(record(medications=[nobodys(**whose_)]).medications) == gap
    assert only(known(call(nobodys(**whose_))).orders) == gap


@every_list
def test_no_kind_of_resource_is_used_for_another_patient(key, listing):
    theirs = {
        "medications": medicine("baclofen 10", "x"),
        "statements": {
            "resourceType": "MedicationStatement",
            "id": "x",
            "status": "active",
            "medicationCodeableConcept": BACLOFEN_TABLET,
        },
        "conditions": problem("http://snomed.info/sct", "24700007", "MS", "x"),
        "results": result("ALT", 4, 3, "x"),
        "orders": {
            "resourceType": "ServiceRequest",
            "id": "x",
            "status": "active",
            "code": concept(LOINC, "24325-3", "LFT"),
        },
    }[key]
    found = getattr(known(sent(**{key: bundle({**theirs, "subject": whose("p2")})})), listing)
    assert found.items == ()
    assert [gap.why for gap in found.gaps] == [Why.OTHER_PATIENT]


def test_another_patients_record_is_not_who_the_patient_is():
    situation = known(sent(patient=patient(sex="male", patient="p2")))
    assert (situation.patient.ref, situation.patient.sex) == ("Patient/p1", None)
    assert situation.patient.gaps == (Gap("patient", Why.OTHER_PATIENT),)


def test_a_patient_without_an_id_is_the_patient_of_the_call():
    assert known(sent(patient={**patient(), "id": None})).patient.sex == "female"


def test_the_first_of_two_copies_of_the_patient_counts():
    assert known(sent(patient=bundle(patient("male"), patient("female")))).patient.sex == "male"


def test_a_patient_that_the_client_knows_nothing_of_has_neither_sex_nor_age():
    assert [gap.why for gap in known(sent(patient=None)).patient.gaps] == [Why.NO_SEX, Why.NO_BIRTH_DATE]


# Pages ----------------------------------------------------------------------------------------------------------------


def page(*resources, relation="next"):
    return {**bundle(*resources), "link": [{"relation": "self", "url": "x"}, {"relation": relation, "url": "y"}]}


@pytest.mark.parametrize(
    ("key", "resources", "before"),
    [
        ("results", [result("ALT", 1, 3, "a"), result("ALT", 1, 30, "b")], "2026-10-23"),
        (
            "results",
            [{**result("ALT", 1, 3, "a"), "effectiveDateTime": None, "issued": "2026-11-01T00:00:00Z"}],
            "2026-11-01",
        ),
        ("results", [{**result("ALT", 1, 3, "a"), "effectiveDateTime": "2026-03"}], "2026-03-01"),
        ("results", [{**result("ALT", 1, 3, "a"), "effectiveDateTime": None}], None),
        ("results", [], None),
        ("medications", [medicine("baclofen 10", "m", written=20)], "2026-11-02"),
        (
            "statements",
            [{"resourceType": "MedicationStatement", "dateAsserted": "2026-11-02", "status": "completed"}],
            "2026-11-02",
        ),
        ("orders", [{"resourceType": "ServiceRequest", "authoredOn": "2026-11-02"}], "2026-11-02"),
        ("conditions", [problem("http://snomed.info/sct", "24700007", "MS", "c")], None),
    ],
)
def test_a_page_with_more_behind_it_hides_only_what_is_older_than_its_oldest(key, resources, before):
    gaps = getattr(known(sent(**{key: page(*resources)})), LISTS[key]).gaps
    more = [gap for gap in gaps if gap.why is Why.MORE_PAGES]
    assert more == [Gap(key, Why.MORE_PAGES, before=None if before is None else date.fromisoformat(before))]


@pytest.mark.parametrize("relation", ["self", "previous", "last"])
def test_other_links_hide_nothing(relation):
    assert known(sent(results=page(*liver_panel(3), relation=relation))).results.gaps == ()


# Drafts ---------------------------------------------------------------------------------------------------------------


def draft(logical_id="d", **more):
    return {
        "resourceType": "MedicationRequest",
        "id": logical_id,
        "status": "draft",
        "medicationCodeableConcept": BACLOFEN_TABLET,
        **more,
    }


def orders(*drafts, selections=None):
    return known(call(*drafts, selections=selections)).orders


@pytest.mark.parametrize(
    "nothing",
    [
        draft(medicationCodeableConcept=None),
        draft(medicationCodeableConcept={"text": ""}),
        draft(medicationCodeableConcept={"coding": []}),
        {"resourceType": "MedicationOrder", "id": "d", "intent": "order"},
        {"resourceType": "NutritionOrder", "id": "d"},
        {"resourceType": "DeviceRequest", "id": "d"},
        {"id": "d"},
        {},
    ],
)
def test_a_draft_that_names_no_medicine_yet_says_nothing(nothing):
    assert only(orders(nothing)) is None


@pytest.mark.parametrize(
    "kind",
    [
        "MedicationPrescription",
        "MedicationStatement",
        "MedicationDispense",
        "MedicationAdministration",
        None,
    ],
)
def test_a_draft_in_a_shape_of_another_version_is_a_gap(kind):
    assert only(orders(draft(resourceType=kind))).why == Why.UNREADABLE


def test_a_draft_without_an_id_is_named_by_its_place():
    assert [item.ref for item in orders(draft(), draft(None)).items] == ["MedicationRequest/d", "draft 2"]


CHOSEN = [
    ({"MedicationRequest/d"}, True),
    ({"https://ehr.example/fhir/MedicationRequest/d"}, True),
    ({"d"}, True),
    ({"MedicationRequest/d", "MedicationRequest/e"}, True),
    ({"MedicationRequest/e"}, False),
    (set(), False),
]


@pytest.mark.parametrize(("selections", "asked"), CHOSEN, ids=range(len(CHOSEN)))
def test_order_select_asks_about_the_selections_only(selections, asked):
    found = orders(draft(), draft("e"), selections=frozenset(selections))
    assert found.items[0].selected is asked
    assert found.gaps == ()


def test_without_selections_every_draft_is_asked_about():
    assert [item.selected for item in orders(draft(), draft("e")).items] == [True, True]


@pytest.mark.parametrize(
    ("selected", "gaps"),
    [
        ({"MedicationRequest/gone"}, ["MedicationRequest/gone"]),
        ({"MedicationRequest/gone", "MedicationOrder/away"}, ["MedicationOrder/away", "MedicationRequest/gone"]),
        ({"https://ehr.example/fhir/MedicationRequest/gone"}, ["MedicationRequest/gone"]),
        ({"ServiceRequest/gone"}, []),
        ({"NutritionOrder/gone"}, []),
        ({"MedicationRequest/d"}, []),
    ],
    ids=lambda references: " ".join(sorted(references)) or "none",
)
def test_a_selected_medicine_that_was_not_sent_is_a_gap(selected, gaps):
    found = orders(draft(), selections=frozenset(selected))
    assert [(gap.where, gap.why) for gap in found.gaps] == [(one, Why.NOT_SUPPLIED) for one in gaps]


def test_an_unreadable_draft_is_asked_about_only_when_it_is_selected():
    unreadable = draft("x", medicationCodeableConcept={"text": "house formula 12"})
    gap = Gap("MedicationRequest/x", Why.UNKNOWN_MEDICINE)
    asked = call(unreadable, prefetch=COMPLETE, selections=frozenset({"MedicationRequest/x"}))
    assert (known(asked).orders.gaps, beside(asked)) == ((gap,), ())
    not_asked = call(draft(), unreadable, prefetch=COMPLETE, selections=frozenset({"MedicationRequest/d"}))
    assert (known(not_asked).orders.gaps, beside(not_asked)) == ((), (gap,))
    assert known(not_asked).medications.gaps == (gap,)  # it may still be a partner


def test_a_draft_for_another_patients_laboratory_is_not_used():
    lab = {
        "resourceType": "ServiceRequest",
        "id": "r",
        "status": "draft",
        "code": concept(LOINC, "24325-3", "LFT"),
        "subject": whose("p2"),
    }
    situation = known(call(lab, prefetch=COMPLETE))
    assert only(situation.lab_orders) == Gap("ServiceRequest/r", Why.OTHER_PATIENT)


def test_the_situation_knows_the_moment_and_the_day():
    situation = known(call(draft(), selections=frozenset()))
    assert (situation.hook, situation.today) == ("order-select", date(2026, 11, 22))


def test_the_order_of_entries_does_not_matter():
    one, other = medicine("baclofen 10", "a"), medicine("dantrolene 25", "b")
    there, back = record(medications=[one, other]), record(medications=[other, one])
    assert set(there.medications.items) == set(back.medications.items)


def test_an_interest_in_one_medicine_leaves_the_others_unread():
    only_dantrolene = replace(EVERYTHING, ingredients=frozenset({"3105"}))
    found = record(only_dantrolene, medications=[medicine("baclofen 10", "a"), medicine("dantrolene 25", "b")])
    assert [item.ref for item in found.medications.items] == ["MedicationRequest/b"]


# Once wrong -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing", [{}, {"entry": [{"resource": nobodys()}]}, {"resourceType": "Parameters"}], ids=repr
)
@every_list
def test_an_object_that_is_no_bundle_of_the_kind_proves_nothing(key, listing, nothing):
    found = getattr(known(sent(**{key: nothing})), listing)
    assert found.items or found.gaps


@pytest.mark.parametrize("entries", [{"resource": nobodys()}, "text", 5], ids=repr)
def test_entries_of_another_type_are_read_or_are_a_gap(entries):
    found = known(sent(medications={"resourceType": "Bundle", "entry": entries})).medications
    assert found.items or found.gaps


def test_a_medicine_of_the_record_in_the_shape_of_the_first_trial_version_is_a_gap():
    older = {
        "resourceType": "MedicationPrescription",
        "id": "o",
        "status": "active",
        "medicationCodeableConcept": concept(RXNORM, "1292", "baclofen"),
    }
    assert only(record(medications=[older]).medications) is not None


def test_a_medicine_of_another_version_that_no_rule_names_is_no_gap():
    lisinopril = {
        "resourceType": "MedicationPrescription",
        "id": "o",
        "medicationCodeableConcept": concept(RXNORM, "29046", "lisinopril"),
    }
    nameless = {"resourceType": "MedicationPrescription", "id": "n"}
    assert record(medications=[lisinopril, nameless]).medications.gaps == ()


def test_one_resource_in_the_place_of_a_list_proves_no_absence_of_others():
    found = known(sent(medications=nobodys())).medications
    assert (len(found.items), found.gaps) == (1, (Gap("medications", Why.MORE_PAGES),))


# What a record tells beside its lists ---------------------------------------------------------------------------------


def test_a_patient_who_is_named_by_an_address_of_the_request_and_has_no_id_is_the_patient_of_the_call():
    who = {"fullUrl": "urn:uuid:0c3151bd", "resource": {"resourceType": "Patient", "gender": "female"}}
    taken = {"resource": nobodys(subject={"reference": "urn:uuid:0C3151BD"})}
    found = known(sent(medications={"resourceType": "Bundle", "entry": [who, taken]}))
    assert only(found.medications).state == State.RUNNING


def weighing(kilograms, **more):
    value = {"value": kilograms, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    weight = {"resourceType": "Observation", "id": "w", "status": "final", "code": code, "valueQuantity": value}
    return {**weight, "effectiveDateTime": "2026-11-01", **more}


@pytest.mark.parametrize(
    ("weight", "daily_mg", "undosed"),
    [
        ((weighing(50),), 50, None),
        ((weighing(50, subject={"reference": "Patient/p2"}),), None, Why.NO_WEIGHT),
        ((), None, Why.NO_WEIGHT),
    ],
    ids=["known", "of another patient", "unknown"],
)
def test_a_dose_for_each_kilogram_is_known_once_the_weight_is(weight, daily_mg, undosed):
    each = {"value": 1, "unit": "mg/kg", "system": "http://unitsofmeasure.org", "code": "mg/kg"}
    timing = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
    order = draft(dosageInstruction=[{"timing": timing, "doseAndRate": [{"doseQuantity": each}]}])
    read = only(known(call(order, prefetch={**COMPLETE, "weight": bundle(*weight)})).orders)
    assert (read.daily_mg, read.undosed) == (daily_mg, undosed)


def pregnancy(**value):
    code = {"coding": [{"system": "http://loinc.org", "code": "82810-3"}]}
    status = {"resourceType": "Observation", "id": "o", "status": "final", "code": code}
    return {**status, "effectiveDateTime": "2026-11-01", **value}


def test_a_pregnancy_that_was_observed_is_a_problem():
    pregnant = {"coding": [{"system": "http://snomed.info/sct", "code": "77386006"}]}
    found = record(results=[pregnancy(valueCodeableConcept=pregnant)]).problems
    assert only(found).names == {"pregnancy"}


def test_a_pregnancy_status_that_cannot_be_read_is_a_gap():
    unread = pregnancy(valueCodeableConcept={"text": "see letter"})
    found = record(conditions=[unread]).problems
    assert [gap.concerns for gap in found.gaps] == [{"pregnancy"}]


def test_a_report_brings_the_results_it_contains():
    code = {"coding": [{"system": "http://loinc.org", "code": "1742-6"}]}
    quantity = {"value": 31, "unit": "U/L", "code": "U/L"}
    inside = {"resourceType": "Observation", "id": "alt", "code": code, "valueQuantity": quantity}
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "contained": [inside]}
    report |= {"effectiveDateTime": "2026-11-01", "result": [{"reference": "#alt"}]}
    assert [item.test for item in record(results=[report]).results.items] == ["ALT"]
    assert record(NOTHING, results=[report]).results.items == ()  # no rule asks for any test


@pytest.mark.parametrize("status", ["stopped", "active"])
def test_an_order_that_follows_another_medicine_or_an_ended_one_ends_nothing(status):
    before = nobodys(id="before", status=status)
    code = {"coding": [{"system": RXNORM, "code": "856656", "display": "dantrolene"}]} if status == "active" else None
    after = nobodys(id="after", priorPrescription={"reference": "MedicationRequest/before"})
    after |= {"medicationCodeableConcept": code} if code else {}
    states = [item.state for item in record(medications=[before, after]).medications.items]
    assert states == [State.RUNNING if status == "active" else State.ENDED, State.RUNNING]
