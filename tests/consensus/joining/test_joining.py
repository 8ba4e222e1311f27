"""Joining by snapshot: equal blocks afterwards, and nothing believed of a peer that lies, cuts, changes or dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import govchain.storage.snapshots as snapshots_module
from govchain.consensus.joining.fetching import members_needed
from govchain.consensus.messages import (
    PIECE_BYTES,
    Ask,
    Link,
    Offers,
    SignerPath,
    decode_message,
    encode_message,
)
from govchain.model import Code, DecodingError, GovChainError, RefusedError
from govchain.model.wire import SignerKey, SignerSet
from govchain.state import Table
from govchain.storage.snapshots import Manifest, clear_store, write_snapshot
from tests.consensus.joining.kit import Chain, Joining, Route, gone


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots_module, "CHUNK_BYTES", 2_000)
        yield


def _grown(folder: Path) -> Chain:
    chain = Chain(folder)
    chain.grow(12)
    for node in chain.nodes:
        assert node.application.make_snapshot() is not None
    chain.grow(1)
    return chain


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, small_chunks: None) -> Iterator[Chain]:
    """Shared: tests that change it take ``own_chain``."""
    chain = _grown(tmp_path_factory.mktemp("chain"))
    yield chain
    chain.close()


@pytest.fixture
def own_chain(tmp_path: Path) -> Iterator[Chain]:
    chain = _grown(tmp_path)
    yield chain
    chain.close()


@pytest.fixture
def joining(chain: Chain, tmp_path: Path) -> Iterator[Joining]:
    joining = Joining(chain, tmp_path / "joiner")
    yield joining
    joining.node.close()


def test_members_make_the_same_snapshot_and_a_joiner_goes_on_from_it(chain: Chain, joining: Joining) -> None:
    manifests = {node.application.list_snapshots()[0].manifest for node in chain.nodes}
    assert len(manifests) == 1
    joined = joining.join(Route(chain))
    assert joined is not None
    assert joined.chunks > 3
    head = chain.nodes[0].application
    assert joined.height == head.chain.checkpoint.last > 3
    assert joining.node.application.chain.height == joined.height
    assert joined.engine_height == joining.node.application.chain.engine_height
    assert joined.identity == head.blocks.identity_after(joined.height)
    joining.node.follow(chain.nodes[0])
    assert joining.node.application.window_size == head.window_size
    assert joining.left_behind() == ["signers.path"]
    blocks = joining.node.application.blocks
    assert (blocks.first(), blocks.begun()) == (joined.height, joined.height)
    assert blocks.header(1) == head.blocks.header(1)
    assert blocks.certificate(1)
    assert blocks.header(2) is None


def test_it_goes_on_after_a_restart_and_serves_the_next_joiner(own_chain: Chain, tmp_path: Path) -> None:
    chain, joining = own_chain, Joining(own_chain, tmp_path / "joiner")
    assert joining.join(Route(chain)) is not None
    joining.node.follow(chain.nodes[0])
    joining.node.close()
    joining.node.open()
    assert joining.node.application.chain.identity == chain.nodes[0].application.chain.identity
    for height in range(1, 60):
        certificate = chain.nodes[0].application.blocks.certificate(height)
        if certificate is not None:
            joining.node.application.finality.add_certificate(height, certificate)
    while joining.node.application.chain.checkpoint.last == chain.nodes[0].application.list_snapshots()[0].height:
        chain.grow(1)
        joining.node.follow(chain.nodes[0])
    made = joining.node.application.make_snapshot()
    fresh = chain.nodes[0].application.make_snapshot()
    assert made is not None
    assert fresh is not None
    assert made.root == fresh.root
    joining.node.close()


def test_genesis_state_makes_room_for_a_snapshot(chain: Chain, joining: Joining) -> None:
    joining.node.application.init_chain()
    assert joining.join(Route(chain)) is not None
    joining.node.follow(chain.nodes[0])


def test_what_a_killed_install_left_makes_room_too(chain: Chain, joining: Joining) -> None:
    assert joining.join(Route(chain)) is not None
    store = joining.node.store
    batch = snapshots_module.Batch()
    for key, _ in store.scan(Table.META):
        batch.delete(Table.META, key)
    store.write(batch, durable=True)
    joining.node.close()
    joining.node.open()
    assert joining.node.application.info().app_hash == b""
    assert joining.join(Route(chain)) is not None
    joining.node.follow(chain.nodes[0])


def test_a_chain_without_snapshots_is_followed_block_by_block(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    chain.grow(2)
    joining = Joining(chain, tmp_path / "joiner")
    assert joining.join(Route(chain), patience_s=30.0) is None  # at once: members without snapshots say so
    joining.node.application.init_chain()
    joining.node.follow(chain.nodes[0])
    joining.node.close()
    chain.close()


def test_a_node_with_blocks_takes_none(chain: Chain, joining: Joining) -> None:
    info = chain.nodes[0].application.list_snapshots()[0]
    joined = joining.join(Route(chain))
    assert joined is not None
    assert joining.join(Route(chain)) is None
    assert "DATA_DIRECTORY_EXISTS" in joining.notices[-1]
    assert joining.node.application.chain.height == info.height


# -- hostile and dying peers ----------------------------------------------------------------------------------------


def _changed(data: bytes, place: int | None = None) -> bytes:
    altered = bytearray(data)
    altered[len(data) // 2 if place is None else place] ^= 1
    return bytes(altered)


LIES = {
    "changed chunk": lambda ask, answer: _changed(answer) if ask.what == "chunk" else answer,
    "cut chunk": lambda ask, answer: answer[:-1] if ask.what == "chunk" else answer,
    "long chunk": lambda ask, answer: answer + b"more" if ask.what == "chunk" else answer,
    "empty chunk": lambda ask, answer: b"" if ask.what == "chunk" else answer,
    "byte by byte": lambda ask, answer: answer[:1] if ask.what == "chunk" else answer,
    "changed manifest": lambda ask, answer: _changed(answer) if ask.what == "manifest" else answer,
    "endless manifest": lambda ask, answer: bytes(4096) if ask.what == "manifest" else answer,
    "garbage offers": lambda ask, answer: b"\xc1" * 40 if ask.what == "offers" else answer,
    "garbage path": lambda ask, answer: b"\xc1" * 40 if ask.what == "path" else answer,
    "gone": lambda ask, answer: gone() if ask.what == "chunk" and ask.index else answer,
    "silent": lambda ask, answer: gone(),
}


@pytest.mark.parametrize("lie", LIES)
def test_one_lying_or_dying_member_of_four_does_not_matter(chain: Chain, joining: Joining, lie: str) -> None:
    order = sorted(range(4), key=lambda place: chain.nodes[place].key)
    liar = order[0]  # the one that is asked first
    route = Route(chain, lambda place, ask, answer: LIES[lie](ask, answer) if place == liar else answer)
    assert joining.join(route) is not None, joining.notices
    joining.node.follow(chain.nodes[1])
    if lie in ("changed chunk", "byte by byte", "changed manifest", "endless manifest"):
        assert any(chain.nodes[liar].key.hex()[:16] in notice for notice in joining.notices)
        chunks = [ask.index for place, ask in route.asked if place == liar and ask.what == "chunk"]
        assert len(chunks) <= 1  # not asked again


def test_who_refuses_is_no_liar_and_who_is_asked_too_much_is_asked_again(chain: Chain, joining: Joining) -> None:
    """What was offered may be gone when it is asked for, and members serve only so much in a second."""
    order = sorted(range(4), key=lambda place: chain.nodes[place].key)
    busy: list[Ask] = []

    def refuse(place: int, ask: Ask, answer: bytes) -> bytes:
        if ask.what == "chunk" and place == order[0]:
            raise RefusedError(Code.NOT_FOUND, reason="a peer's answer")
        if ask.what == "chunk" and place == order[1] and ask.index == 1 and len(busy) < 2:
            busy.append(ask)
            raise RefusedError(Code.RATE_LIMITED, reason="a peer's answer")
        return answer

    route = Route(chain, refuse)
    assert joining.join(route) is not None, joining.notices
    joining.node.follow(chain.nodes[1])
    assert len(busy) == 2
    assert not any("does not hold" in notice or "another chunk" in notice for notice in joining.notices)
    served = {place for place, ask in route.asked if ask.what == "chunk" and place != order[0]}
    assert served == {order[1]}


@pytest.mark.parametrize("lie", ["changed chunk", "cut chunk", "endless manifest", "gone", "garbage offers"])
def test_where_all_lie_nothing_is_left_behind(chain: Chain, joining: Joining, lie: str) -> None:
    before = joining.node.application.info()
    assert joining.join(Route(chain, lambda place, ask, answer: LIES[lie](ask, answer))) is None
    assert joining.node.application.info() == before
    assert not any(True for table in Table for _ in joining.node.store.scan(table, limit=1))
    assert "incoming" not in joining.left_behind()
    assert joining.join(Route(chain)) is not None


def _forged_offers(change) -> object:
    """Every member's offers, altered alike."""

    def alter(place: int, ask: Ask, answer: bytes) -> bytes:
        if ask.what != "offers":
            return answer
        offers = decode_message(answer, Offers).offers
        return encode_message(Offers(tuple(change(offer) for offer in offers)))

    return alter


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda offer: msgspec.structs.replace(offer, header=offer.carrier.header), "HEADER_INVALID"),
        (lambda offer: msgspec.structs.replace(offer, height=offer.height - 1), "HEADER_INVALID"),
        (lambda offer: msgspec.structs.replace(offer, path=offer.path[:-1]), ""),
        (lambda offer: msgspec.structs.replace(offer, carrier=Link(_changed(offer.carrier.header, -3), b"")), ""),
        (lambda offer: msgspec.structs.replace(offer, carrier=Link(offer.carrier.header, b"{}")), "BODY_SHAPE"),
        (lambda offer: msgspec.structs.replace(offer, carrier=Link(offer.header, offer.carrier.certificate)), ""),
    ],
)
def test_an_offer_that_no_certified_header_vouches_for_is_refused(
    chain: Chain, joining: Joining, change, reason: str
) -> None:
    route = Route(chain, _forged_offers(change))
    assert joining.join(route) is None
    assert not any(ask.what in ("manifest", "chunk") for _, ask in route.asked)
    assert all("does not hold" in notice and reason in notice for notice in joining.notices), joining.notices


def test_a_single_member_cannot_give_what_no_root_covers(own_chain: Chain, tmp_path: Path) -> None:
    """Ids of the replay window are under no root: under bft two of four members must offer the very same bytes."""
    chain, joining = own_chain, Joining(own_chain, tmp_path / "joiner")
    liar = chain.nodes[0]
    info = liar.application.list_snapshots()[0]
    reader = liar.store.open_checkpoint(f"height-{info.height}")
    folder = liar.path / "snapshots" / str(info.height)
    manifest = msgspec.json.decode(info.manifest, type=Manifest)
    snapshots_module.shutil.rmtree(folder)
    header = liar.application.blocks.decoded_header(info.height)
    assert header.height == manifest.height
    facts = snapshots_module.SnapshotFacts(
        chain=manifest.chain,
        height=manifest.height,
        ids_from=manifest.height,  # forgets the ids of all earlier blocks
        checkpoint_root=info.root,
        keys=manifest.keys,
        previous_state_root=bytes.fromhex(manifest.previous_state_root),
        delta_root=bytes.fromhex(manifest.delta_root),
        live_root=bytes.fromhex(manifest.live_root),
    )
    write_snapshot(reader, chain.machine.suite, facts, folder)
    reader.close()
    liar.application.keep_snapshots(9)
    liar.close()
    liar.open()
    route = Route(chain)
    assert joining.join(route) is not None
    assert all(place != 0 for place, ask in route.asked if ask.what in ("manifest", "chunk"))
    assert joining.node.application.window_size > 5
    joining.node.close()


def test_another_chains_snapshot_is_refused(chain: Chain, joining: Joining, tmp_path: Path) -> None:
    other = Chain(tmp_path / "other", kit=chain.kit)
    other.grow(14)
    for node in other.nodes:
        node.application.make_snapshot()

    def alter(place: int, ask: Ask, answer: bytes) -> bytes:
        return other.nodes[place].server.answer(encode_message(ask))

    assert joining.join(Route(chain, alter)) is None
    assert all("showed what does not hold" in notice for notice in joining.notices)
    assert len(joining.notices) == 4
    other.close()


def test_a_path_that_changes_no_set_is_refused(chain: Chain, joining: Joining) -> None:
    blocks = chain.nodes[0].application.blocks
    link = Link(blocks.header(2), blocks.certificate(2))

    def alter(place: int, ask: Ask, answer: bytes) -> bytes:
        return encode_message(SignerPath((link,), True)) if ask.what == "path" else answer

    assert joining.join(Route(chain, alter)) is None
    assert all("changes no signer set" in notice for notice in joining.notices)


def test_answers_to_what_nobody_may_ask(chain: Chain) -> None:
    server = chain.nodes[0].server
    for body in (b"", b"\xc1", b"\x91\xa4what", msgspec.msgpack.encode(["chunk", -1, 0, 0])):
        with pytest.raises(DecodingError) as caught:
            server.answer(body)
        assert caught.value.code == Code.PEER_PROTOCOL
    made = chain.nodes[0].application.list_snapshots()[0]
    for ask in (Ask("manifest", made.height, 0, 1), Ask("chunk", made.height, 0, PIECE_BYTES - 1)):
        with pytest.raises(DecodingError) as caught:
            server.answer(encode_message(ask))  # no piece begins there
        assert caught.value.code == Code.PEER_PROTOCOL
    assert server.answer(encode_message(Ask("chunk", made.height, 0, PIECE_BYTES))) == b""
    for ask in (Ask("manifest", 99), Ask("chunk", 99), Ask("chunk", 1, 5)):
        with pytest.raises(GovChainError) as caught:
            server.answer(encode_message(ask))
        assert caught.value.code == Code.NOT_FOUND
    assert decode_message(server.answer(encode_message(Ask("path", 7))), SignerPath).links == ()
    assert decode_message(encode_message(Ask("chunk", 1, 2, 3)), Ask) == Ask("chunk", 1, 2, 3)
    later = msgspec.msgpack.encode(["chunk", 1, 2, 3, "appended by a later version"])
    assert decode_message(later, Ask) == Ask("chunk", 1, 2, 3)


@pytest.mark.parametrize(("rule", "members", "needed"), [("bft", 4, 2), ("bft", 7, 3), ("bft", 1, 1), ("raft", 5, 1)])
def test_how_many_must_offer_the_same(rule: str, members: int, needed: int) -> None:
    keys = tuple(SignerKey("sm2-sm3", f"{number:064x}") for number in range(members))
    assert members_needed(SignerSet(keys, rule)) == needed


def test_only_the_newest_snapshots_are_kept(own_chain: Chain) -> None:
    chain = own_chain
    application = chain.nodes[0].application
    first = application.list_snapshots()[0].height
    while application.chain.checkpoint.last == first:
        chain.grow(1)
    application.make_snapshot()
    assert len(application.list_snapshots()) == 2
    application.keep_snapshots(1)
    assert [info.height for info in application.list_snapshots()] == [application.chain.checkpoint.last]


def test_a_cleared_store_is_empty(own_chain: Chain) -> None:
    store = own_chain.nodes[3].store
    clear_store(store)
    assert not any(True for table in Table for _ in store.scan(table, limit=1))
