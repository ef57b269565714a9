"""Checks the shapes that functions are annotated with, and nothing else, while tests run.

`--jaxtyping-packages` in pyproject.toml puts `jaxtyping.jaxtyped` around every function of the package. That function
looks at every annotation, at those of arguments twice, and was more than half of the time of all tests. mypy holds what
is no shape, so here only a function that names a shape is wrapped, and each of its annotations is looked at once.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_type_hints

import jaxtyping
import pytest

Checker = Callable[[Any], Any]
"""What puts checks of its annotations around a function, such as `beartype.beartype`."""


def check_only_shapes() -> None:
    """Let the hook that is in place wrap only what names a shape. It holds for all that is imported afterwards."""
    context = jaxtyping.jaxtyped

    def jaxtyped(*, typechecker: Checker) -> Checker:
        return functools.partial(_checked, typechecker=typechecker, context=context)

    jaxtyping.jaxtyped = jaxtyped  # type: ignore[assignment]


def _checked(thing: Any, typechecker: Checker, context: Callable[[str], Any]) -> Any:
    again = functools.partial(_checked, typechecker=typechecker, context=context)
    if inspect.isclass(thing):
        if dataclasses.is_dataclass(thing):
            thing.__init__ = again(thing.__init__)  # type: ignore[misc]
        return thing
    if isinstance(thing, (classmethod, staticmethod)):
        return type(thing)(again(thing.__func__))
    if isinstance(thing, property):
        return property(*(part and again(part) for part in (thing.fget, thing.fset, thing.fdel)))
    if not any(_is_shape(part) for hint in inspect.get_annotations(thing).values() for part in _parts(hint)):
        return thing
    return _wrapped(thing, typechecker, context)


def _wrapped(function: Any, typechecker: Checker, context: Callable[[str], Any]) -> Any:
    told = function.__annotations__
    function.__annotations__ = {name: _meaning(hint, function) for name, hint in told.items()}
    typed = typechecker(function)
    function.__annotations__ = told

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if jaxtyping.config.jaxtyping_disable:
            return function(*args, **kwargs)
        with context("context"):  # one letter means one size within this call, whatever it means in the caller
            return typed(*args, **kwargs)

    return checked


def _meaning(hint: Any, function: Any) -> Any:
    """Return the hint with its names looked up; `Any` if one of them is imported for the type checker alone."""

    def one(value: Any) -> None: ...

    one.__annotations__ = {"value": hint}
    try:
        return get_type_hints(one, function.__globals__, include_extras=True)["value"]
    except NameError:
        return Any


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for argument in get_args(hint):
        yield from _parts(argument)


def _is_shape(hint: Any) -> bool:
    return inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray)


@pytest.fixture
def shapes_unchecked() -> Iterator[None]:
    """Leave it be where all pairs of parts are gone through: their own tests have checked the shapes."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
