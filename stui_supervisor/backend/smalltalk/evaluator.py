"""Evaluates a tree with the variables of a workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stui_supervisor.backend.smalltalk.limits import MAX_COST, TOKEN_COST
from stui_supervisor.backend.smalltalk.messages import CLASSES, send
from stui_supervisor.backend.smalltalk.syntax import Chain, Literal, Node, Variable, parse
from stui_supervisor.backend.smalltalk.values import Delay, EvaluationError, Value, Workspace, cost, shown

_CONSTANTS: Final[dict[str, Value]] = {"true": True, "false": False, "nil": None, **CLASSES}


def evaluate(code: str, workspace: Workspace, *, wait: Callable[[float], None]) -> Value:
    """The value of the last statement, nil without one.

    ``wait`` blocks for some seconds; a Delay uses it. What was assigned before an error stays
    assigned, as in an image. Raises EvaluationError, and whatever ``wait`` does.
    """
    return Evaluation(workspace, wait=wait).run(code)


class Evaluation:
    """Evaluates one piece of code, or several that may cost no more than ``max_cost`` work units together."""

    def __init__(self, workspace: Workspace, *, wait: Callable[[float], None], max_cost: int = MAX_COST) -> None:
        self._workspace = workspace
        self._wait = wait
        self._max_cost = max_cost
        self._cost = 0

    def run(self, code: str) -> Value:
        """The value of the last statement, nil without one. Raises EvaluationError, and whatever ``wait`` does."""
        value: Value = None
        statements, tokens = parse(code)
        self._charge_units(tokens * TOKEN_COST)
        for statement in statements:
            value = self._value_of(statement.expression)
            for name in statement.targets:
                if name in _CONSTANTS:
                    raise EvaluationError(f"{name} is not a variable")
                self._workspace.assign(name, value)
        return value

    def _value_of(self, node: Node) -> Value:
        match node:
            case Literal(value):
                self._charge(value)
                return value
            case Variable(name):
                return self._look_up(name)
            case Chain(receiver, messages):
                value = self._value_of(receiver)
                for message in messages:
                    arguments = [self._value_of(argument) for argument in message.arguments]
                    value = self._send(value, message.selector, arguments)
                return value

    def _look_up(self, name: str) -> Value:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name not in self._workspace.values:
            raise EvaluationError(f"the variable {shown(name)} is not known; assign it first")
        return self._workspace.values[name]

    def _send(self, receiver: Value, selector: str, arguments: list[Value]) -> Value:
        self._charge(receiver, *arguments)
        if isinstance(receiver, Delay) and selector == "wait":
            self._wait(receiver.seconds)
            return receiver
        answer = send(receiver, selector, arguments)
        self._charge(answer)
        return answer

    def _charge(self, *values: Value) -> None:
        self._charge_units(sum(map(cost, values)))

    def _charge_units(self, units: int) -> None:
        self._cost += units
        if self._cost > self._max_cost:
            raise EvaluationError("the evaluation takes too much work")
