"""Chains that earlier releases made are opened, verified, read and executed again by this one.

Where this release has other rules than a chain's genesis pins, it reads and verifies the chain and does not execute it:
``MODULE_MISSING`` says so, and no other finding may stand beside it. ``making`` made what is kept here.
"""

import contextlib
import hashlib
import json
import subprocess
import sys
import tarfile

import msgspec
import pytest

from govchain.consensus import LedgerApplication, Pool
from govchain.model import Code, UnavailableError, VerificationError
from govchain.node.embedded import open_embedded
from govchain.node.opening import load_machine
from govchain.ops import doctor
from govchain.ops.archive import verify_archive
from govchain.proof import TrustAnchors, decode_genesis, fingerprint, verify_package
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.transactions import decode_receipt
from govchain.sdk.client import Client
from govchain.sdk.kinds import installed_kinds
from govchain.state import MemoryStore
from govchain.storage.archive_files import ArchiveReader
from tests.releases.playing import HERE

ROOT = HERE.parents[1]
RELEASES = sorted(path.name for path in HERE.iterdir() if (path / "chains" / "chains.json").is_file())
#: The kept directory has no keys.
WITHOUT_KEYS = ["keys.missing"]

pytestmark = pytest.mark.requirement(
    "BJ.design.compatibility.02", "BJ.portability.replaceability.01", "GD.general.extensibility.02"
)


def said(release):
    return json.loads((HERE / release / "chains" / "chains.json").read_text("utf-8"))


def trust_in(genesis):
    return TrustAnchors((fingerprint(genesis).hex(),))


def same_rules(genesis):
    """Whether this release has just the rules that the chain's genesis pins."""
    try:
        load_machine(genesis)
    except UnavailableError as error:
        if error.code != Code.MODULE_MISSING:
            raise
        return False
    return True


@contextlib.contextmanager
def machine_of(genesis):
    yield load_machine(genesis, reading=not same_rules(genesis))


@pytest.fixture(params=RELEASES)
def release(request):
    return request.param


@pytest.fixture
def alone(release, tmp_path):
    """The data directory of the node alone."""
    with tarfile.open(HERE / release / "chains" / "alone.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    path = tmp_path / "data"
    path.chmod(0o700)
    return path


def archives(release):
    return sorted((HERE / release / "chains" / "network").glob("*.gca"))


def genesis_of(release):
    return decode_genesis((HERE / release / "chains" / "network" / "genesis.json").read_bytes())


@contextlib.contextmanager
def network_blocks(release):
    """Every block of the network's chain, in order."""
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(ArchiveReader(path)) for path in archives(release)]
        yield [reader.block(height) for reader in readers for height in range(reader.first, reader.last + 1)]


def test_there_is_a_chain_of_every_release_so_far():
    assert "0.1" in RELEASES
    assert [path.name for path in HERE.iterdir() if (path / "conversation.json").is_file()] == RELEASES


def test_nothing_that_is_kept_was_changed(release):
    folder = HERE / release / "chains"
    kept = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "chains.json"
    }
    assert kept == said(release)["files"]


def test_a_directory_of_a_node_alone_opens_and_is_whole(release, alone):
    """The doctor checks every root and signature, and executes every block again where it may."""
    expected = said(release)["alone"]
    genesis = decode_genesis((alone / "genesis.json").read_bytes())
    other = [] if same_rules(genesis) else ["genesis.module-missing"]
    report = doctor.run(alone, now=expected["time"] + 1000)
    assert sorted(finding.name for finding in report.findings) == sorted(WITHOUT_KEYS + other)
    assert report.height == expected["height"]
    with open_embedded(alone, read_only=True) as node:
        chain = node.application.chain
        assert (chain.height, chain.identity.hex()) == (expected["height"], expected["identity"])


def test_its_records_are_read_verified_and_exported(release, alone):
    ids = said(release)["alone"]["transactions"]
    with open_embedded(alone, read_only=True) as node:
        trust = trust_in(node.genesis)
        client = Client(node.transport, trust=trust)
        for name, id in ids.items():
            assert client.transaction(id).id == id, name
        codes = {name: client.transaction(id).receipt.code for name, id in ids.items()}
        assert {name for name, code in codes.items() if code} == {"refused"}
        standing = {name: client.status(ids[name]).state for name in ("private", "file", "other")}
        assert len(set(standing.values())) == 3, standing
        # 4: it holds, and is no longer in force.
        for name, exit_code in (("private", 0), ("batch", 0), ("file", 4), ("other", 4)):
            package = client.export_package(ids[name])
            assert verify_package(package, trusted=trust, kinds=installed_kinds()).report.exit_code == exit_code, name


def test_the_archives_of_a_network_are_sound_and_end_where_they_did(release):
    expected, genesis = said(release)["network"], genesis_of(release)
    folder = HERE / release / "chains" / "network"
    verdict = verify_archive([folder], trust_in(genesis))
    assert verdict.by == "genesis"
    assert (verdict.first, verdict.last) == (1, expected["height"])
    assert verdict.identity == expected["identity"]
    assert verify_archive([folder], TrustAnchors()).by == ""


def test_its_certificates_are_those_of_the_members_of_their_time(release):
    expected, genesis = said(release)["network"], genesis_of(release)
    epochs = set()
    with network_blocks(release) as blocks, machine_of(genesis) as machine:
        certified = [block for block in blocks if block.certificate]
        assert len(certified) >= len(archives(release))
        assert blocks[-1].certificate
        for block in certified:
            header = decode_header(block.header)
            identity = header_identity(machine.suite, block.header)
            verify_certificate(machine.suite, header, identity, decode_certificate(block.certificate))
            epochs.add(header.epoch)
        assert decode_header(blocks[-1].header).epoch == expected["epochs"]
        assert len(epochs) > 1, "members changed"
        header, certificate = decode_header(blocks[-1].header), decode_certificate(blocks[-1].certificate)
        before = header_identity(machine.suite, blocks[-2].header)
        with pytest.raises(VerificationError):
            verify_certificate(machine.suite, header, before, certificate)


def test_executed_again_its_blocks_are_the_same(release):
    genesis = genesis_of(release)
    if not same_rules(genesis):
        with pytest.raises(UnavailableError, match="MODULE_MISSING"):
            load_machine(genesis)
        return
    application = LedgerApplication(load_machine(genesis), MemoryStore(), Pool(), clock=lambda: 0)
    application.init_chain()
    with network_blocks(release) as blocks:
        for height, block in enumerate(blocks, 1):
            header = decode_header(block.header)
            assert not application.process_proposal(block.envelopes, header.time)
            application.finalize_block(block.envelopes, header.time, height)
            application.commit()
            assert application.blocks.header(height) == block.header
            assert tuple(application.blocks.receipts(height)) == block.receipts
            assert all(decode_receipt(receipt).height == height for receipt in block.receipts)
    assert application.chain.identity.hex() == said(release)["network"]["identity"]
    application.close()


def test_its_package_verifies_here_and_without_this_package(release):
    folder = HERE / release / "chains" / "network"
    data = (folder / "record.gcp").read_bytes()
    verified = verify_package(data, trusted=trust_in(genesis_of(release)), kinds=installed_kinds())
    assert verified.report.exit_code == 0
    assert said(release)["network"]["record"] in msgspec.json.encode(msgspec.to_builtins(verified.report)).decode()
    tool = [sys.executable, ROOT / "tools/verify_package.py", folder / "record.gcp", "--trust", folder / "genesis.json"]
    second = subprocess.run(tool, capture_output=True, check=False, timeout=120)
    assert second.returncode == 0, second.stderr


def test_damage_to_what_is_kept_is_noticed(release, tmp_path):
    """The checks themselves: one byte of an archive."""
    for path in archives(release):
        data = bytearray(path.read_bytes())
        if path == archives(release)[1]:
            data[len(data) // 2] ^= 1
        (tmp_path / path.name).write_bytes(data)
    with pytest.raises(VerificationError):
        verify_archive([tmp_path], trust_in(genesis_of(release)))
