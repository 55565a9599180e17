from __future__ import annotations

import base64
import json
import random
import re
import time
from collections.abc import Callable
from unicodedata import normalize
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import ESCAPES_UNDONE
from stui_supervisor.security.secret import MASK, Secret
from tests.support.files.canary import CANARY

TOKENS = [CANARY, "canary-0123456789abcdef", "kanarienvögel über 😀 und \\u0041 %41", "it's a ''long'' one \\\\n"]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in lines": lambda text: "\n".join(_pieces(base64.b64encode(text.encode()).decode(), 7)),
    "base64 percent-encoded": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "base64 of base64": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "base64 of hex": lambda text: base64.b64encode(text.encode().hex().encode()).decode(),
    "base64 of JSON": lambda text: base64.b64encode(json.dumps({"token": text}).encode()).decode(),
    "base64 of percent": lambda text: base64.b64encode(quote(text, safe="").encode()).decode(),
    "base64 of lower-case percent": lambda text: base64.b64encode(_lower_percent(text).encode()).decode(),
    "hex of percent": lambda text: quote(text, safe="").encode().hex(),
    "base64 of JSON's slashes": lambda text: base64.b64encode(
        json.dumps(text)[1:-1].replace("/", "\\/").encode()
    ).decode(),
    "hex of JSON": lambda text: json.dumps(text, ensure_ascii=False).encode().hex(),
    "hex of base64": lambda text: base64.b64encode(text.encode()).hex(),
    "upper case": lambda text: "".join(one.upper() if one.isascii() else one for one in text),
    "another form of Unicode": lambda text: normalize("NFD", text),
    "lower-case hex": lambda text: text.encode().hex(),
    "upper-case hex": lambda text: text.encode().hex().upper(),
    "mixed-case hex": lambda text: "".join(map(_one_upper, _pieces(text.encode().hex(), 3))),
    "hex with spaces": lambda text: text.encode().hex(" "),
    "hex with colons": lambda text: text.encode().hex(":").upper(),
    "hex with dashes": lambda text: text.encode().hex("-"),
    "hex of C": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "hex of C, upper-case": lambda text: ", ".join(f"0X{byte:02X}" for byte in text.encode()),
    "escaped bytes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "octal bytes": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "bytes of Smalltalk": lambda text: f"#[{' '.join(map(str, text.encode()))}]",
    "a list of bytes": lambda text: json.dumps(list(text.encode())),
    "percent": lambda text: quote(text, safe=""),
    "percent in lower case": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent in part": quote,
    "percent, a form's": quote_plus,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "JSON": json.dumps,
    "JSON with its own characters": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON, all escaped": lambda text: "".join(f"\\u{unit:04x}" for unit in _units(text)),
    "JSON, all escaped in upper case": lambda text: "".join(f"\\u{unit:04X}" for unit in _units(text)),
    "JSON, escaped in part": lambda text: "".join(
        f"\\u{ord(one):04X}" if at % 3 == 1 and ord(one) < 0x80 else json.dumps(one)[1:-1]
        for at, one in enumerate(text)
    ),
    "JSON within JSON": lambda text: json.dumps(json.dumps({"got": text})),
    "JSON within JSON within JSON": lambda text: json.dumps(json.dumps(json.dumps(text))),
    "JSON, percent-encoded": lambda text: quote(json.dumps(text), safe=""),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "a string of Smalltalk": lambda text: text.replace("'", "''"),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "hex of UTF-16": lambda text: text.encode("utf-16-be").hex(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base32 of more": lambda text: base64.b32encode(f"it is {text}!".encode()).decode().lower(),
    "base64 of UTF-32": lambda text: base64.b64encode(text.encode("utf-32-le")).decode(),
    "hex of Smalltalk": lambda text: " ".join(f"16r{byte:02X}" for byte in text.encode()),
    "folded": lambda text: text.replace("n", "n\r\n    "),
    "overstruck": lambda text: "".join(f"{one}\b{one}" for one in text),
    "typed with a mistake": lambda text: f"{text[:3]}x\b{text[3:]}",
    "all in capitals": str.upper,
    "with a NUL in it": lambda text: f"{text[:7]}\0{text[7:]}",
    "with a NUL in its JSON": lambda text: json.dumps(f"{text[:7]}\0{text[7:]}"),
    "with a backspace in it": lambda text: f"{text[:7]}\x08{text[7:]}",
    "in two lines": lambda text: f"{text[:7]}\r\n{text[7:]}",
    "in two colours": lambda text: f"{text[:7]}\x1b[0;31m{text[7:]}",
    "with an escape character": lambda text: f"{text[:7]}\x1b{text[7:]}",
    "with a terminal's reset": lambda text: f"{text[:7]}\x1b(B\x1b[m{text[7:]}",
    "with a terminal's link": lambda text: f"{text[:7]}\x1b]8;;http://a\x1b\\{text[7:]}",
    "with one byte for a sequence": lambda text: f"{text[:7]}\x9b1m{text[7:]}",
    "with what no terminal draws": lambda text: f"{text[:7]}\u0891\U0001d173\u0378\U00013430{text[7:]}",
    "with unseen characters": lambda text: "\u200b\u202e\u00ad".join(_pieces(text, 5)),
    "HTML": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "HTML in hex": lambda text: "".join(f"&#x{ord(one):X};" for one in text),
}


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _lower_percent(text: str) -> str:
    return re.sub("%..", lambda escape: escape[0].lower(), quote(text, safe=""))


def _one_upper(piece: str) -> str:
    return piece[:1].upper() + piece[1:]


def _units(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("name", SPELLINGS)
def test_a_token_is_masked_in_whatever_spelling_and_nothing_around_it_is(name: str, token: str) -> None:
    quoted = SPELLINGS[name](token)
    hidden = Secret(token).hidden_in(f"Refused: <{quoted}> is not 41 or ü")
    before, mask, after = hidden.partition(MASK)
    assert mask
    assert hidden.startswith("Refused: <")
    assert hidden.endswith("> is not 41 or ü")
    around = before.removeprefix("Refused: <") + after.removesuffix("> is not 41 or ü")
    is_about_it = name in {"base64 of JSON", "hex of JSON", "base32 of more"} or len(around) <= 8
    assert is_about_it or set(around) <= set("\"'\\{}[]()#%:got b=20xX")


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: " ".join("$" + one for one in text),
        lambda text: json.dumps(list(text))[2:-2],
        lambda text: json.dumps(json.dumps(list(text)))[4:-4],
        ", ".join,
        "' , '".join,
    ],
    ids=["Smalltalk", "JSON", "JSON within JSON", "commas", "in pieces"],
)
def test_its_characters_one_by_one_are_masked(spell: Callable[[str], str]) -> None:
    said = f"( {spell('canary-0123456789abcdef')} )"
    hidden = Secret("canary-0123456789abcdef").hidden_in(said)
    assert hidden.strip("() $") == MASK


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "user-12"])
@pytest.mark.parametrize("after", ["", ".", "@host", " and more"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("token", TOKENS)
def test_in_base64_it_is_found_at_any_place_within_something_longer(
    token: str, encode: Callable[[bytes], bytes], after: str, before: str
) -> None:
    quoted = encode(f"{before}{token}{after}".encode()).decode()
    hidden = Secret(token).hidden_in(f"Basic {quoted} failed")
    assert hidden.startswith("Basic ")
    assert hidden.endswith(" failed")
    assert MASK in hidden
    assert len(hidden) <= len("Basic  failed") + len(MASK) + 2 * len(before + after) + 2


@given(st.text(min_size=8, max_size=40), st.randoms(use_true_random=False))
def test_one_that_is_escaped_here_and_there_is_masked_whole(token: str, rng: random.Random) -> None:
    def escaped(one: str) -> str:
        in_json = "".join(f"\\u{unit:04x}" for unit in _units(one))
        in_percent = "".join(f"%{byte:02X}" for byte in one.encode())
        return rng.choice([json.dumps(one)[1:-1], in_json, in_percent, f"&#{ord(one)};"])

    if not set("\\%&'\b") & set(token):  # one that takes back what stands before it may be masked with it
        assert Secret(token).hidden_in(f"<{''.join(map(escaped, token))}>") == f"<{MASK}>"


@pytest.mark.parametrize("text", ["", "nothing of the kind", "50 % of \\ and \\u00e9 &amp; ''", "Y2FuYXJ5", "63 61 6e"])
@pytest.mark.parametrize("token", TOKENS)
def test_what_does_not_quote_it_stays_as_it_is(token: str, text: str) -> None:
    assert Secret(token).hidden_in(text) == text
    assert not Secret(token).is_in(text.encode())


def test_each_of_several_quotes_is_masked() -> None:
    token = TOKENS[1]
    said = f"{token}, {token.encode().hex().upper()} and {token}{token}"
    assert Secret(token).hidden_in(said) == f"{MASK}, {MASK} and {MASK}{MASK}"


@pytest.mark.parametrize(
    ("token", "said", "hidden"),
    [
        ("revoked", "not 'revoked', not unrevoked: revoked", f"not '{MASK}', not unrevoked: {MASK}"),
        ("revoked", "7265766F6B6564 cmV2b2tlZA==", f"{MASK} {MASK}=="),
        ("test", "the latest test image", f"the latest {MASK} image"),
        ("abc", "abc is a token", "abc is a token"),
        ("abc", '"abc"', MASK),
        ("a", "a reply without an end", "a reply without an end"),
        ("a", "a", MASK),
        ("", "", ""),
        ("", "any", "any"),
    ],
)
def test_a_short_one_is_masked_as_a_word_and_a_tiny_one_only_where_nothing_else_is_said(
    token: str, said: str, hidden: str
) -> None:
    assert Secret(token).hidden_in(said) == hidden


def test_a_text_with_more_escapes_than_can_be_undone_is_masked_whole() -> None:
    assert Secret("canary-0123456789abcdef").hidden_in("%41" * (ESCAPES_UNDONE + 1)) == MASK


def test_half_a_surrogate_pair_and_broken_characters_do_no_harm() -> None:
    assert Secret("\ud800canary-0123").hidden_in("<\ud800canary-0123\udfff>") == f"<{MASK}\udfff>"
    assert MASK in Secret("¶0123456789").hidden_in("ö0123456789")


ODD = st.text(st.sampled_from([*"ab04xuU%&#;\\'\"/+=- \n{}", "\ud83d", "\ude00", "ö", "😀", "\0"]), max_size=60)


@given(st.text() | ODD, st.text() | ODD)
def test_whatever_the_token_and_whatever_is_said_it_is_a_text_without_the_token(token: str, said: str) -> None:
    secret = Secret(token)
    hidden = secret.hidden_in(said)
    assert secret.is_in(said.encode("utf-8", "surrogatepass")) == (hidden != said) or hidden == MASK
    if len(token.encode("utf-8", "surrogatepass")) >= 8 and MASK not in token:
        assert token not in secret.hidden_in(said + token + said).replace(MASK, "\n\0")


@pytest.mark.parametrize("given_as", [" {} ", "Bearer {}", "bearer  {} "])
def test_what_a_server_takes_for_the_token_is_masked_too(given_as: str) -> None:
    secret = Secret(given_as.format(CANARY))
    assert secret.hidden_in(f"<{CANARY}>") == f"<{MASK}>"
    assert CANARY not in secret.hidden_in(f"<{given_as.format(CANARY)}>")


def test_what_only_looks_like_a_scheme_is_masked_as_far_as_it_can_be_one() -> None:
    assert Secret("Bearer of bad news").hidden_in("it was Bearer of bad news!") == f"it was {MASK}!"
    assert Secret("Bearer of bad news").hidden_in("it was of bad news!") == f"it was {MASK}!"
    assert Secret("BearerBearerBearer").hidden_in("BearerBearerBearer") == MASK


def test_what_has_too_many_escapes_beside_something_unseen_is_masked_whole() -> None:
    text = "\0" + "\\n" * (ESCAPES_UNDONE + 1)
    assert Secret(CANARY).hidden_in(text) == MASK


@pytest.mark.parametrize("unit", ["\x1b[", "a\b", "\x1b]", "\b\b\b\b10%"])
def test_what_is_full_of_control_characters_is_masked_whole_and_soon(unit: str) -> None:
    begin = time.process_time()
    assert Secret(CANARY).hidden_in(unit * (900_000 // len(unit))) == MASK
    assert time.process_time() - begin < 1.0
