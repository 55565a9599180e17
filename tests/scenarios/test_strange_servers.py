"""Whatever answers at the endpoint: a clear outcome, and a supervisor that goes on."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import zmq

from stui_supervisor import (
    BackendVerdict,
    ConfigurationError,
    ConnectionRejected,
    IncompatibleBackend,
    OutcomeUnknown,
    Problem,
    Settings,
    State,
    Supervisor,
)
from stui_supervisor.adapters.zmq import context as zmq_context
from stui_supervisor.backend import BackendSettings
from stui_supervisor.failures import FAILURES, FailureKind
from stui_supervisor.wire.dialects import Dialect
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.strange_servers import (
    Answer,
    Frames,
    ScriptedServer,
    always,
    closing_at_once,
    failure,
    like_an_old_server,
    silent,
    speaking_http,
    speaking_noise,
    success,
    tcp_server,
)
from tests.support.processes.zmtp_peer import dripping, without_an_end
from tests.support.programs.watching import LIMIT_S, next_of, open_descriptors, own_threads, until

NOT_ZEROMQ = (
    "what answers there does not speak ZeroMQ",
    "what answers there speaks ZeroMQ, but is a socket of another kind",
    "something accepts connections there, but no ZeroMQ handshake comes about",
)
NOT_STUI = "what answers there does not speak STUI's protocol"
HASTY = Settings(attempt_timeout_s=0.2)


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterable[None]:
    before = open_descriptors()
    yield
    assert own_threads() == []
    assert zmq_context._context is None
    assert open_descriptors() <= before


@asynccontextmanager
async def supervised(endpoint: str, home: Path, settings: Settings = HASTY) -> AsyncIterator[Supervisor]:
    async with Supervisor(endpoint, home=home, settings=settings) as supervisor:
        yield supervisor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "127.0.0.1:5555",
        "http://127.0.0.1:5555",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:99999",
        "tcp://127.0.0.1:-1",
        "tcp://:5555",
        "tcp://*:5555",
        "tcp://127.0.0.256:5555",
        "tcp://a b:5555",
        "tcp://127.0.0.1:5555/path",
        "tcp://[::1:5555",
        "ipc://",
        "ipc://" + "x" * 200,
        "tcp://127.0.0.1:5555\n",
        "tcp://" + "x" * 300 + ":5555",
    ],
)
async def test_a_malformed_endpoint_is_refused_where_it_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Supervisor(text, home=tmp_path)
    async with Supervisor(home=tmp_path) as supervisor:
        await supervisor.wait_for(State.DISCONNECTED, timeout=LIMIT_S)
        with pytest.raises(ConfigurationError):
            await supervisor.connect(text)
        assert supervisor.state is State.DISCONNECTED


@pytest.mark.parametrize("profile", ["", "../other", "a b", "x" * 65, "nul\0"])
def test_an_impossible_profile_is_refused(profile: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Supervisor(home=tmp_path, profile=profile)


async def test_an_unknown_profile_begins_with_nothing(tmp_path: Path) -> None:
    async with Supervisor(home=tmp_path, profile="never-seen") as supervisor:
        await supervisor.wait_for(State.DISCONNECTED, timeout=LIMIT_S)
        assert (supervisor.status().profile, dict(supervisor.context)) == ("never-seen", {})


@contextmanager
def a_pub_socket() -> Iterator[str]:
    with zmq.Context() as context, context.socket(zmq.PUB) as server:
        server.bind("tcp://127.0.0.1:*")
        yield str(server.getsockopt_string(zmq.LAST_ENDPOINT))


@pytest.mark.parametrize(
    "server",
    [
        lambda: tcp_server(speaking_http),
        lambda: tcp_server(silent),
        lambda: tcp_server(closing_at_once),
        lambda: tcp_server(speaking_noise),
        a_pub_socket,
    ],
    ids=["http", "silent", "closes", "noise", "pub"],
)
async def test_what_is_no_stui_server_is_tried_again_and_said_so(
    server: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> None:
    with server() as endpoint:
        async with supervised(endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            await until(lambda: supervisor.status().attempt > 2)
            assert (supervisor.status().last_error or "").startswith((*NOT_ZEROMQ, NOT_STUI))


async def test_a_name_that_does_not_resolve_is_tried_again_and_said_so(tmp_path: Path) -> None:
    async with supervised("tcp://no-such-host.invalid:5555", tmp_path, Settings()) as supervisor:
        await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        assert (supervisor.status().last_error or "").startswith("the host name is not known")
        with pytest.raises(TimeoutError):
            await supervisor.wait_for(State.CONNECTED, timeout=0.05)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"{}",
        b'{"status": 7}',
        b'{"status": "maybe"}',
        b'{"status": "success", "result": NaN}',
        b'{"status": "success", "status": "success"}',
        b"[" * 100_000,
        b'{"payload": []}',
        b'{"status": "error", "error": {}, "error_type": []}',
    ],
)
async def test_garbage_for_an_answer_fails_the_attempt(body: bytes, tmp_path: Path) -> None:
    with ScriptedServer(always(body)) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            assert (supervisor.status().last_error or "").startswith(NOT_STUI)


def answering(special: Callable[[bytes, bytes], Iterable[Frames] | None]) -> Answer:
    """An old server, except where ``special`` has something else to say."""

    def answer(token: bytes, body: bytes) -> Iterable[Frames]:
        other = special(token, body)
        return like_an_old_server(token, body) if other is None else other

    return answer


def is_evaluation(body: bytes) -> bool:
    return bool(json.loads(body).get("command") == "evaluate")


async def test_a_garbage_reply_to_a_request_is_an_unknown_outcome_and_the_link_goes_on(tmp_path: Path) -> None:
    answers = iter([b"garbage"])

    def special(token: bytes, body: bytes) -> Iterable[Frames] | None:
        garbage = next(answers, None) if is_evaluation(body) else None
        return None if garbage is None else [(token, b"", garbage)]

    with ScriptedServer(answering(special)) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            with pytest.raises(OutcomeUnknown, match="cannot be read"):
                await supervisor.request("evaluate", {"code": "3 + 4"})
            assert supervisor.state is State.CONNECTED
            assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


@pytest.mark.parametrize("repeatable", [False, True])
async def test_a_reply_of_50_mb_is_not_taken_in_and_ends_the_request(tmp_path: Path, repeatable: bool) -> None:
    huge = b"x" * 50_000_000

    def special(token: bytes, body: bytes) -> Iterable[Frames] | None:
        return [(token, b"", huge)] if is_evaluation(body) else None

    with ScriptedServer(answering(special)) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            with pytest.raises(OutcomeUnknown):
                async with asyncio.timeout(LIMIT_S):
                    await supervisor.request("evaluate", {"code": "3 + 4"}, repeatable=repeatable)
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (await supervisor.request("ping"))["server"] == "old"


@pytest.mark.parametrize("wrong", [b"other", b"", b"\xff" * 300], ids=["another token", "no token", "a long one"])
async def test_a_reply_under_another_token_is_nobodys(wrong: bytes, tmp_path: Path) -> None:
    def special(token: bytes, body: bytes) -> Iterable[Frames] | None:
        if not is_evaluation(body):
            return None
        return [(wrong, b"", success(body, result="stolen")), (token, b"", success(body, result="own"))]

    with ScriptedServer(answering(special)) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert await supervisor.request("evaluate", {"code": "1"}) == {"result": "own"}


async def test_a_greeting_of_50_mb_fails_the_attempt(tmp_path: Path) -> None:
    with ScriptedServer(always(b"x" * 50_000_000)) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            assert (supervisor.status().last_error or "").startswith(FAILURES[FailureKind.RESET].meaning)


@pytest.mark.parametrize("frames", [1, 5])
async def test_a_reply_of_the_wrong_number_of_frames_ends_the_link_with_the_outcome_unknown(
    frames: int, tmp_path: Path
) -> None:
    def special(token: bytes, body: bytes) -> Iterable[Frames] | None:
        return [(token, *[b"x"] * (frames - 1))] if is_evaluation(body) else None

    with ScriptedServer(answering(special)) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            with pytest.raises(OutcomeUnknown, match="STUI's protocol"):
                await supervisor.request("evaluate", {"code": "3 + 4"})
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: the kernel says what has come")
async def test_a_reply_without_an_end_ends_the_link_and_is_not_kept(tmp_path: Path) -> None:
    with without_an_end() as endpoint:
        async with supervised(endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            with pytest.raises(OutcomeUnknown, match=r"a message (without an end|of very many frames)"):
                async with asyncio.timeout(LIMIT_S):
                    await supervisor.request("evaluate", {"code": "3 + 4"})
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (await supervisor.request("ping"))["server"] == "old"


async def test_a_reply_that_comes_byte_by_byte_is_a_reply(tmp_path: Path) -> None:
    with dripping(pause_s=0.005) as endpoint:
        async with supervised(endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


async def test_a_flood_of_replies_nobody_asked_for_disturbs_nothing(tmp_path: Path) -> None:
    def special(token: bytes, body: bytes) -> Iterable[Frames] | None:
        flood = [(b"%d" % number, b"", b"noise") for number in range(5_000)]
        return [*flood, *like_an_old_server(token, body), *flood] if is_evaluation(body) else None

    with ScriptedServer(answering(special)) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            for _ in range(3):
                assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


async def test_a_server_with_ids_of_its_own_is_understood(tmp_path: Path) -> None:
    async with (
        BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", own_ids=True)) as server,
        supervised(server.endpoint, tmp_path) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        for number in range(20):
            assert (await supervisor.request("evaluate", {"code": f"{number} + 1"}))["result"] == str(number + 1)


async def test_an_old_server_without_sessions_works_and_the_work_is_kept_here(tmp_path: Path) -> None:
    with ScriptedServer(like_an_old_server) as server:
        for work in ({}, {"workspaces": "mine"}):
            supervisor = Supervisor(server.endpoint, home=tmp_path)
            stream = supervisor.events()
            async with supervisor:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
                problem = await next_of(stream, Problem)
                assert (problem.code, problem.hint) == (
                    "no_backend_session",
                    "the link works; the work context is kept on this machine only",
                )
                assert supervisor.status().backend_verdict is BackendVerdict.UNKNOWN
                assert dict(supervisor.context) == work
                supervisor.context["workspaces"] = "mine"
                assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_each_dialect_is_found_and_remembered(dialect: Dialect, tmp_path: Path) -> None:
    executed = tmp_path / "executed"
    settings = BackendSettings(bind="tcp://127.0.0.1:*", dialects=frozenset({dialect}), executed_log=executed)
    async with BackendProcess(settings) as server:
        for verdict in (BackendVerdict.UNKNOWN, BackendVerdict.RESUMED):
            async with Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
                status = supervisor.status()
                assert (status.dialect, status.backend_verdict) == (dialect, verdict)
                assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
                supervisor.context["workspaces"] = [1]
        async with Supervisor(home=tmp_path / "home") as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert dict(supervisor.context) == {"workspaces": [1]}


async def test_another_major_version_needs_a_person_and_is_tried_once(tmp_path: Path) -> None:
    body = b'{"id": "1", "version": "2.0.0", "payload": {"type": "Response", "data": {}}}'
    with ScriptedServer(always(body)) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            with pytest.raises(IncompatibleBackend) as caught:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert isinstance(caught.value, ConnectionRejected)
            assert supervisor.state is State.DISCONNECTED
            assert len(server.asked) == 1
            server.answer = like_an_old_server  # it was updated
            await supervisor.reconnect()
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


async def test_a_server_that_refuses_everything_but_ping_is_used_all_the_same(tmp_path: Path) -> None:
    def answer(token: bytes, body: bytes) -> Iterable[Frames]:
        is_ping = json.loads(body)["command"] == "ping"
        return [(token, b"", success(body) if is_ping else failure(body, "RuntimeError"))]

    with ScriptedServer(answer) as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


async def test_ipv6_works(tmp_path: Path) -> None:
    with ScriptedServer(like_an_old_server, bind="tcp://[::1]:*") as server:
        async with supervised(server.endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert supervisor.status().endpoint == server.endpoint
            assert server.endpoint.startswith("tcp://[::1]:")


async def test_the_reference_backend_listens_on_ipv6_too(tmp_path: Path) -> None:
    async with (
        BackendProcess(BackendSettings(bind="tcp://[::1]:*")) as backend,
        supervised(backend.endpoint, tmp_path) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert backend.endpoint.startswith("tcp://[::1]:")


async def test_every_address_of_a_name_is_tried(tmp_path: Path) -> None:
    with ScriptedServer(like_an_old_server) as server:  # on 127.0.0.1 only, and localhost may begin with ::1
        endpoint = server.endpoint.replace("127.0.0.1", "localhost")
        async with supervised(endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert supervisor.status().endpoint == endpoint


async def test_ipc_works_and_comes_back(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:  # pytest's own paths are too long for a socket
        endpoint = f"ipc://{directory}/stui"
        server = ScriptedServer(like_an_old_server, bind=endpoint)
        async with supervised(endpoint, tmp_path) as supervisor:
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            assert (supervisor.status().last_error or "").startswith("nothing listens there")
            with server:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            with server:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
