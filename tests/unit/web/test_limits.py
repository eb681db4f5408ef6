"""How much a client may send and ask for."""

import gzip
import io
import json
import random
import threading
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits.storage import MemoryStorage, Storage

from cds_service.web import limits
from cds_service.web.errors import Excess, IssueCode, NotDecoded, TooBusy, TooLong
from cds_service.web.limits import AtOnce, Most, Rates, read_json, redis_storage

from .conftest import FRIEND, ME, MOST_BYTES, Answer, Client, Door
from .test_routes import only_issue

ENCODED = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


def zipped(data, encoding="gzip", **more):
    return {"data": data, "headers": {"Content-Encoding": encoding}, "content_type": "application/json"} | more


# The body


@pytest.mark.parametrize("encoding", [*ENCODED, "GZIP", " gzip "])
def test_a_compressed_body_is_read(web, call, encoding):
    body = ENCODED[encoding.strip().lower()](json.dumps(call).encode())
    assert web.client.post("/cds-services/sign", **zipped(body, encoding)).status_code == 200
    assert web.asked[0][1].patient_id == "p1"


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_a_body_that_says_it_is_not_compressed_is_read(web, call, encoding):
    assert web.client.post("/cds-services/sign", **zipped(json.dumps(call), encoding)).status_code == 200


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "gzip, gzip", "deflate, gzip", "identity, gzip", "*", "Jane"]
)
def test_an_encoding_that_is_not_read_is_refused_and_the_others_are_named(web, call, encoding):
    response = web.client.post("/cds-services/sign", **zipped(gzip.compress(json.dumps(call).encode()), encoding))
    assert only_issue(response, 415) == "not-supported"
    assert response.headers["Accept-Encoding"] == "gzip, deflate, identity"
    assert b"Jane" not in response.data


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "broken",
    [
        lambda _whole: b"",
        lambda _whole: b"Jane Roe",
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole + b"Jane Roe",
        lambda whole: whole + whole,
        lambda whole: whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],
    ],
    ids=["empty", "not compressed", "a byte short", "half", "more behind it", "twice", "a wrong checksum"],
)
def test_a_body_that_is_not_what_its_encoding_says_is_refused(web, call, encoding, broken):
    body = broken(ENCODED[encoding](json.dumps(call).encode()))
    response = web.client.post("/cds-services/sign", **zipped(body, encoding))
    assert only_issue(response, 400) == "structure"
    assert b"Jane" not in response.data


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_the_limit_holds_for_what_a_body_unpacks_to(web, call, encoding):
    body = json.dumps(call).encode()
    compress = ENCODED[encoding]
    assert (
        web.client.post("/cds-services/sign", **zipped(compress(body.ljust(MOST_BYTES)), encoding)).status_code == 200
    )
    too_long = zipped(compress(body.ljust(MOST_BYTES + 1)), encoding)
    assert only_issue(web.client.post("/cds-services/sign", **too_long), 413) == "too-long"


def test_the_limit_holds_for_a_compressed_body_as_it_is_sent(web):
    noise = random.Random(1).randbytes(MOST_BYTES)  # noqa: S311 - what cannot be compressed
    assert only_issue(web.client.post("/cds-services/sign", **zipped(gzip.compress(noise))), 413) == "too-long"
    environ = {"wsgi.input": io.BytesIO(gzip.compress(noise)), "wsgi.input_terminated": True}  # without its length
    response = web.client.post("/cds-services/sign", environ_overrides=environ, **zipped(None))
    assert only_issue(response, 413) == "too-long"


def test_a_bomb_takes_no_more_memory_than_the_limit_and_a_piece():
    bomb = gzip.compress(b" " * 200_000_000)  # 200 KB
    most = 1_000_000
    environ = {
        "wsgi.input": io.BytesIO(bomb),
        "CONTENT_LENGTH": str(len(bomb)),
        "CONTENT_TYPE": "application/json",
        "HTTP_CONTENT_ENCODING": "gzip",
    }
    tracemalloc.start()
    try:
        with pytest.raises(TooLong):
            read_json(environ, Most(most))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * most  # a growing bytearray is an eighth larger than what is in it


@given(st.binary(max_size=300_000), st.integers(1, 70_000), st.sampled_from(["gzip", "deflate"]))
def test_decoding_gives_back_what_was_encoded_however_it_arrives(data, at_once, encoding):
    sent = io.BytesIO(ENCODED[encoding](data))
    decoded = limits._decoded(lambda size: sent.read(min(size, at_once)), limits._WINDOWS[encoding], 300_000)  # noqa: SLF001
    assert decoded == data


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_what_was_cut_off_anywhere_is_never_taken_for_whole(data, draw):
    whole = gzip.compress(data)
    sent = io.BytesIO(whole[: draw.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises((NotDecoded, zlib.error)):
        limits._decoded(sent.read, limits._WINDOWS["gzip"], 10_000)  # noqa: SLF001


# Depth


def nested(levels, bracket="[]"):
    return bracket[0] * levels + bracket[1] * levels


@pytest.mark.parametrize(
    "body",
    [
        nested,
        lambda levels: '{"a":' * levels + "7" + "}" * levels,
        lambda levels: '{"a":[],"b":' * (levels - 1) + "[]" + "}" * (levels - 1),
        lambda levels: '{"[[[[":"]]]]","b":' * levels + '"{{{{["' + "}" * levels,
        lambda levels: '["]",' * levels + "7" + ',"["]' * levels,
        lambda levels: r'["\"]\"",' * levels + "7" + r',"\"[\""]' * levels,
        lambda levels: r'["\\]\\",' * levels + "7" + r',"\\[\\"]' * levels,
    ],
    ids=["arrays", "objects", "side by side", "brackets in strings", "paired off", "between quotes", "backslashes"],
)
@pytest.mark.parametrize("deeper", [65, 1024, 1025, 4000])
def test_json_may_be_nested_as_deep_as_the_limit_and_no_deeper(web, body, deeper):
    assert web.post(body(64).encode()).status_code == 400  # it is read, and then it is no call
    assert only_issue(web.post(body(deeper).encode()), 413) == "too-long"


@pytest.mark.parametrize("body", [b'{"a": Jane}' * 2000, b'"' + b"[" * 2000, b"[1," * 60 + b"x" + b"[" * 2000])
def test_what_is_no_json_is_not_called_too_deep(web, body):
    assert only_issue(web.post(body), 400) == "structure"


def test_brackets_in_text_are_no_levels(web, call):
    call["context"]["note"] = "[" * 5000 + '\\"' + "{" * 70
    assert web.post(call).status_code == 200


def test_very_many_brackets_are_looked_at_otherwise(web_that):
    web = web_that(most=Most(1_000_000))
    wide = b"[" + b"[]," * 100_000
    assert only_issue(web.post(wide + nested(63).encode() + b"]"), 400) == "structure"
    assert only_issue(web.post(wide + nested(64).encode() + b"]"), 413) == "too-long"


json_values = st.recursive(
    st.text(alphabet='[]{}"\\x', max_size=6) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="[]{}x", max_size=3), inner, max_size=3)
    ),
    max_leaves=30,
)


def levels_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(levels_of, value), default=0) if isinstance(value, list) else 0


@given(json_values, st.integers(1, 8))
def test_depth_is_told_exactly(value, most):
    body = json.dumps(value).encode()
    told = limits._may_be_deeper(body, most) and limits._is_deeper(value, most)  # noqa: SLF001
    assert told == (levels_of(value) > most)


# Entries


def bundle(count):
    return {"resourceType": "Bundle", "entry": [{}] * count}


def test_the_entries_of_all_bundles_together_are_limited(web_that, call):
    web = web_that(most=Most(MOST_BYTES, entries=10))
    assert web.post(call | {"prefetch": {"a": bundle(4), "b": bundle(6), "c": None}}).status_code == 200
    assert web.post(call | {"prefetch": {"a": {"resourceType": "Patient", "entry": "Jane"}}}).status_code == 200
    assert only_issue(web.post(call | {"prefetch": {"a": bundle(4), "b": bundle(7)}}), 413) == "too-long"
    assert web.events[-1].hook_instance is not None


# At once


def test_no_more_calls_of_a_client_are_answered_at_once_than_agreed(web_that, call):
    inside, on = threading.Semaphore(0), threading.Event()

    def slow():
        inside.release()
        on.wait(10)
        return Answer()

    web = web_that(slow, door=Door(), at_once=AtOnce(2))
    running = [threading.Thread(target=lambda: web.post(call, headers=FRIEND)) for _ in range(2)]
    for thread in running:
        thread.start()
    for _ in running:
        assert inside.acquire(timeout=10)
    refused = web.post(call, headers=FRIEND)
    on.set()
    for thread in running:
        thread.join()
    assert only_issue(refused, 429) == "throttled"
    assert refused.headers["Retry-After"] == "1"
    assert web.post(call, headers=FRIEND).status_code == 200
    refusal = next(event for event in web.events if event.status == 429)
    assert (refusal.client, refusal.code, refusal.reason) == ("riverside", IssueCode.THROTTLED, Excess.CONCURRENT)


@pytest.mark.parametrize("answers", [None, ValueError()])
def test_a_call_that_ended_takes_no_room_however_it_ended(web_that, call, answers):
    web = web_that(answers, at_once=AtOnce(1))
    assert {web.post(call).status_code for _ in range(3)} <= {200, 500}
    assert {web.post(b"{").status_code for _ in range(3)} == {400}
    assert {web.post({}, "sign/feedback").status_code for _ in range(3)} == {400}


def test_what_is_agreed_with_a_client_goes_before_the_usual():
    at_once = AtOnce(1)
    at_once.enter("large", 2)
    at_once.enter("large", 2)
    at_once.enter("small", None)
    for client, own in (("large", 2), ("small", None)):
        with pytest.raises(TooBusy):
            at_once.enter(client, own)


@pytest.mark.parametrize(("usual", "own"), [(5, None), (0, None), (1, 5), (1, 1000)])
def test_no_client_takes_all_the_threads_whatever_is_agreed(usual, own):
    at_once = AtOnce(usual, most=2)
    for _ in range(2):
        at_once.enter("large", own)
    with pytest.raises(TooBusy):
        at_once.enter("large", own)
    at_once.enter("other", own)


# How often


class Broken(MemoryStorage):
    """A storage that is away."""

    asked = 0

    def incr(self, *_arguments, **_named):
        type(self).asked += 1
        raise ConnectionError


def rates(usual=0, storage=None, **more):
    storage = storage or MemoryStorage()
    assert isinstance(storage, Storage)
    return Rates(usual, storage=storage, **more)


def test_a_client_may_call_as_often_as_agreed_and_is_told_when_to_come_again(web_that, call):
    web = web_that(door=Door(Client(name="riverside", rate=3)), rates=rates(1))
    assert [web.post(call, headers=FRIEND).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = web.post(call, headers=FRIEND)
    assert only_issue(refused, 429) == "throttled"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert (web.records[-1].status, web.records[-1].code) == (429, "rate")
    assert web.client.get("/cds-services", headers=FRIEND).status_code == 429
    assert web.post({}, "sign/feedback", headers=FRIEND).status_code == 429


def test_strangers_use_up_nobodys_calls(web_that, call):
    web = web_that(door=Door(ME), rates=rates(1))
    for _ in range(3):
        assert web.post(call, headers={"Authorization": "Bearer forged"}).status_code == 401
    assert web.post(call, headers=FRIEND).status_code == 200


@pytest.mark.parametrize(("address", "method"), [("sign", "POST"), ("sign/feedback", "POST")])
def test_calls_that_are_forbidden_count_as_well(web_that, address, method):
    web = web_that(door=Door(Client(name="riverside", rate=2)), rates=rates())
    asked = {"method": method, "json": {}, "headers": {"Authorization": "Bearer friend-of-others"}}
    statuses = [web.client.open(f"/cds-services/{address}", **asked).status_code for _ in range(3)]
    assert statuses == [403, 403, 429]
    assert (web.events[-1].client, web.events[-1].reason) == ("riverside", Excess.RATE)


def test_each_client_has_its_own_calls():
    counting = rates(1)
    counting.count("one", None)
    counting.count("two", None)
    with pytest.raises(TooBusy):
        counting.count("one", None)


def test_without_a_rate_nothing_is_counted():
    Broken.asked = 0
    for _ in range(5):
        rates(0, Broken()).count("one", None)
    assert Broken.asked == 0


def test_when_calls_cannot_be_counted_they_are_let_through_and_that_is_counted():
    Broken.asked = 0
    at, let_through = [100.0], []
    counting = rates(1, Broken(), failed=lambda: let_through.append(1), ticks=lambda: at[0])
    for at[0] in (100.0, 101.0, 104.9):
        counting.count("one", None)
    assert (len(let_through), Broken.asked) == (3, 1)  # not asked again for 5 seconds: each question may take its time
    at[0] = 105.0
    counting.count("one", None)
    assert (len(let_through), Broken.asked) == (4, 2)


def test_a_redis_server_that_is_away_refuses_nobody():
    let_through = []
    counting = rates(1, redis_storage("redis://127.0.0.1:1/0"), failed=lambda: let_through.append(1))
    for _ in range(3):
        counting.count("one", None)
    assert len(let_through) == 3
