"""``diagram``, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import diagrams
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.parser import parse
from stui_supervisor.errors import ConfigurationError
from tests.support.processes.command import Command

COMMITTED = Path(__file__).parents[3] / "diagrams"


def run(*words: str, as_json: bool = False) -> int:
    arguments = parse(["diagram", *words, *(["--json"] if as_json else [])])
    return int(arguments.run(arguments))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], diagrams.mermaid()),
        (["--format", "mermaid"], diagrams.mermaid()),
        (["--format", "dot"], diagrams.dot()),
        (["--format", "svg"], diagrams.svg()),
    ],
)
def test_the_notation_is_printed_and_nothing_else(
    capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    assert run(*words) == ExitCode.DONE
    assert capsys.readouterr() == (text, "")


def test_json_holds_the_diagram_as_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--format", "svg", as_json=True) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {"format": "svg", "diagram": diagrams.svg()}


def test_the_check_of_what_is_committed_passes(command: Command) -> None:
    ended = command("diagram", "--check", str(COMMITTED))
    assert (ended.code, ended.err) == (0, "")


def test_a_stale_diagram_fails_the_check_and_says_how_to_mend_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diagrams.write(tmp_path)
    (tmp_path / "states.svg").write_text("old", "utf-8")
    assert run("--check", str(tmp_path)) == ExitCode.FAILED
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"stale in {tmp_path}: states.svg. Run: stui-supervisor diagram --write {tmp_path}\n")
    assert run("--check", str(tmp_path), as_json=True) == ExitCode.FAILED
    assert json.loads(capsys.readouterr().out) == {"stale": ["states.svg"]}


def test_written_diagrams_pass_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["states.mmd", "states.dot", "states.svg", "README.md"]
    assert run("--write", str(tmp_path / "new")) == ExitCode.DONE
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "new" / name) for name in names]
    assert run("--check", str(tmp_path / "new"), as_json=True) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {"stale": []}
    assert run("--write", str(tmp_path / "new"), as_json=True) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {"written": [str(tmp_path / "new" / name) for name in names]}


def test_a_stale_legend_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diagrams.write(tmp_path)
    (tmp_path / "README.md").unlink()
    assert run("--check", str(tmp_path)) == ExitCode.FAILED
    assert capsys.readouterr().err.startswith(f"stale in {tmp_path}: README.md. Run: ")


def test_a_readme_of_ones_own_stays_and_it_is_said_how_to_get_the_legend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("mine", "utf-8")
    assert run("--write", str(tmp_path)) == ExitCode.DONE
    assert capsys.readouterr().err == (
        f"{readme} is your own and stays as it is. For a legend there, remove it, or give its table a place: "
        "<!-- table: generated from here --> and, on a later line, <!-- table: to here -->\n"
    )
    assert readme.read_text("utf-8") == "mine"


@pytest.mark.parametrize("option", ["--check", "--write"])
def test_a_file_in_place_of_the_directory_is_a_mistake_that_is_explained(tmp_path: Path, option: str) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        run(option, str(tmp_path / "file"))
    assert str(tmp_path / "file") in caught.value.message
    assert caught.value.hint


def test_only_one_thing_is_done_at_a_time() -> None:
    with pytest.raises(ConfigurationError, match="not allowed with"):
        run("--check", "a", "--write", "b")


def test_drawing_brings_in_no_library(command: Command) -> None:
    unmeasured: dict[str, str | None] = {"COVERAGE_PROCESS_CONFIG": None}  # measuring brings libraries along
    ended = command("diagram", environment={"PYTHONPROFILEIMPORTTIME": "1", **unmeasured})
    imported: set[Any] = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert ended.out == diagrams.mermaid()
    assert "stui_supervisor.diagrams.picture" in imported
    assert {"zmq", "structlog", "keyring", "xml"} & imported == set()
