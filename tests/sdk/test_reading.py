import hashlib
import os
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.model import Code, RefusedError
from govchain.sdk import reading
from govchain.sdk.folders import PlannedFile, plan_paths
from govchain.sdk.reading import CHUNK_BYTES, check_unchanged, probe_file, read_file
from tests.sdk.support import as_nobody, open_folder, write_tree


def planned(path):
    return PlannedFile(str(path), path.name, 0)


def refusal(call, *arguments, **options):
    with pytest.raises(RefusedError) as caught:
        call(*arguments, **options)
    return caught.value.code, str(caught.value.params["reason"])


@given(st.binary(max_size=3000))
def test_both_digests_are_those_of_the_content(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("content") / "file"
    path.write_bytes(content)
    facts = read_file(planned(path))
    assert facts.sha256 == hashlib.sha256(content).digest()
    assert facts.sm3 == hashlib.new("sm3", content).digest()
    assert facts.size == len(content)


def test_a_file_of_many_chunks_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(100 * CHUNK_BYTES + 1)
    heard = []
    tracemalloc.start()
    facts = read_file(planned(path), progress=heard.append)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts.size == sum(heard) == 100 * CHUNK_BYTES + 1
    assert peak < 8 * CHUNK_BYTES


@pytest.mark.long
def test_a_file_beyond_four_gibibytes_is_read_to_its_end(tmp_path):
    path = tmp_path / "huge"
    size = 4 * 1024**3 + 5
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size - 1)
        file.write(b"!")
    expected = hashlib.sha256()
    for _ in range(4096):
        expected.update(bytes(CHUNK_BYTES))
    expected.update(bytes(4) + b"!")
    facts = read_file(planned(path))
    assert (facts.size, facts.sha256) == (size, expected.digest())


def change_while_reading(path, change):
    """Read `path`, which has several chunks, and change it after the first."""
    done = []

    def once(_size):
        if not done:
            done.append(True)
            change()

    return refusal(read_file, planned(path), progress=once)


@pytest.fixture
def several(tmp_path):
    path = tmp_path / "several"
    path.write_bytes(bytes(3 * CHUNK_BYTES))
    return path


@pytest.mark.requirement("BJ.compliance.collect.04b")
class TestAFileThatChangesWhileItIsRead:
    def test_growing(self, several):
        def grow():
            with several.open("ab") as file:
                file.write(b"more")

        assert change_while_reading(several, grow)[0] is Code.FILE_CHANGED

    def test_shrinking(self, several):
        assert change_while_reading(several, lambda: os.truncate(several, 10))[0] is Code.FILE_CHANGED

    def test_overwritten_in_place_with_its_time_put_back(self, several):
        before = several.stat()

        def overwrite():
            with several.open("r+b") as file:
                file.write(b"changed")
            os.utime(several, ns=(before.st_atime_ns, before.st_mtime_ns))

        code, reason = change_while_reading(several, overwrite)
        assert (code, reason) == (Code.FILE_CHANGED, "written while it was read")

    def test_replaced_by_another_file_of_the_same_size(self, several):
        def replace():
            other = several.with_name("other")
            other.write_bytes(bytes(3 * CHUNK_BYTES))
            other.replace(several)

        assert change_while_reading(several, replace) == (Code.FILE_CHANGED, "replaced by another file")

    def test_removed(self, several):
        assert change_while_reading(several, several.unlink)[0] is Code.FILE_UNREADABLE

    def test_a_writer_that_never_rests(self, several):
        stop = threading.Event()

        def write():
            with several.open("r+b", buffering=0) as file:
                while not stop.is_set():
                    file.seek(0)
                    file.write(b"tick")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert refusal(read_file, planned(several))[0] is Code.FILE_CHANGED
        finally:
            stop.set()
            writer.join()


def test_a_change_after_reading_is_noticed_before_use(several):
    facts = read_file(planned(several))
    check_unchanged(planned(several), facts)
    with several.open("r+b") as file:
        file.write(b"x")
    assert refusal(check_unchanged, planned(several), facts)[0] is Code.FILE_CHANGED
    several.unlink()
    assert refusal(check_unchanged, planned(several), facts)[0] is Code.FILE_UNREADABLE


def test_a_file_just_written_is_left_alone_for_a_tick(tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(reading.time, "sleep", slept.append)
    path = tmp_path / "fresh"
    path.write_bytes(b"x")
    read_file(planned(path))
    assert slept
    assert sum(slept) * 1e9 <= reading.TICK_NS


@pytest.mark.parametrize("read", [read_file, probe_file])
class TestWhatIsNoRegularFile:
    def test_a_link_is_not_followed(self, tmp_path, read):
        (tmp_path / "link").symlink_to("/etc/hostname")
        assert refusal(read, planned(tmp_path / "link")) == (Code.FILE_KIND, "link")

    def test_a_pipe_is_not_waited_for(self, tmp_path, read):
        os.mkfifo(tmp_path / "pipe")
        assert refusal(read, planned(tmp_path / "pipe")) == (Code.FILE_KIND, "pipe")

    def test_a_folder_is_no_file(self, tmp_path, read):
        assert refusal(read, planned(tmp_path)) == (Code.FILE_KIND, "folder")

    def test_a_folder_that_became_a_link_since_it_was_listed_is_not_followed(self, tmp_path, read):
        write_tree(tmp_path, {"root/sub/file": "inside", "elsewhere/file": "outside"})
        (file,) = plan_paths([tmp_path / "root"]).files
        (tmp_path / "root" / "sub").rename(tmp_path / "moved")
        (tmp_path / "root" / "sub").symlink_to(tmp_path / "elsewhere")
        assert refusal(read, file)[0] in (Code.FILE_KIND, Code.FILE_UNREADABLE)

    def test_a_file_that_may_not_be_read(self, read):
        with open_folder() as folder:
            write_tree(folder, {"closed": "x"})
            (folder / "closed").chmod(0)
            with as_nobody(folder):
                code, reason = refusal(read, planned(folder / "closed"))
        assert (code, reason.split(":")[0]) == (Code.FILE_UNREADABLE, "EACCES")


def test_a_file_whose_reading_fails_midway():
    assert refusal(read_file, PlannedFile("/proc/self/mem", "mem", 0))[0] is Code.FILE_UNREADABLE
