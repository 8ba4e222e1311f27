"""Keys by URI: ``file:PATH`` now, certified hardware (``kms:``, ``sdf:``, ``skf:``) by the same names later.

Purpose: the one place above the line that makes, keeps and opens private keys. Rules: a key file is encrypted and only
its owner's; secrets are never handed out; software keys are announced. Not here: the formats and the mathematics
(``crypto``), who may sign what (``ledger``).
"""

from govchain.signers.files import (
    RSA_BITS,
    FileSigner,
    create_key_file,
    generate_key,
    open_key_file,
    write_key_file,
)
from govchain.signers.passphrases import (
    PASSPHRASE_BYTES_MAX,
    PASSPHRASE_BYTES_MIN,
    PASSPHRASE_FILE,
    PASSPHRASE_VARIABLE,
    check_passphrase,
    passphrase_from_environment,
    passphrase_from_file,
    passphrase_from_prompt,
    passphrase_given,
    passphrase_source,
)
from govchain.signers.port import Notice, PassphraseSource, Provider, Signer
from govchain.signers.private_files import read_private_file, write_private_file
from govchain.signers.uris import PROVIDERS, SOFTWARE_NOTICE, open_signer, software_keys_open

__all__ = [
    "PASSPHRASE_BYTES_MAX",
    "PASSPHRASE_BYTES_MIN",
    "PASSPHRASE_FILE",
    "PASSPHRASE_VARIABLE",
    "PROVIDERS",
    "RSA_BITS",
    "SOFTWARE_NOTICE",
    "FileSigner",
    "Notice",
    "PassphraseSource",
    "Provider",
    "Signer",
    "check_passphrase",
    "create_key_file",
    "generate_key",
    "open_key_file",
    "open_signer",
    "passphrase_from_environment",
    "passphrase_from_file",
    "passphrase_from_prompt",
    "passphrase_given",
    "passphrase_source",
    "read_private_file",
    "software_keys_open",
    "write_key_file",
    "write_private_file",
]
