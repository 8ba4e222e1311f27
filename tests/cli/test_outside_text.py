"""What comes from outside never acts on a terminal, never overflows a number and never replaces a file by accident."""

import os
import socket
import unicodedata

import pytest

from govchain.cli import output, writing
from govchain.cli.output import visible
from govchain.cli.writing import write_file
from govchain.model import Code, RefusedError, UsageError
from tests.cli.support import Shell, new_chain, new_shell

HOSTILE = "a\x1b]0;x\x07\n\u202eb\u200bc\u2066\ufeff\x9b31m"
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    return new_chain(tmp_path_factory.mktemp("outside"))


def is_clean(text):
    return not [c for c in text if c != "\n" and unicodedata.category(c) in INVISIBLE]


def test_every_control_direction_and_zero_width_character_is_shown():
    assert (
        visible("a\x1b\x07\n\u202e\u200b\udcff\U000e0041") == "a\\u001b\\u0007\\u000a\\u202e\\u200b\\udcff\\U000e0041"
    )
    assert visible("业务 编号\\n") == "业务 编号\\n"
    assert is_clean(visible("".join(map(chr, range(0x11000)))))


def test_lines_facts_tables_and_errors_pass_it(capsys):
    output.line(HOSTILE)
    output.say(HOSTILE)
    output.facts([("name", HOSTILE)])
    output.table(["name"], [(HOSTILE,)])
    output.emit_error(UsageError(Code.USAGE, reason=HOSTILE), hint=HOSTILE)
    said = capsys.readouterr()
    assert is_clean(said.out + said.err)
    assert said.out.count("\n") == 4
    assert (said.out + said.err).count("\\u202e") == 6


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", HOSTILE],
        ["evidence", "find", HOSTILE],
        ["evidence", "show", HOSTILE],
        ["evidence", "put", HOSTILE],
        ["key", "show", HOSTILE],
        ["trust", "add", HOSTILE],
        [HOSTILE],
        ["chain", f"--{HOSTILE}"],
        ["--lang", HOSTILE, "version"],
    ],
)
def test_arguments_in_errors_are_escaped(chain, arguments, form):
    said = chain.run(*arguments, *form, expect=None)
    assert said.code in (1, 2, 5)
    assert is_clean(said.out + said.err)
    assert "INTERNAL" not in said.out + said.err


def test_file_names_are_escaped(chain):
    (chain.folder.parent / HOSTILE.replace("/", "")).write_text("content")
    path = chain.folder.parent / HOSTILE
    said = chain.run("evidence", "put", path, "--public-name", expect=None)
    assert is_clean(said.out + said.err)


@pytest.mark.parametrize("bad", ["a\x1b[2J", "a\nb", "a\u202eb", "a\u200bb"])
def test_text_for_the_ledger_is_one_visible_line(chain, bad, tmp_path):
    shell = new_shell(tmp_path)
    assert shell.run("init", "d", "--name", bad, "--json", expect=2).error["code"] == "USAGE"
    assert list(shell.folder.iterdir()) == []
    (tmp_path / "f").write_text("f")
    height = chain.run("chain", "status", "--json").json["height"]
    one = "0" * 64
    for call in (
        ["account", "register", "00", "--label", bad],
        ["evidence", "put", tmp_path / "f", "--reference", bad],
        ["evidence", "supplement", one, tmp_path / "f", "--reference", bad],
        ["evidence", "supersede", one, tmp_path / "f", "--reference", bad],
    ):
        assert chain.run(*call, "--json", expect=2).error["code"] == "USAGE"
    assert chain.run("chain", "status", "--json").json["height"] == height


@pytest.mark.parametrize("number", [2**53, 2**64, 99999999999999999999999, "9" * 5000, -1])
def test_numbers_out_of_bounds_are_a_wrong_call(chain, number):
    for call in (
        ["block", "show", f"{number}"],
        ["block", "list", f"--before={number}"],
        ["block", "list", f"--limit={number}"],
        ["evidence", "find", "--reference", "x", f"--limit={number}"],
        ["evidence", "export", "0" * 64, f"--anchor={number}"],
        ["evidence", "put", "x", f"--batch-size={number}"],
        ["bench", "sm2", f"--keys={number}"],
        ["evidence", "show", "0" * 64 + f".{number}"],
    ):
        if call[1] != "show" or call[0] != "block" or number != -1:
            assert chain.run(*call, "--json", expect=2).error["code"] == "USAGE"


@pytest.mark.parametrize("time", ["0001-01-01", "1900-01-01", "9999-12-31T23:59:59Z"])
def test_the_first_and_last_times_are_times(chain, time):
    for option in ("--from", "--to"):
        said = chain.run("evidence", "find", option, time, "--json", expect=None)
        assert said.code in (0, 1, 2)
        assert "INTERNAL" not in said.out


def test_one_failure_has_one_exit_code(chain):
    chain.run("block", "show", 2**53 - 1, "--json", expect=1)
    chain.run("evidence", "find", "0" * 64, "--json", expect=1)
    chain.run("tx", "show", "0" * 64, "--json", expect=1)
    for call in (["verify", "no"], ["evidence", "put", "no"], ["trust", "add", "no"], ["genesis", "show", "no"]):
        error = chain.run(*call, "--json", expect=5).error
        assert (error["code"], error["exit_code"]) == ("FILE_UNREADABLE", 5)


@pytest.mark.parametrize("text", ["3006", "300602010102", "abc", "ab" * 31, "MAYCAQECAQE="])
def test_short_text_is_no_signature_rather_than_no_file(chain, text):
    (chain.folder / "message").write_text("m")
    error = chain.run("key", "verify", "department", "message", text, "--json", expect=1).error
    assert error["code"].startswith("SIGNATURE_")


class TestWriting:
    def test_a_file_that_appears_meanwhile_stays(self, tmp_path, monkeypatch):
        path = tmp_path / "p.gcp"
        monkeypatch.setattr(writing, "check_free", lambda path, *, force: path.write_bytes(b"theirs"))
        with pytest.raises(UsageError):
            write_file(path, b"ours")
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(1, "no links here")))
        with pytest.raises(UsageError):
            write_file(path, b"ours")
        assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"theirs"]

    def test_without_hard_links(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(1, "no links here")))
        write_file(tmp_path / "p", b"ours")
        assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"ours"]

    @pytest.mark.parametrize("force", [False, True])
    @pytest.mark.parametrize("kind", ["folder", "link", "pipe", "socket"])
    def test_only_a_regular_file_is_replaced(self, tmp_path, monkeypatch, kind, force):
        monkeypatch.chdir(tmp_path)
        path = tmp_path / "p"
        if kind == "folder":
            path.mkdir()
        elif kind == "link":
            path.symlink_to("nowhere")
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind("p")
        before = path.lstat()
        with pytest.raises(RefusedError) as refused:
            write_file(path, b"x", force=force)
        assert (refused.value.code, refused.value.params["reason"]) == (Code.FILE_KIND, kind)
        assert path.lstat().st_ino == before.st_ino
        assert list(tmp_path.iterdir()) == [path]

    def test_force_replaces_a_file_and_long_names_fit(self, tmp_path):
        path = tmp_path / ("证" * 84)
        write_file(path, b"1")
        with pytest.raises(UsageError):
            write_file(path, b"2")
        write_file(path, b"2", force=True)
        assert path.read_bytes() == b"2"

    @pytest.mark.parametrize("name", [".", "", "/", ".."])
    @pytest.mark.parametrize("force", [False, True])
    def test_a_folder_is_no_file_name(self, chain, tmp_path, name, force):
        (tmp_path / "f").write_text(f"{name} {force}")
        made = chain.run("evidence", "put", tmp_path / "f", "--json").json["id"]
        options = ["--force"] if force else []
        assert chain.run("evidence", "export", made, "-o", name, *options, "--json", expect=2).error["code"] == "USAGE"


def test_init_takes_the_passphrase_of_the_environment(tmp_path):
    shell = new_shell(tmp_path)
    secret = {"GOVCHAIN_PASSPHRASE": "words of my own"}
    assert (
        shell.run("init", "d", "--json", expect=2, GOVCHAIN_PASSPHRASE="short").error["code"] == "PASSPHRASE_UNUSABLE"
    )
    assert list(shell.folder.iterdir()) == []
    said = shell.run("init", "d", **secret).out
    assert "GOVCHAIN_PASSPHRASE" in said
    assert "words of my own" not in said
    inside = Shell(shell.folder / "d", shell.home)
    assert not (inside.folder / "keys" / "passphrase").exists()
    inside.run("evidence", "put", "genesis.json", **secret)
    inside.run("doctor", "--quick", **secret)
    assert inside.run("evidence", "put", "genesis.json", "--json", expect=2).error["code"] == "PASSPHRASE_UNUSABLE"


def test_a_chinese_verification_has_no_english_details(chain, tmp_path):
    (tmp_path / "f").write_text("chinese")
    made = chain.run("evidence", "put", tmp_path / "f", "--json").json["id"]
    chain.run("evidence", "export", made, "-o", tmp_path / "p.gcp")
    said = Shell(chain.folder, chain.home, "zh_CN.UTF-8").run("verify", tmp_path / "p.gcp").out
    for english in ("as of block", "claims", "records", "genesis"):
        assert english not in said
