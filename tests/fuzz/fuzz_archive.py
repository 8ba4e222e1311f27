"""Evidence packages: our own error, or members from which the very same archive is built; Python's zipfile agrees."""

import io
import zipfile

from govchain.model import GovChainError
from govchain.proof.archive import decode_archive, encode_archive

SEEDS = [
    encode_archive({"manifest.json": b"{}"}),
    encode_archive({"genesis.json": b"{}", "headers/1.json": b'{"a":1}', "manifest.json": b"{}"}),
    b"PK\x05\x06" + b"\x00" * 18,
]


def one(data):
    try:
        members = decode_archive(data)
    except GovChainError:
        return
    assert encode_archive(members) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members
