"""What holds for every test: no leftovers, no silent skips where everything has to run, stable Hypothesis runs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.files.canary import leaks_in
from tests.support.files.journals import finish_writing
from tests.support.files.log_reading import faults_in

# A skip that starts like this is about another system or account; nothing that is installed could cure it.
_NOT_FOR_US = ("only on ", "nothing is denied to root")
_LEFTOVER_PATIENCE_S = 2.0  # a thread that was told to end may need a moment

_before = pytest.StashKey[AbstractSet[str]]()

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long versions: tests marked soak, more examples")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--soak"):
        settings.load_profile("soak")
    else:
        settings.load_profile("ci" if os.environ.get("CI") else "local")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's background jobs ignore it, and what they start would too.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out unless they are asked for."""
    if config.getoption("--soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.hookimpl(trylast=True)
def pytest_internalerror() -> None:
    """End the run: of two workers the other would go on, and what the one had to do would count as passed."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.exit("see the INTERNALERROR above", returncode=pytest.ExitCode.INTERNAL_ERROR)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    item.stash[_before] = _running()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Fail the test that leaves a thread of ours or a child process behind.

    An unclosed socket needs no guard of its own: its ResourceWarning is an error already.
    """
    result = yield
    deadline = time.monotonic() + _LEFTOVER_PATIENCE_S
    while left := _running() - item.stash[_before]:
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {', '.join(sorted(left))}", pytrace=False)
        threading.Event().wait(0.01)
    return result


@pytest.fixture(autouse=True)
def every_log_is_right(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each line of each log that a test has left in its directory is one that a support person can rely on."""
    directory = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if directory is not None and request.node.get_closest_marker("odd_logs") is None:
        finish_writing()
        assert faults_in(directory) == []


@pytest.fixture(scope="session", autouse=True)
def no_leaks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At the end of the run none of its files holds the secret of the tests of credentials."""
    yield
    assert leaks_in(tmp_path_factory.getbasetemp()) == {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests measured, given to ``record_property``."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    measured = {report.nodeid: report.user_properties for report in reports if report.user_properties}
    if measured:
        terminalreporter.section("measured")
    for test, figures in measured.items():
        for name, value in figures:
            terminalreporter.write_line(f"{test.rpartition('::')[2]}: {name} {value}")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """With STUI_REQUIRE_ALL=1 a test that cannot run here counts as failed."""
    if os.environ.get("STUI_REQUIRE_ALL") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(_NOT_FOR_US):
        report.outcome = "failed"
        report.longrepr = f"skipped, but everything has to run here: {reason}"


def _running() -> AbstractSet[str]:
    threads = {f"thread {thread.name} {thread.ident}" for thread in threading.enumerate() if _is_ours(thread)}
    return threads | {f"process {pid}" for pid in _child_pids()}


def _is_ours(thread: threading.Thread) -> bool:
    return thread.name.startswith("stui")


def _child_pids() -> set[str]:
    """The direct children that nobody has waited for, on systems that can tell (Linux)."""
    if sys.platform != "linux":
        return set()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()
    return {entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_child(entry)}


def _is_child(process: Path) -> bool:
    try:
        parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        # multiprocessing keeps this one for as long as the program lives.
        return parent == os.getpid() and b"resource_tracker" not in (process / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return False
