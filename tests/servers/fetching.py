"""Fetching in tests: from servers on this machine only, watched for everything that must never get out."""

import logging
import threading
from contextlib import contextmanager
from time import monotonic, sleep
from typing import NamedTuple

import pytest

from cds_service.fhir.addresses import Allowed
from cds_service.fhir.fetch import FhirServers, Limits
from cds_service.fhir.versions import Version
from cds_service.fhir.wanted import Fetched, Wanted
from cds_service.hooks.request import HookRequest
from tests.servers.fhir_server import FhirServer

TOKEN = "canary-token.Zm9v+/~_-=="  # noqa: S105 - of a client that does not exist
PATIENT = "canary-patient-4711"
BODY = "canary-body"
DEVELOPMENT = Allowed(development=True)
MARGIN_S = 0.6  # for a machine that is busy with something else
OF_OTHERS: set[threading.Thread] = set()  # the threads there were when the test began
CONDITIONS = Wanted(keys=frozenset({"conditions"}), version=Version.R4)


class Asking(NamedTuple):
    """What came, and how long it took."""

    fetched: Fetched
    took_s: float


def to_this_machine(_host, _port):
    """A name server that knows this machine alone: no test lets a connection leave it."""
    return ("127.0.0.1",)


def request_to(base, *, token=TOKEN, patient_id=PATIENT):
    return HookRequest(
        hook="order-sign",
        hook_instance="d57cd1c7-2fff-4729-a4d4-82cf75d788b6",
        patient_id=patient_id,
        user_id=None,
        encounter_id=None,
        fhir_server=base,
        drafts=(),
        selections=None,
        prefetch=None,
        access_token=token,
    )


@contextmanager
def serving(behave, **how):
    """A server that behaves like this."""
    server = FhirServer(behave, **how)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def fetching(allowed=DEVELOPMENT, *, ca=None, resolve=to_this_machine, **limits):
    """Asks servers; afterwards every thread that worked must come to its end by itself."""
    limits.setdefault("call_ms", 2000)
    servers = FhirServers(allowed, Limits(**limits), ca=ca, resolve=resolve)

    def ask(base, wanted=CONDITIONS, **said):
        began = monotonic()
        fetched = servers(request_to(base, **said))(wanted)
        took_s = monotonic() - began
        assert took_s < limits["call_ms"] / 1000 + MARGIN_S
        assert "canary" not in repr(fetched)
        return Asking(fetched, took_s)

    try:
        yield ask
    finally:
        servers.close()
        assert no_thread_is_left()


def no_thread_is_left(prefix="fhir-fetch", within_s=2.0):
    """Whether the threads with this name that the test started end soon."""
    until = monotonic() + within_s
    while any(thread.name.startswith(prefix) for thread in threading.enumerate() if thread not in OF_OTHERS):
        if monotonic() > until:
            return False
        sleep(0.005)
    return True


@pytest.fixture(autouse=True)
def _nothing_gets_out(capfd, caplog):
    """No token, patient or body in logs or on standard error, even for whoever logs everything."""
    OF_OTHERS.clear()
    OF_OTHERS.update(threading.enumerate())
    caplog.set_level(logging.DEBUG)
    yield
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""
    assert [(record.name, record.getMessage()) for record in caplog.get_records("call")] == []
