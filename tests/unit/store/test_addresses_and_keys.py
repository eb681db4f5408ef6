"""What a store is opened with: its address, and the secrets for pseudonyms."""

from datetime import timedelta
from pathlib import Path

import pytest

from cds_service.settings import Settings, WrongSettings
from cds_service.store.address import Address
from cds_service.store.pseudonyms import PseudonymKeys
from tests.unit.store.keeping import AT, KEYS


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///store.sqlite3", "sqlite:///store.sqlite3"),
        ("sqlite:////var/lib/cds/store.sqlite3", "sqlite:////var/lib/cds/store.sqlite3"),
        ("postgresql://cds:canary@db:5432/store", "postgresql://cds@db:5432/store"),
        ("postgresql://cds:can@ry@db/store", "postgresql://cds@db/store"),
        ("postgres://cds@db/store?sslmode=require&password=canary", "postgresql://cds@db/store"),
        ("postgresql+psycopg://db/store", "postgresql://db/store"),
    ],
)
def test_an_address_shows_everything_but_its_password(url, shown):
    address = Address.read(url)
    assert str(address) == address.shown == shown
    assert "can@ry" not in repr(address)
    assert "canary" not in repr(address)


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///:memory:", "mysql://canary@db/store", "store.sqlite3", "postgresql:///a b"]
)
def test_what_is_no_address_is_refused_without_being_repeated(url):
    with pytest.raises(ValueError, match="must be `sqlite:///file` or `postgresql://user@host/database`") as refused:
        Address.read(url)
    assert "canary" not in str(refused.value)


def test_spill_files_lie_beside_the_database():
    assert Address.read("sqlite:////var/lib/cds/store.sqlite3").spill == Path("/var/lib/cds/cds-service-spill")
    assert Address.read("sqlite:///store.sqlite3").spill == Path("cds-service-spill")
    assert Address.read("postgresql://db/store").spill == Path("cds-service-spill")


def test_the_settings_of_the_store_are_read(tmp_path):
    (tmp_path / "url").write_text("postgresql://cds:canary@db/store\n")
    (tmp_path / "keys").write_text("n" * 32 + "\n\n" + "o" * 40 + "\n")
    read = Settings.read(
        {
            "CDS_STORE": "sqlite:///elsewhere.sqlite3",
            "CDS_STORE_FILE": str(tmp_path / "url"),
            "CDS_SPILL": "/var/spool/cds",
            "CDS_STORE_COMMENTS": "1",
            "CDS_KEEP_DAYS": "90",
            "CDS_PSEUDONYM_KEYS": str(tmp_path / "keys"),
            "CDS_REPEAT_MINUTES": "10",
            "CDS_OVERRIDE_THRESHOLD": "0.75",
        }
    )
    assert str(read.store_address) == "postgresql://cds@db/store"
    assert read.store_address.url == "postgresql+psycopg://cds:canary@db/store"
    assert read.spill_folder == Path("/var/spool/cds")
    assert (read.store_comments, read.keep_days, read.repeat_minutes, read.override_threshold) == (True, 90, 10, 0.75)
    assert read.pseudonym_keys == PseudonymKeys((b"n" * 32, b"o" * 40))
    assert "canary" not in repr(read)
    assert "nnn" not in repr(read)


def test_the_store_is_a_file_in_the_working_folder_where_nothing_is_set():
    read = Settings()
    assert str(read.store_address) == "sqlite:///cds-service.sqlite3"
    assert read.spill_folder == Path("cds-service-spill")
    assert (read.store_comments, read.pseudonym_keys, read.repeat_minutes) == (False, None, 30)


def test_mistakes_in_the_settings_of_the_store_repeat_no_secret(tmp_path):
    (tmp_path / "short").write_text("canary-secret\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe canary")
    with pytest.raises(WrongSettings) as wrong:
        Settings.read(
            {
                "CDS_STORE": "oracle://cds:canary@db/store",
                "CDS_STORE_FILE": str(tmp_path / "binary"),
                "CDS_PSEUDONYM_KEYS": str(tmp_path / "short"),
                "CDS_OVERRIDE_THRESHOLD": "90",
            }
        )
    assert str(wrong.value).splitlines() == [
        "`CDS_OVERRIDE_THRESHOLD` must be a number between 0 and 1, such as `0.9`",
        "`CDS_PSEUDONYM_KEYS` must be a file with one secret a line, the current one first, of at least 32 bytes",
        "`CDS_STORE` must be `sqlite:///file` or `postgresql://user@host/database`",
        "`CDS_STORE_FILE` must be a file that can be read, with the URL of the database in it",
    ]


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_secrets_is_none(tmp_path, content):
    (tmp_path / "keys").write_text(content)
    with pytest.raises(ValueError, match="at least 32 bytes"):
        PseudonymKeys.read(str(tmp_path / "keys"))
    with pytest.raises(ValueError, match="can be read"):
        PseudonymKeys.read(str(tmp_path / "none"))


def test_pseudonyms_of_two_days_or_two_secrets_have_nothing_in_common():
    today, tomorrow = KEYS.today(AT), KEYS.today(AT + timedelta(days=1))
    other = PseudonymKeys((b"another secret of tests, with 32 bytes and more",)).today(AT)
    assert len({key.pseudonym("a", "b") for key in (today, tomorrow, other)}) == 3
    assert today.pseudonym("a", "b") == KEYS.today(AT + timedelta(hours=13)).pseudonym("a", "b")


def test_names_are_kept_apart():
    key = KEYS.today(AT)
    names = [("a", "bc"), ("ab", "c"), ("a", None, "bc"), ("abc",), ("a", "", "bc"), (None,), ("null",)]
    assert len({key.pseudonym(*one) for one in names}) == len(names)


def test_a_look_back_has_every_day_and_every_secret():
    keys = PseudonymKeys((b"n" * 32, b"o" * 32))
    assert len(keys.since(AT, AT)) == 2
    assert len(keys.since(AT - timedelta(days=2), AT)) == 6
    assert len(keys.since(AT - timedelta(hours=11), AT)) == 4
