"""Which rooms each room may import: the tests hold the code to it, and ``docs/architecture.md`` shows it."""

from __future__ import annotations

from typing import Final

# Words that every room may use; most of them are public. They import each other, and what is named here.
VOCABULARY: Final[dict[str, set[str]]] = {
    "_version": set(),
    "config": set(),
    "endpoint": set(),
    "errors": set(),
    "events": {"machine"},
    "exact_json": set(),
    "failures": set(),
    "moment": set(),
    "ports": {"context", "health", "peer", "security", "session"},
    "printable": set(),
    "problems": set(),
    "profile": set(),
}
# What each pure room may import beside the vocabulary.
PURE: Final[dict[str, set[str]]] = {
    "machine": set(),
    "wire": set(),
    "context": set(),
    "status": {"machine"},
    "security": {"context", "wire"},
    "peer": {"context", "security", "wire"},
    "session": {"context", "machine", "peer", "status", "wire"},
    "requests": {"machine", "peer", "security", "wire"},
    "replication": set(),
    "health": {"machine", "requests"},
    "link": {"context", "machine", "peer", "security", "session", "wire"},
    "notifications": {"link", "security", "wire"},
    "core": {
        *("context", "health", "link", "machine", "notifications", "peer", "replication", "requests", "security"),
        *("session", "status", "wire"),
    },
}
ADAPTERS: Final[dict[str, set[str]]] = {
    "adapters": set(),
    "adapters.files": {"peer", "session", "status"},
    "adapters.host": set(),
    "adapters.journal": {"adapters.files", "adapters.host", "machine", "security", "session"},
    "adapters.keyring": {"security"},
    "adapters.profiles": {"adapters.files", "adapters.sessions", "session"},
    "adapters.sessions": {"adapters.files", "context", "peer", "session", "wire"},
    "adapters.zmq": {"adapters.host", "health", "security"},
}
_BELOW_THE_FACES: Final = {*PURE, *ADAPTERS}
_COMMANDS: Final = {*PURE, *ADAPTERS, "backend", "cli.console", "diagrams", "supervisor"}
OUTER: Final[dict[str, set[str]]] = {
    "runtime": _BELOW_THE_FACES,
    "supervisor": {"adapters.host", "adapters.keyring", "runtime", *PURE},
    "testing": {"context", "health", "peer", "security", "session"},
    "backend": {"backend.smalltalk", "security", "wire"},
    "backend.smalltalk": set(),
    "diagrams": {"machine"},
    "cli": {"cli.commands", "cli.console"},
    "cli.commands": {"cli.demo", *_COMMANDS},
    "cli.console": {"adapters.host", "adapters.keyring", "machine"},
    "cli.demo": _COMMANDS,
    "": {"context", "machine", "security", "supervisor"},
    "__main__": {"cli"},
}
ALLOWED_IMPORTS: Final = {**VOCABULARY, **PURE, **ADAPTERS, **OUTER}
