"""``backend``: the reference backend under the roof of the command."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from tests.support.command import Command


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows ends a process without a signal")
def test_the_backend_says_where_it_listens_and_serves_until_a_signal(command: Command) -> None:
    with command.running("--json", "backend", "--bind", "tcp://127.0.0.1:*") as process:
        assert process.stdout is not None
        listening = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)

    assert listening["listening"].startswith("tcp://127.0.0.1:")
    assert (process.returncode, out, err) == (0, "", "")


def test_an_address_that_cannot_be_bound_ends_with_1(command: Command) -> None:
    ended = command("backend", "--bind", "nowhere")

    assert (ended.code, ended.out) == (1, "")
    assert "nowhere" in ended.err
