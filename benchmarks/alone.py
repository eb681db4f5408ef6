"""The service without what stands around it: nobody proves who calls, and nothing is kept, counted or logged."""

import gc
from typing import Final

from flask import Flask

from cds_service.advice.advise import advise
from cds_service.advice.policy import Policy, from_prefetch_only
from cds_service.advice.rendering import Advice
from cds_service.app import local_time
from cds_service.card_files.loading import load_library
from cds_service.drugs import vocabulary
from cds_service.fhir.fetch import MEGABYTE
from cds_service.hooks.discovery import Discovery, ServiceId
from cds_service.hooks.request import HookRequest
from cds_service.settings import Settings
from cds_service.web.auth import Admitted
from cds_service.web.limits import AtOnce, Most, Rates
from cds_service.web.log import to_nowhere
from cds_service.web.routes import Limits, Watch, create_web

ANY_NUMBER: Final = 0


def create_app() -> Flask:
    """Reading, judging and writing, behind the addresses of the real one."""
    settings = Settings()
    library = load_library(settings.cards, vocabulary.load(), settings.jurisdiction)
    gc.collect()
    gc.freeze()

    def answer(_service: ServiceId, request: HookRequest, _admitted: Admitted) -> Advice:
        return advise(request, library, fetch=from_prefetch_only, policy=Policy(), at=local_time())

    return create_web(
        answer,
        Discovery.load(settings.discovery),
        limits=Limits(
            most=Most(settings.max_body_mb * MEGABYTE, settings.max_json_depth, settings.max_entries),
            rates=Rates(ANY_NUMBER),
            at_once=AtOnce(ANY_NUMBER),
        ),
        cors_origins=("*",),
        watch=Watch(log=to_nowhere),
        now=local_time,
    )
