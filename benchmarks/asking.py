"""Cases put to the service: the real one, through HTTP without a network, on the day the cases are written for."""

import atexit
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final

from flask.testing import FlaskClient

from benchmarks.case_requests import AT, Json, request_of
from benchmarks.cohorts import INDICATORS, Case, Expected
from cds_service.app import create_served
from cds_service.hooks.cards import Topic
from cds_service.settings import Settings
from cds_service.store.address import Address

_NOTHING_TO_CHECK: Final = 412


@dataclass(frozen=True, slots=True)
class Shown:
    """One card, as far as the burden is concerned."""

    card: str
    indicator: str
    topic: Topic

    @property
    def interrupts(self) -> bool:
        """Whether a prescriber is interrupted, and not merely told."""
        return self.indicator != INDICATORS[0] and self.topic is not Topic.NOT_CHECKED

    def answers(self, expected: Expected, *, at_least: str) -> bool:
        """Whether it is about the right thing, and urgent enough."""
        return self.topic in expected.about and INDICATORS.index(self.indicator) >= INDICATORS.index(at_least)


@cache
def service(country: str = "us") -> FlaskClient:
    """The service with its shipped cards for one country, without logs and without a way to any FHIR server."""
    folder = Path(mkdtemp(prefix="cds-burden-"))  # what a service keeps of calls is not what is measured
    atexit.register(rmtree, folder, ignore_errors=True)
    settings = Settings(
        log=False, metrics=False, fetch_ms=0, jurisdiction=country, store=Address.read(f"sqlite:///{folder}/store")
    )
    return create_served(settings, clock=lambda: AT).application.test_client()


def warned(case: Case) -> tuple[Shown, ...]:
    """The cards that the service of the case's country shows, when it is sent all it asks for."""
    return ask(request_of(case), case.country)


def ask(request: Json, country: str = "us") -> tuple[Shown, ...]:
    """The cards that answer a call; a refusal for want of data counts as one that says so.

    Raises:
        RuntimeError: the service does not answer it; carries the status alone.
    """
    response = service(country).post(f"/cds-services/medication-safety-{request['hook']}", json=request)
    if response.status_code == _NOTHING_TO_CHECK:
        return (Shown("refused", "warning", Topic.NOT_CHECKED),)
    if response.status_code != 200:  # noqa: PLR2004 (the one status that brings cards)
        raise RuntimeError(str(response.status_code))
    return tuple(_shown(card) for card in response.get_json()["cards"])


def _shown(card: Json) -> Shown:
    about = card["extension"]["org.cds-service.card"]
    return Shown(about["id"], card["indicator"], Topic(card["source"]["topic"]["code"]))


def detected(expected: Expected, cards: tuple[Shown, ...]) -> bool:
    """Whether a card says what the label asks for, as urgently as it asks for it."""
    return any(card.answers(expected, at_least=expected.at_least) for card in cards)


def found(case: Case, cards: tuple[Shown, ...]) -> bool:
    """Whether a labelled case is warned of; where a medicine has no code, whether that is said."""
    if case.expected is None:
        return False
    return detected(case.expected, cards) or (case.nameless and not_silent(case.expected, cards))


def not_silent(expected: Expected, cards: tuple[Shown, ...]) -> bool:
    """Whether, with data missing, a card warns of it or one says that it could not be checked."""
    return any(card.topic is Topic.NOT_CHECKED or card.answers(expected, at_least=INDICATORS[1]) for card in cards)
