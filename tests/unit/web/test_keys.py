"""The keys of clients: which are taken, how they are fetched, and how long they are kept."""

import gzip
import json
import ssl
import threading
from time import monotonic, sleep

import pytest
import trustme

from cds_service.fhir.connections import Stopped, resolve, tls
from cds_service.fhir.wanted import Outcome
from cds_service.web.keys import (
    ALGORITHMS,
    FETCH_S,
    FRESH_S,
    GAP_S,
    MOST_BYTES,
    MOST_KEYS,
    SANDBOX,
    STALE_S,
    Came,
    KeyServer,
    KeysFetched,
    Lack,
    NoKey,
    RemoteKeys,
    read_jku,
    read_key,
    read_key_set,
)
from tests.servers.fhir_server import answer
from tests.servers.jwks_server import OF_THE_SANDBOX, JwksServer, Signer, b64

ONE, TWO = Signer("ES384", "one"), Signer("ES256", "two")
RSA_KEY = Signer("RS256", "rsa")
ED = Signer("EdDSA", "ed")


# One key --------------------------------------------------------------------------------------------------------------


def without(jwk, *names):
    return {name: value for name, value in jwk.items() if name not in names}


@pytest.mark.parametrize(
    ("jwk", "fits"),
    [
        (ONE.jwk, {"ES384"}),
        (without(ONE.jwk, "alg", "use"), {"ES384"}),
        (Signer("ES512", "k").jwk, {"ES512"}),
        (RSA_KEY.jwk, {"RS256"}),
        (without(RSA_KEY.jwk, "alg"), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (without(ED.jwk, "alg"), {"EdDSA", "Ed25519"}),
        (without(Signer("Ed448", "k").jwk, "alg"), {"EdDSA", "Ed448"}),
        (ONE.jwk | {"key_ops": ["verify"]}, {"ES384"}),
        (ONE.jwk | {"x5c": ["MIIB"], "x5u": "no address", "x5t": 1, "ext": True}, {"ES384"}),
    ],
)
def test_a_key_is_good_for_the_algorithms_that_fit_it(jwk, fits):
    assert read_key(jwk).fits == fits
    assert fits <= ALGORITHMS.keys()


@pytest.mark.parametrize(
    ("jwk", "says"),
    [
        ("a text", "must be a JSON Web Key"),
        ({}, "`kty`"),
        (ONE.jwk | {"kty": "XY"}, "`kty`"),
        (ONE.jwk | {"kty": ["EC"]}, "`kty`"),
        ({"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256"}, "shared secret"),
        (ONE.jwk | {"d": "AAAA"}, "private half"),
        (RSA_KEY.jwk | {"p": "AAAA"}, "private half"),
        (without(ONE.jwk, "kid"), "`kid`"),
        (ONE.jwk | {"kid": 7}, "`kid`"),
        (ONE.jwk | {"kid": ""}, "`kid`"),
        (ONE.jwk | {"kid": "x" * 257}, "`kid`"),
        (ONE.jwk | {"use": "enc"}, "fits none"),
        (ONE.jwk | {"key_ops": ["sign"]}, "fits none"),
        (ONE.jwk | {"alg": "ES256"}, "fits none"),
        (ONE.jwk | {"alg": "HS256"}, "fits none"),
        (RSA_KEY.jwk | {"alg": "RSA-OAEP"}, "fits none"),
        (ED.jwk | {"crv": "X25519", "alg": "EdDSA"}, "fits none"),
        (ONE.jwk | {"crv": "secp256k1"}, "no public key"),
        (ONE.jwk | {"crv": "P-256"}, "no public key"),
        (ONE.jwk | {"x": TWO.jwk["x"]}, "no public key"),  # no point of the curve
        (ONE.jwk | {"x": "="}, "no public key"),
        (ONE.jwk | {"x": 1}, "no public key"),
        (without(ONE.jwk, "y"), "no public key"),
        (ED.jwk | {"x": "AAAA"}, "no public key"),
        (RSA_KEY.jwk | {"n": ""}, "of 0 bits"),
        (without(RSA_KEY.jwk, "n"), "of"),
        (RSA_KEY.jwk | {"n": b64(b"x" * 1025)}, "of 8199 bits"),
        (RSA_KEY.jwk | {"n": RSA_KEY.jwk["n"] + "!!!!"}, "no public key"),
        (RSA_KEY.jwk | {"e": "AQ"}, "exponent"),
        (RSA_KEY.jwk | {"e": 65537}, "exponent"),
        (Signer("RS256", "weak", bits=1024).jwk, "1024 bits"),
        (Signer("RS256", "odd", exponent=3).jwk, "exponent"),
    ],
)
def test_a_key_that_could_not_prove_anything_is_not_taken(jwk, says):
    with pytest.raises(ValueError, match=says) as refused:
        read_key(jwk)
    assert ONE.jwk["x"] not in str(refused.value)


@pytest.mark.parametrize("jwk", OF_THE_SANDBOX)
def test_the_key_pairs_that_the_sandbox_publishes_are_known(jwk):
    assert read_key(jwk).sandbox
    (octets, *_) = (len(jwk["x"]) * 3 // 4,)
    longer = jwk | {"x": b64(bytes(1) + _decoded(jwk["x"], octets))}  # the same number, with a zero in front
    assert read_key(longer).sandbox


def _decoded(text, octets):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number = 0
    for character in text:
        number = number * 64 + alphabet.index(character)
    return (number >> (len(text) * 6 - octets * 8)).to_bytes(octets, "big")


def test_every_pair_of_the_sandbox_has_its_test():
    assert len(OF_THE_SANDBOX) == len(SANDBOX)
    assert not read_key(ONE.jwk).sandbox


def test_a_key_of_the_sandbox_opens_nothing_in_production_and_everything_in_development():
    body = json.dumps({"keys": [OF_THE_SANDBOX[0], ONE.jwk]}).encode()
    ring, ignored = read_key_set(body, development=False)
    with pytest.raises(NoKey) as none:
        ring.find(OF_THE_SANDBOX[0]["kid"])
    assert none.value.lack is Lack.SANDBOX_KEY
    assert (len(ring.find("one")), ignored) == (1, 1)
    ring, ignored = read_key_set(body, development=True)
    assert (len(ring.find(OF_THE_SANDBOX[0]["kid"])), ignored) == (1, 0)


# A key set ------------------------------------------------------------------------------------------------------------


def test_what_is_of_no_use_in_a_key_set_is_left_out_and_the_rest_used():
    symmetric = {"kty": "oct", "kid": "one", "k": "AAAA"}
    keys = [symmetric, ONE.jwk, ONE.jwk | {"use": "enc"}, "no key", TWO.jwk, TWO.jwk | {"kid": "one"}]
    ring, ignored = read_key_set(json.dumps({"keys": keys}).encode(), development=False)
    assert [sorted(key.fits) for key in ring.find("one")] == [["ES384"], ["ES256"]]
    assert [key.kid for key in ring.find("two")] == ["two"]
    assert ignored == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": null}',
        json.dumps({"keys": [1] * (MOST_KEYS + 1)}).encode(),
        b'{"keys": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_key_set_is_not_taken_for_an_empty_one(body):
    with pytest.raises(ValueError):  # noqa: PT011 - it says nothing, on purpose
        read_key_set(body, development=False)


def test_a_client_can_withdraw_all_its_keys():
    ring, ignored = read_key_set(b'{"keys": []}', development=False)
    assert (dict(ring.by_kid), ignored) == ({}, 0)


# Where it is ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jku", "development"),
    [
        ("https://ehr.example/.well-known/jwks.json", False),
        ("https://ehr.example:8443/keys?tenant=a&v=1", False),
        ("https://10.20.0.7/jwks", False),  # in the hospital's own network
        ("https://[fd12::7]/jwks", False),
        ("http://localhost:8080/jwks", True),
        ("http://127.0.0.1/jwks", True),
        ("https://127.0.0.1:8443/jwks", True),
    ],
)
def test_a_client_publishes_its_keys_with_https_or_on_the_developer_s_machine(jku, development):
    assert read_jku(jku, development=development) == jku


@pytest.mark.parametrize(
    "jku",
    [
        None,
        7,
        "",
        "ehr.example/jwks",
        "https://ehr.example",
        "http://ehr.example/jwks",
        "file:///etc/passwd",
        "https://user@ehr.example/jwks",
        "https://ehr.example/jwks#one",
        "https://ehr.example/jwks\\..",
        "https://ehr.example/jw ks",
        "https://ehr.example:0/jwks",
        "https://2130706433/jwks",
        "https://169.254.169.254/jwks",
        "https://[fe80::1]/jwks",
        "https://" + "a" * 1024 + "/jwks",
    ],
)
@pytest.mark.parametrize("development", [True, False])
def test_other_addresses_of_keys_are_refused(jku, development):
    with pytest.raises(ValueError, match="must be an address like"):
        read_jku(jku, development=development)


@pytest.mark.parametrize("jku", ["http://localhost/jwks", "https://127.0.0.1/jwks", "http://127.0.0.1:8080/jwks"])
def test_in_production_keys_are_not_looked_for_on_this_machine(jku):
    with pytest.raises(ValueError, match="must be an address like"):
        read_jku(jku, development=False)


# Fetching -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    made = JwksServer(ONE.jwk)
    yield made
    made.close()


def fetching(jku, *, development=True, context=None, resolve=resolve):
    return KeyServer(jku, context or tls(None), resolve, development=development)


def stopped(fetch):
    began = monotonic()
    with pytest.raises(Stopped) as refused:
        fetch()
    assert monotonic() - began < FETCH_S + 1
    return refused.value.outcome


def test_a_key_set_is_fetched_as_it_stands(server):
    came = fetching(server.jku)()
    assert json.loads(came.body) == {"keys": [ONE.jwk]}
    assert came.fresh_s is None
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("GET", "/.well-known/jwks.json")
    assert not {"authorization", "cookie"} & asked.headers.keys()


@pytest.mark.parametrize(
    ("headers", "fresh_s"),
    [
        ({"Cache_Control": "max-age=300"}, 300),
        ({"Cache_Control": "public, MAX-AGE=300, must-revalidate"}, 300),
        ({"Cache_Control": "s-maxage=5, max-age=300", "Age": "100"}, 200),
        ({"Cache_Control": "max-age=300", "Age": "500"}, 0),
        ({"Cache_Control": "max-age=300, no-store"}, 0),
        ({"Cache_Control": "no-cache"}, 0),
        ({"Cache_Control": "max-age=soon"}, None),
        ({"Cache_Control": "x-max-age=5"}, None),
        ({"Cache_Control": "max-age=-5"}, None),
        ({"Age": "100"}, None),
    ],
)
def test_an_answer_says_how_long_it_may_be_kept(server, headers, fresh_s):
    server.headers = headers
    assert fetching(server.jku)().fresh_s == fresh_s


def test_a_key_set_may_be_called_plain_text(server):
    server.misbehaves = lambda _asked, line: line.send(answer({"keys": []}, media_type="text/plain"))
    assert fetching(server.jku)().body == b'{"keys": []}'


def redirecting(elsewhere):
    return lambda _asked, line: line.send(answer(b"", status="302 Found", Location=elsewhere))


MISBEHAVIOUR = {
    "it is not there": (lambda _asked, line: line.send(answer(b"", status="404 Not Found")), Outcome.STATUS_4XX),
    "it is broken": (lambda _asked, line: line.send(answer(b"", status="503 No")), Outcome.STATUS_5XX),
    "it is no content": (lambda _asked, line: line.send(answer(b"", status="204 No Content")), Outcome.STATUS_OTHER),
    "it says nothing": (lambda _asked, line: line.hold(), Outcome.TIMEOUT),
    "it drips its head": (lambda _asked, line: line.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 999, 0.1), Outcome.TIMEOUT),
    "it drips its body": (
        lambda _asked, line: line.drip(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 9999, 0.01),
        Outcome.TIMEOUT,
    ),
    "it is too large": (lambda _asked, line: line.send(answer(b" " * (MOST_BYTES + 1))), Outcome.TOO_LARGE),
    "it has no end": (
        lambda _asked, line: line.send(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MOST_BYTES + 1)) or "close",
        Outcome.TOO_LARGE,
    ),
    "it is packed": (
        lambda _asked, line: line.send(answer(gzip.compress(b" " * 10**7), Content_Encoding="gzip")),
        Outcome.NOT_JSON,
    ),
    "it breaks off": (
        lambda _asked, line: line.send(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"keys":[]}') or "close",
        Outcome.CONNECTION,
    ),
    "it speaks no HTTP": (lambda _asked, line: line.send(b"220 mail.example ESMTP\r\n") or "close", Outcome.CONNECTION),
}


@pytest.mark.parametrize(("misbehaves", "outcome"), MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
def test_a_server_that_misbehaves_costs_two_seconds_at_most(server, misbehaves, outcome):
    server.misbehaves = misbehaves
    assert stopped(fetching(server.jku)) is outcome


def test_redirects_are_not_followed(server):
    other = JwksServer(TWO.jwk)
    server.misbehaves = redirecting(other.jku)
    assert stopped(fetching(server.jku)) is Outcome.REDIRECT
    assert other.connections == 0
    other.close()


def test_nobody_there_is_an_outcome_like_any_other(server):
    server.close()
    assert stopped(fetching(server.jku)) is Outcome.CONNECTION


def test_environment_variables_lead_nowhere_else(server, monkeypatch):
    other = JwksServer(TWO.jwk)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{other.port}")
    assert json.loads(fetching(server.jku)().body) == {"keys": [ONE.jwk]}
    assert other.connections == 0
    other.close()


def test_a_name_that_leads_to_this_machine_is_not_asked_in_production(server):
    fetch = fetching(
        f"https://ehr.example:{server.port}/jwks", development=False, resolve=lambda _host, _port: ("127.0.0.1",)
    )
    assert stopped(fetch) is Outcome.REFUSED_ADDRESS
    assert server.connections == 0


def test_certificates_are_verified(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = JwksServer(ONE.jwk, context=context)
    try:
        assert stopped(fetching(server.jku)) is Outcome.TLS
        assert server.asked == []
        came = fetching(server.jku, context=tls(tmp_path / "ca.pem"))()
        assert json.loads(came.body) == {"keys": [ONE.jwk]}
    finally:
        server.close()


# Keeping --------------------------------------------------------------------------------------------------------------


class Kept:
    """Keys of a client whose server and clock are in our hands."""

    def __init__(self, *keys, fresh_s=None):
        self.keys = keys
        self.fresh_s = fresh_s
        self.seconds = 0.0
        self.fetched = 0
        self.out_of_order = None
        self.told = []
        self.goes_on = threading.Event()  # a fetch waits for it
        self.goes_on.set()
        self.remote = RemoteKeys(
            "hospital", self.fetch, development=False, told=self.told.append, ticks=lambda: self.seconds
        )

    def fetch(self):
        self.fetched += 1
        assert self.goes_on.wait(5)
        if self.out_of_order is not None:
            raise self.out_of_order
        return Came(json.dumps({"keys": self.keys}).encode(), self.fresh_s)

    def finds(self, kid="one"):
        return [key.kid for key in self.remote.find(kid)]

    def lacks(self, kid="one"):
        with pytest.raises(NoKey) as none:
            self.remote.find(kid)
        return none.value.lack


def beside_the_calls():
    """Wait for the fetch that no call waits for."""
    until = monotonic() + 5
    while any(thread.name == "web-keys" for thread in threading.enumerate()):
        assert monotonic() < until
        sleep(0.002)


@pytest.mark.parametrize(
    ("said", "kept_s"),
    [(None, FRESH_S), (0, 60), (59, 60), (120, 120), (10**9, 86_400)],
)
def test_keys_are_kept_as_long_as_their_server_says_within_bounds(said, kept_s):
    kept = Kept(ONE.jwk, fresh_s=said)
    for second in (0, 1, 0.79 * kept_s):
        kept.seconds = second
        assert kept.finds() == ["one"]
    assert kept.fetched == 1
    kept.seconds = kept_s
    kept.keys = ()
    assert kept.lacks() is Lack.KID_UNKNOWN
    assert kept.fetched == 2


def test_keys_are_fetched_anew_before_their_time_is_over_beside_the_calls():
    kept = Kept(ONE.jwk)
    kept.finds()
    kept.seconds = 0.8 * FRESH_S
    kept.keys = (TWO.jwk,)
    kept.goes_on.clear()
    assert kept.finds() == ["one"]
    kept.goes_on.set()
    beside_the_calls()
    assert kept.finds("two") == ["two"]
    assert kept.fetched == 2


def test_an_unknown_id_is_asked_for_once_a_minute_whatever_it_is():
    kept = Kept(ONE.jwk)
    for second in range(240):
        kept.seconds = second
        assert kept.lacks(f"kid-{second}") is Lack.KID_UNKNOWN
    assert kept.fetched == 4


def test_an_outage_is_bridged_and_ends():
    kept = Kept(ONE.jwk)
    kept.finds()
    kept.out_of_order = Stopped(Outcome.TIMEOUT)
    kept.seconds = FRESH_S
    assert kept.finds() == ["one"]
    assert kept.told[-1] == KeysFetched("hospital", Outcome.TIMEOUT)
    kept.seconds = FRESH_S + STALE_S - 1
    assert kept.finds() == ["one"]
    beside_the_calls()
    kept.seconds = FRESH_S + STALE_S
    assert kept.lacks() is Lack.KEYS_TOO_OLD
    kept.out_of_order = None
    kept.seconds += GAP_S
    assert kept.finds() == ["one"]


def test_an_outage_is_asked_about_once_a_minute_and_no_call_waits_for_it():
    kept = Kept(ONE.jwk)
    kept.finds()
    kept.out_of_order = Stopped(Outcome.CONNECTION)
    kept.seconds = 600
    kept.finds()
    for second in range(601, 840):
        kept.seconds = second
        kept.goes_on.clear()
        assert kept.finds() == ["one"]
        kept.goes_on.set()
        beside_the_calls()
    assert kept.fetched == 1 + 4  # the first, and one a minute


def test_while_there_are_no_keys_at_all_they_are_asked_for_every_ten_seconds():
    kept = Kept(ONE.jwk)
    kept.out_of_order = Stopped(Outcome.CONNECTION)
    for second in range(21):
        kept.seconds = second
        assert kept.lacks() is Lack.KEYS_UNAVAILABLE
    assert kept.fetched == 3
    kept.out_of_order = None
    kept.seconds = 30
    assert kept.finds() == ["one"]


@pytest.mark.parametrize(
    ("problem", "outcome"),
    [(Stopped(Outcome.TLS), Outcome.TLS), (OSError("x"), Outcome.CONNECTION), (KeyError("x"), Outcome.BROKEN)],
)
def test_whatever_goes_wrong_is_told_by_its_kind(problem, outcome):
    kept = Kept()
    kept.out_of_order = problem
    assert kept.lacks() is Lack.KEYS_UNAVAILABLE
    assert kept.told == [KeysFetched("hospital", outcome)]


def test_an_answer_that_is_no_key_set_leaves_the_keys_as_they_are():
    kept = Kept(ONE.jwk)
    kept.finds()
    kept.keys = {"no": "list"}
    kept.seconds = FRESH_S
    assert kept.finds() == ["one"]
    assert kept.told[-1] == KeysFetched("hospital", Outcome.NOT_JSON)


def test_it_is_told_how_many_keys_came_and_how_many_are_of_no_use():
    kept = Kept(ONE.jwk, TWO.jwk | {"use": "enc"}, OF_THE_SANDBOX[0])
    kept.finds()
    assert kept.told == [KeysFetched("hospital", Outcome.OK, keys=1, ignored=2)]
    assert kept.lacks(OF_THE_SANDBOX[0]["kid"]) is Lack.SANDBOX_KEY


def test_many_calls_at_once_fetch_once(server):
    server.misbehaves = lambda _asked, line: (sleep(0.2), line.send(answer({"keys": [ONE.jwk]})))[0]
    remote = RemoteKeys("hospital", fetching(server.jku), development=True, told=lambda _event: None)
    found = []
    threads = [threading.Thread(target=lambda: found.append(remote.find("one"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(server.asked) == 1
