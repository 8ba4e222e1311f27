"""Version and build are the same wherever they are told."""

import json
import re
import subprocess
import sys
from importlib import metadata

import pytest

import govchain
from govchain.services.build import BUILD_DIGITS, build_id
from tests.node.up_kit import environment, running
from tools.tidy.tree import ROOT


@pytest.mark.requirement("BJ.maintainability.modifiability.07", "BJ.data.06_002")
def test_version_and_build_agree_everywhere(chain):
    version, build = govchain.__version__, build_id()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert re.fullmatch(rf"[0-9a-f]{{{BUILD_DIGITS}}}", build)
    # the package and its project file
    assert metadata.version("govchain") == version
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.+)"$', project, re.MULTILINE)[1] == version
    # the newest heading of the changelog
    heading = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert version in heading
    # the command
    said = subprocess.run(
        [sys.executable, "-m", "govchain.cli", "--json", "version"],
        env=environment(chain.with_name("home")),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(said.stdout)
    assert (told["govchain"], told["build"]) == (version, build)
    # a running node: its chain's status, its interface's description, its metrics, its log
    with running(chain) as node:
        with node.client() as client:
            status = client.get("/v1/chain").json()
            info = client.get("/v1/openapi.json").json()["info"]
            metrics = client.get("/metrics").text
        starting, started = node.event("starting"), node.event("started")
    assert (status["node_version"], status["node_build"]) == (version, build)
    assert (info["version"], info["x-govchain-build"]) == (version, build)
    labels = dict(re.findall(r'(\w+)="([^"]*)"', re.search(r"^govchain_build_info\{.*$", metrics, re.MULTILINE)[0]))
    assert (labels["version"], labels["build"], labels["chain"]) == (version, build, "node-test")
    for line in (starting, started):
        assert (line["version"], line["build"]) == (version, build)


def test_another_text_is_another_build(tmp_path):
    """The build of a copy of the package equals this one's; with one more comment it does not."""
    import shutil

    copy = tmp_path / "govchain"
    shutil.copytree(ROOT / "src" / "govchain", copy, ignore=shutil.ignore_patterns("__pycache__"))
    ask = [sys.executable, "-P", "-c", "from govchain.services.build import build_id; print(build_id())"]

    def build():
        env = {**environment(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
        return subprocess.run(ask, env=env, capture_output=True, text=True, check=True).stdout.strip()

    assert build() == build_id()
    with (copy / "texts" / "words.py").open("a", encoding="utf-8") as file:
        file.write("# one more\n")
    assert build() != build_id()
