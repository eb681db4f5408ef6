"""How the server ends and is replaced: real processes, real signals, real sockets."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest

HERE = Path(__file__)
WRONG = "clients.yaml:3: no such field: `jkuu`"
# The worker writes down what happens to it; `/slow` takes a second, `/body` waits for its body.
SERVED = """
import os
import sys
import time
from cds_service.web import serving

STARTS_IN_S = float(os.environ.get("STARTS_IN_S", "0"))


def note(what):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{what}\\n")


def check():
    time.sleep(float(os.environ.get("CHECK_TAKES_S", "0")))
    with open(os.environ["WRONG"]) as wrong:
        return wrong.read() or None


def create():
    time.sleep(STARTS_IN_S)
    if os.path.exists("broken"):
        raise SystemExit(4)

    def application(environ, start):
        match environ["PATH_INFO"]:
            case "/slow":
                note("slow begins")
                time.sleep(1)
                note("slow ends")
            case "/body":
                note("body begins")
                environ["wsgi.input"].read(100)
            case "/die":
                os._exit(3)
        start("200 OK", [("Server", "")])
        return [str(os.getpid()).encode()]

    def stop(seconds):
        note(f"stop within {seconds:.0f}")
        time.sleep(0.2)
        note("stopped")

    return serving.Served(application, stop)


if __name__ == "__main__":
    if "QUICK" in os.environ:  # what is 3.5 and 5 seconds
        serving._SUCCESSOR_S, serving._TRIED_AGAIN_S = 1.0, 1.5
    if "ONE_FORK" in os.environ:
        forks = iter([os.fork])

        def fork():
            for first in forks:
                return first()
            raise BlockingIOError(11, "Resource temporarily unavailable")

        os.fork = fork
    serving.run(
        "served:create",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        threads=2,
        check=check,
        starts_in_s=STARTS_IN_S,
    )
    note("served")
"""


class Server:
    """A server in processes of its own."""

    def __init__(self, folder, workers, **environment):
        (folder / "served.py").write_text(SERVED)
        self.notes, self.wrong, self.broken = folder / "notes", folder / "wrong", folder / "broken"
        self.notes.touch()
        self.wrong.touch()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        paths = os.pathsep.join((str(folder), str(HERE.parents[3])))
        self.process = subprocess.Popen(  # noqa: S603 - our own lines, above
            [sys.executable, "served.py", str(self.port), str(workers)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths, "NOTES": str(self.notes), "WRONG": str(self.wrong)} | environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.until(lambda: self.answers() or self.process.poll() is not None)

    def get(self, address="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", address)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def answers(self):
        try:
            return self.get()
        except OSError:
            return None

    def until_all_answer(self, workers):
        """Who has answered can no longer fail to start."""
        who = set()
        self.until(lambda: who.add(self.get()) or len(who) == workers)

    def workers(self):
        return sorted(children_of(self.process.pid))

    def let_die(self):
        """Let one of them end without a word, and with all that it had taken."""
        before = self.workers()
        with pytest.raises((OSError, http.client.HTTPException)):
            self.get("/die")
        self.until(lambda: not set(before) <= set(self.workers()))

    def noted(self):
        return self.notes.read_text().splitlines()

    def until(self, holds):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if holds():
                return
            time.sleep(0.02)
        pytest.fail("it did not come to pass")

    def stop(self, how=signal.SIGTERM):
        began = time.monotonic()
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=20)
        return time.monotonic() - began, said


@pytest.fixture
def served():
    """Servers in a folder in memory, where the system has one: no test measures how busy the disk is."""
    servers = []
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    home = TemporaryDirectory(prefix="stopping-", dir=memory if os.access(memory, os.W_OK) else None)

    @contextmanager
    def start(workers=1, **environment):
        server = Server(Path(mkdtemp(dir=home.name)), workers, **environment)
        servers.append(server)
        yield server

    yield start
    for server in servers:
        with suppress(ProcessLookupError):  # with its workers, whatever a test has left
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server.process.stderr.close()
    home.cleanup()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_is_finished_and_then_the_store_is_drained(served, how):
    with served() as server:
        answers = []
        calling = threading.Thread(target=lambda: answers.append(server.get("/slow")))
        calling.start()
        server.until(lambda: "slow begins" in server.noted())
        took_s, said = server.stop(how)
        calling.join()
    assert len(answers) == 1
    assert server.noted() == ["slow begins", "slow ends", server.noted()[2], "stopped", "served"]
    assert server.noted()[2] in {f"stop within {seconds}" for seconds in (5, 6, 7, 8)}  # what the slow call left
    assert took_s < 5
    assert (server.process.returncode, said) == (0, "")


def test_every_worker_drains_its_own(served):
    with served(workers=2) as server:
        server.stop()
    assert server.noted().count("stopped") == 2


def test_a_call_that_never_ends_does_not_keep_the_store_from_being_drained(served):
    with served() as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n")
        server.until(lambda: "body begins" in server.noted())
        took_s, _ = server.stop()
    assert server.noted() == ["body begins", "stop within 2", "stopped", "served"]
    assert 5 < took_s < 10


def test_a_client_that_keeps_its_connection_does_not_keep_the_service(served):
    with served() as server:
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        idle.request("GET", "/")
        idle.getresponse().read()
        with socket.create_connection(("127.0.0.1", server.port)):  # and one that never says anything
            took_s, _ = server.stop()
        idle.close()
    assert took_s < 3


@pytest.mark.parametrize(("workers", "starts_in_s"), [(1, 0.0), (1, 2.0), (2, 0.0)])
def test_workers_are_replaced_without_dropping_a_call(served, workers, starts_in_s):
    """A call that comes in the moment in which its connection is closed is sent again, as clients and proxies do."""
    with served(workers, STARTS_IN_S=str(starts_in_s)) as server:
        done, ended, closed = threading.Event(), Counter(), Counter()

        def call(*, keep):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)  # makes itself anew
            while not done.is_set():
                try:
                    connection.request("GET", "/")
                    ended[connection.getresponse().read().decode()] += 1
                except (http.client.RemoteDisconnected, ConnectionResetError):
                    closed[keep] += 1
                    connection.close()
                except OSError as problem:
                    ended[type(problem)] += 1
                    connection.close()
                if not keep:
                    connection.close()
            connection.close()

        calling = [threading.Thread(target=call, kwargs={"keep": keep}) for keep in (True, True, False, False)]
        for thread in calling:
            thread.start()
        server.until(lambda: len(ended) == workers)
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: server.noted().count("stopped") == workers)
        server.until(lambda: len(ended) >= 2 * workers)
        done.set()
        for thread in calling:
            thread.join()
        server.stop()
    assert len(ended) == 2 * workers
    assert all(isinstance(who, str) for who in ended), ended
    assert closed.total() <= 2, closed  # of ten thousands


@pytest.mark.parametrize("after_s", [0.0, 1.0, 2.5])
def test_a_stop_does_not_wait_for_the_replacement_of_workers(served, after_s):
    with served(workers=2, STARTS_IN_S="2") as server:
        server.process.send_signal(signal.SIGHUP)
        time.sleep(after_s)
        children = children_of(server.process.pid)
        took_s, _ = server.stop()
    assert took_s < 6
    assert not any(map(is_running, children))
    assert server.process.returncode == 0


def test_a_stop_does_not_wait_for_an_old_worker_that_does_not_end(served):
    with served() as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n")
        server.until(lambda: "body begins" in server.noted())
        (old,) = children_of(server.process.pid)
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(server.workers()) == 2)
        time.sleep(4.5)  # its successor is there for 3.5 seconds then, and it was told to end
        assert server.get() != str(old)
        took_s, _ = server.stop()
    assert not is_running(old)
    assert took_s < 10
    assert server.noted().count("stopped") == 2  # its successor's, too


def test_two_signals_at_once_stop_it_too(served):
    for _ in range(5):  # who takes which signal is a matter of chance
        with served() as server:
            server.process.send_signal(signal.SIGINT)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(10)


def test_a_stop_does_not_wait_for_the_check_of_what_would_be_loaded(served):
    with served(CHECK_TAKES_S="20") as server:
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        took_s, _ = server.stop()
    assert took_s < 4
    assert server.noted().count("stopped") == 1


def children_of(parent):
    return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def is_running(process):
    return Path(f"/proc/{process}").exists()


def test_what_cannot_start_replaces_nothing(served):
    with served() as server:
        before = server.get()
        server.wrong.write_text("cards/methotrexate.yaml:8: `methotrexat` is not in the codelists")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert server.get() == before
        _, said = server.stop()
    assert said == (
        "Not reloaded; what runs goes on:\ncards/methotrexate.yaml:8: `methotrexat` is not in the codelists\n"
    )
    assert server.process.returncode == 0


def test_a_worker_that_died_is_replaced(served):
    with served() as server:
        before = server.get()
        with pytest.raises((OSError, http.client.HTTPException)):
            server.get("/die")
        server.until(lambda: (server.answers() or before) != before)
        server.stop()


def test_a_worker_that_died_is_not_replaced_by_one_that_cannot_start_and_the_others_go_on(served):
    """The service ended when a file was broken, and a worker died, or had not started yet, before it was mended."""
    with served(workers=2, QUICK="1") as server:
        server.until_all_answer(2)
        server.wrong.write_text(WRONG)
        server.broken.touch()
        server.let_die()
        server.until(lambda: len(server.workers()) == 1)
        server.process.send_signal(signal.SIGHUP)
        for _ in range(20):
            assert [server.get()] == [str(worker) for worker in server.workers()]
            time.sleep(0.1)
        server.wrong.write_text("")
        server.broken.unlink()
        server.until_all_answer(2)
        before_s = seconds_of(server.process.pid)
        time.sleep(1)
        assert seconds_of(server.process.pid) - before_s < 0.3  # it only looks now and then
        _, said = server.stop()
    assert f"A worker ended, and the others go on without it until a new one can start:\n{WRONG}\n" in said
    assert f"Not reloaded; what runs goes on:\n{WRONG}\n" in said
    assert server.process.returncode == 0


def test_a_worker_that_fails_again_and_again_does_not_end_the_others(served, capfd):
    with served(workers=2, QUICK="1") as server:
        server.until_all_answer(2)
        time.sleep(1.2)  # then the other one is known to serve
        server.broken.touch()
        server.let_die()
        for _ in range(25):  # it is tried at once, and 1.5 seconds later
            assert server.get()
            time.sleep(0.1)
        server.broken.unlink()
        server.until_all_answer(2)
        server.stop()
    assert 3 <= capfd.readouterr().out.count("Unexpected exit from worker") <= 6
    assert server.process.returncode == 0


@pytest.mark.parametrize("wrong", ["", WRONG])
@pytest.mark.parametrize("workers", [1, 2])
def test_where_no_worker_can_start_the_service_ends(served, workers, wrong):
    """Two that failed in turn made it try for ever."""
    with served(workers, STARTS_IN_S="0.4") as server:
        server.until_all_answer(workers)
        server.wrong.write_text(wrong)
        server.broken.touch()
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
            time.sleep(0.2)
        _, said = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert (f"The last worker ended, and no new one can start:\n{WRONG}\n" in said) == bool(wrong)


def test_what_passes_the_check_and_cannot_start_replaces_nothing(served):
    with served(workers=2, QUICK="1") as server:
        server.until_all_answer(2)
        before = server.workers()
        server.broken.touch()
        server.process.send_signal(signal.SIGHUP)
        time.sleep(3)  # as long as it would take to replace them
        assert server.workers() == before
        assert server.get()
        _, said = server.stop()
    assert said == "Not reloaded; what runs goes on:\na new worker ended as it started\n"
    assert server.process.returncode == 0


def test_where_the_machine_gives_less_processes_than_wanted_nobody_is_left_behind(served):
    """The worker that had started kept the first process, which no signal ended."""
    with served(workers=2, ONE_FORK="1") as server:
        _, said = server.process.communicate(timeout=20)
    assert (server.process.returncode, said) == (
        1,
        "no new process: [Errno 11] Resource temporarily unavailable\n",
    )


@pytest.mark.parametrize("which", [0, 1])
def test_an_old_worker_that_dies_while_they_are_replaced_does_no_harm(served, which):
    """That of the second one ended the service."""
    with served(workers=2, QUICK="1") as server:
        server.until_all_answer(2)
        old = server.workers()
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(server.workers()) == 3)
        time.sleep(0.5)
        os.kill(old[which], signal.SIGKILL)
        server.until(lambda: len(server.workers()) == 2 and set(old).isdisjoint(server.workers()))
        server.until_all_answer(2)
        _, said = server.stop()
    assert (server.process.returncode, said) == (0, "")


def test_a_new_worker_that_dies_as_it_starts_does_no_harm(served):
    with served(workers=2, QUICK="1") as server:
        server.until_all_answer(2)
        old = server.workers()
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(server.workers()) == 3)
        (new,) = set(server.workers()) - set(old)
        os.kill(new, signal.SIGKILL)
        time.sleep(2)
        assert server.workers() == old
        server.until_all_answer(2)
        _, said = server.stop()
    assert (server.process.returncode, "Not reloaded" in said) == (0, True)


def test_a_reload_that_comes_while_something_else_is_checked_is_not_forgotten(served):
    with served(workers=2, QUICK="1", CHECK_TAKES_S="1") as server:
        server.until_all_answer(2)
        old = set(server.workers())
        server.wrong.write_text(WRONG)
        server.let_die()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        server.wrong.write_text("")
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(server.workers()) == 2 and old.isdisjoint(server.workers()))
        server.stop()
    assert server.process.returncode == 0


def seconds_of(process):
    """The seconds of a processor that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


COUNTED = """
import os
from uuid import uuid4
from cds_service.advice.record import Edition
from cds_service.web import serving
from cds_service.web.auth import Reason
from cds_service.web.metrics import FOLDER, Metrics


def create():
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(os.environ.get(FOLDER, "none") + "\\n")
    metrics = Metrics(Edition("0.1.0", "ab"))

    def application(environ, start):
        metrics.refused(Reason.EXPIRED)
        start("200 OK", [])
        return [metrics.written() if environ["PATH_INFO"] == "/metrics" else str(os.getpid()).encode()]

    return serving.Served(application, lambda _seconds: metrics.close())


if __name__ == "__main__":
    import sys

    serving.run("served:create", host="127.0.0.1", port=int(sys.argv[1]), workers=int(sys.argv[2]), threads=1)
    assert FOLDER not in os.environ
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_whichever_worker_is_asked_it_has_counted_everything(served, monkeypatch, workers):
    monkeypatch.setitem(globals(), "SERVED", COUNTED)
    with served(workers) as server:
        asked = Counter()
        while len(asked) < workers:
            asked[server.get()] += 1
        text = server.get("/metrics")
        folders = set(server.noted())
        assert folders == {"none"} if workers == 1 else all(Path(folder).is_dir() for folder in folders)
        server.stop()
    (line,) = (line for line in text.splitlines() if line.startswith('cds_auth_failures_total{reason="expired"}'))
    assert float(line.split()[1]) >= asked.total() + 1
    assert len(folders) == 1
    assert not any(Path(folder).exists() for folder in folders)
    assert server.process.returncode == 0


def test_the_counts_of_a_service_that_was_killed_are_cleared_up_by_the_next_and_no_others(served, monkeypatch):
    monkeypatch.setitem(globals(), "SERVED", COUNTED)
    with served(2) as killed, served(2) as alive:
        of_killed, of_alive = (Path(server.noted()[0]) for server in (killed, alive))
        os.killpg(killed.process.pid, signal.SIGKILL)
        killed.process.wait()
        with served(2) as young:
            young.stop()
        assert of_killed.is_dir(), "perhaps its service is about to hold it"
        for folder in (of_killed, of_alive):
            os.utime(folder, (0, 0))
        with served(2) as old:
            assert not of_killed.exists()
            assert of_alive.is_dir()
            old.stop()
        alive.stop()
    assert not of_alive.exists()
