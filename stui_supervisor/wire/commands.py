"""What is known about STUI's commands: their names in both dialects, which carry the token, which may be sent twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from stui_supervisor.config import MESSAGE_MAX_DEPTH


class Naming(NamedTuple):
    """One command in the ``envelope`` dialect; ``parameters`` maps the names that differ there."""

    command: str
    request_type: str
    parameters: Mapping[str, str] = MappingProxyType({})


_STATE: Final = MappingProxyType({"state_data": "context"})

# Any other name follows the custom: get_session_info is GetSessionInfo. Where two commands share a
# request type, the first one is what a request of that type becomes.
NAMINGS: Final = (
    Naming("ping", "Ping"),
    Naming("evaluate", "Evaluate"),
    Naming("inspect", "Inspect", MappingProxyType({"objectId": "target"})),
    Naming("create_session", "CreateSession"),
    Naming("restore_session", "RestoreSession"),
    Naming("close_session", "CloseSession"),
    Naming("save_context", "SaveContext", _STATE),
    Naming("update_session_state", "SaveContext", _STATE),
    Naming("load_context", "LoadContext"),
)

TOKEN_PARAMETER: Final = "auth_token"  # noqa: S105  # a name
WITH_TOKEN: Final = frozenset({"ping", "create_session", "restore_session"})  # which carry it

# What one process of an image has given out; after a restart it names nothing, or something else. A parameter of
# any command counts by its name, in an object among the parameters too.
_OF_PROCESS: Final = re.compile(
    r"(?:.*(?:[_-](?:id|ref|handle|session|identifier)|I[dD]|Ref|Handle|Session|Identifier)"
    r"|id|oid|oop|ref|handle|hash|identifier|object|objectid|session|sessionid|debugger|target|receiver"
    r"|pointer|process|registry|object[_-]?[rR]egistry)s?\Z"
)
_OF_NO_PROCESS: Final = re.compile(r"(?:client|image|request|message)[_-]?ids?\Z", re.IGNORECASE)
_TARGET: Final = re.compile(r"(?:target|receiver|object)s?\Z")
_EXPRESSIONS: Final = frozenset({"expression", "code"})  # a target that says how to find it anew

_BY_COMMAND: Final = {naming.command: naming for naming in NAMINGS}
_BY_REQUEST_TYPE: Final = {naming.request_type: naming for naming in reversed(NAMINGS)}
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")

# Reading and restoring change nothing that a second time would change again.
_REPEATABLE: Final = frozenset({"ping", "inspect", "browse_class", "system_info", "restore_session"})
_REPEATABLE_PREFIXES: Final = ("get_", "list_", "load_")


def is_repeatable(command: str) -> bool:
    """Whether sending the command twice does the same as once.

    Commands that are so only while nothing newer was sent after them count as not repeatable, as
    does every unknown one.
    """
    return command in _REPEATABLE or command.startswith(_REPEATABLE_PREFIXES)


def names_part_of_process(parameters: Mapping[str, Any]) -> bool:
    """Whether a request is about an object, a session or anything else by an id that one process has given it."""
    return _names_one(parameters, MESSAGE_MAX_DEPTH)


def _names_one(found: Any, levels_left: int) -> bool:
    """Whether it does, or an object in it; what is nested deeper than any message may."""
    if isinstance(found, Mapping):
        return levels_left == 0 or any(
            _is_of_process(name, value) or (not _TARGET.match(name) and _names_one(value, levels_left - 1))
            for name, value in ((str(key), value) for key, value in found.items())
        )
    if isinstance(found, list | tuple):
        return levels_left == 0 or any(_names_one(each, levels_left - 1) for each in found)
    return False


def _is_of_process(name: str, value: Any) -> bool:
    if value in (None, {}, []) or _OF_NO_PROCESS.match(name) or not _OF_PROCESS.match(name):
        return False
    targets = value if isinstance(value, list | tuple) else [value]
    return not _TARGET.match(name) or not all(map(_is_expression, targets))


def _is_expression(target: Any) -> bool:
    """Whether a target says how it is found anew; a text without a space may be an id as well."""
    if isinstance(target, Mapping):
        return {*map(str.lower, target)} <= _EXPRESSIONS or str(target.get("type")).lower() in _EXPRESSIONS
    return isinstance(target, str) and len(target.split()) > 1


def naming_of_command(command: str) -> Naming:
    """How the ``envelope`` dialect names a command."""
    known = _BY_COMMAND.get(command)
    if known:
        return known
    return Naming(command, "".join(word[:1].upper() + word[1:] for word in command.split("_")))


def naming_of_request_type(request_type: str) -> Naming:
    """Which command a request type of the ``envelope`` dialect is."""
    known = _BY_REQUEST_TYPE.get(request_type)
    return known or Naming(_CAPITAL.sub("_", request_type).lower(), request_type)
