"""The package as it stands: its modules, the rooms that they are in, and who imports whom; read from the sources."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = "stui_supervisor"


@cache
def modules() -> dict[str, Path]:
    """Every module by its name below the package; the package itself is the empty name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree_of(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def room_of(module: str) -> str:
    """The folder that holds a module; one that stands at the top is a room of its own."""
    if modules()[module].name == "__init__.py":
        return module
    return module.rpartition(".")[0] or module


def imports_of(module: str) -> Iterator[str]:
    """The names of all modules that this one imports, anywhere in it: ours in full, below the package."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute"
            name = node.module or ""
            for alias in node.names:
                whole = f"{name}.{alias.name}"
                yield whole if whole.removeprefix(f"{PACKAGE}.") in modules() else name


def ours(names: Iterable[str]) -> set[str]:
    """Those of the names that are in the package, by their names below it."""
    return {name.partition(".")[2] for name in names if name.partition(".")[0] == PACKAGE}


@cache
def module_graph() -> dict[str, set[str]]:
    """Which modules each module imports."""
    return {module: ours(imports_of(module)) - {module} for module in modules()}


@cache
def room_graph() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    graph: dict[str, set[str]] = defaultdict(set)
    for module, imported in module_graph().items():
        graph[room_of(module)] |= {room_of(name) for name in imported} - {room_of(module)}
    return dict(graph)


def circle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """The members of a circle, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def layers(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The rooms from the lowest layer up; each imports only rooms of layers below its own."""
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found.append(ready)
        sorter.done(*ready)
    return found


def classes(module: str) -> list[ast.ClassDef]:
    """The classes that a module defines."""
    return [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.ClassDef)]


def attributes(node: ast.ClassDef) -> set[str]:
    """What an object of this class keeps: what is assigned to ``self``, or declared as a field of a dataclass."""
    kept = {
        target.attr for target in _assigned(node) if isinstance(target.value, ast.Name) and target.value.id == "self"
    }
    if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        fields = (each.target for each in node.body if isinstance(each, ast.AnnAssign))
        kept |= {field.id for field in fields if isinstance(field, ast.Name)}
    return kept


def _assigned(node: ast.ClassDef) -> Iterator[ast.Attribute]:
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store):
            yield each
