"""Routes that take one body of JSON and nothing else: it is read in one go, where it is as it should be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, final, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

__all__ = ["BodiedRoute"]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@final
class BodiedRoute(APIRoute):
    """A route that reads a question from the bytes of the body, without what parameters, dependencies and forms need.

    Whatever else comes, a body that is not as it should be among it, is read and refused as FastAPI does.
    """

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        careful = super().get_route_handler()
        question = self._question()
        if question is None:
            return careful
        read, answer = question.__pydantic_validator__.validate_json, self.endpoint

        async def handle(request: Request) -> Response:
            if request.headers.get("content-type") != "application/json":
                return await careful(request)
            try:
                asked = read(await request.body())
            except (ValidationError, ClientDisconnect):
                return await careful(request)
            said: Response = await answer(asked)
            return said

        return handle

    def _question(self) -> type[BaseModel] | None:
        """Return what the body holds, where nothing but the body is read and the response is the endpoint's own."""
        hints = get_type_hints(self.endpoint, include_extras=True)
        known = self.dependant
        more = (known.path_params, known.query_params, known.header_params, known.cookie_params, known.dependencies)
        if any(more) or hints.pop("return", None) is not Response or len(hints) != 1 or len(known.body_params) != 1:
            return None
        if not inspect.iscoroutinefunction(self.endpoint):
            return None
        (kind,) = hints.values()
        return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
