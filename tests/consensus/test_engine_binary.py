"""Where a node looks for an engine's program."""

from pathlib import Path

import pytest

from govchain.consensus.engine_binary import ENGINES_VARIABLE, find_engine
from govchain.model import Code, UnavailableError


@pytest.fixture
def program(tmp_path):
    def make(folder: str, name: str = "an-engine") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    return make


def test_the_path_is_looked_along_where_nothing_is_named(program):
    first, second = program("first"), program("second")
    assert find_engine("an-engine", {"PATH": f"{first.parent}:{second.parent}"}) == first


def test_a_named_folder_is_the_only_one(program):
    elsewhere, named = program("elsewhere"), program("named")
    environment = {"PATH": str(elsewhere.parent), ENGINES_VARIABLE: str(named.parent)}
    assert find_engine("an-engine", environment) == named
    assert find_engine("an-engine", environment, str(elsewhere.parent)) == elsewhere
    named.unlink()
    with pytest.raises(UnavailableError) as caught:
        find_engine("an-engine", environment)
    assert caught.value.code == Code.ENGINE_MISSING
    assert str(named.parent) in str(caught.value)


def test_what_cannot_be_run_is_not_found(program):
    path = program("folder")
    path.chmod(0o644)
    for environment in ({"PATH": str(path.parent)}, {"PATH": ""}, {}):
        with pytest.raises(UnavailableError) as caught:
            find_engine("an-engine", environment)
        assert caught.value.code == Code.ENGINE_MISSING
