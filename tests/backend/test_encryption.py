from __future__ import annotations

import os
from pathlib import Path

import pytest
import zmq

from stui_supervisor.backend import BackendSettings
from stui_supervisor.backend.encryption import read_or_make_key_pair
from stui_supervisor.errors import ConfigurationError

posix = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: modes")


def test_a_missing_key_is_made_and_used_again(tmp_path: Path) -> None:
    made, again = read_or_make_key_pair(tmp_path / "key"), read_or_make_key_pair(tmp_path / "key")
    assert made == again
    assert zmq.curve_public(made.secret.reveal().encode()).decode() == made.public
    assert made.secret.reveal() not in repr(made)


@posix
def test_only_its_owner_reads_the_file_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        read_or_make_key_pair(tmp_path / "key")
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@posix
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    read_or_make_key_pair(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="others can read the secret"):
        read_or_make_key_pair(tmp_path / "key")


@posix
@pytest.mark.parametrize("target", ["there", "missing"])
def test_no_link_is_followed(target: str, tmp_path: Path) -> None:
    read_or_make_key_pair(tmp_path / "there")
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(ConfigurationError, match=r"cannot be (used|read)"):
        read_or_make_key_pair(tmp_path / "link")
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff" * 40])
def test_a_file_that_holds_no_key_is_told_and_stays(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        read_or_make_key_pair(path)
    assert path.read_bytes() == content


@posix
def test_a_key_that_the_disk_has_no_room_for_leaves_no_file(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415  # on POSIX only

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(ConfigurationError, match="File too large"):
            read_or_make_key_pair(tmp_path / "key")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_client_keys_need_a_key_of_the_backend_s_own_and_have_to_be_keys(tmp_path: Path) -> None:
    key = zmq.curve_keypair()[0].decode()
    with pytest.raises(ConfigurationError, match=r"without a key of its own: name .* --curve-secret-file"):
        BackendSettings(allowed_client_keys=(key,))
    with pytest.raises(ConfigurationError, match="is not a CURVE key"):
        BackendSettings(allowed_client_keys=("no key",), curve_secret_file=tmp_path / "key")
