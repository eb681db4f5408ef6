"""The least that any service of this kind must do: parse the body, and answer with a card."""

from typing import Final

import orjson
from flask import Flask, Response, request

CARD: Final = {"summary": "A card", "indicator": "info", "source": {"label": "Bare handler"}}


def create_app() -> Flask:
    """A bare Flask application at the address of the real one."""
    app = Flask("bare")

    @app.post("/cds-services/<service_id>")
    def answer(service_id: str) -> Response:  # noqa: ARG001 (the route names it)
        orjson.loads(request.get_data(cache=False))
        return Response(orjson.dumps({"cards": [CARD]}), content_type="application/json")

    return app
