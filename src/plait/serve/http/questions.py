"""What a question may hold, and what is said to one about a row that is not there."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from starlette.exceptions import HTTPException

from plait.serve.browse import Browse
from plait.serve.catalogue import singular

__all__ = ["Count", "Name", "Page", "Part", "Words", "unknown"]

Count = Annotated[int, Query(ge=1, le=100)]
Page = Annotated[int, Query(ge=1, le=1_000_000)]
Name = Annotated[str, Query(max_length=500)]
Words = Annotated[str, Query(max_length=200)]
Part = Annotated[Literal["test", "valid", "train", "all"], Query()]


def unknown(service: Browse, table: str | None, name: str) -> HTTPException:
    """Say that there is no such row, and what ids look like."""
    catalogue = None if table is None else service.catalogue(table)
    if table is None or catalogue is None:
        return HTTPException(404, f"There is no table of that name in the recipe {service.run.recipe.name}.")
    some = ", ".join(f"`{catalogue.id(row)}`" for row in range(1, min(3, catalogue.rows) + 1))
    hint = f" Ids look like {some}." if some else " The table has no rows."
    return HTTPException(404, f"There is no {singular(table)} `{name}`.{hint}")
