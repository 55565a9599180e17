"""From text to a tree: first tokens, then a recursive parser with one method for each kind of message.

Chains of messages are flat tuples, so only parentheses make the tree deep, and those are counted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from stui_supervisor.backend.smalltalk.limits import MAX_DEPTH, MAX_TOKENS
from stui_supervisor.backend.smalltalk.values import (
    Character,
    EvaluationError,
    Symbol,
    Value,
    check_bits,
    check_length,
    checked,
    shown,
)

_TOKEN: Final = re.compile(
    r"""
    (?P<skipped>\s+|"[^"]*")
    |(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)
    |(?P<string>'[^']*+(?:''[^']*+)*+')
    |(?P<symbol>\#(?:[A-Za-z_][\w:]*|'[^']*+(?:''[^']*+)*+'))
    |(?P<character>\$.)
    |(?P<keyword>[A-Za-z_]\w*:(?!=))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<assign>:=)
    |(?P<binary>[-+*/~<>=&|@%,\\?!]+?(?=-\d)|[-+*/~<>=&|@%,\\?!]+)
    |(?P<mark>[().])
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_DIGIT_BITS: Final = math.log2(10)
_QUICK_DIGITS: Final = 4_000  # int() reads so many whatever limit the interpreter has


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the code."""

    value: Value


@dataclass(frozen=True, slots=True)
class Variable:
    """A name to look up."""

    name: str


@dataclass(frozen=True, slots=True)
class Message:
    """A selector with its arguments."""

    selector: str
    arguments: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """Messages sent one after the other, each to the answer of the one before."""

    receiver: Node
    messages: tuple[Message, ...]


Node = Literal | Variable | Chain


@dataclass(frozen=True, slots=True)
class Statement:
    """An expression and the variables that keep its value."""

    targets: tuple[str, ...]
    expression: Node


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    touches: bool  # nothing lies between it and the token before


def parse(code: str) -> tuple[tuple[Statement, ...], int]:
    """The statements of the code, and the number of its tokens.

    The whole code is read before any of it runs. Raises EvaluationError where it is not understood.
    """
    tokens = tuple(_tokens(code))
    return _Parser(tokens).code(), len(tokens)


def _tokens(code: str) -> Iterator[_Token]:
    position = found = 0
    touches = False
    while position < len(code):
        match = _TOKEN.match(code, position)
        if match is None:
            raise EvaluationError(f"{shown(code[position])} at character {position + 1} is not understood")
        start, position = position, match.end()
        kind = match.lastgroup or ""
        if kind != "skipped":
            found += 1
            if found > MAX_TOKENS:
                raise EvaluationError(f"code of more than {MAX_TOKENS:,} words and signs is too long")
            yield _Token(kind, match.group(), start, touches)
        touches = kind != "skipped"


class _Parser:
    def __init__(self, tokens: tuple[_Token, ...]) -> None:
        self._tokens = (*tokens, _Token("end", "", 0, touches=False))
        self._next = 0
        self._depth = 0

    def code(self) -> tuple[Statement, ...]:
        statements = []
        while self._peek().kind != "end":
            statements.append(self._statement())
            if self._peek().text != ".":
                break
            self._take()
        if self._peek().kind != "end":
            raise self._unexpected()
        return tuple(statements)

    def _statement(self) -> Statement:
        targets = []
        while self._peek().kind == "name" and self._tokens[self._next + 1].kind == "assign":
            targets.append(self._take().text)
            self._take()
        return Statement(tuple(targets), self._expression())

    def _expression(self) -> Node:
        receiver = self._binary()
        selector, arguments = [], []
        while self._peek().kind == "keyword":
            selector.append(self._take().text)
            arguments.append(self._binary())
        return Chain(receiver, (Message("".join(selector), tuple(arguments)),)) if selector else receiver

    def _binary(self) -> Node:
        receiver = self._unary()
        messages = []
        while self._peek().kind == "binary":
            messages.append(Message(self._take().text, (self._unary(),)))
        return Chain(receiver, tuple(messages)) if messages else receiver

    def _unary(self) -> Node:
        receiver = self._primary()
        messages = []
        while self._peek().kind == "name":
            messages.append(Message(self._take().text))
        return Chain(receiver, tuple(messages)) if messages else receiver

    def _primary(self) -> Node:
        token = self._take()
        if token.kind in _LITERALS:
            return Literal(_LITERALS[token.kind](token.text))
        if token.kind == "name":
            return Variable(token.text)
        if token.text == "-" and self._peek().kind == "number" and self._peek().touches:
            return Literal(_number("-" + self._take().text))
        if token.text == "(":
            return self._parenthesis()
        self._next -= 1
        raise self._unexpected()

    def _parenthesis(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise EvaluationError(f"more than {MAX_DEPTH} parentheses inside each other are too many")
        inner = self._expression()
        if self._peek().text != ")":
            raise self._unexpected()
        self._take()
        self._depth -= 1
        return inner

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _unexpected(self) -> EvaluationError:
        token = self._peek()
        if token.kind == "end":
            return EvaluationError("the code ends too early")
        return EvaluationError(f"{shown(token.text)} at character {token.start + 1} is not expected there")


def _string(text: str) -> str:
    written = text[1:-1].replace("''", "'")
    check_length(len(written))
    return written


def _number(text: str) -> Value:
    mantissa, _, exponent_text = text.partition("e")
    exponent = int(exponent_text[:10] or 0)
    if "." in mantissa:
        value = float(text)
        if math.isinf(value):
            raise EvaluationError(f"{shown(text)} is beyond a float")
        return value
    at_least = len(mantissa.lstrip("-0")) - 1 + abs(exponent)  # so that the largest integer can be written, too
    check_bits(at_least * _DIGIT_BITS)
    whole = int(mantissa) if len(mantissa) < _QUICK_DIGITS else int(Decimal(mantissa))
    return checked(Fraction(whole) * Fraction(10) ** exponent if exponent else whole)


def _symbol(text: str) -> Symbol:
    return Symbol(_string(text[1:]) if text.endswith("'") else text[1:])


_LITERALS: Final[dict[str, Callable[[str], Value]]] = {
    "number": _number,
    "string": _string,
    "symbol": _symbol,
    "character": lambda text: Character(text[1]),
}
