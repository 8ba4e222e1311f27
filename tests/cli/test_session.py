import pytest

from govchain.cli.session import default_language, session, split_globals
from govchain.model import UsageError

EMPTY = {"LANG": "en_US.UTF-8"}


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_CN"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
    ],
)
def test_the_language_is_the_locale_s(environment, language):
    assert default_language(environment) == language
    assert split_globals([], environment)[0].language == language


def test_global_options_stand_anywhere_before_a_double_dash():
    found, rest = split_globals(["evidence", "--json", "put", "--lang=zh", "f", "--data", "d"], EMPTY)
    assert (found.json, found.language, str(found.data)) == (True, "zh", "d")
    assert rest == ["evidence", "put", "f"]
    found, rest = split_globals(["put", "--", "--json"], EMPTY)
    assert (found.json, rest) == (False, ["put", "--", "--json"])


def test_the_environment_may_name_the_directory():
    assert str(split_globals([], {"GOVCHAIN_DATA": "elsewhere"})[0].data) == "elsewhere"
    assert split_globals([], {"GOVCHAIN_DEBUG": "1"})[0].debug is True
    assert split_globals([], {"GOVCHAIN_DEBUG": "0"})[0].debug is False


@pytest.mark.parametrize("arguments", [["--lang"], ["--data"], ["--lang", "fr"]])
def test_a_missing_or_unknown_value_is_a_usage_error_with_the_session_in_force(arguments):
    with pytest.raises(UsageError):
        split_globals(["--json", *arguments], EMPTY)
    assert session().json is True
