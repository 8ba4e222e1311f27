"""``govchain demo``: the main job from an empty folder, command by command, with timings.

Purpose: create a chain, anchor the files of a real folder, export a package, verify it twice (with ``govchain verify``
and with the stand-alone verifier, which shares no code with this package), tamper with copies and show the refusals.
Rules: every step is the command that a user would type, run as its own process; the demonstration fails when a step
does not end as it should.
Not here: the commands themselves (``cli``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from govchain.model import Code, GovChainError

__all__ = ["FILES_MIN", "DemoStep", "run"]

#: Files that the demonstration wants to anchor at least.
FILES_MIN = 1_000


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One command: what was run, how it ended, how long it took (seconds), and its last line."""

    title: str
    command: str
    exit_code: int
    seconds: float
    output: str


@dataclass(slots=True)
class _Demo:
    home: Path
    language: str
    tell: Callable[[DemoStep], None]
    steps: list[DemoStep] = field(default_factory=list)

    def run(self, title: str, arguments: Sequence[str], expected: int, *, program: Sequence[str] = ()) -> str:
        """Run a command and check how it ended; its standard output."""
        environment = {**os.environ, "GOVCHAIN_HOME": str(self.home / "user")}
        base = list(program) or [sys.executable, "-m", "govchain.cli", "--lang", self.language]
        shown = " ".join([*(["python", Path(program[-1]).name] if program else ["govchain"]), *arguments])
        start = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own commands
            [*base, *arguments], cwd=self.home, env=environment, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        text = (done.stdout if done.stdout.strip() else done.stderr).strip()
        step = DemoStep(title, shown, done.returncode, round(seconds, 2), text)
        self.steps.append(step)
        self.tell(step)
        if done.returncode != expected:
            raise GovChainError(
                Code.INTERNAL, reason=f"{shown}: exit code {done.returncode}, expected {expected}: {done.stderr[-500:]}"
            )
        return done.stdout


def default_folder() -> Path:
    """A real folder with more than a thousand files of many kinds: the Python installation's own library."""
    return Path(sysconfig.get_paths()["stdlib"])


def find_verifier() -> Path | None:
    """The stand-alone verifier of a source checkout, if this package runs from one."""
    path = Path(__file__).resolve().parents[3] / "tools" / "verify_package.py"
    return path if path.is_file() else None


def run(
    *,
    folder: Path | None = None,
    verifier: Path | None = None,
    language: str = "en",
    keep: Path | None = None,
    tell: Callable[[DemoStep], None] = lambda step: None,
) -> dict[str, object]:
    """Run the demonstration.

    Args:
        folder: whose files to anchor; by default the Python installation's library.
        verifier: path of the stand-alone verifier; by default that of the source checkout.
        language: of the commands' output.
        keep: an empty or absent folder to work in and leave behind; by default a temporary one that is left too.
        tell: hears of each step as it ends.

    Raises:
        GovChainError: a step did not end as it should.
    """
    source = (folder or default_folder()).resolve()
    home = keep.resolve() if keep is not None else Path(tempfile.mkdtemp(prefix="govchain-demo-"))
    home.mkdir(parents=True, exist_ok=True)
    demo = _Demo(home, language, tell)
    verifier = verifier or find_verifier()
    start = time.perf_counter()
    demo.run("create", ["init", "chain"], 0)
    files = _count(source)
    anchored = json.loads(
        demo.run("anchor", ["--data", "chain", "--json", "evidence", "put", str(source), "--skip-bad"], 0)
    )
    original = home / "original.txt"
    original.write_text("GovChain 政链 demonstration\n", encoding="utf-8")
    single = json.loads(demo.run("anchor one", ["--data", "chain", "--json", "evidence", "put", str(original)], 0))
    demo.run("find", ["--data", "chain", "evidence", "find", str(original)], 0)
    evidence = _evidence_id(single)
    demo.run("export", ["--data", "chain", "evidence", "export", evidence, "-o", "proof.gcp"], 0)
    demo.run(
        "export member", ["--data", "chain", "evidence", "export", f"{_evidence_id(anchored)}.0", "-o", "member.gcp"], 0
    )
    demo.run("verify", ["verify", "proof.gcp", "--original", str(original)], 0)
    demo.run("verify member", ["verify", "member.gcp"], 0)
    if verifier is not None:
        arguments = ["proof.gcp", "--original", str(original), "--trust", "chain/genesis.json"]
        demo.run("verify alone", arguments, 0, program=[sys.executable, str(verifier)])
        demo.run("no trust", ["proof.gcp"], 3, program=[sys.executable, str(verifier)])
    _tamper(original, home / "changed.txt", at=3)
    _tamper(home / "proof.gcp", home / "changed.gcp", at=-2000)
    demo.run("changed file", ["verify", "proof.gcp", "--original", "changed.txt"], 1)
    demo.run("changed package", ["verify", "changed.gcp"], 1)
    if verifier is not None:
        demo.run("changed package alone", ["changed.gcp"], 1, program=[sys.executable, str(verifier)])
    demo.run("doctor", ["--data", "chain", "doctor"], 0)
    return {
        "folder": str(source),
        "files": files,
        "seconds": round(time.perf_counter() - start, 2),
        "home": str(home),
        "stand_alone_verifier": verifier is not None,
        "steps": [
            {"title": step.title, "command": step.command, "exit_code": step.exit_code, "seconds": step.seconds}
            for step in demo.steps
        ],
    }


def _count(source: Path) -> int:
    """How many files the folder holds.

    Raises:
        GovChainError: fewer than ``FILES_MIN``.
    """
    count = sum(len(names) for _, _, names in os.walk(source))
    if count < FILES_MIN:
        raise GovChainError(Code.USAGE, reason=f"{source} holds {count} files; the demonstration wants {FILES_MIN}")
    return count


def _evidence_id(answer: dict[str, object]) -> str:
    evidence = answer.get("evidence") or answer.get("id")
    if not isinstance(evidence, str):
        raise GovChainError(Code.INTERNAL, reason=f"no evidence id in {sorted(answer)}")
    return evidence


def _tamper(source: Path, target: Path, at: int) -> None:
    """A copy with one bit of one byte changed."""
    data = bytearray(source.read_bytes())
    data[at] ^= 1
    target.write_bytes(data)
