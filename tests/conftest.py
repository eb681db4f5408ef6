"""What every room of the tests shares: the service itself, with its clock in our hands."""

import os

import pytest
from hypothesis import settings

from tests.servers.service import a_service

# The same cases on every machine and in every run; `HYPOTHESIS_PROFILE=search` looks for new ones.
settings.register_profile("proof", derandomize=True, max_examples=200, deadline=None, database=None)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "proof"))


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the answers of fixtures/ anew")


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    """The real service on 22 November 2026, without logs, and without a way to any FHIR server."""
    with a_service(tmp_path_factory.mktemp("store"), log=False) as client:
        yield client


# Tests that start servers or watch the clock: where tests run side by side (`make test`), these run one by one.
ALONE = (
    *("tests/unit/store/", "tests/unit/web/", "tests/unit/fhir/test_fetch", "tests/unit/test_command_line_in_pipes"),
    *("tests/journeys/test_two_processes", "tests/journeys/test_ending", "tests/journeys/test_starting"),
    "tests/house/test_canary",
)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.path.relative_to(config.rootpath).as_posix().startswith(ALONE):
            item.add_marker(pytest.mark.xdist_group("alone"))
