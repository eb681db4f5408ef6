"""The service itself in the process of the tests, with its clock in our hands and its store in a folder of theirs."""

from contextlib import contextmanager

from cds_service.app import create_served
from cds_service.settings import Settings
from cds_service.store.address import Address
from tests.journeys.records import AT


@contextmanager
def a_service(folder, *, clock=lambda: AT, **said):
    """A client of the service, which keeps what it keeps in this folder and asks no FHIR server unless that is said."""
    store = Address.read(f"sqlite:///{folder / 'store.sqlite3'}")
    served = create_served(Settings(**{"fetch_ms": 0, "store": store} | said), clock=clock)
    try:
        yield served.application.test_client()
    finally:
        served.stop(5)
