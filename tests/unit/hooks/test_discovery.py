"""Loading the discovery document."""

import json

import pytest

from cds_service.hooks.discovery import BrokenDiscovery, Discovery

SIGN = {"hook": "order-sign", "id": "a-sign", "description": "Checks."}
VIEW = {"hook": "patient-view", "id": "a-view", "description": "Shows."}


@pytest.fixture
def load(tmp_path):
    def load(document):
        path = tmp_path / "discovery.json"
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return Discovery.load(path)

    return load


def test_the_bytes_are_kept_as_they_stand(load):
    document = b' {"services" : [ {"hook": "order-sign", "id": "a", "description": "\xc3\xa4"} ] }\n'
    assert load(document).document == document


def test_each_service_has_its_hook(load):
    assert dict(load({"services": [SIGN, VIEW]}).hooks) == {"a-sign": "order-sign", "a-view": "patient-view"}


def test_a_missing_document_does_not_start(tmp_path):
    with pytest.raises(BrokenDiscovery, match=r"nowhere\.json: cannot be read \(No such file or directory\)"):
        Discovery.load(tmp_path / "nowhere.json")


def test_a_document_that_is_no_json_does_not_start_and_names_the_line(load):
    with pytest.raises(BrokenDiscovery, match=r"discovery\.json:2: is not JSON"):
        load(b'{\n"services": oops}')


def test_a_document_that_is_no_object_does_not_start(load):
    with pytest.raises(BrokenDiscovery, match=r"discovery\.json: must be an object"):
        load([])


def test_all_mistakes_are_named_at_once(load):
    with pytest.raises(BrokenDiscovery) as broken:
        load({"services": [SIGN | {"description": ""}, VIEW | {"prefetch": {"patient": 7}, "id": "a/b"}]})
    assert [line.partition("discovery.json: ")[2] for line in str(broken.value).splitlines()] == [
        "`services[0].description` must not be empty",
        "`services[1].id` must be an id on its own, like `123`",
        "`services[1].prefetch.patient` must be a string",
    ]


def test_two_services_with_one_id_do_not_start(load):
    with pytest.raises(BrokenDiscovery, match=r"the id `a-sign` is used 2 times; each service needs its own"):
        load({"services": [SIGN, VIEW, SIGN]})
