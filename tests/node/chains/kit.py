"""Chains beside a node's own, as a client on another desk sees them: votes, evidence, packages."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace

import httpx

from govchain.model import Code
from govchain.proof import verify_package
from govchain.proof.trust import TrustAnchors
from govchain.sdk.client import Client
from govchain.sdk.http import HttpTransport
from govchain.sdk.kinds import installed_kinds
from govchain.sdk.network import HostedChain
from govchain.sdk.probing import ProbeTransport
from tests.node.kit import transaction_id

WAIT_S = 120


def consecutive_ports(count: int) -> int:
    """The first of so many ports of loopback on which nobody listens now, below those for outgoing connections."""
    for first in range(17_000, 19_900, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no ports")


@contextlib.contextmanager
def client_of(url: str, fingerprint: str, signer=None):
    """A client that trusts one genesis."""
    with HttpTransport(url, retries=0) as transport:
        yield Client(transport, trust=TrustAnchors((fingerprint,)), signer=signer)


def hosted(url: str) -> dict[str, HostedChain]:
    """What the node at ``url`` says of its chains, by name."""
    with ProbeTransport(url) as probe:
        return {one.chain: one for one in probe.chains().chains}


def stands(url: str, chain: str, state: str) -> bool:
    found = hosted(url).get(chain)
    return found is not None and found.state == state


def submit(url: str, actor, chain: str) -> tuple[str, int]:
    """Put a record to ``chain`` at the node at ``url``; its id and the node's code."""
    envelope = replace(actor, chain=chain).put()
    with HttpTransport(url, retries=0) as transport:
        (answer,) = transport.submit([envelope], wait=True, timeout_ms=60_000)
    return transaction_id(envelope).hex(), answer.code


def anchor(url: str, actor, chain: str) -> str:
    """The id of a record that was taken."""
    record, code = submit(url, actor, chain)
    assert code == Code.OK
    return record


def package_holds(url: str, record: str, fingerprint: str) -> bytes:
    """The record's package, which holds for whoever trusts that genesis and for nobody else."""
    data = httpx.get(f"{url}/v1/evidence/{record}/package", timeout=WAIT_S, trust_env=False)
    assert data.status_code == 200, data.text
    told = [
        verify_package(data.content, trusted=TrustAnchors((one,)), kinds=installed_kinds()).report.exit_code
        for one in (fingerprint, "00" * 32)
    ]
    assert told == [0, 3]
    return data.content
