"""A real server over a real socket: what Flask's test client cannot show."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from cds_service.web import serving

HERE = Path(__file__)
PREFLIGHT = {
    "Origin": "https://sandbox.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}
JSON = {"Content-Type": "application/json"}
CALL = {
    "hook": "order-sign",
    "hookInstance": "d57cd1c7-2fff-4729-a4d4-82cf75d788b6",
    "context": {"userId": "Practitioner/1", "patientId": "p1", "draftOrders": {"resourceType": "Bundle"}},
}
SERVED = """
from cds_service.hooks.discovery import Discovery
from cds_service.web import serving
from datetime import UTC, datetime
from cds_service.web.auth import NotAuthenticated, OpenDoor, Reason
from cds_service.web.limits import AtOnce, Most, Rates
from cds_service.web.log import to_nowhere
from cds_service.web.routes import Limits, Watch, create_web


class Door(OpenDoor):
    def admit(self, environ, address, service):
        if environ.get("HTTP_AUTHORIZATION"):
            raise NotAuthenticated(Reason.SIGNATURE)
        return super().admit(environ, address, service)


class Answer:
    extension = None
    traced = ()
    gaps = {}  # noqa: RUF012
    took_ms = {}  # noqa: RUF012
    cards = ({"summary": "One card"},)
    not_checked = 0
    spoken = None
    others = 0
    outcomes = {}  # noqa: RUF012


def create():
    discovery = Discovery(b'{"services": []}', {"sign": "order-sign"})
    limits = Limits(most=Most(65536), rates=Rates(), at_once=AtOnce(0))
    answer = lambda service, request, admitted: Answer
    now = lambda: datetime.now(tz=UTC)
    watch = Watch(log=to_nowhere)
    return create_web(answer, discovery, limits=limits, cors_origins=("*",), watch=watch, now=now, door=Door())


if __name__ == "__main__":
    import sys
    serving.run("served:create", host="127.0.0.1", port=int(sys.argv[1]), workers=1, threads=1)
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A server in a process of its own, on a port that was free a moment ago."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "served.py").write_text(SERVED)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = (str(folder), str(HERE.parents[3]), os.environ.get("PYTHONPATH", ""))
    server = subprocess.Popen(  # noqa: S603 - our own lines, above
        [sys.executable, "served.py", str(port)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    try:
        wait_until_it_listens(server, port)
        yield port
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=10) == 0  # it stops when it is told to
    finally:
        server.kill()
        server.wait()


def wait_until_it_listens(server, port):
    until = time.monotonic() + 20
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server did not start")


@pytest.fixture
def connection(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    yield connection
    connection.close()


def ask(connection, method, address, body=None, **headers_or_chunked):
    connection.request(method, address, body, **({"headers": JSON} | headers_or_chunked))
    response = connection.getresponse()
    return response, response.read()


def test_the_discovery_document_comes_back(connection):
    response, body = ask(connection, "GET", "/cds-services", headers={})
    assert (response.status, response.headers["Content-Type"], body) == (200, "application/json", b'{"services": []}')


def test_a_call_is_answered_with_cards_again_and_again(connection):
    for _ in range(3):  # on one connection
        response, body = ask(connection, "POST", "/cds-services/sign", json.dumps(CALL))
        assert (response.status, json.loads(body)) == (200, {"cards": [{"summary": "One card"}]})


def test_a_body_in_chunks_is_read(connection):
    text = json.dumps(CALL).encode()
    chunks = (text[at : at + 50] for at in range(0, len(text), 50))
    headers = JSON | {"Transfer-Encoding": "chunked"}
    response, _ = ask(connection, "POST", "/cds-services/sign", chunks, headers=headers, encode_chunked=True)
    assert response.status == 200


def test_a_preflight_is_answered(connection):
    response, body = ask(connection, "OPTIONS", "/cds-services/sign", headers=PREFLIGHT)
    assert (response.status, body) == (200, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert response.headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize(
    ("method", "address", "body", "headers", "status"),
    [
        ("POST", "/cds-services/sign", b"{", JSON, 400),
        ("POST", "/cds-services/sign", b"[" * 1000 + b"]" * 1000, JSON, 413),
        ("POST", "/cds-services/nobody", b"{}", JSON, 404),
        ("GET", "/nowhere", None, {}, 404),
        ("GET", "/cds-services/sign", None, {}, 405),
        ("POST", "/cds-services", b"{}", JSON, 405),
        ("POST", "/cds-services/sign", b" " * 65537, JSON, 413),
        ("POST", "/cds-services/sign", b"{}", {"Content-Type": "text/plain"}, 415),
        ("POST", "/cds-services/sign", b"{}", {}, 415),
    ],
)
def test_a_refusal_is_an_operation_outcome(connection, method, address, body, headers, status):  # noqa: PLR0913, PLR0917 - a table
    response, text = ask(connection, method, address, body, headers=headers)
    assert (response.status, response.headers["Content-Type"]) == (status, "application/fhir+json")
    assert json.loads(text)["resourceType"] == "OperationOutcome"


def test_a_body_that_grows_beyond_the_limit_is_refused_while_it_grows(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(
            b"POST /cds-services/sign HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        client.sendall(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
        client.sendall(b"8001\r\n" + b" " * 0x8001 + b"\r\n")  # and no end
        response = HTTPResponse(client)
        response.begin()
        assert response.status == 413


@pytest.mark.parametrize("times", [2, 4])
def test_who_sends_too_much_reads_why(port, times):
    """Slowly enough for the refusal to come while there is still much to send; the connection goes on."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        for _ in range(2):
            client.sendall(
                b"POST /cds-services/sign HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % (times * 65536)
            )
            for _ in range(times * 4):
                time.sleep(0.02)
                client.sendall(b" " * 16384)
            response = HTTPResponse(client)
            response.begin()
            assert response.status == 413
            assert json.loads(response.read())["resourceType"] == "OperationOutcome"


def test_what_is_far_too_long_is_refused_before_it_is_sent(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(
            b"POST /cds-services/sign HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            b"Content-Length: 262145\r\n\r\n"
        )
        response = HTTPResponse(client)
        response.begin()
        assert response.status == 413


def test_a_compressed_body_is_read(connection):
    headers = JSON | {"Content-Encoding": "gzip"}
    response, _ = ask(
        connection, "POST", "/cds-services/sign", gzip.compress(json.dumps(CALL).encode()), headers=headers
    )
    assert response.status == 200


def test_a_stranger_who_sends_a_body_slowly_keeps_nobody_waiting(port, connection):
    """There is one thread: were it waiting for the rest of this body, nobody else would be answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
        stranger.sendall(
            b"POST /cds-services/sign HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer forged\r\nContent-Length: 60000\r\n\r\n{"
        )
        response, _ = ask(connection, "POST", "/cds-services/sign", json.dumps(CALL))
        assert response.status == 200
        refused = HTTPResponse(stranger)
        refused.begin()
        assert refused.status == 401


def test_the_server_in_front_does_not_give_its_name(connection):
    response, _ = ask(connection, "GET", "/")
    assert response.headers.get_all("Server") == [""]
    assert "granian" not in str(response.headers).lower()


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("127.0.0.1", "cannot listen on 127.0.0.1, port {port}: address already in use"),
        ("192.0.2.1", "cannot listen on 192.0.2.1, port {port}: cannot assign requested address"),
        ("no such host", "cannot listen on no such host, port {port}: "),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_said_in_one_line(port, host, says):
    with pytest.raises(serving.CannotListen) as cannot:
        serving.run("nowhere:create", host=host, port=port, workers=1, threads=1)
    assert str(cannot.value).startswith(says.format(port=port))
    assert "\n" not in str(cannot.value)
