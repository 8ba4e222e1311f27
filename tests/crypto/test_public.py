"""The room's public names, and what it must not import."""

import ast
import inspect
from pathlib import Path

import govchain.crypto
from govchain.crypto import asn1, der, keyfile, sm2, symmetric

NAMES = """
ALGORITHMS Algorithm BatchVerifier DEFAULT_ITERATIONS DEFAULT_SM2_ID DEFAULT_SUITE Hasher ITERATIONS_MAX ITERATIONS_MIN
KEY_FILE_BYTES_MAX KEY_FILE_SALT_BYTES MEMORY_LIMIT_BYTES NONCE_BYTES SALT_BYTES SUITES SignatureItem SigningKey Suite
TAG_BYTES account_address cbc_decrypt cbc_encrypt check_hmac_sm3 check_signature commitment ctr_apply decode_key_file
decode_plain_key decode_public_key encode_key_file frame get_algorithm get_suite hasher hmac_sm3 key_id open_sealed seal
"""
SM2_NAMES = """
CiphertextOrder DEFAULT_SM2_ID PLAINTEXT_BYTES_MAX SIGNER_ID_BYTES_MAX check_signature check_signature_der
decode_ciphertext_der decode_signature_der decrypt encode_ciphertext_der encode_signature_der encrypt
normalise_ciphertext sign sign_der verify_signature verify_signature_der
"""


def test_public_names():
    assert sorted(govchain.crypto.__all__) == sorted(NAMES.split())
    assert sorted(sm2.__all__) == sorted(SM2_NAMES.split())
    for module in (govchain.crypto, sm2, der, asn1, keyfile, symmetric):
        assert all(hasattr(module, name) for name in module.__all__)


def test_public_functions_and_classes_say_what_they_do():
    for module in (govchain.crypto, sm2):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value) or inspect.isclass(value):
                assert value.__doc__, name


def test_nothing_here_draws_randomness_or_reads_a_clock_or_a_file():
    forbidden = {"os", "random", "secrets", "time", "datetime", "pathlib", "io", "socket", "uuid", "tempfile"}
    for path in Path(govchain.crypto.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not forbidden & {name.split(".")[0] for name in names}, path.name
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "open", path.name
            attribute = node.attr if isinstance(node, ast.Attribute) else ""
            assert attribute not in ("sm2_generate", "generate_private_key", "generate"), path.name
