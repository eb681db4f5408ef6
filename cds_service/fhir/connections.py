"""Connections to FHIR servers: each is made to an address that was checked, and each step of it looks at the clock.

The one place of the package that reaches for the network. `requests`, and urllib3 beneath it, speak HTTP and use
connections again; the sockets they do it with are ours, and so are the limits. What they would do beside is not to
happen here. There is no `Session`: it is what follows redirects, keeps cookies, and reads proxies and passwords from
the environment. The rest is switched off in `_Adapter` and by `_silence`.
"""

import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPException
from ipaddress import ip_address
from pathlib import Path
from queue import Empty, Full, LifoQueue
from threading import Lock, RLock, Thread
from time import monotonic
from typing import Any, Final, TypeAlias

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cds_service.fhir.addresses import Address, Allowed, Base, ip_literal
from cds_service.fhir.answers import outcome_of
from cds_service.fhir.wanted import Outcome

Resolve: TypeAlias = Callable[[str, int], tuple[str, ...]]
"""From a host and a port to IP addresses; may take as long as it likes, and raises OSError."""

MOST_LOOK_UPS: Final = 16  # names that are being looked up at the same time
MOST_ADDRESSES: Final = 3  # of one name, tried one after the other
MOST_HOSTS: Final = 32  # whose connections may wait
MOST_IDLE: Final = 32  # connections that wait for the next call, of all hosts together
IDLE_S: Final = 30  # how long they wait
_PIECE: Final = 65536  # bytes
_TROUBLE: Final = (OSError, HTTPException, urllib3.exceptions.HTTPError)  # what `requests` raises are OSErrors
_TLS_TROUBLE: Final = (ssl.SSLError, requests.exceptions.SSLError, urllib3.exceptions.SSLError)


class Stopped(Exception):
    """Asking for something ended without an answer worth reading. It holds the outcome and nothing else."""

    def __init__(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        super().__init__(outcome)
        self.outcome = outcome


def ending(problem: Exception) -> Outcome:
    """The outcome that an exception is. Its text may hold what came from outside, and is said to nobody."""
    if isinstance(problem, Stopped):
        return problem.outcome
    if isinstance(problem, _TLS_TROUBLE):
        return Outcome.TLS
    return Outcome.CONNECTION if isinstance(problem, _TROUBLE) else Outcome.BROKEN


class Allowance:
    """How many bytes may still be read, by however many threads."""

    def __init__(self, most: int) -> None:
        """Allow so many."""
        self.left = most
        self._lock = Lock()

    def spend(self, count: int) -> None:
        """Take from it.

        Raises:
            Stopped: there is not so much left.
        """
        with self._lock:
            self.left -= count
        if self.left < 0:
            raise Stopped(Outcome.TOO_LARGE)


class Watch:
    """What one exchange may cost: the moment it has to be over, and the bytes of the answer, its head included."""

    def __init__(self, ends_at: float, most: int, shared: Allowance) -> None:
        """Watch one exchange.

        Args:
            ends_at: by the clock of `time.monotonic`.
            most: the bytes of this answer.
            shared: the bytes of all answers of a call.
        """
        self.ends_at = ends_at
        self.most = most
        self.shared = shared
        self.read = 0

    def seconds_left(self) -> float:
        """More than 0.

        Raises:
            Stopped: none are left.
        """
        left = self.ends_at - monotonic()
        if left <= 0:
            raise Stopped(Outcome.TIMEOUT)
        return left

    def spend(self, count: int) -> None:
        """Count bytes that came.

        Raises:
            Stopped: they are too many.
        """
        self.read += count
        if self.read > self.most:
            raise Stopped(Outcome.TOO_LARGE)
        self.shared.spend(count)


@dataclass(slots=True)
class _Exchange:
    """One question and its answer, as what the libraries call back needs to know it.

    Attributes:
        anew: whether it has to be on a connection of its own.
        opened: whether a connection was made for it.
    """

    connections: "Connections"
    base: Base
    watch: Watch
    anew: bool = False
    opened: bool = False


# A connection serves one exchange after the other, each in the thread that wants it. So a socket asks the thread.
_EXCHANGE: Final[ContextVar[_Exchange]] = ContextVar("_EXCHANGE")


class _Line(socket.socket):
    """A socket that waits no longer, and reads no more, than its exchange may, however slowly the bytes drip.

    Its time is up with `Stopped`, which the libraries let pass; a TimeoutError they would take for one of many things.
    """

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:  # noqa: ANN401 - any buffer
        watch = _EXCHANGE.get().watch
        self.settimeout(watch.seconds_left())
        try:
            count = super().recv_into(buffer, nbytes or 0, flags)
        except TimeoutError:
            raise Stopped(Outcome.TIMEOUT) from None
        watch.spend(count)
        return count

    def send(self, data: Any, flags: int = 0) -> int:  # noqa: ANN401 - as above
        self.settimeout(_EXCHANGE.get().watch.seconds_left())
        return super().send(data, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:  # noqa: ANN401 - as above
        self.settimeout(_EXCHANGE.get().watch.seconds_left())
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise Stopped(Outcome.TIMEOUT) from None


class _TlsLine(_Line, ssl.SSLSocket):
    """The same with TLS, which sends and reads through the methods above."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as the standard library has it
        try:
            self.settimeout(_EXCHANGE.get().watch.seconds_left())  # for the handshake as a whole
            super().do_handshake(block)
        except TimeoutError:
            self.close()
            raise Stopped(Outcome.TIMEOUT) from None
        except BaseException:
            self.close()
            raise


class _Connection(HTTPConnection):
    """A connection whose line we make."""

    def _new_conn(self) -> socket.socket:
        """Connect to an address that was judged. It is urllib3's customary hook, though its name is a private one."""
        return _line()


class _TlsConnection(HTTPSConnection):
    """The same with TLS."""

    def _new_conn(self) -> socket.socket:
        """Connect as above; urllib3 then speaks TLS on the line, in the context that `_Adapter` gives it."""
        return _line()

    @property
    def is_connected(self) -> bool:
        """Whether it is still open and has nothing to say: what comes unasked, deciphered already, answers nothing."""
        return super().is_connected and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())


def _line() -> _Line:
    """A line to one of the addresses of the host that the exchange under way is with."""
    exchange = _EXCHANGE.get()
    exchange.opened = True
    return exchange.connections.line(exchange.base, exchange.watch)


class _Shelf:
    """The connections of all hosts that wait for the next call."""

    def __init__(self) -> None:
        # urllib3 clears up when the garbage collector finds a host that nobody asks any more: anywhere, in here too.
        self._lock = RLock()
        self._waiting: list[tuple[_Place, HTTPConnection, float]] = []  # the last one came last
        self._closed = False

    def put(self, place: "_Place", connection: HTTPConnection) -> bool:
        """Let it wait, if there is room."""
        with self._lock:
            room = not self._closed and len(self._waiting) < MOST_IDLE
            if room:
                self._waiting.append((place, connection, monotonic()))
        return room

    def take(self, place: "_Place") -> HTTPConnection | None:
        """The one of this place that came last; all that waited too long are closed."""
        oldest = monotonic() - IDLE_S
        with self._lock:
            stale = [connection for _, connection, since in self._waiting if since < oldest]
            fresh = [one for one in self._waiting if one[2] >= oldest]
            found = next((one for one in reversed(fresh) if one[0] is place), None)
            self._waiting = [one for one in fresh if one is not found]
        for connection in stale:
            connection.close()
        return found[1] if found else None

    def close(self) -> None:
        """Close all that wait, and let none wait from now on."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for _, connection, _ in waiting:
            connection.close()


class _Place(LifoQueue[Any]):
    """What urllib3 takes for the queue of one host: a place on the shelf, since the limits are for all hosts together.

    urllib3 makes it within the first exchange with the host.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._shelf = _EXCHANGE.get().connections.shelf

    def put(self, item: HTTPConnection | None, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002, FBT001, FBT002 - as the standard library has it
        """Keep a connection; what is none, or closed, need not be kept.

        Raises:
            Full: there is no room; then urllib3 closes it.
        """
        if item is not None and not item.is_closed and not self._shelf.put(self, item):
            raise Full

    def get(self, block: bool = True, timeout: float | None = None) -> HTTPConnection:  # noqa: ARG002, FBT001, FBT002 - as above
        """A connection that waits.

        Raises:
            Empty: there is none; then urllib3 makes one.
        """
        exchange = _EXCHANGE.get(None)  # none when urllib3 clears up
        found = None if exchange is not None and exchange.anew else self._shelf.take(self)
        if found is None:
            raise Empty
        return found


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection
    QueueCls = _Place


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
    QueueCls = _Place


class _Adapter(HTTPAdapter):
    """`requests` as it is used here: its hooks for those who adapt it, and nothing beneath them."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=MOST_HOSTS, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: ANN401, FBT001, FBT002 - as `requests` has it
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Leave the context as it is: `requests` would add the certificates it brings along."""

    def build_response(self, req: requests.PreparedRequest, resp: urllib3.BaseHTTPResponse) -> requests.Response:
        """What came. Its cookies are not read: nobody wants them, and it takes time that no deadline sees."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = requests.structures.CaseInsensitiveDict(resp.headers)
        response.raw = resp
        response.request = req
        return response


def _silence() -> None:
    """Let urllib3 log nothing: what it says of an exchange holds the address, and with it the patient's id.

    By a filter on each of its loggers. Levels, handlers and even `disabled` are what a logging configuration sets anew.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"requests", "urllib3"}:
            logging.getLogger(name).addFilter(_is_not_said)


def _is_not_said(_record: logging.LogRecord) -> bool:
    return False


_silence()


def resolve(host: str, port: int) -> tuple[str, ...]:
    """The IP addresses of a name, as the machine resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def tls(ca: Path | None) -> ssl.SSLContext:
    """How TLS is spoken: certificates and host names are always verified.

    Args:
        ca: a file of certificates (PEM) to trust beside those that the machine trusts.

    Raises:
        ssl.SSLError, OSError: the file cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies; unlike the default context it writes no key log
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    if ca is not None:
        context.load_verify_locations(ca)
    context.sslsocket_class = _TlsLine
    return context


class Connections:
    """Asks over connections that it makes, and uses again."""

    def __init__(self, allowed: Allowed, context: ssl.SSLContext, resolve: Resolve) -> None:
        """Connect to what is allowed; `resolve` says where a name is."""
        self._allowed = allowed
        self._names = _Names(resolve)
        self._adapter = _Adapter(context)
        self.shelf = _Shelf()

    def get(self, base: Base, target: str, headers: Mapping[str, str], watch: Watch) -> bytearray:
        """The body of an answer that its head calls JSON.

        Args:
            base: whose host is asked.
            target: path and query.
            headers: what is said beside the host.
            watch: what it may cost.

        Raises:
            Stopped: it took too long, there was no connection, or the answer is of no use or too large.
            ValueError: a header would be more than one line; the text holds it.
        """
        request = _prepared(base, target, headers)
        exchange = _Exchange(self, base, watch)
        token = _EXCHANGE.set(exchange)
        try:
            try:
                return self._ask(request, watch)
            except _TROUBLE:
                if exchange.opened or watch.read:
                    raise
                # It was a kept connection, and the server closed it a moment ago, without a word on this. So it is
                # asked on a new one.
                exchange.anew = True
            return self._ask(request, watch)
        except _TROUBLE as problem:
            raise Stopped(ending(problem)) from None
        finally:
            _EXCHANGE.reset(token)

    def close(self) -> None:
        """Close all that wait, and keep none from now on."""
        self.shelf.close()
        self._adapter.close()

    def line(self, base: Base, watch: Watch) -> _Line:
        """A line to one of the addresses of a host.

        They are found, judged and used in one step: a name server's next answer cannot lead elsewhere.

        Raises:
            Stopped: one of them may not be connected to, or it took too long.
            OSError: nobody answers.
        """
        addresses = self._names.look_up(base, watch)
        if not addresses or not all(self._allowed.may_connect(base, address) for address in addresses):
            raise Stopped(Outcome.REFUSED_ADDRESS)
        return _connect_to_one(base, addresses[:MOST_ADDRESSES], watch)

    def _ask(self, request: requests.PreparedRequest, watch: Watch) -> bytearray:
        response = self._adapter.send(request, stream=True)
        with closing(response.raw):  # closes the connection, unless all was read and it waits for the next call
            return _body_of(response, watch)


def _prepared(base: Base, target: str, headers: Mapping[str, str]) -> requests.PreparedRequest:
    """The question. Its address stands as it was judged, not as `requests` would put it."""
    request = requests.PreparedRequest()
    request.prepare_method("GET")
    request.prepare_headers(
        {"Host": base.authority, "Accept-Encoding": "identity", "User-Agent": "cds-service", **headers}
    )
    request.url = f"{base.scheme}://{base.authority}{target}"
    return request


def _body_of(response: requests.Response, watch: Watch) -> bytearray:
    """Read what is answered, as long as it is of use and as it came over the wire."""
    head, raw = response.headers, response.raw
    outcome = outcome_of(response.status_code, head.get("Content-Type", ""), head.get("Content-Encoding", ""))
    if outcome is Outcome.OK and (raw.length_remaining or 0) > watch.most:
        outcome = Outcome.TOO_LARGE
    if outcome is not Outcome.OK:
        raise Stopped(outcome)
    body = bytearray()
    try:
        while piece := raw.read(_PIECE, decode_content=False):
            body += piece
    except ValueError:  # a chunk of a length below zero
        raise Stopped(Outcome.CONNECTION) from None
    return body


def _connect_to_one(base: Base, addresses: tuple[Address, ...], watch: Watch) -> _Line:
    *others, last = addresses
    for position, address in enumerate(others):
        try:
            return _connect(base, address, watch, share=len(addresses) - position)
        except OSError:
            continue
    try:
        return _connect(base, last, watch, share=1)
    except TimeoutError:
        raise Stopped(Outcome.TIMEOUT) from None


def _connect(base: Base, address: Address, watch: Watch, *, share: int) -> _Line:
    """A line to an address, within its share of the time: the n-th part of what is left."""
    line = _Line(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)  # noqa: PLR2004 - IPv4
    try:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.settimeout(watch.seconds_left() / share)
        line.connect((str(address), base.port))
    except BaseException:
        line.close()
        raise
    return line


class _Names:
    """Looks up names in threads of their own: the system takes as long as it likes, and nobody else has to wait.

    One name is looked up once at a time, however many ask for it, and nothing is remembered.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._lock = Lock()
        self._under_way: dict[tuple[str, int], Future[tuple[str, ...]]] = {}

    def look_up(self, base: Base, watch: Watch) -> tuple[Address, ...]:
        """The addresses of a host.

        Raises:
            Stopped: it took too long, or too many names are being looked up already.
            OSError: nobody knows the name.
        """
        literal = ip_literal(base.host)
        if literal is not None:
            return (literal,)
        name = (base.host, base.port)
        with self._lock:
            future = self._under_way.get(name)
            if future is None:
                if len(self._under_way) >= MOST_LOOK_UPS:
                    raise Stopped(Outcome.BUSY)
                future = Future()
                Thread(target=self._answer, args=(name, future), daemon=True, name="fhir-name").start()
                self._under_way[name] = future
        try:
            found = future.result(watch.seconds_left())
        except TimeoutError:
            raise Stopped(Outcome.TIMEOUT) from None
        return tuple(ip_address(address) for address in found)

    def _answer(self, name: tuple[str, int], future: Future[tuple[str, ...]]) -> None:
        try:
            found = self._resolve(*name)
        except Exception as problem:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            self._done(name)
            future.set_exception(problem)
        else:
            self._done(name)
            future.set_result(found)

    def _done(self, name: tuple[str, int]) -> None:
        with self._lock:
            del self._under_way[name]
