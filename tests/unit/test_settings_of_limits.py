"""Settings: limits, and who may read the counts."""

from dataclasses import fields

import pytest

from cds_service.app import THREADS
from cds_service.settings import Settings, WrongSettings
from cds_service.web.limits import redis_storage


def test_without_variables_the_limits_are_generous():
    settings = Settings.read({})
    assert (settings.max_json_depth, settings.max_entries) == (64, 10_000)
    assert (settings.concurrent_per_client, settings.rate_per_client, settings.redis) == (12, 0, None)
    assert settings.metrics


@pytest.mark.parametrize(
    "address",
    [
        "redis://localhost",
        "redis://10.0.0.1:6379/0",
        "redis://[::1]:6379/0",
        "redis://:p%2Fa%23s%3Fs@redis.example",
        "rediss://user:s3cret+=,;!$&'()*~-._@redis.example:6380/15",
    ],
)
def test_the_address_of_a_redis_server_is_read(address):
    assert Settings.read({"CDS_REDIS": address}).redis == address
    redis_storage(address)  # and means something to the library that counts


def test_the_text_on_calls_at_the_same_time_knows_how_many_threads_there_are():
    (setting,) = (setting for setting in fields(Settings) if setting.name == "concurrent_per_client")
    assert f"at most {THREADS - 4} of its {THREADS} threads" in setting.metadata["says"]


@pytest.mark.parametrize(
    "address",
    [
        "localhost:6379",
        "http://redis.example",
        "redis://",
        "redis://a/b",
        "redis://a b",
        "redis://:hunter/2@redis.example:6379/0",
        "redis://:hunter#2@redis.example:6379/0",
        "redis://:hunter?2@redis.example:6379/0",
        "redis://:hunter[2@redis.example:6379/0",
        "redis://:hunter]2@redis.example:6379/0",
        "redis://:hunter\uff0f2@redis.example:6379/0",
        "redis://:hunter@2@redis.example",
        "redis://:hunter2:redis.example",
        "redis://redis.example:hunter2",
        "redis://redis.example:0",
        "redis://redis.example:65536",
        "redis://redis.example:6379/0?password=hunter2",
        "redis://redis.example:6379/0#hunter2",
        "redis://:hunter2@/0",
        "redis://:hunter2@[::g]:6379/0",
        "redis://:hunter%zz@redis.example",
    ],
)
def test_what_is_no_address_of_a_redis_server_is_refused_without_repeating_it(address):
    """It may hold a password."""
    with pytest.raises(WrongSettings) as wrong:
        Settings.read({"CDS_REDIS": address})
    assert str(wrong.value) == (
        "`CDS_REDIS` must be an address like `rediss://:password@redis.example:6379/0`; in a password, signs other "
        "than letters and digits are written like `%2F`"
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CDS_MAX_JSON_DEPTH", "15"),
        ("CDS_MAX_ENTRIES", "0"),
        ("CDS_CONCURRENT_PER_CLIENT", "-1"),
        ("CDS_RATE_PER_CLIENT", "many"),
        ("CDS_METRICS_FROM", "everyone"),
        ("CDS_METRICS_FROM", "0.0.0.0/0"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(variable, value):
    with pytest.raises(WrongSettings, match=variable):
        Settings.read({variable: value})


def test_where_callers_are_known_only_this_machine_reads_the_counts(tmp_path):
    (tmp_path / "clients.yaml").touch()
    known = Settings.read({"CDS_CLIENTS": str(tmp_path / "clients.yaml")})
    assert known.metrics_readers == Settings(mode="production").metrics_readers


def test_in_production_only_this_machine_reads_the_counts_unless_it_is_set_otherwise():
    assert Settings().metrics_readers is None
    assert [str(network) for network in Settings(mode="production").metrics_readers] == ["127.0.0.0/8", "::1/128"]
    set_so = Settings.read({"CDS_MODE": "production", "CDS_METRICS_FROM": "10.20.0.0/16"})
    assert [str(network) for network in set_so.metrics_readers] == ["10.20.0.0/16"]
