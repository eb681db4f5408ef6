"""What is counted, in the form that Prometheus reads. No label can hold what a client wrote.

Several processes count in files of one folder, and whichever is asked adds them up. A process alone counts in memory.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Event, Lock, Thread
from typing import Final, Protocol, TypeAlias
from wsgiref.types import WSGIEnvironment

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from cds_service.advice.record import Edition, Evaluation, Phase
from cds_service.fhir.addresses import Network
from cds_service.fhir.wanted import Outcome
from cds_service.web.errors import Excess, Why

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus-client learns of the folder; `serving` makes the one and sets the other."""


class AuditCounts(Protocol):
    """How the audit trail of one process fares, since the process began."""

    @property
    def depth(self) -> int:
        """Records that are still to be written to the database."""

    @property
    def spilled(self) -> int:
        """Those that were written to a file instead."""

    @property
    def lost(self) -> int:
        """Those that could be written nowhere."""

    @property
    def unshared(self) -> int:
        """How often something was decided by this process alone that all of them should know."""


@dataclass(frozen=True, slots=True)
class NoAudit:
    """The counts of a process that keeps no audit trail."""

    depth: int = 0
    spilled: int = 0
    lost: int = 0
    unshared: int = 0


_MS: Final = 1000
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_EVERY_S: Final = 1.0


class Metrics:
    """Everything that is counted.

    A call costs 8 microseconds in one process and 20 where several count in files: the children of labels are kept,
    as looking one up costs as much as counting.
    """

    def __init__(self, edition: Edition, audit: Callable[[], AuditCounts] = NoAudit) -> None:
        """Start counting from zero.

        Args:
            edition: what runs.
            audit: how the audit trail of this process fares.
        """
        # prometheus-client decides at its import whether processes share; by then the folder may not have been made.
        values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call] # prometheus-client's
        self._registry = registry = CollectorRegistry()
        self._ask_audit = audit
        self._audit_before: AuditCounts = NoAudit()
        self._closing = Event()
        self._looking = Lock()
        self._requests = _Counted(
            Counter(
                "cds_requests", "Requests by what was asked for and status.", ("service", "status"), registry=registry
            )
        )
        self._durations: dict[Phase, Histogram] = {}
        durations = Histogram(
            "cds_duration_seconds",
            "How long answered calls took, by phase.",
            ("phase",),
            buckets=_SECONDS,
            registry=registry,
        )
        for phase in Phase:
            self._durations[phase] = durations.labels(phase.value)
        self._results = _Counted(Counter("cds_results", "What came of calls.", ("result",), registry=registry))
        self._cards = _Counted(
            Counter("cds_cards", "Cards, shown and not.", ("card", "indicator", "showing"), registry=registry)
        )
        self._gaps = _Counted(Counter("cds_gaps", "What kept checks from being made.", ("kind",), registry=registry))
        self._fetched = _Counted(
            Counter("cds_fetches", "How asking clients' FHIR servers ended.", ("outcome",), registry=registry)
        )
        self._refused = _Counted(
            Counter("cds_auth_failures", "Calls not authenticated or not allowed.", ("reason",), registry=registry)
        )
        self._limited = _Counted(
            Counter(
                "cds_rate_limited", "Calls refused because the client calls too much.", ("limit",), registry=registry
            )
        )
        self._uncounted = Counter(
            "cds_rate_storage_failures", "Calls let through because calls could not be counted.", registry=registry
        )
        self._feedback = _Counted(Counter("cds_feedback", "Entries of feedback.", ("outcome",), registry=registry))
        self._waiting = Gauge(
            "cds_audit_waiting",
            "Audit records still to be written to the database.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._audit = {
            name: Counter(f"cds_audit_{name}", says, registry=registry)
            for name, says in (
                ("spilled", "Audit records written to the spill file."),
                ("lost", "Audit records that could be written nowhere."),
                ("unshared", "What was decided by one process that all should know."),
            )
        }
        Gauge(
            "cds_build_info",
            "What runs.",
            ("version", "cards_sha256"),
            registry=registry,
            multiprocess_mode="livemax",
        ).labels(edition.version, edition.sha256).set(1)
        Thread(target=self._keep_looking, name="metrics", daemon=True).start()

    def evaluated(self, what: Evaluation) -> None:
        """Count a call of a service."""
        self._requests.inc(what.service or _UNKNOWN, what.status)
        self._results.inc(what.result)
        if what.cards or what.gaps:
            for card in what.cards:
                self._cards.inc(card.card, card.indicator, card.showing)
            for kind, count in what.gaps.items():
                self._gaps.inc(kind, by=count)
        if what.status == _OK:
            for phase, ms in what.took_ms.items():
                self._durations[phase].observe(ms / _MS)

    def fetched(self, outcomes: Mapping[Outcome, int]) -> None:
        """Count what was asked of a client's FHIR server."""
        for outcome, count in outcomes.items():
            self._fetched.inc(outcome, by=count)

    def asked(self, for_: str, status: int) -> None:
        """Count a request that is no call of a service: of the discovery document, of feedback, or of nothing."""
        self._requests.inc(for_, status)

    def refused(self, why: Why) -> None:
        """Count why a client was not let in, or not yet."""
        (self._limited if isinstance(why, Excess) else self._refused).inc(why)

    def let_through(self) -> None:
        """Count a call that was let through because calls could not be counted."""
        self._uncounted.inc()

    def heard(self, outcomes: Mapping[str, int]) -> None:
        """Count entries of feedback, by what the clinician did and whether they were new."""
        for outcome, count in outcomes.items():
            self._feedback.inc(outcome, by=count)

    def written(self) -> bytes:
        """All counts of all processes, as Prometheus reads them."""
        self._look()
        registry = self._registry
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # as above
        return generate_latest(registry)

    def close(self) -> None:
        """Take this process out of what is counted of living ones; call it as the process ends."""
        self._closing.set()
        self._look()
        if FOLDER in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call] # as above

    def _keep_looking(self) -> None:
        """Another process may be asked, and can see only what was counted here."""
        while not self._closing.wait(_EVERY_S):
            self._look()

    def _look(self) -> None:
        with self._looking:
            now, before = self._ask_audit(), self._audit_before
            self._audit_before = now
            self._waiting.set(now.depth)
            for name, counter in self._audit.items():
                counter.inc(max(getattr(now, name) - getattr(before, name), 0))


class _Counted:
    """A counter whose children are kept by the values of their labels."""

    __slots__ = ("_children", "_counter")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._children: dict[tuple[object, ...], Counter] = {}

    def inc(self, *labels: object, by: int = 1) -> None:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._counter.labels(*map(str, labels))
        child.inc(by)


_OK: Final = 200
_UNKNOWN: Final = "-"


Readers: TypeAlias = tuple[Network, ...]


def may_read(environ: WSGIEnvironment, readers: Readers | None) -> bool:
    """Whether who asks for the counts is one of the networks that may; None is anyone.

    Who comes through a proxy is not: its address says nothing of who stands behind it, and a proxy beside the service
    comes from this machine.
    """
    if readers is None:
        return True
    if any(header in environ for header in _BY_PROXY):
        return False
    try:
        address = ip_address(environ.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in readers)


_BY_PROXY: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA")
