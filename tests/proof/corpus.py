"""Packages that must be refused, each named by its defect, with the step that notices.

Digests of the manifest are put right again after each falsification, so that the step under test is the one that
refuses. Whoever signs holds the real members' keys: what is refused here is refused although it is signed.
"""

import functools
import io
import json
import zipfile

from tests.proof.chainkit import (
    CREATED,
    Chain,
    Members,
    batch,
    canonical,
    edit,
    item,
    open_package,
    private_item,
    repack,
    sm3,
    write_zip,
)


def zipped(members, *, change=None, method=zipfile.ZIP_STORED, order=None):
    """The archive with `change` done to each entry, another method, or another order of members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in order or sorted(members):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.compress_type = 0, method
            if change:
                change(info)
            archive.writestr(info, members[name])
        for info in archive.infolist():
            info.external_attr = 0
    return buffer.getvalue()


def renamed(data, old, new):
    """A raw package whose member `old` is called `new`, of the same length."""
    assert len(old) == len(new)
    return data.replace(old, new)


def container(data, members):
    big = {"manifest.json": bytes(1 << 22)}
    with_extra = lambda info: setattr(info, "extra", b"\xfe\xca\x00\x00")  # noqa: E731
    yield "empty", b""
    yield "end record alone", b"PK\x05\x06" + bytes(18)
    yield "truncated", data[:-1]
    yield "byte before", b"x" + data
    yield "byte after", data + b"x"
    yield "comment", data[:-2] + b"\x01\x00x"
    yield "deflated", zipped(members, method=zipfile.ZIP_DEFLATED)
    yield "bomb", zipped(big, method=zipfile.ZIP_DEFLATED)
    yield "extra field", zipped(members, change=with_extra)
    yield "a date", zipped(members, change=lambda info: setattr(info, "date_time", (2026, 1, 1, 0, 0, 0)))
    yield "made on unix", zipped(members, change=lambda info: setattr(info, "create_system", 3))
    yield "members unsorted", zipped(members, order=sorted(members, reverse=True))
    yield "path up", renamed(data, b"headers/1.json", b"headers/../x/y")
    yield "path absolute", renamed(data, b"headers/1.json", b"/eaders/1.json")
    yield "path empty part", renamed(data, b"headers/1.json", b"headers//.json")
    yield "path deep", renamed(data, b"headers/1.json", b"headers/1/json")
    yield "backslash", renamed(data, b"headers/1.json", b"headers\\1.json")
    yield "unknown folder", renamed(data, b"headers/1.json", b"heade-s/1.json")
    yield "upper case", renamed(data, b"headers/1.json", b"headers/1.JSON")
    yield "member twice", renamed(data, b"statement.zh.txt", b"statement.en.txt")
    yield "no member", write_zip({})
    at = data.index(b"PK\x01\x02")
    yield "size beyond the file", data[: at + 20] + b"\xff" * 8 + data[at + 28 :]
    yield "offset beyond the file", data[: at + 42] + b"\xff" * 4 + data[at + 46 :]
    yield "directory beyond the file", data[:-6] + b"\xff" * 4 + data[-2:]
    yield "wrong checksum", data[: at + 16] + b"\0\0\0\0" + data[at + 20 :]


def manifest(members, id):
    value = json.loads(members["manifest.json"])
    (claim,) = value["claims"]
    rest = {name: data for name, data in members.items() if name != "manifest.json"}
    yield "no manifest", write_zip(rest)
    yield "not canonical", write_zip(members | {"manifest.json": json.dumps(value).encode()})
    yield "unknown field", repack(members, more=1)
    yield "another format", repack(members, format="govchain-evidence-package/2")
    yield "no claims", repack(members, claims=[])
    yield "claim twice", repack(members, claims=[claim, claim])
    yield (
        "claims of one kind each",
        repack(members, claims=[claim | {"kind": "transaction", "status_height": None}, claim]),
    )
    yield "claim of another kind", repack(members, claims=[claim | {"kind": "rumour"}])
    yield "member null is there", repack(members, claims=[{k: v for k, v in claim.items() if k != "member"}])
    yield "status before the record", repack(members, claims=[claim | {"height": 2, "status_height": 1}])
    yield "record without status", repack(members, claims=[claim | {"status_height": None}])
    yield "transaction with status", repack(members, claims=[claim | {"kind": "transaction"}])
    yield (
        "transaction with leaf",
        repack(members, claims=[claim | {"kind": "transaction", "status_height": None, "member": 0}]),
    )
    yield "leaf beyond the largest batch", repack(members, claims=[claim | {"member": 100_000}])
    yield "status at a later block than shown", repack(members, claims=[claim | {"status_height": 9}])
    yield "fraction", write_zip(members | {"manifest.json": b'{"a":1.5}'})
    yield "changed member", write_zip(members | {"genesis.json": members["genesis.json"] + b" "})
    yield "unlisted member", write_zip(members | {"proofs/more.json": b"{}"})
    yield "one member more", repack(members | {"proofs/more.json": b"{}"})
    yield "one member less", repack({n: d for n, d in members.items() if n != f"bodies/{id}.json"})
    listed = value | {"members": value["members"] | {"proofs/gone.json": "00" * 32}}
    yield "listed but missing", write_zip(members | {"manifest.json": canonical(listed)})
    itself = value | {"members": value["members"] | {"manifest.json": "00" * 32}}
    yield "lists itself", write_zip(members | {"manifest.json": canonical(itself)})
    yield "no certificate", repack({n: d for n, d in members.items() if n != "certificates/1.json"})
    yield "no header", repack({n: d for n, d in members.items() if n != "headers/1.json"})
    yield (
        "header above the last",
        repack(
            members
            | {"headers/9.json": members["headers/2.json"], "certificates/9.json": members["certificates/2.json"]}
        ),
    )
    yield "height with a zero in front", repack(members | {"headers/01.json": b"{}", "certificates/01.json": b"{}"})
    yield "openings of another record", repack(members | {f"attachments/openings-{id}-1.json": b"{}"})


def genesis(chain, members):
    def made(**fields):
        value = canonical(chain.genesis | fields)
        return repack(members | {"genesis.json": value}, genesis=chain.tagged("govchain/genesis/1", value).hex())

    first, second = chain.genesis["organisations"]
    (member,) = chain.genesis["members"]
    account = chain.genesis["accounts"][0]
    key = member["key"]
    limits = chain.genesis["limits"]
    yield "another genesis", repack(members | {"genesis.json": Chain(name="other").genesis_bytes})
    yield "indented", repack(members | {"genesis.json": json.dumps(chain.genesis, indent=1).encode()})
    yield "another chain", made(chain="gov-another")
    yield "chain id", repack(
        members | {"genesis.json": canonical(chain.genesis | {"chain": "UPPER"})},
        chain="UPPER", genesis=chain.tagged("govchain/genesis/1", canonical(chain.genesis | {"chain": "UPPER"})).hex(),
    )  # fmt: skip
    yield "unknown field", made(more=1)
    yield "md5", made(algorithms=["md5-rsa", "sm2-sm3"])
    yield "no algorithm", made(algorithms=[])
    yield "algorithms unsorted", made(algorithms=["sm2-sm3", "ed25519"])
    yield "organisations unsorted", made(organisations=[second, first])
    yield "organisation twice", made(organisations=[first, first, second])
    yield "check digit", made(organisations=[first, second, second | {"code": "111100000000000031"}])
    yield "region", made(organisations=[first, second, second | {"code": "11AA0000000000001B"}])
    yield "code too short", made(organisations=[first, second, second | {"code": "2111000000000000"}])
    yield "member off the curve", made(members=[member | {"key": key[:-1] + ("0" if key[-1] != "0" else "1")}])
    yield "member key short", made(members=[member | {"key": key[:-2]}])
    yield "member algorithm", made(members=[member | {"algorithm": "ecdsa-p256-sha256"}])
    yield "member of nobody", made(members=[member | {"organisation": "91110000600037341L"}])
    yield "member twice", made(members=[member, member])
    yield "no member", made(members=[])
    yield "account twice", made(accounts=[account, account])
    yield "account algorithm", made(accounts=[account | {"algorithm": "ed25519"}])
    yield "account off the curve", made(accounts=[account | {"key": "11" * 64}])
    yield "account of nobody", made(accounts=[account | {"organisation": "91110000600037341L"}])
    yield "account roles", made(accounts=[account | {"roles": ["operator", "auditor"]}])
    yield "account role unknown", made(accounts=[account | {"roles": ["king"]}])
    yield "module twice", made(modules=chain.genesis["modules"] * 2)
    yield "module name", made(modules=[chain.genesis["modules"][0] | {"name": "a-b"}])
    yield "limit missing", made(limits={n: v for n, v in limits.items() if n != "signatures_max"})
    yield "limit too low", made(limits=limits | {"body_bytes_max": 1})
    yield "body above block", made(limits=limits | {"block_bytes_max": 2000})
    yield "rule", made(rule="dice")


def headers(members):
    for name in ("chain", "checkpoint", "height"):
        value = json.loads(members["headers/1.json"])
        del value[name]
        yield f"no {name}", repack(members | {"headers/1.json": canonical(value)})
    yield "another height", repack(edit(members, "headers/1.json", height=2))
    yield "another chain", repack(edit(members, "headers/1.json", chain="other"))
    yield "unknown field", repack(edit(members, "headers/1.json", more=1))
    yield "version", repack(edit(members, "headers/1.json", version=2))
    yield "no transactions", repack(edit(members, "headers/1.json", transaction_count=0))
    yield "not canonical", repack(members | {"headers/1.json": members["headers/1.json"] + b" "})


def certificates(chain, members):
    """For a chain of four members under bft: three must sign."""
    name = "certificates/1.json"
    header = json.loads(chain.headers[1])
    identity, good = chain.identities[0], json.loads(members[name])
    keys = chain.members.keys

    def made(**fields):
        return repack(edit(members, name, **fields))

    yield "header changed", repack(edit(members, "headers/1.json", time=CREATED + 1))
    yield "quorum too small", repack(members | {name: chain.certify(header, identity, chain.members, keys[:2])})
    yield "signer twice", repack(members | {name: chain.certify(header, identity, chain.members, [keys[0], *keys])})
    yield "signers unsorted", made(signatures=good["signatures"][::-1])
    outsider = Members("gm", "bft", ("x", "y", "z", "w"))
    yield (
        "signer is no member",
        repack(
            members | {name: chain.certify(header, identity, chain.members, sorted_keys(keys[:3] + outsider.keys[:1]))}
        ),
    )
    yield "another set", repack(members | {name: chain.certify(header, identity, outsider)})
    solo = good["set"] | {"rule": "solo"}
    yield "a softer rule", made(set=solo, signatures=good["signatures"][:1])
    yield "a smaller set", made(set=good["set"] | {"keys": good["set"]["keys"][:1]}, signatures=good["signatures"][:1])
    yield "set unsorted", made(set=good["set"] | {"keys": good["set"]["keys"][::-1]})
    strange = [entry | {"algorithm": "ed25519"} for entry in good["set"]["keys"]]
    yield "set of another algorithm", made(set=good["set"] | {"keys": strange})
    bad = good["signatures"][0] | {"signature": good["signatures"][1]["signature"]}
    yield "a signature of another member", made(signatures=[bad, *good["signatures"][1:]])
    for label, signature in (("zero", "00" * 64), ("short", "11" * 63), ("none", ""), ("large", "ff" * 64)):
        yield (
            f"signature {label}",
            made(signatures=[good["signatures"][0] | {"signature": signature}, *good["signatures"][1:]]),
        )
    yield "no signatures", made(signatures=[])
    for field, value in (("chain", "other"), ("epoch", 1), ("height", 2), ("identity", "00" * 32), ("version", 2)):
        yield f"another {field}", made(**{field: value})
    yield "another state root", made(state_root="00" * 32)
    yield "of another block", repack(members | {name: chain.certificates[2]})
    other = Chain(name="gov-other", rule="bft", members=("m1", "m2", "m3", "m4"))
    other.put()
    yield "of another chain", repack(members | {name: other.certificates[1]})


def sorted_keys(keys):
    return sorted(keys, key=lambda key: key.public_key)


def signer_sets():
    chain = Chain(name="gov-walk")
    chain.put()
    chain.add(chain.body("net.change", {}), next_members=Members("gm", "raft", ("r1", "r2", "r3")))
    id = chain.put(name="later")
    members = open_package(chain.package({"id": id, "at": 3}))
    without = {n: d for n, d in members.items() if "/2.json" not in n}
    yield "change left out", repack(without)
    plain = Chain(name="gov-plain")
    first = plain.put()
    for _ in range(3):
        plain.put()
    members = open_package(plain.package({"id": first, "at": 4}))
    more = {f"{kind}/2.json": getattr(plain, kind)[2] for kind in ("headers", "certificates")}
    yield "header not needed", repack(members | more)
    for label, rearrange in (("unsorted", lambda keys: keys[::-1]), ("with a key twice", lambda keys: keys[:1] * 2)):
        chain, false = Chain(name="gov-false"), Members("gm", "raft", ("r1", "r2"))
        false.keys = rearrange(false.keys)
        false.set = false.set | {"keys": rearrange(false.set["keys"])}
        chain.add(chain.body("net.change", {}), next_members=false)
        id = chain.add(chain.body("any.thing", {}))[0]
        if "twice" in label:
            one = chain.certify(json.loads(chain.headers[2]), chain.identities[1], false, false.keys[:1])
            chain.certificates[2] = one
        yield f"set {label}", chain.raw(id)
    for label, change in (("epoch too high", {"epoch": 1}), ("signers of nobody", {"signers": "00" * 32})):
        chain = Chain(name="gov-false")
        chain.put()
        chain.add(chain.body("any.thing", {}), change=change)
        yield label, chain.raw(chain.blocks[2][0][0][0])


def history():
    for label, change in (
        ("previous is not the genesis", {"previous": "00" * 32}),
        ("history before block 1", {"history": "00" * 32}),
        ("block 1 before the genesis", {"time": CREATED}),
    ):
        chain = Chain(name="gov-links")
        id = chain.add(chain.body("any.thing", {}), change=change)[0]
        yield label, chain.raw(id)
    for label, change in (
        ("time stands still", {"time": CREATED + 1000}),
        ("previous of nobody", {"previous": "00" * 32}),
    ):
        chain = Chain(name="gov-links")
        chain.put()
        yield label, chain.raw(chain.add(chain.body("any.thing", {}), change=change)[0])
    chain = Chain(name="gov-links")
    id = chain.put()
    for number in range(4):
        chain.put(name=str(number))
    members = open_package(chain.package({"id": id, "at": 5}))
    name = "proofs/history-1-5.json"
    path = json.loads(members[name])["path"]
    for label, fields in (
        ("path short", {"path": path[:-1]}),
        ("path long", {"path": [*path, "00" * 32]}),
        ("path of zeros", {"path": ["00" * 32] * len(path)}),
        ("another height", {"height": 2}),
        ("another head", {"head": 4}),
    ):
        yield label, repack(edit(members, name, **fields))


def transactions():
    chain = Chain(name="gov-moves")
    ids = chain.add(
        chain.body("evidence.put", {"reference": "", "subject": item()}),
        chain.body("evidence.put", {"reference": "2", "subject": item()}),
        chain.body("evidence.put", {"reference": "3", "subject": item()}),
    )
    members = open_package(chain.package({"id": ids[0], "at": 1}))
    name = f"proofs/transaction-{ids[0]}.json"
    good = json.loads(members[name])
    _, _, body, signatures, receipt, leaves, _ = chain.find(ids[0])
    again = chain.alice.secret.sign(body + b"")
    while again == signatures[0]:
        again = chain.bob.secret.sign(body)
    for label, fields in (
        ("index of another", {"index": 1}),
        ("index beyond", {"index": 3}),
        ("count of another", {"count": 4}),
        ("another height", {"height": 2}),
        ("another transaction", {"transaction": ids[1]}),
        ("path short", {"transaction_path": good["transaction_path"][1:]}),
        ("receipt path short", {"receipt_path": good["receipt_path"][1:]}),
        ("paths exchanged", {"transaction_path": good["receipt_path"]}),
        ("no signature", {"signatures": []}),
        ("two signatures", {"signatures": good["signatures"] * 2}),
        ("signed by somebody else", {"signatures": [chain.bob.secret.sign(body).hex()]}),
        ("a second signature", {"signatures": [again.hex()]}),
        ("a leaf of another", {"transaction_path": [leaves[1].hex(), good["transaction_path"][1]]}),
    ):
        yield label, repack(edit(members, name, **fields))
    yield "body changed", repack(members | {f"bodies/{ids[0]}.json": body.replace(b"\n", b" ", 1)})
    yield "receipt changed", repack(edit(members, f"receipts/{ids[0]}.json", code=1))
    yield "receipt of another", repack(members | {f"receipts/{ids[0]}.json": chain.find(ids[1])[4]})
    yield "receipt not canonical", repack(members | {f"receipts/{ids[0]}.json": receipt + b" "})
    yield from false_bodies(chain)


def false_bodies(chain):
    """Blocks, duly signed by the members, that hold what no block may hold."""

    def made(body, who=None, record=False):
        other = Chain(name="gov-moves")
        id = other.add((body, who or [other.alice]))[0]
        return other.raw({"id": id, "at": 1} if record else id)

    good = json.loads(chain.body("any.thing", {}))
    put = json.loads(chain.body("evidence.put", {"reference": "", "subject": item()}))

    def changed(**fields):
        return made(json.dumps(good | fields).encode())

    (signer,) = good["signers"]
    yield "chain of another", changed(chain="gov-other")
    yield "unknown field", changed(more=1)
    yield "payload is no object", changed(payload=[])
    yield "type too short", changed(type="ab")
    yield "version zero", changed(version=0)
    yield "version a flag", changed(version=True)
    yield "nonce odd", changed(nonce="0" * 17)
    yield "nonce upper case", changed(nonce="A" * 16)
    yield "data not hex", changed(data="zz")
    yield "memo too long", changed(memo={"kind": "id", "value": "x" * 129})
    yield "memo no hash", changed(memo={"kind": "hash", "value": "00"})
    yield "memo null", changed(memo=None)
    yield "recipient short", changed(recipient="00")
    yield "algorithm unknown", changed(signers=[signer | {"algorithm": "rsa-md5"}])
    yield "key of another", changed(signers=[signer | {"key": chain.bob.key.hex()}])
    yield "key off the curve", changed(signers=[signer | {"key": "11" * 64}])
    twice = json.dumps(good | {"signers": [signer, signer]}).encode()
    yield "account twice", made(twice, [chain.alice, chain.alice])
    yield "key twice in JSON", made(chain.body("any.thing", {})[:-2] + b',"nonce":"0000000000000000"}')
    yield "key twice, once escaped", made(chain.body("any.thing", {})[:-2] + b',"nonc\\u0065":"0000000000000000"}')
    yield "bytes behind", made(chain.body("any.thing", {}) + b"x")
    yield "byte order mark", made(b"\xef\xbb\xbf" + chain.body("any.thing", {}))
    yield "not UTF-8", made(chain.body("any.thing", {"a": "b"}).replace(b'"b"', b'"\xff"'))
    yield "lone surrogate", made(chain.body("any.thing", {"a": "b"}).replace(b'"b"', b'"\\ud800"'))
    for number in (b"1.0", b"1e3", b"-0", b"9007199254740992", b"NaN", b"01"):
        yield f"number {number.decode()}", made(chain.body("any.thing", {"a": "b"}).replace(b'"b"', number))
    nested = b'{"a":' * 62 + b"1" + b"}" * 62
    yield "too deep", made(chain.body("any.thing", {"a": "b"}).replace(b'"b"', b"[" + nested + b"]"))
    yield "a withdrawal as a record", made(chain.body("evidence.withdraw", {}), record=True)
    yield "a record of version 2", made(json.dumps(put | {"version": 2}).encode(), record=True)
    failed = Chain(name="gov-moves")
    id = failed.add(failed.body("evidence.put", {"reference": "", "subject": item()}), code=2000)[0]
    yield "a record that failed", failed.raw({"id": id, "at": 1})


def evidence():
    def made(subject=None, **payload):
        chain = Chain(name="gov-items")
        value = {"reference": "", "subject": subject or item()} | payload
        return chain.raw({"id": chain.add(chain.body("evidence.put", value))[0], "at": 1})

    salt = {"field": "content", "value": "00" * 32}
    yield "reference too long", made(reference="x" * 129)
    yield "payload unknown field", made(more=1)
    yield "item unknown field", made(item(more=1))
    yield "item without name", made({k: v for k, v in item().items() if k != "name"})
    yield "one digest", made(item(sha256=None))
    yield "no digest and no commitment", made(item(sha256=None, sm3=None))
    yield "digest and commitment", made(item(commitments=[salt]))
    yield "name public and committed", made(item(commitments=[salt | {"field": "name"}]))
    yield "commitment twice", made(item(commitments=[salt | {"field": "note"}] * 2))
    yield "commitment unknown", made(item(commitments=[salt | {"field": "age"}]))
    yield "name empty", made(item(name=""))
    yield "name of two lines", made(item(name="a\nb"))
    yield "name turned around", made(item(name="gpj.\u202eexe"))
    yield "name too long", made(item(name="x" * 256))
    yield "media type", made(item(media_type="text/plain\u00e9"))
    yield "size negative", made(item(size=-1))
    yield "method", made(item(capture={"method": "dream", "time": 0}))
    yield "digest upper case", made(item(sm3="A" * 64))
    chain = Chain(name="gov-items")
    about, openings = private_item(chain)
    id = chain.add(chain.body("evidence.put", {"reference": "", "subject": about}))[0]
    first = openings["openings"][0]

    def opened(*entries):
        return chain.raw({"id": id, "at": 1, "openings": {"openings": list(entries)}})

    yield "opened value", opened(first | {"value": "other"})
    yield "opened salt", opened(first | {"salt": "00" * 32})
    yield "opened field", opened(first | {"field": "note"})
    yield "openings unsorted", opened(*reversed(openings["openings"]))
    yield "opening twice", opened(first, first)
    bare = Chain(name="gov-items")
    put = bare.put()
    yield "opening without commitment", bare.raw({"id": put, "at": 1, "openings": {"openings": [first]}})
    yield from leaves()


def leaves():
    chain = Chain(name="gov-batch")
    id, items = batch(chain, 6)
    good = {"id": id, "at": 1, "member": 2, "items": items}
    members = open_package(chain.package(good))
    leaf, steps = f"attachments/item-{id}-2.json", f"proofs/member-{id}-2.json"
    path = json.loads(members[steps])["path"]
    yield "item of another leaf", repack(members | {leaf: canonical(items[3])})
    yield "item changed", repack(edit(members, leaf, size=3))
    yield "index of another leaf", repack(edit(members, steps, index=3))
    yield "count of another batch", repack(edit(members, steps, count=7))
    yield "leaf path short", repack(edit(members, steps, path=path[1:]))
    yield "leaf path long", repack(edit(members, steps, path=[*path, "00" * 32]))
    third = chain.contents(good | {"member": 3})
    other = third.transactions[0].evidence[0].leaf.proof.path
    yield "path of another leaf", repack(edit(members, steps, path=list(other)))
    put = Chain(name="gov-batch")
    one = put.put()
    yield "leaf of no batch", put.raw({"id": one, "at": 1, "member": 0, "items": [item()]})
    empty = {"field": "note", "salt": "00" * 32, "value": ""}
    yield "openings of a whole batch", chain.raw({"id": id, "at": 1, "openings": {"openings": [empty]}})


def status():
    chain = Chain(name="gov-marks")
    ids = [chain.put(name=str(number)) for number in range(4)]
    for id in ids[:3]:
        chain.mark(id)
    place = f"proofs/status-{ids[0]}.json"
    members = open_package(chain.package({"id": ids[0], "at": 7}))
    good = json.loads(members[place])
    (entry,) = good["entries"]
    early = json.loads(open_package(chain.package({"id": ids[0], "at": 4}))[place])
    other = chain.status(ids[1], None, 7)
    absent = chain.status(ids[3], None, 7)

    def made(**fields):
        return repack(edit(members, place, **fields))

    def entry_of(**fields):
        return made(entries=[entry | fields])

    yield "status of an earlier block", repack(members | {place: canonical(early)})
    yield "status of an earlier block, renumbered", repack(members | {place: canonical(early | {"height": 7})})
    yield "mark withheld", entry_of(value=None)
    leaf = {"path": sm3(bytes.fromhex(entry["key"])).hex(), "value_digest": sm3(bytes.fromhex(entry["value"])).hex()}
    yield "mark as the other leaf", entry_of(value=None, other=leaf)
    yield "value and other", entry_of(other=leaf)
    yield "another value", entry_of(value=canonical({"kind": "withdrawn"}).hex())
    yield "key of another record", entry_of(key=other["entries"][0]["key"])
    yield "entry of another record", made(entries=other["entries"])
    yield "absence of another record", made(entries=[absent["entries"][0] | {"key": entry["key"]}])
    yield "no entries", made(entries=[])
    yield "an entry more", made(entries=[entry, entry])
    yield "sibling less", entry_of(siblings=entry["siblings"][:-1])
    yield "sibling more", entry_of(siblings=[*entry["siblings"], "00" * 32])
    yield "siblings without end", entry_of(siblings=["00" * 32] * 257)
    for part in ("previous", "delta", "live"):
        yield f"another {part}", made(**{part: "00" * 32})
    many = Chain(name="gov-marks")
    id, items = batch(many, 3)
    many.mark(id, member=1)
    members = open_package(many.package({"id": id, "at": 2, "member": 1, "items": items}))
    place = f"proofs/status-{id}-1.json"
    entries = json.loads(members[place])["entries"]
    yield "mark of the leaf left out", repack(edit(members, place, entries=entries[:1]))
    yield "marks exchanged", repack(edit(members, place, entries=entries[::-1]))
    leaf = many.status(id, 2, 2)["entries"][1]
    yield "mark of another leaf", repack(edit(members, place, entries=[entries[0], leaf]))
    for label, value in (("mark of another kind", {"kind": "x"}), ("mark with more", {"more": 1})):
        false = Chain(name="gov-marks")
        id = false.put()
        mark = {"account": false.alice.address, "by": id, "kind": "withdrawn", "organisation": "11110000000000001R",
                "reason": "error", "time": 1} | value  # fmt: skip
        false.add(false.body("any.thing", {}), live={b"evidence.mark/" + bytes.fromhex(id): canonical(mark)})
        yield label, false.raw({"id": id, "at": 2})


def statements(members):
    for name in ("statement.en.txt", "statement.zh.txt"):
        text = members[name].decode()
        for label, other in (
            ("empty", ""), ("a line more", text + "x\n"), ("no end", text[:-1]), ("a word", text.replace("2", "3", 1)),
            ("carriage returns", text.replace("\n", "\r\n")),
        ):  # fmt: skip
            yield f"{label} in {name}", repack(members | {name: other.encode()})
    yield (
        "languages exchanged",
        repack(
            members | {"statement.en.txt": members["statement.zh.txt"], "statement.zh.txt": members["statement.en.txt"]}
        ),
    )


@functools.cache
def refused_cases():
    """(name, package, step) of everything above."""
    chain = Chain()
    id = chain.put()
    chain.put(name="b")
    data = chain.package({"id": id, "at": 2})
    members = open_package(data)
    four = Chain(name="gov-four", rule="bft", members=("m1", "m2", "m3", "m4"))
    one = four.put()
    four.put(name="b")
    bft = open_package(four.package({"id": one, "at": 2}))
    parts = (
        (1, container(data, members)), (2, manifest(members, id)), (3, genesis(chain, members)), (4, headers(members)),
        (5, certificates(four, bft)), (5, signer_sets()), (6, history()), (7, transactions()), (8, evidence()),
        (9, status()), (10, statements(members)),
    )  # fmt: skip
    return [(f"{step} {name}", package, step) for step, cases in parts for name, package in cases]
