"""What earlier releases said and wrote still holds: their client is answered, their packages verify."""

import hashlib
import json
import subprocess
import sys

import pytest

from govchain.model import VerificationError
from govchain.proof import TrustAnchors, decode_genesis, fingerprint, verify_package
from govchain.sdk.kinds import installed_kinds
from tests.api.events_kit import serving, until
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import copy_chain
from tests.releases.playing import HERE, Player, missing, shape

RELEASES = sorted(path.name for path in HERE.iterdir() if (path / "conversation.json").is_file())
ROOT = HERE.parents[1]


def recorded(release, name):
    return json.loads((HERE / release / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def data(template, tmp_path_factory):  # noqa: F811
    return copy_chain(template, tmp_path_factory.mktemp("releases") / "data")


@pytest.fixture(scope="module")
def running(data, actor):  # noqa: F811
    allowed = {"webhook_http": True, "webhook_networks": ("127.0.0.0/8",), "webhook_attempts": 1}
    with serving(data, **allowed) as running:
        running.put(actor, "first")
        running.put(actor, "second")
        until(lambda: running.node.transport.status().certified_height >= 2)
        yield running


def known(running, actor):  # noqa: F811
    return {
        "account": actor.address,
        "key": (b"accounts.account/" + bytes.fromhex(actor.address)).hex(),
        "organisation": running.node.genesis.organisations[0].code,
        "url": running.url,
    }


def played(running, actor, steps):  # noqa: F811
    """Each step with what came of it."""
    with running.client() as client:
        player = Player(client, actor.secret, known(running, actor))
        for step in steps:
            if step["name"] == "evidence":
                height = running.node.application.chain.height
                until(lambda: running.services.index.status().indexed_height >= height)  # noqa: B023
            yield step, *player.play(step)


@pytest.mark.requirement("BJ.portability.replaceability.02", "BJ.function.protocol.03a")
@pytest.mark.parametrize("release", RELEASES)
def test_the_client_of_an_earlier_release_is_answered_as_it_expects(running, actor, release):  # noqa: F811
    steps = recorded(release, "conversation.json")
    assert len(steps) > 50
    faults = []
    for step, status, media, plain in played(running, actor, steps):
        expected = step["answer"]
        if (status, media) != (expected["status"], expected["media"]):
            faults.append(f"{step['name']}: {status} {media} instead of {expected['status']} {expected['media']}")
        elif "code" in expected and plain["code"] != expected["code"]:
            faults.append(f"{step['name']}: {plain['code']} instead of {expected['code']}")
        else:
            faults += [f"{step['name']}: {fault}" for fault in missing(expected["shape"], plain)]
    assert faults == []


@pytest.mark.parametrize("release", RELEASES)
def test_every_route_of_the_release_is_still_described(running, release):
    with running.client() as client:
        described = client.get("/v1/openapi.json").json()["paths"]
    for route in recorded(release, "routes.json"):
        method, path = route.split(" ")
        assert method.lower() in described.get(path, {}), route


def test_what_is_gone_is_noticed():
    """The comparison itself: a field, a kind, a member that is gone."""
    expected = shape({"a": 1, "b": [{"c": "x"}], "d": None})
    assert missing(expected, {"a": 2, "b": [{"c": "y", "more": 1}], "d": "now", "e": 1}) == []
    for found, fault in (
        ({"b": [{"c": "y"}], "d": None}, "answer.a is gone"),
        ({"a": "1", "b": [{"c": "y"}], "d": None}, "answer.a is no integer"),
        ({"a": True, "b": [{"c": "y"}], "d": None}, "answer.a is no integer"),
        ({"a": 1, "b": [{}], "d": None}, "answer.b[0].c is gone"),
        ({"a": 1, "b": [], "d": None}, "answer.b is empty"),
        ({"a": 1, "b": {}, "d": None}, "answer.b is no list"),
        ([], "answer is no object"),
    ):
        assert missing(expected, found) == [fault]


@pytest.mark.parametrize("release", RELEASES)
def test_a_department_s_program_of_the_release_runs(running, data, release, tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, HERE / release / "client.py", running.url, data / "genesis.json"),
            *(data / "keys" / "department.pem", tmp_path),
        ],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    expected = recorded(release, "client.json")
    told = json.loads(done.stdout)
    told["status"][1] = expected["status"][1]  # the node's version is today's
    assert told == expected


def packages(release):
    return [(release, name) for name in recorded(release, "packages.json")]


@pytest.mark.parametrize(("release", "name"), [one for release in RELEASES for one in packages(release)])
def test_packages_of_an_earlier_release_still_verify(release, name):
    folder = HERE / release / "packages"
    expected = recorded(release, "packages.json")[name]
    data = (folder / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == expected["sha256"], "a kept file was changed"
    trust = TrustAnchors((fingerprint(decode_genesis((folder / "genesis.json").read_bytes())).hex(),))
    for trusted, exit_code in ((trust, expected["exit_code"]), (TrustAnchors(), 3)):
        assert verify_package(data, trusted=trusted, kinds=installed_kinds()).report.exit_code == exit_code
    tool = [sys.executable, ROOT / "tools/verify_package.py", folder / name, "--trust", folder / "genesis.json"]
    second = subprocess.run(tool, capture_output=True, check=False, timeout=120)
    assert second.returncode == expected["exit_code"], second.stderr
    broken = bytearray(data)
    broken[len(broken) // 2] ^= 1
    with pytest.raises(VerificationError):
        verify_package(bytes(broken), trusted=trust, kinds=installed_kinds())


@pytest.mark.parametrize("release", RELEASES)
def test_keys_are_not_kept(release):
    kept = [path for path in (HERE / release).rglob("*") if path.is_file()]
    assert len(kept) > 8
    assert [path for path in kept if b"PRIVATE KEY" in path.read_bytes()] == []
