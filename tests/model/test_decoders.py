"""Types that threads decode for the first time, all at once: the process must not end."""

import ast
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from govchain.model.decoders import convert, json_decoder, msgpack_decoder

SOURCES = Path(__file__).resolve().parents[2] / "src" / "govchain"
ROUNDS = 300


def fresh_type():
    """A type that nobody has decoded before, with another one in it."""
    inner = msgspec.defstruct("Inner", [("x", int), ("y", str)], frozen=True)
    return msgspec.defstruct("Outer", [("a", inner), ("b", list[inner]), ("c", int)], frozen=True)


@pytest.mark.parametrize("ask", [json_decoder, msgpack_decoder])
def test_threads_that_ask_for_a_new_type_at_once_get_one_decoder(ask):
    plain = {"a": {"x": 1, "y": "2"}, "b": [{"x": 1, "y": "2"}], "c": 3}
    data = (msgspec.json if ask is json_decoder else msgspec.msgpack).encode(plain)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(ROUNDS):
            kind, found, given = fresh_type(), [], []
            barrier = threading.Barrier(3)

            def work(kind=kind, found=found, given=given, barrier=barrier):
                barrier.wait()
                decoder = ask(kind)
                found.append(decoder)
                given.append(decoder.decode(data))

            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(found) == 3
            assert len(set(map(id, found))) == 1
            assert [one.b[0].y for one in given] == ["2"] * 3
    finally:
        sys.setswitchinterval(interval)


def test_what_is_no_such_value_is_refused():
    kind = fresh_type()
    assert convert({"a": {"x": 1, "y": ""}, "b": [], "c": 2}, kind).c == 2
    for wrong in ({}, {"a": 1, "b": [], "c": 2}):
        with pytest.raises(msgspec.ValidationError):
            convert(wrong, kind)
        with pytest.raises(msgspec.ValidationError):
            json_decoder(kind).decode(msgspec.json.encode(wrong))
    with pytest.raises(msgspec.ValidationError):
        json_decoder(int).decode(b'"1"')
    assert json_decoder(int, strict=False).decode(b'"1"') == 1


def test_no_other_code_prepares_a_type_while_threads_run():
    """A decoder is made when a module is imported, or asked for from ``model.decoders``."""
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        if path.name.endswith("_pb2.py") or path == SOURCES / "model" / "decoders.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
        inside = {id(part) for function in functions for part in ast.walk(function)}
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func)
            typed = name in ("msgspec.json.decode", "msgspec.msgpack.decode") and any(
                word.arg == "type" for word in call.keywords
            )
            made = name in ("msgspec.json.Decoder", "msgspec.msgpack.Decoder") and id(call) in inside
            if typed or made or (name == "msgspec.convert" and "modules" not in path.parts):
                found.append(f"{path.relative_to(SOURCES)}:{call.lineno} {name}")
    assert found == []
