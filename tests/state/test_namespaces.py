"""Namespaces: names, keys, and the choice of writes that enter the roots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.model import Code, GovChainError, UsageError
from govchain.state import Namespace, NamespaceRegistry, split_key, state_key

REGISTRY = NamespaceRegistry(
    [
        Namespace("a.live", live=True),
        Namespace("a.lives", delta=True),
        Namespace("a.look_up"),
        Namespace("ab.c", delta=True),
        Namespace("z.last", live=True),
    ]
)


def test_live_implies_delta():
    assert Namespace("a.b", live=True).delta
    assert not Namespace("a.b", delta=True).live
    assert not Namespace("a.b").rooted
    assert Namespace("a.b", delta=True).rooted


@pytest.mark.parametrize(
    "name",
    ["", "a", "a.", ".a", "a.b.c", "A.b", "a.B", "a/b.c", "1a.b", "a.1b", "a-b.c", "ä.b", "a. b", "a." + "b" * 63],
)
def test_a_malformed_name_is_refused(name):
    with pytest.raises(UsageError):
        Namespace(name)


def test_a_name_is_declared_once():
    with pytest.raises(UsageError, match=r"a\.b"):
        NamespaceRegistry([Namespace("a.b"), Namespace("a.c"), Namespace("a.b", live=True)])


@pytest.mark.parametrize(
    ("suffix", "key"),
    [
        ((), b"a.b/"),
        (("x",), b"a.b/x"),
        (("x/y",), b"a.b/x/y"),
        (("名",), b"a.b/" + "名".encode()),
        ((b"\x00\xff",), b"a.b/\x00\xff"),
        (("x", b"yy", 258), b"a.b/x/yy/" + bytes([0, 0, 0, 0, 0, 0, 1, 2])),
        (("x", ""), b"a.b/x/"),
    ],
)
def test_state_key(suffix, key):
    assert state_key("a.b", *suffix) == key


@pytest.mark.parametrize("suffix", [("x/y", "z"), (-1,), (1 << 64,)])
def test_a_suffix_that_could_mean_two_things_is_refused(suffix):
    with pytest.raises(UsageError):
        state_key("a.b", *suffix)


def test_split_key():
    assert split_key(b"a.b/x/\xff") == ("a.b", b"x/\xff")
    for key in (b"a.b", b"", b"\xff/x"):
        with pytest.raises(GovChainError):
            split_key(key)


def test_the_namespace_of_a_key():
    assert REGISTRY.of(b"a.live/x/y").name == "a.live"
    assert REGISTRY.of(b"a.lives/").name == "a.lives"
    assert REGISTRY.get("ab.c") is REGISTRY.of(b"ab.c/1")
    assert REGISTRY.get("nothing") is None
    for key in (b"a.live", b"a/x", b"a.lives", b"", b"/", b"b.c/x"):
        with pytest.raises(GovChainError) as error:
            REGISTRY.of(key)
        assert error.value.code is Code.INTERNAL


def test_iteration_is_in_the_order_of_keys():
    assert [n.name for n in REGISTRY] == ["a.live", "a.lives", "a.look_up", "ab.c", "z.last"]
    assert [n.name for n in REGISTRY.rooted()] == ["a.live", "a.lives", "ab.c", "z.last"]
    assert len(REGISTRY) == 5


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([n.name for n in REGISTRY]), st.binary(max_size=3)).map(
            lambda pair: pair[0].encode() + b"/" + pair[1]
        ),
        st.none() | st.binary(max_size=2),
    )
)
def test_selection_equals_asking_for_each_key(writes):
    ordered = sorted(writes.items())
    REGISTRY.check_writes(ordered)
    assert REGISTRY.delta_writes(ordered) == [item for item in ordered if REGISTRY.of(item[0]).delta]
    assert REGISTRY.live_writes(ordered) == [item for item in ordered if REGISTRY.of(item[0]).live]
    one_only = [item for item in ordered if REGISTRY.of(item[0]).delta and not REGISTRY.of(item[0]).live]
    assert REGISTRY.delta_only_writes(ordered) == one_only


@pytest.mark.parametrize("foreign", [b"", b"a.live", b"a.m/x", b"ab.c0", b"zz.z/x"])
def test_a_write_outside_every_namespace_is_found(foreign):
    writes = sorted([(b"a.live/1", b""), (foreign, b""), (b"z.last/1", None)])
    with pytest.raises(GovChainError) as error:
        REGISTRY.check_writes(writes)
    assert error.value.code is Code.INTERNAL
