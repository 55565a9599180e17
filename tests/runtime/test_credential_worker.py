from __future__ import annotations

import asyncio
import threading
import traceback
from typing import cast

import pytest

from stui_supervisor.adapters.keyring.credentials import KeyringClientKeys
from stui_supervisor.adapters.keyring.items import KeyringItems
from stui_supervisor.config import TOKEN_MAX_LENGTH
from stui_supervisor.core.effects import ReadCredential
from stui_supervisor.core.inputs import CredentialFailed, CredentialRead, Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import CredentialError
from stui_supervisor.runtime.assembly import Keyring
from stui_supervisor.runtime.credential_worker import CredentialWorker
from stui_supervisor.security.secret import Secret
from stui_supervisor.testing import MemoryCredentials
from tests.support.files.keyring_backends import InMemory
from tests.support.programs.watching import own_threads, until

HERE = Endpoint.parse("tcp://127.0.0.1:5555")
TOKEN = Secret("a token of some length")
SERVER = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"


class Slow(MemoryCredentials):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()
        self.reads = 0

    def read(self, endpoint: Endpoint) -> Secret | None:
        self.reads += 1
        self.may_answer.wait()
        return super().read(endpoint)


def keyring(credentials: MemoryCredentials) -> Keyring:
    backend = InMemory()
    credentials.tokens[str(HERE)] = TOKEN
    return Keyring(credentials, KeyringClientKeys(KeyringItems(lambda: backend)))


async def test_each_question_is_answered_with_what_it_asked_for() -> None:
    fed, source = list[Input](), keyring(MemoryCredentials())
    thread = CredentialWorker(source, fed.append)
    curve = source.client_keys.read(HERE, SERVER)
    for effect, answer in (
        (ReadCredential(1, HERE), CredentialRead(1, TOKEN, "keyring")),
        (ReadCredential(2, HERE, with_token=False, server_key=SERVER), CredentialRead(2, None, "keyring", curve)),
        (ReadCredential(3, HERE, server_key=SERVER), CredentialRead(3, TOKEN, "keyring", curve)),
    ):
        thread.ask(effect)
        await until(lambda: fed)
        assert [fed.pop()] == [answer]
    thread.close()


async def test_what_was_read_is_known_to_the_log_as_a_secret() -> None:
    fed, source = list[Input](), keyring(MemoryCredentials())
    thread = CredentialWorker(source, fed.append)
    thread.ask(ReadCredential(1, HERE, server_key=SERVER))
    await until(lambda: fed)
    assert list(source.in_use) == [TOKEN, source.client_keys.read(HERE, SERVER).secret]
    thread.close()


async def test_errors_come_as_answers() -> None:
    fed, credentials = list[Input](), MemoryCredentials()
    credentials.failure = CredentialError("it is locked", hint="unlock it")
    thread = CredentialWorker(keyring(credentials), fed.append)
    thread.ask(ReadCredential(1, HERE))
    await until(lambda: fed)
    assert fed == [CredentialFailed(1, credentials.failure)]
    thread.close()


class Odd(MemoryCredentials):
    """A program's own, which gives or raises what no credentials may."""

    def __init__(self, token: object, error: BaseException | None = None) -> None:
        super().__init__()
        self.token, self.error = token, error

    def read(self, _endpoint: Endpoint) -> Secret | None:
        if self.error is not None:
            raise self.error
        return cast("Secret | None", self.token)


async def asked(credentials: Odd) -> Input:
    fed = list[Input]()
    thread = CredentialWorker(keyring(credentials), fed.append)
    thread.ask(ReadCredential(1, HERE))
    await until(lambda: fed)
    thread.close()
    (answer,) = fed
    return answer


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("a token of some length", "str came in place of a text in a Secret"),
        (b"a token of some length", "bytes came in place of a text in a Secret"),
        (Secret(cast("str", b"a token of some length")), "bytes came in place of a text in a Secret"),
        (Secret("a token" * TOKEN_MAX_LENGTH), "the token is too long: a message holds 8,192 characters"),
        (Secret("a token \udcff"), "the token is no text that UTF-8 can carry"),
    ],
)
async def test_what_no_message_can_carry_is_no_token_and_is_not_shown(token: object, message: str) -> None:
    answer = await asked(Odd(token))
    assert isinstance(answer, CredentialFailed)
    assert answer.error.message == message
    assert answer.error.hint
    assert "a token" not in "".join(traceback.format_exception(answer.error))


async def test_the_longest_token_is_one() -> None:
    longest = Secret("x" * TOKEN_MAX_LENGTH)
    assert await asked(Odd(longest)) == CredentialRead(1, longest, "keyring")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize("error", [Unspeakable(), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_whatever_credentials_raise_is_an_answer_and_they_are_asked_again(error: BaseException) -> None:
    fed, odd = list[Input](), Odd(TOKEN, error)
    thread = CredentialWorker(keyring(odd), fed.append)
    thread.ask(ReadCredential(1, HERE))
    await until(lambda: fed)
    (failed,) = fed
    assert isinstance(failed, CredentialFailed)
    assert failed.error.message == f"it raised {type(error).__name__}"
    odd.error = None
    thread.ask(ReadCredential(2, HERE))
    await until(lambda: len(fed) == 2)
    assert fed[1] == CredentialRead(2, TOKEN, "keyring")
    thread.close()


async def test_a_slow_keyring_is_not_asked_on_top_and_the_latest_attempt_gets_an_answer_of_its_own() -> None:
    fed, slow = list[Input](), Slow()
    thread = CredentialWorker(keyring(slow), fed.append)
    for link in (1, 2, 3):
        thread.ask(ReadCredential(link, HERE))
    await until(lambda: slow.reads)
    await asyncio.sleep(0)
    assert (slow.reads, fed) == (1, [])
    slow.may_answer.set()
    await until(lambda: len(fed) == 2)
    assert fed == [CredentialRead(1, TOKEN, "keyring"), CredentialRead(3, TOKEN, "keyring")]
    assert slow.reads == 2
    thread.close()


async def test_the_thread_of_a_keyring_that_hangs_is_left_to_itself() -> None:
    slow = Slow()
    thread = CredentialWorker(keyring(slow), list[Input]().append)
    thread.ask(ReadCredential(1, HERE))
    await until(lambda: slow.reads)
    thread.close()
    assert own_threads() == ["stui-keyring"]
    slow.may_answer.set()
    await until(lambda: own_threads() == [])


async def test_what_a_keyring_answers_after_the_end_is_told_nobody() -> None:
    fed, slow = list[Input](), Slow()
    thread = CredentialWorker(keyring(slow), fed.append)
    thread.ask(ReadCredential(1, HERE))
    await until(lambda: slow.reads)
    thread.close()
    slow.may_answer.set()
    await until(lambda: own_threads() == [])
    await asyncio.sleep(0)
    assert fed == []


async def test_a_keyring_that_answers_after_the_end_is_asked_nothing_more_and_its_thread_ends() -> None:
    fed, slow = list[Input](), Slow()
    thread = CredentialWorker(keyring(slow), fed.append)
    for link in (1, 2):
        thread.ask(ReadCredential(link, HERE))
    await until(lambda: slow.reads)
    thread.close()
    slow.may_answer.set()
    await until(lambda: own_threads() == [])
    await asyncio.sleep(0)
    assert (slow.reads, own_threads()) == (1, [])
