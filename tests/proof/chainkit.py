"""Small synthetic chains, built in plain Python from docs/spec/block.md and evidence-package.md alone.

Nothing here uses the rooms under test except primitives (digests and signing keys) and, in `contents`, the frozen parts
that `build_package` takes. Everything is deterministic but RSA keys.
"""

import functools
import hashlib
import io
import json
import zipfile

from govchain import proof
from govchain.crypto import SigningKey
from govchain.sdk.kinds import installed_kinds
from tests.merkle.reference import mth, path, smt, smt_path

#: The kinds of claim that verifiers get.
KINDS = installed_kinds()
CREATED = 1_760_000_000_000
CITY = ("11110000000000001R", "市政务服务局")
BUREAU = ("11110000000000002W", "Bureau of Tests \\ 局")


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sm3(data):
    return hashlib.new("sm3", data).digest()


def sha256(data):
    return hashlib.sha256(data).digest()


def frame(domain, *parts):
    out = len(domain).to_bytes(2, "big") + domain.encode()
    for part in parts:
        if isinstance(part, int):
            part = part.to_bytes(8, "big")
        elif isinstance(part, str):
            part = part.encode()
        out += len(part).to_bytes(4, "big") + part
    return out


@functools.cache
def signing_key(algorithm, label):
    if algorithm == "rsa-pss-sha256":
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        secret = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    else:
        secret = bytes(1) + sha256(label.encode())[1:]
    return SigningKey(algorithm, secret)


class Account:
    def __init__(self, chain, algorithm, label):
        self.secret = signing_key(algorithm, label)
        self.algorithm = algorithm
        self.key = self.secret.public_key
        self.address = chain.tagged("govchain/account/1", chain.name, algorithm, self.key)[:20].hex()


class Members:
    """A signer set whose keys we hold."""

    def __init__(self, suite, rule, labels):
        self.algorithm = "sm2-sm3" if suite == "gm" else "ecdsa-p256-sha256"
        keys = [signing_key(self.algorithm, label) for label in labels]
        self.keys = sorted(keys, key=lambda key: key.public_key)
        self.rule = rule
        self.set = {
            "keys": [{"algorithm": self.algorithm, "key": key.public_key.hex()} for key in self.keys],
            "rule": rule,
        }

    def digest(self, chain):
        parts = [self.rule]
        for key in self.keys:
            parts += [self.algorithm, key.public_key]
        return chain.tagged("govchain/signers/1", *parts).hex()


class Chain:
    def __init__(self, *, suite="gm", rule="solo", members=("m1",), name="gov-test", test_clock=False, extra=()):
        self.suite, self.name = suite, name
        self.hash = sm3 if suite == "gm" else sha256
        self.members = Members(suite, rule, members)
        default = "sm2-sm3" if suite == "gm" else "ecdsa-p256-sha256"
        self.alice = Account(self, default, f"{name}-alice")
        self.bob = Account(self, default, f"{name}-bob")
        self.extra = [Account(self, algorithm, f"{name}-{algorithm}-x") for algorithm in extra]
        self.genesis = {
            "accounts": [
                {"administrator": True, "algorithm": a.algorithm, "key": a.key.hex(), "label": "", "organisation": o,
                 "roles": ["department"]}
                for a, o in [(self.alice, CITY[0]), (self.bob, BUREAU[0]), *((x, CITY[0]) for x in self.extra)]
            ],
            "algorithms": sorted({default, *extra}),
            "chain": name,
            "created": CREATED,
            "format": "govchain-genesis/1",
            "limits": {
                "block_bytes_max": 4194304, "block_transactions_max": 10000, "body_bytes_max": 65536,
                "body_depth_max": 16, "checkpoint_delay_blocks": 64, "checkpoint_writes_min": 1000000,
                "expiry_ms_max": 600000, "signatures_max": 16, "window_ids_max": 8000000,
            },
            "members": [
                {"algorithm": self.members.algorithm, "key": key.public_key.hex(), "name": f"n{i}",
                 "organisation": CITY[0]}
                for i, key in enumerate(self.members.keys)
            ],
            "modules": [{"digest": "00" * 32, "name": "evidence", "version": 1}],
            "organisations": [{"code": code, "name": text} for code, text in sorted((CITY, BUREAU))],
            "rule": rule,
            "suite": suite,
            "test_clock": test_clock,
        }  # fmt: skip
        self.genesis_bytes = canonical(self.genesis)
        self.fingerprint = self.tagged("govchain/genesis/1", self.genesis_bytes).hex()
        self.headers, self.certificates, self.identities = {}, {}, []
        self.blocks, self.roots, self.lives = {}, {}, {0: {}}
        self.state_root = self.tagged("govchain/state/1", bytes(32), self.tree([]), bytes(32))
        self.epoch, self.height, self.time = 0, 0, CREATED

    def tagged(self, domain, *parts):
        return self.hash(frame(domain, *parts))

    def tree(self, leaves):
        return mth(leaves, self.hash)

    # -- transactions ---------------------------------------------------------------------------------------------

    def body(self, type, payload, signers=None, **more):
        signers = signers or [self.alice]
        value = {
            "chain": self.name, "type": type, "version": 1, "nonce": f"{self.height:016x}", "payload": payload,
            "expires": self.time + 300_000,
            "signers": [{"account": s.address, "algorithm": s.algorithm, "key": s.key.hex()} for s in signers],
            **more,
        }  # fmt: skip
        return json.dumps(value, ensure_ascii=False, indent=1).encode()

    def sign(self, body, signers=None):
        return [signer.secret.sign(body) for signer in signers or [self.alice]]

    def envelope(self, body, signatures):
        def blob(data):
            n = len(data)
            if n < 256:
                return b"\xc4" + n.to_bytes(1, "big") + data
            return (b"\xc5" + n.to_bytes(2, "big") if n < 65536 else b"\xc6" + n.to_bytes(4, "big")) + data

        count = len(signatures)
        head = bytes((0x90 + count,)) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
        return b"\x93\x01" + blob(body) + head + b"".join(blob(s) for s in signatures)

    # -- blocks ---------------------------------------------------------------------------------------------------

    def add(
        self, *bodies, live=None, code=0, organisation=CITY[0], next_members=None, signers=None, time=None, change=None
    ):
        """One block with `bodies` (bytes, or (bytes, signers)); `live` changes present values: key to bytes or None.

        `change` falsifies header fields before the block is signed.
        """
        height = self.height + 1
        time = self.time + 1000
        transactions = []
        for index, body in enumerate(bodies):
            body, who = body if isinstance(body, tuple) else (body, [self.alice])
            id = self.hash(body).hex()
            event = {"data": {"b": 1, "a": "值"}, "organisation": organisation, "reference": "",
                     "type": "evidence.anchored", "version": 1}  # fmt: skip
            events = [event] if organisation else []
            receipt = canonical(
                {"code": code, "events": events, "height": height, "index": index, "transaction": id, "version": 1}
            )
            transactions.append((id, body, self.sign(body, who), receipt))
        leaves = [self.hash(self.envelope(body, signatures)) for _, body, signatures, _ in transactions]
        receipts = [receipt for *_, receipt in transactions]
        present = dict(self.lives[height - 1])
        writes = []
        for key, value in sorted((live or {}).items()):
            present.pop(key, None)
            if value is not None:
                present[key] = value
            tail = b"\x00" if value is None else b"\x01" + value
            writes.append(len(key).to_bytes(4, "big") + key + tail)
        root = smt({self.hash(k): self.hash(v) for k, v in present.items()}, hash=self.hash)
        parts = (self.state_root, self.tree(writes), root)
        members, following = self.members, next_members or self.members
        header = {
            "chain": self.name, "checkpoint": None, "epoch": self.epoch, "height": height,
            "history": self.tree(self.identities).hex(), "next_signers": following.digest(self),
            "previous": self.identities[-1].hex() if self.identities else self.fingerprint,
            "receipt_root": self.tree(receipts).hex(), "signers": self.members.digest(self),
            "state_root": self.tagged("govchain/state/1", *parts).hex(), "time": time,
            "transaction_count": len(bodies), "transaction_root": self.tree(leaves).hex(), "version": 1,
        }  # fmt: skip
        header |= change or {}
        self.headers[height] = canonical(header)
        identity = self.tagged("govchain/header/1", self.headers[height])
        self.certificates[height] = self.certify(header, identity, members)
        self.identities.append(identity)
        self.blocks[height] = (transactions, leaves, receipts)
        self.roots[height], self.lives[height] = parts, present
        self.state_root = bytes.fromhex(header["state_root"])
        self.epoch += header["signers"] != header["next_signers"]
        self.members, self.height, self.time = following, height, time
        return [id for id, *_ in transactions]

    def certify(self, header, identity, members, signing=None, rename=None):
        message = frame(
            "govchain/finality/1", header["chain"], header["epoch"], header["height"], identity,
            bytes.fromhex(header["state_root"]),
        )  # fmt: skip
        keys = sorted(members.keys if signing is None else signing, key=lambda key: key.public_key)
        return canonical({
            "chain": header["chain"], "epoch": header["epoch"], "height": header["height"], "identity": identity.hex(),
            "set": members.set, "state_root": header["state_root"], "version": 1,
            "signatures": [{"key": k.public_key.hex(), "signature": k.sign(message).hex()} for k in keys],
            **(rename or {}),
        })  # fmt: skip

    def put(self, **more):
        """A block with one evidence.put of `item(...)`; its id."""
        return self.add(self.body("evidence.put", {"reference": "R-1", "subject": item(**more)}))[0]

    def mark(self, id, kind="withdrawn", member=None, reason="error"):
        """A block that marks a record (or a leaf)."""
        key = b"evidence.mark/" + bytes.fromhex(id) + (b"" if member is None else member.to_bytes(4, "big"))
        body = self.body("evidence.withdraw", {"evidence": id, "member": member, "reason": reason})
        value = {"account": self.alice.address, "by": self.hash(body).hex(), "kind": kind, "organisation": CITY[0],
                 "reason": reason, "time": self.time + 1000}  # fmt: skip
        return self.add(body, live={key: canonical(value)})[0]

    # -- proofs ---------------------------------------------------------------------------------------------------

    def find(self, id):
        for height, (transactions, leaves, receipts) in self.blocks.items():
            for index, (other, body, signatures, receipt) in enumerate(transactions):
                if other == id:
                    return height, index, body, signatures, receipt, leaves, receipts
        raise KeyError(id)

    def status(self, id, member, height):
        previous, delta, live = self.roots[height]
        present = {self.hash(k): (k, v) for k, v in self.lives[height].items()}
        entries = []
        keys = [b"evidence.mark/" + bytes.fromhex(id)]
        if member is not None:
            keys.append(keys[0] + member.to_bytes(4, "big"))
        for key in keys:
            digests = {p: self.hash(v) for p, (_, v) in present.items()}
            siblings, leaf = smt_path(digests, self.hash(key), self.hash)
            value = self.lives[height].get(key)
            other = None
            if value is None and leaf is not None:
                other = {"path": leaf[0].hex(), "value_digest": leaf[1].hex()}
            entries.append({"key": key.hex(), "other": other, "siblings": [s.hex() for s in siblings],
                            "value": None if value is None else value.hex()})  # fmt: skip
        return {"delta": delta.hex(), "entries": entries, "height": height, "live": live.hex(),
                "previous": previous.hex()}  # fmt: skip

    def contents(self, *claims, anchors=()):
        """PackageContents for claims: an id (a transaction) or dict(id=, at=, member=, items=, openings=)."""
        by_id = {}
        for claim in claims:
            claim = {"id": claim} if isinstance(claim, str) else claim
            height, index, body, signatures, receipt, leaves, receipts = self.find(claim["id"])
            entry = by_id.setdefault(claim["id"], {"body": body, "receipt": receipt, "claims": []})
            entry["proof"] = proof.TransactionProof(
                len(leaves), height, index, texts(path(index, receipts, self.hash)), texts(signatures), claim["id"],
                texts(path(index, leaves, self.hash)),
            )  # fmt: skip
            if "at" in claim:
                entry["claims"].append(self.record(claim))
        entries = tuple(
            proof.TransactionContents(e["body"], e["receipt"], e["proof"], tuple(e["claims"])) for e in by_id.values()
        )
        bare = proof.PackageContents(self.genesis_bytes, {}, entries)
        plan = proof.plan_package(bare.claims(), KINDS, anchors)
        changes = {h for h in range(1, plan.head) if json.loads(self.headers[h])["signers"]
                   != json.loads(self.headers[h])["next_signers"]}  # fmt: skip
        headers = {h: (self.headers[h], self.certificates[h]) for h in {*plan.heights, *changes}}
        histories = tuple(
            proof.HistoryProof(n, h, texts(path(h - 1, self.identities[: n - 1], self.hash))) for h, n in plan.histories
        )
        return proof.PackageContents(self.genesis_bytes, headers, entries, histories)

    def record(self, claim):
        """The contents of an evidence claim, with the members' names of evidence-package.md 1."""
        id, leaf = claim["id"], claim.get("member")
        place, members = id if leaf is None else f"{id}-{leaf}", {}
        if leaf is not None:
            data = [canonical(one) for one in claim["items"]]
            steps = [node.hex() for node in path(leaf, data, self.hash)]
            members[f"attachments/item-{place}.json"] = data[leaf]
            members[f"proofs/member-{place}.json"] = canonical({"count": len(data), "index": leaf, "path": steps})
        if claim.get("openings") is not None:
            members[f"attachments/openings-{place}.json"] = canonical(claim["openings"])
        status = convert(self.status(id, leaf, claim["at"]), proof.StatusProof)
        return proof.ClaimContents("evidence", leaf, status, members)

    def package(self, *claims, anchors=()):
        return proof.build_package(self.contents(*claims, anchors=anchors), KINDS)

    def raw(self, *claims, anchors=()):
        """The package of `claims` with empty statements, built without asking whether it holds."""
        contents = self.contents(*claims, anchors=anchors)
        members = {"genesis.json": self.genesis_bytes, "statement.en.txt": b"", "statement.zh.txt": b""}
        for height, (header, certificate) in contents.headers.items():
            members[f"headers/{height}.json"] = header
            members[f"certificates/{height}.json"] = certificate
        for one in contents.histories:
            members[f"proofs/history-{one.height}-{one.head}.json"] = plain(one)
        for entry in contents.transactions:
            id = entry.proof.transaction
            members[f"bodies/{id}.json"], members[f"receipts/{id}.json"] = entry.body, entry.receipt
            members[f"proofs/transaction-{id}.json"] = plain(entry.proof)
            for claim in entry.claims:
                place = id if claim.leaf is None else f"{id}-{claim.leaf}"
                members |= {**claim.members, f"proofs/status-{place}.json": plain(claim.status)}
        manifest = {"chain": self.name, "format": "govchain-evidence-package/1", "genesis": self.fingerprint}
        claims = [json.loads(plain(claim)) for claim in contents.claims()]
        return repack(members | {"manifest.json": b"{}"}, claims=claims, **manifest)

    @property
    def anchors(self):
        return proof.TrustAnchors(genesis=(self.fingerprint,))


def plain(value):
    import msgspec

    return canonical(msgspec.to_builtins(value))


def texts(values):
    return tuple(value.hex() for value in values)


def convert(value, schema):
    import msgspec

    return msgspec.convert(value, schema)


def item(content=b"content", **more):
    return {
        "capture": {"method": "file", "time": CREATED}, "commitments": [], "media_type": "text/plain",
        "name": "合同.txt", "sha256": sha256(content).hex(), "size": len(content), "sm3": sm3(content).hex(), **more,
    }  # fmt: skip


def private_item(chain, content=b"content", note="only for us"):
    """An item whose name, content digest and note are committed, and its openings."""
    values = {"content": sm3(content).hex(), "name": "王五.pdf", "note": note}
    openings, commitments = [], []
    for field, value in sorted(values.items()):
        salt = sha256(field.encode())
        openings.append({"field": field, "salt": salt.hex(), "value": value})
        commitment = chain.tagged("govchain/commitment/1", salt, field, value)
        commitments.append({"field": field, "value": commitment.hex()})
    about = item(content, commitments=commitments, name=None, sha256=None, sm3=None)
    return about, {"openings": openings}


def batch(chain, count):
    """A block with one evidence.batch of `count` items; its id and the items."""
    items = [item(bytes((i,)) * i, name=f"{i}.txt") for i in range(count)]
    payload = {
        "capture": {"method": "folder", "time": CREATED}, "count": count, "reference": "B-1",
        "root": chain.tree([canonical(one) for one in items]).hex(), "total_size": sum(i["size"] for i in items),
    }  # fmt: skip
    return chain.add(chain.body("evidence.batch", payload))[0], items


def write_zip(members):
    """The canonical archive, by the standard library's own writer."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 0
            archive.writestr(info, members[name])
        for info in archive.infolist():
            info.external_attr = 0  # the writer fills it in, and the directory is written at the end
    return buffer.getvalue()


def open_package(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repack(members, **manifest):
    """Members with a manifest whose digests fit again: what a forger would do."""
    value = json.loads(members["manifest.json"]) | manifest
    rest = {name: data for name, data in members.items() if name != "manifest.json"}
    value["members"] = {name: sm3(data).hex() for name, data in rest.items()}
    return write_zip(rest | {"manifest.json": canonical(value)})


def edit(members, name, **fields):
    """The member `name` with JSON fields replaced."""
    return members | {name: canonical(json.loads(members[name]) | fields)}
