"""Browser clients of other origins."""

import pytest

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


def preflight(web, origin, address="/cds-services/sign"):
    return web.client.options(address, headers=PREFLIGHT | {"Origin": origin})


@pytest.mark.parametrize("address", ["/cds-services", "/cds-services/sign"])
def test_a_preflight_is_answered_without_authentication(web, address):
    response = preflight(web, "https://sandbox.example", address)
    assert response.status_code == 200
    assert response.data == b""
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert response.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert response.headers["Access-Control-Max-Age"] == "600"


def test_a_page_may_read_cards_and_discovery(web, call):
    from_page = {"Origin": "https://sandbox.example"}
    for response in (web.client.get("/cds-services", headers=from_page), web.post(call, headers=from_page)):
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Max-Age" not in response.headers


def test_a_page_may_read_refusals_too(web_that, call):
    from_page = {"Origin": "https://sandbox.example"}
    for web, service, status in ((web_that(), "nobody", 404), (web_that(ValueError()), "sign", 500)):
        response = web.post(call, service, headers=from_page)
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_client_that_is_no_page_is_told_nothing_of_origins(web, call):
    assert not [name for name in web.post(call).headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118


def test_only_the_named_origins_may_call(web_that):
    web = web_that(cors_origins=("https://ehr.example", "http://localhost:3000"))
    assert preflight(web, "https://ehr.example").headers["Access-Control-Allow-Origin"] == "https://ehr.example"
    assert preflight(web, "http://localhost:3000").headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    for stranger in ("https://evil.example", "https://ehr.example.evil", "http://ehr.example", "null"):
        assert "Access-Control-Allow-Origin" not in preflight(web, stranger).headers


def test_a_cache_keeps_the_answers_of_origins_apart(web_that, call):
    web = web_that(cors_origins=("https://ehr.example",))
    assert web.post(call).headers["Vary"] == "Origin"
    assert web.post(call, headers={"Origin": "https://ehr.example"}).headers["Vary"] == "Origin"


def test_no_page_may_call_when_no_origin_is_named(web_that):
    response = preflight(web_that(cors_origins=()), "https://ehr.example")
    assert not [name for name in response.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118
