"""Who may import whom, and what a room and a class may grow to. ``docs/architecture.md`` says why."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Final

import pytest

from tests.architecture.permissions import ADAPTERS, ALLOWED_IMPORTS, PURE, VOCABULARY
from tests.architecture.rooms import (
    attributes,
    circle_in,
    classes,
    imports_of,
    module_graph,
    modules,
    ours,
    room_graph,
    room_of,
    tree_of,
)

# What pure modules may use of the standard library, and the libraries that one of them is made for.
PURE_LIBRARY: Final = {
    *("__future__", "abc", "base64", "binascii", "bisect", "collections", "collections.abc", "contextlib", "copyreg"),
    *("dataclasses", "datetime", "enum", "fractions", "functools", "hashlib", "heapq", "ipaddress", "itertools"),
    *("json", "math", "operator", "random", "re", "sys", "types", "typing", "unicodedata", "urllib.parse", "uuid"),
}
PURE_EXTRAS: Final = {
    "machine.link_state": {"transitions"},
    "link.backoff": {"tenacity"},
    "endpoint": {"os"},
}
CLOCKS_AND_LOTS: Final = {"now", "utcnow", "today", "uuid1", "uuid4", "SystemRandom"}

MODULES_MAX: Final = {"cli.commands": 25}
MODULES_MAX_ELSEWHERE: Final = 20
ATTRIBUTES_MAX: Final = {"core": 12, **dict.fromkeys(PURE.keys() - {"core"}, 15), "runtime": 15}

PURE_MODULES: Final = [module for module in modules() if room_of(module) in VOCABULARY.keys() | PURE.keys()]


def test_every_room_imports_only_what_it_may() -> None:
    wrong = {
        room: extra
        for room, imported in room_graph().items()
        if (extra := imported - ALLOWED_IMPORTS[room] - VOCABULARY.keys())
    }
    assert wrong == {}


def test_no_permission_is_left_that_nobody_needs() -> None:
    unused = {room: extra for room in (*PURE, *ADAPTERS) if (extra := ALLOWED_IMPORTS[room] - room_graph()[room])}
    assert unused == {}


@pytest.mark.parametrize("graph", [module_graph, room_graph])
def test_nothing_imports_itself_however_indirectly(graph: Callable[[], dict[str, set[str]]]) -> None:
    assert circle_in(graph()) == []


def test_pure_modules_use_only_what_has_no_clock_and_does_no_input_or_output() -> None:
    wrong = {
        module: extra
        for module in PURE_MODULES
        if (
            extra := {name for name in imports_of(module) if name.partition(".")[0] not in PURE_EXTRAS.get(module, ())}
            - {name for name in imports_of(module) if ours([name])}
            - PURE_LIBRARY
        )
    }
    assert wrong == {}


def test_pure_modules_ask_no_clock_and_draw_no_lot_of_their_own() -> None:
    def names(module: str) -> set[str]:
        nodes = list(ast.walk(tree_of(module)))
        imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
        calls = (node.func for node in nodes if isinstance(node, ast.Call))
        return imported | {called.attr for called in calls if isinstance(called, ast.Attribute)}

    assert {module: names(module) & CLOCKS_AND_LOTS for module in PURE_MODULES if names(module) & CLOCKS_AND_LOTS} == {}


def test_each_number_stands_below_the_heading_of_a_room_that_uses_it() -> None:
    users: dict[str, set[str]] = {}
    for module in modules():
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.ImportFrom) and node.module == "stui_supervisor.config":
                for alias in node.names:
                    users.setdefault(alias.name, set()).add(room_of(module))
    misplaced = {}
    source = modules()["config"].read_text(encoding="utf-8")
    allowed: set[str] = set(VOCABULARY)  # of the first heading
    for line in source.partition("\n@dataclass")[0].splitlines():
        if heading := re.match(r"# ([a-z.]+): ", line):
            allowed = {heading[1]}
        elif number := re.match(r"([A-Z_]+): Final", line):
            using = users.get(number[1], {"config"} if source.count(number[1]) > 1 else set())
            if not using & allowed:
                misplaced[number[1]] = using
    assert misplaced == {}


def test_no_room_grows_beyond_what_a_reader_can_look_over() -> None:
    def room(module: str) -> str:
        return room_of(module) if "." in module else ""

    packages = {module for module, path in modules().items() if path.name == "__init__.py"}
    counted: dict[str, int] = {}
    for module in modules().keys() - packages:
        counted[room(module)] = counted.get(room(module), 0) + 1
    assert {name: n for name, n in counted.items() if n > MODULES_MAX.get(name, MODULES_MAX_ELSEWHERE)} == {}


def test_every_package_says_what_lives_there_and_what_never_does() -> None:
    silent = [
        module
        for module, path in modules().items()
        if path.name == "__init__.py" and (ast.get_docstring(tree_of(module)) or "").count(".") < 2
    ]
    assert silent == []


def test_no_class_keeps_more_than_a_reader_can_keep_in_mind() -> None:
    large = {
        f"{module}.{each.name}": len(attributes(each))
        for module in modules()
        for each in classes(module)
        if len(attributes(each)) > ATTRIBUTES_MAX.get(room_of(module), 99)
    }
    assert large == {}


def test_no_class_of_a_pure_room_inherits_behaviour_from_one_of_ours() -> None:
    named = {each.name: each for module in PURE_MODULES for each in classes(module)}

    def behaves(name: str) -> bool:
        methods = (part for part in named[name].body if isinstance(part, ast.FunctionDef))
        return any(not method.name.startswith("__") for method in methods)

    heirs = {
        f"{module}.{each.name}": base.id
        for module in PURE_MODULES
        if room_of(module) in PURE
        for each in classes(module)
        for base in each.bases
        if isinstance(base, ast.Name) and base.id in named and behaves(base.id)
    }
    assert heirs == {}
