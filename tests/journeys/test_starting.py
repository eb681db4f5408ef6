"""What the service does not start with, and what it says then."""

import json
from functools import partial

import pytest

from tests.servers.jwks_server import OF_THE_SANDBOX
from tests.servers.running import PUBLIC, Ehr, at_once, command, write_clients

PRODUCTION = {
    "CDS_MODE": "production",
    "CDS_CLIENTS": "clients.yaml",
    "CDS_PUBLIC_URL": PUBLIC,
    "CDS_FHIR_SERVERS": "fhir.example",
}
OF_ALL = "is the key of the public CDS Hooks Sandbox, whose private half anybody can read"
INSTEAD = "set `CDS_CLIENTS`, or `CDS_ALLOW_OPEN=on` where nobody else can reach it"
CANNOT_BE = {
    "production with nothing": (
        {"CDS_MODE": "production"},
        [
            "production needs `CDS_CLIENTS`: the clients that may call",
            "production needs `CDS_PUBLIC_URL`: the address that clients know the service by",
            "production needs `CDS_FHIR_SERVERS`: the FHIR servers that may be asked",
        ],
    ),
    "production with the key of the Sandbox": (
        PRODUCTION | {"CDS_CLIENTS": "sandbox.yaml"},
        [f"sandbox.yaml:1: an entry of `keys` {OF_ALL}"],
    ),
    "a client that wants to be remembered, without secrets": (
        PRODUCTION | {"CDS_CLIENTS": "remembered.yaml"},
        ["the client `hospital` wants to be remembered: that needs `CDS_PSEUDONYM_KEYS`"],
    ),
    "development for everyone": (
        {"CDS_HOST": "0.0.0.0"},  # noqa: S104 - it does not
        [f"development lets anyone call, so it does not listen on `0.0.0.0`: {INSTEAD}"],
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("starting")
    sandbox = {"name": "sandbox", "iss": "https://sandbox.cds-hooks.org", "keys": [OF_THE_SANDBOX[0]]}
    (folder / "sandbox.yaml").write_text(json.dumps({"clients": [sandbox]}))
    write_clients(folder / "remembered.yaml", Ehr("hospital", deduplicate=True))
    return folder


@pytest.fixture(scope="module")
def ended(folder):
    """How each of them ended; they are started at once."""
    starts = [partial(command, folder, "serve", **settings) for settings, _ in CANNOT_BE.values()]
    return dict(zip(CANNOT_BE, at_once(*starts), strict=True))


@pytest.mark.parametrize("start", CANNOT_BE)
def test_it_does_not_start_and_says_why(ended, folder, start):
    _, said = CANNOT_BE[start]
    assert ended[start].stderr.splitlines() == said
    assert (ended[start].returncode, ended[start].stdout) == (1, "")
    assert not list(folder.glob("*.sqlite3*"))
