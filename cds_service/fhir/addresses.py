"""Which addresses the service may call. They come from callers, so each is hostile until proven otherwise.

Everything here is decided without the network: what a base address says, whether an address that its name was
resolved to may be connected to, and whether a link leads to a place below the base.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Server: TypeAlias = tuple[str, int | None]
"""A host as `plain_host` writes it, and a port; None is the port that its scheme has by default."""

LONGEST_BASE: Final = 1024  # characters of a base address
LONGEST_LINK: Final = 8192  # characters of a link to a page; servers put whole searches into them
LONGEST_HOST: Final = 253  # RFC 1035, section 2.3.4, without the last dot
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_HIGHEST_PORT: Final = 65535

# RFC 3986 has more; what is left out here (user info, an empty authority, a backslash) is only ever sent to deceive.
_ABSOLUTE: Final = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#@\\]+)(?P<rest>(?:[/?].*)?)", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label that getaddrinfo may take for (a part of) an address
# `pchar` of RFC 3986 and the slash. Of the escapes those are left out that some server may read as a slash, a
# backslash, a dot, a percent sign, a control character, or the beginning of a query or a fragment.
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%(?![01]|7[Ff]|2[35EeFf]|3[Ff]|5[Cc])[0-9A-Fa-f]{2})*")
_QUERY: Final = re.compile(r"[!-~]*")  # printable and no space; `#` is refused before
_DOTS: Final = frozenset({".", ".."})

# What IANA's registries of special-purpose addresses (RFC 6890 and its successors) keep from the open internet. Written
# down here, because what `ipaddress` calls private changed between releases of Python.
_SPECIAL_V4: Final = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        ),
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_SPECIAL_V6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
# This machine in so many words. Its wrappings lead wherever a gateway likes, and nobody needs them. Written down, too,
# because newer releases of Python call a mapped 127.0.0.1 loopback.
_LOOPBACK: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
# Never, whatever is set: link-local, multicast and reserved addresses, "this network", ways to wrap up one address in
# another (6to4, Teredo, IPv4-compatible, IPv4-translated, local NAT64), and where clouds tell a machine its secrets.
_NEVER: Final = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *("100.100.100.200/32", "168.63.129.16/32"),  # metadata of Alibaba Cloud; Azure's host
            *(
                "::/96",
                "::ffff:0:0:0/96",
                "64:ff9b:1::/48",
                "2001::/32",
                "2002::/16",
                "fe80::/10",
                "fec0::/10",
                "ff00::/8",
            ),
            *("fd00:ec2::/32", "fd20:ce::/32", "fd00:42::/32"),  # metadata of Amazon EC2, Google Cloud and Scaleway
        ),
    )
)


class Refusal(StrEnum):
    """Why a base address is not called. It holds nothing of the address."""

    NOT_AN_ADDRESS = "not-an-address"
    NOT_HTTPS = "not-https"
    NOT_LISTED = "not-listed"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a deployment allows.

    Attributes:
        development: loopback may be called, with http, too; without a list, so may every public address.
        servers: the only servers that may be called; None without a list.
        networks: not public, but servers on the list may stand in them.
    """

    development: bool = False
    servers: frozenset[Server] | None = None
    networks: tuple[Network, ...] = ()

    def may_connect(self, base: "Base", address: Address) -> bool:
        """Whether a connection to `base` may be made to `address`, one of those that its name was resolved to."""
        if _within(address, _LOOPBACK):
            return self.development
        inner = _unwrapped(address)
        if base.scheme == "http" or _within(inner, (*_NEVER, *_LOOPBACK)):
            return False
        return _is_public(inner) or (self.servers is not None and _within(inner, self.networks))


@dataclass(frozen=True, slots=True, repr=False)
class Base:
    """Where a FHIR server begins.

    Attributes:
        host: in lower case and ASCII; an IP address in its shortest form, without brackets.
        path: "" or "/..." without a slash at its end.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host and, unless it is the usual one, the port, as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def base_of(fhir_server: str, allowed: Allowed) -> Base | Refusal:
    """The base address that a client names, if it may be called as far as the address itself shows.

    The addresses its name is resolved to are to be judged by `Allowed.may_connect`, all of them.
    """
    if len(fhir_server) > LONGEST_BASE or any(c.isspace() or not c.isprintable() for c in fhir_server):
        return Refusal.NOT_AN_ADDRESS
    found = _split(fhir_server)
    if found is None:
        return Refusal.NOT_AN_ADDRESS
    base, rest = found
    if "?" in rest or not _is_safe_path(base.path):
        return Refusal.NOT_AN_ADDRESS
    if base.scheme == "http" and not (allowed.development and _is_loopback_name(base.host)):
        return Refusal.NOT_HTTPS
    return _refusal(base, allowed) or base


def _refusal(base: Base, allowed: Allowed) -> Refusal | None:
    if allowed.servers is None:
        if not allowed.development:
            return Refusal.NOT_LISTED
    elif not is_listed(base, allowed.servers):
        return Refusal.NOT_LISTED
    literal = ip_literal(base.host)
    return Refusal.FORBIDDEN if literal is not None and not allowed.may_connect(base, literal) else None


def target_of(link: str, base: Base, page: str | None) -> str | None:
    """The path and query of a link to a page; None when it leads anywhere but below the base.

    What is below is decided by scheme, host, port and path, each in its one plain form: a path with dot segments or an
    escaped slash is never below anything.

    Args:
        link: absolute or, rarely, relative to the page it stands on (RFC 3986, section 5.2.2).
        base: of the server that gave it.
        page: the path of that page; None where it is not known, then links that are relative to it lead nowhere.
    """
    if not link or len(link) > LONGEST_LINK or "#" in link or "\\" in link:
        return None
    if _SCHEME.match(link):
        found = _split(link)
        if found is None or (found[0].scheme, found[0].host, found[0].port) != (base.scheme, base.host, base.port):
            return None
        return _target(found[1], base)
    if link.startswith("/"):
        return _target(link, base)
    if page is None:
        return None
    return _target(f"{page}{link}" if link.startswith("?") else f"{page.rpartition('/')[0]}/{link}", base)


def _target(rest: str, base: Base) -> str | None:
    path, mark, query = rest.partition("?")
    below = path.rstrip("/") == base.path or path.startswith(f"{base.path}/")
    if not below or not _is_safe_path(path) or not _QUERY.fullmatch(query):
        return None
    return f"{path or '/'}{mark}{query}"


def ip_literal(host: str) -> Address | None:
    """The IP address that a host is; None when it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def read_server(entry: str) -> Server:
    """One entry of an allow-list: `host` or `host:port`.

    Raises:
        ValueError: for anything else.
    """
    match = _AUTHORITY.fullmatch(entry)
    host = plain_host(match["host"]) if match else None
    port = _port(match["port"]) if match else None
    if host is None or port == 0:
        message = "must be hosts like `fhir.example` or `fhir.example:8443`, with commas between them"
        raise ValueError(message)
    return host, port


def read_network(entry: str) -> Network:
    """One network, as CIDR.

    Raises:
        ValueError: for anything else, and for networks of addresses that are never allowed.
    """
    try:
        network = ip_network(entry)
    except ValueError:
        message = "must be networks like `10.20.0.0/16`, with commas between them"
        raise ValueError(message) from None
    if _within(network.network_address, _NEVER) or network.is_loopback:
        message = "must not be loopback, link-local, multicast, reserved or metadata addresses"
        raise ValueError(message)
    return network


def plain_host(host: str) -> str | None:
    """A host in its one plain form, or None when it has none.

    Names are ASCII in lower case without a last dot, those in other scripts in their IDNA form; IPv6 addresses come in
    brackets and leave without. Other spellings of an IP address than the usual one are refused: `getaddrinfo` takes
    2130706433, 0x7f.1 and 0177.0.0.1 for 127.0.0.1.
    """
    if host.startswith("["):
        address = ip_literal(host[1:-1])
        return address.compressed if isinstance(address, IPv6Address) else None
    name = _in_ascii(host.removesuffix("."))
    if name is None:
        return None
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return name if isinstance(ip_literal(name), IPv4Address) else None
    return name if all(map(_LABEL.fullmatch, labels)) else None


def _in_ascii(name: str) -> str | None:
    if not 0 < len(name) <= LONGEST_HOST:
        return None
    name = name.lower()
    if name.isascii():
        return name
    try:
        encoded = name.encode("idna")
        # Where IDNA maps one letter to another (ß to ss, full-width digits to digits) two readers may see two hosts.
        same = encoded.decode("idna") == name
    except UnicodeError:
        return None
    return encoded.decode("ascii") if same and len(encoded) <= LONGEST_HOST else None


def _split(url: str) -> tuple[Base, str] | None:
    """The base that an absolute address says, and its path and query as they stand."""
    match = _ABSOLUTE.fullmatch(url)
    authority = _AUTHORITY.fullmatch(match["authority"]) if match else None
    if match is None or authority is None:
        return None
    scheme, host, port = match["scheme"].lower(), plain_host(authority["host"]), _port(authority["port"])
    if host is None or port == 0:
        return None
    path = match["rest"].partition("?")[0].rstrip("/")
    return Base(scheme, host, port or _DEFAULT_PORTS[scheme], path), match["rest"]


def _port(text: str | None) -> int | None:
    """A port; None where none is said, 0 for a number that is none."""
    if text is None:
        return None
    return int(text) if int(text) <= _HIGHEST_PORT else 0


def _is_safe_path(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and "//" not in path and _DOTS.isdisjoint(path.split("/"))


def is_listed(base: Base, servers: frozenset[Server]) -> bool:
    """Whether a base is on a list of servers; an entry without a port means the usual one of the scheme."""
    usual = base.port == _DEFAULT_PORTS[base.scheme]
    return (base.host, base.port) in servers or (usual and (base.host, None) in servers)


def _is_loopback_name(host: str) -> bool:
    literal = ip_literal(host)
    return host == "localhost" if literal is None else _within(literal, _LOOPBACK)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside one of IPv6: mapped, or behind a NAT64 gateway."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _within(address, _SPECIAL_V4)
    return address in _GLOBAL_V6 and not _within(address, _SPECIAL_V6)
