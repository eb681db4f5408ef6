"""The file of clients: what it may say, and what its author hears about every mistake."""

import re
from pathlib import Path

import pytest

from cds_service.hooks.discovery import Discovery, ServiceId
from cds_service.web.auth import Reason
from cds_service.web.clients import BrokenClients, Client, clients_of, read_clients
from tests.servers.jwks_server import OF_THE_SANDBOX, Signer

SERVICES = (ServiceId("sign"), ServiceId("view"))
KEY = Signer("ES256", "one").jwk
PAGE = Path("docs/how-to/let-a-client-in.md")
DISCOVERY = Path("discovery.json")


def read(text, **how):
    return clients_of(text, "etc/clients.yaml", **{"development": False, "services": SERVICES} | how)


def mistakes(text, **how):
    with pytest.raises(BrokenClients) as broken:
        read(text, **how)
    return str(broken.value).splitlines()


def one(*lines):
    return "\n".join(("clients:", "  - name: hospital", *(f"    {line}" for line in lines), ""))


BY_JKU = ("iss: https://ehr.example", "jku: https://ehr.example/jwks")


def test_a_client_needs_a_name_an_issuer_and_keys_and_the_rest_is_usual():
    (client,) = read(one(*BY_JKU)).everyone
    assert client == Client(name="hospital", iss="https://ehr.example", jku="https://ehr.example/jwks")
    assert (client.services, client.fhir_servers, client.rate, client.concurrent) == (None, None, None, None)
    assert (client.deduplicate, client.override_kept_days) == (False, 0)
    assert (client.tenants, client.override_reasons) == (frozenset(), frozenset())


def test_everything_that_can_be_agreed_is_read():
    (client,) = read(
        one(
            *BY_JKU,
            "tenants: [north, south]",
            "services: [sign]",
            "fhir_servers: [FHIR.example, 'ehr.example:8443']",
            "rate: 600",
            "concurrent: 8",
            "deduplicate: true",
            "override_kept_days: 30",
            "override_reasons: [seen-by-pharmacist]",
            "certificate: CN=ehr.example,O=Hospital",
        )
    ).everyone
    assert client.tenants == {"north", "south"}
    assert client.services == {"sign"}
    assert client.fhir_servers == {("fhir.example", None), ("ehr.example", 8443)}
    assert (client.rate, client.concurrent, client.deduplicate, client.override_kept_days) == (600, 8, True, 30)
    assert client.override_reasons == {"seen-by-pharmacist"}
    assert client.certificate == "CN=ehr.example,O=Hospital"


def test_keys_can_be_handed_over_as_they_are():
    (client,) = read(one("iss: https://ehr.example", f"keys: [{KEY}]")).everyone
    assert [key.kid for key in client.keys.find("one")] == ["one"]
    assert KEY["x"] not in repr(client)


def test_a_client_with_a_certificate_needs_nothing_else():
    clients = read(one("certificate: CN=ehr.example", "tenants: [north]"))
    assert clients.by_certificate["CN=ehr.example"].name == "hospital"
    assert clients.by_issuer == {}


def test_a_client_with_both_is_not_let_in_by_its_certificate_alone():
    assert read(one(*BY_JKU, "certificate: CN=ehr.example")).by_certificate == {}


def test_clients_that_share_an_issuer_are_told_apart_by_the_tenant():
    clients = read(
        "clients:\n"
        "  - {name: a, iss: i, jku: 'https://ehr.example/a', tenants: [a1, a2]}\n"
        "  - {name: b, iss: i, jku: 'https://ehr.example/b', tenants: [b1]}\n"
    )
    assert [clients.claimed("i", tenant).name for tenant in ("a2", "b1", "c1", None)] == ["a", "b", "a", "a"]
    assert clients.claimed("j", "a1") is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("isss: https://ehr.example", BY_JKU[1]), "3: `isss` is not a field of a client; did you mean `iss`?"),
        ((*BY_JKU, "colour: blue"), "5: `colour` is not a field of a client"),
        ((*BY_JKU, "rate: 0"), "5: `rate` must be a whole number from 1 to 1000000"),
        ((*BY_JKU, "rate: 1.5"), "5: `rate` must be a whole number from 1 to 1000000"),
        ((*BY_JKU, "rate: true"), "5: `rate` must be a whole number from 1 to 1000000"),
        ((*BY_JKU, "concurrent: many"), "5: `concurrent` must be a whole number from 1 to 1000"),
        ((*BY_JKU, "override_kept_days: 366"), "5: `override_kept_days` must be a whole number from 0 to 365"),
        ((*BY_JKU, "deduplicate: yes"), "5: `deduplicate` must be `true` or `false`"),
        ((*BY_JKU, "services: [sing]"), "5: an entry of `services` is no service: `sing`; did you mean `sign`?"),
        ((*BY_JKU, "services: sign"), "5: `services` must be a list with one entry at least; leave the field out if"),
        ((*BY_JKU, "tenants: []"), "5: `tenants` must be a list with one entry at least; leave the field out if"),
        ((*BY_JKU, "tenants: [7]"), "5: an entry of `tenants` must be a text of one line and at most 512 characters"),
        ((*BY_JKU, "fhir_servers: ['https://a.example']"), "5: an entry of `fhir_servers` must be a host like"),
        ((BY_JKU[0], "jku: http://ehr.example/jwks"), "4: `jku` must be an address like"),
        ((BY_JKU[0], "jku: http://localhost/jwks"), "4: `jku` must be an address like"),
        ((BY_JKU[0], "iss: again", BY_JKU[1]), "4: `iss` stands here a second time; the first is on line 3"),
        ((BY_JKU[0],), "2: a client with `iss` must have `jku` (where its keys are) or `keys` (the keys themselves)"),
        (("iss: ''", BY_JKU[1]), "3: `iss` must be a text of one line"),
        (("iss: 12345", BY_JKU[1]), "3: `iss` must be a text of one line"),
        (("rate: 1",), "2: a client must have `iss` (it sends tokens), `certificate` (it shows one to the proxy), or"),
        (("certificate: CN=a", BY_JKU[1]), "2: `jku` belongs to tokens: name their issuer, `iss`, too"),
        (("certificate: CN=a", "tenants: [a, b]"), "2: a client without tokens has one of `tenants` at most"),
        ((BY_JKU[0], f"keys: {KEY}"), "4: `keys` must be a list with one entry at least"),
        ((BY_JKU[0], "keys:", "  - kty: oct", "    kid: a"), "5: an entry of `keys` is a shared secret"),
        ((BY_JKU[0], "keys:", f"  - {KEY}", f"  - {KEY}"), "6: an entry of `keys` has the `kid` of another"),
        ((BY_JKU[0], f"keys: [{KEY | {'d': 'AAAA'}}]"), "4: an entry of `keys` holds the private half of the key"),
        (
            (BY_JKU[0], f"keys: [{OF_THE_SANDBOX[0]}]"),
            "4: an entry of `keys` is the key of the public CDS Hooks Sandbox, whose private half anybody can read",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(lines, said):
    (line,) = mistakes(one(*lines))
    assert line.startswith(f"etc/clients.yaml:{said}")


@pytest.mark.parametrize("name", ["Hospital", "a b", "-a", "a-", "anyone", "7", "x" * 65, "ä"])
def test_a_name_is_safe_to_write_anywhere(name):
    (line,) = mistakes(f"clients:\n  - {{name: {name}, iss: i, jku: 'https://ehr.example/a'}}\n")
    assert line.startswith("etc/clients.yaml:2: `name` must be a name of small letters, digits and hyphens")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("clients:\n", "must have `clients:`"),
        ("clients: []\n", "must have `clients:`"),
        ("- name: a\n", "must have `clients:`"),
        ("clients: {name: a}\n", "must have `clients:`"),
        ("clients:\n  - hospital\n", "a client must be a list of fields"),
        (
            "clients:\n  - {name: a, iss: i, jku: 'https://a.example/a'}\nmore: 1\n",
            "`more` is not a field of this file",
        ),
        ("clients: [\n", "is not closed"),
    ],
)
def test_a_file_of_another_form_is_refused(text, says):
    assert says in mistakes(text)[0]


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (
            "iss: i, jku: 'https://a.example/a'",
            "iss: i, jku: 'https://a.example/a'",
            "each of them must have `tenants`",
        ),
        (
            "iss: i, jku: 'https://a.example/a', tenants: [t]",
            "iss: i, jku: 'https://a.example/a'",
            "each of them must have `tenants`",
        ),
        (
            "iss: i, jku: 'https://a.example/a', tenants: [s, t]",
            "iss: i, jku: 'https://b.example/b', tenants: [t, u]",
            "`a` has the same `iss` and the tenant `t`, too",
        ),
        ("certificate: CN=a", "certificate: CN=a", "`a` has the same `certificate`"),
        (
            "certificate: CN=a",
            "certificate: CN=a, iss: i, jku: 'https://b.example/b'",
            "`a` has the same `certificate`",
        ),
    ],
)
def test_clients_that_could_be_taken_for_each_other_are_refused(first, second, says):
    (line,) = mistakes(f"clients:\n  - {{name: a, {first}}}\n  - {{name: b, {second}}}\n")
    assert line.startswith("etc/clients.yaml:3: ")
    assert says in line


def test_two_clients_of_one_name_are_refused():
    client = "iss: {}, jku: 'https://a.example/a'"
    assert mistakes(f"clients:\n  - {{name: a, {client.format(1.5)}}}\n  - {{name: a, {client.format('k')}}}\n") == [
        "etc/clients.yaml:2: `iss` must be a text of one line and at most 512 characters; put numbers in quotes"
    ]
    assert mistakes(f"clients:\n  - {{name: a, {client.format('i')}}}\n  - {{name: a, {client.format('k')}}}\n") == [
        "etc/clients.yaml:3: `a` is the name of the client on line 2 already"
    ]


def test_all_mistakes_are_named_at_once_in_the_order_of_lines():
    said = mistakes(one("rate: 0", "jku: nowhere", "hue: red") + "  - {name: B}\n")
    assert [re.match(r"etc/clients.yaml:(\d+): ", line)[1] for line in said] == ["3", "4", "5", "6", "6"]


def test_in_development_keys_may_be_on_this_machine_and_the_sandbox_s():
    (client,) = read(
        one("iss: https://sandbox.cds-hooks.org", "jku: http://localhost/jwks", f"keys: [{OF_THE_SANDBOX[0]}]"),
        development=True,
    ).everyone
    assert client.keys.find(OF_THE_SANDBOX[0]["kid"])


def test_where_the_services_are_not_known_any_id_is_taken():
    assert read(one(*BY_JKU, "services: [other]"), services=None).everyone[0].services == {"other"}


def test_a_file_that_is_not_there_is_a_mistake_like_others(tmp_path):
    with pytest.raises(BrokenClients, match="cannot be read; is there such a file"):
        read_clients(tmp_path / "none.yaml", development=False)


def test_the_example_of_the_documentation_can_be_used():
    (text,) = re.findall(r"```yaml\n(clients:\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    clients = clients_of(text, "x/clients.yaml", development=False, services=Discovery.load(DISCOVERY).hooks)
    assert len(clients.everyone) >= 4
    assert {client.name for client in clients.by_certificate.values()}
    assert any(len(sharing) > 1 for sharing in clients.by_issuer.values())


def test_the_documentation_explains_every_code_of_a_refusal():
    explained = set(re.findall(r"^\| (`.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    codes = {code for row in explained for code in re.findall(r"`([a-z-]+)`", row)}
    assert codes >= set(Reason)
