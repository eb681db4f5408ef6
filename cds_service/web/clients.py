"""Which clients may call, how they prove who they are, and what is agreed with each: the file of `CDS_CLIENTS`."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from cds_service.card_files.mistakes import BrokenLibrary, Mistake, did_you_mean
from cds_service.card_files.yaml_source import Place, Source, read_source, source_of
from cds_service.fhir.addresses import Server, read_server
from cds_service.hooks.discovery import ServiceId
from cds_service.web.keys import Keyring, PublicKey, read_jku, read_key

T = TypeVar("T")

LONGEST: Final = 512  # characters of an issuer, a tenant, a subject or a reason
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_ANYONE: Final = "anyone"  # the audit record's word for callers who were not asked who they are
_MOST_A_MINUTE: Final = 1_000_000
_MOST_CONCURRENT: Final = 1000
_MOST_DAYS: Final = 365


class BrokenClients(Exception):
    """The file of clients cannot be used; its text names every mistake, one a line.

    Attributes:
        mistakes: each once, in the order of lines.
        not_agreed: where the file asks for what is not set elsewhere; these have no line.
    """

    def __init__(self, mistakes: Iterable[Mistake], not_agreed: Iterable[str] = ()) -> None:
        """Keep them."""
        self.mistakes = tuple(sorted(set(mistakes)))
        self.not_agreed = tuple(not_agreed)
        super().__init__("\n".join((*map(str, self.mistakes), *self.not_agreed)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client that may call, as its operator described it.

    Attributes:
        name: small letters, digits and hyphens; what log, audit record and reports call it.
        iss: the issuer in its tokens; None for a client that shows a certificate and no token.
        jku: where it publishes its keys.
        keys: its keys, where they were handed over; then nothing is fetched.
        tenants: the organizations it may speak for. When there are none, a `tenant` in a token is not looked at.
        services: those it may call; None for all.
        fhir_servers: those that may be asked on its behalf; None for all of CDS_FHIR_SERVERS.
        rate: calls a minute; None for the usual.
        concurrent: calls at the same time; None for the usual.
        deduplicate: a card that was shown at order-select is not shown again at order-sign.
        override_kept_days: how long an override with a reason is remembered; 0 for not at all.
        override_reasons: the client's own codes of reasons, beside those that the cards offer.
        certificate: the subject of its certificate, as the proxy writes it; None when it needs none.
    """

    name: str
    iss: str | None = None
    jku: str | None = None
    keys: Keyring | None = None
    tenants: frozenset[str] = frozenset()
    services: frozenset[ServiceId] | None = None
    fhir_servers: frozenset[Server] | None = None
    rate: int | None = None
    concurrent: int | None = None
    deduplicate: bool = False
    override_kept_days: int = 0
    override_reasons: frozenset[str] = frozenset()
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Clients:
    """All clients, and how to find the one that a call claims to come from.

    Attributes:
        by_issuer: the clients that share an issuer, in the order of the file.
        by_certificate: those that need no token.
    """

    everyone: tuple[Client, ...]
    by_issuer: Mapping[str, tuple[Client, ...]]
    by_certificate: Mapping[str, Client]

    @classmethod
    def of(cls, everyone: Iterable[Client]) -> "Clients":
        """These clients."""
        known = tuple(everyone)
        by_issuer: dict[str, tuple[Client, ...]] = {}
        for client in known:
            if client.iss is not None:
                by_issuer[client.iss] = (*by_issuer.get(client.iss, ()), client)
        without = {one.certificate: one for one in known if one.iss is None and one.certificate is not None}
        return cls(known, MappingProxyType(by_issuer), MappingProxyType(without))

    def claimed(self, iss: str, tenant: str | None) -> Client | None:
        """The client whose issuer, and among those who share it, whose tenant a token names.

        Where nobody of that issuer has the tenant it is the first of them, so that the token is refused in its turn.
        """
        sharing = self.by_issuer.get(iss, ())
        return next((client for client in sharing if tenant in client.tenants), next(iter(sharing), None))


def read_clients(path: Path, *, development: bool, services: Collection[ServiceId] | None = None) -> Clients:
    """Read the file of clients.

    Args:
        path: the file.
        development: keys may be published on this machine, and may be the public Sandbox's.
        services: those there are; None where that is not known, then any id is taken.

    Raises:
        BrokenClients: naming every mistake.
    """
    try:
        return _clients_of(read_source(path), development=development, services=services)
    except BrokenLibrary as unreadable:
        raise BrokenClients(unreadable.mistakes) from None


def clients_of(text: str, file: str, *, development: bool, services: Collection[ServiceId] | None = None) -> Clients:
    """The same for a text that is at hand; `file` is what mistakes call it.

    Raises:
        BrokenClients: naming every mistake.
    """
    try:
        return _clients_of(source_of(text, file), development=development, services=services)
    except BrokenLibrary as unreadable:
        raise BrokenClients(unreadable.mistakes) from None


def _clients_of(source: Source, *, development: bool, services: Collection[ServiceId] | None) -> Clients:
    reading = _Reading(source, development=development, services=services)
    clients = reading.clients()
    if reading.mistakes:
        raise BrokenClients(reading.mistakes)
    return Clients.of(clients)


# One field ------------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or not value.isprintable() or value != value.strip():
        message = f"must be a text of one line and at most {LONGEST} characters; put numbers in quotes"
        raise ValueError(message)
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value == _ANYONE:
        message = f"must be a name of small letters, digits and hyphens, and not `{_ANYONE}`"
        raise ValueError(message)
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        message = "must be `true` or `false`"
        raise ValueError(message)  # noqa: TRY004 - what a file says, not what code does
    return value


def _number(most: int, *, least: int = 1) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            message = f"must be a whole number from {least} to {most}"
            raise ValueError(message)
        return value

    return read


def _server(value: object) -> Server:
    try:
        return read_server(_text(value))
    except ValueError:
        message = "must be a host like `fhir.example` or `fhir.example:8443`"
        raise ValueError(message) from None


# The whole file -------------------------------------------------------------------------------------------------------

_ONE: Final[Mapping[str, Callable[[object], object]]] = {
    "name": _name,
    "iss": _text,
    "certificate": _text,
    "rate": _number(_MOST_A_MINUTE),
    "concurrent": _number(_MOST_CONCURRENT),
    "deduplicate": _switch,
    "override_kept_days": _number(_MOST_DAYS, least=0),
}
_MANY: Final[Mapping[str, Callable[[object], object]]] = {
    "tenants": _text,
    "fhir_servers": _server,
    "override_reasons": _text,
}
_FIELDS: Final = frozenset({*_ONE, *_MANY, "jku", "keys", "services"})


class _Reading:
    """Reads a file from top to bottom, and goes on after a mistake."""

    def __init__(self, source: Source, *, development: bool, services: Collection[ServiceId] | None) -> None:
        self.mistakes: list[Mistake] = []
        self._source = source
        self._development = development
        self._services = services
        self._places: dict[str, Place] = {}  # of each client, by its name

    def clients(self) -> tuple[Client, ...]:
        """The clients; when there are mistakes, those that could be read."""
        data = self._source.data
        if not isinstance(data, dict) or not isinstance(data.get("clients"), list) or not data["clients"]:
            self._wrong((), "the file must have `clients:` and below it a list of clients, one at least")
            return ()
        for field in data.keys() - {"clients"}:
            self._wrong((field,), f"`{field}` is not a field of this file; there is only `clients`")
        read = [self._client(("clients", position), entry) for position, entry in enumerate(data["clients"])]
        clients = tuple(client for client in read if client is not None)
        for one, other in combinations(clients, 2):
            for says in _clashes(one, other):
                self._wrong(self._places[other.name], says)
        return clients

    def _client(self, place: Place, entry: object) -> Client | None:
        if not isinstance(entry, dict):
            self._wrong(place, "a client must be a list of fields, such as `name` and `iss`")
            return None
        before = len(self.mistakes)
        read: dict[str, Any] = {}
        for field, value in entry.items():
            if field not in _FIELDS:
                self._wrong((*place, field), f"`{field}` is not a field of a client{did_you_mean(field, _FIELDS)}")
            else:
                read[field] = self._field((*place, field), field, value)
        if entry.keys() <= _FIELDS:  # what is misspelt is not missing, too
            for says in _missing(entry):
                self._wrong(place, says)
        if len(self.mistakes) > before:
            return None
        client = Client(**read)
        if client.name in self._places:
            first = self._source.line(self._places[client.name])
            self._wrong((*place, "name"), f"`{client.name}` is the name of the client on line {first} already")
            return None
        self._places[client.name] = place
        return client

    def _field(self, place: Place, field: str, value: object) -> object:
        if field in _ONE:
            return self._one(place, f"`{field}`", value, _ONE[field])
        if field in _MANY:
            return frozenset(self._many(place, field, value, _MANY[field]))
        match field:
            case "jku":
                return self._one(place, "`jku`", value, lambda said: read_jku(said, development=self._development))
            case "keys":
                return self._keys(place, value)
            case _:
                return frozenset(self._many(place, "services", value, self._service))

    def _one(self, place: Place, what: str, value: object, read: Callable[[object], T]) -> T | None:
        try:
            return read(value)
        except ValueError as problem:
            self._wrong(place, f"{what} {problem}")
            return None

    def _many(self, place: Place, field: str, value: object, read: Callable[[object], T]) -> Iterator[T]:
        if not isinstance(value, list) or not value:
            self._wrong(
                place, f"`{field}` must be a list with one entry at least; leave the field out if there is none"
            )
            return
        for position, entry in enumerate(value):
            one = self._one((*place, position), f"an entry of `{field}`", entry, read)
            if one is not None:
                yield one

    def _service(self, value: object) -> ServiceId:
        service = ServiceId(_text(value))
        if self._services is not None and service not in self._services:
            message = f"is no service: `{service}`{did_you_mean(service, self._services)}"
            raise ValueError(message)
        return service

    def _keys(self, place: Place, value: object) -> Keyring:
        seen: set[str] = set()

        def read(entry: object) -> PublicKey:
            key = read_key(entry)
            if key.kid in seen:
                message = "has the `kid` of another"
                raise ValueError(message)
            if key.sandbox and not self._development:
                message = "is the key of the public CDS Hooks Sandbox, whose private half anybody can read"
                raise ValueError(message)
            seen.add(key.kid)
            return key

        return Keyring.of(self._many(place, "keys", value, read), development=self._development)

    def _wrong(self, place: Place, says: str) -> None:
        self.mistakes.append(Mistake(self._source.file, self._source.line(place), says))


def _missing(entry: Mapping[str, object]) -> Iterator[str]:
    """What a client lacks to be known by."""
    if "name" not in entry:
        yield "a client must have a `name`"
    if "iss" in entry:
        if "jku" not in entry and "keys" not in entry:
            yield "a client with `iss` must have `jku` (where its keys are) or `keys` (the keys themselves)"
        return
    if "certificate" not in entry:
        yield "a client must have `iss` (it sends tokens), `certificate` (it shows one to the proxy), or both"
    for field in ("jku", "keys"):
        if field in entry:
            yield f"`{field}` belongs to tokens: name their issuer, `iss`, too"
    tenants = entry.get("tenants")
    if isinstance(tenants, list) and len(tenants) > 1:
        yield "a client without tokens has one of `tenants` at most: there is nothing to tell them apart by"


def _clashes(one: Client, other: Client) -> Iterator[str]:
    """Why two clients could be taken for each other."""
    if one.iss is not None and one.iss == other.iss:
        if not one.tenants or not other.tenants:
            yield f"`{one.name}` has the same `iss`; each of them must have `tenants`, to be told apart by"
        for tenant in sorted(one.tenants & other.tenants):
            yield f"`{one.name}` has the same `iss` and the tenant `{tenant}`, too"
    if one.certificate is not None and one.certificate == other.certificate and (one.iss is None or other.iss is None):
        yield f"`{one.name}` has the same `certificate`, and one of them needs nothing else"
