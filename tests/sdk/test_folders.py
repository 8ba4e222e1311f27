import os
import socket
import subprocess

from govchain.model import Code
from govchain.sdk.folders import plan_paths, printable_path
from tests.sdk.support import open_folder, write_tree


def names(plan):
    return [file.relative for file in plan.files]


def problems(plan):
    return {os.path.basename(bad.path): (bad.code, bad.reason) for bad in plan.problems}


def test_a_folder_is_walked_in_the_order_of_its_names(tmp_path):
    write_tree(tmp_path / "root", {"b.txt": "2", "a/z.txt": "1", "a/y/x.txt": "0", "中.txt": "3", "B.txt": "4"})
    expected = ["root/B.txt", "root/a/y/x.txt", "root/a/z.txt", "root/b.txt", "root/中.txt"]
    assert names(plan_paths([tmp_path / "root"])) == expected


def test_the_order_does_not_depend_on_the_file_system(tmp_path):
    for folder, order in (("one", range(50)), ("two", reversed(range(50)))):
        write_tree(tmp_path / folder / "root", {f"f{i}": str(i) for i in order})
    assert names(plan_paths([tmp_path / "one" / "root"])) == names(plan_paths([tmp_path / "two" / "root"]))


def test_files_keep_the_order_in_which_they_were_given_and_count_once(tmp_path):
    write_tree(tmp_path, {"b": "", "a": ""})
    plan = plan_paths([tmp_path / "b", tmp_path / "a", tmp_path / "b", tmp_path])
    assert names(plan) == ["b", "a"]


def test_the_current_folder_has_its_own_name(tmp_path, monkeypatch):
    write_tree(tmp_path / "here", {"a": ""})
    monkeypatch.chdir(tmp_path / "here")
    assert names(plan_paths(["."])) == ["here/a"]
    assert names(plan_paths(["a", "./"])) == ["a"]


def test_what_is_no_regular_file_is_named_by_its_kind_and_never_followed(tmp_path):
    write_tree(tmp_path / "root", {"good": "1"})
    root = tmp_path / "root"
    (root / "link").symlink_to("/etc/hostname")
    (root / "dangling").symlink_to("nowhere")
    (root / "folder-link").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        plan = plan_paths([root])
    assert names(plan) == ["root/good"]
    assert problems(plan) == {
        "link": (Code.FILE_KIND, "link"),
        "dangling": (Code.FILE_KIND, "link"),
        "folder-link": (Code.FILE_KIND, "link"),
        "pipe": (Code.FILE_KIND, "pipe"),
        "socket": (Code.FILE_KIND, "socket"),
    }


def test_a_link_that_is_named_itself_is_not_followed_either(tmp_path):
    write_tree(tmp_path / "root", {"good": "1"})
    (tmp_path / "link").symlink_to("root")
    plan = plan_paths([tmp_path / "link", f"{tmp_path}/link/"])
    assert plan.files == ()
    assert {bad.code for bad in plan.problems} == {Code.FILE_KIND}


def test_devices_are_refused():
    plan = plan_paths(["/dev/null", "/dev/zero"])
    assert [(bad.code, bad.reason) for bad in plan.problems] == [(Code.FILE_KIND, "device")] * 2


def test_names_that_are_not_utf8_are_refused_and_shown_escaped(tmp_path):
    raw = os.fsencode(tmp_path)
    os.mkdir(raw + b"/\xffdir")
    for name in (b"/\xfe\xff.txt", b"/\xffdir/inside"):
        with open(raw + name, "wb") as file:
            file.write(b"x")
    write_tree(tmp_path, {"good": "1"})
    plan = plan_paths([tmp_path])
    assert [name.rsplit("/", 1)[-1] for name in names(plan)] == ["good"]
    assert problems(plan) == {
        "\\xffdir": (Code.FILE_NAME_ENCODING, "not UTF-8"),
        "\\xfe\\xff.txt": (Code.FILE_NAME_ENCODING, "not UTF-8"),
    }
    assert printable_path(b"a\xffb") == "a\\xffb"


def test_what_is_missing_or_may_not_be_listed_is_unreadable(tmp_path):
    plan = plan_paths([tmp_path / "nothing"])
    assert [(bad.code, bad.reason.split(":")[0]) for bad in plan.problems] == [(Code.FILE_UNREADABLE, "ENOENT")]


def test_depth_is_no_limit():
    with open_folder() as folder:
        here = os.open(folder, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)
        plan = plan_paths([folder / "d"])
        # Python's own clean-up recurses, and pytest's too.
        subprocess.run(["rm", "-rf", str(folder / "d")], check=True)
    assert plan.files == ()
    assert all(bad.code is Code.FILE_UNREADABLE for bad in plan.problems)
