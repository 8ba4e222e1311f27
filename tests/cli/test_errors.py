"""What goes wrong is said in one sentence with a remedy, in either language, and never with a traceback."""

import fcntl
import json
import os
import re
import subprocess
import sys

import pytest

from tests.cli.support import Shell, new_chain, new_shell

CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def shell(tmp_path):
    return new_shell(tmp_path)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    return new_chain(tmp_path_factory.mktemp("errors"))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["evidence"],
        ["nonsense"],
        ["evidence", "nonsense"],
        ["evidence", "put"],
        ["verify"],
        ["verify", "--nonsense"],
    ],
)
def test_a_wrong_call_exits_with_two_and_says_how_to_call(shell, arguments):
    said = shell.run(*arguments, expect=2)
    assert "govchain" in said.out + said.err


@pytest.mark.parametrize("arguments", [["nonsense"], ["evidence", "put"], ["verify", "--nonsense"], ["--lang", "fr"]])
def test_a_wrong_call_is_json_for_programs_and_chinese_for_readers(shell, arguments):
    error = shell.run("--json", *arguments, expect=2).error
    assert set(error) == {"code", "number", "text", "hint", "exit_code", "params"}
    assert (error["code"], error["number"], error["exit_code"]) == ("USAGE", 690, 2)
    chinese = Shell(shell.folder, shell.home, "zh_CN.UTF-8").run(*arguments, expect=2)
    assert CHINESE.search(chinese.err)


class TestDataDirectories:
    def test_there_is_none(self, shell):
        error = shell.run("chain", "status", "--json", expect=5).error
        assert error["code"] == "DATA_DIRECTORY_MISSING"
        assert "govchain init" in error["hint"]
        assert (
            shell.run("--data", "nowhere", "chain", "status", "--json", expect=5).error["params"]["path"] == "nowhere"
        )

    def test_it_is_found_from_a_folder_inside_and_by_name(self, chain):
        (chain.folder / "inner" / "most").mkdir(parents=True)
        path = chain.run("chain", "status", "--json", at=chain.folder / "inner" / "most").json["path"]
        assert os.path.samefile(path, chain.folder)
        outside = chain.folder.parent
        assert chain.run("--data", "d", "chain", "status", at=outside).code == 0
        assert chain.run("chain", "status", at=outside, GOVCHAIN_DATA="d").code == 0

    def test_another_process_writes_to_it(self, chain):
        with (chain.folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            error = chain.run("evidence", "put", "format.json", "--json", expect=5).error
            assert error["code"] == "DATA_DIRECTORY_LOCKED"
            assert error["hint"]
            assert chain.run("chain", "status").code == 0

    def test_it_is_half_made_or_from_a_newer_version_or_there_already(self, tmp_path):
        made = new_chain(tmp_path)
        said = made.run("init", made.folder, "--json", expect=1).error
        assert said["code"] == "DATA_DIRECTORY_EXISTS"
        path = made.folder / "format.json"
        content = path.read_text()
        path.write_text(content.replace("/2", "/99"))
        assert made.run("--data", ".", "chain", "status", "--json", expect=5).error["code"] == "DATA_DIRECTORY_NEWER"
        path.unlink()
        assert made.run("--data", ".", "chain", "status", "--json", expect=5).error["code"] == (
            "DATA_DIRECTORY_INCOMPLETE"
        )

    def test_a_chain_that_this_user_does_not_trust(self, chain):
        stranger = chain.user("stranger")
        error = stranger.run("chain", "status", "--json", expect=1).error
        assert error["code"] == "TRUST_MISMATCH"
        assert "govchain trust add" in error["hint"]
        stranger.run("trust", "add", "genesis.json")
        assert stranger.run("chain", "status").code == 0


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--chain", "X"], "chain id"),
        (["--chain", "x" * 33], "chain id"),
        (["--organisation", "91110000600037341X"], "check digit"),
        (["--suite", "other"], "suite"),
        (["--algorithm", "md5"], ""),
        (["--algorithm", "sha1WithRSA"], ""),
    ],
)
def test_a_chain_that_cannot_be_leaves_nothing_behind(shell, options, part):
    error = shell.run("init", "d", *options, "--json", expect=None).error
    assert error["exit_code"] in (1, 2)
    assert part in json.dumps(error)
    assert list(shell.folder.iterdir()) == []


def test_files_that_cannot_be_read_are_unavailable(shell):
    assert shell.run("verify", "nothing.gcp", "--json", expect=5).error["code"] == "FILE_UNREADABLE"
    assert shell.run("trust", "add", "nothing", "--json", expect=5).error["code"] == "FILE_UNREADABLE"
    (shell.folder / "folder").mkdir()
    assert shell.run("verify", "folder", "--json", expect=5).error["code"] == "FILE_KIND"


@pytest.mark.parametrize("content", [b"", b"PK", b"hello" * 100, b"PK\x03\x04" + bytes(200)])
def test_what_is_no_package_is_refused_at_the_first_step(shell, content):
    (shell.folder / "x.gcp").write_bytes(content)
    told = shell.run("verify", "x.gcp", "--json", expect=1).json
    assert (told["error"]["step"], told["error"]["code"]) == (1, "PACKAGE_CONTAINER")


BOOM = """
import sys, types, typer
from govchain.cli import start
app = typer.Typer()
@app.command("boom")
def boom():
    {body}
module = types.ModuleType("govchain.cli.commands.boom")
module.COMMANDS = {{"boom": app}}
sys.modules[module.__name__] = module
start.COMMANDS["boom"] = "boom"
start.run(["boom", *sys.argv[1:]])
"""


def boom(shell, body, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", BOOM.format(body=body), *arguments],
        env=shell.environment(TMPDIR=str(shell.folder), **environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_unexpected_error_is_one_line_and_a_log_file(shell):
    done = boom(shell, "raise ValueError('secret detail')")
    assert done.returncode == 1
    assert "INTERNAL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret detail" not in done.stderr
    (log,) = shell.folder.glob("govchain-error-*.log")
    assert str(log) in done.stderr
    assert log.stat().st_mode & 0o777 == 0o600
    assert "ValueError: secret detail" in log.read_text()
    told = json.loads(boom(shell, "raise ValueError('secret detail')", "--json").stdout)
    assert (told["error"]["code"], told["error"]["exit_code"]) == ("INTERNAL", 1)


def test_debugging_shows_it(shell):
    assert "Traceback" in boom(shell, "raise ValueError('secret detail')", GOVCHAIN_DEBUG="1").stderr


def test_an_interrupt_is_no_error_report(shell):
    done = boom(shell, "raise KeyboardInterrupt")
    assert (done.returncode, done.stderr.strip()) == (130, "Interrupted.")


@pytest.mark.parametrize("form", ["", "--json"])
def test_a_reader_that_goes_away_is_no_error(chain, tmp_path, form):
    """More is said than a pipe holds, and the work was done: 0."""
    for number in range(800):
        (tmp_path / f"{number}-{'x' * 100}").symlink_to("nowhere")
    (tmp_path / "good.txt").write_text("good")
    command = f"{sys.executable} -m govchain.cli evidence put --skip-bad {form} {tmp_path}"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 1 > /dev/null; exit ${{PIPESTATUS[0]}}"],
        cwd=chain.folder,
        env=chain.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
