"""Finality certificates: the message that members sign, putting signatures together, checking (block.md 5.2).

Rules: one form for every engine; a verifier needs the chain's suite and nothing of the engine.
Not here: whether a set is the one in force (:mod:`govchain.proof.trust`), keys, the route that carries signatures.
"""

from __future__ import annotations

from collections.abc import Mapping

from govchain.crypto import ALGORITHMS, Suite, frame
from govchain.model import Code, VerificationError, encode_struct
from govchain.model.wire import Certificate, Header, SignatureEntry, SignerSet
from govchain.proof.exact import decode_exact, is_rising
from govchain.proof.signers import check_signer_set, quorum, signer_set_digest

__all__ = [
    "FINALITY_DOMAIN",
    "assemble_certificate",
    "decode_certificate",
    "encode_certificate",
    "finality_message",
    "verify_certificate",
    "verify_certificate_signatures",
]

#: Domain of the message that members sign.
FINALITY_DOMAIN = "govchain/finality/1"


def finality_message(chain: str, epoch: int, height: int, identity: bytes, state_root: bytes) -> bytes:
    """The bytes that each member signs for one block; identity and state root have 32 bytes."""
    return frame(FINALITY_DOMAIN, chain, epoch, height, identity, state_root)


def assemble_certificate(
    header: Header, identity: bytes, signers: SignerSet, signatures: Mapping[bytes, bytes]
) -> Certificate:
    """The certificate with ``signatures`` (public key to signature) by members of ``signers``.

    It is as good as its parts: :func:`verify_certificate` tells whether it holds.
    """
    entries = (SignatureEntry(key=key.hex(), signature=signatures[key].hex()) for key in sorted(signatures))
    return Certificate(
        chain=header.chain,
        epoch=header.epoch,
        height=header.height,
        identity=identity.hex(),
        set=signers,
        signatures=tuple(entries),
        state_root=header.state_root,
    )


def encode_certificate(certificate: Certificate) -> bytes:
    """The certificate's canonical JSON."""
    return encode_struct(certificate)


def decode_certificate(data: bytes) -> Certificate:
    """Read a certificate.

    Raises:
        DecodingError: anything but the canonical encoding of a certificate.
    """
    return decode_exact(data, Certificate)


def verify_certificate(suite: Suite, header: Header, identity: bytes, certificate: Certificate) -> None:
    """Raise unless ``certificate`` makes ``header`` (with that identity) final under the set the header names.

    1. It speaks of this header: chain, epoch, height, identity, state root.
    2. It is signed by a quorum (:func:`verify_certificate_signatures`) of the set that the header names as ``signers``.

    The caller still owes: that ``header.signers`` is the set in force (:class:`govchain.proof.trust.EpochWalk`).

    Raises:
        VerificationError: ``CERTIFICATE_INVALID``, or ``CERTIFICATE_QUORUM`` when only the number falls short.
    """
    # 1.
    if (certificate.chain, certificate.epoch, certificate.height) != (header.chain, header.epoch, header.height):
        raise _invalid("another block")
    if certificate.identity != identity.hex() or certificate.state_root != header.state_root:
        raise _invalid("another block")
    # 2.
    verify_certificate_signatures(suite, certificate, header.signers)


def verify_certificate_signatures(suite: Suite, certificate: Certificate, signers: str) -> None:
    """Raise unless a quorum of the set with digest ``signers`` (hex) signed what ``certificate`` says.

    1. Its set is well formed and has that digest.
    2. Its signatures are sorted, none twice, each by a member of the set.
    3. Each signature is valid.
    4. Their number reaches the quorum.

    Raises:
        VerificationError: ``CERTIFICATE_INVALID``, or ``CERTIFICATE_QUORUM`` when only the number falls short.
    """
    # 1.
    fault = check_signer_set(suite, certificate.set)
    if fault:
        raise _invalid(f"signer set: {fault}")
    if signer_set_digest(suite, certificate.set).hex() != signers:
        raise _invalid("another signer set")
    # 2.
    keys = [entry.key for entry in certificate.signatures]
    if not is_rising(keys):
        raise _invalid("order of signatures")
    algorithms = {entry.key: entry.algorithm for entry in certificate.set.keys}
    if any(key not in algorithms for key in keys):
        raise _invalid("signer is no member")
    # 3.
    message = finality_message(
        certificate.chain,
        certificate.epoch,
        certificate.height,
        bytes.fromhex(certificate.identity),
        bytes.fromhex(certificate.state_root),
    )
    for entry in certificate.signatures:
        algorithm = ALGORITHMS[algorithms[entry.key]]
        code = algorithm.check_signature(bytes.fromhex(entry.key), message, bytes.fromhex(entry.signature))
        if code is not Code.OK:
            raise _invalid(f"signature of {entry.key[:16]}: {code.name}")
    # 4.
    needed = quorum(certificate.set.rule, len(certificate.set.keys))
    if len(keys) < needed:
        raise VerificationError(Code.CERTIFICATE_QUORUM, reason=f"{len(keys)} of {needed}")


def _invalid(reason: str) -> VerificationError:
    return VerificationError(Code.CERTIFICATE_INVALID, reason=reason)
