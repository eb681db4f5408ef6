"""Marks for everything that a client sends, the ways in which calls fail, and the search for a mark afterwards."""

import gzip
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from cds_service.web.auth import Reason
from tests.servers.fhir_server import FhirServer, answer, bundle
from tests.servers.jwks_server import JwksServer, Signer
from tests.servers.running import PUBLIC, Ehr

MARK = "Zeisig"  # a bird like a canary, and no name of ours: the log may name our own files
FIXTURES = sorted((Path(__file__).parents[2] / "fixtures").glob("*/request.*.json"))
SIGN = "/cds-services/medication-safety-order-sign"
VIEW = "/cds-services/medication-safety-patient-view"
FEEDBACK = f"{SIGN}/feedback"
DISCOVERY = "/cds-services"
SUBJECT = "CN=ward.example,O=Hospital"
NEVER_GIVEN = "6f1f9f0e-3f5f-4a53-9d3b-0f3c6f9f8a11"


# The search -----------------------------------------------------------------------------------------------------------


def _disguises(word):
    """A word in the ways in which it might be written down: as it is, in base64 at each place, in hexadecimal."""
    for text in (word, word.lower(), word.upper()):
        data = text.encode()
        yield data
        yield data.hex().encode()
        yield text.encode("utf-16-le")
        for before in range(3):
            whole = urlsafe_b64encode(b"\0" * before + data)
            yield whole[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]  # the characters that are its own


DISGUISES = frozenset(_disguises(MARK))


def leaks_in(data, tokens=()):
    """What of a mark, or of a token, is found in these bytes, with what stands around it."""
    found = [(word, data.find(word)) for word in DISGUISES if word in data]
    folded = data.lower()
    found += [(MARK.encode(), folded.find(MARK.lower().encode()))] if MARK.lower().encode() in folded else []
    for token in tokens:
        found += [(part, data.find(part)) for part in token.encode().split(b".") if len(part) > 40 and part in data]
    return sorted({(word, data[max(at - 60, 0) : at + 60]) for word, at in found})


# What is marked -------------------------------------------------------------------------------------------------------

_WORDS = {"display", "text", "family", "given", "diagnostics", "div", "note", "comment", "line", "value"}
_IDS = {"id", "patientId", "encounterId"}


def _marked(value, name=""):
    """The same record of a marked patient: it hangs together as before, so that cards are found and written."""
    if isinstance(value, dict):
        return {member: _marked(inner, member) for member, inner in value.items()}
    if isinstance(value, list):
        return [_marked(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    if name in _IDS:
        return f"{MARK}id-{value}"
    if name in {"reference", "userId", "selections", "fullUrl"}:
        place, slash, last = value.rpartition("/")
        return f"#{MARK}id-{value[1:]}" if value.startswith("#") else f"{place}{slash}{MARK}id-{last}"
    return f"{value} {MARK}" if name in _WORDS else value


def marked_request(path, *, server=None, hook=None):
    """The request of a scenario with every id, name, word and token of it marked; as a call of another hook, too."""
    said = json.loads(path.read_bytes())
    said["context"] = _marked(said["context"])
    said["context"]["userId"] = f"Practitioner/{MARK}user"
    said["context"]["encounterId"] = f"{MARK}encounter"
    said["prefetch"] = _marked(said.get("prefetch") or {})
    who = said["prefetch"].get("patient")
    if isinstance(who, dict) and "resource" not in who:
        who |= {
            "name": [{"family": f"{MARK}family", "given": [f"{MARK}given"]}],
            "identifier": [{"system": f"urn:{MARK}", "value": f"{MARK}mrn"}],
            "telecom": [{"value": f"{MARK}phone"}],
        }
    said["hookInstance"] = str(uuid4())
    said["extension"] = {MARK: MARK, "pddi-configuration-items": {MARK: MARK}}
    said[MARK] = MARK
    said.pop("fhirServer", None)
    if server is not None:
        said["fhirServer"] = server
    said["fhirAuthorization"] = {
        "access_token": f"{MARK}access",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": f"patient/*.read {MARK}scope",
        "subject": f"{MARK}subject",
    }
    if hook is not None:
        said["hook"] = hook
        drafts = [entry["resource"] for entry in said["context"]["draftOrders"]["entry"]]
        said["context"]["selections"] = [f"{one['resourceType']}/{one['id']}" for one in drafts]
    return said


WHOLE = next(path for path in FIXTURES if "dantrolene-ordered-beside-baclofen" in str(path) and ".r4." in path.name)


def lacking(server):
    """A request whose record has to be fetched."""
    said = marked_request(WHOLE, server=server)
    return said | {"prefetch": {"patient": said["prefetch"]["patient"]}}


# Servers that mark what they say --------------------------------------------------------------------------------------

_OUTCOME = {"resourceType": "OperationOutcome", "id": MARK, "issue": [{"severity": MARK, "diagnostics": MARK}]}
_PAGE = bundle({"resourceType": "Condition", "id": MARK, "code": {"text": MARK}})
FHIR_FAULTS = {
    "error": answer(_OUTCOME, status=f"500 {MARK}", X_Patient=MARK),
    "refusal": answer(_OUTCOME, status=f"403 {MARK}", WWW_Authenticate=f'Bearer realm="{MARK}"'),
    "elsewhere": answer(b"", status="302 Found", Location=f"http://127.0.0.1:9/{MARK}?{MARK}"),
    "no-json": answer(f'{{"{MARK}": '.encode()),
    "page": answer(f"<html>{MARK}</html>".encode(), media_type=f"text/{MARK}"),
    "no-bundle": answer({"resourceType": MARK, "id": MARK}),
    "next": answer(_PAGE | {"link": [{"relation": "next", "url": f"http://{MARK}.example/{MARK}"}]}),
    "compressed": answer(MARK.encode(), Content_Encoding="gzip"),
    "half": answer(_PAGE).replace(b"Content-Length: ", b"Content-Length: 1"),
    "no-http": f"{MARK} {MARK}\r\n\r\n".encode(),
    "huge": answer(f'"{MARK * 200_000}"'.encode()),
}


def _at_fault(asked, line):
    fault = asked.path.removeprefix("/fhir/").partition("/")[0]
    line.send(FHIR_FAULTS[fault])
    return "close"


def _keys_at_fault(_asked, line):
    line.send(answer({MARK: MARK}, status=f"500 {MARK}"))
    return "close"


def _no_keys(_asked, line):
    line.send(answer(f'{{"keys": "{MARK}'.encode(), media_type=f"text/{MARK}"))
    return "close"


# Who calls ------------------------------------------------------------------------------------------------------------


class World:
    """The clients there are, the servers they name, and every token that was sent."""

    def __init__(self, folder, clock):
        self.tokens = []
        self.fhir = FhirServer(_at_fault)
        self.keys_fail, self.keys_broken = JwksServer(), JwksServer()
        self.keys_fail.misbehaves, self.keys_broken.misbehaves = _keys_at_fault, _no_keys
        gone = FhirServer(_at_fault)
        gone.close()
        self.nobody = f"http://127.0.0.1:{gone.port}"

        def known(name, **agreed):
            return Ehr(name, kid=f"{MARK}kid-{name}", clock=clock, **agreed)

        self.hospital = known("hospital", deduplicate=True, override_kept_days=30, rate=100_000)
        self.narrow = known("narrow", services=["medication-safety-patient-view"])
        self.seldom = known("seldom", rate=1)
        self.ward = known("ward", tenants=["north"])
        self.certified = known("certified", certificate=SUBJECT)
        self.keyless = known("keyless", jku=self.keys_fail.jku)
        self.garbled = known("garbled", jku=self.keys_broken.jku)
        self.away = known("away", jku=f"{self.nobody}/jwks.json")
        clients = (
            *(self.hospital, self.narrow, self.seldom, self.ward, self.certified),
            *(self.keyless, self.garbled, self.away),
        )
        self.clients = folder / "clients.yaml"
        self.clients.write_text(json.dumps({"clients": [one.entry for one in clients]}))
        self.secrets = folder / "secrets"
        self.secrets.write_text(f"{MARK} is in the secret for pseudonyms, which is long enough\n")

    def close(self):
        for server in (self.fhir, self.keys_fail, self.keys_broken):
            server.close()

    def server(self, fault):
        return f"{self.fhir.base}/{fault}"

    def token(self, ehr, address, *, header=None, key=None, **claims):
        """A token with everything marked in it that may be; a claim or header that is None is left out."""
        said = ehr.claims(address)
        said |= {"jti": f"{MARK}jti-{said['jti']}", "sub": f"{MARK}sub", "fhirUser": f"Practitioner/{MARK}"} | claims
        said = {name: value for name, value in said.items() if value is not None}
        self.tokens.append((key or ehr.key).token(said, **{"cty": MARK} | (header or {})))
        return self.tokens[-1]

    def bearer(self, ehr, address, **how):
        return f"Bearer {self.token(ehr, address, **how)}"


class Sent(NamedTuple):
    """A request as it goes to the service."""

    method: str
    address: str
    body: bytes | None
    headers: dict[str, str]


NOISE = {
    "User-Agent": f"{MARK}/1.0",
    "Referer": f"https://{MARK}.example/?{MARK}",
    "Origin": f"https://{MARK}.example",
    "Cookie": f"session={MARK}",
    "X-Request-Id": MARK,
    "X-Forwarded-For": f"192.0.2.7, {MARK}",
    "Traceparent": f"00-{MARK}-01",
    "Accept-Language": MARK,
}


def post(world, address, body, *, ehr=None, authorization=None, query=f"?patient={MARK}&{MARK}", **headers):  # noqa: PLR0913 - whatever fails
    """A call with marks around it; by the hospital unless somebody else is named."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Content-Type": "application/json", **NOISE}
    said["Authorization"] = authorization or world.bearer(ehr or world.hospital, address)
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent("POST", f"{address}{query}", data, {name: value for name, value in said.items() if value is not None})


def get(world, address, *, authorization=None):
    said = {"Authorization": authorization or world.bearer(world.hospital, address), **NOISE}
    return Sent("GET", f"{address}?{MARK}={MARK}", None, said)


# How calls fail -------------------------------------------------------------------------------------------------------


class Failure(NamedTuple):
    """A way to fail: the status that it ends with, and how the requests are made; the last of them fails."""

    status: int
    make: Callable[[World], list[Sent]]


def _refused(authorization, status=401, **headers):
    return Failure(status, lambda world: [post(world, SIGN, ORDER, authorization=authorization(world), **headers)])


def _with(body, *, address=SIGN, status=400, **how):
    return Failure(status, lambda world: [post(world, address, body() if callable(body) else body, **how)])


def _sign(**changes):
    said = marked_request(WHOLE)
    for name, value in changes.items():
        if value is None:
            del said[name]
        else:
            said[name] = value
    return said


def _context(**changes):
    said = marked_request(WHOLE)
    said["context"] |= changes
    return said


def _nested(depth):
    said = MARK
    for _ in range(depth):
        said = {MARK: said}
    return said


def _entry(**changes):
    entry = {
        "card": NEVER_GIVEN,
        "outcome": "overridden",
        "outcomeTimestamp": "2026-11-22T10:00:00Z",
        "overrideReason": {
            "reason": {"code": f"{MARK}reason", "system": f"urn:{MARK}", "display": MARK},
            "userComment": f"{MARK}comment",
        },
        MARK: MARK,
    }
    return {"feedback": [entry | changes], MARK: MARK}


feedback_entry = _entry
ORDER = marked_request(WHOLE)
OTHERS = Signer("ES256", f"{MARK}kid-hospital")  # another's key under a name that is known
LONG_AGO = {"iat": 1_000_000_000, "exp": 1_000_000_120}
DATA_URL = f"https://{MARK}.example/jwks.json"


def _of(ehr, **how):
    """The Authorization header of a client, otherwise than usual."""
    return lambda world: world.bearer(getattr(world, ehr), SIGN, **how)


def _late(seconds):
    def make(world):
        now = world.hospital.claims(SIGN)["iat"]
        return world.bearer(world.hospital, SIGN, iat=now + seconds, exp=now + seconds + 120)

    return make


def _long(world):
    now = world.hospital.claims(SIGN)["iat"]
    return world.bearer(world.hospital, SIGN, exp=now + 3600)


def _again(world):
    authorization = world.bearer(world.hospital, SIGN)
    return [post(world, SIGN, ORDER, authorization=authorization) for _ in range(2)]


UNAUTHENTICATED = {
    Reason.NO_TOKEN: Failure(401, lambda world: [_without_token(post(world, SIGN, ORDER))]),
    Reason.NOT_BEARER: _refused(lambda _: f"Basic {MARK}"),
    Reason.TOO_LONG: _refused(lambda _: f"Bearer {MARK * 2000}.{MARK}.{MARK}"),
    Reason.SHAPE: _refused(lambda _: f"Bearer {MARK}.{MARK}"),
    Reason.FORBIDDEN_HEADER: _refused(_of("hospital", header={"jwk": {"kty": MARK, "kid": MARK}})),
    Reason.ISSUER: _refused(_of("hospital", iss=f"https://{MARK}.example")),
    Reason.CERTIFICATE_MISSING: _refused(_of("certified")),
    Reason.CERTIFICATE_OTHER: _refused(_of("certified"), ClientSubject=f"CN={MARK}"),
    Reason.ALGORITHM: _refused(_of("hospital", header={"alg": f"{MARK}none"})),
    Reason.JKU: _refused(_of("hospital", header={"jku": DATA_URL})),
    Reason.KID: _refused(_of("hospital", header={"kid": None})),
    Reason.KID_UNKNOWN: _refused(_of("hospital", header={"kid": f"{MARK}kid-unknown"})),
    Reason.KEYS_UNAVAILABLE: _refused(_of("keyless")),
    Reason.KEY_UNFIT: _refused(_of("hospital", header={"alg": "RS256"})),
    Reason.SIGNATURE: _refused(_of("hospital", key=OTHERS)),
    Reason.AUDIENCE: _refused(_of("hospital", aud=[f"https://{MARK}.example", PUBLIC])),
    Reason.TIMES: _refused(_of("hospital", exp=MARK)),
    Reason.EXPIRED: _refused(_of("hospital", **LONG_AGO)),
    Reason.NOT_YET: _refused(_late(3600)),
    Reason.LIFE: _refused(_long),
    Reason.JTI: _refused(_of("hospital", jti=MARK * 100)),
    Reason.REPLAYED: Failure(401, _again),
    Reason.TENANT: _refused(_of("ward", tenant=MARK)),
}
"""Every reason but two: the Sandbox's key is good in development, and keys grow too old in a day."""


def _without_token(sent):
    return sent._replace(headers={name: value for name, value in sent.headers.items() if name != "Authorization"})


FAILURES = {
    **{f"401 {reason}": failure for reason, failure in UNAUTHENTICATED.items()},
    "401 keys that are none": _refused(_of("garbled")),
    "401 nobody has the keys": _refused(_of("away")),
    "401 for discovery": Failure(401, lambda world: [get(world, DISCOVERY, authorization=f"Bearer {MARK}")]),
    "401 for feedback": _with(_entry, address=FEEDBACK, status=401, authorization=f"Bearer {MARK}"),
    "401 for no service": _with(ORDER, address=f"/cds-services/{MARK}", status=401, authorization=f"Bearer {MARK}"),
    "403": Failure(403, lambda world: [post(world, SIGN, ORDER, ehr=world.narrow)]),
    "404 no service": _with(ORDER, address=f"/cds-services/{MARK}service", status=404),
    "404 no service for feedback": _with(_entry, address=f"/cds-services/{MARK}service/feedback", status=404),
    "404 no address": _with(ORDER, address=f"/{MARK}/{MARK}", status=404),
    "405": Failure(405, lambda world: [get(world, SIGN)]),
    "405 an unknown method": Failure(405, lambda world: [get(world, SIGN)._replace(method=MARK.upper())]),
    "412": _with(
        lambda: {
            "hook": "patient-view",
            "hookInstance": str(uuid4()),
            "context": {"userId": f"Practitioner/{MARK}", "patientId": MARK, "encounterId": MARK},
        },
        address=VIEW,
        status=412,
    ),
    "413 too long": _with(lambda: _sign(prefetch={MARK: MARK * 200_000}), status=413),
    "413 too deep": _with(lambda: _sign(prefetch={"patient": _nested(80)}), status=413),
    "413 too many": _with(lambda: _sign(prefetch={MARK: {"entry": [{"resource": {"id": MARK}}] * 200}}), status=413),
    "413 a bomb": _with(
        lambda: gzip.compress(json.dumps(_sign(prefetch={MARK: MARK * 1_000_000})).encode()),
        status=413,
        Content_Encoding="gzip",
    ),
    "415 no JSON": _with(ORDER, status=415, Content_Type=f"text/{MARK}; charset={MARK}"),
    "415 another encoding": _with(ORDER, status=415, Content_Encoding=MARK),
    "429": Failure(429, lambda world: [post(world, SIGN, ORDER, ehr=world.seldom) for _ in range(3)]),
    "400 no JSON": _with(f'{{"{MARK}": "{MARK}", '.encode()),
    "400 no UTF-8": _with(f'{{"{MARK}": "{MARK}'.encode() + b'\xff"}'),
    "400 no gzip": _with(MARK.encode(), Content_Encoding="gzip"),
    "400 a text": _with(MARK),
    "400 a list": _with([MARK]),
    "400 no hook": _with(lambda: _sign(hook=None)),
    "400 another hook": _with(lambda: _sign(hook=MARK)),
    "400 no instance": _with(lambda: _sign(hookInstance={MARK: MARK})),
    "400 no context": _with(lambda: _sign(context=None)),
    "400 a text as context": _with(lambda: _sign(context=MARK)),
    "400 a text as prefetch": _with(lambda: _sign(prefetch=MARK)),
    "400 a text as user": _with(lambda: _context(userId={MARK: MARK})),
    "400 a list as patient": _with(lambda: _context(patientId=[MARK])),
    "400 a text as drafts": _with(lambda: _context(draftOrders=MARK)),
    "400 texts as entries": _with(lambda: _context(draftOrders={"resourceType": MARK, "entry": [MARK, {MARK: MARK}]})),
    "400 an address that is none": _with(lambda: _sign(fhirServer=[MARK])),
    "400 an authorization that is none": _with(lambda: _sign(fhirAuthorization=MARK)),
    "400 feedback that is none": _with({"feedback": MARK}, address=FEEDBACK),
    "400 feedback without a card": _with(lambda: _entry(card=None), address=FEEDBACK),
    "400 feedback on no card": _with(lambda: _entry(card=MARK), address=FEEDBACK),
    "400 another outcome": _with(lambda: _entry(outcome=MARK), address=FEEDBACK),
    "400 another moment": _with(lambda: _entry(outcomeTimestamp=MARK), address=FEEDBACK),
    "400 a reason that is none": _with(lambda: _entry(overrideReason={"reason": MARK}), address=FEEDBACK),
    "400 suggestions that are none": _with(lambda: _entry(acceptedSuggestions=[{"id": MARK}]), address=FEEDBACK),
    "400 feedback that is no JSON": _with(f'{{"feedback": [{MARK}'.encode(), address=FEEDBACK),
}
