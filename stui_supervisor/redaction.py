"""Secrets leave a finished line here, whatever put them there."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

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
    within a text, and the texts of ``secrets`` wherever they stand, also in the forms in which software
    quotes a text: JSON within JSON, percent-encoded, in base64 and in hex.
    """
    for secret in secrets:
        for form in _forms(secret):
            line = line.replace(form, MASK)
    line = _MEMBER.sub(rf'\1"{MASK}"', line)
    return _IN_TEXT.sub(rf"\1{MASK}", line)


def _forms(secret: Secret) -> Iterable[str]:
    raw = secret.reveal().encode("utf-8", "surrogatepass")
    if not raw:
        return ()
    base64 = b2a_base64(raw, newline=False).decode().rstrip("=")
    return *secret.spellings(), quote(raw, safe=""), base64, raw.hex(), raw.hex().upper()
