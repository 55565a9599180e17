from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from stui_supervisor import errors
from stui_supervisor.errors import BackendError, ConfigurationError, NotSent, SupervisorError

# What the caller should do about each is decided by its parent.
TREE = {
    "SupervisorError": (Exception,),
    "ConfigurationError": (SupervisorError, ValueError),
    "RequestError": (SupervisorError,),
    "NotSent": (errors.RequestError,),
    "OutcomeUnknown": (errors.RequestError,),
    "BackendError": (errors.RequestError,),
    "ConnectionRejected": (SupervisorError,),
    "AuthenticationFailed": (errors.ConnectionRejected,),
    "IncompatibleBackend": (errors.ConnectionRejected,),
    "KeyRefused": (errors.ConnectionRejected,),
    "DifferentImage": (errors.ConnectionRejected,),
    "CredentialError": (SupervisorError,),
    "StoreError": (SupervisorError,),
}


def test_the_tree_is_the_promised_one() -> None:
    assert {name: kind.__bases__ for name, kind in inspect.getmembers(errors, inspect.isclass)} == TREE


def test_the_docstring_draws_every_error_of_the_tree() -> None:
    assert all(name in (errors.__doc__ or "") for name in TREE)


def test_an_error_says_what_happened_and_what_to_do_now() -> None:
    error = NotSent("the queue is full", hint="wait for replies")
    assert (error.message, error.hint, str(error)) == (
        "the queue is full",
        "wait for replies",
        "the queue is full: wait for replies",
    )
    assert str(NotSent("the queue is full")) == "the queue is full"


def test_an_error_of_the_backend_carries_its_word_for_it() -> None:
    error = BackendError("no such session", error_type="SessionNotFound")
    assert (error.error_type, error.message, error.hint) == ("SessionNotFound", "no such session", "")
    assert str(error) == "SessionNotFound: no such session"


def test_wrong_input_is_also_a_value_error() -> None:
    with pytest.raises(ValueError, match="mend it"):
        raise ConfigurationError("port 99999", hint="mend it")


RAISED = [
    NotSent("it waits", hint="repeat it", failure="refused", request_id="me-1"),
    errors.KeyRefused("it is another", hint="compare them", failure="key_refused"),
    BackendError("no such object", error_type="Error", request_id="me-2"),
    ConfigurationError("port 99999", hint="mend it"),
    errors.DifferentImage("another image", hint="look which"),
    errors.StoreError("the disk is full"),
]


@pytest.mark.parametrize("raised", RAISED, ids=lambda raised: type(raised).__name__)
def test_an_error_reaches_another_process_as_it_was_raised(raised: SupervisorError) -> None:
    raised.add_note("seen in a worker")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        same = pickle.loads(pickle.dumps(raised, protocol))  # noqa: S301  # our own
        assert (type(same), str(same), same.args, vars(same)) == (type(raised), str(raised), raised.args, vars(raised))


@pytest.mark.parametrize("raised", RAISED, ids=lambda raised: type(raised).__name__)
def test_an_error_can_be_copied(raised: SupervisorError) -> None:
    for same in (copy.copy(raised), copy.deepcopy(raised)):
        assert (type(same), str(same), vars(same)) == (type(raised), str(raised), vars(raised))


def raise_one(number: int) -> None:
    """What a worker does."""
    raise RAISED[number]


def test_a_pool_hands_on_what_a_worker_has_raised() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        told = [pool.submit(raise_one, number).exception(timeout=30) for number in range(len(RAISED))]
    assert [(type(error), str(error)) for error in told] == [(type(error), str(error)) for error in RAISED]
