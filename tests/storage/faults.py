"""Faults that tests inject: a read-only file system, a full one. What cannot be injected is skipped, never passed."""

import contextlib
import os
import subprocess

import pytest


def _mount(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    return done.returncode == 0


@contextlib.contextmanager
def read_only_mount(path):
    """The directory, read-only for everybody: a bind mount for root, permissions for others."""
    if os.geteuid() == 0:
        if not _mount("--bind", str(path), str(path)):
            pytest.skip("may not mount")
        try:
            if not _mount("-o", "remount,bind,ro", str(path)):
                pytest.skip("may not remount")
            yield
        finally:
            subprocess.run(["umount", str(path)], check=True)
        return
    folders = [path, *(entry for entry in path.rglob("*") if entry.is_dir())]
    files = [entry for entry in path.rglob("*") if entry.is_file()]
    for entry in [*files, *folders]:
        entry.chmod(0o500 if entry.is_dir() else 0o400)
    try:
        yield
    finally:
        for entry in [*folders, *files]:
            entry.chmod(0o700 if entry.is_dir() else 0o600)


@contextlib.contextmanager
def small_disk(path, size_bytes):
    """A file system of its own at ``path``."""
    path.mkdir(exist_ok=True)
    if os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(path)):
        pytest.skip("may not mount")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
