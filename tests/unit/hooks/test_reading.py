"""Reading a call: what is accepted, what is refused, and how the mistakes are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.hooks.checking import MOST_LISTED, Mistake
from cds_service.hooks.reading import ORDERS_IN, UnreadableRequest, read_request

HOOKS = tuple(ORDERS_IN)
HOOKS_WITH_ORDERS = tuple(hook for hook, orders in ORDERS_IN.items() if orders)


def mistakes_of(body, hook="order-sign"):
    with pytest.raises(UnreadableRequest) as refused:
        read_request(body, hook=hook)
    return {mistake.path: mistake.says for mistake in refused.value.mistakes}


@pytest.mark.parametrize("hook", HOOKS)
def test_the_smallest_call_of_each_hook_is_read(a_call, hook):
    request = read_request(a_call(hook), hook=hook)
    assert request.hook == hook
    assert request.hook_instance == "d57cd1c7-2fff-4729-a4d4-82cf75d788b6"
    assert request.patient_id == "p1"
    assert request.user_id == "Practitioner/1"
    assert request.encounter_id == ("e1" if hook == "encounter-discharge" else None)
    assert request.fhir_server is None
    assert request.prefetch is None
    assert request.shapes == ()


@pytest.mark.parametrize("hook", HOOKS_WITH_ORDERS)
def test_drafts_of_every_kind_keep_their_order(a_call, hook):
    drafts = [{"resourceType": "ServiceRequest", "id": "2"}, {}, {"resourceType": "MedicationRequest", "id": "1"}]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": draft} for draft in drafts]}
    request = read_request(a_call(hook, {ORDERS_IN[hook]: bundle}), hook=hook)
    assert list(request.drafts) == drafts


@pytest.mark.parametrize("bundle", [{"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": []}])
def test_a_bundle_without_entries_has_no_drafts(a_call, bundle):
    assert read_request(a_call("order-sign", {"draftOrders": bundle}), hook="order-sign").drafts == ()


ORDER = {"resourceType": "MedicationRequest", "id": "1", "status": "active"}
OLD_ORDER = ORDER | {"resourceType": "MedicationOrder"}


@pytest.mark.parametrize(
    "context",
    [
        {"medication": ORDER},
        {"order": {"resource": ORDER}},
        {"medication": {"resource": ORDER}},
        {"order": ORDER},
        {"medication": {}, "order": {"resource": ORDER}},
        {"medication": None, "order": ORDER},
        {"medication": ORDER, "order": {"resource": OLD_ORDER}},
    ],
    ids=["as defined", "as in its example", "wrapped", "bare", "empty beside", "null beside", "both"],
)
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_the_order_to_verify_is_read_wherever_the_definition_and_its_examples_put_it(a_call, context, strict):
    call = a_call("medication-verify")
    del call["context"]["medication"]
    call["context"] |= context
    request = read_request(call, hook="medication-verify", strict=strict)
    assert request.drafts == (ORDER,)
    assert request.shapes == ()


@pytest.mark.parametrize(
    ("context", "mistake"),
    [
        ({"medication": {}}, {"context.medication.resourceType": "is required"}),
        ({"medication": {"id": "1"}}, {"context.medication.resourceType": "is required"}),
        ({"medication": {"resourceType": 7}}, {"context.medication.resourceType": "must be a string"}),
        ({"medication": [ORDER]}, {"context.medication": "must be an object"}),
        ({"order": [ORDER]}, {"context.medication": "is required"}),
        ({"order": {"resource": {}}}, {"context.medication": "is required"}),
        ({"order": "MedicationRequest/1"}, {"context.medication": "is required"}),
    ],
)
def test_without_an_order_there_is_nothing_to_verify(a_call, context, mistake):
    call = a_call("medication-verify")
    del call["context"]["medication"]
    call["context"] |= context
    assert mistakes_of(call, "medication-verify") == mistake


def test_a_refill_may_come_without_a_user(a_call):
    call = a_call("medication-refill")
    del call["context"]["userId"]
    request = read_request(call, hook="medication-refill")
    assert request.user_id is None


@pytest.mark.parametrize("encounter", ["", "Encounter/", "Encounter/1/_history/2", None, 7])
def test_a_discharge_is_from_an_encounter(a_call, encounter):
    call = a_call("encounter-discharge", {"encounterId": encounter})
    assert set(mistakes_of(call, "encounter-discharge")) == {"context.encounterId"}


def test_only_order_select_has_selections(a_call):
    selected = read_request(a_call("order-select"), hook="order-select")
    assert selected.selections == frozenset({"MedicationRequest/request-123"})
    assert read_request(a_call("order-sign", {"selections": ["x"]}), hook="order-sign").selections is None


def test_references_are_read_as_ids(a_call):
    call = a_call("order-sign", {"patientId": "Patient/p1", "encounterId": "Encounter/e1"})
    request = read_request(call, hook="order-sign")
    assert (request.patient_id, request.encounter_id) == ("p1", "e1")


@pytest.mark.parametrize("encounter", [None, "", "Encounter/"])
def test_an_encounter_without_an_id_is_no_encounter(a_call, encounter):
    assert read_request(a_call("order-sign", {"encounterId": encounter}), hook="order-sign").encounter_id is None


def test_optional_members_may_be_null(a_call):
    request = read_request(
        a_call("order-sign", fhirServer=None, fhirAuthorization=None, prefetch=None),
        hook="order-sign",
    )
    assert request.fhir_server is None
    assert request.prefetch is None


OPAQUE = "some-opaque-token"
BEARER = {"access_token": OPAQUE, "token_type": "Bearer"}


@pytest.mark.parametrize("said", ["Bearer", "bearer", "BEARER", None, ""])
def test_a_bearer_token_is_used_and_one_whose_type_is_not_said_is_taken_for_one(a_call, said):
    call = a_call("order-sign", fhirAuthorization=BEARER | {"token_type": said})
    assert read_request(call, hook="order-sign").access_token == OPAQUE


def test_a_token_without_the_member_for_its_type_is_taken_for_a_bearer_token(a_call):
    call = a_call("order-sign", fhirAuthorization={"access_token": OPAQUE})
    assert read_request(call, hook="order-sign").access_token == OPAQUE


@pytest.mark.parametrize(
    "said", ["MAC", "Bearer ", "null", ["Bearer"], [], {}, {"Bearer": 1}, 0, 7, 1.5, False, True, [[]] * 2]
)
def test_a_token_of_another_type_is_not_used(a_call, said):
    call = a_call("order-sign", fhirAuthorization=BEARER | {"token_type": said})
    assert read_request(call, hook="order-sign").access_token is None


def test_a_token_type_that_is_nested_without_end_is_no_reason_to_fail(a_call):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    call = a_call("order-sign", fhirAuthorization=BEARER | {"token_type": deep})
    assert read_request(call, hook="order-sign").access_token is None


@pytest.mark.parametrize("said", [None, "", 7, [OPAQUE], {}, True])
def test_what_is_no_text_is_no_token(a_call, said):
    call = a_call("order-sign", fhirAuthorization=BEARER | {"access_token": said})
    assert read_request(call, hook="order-sign").access_token is None


@pytest.mark.parametrize("authorization", [None, {}])
def test_without_an_authorization_there_is_no_token(a_call, authorization):
    call = a_call("order-sign", fhirAuthorization=authorization)
    assert read_request(call, hook="order-sign").access_token is None


def test_null_absent_and_empty_prefetch_stay_three_things(a_call):
    prefetch = {"conditions": None, "results": {"resourceType": "Bundle"}}
    assert read_request(a_call("order-sign", prefetch=prefetch), hook="order-sign").prefetch == prefetch
    assert read_request(a_call("order-sign", prefetch={}), hook="order-sign").prefetch == {}
    assert read_request(a_call("order-sign"), hook="order-sign").prefetch is None


def test_unknown_members_and_extensions_are_accepted_everywhere(a_call):
    extra = {"extension": {"org.example": [1]}, "whatever": None}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {}, **extra}], **extra}
    call = a_call("order-sign", {"draftOrders": bundle, **extra}, **extra)
    assert read_request(call, hook="order-sign").drafts == ({},)


def test_a_hook_instance_need_not_be_a_uuid(a_call):
    assert read_request(a_call("order-sign", hookInstance="42"), hook="order-sign").hook_instance == "42"


def test_every_mistake_is_listed_by_its_path():
    body = {
        "hook": "order-select",
        "hookInstance": "",
        "fhirServer": 7,
        "fhirAuthorization": "token",
        "prefetch": {"medications": [], "results": "none", "not a name!": 1},
        "context": {
            "patientId": "https://fhir.example/Patient/1",
            "encounterId": 3,
            "draftOrders": {"resourceType": "List", "entry": [{"resource": []}, "x", {}]},
        },
    }
    assert mistakes_of(body) == {
        "hook": "must be `order-sign` for this service",
        "hookInstance": "must not be empty",
        "fhirServer": "must be a string or null",
        "fhirAuthorization": "must be an object or null",
        "prefetch.medications": "must be an object or null",
        "prefetch.results": "must be an object or null",
        "prefetch.?": "must be an object or null",
        "context.userId": "is required",
        "context.patientId": "must be an id on its own, like `123`",
        "context.encounterId": "must be a string or null",
        "context.draftOrders.resourceType": "must be `Bundle` for this service",
        "context.draftOrders.entry[0].resource": "must be an object",
        "context.draftOrders.entry[1]": "must be an object",
        "context.draftOrders.entry[2].resource": "is required",
    }


@pytest.mark.parametrize("body", [[], "text", 7, None, True])
def test_a_body_that_is_no_object_is_refused_as_a_whole(body):
    assert mistakes_of(body) == {"": "must be an object"}


@pytest.mark.parametrize("hook", HOOKS)
def test_an_empty_object_lacks_what_all_hooks_need(hook):
    assert mistakes_of({}, hook) == dict.fromkeys(("hook", "hookInstance", "context"), "is required")


@pytest.mark.parametrize(
    ("hook", "lacking"),
    [
        ("encounter-discharge", ["userId", "patientId", "encounterId"]),
        ("medication-prescribe", ["userId", "patientId", "medications"]),
        ("medication-refill", ["patientId", "medications"]),
        ("medication-verify", ["userId", "patientId", "medication"]),
        ("order-select", ["userId", "patientId", "selections", "draftOrders"]),
        ("order-sign", ["userId", "patientId", "draftOrders"]),
        ("patient-view", ["userId", "patientId"]),
    ],
)
def test_each_hook_needs_the_context_of_its_definition(hook, lacking):
    body = {"hook": hook, "hookInstance": "1", "context": {}}
    assert mistakes_of(body, hook) == {f"context.{name}": "is required" for name in lacking}


@pytest.mark.parametrize("patient", ["", "Patient/", "Group/1", "Patient/1/_history/2", 1, None])
def test_a_patient_who_is_not_named_for_sure_is_refused(a_call, patient):
    assert set(mistakes_of(a_call("order-sign", {"patientId": patient}))) == {"context.patientId"}


def test_selections_are_references(a_call):
    mistakes = mistakes_of(a_call("order-select", {"selections": ["ok", 7]}), "order-select")
    assert mistakes == {"context.selections[1]": "must be a string"}


def test_a_hook_instance_has_its_limit(a_call):
    assert mistakes_of(a_call("order-sign", hookInstance="x" * 201)) == {
        "hookInstance": "must have at most 200 characters",
    }


def test_a_thousand_drafts_are_read_and_one_more_is_refused_without_a_look_at_them(a_call):
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {}}] * 1000}
    assert len(read_request(a_call("order-sign", {"draftOrders": bundle}), hook="order-sign").drafts) == 1000
    bundle["entry"] = [7] * 1001
    assert mistakes_of(a_call("order-sign", {"draftOrders": bundle})) == {
        "context.draftOrders.entry": "must have at most 1000 entries",
    }


def test_a_hundred_prefetch_keys_are_read_and_one_more_is_refused(a_call):
    assert read_request(a_call("order-sign", prefetch={f"k{i}": None for i in range(100)}), hook="order-sign").prefetch
    assert mistakes_of(a_call("order-sign", prefetch={f"k{i}": None for i in range(101)})) == {
        "prefetch": "must have at most 100 members",
    }


def test_no_more_mistakes_are_listed_than_a_reader_wants(a_call):
    bundle = {"resourceType": "Bundle", "entry": [7] * 900}
    assert len(mistakes_of(a_call("order-sign", {"draftOrders": bundle}))) == MOST_LISTED


def nested(levels):
    deep = {}
    for _ in range(levels):
        deep = {"extension": deep}
    return deep


def test_what_no_rule_reads_may_be_nested_deeply(a_call):
    assert read_request(a_call("order-sign", extension=nested(1000)), hook="order-sign")


def test_a_mistake_that_is_nested_deeply_is_told_all_the_same(a_call):
    assert mistakes_of(a_call("order-sign", {"draftOrders": [nested(1000)]})) == {"": "is nested too deeply"}


def test_a_refusal_prints_as_a_number():
    refused = UnreadableRequest((Mistake("hook", "is required"),))
    assert str(refused) == "1 mistakes"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text().map(lambda text: f"canary-{text}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["entry", "resource", "a b"]), inner),
    max_leaves=8,
)
calls = st.fixed_dictionaries(
    {},
    optional={
        "hook": json_values,
        "hookInstance": json_values,
        "fhirServer": json_values,
        "fhirAuthorization": json_values,
        "prefetch": json_values | st.dictionaries(st.text(), json_values),
        "context": json_values
        | st.fixed_dictionaries(
            {},
            optional={
                "userId": json_values,
                "patientId": json_values,
                "encounterId": json_values,
                "selections": json_values,
                "medication": json_values | st.fixed_dictionaries({"resource": json_values}),
                "order": json_values | st.fixed_dictionaries({"resource": json_values}),
                "draftOrders": json_values
                | st.fixed_dictionaries({"resourceType": json_values}, optional={"entry": json_values}),
            },
        ),
    },
)


@given(body=calls, hook=st.sampled_from(HOOKS), strict=st.booleans())
def test_a_refusal_never_repeats_what_was_sent(body, hook, strict):
    with pytest.raises(UnreadableRequest) as refused:
        read_request(body, hook=hook, strict=strict)
    mistakes = refused.value.mistakes
    assert mistakes  # both validators judge alike: what one refused, the other has a reason for
    assert "canary" not in str(mistakes)


def test_a_request_prints_without_its_patient(a_call):
    assert repr(read_request(a_call("order-sign"), hook="order-sign")) == "<HookRequest order-sign>"


PDDI = "pddi-configuration-items"
FILTER = "filter-out-repeated-alerts"
CACHE = "cache-for-order-sign-filtering"


@pytest.mark.parametrize(
    ("hook", "extension", "coordinates"),
    [
        ("order-sign", {PDDI: {FILTER: True}}, True),
        ("order-sign", {PDDI: {FILTER: False}}, False),
        ("order-sign", {PDDI: {CACHE: True}}, None),
        ("order-select", {PDDI: {CACHE: True}}, True),
        ("order-select", {PDDI: {FILTER: True}}, None),
        ("patient-view", {PDDI: {FILTER: True}}, None),
        ("order-sign", {PDDI: {FILTER: "true"}}, None),
        ("order-sign", {PDDI: [FILTER]}, None),
        ("order-sign", [PDDI], None),
        ("order-sign", None, None),
    ],
)
def test_a_call_says_in_the_words_of_pddi_cds_whether_it_wants_repeats(a_call, hook, extension, coordinates):
    assert read_request(a_call(hook) | {"extension": extension}, hook=hook).coordinates is coordinates
