"""One patient on baclofen for whom dantrolene is being ordered now, for services that have a clock of their own."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.journeys.records import PATIENT, about, call, draft, liver_panel, medicine, patient, prefetch

TODAY = datetime.now(tz=UTC).date()
PAIR = "dantrolene-baclofen"  # a warning
BASELINE = "dantrolene-baseline-liver-tests"  # critical without any test; not checked without laboratory data
VERAPAMIL = "dantrolene-verapamil-diltiazem"  # a warning


def day(days_ago):
    return (TODAY - timedelta(days=days_ago)).isoformat()


def taken(product, logical_id, days_ago=100, **more):
    """What the patient takes."""
    return medicine(product, logical_id, written=None, authoredOn=day(days_ago), **more)


def ordering(  # noqa: PLR0913 - whatever a test wants otherwise
    hook="order-sign",
    *,
    dose=25,
    who=PATIENT,
    user="Practitioner/gp",
    encounter="visit",
    verapamil=False,
    panel=True,
    laboratory=True,
    coordinates=None,
    instance=None,
):
    """The call; the same record each time, but for what is said."""
    tests = [one | {"effectiveDateTime": f"{day(5)}T08:00:00Z"} for one in liver_panel(5)] if panel else []
    running = [taken("baclofen 10", "run", dose=10, times=3)] + ([taken("verapamil", "verapamil")] if verapamil else [])
    sent = prefetch(
        patient(patient=who),
        medications=_of(who, running),
        results=_of(who, tests),
    )
    if not laboratory:
        del sent["results"]
    ordered = draft("dantrolene 25", written=None, dose=dose, subject=_whose(who))
    said = call(hook, [ordered], sent, instance=instance or str(uuid4()))
    said["context"] |= {"userId": user, "patientId": who, "encounterId": encounter}
    if coordinates is not None:
        option = {"order-select": "cache-for-order-sign-filtering", "order-sign": "filter-out-repeated-alerts"}[hook]
        said["extension"] = {"pddi-configuration-items": {option: coordinates}}
    return said


def ids(answer):
    """The ids of the cards of an answer, in their order."""
    assert answer.status == 200, answer
    return [about(card)["id"] for card in answer.json["cards"]]


def card_of(answer, card=PAIR):
    """The one card of an answer with this id."""
    assert answer.status == 200, answer
    (found,) = [one for one in answer.json["cards"] if about(one)["id"] == card]
    return found


def not_repeated(answer):
    """What an answer says that it does not say again."""
    return answer.json.get("extension", {}).get("org.cds-service.not-repeated", {}).get("cards", [])


def overriding(card, **more):
    """Feedback that a card was overridden, with a reason."""
    return {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": datetime.now(tz=UTC).isoformat(),
        "overrideReason": {"reason": {"code": "risk-benefit-ratio"}},
        **more,
    }


def _whose(who):
    return {"reference": f"Patient/{who}"}


def _of(who, resources):
    return [one | {"subject": _whose(who)} for one in resources]
