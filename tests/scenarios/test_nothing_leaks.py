"""The token is with the backend and in the memory of who sends it, and nowhere else: not even after a crash."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from stui_supervisor import AuthenticationFailed, Secret, State, Supervisor
from stui_supervisor.backend import BackendSettings
from stui_supervisor.cli.demo.backend_process import EmbeddedBackend
from tests.support.files.canary import CANARY, ENCODINGS, encodings_in, leaks_in
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.command import Command
from tests.support.processes.strange_servers import Frames, ScriptedServer, success
from tests.support.programs.watching import LIMIT_S, until

linux = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: /proc")
posix = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: signals")
TOKEN = {"STUI_TOKEN": CANARY, "PYTHONFAULTHANDLER": "1"}
BEFORE, AFTER = b"x" * 999_990, b"y" * 100  # so that the leak lies across two blocks


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_planted_leak_is_found_in_each_encoding(name: str, shift: int) -> None:
    planted = ENCODINGS[name]("z" * shift + CANARY)
    with tempfile.TemporaryDirectory() as directory:  # not among the files of this run
        leak = Path(directory) / "deep" / "file"
        leak.parent.mkdir()
        leak.write_bytes(BEFORE + planted + AFTER)
        (Path(directory) / "harmless").write_bytes(BEFORE + planted[:-8] + AFTER)
        assert leaks_in(Path(directory)) == {str(Path("deep") / "file"): {name}}


@posix
def test_a_planted_leak_in_a_name_is_found() -> None:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / ENCODINGS["URL"](CANARY).decode()).touch()
        assert list(leaks_in(Path(directory)).values()) == [{"URL"}]


def keep(path: Path, *texts: str) -> None:
    """Have what was said searched with the files."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(texts)


@posix
def test_a_life_with_a_token_leaves_none_behind_even_when_it_crashes(tmp_path: Path) -> None:
    command = Command(tmp_path / "home")
    settings = BackendSettings(
        bind="tcp://127.0.0.1:*", token=CANARY, executed_log=tmp_path / "executed", state_file=tmp_path / "sessions"
    )
    said, exported = tmp_path / "said", str(tmp_path / "exported")
    with BackendProcess(settings) as backend:
        for ending in (signal.SIGTERM, signal.SIGSEGV):
            with command.running("run", backend.endpoint, "--json", environment=TOKEN) as process:
                assert process.stdout is not None
                assert process.stderr is not None
                while '"to": "connected"' not in (line := process.stdout.readline()):
                    keep(said, line)
                    assert line
                for pid in (process.pid, backend.pid) if sys.platform == "linux" else ():
                    assert encodings_in(Path(f"/proc/{pid}/cmdline").read_bytes()) == set()
                process.send_signal(ending)
                keep(said, process.stdout.read(), crashed := process.stderr.read())
        assert "Segmentation fault" in crashed
        for words in (["eval", "3 + 4"], ["request", "ping"], ["request", "nonsense"], ["status", "--json"]):
            ended = command(*words, environment=TOKEN)
            keep(said, ended.out, ended.err)
        (session,) = json.loads(command("sessions", "list", "--json").out)["sessions"]
        ended = command("sessions", "export", session["session_id"], exported)
        assert ended.code == 0
    assert leaks_in(tmp_path) == {}
    assert "7\n" in said.read_text(encoding="utf-8")


class Keyring:
    source = "keyring"

    def read(self, _endpoint: object) -> Secret:
        return Secret(CANARY)


@pytest.mark.parametrize("refused", ["ping", "create_session", "update_session_state"])
@pytest.mark.parametrize("error_type", ["AuthenticationFailed", "Error"])
async def test_a_backend_that_repeats_the_token_in_its_refusal_has_it_masked(
    refused: str, error_type: str, tmp_path: Path
) -> None:
    seen: list[str] = []

    def repeats_it(token: bytes, body: bytes) -> Iterable[Frames]:
        asked = json.loads(body)
        seen.append(asked.get("parameters", {}).get("auth_token"))
        if asked.get("command") not in (refused, None):
            return [(token, b"", success(body, session_id="s1"))]
        words = f"not with {CANARY}, which is {CANARY!r}"
        refusal = {"id": asked["id"], "status": "error", "error": words, "error_type": error_type}
        return [(token, b"", json.dumps(refusal).encode())]

    with ScriptedServer(repeats_it) as server:
        supervisor = Supervisor(server.endpoint, home=tmp_path / "home", credentials=Keyring())
        stream = supervisor.events()
        supervisor.context["work"] = [1]
        async with supervisor:
            try:
                await supervisor.wait_for(State.CONNECTED, State.RECOVERING, timeout=LIMIT_S)
                await until(lambda: "********" in repr(stream._queue))
            except AuthenticationFailed as error:
                keep(tmp_path / "said", repr(error), str(error))
            keep(tmp_path / "said", repr(supervisor), repr(supervisor.status()), repr(list(stream._queue)))
    assert CANARY in seen
    assert leaks_in(tmp_path) == {}
    logged = "".join(path.read_text() for path in (tmp_path / "home" / "logs").iterdir())
    assert "********" in logged + (tmp_path / "said").read_text(encoding="utf-8")


@linux
async def test_the_backend_of_the_demo_is_not_given_the_token_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUI_TOKEN", CANARY)
    backend = EmbeddedBackend()
    await backend.start()
    try:
        assert backend._process is not None
        given = await asyncio.to_thread(Path(f"/proc/{backend._process.pid}/environ").read_bytes)
    finally:
        await backend.kill()
    assert b"PATH=" in given
    assert encodings_in(given) == set()


def test_no_module_changes_how_tracebacks_are_shown() -> None:
    """Those of Python itself show no locals."""
    code = (
        "import importlib, pkgutil, sys, threading, stui_supervisor\n"
        "for module in pkgutil.walk_packages(stui_supervisor.__path__, 'stui_supervisor.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "print(sys.excepthook is sys.__excepthook__, threading.excepthook is threading.__excepthook__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert (done.stdout, done.stderr) == ("True True\n", "")
