"""The settings: one table, three places, the later wins; what is unknown or does not fit is named."""

import os

import pytest

from govchain.model import UnavailableError, UsageError
from govchain.node.settings import (
    ENVIRONMENT_PREFIX,
    OTHER_VARIABLES,
    SETTINGS,
    Settings,
    changed_settings,
    load_settings,
)
from govchain.texts import LANGUAGES, sentence

#: A value other than the default, as it is typed, for each kind of setting.
TYPED = {"text": "a text", "flag": None, "integer": None, "list": "one, two"}


def typed(row):
    """Another value than the default: what is typed for it, and what it then is."""
    if row.choices:
        other = next(choice for choice in row.choices if choice != row.default)
        return other, other
    if row.kind == "flag":
        return ("no", False) if row.default else ("yes", True)
    if row.kind == "integer":
        other = row.low if row.default != row.low else row.high
        return str(other), other
    if row.kind == "list":
        return (f"{row.example}, {row.example}", (row.example,) * 2) if row.form else (TYPED["list"], ("one", "two"))
    return TYPED["text"], TYPED["text"]


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{part}"' for part in value) + "]"
    return str(value) if isinstance(value, int) else f'"{value}"'


def refused(*, text=None, environment=None, flags=None, folder):
    file = folder / "node.toml"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as caught:
        load_settings(file, environment or {}, flags or {})
    return caught.value.params["reason"]


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_each_setting_can_be_given_in_each_place(row, tmp_path):
    text, value = typed(row)
    file = tmp_path / "node.toml"
    file.write_text(f"{row.name} = {toml(value)}\n", encoding="utf-8")
    for found in (
        load_settings(file, {}, {}),
        load_settings(None, {row.environment: text}, {}),
        load_settings(None, {}, {row.name: text}),
    ):
        assert found.values()[row.name] == value
        assert changed_settings(found) == {row.name: value}
    for language in LANGUAGES:
        assert sentence(f"setting.{row.name}", language) != ""
    assert row.kind != "integer" or row.low <= row.default <= row.high
    assert not row.choices or row.default in row.choices


def test_names_are_unique_and_no_setting_hides_a_variable_of_the_command_line():
    names = [row.name for row in SETTINGS]
    assert len(names) == len(set(names))
    assert not {row.environment for row in SETTINGS} & set(OTHER_VARIABLES)


def test_the_later_place_wins(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text("read_threads = 2\nwait_ms_max = 200\nidle_ms_max = 300\n")
    environment = {"GOVCHAIN_READ_THREADS": "3", "GOVCHAIN_WAIT_MS_MAX": "400", "PATH": "/bin"}
    found = load_settings(file, environment, {"read_threads": "5"})
    assert [found.integer(name) for name in ("read_threads", "wait_ms_max", "idle_ms_max")] == [5, 400, 300]
    assert found.flag("index") is True
    assert found.list("cors_origins") == ()
    assert found.text("listen") == "127.0.0.1:8547"


def test_a_missing_file_is_an_error_only_where_it_was_named(tmp_path):
    assert load_settings(tmp_path / "none.toml", {}, {}).values() == Settings().values()
    with pytest.raises(UnavailableError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml", {}, {}, required=True)
    with pytest.raises(UnavailableError):
        load_settings(tmp_path, {}, {})


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://127.0.0.1:3000", "http://[::1]:80", "https://xn--fiqs8s"]
)
def test_origins_are_taken_as_browsers_send_them(origin):
    assert Settings({"cors_origins": (origin,)}).list("cors_origins") == (origin,)


@pytest.mark.timeout(20)
def test_a_settings_file_that_is_a_pipe_is_refused_at_once(tmp_path):
    """Nobody writes to it: who waited for it would wait for ever."""
    os.mkfifo(tmp_path / "node.toml")
    for required in (True, False):
        with pytest.raises(UnavailableError, match="not a regular file"):
            load_settings(tmp_path / "node.toml", {}, {}, required=required)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("liten = 'x'", "liten"),
        ("[listen]\nport = 1", "listen"),
        ("index = 1", "index"),
        ("index = 'yes'", "index"),
        ("read_threads = true", "read_threads"),
        ("read_threads = '4'", "read_threads"),
        ("read_threads = 4.0", "read_threads"),
        ("read_threads = 0", "0 is not within"),
        ("read_threads = -1", "-1 is not within"),
        ("read_threads = 99999999999999999999999", "is not within"),
        ("reads = 'everybody'", "everybody"),
        ("cors_origins = 'https://x'", "cors_origins"),
        ("cors_origins = [1]", "cors_origins"),
        ("cors_origins = ['null']", "'null' is not of the form https://"),
        ("cors_origins = ['https://a.example', '*']", "'*' is not"),
        ("cors_origins = ['https://a.example/']", "'https://a.example/' is not"),
        ("cors_origins = ['https://A.example']", "'https://A.example' is not"),
        ("cors_origins = ['a.example']", "'a.example' is not"),
        ("cors_origins = ['https://a.example\\n']", "is not"),
        ("listen = ", "(at "),
        ("listen = 'a'\nlisten = 'b'", "(at "),
        (b"listen = '\xff'", "utf-8"),
        (b"#" * (1024 * 1024 + 1), "more than"),
    ],
)
def test_what_a_file_must_not_say(text, names, tmp_path):
    reason = refused(text=text, folder=tmp_path)
    assert names in reason
    assert "node.toml" in reason


@pytest.mark.parametrize(
    ("variable", "value", "names"),
    [
        ("GOVCHAIN_LITEN", "x", "GOVCHAIN_LITEN"),
        ("GOVCHAIN_READ_THREADS", "four", "four"),
        ("GOVCHAIN_READ_THREADS", "", "read_threads"),
        ("GOVCHAIN_READ_THREADS", "1e3", "1e3"),
        ("GOVCHAIN_INDEX", "maybe", "maybe"),
        ("GOVCHAIN_READS", "", "reads"),
    ],
)
def test_what_the_environment_must_not_say(variable, value, names, tmp_path):
    reason = refused(environment={variable: value}, folder=tmp_path)
    assert names in reason
    assert "environment" in reason


def test_a_flag_is_named_with_what_is_wrong_with_it(tmp_path):
    assert "command line: read_threads" in refused(flags={"read_threads": "x"}, folder=tmp_path)
    with pytest.raises(UsageError):
        Settings({"no_such": 1})
    assert ENVIRONMENT_PREFIX == "GOVCHAIN_"


def test_variables_of_the_command_line_and_of_tests_are_none_of_a_node():
    environment = dict.fromkeys(OTHER_VARIABLES, "x") | {"GOVCHAIN_TEST_LONG": "1"}
    assert changed_settings(load_settings(None, environment, {})) == {}
