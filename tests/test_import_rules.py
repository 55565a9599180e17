"""Who may import whom: ``cli → supervisor and support → core → pure``, and adapters only what is pure.

A module is pure unless ``OUTER`` names it. It imports pure modules and a short list of the standard
library, so nothing that it reaches, however indirectly, does input or output or looks at a clock.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "stui_supervisor"

PURE_LIBRARY = {
    *(
        "__future__",
        "abc",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "collections.abc",
        "contextlib",
        "copyreg",
        "dataclasses",
        "datetime",
        "enum",
    ),
    *(
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "random",
        "re",
    ),
    *("types", "typing", "unicodedata", "urllib.parse", "uuid"),
}
PURE_EXTRAS = {"machine": {"transitions"}, "policy": {"tenacity"}, "endpoint": {"os"}}
CLOCKS_AND_LOTS = {"now", "utcnow", "today", "uuid1", "uuid4", "SystemRandom"}

# The parts that are not pure, and what each may import of the package beside pure modules and its own.
# The first are the asyncio side, around the core.
SHELL = {
    "supervisor",
    "driver",
    "audience",
    "outside",
    "store_thread",
    "profile_thread",
    "credential_thread",
    "subscriber",
    "runs",
}
OUTER: dict[str, set[str] | None] = {
    "adapters": set(),
    "backend": set(),
    "testing": set(),
    "diagrams": set(),
    **dict.fromkeys(SHELL, SHELL | {"adapters"}),
    "stui_supervisor": SHELL,
    "cli": None,  # anything
    "__main__": {"cli"},
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(name: str) -> str:
    """The first word below the package: a module, or the folder that holds it."""
    return name.removeprefix("stui_supervisor").lstrip(".").partition(".")[0] or "stui_supervisor"


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module that the file imports, anywhere in it; ``from package import module`` gives the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: imports are absolute"
            module = node.module or ""
            for alias in node.names:
                is_module = (PACKAGE.parent / module.replace(".", "/") / f"{alias.name}.py").exists()
                is_package = (PACKAGE.parent / module.replace(".", "/") / alias.name).is_dir()
                yield f"{module}.{alias.name}" if is_module or is_package else module


def is_ours(name: str) -> bool:
    return name.partition(".")[0] == "stui_supervisor"


PURE_MODULES = [path for path in MODULES if part_of(name_of(path)) not in OUTER]


@pytest.mark.parametrize("path", PURE_MODULES, ids=name_of)
def test_a_pure_module_imports_only_pure_modules_and_pure_parts_of_the_library(path: Path) -> None:
    extras = PURE_EXTRAS.get(part_of(name_of(path)), set())
    others = [name for name in imports_of(path) if not is_ours(name) and name.partition(".")[0] not in extras]

    assert [name for name in imports_of(path) if is_ours(name) and part_of(name) in OUTER] == []
    assert [name for name in others if name not in PURE_LIBRARY] == []


@pytest.mark.parametrize("path", PURE_MODULES, ids=name_of)
def test_a_pure_module_asks_no_clock_and_draws_no_lot_of_its_own(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}

    assert names & CLOCKS_AND_LOTS == set()


@pytest.mark.parametrize("path", [path for path in MODULES if path not in PURE_MODULES], ids=name_of)
def test_each_other_part_imports_only_what_is_below_it(path: Path) -> None:
    part = part_of(name_of(path))
    allowed = OUTER[part]
    wrong = [
        name
        for name in imports_of(path)
        if is_ours(name) and allowed is not None and part_of(name) in OUTER.keys() - allowed - {part}
    ]

    assert wrong == []
