"""Certificates and exports by command: written, verified, changed, refused."""

import json

import pytest

from tests.cli.support import new_chain


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A chain with one record and one batch; their ids are ``record`` and ``batch``."""
    made = new_chain(tmp_path_factory.mktemp("documents"))
    (made.folder / "合同.txt").write_text("hello")
    many = made.folder.parent / "many"
    many.mkdir()
    for number in range(3):
        (many / f"{number}.txt").write_text(str(number))
    record = made.run("evidence", "put", "合同.txt", "--public-name", "--json").json["id"]
    batch = made.run("evidence", "put", many, "--json").json["id"]
    (made.folder / "ids.json").write_text(json.dumps({"record": record, "batch": batch}))
    return made


@pytest.fixture
def ids(shell):
    return json.loads((shell.folder / "ids.json").read_text())


def test_a_certificate_is_written_and_verified(shell, ids, tmp_path):
    path = tmp_path / "x.pdf"
    made = shell.run("evidence", "certificate", ids["record"], "-o", path, "--json").json
    assert made == {"id": ids["record"], "path": str(path), "bytes": path.stat().st_size, "url": None}
    report = shell.run("verify", path, "--original", shell.folder / "合同.txt", "--json").json
    assert (report["result"], report["steps"][-1]["name"]) == ("trusted", "paper")
    assert "the page made from this package" in shell.run("verify", path).out
    assert "即由该证明包生成的页面" in shell.run("--lang", "zh", "verify", path).out
    stranger = shell.user("stranger").run("verify", path, "--json", expect=3).json
    assert stranger["result"] == "untrusted"
    # The file is there: nothing is replaced by accident.
    assert shell.run("evidence", "certificate", ids["record"], "-o", path, "--json", expect=2).error["code"] == "USAGE"
    shell.run("evidence", "certificate", ids["record"], "-o", path, "--force")


def test_a_changed_page_is_refused_and_what_holds_of_the_package_is_said(shell, ids, tmp_path):
    path = tmp_path / "x.pdf"
    shell.run("evidence", "certificate", ids["record"], "-o", path, "--url", "https://a.example/v")
    path.write_bytes(path.read_bytes().replace(b"0.38 0.38 0.38 sc", b"0.39 0.38 0.38 sc", 1))
    refused = shell.run("verify", path, "--json", expect=1).json
    assert (refused["error"]["code"], refused["error"]["step"]) == ("PAPER_ALTERED", 13)
    outcomes = {step["name"]: step["outcome"] for step in refused["steps"]}
    assert (outcomes["trust"], outcomes["original"], outcomes["paper"]) == ("held", "skipped", "refused")
    said = shell.user("stranger").run("verify", path, expect=1)
    assert "NOT trusted" in said.out
    assert "PAPER_ALTERED" in said.out
    path.write_bytes(b"%PDF-1.4\nanother program's\n")
    assert shell.run("verify", path, "--json", expect=1).json["error"]["code"] == "PAPER_CONTAINER"


def test_another_original_is_refused_by_a_certificate_too(shell, ids, tmp_path):
    path = tmp_path / "x.pdf"
    shell.run("evidence", "certificate", ids["record"], "-o", path)
    refused = shell.run("verify", path, "--original", shell.folder / "ids.json", "--json", expect=1).json
    assert refused["error"]["code"] == "ORIGINAL_DIFFERS"
    assert refused["differences"][0]["differs"] == ["size", "sm3", "sha256"]


def test_a_leaf_a_whole_batch_and_a_package_have_certificates(shell, ids, tmp_path):
    for name, more in (("leaf.pdf", [f"{ids['batch']}.1", "--disclose", "name"]), ("whole.pdf", [ids["batch"]])):
        shell.run("evidence", "certificate", *more, "-o", tmp_path / name)
        shell.run("verify", tmp_path / name)
    package = tmp_path / "p.gcp"
    shell.run("evidence", "export", ids["record"], "-o", package)
    made = shell.run("evidence", "certificate", "--package", package, "-o", tmp_path / "p.pdf", "--json").json
    assert made["id"] is None
    # A package needs no chain at hand.
    shell.run("evidence", "certificate", "--package", package, "-o", tmp_path / "q.pdf", at=tmp_path)
    assert (tmp_path / "p.pdf").read_bytes() == (tmp_path / "q.pdf").read_bytes()
    package.write_bytes(package.read_bytes()[:-1])
    assert (
        shell.run("evidence", "certificate", "--package", package, "--json", expect=1).error["code"]
        == "PACKAGE_CONTAINER"
    )


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        ([], 2, "USAGE"),
        (["{record}", "--package", "x.gcp"], 2, "USAGE"),
        (["{record}", "--url", "ftp://x"], 2, "USAGE"),
        (["00" * 32], 1, "NOT_FOUND"),
        (["{batch}.9"], 1, "EVIDENCE_MEMBER"),
        (["{record}", "--disclose", "content"], 1, "NOT_FOUND"),
        (["--package", "missing.gcp"], 5, "FILE_UNREADABLE"),
    ],
)
def test_a_certificate_that_cannot_be_drawn_is_refused(shell, ids, arguments, exit_code, code):
    words = [word.format(**ids) for word in arguments]
    refused = shell.run("evidence", "certificate", *words, "-o", "never.pdf", "--json", expect=exit_code)
    assert refused.error["code"] == code
    assert not (shell.folder / "never.pdf").exists()


@pytest.mark.requirement("BJ.principle.standard.02", "BJ.compatibility.interoperability.01b")
def test_the_self_check_holds_for_every_block_transaction_and_account(shell):
    height = shell.run("chain", "status", "--json").json["height"]
    seen = set()
    for number in range(1, height + 1):
        block = shell.run("export", "block", number, "--check", "--json").json
        assert block["holds"] is True
        for transaction in block["names"]["Transaction List"]:
            seen |= {check["identifier"] for check in block["check"]}
            for kind in ("tx", "entity"):
                found = shell.run("export", kind, transaction, "--check", "--json").json
                assert found["holds"] is True
                seen |= {check["identifier"] for check in found["check"]}
    address = shell.run("account", "list", "--json").json["accounts"][0]["address"]
    for words in (("account", address), ("contract", "evidence"), ("configuration",)):
        seen |= {check["identifier"] for check in shell.run("export", *words, "--check", "--json").json["check"]}
    assert len(seen) == 28


def test_an_export_for_people_is_in_their_language(shell):
    said = shell.run("export", "block", "1", "--check").out
    assert "02_002" in said
    assert "Block Identity" in said
    assert "Every element is as it must be." in said
    assert "区块标识" in shell.run("--lang", "zh", "export", "block", "1", "--check").out


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [(["block", "0"], 2), (["block", "x"], 2), (["block", "9999"], 1), (["tx", "00" * 32], 1), (["tx", "zz"], 2),
     (["account", "00" * 20], 1), (["contract", "licence"], 1), (["licence", "1"], 2), (["configuration", "x"], 2)],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused(shell, arguments, exit_code):
    shell.run("export", *arguments, expect=exit_code)


def test_the_settings_of_an_exported_configuration_may_lie_elsewhere(shell, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("reads = 'open'\n")
    found = shell.run("export", "configuration", "--config", file, "--json").json
    assert found["context"]["configuration"]["settings"] == {"reads": "open"}


def test_settings_that_do_not_fit_concern_the_configuration_alone(shell):
    (shell.folder / "node.toml").write_text("nonsense = 1\n")
    try:
        assert shell.run("export", "block", "1", "--json").json["kind"] == "block"
        assert "nonsense" in shell.run("export", "configuration", "--json", expect=2).error["text"]
    finally:
        (shell.folder / "node.toml").unlink()


@pytest.mark.requirement("BJ.data.structure.05")
def test_a_node_starts_from_an_exported_configuration(shell, tmp_path):
    file = tmp_path / "configuration.json"
    (shell.folder / "node.toml").write_text('listen = "[::1]:9"\n')
    try:
        written = shell.run("export", "configuration", "--check", "-o", file, "--json").json
    finally:
        (shell.folder / "node.toml").unlink()
    assert (written["path"], written["holds"]) == (str(file), True)
    made = shell.run("init", tmp_path / "new", "--from-configuration", file, "--json", at=tmp_path).json
    assert made["chain"] == "test-chain"
    assert (tmp_path / "new" / "node.toml").read_text() == 'listen = "[::1]:9"\n'
    (tmp_path / "f").write_text("x")
    done = shell.run("--data", tmp_path / "new", "evidence", "put", tmp_path / "f", "--json").json
    assert done["files"] == 1
    again = shell.run("--data", tmp_path / "new", "export", "configuration", "--json").json
    assert again["context"]["configuration"] == json.loads(file.read_text())["context"]["configuration"]
    for suite in ("international", "gm"):
        refused = shell.run("init", tmp_path / "more", "--from-configuration", file, "--suite", suite, expect=2)
        assert "--chain" in refused.err
    file.write_text("{}")
    shell.run("init", tmp_path / "more", "--from-configuration", file, expect=1)
    assert not (tmp_path / "more").exists()
