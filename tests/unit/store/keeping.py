"""What the tests of the store keep in it, and how they look into it."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from uuid import uuid4

from sqlalchemy import func, select

from cds_service.advice.record import Caller, Edition, Evaluation, Phase, Result, Showing, Traced
from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Why
from cds_service.hooks.discovery import ServiceId
from cds_service.hooks.feedback import Feedback, Verdict
from cds_service.hooks.request import HookRequest
from cds_service.store.database import Database
from cds_service.store.pseudonyms import PseudonymKeys
from cds_service.store.store import open_store

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
EDITION = Edition("0.1.0", "ab" * 32)
EHR = Caller("general-hospital", "north")
SERVICE = ServiceId("medication-safety-order-sign")
KEYS = PseudonymKeys((b"a secret of tests, which has 32 bytes and more",))
ORDER_SELECT = HookRequest(
    hook="order-select",
    hook_instance="d57cd1c7-2fff-4729-a4d4-82cf75d788b6",
    patient_id="canary-patient-4711",
    user_id="Practitioner/canary-user-12",
    encounter_id="canary-encounter-9",
    fhir_server=None,
    drafts=(),
    selections=None,
    prefetch=None,
)


@contextmanager
def opening(address, spill, *, close_s=10, **how):
    how = {"clock": lambda: AT, "keys": KEYS} | how
    store = open_store(address, spill=spill, edition=EDITION, **how)
    try:
        yield store
    finally:
        store.close(close_s)


def traced(card="dantrolene-liver-tests", *, version=2, showing=Showing.SHOWN, indicator=Indicator.WARNING, uuid=None):
    return Traced(card, version, indicator, uuid or uuid4(), showing, (uuid4(),))


def evaluation(*cards, **how):
    told = Evaluation(
        at=AT,
        caller=EHR,
        service=SERVICE,
        hook="order-sign",
        hook_instance=uuid4(),
        result=Result.CARDS if cards else Result.CLEAR,
        status=200,
        cards=cards,
        gaps={Why.NO_DATE: 2},
        took_ms={Phase.JUDGE: 1.5, Phase.TOTAL: 2.25},
    )
    return replace(told, **how)


def accepted(card, **how):
    return Feedback(**{"card": card, "outcome": Verdict.ACCEPTED, "at": AT + timedelta(minutes=1)} | how)


def overridden(card, **how):
    told = {
        "card": card,
        "outcome": Verdict.OVERRIDDEN,
        "at": AT + timedelta(minutes=1),
        "reason": "risk-benefit-ratio",
    }
    return Feedback(**told | how)


def rows(address, table):
    """All rows of a table."""
    database = Database(address, patient=True)
    try:
        with database.quick.connect() as connection:
            return connection.execute(select(table)).all()
    finally:
        database.close()


def how_many(address, table):
    database = Database(address, patient=True)
    try:
        with database.quick.connect() as connection:
            return connection.scalar(select(func.count()).select_from(table))
    finally:
        database.close()


def eventually(holds, *, within_s=20):
    """Whether something comes to hold; what runs beside the tests needs a moment."""
    until = monotonic() + within_s
    while not holds():
        if monotonic() > until:
            return False
        sleep(0.02)
    return True
