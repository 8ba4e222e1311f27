import os
import socket

import pytest

from tests.cli.support import new_chain


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    return new_chain(tmp_path_factory.mktemp("evidence"))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    for number in range(4):
        (root / "sub" / f"文件{number}.txt").write_text(f"{tmp_path.name} {number}")
    return root


@pytest.fixture
def mixed(folder):
    """A folder with every kind of member that cannot be taken, and their codes."""
    (folder / "link").symlink_to("sub")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
    with open(os.fsencode(folder) + b"/\xff\xfe", "wb"):
        pass
    return folder, {
        "link": "FILE_KIND",
        "pipe": "FILE_KIND",
        "socket": "FILE_KIND",
        "\\xff\\xfe": "FILE_NAME_ENCODING",
    }


def height(shell):
    return shell.run("chain", "status", "--json").json["height"]


class TestBadMembers:
    def test_the_folder_is_refused_as_a_whole_and_each_is_named(self, shell, mixed):
        folder, expected = mixed
        before = height(shell)
        error = shell.run("evidence", "put", folder, "--json", expect=1).error
        assert (error["code"], error["number"]) == ("BATCH_MEMBER_BAD", 430)
        named = {os.path.basename(bad["path"]): bad["code"] for bad in error["params"]["members"]}
        assert named == expected
        assert height(shell) == before
        assert shell.run("evidence", "find", folder / "sub" / "文件0.txt", expect=1).code == 1

    def test_people_see_each_of_them_and_what_to_do(self, shell, mixed):
        said = shell.run("evidence", "put", mixed[0], expect=1)
        assert said.out == ""
        for name, code in mixed[1].items():
            assert f"{name}: {code}" in said.err
        assert "--skip-bad" in said.err
        assert "管道" in shell.run("evidence", "put", mixed[0], "--lang", "zh", expect=1).err

    def test_they_are_left_out_when_asked(self, shell, mixed):
        folder, expected = mixed
        told = shell.run("evidence", "put", folder, "--skip-bad", "--json").json
        assert told["files"] == 4
        assert {os.path.basename(bad["path"]): bad["code"] for bad in told["skipped"]} == expected

    @pytest.mark.parametrize(
        ("name", "code"), [("link", "FILE_KIND"), ("pipe", "FILE_KIND"), ("nothing", "FILE_UNREADABLE")]
    )
    def test_one_alone_has_its_own_code(self, shell, mixed, name, code):
        before = height(shell)
        exit_code = 5 if code == "FILE_UNREADABLE" else 1
        assert shell.run("evidence", "put", mixed[0] / name, "--json", expect=exit_code).error["code"] == code
        assert height(shell) == before

    def test_an_empty_folder(self, shell, tmp_path):
        (tmp_path / "empty").mkdir()
        assert shell.run("evidence", "put", tmp_path / "empty", "--json", expect=1).error["code"] == "NOT_FOUND"

    def test_the_data_directory_itself(self, shell):
        for path in (".", "keys", ".."):
            assert shell.run("evidence", "put", path, "--json", expect=2).error["code"] == "USAGE"


class TestBatches:
    def test_one_transaction_for_a_folder_and_a_proof_for_each_file(self, shell, folder, tmp_path):
        told = shell.run("evidence", "put", folder, "-r", "case-7", "--json").json
        (record,) = told["records"]
        assert (record["type"], record["batch"]["count"], record["reference"]) == ("evidence.batch", 4, "case-7")
        found = shell.run("evidence", "find", folder / "sub" / "文件2.txt", "--json").json["found"]
        assert [one["id"] for one in found] == [f"{record['id']}.2"]
        assert found[0]["catalogue"]["path"] == "root/sub/文件2.txt"
        assert "文件2.txt" in shell.run("evidence", "show", f"{record['id'][:10]}.2").out
        package = tmp_path / "leaf.gcp"
        shell.run("evidence", "export", f"{record['id']}.2", "-o", package, "--disclose", "name")
        assert shell.run("verify", package, "--original", folder / "sub" / "文件2.txt").code == 0
        assert shell.run("verify", package, "--original", folder / "sub" / "文件1.txt", expect=1).code == 1
        assert "文件2.txt" in shell.run("verify", package).out

    def test_a_batch_is_split_by_size(self, shell, folder):
        records = shell.run("evidence", "put", folder, "--batch-size", 3, "--json").json["records"]
        assert [record["batch"]["count"] for record in records] == [3, 1]

    def test_a_leaf_is_withdrawn_alone_and_history_tells(self, shell, folder):
        record = shell.run("evidence", "put", folder, "--json").json["id"]
        shell.run("evidence", "withdraw", f"{record}.1")
        assert "withdrawn" in shell.run("evidence", "show", f"{record}.1").out
        assert "in force" in shell.run("evidence", "show", f"{record}.0").out
        steps = shell.run("evidence", "history", record, "--json").json["history"]
        assert [(step["type"], step["member"]) for step in steps] == [
            ("evidence.batch", None),
            ("evidence.withdraw", 1),
        ]
        again = shell.run("evidence", "withdraw", f"{record}.1", "--json", expect=1).error
        assert (again["code"], again["number"]) == ("EVIDENCE_WITHDRAWN", 2050)
        assert shell.run("evidence", "show", f"{record}.4", "--json", expect=1).error["code"] == "EVIDENCE_MEMBER"


class TestSingles:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "单.txt"
        path.write_text(str(tmp_path))
        return path

    @pytest.mark.requirement("BJ.function.business.03", "BJ.function.ledger_app.01")
    def test_a_record_is_read_back_with_its_block_height(self, shell, file):
        told = shell.run("evidence", "put", file, "-r", "业务-1", "--public-name", "--json").json
        shown = shell.run("evidence", "show", told["id"], "--json").json
        assert shown["record"]["height"] == height(shell)
        assert (shown["record"]["reference"], shown["record"]["item"]["name"]) == ("业务-1", "单.txt")
        assert shown["status"]["state"] == "in_force"

    def test_private_content_is_opened_only_on_request(self, shell, file, tmp_path):
        told = shell.run("evidence", "put", file, "--private-content", "--json").json
        item = told["records"][0]["item"]
        assert (item["sm3"], item["sha256"], item["name"]) == (None, None, None)
        assert told["id"] in shell.run("evidence", "find", file).out
        closed, opened = tmp_path / "closed.gcp", tmp_path / "opened.gcp"
        shell.run("evidence", "export", told["id"], "-o", closed)
        assert "--disclose content" in shell.run("verify", closed, "--original", file, expect=1).err
        shell.run("evidence", "export", told["id"], "-o", opened, "--disclose", "content")
        assert shell.run("verify", opened, "--original", file).code == 0

    def test_find_by_digest_reference_account_and_time(self, shell, file):
        record = shell.run("evidence", "put", file, "-r", file.parent.name, "--json").json["records"][0]
        for digest in (record["item"]["sm3"], record["item"]["sha256"]):
            assert record["id"] in shell.run("evidence", "find", digest).out
        assert record["id"] in shell.run("evidence", "find", record["id"]).out
        assert record["id"] in shell.run("evidence", "find", "-r", file.parent.name).out
        assert record["id"] in shell.run("evidence", "find", "--account", record["account"]).out
        assert record["id"] in shell.run("evidence", "find", "--from", record["time_text"]).out
        assert record["id"] not in shell.run("evidence", "find", "--to", record["time_text"], expect=None).out
        assert shell.run("evidence", "find", record["id"], "-r", "other", expect=1).code == 1

    def test_a_record_is_superseded_and_supplemented(self, shell, file, tmp_path):
        record = shell.run("evidence", "put", file, "--json").json["id"]
        more = tmp_path / "more.txt"
        more.write_text("more")
        added = shell.run("evidence", "supplement", record, more, "--json").json["record"]
        new = shell.run("evidence", "supersede", record, more, "--reason", "expired", "--json").json["record"]
        assert (added["of"], new["of"]) == (record, record)
        shown = shell.run("evidence", "show", record, "--json").json["status"]
        assert (shown["state"], shown["mark"]["reason"]) == ("superseded", "expired")
        steps = shell.run("evidence", "history", record, "--json").json["history"]
        assert [step["id"] for step in steps] == [record, added["id"], new["id"]]

    @pytest.mark.parametrize(
        ("arguments", "code", "expect"),
        [
            (["find"], "USAGE", 2),
            (["find", "no such file"], "NOT_FOUND", 1),
            (["find", "ab" * 32], "NOT_FOUND", 1),
            (["find", "--from", "yesterday"], "USAGE", 2),
            (["find", "--account", "xyz"], "USAGE", 2),
            (["show", "xyz"], "USAGE", 2),
            (["show", "ab" * 32], "NOT_FOUND", 1),
            (["show", "ab" * 32 + ".x"], "USAGE", 2),
            (["show", "abcdef12"], "NOT_FOUND", 1),
            (["withdraw", "ab" * 32], "EVIDENCE_UNKNOWN", 1),
            (["withdraw", "ab" * 32, "--reason", "boredom"], "USAGE", 2),
            (["history", "ab" * 32], "NOT_FOUND", 1),
            (["export", "ab" * 32, "-o", "x.gcp"], "NOT_FOUND", 1),
            (["put", "format.json", "--batch-size", "0"], "USAGE", 2),
            (["put", "format.json", "--key", "supervisor"], "ROLE_MISSING", 1),
            (["put", "format.json", "--key", "nobody"], "FILE_UNREADABLE", 5),
            (["put", "format.json", "--key", "kms:1"], "KEY_URI", 2),
        ],
    )
    def test_what_cannot_be_done_has_its_own_code(self, shell, arguments, code, expect):
        before = height(shell)
        error = shell.run("evidence", *arguments, "--json", expect=expect).error
        assert (error["code"], error["exit_code"]) == (code, expect)
        assert height(shell) == before
