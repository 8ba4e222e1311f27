"""Every result code is answered somewhere, and the codes of packages and proofs are met by name."""

import ast
import json

import pytest

from govchain import proof
from govchain.merkle import rfc9162
from govchain.model import Code, VerificationError
from tests.proof.agree import NOTHING
from tests.proof.chainkit import KINDS, Chain, batch, edit, open_package, private_item, repack, write_zip
from tools.tidy.tree import ROOT

#: Codes that the package itself never answers, and why they have a number.
RESERVED: dict[str, str] = {}


def codes_named_in(folder):
    """Names X of every expression ``Code.X`` in a folder's sources, without the list of codes itself."""
    named = set()
    for path in folder.rglob("*.py"):
        if path.name == "codes.py" and path.parent.name == "model":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code":
                named.add(node.attr)
    return named


def test_every_code_is_answered_somewhere():
    named = codes_named_in(ROOT / "src" / "govchain")
    named.discard("__members__")
    assert named <= set(Code.__members__)
    assert set(Code.__members__) - named == set(RESERVED)


def test_a_reserved_code_has_a_user_outside_or_none():
    assert "ORGANISATION_UNKNOWN" in codes_named_in(ROOT / "examples")


@pytest.fixture(scope="module")
def members():
    """The members of a package with a leaf of a batch and with openings, by name; ids of both."""
    chain = Chain()
    id, items = batch(chain, 3)
    about, openings = private_item(chain)
    private = chain.add(chain.body("evidence.put", {"reference": "", "subject": about}))[0]
    data = chain.package(
        {"id": id, "at": 2, "member": 1, "items": items}, {"id": private, "at": 2, "openings": openings}
    )
    assert proof.verify_package(data, kinds=KINDS, trusted=NOTHING).report.exit_code == 3
    return open_package(data)


def refusal(data):
    with pytest.raises(VerificationError) as refused:
        proof.verify_package(data, kinds=KINDS, trusted=NOTHING)
    return refused.value.code, refused.value.step


def named(members, start):
    return next(name for name in members if name.startswith(start))


def test_package_manifest(members):
    without = {name: data for name, data in members.items() if name != "manifest.json"}
    assert refusal(write_zip(without)) == (Code.PACKAGE_MANIFEST, 2)
    twisted = json.loads(members["manifest.json"])
    twisted["claims"].reverse()
    assert refusal(repack(members, claims=twisted["claims"])) == (Code.PACKAGE_MANIFEST, 2)


def test_package_member(members):
    body = named(members, "bodies/")
    assert refusal(write_zip(members | {body: members[body] + b" "})) == (Code.PACKAGE_MEMBER, 2)
    assert refusal(repack({name: data for name, data in members.items() if name != body})) == (Code.PACKAGE_MEMBER, 2)
    assert refusal(write_zip(members | {"headers/99.json": b"{}"})) == (Code.PACKAGE_MEMBER, 2)


def test_member_proof(members):
    name = named(members, "proofs/member-")
    path = json.loads(members[name])["path"]
    assert refusal(repack(edit(members, name, path=path[::-1]))) == (Code.MEMBER_PROOF, 8)
    assert refusal(repack(edit(members, name, index=0))) == (Code.MEMBER_PROOF, 8)
    digest = Chain().hash
    with pytest.raises(VerificationError) as refused:
        rfc9162.verify_inclusion(digest, bytes(32), b"leaf", index=0, size=1, path=())
    assert refused.value.code is Code.MEMBER_PROOF


def test_opening_invalid(members):
    name = named(members, "attachments/openings-")
    openings = json.loads(members[name])["openings"]
    openings[0]["value"] = "somebody else's"
    assert refusal(repack(edit(members, name, openings=openings))) == (Code.OPENING_INVALID, 8)


def test_statement_altered(members):
    for language in ("zh", "en"):
        name = f"statement.{language}.txt"
        assert refusal(repack(members | {name: members[name] + b"!"})) == (Code.STATEMENT_ALTERED, 10)
