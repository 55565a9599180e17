"""``docs/architecture.md``: its plan is that of the code, and every file and function that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.plan import PAGE, page_with_plan
from tests.architecture.rooms import ROOT

TEXT = PAGE.read_text(encoding="utf-8")
FILES = {label: PAGE.parent / target for label, target in re.findall(r"^\[([^\]]+)\]: (\S+)$", TEXT, re.MULTILINE)}
# [label] or [words][label], an arrow, and the names in it: `one`, `another`.
NAMED = re.findall(r"\[([^\]]+)\](?:\[([^\]]+)\])? → (`\w+`(?:, `\w+`)*)", TEXT)


@cache
def names_in(path: Path) -> set[str]:
    """Everything that a module defines or keeps under a name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                names.add(name)
    return names


def test_the_plan_is_that_of_the_code() -> None:
    assert page_with_plan(TEXT) == TEXT, 'the plan is stale; draw it again with "make diagrams"'


@pytest.mark.parametrize("page", [PAGE, ROOT / "CONTRIBUTING.md", ROOT / "README.md"], ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = {a or b for a, b in re.findall(r"\]\(([^)#]+)|^\[[^\]]+\]: (\S+)$", text, re.MULTILINE) if "://" not in a}
    in_words = set(re.findall(r"`((?:stui_supervisor|tests)/[\w/]+(?:\.py)?)`", text))
    named = {page.parent / target for target in targets} | {ROOT / path for path in in_words}
    assert {path for path in named if not path.exists()} == set()


def test_every_function_that_it_names_is_in_the_file_named_before_the_arrow() -> None:
    assert len(NAMED) == TEXT.count(" → ")
    missing = [
        f"{label}: {name}"
        for words, reference, names in NAMED
        for label in [reference or words]
        for name in re.findall(r"\w+", names)
        if not FILES[label].exists() or name not in names_in(FILES[label])
    ]
    assert missing == []


def test_every_file_is_named_once_and_for_something() -> None:
    assert len(set(FILES.values())) == len(FILES)
    used = {label for pair in re.findall(r"\[([^\]]+)\](?:\[([^\]]+)\])?(?![\](:])", TEXT) for label in pair}
    assert FILES.keys() - used == set()
