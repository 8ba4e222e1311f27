"""Blocks once more, from docs/spec/block.md alone: slow, in plain Python, over dictionaries.

`SlowChain.follow` takes what a block was given (envelopes, writes, receipts, time) and makes its header's bytes anew.
"""

from __future__ import annotations

import hashlib
import json

from tests.merkle.reference import mth, smt

DELTA = ("accounts.account", "accounts.organisation", "evidence.mark", "evidence.record", "trial.live", "trial.value")
LIVE = ("accounts.account", "accounts.organisation", "evidence.mark", "trial.live")


def sm3(data):
    return hashlib.new("sm3", data).digest()


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def part(value):
    if isinstance(value, int):
        value = value.to_bytes(8, "big")
    elif isinstance(value, str):
        value = value.encode()
    return len(value).to_bytes(4, "big") + value


def tagged(domain, *parts, digest=sm3):
    framed = len(domain).to_bytes(2, "big") + domain.encode() + b"".join(part(value) for value in parts)
    return digest(framed)


def namespace(key):
    return key.split(b"/")[0].decode()


def leaf_of_write(key, value):
    return part(key) + (b"\x00" if value is None else b"\x01" + value)


def delta_leaves(writes):
    return [leaf_of_write(key, value) for key, value in sorted(writes) if namespace(key) in DELTA]


def live_items(state, digest=sm3):
    return {digest(key): digest(value) for key, value in state.items() if namespace(key) in LIVE}


def signer_digest(rule, members, digest=sm3):
    parts = [rule]
    for algorithm, key in sorted(members, key=lambda member: member[1]):
        parts += [algorithm, key]
    return tagged("govchain/signers/1", *parts, digest=digest).hex()


class SlowChain:
    """Follows a chain of one signer set; `genesis_writes` is the state that genesis makes."""

    def __init__(self, genesis, genesis_writes, digest=sm3):
        self.digest = digest
        self.chain = genesis["chain"]
        self.previous = tagged("govchain/genesis/1", canonical(genesis), digest=digest)
        members = [(member["algorithm"], bytes.fromhex(member["key"])) for member in genesis["members"]]
        self.signers = signer_digest(genesis["rule"], members, digest)
        self.identities = []
        self.state = {}
        self.root = self._root(bytes(32), genesis_writes)

    def _root(self, previous, writes):
        for key, value in writes:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        delta = mth(delta_leaves(writes), self.digest)
        live = smt(live_items(self.state, self.digest), "", self.digest)
        return tagged("govchain/state/1", previous, delta, live, digest=self.digest)

    def follow(self, envelopes, receipts, writes, time, checkpoint=None):
        """The header's bytes and the block's identity."""
        self.root = self._root(self.root, writes)
        header = canonical(
            {
                "chain": self.chain,
                "checkpoint": checkpoint,
                "epoch": 0,
                "height": len(self.identities) + 1,
                "history": mth(self.identities, self.digest).hex(),
                "next_signers": self.signers,
                "previous": self.previous.hex(),
                "receipt_root": mth(receipts, self.digest).hex(),
                "signers": self.signers,
                "state_root": self.root.hex(),
                "time": time,
                "transaction_count": len(envelopes),
                "transaction_root": mth([self.digest(envelope) for envelope in envelopes], self.digest).hex(),
                "version": 1,
            }
        )
        self.previous = tagged("govchain/header/1", header, digest=self.digest)
        self.identities.append(self.previous)
        return header, self.previous


def receipt(code, events, height, index, transaction):
    """A receipt's bytes; events as (type, organisation, reference, data)."""
    told = [
        {"data": data, "organisation": organisation, "reference": reference, "type": kind, "version": 1}
        for kind, organisation, reference, data in events
    ]
    return canonical(
        {
            "code": code, "events": told, "height": height, "index": index, "transaction": transaction.hex(),
            "version": 1,
        }
    )  # fmt: skip
