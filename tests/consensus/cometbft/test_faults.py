"""Members that misbehave, engines that break, disks that fill up: the others go on, and whoever stops says why."""

import contextlib
import os
import shutil
import subprocess

import pytest

from tests.consensus.cometbft.kit import Network, now_ms, wait_until

pytestmark = pytest.mark.net
OPTIONS = {"timeout_propose_ms": 1_500, "wait_ms": 200}


@pytest.fixture
def faulty(tmp_path):
    """Four members, the last with a fault."""
    made = []

    def make(fault, **told):
        # Small blocks: what nobody has received in time is not judged.
        net = Network(tmp_path / "net", 4, {"block_bytes_max": 131_072}, options=OPTIONS, **told)
        net[3].tell(fault=fault)
        made.append(net)
        net.start()
        return net

    yield make
    for net in made:
        net.stop()


@pytest.mark.requirement("JX.base.consensus.01")
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("garbage", "ENVELOPE_MALFORMED"),
        ("oversize", "BLOCK_INVALID"),
        ("replays", "REPLAYED"),
        ("twice", "REPLAYED"),
    ],
)
def test_a_proposer_of_what_no_block_may_hold_is_outvoted(faulty, fault, code):
    net = faulty(fault)
    good = net.members[:3]
    net.commit(*net.puts(3))
    net[3].submit(net.put())  # which it alone holds: at its turn it has something to propose
    wait_until(lambda: good[0].facts()["rejected"], "a rejected proposal")
    net.commit(net.put(), members=good)
    facts = net.agree(least=2)
    assert facts[0]["rejected_last"] == code
    assert {each["problem"] for each in facts} == {None}
    notices = [text for text in good[0].said("notice") if "rejected the proposal" in text]
    assert notices
    assert code in notices[0]


def test_a_proposer_that_cannot_propose_proposes_nothing_and_says_so(faulty):
    net = faulty("raises")
    net[3].submit(net.put())  # which it alone holds
    wait_until(lambda: any("no proposal today" in text for text in net[3].said("notice")), "its own notice")
    net.commit(*net.puts(3), members=net.members[:3])
    assert {each["problem"] for each in net.agree(least=1)} == {None}


def test_a_member_that_computes_otherwise_stops_and_the_others_go_on(faulty):
    """Its state differs: it must halt with words instead of voting on."""
    net = faulty("other-hash")
    good = net.members[:3]
    places = net[3].submit(net.put())
    net.commit(*net.puts(3), members=good)
    assert net[3].wait_for("problem") == "ENGINE_FAILED"
    reason = net[3].said("reason")[0]
    assert "apphash" in reason.lower().replace(".", "").replace(" ", ""), reason
    assert net[3].settled(places)[0]["code"] in {"ENGINE_FAILED", "OK"}
    height = net.commit(net.put(), members=good)[0]["height"]
    net.agree(good, least=height)
    facts = net[3].facts()
    assert (facts["running"], facts["pid"], facts["problem"]) == (False, None, "ENGINE_FAILED")


def test_an_update_of_nobody_stops_that_member_with_words(faulty):
    """The process of the engine lives on after its consensus failed: that is the same as death."""
    net = faulty("unknown-update")
    good = net.members[:3]
    net.commit(*net.puts(3), members=good)
    assert net[3].wait_for("problem") == "ENGINE_FAILED"
    assert "failed to find validator" in net[3].said("reason")[0]
    assert net[3].facts()["pid"] is None
    net.agree(good, least=net.commit(net.put(), members=good)[0]["height"])


@pytest.mark.parametrize("skew_ms", [3_600_000, -3_600_000], ids=["ahead", "behind"])
def test_a_node_whose_clock_is_wrong_by_an_hour_harms_nobody(tmp_path, skew_ms):
    """The node's clock, not the engine's: it decides what to propose and what to take."""
    net = Network(tmp_path / "net", 4, options=OPTIONS)
    net[3].tell(ahead_ms=skew_ms)
    net.start()
    good = net.members[:3]
    try:
        for _ in range(6):
            net.commit(*net.puts(2), members=good)
        facts = net.agree(least=6)
        assert facts[0]["rejected"] == 0
        assert abs(facts[0]["times"][-1] - now_ms()) < 10_000
        assert {each["problem"] for each in facts} == {None}
    finally:
        net.stop()


def test_a_stranger_is_not_connected(tmp_path):
    """The fourth engine has the members' addresses and a key that nobody knows."""
    net = Network(tmp_path / "net", 4, options=OPTIONS)
    stranger = net.keys[3].node_id.hex()
    for member in net.members[:3]:
        member.tell(known=[id for id in member.told["known"] if id != stranger])
    net.start()
    try:
        net.commit(*net.puts(2), members=net.members[:3])
        wait_until(lambda: any(stranger in text for text in net[0].said("notice")), "the refusal is told")
        wait_until(lambda: net[0].facts()["peers"] == 2, "two peers and not three")
        assert net[3].facts()["peers"] == 0
        assert net[3].facts()["height"] == 0
    finally:
        net.stop()


def test_a_home_of_another_chain_is_refused(tmp_path):
    net = Network(tmp_path / "one", 1)
    other = Network(tmp_path / "two", 1)
    net.start()
    net[0].commit(net.put())
    net.stop()
    (net[0].folder / "genesis.json").write_bytes((other[0].folder / "genesis.json").read_bytes())
    with pytest.raises(AssertionError, match="GENESIS_INVALID"):
        net[0].start()  # the ledger notices first
    shutil.rmtree(net[0].folder / "ledger")
    with pytest.raises(AssertionError, match="ENGINE_MISMATCH"):
        net[0].start()
    net.stop()


def test_an_engine_whose_store_is_lost_is_not_started(tmp_path):
    net = Network(tmp_path / "net", 1)
    net.start()
    try:
        net[0].commit(net.put())
        net[0].stop()
        data = net[0].folder / "engine" / "data"
        for path in data.glob("*.db"):
            shutil.rmtree(path)
        with pytest.raises(AssertionError, match="the engine's store is empty"):
            net[0].start()
    finally:
        net.stop()


def fill(path):
    """A file that takes all the room that is left."""
    with path.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(65_536))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_of_one_engine_stops_that_member_with_words(tmp_path):
    net = Network(tmp_path / "net", 4, options=OPTIONS | {"restarts_max": 1})
    data = net[3].folder / "engine" / "data"
    state = (data / "priv_validator_state.json").read_bytes()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(data)], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs may be mounted here")
    try:
        (data / "priv_validator_state.json").write_bytes(state)
        net.start()
        good = net.members[:3]
        net.commit(*net.puts(2))
        fill(data / "ballast")
        for _ in range(40):
            net.commit(*net.puts(20), members=good)
            if net[3].said("problem"):
                break
        assert net[3].wait_for("problem") == "DISK_FULL"
        assert "no space left" in net[3].said("reason")[0].lower()
        net.agree(good, least=net.commit(net.put(), members=good)[0]["height"])
        (data / "ballast").unlink()
        net[3].stop()
        net[3].start()  # with room again it goes on by itself
        net.agree(least=1)
    finally:
        net.stop()
        subprocess.run(["umount", str(data)], check=True)
