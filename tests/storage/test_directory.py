"""The data directory: made whole or not at all, one writer, one clear error for each reason."""

import os
import subprocess
import sys

import pytest

from govchain.cli.opening import find_data, keys_folder, read_genesis_file
from govchain.cli.session import Session, start_session
from govchain.cli.target import Target
from govchain.index.database import INDEX_FILE
from govchain.model import Code, RefusedError, UnavailableError
from govchain.state import Table
from govchain.storage import FORMAT_VERSION, DataDirectory, DirectoryLayout, create_directory, inspect_directory
from tests.state.store_contract import write
from tests.storage.faults import read_only_mount

HOLD = """
import sys, time
from pathlib import Path
from govchain.storage import DataDirectory
with DataDirectory(Path(sys.argv[1])) as directory:
    store = directory.open_store(memory_bytes=1 << 23)
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def made(tmp_path):
    with create_directory(tmp_path / "d") as building:
        (building / "genesis.json").write_text("{}")
    return tmp_path / "d"


def refused(error, call):
    with pytest.raises((UnavailableError, RefusedError)) as caught:
        call()
    assert caught.value.code is error
    return caught.value


def test_it_is_made_whole(made):
    assert sorted(entry.name for entry in made.iterdir()) == [
        "checkpoints", "format.json", "genesis.json", "lock", "snapshots", "store",
    ]  # fmt: skip
    assert [entry.name for entry in made.parent.iterdir()] == ["d"]
    assert inspect_directory(made) == FORMAT_VERSION == 2
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_store_made_inside_moves_along(tmp_path):
    from govchain.storage import RocksStore

    with create_directory(tmp_path / "d") as building:
        store = RocksStore(building / "store", checkpoints=building / "checkpoints")
        write(store, (Table.META, b"k", b"v"), durable=True)
        store.close()
    with DataDirectory(tmp_path / "d") as directory:
        store = directory.open_store()
        assert store.get(Table.META, b"k") == b"v"
        store.checkpoint("one")
        assert (directory.path / "checkpoints" / "one").is_dir()
        store.close()


def test_an_empty_directory_becomes_one(tmp_path):
    (tmp_path / "d").mkdir()
    with create_directory(tmp_path / "d"):
        pass
    assert inspect_directory(tmp_path / "d") == 2


@pytest.mark.parametrize("kind", ["directory", "file", "link", "again"])
def test_what_is_there_is_left_alone(tmp_path, kind):
    place = tmp_path / "d"
    if kind == "directory":
        place.mkdir()
        (place / "mine").write_text("x")
    elif kind == "file":
        place.write_text("x")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    else:
        with create_directory(place):
            pass
    before = sorted(tmp_path.rglob("*"))

    def create():
        with create_directory(place):
            pass

    refused(Code.DATA_DIRECTORY_EXISTS, create)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failure_leaves_nothing(tmp_path):
    def create():
        with create_directory(tmp_path / "d") as building:
            (building / "genesis.json").write_text("{}")
            raise KeyError

    with pytest.raises(KeyError):
        create()
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_is_swept(tmp_path):
    half = tmp_path / ".d.creating"
    (half / "store").mkdir(parents=True)
    (half / "left").write_text("x")
    refused(Code.DATA_DIRECTORY_MISSING, lambda: DataDirectory(tmp_path / "d"))
    with create_directory(tmp_path / "d"):
        pass
    assert not (tmp_path / "d" / "left").exists()
    assert not half.exists()


def test_two_that_make_the_same(tmp_path):
    with create_directory(tmp_path / "d"):

        def create():
            with create_directory(tmp_path / "d"):
                pass

        refused(Code.DATA_DIRECTORY_LOCKED, create)
    assert inspect_directory(tmp_path / "d") == 2


def test_without_a_parent(tmp_path):
    def create():
        with create_directory(tmp_path / "a" / "b"):
            pass

    refused(Code.DATA_DIRECTORY_MISSING, create)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("absent", Code.DATA_DIRECTORY_MISSING),
        ("file", Code.DATA_DIRECTORY_MISSING),
        ("empty", Code.DATA_DIRECTORY_MISSING),
        ("no format", Code.DATA_DIRECTORY_INCOMPLETE),
        ("no store", Code.DATA_DIRECTORY_INCOMPLETE),
        ("not json", Code.DATA_DIRECTORY_INCOMPLETE),
        ("not utf-8", Code.DATA_DIRECTORY_INCOMPLETE),
        ("other format", Code.DATA_DIRECTORY_INCOMPLETE),
        ("no number", Code.DATA_DIRECTORY_INCOMPLETE),
        ("newer", Code.DATA_DIRECTORY_NEWER),
        ("older", Code.DATA_DIRECTORY_OLDER),
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
def test_each_reason_has_its_code(tmp_path, made, damage, code, read_only):
    form = made / "format.json"
    place = made
    if damage == "absent":
        place = tmp_path / "nothing"
    elif damage == "file":
        place = form
    elif damage == "empty":
        place = tmp_path / "empty"
        place.mkdir()
    elif damage == "no format":
        form.unlink()
    elif damage == "no store":
        (made / "store").rmdir()
    else:
        form.write_bytes(
            {
                "not json": b"x",
                "not utf-8": b'{"format":"\xff"}',
                "other format": b'{"format":"other/1"}',
                "no number": b'{"format":"govchain-data/x"}',
                "newer": b'{"format":"govchain-data/3","more":1}',
                "older": b'{"format":"govchain-data/1"}',
            }[damage]
        )
    refused(code, lambda: DataDirectory(place, read_only=read_only))


def test_a_second_process_is_refused_and_told_who_has_it(made):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(made)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "open\n"
        error = refused(Code.DATA_DIRECTORY_LOCKED, lambda: DataDirectory(made))
        assert str(holder.pid) in str(error)
        with DataDirectory(made, read_only=True) as directory:
            reader = directory.open_reader()
            assert list(reader.scan(Table.STATE)) == []
            reader.close()
            refused(Code.DATA_DIRECTORY_READ_ONLY, directory.open_store)
        holder.kill()
    with DataDirectory(made) as directory:  # the lock ended with its process, and so did RocksDB's
        directory.open_store().close()
        assert (made / "lock").read_text() == f"{os.getpid()}\n"


def test_a_second_opening_by_the_same_process_is_refused(made):
    with DataDirectory(made):
        refused(Code.DATA_DIRECTORY_LOCKED, lambda: DataDirectory(made))
    DataDirectory(made).close()


def test_a_directory_that_cannot_be_written(made):
    with DataDirectory(made) as directory:
        store = directory.open_store()
        write(store, (Table.META, b"k", b"v"), durable=True)
        store.close()
    with read_only_mount(made):
        with pytest.raises(OSError, match=r"Read-only|Permission"):  # the fault bites
            (made / "probe").write_text("x")
        refused(Code.DATA_DIRECTORY_READ_ONLY, lambda: DataDirectory(made))
        with DataDirectory(made, read_only=True) as directory:
            reader = directory.open_reader()
            assert reader.get(Table.META, b"k") == b"v"
            reader.close()

        def create():
            with create_directory(made / "inner"):
                pass

        refused(Code.DATA_DIRECTORY_READ_ONLY, create)
    with DataDirectory(made) as directory:
        directory.open_store().close()


def test_the_names_that_stand_elsewhere_are_these(tmp_path, monkeypatch):
    """Rooms that may not load this one, or not in time, name files of the directory themselves."""
    layout = DirectoryLayout(tmp_path)
    assert layout.index.name == INDEX_FILE
    assert keys_folder(Target(path=tmp_path)) == layout.keys
    layout.format_file.write_text("{}")
    layout.genesis.write_text("{}")
    monkeypatch.chdir(tmp_path)
    start_session(Session())  # another test of this process may have named a node
    assert find_data() == tmp_path
    assert read_genesis_file(tmp_path) == layout.genesis.read_bytes()
