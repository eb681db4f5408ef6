"""The server in front of the web application: how it starts, is replaced, and ends."""

import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from logging import LogRecord
from math import inf
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
    called; what is left is killed in time for everything to be gone after 10 seconds. SIGHUP replaces the workers, one
    by one, and drops no call that has begun; one that comes in the very moment may find its connection closed and be
    sent again.

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


# The rest of the 10 seconds is for the end of the processes themselves: on a machine with much else to do it took 1.0
# after the last worker was killed. A call that is answered within its 5 seconds (CDS_ANSWER_MS) finds the store open.
_STOP_S: Final = 8.0
_STORE_S: Final = 2.0  # of them, at least, are for `Served.stop`
_MARGIN_S: Final = 0.5
_IDLE_MS: Final = 75_000
_CONNECTIONS: Final = 1024
_SUCCESSOR_S: Final = 3.5
_TRIED_AGAIN_S: Final = 5.0
_NOT_RELOADED: Final = "Not reloaded; what runs goes on:"
_NOT_REPLACED: Final = "A worker ended, and the others go on without it until a new one can start:"


class _Glancing:
    """What the main thread waits for, in place of an event: it looks now and then whether it has come.

    Of two signals at once Granian's own thread may take both: then nothing wakes the main thread, in which alone the
    handlers of Python run, and the service would go on as if nobody had told it to stop. And a handler that sets an
    event while its own thread is just beginning or ending to wait for it waits for itself, for ever. This has no lock.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def wait(self) -> None:
        while not self._is_set:
            sleep(_GLANCE_S)


class _Server(MPServer):
    """Granian, which does not replace what it has by something that cannot start, and which a stop never finds busy."""

    def __init__(self, *arguments: Any, check: Callable[[], str | None], **named: Any) -> None:  # noqa: ANN401 - Granian's
        super().__init__(*arguments, **named)
        self._check = check
        self.main_loop_interrupt = _Glancing()  # type: ignore[assignment] # what Granian asks of it, it has

    def signal_handler_interrupt(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - Granian's
        if os.getpid() != self.pid:  # a worker that was forked a moment ago, and still has the handlers of its parent
            os._exit(0)
        super().signal_handler_interrupt(*arguments, **named)  # type: ignore[no-untyped-call] # Granian's

    def _reload(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - Granian's
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        wrong = self._what_is_wrong()
        if self.interrupt_signal or self.reload_signal:  # what was checked may have changed since
            self._look_again()
        elif wrong is None:
            super()._reload(*arguments, **named)  # type: ignore[no-untyped-call] # Granian's
        else:
            self._look_again()
            print(_NOT_RELOADED, wrong, sep="\n", file=sys.stderr)  # noqa: T201

    def _what_is_wrong(self) -> str | None:
        """Why a worker could not start, if it is known; a stop does not wait for it."""
        said: list[str | None] = []
        # In a thread: loading all cards takes a while. A daemon, as a stop does not wait for what it would say.
        checking = Thread(target=lambda: said.append(self._check()), name="check", daemon=True)
        checking.start()
        self._wait(lambda: not checking.is_alive())
        return said[0] if said else "the check itself failed"

    def _respawn_workers(
        self,
        workers: Iterable[int],
        spawn_target: Callable[..., None],
        target_loader: Callable[..., Any],
        delay: float = 0,
    ) -> None:
        """As Granian's, which sleeps, and waits for old workers, and looks only then whether it is to stop.

        Granian ends when a worker fails twice in a row, and the others with it. Here that holds only where nobody else
        serves: a file that was broken while the service runs is no reason to leave every prescriber without advice.
        """
        for index in workers:
            if not delay:
                self._wait_until_one_can_start(index)
            if not self.interrupt_signal:
                if delay or not self._serves_without(index):
                    self.respawned_wrks[index] = monotonic()
                old, new = self.wrks[index], self._spawn_worker(index, spawn_target, target_loader)
                new.start()  # type: ignore[no-untyped-call] # Granian's
                self.wrks[index] = new
                self._wait(lambda: False, delay)
                self._end(old)
        self._look_again()

    def _wait_until_one_can_start(self, index: int) -> None:
        """Wait while a new worker would fail for a reason that is known, as long as any other answers.

        For a reason that is not known it is tried now and then, and not again and again.
        """
        if self._serves_without(index) and monotonic() - self.wrks[index].birth < self.respawn_interval:
            self._wait(lambda: not self._others_of(index), _TRIED_AGAIN_S)
        said = None
        while self._others_of(index) and not self.interrupt_signal:
            wrong = self._what_is_wrong()
            if wrong is None or self.interrupt_signal:
                return
            if self.reload_signal:
                self.reload_signal = False
                print(_NOT_RELOADED, wrong, sep="\n", file=sys.stderr)  # noqa: T201
            if wrong != said:
                print(_NOT_REPLACED, wrong, sep="\n", file=sys.stderr)  # noqa: T201
            said = wrong
            self._wait(lambda: self.reload_signal or not self._others_of(index), _TRIED_AGAIN_S)

    def _others_of(self, index: int) -> list[Any]:
        return [worker for worker in self.wrks if worker.idx != index and worker.is_alive()]  # type: ignore[no-untyped-call] # Granian's

    def _serves_without(self, index: int) -> bool:
        """Whether another worker has been there for long enough to be known to answer."""
        return any(monotonic() - worker.birth > self.respawn_interval for worker in self._others_of(index))

    def _end(self, old: Any) -> None:  # noqa: ANN401 - Granian's worker, whose methods have no types
        """End a worker that has a successor; at a stop it is put with the others, and so is ended with them."""
        if not self.interrupt_signal:
            old.terminate()
            self._wait(lambda: not old.is_alive(), _STOP_S)
        if self.interrupt_signal:
            self.wrks.append(old)
            return
        if old.is_alive():
            old.kill()
        old.join()

    def _wait(self, ended: Callable[[], bool], most_s: float = inf) -> None:
        """Wait until something has ended, or that many seconds, or until the service is to stop."""
        until = monotonic() + most_s
        while not self.interrupt_signal and not ended() and monotonic() < until:
            sleep(_GLANCE_S)  # the handlers of signals run in between

    def _look_again(self) -> None:
        """Have the main loop look at what came meanwhile; it clears its mark before it begins with something."""
        if self.interrupt_signal or self.reload_signal or self.interrupt_children:
            self.main_loop_interrupt.set()


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
_GLANCE_S: Final = 0.05


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
