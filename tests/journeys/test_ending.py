"""How the service ends, at will or not: what was confirmed is kept, what was begun is answered and recorded."""

import http.client
import json
import threading
import time
from collections import Counter
from io import StringIO

import pytest

from cds_service.store.address import Address
from cds_service.store.command import export
from cds_service.store.export import Form, What
from tests.journeys.visits import PAIR, card_of, ids, ordering, overriding
from tests.servers.fhir_server import FhirServer, answer, bundle
from tests.servers.running import (
    PUBLIC,
    STOPS_WITHIN_S,
    Ehr,
    Service,
    command,
    eventually,
    some_cards,
    write_clients,
)

EHR = Ehr("hospital")
KILLINGS = 4  # of SQLite; each costs a start
SLOW_S = 2.0

every_store = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def service_with(tmp_path, new_store):
    """A service that knows one EHR, and asks FHIR servers on this machine."""
    services = []

    def make(kind, **more):
        settings = {
            "CDS_CLIENTS": write_clients(tmp_path / "clients.yaml", EHR),
            "CDS_PUBLIC_URL": PUBLIC,
            "CDS_STORE": new_store(kind, tmp_path),
            "CDS_SPILL": tmp_path / "spill",
            "CDS_CARDS": some_cards(tmp_path / "cards", PAIR),
        }
        services.append(Service(tmp_path, **settings | more))
        return services[-1]

    yield make
    for service in services:
        service.close()


def exported(service, what):
    out = StringIO()
    export(Address.read(service.variables["CDS_STORE"]), what, Form.NDJSON, None, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


class Sending:
    """Threads that send feedback, one entry in each call, until nobody answers any more.

    Attributes:
        confirmed: the moments of the entries that were answered with 200.
    """

    def __init__(self, service, card, start):
        self.confirmed = []
        self.others = []
        self._threads = [threading.Thread(target=self._send, args=(service, card, start + n * 1000)) for n in range(4)]
        for thread in self._threads:
            thread.start()

    def _send(self, service, card, number):
        while True:
            number += 1
            moment = f"2026-11-22T10:{number // 60000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}Z"
            try:
                told = EHR.tell(service, "order-sign", overriding(card, outcomeTimestamp=moment))
            except (OSError, http.client.HTTPException):
                return
            (self.confirmed if told.status == 200 else self.others).append(moment)

    def end(self):
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize(("kind", "killings"), [("sqlite", KILLINGS), ("postgresql", 1)])
def test_feedback_that_was_confirmed_survives_that_everything_is_killed_at_once(service_with, kind, killings):
    service = service_with(kind, CDS_WORKERS=2).start()
    confirmed, cards = [], set()
    for killing in range(killings):
        card = card_of(EHR.call(service, ordering()))
        cards.add(card["uuid"])
        sending = Sending(service, card, killing * 10_000)
        eventually(lambda sending=sending: len(sending.confirmed), lambda count: count >= 10)
        service.kill()
        sending.end()
        assert sending.others == []
        confirmed += sending.confirmed
        service.start()
        kept = Counter(entry["at"].replace("000Z", "Z") for entry in exported(service, What.FEEDBACK))
        assert [moment for moment in confirmed if kept[moment] != 1] == []
        assert set(kept.values()) == {1}
    again = overriding(card, outcomeTimestamp=confirmed[-1])
    assert EHR.tell(service, "order-sign", again, again).status == 200
    assert service.events()[-1] | {"at": "", "took_ms": 0} == {
        "at": "",
        "event": "feedback",
        "service": "medication-safety-order-sign",
        "client": "hospital",
        "status": 200,
        "entries": 2,
        "new": 0,
        "again": 2,
        "took_ms": 0,
    }
    done = command(service.folder, "store", "export", "feedback", "--format", "ndjson", **service.variables)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(entries) == sum(kept.values())
    assert {entry["uuid"] for entry in entries} == cards
    assert {entry["reason"] for entry in entries} == {"risk-benefit-ratio"}


def slowly(asked, line):
    """A FHIR server that thinks before it answers, and has nothing."""
    time.sleep(SLOW_S)
    line.send(answer({"resourceType": "CapabilityStatement"} if asked.path.endswith("/metadata") else bundle()))


@every_store
def test_told_to_stop_it_answers_what_runs_and_has_a_record_of_every_call(service_with, kind):
    service = service_with(kind, CDS_WORKERS=2, CDS_FETCH_MS=int(SLOW_S * 2000)).start()
    fhir = FhirServer(slowly)
    slow = ordering() | {"fhirServer": fhir.base}
    del slow["prefetch"]["medications"]
    answers, sent, slow_answers = {}, set(), []

    def call_until_nobody_answers():
        while True:
            call = ordering()
            sent.add(call["hookInstance"])
            try:
                answers[call["hookInstance"]] = EHR.call(service, call)
            except (OSError, http.client.HTTPException):
                return

    calling = [threading.Thread(target=call_until_nobody_answers) for _ in range(3)]
    calling.append(threading.Thread(target=lambda: slow_answers.append(EHR.call(service, slow))))
    try:
        for thread in calling:
            thread.start()
        eventually(lambda: fhir.asked, bool)
        eventually(lambda: len(answers), lambda count: count >= 50)
        assert slow_answers == []
        took_s = service.stop()
        for thread in calling:
            thread.join()
    finally:
        fhir.close()
    assert took_s < STOPS_WITHIN_S
    assert service.exit_code == 0
    assert [answer.status for answer in slow_answers] == [200]
    assert {tuple(ids(answer)) for answer in answers.values()} == {(PAIR,)}
    answered = {*answers, slow["hookInstance"]}
    recorded = Counter(one["hook_instance"] for one in exported(service, What.EVALUATIONS))
    assert set(recorded.values()) == {1}
    assert answered - recorded.keys() == set()
    assert recorded.keys() - answered <= sent  # one whose connection was closed in that moment
    assert not list((service.folder / "spill").glob("*"))
    assert Counter(event["event"] for event in service.events())["failed"] == 0
