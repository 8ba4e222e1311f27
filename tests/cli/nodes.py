"""A real node for the tests of the command line: `govchain up` over a shell's folder, in the shell's environment."""

from contextlib import contextmanager

from tests.node.up_kit import running


@contextmanager
def running_node(shell, *options):
    """`govchain up` in the shell's folder; gives its URL, and ends it."""
    log = shell.home / "node.log"
    shell.home.mkdir(parents=True, exist_ok=True)
    with running(shell.folder, *options, log=log, env=shell.environment(), cwd=shell.folder) as node:
        yield node.url
