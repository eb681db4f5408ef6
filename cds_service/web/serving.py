"""The server in front of the web application: how it starts, is replaced, and ends."""

import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from importlib import import_module
from logging import LogRecord
from math import inf
from pathlib import Path
from shutil import rmtree
from signal import SIG_BLOCK, SIG_DFL, SIG_UNBLOCK, SIGINT, SIGTERM, pthread_sigmask, signal, sigwait
from tempfile import TemporaryDirectory, gettempdir
from threading import Event, Thread, main_thread
from time import monotonic, sleep, time
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar
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
            when it can. Asked, too, before a worker that died is replaced.
        starts_in_s: how long a worker takes to start, in seconds, as measured; a worker is told to end three times as
            long after its successor was started, and one that ends by itself before that has failed to start.

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
_NOBODY_SERVES: Final = "The last worker ended, and no new one can start:"


class _Worker(Protocol):
    """What is asked of a worker of Granian's, whose own methods have no types."""

    birth: float

    def start(self) -> None: ...

    def is_alive(self) -> bool: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def join(self) -> None: ...


_Make: TypeAlias = Callable[[int], _Worker]


class _Server(MPServer):
    """Granian, with a main loop of our own.

    Granian's replaces what it has by something that cannot start, ends everything when one worker fails twice in a
    row, is busy when a stop comes, and waits by an event that its handlers of signals set, which may wait for
    themselves then. This one looks twenty times a second at what the handlers noted and at who is alive.
    """

    def __init__(self, *arguments: Any, check: Callable[[], str | None], **named: Any) -> None:  # noqa: ANN401 - Granian's
        super().__init__(*arguments, **named)
        self.wrks: list[_Worker] = []  # type: ignore[assignment] # Granian's own
        self._check = check
        self._known_dead: dict[int, _Worker] = {}
        self._in_vain = 0  # workers that ended as they started, since one was known to serve
        self._again_at: dict[int, float] = {}
        self._said: tuple[str, ...] = ()
        # Granian notes here who ended, from other threads, and ends with an error if anybody is in it.
        self.interrupt_children = deque(maxlen=0)  # type: ignore[assignment]

    def signal_handler_interrupt(self, *_signal: object) -> None:
        if os.getpid() != self.pid:  # a worker that was forked a moment ago, and still has the handlers of its parent
            os._exit(0)
        self.interrupt_signal = True

    def signal_handler_reload(self, *_signal: object) -> None:
        self.reload_signal = True

    def _serve_loop(self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]) -> None:
        """Look after the workers until the service is to stop, or none of them can start."""
        make = partial(self._spawn_worker, target=spawn_target, callback_loader=target_loader)
        try:
            ends_well = self._look_after(make)
        except BaseException:
            self._stop_workers()  # type: ignore[no-untyped-call] # Granian's; workers would keep this process
            raise
        if not ends_well:
            self.interrupt_children = [0]

    def _spawn_workers(self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]) -> None:
        """As Granian's; where the machine gives less than all, nobody stays behind to keep this process."""
        make = partial(self._spawn_worker, target=spawn_target, callback_loader=target_loader)
        for index in range(self.workers):
            new = self._started(index, make)
            if isinstance(new, str):
                self._stop_workers()  # type: ignore[no-untyped-call] # Granian's
                raise SystemExit(new)
            self.wrks.append(new)

    def _look_after(self, make: _Make) -> bool:
        """Whether it was told to stop; otherwise there is nobody left who could serve."""
        while not self.interrupt_signal:
            if self.reload_signal:
                self._replace_all(make)
            if any(map(self._is_known_to_serve, self.wrks)):
                self._in_vain = 0
            for index, worker in enumerate(self.wrks[: self.workers]):
                if not self.interrupt_signal and _has_ended(worker):
                    self._note_dead(index, worker)
                    if not self._replace_dead(index, make):
                        return False
            sleep(_GLANCE_S)
        return True

    # A worker that ended by itself -----------------------------------------------------------------------------------

    def _note_dead(self, index: int, worker: _Worker) -> None:
        if self._known_dead.get(index) is worker:
            return
        self._known_dead[index] = worker
        if monotonic() - worker.birth < self.respawn_interval:
            self._in_vain += 1

    def _replace_dead(self, index: int, make: _Make) -> bool:
        """Try to replace it, unless that was tried a moment ago and others answer.

        Returns:
            False when nobody answers, and nobody can be started.
        """
        alone = all(map(_has_ended, self.wrks))
        if not alone and monotonic() < self._again_at.get(index, 0):
            return True
        if alone and self._in_vain > self.workers:
            return False
        wrong = self._what_is_wrong()
        if self.interrupt_signal or self.reload_signal:  # what was checked may have changed since
            return True
        self._again_at[index] = monotonic() + _TRIED_AGAIN_S
        new = self._started(index, make) if wrong is None else wrong
        if not isinstance(new, str):
            self.wrks[index], self._said = new, ()
            return True
        says = (_NOBODY_SERVES if alone else _NOT_REPLACED, new)
        if says != self._said:
            self._said = says
            _say(*says)
        return not alone

    def _is_known_to_serve(self, worker: _Worker) -> bool:
        """It has been there for longer than it would have needed to fail."""
        return not _has_ended(worker) and monotonic() - worker.birth > self.respawn_interval

    # A reload ---------------------------------------------------------------------------------------------------------

    def _replace_all(self, make: _Make) -> None:
        """Replace the workers one by one; an old one ends when its successor is known to serve."""
        wrong = None
        while self.reload_signal and not self.interrupt_signal:
            self.reload_signal = False
            wrong = self._what_is_wrong()
        for index in range(self.workers):
            if self.interrupt_signal:
                return
            new = self._successor(index, make) if wrong is None else wrong
            if isinstance(new, str):
                _say(_NOT_RELOADED, new)
                return
            old, self.wrks[index] = self.wrks[index], new
            self._end(old)

    def _successor(self, index: int, make: _Make) -> _Worker | str:
        """A new worker that is known to serve, or why there is none."""
        new = self._started(index, make)
        if isinstance(new, str):
            return new
        self._wait(partial(_has_ended, new), self.respawn_interval)
        return "a new worker ended as it started" if _has_ended(new) else new

    def _end(self, old: _Worker) -> None:
        """End a worker that has a successor; at a stop it is put with the others, and so is ended with them."""
        if not self.interrupt_signal:
            old.terminate()
        self._wait(partial(_has_ended, old), _STOP_S)
        if self.interrupt_signal:
            self.wrks.append(old)
            return
        if old.is_alive():
            old.kill()
        old.join()

    # Both -------------------------------------------------------------------------------------------------------------

    def _what_is_wrong(self) -> str | None:
        """Why a worker could not start, if it is known; a stop does not wait for it."""
        said: list[str | None] = []
        # In a thread: loading all cards takes a while. A daemon, as a stop does not wait for what it would say.
        checking = Thread(target=lambda: said.append(self._check()), name="check", daemon=True)
        try:
            checking.start()
        except RuntimeError as problem:  # the machine has no thread left
            return str(problem)
        self._wait(lambda: not checking.is_alive())
        return said[0] if said else "the check itself failed"

    def _started(self, index: int, make: _Make) -> _Worker | str:
        """A new worker, or why the machine gives none."""
        new = make(index)
        try:
            new.start()
        except (OSError, RuntimeError) as problem:  # no process, or no thread to watch it
            if new.is_alive():
                new.kill()
            return f"no new process: {problem}"
        return new

    def _wait(self, ended: Callable[[], bool], most_s: float = inf) -> None:
        """Wait until something has ended, or that many seconds, or until the service is to stop."""
        until = monotonic() + most_s
        while not self.interrupt_signal and not ended() and monotonic() < until:
            sleep(_GLANCE_S)  # the handlers of signals run in between


def _has_ended(worker: _Worker) -> bool:
    return not worker.is_alive()


def _say(*lines: str) -> None:
    with suppress(OSError, ValueError):  # nobody reads it any more; that is no reason to end
        print(*lines, sep="\n", file=sys.stderr)  # noqa: T201


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
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, which nobody else can read
    place = memory if os.access(memory, os.W_OK) else Path(gettempdir())
    _clear_up(place)
    with TemporaryDirectory(prefix=_COUNTS, dir=place) as folder, _held(folder):
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def _clear_up(place: Path) -> None:
    """Remove the folders of services that were killed: nobody holds them any more."""
    for left in place.glob(f"{_COUNTS}*"):
        with suppress(OSError):  # held, another user's, or another service that starts was faster
            if left.stat().st_mtime < time() - _HELD_BY_THEN_S:
                with _held(left):
                    rmtree(left)


@contextmanager
def _held(folder: str | Path) -> Iterator[None]:
    """Hold a folder, as do the workers forked meanwhile, for as long as one of them lives.

    Raises:
        OSError: others hold it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        yield
    finally:
        os.close(descriptor)


_COUNTS: Final = "cds-service-counts-"
_HELD_BY_THEN_S: Final = 60.0  # a service that starts makes its folder a moment before it holds it


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
