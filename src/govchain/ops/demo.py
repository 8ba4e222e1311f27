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
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from govchain.model import Code, GovChainError, UsageError
from govchain.texts import sentence

__all__ = ["FILES_MIN", "DemoStep", "next_commands", "run"]

#: Files that the demonstration wants to anchor at least.
FILES_MIN = 1_000


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One command: what was run, how it ended, how long it took (seconds), and what of its output is worth reading.

    ``title``: the step's name; ``demo.heading.<title>`` in the texts says what it shows and what should happen.
    """

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

    def run(
        self,
        title: str,
        arguments: Sequence[str],
        expected: int,
        *,
        program: Sequence[str] = (),
        shorten: Callable[[str], str] = str,
    ) -> str:
        """Run a command and check how it ended; its standard output.

        ``shorten`` makes of the standard output what the step shows; a refusal's sentence is added to it.
        """
        environment = {**os.environ, "GOVCHAIN_HOME": str(self.home / "user")}
        base = list(program) or [sys.executable, "-m", "govchain.cli", "--lang", self.language]
        shown = " ".join([*(["python", Path(program[-1]).name] if program else ["govchain"]), *arguments])
        start = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own commands
            [*base, *arguments], cwd=self.home, env=environment, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        text = shorten(done.stdout).strip() if done.returncode == expected else done.stdout.strip()
        if done.returncode:
            text = f"{text}\n{done.stderr.strip()}".strip()
        step = DemoStep(title, shown, done.returncode, round(seconds, 2), text)
        self.steps.append(step)
        self.tell(step)
        if done.returncode != expected:
            raise GovChainError(
                Code.INTERNAL, reason=f"{shown}: exit code {done.returncode}, expected {expected}: {done.stderr[-500:]}"
            )
        return done.stdout

    def anchored(self, printed: str) -> str:
        """One line for the JSON answer of ``evidence put``."""
        answer = json.loads(printed)
        values = {"evidence": _evidence_id(answer), "files": answer.get("files"), "bytes": answer.get("bytes")}
        return sentence("demo.anchored", self.language, **values)


def next_commands(home: Path) -> list[str]:
    """What to type next, in a new shell: the commands on the path, the demonstration's trust store, its chain."""
    activate = Path(sys.prefix) / "bin" / "activate"
    found = []
    if activate.is_file():
        here = Path.cwd()
        inside = activate.is_relative_to(here)
        found.append(f"source {shlex.quote(str(activate.relative_to(here) if inside else activate))}")
    return [
        *found,
        f"export GOVCHAIN_HOME={shlex.quote(str(home / 'user'))}",
        f"cd {shlex.quote(str(home / 'chain'))}",
        "govchain chain status",
        "govchain evidence find ../original.txt",
    ]


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
    files_min: int = FILES_MIN,
    tell: Callable[[DemoStep], None] = lambda step: None,
) -> dict[str, object]:
    """Run the demonstration.

    Args:
        folder: whose files to anchor; by default the Python installation's library.
        verifier: path of the stand-alone verifier; by default that of the source checkout.
        language: of the commands' output.
        keep: an empty or absent folder to work in and leave behind; by default a temporary one that is left too.
        files_min: files that the folder must hold.
        tell: hears of each step as it ends.

    Raises:
        UsageError: the folder holds fewer files.
        GovChainError: a step did not end as it should.
    """
    source = (folder or default_folder()).resolve()
    files = _count(source, files_min)
    home = keep.resolve() if keep is not None else Path(tempfile.mkdtemp(prefix="govchain-demo-"))
    home.mkdir(parents=True, exist_ok=True)
    demo = _Demo(home, language, tell)
    verifier = verifier.resolve() if verifier is not None else find_verifier()
    start = time.perf_counter()
    demo.run("create", ["init", "chain"], 0, shorten=_head(2))
    put = ["--data", "chain", "--json", "evidence", "put"]
    anchored = json.loads(demo.run("anchor", [*put, str(source), "--skip-bad"], 0, shorten=demo.anchored))
    original = home / "original.txt"
    original.write_text("GovChain 政链 demonstration\n", encoding="utf-8")
    single = json.loads(demo.run("anchor_one", [*put, str(original)], 0, shorten=demo.anchored))
    demo.run("find", ["--data", "chain", "evidence", "find", str(original)], 0)
    evidence = _evidence_id(single)
    demo.run("export", ["--data", "chain", "evidence", "export", evidence, "-o", "proof.gcp"], 0)
    demo.run(
        "export_member", ["--data", "chain", "evidence", "export", f"{_evidence_id(anchored)}.0", "-o", "member.gcp"], 0
    )
    demo.run("verify", ["verify", "proof.gcp", "--original", str(original)], 0, shorten=_tail(12))
    demo.run("verify_member", ["verify", "member.gcp"], 0, shorten=_tail(2))
    alone = [sys.executable, str(verifier)]
    if verifier is not None:
        arguments = ["proof.gcp", "--original", str(original), "--trust", "chain/genesis.json"]
        demo.run("verify_alone", arguments, 0, program=alone, shorten=_tail(2))
        demo.run("no_trust", ["proof.gcp"], 3, program=alone, shorten=_tail(2))
    _tamper(original, home / "changed.txt", at=3)
    _tamper(home / "proof.gcp", home / "changed.gcp", at=-2000)
    demo.run("changed_file", ["verify", "proof.gcp", "--original", "changed.txt"], 1, shorten=_tail(1))
    demo.run("changed_package", ["verify", "changed.gcp"], 1, shorten=_tail(1))
    if verifier is not None:
        demo.run("changed_package_alone", ["changed.gcp"], 1, program=alone, shorten=_tail(1))
    demo.run("doctor", ["--data", "chain", "doctor"], 0)
    return {
        "folder": str(source),
        "files": files,
        "seconds": round(time.perf_counter() - start, 2),
        "home": str(home),
        "stand_alone_verifier": verifier is not None,
        "next": next_commands(home),
        "steps": [
            {"title": step.title, "command": step.command, "exit_code": step.exit_code, "seconds": step.seconds}
            for step in demo.steps
        ],
    }


def _head(count: int) -> Callable[[str], str]:
    return lambda text: "\n".join(text.strip().splitlines()[:count])


def _tail(count: int) -> Callable[[str], str]:
    return lambda text: "\n".join(text.strip().splitlines()[-count:])


def _count(source: Path, files_min: int) -> int:
    """How many files the folder holds.

    Raises:
        UsageError: fewer than ``files_min``.
    """
    count = sum(len(names) for _, _, names in os.walk(source))
    if count < files_min:
        raise UsageError(Code.USAGE, reason=f"{source} holds {count} files; the demonstration wants {files_min}")
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
