"""What a machine must give a node at the start: judged by figures, and by a real process with too few files."""

import resource
import subprocess

import psutil
import pytest

from govchain.model import Code, UnavailableError
from govchain.node.resources import (
    DISK_BYTES_MIN,
    DISK_BYTES_WANTED,
    FILES_RESERVED,
    MEMORY_BYTES_MIN,
    MEMORY_BYTES_WANTED,
    GroupMemory,
    Resources,
    judge_resources,
    look_at_resources,
    memory_bytes,
    read_group_memory,
    verify_resources,
)
from tests.node.up_kit import command, environment, running

ENOUGH = {"files": 1_000_000, "memory": MEMORY_BYTES_WANTED, "disk": DISK_BYTES_WANTED}


def judged(connections_max=4_096, **changes):
    found = judge_resources(Resources(**{**ENOUGH, **changes}), connections_max)
    return [(shortage.code, shortage.fatal) for shortage in found]


def test_enough_is_enough():
    assert judged() == []
    assert judged(files=FILES_RESERVED + 4_096) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"files": FILES_RESERVED + 4_095}, (Code.RESOURCE_FILES, False)),
        ({"files": FILES_RESERVED + 63}, (Code.RESOURCE_FILES, True)),
        ({"memory": MEMORY_BYTES_WANTED - 1}, (Code.RESOURCE_MEMORY, False)),
        ({"memory": MEMORY_BYTES_MIN - 1}, (Code.RESOURCE_MEMORY, True)),
        ({"disk": DISK_BYTES_WANTED - 1}, (Code.RESOURCE_DISK, False)),
        ({"disk": DISK_BYTES_MIN - 1}, (Code.RESOURCE_DISK, True)),
    ],
)
def test_each_shortage_has_its_code(changes, expected):
    assert judged(**changes) == [expected]


def test_a_node_with_few_connections_needs_few_files():
    assert judged(connections_max=8, files=FILES_RESERVED + 8) == []
    assert judged(connections_max=8, files=FILES_RESERVED + 7) == [(Code.RESOURCE_FILES, True)]


def test_looking_finds_what_there_is(tmp_path):
    found = look_at_resources(tmp_path, 16)
    assert found.files >= FILES_RESERVED + 16
    assert found.memory > 0
    assert found.disk > 0
    with pytest.raises(UnavailableError) as refused:
        verify_resources(tmp_path / "missing", 16)
    assert refused.value.code == Code.FILE_UNREADABLE


GROUPS = {
    "version 2": ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    "version 1": (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
}


@pytest.mark.parametrize("version", GROUPS)
def test_what_a_control_group_read_from_disk_is_no_memory_in_use(tmp_path, version):
    limit, usage, detail, row = GROUPS[version]
    (tmp_path / limit).parent.mkdir(exist_ok=True)
    assert read_group_memory(tmp_path) is None
    (tmp_path / limit).write_text("1000000000\n")
    assert read_group_memory(tmp_path) == GroupMemory(1_000_000_000, 0)
    (tmp_path / usage).write_text("900000000\n")
    assert read_group_memory(tmp_path) == GroupMemory(1_000_000_000, 900_000_000)
    (tmp_path / detail).write_text(f"anon 100000000\nactive_file 1\n{row} 700000000\nslab 5\n")
    assert read_group_memory(tmp_path) == GroupMemory(1_000_000_000, 200_000_000)
    (tmp_path / limit).write_text("max\n")
    assert read_group_memory(tmp_path) is None


def test_the_memory_of_this_process_is_the_machines_at_most():
    assert 0 < memory_bytes() <= psutil.virtual_memory().total


def limited(count):
    """For a child: at most so many files, soft and hard."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def test_too_few_files_for_any_use_end_the_start(chain):
    done = subprocess.run(
        command(chain),
        env=environment(chain.with_name("home")),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limited(FILES_RESERVED + 40),
        check=False,
    )
    assert done.returncode == 5
    assert "RESOURCE_FILES" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_fewer_files_than_wanted_are_warned_of_and_the_node_works(chain):
    with running(chain, preexec_fn=limited(1_024)) as node:
        line = node.wait_for(lambda line: line.get("code") == "RESOURCE_FILES")
        assert line["level"] == "warning"
        with node.client() as client:
            assert client.get("/v1/health/ready").status_code == 200
        assert node.stop() == 0
