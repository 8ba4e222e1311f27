import subprocess
import sys

import pytest

import govchain.cli
from govchain.cli.start import COMMANDS
from tests.cli.support import new_shell

GROUPS = {
    "evidence": ["put", "find", "show", "history", "supplement", "supersede", "withdraw", "export"],
    "trust": ["add", "list", "remove"],
    "account": ["list", "show", "register", "freeze", "unfreeze"],
    "profile": ["list", "show", "set", "remove", "use"],
    "key": ["new", "show", "sign", "verify"],
    "block": ["list", "show"],
    "tx": ["show"],
    "genesis": ["show", "verify"],
    "chain": ["status"],
    "bench": ["sm2", "ledger"],
}


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    return new_shell(tmp_path_factory.mktemp("start"))


def test_the_public_names_are_these():
    assert govchain.cli.__all__ == ["main"]


def test_the_commands_are_these(shell):
    assert set(COMMANDS) >= {
        *("init", "up", "evidence", "verify", "trust", "login", "logout", "profile", "account", "key"),
        *("block", "tx", "genesis", "chain", "watch", "doctor", "bench", "demo", "completion", "version"),
    }
    listed = shell.run("--help", "--lang", "zh").out
    assert all(f" {name} " in listed for name in COMMANDS)
    assert "数据存证" in listed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(shell, name):
    said = shell.run(name, "--help", "--lang", "zh")
    assert all(command in said.out for command in GROUPS.get(name, []))
    assert "Usage: govchain" in said.out
    assert "completion-script" not in said.out
    assert "--install-completion" not in said.out


def test_a_help_page_in_chinese_is_whole(shell):
    said = shell.run("evidence", "put", "--help", "--lang", "zh").out
    assert "…" not in said
    assert "[必填]" in said
    assert "[默认：100000]" in said


def test_starting_loads_nothing_heavy():
    code = (
        "import sys; from govchain.cli.start import run\n"
        "try: run(['completion', 'bash'])\n"
        "except SystemExit: pass\n"
        "print(sorted(sys.modules), file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    for name in ("rocksdict", "cryptography", "sqlite3", "govchain.sdk.client", "govchain.node", "govchain.ledger"):
        assert f"'{name}'" not in loaded, name


def test_our_own_part_of_starting_is_below_a_fifth_of_a_second(tmp_path):
    """Processor time beyond what importing Typer costs, so that a busy machine does not count; the best of three."""
    measure = "import resource; print(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))"
    bare = f"import typer.main; {measure}"
    whole = f"from govchain.cli.start import run\ntry: run(['completion', 'bash'])\nexcept SystemExit: pass\n{measure}"

    def seconds(code):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return float(done.stdout.splitlines()[-1])

    assert min(seconds(whole) for _ in range(3)) - min(seconds(bare) for _ in range(3)) < 0.2
