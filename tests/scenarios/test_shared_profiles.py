"""Several programs change their profiles on one home at the same moment."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from stui_supervisor.adapters.profiles.store import FileProfileStore

PROCESSES = 16
UPDATES = 100
READS = 200
WRITER = f"""
import sys
from pathlib import Path
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.profile import Profile

file, name = FileProfileStore(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(1, {UPDATES} + 1):
    own = Profile(name=name, pin_image=str(number))
    file.change(name, lambda known: own, wait_s=300)
    shared = lambda known: Profile(name="shared", topics=(*(known.topics if known else ()), name))
    file.change("shared", shared, wait_s=300)
"""


def test_nothing_is_lost_of_what_sixteen_processes_write_and_no_reader_sees_half_of_it(tmp_path: Path) -> None:
    path = tmp_path / "profiles.json"
    names = [f"writer-{number}" for number in range(PROCESSES)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WRITER, str(path), name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for name in names
        ]
        for process in processes:
            stack.callback(process.kill)
        pipes = [(process.stdin, process.stdout) for process in processes if process.stdin and process.stdout]
        assert [answers.readline() for _, answers in pipes] == ["ready\n"] * PROCESSES
        for orders, _ in pipes:
            orders.write("go\n")
            orders.flush()
        told = [doubt for _ in range(READS) if (doubt := FileProfileStore(path).read_all()[1])]
        assert [process.wait() for process in processes] == [0] * PROCESSES

    profiles, doubt = FileProfileStore(path).read_all()
    assert (told, doubt, set(profiles)) == ([], None, {*names, "shared"})
    assert {profiles[name].pin_image for name in names} == {str(UPDATES)}
    assert {name: profiles["shared"].topics.count(name) for name in names} == dict.fromkeys(names, UPDATES)
