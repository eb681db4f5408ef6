"""From the JSON of a call to a `HookRequest`, or to the list of what is wrong with it."""

from typing import Any, Final

from cds_service.hooks.checking import Mistake, Schema
from cds_service.hooks.request import HookRequest, Json

ORDERS_IN: Final = {
    "medication-prescribe": "medications",
    "order-select": "draftOrders",
    "order-sign": "draftOrders",
    "patient-view": None,
}
"""The hooks we can read, and the member of their context that holds the draft orders."""

_SCHEMAS: Final = {hook: Schema(hook) for hook in ORDERS_IN}


class UnreadableRequest(Exception):
    """A call that breaks the schema of its hook.

    Attributes:
        mistakes: what is wrong, by path; never what was sent.
    """

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        """Keep the mistakes; the exception prints as their number."""
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = mistakes


def read_request(body: Json, *, hook: str) -> HookRequest:
    """The call of a service for `hook`, read from its JSON.

    Args:
        body: the parsed body, as the client sent it.
        hook: the hook of the service that was called, one of `ORDERS_IN`.

    Returns:
        The call. Ids come without "Patient/" and "Encounter/"; drafts of every resource type, in their order;
        optional members that are null or an empty string count as absent, and so does a `prefetch` that is null
        (a null *inside* prefetch stays: the client says there is none).

    Raises:
        UnreadableRequest: with every mistake. `hookInstance` need not be a UUID, as the specification wants it, but
            text of 1 to 200 characters: a client's careless id is no reason to keep silent about its patient.
    """
    schema = _SCHEMAS[hook]
    if not schema.accepts(body):
        raise UnreadableRequest(schema.mistakes(body))
    call: Any = body  # what is read below, the schema has proved
    context = call["context"]
    orders_in = ORDERS_IN[hook]
    orders = context[orders_in].get("entry", ()) if orders_in else ()
    return HookRequest(
        hook=hook,
        hook_instance=call["hookInstance"],
        patient_id=context["patientId"].removeprefix("Patient/"),
        user_id=context["userId"],
        encounter_id=(context.get("encounterId") or "").removeprefix("Encounter/") or None,
        fhir_server=call.get("fhirServer") or None,
        drafts=tuple(entry["resource"] for entry in orders),
        selections=frozenset(context["selections"]) if hook == "order-select" else None,
        prefetch=call.get("prefetch"),
        access_token=_access_token(call.get("fhirAuthorization")),
    )


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
