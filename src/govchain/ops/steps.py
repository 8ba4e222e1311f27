"""Steps of a demonstration: each a command that a user would type, run as its own process and checked.

Rules: a step that does not end as it should ends the demonstration. Not here: which steps (``demo``, ``net``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from govchain.model import Code, GovChainError

__all__ = ["DemoStep", "Steps", "evidence_id", "head", "tail"]


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
class Steps:
    """The steps so far. ``home``: where they run; ``tell`` hears of each as it ends; ``user``: their GOVCHAIN_HOME."""

    home: Path
    language: str
    tell: Callable[[DemoStep], None]
    user: Path
    done: list[DemoStep] = field(default_factory=list)

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

        ``program``: of another one than ``govchain``. ``shorten`` makes of the standard output what the step shows; a
        refusal's sentence is added to it.

        Raises:
            GovChainError: it ended otherwise.
        """
        environment = {**os.environ, "GOVCHAIN_HOME": str(self.user)}
        base = list(program) or [sys.executable, "-m", "govchain.cli", "--lang", self.language]
        shown = " ".join([*_shown(program), *arguments])
        start = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own commands
            [*base, *arguments], cwd=self.home, env=environment, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        text = shorten(done.stdout).strip() if done.returncode == expected else done.stdout.strip()
        if done.returncode:
            text = f"{text}\n{done.stderr.strip()}".strip()
        self.add(DemoStep(title, shown, done.returncode, round(seconds, 2), text))
        if done.returncode != expected:
            raise GovChainError(
                Code.INTERNAL, reason=f"{shown}: exit code {done.returncode}, expected {expected}: {done.stderr[-500:]}"
            )
        return done.stdout

    def add(self, step: DemoStep) -> None:
        """Take up a step that was done otherwise."""
        self.done.append(step)
        self.tell(step)

    def as_json(self) -> list[dict[str, object]]:
        """The steps for programs, without their output."""
        return [
            {"title": step.title, "command": step.command, "exit_code": step.exit_code, "seconds": step.seconds}
            for step in self.done
        ]


def _shown(program: Sequence[str]) -> list[str]:
    """A program as a user would type it."""
    if not program:
        return ["govchain"]
    names = [Path(part).name for part in program]
    return ["python", *names[1:]] if program[0] == sys.executable else names


def head(count: int) -> Callable[[str], str]:
    """The first lines of an output."""
    return lambda text: "\n".join(text.strip().splitlines()[:count])


def tail(count: int) -> Callable[[str], str]:
    """The last lines of an output."""
    return lambda text: "\n".join(text.strip().splitlines()[-count:])


def evidence_id(answer: dict[str, object]) -> str:
    """The record's id in the JSON answer of ``evidence put``.

    Raises:
        GovChainError: there is none.
    """
    evidence = answer.get("evidence") or answer.get("id")
    if not isinstance(evidence, str):
        raise GovChainError(Code.INTERNAL, reason=f"no evidence id in {sorted(answer)}")
    return evidence
