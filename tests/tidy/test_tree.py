"""The repository itself keeps the rules."""

import pytest

from tools.tidy.shape import public_things
from tools.tidy.tree import check_tree, read_tree


@pytest.fixture(scope="module")
def findings():
    return check_tree()


RULES = [
    "import", "module-re", "builtin", "float", "set-order", "unicode", "length", "docstring", "readme", "machine-path",
    "registry-host", "stale", "syntax",
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_the_repository_keeps(rule, findings):
    broken = [str(finding) for finding in findings if finding.rule == rule]
    assert not broken, "\n".join(["", *broken])


def test_no_rule_is_left_out(findings):
    assert {finding.rule for finding in findings} <= set(RULES)


@pytest.mark.requirement("BJ.maintainability.reusability.02")
def test_every_public_thing_is_documented():
    """The share of public modules, classes and functions of the package with a docstring; the rule asks for all."""
    things = [
        thing
        for path, text in read_tree().items()
        if path.startswith("src/") and path.endswith(".py")
        for thing in public_things(text, path)
    ]
    assert len(things) > 50
    documented = sum(thing.documented for thing in things)
    print(f"public things with a docstring: {documented} of {len(things)}")
    assert documented == len(things)
