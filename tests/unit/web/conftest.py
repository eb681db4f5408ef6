"""The web room with an answer of the test's choice, and calls for it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.advice.record import Caller, Evaluation, Phase, Traced
from cds_service.clinical.model import Why
from cds_service.fhir.versions import Spoken
from cds_service.fhir.wanted import Outcome
from cds_service.hooks.discovery import Discovery, ServiceId
from cds_service.hooks.feedback import Feedback
from cds_service.hooks.request import HookRequest
from cds_service.web.auth import Admitted, Denial, NotAllowed, NotAuthenticated, Reason
from cds_service.web.clients import Client
from cds_service.web.health import Readiness, always_ready
from cds_service.web.limits import AtOnce, Most, Rates
from cds_service.web.log import Event
from cds_service.web.metrics import Metrics, Readers
from cds_service.web.routes import Limits, Watch, create_web

DISCOVERY = Discovery(
    b'{ "services": "exactly these bytes" }\n',
    {ServiceId("sign"): "order-sign", ServiceId("view"): "patient-view"},
)
MOST_BYTES = 65536


AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ME = Client(name="riverside", rate=None, concurrent=None, override_reasons=frozenset({"OWN-1"}))


@dataclass(frozen=True)
class Answer:
    """An answer."""

    cards: tuple[dict[str, Any], ...] = ()
    not_checked: int = 0
    spoken: Spoken | None = None
    others: int = 0
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    traced: tuple[Traced, ...] = ()
    gaps: dict[Why, int] = field(default_factory=dict)
    took_ms: dict[Phase, float] = field(default_factory=dict)
    extension: dict[str, Any] | None = None


@dataclass(frozen=True)
class Door:
    """Lets in who says a word, as the client of the test; tells who is who otherwise."""

    client: Client = ME
    asked: list[tuple[str, ServiceId | None]] = field(default_factory=list)

    def admit(self, environ: dict[str, Any], address: str, service: ServiceId | None) -> Admitted:
        """As `Admits.admit`."""
        self.asked.append((address, service))
        caller = Caller(self.client.name, "north")
        match environ.get("HTTP_AUTHORIZATION"):
            case "Bearer friend":
                return Admitted(self.client, caller)
            case "Bearer friend-of-others":
                raise NotAllowed(Denial.SERVICE, caller, self.client)
            case "Bearer forged":
                raise NotAuthenticated(Reason.SIGNATURE, self.client.name)
            case _:
                raise NotAuthenticated(Reason.NO_TOKEN)


FRIEND = {"Authorization": "Bearer friend"}


@dataclass(frozen=True)
class Kept:
    """What became of feedback."""

    new: int
    again: int = 0


@dataclass
class Web:
    """A web application, what it was asked, and whom it told what."""

    client: FlaskClient = field(init=False)
    asked: list[tuple[str, HookRequest]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    records: list[Evaluation] = field(default_factory=list)
    kept: list[tuple[ServiceId, Caller, tuple[Feedback, ...], datetime]] = field(default_factory=list)

    def post(self, body: object, service: str = "sign", **more: Any) -> Any:
        """Call a service; bytes are sent as they are."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(f"/cds-services/{service}", data=sent, **({"content_type": "application/json"} | more))


@pytest.fixture
def web_that() -> Callable[..., Web]:
    """Make a web application that answers so, or raises."""

    def make(  # noqa: PLR0913 - whatever a test wants otherwise
        answers: Answer | Exception | Callable[[], Answer] | None = None,
        *,
        cors_origins: tuple[str, ...] = ("*",),
        most: Most = Most(MOST_BYTES),  # noqa: B008 - a value
        rates: Rates | None = None,
        at_once: AtOnce | None = None,
        keep: Callable[..., Kept] | None = None,
        metrics: Metrics | None = None,
        metrics_readers: Readers | None = (),
        ready: Readiness | None = None,
        **more: Any,
    ) -> Web:
        web = Web()

        def answer(service: ServiceId, request: HookRequest, _admitted: Admitted) -> Answer:
            web.asked.append((service, request))
            if isinstance(answers, Exception):
                raise answers
            return answers() if callable(answers) else answers or Answer()

        def keep_here(*feedback: Any) -> Kept:
            web.kept.append(feedback)
            return Kept(len(feedback[2]))

        app = create_web(
            answer,
            DISCOVERY,
            limits=Limits(most=most, rates=rates or Rates(), at_once=at_once or AtOnce(0)),
            cors_origins=cors_origins,
            watch=Watch(
                log=web.events.append,
                audit=web.records.append,
                metrics=metrics,
                metrics_readers=metrics_readers,
                ready=ready or always_ready(),
            ),
            now=lambda: AT,
            keep=keep or keep_here,
            **({"clock": lambda: 0.0} | more),
        )
        web.client = app.test_client()
        return web

    return make


@pytest.fixture
def web(web_that: Callable[..., Web]) -> Web:
    """A web application that answers every call with no cards."""
    return web_that()


@pytest.fixture
def call() -> dict[str, Any]:
    """A call of order-sign as small as it may be."""
    return {
        "hook": "order-sign",
        "hookInstance": "d57cd1c7-2fff-4729-a4d4-82cf75d788b6",
        "context": {"userId": "Practitioner/1", "patientId": "p1", "draftOrders": {"resourceType": "Bundle"}},
    }
