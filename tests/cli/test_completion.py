"""Completion: the candidates, and bash with the script that is printed."""

import shutil
import subprocess
import sys

import pytest

from govchain.cli.commands.completion import SCRIPTS
from tests.cli.support import new_chain

BASH = shutil.which("bash")


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    made = new_chain(tmp_path_factory.mktemp("completion"))
    made.run("profile", "set", "city", "--url", "http://127.0.0.1:1")
    bin_folder = made.folder.parent / "bin"
    bin_folder.mkdir()
    program = bin_folder / "govchain"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m govchain.cli "$@"\n')
    program.chmod(0o755)
    return made


def offered(chain, *words):
    said = chain.run(*words, _GOVCHAIN_COMPLETE="1")
    assert said.err == ""
    return said.out.split()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["evi"], ["evidence"]),
        (["evidence", "su"], ["supplement", "supersede"]),
        (["account", "freeze", "--re"], ["--reason"]),
        (["account", "freeze", "--reason", ""], ["lost_key", "left", "investigation", "other"]),
        (["account", "freeze", "--reason", "l"], ["lost_key", "left"]),
        (["account", "freeze", "--reason=lo"], ["--reason=lost_key"]),
        (["account", "freeze", "--reason", "=", "lo"], ["lost_key"]),
        (["--lang", ""], ["zh", "en"]),
        (["--lang", "zh", "tru"], ["trust"]),
        (["--node", "http://x", "blo"], ["block"]),
        (["block", "--no"], ["--node"]),
        (["--profile", ""], ["city"]),
        (["profile", "use", "c"], ["city"]),
        (["evidence", "put", "--key", "dep"], ["department"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["evidence", "put", ""], []),
        (["evidence", "put", "some/fi"], []),
        (["nonsense", ""], []),
        (["evidence", "nonsense", "x"], []),
        (["trust", "add", "file", ""], []),
    ],
)
def test_what_may_stand_next(chain, words, wanted):
    assert offered(chain, *words) == wanted


def test_nothing_is_typed_yet(chain):
    commands = offered(chain, "")
    assert {"init", "evidence", "watch", "login", "completion"} <= set(commands)
    assert offered(chain) == commands


@pytest.mark.parametrize(
    "words", [["--profile"], ["--lang", "fr", ""], ["\x01\x7f\n"], ["-"], ["--=", "="], ["a"] * 500]
)
def test_it_never_fails(chain, words):
    offered(chain, *words)


def test_a_broken_profile_file_does_not_stop_it(chain):
    path = chain.home / "govchain" / "profiles.toml"
    good = path.read_bytes()
    path.write_bytes(b"broken")
    try:
        assert offered(chain, "profile", "use", "") == []
        assert offered(chain, "evi") == ["evidence"]
    finally:
        path.write_bytes(good)


@pytest.mark.skipif(BASH is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["evidence", "wi"], ["withdraw"]),
        (["account", "register", "--role", "su"], ["supervisor"]),
        (["--profile", "c"], ["city"]),
        (["verify", ""], []),
    ],
)
def test_bash_completes_with_the_script(chain, words, wanted):
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        "source <(govchain completion bash) && complete -p govchain >&2 && "
        f"COMP_WORDS=(govchain {quoted}) COMP_CWORD={len(words)} && "
        '_govchain govchain && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = chain.environment()
    environment["PATH"] = f"{chain.folder.parent / 'bin'}:{environment['PATH']}"
    done = subprocess.run(
        [BASH, "--norc", "-c", script], cwd=chain.folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == wanted
    assert "-F _govchain govchain" in done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_take_their_scripts(shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    subprocess.run([program, "-n"], input=SCRIPTS[shell], text=True, check=True)


def test_the_scripts_are_printed_as_they_are(chain):
    for shell, script in SCRIPTS.items():
        assert chain.run("completion", shell).out == script
        assert chain.run("completion", shell, "--json").json == {"shell": shell, "script": script}
    assert chain.run("completion", "cmd", "--json", expect=2).error["code"] == "USAGE"
