"""What each part of a call costs, in process, so that the ratios under load can be understood."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, Final
from uuid import uuid4
from wsgiref.types import WSGIEnvironment

import orjson

from benchmarks.ehr import DISCOVERY, ISSUER, PUBLIC, TENANTS, Ehr
from cds_service.advice.advise import advise
from cds_service.advice.policy import Policy, from_prefetch_only
from cds_service.advice.record import Caller, Edition, Evaluation, Phase, Result
from cds_service.advice.rendering import Advice
from cds_service.card_files.library import Library
from cds_service.hooks.discovery import ServiceId
from cds_service.hooks.reading import read_request
from cds_service.store import command
from cds_service.store.address import Address
from cds_service.store.store import Store, open_store
from cds_service.web.auth import Door
from cds_service.web.log import Answered, line
from cds_service.web.metrics import Metrics

CALLER: Final = Caller("hospital", TENANTS[0])
EDITION: Final = Edition("0", "0" * 64)
CALLS: Final = 300
TURNS: Final = 9
_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one part of one call costs, in microseconds."""

    part: str
    us: float


def costs(
    library: Library, body: dict[str, Any], service: str, at: datetime, databases: Sequence[tuple[str, str]]
) -> Iterator[Cost]:
    """The parts of one call.

    Args:
        library: by which it is answered.
        body: of the call.
        service: the id of the one it is sent to.
        at: the moment of the call.
        databases: the name and URL of each further database in which the store is measured, beside SQLite.
    """
    sent = orjson.dumps(body)

    def answer() -> Advice:
        request = read_request(orjson.loads(sent), hook=body["hook"])
        advice = advise(request, library, fetch=from_prefetch_only, policy=Policy(), at=at)
        orjson.dumps({"cards": advice.cards})
        return advice

    yield Cost("reading, judging and writing it, from JSON to JSON", _each(answer))
    yield Cost("verifying a token (ES384)", _verifying(ServiceId(service)))
    answered = answer()
    with TemporaryDirectory() as folder:
        for name, url in (("SQLite", f"sqlite:///{Path(folder) / 'store.db'}"), *databases):
            with _store(Address.read(url), Path(folder) / name) as store:
                yield Cost(f"whether it was used before ({name})", _each(lambda: _use(store)))
                yield Cost(f"counting calls, where a rate is agreed ({name})", _each(lambda: _count(store)))
        with _store(Address.read(f"sqlite:///{Path(folder) / 'audit.db'}"), Path(folder) / "audit") as store:
            handed = _each(lambda: store.audit(_evaluation(service, answered)))
            yield Cost("handing over its audit record", handed)
        for name, url in (("SQLite", f"sqlite:///{Path(folder) / 'all.db'}"), *databases):
            with _store(Address.read(url), Path(folder) / f"all-{name}") as store:
                written = _auditing(store, _evaluation(service, answered))
            yield Cost(f"its audit record, with what the thread that writes does ({name})", written)
    yield Cost("counting it for the metrics", _counting(_evaluation(service, answered)))
    yield Cost("making its line of the log", _each(lambda: line(_event(service, answered), at)))


def _each(call: Callable[[], object]) -> float:
    """Microseconds of one call: the median of some turns."""
    took = []
    for _ in range(TURNS):
        began = perf_counter()
        for _ in range(CALLS):
            call()
        took.append((perf_counter() - began) / CALLS * _MICRO)
    return median(took)


def _verifying(service: ServiceId) -> float:
    ehr = Ehr.new()
    address = f"{DISCOVERY}/{service}"
    with TemporaryDirectory() as folder:
        clients = Path(folder) / "clients.yaml"
        known = {"name": CALLER.client, "iss": ISSUER, "keys": ehr.public_keys["keys"], "tenants": list(TENANTS)}
        clients.write_text(json.dumps({"clients": [known]}), encoding="utf-8")
        door = Door(
            clients,
            public_url=PUBLIC,
            services=frozenset({service}),
            first_use=lambda _digest, _until: True,  # what that costs is measured by itself
            now=lambda: datetime.now(UTC),
            told=lambda _event: None,
            complain=lambda _text: None,
        )
        environ: WSGIEnvironment = {"HTTP_AUTHORIZATION": f"Bearer {ehr.token(address)}"}
        return _each(lambda: door.admit(environ, address, service))


@contextmanager
def _store(address: Address, spill: Path) -> Iterator[Store]:
    command.migrate(address)
    store = open_store(address, spill=spill, edition=EDITION, clock=lambda: datetime.now(UTC))
    try:
        store.first_use(os.urandom(32), datetime.now(UTC))  # it connects
        yield store
    finally:
        store.close(10)


def _use(store: Store) -> None:
    store.first_use(os.urandom(32), datetime.now(UTC) + timedelta(minutes=5))


def _count(store: Store) -> None:
    store.rates.incr("hospital", 60)


def _auditing(store: Store, evaluation: Evaluation) -> float:
    """The processor's time for a record, in the thread that answers and in the one that writes, in microseconds."""
    records = CALLS * TURNS
    began = process_time()
    for _ in range(records):
        store.audit(evaluation)
    store.close(60)
    return (process_time() - began) / records * _MICRO


def _counting(evaluation: Evaluation) -> float:
    metrics = Metrics(EDITION)
    try:
        return _each(lambda: metrics.evaluated(evaluation))
    finally:
        metrics.close()


def _evaluation(service: str, answered: Advice) -> Evaluation:
    return Evaluation(
        at=datetime.now(UTC),
        caller=CALLER,
        service=ServiceId(service),
        hook="order-sign",
        hook_instance=uuid4(),
        result=Result.CARDS,
        status=200,
        cards=answered.traced,
        gaps=answered.gaps,
        took_ms=dict.fromkeys(Phase, 0.25),
    )


def _event(service: str, answered: Advice) -> Answered:
    return Answered(
        service=ServiceId(service),
        client=CALLER.client,
        hook_instance=uuid4(),
        status=200,
        cards=len(answered.cards),
        repeated=0,
        shadow=0,
        not_checked=0,
        fhir=answered.spoken,
        others=0,
        fetched={},
        lenient=(),
        took_ms=0.25,
    )
