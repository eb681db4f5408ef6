"""What every response says besides its content."""

import pytest

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "",
}


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/cds-services", 200),
        ("GET", "/healthz", 200),
        ("POST", "/cds-services/sign", 415),
        ("POST", "/cds-services/nobody", 404),
        ("OPTIONS", "/cds-services/sign", 200),
        ("GET", "/nowhere", 404),
    ],
)
def test_every_response_has_the_headers_of_security_once(web, method, address, status):
    response = web.client.open(address, method=method)
    assert response.status_code == status
    for name, value in ALWAYS.items():
        assert response.headers.getlist(name) == [value]
    assert "Strict-Transport-Security" not in response.headers


def test_a_mistake_of_ours_has_them_too(web_that, call):
    assert web_that(ValueError()).post(call).headers["X-Content-Type-Options"] == "nosniff"


def test_who_came_by_https_is_told_to_keep_to_it(web_that):
    response = web_that(over_tls=True).client.get("/")
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
