"""From the JSON of a call to a `HookRequest`, or to the list of what is wrong with it."""

from typing import Any, Final

from cds_service.hooks.checking import Mistake, Schema
from cds_service.hooks.lenient import in_todays_shape
from cds_service.hooks.request import HookRequest, Json, Resource, Shape

DISCHARGE: Final = "encounter-discharge"
REFILL: Final = "medication-refill"
VERIFY: Final = "medication-verify"
ORDERS_IN: Final = {
    DISCHARGE: None,
    "medication-prescribe": "medications",
    REFILL: "medications",
    VERIFY: None,
    "order-select": "draftOrders",
    "order-sign": "draftOrders",
    "patient-view": None,
}
"""The hooks we can read, and the member of their context that holds the Bundle of draft orders."""

_STRICT: Final = {hook: Schema(hook) for hook in ORDERS_IN}
_LENIENT: Final = {hook: Schema(hook, may_lack="userId") for hook in ORDERS_IN}


class UnreadableRequest(Exception):
    """A call that breaks the schema of its hook.

    Attributes:
        mistakes: what is wrong, by path; never what was sent.
    """

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        """Keep the mistakes; the exception prints as their number."""
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = mistakes


def read_request(body: Json, *, hook: str, strict: bool = True) -> HookRequest:
    """The call of a service for `hook`, read from its JSON.

    Args:
        body: the parsed body, as the client sent it.
        hook: the hook of the service that was called, one of `ORDERS_IN`.
        strict: whether the shapes of `hooks.lenient`, which only older clients send, are refused.

    Returns:
        The call. Ids come without "Patient/" and "Encounter/"; drafts of every resource type, in their order;
        optional members that are null or an empty string count as absent, and so does a `prefetch` that is null
        (a null *inside* prefetch stays: the client says there is none).

    Raises:
        UnreadableRequest: with every mistake. `hookInstance` need not be a UUID, as the specification wants it, but
            text of 1 to 200 characters: a client's careless id is no reason to keep silent about its patient.
    """
    orders_in = ORDERS_IN[hook]
    shapes: tuple[Shape, ...] = ()
    if not strict:
        body, shapes = in_todays_shape(body, orders_in, user_may_be_missing=hook == REFILL)
    if hook == VERIFY:
        body = _with_one_order(body)
    schema = (_STRICT if strict else _LENIENT)[hook]
    if not schema.accepts(body):
        raise UnreadableRequest(schema.mistakes(body))
    call: Any = body  # what is read below, the schema has proved
    context = call["context"]
    return HookRequest(
        hook=hook,
        hook_instance=call["hookInstance"],
        patient_id=context["patientId"].removeprefix("Patient/"),
        user_id=context.get("userId") or None,
        encounter_id=(context.get("encounterId") or "").removeprefix("Encounter/") or None,
        fhir_server=call.get("fhirServer") or None,
        drafts=_drafts(context, hook),
        selections=frozenset(context["selections"]) if hook == "order-select" else None,
        prefetch=call.get("prefetch"),
        access_token=_access_token(call.get("fhirAuthorization")),
        shapes=shapes,
        coordinates=_coordinates(call.get("extension"), hook),
    )


# HL7 PDDI-CDS (ballot of 2020), CDS service specification, "Extension": one option for each of the two hooks.
_CONFIGURATION: Final = "pddi-configuration-items"
_COORDINATION: Final = {"order-select": "cache-for-order-sign-filtering", "order-sign": "filter-out-repeated-alerts"}


def _coordinates(extension: Any, hook: str) -> bool | None:  # noqa: ANN401 - extensions are not in the schema
    option = _COORDINATION.get(hook)
    if option is None or not isinstance(extension, dict):
        return None
    configuration = extension.get(_CONFIGURATION)
    wanted = configuration.get(option) if isinstance(configuration, dict) else None
    return wanted if isinstance(wanted, bool) else None


def _drafts(context: Any, hook: str) -> tuple[Resource, ...]:  # noqa: ANN401 - the schema has proved it
    if hook == VERIFY:
        return (context["medication"],)
    orders_in = ORDERS_IN[hook]
    return tuple(entry["resource"] for entry in context[orders_in].get("entry", ())) if orders_in else ()


def _with_one_order(body: Json) -> Json:
    """The order to be verified as `context.medication`.

    The definition of the hook names it so, and the examples on the same page send `order: {resource: ...}`
    (HL7/cds-hooks-library, medication-verify 0.1.0): neither is an older shape, both are read.
    """
    context = body.get("context") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(context, dict):
        return body
    order = _unwrapped(context.get("medication")) or _unwrapped(context.get("order"))
    return {**body, "context": {**context, "medication": order}} if order else body


def _unwrapped(value: Json) -> Json:
    if not isinstance(value, dict):
        return None
    inside = value.get("resource")
    return inside if isinstance(inside, dict) and "resourceType" not in value else value


def _access_token(authorization: Any) -> str | None:  # noqa: ANN401 - the schema promises no more than an object or null
    """The bearer token for the client's FHIR server; one of another type, or no text, is none.

    The type may be left out: CDS Hooks knows no other than "Bearer".
    """
    if not authorization:
        return None
    kind = authorization.get("token_type")
    if kind is not None and not (isinstance(kind, str) and kind.lower() in {"", "bearer"}):
        return None
    token = authorization.get("access_token")
    return token if isinstance(token, str) and token else None
