"""Making a network: every organisation's part of the genesis ceremony, one after the other, and one node more later.

Purpose: :func:`create_network` does what separate organisations do with ``govchain node keys``, ``genesis assemble``,
``genesis sign``, ``genesis verify`` and ``node init``, by the same functions.
Rules: the folder appears whole or not at all; each node has an organisation, keys and a passphrase of its own.
Not here: starting nodes (``processes``), voting a node in or out (``membership``).
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from govchain.model import Code, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.model.identifiers import credit_code_check_digit
from govchain.node.founding import found_node
from govchain.node.modules import genesis_modules, installed_modules
from govchain.node.settings import load_settings
from govchain.ops.net.layout import (
    NETWORK_FORMAT,
    NODES_MAX,
    NetworkFile,
    NetworkFolder,
    NodeEntry,
    free_chain_ports,
    free_ports,
    save_network,
)
from govchain.proof.genesis import encode_genesis, fingerprint
from govchain.proof.members import MemberRecord, encode_member_record
from govchain.sdk.trust import TrustStore
from govchain.services.ceremony import assemble_genesis, judge_ceremony, read_records, sign_genesis
from govchain.services.configurations import settings_file
from govchain.services.node_keys import ENGINE_KINDS, NodePlan, create_node_keys
from govchain.signers import open_key_file, passphrase_source
from govchain.storage import DirectoryLayout
from govchain.texts import sentence

__all__ = ["NetworkPlan", "chain_ports_taken", "create_network", "make_node"]

#: Nodes that a new network has unless a number is named: the smallest that goes on when one is lost.
VALIDATORS: Final = {"cometbft": 4, "etcd": 3}


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """What a new network is to be. ``now`` is ms since 1970; ``validators`` 0 means as many as the engine wants.

    ``settings``: of every node, beside those that the network itself chooses. ``language``: of organisations' names.
    """

    now: int
    engine: Literal["cometbft", "etcd"] = "cometbft"
    validators: int = 0
    chain: str = ""
    suite: Literal["gm", "international"] = "gm"
    limits: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, str | int | bool] = field(default_factory=dict)
    language: str = "zh"


def create_network(path: Path, plan: NetworkPlan, tell: Callable[[str], None] = lambda name: None) -> NetworkFile:
    """Make a network in the folder ``path``, which must be absent or empty; ``tell`` hears of each node made.

    Raises:
        RefusedError: ``DATA_DIRECTORY_EXISTS``. UsageError: ``USAGE`` for a number of validators that is none.
        UnavailableError: ``DISK_FULL``, ``FILE_UNWRITABLE``, ``LISTEN_FAILED``.
    """
    count = plan.validators or VALIDATORS[plan.engine]
    if not 1 <= count <= NODES_MAX:
        raise UsageError(Code.USAGE, reason=f"validators: {count} is not within 1 to {NODES_MAX}")
    place = Path(os.path.abspath(path))
    if place.is_symlink() or (place.exists() and not (place.is_dir() and not any(place.iterdir()))):
        raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path=str(path))
    building = place.with_name(f".{place.name}.{secrets.token_hex(4)}.creating")
    folder = NetworkFolder(building)
    try:
        building.mkdir(mode=0o700)
        folder.members.mkdir()
        folder.signatures.mkdir()
        network = _fill(folder, plan, count, tell)
        save_network(building, network)
        if place.exists():
            place.rmdir()
        building.rename(place)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=error.strerror or "") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return network


def make_node(
    folder: NetworkFolder, number: int, ports: tuple[int, int, int], plan: NetworkPlan, chain: str
) -> tuple[NodeEntry, MemberRecord]:
    """The keys, settings and member file of node ``number``; ``ports`` are of the API, the peers and the engine."""
    name = f"node-{number}"
    first = f"11{110_000 + number:06d}GC{number:07d}"
    organisation = first + credit_code_check_digit(first)
    api, peers, engine = ports
    place = folder.node(name)
    place.home.mkdir(parents=True, mode=0o700)
    created = create_node_keys(
        place.data,
        NodePlan(
            chain=chain,
            organisation=organisation,
            organisation_name=sentence("net.organisation", plan.language, number=number),
            name=name,
            peers=f"127.0.0.1:{peers}",
            engine=f"127.0.0.1:{engine}",
            engine_kind=plan.engine,
            api=f"http://127.0.0.1:{api}",
            suite=plan.suite,
            now=plan.now,
        ),
    )
    own = {
        "chain_ports": free_chain_ports(chain_ports_taken(folder)),
        "listen": f"127.0.0.1:{api}",
        "log_format": "json",
    }
    settings = {**own, **plan.settings}
    DirectoryLayout(place.data).settings.write_bytes(settings_file(settings))
    record = created.record
    (folder.members / f"{name}.json").write_bytes(encode_member_record(record))
    entry = NodeEntry(
        api=api,
        engine=engine,
        key=record.key,
        name=name,
        organisation=organisation,
        organisation_name=record.organisation_name,
        peers=peers,
    )
    return entry, record


def chain_ports_taken(folder: NetworkFolder) -> list[int]:
    """Where the ports for further chains of the nodes that are there begin."""
    files = sorted(folder.path.glob(f"nodes/*/data/{DirectoryLayout(Path()).settings.name}"))
    return [load_settings(file, {}, {}).integer("chain_ports") for file in files]


def _fill(folder: NetworkFolder, plan: NetworkPlan, count: int, tell: Callable[[str], None]) -> NetworkFile:
    chain = plan.chain or f"net-{secrets.token_hex(4)}"
    ports = list(free_ports(3 * count))
    made = []
    for number in range(count):
        api, peers, engine = ports[3 * number : 3 * number + 3]
        made.append(make_node(folder, number, (api, peers, engine), plan, chain))
        tell(made[-1][0].name)
    files = folder.record_files()
    genesis = assemble_genesis(
        read_records(files), ENGINE_KINDS[plan.engine], genesis_modules(installed_modules()), plan.limits
    )
    data = encode_genesis(genesis)
    folder.genesis.write_bytes(data)
    signatures = {}
    for entry, record in made:
        layout = DirectoryLayout(folder.node(entry.name).data)
        signer = open_key_file(layout.node_key, passphrase_source(layout.keys))
        try:
            signatures[entry.name] = sign_genesis(genesis, record, signer)
        finally:
            signer.close()
        (folder.signatures / f"{entry.name}.json").write_bytes(signatures[entry.name])
    if not judge_ceremony(genesis, signatures).complete:
        raise VerificationError(Code.GENESIS_SIGNATURE, reason=fingerprint(genesis).hex())
    for entry, _ in made:
        place = folder.node(entry.name)
        found_node(place.data, data, files)
        TrustStore(place.home / "trust").add(data)
    return NetworkFile(
        chain=chain,
        engine=plan.engine,
        format=NETWORK_FORMAT,
        nodes=tuple(entry for entry, _ in made),
        suite=plan.suite,
    )
