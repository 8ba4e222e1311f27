"""A full disk under a running node: refused clearly, nothing acknowledged is lost, and with room it goes on."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from govchain.model import Code, GovChainError
from govchain.node.embedded import open_embedded
from govchain.ops import doctor
from tests.node.kit import SMALL, copy_chain, system_clock
from tests.storage.faults import small_disk

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
WAIT_S = 30
#: A full node may answer these, and nothing else.
REFUSALS = {Code.DISK_FULL, Code.NODE_STOPPING}


def fill(node, actor, rounds=400):
    """Submit until something is refused; the receipts that came back, by id, and the answers of the refused round."""
    acknowledged = {}
    for _ in range(rounds):
        envelopes = [actor.put(data=os.urandom(8_000).hex()) for _ in range(10)]
        answers = node.submitter.submit(envelopes, wait=True, timeout_s=WAIT_S)
        acknowledged |= {answer.id: answer.receipt for answer in answers if answer.receipt is not None}
        refused = [answer for answer in answers if answer.receipt is None]
        if refused:
            return acknowledged, refused
    return acknowledged, []


def is_full(path):
    """Whether the disk has no room for more, as the system says it.

    A table that RocksDB could not finish is removed again, so a few MiB may be free a moment later.
    """
    try:
        (path / "probe").write_bytes(bytes(12 * MIB))
    except OSError:
        return True
    finally:
        (path / "probe").unlink(missing_ok=True)
    return False


def test_a_full_disk_loses_nothing_acknowledged(template, tmp_path, actor):
    with small_disk(tmp_path / "disk", 40 * MIB) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(24 * MIB))
        data = copy_chain(template, disk / "data")
        node = open_embedded(data, options=SMALL)
        acknowledged, refused = fill(node, actor)
        assert refused, "the disk never filled up"
        assert is_full(disk)
        assert len(acknowledged) > 10
        assert {answer.code for answer in refused} <= REFUSALS
        assert node.engine.status().problem == Code.DISK_FULL
        # It says so from now on, and everything acknowledged is still answered.
        (again,) = node.submitter.submit([actor.put()], wait=True, timeout_s=WAIT_S)
        assert again.code == Code.DISK_FULL
        assert all(node.application.receipt(id_) == receipt for id_, receipt in acknowledged.items())
        node.close()
        assert is_full(disk)
        finding = doctor.run(data, now=system_clock().wall()).findings[0]
        assert finding.code is Code.DISK_FULL
        ballast.unlink()
        with open_embedded(data, options=SMALL) as node:
            assert all(node.application.receipt(id_) == receipt for id_, receipt in acknowledged.items())
            (answer,) = node.submitter.submit([actor.put()], wait=True, timeout_s=WAIT_S)
            assert answer.code == Code.OK
        assert doctor.run(data, now=system_clock().wall(), minima=doctor.Minima(disk_free_bytes=0)).clean


CHILD = """
import resource, sys
from pathlib import Path
from govchain.node.embedded import open_embedded
from tests.node.kit import SMALL, Actor
from tests.node.test_full_disk import MIB, fill
node = open_embedded(Path(sys.argv[1]), options=SMALL)
resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
acknowledged, refused = fill(node, Actor(bytes.fromhex(sys.stdin.readline())))
for id_ in acknowledged:
    print("=" + id_.hex())
print("refused", *sorted({answer.code.name for answer in refused}), flush=True)
try:
    open(sys.argv[1] + "/probe", "wb").write(bytes(2 * MIB))
except OSError as error:
    print("probe", error.errno)
"""


def test_a_limit_on_file_sizes_is_like_a_full_disk(chain, actor):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(chain)],
        input=actor.secret.hex() + "\n", cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    (chain / "probe").unlink(missing_ok=True)
    *acknowledged, refused, probe = done.stdout.splitlines()
    assert probe == "probe 27"  # EFBIG: the limit was in force
    assert set(refused.split()[1:]) <= {code.name for code in REFUSALS}
    assert "DISK_FULL" in refused
    assert len(acknowledged) > 10
    with open_embedded(chain, options=SMALL) as node:
        assert all(node.application.receipt(bytes.fromhex(line[1:])) for line in acknowledged)
        (answer,) = node.submitter.submit([actor.put()], wait=True, timeout_s=WAIT_S)
        assert answer.code == Code.OK
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert doctor.run(chain, now=system_clock().wall(), minima=doctor.Minima(disk_free_bytes=0)).clean


def test_a_chain_is_not_half_made_on_a_full_disk(tmp_path):
    from govchain.node.embedded import create_chain

    with small_disk(tmp_path / "disk", MIB) as disk:
        (disk / "ballast").write_bytes(bytes(MIB - 8 * 4096))
        with pytest.raises(GovChainError) as refused:
            create_chain(disk / "data")
        assert refused.value.code is Code.DISK_FULL
        assert [entry.name for entry in disk.iterdir()] == ["ballast"]
        (disk / "ballast").unlink()
