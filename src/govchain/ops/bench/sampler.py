"""Where a process spends its time: processor time of every thread, shared out over the functions they are seen in.

Purpose: ``python -m govchain.ops.bench.sampler MODULE ARGUMENTS…`` runs a module as ``python -m`` would, with one more
thread that looks at the others. Commands on standard input: ``begin``, and ``end``, which answers one line of JSON on
standard output. Rules: between two looks a thread's processor time (the kernel's count, in ns) goes to the Python
function that it is in at the second; a thread that waits costs nothing and so counts nothing. Native code counts for
the function that called it, threads without Python for ``native threads``.
What it cannot see: a look takes Python's lock, so that short native calls are met less often than they deserve.
Not here: what is profiled when (``api``).
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Final

__all__ = ["NATIVE", "Sampler", "main", "shares"]

#: Seconds between two looks.
LOOK_S: Final = 0.004
#: Functions that a profile names.
FUNCTIONS_MAX: Final = 25
#: Where threads without Python code are counted.
NATIVE: Final = "native threads"

_OURS: Final = "govchain"


class Sampler(threading.Thread):
    """Looks at all other threads until :meth:`stop`."""

    def __init__(self, look_s: float = LOOK_S) -> None:
        super().__init__(name="sampler", daemon=True)
        self._look_s = look_s
        self._over = threading.Event()
        self._taken: Counter[tuple[str, str, str]] = Counter()
        self._looks = 0

    def run(self) -> None:
        """Look, and share out."""
        before = _thread_times_ns()
        while not self._over.wait(self._look_s):
            frames = sys._current_frames()
            now = _thread_times_ns()
            python = {thread.native_id: thread for thread in threading.enumerate()}
            self._looks += 1
            for number, taken in now.items():
                spent = taken - before.get(number, 0)
                if spent <= 0 or number == self.native_id:
                    continue
                thread = python.get(number)
                frame = None if thread is None else frames.get(thread.ident or 0)
                if thread is None or frame is None:
                    self._taken[NATIVE, NATIVE, NATIVE] += spent
                else:
                    self._taken[thread.name, *_place(frame)] += spent
            before = now
            del frames

    def stop(self) -> dict[str, object]:
        """End, and tell the shares."""
        self._over.set()
        self.join()
        return {"looks": self._looks, **shares(self._taken)}


def shares(taken: Counter[tuple[str, str, str]]) -> dict[str, object]:
    """Shares of the whole, in per cent, by thread, by room and by function, the largest first."""
    total = sum(taken.values()) or 1

    def ordered(pairs: Iterable[tuple[str, int]], limit: int | None = None) -> dict[str, float]:
        sums: Counter[str] = Counter()
        for name, spent in pairs:
            sums[name] += spent
        return {name: round(spent / total * 100, 1) for name, spent in sums.most_common(limit) if spent >= total / 1000}

    return {
        "processor_s": round(sum(taken.values()) / 1e9, 2),
        "threads": ordered((_family(thread), spent) for (thread, _, _), spent in taken.items()),
        "rooms": ordered((room, spent) for (_, room, _), spent in taken.items()),
        "functions": ordered(((function, spent) for (_, _, function), spent in taken.items()), FUNCTIONS_MAX),
    }


def _family(thread: str) -> str:
    """A pool's threads under one name."""
    return thread.rstrip("0123456789").rstrip("-_ (") or thread


def _place(frame: FrameType) -> tuple[str, str]:
    """Room (ours), or package (others'), and function of the innermost frame."""
    code = frame.f_code
    module = str(frame.f_globals.get("__name__", "")) or Path(code.co_filename).stem
    parts = module.split(".")
    room = ".".join(parts[:2]) if parts[0] == _OURS else parts[0]
    return room, f"{module}.{code.co_qualname}"


def _thread_times_ns() -> dict[int, int]:
    """Processor time of every thread of this process so far, by the kernel's number of the thread."""
    times: dict[int, int] = {}
    for name in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{name}/schedstat", "rb") as file:
                times[int(name)] = int(file.read().split()[0])
        except (FileNotFoundError, ProcessLookupError, IndexError):
            continue
    return times


def _obey() -> None:
    """Take commands until standard input ends."""
    sampler: Sampler | None = None
    for command in sys.stdin:
        if command == "begin\n":
            sampler = Sampler()
            sampler.start()
        elif command == "end\n" and sampler is not None:
            sys.stdout.write(json.dumps(sampler.stop()) + "\n")
            sys.stdout.flush()
            sampler = None


def main() -> None:
    """Run the module that the arguments name, and obey standard input."""
    threading.Thread(target=_obey, name="sampler-commands", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
