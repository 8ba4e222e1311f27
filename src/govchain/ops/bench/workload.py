"""Pre-signed evidence transactions for the benchmarks, made by other processes and read from files.

Purpose: the measured process must not sign. Each file holds length-prefixed envelopes of about the wanted size, from
several accounts' keys in turn.
Rules: real bodies, real SM2 signatures, fresh nonces; a file is used within the ten minutes that ``expires`` allows.
"""

from __future__ import annotations

import os
import secrets
import struct
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import govchain_native as native
from govchain.crypto import account_address, get_suite
from govchain.model import encode_canonical
from govchain.model.wire import GenesisAccount

__all__ = ["BenchAccount", "make_accounts", "read_batches", "write_files"]

#: A benchmark account: secret, public key, address (hex).
BenchAccount = tuple[bytes, bytes, str]

_LENGTH = struct.Struct(">I")


def make_accounts(count: int, chain: str, organisation: str) -> tuple[list[BenchAccount], tuple[GenesisAccount, ...]]:
    """Keys and the genesis accounts that go with them."""
    suite = get_suite("gm")
    accounts: list[BenchAccount] = []
    entries: list[GenesisAccount] = []
    for index in range(count):
        secret = native.sm2_generate()
        key = native.sm2_public_key(secret)
        accounts.append((secret, key, account_address(suite, chain, "sm2-sm3", key).hex()))
        entries.append(GenesisAccount(False, "sm2-sm3", key.hex(), f"bench-{index}", organisation, ("department",)))
    return accounts, tuple(entries)


def write_files(
    folder: Path, chain: str, accounts: Sequence[BenchAccount], count: int, envelope_bytes: int, processes: int = 2
) -> list[Path]:
    """Sign ``count`` evidence transactions in child processes; the files they wrote, in order."""
    share = -(-count // processes)
    jobs = []
    for index in range(processes):
        size = min(share, count - index * share)
        if size > 0:
            path = folder / f"workload-{secrets.token_hex(4)}.bin"
            jobs.append((str(path), chain, list(accounts), size, envelope_bytes))
    # An executor, unlike a pool, says so when a child dies instead of starting another for ever.
    with ProcessPoolExecutor(len(jobs), get_context("spawn")) as executor:
        for job in [executor.submit(_write_file, *job) for job in jobs]:
            job.result()
    return [Path(job[0]) for job in jobs]


def _write_file(path: str, chain: str, accounts: list[BenchAccount], count: int, envelope_bytes: int) -> None:
    now = time.time_ns() // 1_000_000
    filler = ""
    with open(path, "wb", buffering=1 << 20) as file:
        for index in range(count):
            secret, key, address = accounts[index % len(accounts)]
            body = _body(chain, key, address, now, filler)
            if not filler:
                missing = envelope_bytes - len(native.seal_envelope(1, body, [bytes(64)]))
                filler = os.urandom(max(0, missing) // 2).hex()
                body = _body(chain, key, address, now, filler)
            envelope = native.seal_envelope(1, body, [native.sm2_sign(secret, key, body)])
            file.write(_LENGTH.pack(len(envelope)) + envelope)


def _body(chain: str, key: bytes, address: str, now: int, filler: str) -> bytes:
    content = os.urandom(32)
    subject = {
        "capture": {"method": "api", "time": now},
        "commitments": [{"field": "name", "value": os.urandom(32).hex()}],
        "media_type": "application/pdf",
        "name": None,
        "sha256": native.sha256(content).hex(),
        "size": 123_456,
        "sm3": native.sm3(content).hex(),
    }
    body = {
        "chain": chain,
        "expires": now + 590_000,
        "nonce": os.urandom(16).hex(),
        "payload": {"reference": "", "subject": subject},
        "signers": [{"account": address, "algorithm": "sm2-sm3", "key": key.hex()}],
        "type": "evidence.put",
        "version": 1,
    }
    if filler:
        body["data"] = filler
    return encode_canonical(body)


def read_batches(paths: Sequence[Path], size: int) -> Iterator[list[bytes]]:
    """Envelopes from the files, ``size`` at a time, without holding a whole file."""
    batch: list[bytes] = []
    for path in paths:
        with open(path, "rb", buffering=1 << 20) as file:
            while head := file.read(4):
                batch.append(file.read(_LENGTH.unpack(head)[0]))
                if len(batch) == size:
                    yield batch
                    batch = []
    if batch:
        yield batch
