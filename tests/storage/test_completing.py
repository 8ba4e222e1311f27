"""A folder with keys becomes a data directory where it is, whole or not at all."""

import os
import subprocess
import sys

import pytest

from govchain.model import Code, RefusedError, UnavailableError
from govchain.storage import DirectoryLayout, complete_directory, inspect_directory


@pytest.fixture
def prepared(tmp_path):
    path = tmp_path / "d"
    (path / "keys").mkdir(parents=True)
    (path / "keys" / "node.pem").write_bytes(b"key")
    (path / "member.json").write_bytes(b"{}")
    return path


def test_what_was_there_stays_and_the_rest_appears(prepared):
    with complete_directory(prepared) as layout:
        layout.genesis.write_bytes(b"{}")
        with pytest.raises(UnavailableError):
            inspect_directory(prepared)
    assert inspect_directory(prepared) == 2
    assert (prepared / "keys" / "node.pem").read_bytes() == b"key"
    with pytest.raises(RefusedError) as caught, complete_directory(prepared):
        pass
    assert caught.value.code is Code.DATA_DIRECTORY_EXISTS


def test_what_fails_leaves_keys_only_and_may_be_tried_again(prepared):

    def fail():
        with complete_directory(prepared) as layout:
            (layout.store / "half").write_bytes(b"x")
            layout.genesis.write_bytes(b"{}")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert sorted(path.name for path in prepared.iterdir()) == ["keys", "lock", "member.json"]
    with complete_directory(prepared) as layout:
        assert not list(layout.store.iterdir())
    assert inspect_directory(prepared) == 2


def test_what_a_crash_leaves_is_swept(prepared):
    child = (
        "import os, sys; from pathlib import Path; from govchain.storage import complete_directory\n"
        "with complete_directory(Path(sys.argv[1])) as layout:\n"
        "    (layout.store / 'half').write_bytes(b'x'); os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", child, str(prepared)], check=False)
    assert done.returncode == 9
    assert (prepared / "store" / "half").exists()
    with pytest.raises(UnavailableError) as caught:
        inspect_directory(prepared)
    assert caught.value.code is Code.DATA_DIRECTORY_INCOMPLETE
    with complete_directory(prepared) as layout:
        assert not list(layout.store.iterdir())


def test_no_folder_and_a_folder_in_use(tmp_path, prepared):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UnavailableError) as caught, complete_directory(path):
            pass
        assert caught.value.code is Code.DATA_DIRECTORY_MISSING
    with complete_directory(prepared), pytest.raises(UnavailableError) as caught, complete_directory(prepared):
        pass
    assert caught.value.code is Code.DATA_DIRECTORY_LOCKED
    assert str(os.getpid()) in str(caught.value)


def test_the_places_of_a_node_among_others(tmp_path):
    layout = DirectoryLayout(tmp_path)
    assert layout.member_record == tmp_path / "member.json"
    assert layout.engine == tmp_path / "engine"
