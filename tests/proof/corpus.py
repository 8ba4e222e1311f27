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
    canonical,
    edit,
    open_package,
    repack,
    write_zip,
)
from tests.proof.corpus_claims import evidence, statements, status, transactions


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
    yield "engine key short", made(members=[member | {"engine_key": "11" * 31}])
    yield "engine key null", made(members=[member | {"engine_key": None}])
    yield "tls not hex", made(members=[member | {"tls": "xy" * 32}])
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
