"""The service as a hospital runs it, in a folder of its own: production mode, workers, one known EHR, a store."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.ehr import ISSUER, PUBLIC, TENANTS, Ehr, Line, Sent
from benchmarks.hostile import MOST_MB

CLIENT: Final = "soak-hospital"
MOST_A_MINUTE: Final = 1_000_000  # calls of one client: counted, and never too many
AS_AGREED: Final[Mapping[str, str]] = {}
SPILL: Final = "spill"
LOG: Final = "log"
STARTS_WITHIN: Final = 60  # seconds
STOPS_WITHIN: Final = 10


class DoesNotServe(Exception):
    """The service did not start; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Service:
    """One that is running.

    Attributes:
        folder: where its store and its log are.
        environment: its settings; the same are right for its command line.
    """

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    environment: dict[str, str]

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.folder / LOG

    @property
    def left_over(self) -> list[Path]:
        """The files of records and feedback that did not reach the database."""
        return [path for path in (self.folder / SPILL).rglob("*") if path.is_file() and path.stat().st_size]

    def stop(self) -> float:
        """Ask it to stop, and wait for it.

        Returns:
            How many seconds it took.

        Raises:
            subprocess.TimeoutExpired: it did not within the time it has.
        """
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOPS_WITHIN + 1)
        return time.monotonic() - began

    def command(self, *words: str) -> str:
        """What its command line prints."""
        done = subprocess.run(
            [sys.executable, "-m", "cds_service", *words],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def resident_kb(self) -> dict[int, int]:
        """The memory of its processes that is in use, by process id; empty where the system does not tell."""
        rows = _proc() if Path("/proc/self/stat").exists() else _table()
        family = {self.process.pid}
        while more := {pid for pid, parent, _ in rows if parent in family} - family:
            family |= more
        return {pid: rss for pid, _, rss in rows if pid in family}


@contextmanager
def served(
    folder: Path,
    ehr: Ehr,
    *,
    workers: int,
    rate: int | None = MOST_A_MINUTE,
    settings: Mapping[str, str] = AS_AGREED,
) -> Iterator[Service]:
    """The service, answering.

    Args:
        folder: an empty one.
        ehr: who is known.
        workers: how many processes answer.
        rate: how many calls each client may make in a minute; None for as many as it likes, which nobody counts.
        settings: what is to be otherwise; an empty one counts as not set.

    Raises:
        DoesNotServe: it ended, or did not answer in time.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    clients = folder / "clients.yaml"
    clients.write_text(json.dumps(_clients(ehr, rate), indent=2), encoding="utf-8")  # JSON is YAML
    own = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    environment = own | {
        "CDS_HOST": "127.0.0.1",
        "CDS_PORT": str(port),
        "CDS_WORKERS": str(workers),
        "CDS_MODE": "production",
        "CDS_PUBLIC_URL": PUBLIC,
        "CDS_CLIENTS": str(clients),
        "CDS_FHIR_SERVERS": "fhir.soak.example",  # which no request names: nothing is fetched
        "CDS_STORE": f"sqlite:///{folder / 'store.db'}",
        "CDS_SPILL": str(folder / SPILL),
        "CDS_MAX_BODY_MB": str(MOST_MB),
        "CDS_METRICS_FROM": "127.0.0.1/32",
    }
    environment |= settings
    with _running(folder, port, environment) as service:
        yield service


@contextmanager
def served_again(service: Service) -> Iterator[Service]:
    """The same, started anew after it was stopped, with what it left.

    Raises:
        DoesNotServe: as `served`.
    """
    with _running(service.folder, service.port, service.environment) as again:
        yield again


@contextmanager
def _running(folder: Path, port: int, environment: dict[str, str]) -> Iterator[Service]:
    command = [sys.executable, "-m", "cds_service", "serve"]
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    service = Service(process, port, folder, environment)
    try:
        _wait_for(service)
        yield service
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _clients(ehr: Ehr, rate: int | None) -> object:
    """Every ward as a client."""
    agreed = {"iss": ISSUER, "keys": ehr.public_keys["keys"], "concurrent": 1000}
    agreed |= {} if rate is None else {"rate": rate}
    return {"clients": [agreed | {"name": f"{CLIENT}-{tenant}", "tenants": [tenant]} for tenant in TENANTS]}


def _wait_for(service: Service) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and service.process.poll() is None:
        line = Line(service.port)
        try:
            line.send(Sent("/", {}, None))
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            line.close()
    raise DoesNotServe(service.log.read_text(encoding="utf-8"))


def _proc() -> list[tuple[int, int, int]]:
    """Linux tells it in files, and small images have no `ps`: process, parent, resident kB."""
    rows = []
    page_kb = os.sysconf("SC_PAGE_SIZE") // 1024
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it ended in between
            continue
        rows.append((int(folder.name), int(after_name[1]), int(after_name[21]) * page_kb))
    return rows


def _table() -> list[tuple[int, int, int]]:
    """As macOS tells it."""
    done = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid=,rss="], check=True, capture_output=True, text=True)
    rows = (line.split() for line in done.stdout.splitlines())
    return [(int(pid), int(parent), int(rss)) for pid, parent, rss in rows]
