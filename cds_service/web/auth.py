"""Who calls: what a client proves with a signed token (CDS Hooks, "Trusting CDS Clients"), with a certificate, or both.

Nothing that a token says is obeyed before its signature is verified, except to find out by whose keys to verify it;
and nothing in it says how: the algorithm is one of a closed list and has to fit the key, and the key is the client's,
from the file of clients or from the one address that is named there.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, Protocol, TypeAlias
from wsgiref.types import WSGIEnvironment

from cds_service.advice.record import ANYONE, Caller
from cds_service.fhir.addresses import Network
from cds_service.fhir.connections import Resolve, resolve, tls
from cds_service.hooks.discovery import ServiceId
from cds_service.web.clients import BrokenClients, Client, Clients, read_clients
from cds_service.web.keys import ALGORITHMS, KeyServer, KeysFetched, KeySource, Lack, NoKey, PublicKey, RemoteKeys

SKEW_S: Final = 60  # how far apart two clocks may be
LIFE_S: Final = 300  # how long a token may live: the five minutes of Epic, the Sandbox and the standard's example
LONGEST_TOKEN: Final = 8192  # characters of the Authorization header
LONGEST_JTI: Final = 256  # characters
LONGEST_SUBJECT: Final = 1024  # characters of the header with a certificate's subject
LOOK_S: Final = 1.0  # between two looks at the file of clients

# RFC 9110, 11.4: the scheme in any case, one or more spaces. RFC 7515, 3.1: three parts, none of them empty here.
_BEARER: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_SCHEME: Final = re.compile(r"(?i:bearer)(?: |$)")
# What brings its own key or address of one, changes what is signed, or says that something must be understood.
# `x5t` is not among them: it is only a digest, which some signers add beside `kid`; nobody looks at it.
_NEVER: Final = frozenset({"crit", "jwk", "x5u", "x5c", "b64", "enc", "zip"})
_LATEST: Final = 253_402_300_799  # 9999-12-31: the last second that a datetime can hold


class Reason(StrEnum):
    """Why a call was not authenticated; for the log and the counters, never for the caller."""

    NO_TOKEN = "no-token"  # noqa: S105 - a reason
    NOT_BEARER = "not-bearer"
    TOO_LONG = "too-long"
    SHAPE = "shape"
    FORBIDDEN_HEADER = "forbidden-header"
    ISSUER = "issuer"
    CERTIFICATE_MISSING = "certificate-missing"
    CERTIFICATE_OTHER = "certificate-other"
    ALGORITHM = "algorithm"
    JKU = "jku"
    KID = "kid"
    KID_UNKNOWN = "kid-unknown"
    SANDBOX_KEY = "sandbox-key"
    KEYS_UNAVAILABLE = "keys-unavailable"
    KEYS_TOO_OLD = "keys-too-old"
    KEY_UNFIT = "key-unfit"
    SIGNATURE = "signature"
    AUDIENCE = "audience"
    TIMES = "times"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    LIFE = "life"
    JTI = "jti"
    REPLAYED = "replayed"
    TENANT = "tenant"


class Denial(StrEnum):
    """Why a known client may not do what it asks for."""

    SERVICE = "service"


class NotAuthenticated(Exception):
    """Nobody knows who calls.

    Attributes:
        reason: why.
        client: the name of the client that the call claims to come from, as the file of clients has it; None when it
            claims to come from none. Nothing proves it.
    """

    def __init__(self, reason: Reason, client: str | None = None) -> None:
        """Keep why, and nothing that was sent."""
        super().__init__(reason)
        self.reason = reason
        self.client = client


class NotAllowed(Exception):
    """A client that is known asks for what it may not have.

    Attributes:
        reason: why it may not.
        caller: who it is to the audit record.
        client: what is agreed with it.
    """

    def __init__(self, reason: Denial, caller: Caller, client: Client) -> None:
        """Keep why, and who."""
        super().__init__(reason)
        self.reason = reason
        self.caller = caller
        self.client = client


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that may go on: what is agreed with its client, and who it is to the audit record."""

    client: Client
    caller: Caller


@dataclass(frozen=True, slots=True)
class ClientsRead:
    """The file of clients changed and was read again; an event for the log.

    Attributes:
        clients: how many there are now; when there were mistakes, how many of before are kept.
        mistakes: how many there are; what the door is given to complain with names them.
    """

    clients: int
    mistakes: int


DoorEvent: TypeAlias = ClientsRead | KeysFetched
FirstUse: TypeAlias = Callable[[bytes, datetime], bool]
"""Whether a token comes for the first time: its digest, and the moment from which it may be forgotten.

Atomic over all processes that answer. It does not raise: what it does without its database is its own decision.
"""


class Admits(Protocol):
    """A door."""

    def admit(self, environ: WSGIEnvironment, address: str, service: ServiceId | None) -> Admitted:
        """Let a call in.

        Args:
            environ: of the call.
            address: its path as we name it, such as "/cds-services/abc/feedback"; never as the caller wrote it.
            service: the one it is about; None for the discovery document.

        Raises:
            NotAuthenticated: nobody knows who calls.
            NotAllowed: the client may not use the service.
        """


class OpenDoor:
    """The door of development: anyone may come in."""

    def admit(self, environ: WSGIEnvironment, address: str, service: ServiceId | None) -> Admitted:  # noqa: ARG002 - as `Admits`
        """Let every call in."""
        return _ANYONE


_ANYONE: Final = Admitted(Client(name=ANYONE.client), ANYONE)


@dataclass(frozen=True, slots=True)
class _Token:
    """A token, taken apart but not believed.

    Attributes:
        signed: the bytes that the signature is over.
    """

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class _Known:
    """The clients as they are now, and where the keys of each come from, by its name."""

    clients: Clients
    sources: dict[str, KeySource]


class Door:
    """Lets in the clients of the file, each by its own proof."""

    def __init__(  # noqa: PLR0913 - the whole of what it is handed, each by its name
        self,
        path: Path,
        *,
        public_url: str,
        services: Collection[ServiceId],
        first_use: FirstUse,
        now: Callable[[], datetime],
        agreed: Callable[[Clients], Iterable[str]] = lambda _clients: (),
        development: bool = False,
        proxies: tuple[Network, ...] = (),
        certificate_header: str | None = None,
        life_s: int = LIFE_S,
        ca: Path | None = None,
        told: Callable[[DoorEvent], None],
        complain: Callable[[str], None],
        ticks: Callable[[], float] = monotonic,
        resolve: Resolve = resolve,
    ) -> None:
        """Read the file.

        Args:
            path: the file of clients; it is looked at again while calls come in.
            public_url: what stands before a path in the addresses that clients know us by, without a slash at its end.
            services: those there are.
            first_use: whether a token is new.
            now: the time of day, aware.
            agreed: what is wrong with clients that can be read, one text for each: they ask for what is not set.
            development: keys may be published on this machine, and may be the public Sandbox's.
            proxies: whose word on certificates counts.
            certificate_header: where they put the subject of a certificate that they verified; None for nowhere.
            life_s: the longest that a token may live, in seconds.
            ca: certificates (PEM) to trust, beside those of the machine, where keys are fetched.
            told: is told when the file was read again, and of each fetch of keys.
            complain: is given the text with what is wrong when a changed file cannot be used, once for each change.
                It is for whoever keeps the file, as it names clients, hosts and misspelt fields; no keys.
            ticks: a clock in seconds that nobody sets.
            resolve: says where a name is.

        Raises:
            BrokenClients: naming every mistake in the file.
        """
        self._path = path
        self._public_url = public_url
        self._services = services
        self._first_use = first_use
        self._now = now
        self._agreed = agreed
        self._development = development
        self._proxies = proxies
        self._certificate_key = f"HTTP_{certificate_header.upper().replace('-', '_')}" if certificate_header else None
        self._life_s = life_s
        self._context = tls(ca)
        self._told = told
        self._complain = complain
        self._ticks = ticks
        self._resolve = resolve
        self._looking = Lock()
        self._looked_at = ticks()
        self._remote: dict[str, RemoteKeys] = {}
        self._stamp = _stamp(path)  # before it is read: a change in between is seen at the next look
        self._known = self._read()

    def admit(self, environ: WSGIEnvironment, address: str, service: ServiceId | None) -> Admitted:
        """As `Admits.admit`."""
        self._look_at_the_file()
        known = self._known
        subject = self._subject(environ)
        sent = environ.get("HTTP_AUTHORIZATION", "")
        if sent:
            client, tenant = self._by_token(sent, subject, known, address)
        else:
            client, tenant = _by_certificate(subject, known.clients)
        caller = Caller(client.name, tenant)
        if service is not None and client.services is not None and service not in client.services:
            raise NotAllowed(Denial.SERVICE, caller, client)
        return Admitted(client, caller)

    def _by_token(self, sent: str, subject: str | None, known: _Known, address: str) -> tuple[Client, str | None]:
        token = _taken_apart(sent)
        client = _claimed(token, known.clients)
        try:
            _check_certificate(client, subject)
            _verify(token, client, known.sources[client.name])
            _check_audience(token.claims.get("aud"), f"{self._public_url}{address}")
            ends_at = self._check_times(token.claims)
            self._check_first_use(token.claims, client, ends_at)
            return client, _tenant(token.claims, client)
        except NotAuthenticated as not_authenticated:
            not_authenticated.client = client.name
            raise

    def _check_times(self, claims: dict[str, Any]) -> int:
        """The second at which the token ends; all three are whole seconds since 1970, as the standard has them."""
        now = self._now().timestamp()
        ends_at, issued_at = _second(claims, "exp"), _second(claims, "iat")
        valid_from = _second(claims, "nbf") if "nbf" in claims else issued_at
        if now >= ends_at + SKEW_S:
            raise NotAuthenticated(Reason.EXPIRED)
        if max(issued_at, valid_from) > now + SKEW_S:
            raise NotAuthenticated(Reason.NOT_YET)
        if not 0 < ends_at - issued_at <= self._life_s:
            raise NotAuthenticated(Reason.LIFE)
        return ends_at

    def _check_first_use(self, claims: dict[str, Any], client: Client, ends_at: int) -> None:
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI or not jti.isprintable():
            raise NotAuthenticated(Reason.JTI)
        # By what the token says and the signature proves, not by the client's name: that may change at any moment. The
        # tenants of one issuer may sign each with its own key, and then do not know each other's ids.
        tenant = next((tenant for tenant in client.tenants if tenant == claims.get("tenant")), "")
        digest = sha256(f"{client.iss}\n{tenant}\n{jti}".encode()).digest()  # none of them has a line break in it
        # A second more than the token is accepted: clocks of several processes may round differently.
        forget_at = datetime.fromtimestamp(ends_at, UTC) + timedelta(seconds=SKEW_S + 1)
        if not self._first_use(digest, forget_at):
            raise NotAuthenticated(Reason.REPLAYED)

    def _subject(self, environ: WSGIEnvironment) -> str | None:
        """The subject of the client's certificate, by the word of a proxy of ours."""
        subject: str = environ.get(self._certificate_key, "") if self._certificate_key else ""
        if not subject or len(subject) > LONGEST_SUBJECT or not self._is_from_a_proxy(environ):
            return None
        return subject

    def _is_from_a_proxy(self, environ: WSGIEnvironment) -> bool:
        try:
            peer = ip_address(environ.get("REMOTE_ADDR", ""))
        except ValueError:
            return False
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return any(peer.version == network.version and peer in network for network in self._proxies)

    # The file ---------------------------------------------------------------------------------------------------------

    def _look_at_the_file(self) -> None:
        """Read the file again when it changed, in the thread of one call, while the others go on with what there is."""
        if self._ticks() - self._looked_at < LOOK_S or not self._looking.acquire(blocking=False):
            return
        try:
            self._looked_at = self._ticks()
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._read_again()
        finally:
            self._looking.release()

    def _read_again(self) -> None:
        mistakes = 0
        try:
            self._known = self._read()
        except BrokenClients as broken:
            mistakes = len(broken.mistakes) + len(broken.not_agreed)
            kept = len(self._known.clients.everyone)
            self._complain(f"The file of clients was not read again; the {kept} of before may call:\n{broken}")
        self._told(ClientsRead(len(self._known.clients.everyone), mistakes))

    def _read(self) -> _Known:
        clients = read_clients(self._path, development=self._development, services=self._services)
        not_agreed = [f"{self._path}: {says}" for says in self._agreed(clients)]
        if not_agreed:
            raise BrokenClients((), not_agreed)
        # Keys that were fetched stay: a change of the file is no reason to ask everyone again.
        jkus = {one.jku: one.name for one in clients.everyone if one.jku is not None and one.keys is None}
        self._remote = {jku: self._remote.get(jku) or self._keys_of(name, jku) for jku, name in jkus.items()}
        sources: dict[str, KeySource] = {}
        for client in clients.everyone:
            if client.keys is not None:
                sources[client.name] = client.keys
            elif client.jku is not None:
                sources[client.name] = self._remote[client.jku]
        return _Known(clients, sources)

    def _keys_of(self, client: str, jku: str) -> RemoteKeys:
        fetch = KeyServer(jku, self._context, self._resolve, development=self._development)
        return RemoteKeys(client, fetch, development=self._development, told=self._told, ticks=self._ticks)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


# Each step of the proof -----------------------------------------------------------------------------------------------


def _taken_apart(sent: str) -> _Token:
    """The token of an Authorization header, if there is exactly one, and it can be read in one way only."""
    if len(sent) > LONGEST_TOKEN:
        raise NotAuthenticated(Reason.TOO_LONG)
    match = _BEARER.fullmatch(sent)
    if match is None:
        raise NotAuthenticated(Reason.SHAPE if _SCHEME.match(sent) else Reason.NOT_BEARER)
    header, claims, signature = match.groups()
    said = _json_of(header)
    if not _NEVER.isdisjoint(said):
        raise NotAuthenticated(Reason.FORBIDDEN_HEADER)
    kind = said.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":  # a token for something else
        raise NotAuthenticated(Reason.SHAPE)
    return _Token(said, _json_of(claims), f"{header}.{claims}".encode("ascii"), _bytes_of(signature))


def _bytes_of(part: str) -> bytes:
    """The bytes of base64url, in its one form: no padding, and no bits in the last character that mean nothing."""
    try:
        decoded = urlsafe_b64decode(f"{part}{'=' * (-len(part) % 4)}")
    except ValueError:
        raise NotAuthenticated(Reason.SHAPE) from None
    if urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii") != part:
        raise NotAuthenticated(Reason.SHAPE)
    return decoded


def _json_of(part: str) -> dict[str, Any]:
    """A JSON object without a name that stands twice: of two, this reader and the next might take different ones."""
    decoded = _bytes_of(part)
    try:
        value = _READER.decode(decoded.decode("utf-8"))
    except (ValueError, RecursionError):
        raise NotAuthenticated(Reason.SHAPE) from None
    if not isinstance(value, dict):
        raise NotAuthenticated(Reason.SHAPE)
    return value


def _without_doubles(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found


def _no_such_number(_written: str) -> float:
    raise ValueError  # NaN and Infinity are not JSON


_READER: Final = json.JSONDecoder(object_pairs_hook=_without_doubles, parse_constant=_no_such_number)


def _claimed(token: _Token, clients: Clients) -> Client:
    iss = token.claims.get("iss")
    tenant = token.claims.get("tenant")
    client = clients.claimed(iss, tenant if isinstance(tenant, str) else None) if isinstance(iss, str) else None
    if client is None:
        raise NotAuthenticated(Reason.ISSUER)
    return client


def _check_certificate(client: Client, subject: str | None) -> None:
    if client.certificate is not None and client.certificate != subject:
        raise NotAuthenticated(Reason.CERTIFICATE_MISSING if subject is None else Reason.CERTIFICATE_OTHER)


def _by_certificate(subject: str | None, clients: Clients) -> tuple[Client, str | None]:
    """The client that needs no token but its certificate; it speaks for its one tenant."""
    if subject is None:
        raise NotAuthenticated(Reason.NO_TOKEN)
    client = clients.by_certificate.get(subject)
    if client is None:
        raise NotAuthenticated(Reason.CERTIFICATE_OTHER)
    return client, next(iter(client.tenants), None)


def _verify(token: _Token, client: Client, source: KeySource) -> None:
    """Whether the client signed the token."""
    algorithm = token.header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise NotAuthenticated(Reason.ALGORITHM)
    if "jku" in token.header and (client.jku is None or token.header["jku"] != client.jku):
        raise NotAuthenticated(Reason.JKU)
    kid = token.header.get("kid")
    if not isinstance(kid, str):
        raise NotAuthenticated(Reason.KID)
    fitting = [key for key in _found(source, kid) if algorithm in key.fits]
    if not fitting:
        raise NotAuthenticated(Reason.KEY_UNFIT)
    verify = ALGORITHMS[algorithm].verify
    if not any(verify(token.signed, token.signature, key.key) for key in fitting):
        raise NotAuthenticated(Reason.SIGNATURE)


def _found(source: KeySource, kid: str) -> Sequence[PublicKey]:
    try:
        return source.find(kid)
    except NoKey as none:
        raise NotAuthenticated(_LACKS[none.lack]) from None


_LACKS: Final = {lack: Reason(lack.value) for lack in Lack}


def _check_audience(aud: object, ours: str) -> None:
    """Whether the token is for this very address: character by character, alone or in a list of texts."""
    named = aud if isinstance(aud, list) else [aud]
    if not all(isinstance(one, str) for one in named) or ours not in named:
        raise NotAuthenticated(Reason.AUDIENCE)


def _second(claims: dict[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= _LATEST:  # `type`: True is an int, too
        raise NotAuthenticated(Reason.TIMES)
    return value


def _tenant(claims: dict[str, Any], client: Client) -> str | None:
    """The tenant, when the client has any; another claim of the name means nothing to us, and is not kept."""
    if not client.tenants:
        return None
    tenant = claims.get("tenant")
    if not isinstance(tenant, str) or tenant not in client.tenants:
        raise NotAuthenticated(Reason.TENANT)
    return tenant
