"""The public names: all documented, all in the stubs, and the README tells the truth."""

import ast
import doctest
import inspect
import re
from importlib import resources
from pathlib import Path

import govchain_native as native

README = Path(__file__).parent.parent / "README.md"


def stub_names() -> set[str]:
    tree = ast.parse(resources.files(native).joinpath("__init__.pyi").read_text("utf-8"))
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            assert ast.literal_eval(node.value) == native.__all__
    return names


def test_stubs_name_what_there_is() -> None:
    testing = {name for name in dir(native) if name.startswith("_testing_")}
    assert testing == {"_testing_sm2_encrypt_with_nonce", "_testing_sm2_sign_with_nonce"}
    assert stub_names() == set(native.__all__) | testing
    assert resources.files(native).joinpath("py.typed").is_file()


def test_stub_constants_have_the_right_values() -> None:
    tree = ast.parse(resources.files(native).joinpath("__init__.pyi").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            assert getattr(native, node.target.id) == ast.literal_eval(node.value)


def test_everything_is_documented() -> None:
    for name in native.__all__:
        thing = getattr(native, name)
        if not callable(thing):
            continue
        assert thing.__doc__, name
        if inspect.isclass(thing):
            for method, value in vars(thing).items():
                if not method.startswith("_") and not isinstance(value, int | str):
                    assert value.__doc__, f"{name}.{method}"


def test_constants_are_distinct() -> None:
    for prefix in ("SM2_", "JSON_"):
        values = [getattr(native, name) for name in native.__all__ if name.startswith(prefix)]
        assert len(set(values)) == len(values)


def test_examples() -> None:
    assert doctest.testmod(native).attempted > 0
    assert doctest.testmod(native).failed == 0
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(README), "exec"), {})
