"""The discovery document: which services there are, and what a client is to send with each call."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NewType, Self

import orjson

from cds_service.hooks.checking import Schema

ServiceId = NewType("ServiceId", str)  # only from a discovery document, never from an address: it is safe to log


class BrokenDiscovery(Exception):
    """A discovery document that cannot be served. Its text says where and why, for whoever runs the service."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The discovery document.

    Attributes:
        document: its bytes, to be served exactly as they stand.
        hooks: the hook of every service.
    """

    document: bytes
    hooks: Mapping[ServiceId, str]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check the document.

        Raises:
            BrokenDiscovery: naming every mistake.
        """
        try:
            document = path.read_bytes()
        except OSError as problem:
            message = f"{path}: cannot be read ({problem.strerror})"
            raise BrokenDiscovery(message) from None
        try:
            content = orjson.loads(document)
        except orjson.JSONDecodeError as problem:
            message = f"{path}:{problem.lineno}: is not JSON ({problem.msg})"
            raise BrokenDiscovery(message) from None
        mistakes = tuple(_mistakes(content))
        if mistakes:
            raise BrokenDiscovery("\n".join(f"{path}: {mistake}" for mistake in mistakes))
        services = content["services"]
        return cls(document, MappingProxyType({ServiceId(service["id"]): service["hook"] for service in services}))


_SCHEMA: Final = Schema("discovery")


def _mistakes(content: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON at all, until the schema has accepted it
    if not _SCHEMA.accepts(content):
        for mistake in _SCHEMA.mistakes(content):
            yield f"`{mistake.path}` {mistake.says}" if mistake.path else mistake.says
        return
    # Clients key services by their address: a second service with the same id would hide the first.
    for service_id, times in Counter(service["id"] for service in content["services"]).items():
        if times > 1:
            yield f"the id `{service_id}` is used {times} times; each service needs its own"
