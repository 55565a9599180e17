"""The reference backend as a command: its options, and running it in the foreground."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from stui_supervisor.backend.settings import BackendSettings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.wire.dialects import Dialect

if TYPE_CHECKING:
    from stui_supervisor.backend.server import Backend

_DEFAULTS: Final = BackendSettings()
_ENDING_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting of the backend."""
    add = parser.add_argument
    add("--bind", metavar="ADDRESS", default=_DEFAULTS.bind, help="where to listen (default: %(default)s)")
    add("--publish", metavar="ADDRESS", help="where to publish notifications (default: nowhere)")
    add("--image-id", metavar="NAME", default=_DEFAULTS.image_id, help="the image to be (default: %(default)s)")
    add("--state-file", metavar="PATH", type=Path, help="keep the sessions there over a restart")
    add("--dialect", choices=[*Dialect], help="speak this dialect only (default: both)")
    add("--without-sessions", action="store_true", help="be an old server: ping, evaluate and inspect only")
    add("--token-file", metavar="PATH", type=Path, help="ask for the token in this file, which only you can read")
    add(
        "--session-timeout",
        metavar="SECONDS",
        type=_seconds,
        default=_DEFAULTS.session_timeout_s,
        help="end sessions that were idle for so long (default: %(default)g)",
    )
    add("--executed-log", metavar="PATH", type=Path, help="append each request there before it runs")
    add("--own-ids", action="store_true", help="answer with ids of its own")
    add(
        "--curve-secret-file",
        metavar="PATH",
        type=Path,
        help="take encrypted links only, with the secret key in this file, which is made when it is missing",
    )
    add(
        "--allow-client-key",
        metavar="KEY",
        action="append",
        default=[],
        help="let in only clients with this public key, given once for each (default: everybody)",
    )
    add("--until-eof", action="store_true", help="end when stdin does, as it does with the program that started this")


def settings_from(arguments: argparse.Namespace) -> BackendSettings:
    """The settings that the options give. Raises ConfigurationError."""
    from stui_supervisor.backend.secret_file import read_secret  # noqa: PLC0415  only when the command runs

    return BackendSettings(
        bind=_checked_address(arguments.bind),
        publish=_checked_address(arguments.publish) if arguments.publish else None,
        image_id=arguments.image_id,
        state_file=arguments.state_file,
        dialects=frozenset([Dialect(arguments.dialect)] if arguments.dialect else Dialect),
        with_sessions=not arguments.without_sessions,
        token=read_secret(arguments.token_file) if arguments.token_file else None,
        session_timeout_s=arguments.session_timeout,
        executed_log=arguments.executed_log,
        own_ids=arguments.own_ids,
        curve_secret_file=arguments.curve_secret_file,
        allowed_client_keys=tuple(arguments.allow_client_key),
    )


def _seconds(text: str) -> float:
    with suppress(ValueError):
        return float(text)
    raise argparse.ArgumentTypeError(f"{text!a} is not a number of seconds")


def _checked_address(text: str) -> str:
    """The address, which may have a ``*`` for its host, its port or its path. Raises ConfigurationError for any other.

    It is checked here since libzmq accepts ports that do not exist. A path is made absolute, since clients in other
    directories read where the backend publishes.
    """
    host, colon, port = text.removeprefix("tcp://").rpartition(":")
    if text.startswith("tcp://") and colon:
        Endpoint.parse(f"tcp://{'localhost' if host == '*' else host}:{'1' if port == '*' else port}")
    elif text != "ipc://*":
        return str(Endpoint.parse(text))
    return text


def run(settings: BackendSettings, *, as_json: bool, until_eof: bool = False) -> int:
    """Serve until a signal, or with ``until_eof`` the end of stdin; the exit code.

    Writes one line to stdout that says where it listens.
    """
    from stui_supervisor.backend.server import Backend  # noqa: PLC0415  ZeroMQ only when it serves

    backend = Backend(settings)
    with _stopped_by_signals(backend):
        try:
            backend.open()
        except ConfigurationError as error:
            backend.close()
            _report(error, as_json=as_json)
            return 1
        listening = {
            "listening": backend.endpoint,
            "publishing": backend.publishing,
            "curve_key": backend.curve_key,
            "pid": os.getpid(),
        }
        words = f"listening on {backend.endpoint}"
        words += f", publishing on {backend.publishing}" if backend.publishing else ""
        words += f", with the CURVE key {backend.curve_key}" if backend.curve_key else ""
        _say(json.dumps(listening) if as_json else words)
        if until_eof:
            threading.Thread(target=_stop_at_eof, args=(backend,), name="stui-backend-eof", daemon=True).start()
        backend.serve()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m stui_supervisor.backend``; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m stui_supervisor.backend",
        description="The reference backend, which speaks STUI and knows a little Smalltalk, until Ctrl-C.",
    )
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="say where it listens as JSON")
    arguments = parser.parse_args(argv)
    try:
        settings = settings_from(arguments)
    except ConfigurationError as error:
        parser.error(str(error))
    return run(settings, as_json=arguments.json, until_eof=arguments.until_eof)


def _report(error: ConfigurationError, *, as_json: bool) -> None:
    if as_json:
        shown = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        _say(json.dumps({"error": shown}))
    else:
        from stui_supervisor.backend.stderr import report  # noqa: PLC0415  as above

        report(error)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _stop_at_eof(backend: Backend) -> None:
    """Stop the backend at the end of stdin, which comes however the process at its other end dies."""
    with suppress(OSError):  # as good as its end
        # Not through sys.stdin: a thread inside its lock would disturb the end of the interpreter.
        while sys.stdin is not None and os.read(sys.stdin.fileno(), 1_024):
            pass
    backend.stop()


@contextmanager
def _stopped_by_signals(backend: Backend) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        backend.stop()

    present: list[signal.Signals] = [signal.Signals[name] for name in _ENDING_SIGNALS if hasattr(signal, name)]
    # nohup and background jobs have some switched off on purpose.
    heard = [number for number in present if signal.getsignal(number) is not signal.SIG_IGN]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, stop) for number in heard}
    # Without it a signal that comes just before a wait would be handled only after it.
    wakeup_before = signal.set_wakeup_fd(backend.wakeup_fileno, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, action in before.items():
            signal.signal(number, action)
