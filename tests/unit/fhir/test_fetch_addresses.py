"""Where fetching never goes: forbidden addresses, other hosts, servers that cannot prove who they are.

Every address here leads to this machine, whatever it is called; listeners prove who was connected to and who was not.
"""

import socket
import ssl
import sys
import threading
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
import trustme

from cds_service.clinical.model import Why
from cds_service.fhir import connections
from cds_service.fhir.addresses import Allowed, base_of, read_network
from cds_service.fhir.connections import Allowance, Connections, Stopped, Watch, resolve, tls
from cds_service.fhir.fetch import FhirServers, Limits
from cds_service.fhir.versions import Version
from cds_service.fhir.wanted import Wanted
from tests.servers.fetching import (  # noqa: F401 - a fixture
    CONDITIONS,
    DEVELOPMENT,
    MARGIN_S,
    TOKEN,
    _nothing_gets_out,
    fetching,
    no_thread_is_left,
    request_to,
    serving,
)
from tests.servers.fhir_server import answer, bundle

CONDITION = {"resourceType": "Condition", "id": "c1"}
GOOD = answer(bundle(CONDITION))
HOST = "fhir.example"


def well(_asked, line):
    line.send(GOOD)


def name_server(*addresses):
    """A name server that gives these addresses for every name."""
    return lambda _host, _port: addresses


def context_of(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority of the hospital's own, as a file."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(path)
    return made, path


@pytest.fixture(scope="module")
def secure(authority):
    """TLS with a certificate of that authority."""
    return context_of(authority[0].issue_cert(HOST, "127.0.0.1", "localhost"))


def test_a_server_with_a_certificate_that_is_trusted_is_asked(secure, authority):
    with serving(well, context=secure) as server, fetching(ca=authority[1]) as ask:
        for host in (HOST, "127.0.0.1", HOST):
            assert ask(f"https://{host}:{server.port}/fhir").fetched.outcomes == {"ok": 1}
    assert server.connections == 2
    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {TOKEN}"}


def test_a_certificate_of_an_authority_that_nobody_trusts_proves_nothing(secure):
    with serving(well, context=secure) as server, fetching() as ask:
        fetched = ask(f"https://{HOST}:{server.port}/fhir").fetched
    assert fetched.failed == {"conditions": Why.NOT_FETCHED}
    assert fetched.outcomes == {"tls": 1}
    assert server.asked == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_named_for_other_programs_are_not_trusted(variable, secure, authority, monkeypatch):
    monkeypatch.setenv(variable, str(authority[1]))
    with serving(well, context=secure) as server, fetching() as ask:
        assert ask(f"https://{HOST}:{server.port}/fhir").fetched.outcomes == {"tls": 1}
    assert server.asked == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_our_own_authority_is_trusted_wherever_the_environment_points(variable, secure, authority, monkeypatch):
    monkeypatch.setenv(variable, "/nowhere/ca.pem")
    with serving(well, context=secure) as server, fetching(ca=authority[1]) as ask:
        assert ask(f"https://{HOST}:{server.port}/fhir").fetched.outcomes == {"ok": 1}
        other = context_of(trustme.CA().issue_cert(HOST))
        with serving(well, context=other) as stranger:
            assert ask(f"https://{HOST}:{stranger.port}/fhir").fetched.outcomes == {"tls": 1}
    assert stranger.asked == []


def test_whom_the_machine_trusts_is_settled_at_the_start(secure, authority, monkeypatch):
    with serving(well, context=secure) as server, fetching() as ask:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
        assert ask(f"https://{HOST}:{server.port}/fhir").fetched.outcomes == {"tls": 1}
    assert server.asked == []


def test_nobody_is_trusted_beside_those_that_the_machine_trusts(secure, authority, monkeypatch):
    """The HTTP library brings certificates of its own along."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    context = tls(None)
    with serving(well, context=secure) as server:
        asking = Connections(DEVELOPMENT, context, name_server("127.0.0.1"))
        base = base_of(f"https://{HOST}:{server.port}/fhir", DEVELOPMENT)
        body = asking.get(base, "/fhir/Condition", {}, Watch(monotonic() + 2, 10_000, Allowance(10_000)))
        asking.close()
    assert body.startswith(b"{")
    assert context.cert_store_stats()["x509"] == 1
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def long_ago(authority):
    now = datetime.now(tz=UTC)
    return authority.issue_cert(HOST, not_before=now - timedelta(days=9), not_after=now - timedelta(days=2))


WRONG = {
    "it is of another host": lambda authority: authority.issue_cert("other.example"),
    "it is of a host below": lambda authority: authority.issue_cert(f"x.{HOST}"),
    "it is of a host above": lambda authority: authority.issue_cert("*.fhir.example"),
    "it names the host only as its subject": lambda authority: authority.issue_cert("x.example", common_name=HOST),
    "it has expired": long_ago,
    "it is of another authority": lambda _authority: trustme.CA().issue_cert(HOST),
}


@pytest.mark.parametrize("certificate", WRONG.values(), ids=WRONG)
def test_a_server_that_cannot_prove_who_it_is_gets_no_token(certificate, authority):
    with serving(well, context=context_of(certificate(authority[0]))) as server, fetching(ca=authority[1]) as ask:
        fetched = ask(f"https://{HOST}:{server.port}/fhir").fetched
    assert fetched.outcomes == {"tls": 1}
    assert server.asked == []


def test_a_server_that_speaks_no_tls_gets_no_token():
    with serving(well) as server, fetching() as ask:
        assert ask(f"https://{HOST}:{server.port}/fhir").fetched.outcomes == {"tls": 1}
    assert server.connections == 1
    assert server.asked == []


@pytest.mark.parametrize("drip", [b"", b"\x16\x03\x03\x40\x00" + b"\x00" * 5000], ids=["says nothing", "drips"])
def test_a_server_that_never_ends_its_greeting_costs_no_more_than_the_deadline(drip):
    """A listener that takes the connection and sends a TLS record byte by byte, or nothing."""
    stopping = threading.Event()

    def behave():
        sock, _ = listening.accept()
        with sock:
            for byte in drip:
                if stopping.wait(0.02):
                    return
                try:
                    sock.send(bytes([byte]))
                except OSError:
                    return
            stopping.wait(5)

    with socket.create_server(("127.0.0.1", 0)) as listening, fetching(call_ms=150) as ask:
        thread = threading.Thread(target=behave)
        thread.start()
        fetched = ask(f"https://{HOST}:{listening.getsockname()[1]}/fhir").fetched
        stopping.set()
        thread.join()
    assert fetched.outcomes == {"timeout": 1}
    assert fetched.failed == {"conditions": Why.TOO_LATE}


SECURE_FAULTS = {
    "the head drips": (lambda _asked, line: line.drip(GOOD), "timeout"),
    "it says nothing": (lambda _asked, line: line.hold(), "timeout"),
    "it sends too much": (lambda _asked, line: line.send(answer(b" " * 100_000)), "too-large"),
    "it closes in the middle": (lambda _asked, line: line.send(GOOD[:-9]) or "close", "connection"),
}


@pytest.mark.parametrize(("behave", "outcome"), SECURE_FAULTS.values(), ids=SECURE_FAULTS)
def test_with_tls_a_server_that_misbehaves_costs_no_more_either(behave, outcome, secure, authority):
    limits = {"call_ms": 200, "answer_bytes": 50_000}
    with serving(behave, context=secure) as server, fetching(ca=authority[1], **limits) as ask:
        assert ask(f"https://{HOST}:{server.port}/fhir").fetched.outcomes == {outcome: 1}


def test_with_tls_a_connection_that_the_server_closed_meanwhile_is_replaced(secure, authority):
    def behave(_asked, line):
        line.send(GOOD)
        return "close"

    with serving(behave, context=secure) as server, fetching(ca=authority[1]) as ask:
        for _ in range(3):
            assert ask(f"https://{HOST}:{server.port}/fhir").fetched.outcomes == {"ok": 1}
    assert server.connections == 3


def test_with_tls_an_answer_that_nobody_asked_for_answers_nothing(secure, authority):
    """It came in the same TLS record as the answer: deciphered already, and no longer to be seen on the line."""
    read_at_once = 8192
    first = answer(bundle(CONDITION), X="a" * (read_at_once - len(answer(bundle(CONDITION), X=""))))
    assert len(first) == read_at_once
    of_another = answer(bundle({"resourceType": "Condition", "id": "of-another"}))

    with (
        serving(lambda _asked, line: line.send(first + of_another), context=secure) as server,
        fetching(ca=authority[1]) as ask,
    ):
        for _ in range(3):
            fetched = ask(f"https://{HOST}:{server.port}/fhir").fetched
            assert fetched.values["conditions"]["entry"] == [{"resource": CONDITION}]
    assert server.connections == 3


def test_with_tls_a_connection_is_not_kept_that_the_server_will_close(secure, authority):
    def behave(_asked, line):
        line.send(answer(bundle(CONDITION), Connection="close"))
        return "close"

    with serving(behave, context=secure) as server, fetching(ca=authority[1]) as ask:
        for _ in range(2):
            assert ask(f"https://{HOST}:{server.port}/fhir").fetched.outcomes == {"ok": 1}
    assert server.connections == 2


REDIRECTS = ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_to_another_host_is_not_followed(status):
    with serving(well) as trap:

        def behave(_asked, line):
            line.send(answer({}, status=status, Location=f"{trap.base}/Condition"))

        with serving(behave) as server, fetching() as ask:
            assert ask(server.base).fetched.outcomes == {"redirect": 1}
    assert trap.connections == 0


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_to_the_same_host_is_not_followed_either(status):
    def behave(_asked, line):
        line.send(answer({}, status=status, Location="/fhir/Condition2"))

    with serving(behave) as server, fetching() as ask:
        assert ask(server.base).fetched.outcomes == {"redirect": 1}
    assert len(server.asked) == 1


LINKS = {
    "another port": "http://127.0.0.1:{trap}/fhir/Condition?page=2",
    "another host": "http://localhost:{port}/fhir/Condition?page=2",
    "a user in front": "http://127.0.0.1:{port}@127.0.0.1:{trap}/fhir/Condition?page=2",
    "TLS": "https://127.0.0.1:{port}/fhir/Condition?page=2",
    "another path": "http://127.0.0.1:{port}/admin?page=2",
    "a path above": "http://127.0.0.1:{port}/fhir/../admin?page=2",
    "a path above, escaped": "http://127.0.0.1:{port}/fhir/%2e%2e/admin?page=2",
    "a path beside": "http://127.0.0.1:{port}/fhir2/Condition?page=2",
    "no host": "//127.0.0.1:{trap}/fhir/Condition?page=2",
    "another line": "/fhir/Condition?page=2\r\nX: y",
    "a file": "file:///fhir/Condition",
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_page_that_is_not_below_the_base_is_not_fetched(link):
    with serving(well) as trap:

        def behave(_asked, line):
            line.send(answer(bundle(CONDITION, next_link=link.format(port=server.port, trap=trap.port))))

        with serving(behave) as server, fetching() as ask:
            if "{trap}/" in link or "file" in link:  # the client's own links are no better
                page = link.format(port=server.port, trap=trap.port)
                wanted = Wanted(pages={"results": page}, version=Version.R4)
                assert ask(server.base, wanted).fetched.pages.keys() <= {"results"}
            before = len(server.asked)
            fetched = ask(server.base).fetched
    assert trap.connections == 0
    assert fetched.outcomes == {"refused-link": 1}
    assert len(server.asked) == before + 1
    assert all(asked.path.startswith("/fhir/") for asked in server.asked)
    assert fetched.values["conditions"]["entry"][0]["resource"] == CONDITION
    assert fetched.values["conditions"]["link"][0]["relation"] == "next"


FORBIDDEN = [
    *("10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1"),  # noqa: S104
    *("fd00:ec2::254", "fe80::1", "fe80::1%lo", "::", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"),
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_name_that_leads_to_a_forbidden_address_is_not_connected_to(address):
    with serving(well) as trap, fetching(resolve=name_server(address)) as ask:
        fetched = ask(f"https://{HOST}:{trap.port}/fhir").fetched
    assert fetched.failed == {"conditions": Why.NOT_FETCHED}
    assert fetched.outcomes == {"refused-address": 1}


@pytest.mark.parametrize("addresses", [("127.0.0.1", "10.0.0.1"), ("10.0.0.1", "127.0.0.1"), ()])
def test_if_one_address_of_a_name_is_forbidden_none_is_connected_to(addresses):
    with serving(well) as trap, fetching(resolve=name_server(*addresses)) as ask:
        assert ask(f"http://localhost:{trap.port}/fhir").fetched.outcomes == {"refused-address": 1}
    assert trap.connections == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_in_production_a_name_never_leads_to_this_machine(address):
    with serving(well) as trap:
        allowed = Allowed(
            servers=frozenset({(HOST, trap.port)}),
            networks=(read_network("10.0.0.0/8"),),
        )
        with fetching(allowed, resolve=name_server(address)) as ask:
            assert ask(f"https://{HOST}:{trap.port}/fhir").fetched.outcomes == {"refused-address": 1}
    assert trap.connections == 0


@pytest.mark.parametrize("base", ["https://{}:{}/fhir", "http://localhost:{1}/fhir", "https://127.0.0.1:{1}/fhir"])
def test_in_production_without_a_list_nobody_is_asked(base):
    with serving(well) as trap, fetching(Allowed()) as ask:
        fetched = ask(base.format(HOST, trap.port), Wanted(frozenset({"patient", "results"}), {"orders": "x"})).fetched
    assert fetched.failed == {"patient": Why.NOT_FETCHED, "results": Why.NOT_FETCHED}
    assert fetched.outcomes == {"refused-address": 3}
    assert trap.connections == 0


def test_a_name_that_changes_its_mind_is_judged_each_time_it_is_connected_to():
    """DNS rebinding: what was allowed a moment ago leads somewhere else now."""
    answers = iter([("127.0.0.1",), ("10.0.0.1",)])

    def behave(_asked, line):
        line.send(answer(bundle(CONDITION), Connection="close"))
        return "close"

    with serving(behave) as server, fetching(resolve=lambda _host, _port: next(answers)) as ask:
        assert ask(f"http://localhost:{server.port}/fhir").fetched.outcomes == {"ok": 1}
        assert ask(f"http://localhost:{server.port}/fhir").fetched.outcomes == {"refused-address": 1}
    assert server.connections == 1
    assert next(answers, None) is None  # looked up once for each connection: what was judged is what was connected to


def test_a_name_is_looked_up_once_for_all_who_ask_at_the_same_time():
    looked_up = []
    together = threading.Barrier(3)

    def look_up(host, _port):
        looked_up.append(host)
        return ("127.0.0.1",)

    def behave(_asked, line):
        together.wait(2)
        line.send(GOOD)

    wanted = Wanted(keys=frozenset({"conditions", "allergies", "medications"}), version=Version.R4)
    with serving(behave) as server, fetching(resolve=look_up) as ask:
        for _ in range(2):
            assert ask(f"http://localhost:{server.port}/fhir", wanted).fetched.outcomes == {"ok": 3}
    assert set(looked_up) == {"localhost"}
    assert len(looked_up) <= 3


def test_a_name_server_that_never_answers_holds_up_nobody():
    looked_up = []
    answering = threading.Event()

    def hang(host, _port):
        looked_up.append(host)
        answering.wait(5)
        return ("127.0.0.1",)

    wanted = Wanted(keys=frozenset({"conditions", "allergies", "medications"}), version=Version.R4)
    with fetching(resolve=hang, call_ms=100) as ask:
        for _ in range(3):
            fetched = ask("https://fhir.example/r4", wanted).fetched
            assert fetched.outcomes == {"timeout": 3}
            assert set(fetched.failed.values()) == {Why.TOO_LATE}
    assert looked_up == ["fhir.example"]  # one thread waits for it, and the others are free: `fetching` saw them end
    answering.set()
    assert no_thread_is_left("fhir-name")


def test_only_so_many_names_are_looked_up_at_the_same_time(monkeypatch):
    monkeypatch.setattr(connections, "MOST_LOOK_UPS", 2)
    answering = threading.Event()

    def hang(_host, _port):
        answering.wait(5)
        return ("127.0.0.1",)

    with fetching(resolve=hang, call_ms=100) as ask:
        outcomes = [ask(f"https://{name}.example/r4").fetched.outcomes for name in "abc"]
    answering.set()
    assert outcomes == [{"timeout": 1}, {"timeout": 1}, {"busy": 1}]
    assert no_thread_is_left("fhir-name")


def test_the_machine_s_own_names_are_looked_up_as_it_does():
    assert set(resolve("localhost", 80)) <= {"127.0.0.1", "::1"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
@pytest.mark.parametrize(
    ("addresses", "outcome"),
    [
        (("127.0.0.2", "127.0.0.1"), "ok"),
        (("127.0.0.3", "127.0.0.2", "127.0.0.1"), "ok"),
        (("127.0.0.4", "127.0.0.3", "127.0.0.2", "127.0.0.1"), "connection"),
        (("::1", "127.0.0.1"), "ok"),
    ],
)
def test_the_first_addresses_of_a_name_are_tried_in_turn(addresses, outcome):
    with serving(well) as server, fetching(resolve=name_server(*addresses)) as ask:
        assert ask(f"http://localhost:{server.port}/fhir").fetched.outcomes == {outcome: 1}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops what does not fit into the queue of a listener")
def test_an_address_that_does_not_answer_gets_no_more_than_its_share_of_the_time():
    with serving(well) as server, socket.create_server(("127.0.0.2", server.port), backlog=0):
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)  # noqa: FBT003 - as the standard library has it
            one.connect_ex(("127.0.0.2", server.port))
        with fetching(resolve=name_server("127.0.0.2", "127.0.0.1"), call_ms=600) as ask:
            fetched, took_s = ask(f"http://localhost:{server.port}/fhir")
        for one in waiting:
            one.close()
    assert fetched.outcomes == {"ok": 1}
    assert took_s >= 0.29


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops what does not fit into the queue of a listener")
def test_an_only_address_that_does_not_answer_costs_no_more_than_the_deadline():
    with socket.create_server(("127.0.0.2", 0), backlog=0) as listening:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)  # noqa: FBT003 - as the standard library has it
            one.connect_ex(listening.getsockname())
        with fetching(resolve=name_server("127.0.0.2"), call_ms=150) as ask:
            assert ask(f"http://localhost:{listening.getsockname()[1]}/fhir").fetched.outcomes == {"timeout": 1}
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("scheme", "greets"), [("http", False), ("https", False), ("https", True)], ids=["http", "greeting", "https"]
)
def test_a_server_that_does_not_listen_costs_no_more_than_the_deadline(scheme, greets, secure, authority):
    """It takes the connection and reads nothing, or no more than the greeting, so that a long question is stuck."""
    asked = threading.Event()

    def behave():
        sock, _ = listening.accept()
        with secure.wrap_socket(sock, server_side=True) if greets else sock:
            asked.wait(5)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=behave)
        thread.start()
        asking = Connections(DEVELOPMENT, tls(authority[1]), name_server("127.0.0.1"))
        base = base_of(f"{scheme}://localhost:{listening.getsockname()[1]}/fhir", DEVELOPMENT)
        began = monotonic()
        with pytest.raises(Stopped) as stopped:
            asking.get(base, "/fhir/Condition", {"X": "a" * 20_000_000}, Watch(began + 0.4, 1000, Allowance(1000)))
        took_s = monotonic() - began
        asked.set()
        thread.join()
        asking.close()
    assert stopped.value.outcome == "timeout"
    assert took_s < 0.4 + MARGIN_S


def test_a_file_that_holds_no_certificates_stops_the_start():
    with pytest.raises(ssl.SSLError):
        FhirServers(DEVELOPMENT, Limits(), ca=__file__)


def test_nothing_is_connected_before_something_is_wanted():
    with serving(well) as server:
        servers = FhirServers(DEVELOPMENT)
        fetch = servers(request_to(server.base))
        assert server.connections == 0
        assert fetch(CONDITIONS).outcomes == {"ok": 1}
        servers.close()
    assert no_thread_is_left()


def test_a_client_is_asked_for_at_its_own_servers_alone():
    with serving(well) as server, serving(well) as other:
        servers = FhirServers(DEVELOPMENT, Limits())
        fetch = servers.only(frozenset({("127.0.0.1", server.port)}))
        wanted = Wanted(keys=frozenset({"conditions"}), version=Version.R4)
        own = fetch(request_to(f"http://127.0.0.1:{server.port}/fhir"))(wanted)
        foreign = fetch(request_to(f"http://127.0.0.1:{other.port}/fhir"))(wanted)
        servers.close()
    assert own.outcomes == {"ok": 1}
    assert foreign.failed == {"conditions": Why.NOT_FETCHED}
    assert foreign.outcomes == {"refused-address": 1}
    assert other.connections == 0
