"""No byte of a package can change unnoticed."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govchain import proof
from govchain.model import GovChainError
from govchain.modules.evidence import messages
from govchain.modules.evidence.messages import records
from tests.proof.agree import both
from tests.proof.chainkit import Chain, batch, open_package, private_item, repack
from tests.proof.corpus import refused_cases


@pytest.fixture(scope="module")
def chain():
    chain = Chain(rule="raft", members=("m1", "m2"))
    chain.id, chain.items = batch(chain, 3)
    about, openings = private_item(chain)
    chain.private = chain.add(chain.body("evidence.put", {"reference": "r", "subject": about}))[0]
    chain.mark(chain.id, member=0)
    chain.data = chain.package(
        {"id": chain.id, "at": 3, "member": 1, "items": chain.items},
        {"id": chain.private, "at": 2, "openings": openings},
    )
    return chain


def flipped(data, at, bit):
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


def test_sampled_flips_are_refused_by_both(chain):
    assert both(chain.data, chain.anchors) == (0, 0)
    source = random.Random(20_26)
    for at in source.sample(range(len(chain.data)), 400):
        assert both(flipped(chain.data, at, source.randrange(8)), chain.anchors)[0] == 1, at


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_every_flip_is_refused_by_both(chain):
    for at in range(len(chain.data)):
        assert both(flipped(chain.data, at, at % 8), chain.anchors)[0] == 1, at


def test_every_flip_within_a_member_is_refused_although_the_digests_fit_again(chain):
    """The manifest's digests are no protection: proofs and signatures are."""
    members = open_package(chain.data)
    source = random.Random(7)
    for name in sorted(members):
        if name == "manifest.json":
            continue
        for at in source.sample(range(len(members[name])), min(2, len(members[name]))):
            data = repack(members | {name: flipped(members[name], at, source.randrange(8))})
            assert both(data, chain.anchors)[0] == 1, (name, at)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_many_flips_within_any_member(chain):
    members = open_package(chain.data)
    for name in sorted(set(members) - {"manifest.json"}):
        for at in range(0, len(members[name]), 7):
            data = repack(members | {name: flipped(members[name], at, at % 8)})
            assert both(data, chain.anchors)[0] == 1, (name, at)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_damage_is_never_a_crash(chain, data):
    package = bytearray(chain.data)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(package)))
        length = data.draw(st.integers(0, 40))
        package[at : at + length] = data.draw(st.binary(max_size=40))
    changed = bytes(package)
    assert both(changed, chain.anchors)[0] == (0 if changed == chain.data else 1)


DECODERS = (
    proof.decode_archive,
    proof.decode_header,
    proof.decode_certificate,
    proof.decode_genesis,
    proof.decode_envelope,
    proof.decode_body,
    proof.decode_receipt,
    messages.decode_item,
    records.decode_mark,
    proof.decode_anchor,
)


@given(data=st.binary(max_size=200))
def test_decoders_refuse_random_bytes_with_our_own_error(data):
    for decode in DECODERS:
        with pytest.raises(GovChainError):
            decode(data)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.text(max_size=8), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=12,
)
NAMES = "chain height time signers history members claims version identity set signatures epoch payload type nonce"
FIELDS = st.sampled_from(NAMES.split(" "))


@given(value=st.dictionaries(FIELDS, JSON, max_size=8))
def test_decoders_refuse_random_objects_with_our_own_error(value):
    import json

    data = json.dumps(value).encode()
    for decode in DECODERS:
        with pytest.raises(GovChainError):
            decode(data)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_mixture_of_members_is_judged_alike(chain, data):
    """Members of good and bad packages thrown together under a manifest that fits."""
    members = dict(open_package(chain.data))
    pool = [open_package(package) for _, package, step in refused_cases() if step > 1]
    for _ in range(data.draw(st.integers(1, 3))):
        other = data.draw(st.sampled_from(pool))
        name = data.draw(st.sampled_from(sorted(members)))
        source = data.draw(st.sampled_from(sorted(other)))
        if name != "manifest.json":
            members[name] = other[source]
    both(repack(members), chain.anchors)
