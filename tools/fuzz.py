"""Runs each fuzz target for a bounded time; ``make fuzz``.

A target is a file ``tests/fuzz/fuzz_<what>.py`` with

- ``one(data: bytes) -> None``: gives the bytes to a decoder and raises when the decoder misbehaves;
- ``SEEDS: list[bytes]``: input to start from.

Each target runs in a process of its own, guided by coverage with atheris where that is installed, otherwise with plain
random mutations of the seeds. What is learnt stays in ``.fuzz/<what>/corpus`` and the next run resumes there; input
that made a target fail is written beside it and its path printed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["load", "main", "mutate", "run_plain", "targets"]

#: The repository's root.
ROOT = Path(__file__).resolve().parents[1]
#: Where targets are.
FOLDER = ROOT / "tests" / "fuzz"
#: Where the corpora and failing input are kept.
KEPT = ROOT / ".fuzz"
#: Longest input, in bytes.
INPUT_BYTES_MAX = 4096
#: Longest time for one input, in seconds, before it counts as hanging.
INPUT_SECONDS_MAX = 10


def targets(folder: Path = FOLDER) -> list[Path]:
    """The target files."""
    return sorted(folder.glob("fuzz_*.py"))


def load(path: Path) -> ModuleType:
    """Imports a target file."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise ImportError(f"cannot import {path}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def mutate(data: bytes, source: random.Random) -> bytes:
    """A few random changes of ``data``: bits, bytes, cuts, repetitions, insertions."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 6)):
        position = source.randint(0, len(changed))
        length = source.randint(1, 8)
        match source.randint(0, 4):
            case 0 if position < len(changed):
                changed[position] ^= 1 << source.randint(0, 7)
            case 1 if position < len(changed):
                changed[position] = source.choice(b'\x00\x01\x7f\x80\xff"{}[],:-0')
            case 2:
                del changed[position : position + length]
            case 3:
                changed[position:position] = changed[position : position + length * 4]
            case _:
                changed[position:position] = source.randbytes(length)
    return bytes(changed[:INPUT_BYTES_MAX])


def run_plain(one: Callable[[bytes], None], seeds: Sequence[bytes], seconds: float, keep: Path, seed: int) -> int:
    """Mutates the seeds for some seconds without guidance; returns how many inputs ran.

    Raises:
        Exception: Whatever ``one`` raised; the input is in ``keep`` then.
    """
    source = random.Random(seed)  # noqa: S311 - fuzzing wants to be repeatable
    pool = list(seeds) or [b""]
    for data in pool:
        one(data)
    count, end = len(pool), time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(source.choice(pool), source)
        try:
            one(data)
        except BaseException:
            failing = keep / f"crash-{sha256(data).hexdigest()[:16]}"
            failing.write_bytes(data)
            print(f"failing input: {failing}", file=sys.stderr)
            raise
        count += 1
    return count


def _run_one(path: Path, seconds: int, seed: int) -> int:
    keep = KEPT / path.stem.removeprefix("fuzz_")
    corpus = keep / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        module = load(path)
        count = run_plain(module.one, module.SEEDS, seconds, keep, seed)
        print(f"{path.stem}: {count} inputs without guidance (atheris is not installed), seed {seed}")
        return 0
    with atheris.instrument_imports(include=["govchain"]):
        module = load(path)
    for data in module.SEEDS:
        (corpus / sha256(data).hexdigest()[:16]).write_bytes(data)
    options = [
        f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={INPUT_SECONDS_MAX}", f"-seed={seed}",
        f"-artifact_prefix={keep}/", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([path.stem, *options, str(corpus)], module.one)
    atheris.Fuzz()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the targets; exit code 1 when one failed or there is none."""
    parser = argparse.ArgumentParser(description="Runs each fuzz target for a bounded time.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=0, help="0: from the clock")
    parser.add_argument("--only", default="", help="only targets whose name contains this")
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    seed = options.seed or time.time_ns() % 2**31
    if options.target:
        return _run_one(options.target, options.seconds, seed)
    chosen = [path for path in targets() if options.only in path.stem]
    if not chosen:
        print(f"no fuzz target in {FOLDER.relative_to(ROOT)}", file=sys.stderr)
        return 1
    failed = []
    for path in chosen:
        print(f"== {path.stem}: {options.seconds} s, seed {seed}", flush=True)
        command = [sys.executable, "-m", "tools.fuzz", "--target", str(path), "--seconds", str(options.seconds)]
        command += ["--seed", str(seed)]
        if subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL).returncode:
            failed.append(path.stem)
    print(f"fuzz: {len(chosen) - len(failed)} passed, {len(failed)} failed{': ' if failed else ''}{', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
