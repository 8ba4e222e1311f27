"""`govchain index`: status, rebuild and check on a data directory, beside a running node, and on another database."""

import sqlite3

import pytest

from tests.cli.nodes import running_node
from tests.cli.support import new_chain


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A chain with two anchored files."""
    made = new_chain(tmp_path_factory.mktemp("index"))
    for name in ("one.txt", "two.txt"):
        (made.folder / name).write_text(name)
        made.run("evidence", "put", name)
    return made


def test_an_index_is_made_compared_and_found_changed(shell):
    assert shell.run("index", "status", "--json", expect=5).error["code"] == "INDEX_UNAVAILABLE"
    made = shell.run("index", "rebuild", "--json").json
    assert (made["indexed_height"], made["transactions"]) == (2, 2)
    assert shell.run("index", "status", "--json").json["lag"] == 0
    checked = shell.run("index", "check", "--json").json
    assert checked["agrees"] is True
    assert {entry["name"]: entry["rows"] for entry in checked["tables"]}["evidence"] == 2
    for language in ("zh", "en"):
        for command in ("status", "check", "rebuild"):
            assert shell.run("index", command, "--lang", language).out.strip()
    with sqlite3.connect(shell.folder / "index.sqlite3") as database:
        database.execute("UPDATE evidence SET size = 1")
    database.close()
    error = shell.run("index", "check", "--json", expect=1).error
    assert (error["code"], error["params"]["table"]) == ("INDEX_DIFFERS", "evidence")
    assert "rebuild" in shell.run("index", "check", expect=1).err
    shell.run("index", "rebuild")
    assert shell.run("index", "check", "--json").json["agrees"] is True


def test_another_database_by_url_and_by_settings(shell, tmp_path):
    url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    assert shell.run("index", "rebuild", "--json", "--url", url).json["indexed_height"] == 2
    assert shell.run("index", "check", "--json", GOVCHAIN_INDEX_URL=url).json["agrees"] is True
    assert shell.run("index", "status", "--url", "mysql://h/d", "--json", expect=2).error["code"] == "USAGE"


def test_the_settings_of_the_node_may_lie_elsewhere(shell, tmp_path):
    file, place = tmp_path / "settings.toml", tmp_path / "elsewhere.sqlite3"
    file.write_text(f'index_url = "sqlite:///{place}"\n')
    for command in ("rebuild", "status", "check"):
        assert str(place) in shell.run("index", command, "--config", file, "--json").json["url"]
    assert shell.run("index", "status", "--config", tmp_path / "none", expect=5, language="en").err


def test_another_chain_s_index_is_refused(shell, tmp_path):
    url = f"sqlite:///{tmp_path / 'foreign.sqlite3'}"
    shell.run("index", "rebuild", "--url", url)
    other = new_chain(tmp_path / "other")
    error = other.run("index", "check", "--url", url, "--json", expect=5).error
    assert error["code"] == "INDEX_FOREIGN"


def test_beside_a_running_node(shell):
    with running_node(shell):
        assert shell.run("index", "check", "--json").json["agrees"] is True
        shell.run("index", "rebuild")
        assert shell.run("index", "status", "--json").json["lag"] == 0
