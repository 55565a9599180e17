"""``demo``: a backend as a process and a supervised link through all six states, told in plain words.

Nothing is staged: the settings are the defaults, the backend is really kept busy and really killed,
and the command fails unless every state and the work context were really seen.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any, Final

from stui_supervisor.adapters.host.clock import directories
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.console.interrupts import interrupts
from stui_supervisor.cli.console.terminal import Terminal
from stui_supervisor.cli.demo.backend_process import EmbeddedBackend
from stui_supervisor.cli.demo.narrator import Narrator
from stui_supervisor.config import DEMO_AWAY_S, DEMO_BUSY_S, DEMO_LIMIT_S
from stui_supervisor.errors import SupervisorError
from stui_supervisor.machine.states import BackendVerdict, DegradedReason, State
from stui_supervisor.supervisor import Supervisor

_CONTEXT: Final = {"workspaces": [{"name": "Main", "text": "42 factorial", "cursor": [1, 13]}]}


def run(arguments: argparse.Namespace) -> ExitCode:
    """Play the demo; done only if everything that it claims was seen."""
    return asyncio.run(_play(Terminal.of(arguments)))


async def _play(terminal: Terminal) -> ExitCode:
    narrator = Narrator(terminal)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  a coroutine runs in a task
    interrupted = asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        task.cancel()

    backend = EmbeddedBackend()
    with (
        interrupts(interrupt),
        terminal.in_background(broken=interrupt),
        tempfile.TemporaryDirectory(prefix="stui-demo-", ignore_cleanup_errors=True) as home,
    ):
        try:
            async with asyncio.timeout(DEMO_LIMIT_S), narrator:
                await _first_client(narrator, backend, Path(home))
                await _second_client(narrator, backend, Path(home))
                narrator.conclude()
        except TimeoutError as error:
            raise SupervisorError(f"the demo did not end within {DEMO_LIMIT_S:g} s") from error
        except asyncio.CancelledError:
            if interrupted.is_set():
                return ExitCode.INTERRUPTED
            raise
        finally:
            await backend.kill()
    return ExitCode.DONE


async def _first_client(narrator: Narrator, backend: EmbeddedBackend, home: Path) -> None:
    await backend.start()
    await narrator.say(f"A backend listens on {backend.endpoint}. A client starts.")
    async with narrator.following(Supervisor(backend.endpoint, home=home)) as client:
        await narrator.until(State.CONNECTED)
        client.context.update(_CONTEXT)
        await client.save()
        await narrator.say("It keeps a work context: a workspace with a text and a cursor.")

        await narrator.say(f"The image gets work for {DEMO_BUSY_S} s and cannot answer anything meanwhile.")
        work = asyncio.create_task(client.request("evaluate", {"code": f"(Delay forSeconds: {DEMO_BUSY_S}) wait"}))
        try:
            await narrator.until(State.DEGRADED)
            _expect("degraded because", client.status().degraded_reason, DegradedReason.BUSY)
            await narrator.until(State.CONNECTED)
            await work
        finally:
            work.cancel()

        await narrator.say(f"The backend is killed (signal 9) and stays away for {DEMO_AWAY_S} s.")
        await backend.kill()
        await narrator.until(State.RECOVERING)
        await asyncio.sleep(DEMO_AWAY_S)
        await narrator.say("A new backend starts there, which knows nothing of the session.")
        await backend.start()
        await narrator.until(State.CONNECTED)
        _expect("the backend was found", client.status().backend_verdict, BackendVerdict.RESTARTED)

        await narrator.say("The client is restarted and not told where the backend is.")
        await client.stop()
        await narrator.until(State.DISCONNECTED)


async def _second_client(narrator: Narrator, backend: EmbeddedBackend, home: Path) -> None:
    async with narrator.following(Supervisor(home=home)) as client:
        await narrator.until(State.CONNECTED)
        status = client.status()
        _expect("connected to", status.endpoint, backend.endpoint)
        _expect("the backend was found", status.backend_verdict, BackendVerdict.RESUMED)
        _expect("the work context is", dict(client.context), _CONTEXT)
        _expect("the work context in the image is", await _context_in_image(client, home), _CONTEXT)
        await narrator.say("Endpoint, session and work context are as they were. The user disconnects.")
        await client.disconnect()
        await narrator.until(State.DISCONNECTED)


async def _context_in_image(client: Supervisor, home: Path) -> dict[str, Any]:
    """The sections of the work context that the image keeps for the session."""
    stored = next(iter(FileSessionStore(directories(home).sessions_root).read_newest()))
    session = await client.request("restore_session", {"session_id": stored.record.backend_session})
    return {name: session["session_state"].get(name) for name in _CONTEXT}


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise SupervisorError(f"{what} {found}, not {expected}")
