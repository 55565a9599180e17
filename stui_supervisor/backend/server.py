"""The sockets around an image: one request at a time, really blocked while one is served."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import select
import socket
import sys
import time
import traceback
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import zmq

from stui_supervisor.backend import state_file
from stui_supervisor.backend.encryption import ZapAuthenticator, encrypt, read_or_make_key_pair
from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.backend.image import Image
from stui_supervisor.backend.settings import CLEANUP_INTERVAL_S, BackendSettings
from stui_supervisor.backend.socket_file import private_socket
from stui_supervisor.backend.state_lock import take_lock
from stui_supervisor.backend.stderr import report
from stui_supervisor.config import MESSAGE_MAX_BYTES
from stui_supervisor.errors import ConfigurationError, StoreError
from stui_supervisor.printable import printable
from stui_supervisor.security.secret import MASK
from stui_supervisor.wire.dialects import Dialect, timestamp
from stui_supervisor.wire.service import InvalidRequest, Request, decode_request, encode_error, encode_result

if TYPE_CHECKING:
    from filelock import BaseFileLock

_BIND_HINTS: Final = {
    errno.EINVAL: "write tcp://127.0.0.1:5555 or tcp://127.0.0.1:*",
    errno.EACCES: "bind a port above 1023, or a path in a directory of your own",
    errno.ENOENT: "make its directory, or bind another path",
    errno.ENODEV: "bind an address of this machine",
    zmq.EADDRNOTAVAIL: "bind an address of this machine",
}


class _StopRequested(Exception):
    """Raised inside a Delay when the backend is to stop; it ends the request too."""


class Backend:
    """A backend on one address. ``open`` it, then ``serve``; ``stop`` may come from any thread or signal.

    ``endpoint`` and ``publishing`` are the addresses that were bound, with their real ports; ``curve_key`` is
    the public key to pin, where links are encrypted.
    """

    def __init__(self, settings: BackendSettings) -> None:
        self.endpoint = ""
        self.publishing: str | None = None
        self.curve_key: str | None = None
        self.image = Image(settings, wait=self._wait, publish=self._publish)
        self._settings = settings
        self._stopping = False
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._context = zmq.Context()
        self._replies = self._context.socket(zmq.REP)
        self._notifications = self._context.socket(zmq.PUB)
        self._authenticator: ZapAuthenticator | None = None
        self._lock: BaseFileLock | None = None
        self._is_unsaved = False

    @property
    def wakeup_fileno(self) -> int:
        """A descriptor for ``signal.set_wakeup_fd``; a byte written to it wakes the backend."""
        return self._waker.fileno()

    def open(self) -> None:
        """Read the state file, then listen. Raises ConfigurationError."""
        if self._settings.state_file is not None:
            try:
                self._lock = take_lock(self._settings.state_file)
                stored = state_file.load(self._settings.state_file)
            except StoreError as error:
                raise ConfigurationError(error.message, hint=error.hint) from error
            self.image.sessions.all.update({session.session_id: session for session in stored.sessions})
            self.image.guarantees.remember(stored.keys)
        if self._settings.curve_secret_file is not None:
            pair = read_or_make_key_pair(self._settings.curve_secret_file)
            self.curve_key = pair.public
            encrypt((self._replies, self._notifications), pair)
            if self._settings.allowed_client_keys:
                self._authenticator = ZapAuthenticator(self._context, self._settings.allowed_client_keys)
        self._replies.setsockopt(zmq.MAXMSGSIZE, MESSAGE_MAX_BYTES)
        if self._settings.publish is not None:
            self.publishing = self.image.notifications = _bind(self._notifications, self._settings.publish)
        self.endpoint = _bind(self._replies, self._settings.bind)
        self._refuse_files_that_cannot_be_written()  # last, when no other backend can be using them

    def serve(self) -> None:
        """Answer requests until ``stop``, then save the state and close everything."""
        poller = zmq.Poller()
        poller.register(self._replies, zmq.POLLIN)
        poller.register(self._wake.fileno(), zmq.POLLIN)
        clean_up_s = time.monotonic() + CLEANUP_INTERVAL_S
        with contextlib.suppress(_StopRequested):
            while not self._stopping:
                left_s = max(0.0, clean_up_s - time.monotonic())
                ready = dict(poller.poll(math.ceil(left_s * 1_000)))
                self._sleep_again()
                if self._replies in ready:
                    self._replies.send(self._answer(self._replies.recv_multipart()))
                if time.monotonic() >= clean_up_s:
                    self.image.sessions.clean_up(time.time())
                    clean_up_s = time.monotonic() + CLEANUP_INTERVAL_S
        self.image.changed |= self._is_unsaved
        self._save()
        self.close()

    def stop(self) -> None:
        """Make ``serve`` end soon, also from inside a Delay. More calls change nothing."""
        self._stopping = True
        with contextlib.suppress(OSError):  # closed by now, or woken so often that the pipe is full
            self._waker.send(b"\0")

    def close(self) -> None:
        """Close the sockets and release the lock of the state file; ``serve`` does it at its end."""
        if self._authenticator is not None:
            self._authenticator.close()
        self._context.destroy(linger=0)
        if self._lock is not None:
            self._lock.release()
        self._wake.close()
        self._waker.close()

    def _answer(self, frames: list[bytes]) -> bytes:
        try:
            if len(frames) != 1:
                raise InvalidRequest("a message has one frame", Request(Dialect.COMMAND, "", "", {}))  # noqa: TRY301  # as below
            request = decode_request(frames[0])
        except InvalidRequest as error:
            return self._refuse(self._in_own_terms(error.request), Refusal(Kind.INVALID_MESSAGE, str(error)))
        answer_to = self._in_own_terms(request)
        try:
            if request.dialect not in self._settings.dialects:
                raise Refusal(Kind.INVALID_MESSAGE, "the message is in another dialect")  # noqa: TRY301  # one place answers all
            self.image.admit(request, time.time())
            self._save()  # so that what ran is known also after a crash
            self._log(request)
            result = self.image.answer(request, time.time())
            self._save()
            return encode_result(answer_to, result, at=datetime.now(UTC))
        except Refusal as refusal:
            self._save()
            return self._refuse(answer_to, refusal)
        except ConfigurationError as error:
            return self._refuse(answer_to, Refusal(Kind.BROKEN, f"the result cannot be sent: {error.message}"))
        except _StopRequested:
            raise
        except Exception as error:  # noqa: BLE001 - one bad request must not take the image from everybody else
            sys.stderr.write("\n".join(map(printable, "".join(traceback.format_exception(error)).splitlines())) + "\n")
            return self._refuse(answer_to, Refusal(Kind.BROKEN, "the backend failed on this request"))

    def _in_own_terms(self, request: Request) -> Request:
        dialects = self._settings.dialects
        dialect = request.dialect if request.dialect in dialects else next(iter(dialects))
        message_id = str(uuid.uuid4()) if self._settings.own_ids else request.id
        return replace(request, dialect=dialect, id=message_id)

    def _refuse(self, request: Request, refusal: Refusal) -> bytes:
        word, at = refusal.kind.word(request.dialect), datetime.now(UTC)
        try:
            return encode_error(request, word, str(refusal), at=at)
        except ConfigurationError:  # with its id, or with what it asked for, it fits no message
            return encode_error(replace(request, id=""), word, "the answer is too large", at=at)

    def _log(self, request: Request) -> None:
        if self._settings.executed_log is None:
            return
        masked = {name: MASK if name == "auth_token" else value for name, value in request.parameters.items()}
        line = {"id": request.id, "command": request.command, "parameters": masked, "at": timestamp(datetime.now(UTC))}
        with self._settings.executed_log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        if not self.image.changed:
            return
        self.image.changed = False
        try:
            self._keep()
        except StoreError as error:  # tried again with the next change and at the end, and told once
            if not self._is_unsaved:
                report(error)
            self._is_unsaved = True
        else:
            self._is_unsaved = False

    def _keep(self) -> None:
        if self._settings.state_file is not None:
            state = state_file.StoredState(list(self.image.sessions.all.values()), self.image.guarantees.keys)
            state_file.save(self._settings.state_file, state)

    def _refuse_files_that_cannot_be_written(self) -> None:
        """Raises ConfigurationError at the start rather than with the first request."""
        log = self._settings.executed_log
        try:
            self._keep()
            if log is not None:
                log.open("a", encoding="utf-8").close()
        except StoreError as error:
            raise ConfigurationError(error.message, hint=error.hint) from error
        except OSError as error:
            raise ConfigurationError(f"{log} cannot be written ({error.strerror})", hint="name another log") from error

    def _publish(self, topic: str, content: dict[str, Any]) -> None:
        if self.publishing is not None:
            body = {**content, "timestamp": timestamp(datetime.now(UTC))}
            self._notifications.send_multipart([topic.encode(), json.dumps(body).encode()])

    def _wait(self, seconds: float) -> None:
        ends_s = time.monotonic() + seconds
        while (left_s := ends_s - time.monotonic()) > 0:
            if self._stopping:  # seen first: what woke the backend may be read already
                raise _StopRequested
            select.select([self._wake], [], [], left_s)
            self._sleep_again()

    def _sleep_again(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake.recv(64):
                pass


def _bind(server: zmq.Socket[bytes], address: str) -> str:
    server.setsockopt(zmq.IPV6, int("[" in address))
    try:
        with private_socket(address):
            server.bind(address)
    except zmq.ZMQError as error:
        if error.errno == zmq.EADDRINUSE:
            raise ConfigurationError(f"{address} is in use", hint="stop what listens there, or bind another") from error
        number = error.errno or 0
        raise ConfigurationError(
            f"{address} cannot be bound ({zmq.strerror(number)})", hint=_BIND_HINTS.get(number, "bind another address")
        ) from error
    return str(server.getsockopt_string(zmq.LAST_ENDPOINT)).rstrip("\0")
