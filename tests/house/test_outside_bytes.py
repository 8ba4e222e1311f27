"""Everything that takes bytes from outside answers oversized and random input with our own error, never with a crash.

The list is compared with the public names of the source: a new decoder fails the test until it is listed.
"""

import ast
import hashlib
import random
import sqlite3
import time
import warnings

import pytest

from govchain import crypto, proof
from govchain.api.cursors import open_cursor
from govchain.cli import keys as cli_keys
from govchain.cli import opening
from govchain.cli.commands import evidence as evidence_commands
from govchain.cli.private import read_private
from govchain.cli.reading import read_small
from govchain.consensus.cometbft import create_engine_keys, read_engine_keys
from govchain.consensus.cometbft.keys import VALIDATOR_KEY_FILE
from govchain.consensus.cometbft.protos import abci_pb2
from govchain.consensus.cometbft.snapshots import read_offer
from govchain.consensus.cometbft.state_sync import read_joined
from govchain.consensus.etcd.records import BlockRecord, decode_content, decode_record
from govchain.consensus.messages import SHAPES, decode_message
from govchain.crypto import der, get_suite
from govchain.crypto.asn1 import load_strict
from govchain.crypto.certificates import decode_certificate_key
from govchain.crypto.sm2 import decode_ciphertext_der, decode_signature_der
from govchain.documents.extract import decode_paper
from govchain.ledger import decode_chain_state
from govchain.merkle import Frontier
from govchain.model import GovChainError, decode_strict
from govchain.model.canonical import prescan
from govchain.model.wire import Genesis
from govchain.modules.evidence import messages
from govchain.modules.evidence.messages import records
from govchain.peers.frames import decode_head
from govchain.peers.hello import decode_hello
from govchain.peers.identity import open_tls_key
from govchain.proof import layout
from govchain.proof.equivocation import decode_equivocation
from govchain.proof.exact import decode_exact
from govchain.proof.genesis_signatures import decode_genesis_signature
from govchain.proof.members import verify_member_record
from govchain.sdk import trust
from govchain.sdk.backups import BackupState
from govchain.sdk.catalogue import Catalogue
from govchain.sdk.sessions import decode_challenge
from govchain.sdk.wire import decode_answer
from govchain.services.ceremony import read_records
from govchain.services.configurations import decode_configuration
from govchain.signers import check_passphrase, passphrase_from_file, read_private_file
from govchain.signers.files import read_key_file
from govchain.storage import snapshot_checks
from govchain.storage.archive_files import ArchiveReader, decode_archive_manifest, decode_archived_block
from govchain.storage.archive_mounts import decode_mounts
from govchain.storage.backup_checks import decode_backup_manifest
from govchain.storage.directory import inspect_directory
from tests.proof.chainkit import KINDS, Chain
from tools.tidy.tree import ROOT

SOURCE = ROOT / "src" / "govchain"
SUITE = get_suite("gm")
#: Longest time for one input, in seconds; far above what any takes.
INPUT_SECONDS_MAX = 20
RANDOM_INPUTS = 40

#: Public decoders and openers that never see outside bytes by themselves, and why.
INSIDE = {
    "modules.accounts.messages.decode_account": "a value of a node's own state, or one that a proof has fixed before",
    "modules.accounts.messages.decode_organisation": "the same",
    "modules.governance.messages.values.decode_chain": "the same",
    "modules.governance.messages.values.decode_member": "the same",
    "modules.governance.messages.values.decode_parameter": "the same",
    "modules.governance.messages.values.decode_policy": "the same",
    "modules.governance.messages.values.decode_proposal": "the same",
    "modules.governance.messages.values.decode_upgrade": "the same",
    "modules.governance.messages.values.open_key": "makes a state key of a text",
    "modules.governance.views.open_proposals": "reads a value of a node's own state",
    "sdk.catalogue.Catalogue.open": "listed below under its class",
    "node.opening.open_node": "opens a data directory; its files are read by what is listed here",
    "node.embedded.open_embedded": "opens a data directory; its files are read by what is listed here",
    "cli.opening.open_chain": "the same, for a command",
    "cli.opening.open_key": "a key by name; the file is read by read_private_file and decode_key_file",
    "signers.uris.open_signer": "the same, by URI",
    "signers.files.open_key_file": "the same, by path",
    "crypto.der.read_integer": "behind read_sequence, within decode_signature_der and decode_ciphertext_der",
    "crypto.der.read_octets": "as read_integer",
    "modules.evidence.messages.records.read_record": "takes a body that decode_body has read",
    "sdk.tree.read_path": "takes an index, no bytes",
    "sdk.reading.read_file": "digests a file of any content by pieces; nothing is decoded",
    "ops.bench.workload.read_batches": "reads what the bench itself has written",
    "node.resources.read_group_memory": "reads what the kernel says of memory, and takes nothing else",
    "cli.opening.open_http": "a connection; what a node answers is read by the decoders of sdk.wire",
    "cli.opening.open_http_as": "the same",
    "node.listening.open_listener": "a socket, at an address of the settings",
    "cli.opening.open_transport": "the same, or a data directory",
    "storage.backup_checks.open_backup": "reads a manifest by what is listed here",
    "storage.backup_checks.read_bounded": "bytes of a file, not decoded",
    "index.reading.read_activity": "rows of the index's own tables",
    "index.reading.read_evidence": "the same",
    "index.reading.read_transactions": "the same",
    "index.writer.read_cursor": "the same; its columns are typed by the database",
    "index.writer.read_facts": "the same",
    "services.indexing.read_index_status": "the same, by read_cursor",
}

#: Listed by methods of classes and by verbs other than those that are searched for.
BESIDE = {
    "model.canonical.prescan",
    "merkle.rfc9162.Frontier.decode",
    "sdk.catalogue.Catalogue",
    "proof.verify.verify_package",
    "proof.members.verify_member_record",
    "crypto.asn1.load_strict",
    "signers.passphrases.check_passphrase",
    "signers.passphrases.passphrase_from_file",
    "storage.archive_files.ArchiveReader",
    "storage.directory.inspect_directory",
    "crypto.algorithms.check_signature",
}
VERBS = ("decode_", "open_", "read_", "parse_")


def through_file(name, take):
    """A taker of bytes that finds them in a file of its own."""

    def run(data, folder):
        path = folder / name
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
        return take(path)

    return run


def directly(take):
    return lambda data, _folder: take(data)


def open_catalogue(path):
    with Catalogue.open(path) as catalogue:
        return catalogue.find_digest("66" * 32)


def inspect(path):
    (path.parent / "store").mkdir(exist_ok=True)
    return inspect_directory(path.parent)


def parse_time(data):
    """As a command does, which turns what is no time into its own error."""
    return evidence_commands._time(data.decode("latin-1"), "--from")


def engine_keys(path):
    """A home of the engine whose voting key is that file."""
    home = path.parent / "engine"
    create_engine_keys(home)
    (home / VALIDATOR_KEY_FILE).write_bytes(path.read_bytes())
    read_engine_keys(home)


def snapshot_offer(data):
    """An engine's offer of a snapshot with that manifest."""
    read_offer(abci_pb2.Snapshot(format=1, metadata=data, hash=hashlib.sha256(data).digest()), lambda _height: None)


def route_message(data):
    """As every shape; what none of them is, is refused."""
    refused = []
    for shape in SHAPES:
        try:
            decode_message(data, shape)
        except GovChainError as error:
            refused.append(error)
    if refused:
        raise refused[-1]


#: What takes outside bytes, by its public name, and how to hand them over.
TAKERS = {
    "consensus.cometbft.keys.read_engine_keys": through_file("validator", engine_keys),
    "consensus.cometbft.snapshots.read_offer": directly(snapshot_offer),
    "consensus.cometbft.state_sync.read_joined": through_file("joined.json", lambda path: read_joined(path.parent)),
    "model.canonical.prescan": directly(prescan),
    "model.canonical.decode_strict": directly(lambda data: decode_strict(data, Genesis)),
    "proof.exact.decode_exact": directly(lambda data: decode_exact(data, Genesis)),
    "proof.transactions.decode_envelope": directly(proof.decode_envelope),
    "proof.transactions.decode_body": directly(proof.decode_body),
    "proof.transactions.decode_receipt": directly(proof.decode_receipt),
    "proof.headers.decode_header": directly(proof.decode_header),
    "proof.certificates.decode_certificate": directly(proof.decode_certificate),
    "proof.equivocation.decode_equivocation": directly(decode_equivocation),
    "proof.genesis_signatures.decode_genesis_signature": directly(decode_genesis_signature),
    "services.ceremony.read_records": directly(lambda data: read_records([("file", data)])),
    "proof.genesis.decode_genesis": directly(proof.decode_genesis),
    "consensus.etcd.records.decode_content": directly(decode_content),
    "consensus.etcd.records.decode_record": directly(lambda data: decode_record(BlockRecord, data, "block")),
    "modules.evidence.messages.items.decode_item": directly(messages.decode_item),
    "modules.evidence.messages.records.decode_mark": directly(records.decode_mark),
    "proof.layout.decode_manifest": directly(layout.decode_manifest),
    "proof.archive.decode_archive": directly(proof.decode_archive),
    "proof.trust.decode_anchor": directly(proof.decode_anchor),
    "proof.verify.verify_package": directly(
        lambda data: proof.verify_package(data, kinds=KINDS, trusted=proof.TrustAnchors())
    ),
    "sdk.trust.decode_anchor": directly(trust.decode_anchor),
    "sdk.catalogue.Catalogue": through_file("catalogue.db", open_catalogue),
    "merkle.rfc9162.Frontier.decode": directly(lambda data: Frontier.decode(SUITE.digest, data)),
    "ledger.chain.decode_chain_state": directly(decode_chain_state),
    "storage.snapshot_checks.read_entries": directly(lambda data: list(snapshot_checks.read_entries(data, "chunk"))),
    "storage.archive_files.ArchiveReader": through_file("a.gca", lambda path: ArchiveReader(path).close()),
    "storage.archive_files.decode_archive_manifest": directly(decode_archive_manifest),
    "storage.archive_files.decode_archived_block": directly(decode_archived_block),
    "storage.archive_mounts.decode_mounts": directly(decode_mounts),
    "storage.backup_checks.decode_backup_manifest": directly(decode_backup_manifest),
    "storage.directory.inspect_directory": through_file("data/FORMAT", inspect),
    "crypto.asn1.load_strict": directly(lambda data: load_strict(crypto.keyfile.asn1.PrivateKeyInfo, data)),
    "crypto.der.read_sequence": directly(der.read_sequence),
    "crypto.sm2.decode_signature_der": directly(decode_signature_der),
    "crypto.sm2.decode_ciphertext_der": directly(decode_ciphertext_der),
    "consensus.messages.decode_message": directly(route_message),
    "peers.frames.decode_head": directly(decode_head),
    "peers.hello.decode_hello": directly(decode_hello),
    "peers.identity.open_tls_key": through_file(
        "tls.pem", lambda path: open_tls_key(path, path, lambda _name: b"passphrase")
    ),
    "signers.files.read_key_file": through_file(
        "key.pem", lambda path: read_key_file(path, lambda _name: b"passphrase")
    ),
    "crypto.certificates.decode_certificate_key": directly(decode_certificate_key),
    "proof.members.verify_member_record": directly(lambda data: verify_member_record(SUITE, data)),
    "crypto.algorithms.decode_public_key": directly(crypto.decode_public_key),
    "crypto.algorithms.check_signature": directly(
        lambda data: [crypto.check_signature(name, data[:64], data, data[64:]) for name in crypto.ALGORITHMS]
    ),
    "crypto.keyfile.decode_key_file": directly(lambda data: crypto.decode_key_file(data, b"passphrase")),
    "crypto.keyfile.decode_plain_key": directly(crypto.decode_plain_key),
    "crypto.symmetric.open_sealed": directly(lambda data: crypto.open_sealed("sm4", bytes(16), bytes(12), data)),
    "signers.private_files.read_private_file": through_file(
        "private", lambda path: read_private_file(path, bytes_max=1024)
    ),
    "signers.passphrases.check_passphrase": directly(check_passphrase),
    "signers.passphrases.passphrase_from_file": through_file("passphrase", lambda path: passphrase_from_file(path)("")),
    "cli.reading.read_small": through_file("small", lambda path: read_small(path, 1024)),
    "cli.keys.read_public_key": through_file("key", lambda path: cli_keys.read_public_key(str(path), None, "sm2-sm3")),
    "cli.keys.read_signature": through_file("signature", lambda path: cli_keys.read_signature(str(path), "sm2-sm3")),
    "cli.opening.read_genesis": through_file("genesis.json", lambda path: opening.read_genesis(path.parent)),
    "cli.output.parse_time": directly(parse_time),
    "cli.opening.read_genesis_file": through_file("genesis.json", lambda path: opening.read_genesis_file(path.parent)),
    "cli.private.read_private": through_file("private", lambda path: read_private(path, 1024)),
    "api.cursors.open_cursor": directly(lambda data: open_cursor(data.decode("latin-1"), "question")),
    "documents.extract.decode_paper": directly(decode_paper),
    "sdk.wire.decode_answer": directly(lambda data: decode_answer(data, BackupState)),
    "sdk.sessions.decode_challenge": directly(lambda data: decode_challenge(data.decode("latin-1"))),
    "services.configurations.decode_configuration": directly(decode_configuration),
}

#: These answer with the error that their one caller turns into ours.
OWN_ERRORS = (GovChainError, der.DerError, crypto.keyfile.asn1.Asn1Error)


def public_decoders():
    """Every public function of the source whose name starts with one of the verbs, as room.module.name."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        found |= {
            f"{module}.{node.name}"
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith(VERBS)
        }
    return found


def hostile():
    """Named inputs: oversized, deep, lying about lengths, and random ones from fixed seeds."""
    source = random.Random(20260)
    chain = Chain()
    id = chain.put()
    package = chain.package(id)
    yield "empty", b""
    yield "zeros", bytes(17_000_000)
    yield "letters", b"A" * 17_000_000
    yield "deep JSON", b'{"a":' * 200_000
    yield "deep array", b'{"a":' + b"[" * 1_000_000
    yield "long string", b'{"chain":"' + b"x" * 17_000_000 + b'"}'
    yield "long number", b'{"height":' + b"9" * 1_000_000 + b"}"
    yield "long key", b'{"' + b"k" * 5_000_000 + b'":1}'
    yield "MessagePack length", b"\x93\x01\xc6\xff\xff\xff\xff" + bytes(100)
    yield "MessagePack array", b"\x93\x01\xc4\x02{}\xdd\xff\xff\xff\xff"
    yield "DER length", b"\x30\x84\xff\xff\xff\xff" + bytes(100)
    yield "DER endless length", b"\x30\xff" + b"\xff" * 127
    yield "deep DER", b"\x30\x80" * 100_000
    yield "deep definite DER", b"\x30\x7e" * 63
    yield "zip counts", b"PK\x05\x06\0\0\0\0" + b"\xff" * 14
    yield "chunk length", b"\x01\xff\xff\xff\xff" + bytes(100)
    yield "PEM without end", b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 1_000_000
    yield "PEM of zeros", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    yield "SQLite header", b"SQLite format 3\0" + b"\xff" * 5000
    good = [package, chain.genesis_bytes, chain.headers[1], chain.certificates[1], chain.find(id)[2], chain.find(id)[4]]
    for number in range(RANDOM_INPUTS):
        yield f"random {number}", source.randbytes(source.choice((1, 7, 64, 300, 5000)))
        changed = bytearray(good[number % len(good)])
        for _ in range(1 + number % 3):
            changed[source.randrange(len(changed))] = source.randrange(256)
        yield f"changed {number}", bytes(changed)


def test_every_public_decoder_is_listed():
    decoders = public_decoders()
    known = set(TAKERS) | set(INSIDE)
    assert decoders - known == set(), "list the new decoder in TAKERS, or in INSIDE with a reason"
    assert {name for name in known - BESIDE if not name.endswith("Catalogue.open")} - decoders == set()
    assert len(decoders) > 30


def test_a_decoder_that_is_not_listed_is_noticed(monkeypatch):
    monkeypatch.delitem(TAKERS, "modules.evidence.messages.items.decode_item")
    with pytest.raises(AssertionError, match="decode_item"):
        test_every_public_decoder_is_listed()


def answer(take, data, folder):
    """'taken', the name of our error, or what went wrong."""
    started = time.process_time()
    try:
        take(data, folder)
        told = "taken"
    except OWN_ERRORS as error:
        told = type(error).__name__
    except BaseException as error:  # noqa: BLE001 - a crash of any kind is what is looked for
        return f"crash: {type(error).__name__}: {error}"[:200]
    return told if time.process_time() - started < INPUT_SECONDS_MAX else "crash: too slow"


@pytest.mark.requirement("BJ.security.integrity.03")
def test_the_share_of_inputs_that_are_checked_is_all_of_them(tmp_path, capsys):
    inputs = list(hostile())
    crashes, refused = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, take in TAKERS.items():
            folder = tmp_path / name
            folder.mkdir()
            own = 0
            for label, data in inputs:
                told = answer(take, data, folder)
                if told.startswith("crash"):
                    crashes.append(f"{name}: {label}: {told}")
                own += told != "taken"
            refused += own
    checked = len(TAKERS) - len({line.split(":")[0] for line in crashes})
    with capsys.disabled():
        print(
            f"\nentry points that take outside bytes: {len(TAKERS)}; bounds checked, no crash: {checked} "
            f"({100 * checked // len(TAKERS)} %); inputs: {len(inputs)} each, {refused} refused with our own error"
        )
    assert crashes == []
    assert refused > len(TAKERS) * len(inputs) * 0.8


def test_a_taker_that_crashes_is_counted(tmp_path):
    def planted(data, _folder):
        return sqlite3.connect(":memory:").execute(data.decode("latin-1"))

    assert answer(planted, b"\xff", tmp_path).startswith("crash: ")
