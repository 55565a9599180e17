"""What ``run`` does: supervise the link in the foreground, a line for each transition and problem."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime

from stui_supervisor.cli.commands.stored_state import no_endpoint, way_to_run
from stui_supervisor.cli.console.event_lines import event_line, event_object
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.console.hints import advised
from stui_supervisor.cli.console.interrupts import interrupts
from stui_supervisor.cli.console.terminal import STATE_COLOURS, GlobalOptions, Terminal
from stui_supervisor.config import LIVE_INTERVAL_S, Settings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError, ConnectionRejected
from stui_supervisor.events import Event, Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.printable import printable
from stui_supervisor.status.summary import next_attempt
from stui_supervisor.supervisor import Supervisor


def run(arguments: argparse.Namespace) -> ExitCode:
    """Supervise until a signal says to end, or until only a person can go on."""
    endpoint = None if arguments.endpoint is None else Endpoint.parse(arguments.endpoint)
    return asyncio.run(_supervise(endpoint, arguments, Terminal.of(arguments)))


async def _supervise(endpoint: Endpoint | None, arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    settings = Settings(uses_profile=not arguments.without_profile)
    supervisor = Supervisor(endpoint, profile=arguments.profile, home=arguments.home, settings=settings)
    # Looked up first: the start writes a status of its own over what the last one tried.
    without = None if endpoint is not None else no_endpoint(arguments)
    ended = asyncio.Event()
    with interrupts(ended.set), terminal.in_background(broken=ended.set):
        watching = asyncio.create_task(_watch(supervisor, terminal, arguments, without))
        beside = [asyncio.create_task(ended.wait()), asyncio.create_task(_keep_live(supervisor, terminal))]
        try:
            await asyncio.wait((watching, beside[0]), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in beside:
                task.cancel()
            terminal.end_live()
            await supervisor.stop()
        return await watching


async def _watch(
    supervisor: Supervisor, terminal: Terminal, options: GlobalOptions, without: ConfigurationError | None
) -> ExitCode:
    """Print what happens until the supervisor stops, or until waiting longer cannot help.

    Raises ``without`` when it has no endpoint to link to.
    """
    events = supervisor.events()
    await supervisor.start()
    async for event in events:
        if isinstance(event, Transition) and event.trigger is Trigger.REJECTED:
            await _reject(supervisor, event, terminal, options)
        _show(event, terminal)
        if not isinstance(event, Transition):
            continue
        match event.trigger:
            case Trigger.NOTHING_TO_RESTORE if without is not None:
                raise without
            case Trigger.LEFT_DISCONNECTED:
                way = printable(way_to_run(options))
                terminal.note(f"The link was disconnected by hand and stays so; connect again with: {way}")
                return ExitCode.NO_LINK
            case Trigger.GAVE_UP:
                return ExitCode.NO_LINK
            case _:
                pass
    return ExitCode.DONE


async def _reject(supervisor: Supervisor, event: Transition, terminal: Terminal, options: GlobalOptions) -> None:
    """Show the transition, then raise the rejection with a hint for this command."""
    try:
        await supervisor.wait_for(State.CONNECTED)
    except ConnectionRejected as error:
        _show(event, terminal)
        raise advised(error, options, supervisor.status()) from error


def _show(event: Event, terminal: Terminal) -> None:
    if terminal.as_json:
        values = event_object(event)
        if values is not None:
            terminal.answer(values)
    else:
        line = event_line(event, terminal)
        if line is not None:
            terminal.line(line)


async def _keep_live(supervisor: Supervisor, terminal: Terminal) -> None:
    """Show how long the state lasts already, and when the next attempt comes."""
    while terminal.is_live:
        status = supervisor.status()
        lasted_s = (datetime.now(UTC) - status.since).total_seconds()
        text = f"{terminal.paint(status.state, STATE_COLOURS[status.state])} for {lasted_s:.0f} s"
        if status.next_attempt_in_s is not None:
            text += f", {next_attempt(status)}"
        terminal.live(text)
        await asyncio.sleep(LIVE_INTERVAL_S)
