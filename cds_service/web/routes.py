"""The addresses of CDS Hooks, and those by which the service is run."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID
from wsgiref.types import WSGIEnvironment

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from cds_service.advice.record import ANYONE, Caller, Evaluation, Phase, Result, Showing, Traced
from cds_service.advice.rendering import NOT_CHECKED
from cds_service.clinical.model import Why
from cds_service.fhir.versions import Spoken
from cds_service.fhir.wanted import Outcome
from cds_service.hooks.discovery import Discovery, ServiceId
from cds_service.hooks.feedback import Feedback, read_feedback
from cds_service.hooks.reading import read_request
from cds_service.hooks.request import HookRequest, Json
from cds_service.web import cors
from cds_service.web.auth import Admits, Admitted, NotAllowed, NotAuthenticated, OpenDoor
from cds_service.web.errors import OK, UnknownService, is_ours, meaning_of, reason_of, refusal
from cds_service.web.headers import with_headers
from cds_service.web.health import Readiness, always_ready
from cds_service.web.limits import JSON, AtOnce, Most, Rates, check_entries, read_json
from cds_service.web.log import Answered, Discovered, Failed, Log, Place, Refused
from cds_service.web.log import Feedback as FeedbackKept
from cds_service.web.metrics import CONTENT_TYPE, Metrics, Readers, may_read


class Answer(Protocol):
    """What the clinician will see, and what log and audit record may know of it."""

    @property
    def cards(self) -> Sequence[Mapping[str, Any]]:
        """The cards, as CDS Hooks writes them."""

    @property
    def extension(self) -> Mapping[str, Any] | None:
        """What stands beside the cards; None for nothing."""

    @property
    def not_checked(self) -> int:
        """How many cards could not be decided."""

    @property
    def spoken(self) -> Spoken | None:
        """The FHIR version of the client; None when nothing had to be judged."""

    @property
    def others(self) -> int:
        """How many resources were another patient's."""

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """How what was asked of the client's FHIR server ended."""

    @property
    def traced(self) -> tuple[Traced, ...]:
        """The cards shown, those not shown again, and those in the shadow."""

    @property
    def gaps(self) -> Mapping[Why, int]:
        """What kept checks from being made, counted by kind."""

    @property
    def took_ms(self) -> Mapping[Phase, float]:
        """How long the phases took that are the answer's own, in milliseconds."""


class Kept(Protocol):
    """What came of feedback that was stored."""

    @property
    def new(self) -> int:
        """How many entries had not been stored before."""

    @property
    def again(self) -> int:
        """How many had."""


@dataclass(frozen=True, slots=True)
class _NoneKept:
    new: int = 0
    again: int = 0


def keep_none(_service: ServiceId, _caller: Caller, _entries: tuple[Feedback, ...], _at: datetime) -> Kept:
    """Accept feedback and keep none of it, where there is nothing to keep it in."""
    return _NoneKept()


def audit_none(_evaluation: Evaluation) -> None:
    """Keep no audit trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may ask for.

    Attributes:
        most: the most that one call may bring.
        rates: how often a client may call.
        at_once: how many of its calls are answered at the same time.
    """

    most: Most
    rates: Rates
    at_once: AtOnce


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How whoever runs the service sees how it fares.

    Attributes:
        log: takes one event for each call.
        audit: takes one record for each call of a service, answered or not, by whoever may call. It does not raise, and
            does not wait.
        metrics: None where nothing is counted.
        metrics_readers: the networks that may read the counts; None for anyone.
        ready: whether it may be called.
    """

    log: Log
    audit: Callable[[Evaluation], None] = audit_none
    metrics: Metrics | None = None
    metrics_readers: Readers | None = ()
    ready: Readiness = field(default_factory=always_ready)


Keep: TypeAlias = Callable[[ServiceId, Caller, tuple[Feedback, ...], datetime], Kept]


def create_web(  # noqa: PLR0913 - the whole of what the room is handed, each by its name
    answer: Callable[[ServiceId, HookRequest, Admitted], Answer],
    discovery: Discovery,
    *,
    limits: Limits,
    cors_origins: tuple[str, ...],
    watch: Watch,
    now: Callable[[], datetime],
    door: Admits | None = None,
    keep: Keep = keep_none,
    over_tls: bool = False,
    strict: bool = False,
    clock: Callable[[], float] = perf_counter,
) -> Flask:
    """The web application.

    Args:
        answer: what one call of one service is answered with. Its exceptions become refusals, see `errors`.
        discovery: the services there are.
        limits: what is beyond is refused.
        cors_origins: the web origins whose pages may call; "*" is any.
        watch: who is told of each call.
        now: the moment of a call, aware.
        door: lets calls in, of the discovery document, the services and their feedback; None for a door that is open
            to anyone.
        keep: stores feedback; once it returns, the client is told that it was taken. It raises `errors.NotKept`.
        over_tls: whether clients reach the service by https only.
        strict: whether calls in the shapes of older clients are refused.
        clock: seconds that only ever grow, for `took_ms`.
    """
    app = Flask("cds_service.web", static_folder=None)
    # Redirects would be answers without an OperationOutcome; and a client that cannot follow one shows no cards.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.logger.disabled = True  # it would write the text of exceptions, and that could be a patient's
    cors.allow(app, cors_origins)
    desk = _Desk(answer, discovery, limits, watch, now, door or OpenDoor(), keep, clock, strict=strict)
    app.before_request(desk.note)
    app.register_error_handler(Exception, desk.refuse)
    for address, view, method in (
        ("/", desk.say_what_this_is, "GET"),
        ("/healthz", desk.say_alive, "GET"),
        ("/readyz", desk.say_ready, "GET"),
        ("/metrics", desk.write_metrics, "GET"),
        ("/cds-services", desk.discover, "GET"),
        ("/cds-services/<service_id>", desk.call, "POST"),
        ("/cds-services/<service_id>/feedback", desk.hear, "POST"),
    ):
        app.add_url_rule(address, view.__name__, view, methods=[method])
    app.wsgi_app = with_headers(app.wsgi_app, over_tls=over_tls)  # type: ignore[method-assign,assignment] # Flask's own way
    return app


@dataclass(slots=True)
class _Here:
    """What is known of the request that is being answered.

    Attributes:
        began: by the clock, in seconds.
        at: by the calendar; None unless a service is called, and that is what the audit trail is about.
        what: what it is counted as, where it is no call of a service.
        service: None when there is none at the address.
        caller: None until it is known.
    """

    began: float
    at: datetime | None = None
    what: str = "other"
    service: ServiceId | None = None
    caller: Caller | None = None
    hook_instance: UUID | None = None


_HERE: Final = "cds_service.here"


class _Desk:
    """Answers at each address."""

    def __init__(  # noqa: PLR0913, PLR0917 - as `create_web`
        self,
        answer: Callable[[ServiceId, HookRequest, Admitted], Answer],
        discovery: Discovery,
        limits: Limits,
        watch: Watch,
        now: Callable[[], datetime],
        door: Admits,
        keep: Keep,
        clock: Callable[[], float],
        *,
        strict: bool,
    ) -> None:
        self._answer = answer
        self._discovery = discovery
        self._limits = limits
        self._watch = watch
        self._now = now
        self._door = door
        self._keep = keep
        self._clock = clock
        self._strict = strict
        self._what_this_is = orjson.dumps(_WHAT_THIS_IS | {"authenticated": not isinstance(door, OpenDoor)})

    def note(self) -> None:
        """Note when a request came."""
        request.environ[_HERE] = _Here(self._clock())

    # What anyone may ask.

    def say_what_this_is(self) -> Response:
        """The front door."""
        return Response(self._what_this_is, content_type=JSON)

    def say_alive(self) -> Response:
        """Whether the process answers."""
        return Response(_ALIVE, content_type=JSON)

    def say_ready(self) -> Response:
        """Whether it can do its work; the library is loaded, or nothing would answer here."""
        ready = self._watch.ready
        database = ready.database()
        said = {
            "status": "ready" if database else "not-ready",
            "library": "loaded",
            "database": "reachable" if database else "unreachable",
            "versions": ready.versions,
        }
        return Response(orjson.dumps(said), OK if database else _UNAVAILABLE, content_type=JSON)

    def write_metrics(self) -> Response:
        """The counts, for whom they are for; for others there is nothing here."""
        metrics = self._watch.metrics
        if metrics is None or not may_read(request.environ, self._watch.metrics_readers):
            raise NotFound
        return Response(metrics.written(), content_type=CONTENT_TYPE)

    # What only clients may.

    def discover(self) -> Response:
        """The discovery document."""
        environ = request.environ
        here: _Here = environ[_HERE]
        here.what = "discovery"
        self._admit(environ, here, "/cds-services")
        self._watch.log(Discovered(_client(here.caller), OK, self._took_ms(here)))
        self._count(here.what, OK)
        return Response(self._discovery.document, content_type=JSON)

    def call(self, service_id: str) -> Response:
        """A call of a service."""
        environ = request.environ
        here: _Here = environ[_HERE]
        here.at = self._now()
        here.service = service = self._known(service_id)
        admitted = self._admit(environ, here, f"/cds-services/{service_id}")
        if service is None:
            raise UnknownService
        client = admitted.client
        self._limits.at_once.enter(client.name, client.concurrent)
        try:
            return self._answered(environ, here, service, admitted)
        finally:
            self._limits.at_once.leave(client.name)

    def _answered(self, environ: WSGIEnvironment, here: _Here, service: ServiceId, admitted: Admitted) -> Response:
        began = self._clock()
        body = read_json(environ, self._limits.most)
        here.hook_instance = _hook_instance(body)
        hook = self._discovery.hooks[service]
        call = read_request(body, hook=hook, strict=self._strict)
        check_entries(call.prefetch, self._limits.most.entries)
        read_ms = _ms(self._clock() - began)
        answered = self._answer(service, call, admitted)
        said: dict[str, Any] = {"cards": answered.cards}
        if answered.extension is not None:
            said["extension"] = answered.extension
        written = orjson.dumps(said)
        took_ms = self._took_ms(here)
        self._watch.log(
            Answered(
                service=service,
                client=_client(here.caller),
                hook_instance=here.hook_instance,
                status=OK,
                cards=len(answered.cards),
                repeated=_count(answered.traced, Showing.REPEAT),
                shadow=_count(answered.traced, Showing.SHADOW),
                not_checked=answered.not_checked,
                fhir=answered.spoken,
                others=answered.others,
                fetched=answered.outcomes,
                lenient=call.shapes,
                took_ms=took_ms,
            )
        )
        self._record(
            Evaluation(
                at=here.at or self._now(),
                caller=here.caller,
                service=service,
                hook=hook,
                hook_instance=here.hook_instance,
                result=_result(answered.traced),
                status=OK,
                cards=answered.traced,
                gaps=answered.gaps,
                took_ms={Phase.READ: read_ms, **answered.took_ms, Phase.TOTAL: took_ms},
            )
        )
        if answered.outcomes and self._watch.metrics is not None:
            self._watch.metrics.fetched(answered.outcomes)
        return Response(written, content_type=JSON)

    def hear(self, service_id: str) -> Response:
        """Feedback about the cards of a service. It is stored when the client is told so."""
        environ = request.environ
        here: _Here = environ[_HERE]
        here.what = "feedback"
        here.service = service = self._known(service_id)
        admitted = self._admit(environ, here, f"/cds-services/{service_id}/feedback")
        if service is None:
            raise UnknownService
        client = admitted.client
        self._limits.at_once.enter(client.name, client.concurrent)
        try:
            entries = read_feedback(read_json(environ, self._limits.most), own_reasons=client.override_reasons)
            kept = self._keep(service, admitted.caller, entries, self._now())
        finally:
            self._limits.at_once.leave(client.name)
        took_ms = self._took_ms(here)
        self._watch.log(FeedbackKept(service, _client(here.caller), OK, len(entries), kept.new, kept.again, took_ms))
        self._count(here.what, OK)
        if self._watch.metrics is not None:
            self._watch.metrics.heard(Counter([entry.outcome for entry in entries]))
        return Response(_NOTHING, content_type=JSON)

    def _admit(self, environ: WSGIEnvironment, here: _Here, address: str) -> Admitted:
        """Let a call in, or not; before its body is read, so that a stranger's costs nothing."""
        try:
            admitted = self._door.admit(environ, address, here.service)
        except NotAllowed as denied:  # to ask for what it may not have costs a client its calls, too
            here.caller = denied.caller
            self._limits.rates.count(denied.client.name, denied.client.rate)
            raise
        here.caller = admitted.caller
        self._limits.rates.count(admitted.client.name, admitted.client.rate)
        return admitted

    def _known(self, service_id: str) -> ServiceId | None:
        service = ServiceId(service_id)
        return service if service in self._discovery.hooks else None

    # What goes wrong.

    def refuse(self, raised: Exception) -> Response:
        """Whatever was raised while a request was answered."""
        here: _Here = request.environ[_HERE]
        meaning, reason, took_ms = meaning_of(raised), reason_of(raised), self._took_ms(here)
        client = raised.client if isinstance(raised, NotAuthenticated) else _client(here.caller)
        failed = is_ours(meaning)
        if failed:
            place = Place.of(raised)
            event = Failed(here.service, client, here.hook_instance, meaning.status, type(raised), place, took_ms)
            self._watch.log(event)
        else:
            status, code = meaning.status, meaning.code
            self._watch.log(Refused(here.service, client, here.hook_instance, status, code, reason, took_ms))
        if here.at is None:
            self._count(here.what, meaning.status)
        elif isinstance(raised, NotAuthenticated):  # not in the audit trail: strangers must not be able to fill it
            self._count(here.service or _NOBODYS, meaning.status)
        else:
            self._record(
                Evaluation(
                    at=here.at,
                    caller=here.caller,
                    service=here.service,
                    hook=None if here.service is None else self._discovery.hooks[here.service],
                    hook_instance=here.hook_instance,
                    result=Result.FAILED if failed else Result.REFUSED,
                    status=meaning.status,
                    code=str(reason or meaning.code),
                    took_ms={Phase.TOTAL: took_ms},
                )
            )
        if reason is not None and self._watch.metrics is not None:
            self._watch.metrics.refused(reason)
        return refusal(raised)

    # Who is told.

    def _took_ms(self, here: _Here) -> float:
        return _ms(self._clock() - here.began)

    def _record(self, evaluation: Evaluation) -> None:
        self._watch.audit(evaluation)
        if self._watch.metrics is not None:
            self._watch.metrics.evaluated(evaluation)

    def _count(self, what: str, status: int) -> None:
        if self._watch.metrics is not None:
            self._watch.metrics.asked(what, status)


_WHAT_THIS_IS: Final = {
    "what": "A CDS Hooks service that speaks up when a medicine being ordered could harm this patient.",
    "services": "/cds-services",
    "specification": "https://cds-hooks.hl7.org/",
}
_ALIVE: Final = b'{"status":"alive"}'
_NOTHING: Final = b"{}"
_UNAVAILABLE: Final = 503
_NOBODYS: Final = "-"


def _client(caller: Caller | None) -> str | None:
    """The client's name for the log; None where anyone may call."""
    return None if caller is None or caller is ANYONE else caller.client


def _count(traced: Sequence[Traced], showing: Showing) -> int:
    return sum([card.showing is showing for card in traced])


def _result(traced: Sequence[Traced]) -> Result:
    """What came of an answer."""
    shown = [card for card in traced if card.showing is Showing.SHOWN]
    if shown:
        return Result.NOT_CHECKED if all(card.card == NOT_CHECKED for card in shown) else Result.CARDS
    return Result.NOTHING_NEW if any(card.showing is Showing.REPEAT for card in traced) else Result.CLEAR


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _hook_instance(body: Json) -> UUID | None:
    """The client's, where it is a UUID: then it can be nothing else."""
    said = body.get("hookInstance") if isinstance(body, dict) else None
    try:
        return UUID(said) if isinstance(said, str) else None
    except ValueError:
        return None
