import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from govchain.model import Code, RefusedError, UnavailableError
from govchain.ops.net.journal import follow_logs, last_lines
from govchain.ops.net.layout import (
    NetworkFile,
    NetworkFolder,
    NodeEntry,
    free_ports,
    load_network,
    save_network,
)
from govchain.ops.net.processes import RunningProcess, find_process, kill_node, stop_nodes


def entry(number, **changes):
    said = {
        "api": 20_000 + number,
        "engine": 21_000 + number,
        "key": "ab" * 64,
        "name": f"node-{number}",
        "organisation": "11110000GC00000005",
        "organisation_name": "局",
        "peers": 22_000 + number,
    }
    return NodeEntry(**{**said, **changes})


def start_of(child):
    """When the process started, in the system's ticks."""
    return int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19])


def network(*nodes):
    return NetworkFile(chain="net-1", engine="cometbft", format="govchain-net/1", nodes=nodes, suite="gm")


def test_what_is_saved_is_loaded(tmp_path):
    saved = network(entry(0), entry(1, removed=True))
    save_network(tmp_path, saved)
    assert load_network(tmp_path) == saved
    assert [node.name for node in saved.present] == ["node-0"]
    assert saved.named("node-1").removed
    with pytest.raises(RefusedError) as caught:
        saved.named("node-7")
    assert caught.value.code is Code.NOT_FOUND
    assert os.listdir(tmp_path) == ["network.json"]


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b'{"format":"govchain-net/2"}', b"[" * 100_000, b'{"chain":"a","nodes":[]}']
)
def test_a_file_that_is_none(tmp_path, data):
    (tmp_path / "network.json").write_bytes(data)
    with pytest.raises(UnavailableError) as caught:
        load_network(tmp_path)
    assert caught.value.code is Code.NETWORK_MISSING


def test_no_folder(tmp_path):
    with pytest.raises(UnavailableError) as caught:
        load_network(tmp_path / "none")
    assert caught.value.code is Code.NETWORK_MISSING


def test_ports_are_free_and_not_given_twice():
    ports = list(free_ports(12))
    assert len(set(ports)) == 12
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    assert not set(free_ports(3, taken=ports)) & set(ports)


def test_a_process_is_known_by_its_start_too(tmp_path):
    folder, node = NetworkFolder(tmp_path), entry(0)
    place = folder.node(node.name)
    place.folder.mkdir(parents=True)
    assert find_process(place) is None
    child = subprocess.Popen([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"], stdout=-1)
    child.stdout.readline()
    try:
        # The same id with another start is somebody else's process.
        place.process.write_bytes(msgspec.json.encode(RunningProcess(child.pid, 1)))
        assert find_process(place) is None
        with pytest.raises(UnavailableError) as caught:
            kill_node(folder, node)
        assert caught.value.code is Code.NETWORK_NODE
        assert stop_nodes(folder, [node]) == {}
        assert child.poll() is None
        started = start_of(child)
        place.process.write_bytes(msgspec.json.encode(RunningProcess(child.pid, started)))
        assert find_process(place) == RunningProcess(child.pid, started)
        assert kill_node(folder, node).pid == child.pid
        assert find_process(place) is None
        assert not place.process.exists()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_process_that_ends_in_good_order_and_one_that_does_not(tmp_path):
    folder, nodes = NetworkFolder(tmp_path), [entry(0), entry(1)]
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); "
    children = []
    for node, before in zip(nodes, ("", deaf), strict=True):
        place = folder.node(node.name)
        place.folder.mkdir(parents=True)
        program = f"{before}import time; print(1, flush=True); time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", program], stdout=-1)
        child.stdout.readline()
        started = start_of(child)
        place.process.write_bytes(msgspec.json.encode(RunningProcess(child.pid, started)))
        children.append(child)
    assert stop_nodes(folder, nodes, timeout_s=0.5) == {"node-0": True, "node-1": False}
    for child in children:
        child.wait(10)
        child.stdout.close()


def test_logs_are_merged_by_time(tmp_path):
    folder = NetworkFolder(tmp_path)
    for name, seconds in (("node-0", (1, 3, 5)), ("node-1", (2, 4))):
        place = folder.node(name)
        place.folder.mkdir(parents=True)
        rows = [f'{{"time":"2026-01-01T00:00:0{second}.000Z","event":"{name} {second}"}}' for second in seconds]
        place.log.write_text("\n".join([rows[0], "no JSON", *rows[1:]]) + "\nhalf a li")
    names = ["node-0", "node-1", "node-9"]
    texts = [line.text[-4:] for line in last_lines(folder, names, 10)]
    assert texts == ['1"}'.rjust(4, " "), "JSON", '2"}'.rjust(4, " "), "JSON", ' 3"}', ' 4"}', ' 5"}']
    assert [line.node for line in last_lines(folder, names, 1)] == ["node-1", "node-0"]
    assert [line.node for line in last_lines(folder, ["node-1"], 10)] == ["node-1"] * 3
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        with folder.node("node-1").log.open("a") as file:
            file.write("ne\n" + '{"time":"2026-01-01T00:00:09.000Z","event":"later"}\n')

    following = follow_logs(folder, names, 1, sleep)
    seen = [next(following).text for _ in range(4)]
    assert seen[2] == "half a line"
    assert "later" in seen[3]
    assert len(waits) == 1
