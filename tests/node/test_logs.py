"""The log of a node: its lines, its levels, its files; that nobody waits for it, and that it keeps no secret."""

import json
import logging
import os
import re
import signal
import subprocess
import threading
import time

import pytest

from govchain.model import Code, UnavailableError
from govchain.node.log_writer import LogFile, LogWriter
from govchain.node.logs import LogOptions, scrub, start_logs
from govchain.services.observing import Answered
from tests.api.events_kit import until
from tests.node.up_kit import command, environment, read_log, running

ANSWERED = Answered("GET", "/v1/accounts/{address}", 200, "OK", 0.0123, "4f1c9a0b-2a", "ab" * 20)


def logged(path, **options):
    return start_logs(LogOptions(format="json", file=path, **options))


def test_a_request_is_one_line_with_these_fields(tmp_path):
    path = tmp_path / "node.log"
    with logged(path) as logs:
        logs.answered(ANSWERED)
    (line,) = read_log(path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "govchain.request",
        "event": "request",
        "method": "GET",
        "route": "/v1/accounts/{address}",
        "status": 200,
        "code": "OK",
        "ms": 12.3,
        "request": "4f1c9a0b-2a",
        "account": "abababab",
    }


def test_levels_hold_for_our_lines_and_for_requests(tmp_path):
    path = tmp_path / "node.log"
    log = logging.getLogger("govchain.somewhere")
    fault = Answered("GET", "/v1/chain", 500, "INTERNAL", 0.1, "x-2")
    with logged(path, level="warning") as logs:
        log.info("quiet")
        logs.answered(ANSWERED)
        logs.answered(fault)
        logs.set_level("debug")
        log.debug("loud")
        logs.answered(ANSWERED)
        logs.set_level("error")
        log.warning("quiet")
        logs.answered(fault)
        assert logs.level == "error"
    told = [(line["event"], line["level"]) for line in read_log(path)]
    assert told == [("request", "warning"), ("loud", "debug"), ("request", "info")]
    assert not any(type(handler).__module__ == "govchain.node.logs" for handler in logging.getLogger().handlers)


def test_console_lines_are_for_people(tmp_path):
    path = tmp_path / "node.log"
    with start_logs(LogOptions(format="console", file=path)) as logs:
        logs.answered(ANSWERED)
        logging.getLogger("govchain.node").warning("a line\nand %s", "another\x1b[31m")
    first, second = path.read_text().splitlines()
    assert "request" in first
    assert "status=200" in first
    assert "\\x0a" in second
    assert "\x1b" not in second


def test_what_looks_like_a_secret_is_masked():
    for secret in (
        "Bearer abcdef0123456789",
        "passphrase=correct-horse",
        "password: 'hunter2'",
        "postgresql://user:s3cret@db/x",
        "0123456789abcdef" * 4,
        "11010519491231002X",
        "身份证110105194912310021号",
        "13800138000",
    ):
        told = scrub(f"before {secret} after")
        assert told.startswith("before "), told
        assert told.endswith("after"), told
        for part in ("abcdef0123456789", "correct-horse", "hunter2", "s3cret", "19491231", "13800138000"):
            assert part not in told
    # ids of webhooks, times in ms and codes of organisations stay readable
    for plain in ("4f1c9a0b2ad37e51", "1700000000123", "11110000DEM0000009", "block 123456"):
        assert scrub(plain) == plain


def test_a_name_that_is_no_text_is_written_all_the_same(tmp_path):
    path = tmp_path / "node.log"
    with logged(path):
        logging.getLogger("govchain.node").warning("cannot read %s", "name-\udcff")
        logging.getLogger("govchain.node").warning("the next line")
    assert [line["event"] for line in read_log(path)] == ["cannot read name-\\udcff", "the next line"]


def test_libraries_are_heard_from_warnings_on_without_what_they_fill_in(tmp_path):
    path = tmp_path / "node.log"
    library = logging.getLogger("a.library")
    with logged(path, level="debug"):
        library.info("chatter")
        library.warning("row %s of %s", "a private name", 3)
        library.error("first line\n future: a private name")
    told = read_log(path)
    assert [line["event"] for line in told] == ["row %s of %s", "first line"]
    assert "private" not in path.read_text()


def test_a_fault_is_told_by_type_and_place_without_its_message(tmp_path):
    path = tmp_path / "node.log"
    with logged(path):
        try:
            int("a private name")
        except ValueError:
            logging.getLogger("govchain.api").exception("internal error in request %s", "4f1c-1")
    (line,) = read_log(path)
    assert line["fault"] == "ValueError"
    assert line["frames"][-1].startswith("test_logs.py:")
    assert "private" not in path.read_text()


def test_files_are_rotated_by_size_and_a_few_are_kept(tmp_path):
    path = tmp_path / "node.log"
    target = LogFile(path, bytes_max=1_000, files=2)
    writer = LogWriter(target, json.dumps)
    for number in range(200):
        target.write(json.dumps({"number": number, "pad": "x" * 80}).encode() + b"\n")
    writer.close()
    target.close()
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["node.log", "node.log.1", "node.log.2"]
    assert all(entry.stat().st_size <= 1_000 for entry in tmp_path.iterdir())
    numbers = [
        line["number"] for name in ("node.log.2", "node.log.1", "node.log") for line in read_log(tmp_path / name)
    ]
    assert numbers == list(range(numbers[0], 200))


def test_no_older_file_is_kept_where_none_is_wanted(tmp_path):
    path = tmp_path / "node.log"
    target = LogFile(path, bytes_max=100, files=0)
    for number in range(10):
        target.write(b"%060d\n" % number)
    target.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["node.log"]
    assert path.read_bytes() == b"%060d\n" % 9


def test_a_file_moved_away_is_opened_again(tmp_path):
    path = tmp_path / "node.log"
    with logged(path) as logs:
        logs.answered(ANSWERED)
        until(lambda: path.exists() and path.stat().st_size)
        path.rename(tmp_path / "node.log.old")
        logs.reopen()
        logs.answered(ANSWERED)
    assert len(read_log(tmp_path / "node.log.old")) == 1
    assert len(read_log(path)) == 1
    assert path.stat().st_mode & 0o777 == 0o640 & ~current_umask()


@pytest.mark.parametrize("name", ["missing/node.log", "node\0.log"])
def test_a_file_that_cannot_be_written_is_refused_at_the_start(tmp_path, name):
    with pytest.raises(UnavailableError) as refused, logged(tmp_path / name):
        pass
    assert refused.value.code == Code.FILE_UNWRITABLE


def test_a_blocked_disk_blocks_nobody_and_drops_are_counted(tmp_path):
    """A pipe that nobody reads is a disk that hangs; when it comes back, the log says what is lost."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with logged(path) as logs:
            began = time.monotonic()
            for _ in range(40_000):
                logs.answered(ANSWERED)
            assert time.monotonic() - began < 10
            assert logs.dropped > 20_000
            dropped = logs.dropped
            taken = bytearray()
            drained = threading.Event()

            def drain():
                while not drained.is_set() or b"lines were dropped" not in taken:
                    try:
                        taken.extend(os.read(reader, 1 << 16))
                    except BlockingIOError:
                        time.sleep(0.001)

            thread = threading.Thread(target=drain, daemon=True)
            thread.start()
            logs.answered(ANSWERED)
            drained.set()
            thread.join(20)
            assert not thread.is_alive()
        told = [json.loads(line) for line in taken.decode().splitlines() if "lines were dropped" in line]
        assert told[0]["lines"] >= dropped
    finally:
        os.close(reader)


def test_closing_does_not_wait_for_a_disk_that_hangs(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        began = time.monotonic()
        with logged(path) as logs:
            for _ in range(5_000):
                logs.answered(ANSWERED)
        assert time.monotonic() - began < 10
    finally:
        os.close(reader)


def test_a_full_disk_costs_lines_and_is_told_afterwards():
    """A target that fails now and then, behind the port that files have."""

    class Failing:
        def __init__(self):
            self.fails = True
            self.data = b""

        def write(self, data):
            if self.fails:
                raise OSError(28, "No space left on device")
            self.data += data

        def reopen(self): ...
        def close(self): ...

    target = Failing()
    writer = LogWriter(target, json.dumps)
    writer.start()
    writer.put({"time": 0, "event": "lost"})
    until(lambda: writer.dropped == 1)
    target.fails = False
    writer.put({"time": 0, "event": "kept"})
    writer.close()
    told = [json.loads(line) for line in target.data.decode().splitlines()]
    assert [(line["event"], line.get("lines")) for line in told] == [("lines were dropped", 1), ("kept", None)]


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.requirement("GD.technical.maintainability.01", "BJ.function.node.04")
def test_the_life_of_a_node_is_in_its_log(chain):
    with running(chain) as node:
        with node.client() as client:
            answer = client.get("/v1/nothing/here?secret=1")
        line = node.wait_for(lambda line: line.get("request") == answer.json()["instance"])
        assert (line["route"], line["status"], line["code"]) == ("unknown", 404, "ROUTE_UNKNOWN")
        assert node.stop() == 0
        events = [line["event"] for line in node.lines()]
    names = [name for name in events if name in ("starting", "started", "listening", "draining", "stopped")]
    assert names == ["starting", "started", "listening", "draining", "stopped"]
    started = next(line for line in node.lines() if line["event"] == "started")
    assert started["chain"] == "node-test"
    assert started["height"] == 0


def test_hangup_reads_the_level_again_and_opens_the_file_again(chain):
    settings = chain / "node.toml"
    settings.write_text('log_level = "info"\n')
    with running(chain) as node:
        with node.client() as client:
            assert client.get("/v1/chain").status_code == 200  # it hears signals by now
        settings.write_text('log_level = "error"\n')
        moved = node.log_file.rename(node.log_file.with_suffix(".old"))
        node.signal(signal.SIGHUP)
        until(node.log_file.exists)
        with node.client() as client:
            until(lambda: not grows(client, moved, node.log_file))
        settings.write_text("log_level = 7\n")
        node.signal(signal.SIGHUP)
        settings.write_text('log_level = "debug"\n')
        until(lambda: hang_up(node))
        assert node.stop() == 0
    assert any(line["event"] == "listening" for line in read_log(moved))


def hang_up(node):
    node.signal(signal.SIGHUP)
    time.sleep(0.05)
    return any(line.get("level_after") == "debug" for line in node.lines())


def grows(client, *files):
    """Whether a request makes the log longer."""
    before = [file.stat().st_size for file in files]
    client.get("/v1/chain")
    time.sleep(0.1)
    return before != [file.stat().st_size for file in files]


def test_the_settings_of_the_log_reach_it(chain, tmp_path):
    with running(chain, "--log-level", "warning") as node:
        with node.client() as client:
            assert client.get("/v1/chain").status_code == 200
        assert node.stop() == 0
    levels = {line["level"] for line in node.lines()}
    assert levels <= {"warning", "error"}
    assert levels  # such as that a software key is in use


def test_a_node_rotates_its_log_as_the_settings_say(chain, tmp_path):
    log = tmp_path / "logs" / "node.log"
    log.parent.mkdir()
    with running(chain, "--log-bytes-max", "2000", "--log-files", "2", log=log) as node:
        with node.client() as client:
            answers = [client.get("/v1/chain") for _ in range(40)]
        assert node.stop() == 0
    files = sorted(log.parent.iterdir())
    assert [file.name for file in files] == ["node.log", "node.log.1", "node.log.2"]
    assert all(0 < file.stat().st_size <= 2000 for file in files)
    kept = [line.get("request") for file in reversed(files) for line in read_log(file)]
    asked = [answer.headers["x-request-id"] for answer in answers]
    # The newest are kept, in order; the oldest are gone.
    told = [request for request in kept if request]
    assert told == asked[-len(told) :]
    assert 0 < len(told) < len(asked)


def test_standard_error_takes_the_log_where_no_file_is_named(chain):
    process = subprocess.Popen(
        command(chain, "--log-format", "json"),
        env=environment(chain.with_name("home")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for row in process.stderr:
            if json.loads(row)["event"] == "listening":
                break
        process.terminate()
        rest = [json.loads(row)["event"] for row in process.stderr]
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stderr.close()
    assert rest[-1] == "stopped"
