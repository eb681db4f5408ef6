"""Who is let in. Every token here is signed for real; what is refused is refused for the reason that is meant."""

import hashlib
import hmac
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from cds_service.advice.record import ANYONE, Caller
from cds_service.hooks.discovery import ServiceId
from cds_service.web.auth import (
    LIFE_S,
    LONGEST_TOKEN,
    SKEW_S,
    ClientsRead,
    Denial,
    Door,
    NotAllowed,
    NotAuthenticated,
    OpenDoor,
    Reason,
)
from cds_service.web.clients import BrokenClients
from cds_service.web.keys import ALGORITHMS
from tests.servers.jwks_server import JwksServer, Signer, b64

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOW = int(AT.timestamp())
URL = "https://cds.example"
SIGN, VIEW = ServiceId("sign"), ServiceId("view")
ADDRESS = "/cds-services/sign"
ISS = "https://ehr.example"
EHR = Signer("ES384", "ehr-2026")
RSA_KEY = Signer("RS256", "rsa")
OTHER = Signer("ES384", "other-2026")
STRANGER = Signer("ES384", "ehr-2026")  # the same name for a key of somebody else
JKU = "https://ehr.example/jwks.json"


def claims(**more):
    """What a good token says; a claim that is None is left out."""
    said = {"iss": ISS, "aud": f"{URL}{ADDRESS}", "exp": NOW + 300, "iat": NOW, "jti": str(uuid4())} | more
    return {name: value for name, value in said.items() if value is not None}


def file_of(*clients):
    """The file of clients: JSON is YAML, too."""
    return json.dumps({"clients": list(clients)}, indent=1)


HOSPITAL = {"name": "hospital", "iss": ISS, "keys": [EHR.jwk, RSA_KEY.jwk], "services": ["sign"]}
NORTH = {"name": "north", "iss": "https://shared.example", "keys": [EHR.jwk], "tenants": ["n1", "n2"]}
SOUTH = {"name": "south", "iss": "https://shared.example", "keys": [OTHER.jwk], "tenants": ["s1"]}
PUBLISHED = {"name": "published", "iss": "https://published.example", "keys": [EHR.jwk], "jku": JKU}


class Seen:
    """Tokens that were seen, in memory."""

    def __init__(self):
        self.digests = {}

    def __call__(self, digest, forget_at):
        assert forget_at.tzinfo is not None
        return self.digests.setdefault(digest, forget_at) is forget_at


class Entrance:
    """A door with a clock that can be set, and what it told."""

    def __init__(self, path, text, **how):
        self.path = path
        self.now = AT
        self.seconds = 0.0
        self.told = []
        self.complaints = []
        self.seen = Seen()
        path.write_text(text)
        how = {"public_url": URL, "services": (SIGN, VIEW), "first_use": self.seen, "told": self.told.append, **how}
        how = {"complain": self.complaints.append, **how}
        self.door = Door(path, now=lambda: self.now, ticks=lambda: self.seconds, **how)

    def admit(self, token=None, address=ADDRESS, service=SIGN, **environ):
        sent = {} if token is None else {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        return self.door.admit({"REMOTE_ADDR": "192.0.2.1"} | sent | environ, address, service)

    def refusal(self, *args, **how):
        with pytest.raises(NotAuthenticated) as refused:
            self.admit(*args, **how)
        return refused.value.reason


@pytest.fixture
def entrance(tmp_path):
    def make(*clients, **how):
        return Entrance(tmp_path / "clients.yaml", file_of(*(clients or (HOSPITAL, NORTH, SOUTH, PUBLISHED))), **how)

    return make


# Who is let in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_good_token_is_let_in_whatever_algorithm_it_is_signed_by(entrance, algorithm):
    key = Signer(algorithm)
    admitted = entrance(HOSPITAL | {"keys": [key.jwk]}).admit(key.token(claims()))
    assert admitted.client.name == "hospital"
    assert admitted.caller == Caller("hospital", None)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_a_key_that_does_not_say_its_algorithm_is_good_for_all_of_its_kind(entrance, algorithm):
    key = Signer(algorithm)
    door = entrance(HOSPITAL | {"keys": [{"kid": "k", **key.bare_jwk}]})
    assert door.admit(key.token(claims(), kid="k")).client.name == "hospital"


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ({"sub": "app-1", "nbf": NOW - 1, "fhirVersion": "R4", "scope": ["a"]}, {}),  # as Epic sends them
        ({"aud": [f"{URL}{ADDRESS}", "https://elsewhere.example"]}, {}),
        ({"tenant": "a tenant that means nothing to us"}, {}),
        ({"tenant": ["of", "another", "shape"]}, {}),
        ({}, {"typ": None}),
        ({}, {"typ": "jwt"}),
        ({}, {"x5t": "c2hhMQ", "x5t#S256": "c2hhMjU2", "cty": "JWT", "more": {"a": 1}}),
        ({"exp": NOW - SKEW_S + 1, "iat": NOW - LIFE_S}, {}),  # our clock is ahead
        ({"exp": NOW + 360, "iat": NOW + SKEW_S, "nbf": NOW + SKEW_S}, {}),  # or theirs
        ({"exp": NOW + 1, "iat": NOW - LIFE_S + 1}, {}),
    ],
)
def test_a_good_token_may_say_more_and_its_clock_may_differ_a_little(entrance, more, header):
    assert entrance().admit(EHR.token(claims(**more), **header)).caller == Caller("hospital")


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
def test_the_scheme_is_read_as_http_has_it(entrance, scheme):
    sent = {"HTTP_AUTHORIZATION": f"{scheme}{EHR.token(claims())}"}
    assert entrance().admit(**sent).client.name == "hospital"


@pytest.mark.parametrize(
    ("address", "service"),
    [("/cds-services", None), ("/cds-services/sign", SIGN), ("/cds-services/sign/feedback", SIGN)],
)
def test_each_address_takes_tokens_that_name_it(entrance, address, service):
    token = EHR.token(claims(aud=f"{URL}{address}"))
    assert entrance().admit(token, address, service).client.name == "hospital"


def test_the_tenant_chooses_among_clients_that_share_an_issuer(entrance):
    door = entrance()
    for signer, tenant, name in ((EHR, "n2", "north"), (OTHER, "s1", "south")):
        token = signer.token(claims(iss="https://shared.example", tenant=tenant))
        assert door.admit(token).caller == Caller(name, tenant)


@pytest.mark.parametrize("jku", [JKU, None])
def test_a_jku_is_taken_when_it_is_the_configured_one_and_may_be_missing(entrance, jku):
    token = EHR.token(claims(iss="https://published.example"), jku=jku)
    assert entrance().admit(token).client.name == "published"


def test_a_client_that_asks_for_a_service_it_may_not_use_is_known_but_not_allowed(entrance):
    with pytest.raises(NotAllowed) as denied:
        entrance().admit(EHR.token(claims(aud=f"{URL}/cds-services/view")), "/cds-services/view", VIEW)
    assert denied.value.reason is Denial.SERVICE
    assert denied.value.caller == Caller("hospital")


def test_the_longest_life_can_be_set(entrance):
    token = EHR.token(claims(exp=NOW + 3600))
    assert entrance(life_s=3600).admit(token).client.name == "hospital"
    assert entrance().refusal(token) is Reason.LIFE


def test_an_open_door_lets_anyone_in():
    admitted = OpenDoor().admit({}, ADDRESS, SIGN)
    assert admitted.caller == ANYONE
    assert admitted.client.services is None


# The negative corpus --------------------------------------------------------------------------------------------------


def parts(token=None):
    return (token or EHR.token(claims())).split(".")


def with_hmac(secret, header=None):
    """Signed by a shared secret, where the verifier would take the public key for it."""
    signed = (
        f"{b64(json.dumps({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa'} | (header or {})))}.{b64(json.dumps(claims()))}"
    )
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def unsigned(algorithm):
    return f"{b64(json.dumps({'alg': algorithm, 'kid': EHR.kid}))}.{b64(json.dumps(claims()))}."


def not_canonical(part):
    """The same bytes, with bits in the last character that mean nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4 == 2
    return part[:-1] + alphabet[alphabet.index(part[-1]) + 1]


def with_odd_claims():
    """A good token whose claims end in a character that has room for bits that mean nothing."""
    for length in range(3):
        token = EHR.token(claims(filler="x" * length))
        if len(parts(token)[1]) % 4 == 2:
            return token
    raise AssertionError


def signed_afterwards(header, payload):
    signed = f"{header}.{payload}"
    return f"{signed}.{b64(EHR.sign(signed.encode()))}"


def odd_and_signed():
    header, payload, _ = parts(with_odd_claims())
    return signed_afterwards(header, not_canonical(payload))


def as_json(*, flattened):
    header, payload, signature = parts()
    one = {"protected": header, "signature": signature}
    return json.dumps({"payload": payload} | (one if flattened else {"signatures": [one]}))


RSA_PEM = RSA_KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RSA_DER = RSA_KEY.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
HEADER = json.dumps({"alg": "ES384", "typ": "JWT", "kid": EHR.kid})
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973

ATTACKS = {
    # Shape
    "a token in two parts": (lambda: ".".join(parts()[:2]), Reason.SHAPE),
    "a token in four parts": (lambda: f"{EHR.token(claims())}.e30", Reason.SHAPE),
    "an encrypted token, in five parts": (lambda: ".".join([*parts(), "e30", "e30"]), Reason.SHAPE),
    "the signature is cut off": (lambda: ".".join([*parts()[:2], ""]), Reason.SHAPE),
    "no header": (lambda: ".".join(["", *parts()[1:]]), Reason.SHAPE),
    "JWS as flattened JSON": (lambda: as_json(flattened=True), Reason.SHAPE),
    "JWS as general JSON": (lambda: as_json(flattened=False), Reason.SHAPE),
    "two tokens in one header": (lambda: f"{EHR.token(claims())}, Bearer {EHR.token(claims())}", Reason.SHAPE),
    "a line break behind it": (lambda: f"{EHR.token(claims())}\n", Reason.SHAPE),
    "a space behind it": (lambda: f"{EHR.token(claims())} ", Reason.SHAPE),
    "a space in the middle": (lambda: " .".join(parts()), Reason.SHAPE),
    "base64 with padding": (lambda: f"{EHR.token(claims())}=", Reason.SHAPE),
    "base64 of the other alphabet": (lambda: EHR.token(claims()) + "+/", Reason.SHAPE),
    "base64 of an impossible length": (lambda: ".".join([*parts()[:2], "A"]), Reason.SHAPE),
    "bits that mean nothing, in the claims, and signed": (odd_and_signed, Reason.SHAPE),
    "letters that look alike": (lambda: EHR.token(claims()).replace("e", "е", 1), Reason.SHAPE),  # noqa: RUF001
    "larger than a token needs to be": (lambda: EHR.token(claims(filler="x" * LONGEST_TOKEN)), Reason.TOO_LONG),
    "a header that is no object": (lambda: EHR.token_as_written("[]", json.dumps(claims())), Reason.SHAPE),
    "a header that is no JSON": (lambda: EHR.token_as_written("{", json.dumps(claims())), Reason.SHAPE),
    "claims that are no object": (lambda: EHR.token('"claims"'), Reason.SHAPE),
    "claims that are no JSON": (lambda: EHR.token("iss=ehr"), Reason.SHAPE),
    "claims in UTF-16": (
        lambda: signed_afterwards(b64(HEADER), b64(json.dumps(claims()).encode("utf-16"))),
        Reason.SHAPE,
    ),
    "claims nested beyond reading": (lambda: EHR.token('{"a":' * 900 + "1" + "}" * 900), Reason.ISSUER),
    "claims nested a thousand deep": (lambda: EHR.token("[" * 2900), Reason.SHAPE),
    "`alg` twice": (lambda: EHR.token_as_written(f'{{"alg":"none",{HEADER[1:]}', json.dumps(claims())), Reason.SHAPE),
    "`aud` twice": (lambda: EHR.token(f'{{"aud":"x",{json.dumps(claims())[1:]}'), Reason.SHAPE),
    "a name twice, deep inside": (
        lambda: EHR.token(f'{{"x":[{{"a":1,"a":2}}],{json.dumps(claims())[1:]}'),
        Reason.SHAPE,
    ),
    "a token for something else, by `typ`": (lambda: EHR.token(claims(), typ="at+jwt"), Reason.SHAPE),
    "`typ` is no text": (lambda: EHR.token(claims(), typ=["JWT"]), Reason.SHAPE),
    # What a header must not say
    "`crit`": (lambda: EHR.token(claims(), crit=["exp"], exp=1), Reason.FORBIDDEN_HEADER),
    "`crit` that is empty": (lambda: EHR.token(claims(), crit=[]), Reason.FORBIDDEN_HEADER),
    "`b64` is false": (lambda: EHR.token(claims(), b64=False), Reason.FORBIDDEN_HEADER),
    "its own key along": (lambda: STRANGER.token(claims(), jwk=STRANGER.jwk), Reason.FORBIDDEN_HEADER),
    "the address of its certificate": (
        lambda: STRANGER.token(claims(), x5u="https://evil.example/c.pem"),
        Reason.FORBIDDEN_HEADER,
    ),
    "its own certificate along": (lambda: STRANGER.token(claims(), x5c=["MIIB"]), Reason.FORBIDDEN_HEADER),
    "compressed": (lambda: EHR.token(claims(), zip="DEF"), Reason.FORBIDDEN_HEADER),
    "encrypted, by its header": (lambda: EHR.token(claims(), enc="A256GCM"), Reason.FORBIDDEN_HEADER),
    # Issuer
    "no issuer": (lambda: EHR.token(claims(iss=None)), Reason.ISSUER),
    "an unknown issuer": (lambda: EHR.token(claims(iss="https://evil.example")), Reason.ISSUER),
    "the issuer with a slash at its end": (lambda: EHR.token(claims(iss=f"{ISS}/")), Reason.ISSUER),
    "the issuer in other letters": (lambda: EHR.token(claims(iss=ISS.upper())), Reason.ISSUER),
    "a list of issuers": (lambda: EHR.token(claims(iss=[ISS])), Reason.ISSUER),
    "the issuer is an object": (lambda: EHR.token(claims(iss={"iss": ISS})), Reason.ISSUER),
    "the issuer in the header only": (lambda: EHR.token(claims(iss=None), iss=ISS), Reason.ISSUER),
    # Algorithm
    "`none`, without a signature": (lambda: unsigned("none"), Reason.SHAPE),
    "`none`, with something in its place": (lambda: EHR.token(claims(), alg="none"), Reason.ALGORITHM),
    "`NoNe`": (lambda: EHR.token(claims(), alg="NoNe"), Reason.ALGORITHM),
    "no algorithm": (lambda: EHR.token(claims(), alg=None), Reason.ALGORITHM),
    "a list of algorithms": (lambda: EHR.token(claims(), alg=["ES384"]), Reason.ALGORITHM),
    "an algorithm in small letters": (lambda: EHR.token(claims(), alg="es384"), Reason.ALGORITHM),
    "an algorithm that we do not allow": (lambda: EHR.token(claims(), alg="ES256K"), Reason.ALGORITHM),
    "the public key as HMAC secret (PEM)": (lambda: with_hmac(RSA_PEM), Reason.ALGORITHM),
    "the public key as HMAC secret (DER)": (lambda: with_hmac(RSA_DER), Reason.ALGORITHM),
    "the public key as HMAC secret (JWK)": (lambda: with_hmac(json.dumps(RSA_KEY.jwk).encode()), Reason.ALGORITHM),
    "an HMAC with an empty secret": (lambda: with_hmac(b""), Reason.ALGORITHM),
    # Address of keys
    "an address of keys, where the keys are configured": (
        lambda: EHR.token(claims(), jku="https://evil.example/jwks.json"),
        Reason.JKU,
    ),
    "another address of keys": (
        lambda: STRANGER.token(claims(iss="https://published.example"), jku="https://evil.example/jwks.json"),
        Reason.JKU,
    ),
    "an address of keys that begins like ours": (
        lambda: EHR.token(claims(iss="https://published.example"), jku=f"{JKU}?next=https://evil.example"),
        Reason.JKU,
    ),
    "an address of keys with user info": (
        lambda: EHR.token(claims(iss="https://published.example"), jku=JKU.replace("//", "//evil@")),
        Reason.JKU,
    ),
    "a list of addresses of keys": (lambda: EHR.token(claims(iss="https://published.example"), jku=[JKU]), Reason.JKU),
    "an empty address of keys": (lambda: EHR.token(claims(), jku=""), Reason.JKU),
    # Key
    "no key id": (lambda: EHR.token(claims(), kid=None), Reason.KID),
    "a key id that is a number": (lambda: EHR.token(claims(), kid=1), Reason.KID),
    "a key id that is a list": (lambda: EHR.token(claims(), kid=[EHR.kid]), Reason.KID),
    "an empty key id": (lambda: EHR.token(claims(), kid=""), Reason.KID_UNKNOWN),
    "an unknown key id": (lambda: STRANGER.token(claims(), kid="mine"), Reason.KID_UNKNOWN),
    "a key id that is a path": (lambda: EHR.token(claims(), kid="../../../../dev/null"), Reason.KID_UNKNOWN),
    "a key id that is an address": (lambda: EHR.token(claims(), kid=f"{JKU}#{EHR.kid}"), Reason.KID_UNKNOWN),
    "a key id that is SQL": (lambda: EHR.token(claims(), kid="' UNION SELECT 'key"), Reason.KID_UNKNOWN),
    "a key id with a zero byte": (lambda: EHR.token(claims(), kid=f"{EHR.kid}\0"), Reason.KID_UNKNOWN),
    "the key of another client": (lambda: OTHER.token(claims()), Reason.KID_UNKNOWN),
    "an EC key for an RSA algorithm": (lambda: EHR.token(claims(), alg="RS256"), Reason.KEY_UNFIT),
    "an RSA key for an EC algorithm": (lambda: RSA_KEY.token(claims(), alg="ES256"), Reason.KEY_UNFIT),
    "a P-384 key for ES256": (lambda: EHR.token(claims(), alg="ES256"), Reason.KEY_UNFIT),
    "an EC key for EdDSA": (lambda: EHR.token(claims(), alg="EdDSA"), Reason.KEY_UNFIT),
    "a key of RS256 for PS256": (lambda: RSA_KEY.token(claims(), alg="PS256"), Reason.KEY_UNFIT),
    # Signature
    "signed by somebody else with the same key id": (lambda: STRANGER.token(claims()), Reason.SIGNATURE),
    "a signature of zeros": (lambda: ".".join([*parts()[:2], b64(bytes(96))]), Reason.SIGNATURE),
    "a signature of the curve's order": (
        lambda: ".".join([*parts()[:2], b64(CURVE_ORDER.to_bytes(48, "big") * 2)]),
        Reason.SIGNATURE,
    ),
    "a signature that is one byte": (lambda: ".".join([*parts()[:2], b64(b"0")]), Reason.SIGNATURE),
    "a signature in DER": (
        lambda: ".".join([*parts()[:2], b64(b"\x30\x06\x02\x01\x01\x02\x01\x01")]),
        Reason.SIGNATURE,
    ),
    "an RSA signature of zeros": (
        lambda: ".".join([*parts(RSA_KEY.token(claims()))[:2], b64(bytes(256))]),
        Reason.SIGNATURE,
    ),
    "an RSA signature of one": (
        lambda: ".".join([*parts(RSA_KEY.token(claims()))[:2], b64(bytes(255) + b"\1")]),
        Reason.SIGNATURE,
    ),
    "claims of one token, signature of another": (
        lambda: ".".join([*parts()[:2], parts()[2]]),
        Reason.SIGNATURE,
    ),
    "claims that were changed": (
        lambda: ".".join([parts()[0], b64(json.dumps(claims(sub="admin"))), parts()[2]]),
        Reason.SIGNATURE,
    ),
    "a header that was changed": (
        lambda: ".".join([b64(json.dumps({"alg": "ES384", "kid": EHR.kid})), *parts()[1:]]),
        Reason.SIGNATURE,
    ),
    # Audience
    "no audience": (lambda: EHR.token(claims(aud=None)), Reason.AUDIENCE),
    "for another service": (lambda: EHR.token(claims(aud=f"{URL}/cds-services/view")), Reason.AUDIENCE),
    "for the discovery document": (lambda: EHR.token(claims(aud=f"{URL}/cds-services")), Reason.AUDIENCE),
    "for the feedback of this service": (lambda: EHR.token(claims(aud=f"{URL}{ADDRESS}/feedback")), Reason.AUDIENCE),
    "for the host alone": (lambda: EHR.token(claims(aud=URL)), Reason.AUDIENCE),
    "for another host": (lambda: EHR.token(claims(aud=f"https://evil.example{ADDRESS}")), Reason.AUDIENCE),
    "for a host that begins like ours": (
        lambda: EHR.token(claims(aud=f"{URL}.evil.example{ADDRESS}")),
        Reason.AUDIENCE,
    ),
    "a slash at the end of the audience": (lambda: EHR.token(claims(aud=f"{URL}{ADDRESS}/")), Reason.AUDIENCE),
    "the audience in other letters": (lambda: EHR.token(claims(aud=f"{URL}{ADDRESS.upper()}")), Reason.AUDIENCE),
    "the audience with http": (lambda: EHR.token(claims(aud=f"http://cds.example{ADDRESS}")), Reason.AUDIENCE),
    "the audience with the port": (lambda: EHR.token(claims(aud=f"{URL}:443{ADDRESS}")), Reason.AUDIENCE),
    "the audience with a query": (lambda: EHR.token(claims(aud=f"{URL}{ADDRESS}?x=1")), Reason.AUDIENCE),
    "the audience, written with an escape": (
        lambda: EHR.token(claims(aud=f"{URL}/cds%2Dservices/sign")),
        Reason.AUDIENCE,
    ),
    "many audiences, none of them ours": (lambda: EHR.token(claims(aud=["a", "b"])), Reason.AUDIENCE),
    "an empty list of audiences": (lambda: EHR.token(claims(aud=[])), Reason.AUDIENCE),
    "a list of audiences with what is no text": (
        lambda: EHR.token(claims(aud=[f"{URL}{ADDRESS}", 1])),
        Reason.AUDIENCE,
    ),
    "audiences in a list in a list": (lambda: EHR.token(claims(aud=[[f"{URL}{ADDRESS}"]])), Reason.AUDIENCE),
    "the audience is an object": (lambda: EHR.token(claims(aud={f"{URL}{ADDRESS}": 1})), Reason.AUDIENCE),
    # Times
    "no end": (lambda: EHR.token(claims(exp=None)), Reason.TIMES),
    "no beginning": (lambda: EHR.token(claims(iat=None)), Reason.TIMES),
    "the end is a text": (lambda: EHR.token(claims(exp=str(NOW + 300))), Reason.TIMES),
    "the end is a fraction": (lambda: EHR.token(claims(exp=NOW + 300.5)), Reason.TIMES),
    "the end is true": (lambda: EHR.token(claims(exp=True)), Reason.TIMES),
    "the end is not a number": (lambda: EHR.token(claims(exp=float("nan"))), Reason.SHAPE),
    "the end is infinite": (lambda: EHR.token(claims(exp=float("inf"))), Reason.SHAPE),
    "the end is beyond all numbers": (
        lambda: EHR.token(json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": 1e999')),
        Reason.TIMES,
    ),
    "the end is beyond all calendars": (lambda: EHR.token(claims(exp=2**62)), Reason.TIMES),
    "the end has five thousand digits": (
        lambda: EHR.token(json.dumps(claims(exp=0)).replace('"exp": 0', f'"exp": {"9" * 5000}')),
        Reason.SHAPE,
    ),
    "the end is below zero": (lambda: EHR.token(claims(exp=-1)), Reason.TIMES),
    "the beginning is a text": (lambda: EHR.token(claims(iat="now")), Reason.TIMES),
    "not before: null": (lambda: EHR.token(claims(nbf=0) | {"nbf": None}), Reason.TIMES),
    "over, with a clock's difference": (lambda: EHR.token(claims(exp=NOW - SKEW_S, iat=NOW - 300)), Reason.EXPIRED),
    "over since long": (lambda: EHR.token(claims(exp=1_500_000_300, iat=1_500_000_000)), Reason.EXPIRED),
    "made in the future": (lambda: EHR.token(claims(iat=NOW + SKEW_S + 1, exp=NOW + 200)), Reason.NOT_YET),
    "good in the future": (lambda: EHR.token(claims(nbf=NOW + SKEW_S + 1)), Reason.NOT_YET),
    "it ends before it begins": (lambda: EHR.token(claims(iat=NOW + 10, exp=NOW + 5)), Reason.LIFE),
    "it ends when it begins": (lambda: EHR.token(claims(iat=NOW, exp=NOW)), Reason.LIFE),
    "it lives for a second too long": (lambda: EHR.token(claims(exp=NOW + LIFE_S + 1)), Reason.LIFE),
    "it lives for years": (lambda: EHR.token(claims(exp=NOW + 10**8)), Reason.LIFE),
    "made at the beginning of time": (lambda: EHR.token(claims(iat=0)), Reason.LIFE),
    # Once only
    "no id": (lambda: EHR.token(claims(jti=None)), Reason.JTI),
    "an empty id": (lambda: EHR.token(claims(jti="")), Reason.JTI),
    "an id that is a number": (lambda: EHR.token(claims(jti=1)), Reason.JTI),
    "a huge id": (lambda: EHR.token(claims(jti="x" * 257)), Reason.JTI),
    "an id with half a character": (lambda: EHR.token(claims(jti="\ud800")), Reason.JTI),
    "an id with a line break": (lambda: EHR.token(claims(jti="a\nb")), Reason.JTI),
    # Tenant
    "a tenant of another client that shares the issuer": (
        lambda: EHR.token(claims(iss="https://shared.example", tenant="s1")),
        Reason.KID_UNKNOWN,
    ),
    "the same, with the other's key id": (
        lambda: EHR.token(claims(iss="https://shared.example", tenant="s1"), kid=OTHER.kid),
        Reason.SIGNATURE,
    ),
    "a tenant of nobody": (lambda: EHR.token(claims(iss="https://shared.example", tenant="x")), Reason.TENANT),
    "no tenant where there are several": (lambda: EHR.token(claims(iss="https://shared.example")), Reason.TENANT),
    "a list of tenants": (lambda: EHR.token(claims(iss="https://shared.example", tenant=["n1"])), Reason.TENANT),
    "a tenant in other letters": (lambda: EHR.token(claims(iss="https://shared.example", tenant="N1")), Reason.TENANT),
}


@pytest.mark.parametrize(("made", "reason"), ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_refused_for_the_reason_it_is_one(entrance, made, reason):
    door = entrance()
    token = made()
    with pytest.raises(NotAuthenticated) as refused:
        door.admit(token)
    assert refused.value.reason is reason
    assert not door.seen.digests or reason is Reason.TENANT  # what is not believed is not remembered
    assert str(refused.value) == reason.value  # nothing of the token is in what is raised
    assert refused.value.__cause__ is None
    assert door.told == []


def test_the_corpus_is_large():
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("", Reason.NO_TOKEN),
        ("Basic dXNlcjpwYXNz", Reason.NOT_BEARER),
        ("Bearer", Reason.SHAPE),
        ("Bearer ", Reason.SHAPE),
        ("Bearertoken", Reason.NOT_BEARER),
        ("Token {}", Reason.NOT_BEARER),
        ("Bearer\t{}", Reason.NOT_BEARER),
        (" Bearer {}", Reason.NOT_BEARER),
        ("{}", Reason.NOT_BEARER),
        ("Basic dXNlcjpwYXNz, Bearer {}", Reason.NOT_BEARER),
    ],
)
def test_a_token_comes_in_an_authorization_header_of_its_own(entrance, sent, reason):
    environ = {"HTTP_AUTHORIZATION": sent.format(EHR.token(claims()))}
    assert entrance().refusal(**environ) is reason


def test_a_token_is_taken_from_nowhere_else(entrance):
    token = EHR.token(claims())
    assert (
        entrance().refusal(QUERY_STRING=f"access_token={token}", HTTP_COOKIE=f"access_token={token}") is Reason.NO_TOKEN
    )


@given(place=st.floats(0, 1, exclude_max=True), to=st.sampled_from("AZaz09-_."))
def test_a_token_with_any_character_changed_is_not_let_in(tmp_path_factory, place, to):
    token = EHR.token(claims())
    at = int(place * len(token))
    if token[at] != to:
        door = Entrance(tmp_path_factory.getbasetemp() / "changed.yaml", file_of(HOSPITAL))
        door.refusal(f"{token[:at]}{to}{token[at + 1 :]}")


@given(
    sent=st.text(max_size=300) | st.binary(max_size=300).map(lambda data: f"Bearer {b64(data)}.{b64(data)}.{b64(data)}")
)
def test_whatever_is_sent_is_refused_and_breaks_nothing(tmp_path_factory, sent):
    door = Entrance(tmp_path_factory.getbasetemp() / "anything.yaml", file_of(HOSPITAL))
    door.refusal(HTTP_AUTHORIZATION=sent)


def test_a_refusal_names_the_client_that_the_token_claims_to_be_from(entrance):
    with pytest.raises(NotAuthenticated) as refused:
        entrance().admit(STRANGER.token(claims()))
    assert refused.value.client == "hospital"


# Once only ------------------------------------------------------------------------------------------------------------


def test_a_token_that_comes_again_is_refused(entrance):
    door, token = entrance(), EHR.token(claims())
    door.admit(token)
    assert door.refusal(token) is Reason.REPLAYED


def test_a_signature_written_in_its_other_form_is_the_same_token(entrance):
    door, token = entrance(), EHR.token(claims())
    header, payload, _ = parts(token)
    signature = EHR.sign(f"{header}.{payload}".encode())
    r, s = signature[:48], int.from_bytes(signature[48:], "big")
    door.admit(token)
    again = f"{header}.{payload}.{b64(r + (CURVE_ORDER - s).to_bytes(48, 'big'))}"
    assert door.refusal(again) is Reason.REPLAYED


def test_a_token_is_remembered_longer_than_it_is_good(entrance):
    door = entrance()
    door.admit(EHR.token(claims()))
    (forget_at,) = door.seen.digests.values()
    door.now = forget_at - timedelta(seconds=1)
    assert door.refusal(EHR.token(claims(exp=NOW + 300))) is Reason.EXPIRED
    assert forget_at - AT <= timedelta(seconds=300 + SKEW_S + 1)


def test_two_clients_may_use_the_same_id(entrance):
    door = entrance()
    for signer, tenant in ((EHR, "n1"), (OTHER, "s1")):
        door.admit(signer.token(claims(iss="https://shared.example", tenant=tenant, jti="1")))


def test_a_token_for_one_address_is_refused_at_another_and_still_good_there(entrance):
    door, token = entrance(), EHR.token(claims(aud=f"{URL}/cds-services"))
    assert door.refusal(token, "/cds-services/sign/feedback") is Reason.AUDIENCE
    assert door.admit(token, "/cds-services", None).client.name == "hospital"


# Certificates ---------------------------------------------------------------------------------------------------------

SUBJECT = "CN=ehr.example,O=Hospital"
BY_CERTIFICATE = {"name": "by-certificate", "certificate": SUBJECT, "tenants": ["t1"]}
BY_BOTH = HOSPITAL | {"certificate": SUBJECT}
BEHIND = {"proxies": (ip_network("10.0.0.0/24"), ip_network("::1/128")), "certificate_header": "Client-Subject"}


@pytest.mark.parametrize("proxy", ["10.0.0.7", "::ffff:10.0.0.7", "::1"])
def test_a_certificate_counts_by_the_word_of_a_proxy(entrance, proxy):
    door = entrance(BY_CERTIFICATE, **BEHIND)
    assert door.admit(HTTP_CLIENT_SUBJECT=SUBJECT, REMOTE_ADDR=proxy).caller == Caller("by-certificate", "t1")


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.1.7", "", "unknown", "::2", "10.0.0.7, 192.0.2.1"])
def test_anybody_else_s_word_on_certificates_counts_for_nothing(entrance, peer):
    door = entrance(BY_CERTIFICATE, **BEHIND)
    assert door.refusal(HTTP_CLIENT_SUBJECT=SUBJECT, REMOTE_ADDR=peer) is Reason.NO_TOKEN


def test_who_is_said_to_be_behind_a_proxy_is_not_one(entrance):
    door = entrance(BY_CERTIFICATE, **BEHIND)
    forwarded = {"HTTP_X_FORWARDED_FOR": "10.0.0.7", "HTTP_FORWARDED": "for=10.0.0.7", "HTTP_X_REAL_IP": "10.0.0.7"}
    assert door.refusal(HTTP_CLIENT_SUBJECT=SUBJECT, **forwarded) is Reason.NO_TOKEN


@pytest.mark.parametrize(
    "subject", [f"{SUBJECT} ", SUBJECT.lower(), f"{SUBJECT},{SUBJECT}", "CN=ehr.example", "x" * 2000]
)
def test_another_subject_is_another_client(entrance, subject):
    door = entrance(BY_CERTIFICATE, **BEHIND)
    assert door.refusal(HTTP_CLIENT_SUBJECT=subject, REMOTE_ADDR="10.0.0.7") in {
        Reason.CERTIFICATE_OTHER,
        Reason.NO_TOKEN,
    }


def test_where_both_are_asked_for_neither_is_enough(entrance):
    door = entrance(BY_BOTH, **BEHIND)
    shown = {"HTTP_CLIENT_SUBJECT": SUBJECT, "REMOTE_ADDR": "10.0.0.7"}
    token = EHR.token(claims())
    assert door.refusal(token) is Reason.CERTIFICATE_MISSING
    assert door.refusal(token, **shown | {"REMOTE_ADDR": "192.0.2.1"}) is Reason.CERTIFICATE_MISSING
    assert door.refusal(token, **shown | {"HTTP_CLIENT_SUBJECT": "CN=other"}) is Reason.CERTIFICATE_OTHER
    assert door.refusal(**shown) is Reason.CERTIFICATE_OTHER  # no client has it and nothing else
    assert door.admit(token, **shown).client.name == "hospital"


def test_a_bad_token_is_not_healed_by_a_certificate(entrance):
    door = entrance(BY_CERTIFICATE, HOSPITAL, **BEHIND)
    shown = {"HTTP_CLIENT_SUBJECT": SUBJECT, "REMOTE_ADDR": "10.0.0.7"}
    assert door.refusal(STRANGER.token(claims()), **shown) is Reason.SIGNATURE


def test_without_a_configured_header_no_certificate_counts(entrance):
    door = entrance(BY_CERTIFICATE, proxies=BEHIND["proxies"])
    assert door.refusal(HTTP_CLIENT_SUBJECT=SUBJECT, REMOTE_ADDR="10.0.0.7", HTTP_=SUBJECT) is Reason.NO_TOKEN


# The file, and keys that change ---------------------------------------------------------------------------------------


def replaced(path, text):
    """As `kubectl` and careful editors do it: in one step."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)  # noqa: PTH105 - the step itself


def test_a_client_that_is_taken_out_of_the_file_is_out_within_a_second(entrance):
    door = entrance()
    replaced(door.path, file_of(NORTH, SOUTH))
    door.seconds = 0.9
    assert door.admit(EHR.token(claims())).client.name == "hospital"
    door.seconds = 1.0
    assert door.refusal(EHR.token(claims())) is Reason.ISSUER
    assert door.told == [ClientsRead(2, 0)]


def test_a_file_that_breaks_keeps_the_clients_there_are_and_says_so_once(entrance):
    door = entrance()
    replaced(door.path, "clients: [{name: secret-name, rate: 0}]")
    for second in (1, 2, 3):
        door.seconds = second
        assert door.admit(EHR.token(claims())).client.name == "hospital"
    assert door.told == [ClientsRead(4, 2)]
    door.path.unlink()
    door.seconds = 4
    assert door.admit(EHR.token(claims())).client.name == "hospital"
    assert door.told[1:] == [ClientsRead(4, 1)]
    door.path.write_text(file_of(HOSPITAL))
    door.seconds = 5
    assert door.admit(EHR.token(claims())).client.name == "hospital"
    assert door.told[2:] == [ClientsRead(1, 0)]


def test_what_is_wrong_with_a_changed_file_is_named_once_for_whoever_changed_it(entrance):
    door = entrance()
    replaced(door.path, "clients:\n- name: north\n  iss: https://ehr.example\n  keyz: []\n  rate: 0\n")
    for door.seconds in (1, 2, 3):
        door.admit(EHR.token(claims()))
    (complaint,) = door.complaints
    first, *mistakes = complaint.splitlines()
    assert first == "The file of clients was not read again; the 4 of before may call:"
    assert [mistake.rpartition("/")[2].partition(" ")[0] for mistake in mistakes] == [
        "clients.yaml:4:",
        "clients.yaml:5:",
    ]
    replaced(door.path, file_of(HOSPITAL))
    door.seconds = 4
    door.admit(EHR.token(claims()))
    assert len(door.complaints) == 1


def test_a_changed_file_that_asks_for_what_is_not_set_is_not_taken(entrance):
    def agreed(clients):
        return [f"`{one.name}` wants too much" for one in clients.everyone if one.deduplicate]

    door = entrance(HOSPITAL, agreed=agreed)
    replaced(door.path, file_of(HOSPITAL | {"deduplicate": True}, NORTH | {"deduplicate": True}))
    door.seconds = 1
    assert not door.admit(EHR.token(claims())).client.deduplicate
    assert door.told == [ClientsRead(1, 2)]
    (complaint,) = door.complaints
    assert complaint.splitlines()[1:] == [
        f"{door.path}: `hospital` wants too much",
        f"{door.path}: `north` wants too much",
    ]
    with pytest.raises(BrokenClients, match="`hospital` wants too much"):
        entrance(HOSPITAL | {"deduplicate": True}, agreed=agreed)


def test_a_client_of_another_name_cannot_use_a_token_again(entrance):
    door = entrance()
    token = EHR.token(claims())
    door.admit(token)
    replaced(door.path, file_of(HOSPITAL | {"name": "renamed"}))
    door.seconds = 1
    assert door.refusal(token) is Reason.REPLAYED
    assert door.admit(EHR.token(claims())).client.name == "renamed"


def test_tenants_of_one_issuer_count_their_tokens_each_for_itself(entrance):
    door = entrance()
    said = {"iss": "https://shared.example", "jti": "1"}
    for key, tenant in ((EHR, "n1"), (EHR, "n2"), (OTHER, "s1")):
        door.admit(key.token(claims(**said, tenant=tenant)))
        assert door.refusal(key.token(claims(**said, tenant=tenant))) is Reason.REPLAYED


def test_a_door_with_a_broken_file_does_not_open(tmp_path):
    with pytest.raises(BrokenClients):
        Entrance(tmp_path / "clients.yaml", "clients: []")


@pytest.fixture
def published():
    """An EHR that publishes its keys on this machine."""
    server = JwksServer(EHR.jwk)
    yield server
    server.close()


def by_jku(server, **more):
    return {"name": "remote", "iss": ISS, "jku": server.jku, **more}


def test_keys_that_a_client_publishes_are_fetched_once(entrance, published):
    door = entrance(by_jku(published), development=True)
    for _ in range(3):
        assert door.admit(EHR.token(claims(), jku=published.jku)).client.name == "remote"
    assert len(published.asked) == 1


def test_no_token_makes_us_ask_anywhere_but_where_it_is_configured(entrance, published):
    evil = JwksServer(STRANGER.jwk)
    door = entrance(by_jku(published), development=True)
    assert door.refusal(STRANGER.token(claims(), jku=evil.jku)) is Reason.JKU
    assert (evil.connections, published.connections) == (0, 0)
    evil.close()


def test_a_key_that_is_new_is_found_and_one_that_is_withdrawn_is_not(entrance, published):
    new = Signer("ES256", "next")
    door = entrance(by_jku(published), development=True)
    door.admit(EHR.token(claims()))
    published.keys = [new.jwk]
    door.seconds = 60
    assert door.admit(new.token(claims())).client.name == "remote"
    assert door.refusal(EHR.token(claims())) is Reason.KID_UNKNOWN


def test_unknown_keys_make_us_ask_once_a_minute(entrance, published):
    door = entrance(by_jku(published), development=True)
    for second in range(121):
        door.seconds = second
        assert door.refusal(STRANGER.token(claims(), kid=secrets.token_hex(4))) is Reason.KID_UNKNOWN
    assert len(published.asked) == 3


def test_an_outage_of_the_keys_is_bridged_for_a_day(entrance, published):
    door = entrance(by_jku(published), development=True)
    door.admit(EHR.token(claims()))
    published.close()
    for second in (600, 3600, 86_399 + 600):
        door.seconds = second
        assert door.admit(EHR.token(claims())).client.name == "remote"
    door.seconds = 86_400 + 600
    assert door.refusal(EHR.token(claims())) is Reason.KEYS_TOO_OLD


def test_keys_that_never_came_let_nobody_in(entrance, published):
    published.close()
    door = entrance(by_jku(published), development=True)
    assert door.refusal(EHR.token(claims())) is Reason.KEYS_UNAVAILABLE


def test_a_change_of_the_file_does_not_fetch_keys_anew(entrance, published):
    door = entrance(by_jku(published), development=True)
    door.admit(EHR.token(claims()))
    replaced(door.path, file_of(by_jku(published, rate=7)))
    door.seconds = 1
    assert door.admit(EHR.token(claims())).client.rate == 7
    assert len(published.asked) == 1


def test_a_client_with_keys_in_the_file_is_never_asked(entrance, published):
    door = entrance(by_jku(published, keys=[EHR.jwk]), development=True)
    door.admit(EHR.token(claims(), jku=published.jku))
    assert door.refusal(STRANGER.token(claims(), kid="unknown")) is Reason.KID_UNKNOWN
    assert published.connections == 0
