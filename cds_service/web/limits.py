"""How much a client may send and ask for: what is beyond is refused before it costs more than to say so."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from threading import Lock
from time import monotonic, time
from typing import Any, Final
from wsgiref.types import WSGIEnvironment

import orjson
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.http import parse_options_header
from werkzeug.wsgi import get_content_length

from cds_service.hooks.request import Json
from cds_service.web.errors import (
    Excess,
    NotDecoded,
    NotJson,
    NotSentAsJson,
    TooBusy,
    TooDeep,
    TooLong,
    TooMany,
    UnknownEncoding,
)

JSON: Final = "application/json"
NO_LIMIT: Final = 0


@dataclass(frozen=True, slots=True)
class Most:
    """The most that one call may bring.

    Attributes:
        body_bytes: of the body; where it is compressed, both as it is sent and as it is read.
        depth: levels of JSON, one within the other.
        entries: in all Bundles of prefetch together.
    """

    body_bytes: int
    depth: int = 64
    entries: int = 10_000


# The body -------------------------------------------------------------------------------------------------------------


def read_json(environ: WSGIEnvironment, most: Most) -> Json:
    """The body of a call, parsed; only JSON in UTF-8 is read.

    Straight from the WSGI environment: Flask's own ways to the headers, the body and its limit cost 17 microseconds,
    a fifth of what a bare call costs in all.

    Raises:
        NotSentAsJson, UnknownEncoding: for what its headers say.
        NotDecoded, NotJson: for what it is.
        TooLong, TooDeep: for how much.
    """
    if not _is_json(environ.get("CONTENT_TYPE", "")):
        raise NotSentAsJson
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    try:
        body = (
            _read(environ, most.body_bytes) if encoding is None else _read_encoded(encoding, environ, most.body_bytes)
        )
    except TooLong:
        _read_away(environ, most.body_bytes)
        raise
    try:
        parsed: Json = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise (TooDeep if problem.msg == _TOO_DEEP else NotJson) from None  # its text shows what was sent
    if _may_be_deeper(body, most.depth) and _is_deeper(parsed, most.depth):
        raise TooDeep
    return parsed


@lru_cache(maxsize=64)  # taking it apart costs ten times as much as remembering it, and clients send only a few
def _is_json(content_type: str) -> bool:
    media_type, options = parse_options_header(content_type)
    return media_type.lower() in {JSON, "application/fhir+json"} and options.get("charset", "utf-8").lower() in {
        "utf-8",
        "utf8",
    }


def _read(environ: WSGIEnvironment, most_bytes: int) -> bytes:
    length = get_content_length(environ)
    if length is None:  # sent in chunks; the server knows where they end
        length = most_bytes + 1
    elif length > most_bytes:
        raise TooLong
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) > most_bytes:
        raise TooLong
    return body


_CHUNK: Final = 65536
# How zlib calls them; in each, the length or the checksum at its end is verified.
_WINDOWS: Final[Mapping[str, int]] = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}


def _read_encoded(encoding: str, environ: WSGIEnvironment, most_bytes: int) -> bytes | bytearray:
    """The body, decoded piece by piece: no more than the limit and one piece is ever held.

    One encoding at most: nothing sends two, and each layer would multiply what a small body can grow to.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return _read(environ, most_bytes)
    if name not in _WINDOWS:
        raise UnknownEncoding
    if (get_content_length(environ) or 0) > most_bytes:
        raise TooLong
    try:
        return _decoded(environ["wsgi.input"].read, _WINDOWS[name], most_bytes)
    except zlib.error:
        raise NotDecoded from None


def _decoded(read: Callable[[int], bytes], window: int, most_bytes: int) -> bytearray:
    decoder = zlib.decompressobj(window)
    decoded, taken = bytearray(), 0
    while piece := read(_CHUNK):
        taken += len(piece)
        while piece:
            if decoder.eof:  # a second stream, or something else, after the first
                raise NotDecoded
            decoded += decoder.decompress(piece, _CHUNK)
            if max(taken, len(decoded)) > most_bytes:
                raise TooLong
            piece = decoder.unconsumed_tail or decoder.unused_data
    while not decoder.eof:  # what the decoder still holds of a piece that it has taken
        rest = decoder.decompress(b"", _CHUNK)
        decoded += rest
        if len(decoded) > most_bytes:
            raise TooLong
        if not rest:
            raise NotDecoded
    return decoded


def _read_away(environ: WSGIEnvironment, most_bytes: int) -> None:
    """Take the rest of a body that is too long, and keep nothing of it.

    A connection that is closed while its client still sends is torn down, and many a client then never reads why. What
    does not say its length may have no end, what says far too much is not worth the time, and who asks before sending
    needs only the answer.
    """
    length = get_content_length(environ)
    if length is None or length > _READ_AWAY * most_bytes or "HTTP_EXPECT" in environ:
        return
    until = monotonic() + _READ_AWAY_S
    while monotonic() < until and environ["wsgi.input"].read(_CHUNK):
        pass


_READ_AWAY: Final = 4  # times the limit
_READ_AWAY_S: Final = 5.0


# Depth and number -----------------------------------------------------------------------------------------------------

_TOO_DEEP: Final = "depth limit exceeded"  # orjson's word for what has more than 1024 levels; it reads no further
_OPENED: Final = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKETS_NOR_QUOTES: Final = bytes(set(range(256)) - set(b'[]{}"'))
_MOST_BRACKETS: Final = 65536


def _may_be_deeper(body: bytes | bytearray, most: int) -> bool:
    """Whether valid JSON could be nested deeper, told by its brackets alone.

    An answer of no is certain. It costs a third of a walk through what was parsed, for a usual request 10 microseconds.
    """
    if b"\\" in body and b'\\"' in body:  # then a quote may be a part of a string; to look for one byte is quicker
        return True
    # Quotes begin and end strings, then. Where every two of them meet, there are no brackets in strings; but units have
    # some, like `[iU]`. What is between two quotes may be a whole array as well: so one level less is allowed below.
    brackets = body.translate(_OPENED, _NEITHER_BRACKETS_NOR_QUOTES).replace(b'""', b"").replace(b'"[]"', b"")
    if b'"' in brackets or len(brackets) > _MOST_BRACKETS:  # of so many, the rounds would cost more than the walk
        return True
    for left in range(most - 1, 0, -1):  # each takes away the innermost level; usually two leave few enough
        if len(brackets) <= 2 * left:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _is_deeper(parsed: Json, most: int) -> bool:
    level: list[Any] = [parsed] if isinstance(parsed, (dict, list)) else []
    for _ in range(most):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
    return bool(level)


def check_entries(prefetch: Mapping[str, Json] | None, most: int) -> None:
    """Refuse a call whose Bundles have more entries than are read.

    Raises:
        TooMany: for more than that in all of prefetch together.
    """
    count = 0
    for supplied in (prefetch or {}).values():
        entries = supplied.get("entry") if isinstance(supplied, dict) else None
        count += len(entries) if isinstance(entries, list) else 0
    if count > most:
        raise TooMany


# How often, and how many at a time --------------------------------------------------------------------------------


class AtOnce:
    """How many calls of each client are being answered in this process."""

    def __init__(self, usual: int, most: int = NO_LIMIT) -> None:
        """Start counting.

        Args:
            usual: calls at the same time of a client for which nothing else is agreed; `NO_LIMIT` for any number.
            most: those of any client, whatever is agreed with it; `NO_LIMIT` for any number. Fewer than there are
                threads, so that a client whose calls do not end leaves some for others.
        """
        self._usual = usual
        self._most = most
        self._running: dict[str, int] = {}
        self._lock = Lock()

    def enter(self, client: str, own: int | None) -> None:
        """Count a call that begins; `own` is what is agreed with this client.

        Raises:
            TooBusy: as many as may be are being answered.
        """
        agreed = self._usual if own is None else own
        limits = [limit for limit in (agreed, self._most) if limit != NO_LIMIT]
        most = min(limits, default=NO_LIMIT)
        with self._lock:
            running = self._running.get(client, 0)
            if running >= most > NO_LIMIT:
                raise TooBusy(Excess.CONCURRENT, _SOON_S)
            self._running[client] = running + 1

    def leave(self, client: str) -> None:
        """Count a call that ends."""
        with self._lock:
            self._running[client] -= 1


_SOON_S: Final = 1


class Rates:
    """How often each client may call. Counted in a storage that processes and machines may share.

    When the storage fails, calls are let through: who is ordering a medicine must not wait for a counter.
    """

    def __init__(
        self,
        usual: int = NO_LIMIT,
        *,
        storage: Storage | None = None,
        failed: Callable[[], None] = lambda: None,
        ticks: Callable[[], float] = monotonic,
        seconds: Callable[[], float] = time,
    ) -> None:
        """Start counting.

        Args:
            usual: calls a minute for a client for which nothing else is agreed; `NO_LIMIT` for any number.
            storage: where calls are counted; None for this process alone.
            failed: told of each call that was let through because the storage failed.
            ticks: seconds that only ever grow.
            seconds: the time of day, in seconds since 1970, as the storage has it.
        """
        self._usual = usual
        self._limiter = FixedWindowRateLimiter(storage or MemoryStorage())
        self._failed = failed
        self._ticks = ticks
        self._seconds = seconds
        self._asks_again_at = 0.0

    def count(self, client: str, own: int | None) -> None:
        """Count a call; `own` is what is agreed with this client, in calls a minute.

        Raises:
            TooBusy: it has called as often as it may in this minute.
        """
        most = self._usual if own is None else own
        if most == NO_LIMIT:
            return
        if self._ticks() < self._asks_again_at:
            self._failed()
            return
        item = RateLimitItemPerMinute(most)
        try:
            if self._limiter.hit(item, client):
                return
            left_s = self._limiter.get_window_stats(item, client).reset_time - self._seconds()
        except Exception:  # noqa: BLE001 - each storage has its own, and none is worth a prescriber's waiting
            self._asks_again_at = self._ticks() + _PAUSE_S
            self._failed()
            return
        raise TooBusy(Excess.RATE, min(max(ceil(left_s), 1), _MINUTE_S))


_PAUSE_S: Final = 5.0  # without asking a storage that failed: each question may cost its timeout
_MINUTE_S: Final = 60


def redis_storage(url: str) -> Storage:
    """A Redis server to count in, which is waited for a quarter of a second at most.

    Raises:
        ValueError: the address cannot be one of a Redis server.
    """
    return RedisStorage(url, socket_timeout=_REDIS_S, socket_connect_timeout=_REDIS_S)


_REDIS_S: Final = 0.25
