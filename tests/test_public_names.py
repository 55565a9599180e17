from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from types import ModuleType

import pytest

import stui_supervisor
from stui_supervisor import Event, Status, Supervisor, SupervisorError


def public() -> dict[str, object]:
    return {name: getattr(stui_supervisor, name) for name in stui_supervisor.__all__}


def test_all_is_sorted_complete_and_nothing_else_is_public() -> None:
    assert list(stui_supervisor.__all__) == sorted(set(stui_supervisor.__all__))
    visible = {
        name
        for name, value in vars(stui_supervisor).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert visible | {"__version__"} == set(stui_supervisor.__all__) | {"annotations"} & visible


def test_every_public_class_says_what_it_is() -> None:
    silent = [name for name, value in public().items() if inspect.isclass(value) and not value.__doc__]
    assert silent == []


def test_every_public_method_of_the_supervisor_says_what_it_does() -> None:
    members = {name: value for name, value in vars(Supervisor).items() if not name.startswith("_")}
    assert sorted(members) == [
        "connect",
        "context",
        "disconnect",
        "events",
        "reconnect",
        "request",
        "save",
        "start",
        "state",
        "status",
        "stop",
        "wait_for",
    ]
    assert [name for name, value in members.items() if not inspect.getdoc(value)] == []


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        (Supervisor.__init__, "endpoint, *, profile, settings, home, credentials, link"),
        (Supervisor.connect, "endpoint"),
        (Supervisor.wait_for, "*states, timeout"),
        (Supervisor.request, "command, parameters, *, timeout, repeatable"),
    ],
)
def test_the_calls_take_what_is_promised(call: object, parameters: str) -> None:
    given = list(inspect.signature(call).parameters.values())[1:]  # type: ignore[arg-type]  # each is a function
    words: list[str] = []
    for one in given:
        if one.kind is one.KEYWORD_ONLY and "*" not in "".join(words):
            words.append("*")
        words.append(f"*{one.name}" if one.kind is one.VAR_POSITIONAL else one.name)
    assert ", ".join(words) == parameters


def test_events_and_the_status_are_frozen() -> None:
    classes = [value for value in public().values() if inspect.isclass(value) and issubclass(value, Event | Status)]
    assert len(classes) == 11
    assert [one.__name__ for one in classes if not vars(one)["__dataclass_params__"].frozen] == []
    assert all("at" in {part.name for part in dataclasses.fields(one)} for one in classes if one is not Status)


def test_every_error_is_a_supervisor_error() -> None:
    errors = [value for value in public().values() if inspect.isclass(value) and issubclass(value, Exception)]
    assert [error.__name__ for error in errors if not issubclass(error, SupervisorError)] == []


def test_importing_reads_no_environment_makes_no_directory_and_starts_no_thread() -> None:
    code = (
        "import sys, threading\n"
        "seen = []\n"
        "watched = {'os.mkdir', 'socket.connect', 'socket.bind', 'subprocess.Popen', 'os.putenv'}\n"
        "sys.addaudithook(lambda name, _: seen.append(name) if name in watched else None)\n"
        "import stui_supervisor\n"
        "print(seen, threading.active_count())\n"
        "print(sorted({'structlog', 'keyring', 'filelock', 'platformdirs', 'rich', 'tornado'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines() == ["[] 1", "[]"]
