"""What the routes of the pages share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from starlette.requests import Request
from starlette.responses import Response

from plait.serve.browse import Browse
from plait.serve.http.desk import Desk
from plait.serve.service import Service
from plait.serve.siblings import Siblings
from plait.serve.web.answers import html
from plait.serve.web.look import look_of
from plait.serve.web.renderer import Renderer

__all__ = ["Views"]


@final
@dataclass(frozen=True, slots=True)
class Views:
    """What the routes of the pages share.

    Attributes:
        browse: reads the run.
        service: what answers programs; the pages ask it the same questions.
        desk: where the work is done.
        renderer: draws.
        siblings: the runs beside this one.
    """

    browse: Browse
    service: Service
    desk: Desk
    renderer: Renderer
    siblings: Siblings

    def page(self, request: Request, template: str, **values: object) -> Response:
        """Answer with a page, in the language and colours of who asks."""
        return html(self.renderer.page(template, look_of(request), **values))

    async def asked(self, work: Callable[[], Response]) -> Response:
        """Do work of the model where all its work is done, one question at a time."""
        return await self.desk.lanes.model(work)
