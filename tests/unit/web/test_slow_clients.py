"""A client that sends its bodies slowly takes threads from nobody else: the real service, all its threads, sockets."""

import socket
from collections import Counter
from contextlib import ExitStack
from http.client import HTTPResponse
from select import select

import pytest

from cds_service.app import THREADS
from tests.servers.running import PUBLIC, Ehr, Service, eventually, some_cards, write_clients

ADDRESS = "/cds-services/medication-safety-order-sign"
SLOW, AGREED, OTHER = Ehr("slow", concurrent=5), Ehr("agreed", concurrent=1000), Ehr("other")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    service = Service(
        folder,
        CDS_MODE="production",
        CDS_CLIENTS=write_clients(folder / "clients.yaml", SLOW, AGREED, OTHER),
        CDS_PUBLIC_URL=PUBLIC,
        CDS_FHIR_SERVERS="fhir.example",
        CDS_CARDS=some_cards(folder / "cards", "dantrolene-baseline-liver-tests"),
    )
    yield service.start()
    service.close()


def begin(ehr, port):
    """The head of a call and the first sign of its body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    head = "".join(f"{name}: {value}\r\n" for name, value in ehr.sent(ADDRESS).items())
    connection.sendall(f"POST {ADDRESS} HTTP/1.1\r\nHost: here\r\n{head}Content-Length: 100\r\n\r\n{{".encode())
    return connection


def status_of(connection):
    """What is answered at once; None when nothing is."""
    if not select([connection], [], [], 0)[0]:
        return None
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.headers["Retry-After"]


@pytest.mark.parametrize(("ehr", "at_once"), [(SLOW, 5), (AGREED, THREADS - 4)])
def test_a_slow_client_is_told_to_come_again_and_everyone_else_is_answered(service, ehr, at_once):
    with ExitStack() as held:
        slow = [held.enter_context(begin(ehr, service.port)) for _ in range(40)]
        assert service.ask("GET", "/healthz", within_s=5).status == 200
        assert service.ask("GET", "/cds-services", headers=OTHER.sent("/cds-services"), within_s=5).status == 200
        answered = eventually(lambda: select(slow, [], [], 0)[0], lambda some: len(some) >= 40 - at_once)
        # The others may go on, as slowly as they like.
        assert Counter(map(status_of, slow)) == {(429, "1"): 40 - at_once, None: at_once}, len(answered)
