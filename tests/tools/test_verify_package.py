"""The stranger as a command: answers, exit codes, and independence."""

import ast
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.chainkit import Chain, sha256, sm3
from tests.proof.corpus import refused_cases
from tools import verify_package as stranger

PROGRAM = Path(stranger.__file__)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("stranger")
    chain = Chain()
    id = chain.put()
    chain.mark(id)
    (place / "good.gcp").write_bytes(chain.package({"id": id, "at": 1}))
    (place / "withdrawn.gcp").write_bytes(chain.package({"id": id, "at": 2}))
    (place / "genesis.json").write_text(json.dumps(chain.genesis, indent=2), encoding="utf-8")
    certified = {"certificate": json.loads(chain.certificates[1]), "header": json.loads(chain.headers[1])}
    (place / "header.json").write_text(json.dumps(certified | {"suite": "gm"}, indent=2) + "\n", encoding="utf-8")
    (place / "bare.json").write_bytes(chain.headers[1])
    (place / "original").write_bytes(b"content")
    (place / "other").write_bytes(b"contenT")
    (place / "flipped.gcp").write_bytes(b"x" + chain.package({"id": id, "at": 1})[1:])
    return place


def run(folder, *arguments, **more):
    command = [sys.executable, "-I", str(PROGRAM), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, encoding="utf-8", **more)


@pytest.mark.requirement("BJ.security.nonrepudiation.02")
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["good.gcp", "--trust", "genesis.json"], 0, "Trusted by genesis."),
        (["good.gcp", "--trust", "header.json"], 0, "Trusted by header 1."),
        (["good.gcp"], 3, "issuer NOT trusted"),
        (["withdrawn.gcp", "--trust", "genesis.json"], 4, "A record was withdrawn."),
        (["withdrawn.gcp"], 3, "A record was withdrawn."),
        (["good.gcp", "--trust", "genesis.json", "--original", "original"], 0, "in force"),
        (["good.gcp", "--trust", "genesis.json", "--original", "other"], 1, "step 11"),
        (["flipped.gcp"], 1, "REFUSED at step 1"),
        (["original"], 1, "REFUSED at step 1"),
        (["nowhere.gcp"], 5, "NOT CHECKED"),
        (["good.gcp", "--original", "nowhere"], 5, "NOT CHECKED"),
        (["."], 5, "NOT CHECKED"),
    ],
)
def test_the_command(folder, arguments, code, says):
    done = run(folder, *arguments)
    assert (done.returncode, done.stderr) == (code, "")
    assert says in done.stdout
    report = json.loads(run(folder, *arguments, "--json").stdout)
    assert report["exit_code"] == code


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["good.gcp", "--trust", "original"], ["good.gcp", "--no"],
                                       ["good.gcp", "--trust", "bare.json"]])  # fmt: skip
def test_usage(folder, arguments):
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert "usage" in done.stderr
    assert "Traceback" not in done.stderr


def test_output_survives_a_terminal_without_chinese(folder):
    done = run(folder, "good.gcp", env=os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_it_imports_the_standard_library_alone():
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names <= set(sys.stdlib_module_names)


def test_it_is_written_for_python_39():
    ast.parse(PROGRAM.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_its_own_digests_and_signatures():
    for size in (0, 1, 55, 56, 63, 64, 65, 1000):
        data = bytes(range(256)) * 4
        assert stranger.sm3(data[:size]) == sm3(data[:size])
        facts = (size, sm3(data[:size]).hex(), sha256(data[:size]).hex())
        assert stranger.digests(data[at : min(size, at + 7)] for at in range(0, size, 7)) == facts
        assert stranger.sha256(data[:size]) == sha256(data[:size])
    from tests.proof.chainkit import signing_key

    for algorithm, curve in stranger.CURVES.items():
        for number in range(8):
            key = signing_key(algorithm, f"k{number}")
            message = bytes((number,)) * number
            signature = key.sign(message)
            assert stranger.elliptic(curve, key.public_key, message, signature)
            assert not stranger.elliptic(curve, key.public_key, message + b"x", signature)
            for at in range(0, 64, 7):
                changed = signature[:at] + bytes((signature[at] ^ 1,)) + signature[at + 1 :]
                assert not stranger.elliptic(curve, key.public_key, message, changed)
            assert not stranger.elliptic(curve, key.public_key[::-1], message, signature)
            assert not stranger.elliptic(curve, b"", message, signature)


def test_edges_of_the_curve_arithmetic():
    for curve in stranger.CURVES.values():
        g = curve.g
        minus = (g[0], curve.p - g[1], 1)
        assert curve.add(g, minus)[2] == 0
        assert curve.add((1, 1, 0), g) == curve.add(g, (1, 1, 0)) == g
        assert curve.x_of(0, 0, g) is None
        assert curve.x_of(1, curve.n - 1, g) is None
        assert curve.x_of(1, 1, g) == curve.x_of(2, 0, g) == curve.x_of(0, 2, g)
        assert curve.x_of(curve.n - 1, 0, g) == g[0]
        assert curve.double((1, 1, 0))[2] == 0


def test_nothing_makes_it_crash():
    source = random.Random(11)
    packages = [package for _, package, _ in refused_cases()]
    for _ in range(500):
        data = bytearray(source.choice(packages))
        for _ in range(source.randrange(1, 5)):
            if data:
                at = source.randrange(len(data))
                data[at : at + source.randrange(9)] = source.randbytes(source.randrange(9))
        assert stranger.verify(bytes(data), [], [])["exit_code"] == 1
