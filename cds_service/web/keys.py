"""The public keys of clients (RFC 7517): from the file of clients, or fetched from where a client publishes them.

Only an address that is configured is ever asked. It is asked over the connections of `fhir.connections`, which verify
certificates, follow no redirects, and stop at a deadline and at a number of bytes however the answer drips.
"""

import re
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network
from math import inf
from threading import Lock, Thread
from time import monotonic
from types import MappingProxyType
from typing import Any, Final, Protocol, Self

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from cds_service.fhir.addresses import Allowed, Base, base_of, read_server
from cds_service.fhir.answers import outcome_of
from cds_service.fhir.connections import Allowance, Connections, Resolve, Stopped, Watch, ending
from cds_service.fhir.wanted import Outcome

# Signatures with a public key, and each by its one name: never `none`, never a shared secret (HS*). `EdDSA` is the
# older name of RFC 8037, the last two are those of RFC 9864. secp256k1 is left out: no EHR asks for it.
_NAMES: Final = (
    *("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("EdDSA", "Ed25519", "Ed448"),
)
ALGORITHMS: Final = MappingProxyType({name: JWSRegistry.algorithms[name] for name in _NAMES})

# The key pairs that the public CDS Hooks Sandbox publishes, private halves included, by their RFC 7638 thumbprints:
# whoever can read may sign with them. Source: https://github.com/cds-hooks/sandbox
SANDBOX: Final = frozenset(
    {
        "s9fOe-KDYD1myZ8YCzleUqJQgrYZL49kVijBxhnZvZc",  # P-384: keys/jwk-keypair.json, keys/ecprivkey.pem
        "WUEVfFenRfMtdDhwPUzCCfmqEN45h61hdHclwVoqfes",  # P-256: jwk-keypair.json, src/.well-known/jwks.json
        "oinqNI3POUw3TTo_R_BmQFF2EK2jQK8R7cJm3Cw-K6Y",  # P-256: ecprivatekey.pem
    }
)

MOST_KEYS: Final = 100
MOST_BYTES: Final = 256 * 1024
LONGEST_KID: Final = 256  # characters
LONGEST_JKU: Final = 1024  # characters
FETCH_S: Final = 2.0  # for the name, the connection and the whole answer together
FRESH_S: Final = 600.0  # where the answer does not say how long it may be kept
LEAST_FRESH_S: Final = 60.0
MOST_FRESH_S: Final = 86_400.0
STALE_S: Final = 86_400.0  # how long keys are used, past their time, while they cannot be fetched
GAP_S: Final = 60.0  # between two fetches of one address
FIRST_GAP_S: Final = 10.0  # the same as long as there are no keys at all, and every call is refused
_EARLY: Final = 0.8  # the part of their time after which keys are fetched anew, beside the calls

_LEAST_RSA_BITS: Final = 2048  # RFC 7518, section 3.3
_MOST_RSA_BITS: Final = 8192
_RSA_EXPONENTS: Final = range(65_537, 2**32)  # below: NIST SP 800-56B; above: only slow
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KINDS: Final[Mapping[str, type[ECKey | RSAKey | OKPKey]]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
_MEMBERS: Final = frozenset({"kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e"})

_JKU: Final = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@\\]+)(?P<target>/[!\"$-\[\]-~]*)")  # no `#`, no `\`
_PIECE: Final = 65_536  # bytes
# Where a client's keys may stand beside the open internet: the address is the operator's own choice, not a caller's.
_INNER: Final = tuple(map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_MAX_AGE: Final = re.compile(r'(?:^|[,\s])max-age="?([0-9]{1,10})"?(?=$|[,\s])', re.IGNORECASE)
_SECONDS: Final = re.compile("[0-9]{1,10}")


class Lack(StrEnum):
    """Why there is no key."""

    KID_UNKNOWN = "kid-unknown"
    SANDBOX_KEY = "sandbox-key"  # the key is the public Sandbox's: anybody has it
    KEYS_UNAVAILABLE = "keys-unavailable"  # they could not be fetched, yet
    KEYS_TOO_OLD = "keys-too-old"  # they could not be fetched for so long that nobody knows what became of them


class NoKey(Exception):
    """There is no key by that id. It holds why, and nothing that was sent."""

    def __init__(self, lack: Lack) -> None:
        """Keep why."""
        super().__init__(lack)
        self.lack = lack


@dataclass(frozen=True, slots=True, repr=False)
class PublicKey:
    """A key that verifies signatures.

    Attributes:
        fits: the algorithms it may be used with, by its kind, its curve and its own `alg`, `use` and `key_ops`.
        sandbox: whether it is one of the public Sandbox's.
    """

    kid: str
    key: Key
    fits: frozenset[str]
    sandbox: bool


def read_key(jwk: object) -> PublicKey:
    """One JSON Web Key. Certificates beside it (`x5c`, `x5u`) are not looked at.

    Raises:
        ValueError: it cannot or must not verify signatures; the text says why, and holds nothing of the key.
    """
    if not isinstance(jwk, dict):
        message = "must be a JSON Web Key: fields such as `kty` and `kid`"
        raise ValueError(message)  # noqa: TRY004 - what a file says, not what code does
    found = _fault(jwk)
    if found is not None:
        raise ValueError(found)
    try:
        key = _KINDS[jwk["kty"]].import_key({name: value for name, value in jwk.items() if name in _MEMBERS})
        # From its numbers, not from how they are written: zeros in front would be another thumbprint.
        thumbprint = type(key).import_key(key.as_pem()).thumbprint()
    except (JoseError, ValueError, LookupError, TypeError, AttributeError):
        message = "is no public key that can be read: `crv`, `x`, `y`, `n` or `e` is missing or wrong"
        raise ValueError(message) from None
    fits = frozenset(name for name in ALGORITHMS if _fits(key, name))
    if not fits:
        message = "fits none of the algorithms that are allowed: see its `crv`, `alg`, `use` and `key_ops`"
        raise ValueError(message)
    return PublicKey(jwk["kid"], key, fits, thumbprint in SANDBOX)


def _fault(jwk: Mapping[Any, Any]) -> str | None:
    kid = jwk.get("kid")
    if jwk.get("kty") == "oct":
        return "is a shared secret; only public keys can tell who signed"
    if not isinstance(jwk.get("kty"), str) or jwk["kty"] not in _KINDS:
        return "has a `kty` that is none of `EC`, `RSA` and `OKP`"
    if not _PRIVATE.isdisjoint(jwk):
        return "holds the private half of the key, which nobody but the client may have; let the client make a new pair"
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
        return f"must have a `kid` that is a text of at most {LONGEST_KID} characters; put numbers in quotes"
    return _rsa_fault(jwk) if jwk["kty"] == "RSA" else None


def _rsa_fault(jwk: Mapping[Any, Any]) -> str | None:
    """What is wrong with an RSA key, before the library warns of it on standard error."""
    modulus, exponent = _number(jwk.get("n")), _number(jwk.get("e"))
    if not _LEAST_RSA_BITS <= modulus.bit_length() <= _MOST_RSA_BITS:
        return f"is an RSA key of {modulus.bit_length()} bits; from {_LEAST_RSA_BITS} to {_MOST_RSA_BITS} are allowed"
    if exponent not in _RSA_EXPONENTS:
        return "is an RSA key with an unusual exponent; the usual one is 65537 (`AQAB`)"
    return None


def _number(text: object) -> int:
    """The number that a member of a key is; 0 when it is none."""
    try:
        return int.from_bytes(urlsafe_b64decode(f"{text}{'=' * (-len(str(text)) % 4)}"))
    except ValueError:
        return 0


def _fits(key: Key, algorithm: str) -> bool:
    try:
        ALGORITHMS[algorithm].check_key(key)
        key.check_key_op("verify")
    except JoseError:
        return False
    # `EdDSA` would take any key of its kind, those for key agreement (X25519) too.
    return not isinstance(key, OKPKey) or key.curve_name in {"Ed25519", "Ed448"}


class KeySource(Protocol):
    """Where the keys of a client come from."""

    def find(self, kid: str) -> Sequence[PublicKey]:
        """The keys by that id, one at least.

        Raises:
            NoKey: there is none.
        """


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The keys of one client at one time, by their ids; the Sandbox's are not among them, only known by their ids."""

    by_kid: Mapping[str, tuple[PublicKey, ...]]
    sandbox: frozenset[str] = frozenset()

    @classmethod
    def of(cls, keys: Iterable[PublicKey], *, development: bool) -> "Keyring":
        """The keys, without those that only development may use."""
        by_kid: dict[str, tuple[PublicKey, ...]] = {}
        sandbox: set[str] = set()
        for key in keys:
            if key.sandbox and not development:
                sandbox.add(key.kid)
            else:
                by_kid[key.kid] = (*by_kid.get(key.kid, ()), key)
        return cls(MappingProxyType(by_kid), frozenset(sandbox))

    def find(self, kid: str) -> Sequence[PublicKey]:
        """As `KeySource.find`."""
        found = self.by_kid.get(kid)
        if found is None:
            raise NoKey(Lack.SANDBOX_KEY if kid in self.sandbox else Lack.KID_UNKNOWN)
        return found


@dataclass(frozen=True, slots=True)
class KeysFetched:
    """What came of fetching a client's keys; an event for the log.

    Attributes:
        client: the name of a client whose keys they are, as the file of clients has it.
        outcome: `ok` when they came.
        keys: how many can be used.
        ignored: how many cannot.
    """

    client: str
    outcome: Outcome
    keys: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Came:
    """A key set as it came.

    Attributes:
        fresh_s: how long it may be kept, in seconds; None where the answer does not say.
    """

    body: bytes
    fresh_s: float | None


def read_jku(jku: object, *, development: bool) -> str:
    """The address of a key set.

    Raises:
        ValueError: it cannot be one, or only in development; the text says what would be right.
    """
    try:
        _Place.of(jku, development=development)
    except ValueError:
        also = " (or `http://localhost...`)" if development else ""
        message = f"must be an address like `https://ehr.example/.well-known/jwks.json`{also}"
        raise ValueError(message) from None
    return str(jku)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a key set is: the server, the path and query there, and what may be connected to."""

    base: Base
    target: str
    allowed: Allowed

    @classmethod
    def of(cls, jku: object, *, development: bool) -> Self:
        match = _JKU.fullmatch(jku) if isinstance(jku, str) and len(jku) <= LONGEST_JKU else None
        if match is None:
            raise ValueError
        allowed = Allowed(development, frozenset({read_server(match["authority"])}), _INNER)
        base = base_of(f"{match['scheme']}://{match['authority']}", allowed)
        if not isinstance(base, Base):
            raise ValueError  # noqa: TRY004 - it is a text that is wrong, not a type
        return cls(base, match["target"], allowed)


class KeyServer(Connections):
    """Fetches the key set of one address; only one thread at a time may."""

    def __init__(self, jku: str, context: ssl.SSLContext, resolve: Resolve, *, development: bool) -> None:
        """Ask there and nowhere else.

        Args:
            jku: an address that `read_jku` takes.
            context: how TLS is spoken, from `fhir.connections.tls`.
            resolve: says where a name is.
            development: loopback may be asked, with http, too.
        """
        self._place = _Place.of(jku, development=development)
        self._fresh_s: float | None = None
        super().__init__(self._place.allowed, context, resolve)
        self.shelf.close()  # no connection waits: the next question comes in minutes

    def __call__(self) -> Came:
        """The key set as it came.

        Raises:
            Stopped: it did not, within `FETCH_S` and `MOST_BYTES`.
        """
        watch = Watch(monotonic() + FETCH_S, MOST_BYTES, Allowance(MOST_BYTES))
        headers = {"Accept": "application/jwk-set+json, application/json", "Connection": "close"}
        body = self.get(self._place.base, self._place.target, headers, watch)
        return Came(bytes(body), self._fresh_s)

    def _ask(self, request: Any, watch: Watch) -> bytearray:  # noqa: ANN401 - of `requests`, which this room does not know
        """The body, whatever it is called: key sets are served as plain text, too."""
        response = self._adapter.send(request, stream=True)
        with closing(response.raw):
            outcome = outcome_of(response.status_code, "application/json", response.headers.get("Content-Encoding", ""))
            if outcome is not Outcome.OK:
                raise Stopped(outcome)
            self._fresh_s = _fresh_s(response.headers)
            body = bytearray()
            try:
                while piece := response.raw.read(_PIECE, decode_content=False):
                    body += piece
            except ValueError:  # a chunk of a length below zero
                raise Stopped(Outcome.CONNECTION) from None
            watch.seconds_left()
            return body


def _fresh_s(head: Mapping[str, str]) -> float | None:
    """How long an answer may be kept (RFC 9111): `max-age`, less what it aged on its way."""
    control = head.get("Cache-Control", "")
    if re.search(r"(?:^|[,\s])no-(?:store|cache)(?=$|[,\s])", control, re.IGNORECASE):
        return 0.0
    said = _MAX_AGE.search(control)
    aged = _SECONDS.fullmatch(head.get("Age", "").strip())
    return max(float(said[1]) - (float(aged[0]) if aged else 0.0), 0.0) if said else None


def read_key_set(body: bytes, *, development: bool) -> tuple[Keyring, int]:
    """The keys of a key set, and how many of it cannot be used.

    A set without any is one: then the client withdrew all.

    Raises:
        ValueError: it is no key set, or one of more than `MOST_KEYS`.
    """
    said = orjson.loads(body)  # its error is a ValueError
    entries = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise ValueError
    keys: list[PublicKey] = []
    for entry in entries:
        with suppress(ValueError):
            keys.append(read_key(entry))
    ring = Keyring.of(keys, development=development)
    return ring, len(entries) - sum(map(len, ring.by_kid.values()))


@dataclass(frozen=True, slots=True)
class _Held:
    """Keys that came, and until when they are good; seconds by the cache's own clock."""

    ring: Keyring
    early_at: float
    fresh_until: float
    usable_until: float


class RemoteKeys:
    """The keys that a client publishes, kept as long as it says, and for a while longer when they cannot be fetched.

    One thread at a time fetches. The others use what there is, and wait for it where there is nothing.
    """

    def __init__(
        self,
        client: str,
        fetch: Callable[[], Came],
        *,
        development: bool,
        told: Callable[[KeysFetched], None],
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        """Fetch nothing yet.

        Args:
            client: whose keys they are, for the log.
            fetch: brings the key set, or raises `Stopped`; a `KeyServer`.
            development: the Sandbox's keys count, too.
            told: is told of each fetch.
            ticks: a clock in seconds that nobody sets.
        """
        self._client = client
        self._fetch = fetch
        self._development = development
        self._told = told
        self._ticks = ticks
        self._held: _Held | None = None
        self._fetching = Lock()
        self._tried_at = -inf
        self._failed = False

    def find(self, kid: str) -> Sequence[PublicKey]:
        """As `KeySource.find`; an id that is not known is looked for once more, at most once a minute."""
        try:
            return self._ring().find(kid)
        except NoKey as none:
            if none.lack is not Lack.KID_UNKNOWN:
                raise
        self._bring(GAP_S)
        return self._ring().find(kid)

    def _ring(self) -> Keyring:
        """The keys there are, after a fetch where one is due.

        Raises:
            NoKey: there are none, or only some that are too old.
        """
        held, now = self._held, self._ticks()
        if held is None:
            self._bring(FIRST_GAP_S)
        elif now >= held.early_at:
            # Keys whose time is over are not used again before it was tried to bring others. When that failed, it is
            # tried beside the calls, so that an outage does not slow them down.
            if now >= (held.usable_until if self._failed else held.fresh_until):
                self._bring(GAP_S)
            elif self._is_due(GAP_S):
                Thread(target=self._bring, args=(GAP_S,), daemon=True, name="web-keys").start()
        held = self._held
        if held is None:
            raise NoKey(Lack.KEYS_UNAVAILABLE)
        if self._ticks() >= held.usable_until:
            raise NoKey(Lack.KEYS_TOO_OLD)
        return held.ring

    def _is_due(self, gap_s: float) -> bool:
        return self._ticks() - self._tried_at >= gap_s

    def _bring(self, gap_s: float) -> None:
        """Fetch if the last time is long enough ago; wait for a fetch that is under way."""
        if self._fetching.acquire(timeout=FETCH_S):
            try:
                if self._is_due(gap_s):
                    self._tried_at = self._ticks()
                    self._take()
            finally:
                self._fetching.release()

    def _take(self) -> None:
        """Fetch, and keep what came. What did not come leaves everything as it was."""
        self._failed = True
        try:
            came = self._fetch()
        except Exception as problem:  # noqa: BLE001 - whatever it is, calls go on with the keys there are
            self._told(KeysFetched(self._client, ending(problem)))
            return
        try:
            ring, ignored = read_key_set(came.body, development=self._development)
        except ValueError:
            self._told(KeysFetched(self._client, Outcome.NOT_JSON))
            return
        now = self._ticks()
        fresh_s = min(max(FRESH_S if came.fresh_s is None else came.fresh_s, LEAST_FRESH_S), MOST_FRESH_S)
        self._held = _Held(ring, now + _EARLY * fresh_s, now + fresh_s, now + fresh_s + STALE_S)
        self._failed = False
        self._told(KeysFetched(self._client, Outcome.OK, sum(map(len, ring.by_kid.values())), ignored))
