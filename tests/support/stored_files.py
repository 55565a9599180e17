"""Stored files as another version, or a bad disk, would leave them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def with_header(content: bytes, **changes: Any) -> bytes:
    """The same file with other header fields and a digest that is right for them."""
    line, _, body = content.partition(b"\n")
    fields = {**json.loads(line), **changes}
    return sealed(fields, body)


def with_body(content: bytes, body: bytes) -> bytes:
    """The same header fields around another body, with digest and length to match."""
    fields = json.loads(content.partition(b"\n")[0])
    return sealed({**fields, "length": len(body)}, body)


def sealed(fields: dict[str, Any], body: bytes) -> bytes:
    """A file put together as the format is documented, without the code under test."""
    fields.pop("sha256", None)
    start = json.dumps(fields, separators=(",", ":")).encode()[:-1]
    digest = hashlib.sha256(start + body).hexdigest().encode()
    return start + b',"sha256":"' + digest + b'"}\n' + body


def newest(directory: Path, kind: str) -> Path:
    """The generation with the highest seq."""
    return max(directory.glob(f"{kind}.*.json"), key=lambda path: int(path.name.split(".")[1]))
