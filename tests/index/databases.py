"""Fixtures: a real PostgreSQL for the session, and an empty database of each kind for each test."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import tempfile
import warnings
from pathlib import Path

import pytest

from govchain.index.database import IndexDatabase, database_url

_numbers = itertools.count(1)
#: pgserver waits ten seconds for a start; a machine that is busy with other tests may take longer.
_ATTEMPTS = 6


def _patiently(start):
    for attempt in range(_ATTEMPTS):
        try:
            return start()
        except subprocess.TimeoutExpired:
            if attempt == _ATTEMPTS - 1:
                raise
    return None


class Server:
    """A PostgreSQL server over a socket in a directory of its own; can go away and come back."""

    def __init__(self, directory):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own, about directories that this machine lacks
            import pgserver
            from pgserver._commands import pg_ctl
        self._pg_ctl = pg_ctl
        self.directory = directory
        self.server = _patiently(lambda: pgserver.get_server(directory, cleanup_mode="delete"))

    def run(self, command):
        import psycopg

        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            connection.execute(command)

    def create(self):
        """An empty database; its URL."""
        name = f"index_{next(_numbers)}"
        self.run(f'CREATE DATABASE "{name}"')
        return self.server.get_uri(name)

    def go_away(self):
        """End at once, as when the machine is lost."""
        self._pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self.server.pgdata, user=self.server.system_user)

    def come_back(self):
        with self.server._lock:
            _patiently(self.server.ensure_postgres_running)

    def close(self):
        """Without a last checkpoint: nothing here is kept."""
        with contextlib.suppress(Exception):
            self.go_away()
        self.server.cleanup()


@pytest.fixture(scope="session")
def postgres():
    """One PostgreSQL for the session.

    Where the tests run as root the server runs as another user. Each start of pytest closes pytest's own folder to
    others again, so the server's lies beside it.
    """
    pytest.importorskip("psycopg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("pgserver", reason="PostgreSQL from PyPI runs on Python 3.11 and 3.12")
    with tempfile.TemporaryDirectory(prefix="govchain-postgres-", ignore_cleanup_errors=True) as directory:
        server = Server(Path(directory))
        yield server
        server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return database_url("", tmp_path)
    return database_url(request.getfixturevalue("postgres").create(), None)


@pytest.fixture
def database(url):
    opened = IndexDatabase(url)
    yield opened
    opened.close()
