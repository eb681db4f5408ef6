"""Who may call, as far as the settings say it, and when the service does not start for that reason."""

import json
from ipaddress import ip_network

import pytest

from cds_service.settings import Settings, WrongSettings
from cds_service.web.auth import LIFE_S
from tests.servers.jwks_server import OF_THE_SANDBOX, Signer

HOSPITAL = {"name": "hospital", "iss": "https://ehr.example", "keys": [Signer("ES384", "one").jwk]}


@pytest.fixture
def clients(tmp_path):
    def write(*clients):
        path = tmp_path / "clients.yaml"
        path.write_text(json.dumps({"clients": clients or (HOSPITAL,)}))
        return str(path)

    return write


def reasons(**variables):
    with pytest.raises(WrongSettings) as wrong:
        Settings.read(variables).may_start()
    return str(wrong.value).splitlines()


def production(file, **more):
    return {
        "CDS_MODE": "production",
        "CDS_CLIENTS": file,
        "CDS_PUBLIC_URL": "https://cds.example",
        "CDS_FHIR_SERVERS": "fhir.example",
    } | more


def test_the_settings_of_trust_are_read(clients):
    file = clients()
    read = Settings.read(
        {
            "CDS_CLIENTS": file,
            "CDS_PUBLIC_URL": "https://cds.example/safety",
            "CDS_TOKEN_LIFE_S": "600",
            "CDS_PROXIES": "10.20.0.7, 127.0.0.1, fd12::/48",
            "CDS_CERTIFICATE_HEADER": "ClientSubject",
            "CDS_ALLOW_OPEN": "on",
        }
    )
    assert str(read.clients) == file
    assert (read.public_url, read.token_life_s) == ("https://cds.example/safety", 600)
    assert read.proxies == (ip_network("10.20.0.7/32"), ip_network("127.0.0.1/32"), ip_network("fd12::/48"))
    assert (read.certificate_header, read.allow_open) == ("ClientSubject", True)


def test_without_them_nobody_is_known_and_nothing_is_trusted():
    read = Settings()
    assert (read.clients, read.public_url, read.certificate_header) == (None, None, None)
    assert (read.proxies, read.allow_open, read.token_life_s) == ((), False, LIFE_S)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(
            ("CDS_PUBLIC_URL", url)
            for url in (
                "cds.example",
                "https://cds.example/",
                "http://cds.example",
                "https://cds.example?x",
                "https://user@cds.example",
                "https://cds..example",
                "https://cds.example//a",
            )
        ),
        *(("CDS_PROXIES", networks) for networks in ("0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1/8", "")[:4]),
        *(("CDS_CERTIFICATE_HEADER", name) for name in ("X_Client_Subject", "X Client", "-X", "X" * 65)),
        ("CDS_CLIENTS", "/no/such/file"),
        ("CDS_TOKEN_LIFE_S", "3601"),
        ("CDS_ALLOW_OPEN", "yes"),
    ],
)
def test_values_that_would_trust_too_much_are_refused(variable, value):
    with pytest.raises(WrongSettings, match=f"`{variable}` must be"):
        Settings.read({variable: value})


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:80", "https://[fd12::7]/a/b"]
)
def test_a_public_address_may_be_this_machine(url):
    assert Settings.read({"CDS_PUBLIC_URL": url}).public_url == url


def test_development_starts_on_this_machine_without_anything_set():
    Settings().may_start()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_development_starts_on_every_address_of_this_machine(host):
    Settings.read({"CDS_HOST": host}).may_start()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "ehr.example"])  # noqa: S104 - nothing listens here
def test_development_does_not_listen_to_others_unless_it_is_told_to(host):
    (reason,) = reasons(CDS_HOST=host)
    assert reason.startswith(f"development lets anyone call, so it does not listen on `{host}`")
    Settings.read({"CDS_HOST": host, "CDS_ALLOW_OPEN": "on"}).may_start()


@pytest.mark.parametrize("host", ["0.0.0.0", "ehr.example"])  # noqa: S104 - nothing listens here
def test_development_with_clients_listens_anywhere_but_not_for_keys_that_anybody_has(clients, host):
    how = {"CDS_HOST": host, "CDS_PUBLIC_URL": "https://cds.example"}
    Settings.read(how | {"CDS_CLIENTS": clients()}).may_start()
    sandbox = clients(HOSPITAL | {"keys": [OF_THE_SANDBOX[0]]})
    (reason,) = reasons(**how, CDS_CLIENTS=sandbox)
    assert "is the key of the public CDS Hooks Sandbox" in reason
    Settings.read(how | {"CDS_CLIENTS": sandbox, "CDS_ALLOW_OPEN": "on"}).may_start()


def test_production_is_reached_by_https_and_by_pages_that_are_named(clients):
    assert reasons(
        **production(clients(), CDS_PUBLIC_URL="http://localhost:8080", CDS_CORS_ORIGINS="https://a.example,*")
    ) == [
        "production needs `https` in `CDS_PUBLIC_URL`: tokens would be read on their way",
        "production needs the origins in `CDS_CORS_ORIGINS` by name: `*` is every page there is",
    ]
    Settings.read(production(clients(), CDS_CORS_ORIGINS="https://a.example")).may_start()


def test_production_does_not_start_without_clients_public_address_and_fhir_servers():
    assert reasons(CDS_MODE="production", CDS_ALLOW_OPEN="on") == [
        "production needs `CDS_CLIENTS`: the clients that may call",
        "production needs `CDS_PUBLIC_URL`: the address that clients know the service by",
        "production needs `CDS_FHIR_SERVERS`: the FHIR servers that may be asked",
    ]


def test_production_starts_with_all_three_and_listens_anywhere(clients):
    Settings.read(production(clients(), CDS_HOST="0.0.0.0")).may_start()  # noqa: S104 - nothing listens here


def test_production_does_not_start_with_the_key_of_the_sandbox_and_development_does(clients):
    file = clients(HOSPITAL | {"keys": [OF_THE_SANDBOX[0]]})
    (reason,) = reasons(**production(file))
    assert "is the key of the public CDS Hooks Sandbox" in reason
    Settings.read(production(file, CDS_MODE="development")).may_start()


def test_every_reason_is_named_at_once_those_in_the_file_of_clients_too(clients):
    file = clients(HOSPITAL | {"rate": 0}, {"name": "other"})
    said = reasons(CDS_MODE="production", CDS_CLIENTS=file, CDS_CERTIFICATE_HEADER="X-Subject")
    assert len(said) == 5
    assert said[2] == "`CDS_CERTIFICATE_HEADER` needs `CDS_PROXIES`: anyone could send that header"
    assert all("clients.yaml:1: " in reason for reason in said[3:])


def test_what_is_agreed_with_a_client_must_be_set_too(clients):
    file = clients(HOSPITAL | {"certificate": "CN=ehr", "fhir_servers": ["fhir.example:443", "ehr.example:8443"]})
    assert reasons(**production(file)) == [
        "the client `hospital` shows a certificate: that needs `CDS_CERTIFICATE_HEADER`",
        "`CDS_FHIR_SERVERS` lacks what the client `hospital` names: ehr.example:8443",
    ]


def test_clients_need_the_public_address_in_development_too(clients):
    (reason,) = reasons(CDS_CLIENTS=clients())
    assert reason == "`CDS_CLIENTS` needs `CDS_PUBLIC_URL`: the tokens of clients must name it"
