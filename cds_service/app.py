"""Where the rooms are put together into the web service, and served."""

import gc
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Final

from flask import Flask

from cds_service import __version__
from cds_service.advice.advise import advise
from cds_service.advice.memory import Memory, NoMemory
from cds_service.advice.policy import Fetch, MissingData, Policy
from cds_service.advice.record import Caller, Edition
from cds_service.advice.rendering import Advice
from cds_service.card_files.library import Library
from cds_service.card_files.loading import load_library
from cds_service.card_files.mistakes import BrokenLibrary
from cds_service.drugs import vocabulary
from cds_service.fhir.addresses import Allowed
from cds_service.fhir.fetch import MEGABYTE, FhirServers, Limits
from cds_service.fhir.orders import check_models
from cds_service.hooks.discovery import BrokenDiscovery, Discovery, ServiceId
from cds_service.hooks.feedback import Feedback
from cds_service.hooks.request import HookRequest
from cds_service.settings import Settings, WrongSettings
from cds_service.store import command
from cds_service.store.database import StoreUnavailable
from cds_service.store.schema import newest
from cds_service.store.store import Kept, Store, open_store
from cds_service.store.writer import Event as StoreEvent
from cds_service.web import log, routes, serving
from cds_service.web.auth import Admitted, Door, OpenDoor
from cds_service.web.clients import BrokenClients, Client, read_clients
from cds_service.web.errors import NotKept
from cds_service.web.health import Readiness
from cds_service.web.limits import AtOnce, Most, Rates, redis_storage
from cds_service.web.metrics import Metrics
from cds_service.web.routes import create_web


def local_time() -> datetime:
    """Now, in the time zone of this machine: its calendar day is the clinic's."""
    return datetime.now(tz=UTC).astimezone()


def create_app() -> Flask:
    """The web service by the settings of the environment, for servers that know how to end by themselves."""
    return create_served().application


def create_served(
    settings: Settings | None = None, *, clock: Callable[[], datetime] = local_time
) -> serving.Served[Flask]:
    """The web service, ready to answer, and what is to be done at its end.

    Args:
        settings: those of the environment when None, as in each worker process.
        clock: the moment of a call, with its time zone; it decides which calendar day is today.

    Raises:
        WrongSettings: the settings cannot be.
        BrokenDiscovery: the discovery document cannot be served.
        BrokenLibrary: the card files have mistakes.
        BrokenClients: the file of clients has mistakes.
    """
    settings = settings or Settings.read(os.environ)
    discovery = Discovery.load(settings.discovery)
    library = _library(settings)
    edition = Edition(__version__, library.sha256)
    logs = log.to_standard_error(clock) if settings.log else log.to_nowhere
    store = _store(settings, edition, clock, logs)
    metrics = Metrics(edition, store.counters) if settings.metrics else None
    servers = _fhir_servers(settings)

    # Medicines and cards live as long as the process: moved out of the garbage collector's sight, they are not
    # looked through again and again while calls are answered.
    gc.collect()
    gc.freeze()
    app = create_web(
        _answering(settings, library, store, servers, clock),
        discovery,
        limits=_limits(settings, store, metrics),
        cors_origins=settings.allowed_origins,
        watch=routes.Watch(
            log=logs,
            audit=store.audit,
            metrics=metrics,
            metrics_readers=settings.metrics_readers,
            ready=Readiness(lambda: _is_ready(store), _versions(edition)),
        ),
        now=clock,
        door=_door(settings, discovery, store, clock, logs),
        keep=_keeping(store),
        over_tls=settings.mode == "production",
        strict=settings.strict,
    )

    def stop(within_s: float) -> None:
        store.close(within_s)
        if metrics is not None:
            metrics.close()
        servers.close()

    return serving.Served(app, stop)


def _library(settings: Settings) -> Library:
    library = load_library(settings.cards, vocabulary.load(), settings.jurisdiction)
    for tablet in library.taper_tablets():
        check_models(library.codelists.panels, tablet)
    return library


def _answering(
    settings: Settings, library: Library, store: Store, servers: FhirServers, clock: Callable[[], datetime]
) -> Callable[[ServiceId, HookRequest, Admitted], Advice]:
    """Answers a call as its client wants it answered."""
    usual = Policy(
        MissingData(settings.missing_data),
        null_is_none=settings.prefetch_null == "none",
        detected_issue=settings.detected_issue,
        answer_s=settings.answer_ms / 1000,
    )
    within = timedelta(minutes=settings.repeat_minutes)

    def answer(_service: ServiceId, request: HookRequest, admitted: Admitted) -> Advice:
        client = admitted.client
        fetch: Fetch = servers if client.fhir_servers is None else servers.only(client.fhir_servers)
        policy = _policy_for(client, usual)
        memory = _memory_for(admitted.caller, request, policy, store, within)
        return advise(request, library, fetch=fetch, policy=policy, at=clock(), memory=memory)

    return answer


def _policy_for(client: Client, usual: Policy) -> Policy:
    if not client.deduplicate and not client.override_kept_days:
        return usual
    kept = timedelta(days=client.override_kept_days)
    return replace(usual, deduplicate=client.deduplicate, override_kept=kept)


def _memory_for(caller: Caller, request: HookRequest, policy: Policy, store: Store, within: timedelta) -> Memory:
    """The memory, where it can matter: most clients want none."""
    repeats = policy.deduplicate if request.coordinates is None else request.coordinates
    if repeats or policy.override_kept:
        return store.memory(caller, within=within if repeats else timedelta(), overrides_for=policy.override_kept)
    return _NO_MEMORY


_NO_MEMORY: Final = NoMemory()


def _store(settings: Settings, edition: Edition, clock: Callable[[], datetime], logs: log.Log) -> Store:
    """Where calls and feedback are kept; nothing is opened before the first of them."""

    def tell(event: StoreEvent) -> None:
        logs(log.StoreChanged(event))

    return open_store(
        settings.store_address,
        spill=settings.spill_folder,
        edition=edition,
        clock=clock,
        comments=settings.store_comments,
        keys=settings.pseudonym_keys,
        tell=tell,
    )


def _is_ready(store: Store) -> bool:
    """Whether the database answers, and has the tables that this software writes."""
    health = store.health(_READY_S)
    return health.reachable and health.usable


def _versions(edition: Edition) -> dict[str, object]:
    return {"software": edition.version, "cards": edition.sha256, "store": newest()}


def _keeping(store: Store) -> routes.Keep:
    def keep(service: ServiceId, caller: Caller, entries: tuple[Feedback, ...], at: datetime) -> Kept:
        try:
            return store.keep_feedback(service, caller, entries, at)
        except StoreUnavailable:
            raise NotKept from None

    return keep


def _limits(settings: Settings, store: Store, metrics: Metrics | None) -> routes.Limits:
    rates = Rates(
        settings.rate_per_client,
        storage=redis_storage(settings.redis) if settings.redis else store.rates,
        failed=metrics.let_through if metrics is not None else lambda: None,
    )
    most = Most(settings.max_body_mb * MEGABYTE, settings.max_json_depth, settings.max_entries)
    return routes.Limits(most=most, rates=rates, at_once=AtOnce(settings.concurrent_per_client, THREADS - 4))


def _door(
    settings: Settings, discovery: Discovery, store: Store, clock: Callable[[], datetime], logs: log.Log
) -> Door | OpenDoor:
    """Who may come in: the clients of the file, or, in development without one, anyone."""
    if settings.clients is None:
        return OpenDoor()
    return Door(
        settings.clients,
        public_url=settings.public_url or "",
        services=frozenset(discovery.hooks),
        first_use=store.first_use,
        now=clock,
        agreed=settings.not_agreed,
        development=settings.is_tried_out,
        proxies=settings.proxies,
        certificate_header=settings.certificate_header,
        life_s=settings.token_life_s,
        ca=settings.fhir_ca,
        told=logs,
        complain=lambda text: print(text, file=sys.stderr),  # noqa: T201
    )


def _fhir_servers(settings: Settings) -> FhirServers:
    """What fetches; it starts no thread before there is something to fetch."""
    limits = Limits(
        call_ms=settings.fetch_ms if settings.fetches else 0,
        calls=THREADS - 4,  # some threads are left for calls that need nothing
        at_once=settings.fetch_at_once,
        pages=settings.fetch_pages,
        entries=settings.fetch_entries,
        answer_bytes=settings.fetch_answer_mb * MEGABYTE,
        call_bytes=settings.fetch_call_mb * MEGABYTE,
    )
    allowed = Allowed(settings.mode == "development", settings.fhir_servers, settings.fhir_networks)
    return FhirServers(allowed, limits, ca=settings.fhir_ca)


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop.

    The settings must be those of the environment: each worker process reads them there again.
    """
    began = perf_counter()
    _check(settings)  # what is wrong is said here, once, and not by every worker
    starts_in_s = perf_counter() - began
    _migrate(settings)
    address = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    print(f"Serving on {address}; the services are listed at {address}/cds-services", file=sys.stderr)  # noqa: T201
    authenticated = settings.clients is not None
    print(_AUTHENTICATED if authenticated else _OPEN, file=sys.stderr)  # noqa: T201
    serving.run(
        "cds_service.app:create_served",
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        threads=THREADS,
        check=_what_is_wrong,
        starts_in_s=starts_in_s,
    )


def _check(settings: Settings) -> None:
    """See that a worker could start.

    Raises:
        WrongSettings, BrokenDiscovery, BrokenLibrary, BrokenClients: it could not.
    """
    settings.may_start()
    discovery = Discovery.load(settings.discovery)
    _library(settings)
    if settings.clients is not None:
        read_clients(settings.clients, development=settings.is_tried_out, services=frozenset(discovery.hooks))


def _what_is_wrong() -> str | None:
    """Why workers could not be replaced; None when they can."""
    try:
        _check(Settings.read(os.environ))
    except (WrongSettings, BrokenDiscovery, BrokenLibrary, BrokenClients) as wrong:
        return str(wrong)
    return None


def _migrate(settings: Settings) -> None:
    """Make the tables of the store, and load what an earlier process left in files.

    A database that is away does not keep the service from answering: workers try again, and /readyz says so.
    """
    try:
        command.migrate(settings.store_address)
        command.load_spilled(settings.store_address, settings.spill_folder, local_time)
    except StoreUnavailable as away:
        print(f"{away}; the service answers all the same, and keeps records in files", file=sys.stderr)  # noqa: T201


THREADS: Final = 16  # of each process, measured in docs/explanation/fetching.md
_READY_S: Final = 1.0
_OPEN: Final = "Development: calls are not authenticated (CDS_MODE=development). Give no patient's data to it."
_AUTHENTICATED: Final = "Calls are authenticated: only the clients of CDS_CLIENTS may call."
