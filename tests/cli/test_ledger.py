import json

import pytest

from tests.cli.support import new_chain


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    made = new_chain(tmp_path_factory.mktemp("ledger"))
    for number in range(3):
        path = made.folder.parent / f"{number}.txt"
        path.write_text(str(number))
        made.run("evidence", "put", path)
    return made


@pytest.mark.requirement("BJ.data.structure.09", "BJ.data.structure.10", "BJ.data.structure.02")
def test_blocks_are_listed_and_shown(shell):
    blocks = shell.run("block", "list", "--json").json["blocks"]
    assert [block["header"]["height"] for block in blocks] == [3, 2, 1]
    assert all(block["header"]["transaction_count"] >= 1 for block in blocks)
    assert blocks[0]["header"]["previous"] == blocks[1]["identity"]
    shown = shell.run("block", "show", 2, "--json").json
    assert len(shown["transactions"]) == shown["header"]["transaction_count"]
    assert shown["identity"] == blocks[1]["identity"]
    assert [
        b["header"]["height"] for b in shell.run("block", "list", "--before", 3, "--limit", 1, "--json").json["blocks"]
    ] == [2]
    assert shell.run("block", "show", 99, "--json", expect=1).error["code"] == "NOT_FOUND"
    assert shown["identity"] in shell.run("block", "show", 2).out


def test_a_certified_header_is_exported_and_trusted_by_another_user(shell, tmp_path):
    header = tmp_path / "header.json"
    shell.run("block", "show", 2, "-o", header)
    record = shell.run("evidence", "find", shell.folder.parent / "2.txt", "--json").json["found"][0]["id"]
    package = tmp_path / "p.gcp"
    shell.run("evidence", "export", record, "-o", package, "--anchor", 2)
    stranger = shell.user("header")
    assert stranger.run("verify", package, expect=3).code == 3
    assert stranger.run("verify", package, "--trust", header).code == 0
    stranger.run("trust", "add", header)
    assert stranger.run("verify", package).code == 0
    assert stranger.run("chain", "status").code == 0


def test_packages_show_the_blocks_that_somebody_else_trusts(shell, tmp_path):
    header = tmp_path / "header.json"
    shell.run("block", "show", 2, "-o", header)
    record = shell.run("block", "show", 3, "--json").json["transactions"][0]
    bare, named, own = tmp_path / "bare.gcp", tmp_path / "named.gcp", tmp_path / "own.gcp"
    assert shell.run("evidence", "export", record, "-o", bare, "--json").json["anchors"] == []
    assert shell.run("evidence", "export", record, "-o", named, "--anchor", 2, "--json").json["anchors"] == [2]
    holder = shell.user("holder")
    holder.run("trust", "add", header)
    assert holder.run("evidence", "export", record, "-o", own, "--json").json["anchors"] == [2]
    assert own.read_bytes() == named.read_bytes()
    assert holder.run("verify", named).code == 0
    answer = holder.run("verify", bare, expect=3)
    assert "does not show that it contains the trusted block 2" in answer.out
    assert holder.run("verify", bare, "--json", expect=3).json["trust"]["cause"] == "not_contained"
    noted = holder.run("verify", bare, "--trust", "genesis.json")
    assert "trusted block 2 is not shown to be part of this past" in noted.out
    told = holder.run("verify", bare, "--trust", "genesis.json", "--lang", "zh", "--json").json
    assert told["trust"]["notes"] == ["注意：未证明所信任的第 2 区块属于这段历史"]
    assert shell.run("evidence", "export", record, "--anchor", 99, "--json", expect=2).error["code"] == "USAGE"


def test_a_transaction_is_shown_with_its_signed_bytes(shell, tmp_path):
    record = shell.run("block", "show", 1, "--json").json["transactions"][0]
    body = tmp_path / "body.json"
    told = shell.run("tx", "show", record, "--body", body, "--json").json
    assert (told["id"], told["height"], told["code"]) == (record, 1, 0)
    assert told["body"] == json.loads(body.read_bytes())
    assert record in shell.run("tx", "show", record).out
    assert shell.run("tx", "show", "ab" * 32, "--json", expect=1).error["code"] == "NOT_FOUND"
    assert shell.run("tx", "show", "xyz", "--json", expect=2).error["code"] == "USAGE"


@pytest.mark.requirement("BJ.function.digest.01b", "BJ.principle.control.02", "BJ.baas.secure_environment.02")
def test_a_default_chain_uses_the_national_algorithms(shell):
    told = shell.run("genesis", "show", "--json").json
    assert (told["genesis"]["suite"], told["genesis"]["algorithms"]) == ("gm", ["sm2-sm3"])
    assert {member["algorithm"] for member in told["genesis"]["members"]} == {"sm2-sm3"}
    assert len(told["fingerprint"]) == 64
    key = shell.run("key", "new", "foreign", "--algorithm", "ed25519", "--json").json["public_key"]
    error = shell.run("account", "register", key, "--algorithm", "ed25519", "--json", expect=1).error
    assert error["code"] == "ALGORITHM_NOT_ALLOWED"


def test_a_genesis_is_compared_with_the_fingerprint_that_one_was_told(shell, tmp_path):
    mark = shell.run("genesis", "show", "--json").json["fingerprint"]
    assert mark in shell.run("genesis", "verify", "genesis.json", "--fingerprint", mark.upper()).out
    error = shell.run("genesis", "verify", "genesis.json", "--fingerprint", "00" * 32, "--json", expect=1).error
    assert error["code"] == "TRUST_MISMATCH"
    bad = tmp_path / "bad.json"
    bad.write_bytes((shell.folder / "genesis.json").read_bytes().replace(b'"gm"', b'"xx"'))
    assert shell.run("genesis", "verify", bad, "--json", expect=1).error["code"] == "GENESIS_INVALID"


@pytest.mark.requirement("BJ.data.structure.06", "BJ.data.structure.08")
def test_accounts_are_managed_by_their_administrator(shell, tmp_path):
    listed = shell.run("account", "list", "--json").json["accounts"]
    assert {account["label"] for account in listed} == {"operator", "department", "supervisor", "auditor"}
    shell.run("key", "new", "window")
    file = tmp_path / "f.txt"
    file.write_text("window")
    assert shell.run("evidence", "put", file, "--key", "window", "--json", expect=1).error["code"] == "SIGNER_UNKNOWN"
    made = shell.run("account", "register", "window", "--label", "窗口", "--json").json
    assert (made["label"], made["roles"], made["status"]) == ("窗口", ["department"], "active")
    shell.run("evidence", "put", file, "--key", "window")
    assert shell.run("account", "freeze", made["address"], "--reason", "left", "--json").json["status"] == "frozen"
    assert shell.run("evidence", "put", file, "--key", "window", "--json", expect=1).error["code"] == "SIGNER_FROZEN"
    assert shell.run("account", "unfreeze", made["address"], "--json").json["status"] == "active"
    assert "窗口" in shell.run("account", "show", made["address"]).out
    assert "department" in shell.run("account", "list").out


def test_accounts_are_listed_and_shown_before_the_first_block(tmp_path):
    made = new_chain(tmp_path)
    listed = made.run("account", "list", "--json").json["accounts"]
    assert {account["label"] for account in listed} == {"operator", "department", "supervisor", "auditor"}
    assert {(account["as_of"], account["status"]) for account in listed} == {(0, "active")}
    shown = made.run("account", "show", "auditor", "--json").json
    assert shown == next(account for account in listed if account["label"] == "auditor")
    assert made.run("account", "show", "ab" * 20, "--json", expect=1).error["code"] == "NOT_FOUND"
    assert made.run("block", "list", "--json").json["blocks"] == []
    # The first block changes nothing of it but the height that proves it.
    (tmp_path / "f").write_text("f")
    made.run("evidence", "put", tmp_path / "f")
    after = made.run("account", "list", "--json").json["accounts"]
    assert [{**account, "as_of": 0} for account in after] == listed


def test_accounts_are_named_by_their_label_where_only_one_has_it(shell):
    made = []
    for number in range(3):
        label = "twin" if number else "unique"
        shell.run("key", "new", f"label-{number}")
        made.append(shell.run("account", "register", f"label-{number}", "--label", label, "--json").json["address"])
    assert shell.run("account", "freeze", "unique", "--json").json == {
        **shell.run("account", "show", made[0], "--json").json,
        "status": "frozen",
    }
    assert shell.run("account", "unfreeze", "unique", "--json").json["address"] == made[0]
    for call in ("show", "freeze", "unfreeze"):
        error = shell.run("account", call, "twin", "--json", expect=2).error
        assert all(address in error["text"] for address in made[1:])
    assert "有 2 个账户" in shell.run("account", "show", "twin", "--lang", "zh", expect=2).err
    assert shell.run("account", "show", made[1].upper(), "--json").json["label"] == "twin"


def test_files_are_replaced_only_with_force(shell, tmp_path):
    record = shell.run("block", "show", 1, "--json").json["transactions"][0]
    (tmp_path / "message").write_text("m")
    for call in (
        ["block", "show", 1, "--export"],
        ["tx", "show", record, "--body"],
        ["genesis", "show", "--export"],
        ["key", "sign", "department", tmp_path / "message", "--output"],
        ["bench", "sm2", "--seconds", 1, "--signatures", 64, "--json-file"],
        ["bench", "ledger", "--transactions", 10_000_000, "--json-file"],
    ):
        path = tmp_path / "result"
        path.write_bytes(b"theirs")
        assert "--force" in shell.run(*call, path, "--json", expect=2).error["text"]
        assert path.read_bytes() == b"theirs"
        if call[1] != "ledger":
            shell.run(*call, path, "--force")
            assert path.read_bytes() != b"theirs"


@pytest.mark.parametrize(
    ("arguments", "code", "expect"),
    [
        (["show", "ab" * 20], "NOT_FOUND", 1),
        (["show", "xyz"], "NOT_FOUND", 1),
        (["freeze", "operator"], "ACCOUNT_SELF", 1),
        (["freeze", "auditor", "--reason", "boredom"], "USAGE", 2),
        (["freeze", "auditor", "--key", "department"], "ADMINISTRATOR_REQUIRED", 1),
        (["unfreeze", "auditor"], "ACCOUNT_STATUS", 1),
        (["register", "department"], "ACCOUNT_EXISTS", 1),
        (["register", "nothing"], "USAGE", 2),
        (["register", "00" * 64], "KEY_NOT_ON_CURVE", 1),
        (["register", "department", "--role", "king"], "USAGE", 2),
    ],
)
def test_what_accounts_may_not_do(shell, arguments, code, expect):
    assert shell.run("account", *arguments, "--json", expect=expect).error["code"] == code


def test_an_international_chain_works_too(tmp_path):
    made = new_chain(tmp_path, "--suite", "international", "--name", "Bureau", "--organisation", "91110000600037341L")
    (tmp_path / "f").write_text("x")
    told = made.run("evidence", "put", tmp_path / "f", "--json").json
    assert told["records"][0]["organisation"] == "91110000600037341L"
    made.run("evidence", "export", told["id"], "-o", "p.gcp")
    assert "Bureau" in made.run("verify", "p.gcp", "--original", tmp_path / "f").out


def test_doctor_finds_nothing_and_then_a_key_that_others_may_read(shell):
    told = shell.run("doctor", "--json").json
    assert (told["clean"], told["findings"]) == (True, [])
    key = shell.folder / "keys" / "auditor.pem"
    key.chmod(0o644)
    try:
        found = shell.run("doctor", "--quick", "--json", expect=1).json["findings"]
        assert [(one["code"], one["part"]) for one in found] == [("KEY_FILE_PERMISSIONS", "keys/auditor.pem")]
        assert "chmod 600" in found[0]["remedy"]
        assert "发现 1 个问题" in shell.run("doctor", "--quick", "--lang", "zh", expect=1).out
    finally:
        key.chmod(0o600)


def test_versions(shell):
    from govchain import __version__

    assert shell.run("version", "--json").json["govchain"] == __version__
