"""Reasons that rooms give in English have their Chinese, and nothing else is taken for one."""

import ast
import os
import re
from pathlib import Path

import pytest

import govchain
from govchain.model import Code, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.texts import phrase
from govchain.texts.reasons import PAIRS

SOURCE = Path(govchain.__file__).parent
#: Rooms whose reasons reach people through the command line.
ROOMS = ("crypto", "model", "node", "proof", "sdk", "services", "signers")
#: What only a programmer's mistake shows.
PROGRAMMING = ("hash frame: ",)


def reasons():
    """Each literal ``reason=`` of a room, what changes in it as one digit, which also stands for text."""
    for room in ROOMS:
        for path in sorted((SOURCE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for keyword in node.keywords if isinstance(node, ast.Call) else ():
                    if keyword.arg == "reason":
                        choices = [keyword.value]
                        if isinstance(keyword.value, ast.IfExp):
                            choices = [keyword.value.body, keyword.value.orelse]
                        for value in choices:
                            yield from ((f"{path.name}:{node.lineno}", text) for text in literal(value))


def literal(value):
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in value.values)]
    return []


FOUND = [(place, text) for place, text in reasons() if re.search("[A-Za-z]{2}", text)]


def test_there_are_reasons_to_look_at():
    assert len(FOUND) > 80


def test_every_reason_has_its_chinese():
    """Where this fails, give the reasons that it lists their Chinese in texts/reasons.py."""
    lacking = [
        f"{place}: {text}"
        for place, text in FOUND
        if not (text.startswith(PROGRAMMING) or text in KIND_WORDS or re.search("[\u4e00-\u9fff]", phrase(text, "zh")))
    ]
    assert lacking == []


#: Words that the command line has under ``kind.``, and names.
KIND_WORDS = {"link", "socket", "folder", "SM3", "7: 7"}


@pytest.mark.parametrize("english", sorted(PAIRS))
def test_a_reason_is_found_with_what_it_names(english):
    names = re.findall(r"\{(\w+)\}", english)
    values = {name: str(number + 3) for number, name in enumerate(names)}
    if "reason" in values:
        values["reason"] = "expired"
    said = phrase(english.format_map(values), "zh")
    assert re.search("[\u4e00-\u9fff]", said)
    assert all(value in said for name, value in values.items() if name != "reason"), said
    assert "reason" not in values or "已过期" in said
    assert phrase(english.format_map(values), "en") == english.format_map(values)
    assert set(re.findall(r"\{(\w+)\}", PAIRS[english])) == set(names)


@pytest.mark.parametrize("text", ["", "合同", "cats of dogs", "code red", "block of flats", "case-7", "{count}"])
def test_other_text_stays_as_it_is(text):
    assert phrase(text, "zh") == text


def test_what_the_system_says_of_files_is_known():
    for number in (1, 2, 5, 6, 13, 17, 20, 21, 22, 24, 28, 30, 36, 40, 122):
        assert phrase(os.strerror(number), "zh") != os.strerror(number)


def test_errors_say_their_reason_in_the_reader_s_language():
    error = VerificationError(Code.HISTORY_INVALID, reason="two blocks 7")
    assert "有两个第 7 区块" in error.text("zh")
    assert "two blocks 7" in error.text("en")
    assert error.params["reason"] == "two blocks 7"
    assert "没有该文件或目录" in UnavailableError(Code.FILE_UNREADABLE, reason=os.strerror(2)).text("zh")
    assert UsageError(Code.USAGE).text("zh") == UsageError(Code.USAGE, reason="").text("zh")


@pytest.mark.parametrize("looked_for", ["time", "root", "name", "missing"])
def test_what_was_looked_for_is_not_translated(looked_for):
    assert looked_for in RefusedError(Code.NOT_FOUND, reason=looked_for).text("zh")
