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
