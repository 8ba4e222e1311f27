"""Both verifiers on files from outside: what is trusted, what is read, what is printed."""

import json
import os
import subprocess
import sys

import pytest

from govchain.crypto import get_algorithm
from govchain.proof.page import shown
from tests.proof.agree import both, refused
from tests.proof.chainkit import KINDS, Chain, canonical, open_package, repack, signing_key, write_zip
from tools import verify_package as stranger

DECEIT = "x\x1b[2J\x07\nTrusted by genesis."
HIDDEN = "\u061c\u200b\u200f\ufeff\u2028\u202e\u2066\u2069\U000e0000\U000e007f"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    chain = Chain()
    chain.put()
    (folder / "p.gcp").write_bytes(chain.package({"id": chain.put(name="b"), "at": 2}))
    header = {"certificate": json.loads(chain.certificates[2]), "header": json.loads(chain.headers[2]), "suite": "gm"}
    genesis = chain.genesis_bytes
    bad = json.loads(genesis)
    bad["members"][0]["key"] = "11" * 64
    broken = json.loads(json.dumps(header))
    broken["certificate"]["signatures"][0]["signature"] = "11" * 64
    named = dict(chain.genesis, organisations=[{**one, "name": '"certificate"'}
                                                for one in chain.genesis["organisations"]])  # fmt: skip
    files = {
        "genesis": genesis,
        "indented": json.dumps(chain.genesis, indent=2).encode() + b" \r\n\t",
        "certified": json.dumps(header, indent=2).encode() + b"\n",
        "named": canonical(named),
        "bare": chain.headers[2],
        "no-suite": canonical({key: header[key] for key in ("certificate", "header")}),
        "invalid": canonical(bad),
        "unsigned": canonical(broken),
        "empty": b"",
        "braces": b"{}",
        "bom": b"\xef\xbb\xbf" + genesis,
        "latin": b'{"\xff":1}',
        "certificate": chain.certificates[2],
        "field": canonical(chain.genesis | {DECEIT: 1}),
        "large": genesis + b" " * (4 << 20),
        "limit": genesis + b" " * ((4 << 20) - len(genesis)),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    return folder


def run(place, command, *arguments):
    more = {"PYTHONPATH": os.pathsep.join(sys.path), "GOVCHAIN_HOME": str(place / "home")}
    done = subprocess.run([sys.executable, *command, *arguments], cwd=place, capture_output=True, check=False,
                          timeout=60, encoding="utf-8", env=os.environ | more)  # fmt: skip
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    return done.returncode


def answers(place, *arguments):
    code = "from govchain.cli.start import run; run()"
    return run(place, ["-c", code], "verify", *arguments), run(place, ["-I", stranger.__file__], *arguments)


@pytest.mark.parametrize(
    ("trust", "code"),
    [
        (["genesis"], 0), (["indented"], 0), (["certified"], 0), (["limit"], 0), (["named"], 3), (["bare"], 2),
        (["no-suite"], 2), (["invalid"], 2), (["genesis", "invalid"], 2), (["unsigned"], 2), (["empty"], 2),
        (["braces"], 2), (["bom"], 2), (["latin"], 2), (["certificate"], 2), (["field"], 2), (["large"], 2),
        (["folder"], 5), (["pipe"], 5), (["/dev/zero"], 5), (["nowhere"], 5),
    ],
)  # fmt: skip
def test_trusted_files(place, trust, code):
    arguments = [part for name in trust for part in ("--trust", name)]
    assert answers(place, "p.gcp", *arguments) == (code, code)


@pytest.mark.parametrize("name", ["folder", "pipe", "/dev/zero"])
def test_what_is_no_regular_file_is_not_read(place, name):
    assert answers(place, name) == (5, 5)
    assert answers(place, "p.gcp", "--original", name) == (5, 5)


def test_a_large_original_is_read_in_pieces(place):
    with (place / "large-original").open("wb") as file:
        file.truncate(256 << 20)
    limited = "import resource,sys,runpy; resource.setrlimit(resource.RLIMIT_AS,(200<<20,)*2); sys.argv=sys.argv[1:];"
    code = limited + "runpy.run_path(sys.argv[0], run_name='__main__')"
    assert run(place, ["-c", code, stranger.__file__], "p.gcp", "--original", "large-original") == 1


def test_digests_without_a_library_are_the_same(monkeypatch):
    expected = stranger.digests([b"a" * 100, b"b" * 27])

    def without(name, *_):
        raise ValueError(name)

    monkeypatch.setattr(stranger.hashlib, "new", without)
    assert stranger.digests([b"a" * 100, b"b" * 27]) == expected


def test_names_in_the_manifest_are_never_repeated(place):
    members = open_package((place / "p.gcp").read_bytes())
    for name in (DECEIT, "\u202e", "A.json", "headers/../x", ""):
        manifest = json.loads(members["manifest.json"])
        manifest["members"][name] = "00" * 32
        data = write_zip(members | {"manifest.json": canonical(manifest)})
        refused(data, 2)
        assert stranger.verify(data, [], [])["member"] == "manifest.json"
    data = repack(members, **{DECEIT: 1})
    refused(data, 2)
    (place / "deceit.gcp").write_bytes(data)
    assert answers(place, "deceit.gcp") == (1, 1)


def test_a_large_manifest_is_refused_quickly(place):
    members = open_package((place / "p.gcp").read_bytes())
    padded = members["manifest.json"][:-1] + b',"z":"' + b"\\u0041" * 2_500_000 + b'"}'
    (place / "big.gcp").write_bytes(write_zip(members | {"manifest.json": padded}))
    refused((place / "big.gcp").read_bytes(), 2)
    with pytest.raises(stranger.Refused):
        stranger.parse(b'{"a":"' + b"\\u0041" * 100_000 + b'"} ', 2, "")
    assert stranger.parse(b'{"a":"[\\"{\\\\"}', 2, "", canonical=False) == {"a": '[\\"{\\'.replace('\\"', '"')}


def test_shown_hides_nothing():
    for sign in HIDDEN + "\x00\x1b\x7f\x9b":
        assert shown(sign) == stranger.shown(sign)
        assert shown(sign).isascii()
    assert shown("\U000e0041\u200d") == "\\U000e0041\\u200d"
    assert shown("政务 😀\\") == stranger.shown("政务 😀\\") == "政务 😀\\\\"


def test_keys_are_sorted_by_utf_16_code_units():
    from govchain.model import encode_canonical

    value = {"\U0001f600": 1, "\ue000": [{"\uffff": 1, "\U00010000": 2}], "a": 3}
    assert stranger.canonical_json(value) == encode_canonical(value)


def test_white_space_behind_a_body_is_refused_by_both():
    for tail in (b" ", b"\n"):
        with pytest.raises(stranger.Refused):
            stranger.parse(b"{}" + tail, 7, "", canonical=False)
    assert stranger.parse(b" { }", 7, "", canonical=False) == {}


def test_forms_of_keys():
    good = {name: signing_key(name, "k").public_key for name in ("ed25519", "rsa-pss-sha256")}
    for name, key in good.items():
        cases = [key, b"", key[:-1], key + b"\0", b"\0" + key, bytes(len(key)), b"\xff" * len(key)]
        cases += [key[:at] + bytes((key[at] ^ 1,)) + key[at + 1 :] for at in [*range(0, len(key), 3), len(key) - 1]]
        cases += [number.to_bytes(32, "little") for number in (0, 1, 2, 3, 2**255 - 20, 2**255 - 19, 2**255 + 1)]
        for case in cases:
            assert stranger.good_key(name, case.hex()) == (not get_algorithm(name).check_public_key(case)), case.hex()


def test_transactions_alone_state_no_status(place):
    chain = Chain(name="gov-alone")
    data = chain.package(chain.put())
    assert both(data, chain.anchors) == (0, 0)
    report = stranger.verify(data, list(chain.anchors.genesis), [])
    assert report["in_force"] is None
    assert report["status"][-1] == "No record's status is stated."
    from govchain import proof

    assert proof.verify_package(data, kinds=KINDS, trusted=chain.anchors).report.in_force is None
    (place / "alone.gcp").write_bytes(data)
    assert answers(place, "alone.gcp") == (3, 3)


def test_a_batch_is_spoken_of_as_a_whole():
    batch = {"kind": "evidence", "item": None, "mark": None}
    one = {"kind": "evidence", "item": {}, "mark": None}
    assert "the batch as a whole" in stranger.standing([batch])[-1]
    assert stranger.standing([one]) == ["All records are in force."]
    assert "the batch as a whole" in stranger.standing([one, batch])[-1]
    assert stranger.standing([batch | {"mark": {"kind": "withdrawn"}}]) == ["The batch as a whole was withdrawn."]
