"""What ``request`` and ``eval`` do: one request over a link of its own, which claims and stores nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from stui_supervisor.cli.commands.stored_state import endpoint_to_ask
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.console.hints import advised, way_out
from stui_supervisor.cli.console.interrupts import last_words
from stui_supervisor.cli.console.terminal import Terminal, error_object, read_stdin
from stui_supervisor.config import MESSAGE_MAX_BYTES, Settings
from stui_supervisor.errors import BackendError, ConfigurationError, ConnectionRejected, NotSent, OutcomeUnknown
from stui_supervisor.machine.states import State
from stui_supervisor.printable import printable
from stui_supervisor.requests.request import LOOK_FIRST
from stui_supervisor.supervisor import Supervisor
from stui_supervisor.wire.strict_json import MalformedMessage, parse

_EXAMPLE: Final = """write an object, for instance '{"code": "3 + 4"}'"""


def request(arguments: argparse.Namespace) -> ExitCode:
    """Send one request and print its result."""
    parameters = _read_parameters(arguments.parameters)
    result = _ask(arguments, arguments.command, parameters)
    terminal = Terminal.of(arguments)
    if terminal.as_json:
        terminal.answer(result)
    else:
        terminal.line(json.dumps(result, indent=2))
    return ExitCode.DONE


def evaluate(arguments: argparse.Namespace) -> ExitCode:
    """Evaluate code and print what it gives."""
    result = _ask(arguments, "evaluate", {"code": arguments.code})
    terminal = Terminal.of(arguments)
    shown = result.get("result")
    text = shown if isinstance(shown, str) else json.dumps(shown)
    if not result.get("has_error"):
        terminal.line("\n".join(map(printable, text.splitlines())))
        if terminal.as_json:
            terminal.answer(result)
        return ExitCode.DONE
    error = BackendError(text, error_type="EvaluationError")
    if terminal.as_json:
        terminal.answer({**result, **error_object(error)})
    else:
        terminal.error(error)
    return ExitCode.FAILED


def _ask(arguments: argparse.Namespace, command: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return asyncio.run(_ask_over_own_link(arguments, command, parameters))


async def _ask_over_own_link(
    options: argparse.Namespace, command: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    endpoint = endpoint_to_ask(options, is_without_profile=options.without_profile)
    settings = Settings(keeps_session=False, journal=False, uses_profile=not options.without_profile)
    async with Supervisor(endpoint, profile=options.profile, settings=settings, home=options.home) as supervisor:
        try:
            # A rejection is told as what it is: the request alone would only say that it was not sent.
            await supervisor.wait_for(State.CONNECTED, State.DEGRADED, timeout=settings.link_wait_s)
        except ConnectionRejected as error:
            raise advised(error, options, supervisor.status()) from error
        except TimeoutError as error:
            status = supervisor.status()
            reason = status.last_error or "the backend does not answer"
            where = "" if status.endpoint is None else f" to {status.endpoint}"
            raise NotSent(
                f"no link{where} within {settings.link_wait_s:g} s: {reason}",
                hint=way_out(status.failure, options),
                failure=status.failure,
            ) from error
        with last_words(lambda: _tell_unknown(Terminal.of(options))):
            return await supervisor.request(command, parameters)


def _tell_unknown(terminal: Terminal) -> None:
    """A signal ends the command while the image may have its request."""
    terminal.error(OutcomeUnknown("interrupted before the reply came", hint=LOOK_FIRST))
    sys.stdout.flush()


def _read_parameters(text: str) -> dict[str, Any]:
    try:
        parameters = parse(_read_stdin() if text == "-" else text.encode())
    except (MalformedMessage, UnicodeEncodeError) as error:
        raise ConfigurationError(f"the parameters are not JSON: {error}", hint=_EXAMPLE) from error
    if not isinstance(parameters, dict):
        raise ConfigurationError("the parameters are not a JSON object", hint=_EXAMPLE)
    return parameters


def _read_stdin() -> bytes:
    try:
        return read_stdin(MESSAGE_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"the parameters cannot be read: {error.strerror}", hint=_EXAMPLE) from error
