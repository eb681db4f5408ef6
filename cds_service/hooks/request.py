"""A hook call, read from its JSON once the schema has accepted it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
Resource: TypeAlias = Mapping[str, Json]


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

    def __repr__(self) -> str:
        """The hook, never the patient."""
        return f"<HookRequest {self.hook}>"
