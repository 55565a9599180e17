"""Secrets leave a finished line here, whatever put them there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from stui_supervisor.security.secret import MASK, Secret

_KEY: Final = r"(?:token|password|passwd|passphrase|secret|authorization)"
_MEMBER: Final = re.compile(rf'("(?:[^"\\]|\\.)*{_KEY}"\s*:\s*)("(?:[^"\\]|\\.)*"|[^\s,"{{}}\[\]]+)', re.IGNORECASE)
_IN_TEXT: Final = re.compile(
    rf"""({_KEY}(?:\\?["'])?\s*[:=]\s*(?:\\?["'])?(?:bearer\s+)?)((?:\\[^"']|[^\s"'\\,;&{{}}\[\]])+)""",
    re.IGNORECASE,
)


def redact(line: str, secrets: Iterable[Secret] = ()) -> str:
    """The finished JSON line without secrets: the last step before the disk.

    Masked are the values of keys such as ``auth_token`` or ``password``, also where they are quoted
    within a text, and the texts of ``secrets`` wherever they stand, in whatever spelling.
    """
    for secret in secrets:
        if secret.is_in(line.encode("utf-8", "surrogatepass")):
            line = _without(secret, line)
    line = _MEMBER.sub(rf'\1"{MASK}"', line)
    return _IN_TEXT.sub(rf"\1{MASK}", line)


def _without(secret: Secret, line: str) -> str:
    """Text by text: a mask in the line itself might take a part of an escape with it."""
    try:
        return json.dumps(_hidden(secret, json.loads(line)))
    except (ValueError, RecursionError):
        return secret.hidden_in(line)


def _hidden(secret: Secret, value: Any) -> Any:
    match value:
        case str():
            return secret.hidden_in(value)
        case dict():
            return {secret.hidden_in(name): _hidden(secret, each) for name, each in value.items()}
        case list():
            return [_hidden(secret, each) for each in value]
        case _:
            return value
