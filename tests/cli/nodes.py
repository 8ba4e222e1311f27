"""A real node for the tests of the command line: `govchain up` as a process on loopback."""

import json
import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def running_node(shell, *options):
    """`govchain up` in the shell's folder; gives its URL, and ends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "govchain.cli", "up", ".", "--listen", "127.0.0.1:0", "--json", *options],
        cwd=shell.folder,
        env=shell.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        said = ""
        for row in process.stdout:
            said += row
            if row.rstrip() == "}":
                break
        yield json.loads(said)["listen"]
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
