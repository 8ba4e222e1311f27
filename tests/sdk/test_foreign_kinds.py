"""Kinds of claim from other packages: found by their entry points, proved, told, and refused where they are missing."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from govchain import proof
from govchain.model import Code, UsageError, VerificationError
from govchain.proof.claims import TRANSACTION_KIND
from govchain.proof.facts import ProvedClaim
from govchain.proof.report import describe_report
from govchain.sdk.kinds import ENTRY_POINT_GROUP, find_kinds, installed_kinds
from tests.proof.chainkit import Chain, open_package


def entry(name, attribute="KIND"):
    return EntryPoint(name, f"tests.sdk.foreign_kind:{attribute}", ENTRY_POINT_GROUP)


def package(payload, kinds, type_="notice.post"):
    """A chain, and what builds the package with one claim of kind ``notice``."""
    chain = Chain()
    id_ = chain.add(chain.body(type_, payload))[0]
    contents = chain.contents(id_)
    (one,) = contents.transactions
    claimed = replace(one, claims=(proof.ClaimContents("notice", None, None, {}),))
    return chain, lambda: proof.build_package(replace(contents, transactions=(claimed,)), kinds)


def test_a_claim_of_another_package_is_proved_and_told():
    kinds = find_kinds([entry("notices")])
    assert list(kinds) == ["evidence", "notice", "transaction"]
    chain, build = package({"title": "A\u202eb"}, kinds)
    data = build()
    verified = proof.verify_package(data, trusted=chain.anchors, kinds=kinds)
    assert verified.report.exit_code == 0
    (claim,) = describe_report(verified.report)["facts"]["claims"]
    assert (claim["kind"], claim["notice"]) == ("notice", {"title": "A\u202eb"})
    assert claim["height"] == 1
    members = open_package(data)
    # Text of the chain is shown with nothing hidden, whoever writes the words.
    assert b"Notice: A\\u202eb\n" in members["statement.en.txt"]
    assert "公告：A\\u202eb\n".encode() in members["statement.zh.txt"]


def test_without_the_kind_nothing_of_the_package_is_believed():
    chain, build = package({"title": "A"}, find_kinds([entry("notices")]))
    with pytest.raises(VerificationError) as caught:
        proof.verify_package(build(), trusted=chain.anchors, kinds=installed_kinds())
    assert (caught.value.code, caught.value.step, caught.value.member) == (Code.CLAIM_KIND_UNKNOWN, 2, "manifest.json")
    assert caught.value.params["kind"] == "notice"


@pytest.mark.parametrize(
    ("payload", "type_", "step", "code"),
    [({}, "notice.post", 8, Code.USAGE), ({"title": "A"}, "any.thing", 7, Code.TRANSACTION_PROOF)],
)
def test_what_a_kind_refuses_has_its_step_and_member(payload, type_, step, code):
    """Also where the kind itself says neither: the title is missing, the type is another."""
    _, build = package(payload, find_kinds([entry("notices")]), type_)
    with pytest.raises(VerificationError) as caught:
        build()
    assert (caught.value.code, caught.value.step) == (code, step)
    assert caught.value.member.startswith(("bodies/", "proofs/transaction-"))
    assert caught.value.params["reason"] in ("no title", "no notice")


@pytest.mark.parametrize("attribute", ["FIELD", "TWICE", "SPACED", "NONE"])
def test_what_can_be_no_kind_is_refused(attribute):
    """A name of the report's own would overwrite what every claim says; and two of one name, and none at all."""
    with pytest.raises(UsageError):
        find_kinds([entry("notices", attribute)])
    with pytest.raises(UsageError):
        find_kinds([entry("one"), entry("two")])


def test_the_built_in_kinds_keep_to_the_same_rule():
    """Kind ``transaction`` has the name of a fact, and adds no part of its own."""
    taken = {name for name in installed_kinds() if name in ProvedClaim.__slots__}
    assert taken == {TRANSACTION_KIND.name}


def test_an_installed_package_is_found_by_its_entry_point(tmp_path):
    """As pip leaves it: a folder of metadata on the path, in a process of its own."""
    about = tmp_path / "notices-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: notices\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[govchain.claims]\nnotices = tests.sdk.foreign_kind:KIND\n")
    done = subprocess.run(
        [sys.executable, "-c", "from govchain.sdk.kinds import installed_kinds; print(*installed_kinds())"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["evidence", "notice", "transaction"]
