"""Ratios, never absolute numbers: `make bench`.

The service and a bare handler run on the same server, with one worker process each, and are loaded in turns by wrk:
first the service alone, with nobody to prove who calls and nothing kept, then with what stands around it by default,
and then as a hospital runs it, where each call has a token of its own. Then what each of these costs in process; and
ratios in process: ten times the record, a thousand more card files, other versions and codes, a very long record.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from benchmarks import production
from benchmarks.costs import costs
from benchmarks.ehr import Ehr, Line, Sent
from benchmarks.load import CONNECTIONS, LIFE, Load, sign
from benchmarks.requests import TODAY, order_sign
from benchmarks.variants import by_ndc, by_text, in_dstu2, in_r5, very_long
from cds_service.advice.advise import advise
from cds_service.advice.policy import Policy, from_prefetch_only
from cds_service.app import THREADS
from cds_service.card_files.library import Library
from cds_service.card_files.loading import load_library
from cds_service.clinical.codes import RxCUI
from cds_service.drugs import vocabulary
from cds_service.hooks.reading import read_request
from cds_service.settings import Settings
from tests.servers.postgres import Postgres

SERVICE: Final = "medication-safety-order-sign"
PATH: Final = f"/cds-services/{SERVICE}"
ROUNDS: Final = 5
CALLS: Final = 20  # in one turn, in process
VARIANTS: Final = {
    "in DSTU2": in_dstu2,
    "in R5": in_r5,
    "with medicines by text": by_text,
    "with medicines by NDC": by_ndc,
}
AT: Final = datetime.fromisoformat(f"{TODAY}T10:00:00").replace(tzinfo=UTC)
OPEN: Final = {"CDS_MODE": "development", "CDS_CLIENTS": "", "CDS_PUBLIC_URL": "", "CDS_FHIR_SERVERS": ""}
COUNTED: Final = ("unshared", "spilled", "lost")  # what a store does that does not keep up, as /metrics has it

NO_CARD: Final = order_sign(("308182", "amoxicillin 250 MG Oral Capsule"))
ONE_CARD: Final = order_sign(("314076", "lisinopril 10 MG Oral Tablet"))
THREE_CARDS: Final = order_sign()


@dataclass(frozen=True)
class Target:
    """Something that is measured, what it is sent, and how it is served in an empty folder, on which port."""

    name: str
    body: dict[str, Any]
    serve: Callable[[Path], AbstractContextManager[int]]


def main() -> int:
    """Measure and print; 1 without wrk."""
    if not Load.is_possible():
        print("wrk is missing: apt-get install wrk (or your system's package of it).", file=sys.stderr)
        return 1
    size = len(json.dumps(THREE_CARDS))
    print(f"{size} bytes a request, {CONNECTIONS} connections, one worker of {THREADS} threads,")
    print(f"median of {ROUNDS} rounds in turns; database and load share the machine with what is measured\n")
    with ExitStack() as stack:
        postgres = _postgres(stack)
        ehr = Ehr.new()
        targets = _targets(ehr, postgres)
        rates = _measure(targets, ehr)
        bare = median(rates[targets[0].name])
        for target in targets:
            rate = median(rates[target.name])
            print(f"{target.name:62} {rate:8.0f} requests/s   {rate / bare:5.2f} of the bare handler")
        print()
        library = _library()
        databases = () if postgres is None else (("PostgreSQL", postgres.database()),)
        for cost in costs(library, ONE_CARD, SERVICE, AT, databases):
            print(f"{cost.us:6.0f} us for {cost.part}")
        print()
    _scaling(library)
    return 0


def _targets(ehr: Ehr, postgres: Postgres | None) -> tuple[Target, ...]:
    alone = partial(_handler, "benchmarks.alone:create_app")
    as_it_starts = partial(_service, ehr, settings=OPEN)
    known = partial(_service, ehr)
    targets = [
        Target("bare handler", ONE_CARD, partial(_handler, "benchmarks.bare:create_app")),
        Target("no card, the service alone", NO_CARD, alone),
        Target("no card, with JWT, and audit in SQLite, metrics, log", NO_CARD, known),
        Target("one card, the service alone", ONE_CARD, alone),
        Target("one card, with audit in SQLite, metrics, log", ONE_CARD, as_it_starts),
        Target("one card, with JWT, and audit in SQLite, metrics, log", ONE_CARD, known),
        Target("three cards, the service alone", THREE_CARDS, alone),
        Target("three cards, with JWT, and audit in SQLite, metrics, log", THREE_CARDS, known),
    ]
    if postgres is not None:
        on_postgres = partial(_on_postgres, ehr, postgres)
        targets.insert(6, Target("one card, with JWT, and audit in PostgreSQL, metrics, log", ONE_CARD, on_postgres))
    return tuple(targets)


def _measure(targets: tuple[Target, ...], ehr: Ehr) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {target.name: [] for target in targets}
    with TemporaryDirectory() as name:
        folder = Path(name)
        tokens = folder / "tokens"
        sign(ehr, PATH, tokens)
        loads = [Load.of(folder / str(n), target.body, PATH, tokens) for n, target in enumerate(targets)]
        for _ in range(ROUNDS):
            for target, load in zip(targets, loads, strict=True):
                with TemporaryDirectory() as own, target.serve(Path(own)) as port:
                    rates[target.name].append(load.rate(port))
    return rates


# What is measured -----------------------------------------------------------------------------------------------------


@contextmanager
def _handler(application: str, _folder: Path) -> Iterator[int]:
    """An application that keeps nothing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.server", application, str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    message = "the server did not start"
    raise RuntimeError(message)


@contextmanager
def _service(ehr: Ehr, folder: Path, settings: dict[str, str] | None = None) -> Iterator[int]:
    """The service as it is started, in production unless `settings` say otherwise, with a store of its own."""
    said = {"CDS_TOKEN_LIFE_S": str(LIFE)} | (settings or {})
    with production.served(folder, ehr, workers=1, rate=None, settings=said) as service:
        yield service.port
        _check(service)
        service.stop()


def _on_postgres(ehr: Ehr, postgres: Postgres, folder: Path) -> AbstractContextManager[int]:
    return _service(ehr, folder, {"CDS_STORE": postgres.database()})


def _check(service: production.Service) -> None:
    """See that the store did what is measured.

    Raises:
        RuntimeError: it did not keep up.
    """
    written = Line(service.port).send(Sent("/metrics", {}, None)).body.decode()
    values = dict(line.rsplit(" ", 1) for line in written.splitlines() if not line.startswith("#"))
    if any(float(values[f"cds_audit_{name}_total"]) for name in COUNTED):
        message = "the store did not keep up: " + ", ".join(f"{n} {values[f'cds_audit_{n}_total']}" for n in COUNTED)
        raise RuntimeError(message)


def _postgres(stack: ExitStack) -> Postgres | None:
    """A real one that waits for its disk; None, and it is said so, where there is none."""
    try:
        postgres = Postgres(durable=True)
    except RuntimeError as none:
        print(f"Without PostgreSQL: {none}\n")
        return None
    stack.callback(postgres.close)
    return postgres.start()


# In process -----------------------------------------------------------------------------------------------------------


def _library() -> Library:
    settings = Settings()
    return load_library(settings.cards, vocabulary.load(), settings.jurisdiction)


def _scaling(library: Library) -> None:
    once, tenfold = (_call(library, order_sign(times=times)) for times in (1, 10))
    larger = _call(_with_more_cards(library, 1000), order_sign())
    usual, ten_times, more_cards = _in_turns(once, tenfold, larger)
    print(f"ten times the record costs {ten_times / usual:.1f} times as much (at most 10)")
    print(f"a thousand more card files cost {more_cards / usual:.2f} times as much (at most 1.20)")
    for name, variant in VARIANTS.items():
        usual, other = _in_turns(once, _call(library, variant()))
        print(f"the same patient {name} costs {other / usual:.2f} times as much")
    for asked_only, which in ((False, "all kinds, as sent by who sends all"), (True, "liver tests only")):
        body = orjson.dumps(very_long(asked_only=asked_only))
        parse, call = partial(orjson.loads, body), _call(library, orjson.loads(body))
        parsing, calling = (1000 * took / CALLS for took in _in_turns(parse, call))
        print(f"500 medications and 5,000 observations ({which}): {calling:.0f} ms, and {parsing:.0f} ms for the JSON")


def _call(library: Library, body: dict[str, Any]) -> Callable[[], object]:
    def call() -> object:
        request = read_request(body, hook="order-sign")
        return advise(request, library, fetch=from_prefetch_only, policy=Policy(), at=AT)

    return call


def _with_more_cards(library: Library, count: int) -> Library:
    """The library with copies of its cards under other names and for other medicines."""
    cards = dict(library.cards)
    templates = list(library.cards.values())
    for number in range(count):
        card = templates[number % len(templates)]
        rule = replace(card.rule, id=f"{card.id}-{number}")
        cards[rule.id] = replace(card, rule=rule, triggers=frozenset({RxCUI(f"X{number}")}))
    return replace(library, cards=cards, _by_hook={}, _by_trigger={}, _selections={})


def _in_turns(*calls: Callable[[], object]) -> list[float]:
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(40):
        for own, call in zip(times, calls, strict=True):
            began = time.perf_counter()
            for _ in range(CALLS):
                call()
            own.append(time.perf_counter() - began)
    return [median(own) for own in times]


if __name__ == "__main__":
    sys.exit(main())
