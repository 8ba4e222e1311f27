import re
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import govchain.cli
from govchain.cli.output import china_time, parse_time, size_text
from govchain.texts import LANGUAGES, keys, words

ROOM = Path(govchain.cli.__file__).parent
SOURCES = {path: path.read_text() for path in ROOM.rglob("*.py")}
#: The services say a few sentences themselves, by their key.
SAID = {
    key
    for path in (ROOM.parent / "services").rglob("*.py")
    for key in re.findall(r"""\bsentence\(\s*"([a-z][\w.]+)\"""", path.read_text())
}
USED = {key for text in SOURCES.values() for key in re.findall(r"""\bt\(\s*"([a-z][\w.]+)\"""", text)}
FAMILIES = {key for text in SOURCES.values() for key in re.findall(r"""\bt\(\s*f"([a-z][\w.]*)\{""", text)}


def parameters(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text.replace("[[", "").replace("]]", "")) if name)


@pytest.mark.parametrize("key", sorted(words.SENTENCES))
def test_both_languages_say_it_with_the_same_parameters(key):
    entry = words.SENTENCES[key]
    assert tuple(entry) == LANGUAGES
    assert all(entry.values())
    assert parameters(entry["zh"]) == parameters(entry["en"])
    assert not re.search("[\u4e00-\u9fff]", entry["en"])


def test_every_sentence_that_the_commands_use_is_there():
    assert USED - set(keys()) == set()
    assert len(USED) > 150
    for family in FAMILIES:
        assert any(key.startswith(family) for key in keys()), family


def test_every_label_of_a_table_or_a_list_of_facts_is_there():
    names = {name for text in SOURCES.values() for name in re.findall(r'^\s*\("([a-z_0-9]+)", ', text, re.MULTILINE)}
    for text in SOURCES.values():
        for columns in re.findall(r"table\(\s*\[([^\]]*)\]", text):
            names |= set(re.findall(r'"([a-z_0-9]+)"', columns))
    assert len(names) > 40
    assert {f"label.{name}" for name in names} - set(keys()) == set()


def test_there_is_no_sentence_that_nobody_uses():
    from govchain.cli.hints import _HINTED

    used = USED | SAID | {f"hint.{name}" for name in _HINTED}
    indirect = (
        "label.",
        "kind.",
        "demo.anchored",  # the demonstration says it
        "net.organisation",  # a network on one machine names its organisations by it
        "doctor.",
        "help.heading.",
        *(family for family in FAMILIES if family.count(".") >= 1),
    )
    own = {key for key in words.SENTENCES if key not in used and not key.startswith(indirect)}
    session = {"cli.option_value", "cli.language_unknown", "cli.one_place"}
    assert own - session == set()


@given(st.integers(0, 4_102_444_800_000))
def test_a_time_that_is_shown_is_read_back(milliseconds):
    assert parse_time(china_time(milliseconds)) == milliseconds


def test_times_without_a_zone_are_china_s():
    assert parse_time("2024-05-01") == parse_time("2024-05-01T00:00:00+08:00")
    assert china_time(0) == "1970-01-01T08:00:00.000+08:00"
    assert china_time(None) == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (9999, "9999 bytes"), (10_240, "(10.0 KiB)"), (4 * 1024**3, "(4.0 GiB)"), (5 * 1024**5, "TiB)")],
)
def test_sizes(size, text):
    assert text in size_text(size)
