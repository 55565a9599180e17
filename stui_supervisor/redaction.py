"""Secrets leave a finished line here, whatever put them there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from stui_supervisor.secret import MASK, Secret

_KEY: Final = r"(?:token|password|passwd|passphrase|secret|authorization)"
_MEMBER: Final = re.compile(rf'("(?:[^"\\]|\\.)*{_KEY}"\s*:\s*)("(?:[^"\\]|\\.)*"|[^\s,"{{}}\[\]]+)', re.IGNORECASE)
_IN_TEXT: Final = re.compile(
    rf"""({_KEY}(?:\\?["'])?\s*[:=]\s*(?:\\?["'])?(?:bearer\s+)?)((?:\\[^"']|[^\s"'\\,;&{{}}\[\]])+)""",
    re.IGNORECASE,
)


def redact(line: str, secrets: Iterable[Secret] = ()) -> str:
    """The finished JSON line without secrets: the last step before the disk.

    Masked are the values of keys such as ``auth_token`` or ``password``, also where they are quoted
    within a text, and the texts of ``secrets`` wherever they stand.
    """
    for secret in secrets:
        escaped = json.dumps(secret.reveal())[1:-1]
        if escaped:
            line = line.replace(escaped, MASK)
    line = _MEMBER.sub(rf'\1"{MASK}"', line)
    return _IN_TEXT.sub(rf"\1{MASK}", line)
