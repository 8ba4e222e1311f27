"""The second half of the corpus: what transactions, records, leaves, marks and statements may not be."""

import json

from tests.proof.chainkit import Chain, batch, canonical, edit, item, open_package, private_item, repack, sm3


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
    third = open_package(chain.package(good | {"member": 3}))
    other = json.loads(third[f"proofs/member-{id}-3.json"])["path"]
    yield "path of another leaf", repack(edit(members, steps, path=other))
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
