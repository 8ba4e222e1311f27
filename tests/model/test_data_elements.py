"""The dictionary of T/CESA 6002 against the requirements, and its names."""

import pytest
import yaml

from govchain.model.data_elements import CLASSES, ELEMENTS, elements_of
from tools.tidy.tree import ROOT

TYPES = {"字符串": "string", "整数": "integer", "数组": "array", "字符串或整数": "string or integer"}


@pytest.fixture(scope="module")
def required():
    """The elements as the project's copy of the requirements has them, by identifier."""
    found = yaml.safe_load((ROOT / "docs" / "requirements" / "requirements.yaml").read_text("utf-8"))
    entries = found if isinstance(found, list) else found["requirements"]
    return {entry["code"]: entry for entry in entries if entry.get("kind") == "data-element"}


def test_every_element_is_there_word_for_word(required):
    assert list(ELEMENTS) == sorted(required)
    assert len(ELEMENTS) == 28
    for identifier, element in ELEMENTS.items():
        entry = required[identifier]
        assert element.identifier == identifier
        assert (element.name_zh, element.name_en) == (entry["name_zh"], entry["name_en"])
        assert element.name_zh_also == entry.get("name_zh_alt", "")
        assert (TYPES[element.type], element.length) == (entry["data_type"], entry["length"])
        assert element.mandatory == (entry["presence"] == "mandatory")
        assert entry["text"].endswith(element.presence)
        for words in (element.name_zh, element.name_en, element.length):
            assert words in entry["text"]


@pytest.mark.requirement("BJ.data.structure.14")
def test_no_chinese_name_occurs_twice():
    names = [name for element in ELEMENTS.values() for name in (element.name_zh, element.name_zh_also) if name]
    assert len(set(names)) == len(names) == 32


@pytest.mark.requirement("BJ.data.structure.15")
def test_no_english_name_occurs_twice():
    assert len({element.name_en for element in ELEMENTS.values()}) == len(ELEMENTS)


@pytest.mark.requirement("BJ.data.structure.16")
def test_identifiers_are_class_and_serial_number():
    for number, kind, name in CLASSES:
        found = elements_of(kind)
        assert [element.identifier for element in found] == [f"{number}_{n:03d}" for n in range(1, len(found) + 1)]
        assert name
    assert sum(len(elements_of(kind)) for _, kind, _ in CLASSES) == len(ELEMENTS)
    assert elements_of("licence") == ()
