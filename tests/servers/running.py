"""The service as operators run it: processes of their own, settings in the environment, clients in a file, HTTP."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from tests.servers.jwks_server import Signer

ROOT = Path(__file__).parents[2]
PUBLIC = "https://cds.example"
STARTS_WITHIN_S = 60
STOPS_WITHIN_S = 10


class DoesNotServe(Exception):
    """The service did not start; the text is what it wrote."""


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Ehr:
    """An EHR: its name, its key, its clock, and what is agreed with it in the file of clients."""

    def __init__(self, name, *, kid=None, clock=time.time, **agreed):
        self.name = name
        self.iss = f"https://{name}.example"
        self.key = Signer("ES256", kid or f"{name}-key")
        self.clock = clock
        self.agreed = agreed

    @property
    def entry(self):
        """What the file of clients says of it."""
        keys = {} if "jku" in self.agreed else {"keys": [self.key.jwk]}
        return {"name": self.name, "iss": self.iss, **keys, **self.agreed}

    def claims(self, address):
        """What its token for one call of one address says."""
        now = int(self.clock())
        return {"iss": self.iss, "aud": PUBLIC + address, "iat": now, "exp": now + 120, "jti": str(uuid4())}

    def token(self, address):
        return self.key.token(self.claims(address))

    def sent(self, address, **headers):
        """The headers of one call."""
        return {"Authorization": f"Bearer {self.token(address)}", "Content-Type": "application/json", **headers}

    def call(self, service, body, *, token=None):
        """Call a service of a process with what may be sent once."""
        address = f"/cds-services/medication-safety-{body['hook']}"
        headers = self.sent(address) | ({"Authorization": f"Bearer {token}"} if token else {})
        return service.ask("POST", address, json.dumps(body).encode(), headers)

    def tell(self, service, hook, *entries):
        """Send feedback about cards of the service of a hook."""
        address = f"/cds-services/medication-safety-{hook}/feedback"
        return service.ask("POST", address, json.dumps({"feedback": entries}).encode(), self.sent(address))


def write_clients(path, *ehrs):
    """Write the file of clients; one that is there is replaced in one step, as an editor does it."""
    replace_file(path, json.dumps({"clients": [ehr.entry for ehr in ehrs]}, indent=1))  # JSON is YAML
    return path


def replace_file(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def write_secret(path):
    """A file of secrets for pseudonyms."""
    path.write_text("a secret of tests, which has 32 bytes and more\n")
    return path


def some_cards(folder, *names, shadow=()):
    """A folder with these cards of ours alone, which is loaded in a moment; those of `shadow` are in the shadow."""
    folder.mkdir()
    shutil.copytree(ROOT / "cards" / "codelists", folder / "codelists")
    shutil.copy(ROOT / "cards" / "card.schema.json", folder)
    for name in (*names, *shadow):
        text = (ROOT / "cards" / f"{name}.yaml").read_text(encoding="utf-8")
        if name in shadow:
            assert "\nstatus: active\n" in text
            text = text.replace("\nstatus: active\n", "\nstatus: shadow\n")
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def environment_of(variables):
    """The environment of this process, with these settings in place of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CDS_")}
    return own | {"PYTHONPATH": str(ROOT)} | {name: str(value) for name, value in variables.items()}


def command(folder, *words, **variables):
    """Run `cds-service` in a folder until it ends."""
    return subprocess.run(  # noqa: S603 - our own program, words of our own
        [sys.executable, "-m", "cds_service", *words],
        cwd=folder,
        env=environment_of(variables),
        capture_output=True,
        text=True,
        timeout=STARTS_WITHIN_S,
        check=False,
    )


class Service:
    """`cds-service serve`, with its workers in a process group of its own.

    Attributes:
        port: where it listens; the same when it is started again.
        log: the file with all that it wrote.
    """

    def __init__(self, folder, name="service", **variables):
        """Set it up; its settings are those of the environment with `CDS_` before them."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder = folder
        self.log = folder / f"{name}.log"
        self.variables = {"CDS_PORT": self.port, **variables}
        self._process = None

    def begin(self):
        """Start it; `wait` waits until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cds_service", "serve"],
                cwd=self.folder,
                env=environment_of(self.variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def wait(self):
        """Wait until it is ready to be called."""
        until = time.monotonic() + STARTS_WITHIN_S
        while self._process.poll() is None and time.monotonic() < until:
            try:
                if self.ask("GET", "/readyz").status == http.client.OK:
                    return self
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise DoesNotServe(self.log.read_text())

    def start(self):
        return self.begin().wait()

    def ask(self, method, address, body=None, headers=None, *, within_s=20):
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=within_s)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused while it is being sent: the answer says why
                connection.request(method, address, body, headers or {})
            answer = connection.getresponse()
            return Got(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def count(self, metric):
        """The sum of a counter of /metrics."""
        lines = self.ask("GET", "/metrics").body.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{metric} ", f"{metric}{{")))

    def events(self):
        """What it logged so far, but for what it said before it served."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def signal(self, how):
        self._process.send_signal(how)

    def stop(self):
        """Ask it to stop, and tell how many seconds it took."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        self._process.wait(STOPS_WITHIN_S + 5)
        took_s = time.monotonic() - began
        self.kill()  # whatever it might have left behind
        return took_s

    def kill(self):
        """As the machine would that has no memory left: the whole group at once, without a word."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._process.wait()

    @property
    def exit_code(self):
        return self._process.returncode

    def close(self):
        """Nothing of it is left."""
        if self._process is not None:
            self.kill()


def at_once(*calls):
    """The results of these calls, made by threads that begin in the same moment."""
    together, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number, call):
        together.wait()
        results[number] = call()

    threads = [threading.Thread(target=run, args=numbered) for numbered in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def eventually(ask, holds, *, within_s=20):
    """What is answered once it is as it should be; what runs beside the tests needs a moment."""
    until = time.monotonic() + within_s
    while True:
        got = ask()
        if holds(got):
            return got
        assert time.monotonic() < until, got
        time.sleep(0.05)
