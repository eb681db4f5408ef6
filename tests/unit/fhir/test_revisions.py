"""Which of two versions of a resource is the later one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.revisions import revises


def version(number=None, updated=None, status="final"):
    meta = {"versionId": number, "lastUpdated": updated}
    return {"meta": {name: value for name, value in meta.items() if value is not None}, "status": status}


MORNING, EVENING = "2026-11-20T08:00:00+01:00", "2026-11-20T07:30:00Z"  # half an hour later, in another zone


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (version("2"), version("1")),
        (version("10"), version("9")),
        (version("2", status="final"), version("1", status="corrected")),
        (version(updated=EVENING), version(updated=MORNING)),
        (version("2", MORNING), version("2", "2026-11-19T08:00:00Z")),
        (version("b", EVENING), version("a", MORNING)),
        (version(status="corrected"), version()),
        (version(status="amended"), version(status="preliminary")),
        (version(), version(status="preliminary")),
        (version(status="entered-in-error"), version(status="corrected")),
        ({"status": "corrected"}, {}),
    ],
)
def test_the_later_version_is_known_by_its_number_its_moment_or_its_status(later, earlier):
    assert revises(later, earlier)
    assert not revises(earlier, later)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (version("1"), version("1")),
        (version(updated=MORNING), version(updated=MORNING)),
        (version(), version()),
        (version(updated="2026-11-21T08:00:00"), version(updated=MORNING)),
        (version(updated="yesterday"), version(updated=MORNING)),
        (version(updated="0001-01-01T00:00:00+14:00"), version(updated=MORNING)),
        (version("9" * 5000), version("1")),
        (version("²"), version("1")),
        (version(7), version(6)),
        (version(status=["corrected"]), version()),
        ({"meta": [version("2")["meta"]]}, version("1", status="")),
    ],
)
def test_without_a_difference_that_can_be_read_neither_is_later(one, other):
    assert not revises(one, other)


@given(st.lists(st.sampled_from([version("1"), version("2"), version(status="corrected"), {}]), min_size=2, max_size=2))
def test_no_two_versions_are_each_later_than_the_other(pair):
    one, other = pair
    assert not (revises(one, other) and revises(other, one))
