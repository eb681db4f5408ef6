"""Spill files: whole lines or none, loaded once, and never thrown away unread."""

from uuid import uuid4

import pytest

from cds_service.store.rows import UnreadableLine, evaluation_rows, feedback_row, from_line, to_line, token_rows
from cds_service.store.spill import CannotSpill, Loaded, Spill, load
from cds_service.store.tables import FEEDBACK
from tests.unit.store.keeping import AT, EDITION, EHR, SERVICE, evaluation, overridden, traced

LINE = to_line(token_rows(b"one", AT))


def loaded_from(folder):
    records = []

    def write(some):
        records.extend(some)
        return 0

    return load(folder, write), records


def test_a_line_says_all_of_a_record():
    feedback = feedback_row(overridden(uuid4(), comment="words"), SERVICE, EHR, AT, comments=True)
    for rows in (
        evaluation_rows(evaluation(traced(), traced()), uuid4(), EDITION),
        ((FEEDBACK, feedback),),
        token_rows(bytes(range(32)), AT),
    ):
        line = to_line(rows)
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert from_line(line) == rows


@pytest.mark.parametrize(
    "line",
    [
        LINE[:-9],
        b"\n",
        b"\0\0\0\n",
        b"[2,[]]\n",
        b'[1,[["no such table",{}]]]\n',
        b'[1,[["feedback",{"no such column":1}]]]\n',
        b'[1,[["feedback",{"card":"no uuid"}]]]\n',
        b'[1,[["feedback",{"at":7}]]]\n',
        b'[1,["feedback"]]\n',
        b"{}\n",
        b"null\n",
    ],
)
def test_what_is_none_of_our_lines_is_not_read(line):
    with pytest.raises(UnreadableLine):
        from_line(line)


def test_what_was_sealed_is_loaded_and_deleted(tmp_path):
    spill = Spill(tmp_path / "spill", "records", durable=True)
    spill.append([LINE, LINE])
    spill.append([LINE])
    assert loaded_from(tmp_path / "spill") == (Loaded(), []), "its process still writes it"
    spill.seal()
    loaded, records = loaded_from(tmp_path / "spill")
    assert loaded == Loaded(3, 0)
    assert records == [token_rows(b"one", AT)] * 3
    assert list((tmp_path / "spill").iterdir()) == []
    spill.append([LINE])
    spill.seal()
    assert loaded_from(tmp_path / "spill")[0] == Loaded(1, 0)


def test_only_its_owner_may_read_it(tmp_path):
    spill = Spill(tmp_path / "spill", "records", durable=False)
    spill.append([LINE])
    (file,) = (tmp_path / "spill").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    spill.seal()


def test_a_torn_last_line_is_counted_and_the_others_are_loaded(tmp_path):
    (tmp_path / "records-dead.ndjson").write_bytes(LINE + LINE[:20])
    assert loaded_from(tmp_path)[0] == Loaded(1, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_lines_of_somebody_else_is_kept(tmp_path):
    """As after going back to an older version of the software, which does not know what the newer one wrote."""
    (tmp_path / "records-newer.ndjson").write_bytes(LINE + b"[2,[]]\n" + LINE)
    assert loaded_from(tmp_path)[0] == Loaded(2, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["records-newer.unread"]


def test_a_file_with_a_record_that_the_database_refuses_is_kept(tmp_path):
    (tmp_path / "records-x.ndjson").write_bytes(LINE + LINE)
    assert load(tmp_path, lambda _: 1) == Loaded(1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["records-x.unread"]


def test_a_file_that_could_not_be_written_to_the_database_stays(tmp_path):
    (tmp_path / "records-dead.ndjson").write_bytes(LINE)

    def fail(_):
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - our own
        load(tmp_path, fail)
    assert loaded_from(tmp_path)[0] == Loaded(1, 0)


def test_a_file_grows_no_further_than_it_may(tmp_path):
    spill = Spill(tmp_path, "records", durable=False, most_bytes=2 * len(LINE))
    spill.append([LINE, LINE])
    with pytest.raises(CannotSpill):
        spill.append([LINE])
    spill.seal()
    assert loaded_from(tmp_path)[0] == Loaded(2, 0)


def test_there_is_nothing_to_load_without_a_folder(tmp_path):
    assert loaded_from(tmp_path / "none") == (Loaded(), [])
