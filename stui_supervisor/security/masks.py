"""The tokens that were in use, taken out of whatever a backend says: the one place where its words come in.

What passes here may be shown, stored and raised; nothing behind it has to think of tokens. Exempt are the replies to a
user's own requests, which go to the caller alone, and the image's copy of the work: a value with a mask in it would be
work that was damaged, so what quotes a token there is left where it is (``quoting``).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final

from stui_supervisor.config import (
    LOOKED_THROUGH_MAX_BYTES,
    MASKED_NAME_DIGEST_LENGTH,
    MASKED_NAME_MAX_LENGTH,
    QUOTING_MAX_BYTES,
    SECRETS_MASKED,
)
from stui_supervisor.context.parts import Portion, Steps, at_once
from stui_supervisor.context.section import Section, checksum
from stui_supervisor.failures import Failure
from stui_supervisor.security.secret import MASK, Secret
from stui_supervisor.wire.dialects import IncompatibleVersion, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

STATE_KEYS: Final = ("session_state", "state", "context")  # under which a backend gives its copy of the work


class MaskedName(str):
    """A name that a backend gave and that quoted a token: to be compared and shown, but of no use to the backend."""

    __slots__ = ()


class Masks:
    """The tokens that were sent last, and what is said without them."""

    def __init__(self) -> None:
        self._secrets: deque[Secret] = deque(maxlen=SECRETS_MASKED)

    def add(self, secret: Secret | None) -> None:
        """This one is in use."""
        if secret is None or (self._secrets and self._secrets[-1] == secret):
            return
        if secret in self._secrets:
            self._secrets.remove(secret)
        self._secrets.append(secret)

    def are_in(self, said: bytes) -> bool:
        """True when one of the tokens is quoted here."""
        return any(secret.is_in(said) for secret in self._secrets)

    def text(self, text: str) -> str:
        """Words without the tokens."""
        if self._secrets and len(text) > LOOKED_THROUGH_MAX_BYTES:
            return f"{len(text):,} characters, too many to be looked through for the token"
        for secret in self._secrets:
            text = secret.hidden_in(text)
        return text

    def failure(self, failure: Failure) -> Failure:
        """A failure in the words of a link, which may be a program's own."""
        return failure._replace(message=self.text(failure.message)) if failure.message else failure

    def error(self, reply: Reply | MalformedMessage, body: bytes) -> Reply | MalformedMessage:
        """The same reply, its error without the tokens; a result stays as it is."""
        if isinstance(reply, IncompatibleVersion):
            return IncompatibleVersion(self.text(reply.version))
        if isinstance(reply, MalformedMessage):
            return self.malformed(reply, body)
        if reply.ok or not self._secrets:
            return reply
        error_type, message = (
            reply.error_type and self.text(reply.error_type),
            reply.message and self.text(reply.message),
        )
        return reply._replace(error_type=error_type, message=message)

    def malformed(self, error: MalformedMessage, body: bytes) -> MalformedMessage:
        """What is wrong with a message, in words that show nothing of one that quotes a token."""
        if self._secrets and (len(body) > LOOKED_THROUGH_MAX_BYTES or self.are_in(body)):
            return MalformedMessage("it cannot be read, and it may quote the token")
        return error

    def reply(self, reply: Reply | MalformedMessage, body: bytes) -> Reply | MalformedMessage:
        """An answer to a message of our own, without the tokens; its copy of the work stays as it is."""
        if not isinstance(reply, Reply) or not reply.ok:
            return self.error(reply, body)
        said = {key: value for key, value in reply.result.items() if key not in STATE_KEYS}
        quoting = _as_bytes([said, reply.client_id]) if self._secrets else b""
        if not self.are_in(quoting):
            return reply
        if len(quoting) > QUOTING_MAX_BYTES:
            return MalformedMessage("it is large, and it quotes the token")
        copy = {key: value for key, value in reply.result.items() if key in STATE_KEYS}
        named = {self.text(key): self._named(one) for key, one in said.items()}
        return reply._replace(result=copy | named, client_id=self._named(reply.client_id))

    def value(self, value: Any) -> Any:
        """A JSON value without the tokens, in its texts, names and numbers."""
        said = _as_bytes(value) if self._secrets else b""
        if not self.are_in(said):
            return value
        masked = MASK if len(said) > QUOTING_MAX_BYTES else self._masked(value)
        return MASK if self.are_in(_as_bytes(masked)) else masked  # bytes one by one, for instance

    def quoting(self, theirs: Mapping[str, Section], ours: Mapping[str, Section]) -> list[str]:
        """The same as ``finding_quoting``, all in one turn."""
        return at_once(self.finding_quoting(theirs, ours))

    def finding_quoting(self, theirs: Mapping[str, Section], ours: Mapping[str, Section]) -> Steps[list[str]]:
        """The sections of the image's copy that quote a token, but none that is here already, or was."""
        quoting: list[str] = []
        news: dict[str, bytes] = {}
        portion = Portion()
        for name, section in theirs.items() if self._secrets else ():
            news[name] = _news(name, section, ours.get(name))
            if portion.spend(len(section.value or b"")):
                quoting += self._quoting_among(news)
                news = {}
                yield
        return quoting + self._quoting_among(news)

    def _quoting_among(self, news: Mapping[str, bytes]) -> list[str]:
        if not self.are_in(b"\n".join(news.values())):  # one look at many costs a tenth of many looks
            return []
        return [name for name, said in news.items() if self.are_in(said)]

    def _named(self, value: Any) -> Any:
        """What quotes a token, told from others that do by its digest."""
        masked = self.value(value)
        if masked == value:
            return value
        shown = masked if isinstance(masked, str) else MASK
        if len(json.dumps(shown)) > MASKED_NAME_MAX_LENGTH:
            shown = MASK
        digest = sha256(_as_bytes(value)).hexdigest()[:MASKED_NAME_DIGEST_LENGTH]
        return MaskedName(f"{shown} (sha256 {digest})")

    def _masked(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key): self._masked(each) for key, each in value.items()}
            case list():
                return [self._masked(each) for each in value]
            case int() | float():
                return MASK if self.are_in(json.dumps(value).encode()) else value
            case _:
                return value


def _news(name: str, theirs: Section, ours: Section | None) -> bytes:
    """What of a section would come here only with this copy."""
    said = b"" if theirs.value is None or _has_been(ours, theirs.value) else theirs.value
    if ours is None or ours.writer != theirs.writer:
        said = b"\n".join((name.encode(), theirs.writer.encode(), said))
    return said


def _has_been(ours: Section | None, value: bytes) -> bool:
    return ours is not None and (ours.value == value or checksum(value) in ours.known)


def _as_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def without(names: Collection[str], sections: Mapping[str, Section]) -> dict[str, Section]:
    """The sections but those."""
    return {name: section for name, section in sections.items() if name not in names}
