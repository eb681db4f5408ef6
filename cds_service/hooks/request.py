"""A hook call, read from its JSON once the schema has accepted it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
Resource: TypeAlias = Mapping[str, Json]


class Shape(StrEnum):
    """A way to write a call that today's specification does not know. A closed list: it is logged."""

    CONTEXT_AS_ORDERS = "context-as-orders"
    USER_AT_TOP = "user-at-top"
    PATIENT_AT_TOP = "patient-at-top"
    ENCOUNTER_AT_TOP = "encounter-at-top"
    NO_USER = "no-user"
    PREFETCH_IN_CONTEXT = "prefetch-in-context"
    PREFETCH_AS_ENTRIES = "prefetch-as-entries"
    ORDERS_UNDER_ANOTHER_NAME = "orders-under-another-name"
    ORDERS_AS_ARRAY = "orders-as-array"


@dataclass(frozen=True, slots=True, repr=False)
class HookRequest:
    """One call of one service.

    Attributes:
        hook: the hook's name, e.g. "order-sign".
        hook_instance: the client's UUID for this moment in the clinician's work.
        patient_id: the logical id alone, without "Patient/".
        user_id: e.g. "Practitioner/123"; None when the client names no user.
        encounter_id: the logical id alone.
        fhir_server: the base address the client names; hostile until proven otherwise (`fhir.fetch`).
        access_token: for that server and this call alone: never stored, never logged; None when the client sent none.
        drafts: the resources of the draft orders, as sent, in their order.
        selections: of order-select: the references the clinician just chose; None when every draft is asked about.
        prefetch: as sent. A key that is absent was not supplied; a key with None means the client knows of none;
            None instead of a mapping when the client sent no prefetch at all.
        shapes: the older shapes in which the call came, see `hooks.lenient`.
        coordinates: whether the client wants no card at order-sign that it was shown at order-select, as it says in the
            extension of HL7's PDDI-CDS guide; None when it says nothing.
    """

    hook: str
    hook_instance: str
    patient_id: str
    user_id: str | None
    encounter_id: str | None
    fhir_server: str | None
    drafts: tuple[Resource, ...]
    selections: frozenset[str] | None
    prefetch: Mapping[str, Json] | None
    access_token: str | None = None
    shapes: tuple[Shape, ...] = ()
    coordinates: bool | None = None

    def __repr__(self) -> str:
        """The hook, never the patient."""
        return f"<HookRequest {self.hook}>"
