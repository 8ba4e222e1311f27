"""Profiles, and which directory or node a command works on."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.cli import private, profiles
from govchain.cli.profiles import PROFILES_MAX, Profile, Profiles, check_url, load_profiles, save_profiles
from govchain.cli.session import session, split_globals
from govchain.model import Code, RefusedError, UnavailableError, UsageError
from tests.cli.support import Shell, new_chain, new_shell

URL = "https://ledger.example:8443/base"
ENVIRONMENT = {"LANG": "en", "GOVCHAIN_NODE": "http://n", "GOVCHAIN_DATA": "d", "GOVCHAIN_PROFILE": "p"}
printable = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40)


@pytest.fixture
def shell(tmp_path):
    return new_shell(tmp_path)


class TestCommands:
    def test_a_profile_is_made_changed_used_and_removed(self, shell):
        assert "govchain profile set" in shell.run("profile", "list").out
        made = shell.run(
            "profile", "set", "city", "--url", f"{URL}/", "--key", "file:k.pem", "--ca", "ca.pem", "--json"
        )
        assert made.json == {
            "name": "city",
            "in_use": False,
            "url": URL,
            "key": f"file:{shell.folder}/k.pem",
            "account": None,
            "language": None,
            "ca": f"{shell.folder}/ca.pem",
        }
        (shell.folder / "plain").write_text("key")
        for typed, key in (
            ("k.pem", f"file:{shell.folder}/k.pem"),
            ("plain", f"file:{shell.folder}/plain"),
            ("department", "department"),
        ):
            assert shell.run("profile", "set", "bare", "--url", URL, "--key", typed, "--json").json["key"] == key
        keys = shell.home / "govchain" / "keys"
        keys.mkdir()
        (keys / "plain.pem").write_text("key")
        assert shell.run("profile", "set", "bare", "--url", URL, "--key", "plain", "--json").json["key"] == "plain"
        shell.run("profile", "remove", "bare")
        assert shell.run("profile", "set", "city", "--ca", "", "--language", "zh", "--json").json["ca"] is None
        shell.run("profile", "set", "old", "--url", "http://[::1]:80", "--key", "department")
        assert shell.run("profile", "use", "city", "--json").json == {"current": "city"}
        listed = shell.run("profile", "list", "--json").json
        assert [(one["name"], one["in_use"], one["key"]) for one in listed["profiles"]] == [
            ("city", True, f"file:{shell.folder}/k.pem"),
            ("old", False, "department"),
        ]
        assert shell.run("profile", "show", "--json").json["name"] == "city"
        assert "配置档" in shell.run("profile", "show").out
        assert "profile" in shell.run("--profile", "old", "profile", "list").out
        shell.run("profile", "remove", "city")
        assert shell.run("profile", "list", "--json").json["current"] is None
        path = shell.home / "govchain" / "profiles.toml"
        assert listed["path"] == str(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["set", "new"], "USAGE"),
            (["set", "new", "--url", ""], "USAGE"),
            (["set", "New", "--url", URL], "USAGE"),
            (["set", "", "--url", URL], "USAGE"),
            (["set", "x" * 33, "--url", URL], "USAGE"),
            (["set", "../x", "--url", URL], "USAGE"),
            (["set", "new", "--url", "ledger.example"], "USAGE"),
            (["set", "new", "--url", "https://a:b@ledger.example"], "USAGE"),
            (["set", "new", "--url", "https://ledger.example:99999"], "USAGE"),
            (["set", "new", "--url", URL, "--language", "fr"], "USAGE"),
            (["set", "new", "--url", URL, "--account", "xyz"], "USAGE"),
            (["set", "new", "--url", URL, "--key", "a\nb"], "USAGE"),
            (["set", "new", "--url", URL, "--key", "k" * 2000], "USAGE"),
            (["show"], "USAGE"),
            (["show", "none"], "NOT_FOUND"),
            (["use", "none"], "NOT_FOUND"),
            (["remove", "none"], "NOT_FOUND"),
        ],
    )
    def test_what_cannot_be_a_profile_leaves_nothing_behind(self, shell, arguments, code):
        assert shell.run("profile", *arguments, "--json", expect=None).error["code"] == code
        assert not (shell.home / "govchain" / "profiles.toml").exists()

    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("current = ", "value"),
            ("\x00", "line"),
            ('other = "x"', "other"),
            ('current = "none"', "none"),
            ("current = 7", "current"),
            ("profiles = 7", "tables"),
            ("[profiles]\ncity = 7", "city"),
            (f'[profiles.city]\nurl = "{URL}"\ncolour = "red"', "colour"),
            ('[profiles.city]\nkey = "k"', "http"),
            (f'[profiles.city]\nurl = "{URL}"\nkey = 7', "city"),
            (f'[profiles.CITY]\nurl = "{URL}"', "CITY"),
            ("# " + "x" * 300_000, "bytes"),
        ],
    )
    def test_a_malformed_file_is_named_and_never_replaced(self, shell, text, part):
        path = shell.home / "govchain" / "profiles.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        for call in (["profile", "list"], ["profile", "set", "new", "--url", URL], ["chain", "status"]):
            error = shell.run(*call, "--json", expect=2).error
            assert str(path) in error["text"]
            assert part in error["text"]
        assert path.read_text() == text
        # What needs no profile works.
        assert "label." not in shell.run("version").out
        shell.run("--data", "nowhere", "chain", "status", expect=5)

    def test_there_is_an_end_to_them(self):
        full = Profiles("", {f"p{number}": Profile(URL) for number in range(PROFILES_MAX)})
        with pytest.raises(UsageError):
            full.with_profile("more", Profile(URL))
        assert len(full.with_profile("p1", Profile(URL)).entries) == PROFILES_MAX


@given(st.dictionaries(st.from_regex("[a-z0-9_-]{1,32}", fullmatch=True), printable, max_size=5))
def test_what_is_written_is_read_back(tmp_path_factory, keys):
    path = tmp_path_factory.mktemp("profiles") / "deeper" / "profiles.toml"
    made = Profiles(min(keys, default=""), {name: Profile(URL, key=key) for name, key in keys.items()})
    save_profiles(made, path)
    assert load_profiles(path) == made


@pytest.mark.parametrize("url", ["http://h", "https://h:1/", "http://127.0.0.1:8000", "http://[::1]/x/"])
def test_urls(url):
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["", "h", "file:///x", "http://", "http://h?x", "http://h#x", "http://h\n", "http://[x"]
)
def test_no_urls(url):
    with pytest.raises(UsageError):
        check_url(url)


class TestPlaces:
    @pytest.fixture(autouse=True)
    def home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GOVCHAIN_HOME", str(tmp_path))

    @pytest.mark.parametrize(
        ("arguments", "node", "data", "profile"),
        [
            (["--node", "http://x"], "http://x", None, ""),
            (["--node=http://x"], "http://x", None, ""),
            (["--data", "e"], "", "e", ""),
            (["--profile", "q"], "", None, "q"),
            ([], "http://n", None, ""),
            (["--node", ""], "http://n", None, ""),
        ],
    )
    def test_what_is_named_comes_before_the_environment(self, arguments, node, data, profile):
        found, _ = split_globals(["chain", *arguments, "status"], ENVIRONMENT)
        assert (found.node, None if found.data is None else str(found.data), found.profile) == (node, data, profile)

    def test_the_environment_in_its_order(self):
        assert split_globals([], {"GOVCHAIN_DATA": "d", "GOVCHAIN_PROFILE": "p"})[0].profile == ""
        assert split_globals([], {"GOVCHAIN_PROFILE": "p"})[0].profile == "p"

    def test_two_places_are_one_too_many(self):
        with pytest.raises(UsageError) as refused:
            split_globals(["--node", "http://x", "--data", "d"], {})
        assert "--node, --data" in refused.value.params["reason"]
        assert session().node == "http://x"

    def test_the_profile_s_language_lies_between_option_and_locale(self):
        save_profiles(Profiles("city", {"city": Profile(URL, language="zh"), "other": Profile(URL)}))
        assert split_globals([], {"LANG": "en"})[0].language == "zh"
        assert split_globals(["--lang", "en"], {"LANG": "zh"})[0].language == "en"
        assert split_globals(["--profile", "other"], {"LANG": "en"})[0].language == "en"


def test_the_directory_where_one_stands_comes_after_the_profile_in_use(tmp_path):
    chain = new_chain(tmp_path)
    chain.run("profile", "set", "gone", "--url", "http://127.0.0.1:1")
    assert chain.run("chain", "status").code == 0
    chain.run("profile", "use", "gone")
    assert chain.run("chain", "status", "--json", expect=5).error["code"] == "NODE_UNREACHABLE"
    assert chain.run("--data", ".", "chain", "status").code == 0
    assert "live.node-unreachable" in chain.run("doctor", "--quick", expect=1).out
    assert chain.run("--data", ".", "doctor", "--quick").code == 0
    assert Shell(chain.folder, chain.home).run("--profile", "gone", "--data", ".", "version", expect=2).code == 2


class TestPrivateFiles:
    def test_modes_and_kinds(self, tmp_path):
        path = tmp_path / "a" / "b" / "file"
        private.write_private(path, b"x")
        assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent, path.parent.parent)] == [
            0o600,
            0o700,
            0o700,
        ]
        assert private.read_private(path, 1) == b"x"
        with pytest.raises(RefusedError) as refused:
            private.read_private(path, 0)
        assert refused.value.code is Code.FILE_TOO_LARGE
        assert private.read_private(tmp_path / "none", 1) is None
        assert private.remove_private(path)
        assert not private.remove_private(path)

    def test_a_link_a_pipe_and_a_folder_are_no_private_files(self, tmp_path):
        (tmp_path / "real").write_bytes(b"x")
        (tmp_path / "link").symlink_to("real")
        os.mkfifo(tmp_path / "pipe", 0o600)
        (tmp_path / "folder").mkdir(mode=0o700)
        for name in ("link", "pipe", "folder"):
            with pytest.raises((RefusedError, UnavailableError)):
                private.read_private(tmp_path / name, 10)

    def test_a_file_in_the_way_of_the_folder(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UnavailableError):
            private.write_private(tmp_path / "file" / "inner" / "x", b"x")


def test_public_names():
    assert set(profiles.__all__) >= {"Profile", "Profiles", "load_profiles", "save_profiles"}
