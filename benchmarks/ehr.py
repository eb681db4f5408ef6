"""An EHR that the service knows: its key, its tokens, and its calls over one connection."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, RemoteDisconnected
from typing import Any, Final, Self
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

ALGORITHM: Final = "ES384"
PUBLIC: Final = "https://cds.soak.example"  # what the service is told that it is called
ISSUER: Final = "https://ehr.soak.example"
TENANTS: Final = (
    "ward-1",
    "ward-2",
    "ward-3",
    "ward-4",
)  # each a client of its own, for a client has so many calls at once
DISCOVERY: Final = "/cds-services"
SECONDS: Final = 30  # an answer that takes longer is none
LIFE: Final = 120  # of a token, in seconds

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ehr:
    """Who signs."""

    key: ECKey = field(repr=False)
    kid: str
    tenant: str = TENANTS[0]

    @classmethod
    def new(cls) -> Self:
        """One with a fresh key."""
        kid = uuid4().hex
        return cls(ECKey.generate_key("P-384", {"kid": kid, "use": "sig", "alg": ALGORITHM}), kid)

    @property
    def public_keys(self) -> Json:
        """Its JWKS."""
        return {"keys": [self.key.as_dict(private=False)]}

    def token(self, path: str, header: Json | None = None, **claims: object) -> str:
        """A token for one call of one address; `header` and `claims` are what is to be otherwise than usual."""
        now = int(time.time())
        usual = {"iss": ISSUER, "aud": PUBLIC + path, "iat": now, "exp": now + LIFE, "jti": str(uuid4())}
        return jwt.encode(
            {"alg": ALGORITHM, "kid": self.kid, "typ": "JWT"} | (header or {}),
            usual | {"tenant": self.tenant} | claims,
            self.key,
            algorithms=[ALGORITHM],
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes over the wire.

    Attributes:
        body: None for a GET.
        claims_bytes: the Content-Length it claims to have; None for the true one.
        last: nothing follows it on its connection: the service may answer before it has read it all, and hang up. An
            answer then reaches us or not.
    """

    path: str
    headers: dict[str, str]
    body: bytes | None
    claims_bytes: int | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Got:
    """An answer. `status` is 0 when none came, as may happen to the last request of a connection."""

    status: int
    body: bytes
    took_ms: float


class Line:
    """One connection, kept open as long as both sides want.

    Attributes:
        reopened: how often the other side had hung up when we wanted to ask again, which it may (RFC 9112, 9.3.1).
    """

    def __init__(self, port: int) -> None:
        """To the service on this port of this machine; connects when it is first used."""
        self._connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        self.reopened = 0

    def send(self, sent: Sent) -> Got:
        """Send one request and read what comes back.

        Raises:
            OSError: a whole request got no answer.
            HTTPException: what came was no answer.
        """
        used = self._connection.sock is not None
        try:
            return self._send(sent)
        except RemoteDisconnected:
            if not used:
                raise
            self.reopened += 1
            return self._send(sent)

    def _send(self, sent: Sent) -> Got:
        began = time.perf_counter()
        try:
            answer = self._exchange(sent)
            got = Got(answer.status, answer.read(), (time.perf_counter() - began) * 1000)
        except (OSError, HTTPException):
            self.close()
            if not sent.last:
                raise
            return Got(0, b"", 0.0)
        if sent.last:
            self.close()
        return got

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _exchange(self, sent: Sent) -> HTTPResponse:
        connection = self._connection
        connection.putrequest("GET" if sent.body is None else "POST", sent.path, skip_accept_encoding=True)
        for name, value in sent.headers.items():
            connection.putheader(name, value)
        if sent.body is not None:
            length = len(sent.body) if sent.claims_bytes is None else sent.claims_bytes
            connection.putheader("Content-Length", str(length))
        with suppress(BrokenPipeError):  # it is refused, and was not read to its end; the answer is there
            connection.endheaders(sent.body)
        if sent.claims_bytes is not None and connection.sock is not None:
            connection.sock.settimeout(2)  # whoever waits for the rest of it waits for ever
        return connection.getresponse()


def posted(path: str, token: str, body: bytes, content_type: str = "application/json") -> Sent:
    """A POST as an EHR would send it."""
    return Sent(path, {"Authorization": f"Bearer {token}", "Content-Type": content_type}, body)


def dumped(value: object) -> bytes:
    """JSON as EHRs send it."""
    return json.dumps(value, separators=(",", ":")).encode()
