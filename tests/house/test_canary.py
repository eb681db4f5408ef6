"""Nothing that a client sends is found where it does not belong: in no log, count, record, export, report or refusal.

Every scenario and every way to fail is sent to the service with its clients' tokens, as a whole and with marks in it
that can be found again: names, ids, words, comments, tokens, headers and addresses. Then everything that the service
wrote is searched, byte by byte: in this process, where it can be made to fail in ways of our own, and in real ones.
"""

import json
import logging
import os
import socket
import sqlite3
import time
from contextlib import contextmanager
from io import StringIO
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest

from cds_service.store.address import Address
from cds_service.store.command import export, migrate, report
from cds_service.store.export import Form, What
from cds_service.store.pseudonyms import PseudonymKeys
from cds_service.web.auth import Reason
from tests.house import canary
from tests.house.canary import (
    FAILURES,
    FEEDBACK,
    FHIR_FAULTS,
    FIXTURES,
    MARK,
    NEVER_GIVEN,
    SIGN,
    UNAUTHENTICATED,
    World,
    feedback_entry,
    get,
    lacking,
    leaks_in,
    marked_request,
    post,
)
from tests.journeys.records import AT
from tests.servers.running import PUBLIC, Got, Service, command, eventually
from tests.servers.service import a_service


class Place:
    """The service under test: whom it knows, how to ask it, and where it writes."""

    def __init__(self, world, folder, ask):
        self.world = world
        self.folder = folder
        self.refusals = {}
        self.answers = []
        self._ask = ask

    def ask(self, sent):
        return self._ask(sent.method, sent.address, sent.body, sent.headers)

    def fail(self, names):
        """Let calls fail; what is refused is kept to be searched."""
        for name in names:
            failure = FAILURES[name]
            for sent in failure.make(self.world):
                got = self.ask(sent)
                if got.status == failure.status:
                    break
            self.refusals[name] = got

    def call(self, body, ehr=None):
        """A call that is answered."""
        got = self.ask(post(self.world, f"/cds-services/medication-safety-{body['hook']}", body, ehr=ehr))
        assert got.status == 200, got
        self.answers.append(got.json)
        return got.json

    def tell(self, *cards, **changes):
        """Feedback with a comment, a reason of the client's own, and more than we know."""
        entries = [feedback_entry(card=card, **changes)["feedback"][0] for card in cards]
        return self.ask(post(self.world, FEEDBACK, {"feedback": entries, MARK: MARK}))

    def every_scenario(self, paths):
        """Each as it is, and an order that is signed also as one that is being selected; and what is said of it."""
        signed = [path for path in paths if json.loads(path.read_bytes())["hook"] == "order-sign"]
        for path in signed:
            self.call(marked_request(path, hook="order-select"))
        time.sleep(0.5)  # what was shown is written behind, and then known
        for path in paths:
            for card in self.call(marked_request(path))["cards"][:1]:
                assert self.tell(card["uuid"]).status == 200
                assert self.tell(card["uuid"], outcome="accepted", acceptedSuggestions=None).status == 200
        assert self.tell(NEVER_GIVEN).status == 200

    def every_server_at_fault(self):
        """What is lacking is asked for, from servers that mark what they say, are not there, or may not be called."""
        servers = [self.world.server(fault) for fault in FHIR_FAULTS]
        servers += [f"{self.world.nobody}/{MARK}", f"https://10.1.2.3/{MARK}", f"{MARK}://{MARK}"]
        for server in servers:
            assert self.call(lacking(server))["cards"]

    def anyone(self):
        """What anyone may ask, with marks around it."""
        for address in ("/", "/healthz", "/readyz"):
            self.ask(get(self.world, address))

    def metrics(self):
        return self.ask(get(self.world, "/metrics")).body


def files_in(folder):
    """Every byte below a folder, and the names of the files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert files
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def address_in(folder):
    return Address.read(f"sqlite:///{folder / 'store.sqlite3'}")


def told_of(address):
    """All that can be had of a store by its commands."""
    said = {}
    for what in What:
        for form in Form:
            out = StringIO()
            export(address, what, form, None, out)
            said[f"export {what} {form}"] = out.getvalue().encode()
    for shadow in (False, True):
        for as_json in (False, True):
            how = {"since": None, "card": None, "threshold": 0.9}
            said[f"report {shadow} {as_json}"] = report(address, shadow=shadow, as_json=as_json, **how).encode()
    return said


@contextmanager
def standard_error_in(path):
    """What this process writes on standard error, also behind Python's back, goes to a file."""
    kept = os.dup(2)
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    os.dup2(file, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(file)


@contextmanager
def everything_logged():
    """What libraries would log for someone who wants to know everything."""
    said, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(said), root.level
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(exc_info)s"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@contextmanager
def locked(file):
    """Somebody else writes to the database, and does not end."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def in_this_process(client):
    def ask(method, address, body, headers):
        parts = urlsplit(address)
        got = client.open(parts.path, query_string=parts.query, method=method, data=body, headers=headers)
        return Got(got.status_code, got.headers, got.data)

    return ask


def settings_of(world, folder):
    """The settings of a service with a store that has its tables, as `serve` would have made them."""
    migrate(address_in(folder))
    return {
        "clients": world.clients,
        "public_url": PUBLIC,
        "proxies": (ip_network("127.0.0.1/32"),),
        "certificate_header": "ClientSubject",
        "pseudonym_keys": PseudonymKeys.read(str(world.secrets)),
        "max_body_mb": 1,
        "max_entries": 100,
        "fetch_ms": 300,
        "spill": folder / "spill",
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"), AT.timestamp)
    yield world
    world.close()


@pytest.fixture(scope="module")
def here(world, tmp_path_factory):
    """The service in this process, after everything was sent to it, and all that it wrote."""
    folder, log = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("log") / "stderr"
    with standard_error_in(log), everything_logged() as debug:
        with a_service(folder, **settings_of(world, folder)) as client, pytest.MonkeyPatch.context() as patch:
            place = Place(world, folder, in_this_process(client))
            place.every_scenario(FIXTURES)
            place.every_server_at_fault()
            place.anyone()
            place.fail(FAILURES)
            _break(place, patch)
            place.metrics_text = place.metrics()
            place.open_files = files_in(folder)  # with the log of what is not in the file itself yet
            place.spilled = _spilled(place)
        place.files = files_in(folder)
    place.log, place.debug = log.read_bytes(), debug.getvalue().encode()
    place.told = told_of(address_in(folder))
    return place


def _break(place, patch):
    """Mistakes of our own whose exceptions are full of marks: in a rule, in the writing of a card, and anywhere."""

    def broken(*_args, **_more):
        says = f"{MARK}exception"
        raise ValueError(says, {MARK: MARK})

    for what in ("cds_service.rules.evaluate.judge", "cds_service.advice.rendering.card_json"):
        with patch.context() as broken_here:
            broken_here.setattr(what, broken)
            said = place.call(marked_request(canary.WHOLE))
            assert f"{MARK}exception" not in json.dumps(said)
            assert [card["extension"]["org.cds-service.card"]["id"] for card in said["cards"]] == ["not-checked"]
    with patch.context() as broken_here:
        broken_here.setattr("cds_service.app.advise", broken)
        place.refusals["500"] = place.ask(post(place.world, SIGN, canary.ORDER))


def _spilled(place):
    """What is written beside the database while it takes nothing: records, feedback and used tokens."""
    with locked(place.folder / "store.sqlite3"):
        for path in FIXTURES[:5]:
            place.call(marked_request(path))
        assert place.tell(NEVER_GIVEN, outcomeTimestamp="2026-11-22T11:00:00Z").status == 200
        return eventually(
            lambda: files_in(place.folder / "spill"), lambda files: sum(name.endswith(".ndjson") for name in files) >= 2
        )


WRITTEN_HERE = {
    "the log": lambda here: [here.log],
    "what libraries log": lambda here: [here.debug],
    "the counts": lambda here: [here.metrics_text],
    "the store while it is open": lambda here: here.open_files.values(),
    "the store": lambda here: here.files.values(),
    "the files beside it": lambda here: here.spilled.values(),
    "the names of files": lambda here: [str([*here.open_files, *here.files, *here.spilled]).encode()],
    "exports and reports": lambda here: here.told.values(),
}


@pytest.mark.parametrize("place", WRITTEN_HERE)
def test_no_mark_is_found_in_what_was_written(here, place):
    written = list(WRITTEN_HERE[place](here))
    assert all(written)
    assert [leaks_in(data, here.world.tokens) for data in written] == [[]] * len(written)


@pytest.mark.parametrize("name", [*FAILURES, "500"])
def test_no_mark_is_found_in_a_refusal(here, name):
    refused = here.refusals[name]
    assert refused.status == (500 if name == "500" else FAILURES[name].status), refused
    assert leaks_in(refused.body + str(refused.headers).encode(), here.world.tokens) == []
    assert refused.json["resourceType"] == "OperationOutcome"


def test_every_reason_to_refuse_a_token_was_met(here):
    met = {json.loads(line).get("reason") for line in here.log.splitlines()}
    assert met >= set(UNAUTHENTICATED)
    assert set(Reason) - set(UNAUTHENTICATED) == {Reason.SANDBOX_KEY, Reason.KEYS_TOO_OLD}


def test_what_was_searched_is_what_marked_calls_left(here):
    """The search would prove nothing of a service that had nothing to write."""
    store = sqlite3.connect(here.folder / "store.sqlite3")
    try:
        tables = ("evaluations", "evaluation_cards", "evaluation_gaps", "feedback", "used_tokens", "shown_cards")
        counts = {table: store.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}  # noqa: S608 - our own tables
    finally:
        store.close()
    assert all(count > 20 for count in counts.values()), counts
    assert sum(len(answer["cards"]) for answer in here.answers) > 100
    assert any("org.cds-service.not-repeated" in answer.get("extension", {}) for answer in here.answers)
    assert MARK in json.dumps(here.answers)
    events = {json.loads(line)["event"] for line in here.log.splitlines()}
    assert events >= {"answered", "refused", "failed", "feedback", "keysfetched", "storechanged"}


@pytest.mark.parametrize("disguise", ["{}", "x{}y", "xx{}yy", "xxx{}"])
@pytest.mark.parametrize("word", [MARK, MARK.lower(), MARK.upper()])
def test_a_mark_is_found_however_it_is_written(disguise, word):
    said = disguise.format(word).encode()
    for written in (said, said.hex().encode(), said.decode().encode("utf-16-le"), canary.urlsafe_b64encode(said)):
        assert leaks_in(b"\0something before " + written + b" and behind") != []
    assert leaks_in(b"nothing of the kind, but a lot of other bytes") == []


def test_a_token_is_found_by_each_of_its_parts(world):
    token = world.token(world.hospital, SIGN)
    assert all(leaks_in(b"a line with " + part.encode(), [token]) for part in token.split("."))


def test_feedback_that_nothing_takes_is_refused_without_a_word_of_it(world, tmp_path):
    """The database is locked, and where the folder for files should be is something else."""
    (tmp_path / "spill").write_text("in the way")
    with standard_error_in(tmp_path / "log"), a_service(tmp_path, **settings_of(world, tmp_path)) as client:
        place = Place(world, tmp_path, in_this_process(client))
        card = place.call(marked_request(canary.WHOLE))["cards"][0]["uuid"]
        eventually(lambda: told_of(address_in(tmp_path)), lambda told: card in str(told))
        with locked(tmp_path / "store.sqlite3"):
            place.call(marked_request(canary.WHOLE))
            refused = place.tell(card)
    assert refused.status == 503
    assert leaks_in(refused.body + str(refused.headers).encode(), world.tokens) == []
    written = files_in(tmp_path)
    assert b'"status":503' in written["log"]
    assert [name for name, data in written.items() if leaks_in(data, world.tokens)] == []


# Real processes -------------------------------------------------------------------------------------------------------


BROKEN_HTTP = {
    "no method": f"{MARK}\r\n\r\n",
    "another protocol": f"GET /{MARK} {MARK}/9.9\r\n\r\n",
    "a length that is none": f"POST {SIGN}?{MARK} HTTP/1.1\r\nHost: {MARK}\r\nContent-Length: {MARK}\r\n\r\n",
    "a header that is none": f"GET /{MARK} HTTP/1.1\r\nHost: {MARK}\r\n{MARK}\r\n\r\n",
    "a header that is too long": f"GET /{MARK} HTTP/1.1\r\nHost: {MARK}\r\nX-Name: {MARK * 200_000}\r\n\r\n",
    "chunks that are none": f"POST {SIGN} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{MARK}\r\n{MARK}",
}


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """The same in a process of its own, which was stopped and left a store, a log and what its commands print."""
    world = World(tmp_path_factory.mktemp("world"), time.time)
    folder = tmp_path_factory.mktemp("store")
    service = Service(
        folder,
        CDS_CLIENTS=world.clients,
        CDS_PUBLIC_URL=PUBLIC,
        CDS_PROXIES="127.0.0.1",
        CDS_CERTIFICATE_HEADER="ClientSubject",
        CDS_PSEUDONYM_KEYS=world.secrets,
        CDS_STORE=f"sqlite:///{folder / 'store.sqlite3'}",
        CDS_MAX_BODY_MB=1,
        CDS_MAX_ENTRIES=100,
        CDS_FETCH_MS=300,
    )
    try:
        service.start()
        place = Place(world, folder, service.ask)
        place.every_scenario([path for path in FIXTURES if ".r4." in path.name])
        place.every_server_at_fault()
        place.anyone()
        place.fail(FAILURES)
        place.broken = {name: _raw(service.port, said.encode()) for name, said in BROKEN_HTTP.items()}
        place.metrics_text = place.metrics()
        place.open_files = files_in(folder)
        service.stop()
        place.files = files_in(folder)
        place.events = service.events()
    finally:
        service.close()
        world.close()
    place.printed = command(folder, "store", "export", "feedback", **service.variables)
    return place


def _raw(port, said):
    """What comes back for these bytes, which are no HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        got = b""
        try:
            line.sendall(said)
            line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65536):
                got += piece
        except OSError:  # it hung up before it had read all
            pass
        return got


def test_no_mark_is_found_in_what_a_real_process_wrote(there):
    written = {**there.open_files, **{f"later {name}": data for name, data in there.files.items()}}
    assert {"service.log", "store.sqlite3"} <= there.open_files.keys()
    assert [name for name, data in written.items() if leaks_in(data, there.world.tokens)] == []
    assert leaks_in(there.metrics_text, there.world.tokens) == []
    assert (there.printed.returncode, there.printed.stderr) == (0, "")
    assert NEVER_GIVEN in there.printed.stdout
    assert leaks_in(there.printed.stdout.encode(), there.world.tokens) == []


@pytest.mark.parametrize("name", FAILURES)
def test_no_mark_is_found_in_what_a_real_process_refuses_with(there, name):
    refused = there.refusals[name]
    assert refused.status == FAILURES[name].status, refused
    assert leaks_in(refused.body + str(refused.headers).encode(), there.world.tokens) == []


@pytest.mark.parametrize("name", BROKEN_HTTP)
def test_no_mark_is_found_in_the_answer_to_what_is_no_http(there, name):
    assert leaks_in(there.broken[name]) == []
