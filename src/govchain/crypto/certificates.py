"""The public key inside an X.509 certificate that another node presents.

Purpose: nodes know each other by their TLS keys, not by who issued a certificate (docs/spec/member-record.md 3), so
that one field is all that is read. Rules: strict DER, bounded; what else the certificate says is not looked at.
Not here: chains, validity, revocation and GM/T 0015 certificates (``pki``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from asn1crypto import x509

from govchain.crypto import asn1
from govchain.model.codes import Code
from govchain.model.errors import DecodingError

__all__ = ["CERTIFICATE_BYTES_MAX", "decode_certificate_key"]

#: Bytes of a certificate, at most; a node's own has about 400.
CERTIFICATE_BYTES_MAX: Final = 4096
#: Certificates whose keys are remembered: nodes tell each other the same ones again and again.
_REMEMBERED: Final = 1024


@lru_cache(maxsize=_REMEMBERED)
def decode_certificate_key(der: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo in a DER certificate.

    Raises:
        DecodingError: ``KEY_MALFORMED`` for anything but one certificate in DER of at most 4,096 bytes.
    """
    if len(der) > CERTIFICATE_BYTES_MAX:
        raise DecodingError(Code.KEY_MALFORMED, algorithm="x509")
    try:
        certificate = asn1.load_strict(x509.Certificate, der)
        return bytes(certificate["tbs_certificate"]["subject_public_key_info"].dump())
    except asn1.Asn1Error:
        raise DecodingError(Code.KEY_MALFORMED, algorithm="x509") from None
