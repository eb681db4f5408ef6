"""FHIR servers that misbehave: each costs no more than the deadline, fails nobody, and shows nothing of the patient."""

import gzip
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from cds_service.clinical.model import Why
from cds_service.fhir.fetch import FhirServers, Limits
from cds_service.fhir.versions import Version
from cds_service.fhir.wanted import Wanted
from tests.servers.fetching import (  # noqa: F401 - a fixture
    BODY,
    CONDITIONS,
    DEVELOPMENT,
    _nothing_gets_out,
    fetching,
    no_thread_is_left,
    request_to,
    serving,
    to_this_machine,
)
from tests.servers.fhir_server import answer, bundle

CONDITION = {"resourceType": "Condition", "id": "c1", "code": {"text": BODY}}
GOOD = bundle(CONDITION)
MEGABYTE = b"a" * 1024 * 1024


def says(data, *, then="close"):
    """A server that says this and closes the connection."""

    def behave(_asked, line):
        line.send(data)
        return then

    return behave


def head(**headers):
    """The head of an answer whose body comes in another way."""
    said = {"Content-Type": "application/fhir+json"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return "HTTP/1.1 200 OK\r\n{}\r\n".format("".join(f"{name}: {text}\r\n" for name, text in said.items())).encode()


def endlessly(start, piece):
    """A server that never stops talking."""

    def behave(_asked, line):
        line.send(start)
        while True:  # until the client has gone
            line.send(piece)

    return behave


def deep(levels):
    return b'{"resourceType": "Bundle", "type": "searchset", "x": ' + b"[" * levels + b"]" * levels + b"}"


FAILING = {
    "it says 400": (says(answer({"issue": BODY}, status="400 Bad Request")), "status-4xx"),
    "it says 401": (says(answer({"issue": BODY}, status="401 Unauthorized")), "status-4xx"),
    "it says 403": (says(answer({"issue": BODY}, status="403 Forbidden")), "status-4xx"),
    "it says 404": (says(answer(GOOD, status="404 Not Found")), "status-4xx"),
    "it says 410": (says(answer(GOOD, status="410 Gone")), "status-4xx"),
    "it says 429": (says(answer({}, status="429 Too Many Requests", Retry_After="1")), "status-4xx"),
    "it says 500": (says(answer(GOOD, status="500 Internal Server Error")), "status-5xx"),
    "it says 503": (says(answer(b"later", status="503 Service Unavailable", media_type="text/plain")), "status-5xx"),
    "it says 204": (says(b"HTTP/1.1 204 No Content\r\n\r\n"), "status-other"),
    "it says 206": (says(answer(GOOD, status="206 Partial Content")), "status-other"),
    "it answers with a page for people": (
        says(answer(f"<html>{BODY}</html>".encode(), media_type="text/html")),
        "not-json",
    ),
    "it answers in another character set": (
        says(answer(GOOD, media_type="application/fhir+json; charset=latin1")),
        "not-json",
    ),
    "it does not say what it answers with": (says(answer(GOOD, media_type=None)), "not-json"),
    "it answers with nothing": (says(answer(b"")), "not-json"),
    "it compresses the answer": (
        says(answer(gzip.compress(json.dumps(GOOD).encode()), Content_Encoding="gzip")),
        "not-json",
    ),
    "it breaks the JSON": (says(answer(b'{"resourceType": "Bundle", ' + BODY.encode())), "not-json"),
    "it writes NaN": (says(answer(b'{"resourceType": "Bundle", "type": "searchset", "total": NaN}')), "not-json"),
    "it writes Infinity": (
        says(answer(b'{"resourceType": "Bundle", "type": "searchset", "x": -Infinity}')),
        "not-json",
    ),
    "it nests a hundred levels deep": (says(answer(deep(100))), "too-deep"),
    "it nests a hundred thousand levels deep": (says(answer(deep(100_000))), "not-json"),
    "it answers with a list": (says(answer([CONDITION])), "wrong-resource"),
    "it answers with an OperationOutcome": (
        says(answer({"resourceType": "OperationOutcome", "issue": [{"diagnostics": BODY}]})),
        "wrong-resource",
    ),
    "it answers with a resource in the place of a list": (says(answer(CONDITION)), "wrong-resource"),
    "it answers with a Bundle of another type": (says(answer({**GOOD, "type": "collection"})), "wrong-resource"),
    "it announces a huge body": (says(head(Content_Length="9999999999") + MEGABYTE), "too-large"),
    "it sends a huge body in chunks": (
        endlessly(head(Transfer_Encoding="chunked"), b"100000\r\n" + MEGABYTE + b"\r\n"),
        "too-large",
    ),
    "it sends a huge body without an end": (endlessly(head(), MEGABYTE), "too-large"),
    "it sends headers without an end": (endlessly(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), "connection"),
    "it sends a header line without an end": (endlessly(b"HTTP/1.1 200 OK\r\nX: ", MEGABYTE), "connection"),
    "it tells us to go on, without an end": (endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "too-large"),
    "it closes without a word": (says(b""), "connection"),
    "it closes in the middle of the head": (says(b"HTTP/1.1 200 OK\r\nContent-Ty"), "not-json"),
    "it closes in the middle of the body": (says(answer(GOOD)[:-20]), "connection"),
    "it closes in the middle of a chunk": (says(head(Transfer_Encoding="chunked") + b"40\r\n{"), "connection"),
    "it promises more than it sends": (says(answer(GOOD, Content_Length="100000")), "connection"),
    "it sends more than it promises": (says(answer(GOOD, Content_Length="20")), "not-json"),
    "it promises a length that is none": (says(answer(b"{", Content_Length="-7")), "not-json"),
    "it counts its chunks wrong": (says(head(Transfer_Encoding="chunked") + b"zz\r\n{}\r\n0\r\n\r\n"), "connection"),
    "it counts its chunks backwards": (says(head(Transfer_Encoding="chunked") + b"-9\r\n{\r\n"), "connection"),
    "it speaks no HTTP": (says(b"220 mail.example ESMTP\r\n"), "connection"),
    "it speaks HTTP of another kind": (says(b"HTTP/9.9 200 OK\r\n\r\n{}"), "connection"),
    "it has a status that is none": (says(b"HTTP/1.1 2000 OK\r\n\r\n{}"), "connection"),
    "it speaks TLS where none is spoken": (says(b"\x15\x03\x03\x00\x02\x02\x46"), "connection"),
}


@pytest.mark.parametrize(("behave", "outcome"), FAILING.values(), ids=FAILING)
def test_a_server_that_misbehaves_brings_nothing(behave, outcome):
    with serving(behave) as server, fetching(answer_bytes=3 * 1024 * 1024) as ask:
        fetched = ask(server.base).fetched
    assert fetched.outcomes == {outcome: 1}
    assert fetched.failed == {"conditions": Why.NOT_FETCHED}
    assert fetched.values == {}


SLOW = {
    "it says nothing": lambda _asked, line: line.hold(),
    "it says nothing after the head": lambda _asked, line: (line.send(head(Content_Length="100")), line.hold())[1],
    "it stops in the middle": lambda _asked, line: (line.send(answer(GOOD)[:-10]), line.hold())[1],
    "the head drips": lambda _asked, line: line.drip(answer(GOOD)),
    "the body drips": lambda _asked, line: (line.send(head(Content_Length="5000")), line.drip(b" " * 5000))[1],
    "the chunks drip": lambda _asked, line: (
        line.send(head(Transfer_Encoding="chunked")),
        line.drip(b"1\r\n \r\n" * 1000),
    )[1],
    "it asks us to wait": lambda _asked, line: line.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
}


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW)
def test_a_server_that_is_slow_costs_no_more_than_the_deadline(behave):
    with serving(behave) as server, fetching(call_ms=150) as ask:
        fetched, took_s = ask(server.base)
    assert fetched.outcomes == {"timeout": 1}
    assert fetched.failed == {"conditions": Why.TOO_LATE}
    assert took_s >= 0.14


@pytest.mark.parametrize("behave", SLOW.values(), ids=SLOW)
def test_what_came_before_the_deadline_is_used_though_something_else_is_slow(behave):
    def only_one_is_slow(asked, line):
        if asked.path.endswith("/Condition"):
            behave(asked, line)
            return "close"
        line.send(answer(bundle({"resourceType": "AllergyIntolerance", "id": "a1"})))
        return None

    wanted = Wanted(keys=frozenset({"conditions", "allergies"}), version=Version.R4)
    with serving(only_one_is_slow) as server, fetching(call_ms=300) as ask:
        fetched = ask(server.base, wanted).fetched
    assert fetched.values["allergies"]["entry"] == [{"resource": {"resourceType": "AllergyIntolerance", "id": "a1"}}]
    assert fetched.failed == {"conditions": Why.TOO_LATE}


def test_slow_servers_do_not_use_up_the_threads():
    slowly, well = serving(SLOW["the body drips"]), serving(says(answer(GOOD)))
    with slowly as slow, well as good, fetching(call_ms=100, at_once=2) as ask:
        for _ in range(4):
            assert ask(slow.base).fetched.outcomes == {"timeout": 1}
        assert ask(good.base).fetched.outcomes == {"ok": 1}


def test_when_too_much_is_under_way_the_rest_fails_at_once():
    wanted = Wanted(keys=frozenset({"conditions", "allergies", "medications"}), version=Version.R4)
    with serving(SLOW["it says nothing"]) as server, fetching(call_ms=150, at_once=2) as ask:
        fetched = ask(server.base, wanted).fetched
    assert fetched.outcomes == {"timeout": 2, "busy": 1}
    assert sorted(fetched.failed.values()) == [Why.NOT_FETCHED, Why.TOO_LATE, Why.TOO_LATE]


THREADS = 16  # that answer calls, in one process
AT_ONCE_S = 0.2  # half the time of a call that hangs
FOUR = Wanted(
    keys=frozenset({"conditions", "allergies"}),
    pages={"orders": "/fhir/ServiceRequest?page=2"},
    references=frozenset({"Medication/7"}),
    version=Version.R4,
)
KEYS = frozenset({"patient", "medications", "statements", "conditions", "results", "orders", "allergies", "weight"})
EIGHT = Wanted(keys=KEYS, tests=frozenset({"1742-6"}), version=Version.R4)


def timed(fetch, wanted):
    """What came, and how long it took."""
    began = monotonic()
    return fetch(wanted), monotonic() - began


def test_calls_to_a_server_that_hangs_leave_threads_for_calls_that_need_nothing():
    hanging = serving(SLOW["it says nothing"])
    with hanging as server, ThreadPoolExecutor(THREADS) as threads:
        servers = FhirServers(DEVELOPMENT, Limits(), resolve=to_this_machine)
        fetch = servers(request_to(server.base))
        stuck = [threads.submit(timed, fetch, EIGHT) for _ in range(64)]
        _, plain_s = timed(lambda wanted: threads.submit(fetch, wanted).result(), Wanted())
        assert sum(one.done() for one in stuck) == 64 - 12  # the plain call did not wait for those that hang
        ended = [one.result() for one in stuck]
        servers.close()
    assert plain_s < AT_ONCE_S
    assert [fetched.outcomes for fetched, _ in ended].count({"timeout": 8}) == 12
    busy = [took_s for fetched, took_s in ended if fetched.outcomes == {"busy": 8}]
    assert len(busy) == 64 - 12
    assert max(busy) < AT_ONCE_S
    assert no_thread_is_left()


def test_a_call_beyond_those_that_may_wait_is_told_at_once_that_nothing_was_fetched():
    hanging = serving(SLOW["it says nothing"])
    with hanging as server, ThreadPoolExecutor(1) as threads, fetching(calls=1, call_ms=400) as ask:
        first = threads.submit(ask, server.base)
        while not server.asked:
            pass
        fetched, took_s = ask(server.base, FOUR)
        assert first.running()
    assert took_s < AT_ONCE_S
    assert fetched.failed == dict.fromkeys(("conditions", "allergies", "Medication/7"), Why.NOT_FETCHED)
    assert fetched.outcomes == {"busy": 4}
    assert (fetched.values, fetched.pages, fetched.resources) == ({}, {}, ())


def test_after_calls_that_hung_as_many_may_wait_again():
    slowly, well = serving(SLOW["it says nothing"]), serving(says(answer(GOOD)))
    with slowly as slow, well as good, fetching(call_ms=100, calls=1) as ask:
        for _ in range(3):
            assert ask(slow.base).fetched.outcomes == {"timeout": 1}
            assert ask(good.base).fetched.outcomes == {"ok": 1}


def test_a_call_to_a_server_that_may_not_be_called_takes_nobody_s_place():
    with fetching(calls=1) as ask:
        for _ in range(3):
            assert ask("https://10.0.0.1/fhir").fetched.outcomes == {"refused-address": 1}


@pytest.mark.parametrize("metadata", [False, True], ids=["version known", "version asked for"])
def test_with_the_usual_limits_calls_that_hang_again_and_again_never_meet_each_other(metadata):
    """Threads that fetched for a call end a moment after it: there must be enough for the next calls all the same."""

    def behave(asked, line):
        if asked.path.endswith("/metadata"):
            line.send(answer({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}))
        else:
            line.hold()

    wanted = Wanted(keys=KEYS, tests=EIGHT.tests, version=None if metadata else Version.R4)
    limits = Limits(call_ms=150)
    with serving(behave) as server, ThreadPoolExecutor(limits.calls) as threads:
        servers = FhirServers(DEVELOPMENT, limits, resolve=to_this_machine)
        outcomes = Counter()
        for fetched in threads.map(lambda _: servers(request_to(server.base))(wanted), range(4 * limits.calls)):
            outcomes.update(fetched.outcomes)
        servers.close()
    assert outcomes == {"timeout": 8 * 4 * limits.calls}
    assert no_thread_is_left()


def test_a_server_that_nobody_listens_at_brings_nothing():
    with serving(says(b"")) as server:
        base = server.base
    with fetching() as ask:
        assert ask(base).fetched.outcomes == {"connection": 1}


def test_a_name_that_does_not_exist_brings_nothing():
    def no_such_name(_host, _port):
        raise OSError(BODY)

    with fetching(resolve=no_such_name) as ask:
        assert ask("https://fhir.example/r4").fetched.outcomes == {"connection": 1}


def test_a_mistake_of_ours_is_counted_as_one():
    def broken(_host, _port):
        raise LookupError(BODY)

    with fetching(resolve=broken) as ask:
        fetched = ask("https://fhir.example/r4", CONDITIONS).fetched
        assert fetched.outcomes == {"broken": 1}
        version_unknown = Wanted(keys=frozenset({"conditions"}))
        assert ask("https://fhir.example/r4", version_unknown).fetched.outcomes == {"broken": 1}
