from __future__ import annotations

import pytest

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import KeyRefused
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.link.key_refusals import RefusedKeys
from stui_supervisor.security.curve import fingerprint

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"  # the server's of ZeroMQ's own manual
OTHER = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
HERE = Endpoint.parse("tcp://127.0.0.1:5555")
THERE = Endpoint.parse("tcp://127.0.0.1:5556")
WORDS = "the backend does not have the pinned key"
REFUSED = Failure(FailureKind.KEY_REFUSED, WORDS)


def test_the_third_refusal_in_a_row_needs_a_person_and_names_the_pinned_key() -> None:
    refused = RefusedKeys()
    assert [refused.refused(HERE, KEY, REFUSED), refused.refused(HERE, KEY, REFUSED)] == [None, None]
    rejection = refused.refused(HERE, KEY, REFUSED)
    assert isinstance(rejection, KeyRefused)
    assert rejection.message == f"{HERE}: {WORDS}; the pinned key is {fingerprint(KEY)}"
    assert ("reconnect" in rejection.hint, rejection.failure) == (True, FailureKind.KEY_REFUSED)


def test_a_backend_that_encrypts_where_no_key_is_pinned_needs_a_person_who_pins_it() -> None:
    refused = RefusedKeys()
    encrypts = Failure(FailureKind.KEY_REFUSED, "the backend encrypts")
    rejection = [refused.refused(HERE, None, encrypts) for _ in range(3)][-1]
    assert rejection is not None
    assert rejection.message == f"{HERE}: the backend encrypts, and no key is pinned for it"
    assert f"--server-key '{HERE}=KEY'" in rejection.hint


@pytest.mark.parametrize(("endpoint", "key"), [(THERE, KEY), (HERE, OTHER), (HERE, None)])
def test_another_endpoint_or_another_key_begins_a_row_of_its_own(endpoint: Endpoint, key: str | None) -> None:
    refused = RefusedKeys()
    rows = [(HERE, KEY), (HERE, KEY), (endpoint, key), (HERE, KEY)]
    assert [refused.refused(*row, REFUSED) for row in rows] == [None] * 4


def test_a_change_begins_the_row_anew() -> None:
    refused = RefusedKeys()
    for _ in range(2):
        refused.refused(HERE, KEY, REFUSED)
    refused.forget()
    assert refused.refused(HERE, KEY, REFUSED) is None
