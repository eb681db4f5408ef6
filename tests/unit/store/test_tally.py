"""What a process had in its hands when it was killed is counted, once, and by whoever comes after it."""

from time import perf_counter

import pytest

from cds_service.store.tally import SUFFIX, Tally, lost_with


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spill"


def tallies(folder):
    return list(folder.glob(f"*{SUFFIX}"))


def dead(folder, *, handed, settled):
    """What a process leaves that is killed: the file without the lock."""
    tally = Tally(folder)
    for _ in range(handed):
        tally.hand_over()
    tally.settle(settled)
    (path,) = tallies(folder)
    said = path.read_bytes()
    tally.settle(handed - settled)
    tally.close()
    path.write_bytes(said)


def test_what_was_handed_over_and_not_settled_is_lost_once(folder):
    dead(folder, handed=7, settled=3)
    assert (lost_with(folder), lost_with(folder)) == (4, 0)
    assert tallies(folder) == []


def test_the_numbers_of_the_living_are_left_to_them(folder):
    tally = Tally(folder)
    tally.hand_over()
    assert lost_with(folder) == 0
    assert len(tallies(folder)) == 1
    tally.settle(1)
    assert len(tallies(folder)) == 1
    tally.close()
    assert tallies(folder) == []


def test_a_process_that_closes_is_done_when_its_last_record_is_settled(folder):
    tally = Tally(folder)
    tally.hand_over()
    tally.hand_over()
    tally.settle(1)
    tally.close()
    assert len(tallies(folder)) == 1
    tally.settle(1)
    assert tallies(folder) == []
    tally.hand_over()
    tally.settle(1)
    assert tallies(folder) == []


def test_only_its_owner_may_read_it(folder):
    tally = Tally(folder)
    tally.hand_over()
    (path,) = tallies(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    tally.settle(1)
    tally.close()


def test_where_there_can_be_no_file_there_is_no_harm(folder):
    folder.write_text("a file where the folder should be")
    tally = Tally(folder)
    tally.hand_over()
    tally.settle(1)
    tally.close()
    assert lost_with(folder) == 0


def test_nothing_is_lost_without_a_folder(folder):
    assert lost_with(folder) == 0


@pytest.mark.parametrize("said", [b"", bytes(9), bytes(16)])
def test_a_file_that_says_nothing_yet_is_removed(folder, said):
    folder.mkdir()
    (folder / f"records-dead{SUFFIX}").write_bytes(said)
    assert lost_with(folder) == 0
    assert tallies(folder) == []


def test_it_costs_an_answer_about_a_microsecond(folder):
    tally = Tally(folder)
    tally.hand_over()
    best = min(_us_each(tally) for _ in range(5))
    tally.settle(5 * 10_000 + 1)
    tally.close()
    assert best < 5, "generous, for a machine that is busy with something else"


def _us_each(tally):
    began = perf_counter()
    for _ in range(10_000):
        tally.hand_over()
    return (perf_counter() - began) * 100
