import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.crypto import (
    ALGORITHMS,
    DEFAULT_SUITE,
    SUITES,
    commitment,
    frame,
    get_algorithm,
    get_suite,
    hasher,
)
from govchain.model.codes import Code
from govchain.model.errors import UsageError
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import openssl_output

parts = st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=10), st.integers(0, 2**64 - 1)), max_size=5)
domains = st.text(st.characters(max_codepoint=127), max_size=20)


def test_frame_is_laid_out_as_specified():
    assert frame("") == b"\0\0"
    assert frame("ab") == b"\0\2ab"
    assert frame("ab", b"") == b"\0\2ab\0\0\0\0"
    assert frame("ab", b"x", "政", 1) == b"\0\2ab\0\0\0\1x\0\0\0\3\xe6\x94\xbf\0\0\0\x08\0\0\0\0\0\0\0\1"


def plain_frame(domain, *members):
    pieces = b""
    for member in members:
        if isinstance(member, int):
            member = member.to_bytes(8, "big")
        elif isinstance(member, str):
            member = member.encode()
        pieces += len(member).to_bytes(4, "big") + member
    return len(domain).to_bytes(2, "big") + domain.encode() + pieces


@given(domains, parts)
def test_frame_equals_its_plain_twin(domain, members):
    assert frame(domain, *members) == plain_frame(domain, *members)


@given(domains, st.lists(st.binary(max_size=9), max_size=4), domains, st.lists(st.binary(max_size=9), max_size=4))
def test_different_inputs_never_frame_alike(domain, members, other_domain, other_members):
    same_input = (domain, members) == (other_domain, other_members)
    assert (frame(domain, *members) == frame(other_domain, *other_members)) == same_input


@pytest.mark.parametrize(
    "arguments",
    [("é",), ("a", -1), ("a", 2**64), ("a" * 65536,), ("a", True), ("a", None), ("a", 1.5), ("a", "\ud800")],
    ids=repr,
)
def test_frame_refuses_what_it_cannot_lay_out(arguments):
    with pytest.raises(UsageError) as refusal:
        frame(*arguments)
    assert refusal.value.code is Code.USAGE


@pytest.mark.requirement("BJ.principle.control.02", "BJ.function.digest.01b")
def test_default_suite_is_the_national_one_and_its_digest_has_256_bits():
    suite = get_suite()
    assert (DEFAULT_SUITE, suite.name, suite.digest_name, suite.member_algorithm) == ("gm", "gm", "sm3", "sm2-sm3")
    assert len(suite.digest(b"")) * 8 == 256
    assert len(get_suite("international").digest(b"")) * 8 == 256


@pytest.mark.requirement("BJ.function.digest.01d")
def test_digests_are_what_an_independent_tool_computes(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 1000)
    for name, option in (("gm", "-sm3"), ("international", "-sha256")):
        suite = get_suite(name)
        shown = openssl_output("dgst", option, "-r", str(file)).split()[0].decode()
        assert suite.digest(file.read_bytes()).hex() == shown
        pieces = suite.hasher()
        with file.open("rb") as opened:
            while piece := opened.read(1000):
                pieces.update(piece)
        assert pieces.digest().hex() == shown


@given(st.binary(max_size=300))
def test_both_digests_equal_their_twins(data):
    assert get_suite("gm").digest(data) == plain.sm3(data)
    assert get_suite("international").digest(data) == hashlib.sha256(data).digest()


def test_tagged_is_the_digest_of_the_frame():
    for suite in SUITES.values():
        assert suite.tagged("d/1", b"x", 2) == suite.digest(frame("d/1", b"x", 2))


@pytest.mark.requirement("BJ.function.digest.02a")
@pytest.mark.parametrize("name", ["md5", "sha1", "MD5", "SHA-1", "sm3 ", "", "none"])
def test_broken_and_unknown_digests_are_refused(name):
    for refuse in (hasher, get_suite):
        with pytest.raises(UsageError) as refusal:
            refuse(name)
        assert refusal.value.code is Code.ALGORITHM_NOT_ALLOWED


@pytest.mark.requirement("BJ.baas.secure_environment.02", "BJ.function.digest.02a")
@pytest.mark.parametrize("name", ["rsa-pkcs1-md5", "rsa-pss-sha1", "ecdsa-p256-sha1", "sm2", "SM2-SM3", "none", ""])
def test_only_listed_signature_algorithms_exist(name):
    assert set(ALGORITHMS) == {"sm2-sm3", "ecdsa-p256-sha256", "rsa-pss-sha256", "ed25519"}
    with pytest.raises(UsageError) as refusal:
        get_algorithm(name)
    assert refusal.value.code is Code.ALGORITHM_NOT_ALLOWED


def test_tables_cannot_be_changed():
    for table in (ALGORITHMS, SUITES):
        with pytest.raises(TypeError):
            table["own"] = None
    with pytest.raises(AttributeError):
        get_suite().name = "other"


def test_commitment_hides_and_binds():
    suite = get_suite()
    salt = bytes(range(32))
    made = commitment(suite, salt, "name", "张三")
    assert made == plain.sm3(plain_frame("govchain/commitment/1", salt, "name", "张三"))
    others = {
        commitment(suite, bytes(32), "name", "张三"),
        commitment(suite, salt, "nam", "e张三"),
        commitment(suite, salt, "name", "李四"),
        commitment(get_suite("international"), salt, "name", "张三"),
    }
    assert len(others) == 4
    assert made not in others
    for bad in (b"", salt[:-1], salt + b"\0"):
        with pytest.raises(UsageError):
            commitment(suite, bad, "name", "张三")
