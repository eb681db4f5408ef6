"""Fetching what the client did not send: in parallel, in the words of its version, with its token, page by page."""

import logging
import socket
import threading
from collections import Counter
from time import monotonic, sleep

import pytest

from cds_service.clinical.model import Why
from cds_service.fhir import connections, fetch
from cds_service.fhir.addresses import base_of
from cds_service.fhir.connections import Allowance, Connections, Watch, tls
from cds_service.fhir.fetch import FhirServers, Limits
from cds_service.fhir.searches import search
from cds_service.fhir.versions import Version
from cds_service.fhir.wanted import Fetched, Wanted
from tests.servers.fetching import (  # noqa: F401 - a fixture
    CONDITIONS,
    DEVELOPMENT,
    PATIENT,
    TOKEN,
    _nothing_gets_out,
    fetching,
    no_thread_is_left,
    request_to,
    serving,
    to_this_machine,
)
from tests.servers.fhir_server import answer, bundle

KEYS = frozenset({"patient", "medications", "statements", "conditions", "results", "orders", "allergies", "weight"})
TESTS = frozenset({"1742-6"})
EVERYTHING = Wanted(keys=KEYS, tests=TESTS, version=Version.R4)
UNKNOWN = Wanted(keys=frozenset({"conditions"}))  # nothing tells the version
WHO = {"resourceType": "Patient", "id": PATIENT}


def one_of(kind, number=1):
    return {"resourceType": kind, "id": f"{kind}-{number}"}


def a_record(asked, line):
    """A server with one resource of every kind."""
    kind, _, resource_id = asked.path.removeprefix("/fhir/").partition("/")
    if kind == "metadata":
        line.send(answer({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}))
    elif resource_id:
        line.send(answer({"resourceType": kind, "id": resource_id}))
    else:
        line.send(answer(bundle(one_of(kind))))


def pages_of(most, *, link="{base}?_getpages=1&_offset={number}", entries=1):
    """A server whose lists have so many pages; it does not know the base itself, so the test tells it."""

    def behave(asked, line):
        number = int(asked.target.partition("_offset=")[2] or 1)
        following = link.format(base=behave.base, number=number + 1) if number < most else None
        resources = [one_of("Condition", f"{number}.{entry}") for entry in range(entries)]
        line.send(answer(bundle(*resources, next_link=following, total=most * entries)))

    return behave


def ids(list_of):
    return [entry["resource"]["id"] for entry in list_of["entry"]]


def links(list_of):
    return [link["relation"] for link in list_of.get("link", [])]


def test_everything_that_is_missing_is_fetched():
    with serving(a_record) as server, fetching() as ask:
        fetched = ask(server.base, EVERYTHING).fetched
    assert fetched.values.keys() == KEYS
    assert fetched.values["patient"] == WHO
    assert {key: ids(value) for key, value in fetched.values.items() if key != "patient"} == {
        "medications": ["MedicationRequest-1"],
        "statements": ["MedicationStatement-1"],
        "conditions": ["Condition-1"],
        "results": ["Observation-1"],
        "orders": ["ServiceRequest-1"],
        "allergies": ["AllergyIntolerance-1"],
        "weight": ["Observation-1"],
    }
    assert fetched.failed == {}
    assert fetched.outcomes == {"ok": 8}
    assert fetched.version is None


def test_it_is_asked_in_parallel():
    together = threading.Barrier(len(KEYS))

    def behave(asked, line):
        together.wait(2)
        a_record(asked, line)

    with serving(behave) as server, fetching() as ask:
        assert ask(server.base, EVERYTHING).fetched.outcomes == {"ok": 8}


@pytest.mark.parametrize("version", Version)
def test_each_version_is_asked_in_its_own_words_and_media_type(version):
    with serving(a_record) as server, fetching() as ask:
        ask(server.base, Wanted(keys=KEYS, tests=TESTS, version=version))
    searches = {f"/fhir/{search(key, version, PATIENT, TESTS)}" for key in KEYS - {"patient"}}
    assert {asked.target for asked in server.asked} == searches | {f"/fhir/Patient/{PATIENT}"}
    media_type = "application/json+fhir" if version is Version.DSTU2 else "application/fhir+json"
    assert {asked.headers["accept"] for asked in server.asked} == {media_type}


def test_what_is_said_with_each_question_is_this_and_nothing_else():
    with serving(a_record) as server, fetching() as ask:
        ask(server.base)
    (asked,) = server.asked
    assert asked.method == "GET"
    assert asked.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "application/fhir+json",
        "accept-encoding": "identity",
        "authorization": f"Bearer {TOKEN}",
        "user-agent": "cds-service",
    }


def test_nothing_of_the_environment_is_used(monkeypatch, tmp_path):
    """No proxy, no password of whoever runs the service, no key log."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login us password canary-netrc")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(a_record) as server, fetching() as ask:
        assert ask(server.base, token=None).fetched.outcomes == {"ok": 1}
    assert "authorization" not in server.asked[0].headers
    assert not (tmp_path / "keys").exists()


@pytest.fixture
def everything_logged():
    """What is logged by whoever made the loggers of the HTTP libraries say everything, each by itself."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in {"requests", "urllib3"}]
    assert {"urllib3.connection", "urllib3.connectionpool", "urllib3.response", "urllib3.util.retry"} <= set(names)
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        logger.addHandler(handler)
    yield records
    for logger, level in before:
        logger.setLevel(level)
        logger.removeHandler(handler)


def test_no_address_is_logged_even_by_a_configuration_that_logs_everything(everything_logged):
    """The HTTP libraries would log each path, and so the patient's id, and more when something goes wrong."""
    answers = [
        answer(bundle()),
        b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nno header at all\r\n\r\n",
        answer(bundle(), Transfer_Encoding="chunked"),
        answer(bundle(), status="302 Found", Location="/fhir/Condition"),
        answer(bundle(), status="429 Too Many Requests", Retry_After="0"),
        b"",
    ]

    def behave(_asked, line):
        line.send(answers[len(server.asked) - 1])
        return "close"

    with serving(behave) as server, fetching() as ask:
        outcomes = [ask(server.base).fetched.outcomes for _ in answers]
    assert outcomes == [
        {"ok": 1},
        {"not-json": 1},
        {"connection": 1},
        {"redirect": 1},
        {"status-4xx": 1},
        {"connection": 1},
    ]
    assert everything_logged == []


@pytest.mark.parametrize(
    "said", ["a\r\nX-Injected: b", "a\nX-Injected: b", "a\rb", "a\n", "a\r\n\r\nGET /admin HTTP/1.1"]
)
def test_a_header_that_would_be_two_is_not_said(said):
    """Tokens that could do it are refused before; this is what happens to one that is not."""
    with serving(a_record) as server:
        asking = Connections(DEVELOPMENT, tls(None), to_this_machine)
        watch = Watch(monotonic() + 2, 10_000, Allowance(10_000))
        with pytest.raises(ValueError, match="nvalid"):
            asking.get(base_of(server.base, DEVELOPMENT), "/fhir/Condition", {"X": said}, watch)
        asking.close()
    assert server.asked == []


@pytest.mark.skipif(not socket.has_ipv6, reason="without IPv6")
def test_a_server_at_an_ipv6_address_is_asked():
    with serving(a_record, host="::1") as server, fetching() as ask:
        for _ in range(2):
            assert ask(f"http://[::1]:{server.port}/fhir").fetched.outcomes == {"ok": 1}
    assert server.connections == 1
    assert server.asked[0].headers["host"] == f"[::1]:{server.port}"


def test_a_cookie_is_not_kept():
    def behave(asked, line):
        assert "cookie" not in asked.headers
        line.send(answer(bundle(), Set_Cookie="canary=1"))

    with serving(behave) as server, fetching() as ask:
        ask(server.base)
        ask(server.base)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "token",
    ["", " ", "a b", "a\r\nHost: evil", "a\n", "ä", "a=b", "===", "a" * 9000, "a,b", '"a"', "\x00"],
    ids=range(12),
)
def test_a_token_that_is_none_is_sent_nowhere(token):
    with serving(a_record) as server, fetching() as ask:
        fetched = ask(server.base, token=token).fetched
    assert fetched.failed == {"conditions": Why.NOT_FETCHED}
    assert fetched.outcomes == {"refused-token": 1}
    assert server.connections == 0


def test_connections_are_used_again():
    with serving(a_record) as server, fetching() as ask:
        for _ in range(5):
            assert ask(server.base).fetched.outcomes == {"ok": 1}
    assert server.connections == 1


def test_the_token_of_one_call_is_not_said_in_another_on_the_same_connection():
    with serving(a_record) as server, fetching() as ask:
        ask(server.base)
        ask(server.base, token="other-token")  # noqa: S106 - of nobody
        ask(server.base, token=None)
    assert server.connections == 1
    said = [asked.headers.get("authorization") for asked in server.asked]
    assert said == [f"Bearer {TOKEN}", "Bearer other-token", None]


def test_a_connection_that_the_server_closed_meanwhile_is_replaced():
    def behave(asked, line):
        a_record(asked, line)
        return "close"  # without having said so

    with serving(behave) as server, fetching() as ask:
        for _ in range(5):
            assert ask(server.base).fetched.outcomes == {"ok": 1}
    assert server.connections == 5


def test_a_connection_that_the_server_broke_off_meanwhile_is_replaced():
    def behave(asked, line):
        a_record(asked, line)
        line.reset(after_s=0.01)
        return "close"

    with serving(behave) as server, fetching() as ask:
        for _ in range(3):
            assert ask(server.base).fetched.outcomes == {"ok": 1}
            while server.open:
                sleep(0.005)
    assert server.connections == 3


def test_a_connection_that_closes_as_it_is_used_again_is_replaced():
    def behave(asked, line):
        if len(server.asked) % 2:
            a_record(asked, line)
            return None
        return "close"  # it has read the question, and does not answer

    with serving(behave) as server, fetching() as ask:
        assert ask(server.base).fetched.outcomes == {"ok": 1}
        assert ask(server.base).fetched.outcomes == {"ok": 1}
    assert (server.connections, len(server.asked)) == (2, 3)


def test_when_all_connections_that_wait_close_as_they_are_used_again_a_new_one_is_made():
    together = threading.Barrier(2)
    used = set()

    def behave(asked, line):
        if line in used:
            return "close"
        used.add(line)
        if len(used) <= 2:
            together.wait(2)
        return a_record(asked, line)

    with serving(behave) as server, fetching() as ask:
        assert ask(server.base, Wanted(keys=frozenset({"conditions", "allergies"}), version=Version.R4)).fetched.values
        assert ask(server.base).fetched.outcomes == {"ok": 1}
    assert (server.connections, len(server.asked)) == (3, 4)


def test_a_connection_that_breaks_off_in_an_answer_is_not_asked_again():
    def behave(asked, line):
        if len(server.asked) == 1:
            a_record(asked, line)
            return None
        line.send(b"HTTP/1.1 200 OK\r\nContent-")
        line.reset(after_s=0.05)
        return "close"

    with serving(behave) as server, fetching() as ask:
        assert ask(server.base).fetched.outcomes == {"ok": 1}
        assert ask(server.base).fetched.outcomes == {"connection": 1}
    assert len(server.asked) == 2


def test_a_connection_that_stays_silent_as_it_is_used_again_is_not_asked_again():
    def behave(asked, line):
        if len(server.asked) == 1:
            a_record(asked, line)
        else:
            line.hold()

    with serving(behave) as server, fetching(call_ms=150) as ask:
        assert ask(server.base).fetched.outcomes == {"ok": 1}
        assert ask(server.base).fetched.outcomes == {"timeout": 1}
    assert len(server.asked) == 2


def test_an_answer_that_nobody_asked_for_answers_nothing():
    """A server that says more than it was asked: the next patient must not get it."""
    said = threading.Semaphore(0)

    def behave(asked, line):
        a_record(asked, line)
        line.send(answer(bundle({"resourceType": "Condition", "id": "of-another"})))
        said.release()

    with serving(behave) as server, fetching() as ask:
        for _ in range(3):
            assert ids(ask(server.base).fetched.values["conditions"]) == ["Condition-1"]
            assert said.acquire(timeout=5), "what nobody asked for has arrived"


def test_an_answer_to_somebody_else_that_comes_just_as_we_ask_reaches_no_later_call():
    """Nothing on the line tells it from ours; what it holds does, for a resource of another patient is a gap."""
    of_another = {"resourceType": "Condition", "id": "7", "subject": {"reference": "Patient/somebody-else"}}
    said = threading.Semaphore(0)

    def behave(asked, line):
        if len(server.asked) == 2:
            line.send(answer(bundle(of_another)))
        a_record(asked, line)
        said.release()

    with serving(behave) as server, fetching() as ask:
        seen = []
        for _ in range(3):
            seen.append(ask(server.base).fetched.values["conditions"])
            assert said.acquire(timeout=5), "the answer to this question has arrived"
    assert [ids(one) for one in seen] == [["Condition-1"], ["7"], ["Condition-1"]]


def test_a_connection_is_not_kept_that_the_server_will_close():
    def behave(_asked, line):
        line.send(answer(bundle(), Connection="close"))
        return "close"

    with serving(behave) as server, fetching() as ask:
        ask(server.base)
        ask(server.base)
    assert server.connections == 2


def test_a_connection_that_is_closed_takes_no_room_from_those_that_wait(monkeypatch):
    monkeypatch.setattr(connections, "MOST_IDLE", 1)

    def behave(_asked, line):
        line.send(answer(bundle(), Connection="close"))
        return "close"

    with serving(behave) as closing, serving(a_record) as keeping, fetching() as ask:
        for server in (closing, keeping, keeping):
            assert ask(server.base).fetched.outcomes == {"ok": 1}
    assert keeping.connections == 1


def test_no_more_connections_are_kept_than_may_wait(monkeypatch):
    monkeypatch.setattr(connections, "MOST_IDLE", 1)
    together = threading.Barrier(2)

    def behave(asked, line):
        together.wait(2)
        a_record(asked, line)

    wanted = Wanted(keys=frozenset({"conditions", "allergies"}), version=Version.R4)
    with serving(behave) as server, fetching() as ask:
        ask(server.base, wanted)
        ask(server.base, wanted)
    assert server.connections == 3


def test_a_connection_that_waited_too_long_is_not_used(monkeypatch):
    monkeypatch.setattr(connections, "IDLE_S", 0)
    with serving(a_record) as server, fetching() as ask:
        ask(server.base)
        ask(server.base)
    assert server.connections == 2


def test_a_connection_that_waited_too_long_is_closed_when_another_host_is_asked(monkeypatch):
    monkeypatch.setattr(connections, "IDLE_S", 0)
    with serving(a_record) as one, serving(a_record) as other, fetching() as ask:
        ask(one.base)
        assert one.open == 1
        ask(other.base)
        assert all_are_closed(one)


def test_connections_wait_for_only_so_many_hosts(monkeypatch):
    monkeypatch.setattr(connections, "MOST_HOSTS", 1)
    with serving(a_record) as one, serving(a_record) as other, fetching() as ask:
        ask(one.base)
        ask(other.base)
        assert all_are_closed(one)
        ask(one.base)
    assert (one.connections, other.connections) == (2, 1)


def all_are_closed(server, within_s=2.0):
    until = monotonic() + within_s
    while server.open and monotonic() < until:
        sleep(0.005)
    return not server.open


def test_connections_go_to_the_host_they_were_made_to():
    with serving(a_record) as one, serving(a_record) as other, fetching() as ask:
        for server in (one, other, one, other):
            ask(server.base)
    assert (one.connections, other.connections) == (1, 1)
    assert (len(one.asked), len(other.asked)) == (2, 2)


@pytest.mark.parametrize(("said", "version"), [("1.0.2", "DSTU2"), ("3.0.2", "STU3"), ("4.3.0", "R4"), ("5.0.0", "R5")])
def test_a_server_is_asked_for_its_version_once_if_nothing_else_tells(said, version):
    def behave(asked, line):
        if asked.path.endswith("/metadata"):
            line.send(answer({"resourceType": "CapabilityStatement", "fhirVersion": said}))
        else:
            a_record(asked, line)

    unknown = Wanted(keys=KEYS, tests=TESTS)
    with serving(behave) as server, fetching() as ask:
        for _ in range(2):
            fetched = ask(server.base, unknown).fetched
            assert fetched.version == version
            assert fetched.values.keys() == KEYS
            assert fetched.outcomes == {"ok": 8}
    asked = Counter(asked.target for asked in server.asked)
    assert asked["/fhir/metadata"] == 1
    assert {f"/fhir/{search(key, Version(version), PATIENT, TESTS)}" for key in KEYS - {"patient"}} < asked.keys()


def test_a_version_is_asked_for_again_after_a_while(monkeypatch):
    monkeypatch.setattr(fetch, "VERSION_KEPT_S", 0)
    with serving(a_record) as server, fetching() as ask:
        for _ in range(2):
            assert ask(server.base, UNKNOWN).fetched.version is Version.R4
    assert [asked.path for asked in server.asked].count("/fhir/metadata") == 2


def test_the_versions_of_only_so_many_servers_are_remembered(monkeypatch):
    monkeypatch.setattr(fetch, "MOST_VERSIONS", 1)
    with serving(a_record) as one, serving(a_record) as other, fetching() as ask:
        for server in (one, other, other, one):
            assert ask(server.base, UNKNOWN).fetched.version is Version.R4
    assert [asked.path for asked in one.asked].count("/fhir/metadata") == 2
    assert [asked.path for asked in other.asked].count("/fhir/metadata") == 1


def test_what_is_the_same_in_every_version_does_not_wait_for_it():
    def behave(asked, line):
        if asked.path.endswith("/metadata"):
            line.hold()
        a_record(asked, line)

    wanted = Wanted(keys=frozenset({"patient", "conditions"}), references=frozenset({"Medication/7"}))
    with serving(behave) as server, fetching(call_ms=200) as ask:
        fetched = ask(server.base, wanted).fetched
    assert fetched.values == {"patient": WHO}
    assert fetched.resources == ({"resourceType": "Medication", "id": "7"},)
    assert fetched.failed == {"conditions": Why.TOO_LATE}
    assert fetched.version is None


def test_without_a_search_the_version_is_not_asked_for():
    with serving(a_record) as server, fetching() as ask:
        fetched = ask(server.base, Wanted(references=frozenset({"Medication/7"}))).fetched
    assert [asked.path for asked in server.asked] == ["/fhir/Medication/7"]
    assert fetched.version is None


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [
        (answer({"resourceType": "CapabilityStatement", "fhirVersion": "4.6.0"}), "unknown-version"),
        (answer({"resourceType": "Bundle"}), "wrong-resource"),
        (answer({}, status="401 Unauthorized"), "status-4xx"),
        (answer(b"", media_type="text/html"), "not-json"),
    ],
)
def test_a_server_whose_version_is_not_known_is_not_searched(metadata, outcome):
    def behave(asked, line):
        assert asked.path == "/fhir/metadata"
        line.send(metadata)

    wanted = Wanted(keys=frozenset({"conditions", "results"}), tests=TESTS)
    with serving(behave) as server, fetching() as ask:
        for _ in range(2):  # and nothing is remembered of it
            fetched = ask(server.base, wanted).fetched
            assert fetched.outcomes == {outcome: 2}
            assert set(fetched.failed.values()) == {Why.NOT_FETCHED}


def test_when_there_is_no_thread_to_ask_for_the_version_nothing_is_searched():
    with serving(lambda _asked, line: line.hold()) as server:
        servers = FhirServers(DEVELOPMENT, Limits(at_once=1, call_ms=200), resolve=to_this_machine)
        busy = threading.Thread(target=servers(request_to(server.base)), args=(CONDITIONS,))
        busy.start()
        while not server.asked:
            pass
        fetched = servers(request_to(server.base))(UNKNOWN)
        busy.join()
        servers.close()
    assert fetched.outcomes == {"busy": 1}


def test_a_list_is_followed_to_its_last_page():
    behave = pages_of(3)
    with serving(behave) as server, fetching() as ask:
        behave.base = server.base
        fetched = ask(server.base).fetched
    found = fetched.values["conditions"]
    assert ids(found) == ["Condition-1.0", "Condition-2.0", "Condition-3.0"]
    assert links(found) == []
    assert found["total"] == 3
    assert fetched.outcomes == {"ok": 1}
    assert [asked.headers["authorization"] for asked in server.asked] == [f"Bearer {TOKEN}"] * 3


@pytest.mark.parametrize(
    ("limits", "entries", "expected", "pages"),
    [
        ({"pages": 2}, 1, 2, 2),
        ({"pages": 1}, 1, 1, 1),
        ({"entries": 3}, 1, 3, 3),
        ({"entries": 3}, 2, 3, 2),
        ({"entries": 1}, 4, 1, 1),
    ],
)
def test_a_list_without_an_end_is_cut_and_says_that_it_goes_on(limits, entries, expected, pages):
    behave = pages_of(1000, entries=entries)
    with serving(behave) as server, fetching(**limits) as ask:
        behave.base = server.base
        fetched = ask(server.base).fetched
    found = fetched.values["conditions"]
    assert len(found["entry"]) == expected
    assert links(found) == ["next"]
    assert fetched.outcomes == {"limit": 1}
    assert len(server.asked) == pages


def test_a_last_page_with_too_many_entries_is_cut_and_says_that_there_are_more():
    behave = pages_of(1, entries=4)
    with serving(behave) as server, fetching(entries=3) as ask:
        fetched = ask(server.base).fetched
    assert len(fetched.values["conditions"]["entry"]) == 3
    assert links(fetched.values["conditions"]) == ["next"]
    assert fetched.outcomes == {"limit": 1}


def test_all_answers_of_a_call_together_have_a_limit():
    def behave(_asked, line):
        line.send(answer(bundle({"resourceType": "Condition", "id": "c", "x": "a" * 4000})))

    wanted = Wanted(keys=KEYS - {"patient"}, tests=TESTS, version=Version.R4)
    with serving(behave) as server, fetching(call_bytes=10_000) as ask:
        outcomes = ask(server.base, wanted).fetched.outcomes
    assert outcomes == {"ok": 2, "too-large": 5}


def test_a_page_that_is_too_late_leaves_the_pages_before_it():
    def behave(asked, line):
        if "_getpages" in asked.target:
            line.hold()
        line.send(answer(bundle(one_of("Condition"), next_link=f"{server.base}?_getpages=1")))

    with serving(behave) as server, fetching(call_ms=200) as ask:
        fetched = ask(server.base).fetched
    assert ids(fetched.values["conditions"]) == ["Condition-1"]
    assert links(fetched.values["conditions"]) == ["next"]
    assert fetched.failed == {}
    assert fetched.outcomes == {"timeout": 1}


def test_a_page_that_fails_leaves_the_pages_before_it():
    def behave(asked, line):
        if "_getpages" in asked.target:
            line.send(answer({}, status="500 Oh"))
        line.send(answer(bundle(one_of("Condition"), next_link=f"{server.base}?_getpages=1")))

    with serving(behave) as server, fetching() as ask:
        fetched = ask(server.base).fetched
    assert links(fetched.values["conditions"]) == ["next"]
    assert fetched.outcomes == {"status-5xx": 1}


def test_the_pages_that_the_client_did_not_send_are_fetched():
    behave = pages_of(3)
    with serving(behave) as server, fetching() as ask:
        behave.base = server.base
        wanted = Wanted(pages={"results": f"{server.base}?_getpages=1&_offset=2"}, version=Version.R4)
        fetched = ask(server.base, wanted).fetched
    assert ids(fetched.pages["results"]) == ["Condition-2.0", "Condition-3.0"]
    assert links(fetched.pages["results"]) == []
    assert "total" not in fetched.pages["results"]  # it is of all pages, and the client has the first
    assert fetched.values == {}


@pytest.mark.parametrize(
    "link", ["?_offset={number}", "Condition?_offset={number}", "/fhir/Condition?_offset={number}"]
)
def test_a_link_that_does_not_say_it_all_leads_on_from_the_page_it_stands_on(link):
    behave = pages_of(3, link=link)
    with serving(behave) as server, fetching() as ask:
        behave.base = server.base
        assert ids(ask(server.base).fetched.values["conditions"]) == ["Condition-1.0", "Condition-2.0", "Condition-3.0"]
    assert [asked.target for asked in server.asked[1:]] == ["/fhir/Condition?_offset=2", "/fhir/Condition?_offset=3"]


@pytest.mark.parametrize(
    ("key", "version", "asked_at"),
    [
        ("medications", Version.R4, "/fhir/MedicationRequest?_offset=2"),
        ("medications", Version.DSTU2, "/fhir/MedicationOrder?_offset=2"),
        ("conditions", None, "/fhir/Condition?_offset=2"),
        ("medications", None, None),  # of which kind the client's list is cannot be told
    ],
)
def test_a_link_of_the_client_s_list_is_read_from_where_that_list_was_found(key, version, asked_at):
    behave = pages_of(2)
    with serving(behave) as server, fetching() as ask:
        behave.base = server.base
        fetched = ask(server.base, Wanted(pages={key: "?_offset=2"}, version=version)).fetched
    assert [asked.target for asked in server.asked] == ([asked_at] if asked_at else [])
    assert fetched.outcomes == ({"ok": 1} if asked_at else {"refused-link": 1})


def test_of_pages_that_could_not_be_had_nothing_is_said_since_the_client_s_list_goes_on():
    def behave(_asked, line):
        line.send(answer({}, status="410 Gone"))

    with serving(behave) as server, fetching() as ask:
        fetched = ask(server.base, Wanted(pages={"results": f"{server.base}?_getpages=1"})).fetched
    assert (fetched.pages, fetched.failed) == ({}, {})
    assert fetched.outcomes == {"status-4xx": 1}


def test_a_link_is_asked_for_as_the_server_wrote_it():
    """But for percent-encodings, which are written in capitals; RFC 3986, 6.2.2.1 has them mean the same."""
    query = "_getpages=4%2c7%2F&_id=a~b%7Eb;c='(*)!'&d=%C3%A4+%20:@,/?$&&e"

    def behave(asked, line):
        line.send(answer(bundle(next_link=None if "_id" in asked.target else f"{server.base}?{query}")))

    with serving(behave) as server, fetching() as ask:
        assert ask(server.base).fetched.outcomes == {"ok": 1}
    assert server.asked[1].target == f"/fhir?{query.replace('%2c', '%2C')}"


def test_resources_that_others_point_at_are_fetched():
    wanted = Wanted(references=frozenset({"Medication/7", "Medication/8"}), version=Version.R4)
    with serving(a_record) as server, fetching() as ask:
        fetched = ask(server.base, wanted).fetched
    assert [one["id"] for one in fetched.resources] == ["7", "8"]


@pytest.mark.parametrize(
    "reference",
    [
        *("Medication/..", "Medication/7?x", "https://evil.example/Medication/7", "metadata", "$x/7", ""),
        *("Patient/anna", "Medication/../Patient/anna", "Medication/%2e%2e/Patient/anna", "Binary/7", "medication/7"),
    ],
)
def test_a_reference_that_leads_elsewhere_is_not_followed(reference):
    wanted = Wanted(references=frozenset({reference}), version=Version.R4)
    with serving(a_record) as server, fetching() as ask:
        fetched = ask(server.base, wanted).fetched
    assert fetched.failed == {reference: Why.NOT_FETCHED}
    assert fetched.outcomes == {"refused-link": 1}
    assert server.connections == 0


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Medication", "id": "8"},
        {"resourceType": "Patient", "id": "7"},
        {"resourceType": "Medication"},
        bundle({"resourceType": "Medication", "id": "7"}),
        {"resourceType": "OperationOutcome"},
    ],
)
def test_another_resource_than_the_one_asked_for_is_not_used(resource):
    wanted = Wanted(references=frozenset({"Medication/7"}), version=Version.R4)
    with serving(lambda _asked, line: line.send(answer(resource))) as server, fetching() as ask:
        fetched = ask(server.base, wanted).fetched
    assert fetched.resources == ()
    assert fetched.failed == {"Medication/7": Why.NOT_FETCHED}
    assert fetched.outcomes == {"wrong-resource": 1}


def test_another_patient_than_the_one_asked_for_is_not_used():
    def behave(_asked, line):
        line.send(answer({"resourceType": "Patient", "id": "canary-other"}))

    with serving(behave) as server, fetching() as ask:
        fetched = ask(server.base, Wanted(keys=frozenset({"patient"}), version=Version.R4)).fetched
    assert fetched.failed == {"patient": Why.NOT_FETCHED}


@pytest.mark.parametrize("patient_id", ["p1,p2", "..", "p1/../p2", "p1&patient=p2", "p1\r\nX: y"])
def test_a_patient_whose_id_could_mean_another_is_not_asked_for(patient_id):
    with serving(a_record) as server, fetching() as ask:
        fetched = ask(server.base, EVERYTHING, patient_id=patient_id).fetched
    assert fetched.failed == dict.fromkeys(KEYS, Why.NOT_FETCHED)
    assert fetched.outcomes == {"refused-link": 8}
    assert server.connections == 0


def test_a_key_that_is_not_ours_is_not_asked_for():
    with serving(a_record) as server, fetching() as ask:
        fetched = ask(server.base, Wanted(keys=frozenset({"labs"}), version=Version.R4)).fetched
    assert fetched.failed == {"labs": Why.NOT_FETCHED}
    assert server.connections == 0


def is_nothing(fetched):
    return fetched == Fetched()


def test_when_nothing_is_wanted_nobody_is_asked():
    with serving(a_record) as server, fetching() as ask:
        assert is_nothing(ask(server.base, Wanted()).fetched)
    assert server.connections == 0


@pytest.mark.parametrize("base", [None, ""])
def test_when_the_client_names_no_server_it_just_did_not_send_the_data(base):
    with fetching() as ask:
        assert is_nothing(ask(base).fetched)


def test_when_fetching_is_switched_off_nobody_is_asked():
    with serving(a_record) as server, fetching(call_ms=0) as ask:
        assert is_nothing(ask(server.base).fetched)
    assert server.connections == 0


def test_all_that_one_call_fetches_has_one_deadline():
    def behave(asked, line):
        if asked.path.endswith("/Condition"):
            line.hold()
        a_record(asked, line)

    with serving(behave) as server:
        servers = FhirServers(DEVELOPMENT, Limits(call_ms=200), resolve=to_this_machine)
        ask = servers(request_to(server.base))
        assert ask(Wanted(keys=frozenset({"allergies"}), version=Version.R4)).outcomes == {"ok": 1}
        assert ask(CONDITIONS).outcomes == {"timeout": 1}
        assert ask(Wanted(keys=frozenset({"allergies"}), version=Version.R4)).outcomes == {"timeout": 1}
        assert servers(request_to(server.base))(Wanted(keys=frozenset({"allergies"}), version=Version.R4)).values
        servers.close()
    assert no_thread_is_left()


def test_after_closing_nobody_is_asked():
    with serving(a_record) as server:
        servers = FhirServers(DEVELOPMENT, resolve=to_this_machine)
        assert servers(request_to(server.base))(CONDITIONS).outcomes == {"ok": 1}
        servers.close()
        assert servers(request_to(server.base))(CONDITIONS).outcomes == {"busy": 1}
    assert no_thread_is_left()


def test_a_connection_that_is_free_after_closing_is_closed():
    going_on = threading.Event()

    def behave(asked, line):
        going_on.wait(2)
        a_record(asked, line)
        if line.sock.recv(1) == b"":
            ended.set()

    ended = threading.Event()
    with serving(behave) as server:
        servers = FhirServers(DEVELOPMENT, resolve=to_this_machine)
        asking = threading.Thread(target=servers(request_to(server.base)), args=(CONDITIONS,))
        asking.start()
        while not server.asked:
            pass
        servers.close()
        going_on.set()
        asking.join()
        assert ended.wait(2)
    assert no_thread_is_left()
