"""Which FHIR servers may be called: an address comes from the caller, and is hostile until proven otherwise."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.addresses import (
    LONGEST_BASE,
    LONGEST_LINK,
    Allowed,
    Base,
    Refusal,
    base_of,
    plain_host,
    read_network,
    read_server,
    target_of,
)

DEVELOPMENT = Allowed(development=True)
PRODUCTION = Allowed()
HOSPITAL = Allowed(
    servers=frozenset({("fhir.hospital.example", None), ("ehr.hospital.example", 8443), ("10.20.0.7", None)}),
    networks=(ip_network("10.20.0.0/16"), ip_network("fd12:3456::/32"), ip_network("100.64.0.0/10")),
)
BASE = Base("https", "fhir.example", 443, "/r4")


def parts(base):
    return (base.scheme, base.host, base.port, base.path) if isinstance(base, Base) else base


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://fhir.example", ("https", "fhir.example", 443, "")),
        ("https://fhir.example/", ("https", "fhir.example", 443, "")),
        ("https://fhir.example/r4/", ("https", "fhir.example", 443, "/r4")),
        ("HTTPS://FHIR.Example:443/R4", ("https", "fhir.example", 443, "/R4")),
        ("https://fhir.example.:8443/a/b", ("https", "fhir.example", 8443, "/a/b")),
        ("https://bücher.example/r4", ("https", "xn--bcher-kva.example", 443, "/r4")),
        ("https://xn--bcher-kva.example/r4", ("https", "xn--bcher-kva.example", 443, "/r4")),
        ("https://fhir_1.example/tenant%20a", ("https", "fhir_1.example", 443, "/tenant%20a")),
        ("https://8.8.8.8/r4", ("https", "8.8.8.8", 443, "/r4")),
        ("https://[2600:1f18::7]:8443/r4", ("https", "2600:1f18::7", 8443, "/r4")),
        ("https://[2600:1F18:0:0::7]/r4", ("https", "2600:1f18::7", 443, "/r4")),
        ("http://localhost:8080/fhir", ("http", "localhost", 8080, "/fhir")),
        ("http://LOCALHOST/fhir", ("http", "localhost", 80, "/fhir")),
        ("http://127.0.0.1:8080", ("http", "127.0.0.1", 8080, "")),
        ("http://[::1]:8080", ("http", "::1", 8080, "")),
        ("https://127.0.0.1:8080", ("https", "127.0.0.1", 8080, "")),
    ],
)
def test_in_development_public_addresses_and_this_machine_may_be_called(address, expected):
    assert parts(base_of(address, DEVELOPMENT)) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        "fhir.example",
        "//fhir.example/r4",
        "ftp://fhir.example/r4",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:fhir.example",
        "https:/fhir.example",
        "https:///r4",
        "https://",
        "https://@/",
        "https://user@fhir.example/r4",
        "https://user:secret@fhir.example/r4",
        "https://fhir.example@10.0.0.1/r4",
        "https://fhir.example/r4?x=1",
        "https://fhir.example/r4?",
        "https://fhir.example?x=1",
        "https://fhir.example/r4#x",
        "https://fhir.example#x",
        "https://fhir.example\\@10.0.0.1/",
        "https:\\\\fhir.example\\r4",
        "https://fhir.example/r4\\..",
        "https://fhir.example/r4\r\nHost: 10.0.0.1",
        "https://fhir.example/r4\n",
        "https://fhir.example/\x00",
        " https://fhir.example/r4",
        "https://fhir.example /r4",
        "https://fhir.example/r4\u200b",
        "https://fhir.example/r4\u2028",
        "https://fhir.example:/r4",
        "https://fhir.example:0/r4",
        "https://fhir.example:65536/r4",
        "https://fhir.example:443:443/r4",
        "https://fhir.example:-1/r4",
        "https://fhir.example:4a3/r4",
        "https://fhir.example:٤٤٣/r4",
        "https://fhir..example/r4",
        "https://.fhir.example/r4",
        "https://fhir.example../r4",
        "https://./r4",
        "https://-fhir.example/r4",
        "https://fhir-.example/r4",
        "https://" + "a" * 64 + ".example/r4",
        "https://" + "a." * 130 + "example/r4",
        "https://fhir.ex*mple/r4",
        "https://fhir.example%00.evil/r4",
        "https://fhir%2eexample/r4",
        "https://straße.example/r4",  # IDNA 2003 makes it strasse.example, IDNA 2008 does not: two hosts
        "https://\uff46hir.example/r4",
        "https://fhir\u3002example/r4",
        "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/r4",
        "https://①.example/r4",
        "https://\ud800.example/r4",
        "https://fhir.example/a/../b",
        "https://fhir.example/./b",
        "https://fhir.example/a/%2e%2e/b",
        "https://fhir.example/a%2Fb",
        "https://fhir.example/a%5cb",
        "https://fhir.example/a%23b",
        "https://fhir.example/a%3Fb",
        "https://fhir.example/a%252e",
        "https://fhir.example/a%00",
        "https://fhir.example/a%7f",
        "https://fhir.example/a%zz",
        "https://fhir.example/a//b",
        "https://fhir.example/a b",
        "https://fhir.example/ä",
        "https://[::1",
        "https://::1/",
        "https://[]/",
        "https://[1.2.3.4]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1].example/",
        "https://2130706433/",  # from here on: ways to write 127.0.0.1 that getaddrinfo knows
        "https://127.1/",
        "https://127.0.1/",
        "https://0177.0.0.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://127.0.0.0x1/",
        "https://127.0.0.01/",
        "https://127.0.0.1./r4/..",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://a.0x/",
        "https://" + "a" * LONGEST_BASE,
    ],
)
def test_what_is_no_plain_address_is_refused(address):
    assert base_of(address, DEVELOPMENT) is Refusal.NOT_AN_ADDRESS


@pytest.mark.parametrize("address", ["http://fhir.example/r4", "http://8.8.8.8", "http://localhost.example/"])
def test_without_tls_only_this_machine_is_called(address):
    assert base_of(address, DEVELOPMENT) is Refusal.NOT_HTTPS


@pytest.mark.parametrize("address", ["http://localhost:8080/fhir", "http://127.0.0.1", "http://[::1]/"])
def test_in_production_nothing_is_called_without_tls(address):
    assert base_of(address, PRODUCTION) is Refusal.NOT_HTTPS


def test_in_production_without_a_list_nothing_is_called():
    assert base_of("https://fhir.example/r4", PRODUCTION) is Refusal.NOT_LISTED


@pytest.mark.parametrize(
    ("address", "called"),
    [
        ("https://fhir.hospital.example/r4", True),
        ("https://FHIR.hospital.example./r4", True),
        ("https://fhir.hospital.example:443/r4", True),
        ("https://fhir.hospital.example:8443/r4", False),
        ("https://ehr.hospital.example:8443/r4", True),
        ("https://ehr.hospital.example/r4", False),
        ("https://evil.fhir.hospital.example/r4", False),
        ("https://fhir.hospital.example.evil/r4", False),
        ("https://hospital.example/r4", False),
        ("https://8.8.8.8/r4", False),
        ("https://10.20.0.7/r4", True),
    ],
)
def test_with_a_list_only_servers_on_it_are_called_by_their_exact_names(address, called):
    assert isinstance(base_of(address, HOSPITAL), Base) is called
    if not called:
        assert base_of(address, HOSPITAL) is Refusal.NOT_LISTED


def test_with_a_list_development_calls_no_other_server_either():
    allowed = Allowed(development=True, servers=frozenset({("localhost", 8080)}))
    assert isinstance(base_of("http://localhost:8080/fhir", allowed), Base)
    assert base_of("http://localhost:8081/fhir", allowed) is Refusal.NOT_LISTED
    assert base_of("https://fhir.example/r4", allowed) is Refusal.NOT_LISTED


@pytest.mark.parametrize(
    "address",
    ["https://10.0.0.1", "https://169.254.169.254/latest", "https://[fd00:ec2::254]", "https://[::ffff:10.0.0.1]/r4"],
)
def test_an_address_in_numbers_is_judged_at_once(address):
    assert base_of(address, DEVELOPMENT) is Refusal.FORBIDDEN


PUBLIC = ("8.8.8.8", "99.255.255.255", "100.128.0.1", "172.32.0.1", "192.167.1.1", "2600:1f18::7", "2a00:1450::1")
PUBLIC_INSIDE = ("::ffff:8.8.8.8", "64:ff9b::808:808")
PRIVATE = ("10.0.0.1", "10.20.0.7", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12:3456::7")
PRIVATE_INSIDE = ("::ffff:10.20.0.7", "64:ff9b::a14:7")
LOOPBACK = ("127.0.0.1", "127.255.255.254", "::1")
LOOPBACK_INSIDE = (  # mapped, NAT64, NAT64 of the own network, 6to4, Teredo, IPv4-compatible, IPv4-translated
    *(
        "::ffff:127.0.0.1",
        "::ffff:127.9.9.9",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2002:7f00:1::7",
    ),
    *("2001:0:7f00:1::", "2001:0:53aa:64c::80ff:fffe", "::127.0.0.1", "::ffff:0:7f00:1"),
)
NEVER = (
    *("0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1", "ff02::1", "ff0e::1"),  # noqa: S104 - nothing listens here
    *("169.254.169.254", "169.254.0.1", "169.254.170.2", "fe80::1", "febf::1", "fec0::1", "::ffff:169.254.169.254"),
    *("64:ff9b::a9fe:a9fe", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "100.100.100.200"),
    *("168.63.129.16", "192.0.0.192", "2002:7f00:1::1", "2002:808:808::1", "2001:0:53aa:64c::1", "64:ff9b:1::1"),
    *("::7f00:1", "::8.8.8.8"),
)
NOT_PUBLIC = (
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "192.88.99.1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
)


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_INSIDE])
def test_a_public_address_may_be_connected_to(address):
    assert DEVELOPMENT.may_connect(BASE, ip_address(address))
    assert HOSPITAL.may_connect(BASE, ip_address(address))


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_INSIDE, *NEVER, *NOT_PUBLIC])
def test_an_address_that_is_not_public_is_never_connected_to_without_being_named(address):
    assert not DEVELOPMENT.may_connect(BASE, ip_address(address))
    assert not PRODUCTION.may_connect(BASE, ip_address(address))


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_is_connected_to_in_development_only(address):
    assert DEVELOPMENT.may_connect(BASE, ip_address(address))
    assert not PRODUCTION.may_connect(BASE, ip_address(address))
    assert not HOSPITAL.may_connect(BASE, ip_address(address))


@pytest.mark.parametrize("address", LOOPBACK_INSIDE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_machine_in_the_guise_of_another_address_is_not_called_even_in_development(scheme, address):
    """Only 127.0.0.0/8 and ::1 are this machine; what wraps them up leads elsewhere, or is meant to deceive."""
    assert not DEVELOPMENT.may_connect(Base(scheme, "localhost", 8080, ""), ip_address(address))
    refused = {"http": Refusal.NOT_HTTPS, "https": Refusal.FORBIDDEN}[scheme]
    assert base_of(f"{scheme}://[{address}]:8080/fhir", DEVELOPMENT) is refused


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("10.20.0.7", True),
        ("10.21.0.7", False),
        ("::ffff:10.20.0.7", True),
        ("64:ff9b::a14:7", True),
        ("fd12:3456::7", True),
        ("fd13::7", False),
        ("192.168.1.1", False),
        ("100.64.0.1", True),
    ],
)
def test_a_server_on_the_list_may_stand_in_a_network_that_is_named(address, named):
    assert HOSPITAL.may_connect(BASE, ip_address(address)) is named


@pytest.mark.parametrize("address", [*NEVER, *LOOPBACK_INSIDE])
def test_link_local_metadata_and_wrapped_addresses_are_never_connected_to_whatever_is_set(address):
    everything = Allowed(
        development=True,
        servers=frozenset({("fhir.example", None)}),
        networks=(ip_network("0.0.0.0/0"), ip_network("::/0")),
    )
    assert not everything.may_connect(BASE, ip_address(address))


def test_networks_without_a_list_open_nothing():
    allowed = Allowed(development=True, networks=(ip_network("10.0.0.0/8"),))
    assert not allowed.may_connect(BASE, ip_address("10.0.0.1"))


def test_without_tls_a_name_that_leads_off_this_machine_is_not_followed():
    local = Base("http", "localhost", 80, "")
    assert DEVELOPMENT.may_connect(local, ip_address("127.0.0.1"))
    assert not DEVELOPMENT.may_connect(local, ip_address("8.8.8.8"))


@pytest.mark.parametrize(
    ("base", "authority"),
    [
        (BASE, "fhir.example"),
        (Base("https", "fhir.example", 8443, ""), "fhir.example:8443"),
        (Base("http", "::1", 80, ""), "[::1]"),
        (Base("http", "::1", 443, ""), "[::1]:443"),
    ],
)
def test_the_host_is_named_as_http_has_it(base, authority):
    assert base.authority == authority


def test_a_base_shows_nothing_of_itself():
    assert "fhir.example" not in repr(BASE)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("https://fhir.example/r4/Observation?page=2", "/r4/Observation?page=2"),
        ("https://fhir.example/r4?_getpages=a-b&_count=2", "/r4?_getpages=a-b&_count=2"),
        ("https://fhir.example/r4/?_getpages=1", "/r4/?_getpages=1"),
        ("HTTPS://FHIR.EXAMPLE:443/r4/x", "/r4/x"),
        ("https://fhir.example/r4/x?code=http://loinc.org|1742-6", "/r4/x?code=http://loinc.org|1742-6"),
        ("https://fhir.example/r4/x?next=https://evil.example/../", "/r4/x?next=https://evil.example/../"),
        ("/r4/x?page=2", "/r4/x?page=2"),
        ("/r4?_getpages=1", "/r4?_getpages=1"),
    ],
)
@pytest.mark.parametrize("page", ["/r4/Observation", "/r4", None])
def test_a_page_below_the_base_is_followed(page, link, target):
    assert target_of(link, BASE, page) == target


@pytest.mark.parametrize(
    ("link", "page", "target"),
    [
        ("?page=2", "/r4/Observation", "/r4/Observation?page=2"),
        ("?page=2", "/r4/Observation/_search", "/r4/Observation/_search?page=2"),
        ("?", "/r4/Observation", "/r4/Observation?"),
        ("?_getpages=1", "/r4", "/r4?_getpages=1"),
        ("?_getpages=1", "/r4/", "/r4/?_getpages=1"),
        ("Observation?page=2", "/r4/Observation", "/r4/Observation?page=2"),
        ("Observation?page=http://x/y", "/r4/Observation", "/r4/Observation?page=http://x/y"),
        ("page/2", "/r4/Observation/page/1", "/r4/Observation/page/page/2"),
        ("Observation?page=2", "/r4/", "/r4/Observation?page=2"),
        ("Observation?page=2", "/r4", None),  # at the root of the host: beside the base, not below it
        ("../Observation?page=2", "/r4/Observation", None),
        ("./Observation?page=2", "/r4/Observation", None),
        ("urn:uuid:1", "/r4/Observation", None),
        ("file:x", "/r4/Observation", None),
        ("https:Observation?page=2", "/r4/Observation", None),
        ("?page=2", None, None),
        ("Observation?page=2", None, None),
    ],
)
def test_a_link_that_does_not_say_it_all_is_read_from_the_page_it_stands_on(link, page, target):
    """RFC 3986, section 5.2.2. Where that page is not known, such a link leads nowhere."""
    assert target_of(link, BASE, page) == target


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://evil.example/r4/x",
        "https://fhir.example.evil/r4/x",
        "https://fhir.example:8443/r4/x",
        "https://fhir.example@evil.example/r4/x",
        "https://user@fhir.example/r4/x",
        "http://fhir.example/r4/x",
        "ftp://fhir.example/r4/x",
        "//evil.example/r4/x",
        "https://fhir.example/r5/x",
        "https://fhir.example/r4evil/x",
        "https://fhir.example/",
        "https://fhir.example",
        "https://fhir.example?x=1",
        "https://fhir.example/r4/../r5",
        "https://fhir.example/r4/..",
        "https://fhir.example/r4/./x",
        "https://fhir.example/r4/%2e%2e/r5",
        "https://fhir.example/r4/%2E%2E%2Fr5",
        "https://fhir.example/r4/x%2fy",
        "https://fhir.example/r4//evil",
        "https://fhir.example/r4\\..\\r5",
        "https://fhir.example/r4/x#y",
        "https://fhir.example/r4/x y",
        "https://fhir.example/r4/x?a b",
        "https://fhir.example/r4/x?a\r\nHost: evil",
        "https://fhir.example/r4/x\n",
        "https://fhir.example/r4/x?ä",
        "https:///r4/x",
        "../r5/x",
        "..",
        "/r5/x",
        "/",
        "https://fhir.example/r4/" + "a" * LONGEST_LINK,
    ],
)
@pytest.mark.parametrize("page", ["/r4/Observation", "/r4", None])
def test_a_page_anywhere_else_is_not_followed(page, link):
    assert target_of(link, BASE, page) is None


def test_below_a_base_without_a_path_is_the_whole_host():
    whole = Base("https", "fhir.example", 443, "")
    assert target_of("https://fhir.example/x?y", whole, "/Observation") == "/x?y"
    assert target_of("https://fhir.example?_getpages=1", whole, "/Observation") == "/?_getpages=1"
    assert target_of("https://fhir.example//evil.example/x", whole, "/Observation") is None
    assert target_of("//evil.example/x", whole, "/Observation") is None
    assert target_of("?page=2", whole, "/Observation") == "/Observation?page=2"
    assert target_of("Observation?page=2", whole, "/Observation") == "/Observation?page=2"


@pytest.mark.parametrize(
    ("entry", "server"),
    [
        ("fhir.example", ("fhir.example", None)),
        ("FHIR.example.:8443", ("fhir.example", 8443)),
        ("bücher.example", ("xn--bcher-kva.example", None)),
        ("10.20.0.7:443", ("10.20.0.7", 443)),
        ("[FD12::0:7]:443", ("fd12::7", 443)),
    ],
)
def test_a_server_on_the_list_is_a_host_with_or_without_a_port(entry, server):
    assert read_server(entry) == server


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*.example",
        "https://fhir.example",
        "fhir.example/r4",
        "fhir.example:0",
        "fhir.example:99999",
        "a:b",
        "a b",
        "::1",
    ],
)
def test_what_is_no_host_is_no_server_on_the_list(entry):
    with pytest.raises(ValueError, match=r"must be hosts like `fhir\.example`"):
        read_server(entry)


@pytest.mark.parametrize("entry", ["10.0.0.0/8", "fd12::/48", "192.168.1.7"])
def test_a_network_is_read(entry):
    assert read_network(entry) == ip_network(entry)


@pytest.mark.parametrize("entry", ["", "hospital", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_refused(entry):
    with pytest.raises(ValueError, match="must be networks like"):
        read_network(entry)


@pytest.mark.parametrize("entry", ["169.254.0.0/16", "169.254.169.254", "127.0.0.0/8", "::1", "fe80::/64", "0.0.0.0/0"])
def test_a_network_that_is_never_called_cannot_be_named(entry):
    with pytest.raises(ValueError, match="must not be loopback"):
        read_network(entry)


@given(st.text(max_size=300))
def test_no_text_makes_judging_an_address_fail(text):
    for address in (text, f"https://{text}", f"https://{text}/r4", f"https://fhir.example/{text}"):
        found = base_of(address, DEVELOPMENT)
        if isinstance(found, Base):
            assert plain_host(f"[{found.host}]" if ":" in found.host else found.host) == found.host
            assert base_of(f"{found.scheme}://{found.authority}{found.path}", DEVELOPMENT) == found
        for page in ("/r4/Observation", "/r4", None):
            target = target_of(address, BASE, page)
            assert target is None or target.startswith(("/r4/", "/r4?")) or target == "/r4"


@given(st.ip_addresses())
def test_what_may_be_connected_to_in_production_is_public_by_the_standard_library_too(address):
    if PRODUCTION.may_connect(BASE, address):
        assert (getattr(address, "ipv4_mapped", None) or address).is_global
