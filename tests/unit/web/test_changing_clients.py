"""The file of clients changes under the real service: what start and SIGHUP refuse is not taken then, either."""

import signal
import time

import pytest

from tests.servers.running import PUBLIC, STOPS_WITHIN_S, Ehr, Service, eventually, some_cards, write_clients

ADDRESS = "/cds-services"
EHR = Ehr("ehr", fhir_servers=["fhir.example"])
GREEDY = Ehr("greedy", fhir_servers=["elsewhere.example"], deduplicate=True, certificate="CN=greedy")


@pytest.fixture
def service(tmp_path):
    service = Service(
        tmp_path,
        CDS_MODE="production",
        CDS_CLIENTS=write_clients(tmp_path / "clients.yaml", EHR),
        CDS_PUBLIC_URL=PUBLIC,
        CDS_FHIR_SERVERS="fhir.example",
        CDS_CARDS=some_cards(tmp_path / "cards", "dantrolene-baseline-liver-tests"),
        CDS_WORKERS=2,
    )
    yield service.start()
    service.close()


def test_what_is_not_set_is_not_taken_and_named_and_a_stop_in_the_midst_of_a_reload_is_a_stop(service):
    clients = write_clients(service.folder / "clients.yaml", EHR, GREEDY)

    def read_again():
        assert service.ask("GET", ADDRESS, headers=EHR.sent(ADDRESS)).status == 200
        return [event for event in service.events() if event["event"] == "clientsread"]

    event, *_ = eventually(read_again, bool)
    assert (event["clients"], event["mistakes"]) == (1, 3)
    assert service.ask("GET", ADDRESS, headers=GREEDY.sent(ADDRESS)).status == 401
    named = [
        f"{clients}: the client `greedy` wants to be remembered: that needs `CDS_PSEUDONYM_KEYS`",
        f"{clients}: the client `greedy` shows a certificate: that needs `CDS_CERTIFICATE_HEADER`",
        f"{clients}: `CDS_FHIR_SERVERS` lacks what the client `greedy` names: elsewhere.example:443",
    ]
    said = service.log.read_text().splitlines()
    begins = said.index("The file of clients was not read again; the 1 of before may call:")
    assert said[begins + 1 : begins + 4] == named

    service.signal(signal.SIGHUP)
    eventually(service.log.read_text, lambda text: "Not reloaded; what runs goes on:" in text)
    write_clients(service.folder / "clients.yaml", EHR)
    service.signal(signal.SIGHUP)
    time.sleep(2)
    assert service.stop() < STOPS_WITHIN_S
    assert service.exit_code == 0
