"""The secret of the tests of credentials, and the search for it in whatever a run has written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

CANARY: Final = 'canary/"7c4e+91≈"\\of these tests'  # looks different in each encoding

ENCODINGS: Final[Mapping[str, Callable[[str], bytes]]] = MappingProxyType(
    {
        "plain": str.encode,
        "JSON": lambda text: json.dumps(text)[1:-1].encode(),
        "base64": lambda text: base64.b64encode(text.encode()),
        "hex": lambda text: text.encode().hex().encode(),
        "URL": lambda text: quote(text, safe="").encode(),
        "UTF-16": lambda text: text.encode("utf-16-le"),
    }
)
_BLOCK_BYTES: Final = 1_000_000


def _needles() -> Iterator[tuple[str, bytes]]:
    """Every form in which the canary may stand, some of them at any place within something longer."""
    for name, encoded in ENCODINGS.items():
        if name != "base64":
            yield name, encoded(CANARY)
    yield "JSON", json.dumps(CANARY, ensure_ascii=False)[1:-1].encode()
    yield "JSON", json.dumps(json.dumps(CANARY)[1:-1])[1:-1].encode()
    yield "hex", CANARY.encode().hex().upper().encode()
    yield "UTF-16", CANARY.encode("utf-16-be")
    for before in range(3):  # its bytes begin at any of the three places of a group of four characters
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield "base64", encode(bytes(before) + CANARY.encode())[4 if before else 0 : -4]


_NEEDLES: Final = tuple(_needles())
_OVERLAP_BYTES: Final = max(len(needle) for _, needle in _NEEDLES)


def encodings_in(content: bytes) -> set[str]:
    """In which encodings the canary is there."""
    return {name for name, needle in _NEEDLES if needle in content}


def leaks_in(directory: Path) -> dict[str, set[str]]:
    """The files below the directory that hold the canary, each with its encodings; names of files count too."""
    found: dict[str, set[str]] = {}
    for path in directory.rglob("*"):
        encodings = encodings_in(str(path.relative_to(directory)).encode("utf-8", "surrogateescape"))
        if path.is_file() and not path.is_symlink():
            encodings |= set().union(*map(encodings_in, _blocks(path)))
        if encodings:
            found[str(path.relative_to(directory))] = encodings
    return found


def _blocks(path: Path) -> Iterable[bytes]:
    """The content in parts that overlap, so that nothing is cut in two unseen."""
    before = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield before + block
            before = block[-_OVERLAP_BYTES:]
