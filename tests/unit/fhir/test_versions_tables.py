"""Every element that a version has in its own way, one resource at a time, in that version's own words.

A row says what stands in the resource beside what every one of its kind has, and what that means for the patient.
`...` in the place of a member takes it away.
"""

import pytest

from tests.journeys.records import HL7, ICD_10_CM, LOINC, PATIENT, SNOMED_CT, bundle, concept, day, quantity
from tests.unit.fhir.chart import BACLOFEN_TABLET, COMPLETE, call, known

BESIDE = "beside"  # what else is in the request
TODAY = day(0)
THIS = f"Patient/{PATIENT}"
SPASTICITY = concept(SNOMED_CT, "221360009", "Spasticity")
CRISIS = concept(SNOMED_CT, "405501007", "Malignant hyperthermia")
ALT = concept(LOINC, "1742-6", "Alanine aminotransferase")
AST = concept(LOINC, "1920-8", "Aspartate aminotransferase")
PANEL = concept(LOINC, "24325-3", "Hepatic function 2000 panel - Serum or Plasma")
MEDICATION = {"resourceType": "Medication", "id": "b", "code": BACLOFEN_TABLET}
HIGH = quantity(40, "U/L")
LIVER_TESTS = "waiting for ALP, ALT, AST, bilirubin"


def pointer(said):
    return {"reference": said}


def code(said, system="urn:of-fhir"):
    return {"coding": [{"system": system, "code": said}]}


def per_day(times, unit="periodUnit", period=1, periods="d"):
    return {"frequency": times, "period": period, unit: periods}


def dose(times=3, unit="periodUnit", **more):
    """A dosage of an order: so often a day, and what more there is."""
    return {"timing": {"repeat": per_day(times, unit)}, **more}


def rate(amount):
    return {"doseAndRate": [{"doseQuantity": amount}]}


TEN = quantity(10, "mg")
FIVE_TO_TEN = {"low": quantity(5, "mg"), "high": TEN}
FORTY_A_DAY = {"numerator": quantity(40, "mg"), "denominator": quantity(1, "d")}
BACLOFEN = concept("http://www.nlm.nih.gov/research/umls/rxnorm", "1292", "baclofen")
REASON = {"resourceType": "Condition", "id": "why", "code": CRISIS}

OF_DSTU2 = {
    "order": {
        "resourceType": "MedicationOrder",
        "id": "x",
        "status": "active",
        "patient": pointer(THIS),
        "medicationCodeableConcept": BACLOFEN_TABLET,
    },
    "statement": {
        "resourceType": "MedicationStatement",
        "id": "x",
        "status": "active",
        "wasNotTaken": False,
        "patient": pointer(THIS),
        "medicationCodeableConcept": BACLOFEN_TABLET,
    },
    "diagnosis": {
        "resourceType": "Condition",
        "id": "x",
        "patient": pointer(THIS),
        "code": SPASTICITY,
        "clinicalStatus": "active",
        "verificationStatus": "confirmed",
    },
    "result": {
        "resourceType": "Observation",
        "id": "x",
        "status": "final",
        "code": ALT,
        "subject": pointer(THIS),
        "effectiveDateTime": TODAY,
        "valueQuantity": quantity(120, "U/L"),
    },
    "test": {
        "resourceType": "DiagnosticOrder",
        "id": "x",
        "status": "requested",
        "subject": pointer(THIS),
        "item": [{"code": PANEL}],
    },
    "allergy": {
        "resourceType": "AllergyIntolerance",
        "id": "x",
        "patient": pointer(THIS),
        "substance": BACLOFEN,
    },
    "procedure": {
        "resourceType": "ProcedureRequest",
        "id": "x",
        "status": "requested",
        "subject": pointer(THIS),
        "code": PANEL,
    },
}
OF_STU3 = {
    "order": {
        "resourceType": "MedicationRequest",
        "id": "x",
        "status": "active",
        "intent": "order",
        "subject": pointer(THIS),
        "context": pointer("Encounter/visit"),
        "medicationCodeableConcept": BACLOFEN_TABLET,
    },
    "statement": {
        "resourceType": "MedicationStatement",
        "id": "x",
        "status": "active",
        "taken": "y",
        "subject": pointer(THIS),
        "medicationCodeableConcept": BACLOFEN_TABLET,
    },
    "diagnosis": {
        "resourceType": "Condition",
        "id": "x",
        "subject": pointer(THIS),
        "code": SPASTICITY,
        "clinicalStatus": "active",
        "verificationStatus": "confirmed",
    },
    "result": OF_DSTU2["result"],
    "allergy": {
        "resourceType": "AllergyIntolerance",
        "id": "x",
        "patient": pointer(THIS),
        "code": BACLOFEN,
        "clinicalStatus": "active",
        "verificationStatus": "confirmed",
    },
    "test": {
        "resourceType": "ProcedureRequest",
        "id": "x",
        "status": "active",
        "intent": "order",
        "subject": pointer(THIS),
        "code": PANEL,
    },
}
OF_R4 = {
    "order": {**OF_STU3["order"], "context": ..., "encounter": pointer("Encounter/visit")},
    "statement": {**OF_STU3["statement"], "taken": ...},
    "diagnosis": {
        **OF_STU3["diagnosis"],
        "clinicalStatus": code("active", f"{HL7}/condition-clinical"),
        "verificationStatus": code("confirmed", f"{HL7}/condition-ver-status"),
    },
    "result": OF_DSTU2["result"],
    "allergy": {
        **OF_STU3["allergy"],
        "clinicalStatus": code("active", f"{HL7}/allergyintolerance-clinical"),
        "verificationStatus": code("confirmed", f"{HL7}/allergyintolerance-verification"),
    },
    "test": {**OF_STU3["test"], "resourceType": "ServiceRequest"},
}
OF_R5 = {
    "order": {
        **OF_R4["order"],
        "medicationCodeableConcept": ...,
        "medication": {"concept": BACLOFEN_TABLET},
    },
    "statement": {
        **OF_R4["statement"],
        "status": "recorded",
        "medicationCodeableConcept": ...,
        "medication": {"concept": BACLOFEN_TABLET},
    },
    "diagnosis": OF_R4["diagnosis"],
    "result": OF_DSTU2["result"],
    "allergy": OF_R4["allergy"],
    "test": {**OF_R4["test"], "code": {"concept": PANEL}},
}


def read(bases, kind, members):
    """What one resource means, in a few words: a thing that counts, the reason of a gap, or nothing."""
    members = dict(members)
    beside = members.pop(BESIDE, [])
    base = bases["order" if kind == "draft" else kind]
    resource = {name: value for name, value in {**base, **members}.items() if value is not ...}
    drafts = [resource] if kind == "draft" else []
    listed = [] if kind == "draft" else [resource]
    found = known(call(*drafts, prefetch={**COMPLETE, "anything": bundle(*beside), **_kept(kind, listed)}))
    own = {
        "order": found.medications,
        "statement": found.medications,
        "draft": found.orders,
        "diagnosis": found.problems,
        "result": found.results,
        "allergy": found.allergies,
    }.get(kind, found.lab_orders)
    said = [TELL[kind](one) for one in own.items if one.ref.endswith("/x")]
    return "; ".join([*said, *(str(gap.why) for gap in own.gaps)])


def _kept(kind, listed):
    keys = {
        "order": "medications",
        "statement": "statements",
        "diagnosis": "conditions",
        "result": "results",
        "allergy": "allergies",
    }
    return {keys.get(kind, "orders"): bundle(*listed)} if listed else {}


def _day(day):
    return day.first.isoformat() if day.first == day.last else f"{day.first}/{day.last}"


def _medicine(one):
    facets = [
        str(one.state),
        one.daily_mg is not None and f"{one.daily_mg.normalize():f} mg",
        one.started is not None and f"since {_day(one.started)}",
        one.ended is not None and f"until {_day(one.ended)}",
        one.reasons and f"for {', '.join(sorted(one.reasons))}",
        len(one.continues) > 1 and f"after {', '.join(sorted(ref for ref in one.continues if not ref.endswith('/x')))}",
    ]
    return " ".join(facet for facet in facets if facet)


def _diagnosis(one):
    since = "" if one.recorded is None else f" since {_day(one.recorded)}"
    return f"{', '.join(sorted(one.names))}{' perhaps' if one.provisional else ''}{since}"


def _result(one):
    times = "" if one.times_uln is None else f" x{one.times_uln.least.normalize():f}"
    early = " preliminary" if one.preliminary else ""
    return f"{one.test} {one.shown}{times}{' high' if one.flagged_high else ''}{early} of {_day(one.taken)}"


def _allergy(one):
    since = "" if one.recorded is None else f" since {_day(one.recorded)}"
    kind = "intolerance" if one.intolerance else "allergy"
    return f"{kind}{' perhaps' if one.provisional else ''}{since}"


def _test(one):
    since = "" if one.ordered is None else f" since {_day(one.ordered)}"
    return f"waiting for {', '.join(sorted(one.tests))}{since}"


TELL = {
    "order": _medicine,
    "statement": _medicine,
    "draft": _medicine,
    "diagnosis": _diagnosis,
    "result": _result,
    "allergy": _allergy,
    "test": _test,
    "procedure": _test,
}

# What is the same in several versions ---------------------------------------------------------------------------------

SPASTIC = "spasticity"
HIGH_120 = f"ALT 120 U/L high of {TODAY}"
ALT_120 = f"ALT 120 U/L of {TODAY}"
ALT_3 = f"ALT 120 U/L x3 of {TODAY}"


def supply(days, **more):
    return {"dispenseRequest": {"expectedSupplyDuration": {"value": days, "unit": "days"}, **more}}


def named_otherwise(concept_is, pointer_is):
    """Medicines by reference: `concept_is` and `pointer_is` wrap them as the version does."""
    contained = [{"resourceType": "Medication", "id": "it", "code": BACLOFEN_TABLET}]
    nobody = {"text": "house formula 12"}
    return [
        ("order", "a contained medicine", {**pointer_is(pointer("#it")), "contained": contained}, "running"),
        ("order", "a medicine beside it", {**pointer_is(pointer("Medication/b")), BESIDE: [MEDICATION]}, "running"),
        (
            "order",
            "a medicine by its address",
            {**pointer_is(pointer("https://ehr.example/fhir/Medication/b")), BESIDE: [MEDICATION]},
            "running",
        ),
        (
            "order",
            "a version of a medicine",
            {**pointer_is(pointer("Medication/b/_history/3")), BESIDE: [MEDICATION]},
            "running",
        ),
        (
            "order",
            "a medicine that is elsewhere, by its name",
            pointer_is({**pointer("Medication/elsewhere"), "display": "baclofen 10 mg tablet"}),
            "running",
        ),
        ("order", "a medicine that is elsewhere", pointer_is(pointer("Medication/elsewhere")), "unknown-medicine"),
        ("order", "a medicine that nobody knows", concept_is(nobody), "unknown-medicine"),
        ("order", "a medicine in words", concept_is({"text": "baclofen 10 MG Oral Tablet"}), "running"),
        ("draft", "a contained medicine", {**pointer_is(pointer("#it")), "contained": contained}, "ordered"),
        ("draft", "a medicine that nobody knows", concept_is(nobody), "unknown-medicine"),
        (
            "statement",
            "a medicine beside it",
            {**pointer_is(pointer("Medication/b")), BESIDE: [MEDICATION]},
            "running",
        ),
    ]


def of_whom(element, kinds):
    """Whose it is: the patient of the call, however that is written, or another, who is never used."""
    expected = {"order": "running", "statement": "running", "diagnosis": SPASTIC, "test": LIVER_TESTS}
    rows = []
    for kind in kinds:
        rows += [
            (kind, "of nobody", {element: ...}, expected[kind]),
            (kind, "of the patient by an address", {element: pointer(f"https://ehr.example/{THIS}")}, expected[kind]),
            (kind, "of another patient", {element: pointer("Patient/somebody-else")}, "other-patient"),
            (
                kind,
                "of another patient by an address",
                {element: pointer("https://ehr.example/Patient/somebody-else/_history/1")},
                "other-patient",
            ),
        ]
    return rows


def plain_orders(states):
    """The states of an order in the words of a version, and the ends of a supply, which all have."""
    return [("order", f"status {status}", {"status": status}, is_) for status, is_ in states.items()]


SUPPLIES = [
    ("order", "a supply of 30 days, 31 days ago", {"supplied": (30, 31)}, f"lapsed since {day(31)} until {day(2)}"),
    ("order", "a supply of 30 days, today", {"supplied": (30, 0)}, f"running since {day(0)} until {day(-29)}"),
    ("order", "a supply of 30 days, 60 days ago", {"supplied": (30, 60)}, f"ended since {day(60)} until {day(31)}"),
]


def written(element):
    """When it was written, under the name a version gives to that day."""
    rows = [
        ("order", "written in March", {element: "2026-03"}, "running since 2026-03-01/2026-03-31"),
        ("order", "written this year", {element: "2026"}, "running since 2026-01-01/2026-12-31"),
        ("order", "written tomorrow", {element: day(-1)}, f"planned since {day(-1)}"),
        ("order", "written at a time of day", {element: f"{day(3)}T23:30:00-05:00"}, f"running since {day(3)}"),
    ]
    for kind, sentence, members, expected in SUPPLIES:
        days, ago = members["supplied"]
        rows.append((kind, sentence, {element: day(ago), **supply(days)}, expected))
    return rows


DRAFTS = [
    ("draft", "status draft", {"status": "draft"}, "ordered"),
    ("draft", "status active", {"status": "active"}, "ordered"),
    ("draft", "status stopped", {"status": "stopped"}, "stopping"),
    ("draft", "status completed", {"status": "completed"}, "stopping"),
    ("draft", "status entered-in-error", {"status": "entered-in-error"}, ""),
]
RESULT_STATUSES = [
    ("result", f"status {status}", {"status": status}, "" if gone else ALT_120)
    for status, gone in {
        "final": False,
        "amended": False,
        "registered": True,
        "cancelled": True,
        "entered-in-error": True,
    }.items()
] + [("result", "status unknown", {"status": "unknown"}, "no-status")]
RESULTS = [
    *RESULT_STATUSES,
    ("result", "status preliminary", {"status": "preliminary"}, f"ALT 120 U/L preliminary of {TODAY}"),
    ("result", "its upper limit", {"referenceRange": [{"high": HIGH}]}, ALT_3),
    ("result", "of several days", {"effectiveDateTime": ..., "effectivePeriod": {"end": TODAY}}, ALT_120),
    ("result", "only when it was issued", {"effectiveDateTime": ..., "issued": f"{TODAY}T10:00:00Z"}, ALT_120),
    ("result", "no day at all", {"effectiveDateTime": ...}, "no-date"),
    ("result", "of another patient", {"subject": pointer("Patient/somebody-else")}, "other-patient"),
    (
        "result",
        "in a part of a panel",
        {"code": PANEL, "valueQuantity": ..., "component": [{"code": AST, "valueQuantity": quantity(30, "U/L")}]},
        f"AST 30 U/L of {TODAY}",
    ),
]


def ranges(element, as_list):
    """What kind of range it is, under the name a version gives to that."""
    kinds = {"normal": ALT_3, "recommended": ALT_120, "therapeutic": ALT_120}
    return [
        (
            "result",
            f"a range that is {kind}",
            {"referenceRange": [{"high": HIGH, element: [code(kind)] if as_list else code(kind)}]},
            expected,
        )
        for kind, expected in kinds.items()
    ]


def allergies(as_code):
    """Whether it is true and still is, in words or, since R4, in concepts."""
    rows = [
        ("clinicalStatus", "active", "allergy"),
        ("clinicalStatus", "inactive", ""),
        ("clinicalStatus", "resolved", ""),
        ("verificationStatus", "unconfirmed", "allergy perhaps"),
        ("verificationStatus", "refuted", ""),
        ("verificationStatus", "entered-in-error", ""),
    ]
    return [("allergy", f"{element} {said}", {element: as_code(said)}, expected) for element, said, expected in rows]


# DSTU2 ----------------------------------------------------------------------------------------------------------------


def pointed(pointer_):
    return {"medicationCodeableConcept": ..., "medicationReference": pointer_}


def conceived(concept_):
    return {"medicationCodeableConcept": concept_}


def of_dstu2(**more):
    """One dosage of an order."""
    return {"dosageInstruction": [{"timing": {"repeat": per_day(3, "periodUnits")}, **more}]}


DSTU2 = [
    *plain_orders(
        {
            "active": "running",
            "on-hold": "paused",
            "completed": "ended",
            "stopped": "ended",
            "entered-in-error": "",
            "draft": "",
            "running": "no-status",
        }
    ),
    ("order", "no status", {"status": ...}, "no-status"),
    *written("dateWritten"),
    (
        "order",
        "ended yesterday",
        {"dateWritten": day(90), "dateEnded": day(1)},
        f"lapsed since {day(90)} until {day(1)}",
    ),
    ("order", "ended 31 days ago", {"dateEnded": day(31)}, f"ended until {day(31)}"),
    ("order", "to end next week", {"dateEnded": day(-7)}, f"running until {day(-7)}"),
    *of_whom("patient", ("order", "statement", "diagnosis")),
    *of_whom("subject", ("test",)),
    *named_otherwise(conceived, pointed),
    ("order", "why, as a concept", {"reasonCodeableConcept": CRISIS}, "running for malignant-hyperthermia"),
    (
        "order",
        "why, as a reference",
        {"reasonReference": pointer("Condition/why"), BESIDE: [REASON]},
        "running for malignant-hyperthermia",
    ),
    ("order", "why, in words", {"reasonCodeableConcept": {"text": "Spasticity"}}, "running for spasticity"),
    ("order", "10 mg three times a day", of_dstu2(doseQuantity=TEN), "running 30 mg"),
    ("order", "5 to 10 mg three times a day", of_dstu2(doseRange=FIVE_TO_TEN), "running 30 mg"),
    (
        "order",
        "one of the Sandbox's pills three times a day",
        of_dstu2(doseQuantity=quantity(1, "{pill}")),
        "running 30 mg",
    ),
    (
        "order",
        "10 mg every 6 hours",
        {
            "dosageInstruction": [
                {"timing": {"repeat": per_day(1, "periodUnits", 6, "h")}, "doseQuantity": TEN},
            ]
        },
        "running 40 mg",
    ),
    (
        "order",
        "10 mg six times a day when needed, 40 mg a day at most",
        {
            "dosageInstruction": [
                {
                    "timing": {"repeat": per_day(6, "periodUnits")},
                    "asNeededBoolean": True,
                    "doseQuantity": TEN,
                    "maxDosePerPeriod": FORTY_A_DAY,
                },
            ]
        },
        "running 40 mg",
    ),
    (
        "order",
        "10 mg BID",
        {"dosageInstruction": [{"timing": {"code": code("BID")}, "doseQuantity": TEN}]},
        "running 20 mg",
    ),
    (
        "order",
        "10 mg a day for a week",
        {
            "dateWritten": TODAY,
            "dosageInstruction": [
                {
                    "timing": {"repeat": {**per_day(1, "periodUnits"), "boundsQuantity": quantity(7, "d")}},
                    "doseQuantity": TEN,
                },
            ],
        },
        f"running 10 mg since {TODAY} until {day(-6)}",
    ),
    (
        "order",
        "10 mg at bedtime",
        {"dosageInstruction": [{"timing": {"repeat": {"when": "HS"}}, "doseQuantity": TEN}]},
        "running 10 mg",
    ),
    *DRAFTS,
    (
        "draft",
        "after another order",
        {"priorPrescription": pointer("MedicationOrder/7")},
        "ordered after MedicationOrder/7",
    ),
    ("draft", "of another patient", {"patient": pointer("Patient/somebody-else")}, "other-patient"),
    ("draft", "as the Sandbox sends it", {"intent": "order", "category": code("community")}, "ordered"),
    ("statement", "taken", {}, "running"),
    ("statement", "nothing said of taking", {"wasNotTaken": ...}, "running"),
    ("statement", "not taken", {"wasNotTaken": True}, ""),
    ("statement", "not taken in the past", {"status": "completed", "wasNotTaken": True}, ""),
    ("statement", "taken in the past", {"status": "completed"}, "ended"),
    ("statement", "to be taken", {"status": "intended"}, "running"),
    ("statement", "not to be taken", {"status": "intended", "wasNotTaken": True}, ""),
    ("statement", "entered in error", {"status": "entered-in-error"}, ""),
    ("statement", "not taken, in a wrong type", {"wasNotTaken": "true"}, "running"),
    ("statement", "since March", {"effectivePeriod": {"start": "2026-03"}}, "running since 2026-03-01/2026-03-31"),
    ("statement", "on a day", {"effectiveDateTime": day(3)}, f"running since {day(3)}"),
    ("statement", "why, as a concept", {"reasonForUseCodeableConcept": SPASTICITY}, "running for spasticity"),
    (
        "statement",
        "why, as a reference",
        {"reasonForUseReference": pointer("Condition/why"), BESIDE: [REASON]},
        "running for malignant-hyperthermia",
    ),
    (
        "statement",
        "10 mg three times a day",
        {"dosage": [{"timing": {"repeat": per_day(3, "periodUnits")}, "quantityQuantity": TEN}]},
        "running 30 mg",
    ),
    (
        "statement",
        "5 to 10 mg three times a day",
        {"dosage": [{"timing": {"repeat": per_day(3, "periodUnits")}, "quantityRange": FIVE_TO_TEN}]},
        "running 30 mg",
    ),
    ("diagnosis", "active", {}, SPASTIC),
    ("diagnosis", "relapsed", {"clinicalStatus": "relapse"}, SPASTIC),
    ("diagnosis", "in remission", {"clinicalStatus": "remission"}, ""),
    ("diagnosis", "resolved", {"clinicalStatus": "resolved"}, ""),
    ("diagnosis", "nothing said of its course", {"clinicalStatus": ...}, SPASTIC),
    ("diagnosis", "provisional", {"verificationStatus": "provisional"}, f"{SPASTIC} perhaps"),
    ("diagnosis", "differential", {"verificationStatus": "differential"}, f"{SPASTIC} perhaps"),
    ("diagnosis", "refuted", {"verificationStatus": "refuted"}, ""),
    ("diagnosis", "entered in error", {"verificationStatus": "entered-in-error"}, ""),
    ("diagnosis", "verified by nobody knows whom", {"verificationStatus": "unknown"}, SPASTIC),
    ("diagnosis", "recorded in March", {"dateRecorded": "2026-03"}, f"{SPASTIC} since 2026-03-01/2026-03-31"),
    ("diagnosis", "since March", {"onsetDateTime": "2026-03-04"}, f"{SPASTIC} since 2026-03-04"),
    ("diagnosis", "over since yesterday", {"abatementDateTime": day(1)}, ""),
    ("diagnosis", "over tomorrow", {"abatementDateTime": day(-1)}, SPASTIC),
    ("diagnosis", "over, in one word", {"clinicalStatus": ..., "abatementBoolean": True}, ""),
    ("diagnosis", "not over, in one word", {"clinicalStatus": ..., "abatementBoolean": False}, SPASTIC),
    ("diagnosis", "in ICD-10-CM", {"code": concept(ICD_10_CM, "R17", "Unspecified jaundice")}, "jaundice"),
    *RESULTS,
    *ranges("meaning", as_list=False),
    ("result", "marked as high", {"interpretation": code("H")}, HIGH_120),
    ("result", "marked as very high", {"interpretation": code("HH")}, HIGH_120),
    ("result", "marked as normal", {"interpretation": code("N")}, ALT_120),
    (
        "result",
        "a member of nothing",
        {"related": [{"type": "derived-from", "target": pointer("Observation/y")}]},
        ALT_120,
    ),
    *(
        ("test", f"status {status}", {"status": status}, is_)
        for status, is_ in {
            "draft": "",
            "proposed": "",
            "planned": LIVER_TESTS,
            "requested": LIVER_TESTS,
            "received": LIVER_TESTS,
            "accepted": LIVER_TESTS,
            "in-progress": LIVER_TESTS,
            "review": LIVER_TESTS,
            "suspended": LIVER_TESTS,
            "completed": "",
            "cancelled": "",
            "rejected": "",
            "failed": "",
        }.items()
    ),
    ("test", "an item that is done", {"item": [{"code": PANEL, "status": "completed"}]}, ""),
    ("test", "two items", {"item": [{"code": ALT}, {"code": AST}]}, "waiting for ALT, AST"),
    (
        "test",
        "one of two items is done",
        {"item": [{"code": ALT, "status": "completed"}, {"code": AST}]},
        "waiting for AST",
    ),
    (
        "test",
        "ordered on a day",
        {"event": [{"status": "requested", "dateTime": day(3)}]},
        f"{LIVER_TESTS} since {day(3)}",
    ),
    (
        "test",
        "ordered and received",
        {"event": [{"status": "received", "dateTime": day(2)}, {"status": "requested", "dateTime": day(3)}]},
        f"{LIVER_TESTS} since {day(3)}",
    ),
    *(
        ("procedure", f"status {status}", {"status": status}, is_)
        for status, is_ in {
            "proposed": "",
            "requested": LIVER_TESTS,
            "accepted": LIVER_TESTS,
            "in-progress": LIVER_TESTS,
            "suspended": LIVER_TESTS,
            "completed": "",
            "rejected": "",
            "aborted": "",
        }.items()
    ),
    *(
        ("allergy", f"status {status}", {"status": status}, is_)
        for status, is_ in {
            "active": "allergy",
            "confirmed": "allergy",
            "unconfirmed": "allergy perhaps",
            "inactive": "",
            "resolved": "",
            "refuted": "",
            "entered-in-error": "",
        }.items()
    ),
    ("allergy", "nothing said of how sure", {}, "allergy"),
    ("allergy", "an intolerance", {"type": "intolerance"}, "intolerance"),
    ("allergy", "recorded on a day", {"recordedDate": day(3)}, f"allergy since {day(3)}"),
    ("allergy", "to food", {"substance": {"text": "cashew nuts"}, "category": "food"}, ""),
    ("allergy", "of another patient", {"patient": pointer("Patient/somebody-else")}, "other-patient"),
    ("procedure", "ordered on a day", {"orderedOn": day(3)}, f"{LIVER_TESTS} since {day(3)}"),
]

# STU3 -----------------------------------------------------------------------------------------------------------------


def doses(**more):
    """One dosage of an order, in the versions since STU3."""
    return {"dosageInstruction": [{"timing": {"repeat": per_day(3)}, **more}]}


OF_REQUESTS = {
    "active": "running",
    "on-hold": "paused",
    "cancelled": "",
    "completed": "ended",
    "stopped": "ended",
    "entered-in-error": "",
    "draft": "",
    "unknown": "running",
    "running": "no-status",
}
INTENTS = [
    ("order", "intended as an order", {"intent": "order"}, "running"),
    ("order", "intended as an instance of an order", {"intent": "instance-order"}, "running"),
    ("order", "intended as a plan", {"intent": "plan"}, "running"),
    ("order", "intended as a proposal", {"intent": "proposal"}, ""),
]
SINCE_STU3 = [
    ("order", "no status", {"status": ...}, "no-status"),
    *written("authoredOn"),
    *INTENTS,
    *DRAFTS,
    (
        "draft",
        "after another order",
        {"priorPrescription": pointer("MedicationRequest/7")},
        "ordered after MedicationRequest/7",
    ),
    ("draft", "of another patient", {"subject": pointer("Patient/somebody-else")}, "other-patient"),
    *of_whom("subject", ("order", "statement", "diagnosis", "test")),
    *RESULTS,
    ("diagnosis", "over since yesterday", {"abatementDateTime": day(1)}, ""),
    ("diagnosis", "over tomorrow", {"abatementDateTime": day(-1)}, SPASTIC),
    ("diagnosis", "over in a period", {"abatementPeriod": {"end": day(1)}}, ""),
    ("diagnosis", "since March", {"onsetDateTime": "2026-03-04"}, f"{SPASTIC} since 2026-03-04"),
    ("statement", "since March", {"effectivePeriod": {"start": "2026-03"}}, "running since 2026-03-01/2026-03-31"),
    ("statement", "until yesterday", {"effectivePeriod": {"end": day(1)}}, f"lapsed until {day(1)}"),
    ("statement", "on a day", {"effectiveDateTime": day(3)}, f"running since {day(3)}"),
    ("test", "ordered on a day", {"authoredOn": day(3)}, f"{LIVER_TESTS} since {day(3)}"),
]
BEFORE_R5 = [
    *named_otherwise(conceived, pointed),
    ("order", "why, as a concept", {"reasonCode": [CRISIS]}, "running for malignant-hyperthermia"),
    ("order", "why, in words", {"reasonCode": [{"text": "Spasticity"}]}, "running for spasticity"),
    (
        "order",
        "why, as a reference",
        {"reasonReference": [pointer("Condition/why")], BESIDE: [REASON]},
        "running for malignant-hyperthermia",
    ),
    ("statement", "why, as a concept", {"reasonCode": [SPASTICITY]}, "running for spasticity"),
    (
        "statement",
        "based on an order that is not in the record",
        {"basedOn": [pointer("MedicationRequest/elsewhere")]},
        "running",
    ),
]
STU3 = [
    *plain_orders(OF_REQUESTS),
    *SINCE_STU3,
    *BEFORE_R5,
    ("order", "10 mg three times a day", doses(doseQuantity=TEN), "running 30 mg"),
    ("order", "5 to 10 mg three times a day", doses(doseRange=FIVE_TO_TEN), "running 30 mg"),
    (
        "order",
        "10 mg three times a day when needed, 20 mg a day at most",
        doses(
            doseQuantity=TEN,
            asNeededBoolean=True,
            maxDosePerPeriod={"numerator": quantity(20, "mg"), "denominator": quantity(1, "d")},
        ),
        "running 20 mg",
    ),
    ("statement", "10 mg three times a day", {"dosage": [dose(doseQuantity=TEN)]}, "running 30 mg"),
    ("statement", "taken", {}, "running"),
    ("statement", "not taken", {"taken": "n"}, ""),
    ("statement", "perhaps taken", {"taken": "unk"}, "running"),
    ("statement", "taking does not apply", {"taken": "na"}, "running"),
    ("statement", "nothing said of taking", {"taken": ...}, "running"),
    ("statement", "taken in the past", {"status": "completed"}, "ended"),
    ("statement", "not taken in the past", {"status": "completed", "taken": "n"}, ""),
    ("statement", "to be taken", {"status": "intended"}, "running"),
    ("statement", "not to be taken", {"status": "intended", "taken": "n"}, ""),
    ("statement", "stopped", {"status": "stopped"}, "ended"),
    ("statement", "on hold", {"status": "on-hold"}, "paused"),
    ("statement", "on hold, taking does not apply", {"status": "on-hold", "taken": "na"}, "paused"),
    ("statement", "entered in error", {"status": "entered-in-error"}, ""),
    ("statement", "entered in error, and perhaps taken", {"status": "entered-in-error", "taken": "unk"}, ""),
    ("diagnosis", "active", {}, SPASTIC),
    ("diagnosis", "recurrent", {"clinicalStatus": "recurrence"}, SPASTIC),
    ("diagnosis", "inactive", {"clinicalStatus": "inactive"}, ""),
    ("diagnosis", "in remission", {"clinicalStatus": "remission"}, ""),
    ("diagnosis", "resolved", {"clinicalStatus": "resolved"}, ""),
    ("diagnosis", "nothing said of its course", {"clinicalStatus": ...}, SPASTIC),
    ("diagnosis", "provisional", {"verificationStatus": "provisional"}, f"{SPASTIC} perhaps"),
    ("diagnosis", "differential", {"verificationStatus": "differential"}, f"{SPASTIC} perhaps"),
    ("diagnosis", "refuted", {"verificationStatus": "refuted"}, ""),
    ("diagnosis", "entered in error", {"verificationStatus": "entered-in-error"}, ""),
    ("diagnosis", "recorded in March", {"assertedDate": "2026-03"}, f"{SPASTIC} since 2026-03-01/2026-03-31"),
    *ranges("type", as_list=False),
    ("result", "status corrected", {"status": "corrected"}, ALT_120),
    ("result", "marked as high", {"interpretation": code("H")}, HIGH_120),
    *(
        ("test", f"status {status}", {"status": status}, is_)
        for status, is_ in {
            "draft": "",
            "active": LIVER_TESTS,
            "suspended": LIVER_TESTS,
            "completed": "",
            "cancelled": "",
            "entered-in-error": "",
        }.items()
    ),
    ("test", "not to be done", {"doNotPerform": True}, ""),
    *allergies(str),
    ("allergy", "an intolerance", {"type": "intolerance"}, "intolerance"),
    ("allergy", "recorded on a day", {"assertedDate": day(3)}, f"allergy since {day(3)}"),
]

# R4 -------------------------------------------------------------------------------------------------------------------

DIAGNOSES = [
    ("diagnosis", "active", {}, SPASTIC),
    *(
        ("diagnosis", f"clinical status {status}", {"clinicalStatus": code(status)}, is_)
        for status, is_ in {
            "recurrence": SPASTIC,
            "relapse": SPASTIC,
            "inactive": "",
            "remission": "",
            "resolved": "",
        }.items()
    ),
    ("diagnosis", "nothing said of its course", {"clinicalStatus": ...}, SPASTIC),
    *(
        ("diagnosis", f"verification {status}", {"verificationStatus": code(status)}, is_)
        for status, is_ in {
            "unconfirmed": f"{SPASTIC} perhaps",
            "provisional": f"{SPASTIC} perhaps",
            "differential": f"{SPASTIC} perhaps",
            "confirmed": SPASTIC,
            "refuted": "",
            "entered-in-error": "",
        }.items()
    ),
    ("diagnosis", "recorded in March", {"recordedDate": "2026-03"}, f"{SPASTIC} since 2026-03-01/2026-03-31"),
]
SINCE_R4 = [
    *SINCE_STU3,
    *DIAGNOSES,
    *ranges("type", as_list=False),
    ("result", "status corrected", {"status": "corrected"}, ALT_120),
    ("result", "marked as high", {"interpretation": [code("N"), code("H")]}, HIGH_120),
    ("result", "at an instant", {"effectiveDateTime": ..., "effectiveInstant": f"{TODAY}T10:00:00Z"}, ALT_120),
    ("order", "not to be given", {"doNotPerform": True}, ""),
    ("order", "to be given", {"doNotPerform": False}, "running"),
    ("draft", "not to be given", {"doNotPerform": True}, "stopping"),
    ("draft", "cancelled", {"status": "cancelled"}, "stopping"),
    ("order", "10 mg three times a day", doses(**rate(TEN)), "running 30 mg"),
    ("order", "5 to 10 mg three times a day", doses(doseAndRate=[{"doseRange": FIVE_TO_TEN}]), "running 30 mg"),
    ("order", "10 mg three times a day, as the Sandbox writes it", doses(doseQuantity=TEN), "running 30 mg"),
    ("statement", "10 mg three times a day", {"dosage": [dose(**rate(TEN))]}, "running 30 mg"),
    *(
        ("test", f"status {status}", {"status": status}, is_)
        for status, is_ in {
            "draft": "",
            "active": LIVER_TESTS,
            "on-hold": LIVER_TESTS,
            "completed": "",
            "revoked": "",
            "entered-in-error": "",
        }.items()
    ),
    ("test", "not to be done", {"doNotPerform": True}, ""),
    *allergies(code),
    ("allergy", "recorded on a day", {"recordedDate": day(3)}, f"allergy since {day(3)}"),
]
R4 = [
    *plain_orders(OF_REQUESTS),
    *SINCE_R4,
    *BEFORE_R5,
    *(
        ("statement", f"status {status}", {"status": status}, is_)
        for status, is_ in {
            "active": "running",
            "completed": "ended",
            "entered-in-error": "",
            "intended": "running",
            "stopped": "ended",
            "on-hold": "paused",
            "unknown": "running",
            "not-taken": "",
        }.items()
    ),
    (
        "order",
        "10 mg six times a day when needed, 40 mg a day at most",
        {"dosageInstruction": [dose(6, **rate(TEN), asNeededBoolean=True, maxDosePerPeriod=FORTY_A_DAY)]},
        "running 40 mg",
    ),
    ("test", "a code", {"code": ALT}, "waiting for ALT"),
    ("allergy", "an intolerance", {"type": "intolerance"}, "intolerance"),
]

# R5 -------------------------------------------------------------------------------------------------------------------

IN_A_WEEK = {"numerator": quantity(700, "mg"), "denominator": quantity(1, "wk")}
R5 = [
    *plain_orders({**OF_REQUESTS, "ended": "ended"}),
    *SINCE_R4,
    *named_otherwise(lambda said: {"medication": {"concept": said}}, lambda said: {"medication": {"reference": said}}),
    ("draft", "ended", {"status": "ended"}, "stopping"),
    ("order", "why, as a concept", {"reason": [{"concept": CRISIS}]}, "running for malignant-hyperthermia"),
    ("order", "why, in words", {"reason": [{"concept": {"text": "Spasticity"}}]}, "running for spasticity"),
    (
        "order",
        "why, as a reference",
        {"reason": [{"reference": pointer("Condition/why")}], BESIDE: [REASON]},
        "running for malignant-hyperthermia",
    ),
    (
        "order",
        "two reasons, one of each",
        {"reason": [{"concept": SPASTICITY}, {"reference": pointer("Condition/why")}], BESIDE: [REASON]},
        "running for malignant-hyperthermia, spasticity",
    ),
    ("statement", "why, as a concept", {"reason": [{"concept": SPASTICITY}]}, "running for spasticity"),
    (
        "order",
        "10 mg six times a day when needed, 40 mg a day at most",
        {"dosageInstruction": [dose(6, **rate(TEN), asNeeded=True, maxDosePerPeriod=[FORTY_A_DAY])]},
        "running 40 mg",
    ),
    (
        "order",
        "10 mg six times a day when needed, 700 mg a week and 40 mg a day at most",
        {"dosageInstruction": [dose(6, **rate(TEN), asNeeded=True, maxDosePerPeriod=[IN_A_WEEK, FORTY_A_DAY])]},
        "running 40 mg",
    ),
    (
        "order",
        "10 mg three times a day when needed for spasms",
        doses(**rate(TEN), asNeededFor=[{"text": "spasms"}]),
        "running 30 mg",
    ),
    (
        "order",
        "its doses in words only",
        {"renderedDosageInstruction": "10 mg by mouth three times a day"},
        "running 30 mg",
    ),
    (
        "order",
        "doses in words beside doses",
        {**doses(**rate(TEN)), "renderedDosageInstruction": "10 mg three times a day"},
        "running 30 mg",
    ),
    (
        "order",
        "its doses from a day to a day",
        {"effectiveDosePeriod": {"start": day(9), "end": day(-9)}},
        f"running since {day(9)} until {day(-9)}",
    ),
    ("order", "its doses up to yesterday", {"effectiveDosePeriod": {"end": day(1)}}, f"lapsed until {day(1)}"),
    ("statement", "recorded", {}, "running"),
    ("statement", "a draft", {"status": "draft"}, ""),
    ("statement", "entered in error", {"status": "entered-in-error"}, ""),
    (
        "statement",
        "entered in error, though it says taking",
        {"status": "entered-in-error", "adherence": {"code": code("taking")}},
        "",
    ),
    *(
        ("statement", f"adherence {said}", {"adherence": {"code": code(said)}}, is_)
        for said, is_ in {
            "taking": "running",
            "taking-as-directed": "running",
            "taking-not-as-directed": "running",
            "not-taking": "",
            "on-hold": "paused",
            "on-hold-as-directed": "paused",
            "on-hold-not-as-directed": "paused",
            "stopped": "ended",
            "stopped-as-directed": "ended",
            "stopped-not-as-directed": "ended",
            "unknown": "running",
            "sometimes": "running",
        }.items()
    ),
    ("statement", "adherence in words", {"adherence": {"code": {"text": "takes it"}}}, "running"),
    (
        "statement",
        "for as long as its timing says",
        {"effectiveTiming": {"repeat": {"boundsPeriod": {"start": day(9), "end": day(1)}}}},
        f"lapsed since {day(9)} until {day(1)}",
    ),
    ("diagnosis", "clinical status unknown", {"clinicalStatus": code("unknown")}, SPASTIC),
    ("test", "a concept", {"code": {"concept": ALT}}, "waiting for ALT"),
    ("allergy", "an intolerance", {"type": code("intolerance")}, "intolerance"),
    ("test", "a definition that is elsewhere", {"code": {"reference": pointer("ActivityDefinition/1")}}, ""),
]

ROWS = [
    pytest.param(bases, kind, members, expected, id=f"{version}-{kind}: {sentence}")
    for version, bases, rows in (
        ("DSTU2", OF_DSTU2, DSTU2),
        ("STU3", OF_STU3, STU3),
        ("R4", OF_R4, R4),
        ("R5", OF_R5, R5),
    )
    for kind, sentence, members, expected in rows
]


@pytest.mark.parametrize(("bases", "kind", "members", "expected"), ROWS)
def test_every_element_of_every_version_means_what_its_specification_says(bases, kind, members, expected):
    assert read(bases, kind, members) == expected


MIXED = {
    "a DSTU2 order with R4's intent, as the Sandbox sends it": (
        OF_DSTU2,
        {"intent": "order", "authoredOn": day(3)},
        f"running since {day(3)}",
    ),
    "an R4 order with R5's medicine": (
        OF_R4,
        {"medicationCodeableConcept": ..., "medication": {"concept": BACLOFEN_TABLET}},
        "running",
    ),
    "an R5 order with R4's medicine": (
        OF_R5,
        {"medication": ..., "medicationCodeableConcept": BACLOFEN_TABLET},
        "running",
    ),
    "an R4 order with DSTU2's reason": (OF_R4, {"reasonCodeableConcept": SPASTICITY}, "running for spasticity"),
    "an R4 order with STU3's dose": (OF_R4, doses(doseQuantity=TEN), "running 30 mg"),
    "an STU3 order with DSTU2's day": (OF_STU3, {"dateWritten": day(3)}, f"running since {day(3)}"),
    "an STU3 order with both days counts from R4's": (
        OF_STU3,
        {"dateWritten": day(9), "authoredOn": day(3)},
        f"running since {day(3)}",
    ),
    "an R4 order with DSTU2's units of time": (
        OF_R4,
        {"dosageInstruction": [dose(3, "periodUnits", **rate(TEN))]},
        "running 30 mg",
    ),
}


@pytest.mark.parametrize(("bases", "members", "expected"), MIXED.values(), ids=MIXED)
def test_mixed_versions_are_read_element_by_element(bases, members, expected):
    assert read(bases, "order", members) == expected


@pytest.mark.parametrize(
    "whose",
    [
        {"subject": {"display": "the patient"}, "patient": pointer("Patient/somebody-else")},
        {"subject": pointer(THIS), "patient": pointer("Patient/somebody-else")},
        {"subject": [pointer("Patient/somebody-else")]},
        {"subject": "Patient/somebody-else"},
    ],
    ids=["under the other name", "under both names", "in a list", "as text"],
)
@pytest.mark.parametrize("bases", [OF_DSTU2, OF_R4], ids=["DSTU2", "R4"])
def test_another_patient_is_never_used_wherever_that_is_said(bases, whose):
    assert read(bases, "order", whose) == "other-patient"


@pytest.mark.parametrize("status", ["completed", "stopped"])
@pytest.mark.parametrize("bases", [OF_STU3, OF_R4], ids=["STU3", "R4"])
def test_what_is_said_to_be_taken_counts_though_its_order_is_over(bases, status):
    order = {name: value for name, value in bases["order"].items() if value is not ...}
    said = {name: value for name, value in bases["statement"].items() if value is not ...}
    sent = {
        "medications": bundle({**order, "id": "o", "status": status}),
        "statements": bundle({**said, "basedOn": [pointer("MedicationRequest/o")]}),
    }
    found = known(call(prefetch={**COMPLETE, **sent})).medications
    assert "running" in {str(one.state) for one in found.items}


def test_what_is_on_hold_is_paused_though_it_is_not_taken_now():
    assert read(OF_STU3, "statement", {"status": "on-hold", "taken": "n"}) == "paused"


@pytest.mark.parametrize("wrong", [None, True, 7, "x", [], {}, [7], [[]], {"concept": 7}, {"reference": 7}])
@pytest.mark.parametrize(
    ("bases", "kind", "element"),
    [
        (OF_DSTU2, "order", "dateEnded"),
        (OF_DSTU2, "order", "dateWritten"),
        (OF_DSTU2, "order", "patient"),
        (OF_DSTU2, "order", "reasonCodeableConcept"),
        (OF_DSTU2, "order", "reasonReference"),
        (OF_DSTU2, "statement", "wasNotTaken"),
        (OF_DSTU2, "statement", "reasonForUseCodeableConcept"),
        (OF_DSTU2, "statement", "supportingInformation"),
        (OF_DSTU2, "diagnosis", "dateRecorded"),
        (OF_DSTU2, "diagnosis", "clinicalStatus"),
        (OF_DSTU2, "result", "interpretation"),
        (OF_DSTU2, "result", "related"),
        (OF_DSTU2, "test", "item"),
        (OF_DSTU2, "test", "event"),
        (OF_DSTU2, "procedure", "orderedOn"),
        (OF_STU3, "statement", "taken"),
        (OF_STU3, "diagnosis", "assertedDate"),
        (OF_STU3, "test", "code"),
        (OF_R5, "order", "medication"),
        (OF_R5, "order", "reason"),
        (OF_R5, "order", "renderedDosageInstruction"),
        (OF_R5, "order", "effectiveDosePeriod"),
        (OF_R5, "statement", "adherence"),
        (OF_R5, "statement", "effectiveTiming"),
        (OF_R5, "test", "code"),
    ],
)
def test_whatever_stands_in_the_place_of_an_element_nothing_breaks(bases, kind, element, wrong):
    assert isinstance(read(bases, kind, {element: wrong}), str)


def test_each_version_has_forty_rows_at_least():
    assert {name: len(rows) >= 40 for name, rows in (("DSTU2", DSTU2), ("STU3", STU3), ("R4", R4), ("R5", R5))} == {
        "DSTU2": True,
        "STU3": True,
        "R4": True,
        "R5": True,
    }
