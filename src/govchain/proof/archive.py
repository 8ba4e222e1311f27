"""The container of an evidence package: a zip archive in exactly one encoding (evidence-package.md 1).

Purpose: any tool opens it, and no byte of it can change unnoticed: the reader rebuilds the archive from the members it
read and refuses the file when the bytes differ. Members are stored, so nothing is ever inflated.
Not here: what the members mean (:mod:`govchain.proof.verify`).

Example:
    >>> decode_archive(encode_archive({"manifest.json": b"{}"}))
    {'manifest.json': b'{}'}
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Mapping

from govchain.model import Code, VerificationError

__all__ = [
    "FILE_BYTES_MAX",
    "FOLDERS",
    "MEMBERS_MAX",
    "NAME_LENGTH_MAX",
    "decode_archive",
    "encode_archive",
    "is_member_name",
]

#: Bytes of a package, at most.
FILE_BYTES_MAX = 64 * 1024 * 1024
#: Members of a package, at most.
MEMBERS_MAX = 4096
#: Characters of a member's name, at most.
NAME_LENGTH_MAX = 120
#: Folders that a package may have; other members lie at the top.
FOLDERS = ("attachments", "bodies", "certificates", "headers", "proofs", "receipts")

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789./-")
_VERSION = 20
_DATE = 0x0021
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_LOCAL_SIGNATURE = 0x04034B50
_CENTRAL_SIGNATURE = 0x02014B50
_END_SIGNATURE = 0x06054B50


def encode_archive(members: Mapping[str, bytes]) -> bytes:
    """The one archive of ``members``.

    Raises:
        VerificationError: ``PACKAGE_CONTAINER`` for a name or a size that no package may have.
    """
    if not 1 <= len(members) <= MEMBERS_MAX:
        raise _refused("number of members")
    local: list[bytes] = []
    central: list[bytes] = []
    offset = 0
    for name in sorted(members):
        _check_name(name)
        data = members[name]
        raw = name.encode("ascii")
        about = (0, 0, 0, _DATE, crc32(data), len(data), len(data), len(raw), 0)
        local += [_LOCAL.pack(_LOCAL_SIGNATURE, _VERSION, *about), raw, data]
        central += [_CENTRAL.pack(_CENTRAL_SIGNATURE, _VERSION, _VERSION, *about, 0, 0, 0, 0, offset), raw]
        offset += _LOCAL.size + len(raw) + len(data)
        if offset > FILE_BYTES_MAX:
            raise _refused("size")
    directory = b"".join(central)
    end = _END.pack(_END_SIGNATURE, 0, 0, len(members), len(members), len(directory), offset, 0)
    if offset + len(directory) + len(end) > FILE_BYTES_MAX:
        raise _refused("size")
    return b"".join((*local, directory, end))


def decode_archive(data: bytes) -> dict[str, bytes]:
    """The members of an archive, in the order of their names.

    Raises:
        VerificationError: ``PACKAGE_CONTAINER`` unless ``data`` is the one encoding of its members.
    """
    if not _END.size <= len(data) <= FILE_BYTES_MAX:
        raise _refused("size")
    end = _END.unpack_from(data, len(data) - _END.size)
    count, at = end[4], end[6]
    if end[0] != _END_SIGNATURE or not 1 <= count <= MEMBERS_MAX:
        raise _refused("end record")
    members: dict[str, bytes] = {}
    total = 0
    for _ in range(count):
        if at + _CENTRAL.size > len(data):
            raise _refused("central directory")
        entry = _CENTRAL.unpack_from(data, at)
        size, name_length, offset = entry[8], entry[10], entry[16]
        at += _CENTRAL.size
        name = data[at : at + name_length].decode("latin-1")
        at += name_length
        _check_name(name)
        if name in members:
            raise _refused("member twice", name)
        start = offset + _LOCAL.size + name_length
        total += size
        if start + size > len(data) or total > len(data):
            raise _refused("member outside the file", name)
        members[name] = data[start : start + size]
    if encode_archive(members) != data:
        raise _refused("not the canonical encoding of its members")
    return members


def is_member_name(name: str) -> bool:
    """Whether a member may be called so; any other name is not to be repeated to people."""
    parts = name.split("/")
    if not 1 <= len(name) <= NAME_LENGTH_MAX or not _NAME_CHARACTERS.issuperset(name):
        return False
    return not (".." in name or "" in parts or len(parts) > 2 or (len(parts) == 2 and parts[0] not in FOLDERS))


def _check_name(name: str) -> None:
    if not is_member_name(name):
        raise _refused("name of a member")


def _refused(reason: str, member: str = "") -> VerificationError:
    return VerificationError(Code.PACKAGE_CONTAINER, step=1, member=member, reason=reason)
