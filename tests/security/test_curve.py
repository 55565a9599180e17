from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zmq.utils import z85

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.security.curve import checked_key, fingerprint

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"  # the server's of ZeroMQ's own manual
OTHER = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
HERE = Endpoint.parse("tcp://127.0.0.1:5555")
THERE = Endpoint.parse("tcp://127.0.0.1:5556")
WORDS = "the backend does not have the pinned key"
REFUSED = Failure(FailureKind.KEY_REFUSED, WORDS)


@given(st.binary(min_size=32, max_size=32))
def test_every_key_is_one(raw: bytes) -> None:
    text = z85.encode(raw).decode()
    assert checked_key(text) == text


@pytest.mark.parametrize("text", ["", KEY[:-1], KEY + "0", KEY[:-1] + " ", KEY[:-1] + "é", "#" * 40])
def test_anything_else_is_none_and_the_hint_says_what_a_key_looks_like(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is not a CURVE key: a key is 40 characters of Z85"):
        checked_key(text)


def test_a_fingerprint_is_short_and_differs_with_the_key() -> None:
    assert (fingerprint(KEY), fingerprint(OTHER)) == ("8411-2785-d109-2a7e", "9dfd-9fe1-3af9-d0ce")
