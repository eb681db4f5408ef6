"""What is printed as the server starts and stops: what we do on purpose is nothing to warn of."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

SERVED = """
import sys
from cds_service.web import serving


def create():
    return lambda environ, start: start("200 OK", []) or [b""]


if __name__ == "__main__":
    serving.run("served:create", host="127.0.0.1", port=int(sys.argv[1]), workers=1, threads=int(sys.argv[2]))
"""


def test_more_threads_than_processors_are_nothing_to_warn_of(tmp_path):
    """Most of them wait for FHIR servers. Granian warns from twice the processors and two on."""
    (tmp_path / "served.py").write_text(SERVED)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    threads = 2 * (os.cpu_count() or 1) + 2
    server = subprocess.Popen(  # noqa: S603 - our own lines, above
        [sys.executable, "served.py", str(port), str(threads)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), *sys.path]))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_it_listens(server, port)
        server.send_signal(signal.SIGTERM)
        said, _ = server.communicate(timeout=10)
    finally:
        server.kill()
        server.wait()
    assert said == ""
    assert server.returncode == 0


def wait_until_it_listens(server, port):
    until = time.monotonic() + 20
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server did not start")
