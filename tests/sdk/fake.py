"""A node for tests of the client: the Transport port over a synthetic in-memory chain, honest; and the ways to lie.

The chain comes from `tests.proof.chainkit`, which is built from the specification alone. Its rules are the bare
minimum that the client's calls need; one block for each transaction.
"""

import json

from govchain.model import Code, encode_struct
from govchain.modules.accounts.messages import AccountValue
from govchain.proof.transactions import decode_envelope
from govchain.sdk.transport import (
    ChainStatus,
    LiveEntry,
    StatusProof,
    Submission,
    TransactionRecord,
)
from tests.merkle.reference import path, smt_path
from tests.proof.chainkit import CITY, Chain, canonical

ANCHORING = ("evidence.put", "evidence.batch", "evidence.supplement", "evidence.supersede")


class _Given:
    """A signer whose signature exists already."""

    def __init__(self, signature):
        self.signature = signature
        self.secret = self

    def sign(self, _message):
        return self.signature


class FakeTransport:
    """One honest node. `submitted` counts envelopes; `answers` are refusals to give before accepting again."""

    def __init__(self, chain=None):
        self.chain = chain or Chain()
        self.submitted = 0
        self.answers = []
        self.known = {}
        self.records = {}
        self.touched = {}
        self._accounts = {
            b"accounts.account/" + bytes.fromhex(account.address): self._account(account, department)
            for account, department in ((self.chain.alice, CITY[0]), (self.chain.bob, "11110000000000002W"))
        }
        first = self.chain.body("evidence.put", {"reference": "first", "subject": json.loads(FIRST)})
        self.chain.add(first, live=self._accounts)

    @staticmethod
    def _account(account, organisation, *, status="active", roles=("department",), administrator=True, label=""):
        key = account.key.hex()
        return encode_struct(
            AccountValue(administrator, account.algorithm, 0, key, label, organisation, tuple(roles), status)
        )

    # The port

    def genesis(self):
        return self.chain.genesis_bytes

    def status(self):
        chain = self.chain
        return ChainStatus(chain.name, chain.height, chain.identities[-1].hex(), chain.time, chain.height, 0, "fake")

    def submit(self, envelopes, *, wait, timeout_ms=30_000):
        return [self._submit(envelope) for envelope in envelopes]

    def _submit(self, envelope):
        self.submitted += 1
        body, signatures = decode_envelope(envelope)
        id = self.chain.hash(body).hex()
        if id in self.known:
            return Submission(id, Code.REPLAYED, self.known[id])
        if self.answers:
            return self.answers.pop(0)(id)
        value = json.loads(body)
        live, code = self._apply(id, value)
        self.chain.add((body, [_Given(signature) for signature in signatures]), live=live, code=code)
        self.known[id] = self.chain.blocks[self.chain.height][0][0][3]
        if code == 0 and value["type"] in ANCHORING:
            self.records[id] = value
            self.touched[id] = [id]
        if code == 0 and "evidence" in value["payload"]:
            self.touched[value["payload"]["evidence"]].append(id)
        return Submission(id, Code.OK, self.known[id])

    def _apply(self, id, value):
        payload = value["payload"]
        of = payload.get("evidence")
        if of is not None and of not in self.records:
            return {}, int(Code.EVIDENCE_UNKNOWN)
        if value["type"] in ("evidence.withdraw", "evidence.supersede"):
            member = payload["member"]
            key = b"evidence.mark/" + bytes.fromhex(of) + (b"" if member is None else member.to_bytes(4, "big"))
            kind = "withdrawn" if value["type"] == "evidence.withdraw" else "superseded"
            mark = {
                "account": value["signers"][0]["account"], "by": id, "kind": kind, "organisation": CITY[0],
                "reason": payload["reason"], "time": self.chain.time + 1000,
            }  # fmt: skip
            return {key: canonical(mark)}, 0
        if value["type"] == "accounts.register":
            address = self.chain.tagged(
                "govchain/account/1", self.chain.name, payload["algorithm"], bytes.fromhex(payload["key"])
            )[:20]
            stored = {**payload, "height": self.chain.height + 1, "organisation": CITY[0], "status": "active"}
            return {b"accounts.account/" + address: canonical(stored)}, 0
        if value["type"] in ("accounts.freeze", "accounts.unfreeze"):
            key = b"accounts.account/" + bytes.fromhex(payload["account"])
            stored = json.loads(self.chain.lives[self.chain.height][key])
            stored["status"] = "frozen" if value["type"] == "accounts.freeze" else "active"
            return {key: canonical(stored)}, 0
        return {}, 0

    def header(self, height):
        return self.chain.headers.get(height)

    def certificate(self, height):
        return self.chain.certificates.get(height)

    def transaction(self, transaction_id):
        try:
            height, index, body, signatures, receipt, leaves, receipts = self.chain.find(transaction_id)
        except KeyError:
            return None
        return TransactionRecord(
            transaction_id, height, index, len(leaves), body, tuple(signatures), receipt,
            tuple(path(index, leaves, self.chain.hash)), tuple(path(index, receipts, self.chain.hash)),
        )  # fmt: skip

    def history_path(self, height, head):
        return tuple(path(height - 1, self.chain.identities[: head - 1], self.chain.hash))

    def status_proof(self, keys, height=None):
        chain = self.chain
        height = height or chain.height
        previous, delta, live = chain.roots[height]
        digests = {chain.hash(key): chain.hash(value) for key, value in chain.lives[height].items()}
        entries = []
        for key in keys:
            siblings, leaf = smt_path(digests, chain.hash(key), chain.hash)
            value = chain.lives[height].get(key)
            other = None if value is not None or leaf is None else (leaf[0], leaf[1])
            entries.append(LiveEntry(key, value, tuple(siblings), other))
        return StatusProof(height, previous, delta, live, tuple(entries))

    def state_value(self, key):
        return self.chain.lives[self.chain.height].get(key)

    def find_evidence(self, query):
        return [id for id in reversed(self.records) if self._meets(id, query)][: query.limit]

    def _meets(self, id, query):
        value = self.records[id]
        subject = value["payload"].get("subject") or {}
        block = json.loads(self.chain.headers[self.chain.find(id)[0]])
        return (
            (query.digest is None or query.digest in (subject.get("sm3"), subject.get("sha256")))
            and (query.evidence is None or query.evidence == id)
            and (query.reference is None or query.reference == value["payload"]["reference"])
            and (query.account is None or query.account == value["signers"][0]["account"])
            and (query.time_from is None or block["time"] >= query.time_from)
            and (query.time_to is None or block["time"] < query.time_to)
        )

    def evidence_history(self, evidence):
        return list(self.touched.get(evidence, []))


FIRST = canonical(
    {
        "capture": {"method": "file", "time": 1}, "commitments": [], "media_type": "text/plain", "name": "first.txt",
        "sha256": "00" * 32, "size": 0, "sm3": "00" * 32,
    }
)  # fmt: skip


class Lying:
    """A node that lies in the methods given by keyword: each gets the honest answer and what was asked."""

    def __init__(self, honest, **lies):
        self._honest = honest
        self.lies = lies

    def __getattr__(self, name):
        honest = getattr(self._honest, name)
        if name not in self.lies:
            return honest
        lie = self.lies[name]

        def answer(*arguments, **options):
            return lie(honest(*arguments, **options), *arguments)

        return answer
