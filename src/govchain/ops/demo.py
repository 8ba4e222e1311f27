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
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from govchain.model import Code, UsageError
from govchain.ops.steps import DemoStep, Steps, evidence_id, head, tail
from govchain.texts import sentence

__all__ = ["FILES_MIN", "DemoStep", "anchored", "default_folder", "find_verifier", "next_commands", "run"]

#: Files that the demonstration wants to anchor at least.
FILES_MIN = 1_000


def anchored(printed: str, language: str) -> str:
    """One line for the JSON answer of ``evidence put``."""
    answer = json.loads(printed)
    values = {"evidence": evidence_id(answer), "files": answer.get("files"), "bytes": answer.get("bytes")}
    return sentence("demo.anchored", language, **values)


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
    demo = Steps(home, language, tell, home / "user")
    verifier = verifier.resolve() if verifier is not None else find_verifier()
    start = time.perf_counter()

    def anchored_line(printed: str) -> str:
        return anchored(printed, language)

    demo.run("create", ["init", "chain"], 0, shorten=head(2))
    put = ["--data", "chain", "--json", "evidence", "put"]
    batch = json.loads(demo.run("anchor", [*put, str(source), "--skip-bad"], 0, shorten=anchored_line))
    original = home / "original.txt"
    original.write_text("GovChain 政链 demonstration\n", encoding="utf-8")
    single = json.loads(demo.run("anchor_one", [*put, str(original)], 0, shorten=anchored_line))
    demo.run("find", ["--data", "chain", "evidence", "find", str(original)], 0)
    evidence = evidence_id(single)
    demo.run("export", ["--data", "chain", "evidence", "export", evidence, "-o", "proof.gcp"], 0)
    demo.run(
        "export_member", ["--data", "chain", "evidence", "export", f"{evidence_id(batch)}.0", "-o", "member.gcp"], 0
    )
    demo.run("verify", ["verify", "proof.gcp", "--original", str(original)], 0, shorten=tail(12))
    demo.run("verify_member", ["verify", "member.gcp"], 0, shorten=tail(2))
    alone = [sys.executable, str(verifier)]
    if verifier is not None:
        arguments = ["proof.gcp", "--original", str(original), "--trust", "chain/genesis.json"]
        demo.run("verify_alone", arguments, 0, program=alone, shorten=tail(2))
        demo.run("no_trust", ["proof.gcp"], 3, program=alone, shorten=tail(2))
    _tamper(original, home / "changed.txt", at=3)
    _tamper(home / "proof.gcp", home / "changed.gcp", at=-2000)
    demo.run("changed_file", ["verify", "proof.gcp", "--original", "changed.txt"], 1, shorten=tail(1))
    demo.run("changed_package", ["verify", "changed.gcp"], 1, shorten=tail(1))
    if verifier is not None:
        demo.run("changed_package_alone", ["changed.gcp"], 1, program=alone, shorten=tail(1))
    demo.run("doctor", ["--data", "chain", "doctor"], 0)
    return {
        "folder": str(source),
        "files": files,
        "seconds": round(time.perf_counter() - start, 2),
        "home": str(home),
        "stand_alone_verifier": verifier is not None,
        "next": next_commands(home),
        "steps": demo.as_json(),
    }


def _count(source: Path, files_min: int) -> int:
    """How many files the folder holds.

    Raises:
        UsageError: fewer than ``files_min``.
    """
    count = sum(len(names) for _, _, names in os.walk(source))
    if count < files_min:
        raise UsageError(Code.USAGE, reason=f"{source} holds {count} files; the demonstration wants {files_min}")
    return count


def _tamper(source: Path, target: Path, at: int) -> None:
    """A copy with one bit of one byte changed."""
    data = bytearray(source.read_bytes())
    data[at] ^= 1
    target.write_bytes(data)
