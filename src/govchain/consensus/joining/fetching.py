"""Fetching a snapshot from the other nodes: whose word counts for what, piece by piece, until it is installed.

Purpose: what a node without blocks does before its engine starts.
Rules: see the room's README. What comes is checked when it comes, against the manifest that enough members offered;
whoever sent wrong bytes is not asked again. Memory: one manifest and one chunk. A node that was killed begins again.
Not here: connections (``peers``), what the engine does from there (its own room).
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, Protocol, TypeVar

from govchain.consensus.application import LedgerApplication
from govchain.consensus.joining.shown import save_shown_path
from govchain.consensus.joining.walking import TrustedChain, VerifiedOffer
from govchain.consensus.messages import PIECE_BYTES, Ask, Link, Offers, SignerPath, decode_message, encode_message
from govchain.consensus.ports import SnapshotInfo
from govchain.model import Code, GovChainError, RefusedError, UnavailableError, VerificationError
from govchain.model.canonical import SIZE_MAX
from govchain.model.wire import SignerSet
from govchain.proof.exact import decode_exact
from govchain.proof.headers import decode_header
from govchain.state import Batch, Table
from govchain.storage.blocks import height_key
from govchain.storage.snapshots import Manifest

__all__ = ["JoinLimits", "JoinRoute", "Joined", "SnapshotJoiner", "members_needed"]

_T = TypeVar("_T")
#: Between two looks at who is connected.
_LOOK_S: Final = 0.2
#: A snapshot lies on the disk twice while it is installed.
_COPIES: Final = 2


class JoinRoute(Protocol):
    """The way to the other nodes of the chain."""

    def connected(self) -> Sequence[bytes]:
        """Member keys of the nodes that can be asked now."""

    def ask(self, key: bytes, body: bytes, timeout_s: float) -> bytes:
        """The answer of that node to a request of kind ``snapshot``.

        Raises:
            GovChainError: it does not answer, or refuses.
        """


@dataclass(frozen=True, slots=True)
class JoinLimits:
    """``patience_s``: how long to wait for members with a snapshot; ``answer_s``: for one answer."""

    patience_s: float = 30.0
    answer_s: float = 20.0
    epochs_max: int = 100_000


@dataclass(frozen=True, slots=True)
class Joined:
    """Where the node begins: height and identity (32 bytes) of the snapshot's block, the engine's height there.

    ``signers`` is the set that signed for the snapshot; ``bytes`` and ``chunks`` what was fetched, ``seconds`` how long
    it took in all.
    """

    height: int
    engine_height: int
    identity: bytes
    signers: SignerSet
    bytes: int
    chunks: int
    seconds: float


class SnapshotJoiner:
    """See the module.

    Args:
        application: the node's, without blocks.
        route: to the other nodes.
        stop: set to give up.
        on_notice: hears in a sentence which node did what wrong, and what is taken.
        limits: see :class:`JoinLimits`.
        before_install: hears the engine's height of the snapshot's block, just before anything is installed.
    """

    def __init__(
        self,
        application: LedgerApplication,
        route: JoinRoute,
        stop: threading.Event,
        on_notice: Callable[[str], None],
        limits: JoinLimits | None = None,
        before_install: Callable[[int], None] | None = None,
    ) -> None:
        """Asks nobody yet."""
        self._before_install = before_install
        self._application = application
        self._machine = application.machine
        self._route = route
        self._stop = stop
        self._notice = on_notice
        self._limits = limits or JoinLimits()
        self._liars: set[bytes] = set()
        self._first: Link | None = None
        self._begun_s = monotonic()

    def join(self) -> Joined | None:
        """Take the newest snapshot that holds; None when there is none to be had: every block has to come then.

        Raises:
            UnavailableError: ``DISK_FULL`` when there is no room for it; ``NODE_STOPPING``.
            OSError: when it cannot be written.
        """
        self._begun_s = monotonic()
        deadline = self._begun_s + self._limits.patience_s
        while True:
            if self._stop.is_set():
                raise UnavailableError(Code.NODE_STOPPING)
            chain, offers, without = self._gather()
            for (_, _), supporters in sorted(offers.items(), reverse=True):
                found = next(iter(supporters.values()))
                if len(_members(supporters, found.signers)) < members_needed(found.signers):
                    continue
                joined = self._take(chain, supporters)
                if joined is not None:
                    return joined
            if not offers and len(_members(without, chain.signers)) >= members_needed(chain.signers):
                return None  # members that have no snapshot: there is nothing to wait for
            if monotonic() >= deadline:
                return None
            self._stop.wait(_LOOK_S)

    # -- what the others have --------------------------------------------------------------------------------------

    def _gather(self) -> tuple[TrustedChain, dict[tuple[int, bytes], dict[bytes, VerifiedOffer]], set[bytes]]:
        """The longest walk; offers by height and manifest, with who makes them; and who has none."""
        peers = [key for key in self._route.connected() if key not in self._liars]
        chain = TrustedChain(self._machine.suite, self._machine.genesis)
        for key in peers:
            if self._first is None:
                self._asked(key, partial(self._take_first, key))
            walked = TrustedChain(self._machine.suite, self._machine.genesis)
            self._asked(key, partial(self._walk, key, walked))
            if walked.epoch > chain.epoch:
                chain = walked
        offers: dict[tuple[int, bytes], dict[bytes, VerifiedOffer]] = {}
        without: set[bytes] = set()
        for key in peers:
            if key in self._liars:
                continue
            made = self._asked(key, partial(self._offers, key, chain))
            if made is None:
                continue
            if not made:
                without.add(key)
            for each in made:
                offers.setdefault((each.offer.height, each.offer.manifest), {})[key] = each
        return chain, offers, without

    def _take_first(self, key: bytes) -> bool:
        """Block 1, which packages name the genesis by."""
        link = decode_message(self._ask(key, Ask("first")), Link)
        TrustedChain(self._machine.suite, self._machine.genesis).verify_first(link)
        self._first = link
        return True

    def _walk(self, key: bytes, chain: TrustedChain) -> bool:
        while chain.epoch < self._limits.epochs_max:
            path = decode_message(self._ask(key, Ask("path", chain.epoch)), SignerPath)
            for link in path.links:
                chain.step(link)
            if not path.more or not path.links:
                break
        return True

    def _offers(self, key: bytes, chain: TrustedChain) -> list[VerifiedOffer]:
        answer = decode_message(self._ask(key, Ask("offers")), Offers)
        return [chain.verify_offer(offer) for offer in answer.offers]

    def _asked(self, key: bytes, question: Callable[[], _T]) -> _T | None:
        """What came of asking one node; None where it does not answer, or lies."""
        try:
            return question()
        except UnavailableError:
            return None
        except GovChainError as error:
            self._liars.add(key)
            self._notice(f"{key.hex()[:16]} showed what does not hold: {error.code.name} {error.reason()}")
            return None

    def _ask(self, key: bytes, ask: Ask) -> bytes:
        """A node's answer; one that has been asked too much for now is asked again, for as long as an answer may take.

        Raises:
            UnavailableError: NODE_STOPPING; it does not answer, or refuses, which is no lie: what was offered may be
                gone since.
        """
        deadline = monotonic() + self._limits.answer_s
        while not self._stop.is_set():
            try:
                return self._route.ask(key, encode_message(ask), self._limits.answer_s)
            except RefusedError as error:
                if error.code is not Code.RATE_LIMITED or monotonic() >= deadline:
                    raise UnavailableError(error.code, reason="a peer's answer") from None
            self._stop.wait(_LOOK_S)
        raise UnavailableError(Code.NODE_STOPPING)

    # -- one snapshot ----------------------------------------------------------------------------------------------

    def _take(self, chain: TrustedChain, supporters: dict[bytes, VerifiedOffer]) -> Joined | None:
        """Fetch and install one snapshot; None, with nothing left behind, when it cannot be had from anybody."""
        verified = next(iter(supporters.values()))
        offer = verified.offer
        sources = sorted(supporters)
        self._notice(f"takes the snapshot at block {offer.height} from {len(sources)} nodes")
        try:
            data = self._piecewise(sources, Ask("manifest", offer.height), offer.manifest_bytes, offer.manifest)
            if data is None:
                return None
            manifest = decode_exact(data, Manifest)
            total = sum(chunk.bytes for chunk in manifest.chunks)
            self._require_room(total)
            info = SnapshotInfo(
                offer.height,
                len(manifest.chunks),
                bytes.fromhex(manifest.checkpoint_root),
                data,
                offer.engine_height,
            )
            if not self._install(sources, info, manifest, verified, chain):
                return None
        except VerificationError as error:
            self._notice(f"the snapshot at block {offer.height} does not hold: {error.code.name} {error.reason()}")
            self._liars.update(supporters)
            return None
        finally:
            self._application.abandon_snapshot()
        self._keep_links(chain)
        engine_height = self._application.info().engine_height
        seconds = monotonic() - self._begun_s
        return Joined(
            offer.height, engine_height, verified.identity, verified.signers, total, len(manifest.chunks), seconds
        )

    def _install(
        self,
        sources: list[bytes],
        info: SnapshotInfo,
        manifest: Manifest,
        verified: VerifiedOffer,
        chain: TrustedChain,
    ) -> bool:
        application = self._application
        code = application.offer_snapshot(info, verified.trust)
        if code:
            raise VerificationError(code, reason=f"snapshot {info.height}")
        for index, facts in enumerate(manifest.chunks):
            chunk = self._piecewise(sources, Ask("chunk", info.height, index), facts.bytes, bytes.fromhex(facts.digest))
            if chunk is None:
                return False
            if index == len(manifest.chunks) - 1 and application.snapshots_directory is not None:
                save_shown_path(application.snapshots_directory, chain.links)
                if self._before_install is not None:
                    self._before_install(info.engine_height)
            code = application.apply_snapshot_chunk(index, chunk)
            if code:
                raise VerificationError(code, reason=f"snapshot {info.height}")
        return True

    def _keep_links(self, chain: TrustedChain) -> None:
        """Keep block 1 and the changes of the set as single headers, so that clients and packages find them here."""
        blocks, begun = self._application.blocks, self._application.chain.height
        batch = Batch()
        for link in [*([] if self._first is None else [self._first]), *chain.links]:
            height = decode_header(link.header).height
            if height <= begun:
                batch.put(Table.HEADERS, height_key(height), link.header)
                blocks.put_certificate(batch, height, link.certificate)
        if len(batch):
            blocks.store.write(batch, durable=True)

    def _piecewise(self, sources: list[bytes], ask: Ask, size: int, digest: bytes) -> bytes | None:
        """A file in pieces from the first of ``sources`` that has it right; others are taken off the list."""
        if size > SIZE_MAX and ask.what == "manifest":
            raise VerificationError(Code.STORE_CORRUPT, path="manifest.json", reason="size")
        while sources:
            key = sources[0]
            try:
                data = self._pieces(key, ask, size)
            except UnavailableError as error:
                if error.code is Code.NODE_STOPPING:
                    raise
                self._notice(f"{key.hex()[:16]} does not answer: {error.code.name}; another node is asked")
                data = None
            if data is not None and self._machine.suite.digest(data) == digest:
                return data
            if data is not None:
                self._notice(f"{key.hex()[:16]} sent another {ask.what} than it offered; another node is asked")
                self._liars.add(key)
            sources.pop(0)
        return None

    def _pieces(self, key: bytes, ask: Ask, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            due = min(PIECE_BYTES, size - len(data))
            piece = self._ask(key, Ask(ask.what, ask.height, ask.index, len(data)))
            data += piece
            if len(piece) != due:
                break  # nobody keeps a joiner for ever with a byte at a time
        return bytes(data)  # too short or too long: its digest is another

    def _require_room(self, total: int) -> None:
        directory = self._application.snapshots_directory
        if directory is None:
            raise UnavailableError(Code.NOT_FOUND, reason="snapshots")
        free = shutil.disk_usage(_existing(directory)).free
        if free < total * _COPIES:
            raise UnavailableError(Code.DISK_FULL, path=str(directory))


def members_needed(signers: SignerSet) -> int:
    """How many members of a set must offer the same bytes: one more than may lie, under ``bft``; elsewhere one."""
    return (len(signers.keys) - 1) // 3 + 1 if signers.rule == "bft" else 1


def _members(keys: Sequence[bytes] | set[bytes] | dict[bytes, VerifiedOffer], signers: SignerSet) -> set[bytes]:
    return set(keys) & {bytes.fromhex(entry.key) for entry in signers.keys}


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
