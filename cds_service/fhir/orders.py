"""Orders ready to sign, complete and valid in the client's own FHIR version: R4 here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from cds_service.clinical.codes import LOINC, RXNORM, UCUM, Ref
from cds_service.clinical.interests import Panel
from cds_service.drugs.products import Product
from cds_service.fhir.tapers import TaperStep, split

Order = dict[str, Any]
REQUESTERS: Final = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"})
LAB_CATEGORY: Final = {
    "coding": [{"system": "http://snomed.info/sct", "code": "108252007", "display": "Laboratory procedure"}]
}


@dataclass(frozen=True, slots=True)
class OrderContext:
    """For whom, when and by whom an order is made.

    Attributes:
        at: an aware moment; it becomes `authoredOn`.
        user_id: e.g. "Practitioner/1"; None, or a user who cannot order, leaves `requester` out.
    """

    patient_id: str
    encounter_id: str | None
    user_id: str | None
    at: datetime

    def members(self) -> Order:
        """The members that every order has."""
        order: Order = {"status": "draft", "intent": "order", "subject": {"reference": f"Patient/{self.patient_id}"}}
        if self.encounter_id:
            order["encounter"] = {"reference": f"Encounter/{self.encounter_id}"}
        order["authoredOn"] = self.at.isoformat(timespec="seconds")
        if self.user_id and self.user_id.partition("/")[0] in REQUESTERS:
            order["requester"] = {"reference": self.user_id}
        return order


def lab_order(panel: Panel, reason: str, about: Iterable[Ref], context: OrderContext) -> Order:
    """A ServiceRequest for a panel.

    It points at the drafts it belongs to through `supportingInfo`, since R4 lets `reasonReference` point only
    at Condition, Observation, DiagnosticReport and DocumentReference (decision 25).
    """
    coding = {"system": LOINC, "code": panel.loinc, "display": panel.display}
    order: Order = {
        "resourceType": "ServiceRequest",
        **context.members(),
        "category": [LAB_CATEGORY],
        "code": {"coding": [coding], "text": panel.display},
        "reasonCode": [{"text": reason}],
    }
    supporting = [{"reference": ref} for ref in about if "/" in ref]
    if supporting:
        order["supportingInfo"] = supporting
    return order


def taper_order(  # noqa: PLR0913, PLR0917 (an order is one row of facts)
    product: Product,
    name: str,
    plan: tuple[TaperStep, ...],
    times_a_day: Decimal | None,
    prior: Ref | None,
    context: OrderContext,
) -> Order:
    """A MedicationRequest that steps down from today on, one Dosage for each level and size of dose."""
    order: Order = {
        "resourceType": "MedicationRequest",
        **context.members(),
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": product.rxcui, "display": product.name}],
            "text": product.name,
        },
    }
    start = context.at.date()
    dosages: list[Order] = []
    for number, step in enumerate(plan, 1):
        end = start + timedelta(days=step.days - 1)
        dosages += _dosages(step, number, times_a_day, start, end)
        start = end + timedelta(days=1)
    order["dosageInstruction"] = dosages
    order["note"] = [{"text": f"Proposed taper of {name}: check doses, tablets and pace before signing."}]
    if prior is not None and "/" in prior:
        order["priorPrescription"] = {"reference": prior}
    return order


def _dosages(step: TaperStep, number: int, times_a_day: Decimal | None, start: date, end: date) -> list[Order]:
    return [
        {
            "sequence": number,
            "text": f"{dose} mg {_times(often)}, {step.days} days ({step.daily_mg} mg a day in all)",
            "timing": {
                "repeat": {
                    "boundsPeriod": {"start": start.isoformat(), "end": end.isoformat()},
                    "frequency": often,
                    "period": 1,
                    "periodUnit": "d",
                }
            },
            "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006", "display": "Oral route"}]},
            "doseAndRate": [{"doseQuantity": {"value": dose, "unit": "mg", "system": UCUM, "code": "mg"}}],
        }
        for dose, often in split(step.daily_mg, times_a_day)
    ]


def _times(often: int) -> str:
    return {1: "once a day", 2: "twice a day"}.get(often, f"{often} times a day")


def tablets_for(
    plan: tuple[TaperStep, ...], times_a_day: Decimal | None, products: Iterable[Product]
) -> Product | None:
    """The strongest tablet of which whole ones make up every dose of a taper."""
    doses = [Decimal(dose) for step in plan for dose, _ in split(step.daily_mg, times_a_day)]
    fitting = [
        (strength.amount, product)
        for product in products
        if (strength := product.strengths[0]) is not None and all(dose % strength.amount == 0 for dose in doses)
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def check_models(panels: Mapping[str, Panel], tablet: Product) -> None:
    """Prove at the start that every kind of order we send is valid R4.

    Raises:
        pydantic.ValidationError: an order breaks the model of its version.
    """
    # Imported here: the models cost half a second, which the command line need not pay.
    from fhir.resources.R4B.medicationrequest import MedicationRequest  # noqa: PLC0415
    from fhir.resources.R4B.servicerequest import ServiceRequest  # noqa: PLC0415

    context = OrderContext("1", "2", "Practitioner/3", datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
    for panel in panels.values():
        ServiceRequest.model_validate(lab_order(panel, "reason", (Ref("MedicationRequest/4"),), context))
    plan = (TaperStep(70, 7), TaperStep(5, 7))
    taper = taper_order(tablet, "baclofen", plan, Decimal(3), Ref("MedicationRequest/5"), context)
    MedicationRequest.model_validate(taper)
