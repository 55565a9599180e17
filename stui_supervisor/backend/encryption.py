"""Encrypted links to the backend (CURVE), and who may have one (ZAP, ZeroMQ RFC 27)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import zmq
from zmq.utils import z85

from stui_supervisor.backend.secret_file import read_secret
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.security.curve import checked_key
from stui_supervisor.security.secret import Secret

_ZAP: Final = "inproc://zeromq.zap.01"
_VERSION: Final = b"1.0"


class KeyPair(NamedTuple):
    """The backend's own keys, as text in Z85."""

    public: str
    secret: Secret


def read_or_make_key_pair(path: Path) -> KeyPair:
    """The key pair whose secret key is in the file, or a new one, written there when the file is missing.

    Raises ConfigurationError when the file cannot be used.
    """
    try:
        secret = checked_key(read_secret(path)) if path.exists() else _make(path)
    except OSError as error:
        raise ConfigurationError(
            f"the secret key in {path} cannot be used ({error.strerror})", hint="name another file"
        ) from error
    return KeyPair(zmq.curve_public(secret.encode()).decode(), Secret(secret))


def encrypt(sockets: Iterable[zmq.Socket[bytes]], pair: KeyPair) -> None:
    """Let these sockets accept only encrypted links. Call it before they are bound."""
    for socket in sockets:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, pair.secret.reveal().encode())


class ZapAuthenticator:
    """Answers libzmq's question whether a client with this key may connect (ZAP).

    It does so in a thread of its own, since the image may be busy.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], allowed: Iterable[str]) -> None:
        self._allowed = {z85.decode(key.encode()) for key in allowed}
        self._requests = context.socket(zmq.REP)
        self._requests.bind(_ZAP)
        self._stop, self._stopped = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        self._stopped.bind("inproc://stui-zap")
        self._stop.connect("inproc://stui-zap")
        self._thread = threading.Thread(target=self._serve, name="stui-zap", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Call it before the context is terminated."""
        self._stop.send(b"")
        self._thread.join()

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._requests, zmq.POLLIN)
        poller.register(self._stopped, zmq.POLLIN)
        while self._stopped not in dict(poller.poll()):
            # RFC 27: version, request id, domain, address, routing id, mechanism, credentials
            _, request, *_, key = self._requests.recv_multipart()
            status = (b"200", b"OK") if key in self._allowed else (b"400", b"this key is not allowed")
            self._requests.send_multipart([_VERSION, request, *status, b"", b""])


def _make(path: Path) -> str:
    secret = zmq.curve_keypair()[1]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret + b"\n")
    except OSError:  # a full disk: what is left there would be taken for a secret at the next start
        path.unlink()
        raise
    return secret.decode()
