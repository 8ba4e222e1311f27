"""``govchain key``: make keys, show them, sign files and check signatures, also those of other tools."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from govchain.cli.output import emit, facts, line
from govchain.cli.session import session, t
from govchain.model import Code, GovChainError, UsageError, VerificationError

__all__ = ["COMMANDS"]

#: Bytes of a file that is signed or checked as one message.
MESSAGE_BYTES_MAX = 256 * 1024 * 1024

_key = typer.Typer(help=t("help.key"), no_args_is_help=True, add_completion=False)

KeyName = Annotated[str, typer.Argument(metavar="KEY", help=t("option.key_name"))]
Message = Annotated[Path, typer.Argument(metavar="FILE", help=t("option.message"))]
DEFAULT_ALGORITHM = "sm2-sm3"


@_key.command("new", help=t("help.key.new"))
def new(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.pem", help=t("option.new_key"))],
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="NAME", help=t("option.algorithm"))
    ] = DEFAULT_ALGORITHM,
) -> None:
    """Make a key in an encrypted file of its own."""
    from govchain.cli.opening import passphrases  # noqa: PLC0415 - with the signers, only where needed
    from govchain.cli.private import make_private_folder  # noqa: PLC0415
    from govchain.crypto import get_algorithm  # noqa: PLC0415
    from govchain.signers import create_key_file  # noqa: PLC0415

    keys = _keys_path()
    inside = keys is not None and "/" not in name and not name.endswith(".pem")
    path = keys / f"{name}.pem" if inside and keys is not None else Path(name)
    # Everything that can be refused is, before anybody is asked for a passphrase.
    get_algorithm(algorithm)
    if os.path.lexists(path):
        raise UsageError(Code.KEY_FILE_EXISTS, path=str(path))
    passphrase = passphrases(keys if inside else None, new=True)(str(path))
    if inside:
        make_private_folder(path.parent)
    public = create_key_file(path, algorithm, passphrase)
    _show(algorithm, public, str(path))


@_key.command("show", help=t("help.key.show"))
def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help=t("option.any_key"))],
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="NAME", help=t("option.algorithm"))
    ] = DEFAULT_ALGORITHM,
) -> None:
    """A key's public half: as the ledger writes it, its id, its account on this chain, and PEM for other tools."""
    from govchain.cli.keys import read_public_key  # noqa: PLC0415

    name, public = read_public_key(key, _keys_path(), algorithm)
    _show(name, public, key)


@_key.command("sign", help=t("help.key.sign"))
def sign(
    key: KeyName,
    file: Message,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=t("option.signature_out"))
    ] = None,
    der: Annotated[bool, typer.Option("--der", help=t("option.der"))] = False,
    challenge: Annotated[bool, typer.Option("--challenge", help=t("option.challenge"))] = False,
    force: Annotated[bool, typer.Option("--force", help=t("option.force"))] = False,
) -> None:
    """Sign a file's bytes."""
    from govchain.cli.opening import open_key  # noqa: PLC0415
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.cli.writing import write_file  # noqa: PLC0415
    from govchain.crypto.sm2 import encode_signature_der  # noqa: PLC0415

    message = read_small(file, MESSAGE_BYTES_MAX)
    signer = open_key(key, _keys_path())
    try:
        algorithm = signer.algorithm
        signature = _sign_challenge(message, signer) if challenge else signer.sign(message)
    finally:
        signer.close()
    if der:
        if algorithm not in ("sm2-sm3", "ecdsa-p256-sha256"):
            raise UsageError(Code.USAGE, reason=t("key.no_der", algorithm=algorithm))
        signature = encode_signature_der(signature)
    if output is not None:
        write_file(output, signature, force=force)
    result = {"algorithm": algorithm, "signature": signature.hex(), "path": None if output is None else str(output)}
    emit(result, lambda: line(signature.hex() if output is None else t("key.signed", path=output)))


@_key.command("verify", help=t("help.key.verify"))
def verify(
    key: Annotated[str, typer.Argument(metavar="KEY", help=t("option.any_key"))],
    file: Message,
    signature: Annotated[str, typer.Argument(metavar="SIGNATURE", help=t("option.signature"))],
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="NAME", help=t("option.algorithm"))
    ] = DEFAULT_ALGORITHM,
    signer_id: Annotated[str, typer.Option("--id", metavar="TEXT", help=t("option.signer_id"))] = "",
) -> None:
    """Check a signature over a file's bytes, raw or DER."""
    from govchain.cli.keys import read_public_key, read_signature  # noqa: PLC0415
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.crypto import DEFAULT_SM2_ID, get_algorithm  # noqa: PLC0415

    name, public = read_public_key(key, _keys_path(), algorithm)
    message = read_small(file, MESSAGE_BYTES_MAX)
    raw = read_signature(signature, name)
    identity = signer_id.encode("utf-8", "surrogateescape") if signer_id else DEFAULT_SM2_ID
    code = get_algorithm(name).check_signature(public, message, raw, signer_id=identity)
    if code is not Code.OK:
        raise VerificationError(code, algorithm=name)
    emit({"algorithm": name, "public_key": public.hex(), "valid": True}, lambda: line(t("key.valid", algorithm=name)))


def _sign_challenge(message: bytes, signer: Any) -> bytes:
    """The signature that logs in: for this key's account, on the chain and at the address of the node named."""
    from govchain.cli.opening import trusted_chain  # noqa: PLC0415
    from govchain.cli.target import find_target  # noqa: PLC0415
    from govchain.crypto import account_address  # noqa: PLC0415
    from govchain.sdk.sessions import audience_of, sign_challenge  # noqa: PLC0415
    from govchain.sdk.transactions import now_ms  # noqa: PLC0415

    target = find_target()
    if target.profile is None:
        raise UsageError(Code.USAGE, reason=t("key.challenge_node"))
    audience = audience_of(target.profile.url)
    suite, chain = trusted_chain(target)
    account = account_address(suite, chain, signer.algorithm, signer.public_key).hex()
    text = message.decode("utf-8", "replace")
    return sign_challenge(text, audience=audience, chain=chain, account=account, now=now_ms(), signer=signer)


def _keys_path() -> Path | None:
    """Where keys that are only named lie: the data directory's, or for work on a node the user's own."""
    from govchain.cli.opening import keys_folder  # noqa: PLC0415
    from govchain.cli.target import find_target  # noqa: PLC0415

    try:
        return keys_folder(find_target())
    except GovChainError:
        return None


def _address(algorithm: str, key: bytes) -> str:
    """The account that this key would have on the data directory's chain, or on that of a node that was named."""
    from govchain.cli.opening import target_genesis  # noqa: PLC0415
    from govchain.cli.target import find_target  # noqa: PLC0415
    from govchain.crypto import account_address, get_suite  # noqa: PLC0415
    from govchain.proof.genesis import decode_genesis  # noqa: PLC0415

    try:
        target = find_target()
        if target.path is None and not (session().node or session().profile):
            return ""  # keys are looked at without a network
        genesis = decode_genesis(target_genesis(target))
    except GovChainError:
        return ""
    return account_address(get_suite(genesis.suite), genesis.chain, algorithm, key).hex()


def _show(algorithm: str, key: bytes, place: str) -> None:
    from govchain.cli.keys import encode_public_pem  # noqa: PLC0415
    from govchain.crypto import key_id  # noqa: PLC0415

    pem = encode_public_pem(algorithm, key)
    result = {
        "key": place,
        "algorithm": algorithm,
        "public_key": key.hex(),
        "key_id": key_id(algorithm, key).hex(),
        "address": _address(algorithm, key) or None,
        "pem": pem,
    }

    def show_text() -> None:
        facts([(name, result[name]) for name in ("key", "algorithm", "public_key", "key_id", "address")])
        print(pem, end="")

    emit(result, show_text)


COMMANDS = {"key": _key}
