"""Run the command as a user would: as a process, in a folder of its own, with a home of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        return self.json["error"]


@dataclass
class Shell:
    """A folder to work in and a user's home; `run` gives code, output and errors."""

    folder: Path
    home: Path
    language: str = "en_US.UTF-8"

    def environment(self, **more):
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "GOVCHAIN_HOME": str(self.home / "govchain"),
            "LC_ALL": self.language,
            "PYTHONIOENCODING": "utf-8",
            **more,
        }

    def run(self, *arguments, at=None, expect=0, text="", **environment):
        done = subprocess.run(
            [sys.executable, "-m", "govchain.cli", *map(str, arguments)],
            cwd=at or self.folder,
            env=self.environment(**environment),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in result.err + result.out, result.err
        assert expect is None or result.code == expect, (arguments, result)
        return result

    def user(self, name):
        """The same folder with another user's home, where nothing is trusted."""
        return Shell(self.folder, self.folder.parent / f"home-{name}", self.language)


def new_shell(folder):
    for name in ("work", "home"):
        (folder / name).mkdir(parents=True)
    return Shell(folder / "work", folder / "home")


def new_chain(folder, *options):
    """A shell in a data directory of its own, made by `init`."""
    shell = new_shell(folder)
    shell.run("init", "d", "--chain", "test-chain", *options)
    return Shell(shell.folder / "d", shell.home)
