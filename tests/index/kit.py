"""A ledger with something of everything, and a plain second reading of it to compare the index with."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec

import govchain_native as native
from govchain.model.wire import GenesisAccount
from govchain.node.embedded import create_chain
from govchain.proof.headers import decode_header
from govchain.proof.transactions import decode_body, decode_envelope, decode_receipt
from govchain.services.chains import ChainOptions, default_organisation
from tests.node.kit import CHAIN, Actor, Hands, transaction_id

START = 1_790_000_000_000


_counter = itertools.count(1)


def entry(actor: Actor, *, organisation: str = "", administrator: bool = False) -> GenesisAccount:
    own, _ = default_organisation()
    return GenesisAccount(administrator, "sm2-sm3", actor.key.hex(), "tester", organisation or own, ("department",))


def make_ledger(path: Path, *actors: Actor, administrator: int = 0) -> Path:
    """A chain in which the actors have accounts, that with the number ``administrator`` an administrator's."""
    accounts = tuple(entry(actor, administrator=number == administrator) for number, actor in enumerate(actors))
    create_chain(path, ChainOptions(now=START, chain=CHAIN, extra_accounts=accounts))
    return path


def item(*, now: int, name: str | None = None, content: bytes | None = None) -> dict[str, object]:
    content = b"%d" % next(_counter) if content is None else content
    return {
        "capture": {"method": "api", "time": now},
        "commitments": [],
        "media_type": "text/plain",
        "name": name,
        "sha256": native.sha256(content).hex(),
        "size": len(content),
        "sm3": native.sm3(content).hex(),
    }


class Scribe:
    """Writes blocks: a thin layer over :class:`Hands` that signs what it is told."""

    def __init__(self, path: Path, *actors: Actor) -> None:
        self.hands = Hands(path, START)
        self.actors = actors
        self.now = START

    @property
    def application(self):
        return self.hands.application

    def send(self, *messages: tuple[str, object], actor: int = 0, after_ms: int = 1_000) -> list[str]:
        """One block of these messages; the ids."""
        self.now += after_ms
        signer = self.actors[actor]
        envelopes = [signer.seal(signer.body(kind, payload, now=self.now)) for kind, payload in messages]
        self.hands.block(*envelopes, at=self.now)
        return [transaction_id(envelope).hex() for envelope in envelopes]

    def put(self, count: int = 1, *, reference: str = "", actor: int = 0, after_ms: int = 1_000, **fields) -> list[str]:
        """One block of new files."""
        at = self.now + after_ms
        messages = [("evidence.put", {"reference": reference, "subject": item(now=at, **fields)}) for _ in range(count)]
        return self.send(*messages, actor=actor, after_ms=after_ms)

    def everything(self) -> dict[str, str]:
        """One of each kind of transaction, one that fails, several minutes and two days; ids by name."""
        ids = {}
        ids["file"], ids["other"] = self.put(2, reference="案件-1", name="报告.pdf")
        (ids["private"],) = self.put(reference="", actor=1)
        batch = {
            "capture": {"method": "folder", "time": self.now},
            "count": 7,
            "reference": "batch-1",
            "root": native.sm3(b"root").hex(),
            "total_size": 700,
        }
        (ids["batch"],) = self.send(("evidence.batch", batch), after_ms=61_000)
        more = {"evidence": ids["file"], "reference": "案件-1", "subject": item(now=self.now)}
        (ids["supplement"],) = self.send(("evidence.supplement", more))
        new = {
            "evidence": ids["file"],
            "member": None,
            "reason": "error",
            "reference": "",
            "subject": item(now=self.now),
        }
        # The second fails: by then the record is superseded.
        ids["replacement"], ids["refused"] = self.send(
            ("evidence.supersede", new),
            ("evidence.withdraw", {"evidence": ids["file"], "member": None, "reason": "other"}),
        )
        (ids["leaf"],) = self.send(("evidence.withdraw", {"evidence": ids["batch"], "member": 3, "reason": "expired"}))
        (ids["withdrawn"],) = self.send(
            ("evidence.withdraw", {"evidence": ids["other"], "member": None, "reason": "duplicate"}),
            after_ms=86_400_000,
        )
        fresh = Actor(native.sm2_generate())
        register = {
            "administrator": False,
            "algorithm": "sm2-sm3",
            "key": fresh.key.hex(),
            "label": "窗口一",
            "roles": ["department"],
        }
        (ids["registered"],) = self.send(("accounts.register", register))
        (ids["frozen"],) = self.send(("accounts.freeze", {"account": fresh.address, "reason": "left"}))
        (ids["unfrozen"],) = self.send(("accounts.unfreeze", {"account": fresh.address}))
        return ids

    def close(self) -> None:
        self.hands.close()


class Plain:
    """What the ledger holds, read again with the proof's own decoders: shares no code with the index."""

    def __init__(self, application) -> None:
        self.transactions = []
        blocks = application.blocks
        for height in range(1, application.chain.height + 1):
            header = decode_header(blocks.header(height))
            for index, (envelope, data) in enumerate(
                zip(blocks.envelopes(height), blocks.receipts(height), strict=True)
            ):
                body = decode_body(decode_envelope(envelope)[0])
                self.transactions.append(
                    {
                        "id": transaction_id(envelope).hex(),
                        "height": height,
                        "index": index,
                        "time": header.time,
                        "body": body,
                        "payload": msgspec.json.decode(body.payload),
                        "receipt": decode_receipt(data),
                        "size": len(envelope),
                    }
                )

    def newest(self, meets) -> list[str]:
        """Ids of the transactions for which ``meets`` holds, newest first."""
        return [entry["id"] for entry in reversed(self.transactions) if meets(entry)]
