import os

import pytest
from msgspec.structs import replace

from govchain.crypto import commitment, get_suite
from govchain.model import Code, RefusedError
from govchain.modules.evidence.messages import check_item, decode_item
from govchain.modules.evidence.messages.openings import Opening, Openings, verify_openings
from govchain.sdk import Watcher
from govchain.sdk.capture import CaptureOptions, capture_contents, capture_paths, content_facts, media_type_of
from tests.sdk.support import GM, NOW, as_nobody, capture, open_folder, write_tree


def test_names_are_private_and_digests_public_by_default(tmp_path):
    write_tree(tmp_path, {"张三身份证.pdf": "content"})
    (file,) = capture(tmp_path / "张三身份证.pdf").files
    assert file.item.name is None
    assert [entry.field for entry in file.item.commitments] == ["name"]
    assert (file.item.sm3, file.item.sha256) == (file.facts.sm3.hex(), file.facts.sha256.hex())
    assert "张三".encode() not in file.item_bytes
    (secret,) = file.salts
    assert (secret.field, secret.value, len(bytes.fromhex(secret.salt))) == ("name", "张三身份证.pdf", 32)
    expected = commitment(GM, bytes.fromhex(secret.salt), "name", "张三身份证.pdf").hex()
    assert file.item.commitments[0].value == expected


def test_two_captures_of_one_name_do_not_share_a_salt(tmp_path):
    write_tree(tmp_path, {"a": ""})
    one, two = (capture(tmp_path / "a").files[0] for _ in range(2))
    assert one.salts != two.salts
    assert one.item.commitments != two.item.commitments


def test_a_public_name_is_in_the_item(tmp_path):
    write_tree(tmp_path, {"notice.ofd": "content"})
    (file,) = capture(tmp_path / "notice.ofd", public_names=True).files
    assert (file.item.name, file.item.commitments, file.salts) == ("notice.ofd", (), ())
    assert file.item.media_type == "application/ofd"


@pytest.mark.parametrize("suite", ["gm", "international"])
def test_private_content_is_committed_and_can_be_opened(tmp_path, suite):
    write_tree(tmp_path, {"a.bin": "secret"})
    chosen = get_suite(suite)
    (file,) = capture(tmp_path / "a.bin", private_content=True, suite=chosen).files
    assert (file.item.sm3, file.item.sha256) == (None, None)
    assert check_item(file.item) is Code.OK
    assert decode_item(file.item_bytes) == file.item
    opened = Openings(tuple(Opening(s.field, s.salt, s.value) for s in file.salts))
    verify_openings(chosen, file.item, opened)
    assert file.facts.sm3.hex() == next(s.value for s in file.salts if s.field == "content")


def test_the_item_says_how_and_when_it_was_taken(tmp_path):
    write_tree(tmp_path, {"root/a": "1", "root/b": "22"})
    (alone,) = capture(tmp_path / "root" / "a").files
    assert (alone.item.capture.method, alone.item.capture.time) == ("file", NOW)
    taken = capture(tmp_path / "root")
    assert {file.item.capture.method for file in taken.files} == {"folder"}
    assert taken.total_size == 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pdf", "application/pdf"),
        ("a.OFD", "application/ofd"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.tar.gz", "application/octet-stream"),
        ("none", "application/octet-stream"),
        ("a.txt", "text/plain"),
    ],
)
def test_media_types_do_not_depend_on_the_machine(name, expected):
    assert media_type_of(name) == expected


@pytest.fixture
def mixed(tmp_path):
    write_tree(tmp_path / "root", {"good1": "1", "good2": "2"})
    (tmp_path / "root" / "link").symlink_to("good1")
    os.mkfifo(tmp_path / "root" / "pipe")
    with open(os.fsencode(tmp_path / "root") + b"/\xff", "wb"):
        pass
    return tmp_path / "root"


def test_a_folder_with_bad_members_is_refused_as_a_whole_naming_each(mixed):
    with pytest.raises(RefusedError) as refusal:
        capture(mixed)
    assert refusal.value.code is Code.BATCH_MEMBER_BAD
    named = {(os.path.basename(bad["path"]), bad["code"]) for bad in refusal.value.params["members"]}
    assert named == {("link", "FILE_KIND"), ("pipe", "FILE_KIND"), ("\\xff", "FILE_NAME_ENCODING")}


def test_bad_members_are_left_out_and_listed_when_asked(mixed):
    taken = capture(mixed, skip_bad=True)
    assert [file.planned.name for file in taken.files] == ["good1", "good2"]
    assert [bad.code for bad in taken.skipped] == [Code.FILE_KIND, Code.FILE_KIND, Code.FILE_NAME_ENCODING]


def test_unreadable_members_are_named_with_the_others():
    with open_folder() as folder:
        write_tree(folder, {"root/closed": "1", "root/good": "2", "root/private/a": "3"})
        (folder / "root" / "link").symlink_to("good")
        (folder / "root" / "closed").chmod(0)
        (folder / "root" / "private").chmod(0)
        with as_nobody(folder):
            with pytest.raises(RefusedError) as refusal:
                capture(folder / "root")
            taken = capture(folder / "root", skip_bad=True)
    expected = {("closed", "FILE_UNREADABLE"), ("private", "FILE_UNREADABLE"), ("link", "FILE_KIND")}
    assert {(os.path.basename(bad["path"]), bad["code"]) for bad in refusal.value.params["members"]} == expected
    assert [file.planned.name for file in taken.files] == ["good"]
    assert {(os.path.basename(bad.path), bad.code.name) for bad in taken.skipped} == expected


class Changing(Watcher):
    """Changes a file once another has been read."""

    def __init__(self, after, change):
        self.after, self.change = after, change

    def done(self, planned):
        if planned.name == self.after:
            self.change()


def test_a_member_that_changes_after_it_was_read_is_still_refused(tmp_path):
    root = write_tree(tmp_path / "root", {"a": "1", "b": "2"})
    watcher = Changing("b", lambda: (root / "a").write_text("other"))
    with pytest.raises(RefusedError) as refusal:
        capture_paths([root], suite=GM, now=NOW, watcher=watcher)
    assert [bad["code"] for bad in refusal.value.params["members"]] == ["FILE_CHANGED"]


@pytest.mark.parametrize("code", [Code.FILE_KIND, Code.FILE_UNREADABLE])
def test_a_single_bad_file_has_its_own_code(tmp_path, code):
    path = tmp_path / "bad"
    if code is Code.FILE_KIND:
        path.symlink_to("/etc/hostname")
    with pytest.raises(RefusedError) as refusal:
        capture(path)
    assert refusal.value.code is code
    assert refusal.value.params["path"] == str(path)


def test_an_empty_folder_has_nothing_to_anchor(tmp_path):
    with pytest.raises(RefusedError) as refusal:
        capture(tmp_path)
    assert refusal.value.code is Code.NOT_FOUND


def test_a_public_name_with_control_characters_is_refused_and_a_private_one_is_not(tmp_path):
    write_tree(tmp_path, {"a\nb": "x"})
    with pytest.raises(RefusedError) as refusal:
        capture(tmp_path / "a\nb", public_names=True)
    assert refusal.value.code is Code.EVIDENCE_ITEM
    assert capture(tmp_path / "a\nb").files[0].salts[0].value == "a\nb"


def test_contents_of_a_program_are_as_those_of_files(tmp_path):
    """The same item as for a file of that name and content, but for how it was come by."""
    write_tree(tmp_path, {"row.json": '{"id":17}'})
    (file,) = capture(tmp_path / "row.json", public_names=True).files
    options = CaptureOptions(public_names=True)
    (content,) = capture_contents([("row.json", b'{"id":17}')], suite=GM, now=NOW, options=options).files
    assert content.item.capture.method == "api"
    assert replace(content.item, capture=file.item.capture) == file.item
    facts = content_facts(b'{"id":17}')
    assert (facts.sm3, facts.sha256, facts.size) == (file.facts.sm3, file.facts.sha256, file.facts.size)
    assert content.entry("00" * 32, 3).path == "row.json"


def test_contents_may_be_private_and_bad_ones_are_named():
    hidden = CaptureOptions(private_content=True)
    (one,) = capture_contents([("a.json", b"x")], suite=GM, now=NOW, options=hidden, method="stream").files
    assert (one.item.sm3, one.item.sha256, one.item.capture.method) == (None, None, "stream")
    assert [secret.field for secret in one.salts] == ["content", "name"]
    public = CaptureOptions(public_names=True)
    with pytest.raises(RefusedError) as refusal:
        capture_contents([("a", b""), ("b\n", b"")], suite=GM, now=NOW, options=public)
    assert (refusal.value.code, refusal.value.params["count"]) == (Code.BATCH_MEMBER_BAD, 1)
    leaving_out = CaptureOptions(public_names=True, skip_bad=True)
    taken = capture_contents([("a", b""), ("b\n", b"")], suite=GM, now=NOW, options=leaving_out)
    assert ([file.planned.name for file in taken.files], len(taken.skipped)) == (["a"], 1)
    with pytest.raises(RefusedError) as refusal:
        capture_contents([], suite=GM, now=NOW)
    assert refusal.value.code is Code.NOT_FOUND
