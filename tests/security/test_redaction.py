from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.security.redaction import redact
from stui_supervisor.security.secret import MASK, Secret
from tests.support.files import canary
from tests.support.files.canary import ENCODINGS, encodings_in

CANARY = "canary-0123456789abcdef"


@pytest.mark.parametrize(
    "values",
    [
        {"auth_token": CANARY},
        {"token": CANARY},
        {"Password": CANARY},
        {"client_secret": CANARY},
        {"reason": f"the backend refused auth_token={CANARY}"},
        {"reason": f"password: {CANARY}, try another"},
        {"reason": f"Authorization: Bearer {CANARY}"},
        {"message": json.dumps({"command": "ping", "parameters": {"auth_token": CANARY}})},
        {"message": repr({"auth_token": CANARY})},
        {"message": f"token={CANARY}ä\n{CANARY}"},
    ],
)
def test_a_secret_is_found_by_the_word_before_it(values: dict[str, str]) -> None:
    masked = redact(json.dumps({"event": "problem", **values, "link": 3}))
    assert CANARY not in masked.partition("\\n")[0]
    assert MASK in masked
    assert json.loads(masked).keys() == {"event", "link"} | values.keys()


def test_a_known_secret_is_found_wherever_it_stands() -> None:
    secret = Secret('with "quotes" and grün')
    line = json.dumps({"reason": f"no entry for {secret.reveal()}!"})
    assert redact(line, [secret]) == '{"reason": "no entry for ' + MASK + '!"}'


@pytest.mark.parametrize("name", [name for name in ENCODINGS if name != "UTF-16"])  # which no line of text carries
def test_a_known_secret_is_found_in_the_forms_in_which_software_quotes_a_text(name: str) -> None:
    quoted = ENCODINGS[name](canary.CANARY).decode()
    for line in (json.dumps({"reason": quoted}), json.dumps({"reason": json.dumps([quoted])})):
        masked = redact(line, [Secret(canary.CANARY)])
        assert encodings_in(masked.encode()) == set()
        assert json.loads(masked).keys() == {"reason"}


@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.title])
def test_hex_is_masked_in_either_case(spelt: Callable[[str], str]) -> None:
    quoted = spelt(canary.CANARY.encode().hex())
    assert redact(json.dumps({"reason": f"not {quoted}"}), [Secret(canary.CANARY)]) == f'{{"reason": "not {MASK}"}}'


def test_a_line_that_is_no_json_is_masked_too() -> None:
    assert redact(f"<{CANARY}", [Secret(CANARY)]) == f"<{MASK}"


def test_a_mask_leaves_the_escapes_beside_it_whole() -> None:
    line = json.dumps({"path\\": ["C:\\" + CANARY + "\\", 1.5, None, {"a": CANARY}]})
    assert json.loads(redact(line, [Secret(CANARY)])) == {"path\\": [f"C:\\{MASK}\\", 1.5, None, {"a": MASK}]}


def test_a_line_without_secrets_stays_as_it_is() -> None:
    line = '{"event": "credential", "reason": "the token could not be read", "credential_source": "keyring", "link": 2}'
    assert redact(line) == line


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
PIECES = st.lists(st.sampled_from(["token", "=", ":", '"', "'", "\\", "{", "}", ",", " ", "a", "ä", "\n"])).map("".join)


@given(st.dictionaries(st.sampled_from(["reason", "auth_token", "failure", "password"]), VALUES | PIECES))
def test_a_masked_line_is_json_with_the_same_keys(values: dict[str, object]) -> None:
    assert json.loads(redact(json.dumps(values))).keys() == values.keys()
