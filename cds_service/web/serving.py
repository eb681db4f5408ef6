"""The server in front of the web application: how it starts, is replaced, and ends."""

import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from logging import LogRecord
from pathlib import Path
from signal import SIG_BLOCK, SIG_DFL, SIG_UNBLOCK, SIGINT, SIGTERM, pthread_sigmask, signal, sigwait
from tempfile import TemporaryDirectory
from threading import Event, Thread, main_thread
from time import monotonic, sleep
from typing import Any, Final, Generic, TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels, logger
from granian.server import MPServer

from cds_service.web.metrics import FOLDER


class CannotListen(Exception):
    """The address is taken or not ours to listen on. Its text says so, for whoever runs the service."""


Application = TypeVar("Application", bound=WSGIApplication)


@dataclass(frozen=True, slots=True)
class Served(Generic[Application]):
    """What a worker process serves.

    Attributes:
        application: what answers.
        stop: called once as the process ends, with the seconds that are left: when the last call is answered, or,
            where a call does not end, while it still runs.
    """

    application: Application
    stop: Callable[[float], None]


def run(  # noqa: PLR0913 - each by its name
    target: str,
    *,
    host: str,
    port: int,
    workers: int,
    threads: int,
    check: Callable[[], str | None] = lambda: None,
    starts_in_s: float = 1.0,
) -> None:
    """Serve until the process is told to stop.

    SIGTERM and SIGINT stop it: no new calls are taken, those that run are answered, each worker's `Served.stop` is
    called; after 10 seconds what is left is killed. SIGHUP replaces the workers, one by one, and
    drops no call that has begun; one that comes in the very moment may find its connection closed and be sent again.

    Args:
        target: where each worker process finds the function that makes the application, as "module:function". It
            returns the application, or `Served` where there is something to do at the end.
        host: the address to listen on.
        port: the port to listen on.
        workers: how many processes answer.
        threads: how many calls each of them answers at the same time.
        check: asked at SIGHUP before anything is replaced: why it could not be, for whoever runs the service; None
            when it can. Without it, what is wrong with new cards would end the service.
        starts_in_s: how long a worker takes to start, in seconds, as measured; a worker is told to end three times as
            long after its successor was started.

    Raises:
        CannotListen: before anything is started.
    """
    _try_to_listen(host, port)
    logger.addFilter(_is_worth_saying)
    with _counting_together(workers):
        _Server(
            target,
            factory=True,
            interface=Interfaces.WSGI,
            address=host,
            port=port,
            workers=workers,
            # Answering is computing, and threads only wait for each other's turn: measured with wrk at 8 connections,
            # 15 KB requests and one card, on 2 cores, 8,200 requests/s with one thread, 7,000 with two, 6,300 with
            # four. Calls that wait for FHIR servers, or for the rest of a body, are worth that price.
            blocking_threads=threads,
            # 3 % faster than the other two ways, which are made for more than one thread and for HTTP/2.
            runtime_mode=RuntimeModes.st,
            http=HTTPModes.http1,
            # It is also how long a connection may be idle: longer than the minute for which nginx and the balancers
            # of the clouds keep one, so that it is never we who close it while they send the next call.
            http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MS),
            backlog=_CONNECTIONS,
            backpressure=_CONNECTIONS,  # of each worker: beyond them it accepts none, and the system holds them back
            websockets=False,
            workers_kill_timeout=_STOP_S,
            respawn_failed_workers=True,  # two failures within 5 seconds end the service all the same
            respawn_interval=max(_SUCCESSOR_S, 3 * starts_in_s),
            log_level=LogLevels.warning,  # not where and when it started; we say that ourselves
            log_access=False,  # it would write addresses with their queries
            check=check,
        ).serve(target_loader=_load)


_STOP_S: Final = 10
_STORE_S: Final = 4.0  # of them, at least, are for `Served.stop`
_MARGIN_S: Final = 0.5
_IDLE_MS: Final = 75_000
_CONNECTIONS: Final = 1024
_SUCCESSOR_S: Final = 3.5


class _Server(MPServer):
    """Granian, which does not replace what it has by something that cannot start."""

    def __init__(self, *arguments: Any, check: Callable[[], str | None], **named: Any) -> None:  # noqa: ANN401 - Granian's
        super().__init__(*arguments, **named)
        self._check = check

    def signal_handler_reload(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - Granian's
        wrong = self._check()
        if wrong is None:
            super().signal_handler_reload(*arguments, **named)  # type: ignore[no-untyped-call] # Granian's
        else:
            print(f"Not reloaded; what runs goes on:\n{wrong}", file=sys.stderr)  # noqa: T201


# In a worker ----------------------------------------------------------------------------------------------------------


def _load(target: str) -> WSGIApplication:
    """Make the application, in the main thread of a worker process, before it serves."""
    for ending in (SIGTERM, SIGINT):  # a forked worker has the handlers of its parent, which would only take note
        signal(ending, SIG_DFL)
    # Before the application is made: the threads that it starts must not take the signal either, which comes to any
    # thread that does not block it.
    pthread_sigmask(SIG_BLOCK, {SIGTERM})
    module, _, function = target.partition(":")
    made = getattr(import_module(module), function)()
    if not isinstance(made, Served):
        pthread_sigmask(SIG_UNBLOCK, {SIGTERM})
        application: WSGIApplication = made
        return application
    # Granian ends at SIGTERM at once, and closes connections on which the next call may already be under way. So that
    # signal is kept from it, and it is ended by SIGINT a moment later; until then every answer says that it is the
    # last one on its connection.
    told = Event()
    Thread(target=_take_leave, args=(told,), name="leave", daemon=True).start()
    # Not a daemon: the process waits for it as it ends. `atexit` would not do: a forked worker ends without it.
    Thread(target=_stop, args=(made.stop, told), name="stop").start()
    return _leaving(made.application, told)


def _take_leave(told: Event) -> None:
    sigwait({SIGTERM})
    told.set()
    sleep(_LEAVE_S)
    os.kill(os.getpid(), SIGINT)


def _leaving(application: WSGIApplication, told: Event) -> WSGIApplication:
    """The application, which asks for each connection to be closed once the process is told to end."""
    is_told = told.is_set

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if not is_told():
            return application(environ, start)

        def start_the_last(
            status: str,
            headers: list[tuple[str, str]],
            *problem: Any,  # noqa: ANN401 - as WSGI has it
        ) -> Callable[[bytes], object]:
            return start(status, [*headers, ("Connection", "close")], *problem)

        return application(environ, start_the_last)

    return answer


def _stop(stop: Callable[[float], None], told: Event) -> None:
    """Wait for the end of this process, and for the calls that run, but not for ever."""
    while main_thread().is_alive() and not told.wait(_LOOK_S):
        pass
    until = monotonic() + _STOP_S - _MARGIN_S
    # The main thread ends when the last call is answered. A client that never sends the rest of its body would keep it.
    main_thread().join(_STOP_S - _MARGIN_S - _STORE_S)
    stop(max(until - monotonic(), _STORE_S))


_LEAVE_S: Final = 0.5
_LOOK_S: Final = 0.5


# Before anything is started -------------------------------------------------------------------------------------------


@contextmanager
def _counting_together(workers: int) -> Iterator[None]:
    """A folder in which several workers count, in memory where the system has such folders; one worker needs none."""
    os.environ.pop(FOLDER, None)
    if workers == 1:
        yield
        return
    shared = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, which nobody else can read
    with TemporaryDirectory(prefix="cds-service-", dir=shared if os.access(shared, os.W_OK) else None) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


_INTENDED: Final = "Python threads, which seems quite high"


def _is_worth_saying(record: LogRecord) -> bool:
    """Whether Granian tells what is not known: not that the threads are more than processors; most of them wait."""
    return _INTENDED not in str(record.msg)


def _try_to_listen(host: str, port: int) -> None:
    """Granian would tell the same with a traceback of thirty lines."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as problem:
        message = f"cannot listen on {host}, port {port}: {(problem.strerror or 'no such address').lower()}"
        raise CannotListen(message) from None
