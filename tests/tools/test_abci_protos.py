"""The checked-in form of the engine's messages is what the pinned module's files give, no file more and none less."""

import os
import shutil
import subprocess

import pytest

from tools import abci_protos
from tools.tidy.tree import ROOT

UV = str(ROOT / "tools" / "uv")


@pytest.mark.net
@pytest.mark.timeout(300)
def test_what_is_checked_in_is_what_the_pinned_module_gives(tmp_path):
    """With the generator's own environment, whose version is in what it writes."""
    environment = os.environ | {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv")}
    sync = [UV, "sync", "--quiet", "--locked", "--only-group", "protos"]
    subprocess.run(sync, cwd=ROOT, env=environment, check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    done = subprocess.run(
        [python, "-m", "tools.abci_protos", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_a_file_that_is_missing_altered_or_too_many_is_named(tmp_path):
    kept, made = tmp_path / "kept", tmp_path / "made"
    made.mkdir()
    for path in abci_protos.TARGET.glob("*_pb2.py*"):
        shutil.copy(path, made)
    shutil.copytree(made, kept)
    (kept / "README.md").write_text("not generated")
    assert len(list(made.iterdir())) == 2 * len(abci_protos.FILES)
    assert abci_protos.compare(made, kept) == []
    (kept / "abci_pb2.py").write_bytes(b"altered")
    (kept / "keys_pb2.pyi").unlink()
    (kept / "block_pb2.py").write_bytes(b"of an earlier choice of files")
    assert abci_protos.compare(made, kept) == ["abci_pb2.py", "block_pb2.py", "keys_pb2.pyi"]
