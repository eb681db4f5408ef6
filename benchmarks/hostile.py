"""What no EHR should send, and what it is answered with."""

import gzip
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Final
from uuid import uuid4

from benchmarks.ehr import DISCOVERY, LIFE, TENANTS, Ehr, Sent, dumped, posted

SERVICE: Final = f"{DISCOVERY}/medication-safety-order-sign"
FEEDBACK: Final = f"{SERVICE}/feedback"
MEGABYTE: Final = 1024 * 1024
MOST_MB: Final = 1  # the limit that the service is given


@dataclass(frozen=True, slots=True)
class Attack:
    """One of them.

    Attributes:
        make: the request, from who is known to the service and an ordinary body.
        answers: the statuses that are right; 0 for no answer.
    """

    name: str
    make: Callable[[Ehr, bytes], Sent]
    answers: frozenset[int]


def _body(name: str, change: Callable[[bytes], bytes], *answers: int) -> Attack:
    """A known EHR, a bad body."""
    return Attack(
        name, lambda ehr, body: posted(SERVICE, ehr.token(SERVICE), change(body)), frozenset(answers or {400})
    )


def _unread(name: str, *answers: int, more: int = 0, claims: int | None = None) -> Attack:
    """A known EHR, a body that is longer than it may be, or says so."""

    def make(ehr: Ehr, body: bytes) -> Sent:
        usual = posted(SERVICE, ehr.token(SERVICE), body + b" " * more)
        return replace(usual, claims_bytes=claims, last=True)

    return Attack(name, make, frozenset({0, *answers}))


def _token(name: str, make: Callable[[Ehr], str]) -> Attack:
    """A good body, a bad token."""
    return Attack(name, lambda ehr, body: posted(SERVICE, make(ehr), body), frozenset({401}))


def _changed(**members: object) -> Callable[[bytes], bytes]:
    return lambda body: dumped(json.loads(body) | members)


def _headers(name: str, change: dict[str, str], *answers: int) -> Attack:
    def make(ehr: Ehr, body: bytes) -> Sent:
        usual = posted(SERVICE, ehr.token(SERVICE), body)
        return replace(usual, headers=usual.headers | change)

    return Attack(name, make, frozenset(answers))


def _feedback(name: str, body: object) -> Attack:
    return Attack(name, lambda ehr, _: posted(FEEDBACK, ehr.token(FEEDBACK), dumped(body)), frozenset({400}))


def _zipped(name: str, body: bytes, *answers: int) -> Attack:
    packed = gzip.compress(body)

    def make(ehr: Ehr, _: bytes) -> Sent:
        usual = posted(SERVICE, ehr.token(SERVICE), packed)
        return replace(usual, headers=usual.headers | {"Content-Encoding": "gzip"})

    return Attack(name, make, frozenset(answers))


def _unsigned(ehr: Ehr) -> str:
    """`alg: none`, the oldest trick there is."""
    _, claims, _ = ehr.token(SERVICE).split(".")
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{claims}."


def _part(value: object) -> str:
    return urlsafe_b64encode(dumped(value)).decode().rstrip("=")


def _tampered(ehr: Ehr) -> str:
    header, _, signature = ehr.token(SERVICE).split(".")
    _, claims, _ = ehr.token(SERVICE, tenant="another").split(".")
    return f"{header}.{claims}.{signature}"


_NESTED: Final = b'{"hook":' * 100_000 + b"1" + b"}" * 100_000
_LISTS: Final = b"[" * 500_000 + b"]" * 400_000
_BOMB: Final = b'{"hook": "' + b"a" * (64 * MEGABYTE) + b'"}'
_ENTRIES: Final = {"feedback": [{"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "now"}] * 3}
_REPLAYED: Final = str(uuid4())

ATTACKS: Final = (
    _body("no JSON at all", lambda _: b"hook=order-sign"),
    _body("JSON cut off", lambda body: body[: len(body) // 2]),
    _body("not in UTF-8", lambda body: body[:-1] + b'\xff"}'),
    _body("an empty body", lambda _: b""),
    _body("a list", lambda body: b"[" + body + b"]"),
    _body("a number", lambda _: b"42"),
    _body("a context that is text", _changed(context="Patient/1")),
    _body("another hook", _changed(hook="patient-view")),
    _body("no hookInstance", _changed(hookInstance=None)),
    _body("prefetch of the wrong type", _changed(prefetch=[1, 2, 3]), 200, 400),
    _body("a hundred thousand objects deep", lambda _: _NESTED, 400, 413),
    _body("half a million lists deep", lambda _: _LISTS, 400, 413),
    _unread("too long", 413, more=2 * MOST_MB * MEGABYTE),
    _unread("two gigabytes announced", 413, claims=2_000_000_000),
    _unread("the body never ends", 400, 408, claims=200_000),
    _headers("a form", {"Content-Type": "application/x-www-form-urlencoded"}, 400, 415),
    _headers("JSON in UTF-16", {"Content-Type": "application/json; charset=utf-16"}, 400, 415),
    _headers("an encoding nobody knows", {"Content-Encoding": "snappy"}, 400, 415),
    _headers("said to be compressed", {"Content-Encoding": "gzip"}, 400, 415),
    _zipped("a zip bomb", _BOMB, 400, 413, 415),
    _zipped("a zip bomb in a zip", gzip.compress(_BOMB), 400, 413, 415),
    Attack(
        "a service there is not",
        lambda ehr, body: posted(f"{DISCOVERY}/admin", ehr.token(f"{DISCOVERY}/admin"), body),
        frozenset({404}),
    ),
    _feedback("feedback about nothing", {}),
    _feedback("feedback at no time", _ENTRIES),
    _feedback("feedback on no card", {"feedback": [{"card": "1' OR '1'='1", "outcome": "accepted"}]}),
    Attack("no token", lambda _, body: Sent(SERVICE, {"Content-Type": "application/json"}, body), frozenset({401})),
    _token("a token that is none", lambda _: "a.b.c"),
    _token("a very long token", lambda _: "a" * 7000),
    _token("a token signed by nobody", _unsigned),
    _token("a token changed afterwards", _tampered),
    _token("a token of somebody else's key", lambda ehr: replace(Ehr.new(), kid=ehr.kid).token(SERVICE)),
    _token("a token for another address", lambda ehr: ehr.token(FEEDBACK)),
    _token("a token for another service", lambda ehr: ehr.token(SERVICE, aud="https://cds.example/cds-services/x")),
    _token("a token of an unknown issuer", lambda ehr: ehr.token(SERVICE, iss="https://evil.example")),
    _token("a token that ran out", lambda ehr: ehr.token(SERVICE, exp=1_700_000_000, iat=1_700_000_000 - LIFE)),
    _token("a token for ever", lambda ehr: ehr.token(SERVICE, exp=4_000_000_000)),
    _token("a token with keys of its own", lambda ehr: ehr.token(SERVICE, {"jku": "http://169.254.169.254/keys"})),
    _token("a token of another tenant", lambda ehr: ehr.token(SERVICE, tenant="ward-8")),
)

_REPLAY: Final = Attack(
    "a token used twice",
    lambda ehr, body: posted(SERVICE, ehr.token(SERVICE, jti=_REPLAYED, tenant=TENANTS[0]), body),
    frozenset({401}),
)
"""Its first use in a run is an ordinary call, and is answered as one: see `first_use`."""


def first_use(ehr: Ehr, body: bytes) -> Sent:
    """The one rightful use of the token that is replayed afterwards."""
    return _REPLAY.make(ehr, body)


def choose(random: Random) -> Attack:
    """Any of them."""
    return random.choice((*ATTACKS, _REPLAY))
