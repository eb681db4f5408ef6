"""A small FHIR server over real sockets, which can misbehave in every way: it writes what it is told, byte by byte."""

import json
import socket
import struct
import threading
from collections.abc import Callable
from typing import NamedTuple

HOLD_S = 5  # longer than any test waits; a held connection ends with its server


class Asked(NamedTuple):
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def path(self):
        return self.target.partition("?")[0]


class Line:
    """A connection with a client."""

    def __init__(self, sock, stopping):
        self.sock = sock
        self._stopping = stopping

    def send(self, data):
        self.sock.sendall(data)

    def hold(self):
        """Say nothing more, and keep the connection open."""
        self._stopping.wait(HOLD_S)

    def reset(self, after_s):
        """Break the connection off, as a server that crashes does."""
        self._stopping.wait(after_s)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def drip(self, data, every_s=0.02):
        """One byte at a time."""
        for byte in data:
            if self._stopping.wait(every_s):
                return
            self.sock.sendall(bytes([byte]))


def answer(body, *, status="200 OK", media_type="application/fhir+json; charset=utf-8", **headers):
    """A whole HTTP answer; the body is JSON unless it is bytes already."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Content-Type": media_type, "Content-Length": str(len(body))}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value is not None)
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def bundle(*resources, next_link=None, **more):
    """A page of search results."""
    links = {"link": [{"relation": "next", "url": next_link}]} if next_link else {}
    entries = {"entry": [{"resource": resource} for resource in resources]} if resources else {}
    return {"resourceType": "Bundle", "type": "searchset", **entries, **links, **more}


class FhirServer:
    """Listens on this machine until it is closed.

    Args:
        behave: is given each request and its connection, and sends what it likes; "close" as its answer ends the
            connection.
        context: speaks TLS when there is one.
        host: the address of this machine to listen at.
    """

    def __init__(self, behave: Callable[[Asked, Line], str | None], *, context=None, host="127.0.0.1"):
        self.asked: list[Asked] = []
        self.connections = 0
        self._behave = behave
        self._context = context
        self._stopping = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, 0), family=family)
        self.port = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}/fhir"

    @property
    def open(self):
        """How many connections are open."""
        return len(self._open)

    def close(self):
        self._stopping.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for sock in list(self._open):
            sock.close()

    def _accept(self):
        while not self._stopping.is_set():
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            self._open.add(sock)
            line = Line(sock, self._stopping)
            with sock, sock.makefile("rb") as reading:
                if reading.peek(1)[:1] not in {b"", b"G"}:  # no GET: TLS, most likely
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                while (asked := _read_request(reading)) is not None:
                    self.asked.append(asked)
                    if self._behave(asked, line) == "close":
                        return
        except OSError:
            return  # the client went away, or did not like our certificate
        finally:
            sock.close()
            self._open.discard(sock)


def _read_request(reading):
    first = reading.readline().decode("latin-1").split()
    if len(first) < 3:
        return None
    headers = {}
    while (row := reading.readline().decode("latin-1").strip()) != "":
        name, _, value = row.partition(":")
        assert name.lower() not in headers, "a header was sent twice"
        headers[name.lower()] = value.strip()
    return Asked(first[0], first[1], headers)
