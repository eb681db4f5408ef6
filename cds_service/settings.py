"""What whoever runs the service may set: CDS_* variables of the environment, read once, at start."""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final, Self

from cds_service.fhir.addresses import Network, Server, read_network, read_server
from cds_service.store.address import DEFAULT, Address
from cds_service.store.pseudonyms import PseudonymKeys
from cds_service.web.auth import LIFE_S
from cds_service.web.clients import BrokenClients, Client, Clients, read_clients

_PACKAGE: Final = Path(__file__).parent


class WrongSettings(Exception):
    """Settings that do not let the service start. Its text names every mistake, one a line."""


def _shipped(name: str) -> Path:
    """Where the wheel carries it; in a checkout, where its authors work on it."""
    inside = _PACKAGE / "shipped" / name
    return inside if inside.exists() else _PACKAGE.parent / name


def _text(value: str) -> str:
    return value


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            message = f"must be a whole number from {least} to {most}"
            raise ValueError(message)
        return int(value)

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in choices:
            message = f"must be {' or '.join(f'`{choice}`' for choice in choices)}"
            raise ValueError(message)
        return value

    return read


def _country(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}", value):
        message = "must be a country of two small letters, such as `us`"
        raise ValueError(message)
    return value


def _switch(value: str) -> bool:
    if value not in {"on", "off", "1", "0"}:
        message = "must be `on` or `off` (`1` or `0`)"
        raise ValueError(message)
    return value in {"on", "1"}


def _folder(value: str) -> Path:
    if not Path(value).is_dir():
        message = "must be a folder that exists"
        raise ValueError(message)
    return Path(value)


def _file(value: str) -> Path:
    if not Path(value).is_file():
        message = "must be a file that exists"
        raise ValueError(message)
    return Path(value)


def _document(value: str) -> Path:
    """A file of the caller's, or one that is shipped, by its name alone."""
    shipped = _shipped(value)
    return shipped if "/" not in value and shipped.is_file() else _file(value)


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in value.split(","))
    if not all(re.fullmatch(r"\*|https?://[A-Za-z0-9.:\[\]-]+", origin) for origin in origins):
        message = "must be origins like `https://ehr.example`, without a path and with commas between them, or `*`"
        raise ValueError(message)
    return origins


def _servers(value: str) -> frozenset[Server]:
    return frozenset(read_server(entry.strip()) for entry in value.split(","))


def _networks(value: str) -> tuple[Network, ...]:
    return tuple(read_network(entry.strip()) for entry in value.split(","))


def _proxies(value: str) -> tuple[Network, ...]:
    """Unlike the networks of FHIR servers they may be this machine: a proxy often stands beside the service."""
    try:
        networks = tuple(ip_network(entry.strip()) for entry in value.split(","))
    except ValueError:
        networks = ()
    if not networks or any(network.prefixlen == 0 for network in networks):
        message = "must be addresses or networks like `10.20.0.7` or `10.20.0.0/16`, with commas between them"
        raise ValueError(message)
    return networks


def _public_url(value: str) -> str:
    match = re.fullmatch(r"(https?)://([A-Za-z0-9.:\[\]-]+)((?:/[A-Za-z0-9._~-]+)*)", value)
    try:
        host = read_server(match[2])[0] if match else ""
    except ValueError:
        host = ""
    if match is None or not host or (match[1] == "http" and not _is_loopback(host)):
        message = "must be an address like `https://cds.example`, without a slash at its end"
        raise ValueError(message)
    return value


def _redis(value: str) -> str:
    """Strict: what cannot be an address, the library for Redis would repeat in its errors, password and all."""
    match = re.fullmatch(
        r"rediss?://"
        r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*(?::(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?@)?"
        r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:/[0-9]{1,3})?",
        value,
    )
    if (
        match is None
        or not 1 <= int(match["port"] or 1) <= _LAST_PORT
        or (match["host"].startswith("[") and not _is_address(match["host"][1:-1]))
    ):
        message = (
            "must be an address like `rediss://:password@redis.example:6379/0`; in a password, signs other than "
            "letters and digits are written like `%2F`"
        )
        raise ValueError(message)
    return value


_LAST_PORT: Final = 65535


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _header(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value):
        message = "must be the name of a header like `ClientSubject`, without underscores"
        raise ValueError(message)
    return value


def _with_port(server: Server) -> str:
    host, port = server
    return f"{host}:{443 if port is None else port}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _share(value: str) -> float:
    if not re.fullmatch(r"0?\.[0-9]{1,4}", value):
        message = "must be a number between 0 and 1, such as `0.9`"
        raise ValueError(message)
    return float(value)


def _certificates(value: str) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(_file(value))
    except OSError:  # `ssl.SSLError` is one
        message = "must be a file of certificates (PEM)"
        raise ValueError(message) from None
    return Path(value)


def _setting(default: object, read: Callable[[str], object], says: str, *, shown: str = "") -> Any:  # noqa: ANN401 - as `field`
    """One variable: what it is when it is not set, how its text is read, and what the documentation says of it."""
    return field(default=default, metadata={"read": read, "says": says, "shown": shown or f"`{default}`"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings, checked. The variable of a field is its name in capitals after `CDS_`."""

    host: str = _setting("127.0.0.1", _text, "The address to listen on; `0.0.0.0` for every network interface.")
    port: int = _setting(8080, _number(1, 65535), "The port to listen on.")
    workers: int = _setting(
        1,
        _number(1, 64),
        "How many processes answer. Each holds the medicines and the cards in memory and keeps one processor busy.",
    )
    mode: str = _setting(
        "development",
        _one_of("development", "production"),
        "`development` is open to any browser page; `production` only to what is set here.",
    )
    cards: Path = _setting(  # noqa: RUF009 - a path is a value, too
        _shipped("cards"),
        _folder,
        "The folder of the card files.",
        shown="the cards shipped with the service",
    )
    discovery: Path = _setting(  # noqa: RUF009 - as above
        _shipped("discovery.json"),
        _document,
        "The discovery document: a file, or `discovery.dstu2.json`, which is shipped too, for clients whose FHIR "
        "server speaks DSTU2.",
        shown="the document shipped with the service",
    )
    jurisdiction: str = _setting(
        "us", _country, "Whose limits hold where sources differ: a country of `cards/codelists/library.yaml`."
    )
    missing_data: str = _setting(
        "card",
        _one_of("card", "412"),
        "What happens when data that a check needs cannot be had: `card` answers with a card that says so, beside "
        "everything that could be decided; `412` refuses the call, as the letter of the specification has it. Clients "
        "show a refusal as if there were nothing to say.",
    )
    strict: bool = _setting(
        False,  # noqa: FBT003 - a default
        _switch,
        "`on` refuses calls in the shapes of older clients, which are read otherwise and counted in the log: "
        "docs/how-to/connect-an-ehr.md lists them.",
        shown="`off`",
    )
    detected_issue: bool = _setting(
        False,  # noqa: FBT003 - a default
        _switch,
        "`on` offers, on the cards of interactions and contraindications, to record what was found as a DetectedIssue.",
        shown="`off`",
    )
    prefetch_null: str = _setting(
        "none",
        _one_of("none", "unknown"),
        "What a `null` in prefetch means: `none` is the client's word that there is none, as the specification has it; "
        "`unknown` is for clients that send `null` when their search failed.",
    )
    cors_origins: tuple[str, ...] | None = _setting(
        None,
        _origins,
        "The web origins whose pages may call the service from a browser, with commas between them; `*` is any, for "
        "development only.",
        shown="any in development, none in production",
    )
    max_body_mb: int = _setting(
        16,
        _number(1, 1024),
        "The largest request that is read, in megabytes (1024 x 1024); of a compressed one also what it unpacks to.",
    )
    max_json_depth: int = _setting(
        64, _number(16, 1000), "How many levels the JSON of a request may have. Requests of real clients have 15."
    )
    max_entries: int = _setting(
        10_000, _number(100, 1_000_000), "How many entries the Bundles of one request's prefetch may have, together."
    )
    concurrent_per_client: int = _setting(
        12,
        _number(0, 1000),
        "How many calls of one client a process answers at the same time; what is beyond is told to come again. "
        "`concurrent` in the file of clients goes before. Whatever is set, one client gets at most 12 of its 16 "
        "threads, so that others are answered; `0` for as many as that.",
    )
    rate_per_client: int = _setting(
        0,
        _number(0, 1_000_000),
        "How many calls one client may make in a minute; what is beyond is told when to come again. `0` for any "
        "number. `rate` in the file of clients goes before.",
        shown="`0`",
    )
    answer_ms: int = _setting(
        5000,
        _number(100, 60_000),
        "How long an answer may take, in milliseconds; what is not judged by then is said to be not checked.",
    )
    redis: str | None = _setting(
        None,
        _redis,
        "The Redis server in which calls are counted for the rate, such as `rediss://:password@redis.example:6379/0`; "
        "without one they are counted in the database. While it does not answer, nobody is refused.",
        shown="none",
    )
    metrics: bool = _setting(True, _switch, "`on` counts for Prometheus, which reads at `/metrics`.", shown="`on`")  # noqa: FBT003 - a default
    metrics_from: tuple[Network, ...] | None = _setting(
        None,
        _proxies,
        "The addresses or networks that may read `/metrics`, with commas between them; for others, and for whoever "
        "comes through a proxy, there is nothing there.",
        shown="any in development without `CDS_CLIENTS`, else this machine",
    )
    fhir_servers: frozenset[Server] | None = _setting(
        None,
        _servers,
        "The only FHIR servers that may be asked for what a client did not send: hosts, `host` or `host:port`, with "
        "commas between them. Without a port it is 443.",
        shown="any public one and this machine in development, none in production",
    )
    fhir_networks: tuple[Network, ...] = _setting(
        (),
        _networks,
        "The networks, not public, in which the servers of `CDS_FHIR_SERVERS` may stand, such as `10.20.0.0/16`, with "
        "commas between them.",
        shown="none",
    )
    fhir_ca: Path | None = _setting(  # noqa: RUF009 - as above
        None,
        _certificates,
        "A file of certificates (PEM) to trust beside those that the machine trusts, for FHIR servers with "
        "certificates of the hospital's own. Certificates are always verified.",
        shown="none",
    )
    fetch_ms: int = _setting(
        400,
        _number(0, 10_000),
        "How long a call may fetch, in milliseconds, everything together; what is not there by then is said to be "
        "missing. `0` fetches nothing.",
    )
    fetch_at_once: int = _setting(
        256,
        _number(1, 1000),
        "How many lists and resources a process asks for at the same time; what is beyond fails at once. A call asks "
        "for up to eight lists and the server's version, and up to twelve calls fetch at the same time.",
    )
    fetch_pages: int = _setting(5, _number(1, 100), "How many pages of one list are fetched.")
    fetch_entries: int = _setting(1000, _number(1, 100_000), "How many entries of one list are used.")
    fetch_answer_mb: int = _setting(4, _number(1, 1024), "The largest answer that is read, in megabytes.")
    fetch_call_mb: int = _setting(16, _number(1, 1024), "How much is read for one call, in megabytes.")
    clients: Path | None = _setting(  # noqa: RUF009 - as above
        None,
        _file,
        "The file of clients that may call, and how they prove who they are: docs/how-to/let-a-client-in.md. "
        "Production does not start without; in development, without it, anyone may call.",
        shown="none",
    )
    public_url: str | None = _setting(
        None,
        _public_url,
        "What clients put before `/cds-services`, such as `https://cds.example`: the tokens they send must name it. "
        "`http` is for this machine, in development.",
        shown="none",
    )
    token_life_s: int = _setting(
        LIFE_S, _number(1, 3600), "The longest that a client's token may live, from `iat` to `exp`, in seconds."
    )
    proxies: tuple[Network, ...] = _setting(
        (),
        _proxies,
        "The proxies whose word on a client's certificate counts: addresses or networks, with commas between them.",
        shown="none",
    )
    certificate_header: str | None = _setting(
        None,
        _header,
        "The header in which these proxies put the subject of a client's certificate that they verified.",
        shown="none",
    )
    allow_open: bool = _setting(
        False,  # noqa: FBT003 - a default
        _switch,
        "`on` lets development, which is open to anyone, listen on other addresses than this machine's own.",
        shown="`off`",
    )
    store: Address = _setting(  # noqa: RUF009 - a value, too
        DEFAULT,
        Address.read,
        "The database for the audit trail and feedback: `sqlite:///file`, or `postgresql://user@host/database`. What "
        "it keeps: docs/explanation/store.md.",
        shown="`sqlite:///cds-service.sqlite3`, in the working folder",
    )
    store_file: Address | None = _setting(  # noqa: RUF009 - as above
        None,
        Address.read_file,
        "A file with the URL of the database, for one with a password; it goes before `CDS_STORE`.",
        shown="none",
    )
    spill: Path | None = _setting(  # noqa: RUF009 - as above
        None,
        Path,
        "The folder for what the database does not take, until it does. It must outlive the process.",
        shown="`cds-service-spill`, beside the file of SQLite or in the working folder",
    )
    store_comments: bool = _setting(
        False,  # noqa: FBT003 - a default
        _switch,
        "`on` keeps what clinicians write about why they overrode a card. It may name patients; `off` keeps only how "
        "long it is.",
        shown="`off`",
    )
    keep_days: int = _setting(
        730, _number(1, 36_500), "How many days of the audit trail and of feedback `cds-service store prune` leaves."
    )
    pseudonym_keys: PseudonymKeys | None = _setting(  # noqa: RUF009 - as above
        None,
        PseudonymKeys.read,
        "A file with secrets, one a line, each of at least 32 bytes, from which the pseudonyms of users and patients "
        "are made. The first makes new ones, the others still find older ones. Without it nothing is remembered of "
        "what was shown to whom.",
        shown="none",
    )
    repeat_minutes: int = _setting(
        30,
        _number(0, 1440),
        "For how many minutes a card that was shown at order-select is not shown again at order-sign, to clients that "
        "want it so. `0`: always again.",
    )
    override_threshold: float = _setting(
        0.9, _share, "The share of overridden cards above which `cds-service report` marks a card."
    )
    log: bool = _setting(True, _switch, "`on` writes one line of JSON for each call on standard error.", shown="`on`")  # noqa: FBT003 - a default

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The settings of an environment. A variable that is set but empty counts as not set.

        Raises:
            WrongSettings: for names that start with CDS_ and are none of ours, and for values that cannot be;
                naming all of them.
        """
        readers = {_variable(setting.name): setting for setting in fields(cls)}
        mistakes: list[str] = []
        read: dict[str, Any] = {}
        for variable in sorted(name for name in environment if name.startswith("CDS_")):
            if variable not in readers:
                mistakes.append(_unknown(variable, tuple(readers)))
            elif environment[variable]:
                try:
                    value = readers[variable].metadata["read"](environment[variable])
                except ValueError as problem:
                    mistakes.append(f"`{variable}` {problem}")
                else:
                    read[readers[variable].name] = value
        if mistakes:
            raise WrongSettings("\n".join(mistakes))
        return cls(**read)

    def may_start(self) -> None:
        """Whether the service may be started so; `read` says only whether the settings can be understood.

        Raises:
            WrongSettings: naming every reason against it, those in the file of clients included.
        """
        reasons = [*self._reasons_of_the_mode(), *self._reasons_of_the_clients()]
        if reasons:
            raise WrongSettings("\n".join(reasons))

    def _reasons_of_the_mode(self) -> Iterator[str]:
        if self.mode == "production":
            if self.clients is None:
                yield "production needs `CDS_CLIENTS`: the clients that may call"
            if self.public_url is None:
                yield "production needs `CDS_PUBLIC_URL`: the address that clients know the service by"
            elif not self.public_url.startswith("https:"):
                yield "production needs `https` in `CDS_PUBLIC_URL`: tokens would be read on their way"
            if self.fhir_servers is None:
                yield "production needs `CDS_FHIR_SERVERS`: the FHIR servers that may be asked"
            if "*" in self.allowed_origins:
                yield "production needs the origins in `CDS_CORS_ORIGINS` by name: `*` is every page there is"
        elif self.clients is None and not self.is_tried_out:
            yield (
                f"development lets anyone call, so it does not listen on `{self.host}`: set `CDS_CLIENTS`, or "
                "`CDS_ALLOW_OPEN=on` where nobody else can reach it"
            )

    def _reasons_of_the_clients(self) -> Iterator[str]:
        if self.certificate_header is not None and not self.proxies:
            yield "`CDS_CERTIFICATE_HEADER` needs `CDS_PROXIES`: anyone could send that header"
        if self.clients is None:
            return
        if self.public_url is None and self.mode != "production":
            yield "`CDS_CLIENTS` needs `CDS_PUBLIC_URL`: the tokens of clients must name it"
        try:
            clients = read_clients(self.clients, development=self.is_tried_out)
        except BrokenClients as broken:
            yield from map(str, broken.mistakes)
        else:
            yield from self.not_agreed(clients)

    def not_agreed(self, clients: Clients) -> Iterator[str]:
        """Where the file of clients asks for what is not set; one text for each."""
        for client in clients.everyone:
            if (client.deduplicate or client.override_kept_days) and self.pseudonym_keys is None:
                yield f"the client `{client.name}` wants to be remembered: that needs `CDS_PSEUDONYM_KEYS`"
            if client.certificate is not None and self.certificate_header is None:
                yield f"the client `{client.name}` shows a certificate: that needs `CDS_CERTIFICATE_HEADER`"
            more = self._beyond_the_list(client)
            if more:
                yield f"`CDS_FHIR_SERVERS` lacks what the client `{client.name}` names: {', '.join(more)}"

    def _beyond_the_list(self, client: Client) -> list[str]:
        if self.fhir_servers is None or client.fhir_servers is None:
            return []
        listed = {_with_port(server) for server in self.fhir_servers}
        return sorted({_with_port(server) for server in client.fhir_servers} - listed)

    @property
    def is_tried_out(self) -> bool:
        """Whether only whoever tries it out can call: then keys may be the public Sandbox's, or this machine's."""
        return self.mode == "development" and (_is_loopback(self.host) or self.allow_open)

    @property
    def fetches(self) -> bool:
        """Whether any FHIR server may be asked at all: in production only those that are set."""
        return self.fetch_ms > 0 and (self.mode == "development" or self.fhir_servers is not None)

    @property
    def store_address(self) -> Address:
        """Where the store is."""
        return self.store_file or self.store

    @property
    def spill_folder(self) -> Path:
        """Where records wait for the store."""
        return self.spill or self.store_address.spill

    @property
    def metrics_readers(self) -> tuple[Network, ...] | None:
        """Who may read the counts: as set, else this machine where callers are known; None for anyone."""
        if self.metrics_from is not None or (self.mode == "development" and self.clients is None):
            return self.metrics_from
        return (ip_network("127.0.0.0/8"), ip_network("::1/128"))

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The web origins that may call: as set, else any in development and none in production."""
        if self.cors_origins is not None:
            return self.cors_origins
        return ("*",) if self.mode == "development" else ()


def reference() -> str:
    """The settings as a table in Markdown, for docs/reference/settings.md."""
    rows = (
        f"| `{_variable(setting.name)}` | {setting.metadata['shown']} | {setting.metadata['says']} |"
        for setting in fields(Settings)
    )
    return "\n".join(("| Variable | When not set | What it says |", "|---|---|---|", *rows, ""))


def _variable(name: str) -> str:
    return f"CDS_{name.upper()}"


def _unknown(variable: str, known: tuple[str, ...]) -> str:
    nearest = get_close_matches(variable, known, n=1)
    meant = f"; did you mean `{nearest[0]}`?" if nearest else ""
    return f"`{variable}` is not a setting{meant}"
