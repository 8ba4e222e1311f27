"""One module used alone by another program, and one named function changed from the published source."""

import os
import shutil
import subprocess
import sys

import pytest

from tools.tidy.tree import ROOT

UV = str(ROOT / "tools" / "uv")


def environment(**more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "UV_PYTHON_DOWNLOADS": "never"} | more


@pytest.mark.requirement("BJ.maintainability.reusability.01")
def test_the_kernels_install_alone_and_pass_their_own_tests(tmp_path):
    """`govchain_native` in an environment without govchain: another program uses it, and its own tests pass there."""
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    native = str(ROOT / "native")
    subprocess.run([UV, "pip", "install", "--quiet", "--python", str(python), f"{native}[test]"], check=True)
    shutil.copytree(ROOT / "native" / "tests", tmp_path / "native" / "tests")
    shutil.copy(ROOT / "native" / "README.md", tmp_path / "native" / "README.md")
    program = (
        "import importlib.util as u, govchain_native as n\n"
        "assert u.find_spec('govchain') is None\n"
        "s = n.sm2_generate(); k = n.sm2_public_key(s)\n"
        "assert n.sm2_verify(k, b'x', n.sm2_sign(s, k, b'x')) == n.SM2_OK\n"
        "print(n.sm3(b'abc').hex())\n"
    )
    said = subprocess.run(
        [str(python), "-I", "-c", program], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    chosen = [f"native/tests/test_{name}.py" for name in ("package", "digests", "envelope", "merkle")]
    tests = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout[-3000:]
    assert " passed" in tests.stdout


#: Checks one evidence.put whose capture time lies 20 minutes ahead of the block, and prints the code.
PROGRAM = """
import sys, tempfile, pathlib
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import govchain
assert govchain.__file__.startswith(sys.argv[1])
from govchain.node.embedded import system_clock
from govchain.node.modules import installed_modules, module_digests
from tests.node.kit import Hands, make_chain, new_actor
actor, now = new_actor(), system_clock().wall()
ahead = actor.put(now=now + 1_200_000, expires=now + 300_000)
with tempfile.TemporaryDirectory() as folder:
    hands = Hands(make_chain(pathlib.Path(folder) / "data", actor, now=now), now)
    print(hands.application.check_tx([ahead])[0].code.name, module_digests(installed_modules())["evidence"])
    hands.close()
"""


def behaviour(source, tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(source), str(ROOT)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr[-2000:]
    return said.stdout.split()


@pytest.mark.requirement("BJ.maintainability.modifiability.01")
def test_a_named_function_is_changed_in_the_source_and_behaves_anew(tmp_path):
    """`_check_capture` of the evidence family lets a capture time lie ahead; a chain sees that its rules changed."""
    shutil.copytree(
        ROOT / "src" / "govchain", tmp_path / "src" / "govchain", ignore=shutil.ignore_patterns("__pycache__")
    )
    before, digest = behaviour(tmp_path / "src", tmp_path)
    assert before == "EVIDENCE_CAPTURE_TIME"
    rules = tmp_path / "src" / "govchain" / "modules" / "evidence" / "rules.py"
    text = rules.read_text("utf-8")
    old = "CAPTURE_AHEAD_MS_MAX = 600_000"
    assert text.count(old) == 1
    assert "def _check_capture(" in text
    rules.write_text(text.replace(old, "CAPTURE_AHEAD_MS_MAX = 3_600_000"), "utf-8")
    after, other = behaviour(tmp_path / "src", tmp_path)
    assert after == "OK"
    assert other != digest, "genesis pins the rules' source, so that nobody changes them unseen"
