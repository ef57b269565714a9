"""How the scores of several tasks become one: `click^1 * buy^2`, read by a small parser and worked out on whole columns."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor

from plait.errors import RecipeError, nearest

__all__ = ["Formula"]

_TOKEN: Final = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([^\W\d]\w*(?:\.\w+)*)|`([^`]+)`|(.))", re.DOTALL)
_LONGEST: Final = 1_000
_DEEPEST: Final = 30

_Values = Mapping[str, Tensor]
_Node = Callable[[_Values], Tensor]

_OF_ONE: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "log": torch.log,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "sigmoid": torch.sigmoid,
}
_OF_TWO: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {"min": torch.minimum, "max": torch.maximum}
_SUMS: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {"+": torch.add, "-": torch.sub}
_PRODUCTS: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {"*": torch.mul, "/": torch.div}


@final
class Formula:
    """Combine the scores of tasks.

    A name is a task: the probability of a binary one, the value of a regression or an amount, the expected class of an
    ordinal one, the score of a ranking or retrieval task. `task.class` is the probability of one class; a name with other
    characters stands in backticks. Numbers, `+ - * / ^`, parentheses and `log exp sqrt abs sigmoid min max` are understood.

    Args:
        text: the formula.
        known: the names it may use.

    Attributes:
        text: as it was given.
        names: the names it uses, in the order in which they come.

    Raises:
        RecipeError: it cannot be read, or names what is not known.
    """

    def __init__(self, text: str, known: Collection[str]) -> None:
        if len(text) > _LONGEST:
            raise RecipeError(f"A formula should have at most {_LONGEST} letters. Found {len(text)}.")
        reader = _Reader(text, known)
        self._root = reader.whole()
        self.text = text.strip()
        self.names = list(dict.fromkeys(reader.names))

    def __call__(self, values: Mapping[str, Float[Tensor, " C"]]) -> Float[Tensor, " C"]:
        """Work it out for every item at once; what is no number comes out as minus infinity, behind all others.

        Args:
            values: name -> one value per item.
        """
        size = len(next(iter(values.values()))) if values else 0
        result = self._root({name: column.double() for name, column in values.items()})
        return result.expand(size).nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)


@final
@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


@final
class _Reader:
    """Read a formula by descent: a sum of products of powers."""

    def __init__(self, text: str, known: Collection[str]) -> None:
        self._text, self._known = text, list(known)
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self.names: list[str] = []

    def whole(self) -> _Node:
        found = self._sum()
        if self._peek() != "":
            raise self._fault("an operator or the end")
        return found

    def _sum(self) -> _Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise RecipeError(f"A formula should be nested at most {_DEEPEST} deep. Found more in `{self._text[:80]}`.")
        left = self._chain(_SUMS, lambda: self._chain(_PRODUCTS, self._signed))
        self._depth -= 1
        return left

    def _chain(self, operators: Mapping[str, Callable[[Tensor, Tensor], Tensor]], part: Callable[[], _Node]) -> _Node:
        left = part()
        while self._peek() in operators:
            left = _both(operators[self._take().text], left, part())
        return left

    def _signed(self) -> _Node:
        if self._peek() != "-":
            return self._power()
        minuses = 0
        while self._peek() == "-":
            self._take()
            minuses += 1
        node = self._power()
        return node if minuses % 2 == 0 else lambda values: -node(values)

    def _power(self) -> _Node:
        base = self._single()
        if self._peek() != "^":
            return base
        self._take()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise RecipeError(f"A formula should be nested at most {_DEEPEST} deep. Found more in `{self._text[:80]}`.")
        exponent = self._signed()
        self._depth -= 1
        return _both(torch.pow, base, exponent)

    def _single(self) -> _Node:
        at = self._at
        token = self._take()
        if token.kind == "number":
            number = torch.tensor(float(token.text), dtype=torch.float64)
            return lambda _: number
        if token.kind == "name":
            return self._call(token.text) if self._peek() == "(" else self._name(token.text)
        if token.text == "(":
            inside = self._sum()
            self._close()
            return inside
        self._at = at
        raise self._fault("a task, a number or a parenthesis")

    def _name(self, name: str) -> _Node:
        if name not in self._known:
            listed = ", ".join(f"`{one}`" for one in self._known[:12]) or "nothing"
            raise RecipeError(
                f"A formula should name what the model predicts for a user and an item: {listed}. "
                f"Found `{name}` in `{self._text}`.{nearest(name, self._known)}"
            )
        self.names.append(name)
        return lambda values: values[name]

    def _call(self, name: str) -> _Node:
        self._take()
        if name in _OF_ONE:
            function, inside = _OF_ONE[name], self._sum()
            self._close()
            return lambda values: function(inside(values))
        if name not in _OF_TWO:
            functions = sorted([*_OF_ONE, *_OF_TWO])
            raise RecipeError(
                f"A formula should use the functions {functions}. Found `{name}` in `{self._text}`."
                + nearest(name, functions)
            )
        found = self._sum()
        while self._peek() == ",":
            self._take()
            found = _both(_OF_TWO[name], found, self._sum())
        self._close()
        return found

    def _close(self) -> None:
        if self._peek() != ")":
            raise self._fault("`)`")
        self._take()

    def _peek(self) -> str:
        token = self._tokens[self._at]
        return token.text if token.kind == "sign" else ("" if token.kind == "end" else "\0")

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _fault(self, wanted: str) -> RecipeError:
        token = self._tokens[self._at]
        found = "the end" if token.kind == "end" else f"`{token.text}`"
        return RecipeError(f"The formula `{self._text}` should have {wanted} at letter {token.place + 1}. Found {found}.")


def _both(function: Callable[[Tensor, Tensor], Tensor], left: _Node, right: _Node) -> _Node:
    return lambda values: function(left(values), right(values))


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        assert match is not None
        number, word, quoted, sign = match.groups()
        start = match.start(match.lastindex or 0)
        if number is not None:
            found.append(_Token("number", number, start))
        elif word is not None or quoted is not None:
            found.append(_Token("name", word or quoted, start))
        else:
            found.append(_Token("sign", sign, start))
        place = match.end()
    return [*found, _Token("end", "", len(text))]
