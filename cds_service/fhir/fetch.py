"""What the client did not send, from the FHIR server it names: in parallel, within one deadline, trusting nobody.

What may be called is decided in `addresses`, what is asked in `searches`, what counts as an answer in `answers`; the
connections are made in `connections`. Here they are put together.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import cached_property, partial
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Lock, Semaphore, Thread
from time import monotonic
from typing import Final

from cds_service.clinical.model import Why
from cds_service.fhir.addresses import Allowed, Base, Refusal, Server, base_of, is_listed, target_of
from cds_service.fhir.answers import count_of, is_page, is_the, next_link, one_bundle, read_body, version_of
from cds_service.fhir.connections import Allowance, Connections, Resolve, Stopped, Watch, ending, resolve, tls
from cds_service.fhir.searches import PATIENT, kind_and_id, listed_under, read, search
from cds_service.fhir.versions import Version
from cds_service.fhir.wanted import Fetched, Outcome, Wanted
from cds_service.hooks.request import HookRequest, Json, Resource

MEGABYTE: Final = 1024 * 1024
VERSION_KEPT_S: Final = 3600
MOST_VERSIONS: Final = 256

# RFC 6750, section 2.1. Nothing in it can end a header line.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}={0,8}")
_ACCEPT: Final[Mapping[Version | None, str]] = {
    Version.DSTU2: "application/json+fhir",
    None: "application/fhir+json, application/json+fhir;q=0.9, application/json;q=0.8",
}
_ACCEPT_SINCE_STU3: Final = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Limits:
    """How far fetching may go.

    Attributes:
        call_ms: the deadline of a call, for everything it fetches together; 0 fetches nothing.
        calls: how many calls of the process may wait for FHIR servers at the same time; a call beyond gets nothing, at
            once. Below the number of threads that answer calls, so that some are left for calls that need nothing.
        at_once: how many things the process asks for at the same time; what is beyond fails at once. A call asks for up
            to eight lists and the server's version, and what it asked for ends a moment after the call.
        pages: of one list.
        entries: of one list.
        answer_bytes: of one answer.
        call_bytes: of all answers of a call.
    """

    call_ms: int = 400
    calls: int = 12
    at_once: int = 256
    pages: int = 5
    entries: int = 1000
    answer_bytes: int = 4 * MEGABYTE
    call_bytes: int = 16 * MEGABYTE


class _Into(Enum):
    """Where in `Fetched` a thing belongs."""

    VALUES = auto()
    PAGES = auto()
    RESOURCES = auto()


@dataclass(slots=True, eq=False, repr=False)
class _Thing:
    """One thing that is wanted, and what has come of it.

    Attributes:
        name: the prefetch key or the reference.
        target: the path and query to begin with; None when nothing may be asked.
        expected: the type and id of a single resource; None for a search.
        following: the link to the page that did not come yet.
        outcome: None while it is under way.
    """

    name: str
    into: _Into
    target: str | None
    expected: tuple[str, str] | None = None
    pages: list[Resource] = field(default_factory=list)
    following: str | None = None
    outcome: Outcome | None = None


class _Terms:
    """What holds for all that one call fetches."""

    def __init__(self, base: Base, token: str | None, patient_id: str, limits: Limits) -> None:
        self.base = base
        self.patient_id = patient_id
        self.authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self.allowance = Allowance(limits.call_bytes)
        self._limit_s = limits.call_ms / 1000

    @cached_property
    def ends_at(self) -> float:
        """The deadline; the time runs from when it is first asked for."""
        return monotonic() + self._limit_s


class _Call:
    """What the threads share that work for one fetch of one call."""

    def __init__(self, terms: _Terms) -> None:
        self.terms = terms
        self.base = terms.base
        self.ends_at = terms.ends_at
        self.version: Version | None = None
        self.things: list[_Thing] = []
        self._changed = Condition()

    def headers(self) -> dict[str, str]:
        """What is said of the call with each question."""
        return {"Accept": _ACCEPT.get(self.version, _ACCEPT_SINCE_STU3), **self.terms.authorization}

    def add(self, thing: _Thing, page: Resource, following: str | None) -> None:
        """Keep what came."""
        with self._changed:
            thing.pages.append(page)
            thing.following = following

    def finish(self, thing: _Thing, outcome: Outcome) -> None:
        """Note how it ended."""
        with self._changed:
            thing.outcome = outcome
            self._changed.notify_all()

    def wait(self) -> list[_Thing]:
        """What has come when everything ended, or at the deadline; what comes later is seen by nobody."""
        with self._changed:
            self._changed.wait_for(lambda: all(thing.outcome for thing in self.things), self.ends_at - monotonic())
            return [replace(thing, pages=thing.pages.copy()) for thing in self.things]


class FhirServers:
    """Asks the FHIR servers that clients name. One for each process, made at its start."""

    def __init__(
        self,
        allowed: Allowed,
        limits: Limits | None = None,
        *,
        ca: Path | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        """Be ready to ask; no thread is started and nothing connected before the first call.

        Args:
            allowed: which servers may be called.
            limits: how far it may go.
            ca: a file of certificates (PEM) to trust beside those that the machine trusts.
            resolve: from names to addresses.

        Raises:
            ssl.SSLError, OSError: the file of certificates cannot be read.
        """
        self._allowed = allowed
        self._limits = limits or Limits()
        self._connections = Connections(allowed, tls(ca), resolve)
        self._calls = Semaphore(self._limits.calls)
        self._workers = _Workers(self._limits.at_once)
        self._versions = _Versions()

    def close(self) -> None:
        """Ask for nothing any more. Threads that still work end with their deadline."""
        self._workers.close()
        self._connections.close()

    def __call__(self, request: HookRequest) -> "Fetching":
        """Begin the fetching for one call. Nothing is done, nor does its time run, before something is wanted."""
        return Fetching(self, request)

    def only(self, servers: frozenset[Server]) -> "Callable[[HookRequest], Fetching]":
        """The same for a client that may name no other servers than these, whatever the deployment allows others."""
        return partial(Fetching, self, servers=servers)

    def terms_of(self, request: HookRequest, servers: frozenset[Server] | None = None) -> _Terms | Outcome | None:
        """On which terms things may be fetched for a call, or why nothing may be; None when there is nobody to ask."""
        if not request.fhir_server or not self._limits.call_ms:
            return None
        base = base_of(request.fhir_server, self._allowed)
        if isinstance(base, Refusal) or (servers is not None and not is_listed(base, servers)):
            return Outcome.REFUSED_ADDRESS
        token = request.access_token
        if token is not None and not _TOKEN.fullmatch(token):
            return Outcome.REFUSED_TOKEN
        return _Terms(base, token, request.patient_id, self._limits)

    def fetch(self, wanted: Wanted, terms: _Terms) -> Fetched:
        """What could be had before the deadline, and why the rest could not."""
        if not self._calls.acquire(blocking=False):
            return _nothing_of(wanted, Outcome.BUSY)
        try:
            call = _Call(terms)
            self._begin(call, wanted)
            things = call.wait()
        finally:
            self._calls.release()
        return self._collected(things, call.version if wanted.version is None else None)

    def _begin(self, call: _Call, wanted: Wanted) -> None:
        """Start everything; searches, which differ by version, as soon as the version is known."""
        call.version = wanted.version or self._versions.of(call.base)
        searches = [_Thing(key, _Into.VALUES, None) for key in sorted(wanted.keys - {PATIENT})]
        others = list(_others(call.terms, wanted))
        call.things = [*searches, *others]
        begin_searches = partial(self._begin_searches, call, searches, wanted)
        if call.version is not None:
            begin_searches(call.version)
        elif searches and not self._workers.start(partial(self._learn_version, call, searches, begin_searches)):
            _finish_all(call, searches, Outcome.BUSY)
        self._start(call, others)

    def _begin_searches(self, call: _Call, searches: list[_Thing], wanted: Wanted, version: Version) -> None:
        for thing in searches:
            asked = search(thing.name, version, call.terms.patient_id, wanted.tests)
            thing.target = asked and f"{call.base.path}/{asked}"
        self._start(call, searches)

    def _start(self, call: _Call, things: Iterable[_Thing]) -> None:
        for thing in things:
            if thing.target is None:
                call.finish(thing, Outcome.REFUSED_LINK)
            elif not self._workers.start(partial(self._work, call, thing)):
                call.finish(thing, Outcome.BUSY)

    def _learn_version(self, call: _Call, searches: list[_Thing], begin_searches: Callable[[Version], None]) -> None:
        """Ask the server which version it speaks, then let the searches begin."""
        try:
            version = version_of(self._get(call, f"{call.base.path}/metadata"))
            if isinstance(version, Version):
                self._versions.remember(call.base, version)
                call.version = version
                begin_searches(version)
            else:
                _finish_all(call, searches, version)
        except Exception as problem:  # noqa: BLE001 - a thread that dies writes where it died, with what it held
            _finish_all(call, searches, ending(problem))

    def _work(self, call: _Call, thing: _Thing) -> None:
        try:
            outcome = self._bring(call, thing)
        except Exception as problem:  # noqa: BLE001 - as above
            outcome = ending(problem)
        call.finish(thing, outcome)

    def _bring(self, call: _Call, thing: _Thing) -> Outcome:
        """One resource, or a search page by page."""
        target = thing.target
        entries = 0
        while target is not None:
            answer = self._get(call, target)
            if thing.expected is not None:
                if not is_the(answer, *thing.expected):
                    return Outcome.WRONG_RESOURCE
                call.add(thing, answer, None)
                return Outcome.OK
            if not is_page(answer):
                return Outcome.WRONG_RESOURCE
            following = next_link(answer)
            call.add(thing, answer, following)
            if following is None:
                return Outcome.OK
            entries += count_of(answer)
            if len(thing.pages) >= self._limits.pages or entries >= self._limits.entries:
                return Outcome.LIMIT
            target = target_of(following, call.base, target.partition("?")[0])
        return Outcome.REFUSED_LINK

    def _get(self, call: _Call, target: str) -> Resource:
        watch = Watch(call.ends_at, self._limits.answer_bytes, call.terms.allowance)
        answer = read_body(self._connections.get(call.base, target, call.headers(), watch))
        if isinstance(answer, Outcome):
            raise Stopped(answer)
        return answer

    def _collected(self, things: Iterable[_Thing], version: Version | None) -> Fetched:
        values: dict[str, Json] = {}
        pages: dict[str, Resource] = {}
        resources: list[Resource] = []
        failed: dict[str, Why] = {}
        outcomes: Counter[Outcome] = Counter()
        for thing in things:
            outcome = thing.outcome or Outcome.TIMEOUT
            if not thing.pages:
                if thing.into is not _Into.PAGES:
                    failed[thing.name] = Why.TOO_LATE if outcome is Outcome.TIMEOUT else Why.NOT_FETCHED
            elif thing.into is _Into.RESOURCES:
                resources.append(thing.pages[0])
            elif thing.expected is not None:
                values[thing.name] = dict(thing.pages[0])
            else:
                first = thing.into is _Into.VALUES
                bundle, cut = one_bundle(thing.pages, thing.following, self._limits.entries, counted=first)
                outcome = Outcome.LIMIT if cut and outcome is Outcome.OK else outcome
                if first:
                    values[thing.name] = dict(bundle)
                else:
                    pages[thing.name] = bundle
            outcomes[outcome] += 1
        return Fetched(values, pages, tuple(resources), failed, version, dict(outcomes))


class Fetching:
    """Fetches for one call: as often as it is asked, within one deadline, and without ever raising.

    When the client names no server, or fetching is switched off, nothing at all is said: what the client did not send
    is then just not supplied. Else each key is among the values and each reference among the resources, or has failed.
    Of further pages that could not be had nothing is said: the client's own Bundle keeps its `next` link.
    """

    def __init__(self, asking: FhirServers, request: HookRequest, *, servers: frozenset[Server] | None = None) -> None:
        """Fetch for this call, when something is wanted; of these servers alone, where they are said."""
        self._asking = asking
        self._request = request
        self._servers = servers

    @cached_property
    def _terms(self) -> _Terms | Outcome | None:
        return self._asking.terms_of(self._request, self._servers)

    def __call__(self, wanted: Wanted) -> Fetched:
        """As much of it as could be had in time, and why the rest could not."""
        match self._terms if wanted else None:
            case None:
                return Fetched()
            case Outcome() as refusal:
                return _nothing_of(wanted, refusal)
            case terms:
                return self._asking.fetch(wanted, terms)


def _nothing_of(wanted: Wanted, outcome: Outcome) -> Fetched:
    """All of it failed, for one reason."""
    names = (*wanted.keys, *wanted.references)
    count = len(names) + len(wanted.pages)
    return Fetched(failed=dict.fromkeys(names, Why.NOT_FETCHED), outcomes={outcome: count})


def _others(terms: _Terms, wanted: Wanted) -> Iterable[_Thing]:
    """What is asked in the same way in every version: the patient, further pages, resources that others point at."""
    if PATIENT in wanted.keys:
        yield _one(PATIENT, _Into.VALUES, ("Patient", terms.patient_id), terms.base)
    for key in sorted(wanted.pages):
        kind = listed_under(key, wanted.version)
        page = kind and f"{terms.base.path}/{kind}"  # where the client found the list, as far as discovery tells
        yield _Thing(key, _Into.PAGES, target_of(wanted.pages[key], terms.base, page))
    for reference in sorted(wanted.references):
        yield _one(reference, _Into.RESOURCES, kind_and_id(reference), terms.base)


def _one(name: str, into: _Into, expected: tuple[str, str] | None, base: Base) -> _Thing:
    asked = read(*expected) if expected is not None else None
    return _Thing(name, into, asked and f"{base.path}/{asked}", expected)


def _finish_all(call: _Call, things: Iterable[_Thing], outcome: Outcome) -> None:
    for thing in things:
        call.finish(thing, outcome)


class _Versions:
    """Which version a server speaks. It says nothing of any patient, and is the one thing remembered of a call."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[Base, tuple[Version, float]] = OrderedDict()

    def of(self, base: Base) -> Version | None:
        with self._lock:
            version, since = self._known.get(base, (None, 0.0))
        return version if since + VERSION_KEPT_S > monotonic() else None

    def remember(self, base: Base, version: Version) -> None:
        with self._lock:
            self._known[base] = version, monotonic()
            self._known.move_to_end(base)
            if len(self._known) > MOST_VERSIONS:  # in development callers choose the servers
                self._known.popitem(last=False)


class _Workers:
    """Threads that wait for work, as many as are needed up to a limit; no work waits for a thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self._free = 0
        self._closed = False

    def start(self, job: Callable[[], None]) -> bool:
        """Have it done at once, or say that it cannot be. A job must not raise."""
        with self._lock:
            if self._closed:
                return False
            if self._free:
                self._free -= 1
            elif self._threads < self._most:
                try:  # a daemon, so that the process can end while the last ones wait for their deadline
                    Thread(target=self._work, daemon=True, name="fhir-fetch").start()
                except RuntimeError:  # pragma: no cover (the machine has no more threads)
                    return False
                self._threads += 1
            else:
                return False
            self._jobs.put(job)
        return True

    def close(self) -> None:
        """Let the threads go as soon as they are free."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # it holds the token of its call
            with self._lock:
                self._free += 1
