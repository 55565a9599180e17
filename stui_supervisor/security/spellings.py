"""How a secret text may be spelt where somebody quotes it, and where it stands in what he says.

Theory of operation
-------------------
What was said is looked through several times: as it came, and with its escapes undone (JSON, also within JSON,
percent, ``repr``, HTML), round by round until nothing is left to undo, and at last without what draws nothing. So one
that is escaped in part is found as well as one that is escaped whole, and one that a terminal would put together. In
each round the text is looked for plainly, in base64 and base32 at each of the places that its bytes may have in a
longer text, in hex with and without separators, and as a list of bytes. All of this is searching for fixed bytes, which
costs next to nothing where there is nothing to be found; only where there is, it is worked out where that began.
"""

from __future__ import annotations

import json
import re
from base64 import b32encode
from binascii import b2a_base64
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple
from unicodedata import normalize
from urllib.parse import quote

from stui_supervisor.config import (
    ESCAPES_UNDONE,
    ESCAPES_UNDONE_ROUNDS,
    MASKED_ANYWHERE_FROM,
    MASKED_AS_A_WORD_FROM,
    NESTED_MAX_BYTES,
)

Span = tuple[int, int]

_ESCAPE: Final = re.compile(
    rb"""\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})
          |u([0-9a-fA-F]{4})|u\{0*([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})
          |([0-3][0-7]{2})|(["'/bfnrt\\]))
        |%(?:25)*(?:u([0-9a-fA-F]{4})|([0-9a-fA-F]{2}))
        |&\#[xX]0*([0-9a-fA-F]{1,6});|&\#0*([0-9]{1,7});|&(quot|amp|lt|gt|apos);
        |(')'""",
    re.VERBOSE,
)
_SEQUENCES: Final = rb"""\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\
    |\x1b(?:[ -/]+[0-~]|[0-Z\\^-~])|\xc2\x9b[0-?]*[ -/]*[@-~]
    |(?:[ -~]|[\xc2-\xf4][\x80-\xbf]{1,3})\x08|"""  # that drive a terminal
_DRAWS_NOTHING: Final = rb"""[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]
    |\xc2[\x80-\x9f\xad]|\xcd\x8f|\xd8[\x80-\x85\x9c]|\xdb\x9d|\xdc\x8f|\xe1\xa0[\x8b-\x8e]
    |\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xed[\xa0-\xbf][\x80-\xbf]|\xee[\x80-\xbf][\x80-\xbf]
    |\xef(?:[\x80-\xa3][\x80-\xbf]|\xb8[\x80-\x8f]|\xbb\xbf|\xbf[\xb0-\xbb\xbe\xbf])
    |\xf3[\xa0-\xbf][\x80-\xbf][\x80-\xbf]|\xf4[\x80-\x8f][\x80-\xbf][\x80-\xbf]
    """  # control characters, formatting, halves of surrogate pairs, private use
_OR_OTHERS: Final = rb"|\r?\n[ \t]+|[\t\n\r]|([\xc2-\xf4][\x80-\xbf]{1,3})"  # in a long text these would take too long
_UNSEEN: Final = tuple(
    re.compile(begin + _DRAWS_NOTHING + end, re.VERBOSE) for begin in (b"", _SEQUENCES) for end in (b"", _OR_OTHERS)
)
_SCHEME: Final = re.compile(r"(?:bearer|basic|token)\s+(?=\S)", re.IGNORECASE)  # which who answers may leave out
_CODE_POINTS: Final = frozenset({3, 4, 5, 9, 11})  # the groups of _ESCAPE that are hex for a character
_BYTES: Final = frozenset({6, 10})  # and those that are hex for a byte
_OCTAL: Final = 7
_LOW_SURROGATE: Final = 2
_DECIMAL: Final = 12
_NAMED: Final = {
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"quot": b'"',
    b"amp": b"&",
    b"lt": b"<",
    b"gt": b">",
    b"apos": b"'",
}
_WIDE: Final = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_BETWEEN_LETTERS: Final = 5  # bytes, as in 'a' , 'b'
_BLANKS: Final = b" \t\r\n"
_QUOTES: Final = b" \t\r\n\"'"
_HEX: Final = re.compile(rb"0x|u00|16r|([0-9a-f])")
_NOT_HEX: Final = bytes(byte for byte in range(256) if byte not in b"0123456789abcdef")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]")
_BASE32: Final = re.compile(rb"[A-Za-z2-7]")
_BITS: Final = 6  # of one character of base64
_PLACES: Final = 3  # within four characters of base64
_BITS_32: Final = 5  # of one character of base32
_PLACES_32: Final = 5  # within eight characters of base32


class _Undone(NamedTuple):
    """One escape: where what it stands for is now, and where it was."""

    begins: int
    ends: int
    began: int
    ended: int


_BEGINS: Final = attrgetter("begins")


class Spellings:
    """The spellings of one text; ``spans`` says where in what somebody says they are."""

    def __init__(self, text: str) -> None:
        whole, text = text, _SCHEME.sub("", text.strip(), count=1) or text
        raw = text.encode("utf-8", "surrogatepass")
        self._is_short = len(raw) < MASKED_ANYWHERE_FROM
        self._is_tiny = len(raw) < MASKED_AS_A_WORD_FROM
        plain = [*_plain_spellings(whole), *_plain_spellings(text)]
        self._plain = tuple(
            dict.fromkeys(filter(None, (*plain, *(view for each in plain for view, _ in _views(each)))))
        )
        self._any_case = tuple(
            dict.fromkeys(each.encode("utf-8", "surrogatepass").lower() for each in (text, text.upper(), text.lower()))
        )
        self._alone = b2a_base64(raw, newline=False).rstrip(b"=")
        forms = _forms(text, raw)
        self._hex = tuple(form.hex().encode() for form in forms)
        self._base64 = tuple(each for form in forms for each in _base64_spellings(form))
        self._base32 = tuple(each.lower() for each in _base32_spellings(raw))
        nested = (*self._hex, *(self._base64 if len(raw) >= MASKED_ANYWHERE_FROM else ()))
        wide = tuple(_wide_forms(text))
        self._hex_brief = tuple(each.hex().encode() for each in (*nested, *wide))
        self._base64_brief = tuple(again for each in (*nested, *wide) for again in _base64_spellings(each))
        self._apart = _letters_apart(text)
        self._decimal = tuple(separator.join(str(byte) for byte in raw).encode() for separator in (", ", ",", " "))

    def spans(self, said: bytes) -> list[Span]:
        """Where it is quoted, in order and apart. One span for all of it where there is too much to undo."""
        if not self._plain:
            return []
        views = list(_views(said))
        if any(len(unseen) > ESCAPES_UNDONE for _, unseen in views):
            return [(0, len(said))]
        found = self._undoing(said, [])
        for view, unseen in views:
            found += self._undoing(view, [unseen])
        return _joined(found)

    def _undoing(self, data: bytes, rounds: list[list[_Undone]]) -> list[Span]:
        """Where it is in what is left after these rounds, and after more."""
        found: list[Span] = []
        whole, given = list(_before([(0, len(data))], rounds)), len(rounds)
        for _ in range(ESCAPES_UNDONE_ROUNDS):
            found += _before(self._in(data), rounds)
            is_last = _ESCAPE.search(data) is None
            if len(rounds) > given and (is_last or len(data) <= NESTED_MAX_BYTES):
                for view, unseen in _views(data):
                    found += _before(self._in(view), [*rounds, unseen])
            if is_last:
                break
            undone = _undo(data)
            if undone is None:
                return whole
            data, escapes = undone
            rounds.append(escapes)
        return found

    def _in(self, data: bytes) -> list[Span]:
        if self._is_tiny:
            return [(0, len(data))] if data.strip(_QUOTES) in self._plain else []
        if self._is_short:
            words = [span for needle in (*self._plain, self._alone) for span in _words(needle, data)]
            return [*words, *_words(self._hex[0], data.lower())]
        found = [span for needle in (*self._plain, *self._decimal) for span in _finds(needle, data)]
        lowered = data.lower()
        found += [span for needle in self._any_case for span in _finds(needle, lowered)]
        is_brief = len(data) <= NESTED_MAX_BYTES
        if is_brief:
            found += [match.span() for match in self._apart.finditer(data)]
            found += [_widened(span, data, _BASE32) for needle in self._base32 for span in _finds(needle, lowered)]
        base64 = (*self._base64, *self._base64_brief) if is_brief else self._base64
        in_hex = (*self._hex, *self._hex_brief) if is_brief else self._hex
        return [*found, *_in_base64(base64, data), *_in_hex(in_hex, data)]


def _letters_apart(text: str) -> re.Pattern[bytes]:
    """Its characters with something between them, as lists of characters are shown; what that is, it has not itself."""
    characters = [re.escape(character.encode("utf-8", "surrogatepass")) for character in text]
    own = b"".join(dict.fromkeys(one for one in characters if not one.isalnum()))
    return re.compile((b"[^0-9A-Za-z" + own + b"]{0,%d}+" % _BETWEEN_LETTERS).join(characters))


def _in_base64(needles: Iterable[bytes], data: bytes) -> Iterator[Span]:
    squeezed = data.translate(None, _BLANKS)  # which some put into it, line by line
    found = [span for needle in needles for span in _finds(needle, squeezed)]
    if found:
        at = [index for index, byte in enumerate(data) if byte not in _BLANKS]
        yield from (_widened((at[begin], at[end - 1] + 1), data, _BASE64) for begin, end in found)


def _in_hex(needles: Iterable[bytes], data: bytes) -> Iterator[Span]:
    lowered = data.lower()
    digits = lowered.replace(b"0x", b"").replace(b"u00", b"").replace(b"16r", b"").translate(None, _NOT_HEX)
    found = [span for needle in needles for span in _finds(needle, digits)]
    if found:
        at = [match.start() for match in _HEX.finditer(lowered) if match[1]]
        yield from ((at[begin], at[end - 1] + 1) for begin, end in found)


def _forms(text: str, raw: bytes) -> tuple[bytes, ...]:
    """The bytes that somebody encodes who encodes it alone, or a message that holds it."""
    as_json = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    in_url = quote(raw, safe="")
    texts = (*as_json, as_json[0].replace("/", "\\/"), in_url, re.sub("%..", lambda each: each[0].lower(), in_url))
    return tuple(dict.fromkeys((raw, *(each.encode("utf-8", "surrogatepass") for each in texts))))


def _wide_forms(text: str) -> Iterator[bytes]:
    """The bytes of somebody whose texts are not in UTF-8."""
    yield from (text.encode(encoding, "surrogatepass") for encoding in _WIDE)
    if not text.isascii() and max(text) < "\u0100":
        yield text.encode("latin-1")


def _plain_spellings(text: str) -> list[bytes]:
    """As it is, in the encodings in which software may take it for text, and as it looks when escapes are undone."""
    raw = text.encode("utf-8", "surrogatepass")
    spellings = [raw, text.replace(" ", "+").encode("utf-8", "surrogatepass")]
    spellings += [text.encode(encoding, "surrogatepass") for encoding in _WIDE]
    if not text.isascii():
        spellings += [normalize(form, text).encode("utf-8", "surrogatepass") for form in ("NFC", "NFD")]
        spellings.append(raw.decode("latin-1").encode())
        spellings.append(b"".join(map(_as_repr, text)))
    for each in tuple(spellings):
        for _ in range(ESCAPES_UNDONE_ROUNDS):
            undone = _undo(each)
            if undone is None or undone[0] == each:
                break
            each = undone[0]  # noqa: PLW2901  # one more round of the same
            spellings.append(each)
    return spellings


def _as_repr(character: str) -> bytes:
    r"""What is left of a character when ``\xf6``, which may be a byte of several, is taken for one."""
    return character.encode("latin-1" if character < "\u0100" else "utf-8", "surrogatepass")


def _base64_spellings(raw: bytes) -> Iterator[bytes]:
    """What its bytes alone decide of the characters, at each place; in both alphabets."""
    for before in range(_PLACES):
        whole = (8 * (before + len(raw))) // _BITS
        skipped = -(-8 * before // _BITS)
        text = b2a_base64(bytes(before) + raw, newline=False)[skipped:whole]
        yield text
        if (other := text.translate(bytes.maketrans(b"+/", b"-_"))) != text:
            yield other


def _base32_spellings(raw: bytes) -> Iterator[bytes]:
    """The same in base32, which has one alphabet."""
    for before in range(_PLACES_32):
        whole = (8 * (before + len(raw))) // _BITS_32
        skipped = -(-8 * before // _BITS_32)
        yield b32encode(bytes(before) + raw)[skipped:whole]


def _widened(span: Span, data: bytes, alphabet: re.Pattern[bytes]) -> Span:
    """With the characters of base64 or base32 at both ends that hold a part of it, and what fills up the last."""
    begin, end = span
    begin -= begin > 0 and alphabet.match(data, begin - 1) is not None
    end += alphabet.match(data, end) is not None
    while data[end : end + 1] == b"=":
        end += 1
    return begin, end


def _finds(needle: bytes, data: bytes) -> list[Span]:
    found: list[Span] = []
    at = data.find(needle)
    while at >= 0:
        found.append((at, at + len(needle)))
        at = data.find(needle, at + len(needle))
    return found


def _words(needle: bytes, data: bytes) -> Iterable[Span]:
    if needle not in data:
        return ()
    return (match.span() for match in re.finditer(rb"(?<!\w)" + re.escape(needle) + rb"(?!\w)", data))


def _undo(data: bytes) -> tuple[bytes, list[_Undone]] | None:
    """Without its escapes, and what they were; None when they are too many."""
    parts: list[bytes] = []
    escapes: list[_Undone] = []
    length = last = 0
    for match in _ESCAPE.finditer(data):
        if len(escapes) == ESCAPES_UNDONE:
            return None
        plain = _meant(match)
        parts += data[last : match.start()], plain
        length += match.start() - last + len(plain)
        escapes.append(_Undone(length - len(plain), length, match.start(), match.end()))
        last = match.end()
    return b"".join((*parts, data[last:])), escapes


def _views(data: bytes) -> Iterator[tuple[bytes, list[_Undone]]]:
    """Without each character that draws nothing, and without whatever drives a terminal; and where that was."""
    is_brief = len(data) <= NESTED_MAX_BYTES
    characters, sequences = _UNSEEN[is_brief], _UNSEEN[2 + is_brief]
    yield from (view for view in [_without_unseen(data, characters)] if view[1])
    if b"\x1b" in data or b"\xc2\x9b" in data or b"\b" in data:
        yield _without_unseen(data, sequences)


def _without_unseen(data: bytes, pattern: re.Pattern[bytes]) -> tuple[bytes, list[_Undone]]:
    parts: list[bytes] = []
    unseen: list[_Undone] = []
    length = last = 0
    for match in pattern.finditer(data):
        if match.lastindex and match[1].decode("utf-8", "replace").isprintable():
            continue
        if len(unseen) > ESCAPES_UNDONE:
            break
        parts.append(data[last : match.start()])
        length += match.start() - last
        unseen.append(_Undone(length, length, match.start(), match.end()))
        last = match.end()
    return b"".join((*parts, data[last:])), unseen


def _meant(match: re.Match[bytes]) -> bytes:
    """What an escape stands for."""
    group = match.lastindex or 0
    if group in _BYTES:
        return bytes.fromhex(match[group].decode())
    if group in _CODE_POINTS:
        return _character(int(match[group], 16), match[0])
    if group == _LOW_SURROGATE:
        return _character(0x10000 + ((int(match[1], 16) - 0xD800) << 10) + int(match[2], 16) - 0xDC00, match[0])
    if group == _OCTAL:
        return bytes((int(match[group], 8),))
    if group == _DECIMAL:
        return _character(int(match[group]), match[0])
    return _NAMED.get(match[group], match[group])


def _character(code: int, otherwise: bytes) -> bytes:
    try:
        return chr(code).encode("utf-8", "surrogatepass")
    except (ValueError, OverflowError):
        return otherwise


def _before(spans: Iterable[Span], rounds: list[list[_Undone]]) -> Iterable[Span]:
    """Where they were before the escapes of these rounds were undone."""
    for escapes in reversed(rounds):
        spans = [_was(span, escapes) for span in spans]
    return spans


def _was(span: Span, escapes: list[_Undone]) -> Span:
    begin, last = span[0], span[1] - 1
    first = bisect_right(escapes, begin, key=_BEGINS) - 1
    after = bisect_right(escapes, last, key=_BEGINS) - 1
    start, end = begin, last + 1
    if first >= 0:
        escape = escapes[first]
        start = escape.began if begin < escape.ends else begin - escape.ends + escape.ended
    if after >= 0:
        escape = escapes[after]
        end = escape.ended if last < escape.ends else last + 1 - escape.ends + escape.ended
    return start, end


def _joined(spans: Iterable[Span]) -> list[Span]:
    """In order, those that overlap as one."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def without(said: bytes, spans: list[Span], mask: bytes) -> bytes:
    """What was said, with a mask in the place of each span."""
    kept = pairwise([(0, 0), *spans, (len(said), len(said))])
    return mask.join(said[before[1] : after[0]] for before, after in kept)
